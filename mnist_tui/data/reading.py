"""x"""

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


CLASSES_FILE: Final = "classes.txt"


@dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """Images, uint8 (n, 28, 28), and labels, uint8 (n,) from 0 to 9, all read-only, and where they are from.

    Attributes:
        name: `mnist`, `fashion-mnist`, `digits`, or a folder's name.
        title: Its name on screens and in reports.
        class_names: The ten classes, by label.
        sha256: Checksum of each part's uncompressed IDX bytes, the same whatever the packing.
        source: Where it was read from, for a person.
        sample: Whether this is the bundled sample.
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
    """Read a dataset from where it lies.

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
    known = KNOWN.get(location.name)
    if known is None:
        folder = location.folder or Path()
        known, name = recognised(sha256), folder.resolve().name
        title, class_names = (
            (known.title, known.class_names) if known else (_own_title(name), tuple(map(str, range(CLASSES))))
        )
        class_names, verified = _class_names(folder) or class_names, known is not None
    else:
        name, title, class_names, verified = known.name, known.title, known.class_names, not known.sample
        if verified:
            _check_sums(location, known, sha256)
    return Dataset(
        name=name,
        title=title,
        class_names=class_names,
        train_images=contents["train_images"].values,
        train_labels=contents["train_labels"].values,
        test_images=contents["test_images"].values,
        test_labels=contents["test_labels"].values,
        sha256=sha256,
        source=location.source,
        sample=location.kind == "bundled",
        verified=verified,
    )


def recognised(sha256: Mapping[Part, str]) -> KnownDataset | None:
    """Return the known dataset with these four published checksums; None if there is none."""
    return next((known for known in KNOWN.values() if known.sha256 == sha256), None)


def _own_title(name: str) -> str:
    taken = {taken.lower() for known in KNOWN.values() for taken in (known.name, known.title)}
    return f"{name} (own images)" if name.lower() in taken else name


def _class_names(folder: Path) -> tuple[str, ...] | None:
    file = folder / CLASSES_FILE
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
    """Read parts of a dataset, without the others, with their checksums, which the caller checks.

    Args:
        location: where the dataset is, with no file missing.
        parts: of `catalogue.PARTS`.
        on_progress: receives the bytes read of these parts.

    Raises:
        DataError: a file is damaged or of another kind.
    """
    if location.kind == "bundled":
        digits = read_digits()
        return [IdxContent(digits[part], idx_sha256(digits[part])) for part in parts]
    tell = on_progress or (lambda _: None)
    if location.kind == "npz":
        (archive,) = location.files
        tell(DataProgress("reading", 0, location.size, f"reading {archive.name}"))
        contents = read_npz(archive)
        return [contents[part] for part in parts]
    files: dict[Part, Path] = {part: file for part, file in zip(PARTS, location.files, strict=True) if part in parts}
    total, before = sum(file.stat().st_size for file in files.values()), 0
    found: dict[Part, IdxContent] = {}
    for part, file in files.items():

        def report(position: int, before: int = before, file: Path = file) -> None:
            tell(DataProgress("reading", before + position, total, f"reading {file.name}"))

        found[part] = read_idx(file, "images" if part.endswith("images") else "labels", report)
        before += file.stat().st_size
    return [found[part] for part in parts]


_SOURCE_SIDE: Final = 8
_DIGIT_SIDE: Final = 20
_DARKEST: Final = 16


def read_digits() -> Mapping[Part, NDArray[np.uint8]]:
    """Return the sample as 1,437 training and 360 test images. The split is fixed and stratified by class.

    As in MNIST, a digit fills 20×20 of the 28×28 pixels, with bright strokes on black.
    """
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    pixels, classes = load_digits(return_X_y=True)
    images = _enlarge(np.asarray(pixels, dtype=np.int64).reshape(-1, _SOURCE_SIDE, _SOURCE_SIDE))
    labels = np.asarray(classes, dtype=np.uint8)
    # every fifth of each class; RandomState's stream is frozen, so the split never changes (NEP 19)
    shuffled = np.random.RandomState(0).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    test = np.sort(by_class[::5])
    train = np.setdiff1d(np.arange(len(labels)), test)
    parts: dict[Part, NDArray[np.uint8]] = {
        "train_images": images[train],
        "train_labels": labels[train],
        "test_images": images[test],
        "test_labels": labels[test],
    }
    for values in parts.values():
        values.setflags(write=False)
    return parts


def _enlarge(images: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(n, 8, 8) of 0…16 → (n, 28, 28) of 0…255, bilinear, in integers so that every machine gets the same."""
    weights = _bilinear_tenths()
    hundredths = np.einsum("ij,njk,lk->nil", weights, images, weights)
    levels = (hundredths * 255 + 50 * _DARKEST) // (100 * _DARKEST)
    margin = (IMAGE_EDGE - _DIGIT_SIDE) // 2
    framed = np.zeros((len(images), IMAGE_EDGE, IMAGE_EDGE), np.uint8)
    framed[:, margin:-margin, margin:-margin] = levels
    return framed


def _bilinear_tenths() -> NDArray[np.int64]:
    """(20, 8): how many tenths each of 8 source pixels gives to each of 20, edges extended.

    The centre of pixel i lies at (i + ½)·8/20 − ½ = (4·i − 3)/10 of the source.
    """
    weights = np.zeros((_DIGIT_SIDE, _SOURCE_SIDE), np.int64)
    for pixel in range(_DIGIT_SIDE):
        left, tenths = divmod(4 * pixel - 3, 10)
        weights[pixel, max(left, 0)] += 10 - tenths
        weights[pixel, min(left + 1, _SOURCE_SIDE - 1)] += tenths
    return weights
