"""Read the headers, labels and images of IDX files; whether a file is gzipped is recognised by its content.

The IDX format is that of Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database": four big-endian bytes of magic
(0, 0, type, dimensions), four bytes for each dimension, then the values. Every error of a file becomes a `DataError`
that names the file. NumPy is imported only to read values.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from array import array
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast

from mnist_tui.data.errors import DataError
from mnist_tui.experiment.shapes import LARGEST_EDGE, SMALLEST_EDGE, ImageShape, image_of_pixels
from mnist_tui.files import ALWAYS_BYTES, MAX_RATIO, UnreadableFileError, open_regular
from mnist_tui.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["images", "labels"]
Stream = gzip.GzipFile | io.BufferedReader

IMPORT_HINT: Final = "`mnist-tui data import DIR --size 28` makes a dataset of one size from them"
_UBYTE: Final = 0x08
_INT32: Final = 0x0C
_TYPES: Final = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
_COLOURS: Final = 3
_LABEL_COLUMNS: Final = 8
"""The columns of QMNIST's labels; the first one is the class."""
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
    """The content of an IDX file, and the SHA-256 of its unpacked bytes.

    Attributes:
        values: uint8 images (n, height, width) or (n, height, width, 3), or labels (n,).
    """

    values: NDArray[np.uint8]
    sha256: str


@dataclass(frozen=True, slots=True)
class _Header:
    """The type and the dimensions that an IDX file states, and the bytes that state them."""

    type: int
    sizes: tuple[int, ...]
    raw: bytes


def read_image_shape(path: Path, largest: int = LARGEST_EDGE) -> tuple[int, ImageShape]:
    """Return the number and the shape (height, width, channels) of the images that an IDX file's header states.

    Raises:
        DataError: The file cannot be read, or its header is not that of images which can be used.
    """
    with _unpacked(path) as stream:
        sizes = _read_header(stream, path, "images", largest).sizes
    return sizes[0], image_of_pixels(sizes[1:])


def read_idx(
    path: Path, kind: Kind, on_position: Callable[[int], None] | None = None, *, largest: int = LARGEST_EDGE
) -> IdxContent:
    """Read one IDX file.

    Args:
        path: The file.
        kind: The content that it must have: uint8 images of one or three channels, or labels (the first column of
            QMNIST's eight).
        on_position: Called now and then with the bytes of the file that are read so far.
        largest: The longest edge of an image in pixels.

    Raises:
        DataError: The file cannot be read, is cut off or damaged, or has another content.
    """
    import numpy as np

    with _unpacked(path) as stream:
        packed = cast(io.BufferedReader, stream.fileobj if isinstance(stream, gzip.GzipFile) else stream)
        header = _read_header(stream, path, kind, largest)
        width = 4 if header.type == _INT32 else 1
        _check_size(math.prod(header.sizes) * width, path, os.fstat(packed.fileno()).st_size)
        values = np.empty((*header.sizes, width) if width > 1 else header.sizes, np.uint8)
        digest = hashlib.sha256(header.raw)
        room = values.reshape(-1).data
        filled = 0
        while filled < len(room):
            got = stream.readinto(room[filled : filled + _CHUNK])
            if not got:
                raise _cut_off(path, kind, header, len(room), filled)
            digest.update(room[filled : filled + got])
            filled += got
            if on_position is not None:
                on_position(packed.tell())
        if stream.read(1):
            raise DataError(f"{path} goes on after the {header.sizes[0]:,} {kind} that its header says; it is damaged")
    if width > 1:
        values = _bytes_of(values.view(">i4")[:, 0, 0], path)
    values.setflags(write=False)
    return IdxContent(values, digest.hexdigest())


def _check_size(stated: int, path: Path, packed: int) -> None:
    """Raise `DataError` if a file of `packed` bytes can hardly hold as many bytes as its header states."""
    if stated > max(ALWAYS_BYTES, MAX_RATIO * packed):
        raise DataError(
            f"{path} says it holds {stated:,} bytes, far more than a file of {counted(packed, 'byte')} can hold; copy "
            "or download it again"
        )


def _bytes_of(labels: NDArray[np.integer], path: Path) -> NDArray[np.uint8]:
    import numpy as np

    if int(labels.min()) < 0 or int(labels.max()) > np.iinfo(np.uint8).max:
        wrong = int(labels.min()) if int(labels.min()) < 0 else int(labels.max())
        raise DataError(f"{path} has the label {wrong}; labels are 0 to {np.iinfo(np.uint8).max}")
    return labels.astype(np.uint8)


def read_label_values(path: Path) -> frozenset[int]:
    """Return the different labels in an IDX file, without NumPy.

    Raises:
        DataError: As for `read_idx`.
    """
    with _unpacked(path) as stream:
        header = _read_header(stream, path, "labels")
        columns = 4 * _LABEL_COLUMNS if header.type == _INT32 else 1
        content = stream.read(header.sizes[0] * columns)
        if len(content) < header.sizes[0] * columns:
            raise _cut_off(path, "labels", header, header.sizes[0] * columns, len(content))
    if header.type == _UBYTE:
        return frozenset(content)
    numbers = array("i", content)
    numbers.byteswap()
    return frozenset(numbers[::_LABEL_COLUMNS])


