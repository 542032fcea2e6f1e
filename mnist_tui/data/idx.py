"""Read IDX files of images and labels, and Keras' `mnist.npz`.

The IDX format is that of Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database": four big-endian bytes of magic
(0, 0, type, dimensions), four bytes for each dimension, then the values. Nothing is unpickled. Every error of a file
becomes a `DataError` that names it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import DataError, Part
from mnist_tui.experiment.shapes import CLASSES, IMAGE_EDGE
from mnist_tui.files import UnreadableFileError, open_regular, read_arrays
from mnist_tui.wording import counted, listed

Kind = Literal["images", "labels"]

_DIMENSIONS: Final[dict[Kind, int]] = {"images": 3, "labels": 1}
_UBYTE: Final = 0x08
_TYPES: Final = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
_GZIP: Final = b"\x1f\x8b"
_FOREIGN: Final = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x93NUMPY": "a NumPy array file",
    b"\x89HDF": "an HDF5 file",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"<": "a web page (HTML or XML)",
    b"{": "JSON text",
}
_MOST_ITEMS: Final = 5_000_000
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class IdxContent:
    """The content of an IDX file: uint8 (n, 28, 28) images or (n,) labels, and the SHA-256 of its unpacked bytes."""

    values: NDArray[np.uint8]
    sha256: str


def read_idx(path: Path, kind: Kind, on_position: Callable[[int], None] | None = None) -> IdxContent:
    """Read one IDX file, gzipped or plain (told apart by content, not by name).

    Args:
        path: The file.
        kind: What it must hold: 28×28 uint8 images, or uint8 labels 0 to 9.
        on_position: Called now and then with how many bytes of the file on disk are read.

    Raises:
        DataError: The file cannot be read, is cut off or damaged, or holds something else.
    """
    try:
        with open_regular(path, follow_links=True) as file:
            packed = cast(io.BufferedReader, file)

            def tick() -> None:
                if on_position is not None:
                    on_position(packed.tell())

            if packed.peek(2)[:2] == _GZIP:
                with gzip.GzipFile(fileobj=packed) as unpacked:
                    return _read(unpacked, path, kind, tick)
            return _read(packed, path, kind, tick)
    except UnreadableFileError as failure:
        raise DataError(f"{path} cannot be read: it {failure.strerror}") from None
    except EOFError:
        raise DataError(f"{path} is cut off: its gzip stream ends early; copy or download it again") from None
    except (gzip.BadGzipFile, zlib.error) as damage:
        what = str(damage)[:1].lower() + str(damage)[1:]
        raise DataError(f"{path} is damaged: {what}; copy or download it again") from None
    except OSError as failure:
        raise DataError(f"{path} cannot be read: {failure.strerror or failure}") from None


def idx_sha256(values: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of an array in the IDX encoding: the one that `read_idx` gives for its file."""
    digest = hashlib.sha256(idx_header(values))
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def idx_header(values: NDArray[np.uint8]) -> bytes:
    """Return the magic number and the dimensions that stand before an array's values."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, _UBYTE, values.ndim, *values.shape)


def check_labels(labels: NDArray[np.uint8], where: str) -> None:
    """Raise `DataError` unless every label is 0 to 9."""
    if labels.size and int(labels.max()) >= CLASSES:
        first = int(np.argmax(labels >= CLASSES))
        raise DataError(f"{where} has the label {labels[first]} at place {first:,}; labels are 0 to {CLASSES - 1}")


def _read(stream: gzip.GzipFile | io.BufferedReader, path: Path, kind: Kind, tick: Callable[[], None]) -> IdxContent:
    magic = stream.read(4)
    _check_magic(magic, path, kind)
    dimensions = _DIMENSIONS[kind]
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{path} is cut off within its header; copy or download it again")
    shape = struct.unpack(f">{dimensions}I", sizes)
    if kind == "images" and shape[1:] != (IMAGE_EDGE, IMAGE_EDGE):
        raise DataError(f"{path} holds images of {shape[1]}×{shape[2]} pixels; {IMAGE_EDGE}×{IMAGE_EDGE} are needed")
    if not 0 < shape[0] <= _MOST_ITEMS:
        raise DataError(f"{path} says it holds {shape[0]:,} {kind}; 1 to {_MOST_ITEMS:,} can be read")

    digest = hashlib.sha256(magic + sizes)
    values = np.empty(shape, np.uint8)
    room = values.reshape(-1).data
    filled = 0
    while filled < len(room):
        got = stream.readinto(room[filled : filled + _CHUNK])
        if not got:
            raise DataError(
                f"{path} is cut off: its header says {shape[0]:,} {kind} ({counted(room, 'byte')}), but only "
                f"{counted(filled, 'byte')} follow; copy or download it again"
            )
        digest.update(room[filled : filled + got])
        filled += got
        tick()
    if stream.read(1):
        raise DataError(f"{path} goes on after the {shape[0]:,} {kind} that its header says; it is damaged")
    if kind == "labels":
        check_labels(values, str(path))
    values.setflags(write=False)
    return IdxContent(values, digest.hexdigest())


def _check_magic(magic: bytes, path: Path, kind: Kind) -> None:
    wanted = f"an IDX file of {kind} begins with {_UBYTE << 8 | _DIMENSIONS[kind]:08x}"
    if not magic:
        raise DataError(f"{path} is empty; {wanted}")
    for beginning, what in _FOREIGN.items():
        if magic.startswith(beginning[:4]):
            raise DataError(f"{path} is {what}, not an IDX file; {wanted}")
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in {_UBYTE, *_TYPES}:
        raise DataError(f"{path} is not an IDX file: it begins with {magic.hex()}; {wanted}")
    if magic[2] != _UBYTE:
        raise DataError(f"{path} holds {_TYPES[magic[2]]} values; unsigned bytes are needed: {wanted}")
    if magic[3] != _DIMENSIONS[kind]:
        other = {dimensions: f"holds {name}" for name, dimensions in _DIMENSIONS.items()}
        holds = other.get(magic[3], f"has {magic[3]} dimensions")
        raise DataError(f"{path} {holds} (it begins with {magic.hex()}), where {kind} are needed: {wanted}")


_KEYS: Final[dict[Part, str]] = {
    "train_images": "x_train",
    "train_labels": "y_train",
    "test_images": "x_test",
    "test_labels": "y_test",
}


def read_npz(path: Path) -> dict[Part, IdxContent]:
    """Read the four arrays, with the checksums their IDX files would have.

    Raises:
        DataError: The archive cannot be read, is cut off or damaged, or its arrays are not MNIST-shaped.
    """
    try:
        archive = read_arrays(path, _KEYS.values(), follow_links=True)
    except UnreadableFileError as failure:
        raise DataError(
            f"{path} cannot be read: it {failure.strerror}; an archive of {listed([*_KEYS.values()])} is needed"
        ) from None
    except OSError as failure:
        raise DataError(f"{path} cannot be read: {failure.strerror or failure}") from None
    missing = [key for key in _KEYS.values() if key not in archive]
    if missing:
        raise DataError(f"{path} has no {' and no '.join(missing)}; it must hold {listed([*_KEYS.values()])}")
    return {part: _content(part, archive[key], path) for part, key in _KEYS.items()}


def _content(part: Part, array: NDArray[np.generic], path: Path) -> IdxContent:
    where = f"{path}: {_KEYS[part]}"
    images = part.endswith("images")
    if array.dtype != np.uint8:
        raise DataError(f"{where} holds {array.dtype} values; uint8 are needed")
    if array.ndim != (3 if images else 1) or (images and array.shape[1:] != (IMAGE_EDGE, IMAGE_EDGE)) or not len(array):
        wanted = f"(n, {IMAGE_EDGE}, {IMAGE_EDGE})" if images else "(n,)"
        raise DataError(f"{where} has the shape {array.shape}; {wanted} is needed")
    values: NDArray[np.uint8] = np.ascontiguousarray(array, dtype=np.uint8)
    if not images:
        check_labels(values, where)
    values.setflags(write=False)
    return IdxContent(values, idx_sha256(values))
