"""Read IDX files, Keras' `mnist.npz` and the bundled digits into a `Dataset`, and check the published checksums.

The IDX format is that of Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database": four big-endian bytes of magic
(0, 0, type, dimensions), four bytes for each dimension, then the values. Nothing is unpickled. Every error of a file
becomes a `DataError` that names the file.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import (
    FILE_NAMES,
    KNOWN,
    PART_TITLES,
    PARTS,
    DataError,
    DataProgress,
    KnownDataset,
    Location,
    OnProgress,
    Part,
    part_with_checksum,
)
from mnist_tui.experiment.shapes import CLASSES, IMAGE_EDGE
from mnist_tui.files import UnreadableFileError, open_regular, read_arrays, read_text
from mnist_tui.wording import counted, listed

Kind = Literal["images", "labels"]

_DIMENSIONS: Final[dict[Kind, int]] = {"images": 3, "labels": 1}
_UBYTE: Final = 0x08
_TYPES: Final = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
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
    """Read one IDX file; whether it is gzipped is recognised by its content, not by its name.

    Args:
        path: The file.
        kind: The content that it must have: 28×28 uint8 images, or uint8 labels 0 to 9.
        on_position: Called now and then with the bytes of the file that are read so far.

    Raises:
        DataError: The file cannot be read, is cut off or damaged, or has another content.
    """
    try:
        with open_regular(path, follow_links=True) as file:
            packed = cast(io.BufferedReader, file)

            def tick() -> None:
                if on_position is not None:
                    on_position(packed.tell())

            if packed.peek(2)[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=packed) as unpacked:
                    return _read_content(unpacked, path, kind, tick)
            return _read_content(packed, path, kind, tick)
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
    """Return the SHA-256 of an array in the IDX encoding, which is that of its uncompressed IDX file."""
    digest = hashlib.sha256(idx_header(values))
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def idx_header(values: NDArray[np.uint8]) -> bytes:
    """Return the bytes that precede an array's values in an IDX file: the magic number and the dimensions."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, _UBYTE, values.ndim, *values.shape)


def check_labels(labels: NDArray[np.uint8], where: str) -> None:
    """Raise `DataError` unless every label is 0 to 9."""
    if labels.size and int(labels.max()) >= CLASSES:
        first = int(np.argmax(labels >= CLASSES))
        raise DataError(f"{where} has the label {labels[first]} at place {first:,}; labels are 0 to {CLASSES - 1}")


def _read_content(
    stream: gzip.GzipFile | io.BufferedReader, path: Path, kind: Kind, tick: Callable[[], None]
) -> IdxContent:
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


_KEYS: Final[dict[Part, str]] = dict(zip(PARTS, ("x_train", "y_train", "x_test", "y_test"), strict=True))


def read_npz(path: Path) -> dict[Part, IdxContent]:
    """Read the four arrays of an `mnist.npz`, with the checksums that their IDX files would have.

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


@dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """Images, uint8 (n, 28, 28), and labels, uint8 (n,) from 0 to 9, all read-only, and their origin.

    Attributes:
        name: `mnist`, `fashion-mnist`, `digits`, or a folder's name.
        title: The name on screens and in reports.
        class_names: The ten classes, by label.
        sha256: Checksum of each part's uncompressed IDX bytes, the same whatever the packing.
        source: The place they were read from, in words.
        sample: Whether these are the bundled digits.
        verified: Whether all checksums are the published ones of one known dataset.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]
    sha256: Mapping[Part, str]
    source: str
    sample: bool
    verified: bool


def read(location: Location, on_progress: OnProgress | None = None) -> Dataset:
    """Read the dataset at a location, and check its published checksums.

    Raises:
        DataError: A file is missing, damaged, of another kind, or not the named dataset's.
    """
    if location.missing:
        raise DataError(
            f"{location.folder} has {listed([file.name for file in location.files])} but not "
            f"{listed(location.missing)}; all four files are needed"
        )
    contents = dict(zip(PARTS, read_parts(location, PARTS, on_progress), strict=True))
    _check_counts(location, contents, "train_images", "train_labels")
    _check_counts(location, contents, "test_images", "test_labels")
    sha256: dict[Part, str] = {part: contents[part].sha256 for part in PARTS}
    title = KNOWN[location.name].title if location.name in KNOWN else location.source
    if on_progress is not None:
        on_progress(DataProgress("verifying", location.size, location.size, f"verifying {title}"))
    if known := KNOWN.get(location.name):
        name, title, class_names, verified = known.name, known.title, known.class_names, not known.sample
        if verified:
            _check_sums(location, known, sha256)
    else:
        folder = location.folder or Path()
        known, name = recognised(sha256), folder.resolve().name
        title, verified = known.title if known else _own_title(name), known is not None
        class_names = _class_names(folder) or (known.class_names if known else tuple(map(str, range(CLASSES))))
    return Dataset(
        name=name,
        title=title,
        class_names=class_names,
        **{part: content.values for part, content in contents.items()},
        sha256=sha256,
        source=location.source,
        sample=location.kind == "bundled",
        verified=verified,
    )


def recognised(sha256: Mapping[Part, str]) -> KnownDataset | None:
    """Return the known dataset with these four checksums; None if there is none."""
    return next((known for known in KNOWN.values() if known.sha256 == sha256), None)


def _own_title(name: str) -> str:
    taken = {text.lower() for known in KNOWN.values() for text in (known.name, known.title)}
    return f"{name} (own images)" if name.lower() in taken else name