def _cut_off(path: Path, kind: Kind, header: _Header, wanted: int, filled: int) -> DataError:
    return DataError(
        f"{path} is cut off: its header says {header.sizes[0]:,} {kind} ({counted(wanted, 'byte')}), but only "
        f"{counted(filled, 'byte')} follow; copy or download it again"
    )


def idx_sha256(values: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of an array in the IDX encoding, which is that of its uncompressed IDX file."""
    import numpy as np

    digest = hashlib.sha256(idx_header(values))
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def idx_header(values: NDArray[np.uint8]) -> bytes:
    """Return the bytes that precede an array's values in an IDX file: the magic number and the dimensions."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, _UBYTE, values.ndim, *values.shape)


@contextmanager
def _unpacked(path: Path) -> Generator[Stream]:
    """Open a plain or gzipped file, and turn every error of reading it into a `DataError`."""
    try:
        with open_regular(path, follow_links=True) as file:
            packed = cast(io.BufferedReader, file)
            if packed.peek(2)[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=packed) as unpacked:
                    yield unpacked
            else:
                yield packed
    except UnreadableFileError as failure:
        raise DataError(f"{path} cannot be read: it {failure.strerror}") from None
    except EOFError:
        raise DataError(f"{path} is cut off: its gzip stream ends early; copy or download it again") from None
    except (gzip.BadGzipFile, zlib.error) as damage:
        what = str(damage)[:1].lower() + str(damage)[1:]
        raise DataError(f"{path} is damaged: {what}; copy or download it again") from None
    except OSError as failure:
        raise DataError(f"{path} cannot be read: {failure.strerror or failure}") from None


def _read_header(stream: Stream, path: Path, kind: Kind, largest: int = LARGEST_EDGE) -> _Header:
    magic = stream.read(4)
    _check_magic(magic, path, kind)
    packed = stream.read(4 * magic[3])
    if len(packed) < 4 * magic[3]:
        raise DataError(f"{path} is cut off within its header; copy or download it again")
    sizes = struct.unpack(f">{magic[3]}I", packed)
    if kind == "images":
        check_image_shape(sizes[1:], str(path), largest)
    elif sizes[1:] not in ((), (_LABEL_COLUMNS,)):
        raise DataError(f"{path} has {counted(sizes[1], 'column')} of labels; 1 or QMNIST's {_LABEL_COLUMNS} work")
    if not 0 < sizes[0] <= _MOST_ITEMS:
        raise DataError(f"{path} says it holds {sizes[0]:,} {kind}; 1 to {_MOST_ITEMS:,} can be read")
    return _Header(magic[2], sizes, magic + packed)


def check_image_shape(shape: tuple[int, ...], where: str, largest: int = LARGEST_EDGE) -> None:
    """Raise `DataError` unless images of this shape (height, width, perhaps channels) can be used.

    Args:
        largest: The longest edge in pixels, by default the longest that can be trained on.
    """
    height, width, channels = (*shape, 1)[:3]
    if not all(SMALLEST_EDGE <= edge <= largest for edge in (height, width)):
        hint = f", and {IMPORT_HINT}" if largest == LARGEST_EDGE else ""
        raise DataError(
            f"{where} holds images of {height}×{width} pixels; edges of {SMALLEST_EDGE} to {largest} pixels work{hint}"
        )
    if channels not in (1, _COLOURS):
        raise DataError(f"{where} holds images of {channels} channels; 1 (grey) or {_COLOURS} (RGB) work")


def _check_magic(magic: bytes, path: Path, kind: Kind) -> None:
    images = kind == "images"
    begins = f"{_UBYTE << 8 | (3 if images else 1):08x}" + (f" ({_UBYTE << 8 | 4:08x} in colour)" if images else "")
    wanted = f"an IDX file of {kind} begins with {begins}"
    if not magic:
        raise DataError(f"{path} is empty; {wanted}")
    for beginning, what in _FOREIGN.items():
        if magic.startswith(beginning[:4]):
            raise DataError(f"{path} is {what}, not an IDX file; {wanted}")
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in {_UBYTE, *_TYPES}:
        raise DataError(f"{path} is not an IDX file: it begins with {magic.hex()}; {wanted}")
    if not images and (magic[2], magic[3]) == (_INT32, 2):
        return
    if magic[2] != _UBYTE:
        raise DataError(f"{path} holds {_TYPES[magic[2]]} values; unsigned bytes are needed: {wanted}")
    if magic[3] not in ((3, 4) if images else (1,)):
        holds = {1: "holds labels", 3: "holds images", 4: "holds images"}.get(magic[3], f"has {magic[3]} dimensions")
        raise DataError(f"{path} {holds} (it begins with {magic.hex()}), where {kind} are needed: {wanted}")