def _class_names(folder: Path) -> tuple[str, ...] | None:
    file = folder / "classes.txt"
    try:
        text = read_text(file, follow_links=True)
    except FileNotFoundError:
        return None
    except UnreadableFileError as failure:
        raise DataError(f"{failure}; it needs ten class names, one a line, as UTF-8 text") from None
    except OSError as failure:
        raise DataError(f"{file} cannot be read: {failure.strerror or failure}") from None
    names = tuple(line.strip() for line in text.strip().splitlines())
    if len(names) != CLASSES or not all(names) or len(set(names)) != CLASSES:
        raise DataError(f"{file} has {len(set(names) - {''})} different class names; it needs ten, one a line")
    return names


def _check_counts(location: Location, contents: Mapping[Part, IdxContent], images: Part, labels: Part) -> None:
    image_count, label_count = len(contents[images].values), len(contents[labels].values)
    if image_count != label_count:
        raise DataError(
            f"{_file(location, images)} has {counted(image_count, 'image')} but {_file(location, labels)} has "
            f"{label_count:,} labels; each image needs one label"
        )


def _check_sums(location: Location, known: KnownDataset, sha256: Mapping[Part, str]) -> None:
    for part in PARTS:
        if sha256[part] == known.sha256[part]:
            continue
        found = part_with_checksum(sha256[part])
        if found is None:
            what = f"not {known.title}'s {PART_TITLES[part]}: its SHA-256 is {sha256[part][:12]}…"
            cure = f"{known.sha256[part][:12]}… is right, and a set of your own goes in with --dataset FOLDER"
        else:
            other, other_part = found
            what = f"{other.title}'s {PART_TITLES[other_part]}, not {known.title}'s {PART_TITLES[part]}"
            cure = "put the right file there" if other is known else f"it belongs to --dataset {other.name}"
        raise DataError(f"{_file(location, part)} is {what}; {cure}")


def _file(location: Location, part: Part) -> str:
    if location.kind == "idx":
        return str(location.files[PARTS.index(part)])
    return f"{location.source}: {FILE_NAMES[part] if location.kind == 'bundled' else PART_TITLES[part]}"


def read_parts(location: Location, parts: Sequence[Part], on_progress: OnProgress | None = None) -> list[IdxContent]:
    """Read some parts of a dataset; the caller compares their checksums.

    Args:
        location: A place where no file is missing.
        parts: The parts to read, of `catalogue.PARTS`.
        on_progress: Receives the bytes read of these parts.

    Raises:
        DataError: A file is damaged or of another kind.
    """
    if location.kind == "bundled":
        digits = read_digits()
        return [IdxContent(digits[part], idx_sha256(digits[part])) for part in parts]
    notify = on_progress or (lambda _: None)
    if location.kind == "npz":
        (archive,) = location.files
        notify(DataProgress("reading", 0, location.size, f"reading {archive.name}"))
        contents = read_npz(archive)
        return [contents[part] for part in parts]
    files = dict(zip(PARTS, location.files, strict=True))
    total, before = sum(files[part].stat().st_size for part in parts), 0
    found: list[IdxContent] = []
    for part in parts:

        def report(position: int, before: int = before, file: Path = files[part]) -> None:
            notify(DataProgress("reading", before + position, total, f"reading {file.name}"))

        found.append(read_idx(files[part], "images" if part.endswith("images") else "labels", report))
        before += files[part].stat().st_size
    return found


_SOURCE_SIDE: Final = 8
_DIGIT_SIDE: Final = 20
_DARKEST: Final = 16


def read_digits() -> Mapping[Part, NDArray[np.uint8]]:
    """Return scikit-learn's digits, split into 1,437 training and 360 test images, always the same, class by class.

    As in MNIST, a digit fills 20×20 of the 28×28 pixels, with light strokes on black.
    """
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    pixels, classes = load_digits(return_X_y=True)
    images = _enlarge(np.asarray(pixels, dtype=np.int64).reshape(-1, _SOURCE_SIDE, _SOURCE_SIDE))
    labels = np.asarray(classes, dtype=np.uint8)
    # every fifth image of each class; RandomState's stream is frozen, so the split never changes (NEP 19)
    shuffled = np.random.RandomState(0).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    test = np.sort(by_class[::5])
    train = np.setdiff1d(np.arange(len(labels)), test)
    parts: dict[Part, NDArray[np.uint8]] = dict(
        zip(PARTS, (images[train], labels[train], images[test], labels[test]), strict=True)
    )
    for values in parts.values():
        values.setflags(write=False)
    return parts


def _enlarge(images: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Enlarge images (n, 8, 8) of 0 to 16 to (n, 28, 28) of 0 to 255, bilinear, in integers: the same on all machines.

    The centre of pixel i of 20 lies at (i + ½)·8/20 − ½ = (4·i − 3)/10 of the source, whose edges are extended.
    """
    tenths = np.zeros((_DIGIT_SIDE, _SOURCE_SIDE), np.int64)
    for pixel in range(_DIGIT_SIDE):
        left, share = divmod(4 * pixel - 3, 10)
        tenths[pixel, max(left, 0)] += 10 - share
        tenths[pixel, min(left + 1, _SOURCE_SIDE - 1)] += share
    hundredths = np.einsum("ij,njk,lk->nil", tenths, images, tenths)
    levels = (hundredths * 255 + 50 * _DARKEST) // (100 * _DARKEST)
    margin = (IMAGE_EDGE - _DIGIT_SIDE) // 2
    framed = np.zeros((len(images), IMAGE_EDGE, IMAGE_EDGE), np.uint8)
    framed[:, margin:-margin, margin:-margin] = levels
    return framed
