"""Read the files at a location, or the bundled digits, into a `Dataset`, and check the published checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data import csv_tables, image_folders
from mnist_tui.data.catalogue import Location
from mnist_tui.data.errors import DataError, DataProgress, OnProgress
from mnist_tui.data.facts import check_complete, check_same_shapes, label_rule, own_facts
from mnist_tui.data.idx import IdxContent, idx_sha256, read_idx
from mnist_tui.data.known import (
    FILE_NAMES,
    KNOWN,
    PART_TITLES,
    PARTS,
    SPLIT_PARTS,
    KnownDataset,
    Part,
    part_with_checksum,
)
from mnist_tui.data.labels import LabelRule
from mnist_tui.data.npz import keys_of, read_npz
from mnist_tui.experiment.shapes import DEFAULT_IMAGE, LARGEST_EDGE, ImageShape, image_of_pixels, written
from mnist_tui.wording import counted


@dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """Images, uint8 (n, height, width) or (n, height, width, 3), and labels, uint8 (n,) from 0, and their origin.

    All arrays are read-only.

    Attributes:
        name: `mnist`, `fashion-mnist`, `digits`, …, or the name of a folder or file.
        title: The name on screens and in reports.
        class_names: The classes, by label.
        sha256: Checksum of each part in the IDX encoding, the same whatever the packing.
        source: The place they were read from, in words.
        sample: Whether these are the bundled digits.
        verified: Whether all checksums are the published ones of one known dataset.
        validation_images, validation_labels: The dataset's own validation split; None if it has none.
        notes: Sentences that a person should read; see `facts.DatasetFacts`.
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
    validation_images: NDArray[np.uint8] | None = None
    validation_labels: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()

    @property
    def image_shape(self) -> ImageShape:
        """Height, width and channels of an image."""
        return image_shape(self.train_images)

    @property
    def size(self) -> int:
        """The bytes of all images."""
        validation = 0 if self.validation_images is None else self.validation_images.nbytes
        return self.train_images.nbytes + self.test_images.nbytes + validation


def image_shape(images: NDArray[np.uint8]) -> ImageShape:
    """Return height, width and channels of images, uint8 (n, height, width) or (n, height, width, 3)."""
    return image_of_pixels(images.shape[1:])


def read(location: Location, on_progress: OnProgress | None = None, *, largest: int = LARGEST_EDGE) -> Dataset:
    """Read the dataset at a location, and check its published checksums.

    Args:
        largest: The longest edge of an image in pixels.

    Raises:
        DataError: A file is missing, damaged, of another kind, or not the named dataset's.
    """
    check_complete(location)
    contents = _read_all(location, on_progress or (lambda _: None), largest=largest)
    for images, labels in SPLIT_PARTS.values():
        if images in contents:
            _check_counts(location, contents, images, labels)
    shapes: dict[Part, ImageShape] = {
        part: image_shape(content.values) for part, content in contents.items() if part.endswith("images")
    }
    check_same_shapes(shapes, location.source)
    sha256: dict[Part, str] = {part: content.sha256 for part, content in contents.items()}
    notes: tuple[str, ...] = ()
    title = KNOWN[location.name].title if location.name in KNOWN else location.source
    if on_progress is not None:
        on_progress(DataProgress("verifying", location.size, location.size, f"verifying {title}"))
    if known := KNOWN.get(location.name):
        name, title, class_names = known.name, known.title, known.class_names
        verified = _verified(location, known, sha256)
        _check_known(location, known, contents)
    else:
        own = Path(location.name)
        known, name = recognised(sha256), own.name if own.is_dir() else own.stem
        title, verified = known.title if known else _own_title(name), known is not None
        facts = own_facts(location, largest)
        class_names, notes = known.class_names if known else facts.class_names, facts.notes
    return Dataset(
        name=name,
        title=title,
        class_names=class_names,
        **{part: content.values for part, content in contents.items()},
        sha256=sha256,
        source=location.source,
        sample=location.kind == "bundled",
        verified=verified,
        notes=notes,
    )


def recognised(sha256: Mapping[Part, str]) -> KnownDataset | None:
    """Return the known dataset with these published checksums; None if there is none."""
    return next((known for known in KNOWN.values() if known.sha256 and known.sha256 == sha256), None)


def _own_title(name: str) -> str:
    taken = {text.lower() for known in KNOWN.values() for text in (known.name, known.title)}
    return f"{name} (own images)" if name.lower() in taken else name


def _check_counts(location: Location, contents: Mapping[Part, IdxContent], images: Part, labels: Part) -> None:
    image_count, label_count = len(contents[images].values), len(contents[labels].values)
    if image_count != label_count:
        raise DataError(
            f"{_file(location, images)} has {counted(image_count, 'image')} but {_file(location, labels)} has "
            f"{label_count:,} labels; each image needs one label"
        )


def _verified(location: Location, known: KnownDataset, sha256: Mapping[Part, str]) -> bool:
    """Return whether all files have published checksums and these are right; raise `DataError` if one is wrong."""
    if known.sha256:
        _check_sums(location, known, sha256)
        return True
    published = [known.md5.get(file.name) for file in location.files]
    for file, md5 in zip(location.files, published, strict=True):
        if md5 is not None and (found := file_md5(file)) != md5:
            raise DataError(
                f"{file} is not {known.title}'s {file.name}: its MD5 is {found[:12]}…; {md5[:12]}… is right, and a set "
                "of your own goes in with --dataset FOLDER"
            )
    return bool(published) and None not in published


def file_md5(file: Path) -> str:
    """Return the MD5 of a file's bytes, which is what some datasets publish."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _check_known(location: Location, known: KnownDataset, contents: Mapping[Part, IdxContent]) -> None:
    """Raise `DataError` unless the parts have the images that the catalogue states, where no checksum says it."""
    if known.sha256 or known.sample:
        return
    for part, content in contents.items():
        split, _, what = part.partition("_")
        if what == "images" and image_shape(content.values) != known.image:
            shape = written(image_shape(content.values))
            raise DataError(
                f"{_file(location, part)} holds images of {shape}; {known.title}'s are {written(known.image)}"
            )
        if len(content.values) != known.counts[split]:
            raise DataError(
                f"{_file(location, part)} holds {counted(content.values, what.removesuffix('s'))}; {known.title}'s "
                f"{PART_TITLES[part]} are {known.counts[split]:,}"
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
    if part in location.parts:
        return str(location.files[location.parts.index(part)])
    return f"{location.source}: {FILE_NAMES[part] if location.kind == 'bundled' else PART_TITLES[part]}"


def read_parts(location: Location, parts: Sequence[Part], on_progress: OnProgress | None = None) -> list[IdxContent]:
    """Read some parts of a dataset, labels as the numbers of their classes; the caller compares their checksums.

    Args:
        location: A place where no file is missing.
        parts: The parts to read, of those that the dataset has.
        on_progress: Receives the bytes read of these parts.

    Raises:
        DataError: A file is damaged or of another kind, has labels that are not mapped, or the part is not there.
    """
    contents = _read_all(location, on_progress or (lambda _: None), parts)
    if absent := [PART_TITLES[part] for part in parts if part not in contents]:
        raise DataError(f"{location.source} has no {absent[0]}")
    return [contents[part] for part in parts]


def _read_all(
    location: Location, notify: OnProgress, parts: Sequence[Part] | None = None, *, largest: int = LARGEST_EDGE
) -> dict[Part, IdxContent]:
    """Read the parts, all for None; a set of one file is read whole, because its test set may be a part of it."""
    if location.kind == "bundled":
        digits = read_digits()
        return {part: IdxContent(digits[part], idx_sha256(digits[part])) for part in parts or PARTS}
    idx = location.kind == "idx"
    needs_rule = not idx or parts is None or any(part.endswith("labels") for part in parts)
    rule = label_rule(location, largest) if needs_rule else None
    found = _read_files(location, parts, notify, largest) if idx else _read_own(location, notify, largest)
    known = KNOWN.get(location.name)
    for part, content in found.items():
        if part.endswith("labels") and rule is not None:
            found[part] = _classes(content, rule, _file(location, part))
        elif known is not None and known.transposed and part.endswith("images"):
            found[part] = _content(content.values.swapaxes(1, 2))
    return found


def _read_files(
    location: Location, parts: Sequence[Part] | None, notify: OnProgress, largest: int
) -> dict[Part, IdxContent]:
    files: dict[Part, Path] = {
        part: file for part, file in zip(location.parts, location.files, strict=True) if parts is None or part in parts
    }
    total, before = sum(file.stat().st_size for file in files.values()), 0
    found: dict[Part, IdxContent] = {}
    for part, file in files.items():

        def report(position: int, before: int = before, file: Path = file) -> None:
            notify(DataProgress("reading", before + position, total, f"reading {file.name}"))

        found[part] = read_idx(file, "images" if part.endswith("images") else "labels", report, largest=largest)
        before += file.stat().st_size
    return found


def _read_own(location: Location, notify: OnProgress, largest: int) -> dict[Part, IdxContent]:
    """Read an archive, tables or images; images without a test set are split."""
    arrays: dict[Part, NDArray[Any]] = {}
    if location.kind == "npz":
        notify(DataProgress("reading", 0, location.size, f"reading {location.files[0].name}"))
        keys = keys_of(location.files, location.parts)
        known = KNOWN.get(location.name)
        if known is not None and (lacks := [PART_TITLES[part] for part in known.parts if part not in keys]):
            raise DataError(f"{location.files[0]} has no {' and no '.join(lacks)}, which {known.title} has")
        arrays = read_npz(keys, largest)
    elif location.kind == "csv":
        tables, _ = csv_tables.find_tables(location.files, largest)
        for split, table in tables.items():
            notify(DataProgress("reading", 0, location.size, f"reading {table.file.name}"))
            images, labels = SPLIT_PARTS[split]
            arrays[images], arrays[labels] = csv_tables.read_table(table)
    else:
        total = len(location.files)

        def report(done: int, file: Path) -> None:
            notify(DataProgress("reading", location.size * done // total, location.size, f"reading {file.name}"))

        folder = location.folder or Path()
        splits = image_folders.read_images(folder, location.files, label_rule(location), report)
        for split, (values, classes) in splits.items():
            images, labels = SPLIT_PARTS[split]
            arrays[images], arrays[labels] = values, classes
    if "test_images" not in arrays and len(arrays["train_images"]) == len(arrays["train_labels"]):
        images, labels = arrays["train_images"], arrays["train_labels"]
        train, test = fixed_test_split(labels)
        arrays |= {"train_images": images[train], "train_labels": labels[train]}
        arrays |= {"test_images": images[test], "test_labels": labels[test]}
    return {
        part: _content(values) if part.endswith("images") else IdxContent(values, "") for part, values in arrays.items()
    }


TEST_SHARE: Final = 5
"""Of so many images of a class, one becomes a test image if the data have no test set."""


def fixed_test_split(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the training and of the test images, always the same for the same labels.

    A fifth of each class, at least one image of two or more, becomes test images; at least one stays a training image.

    Raises:
        DataError: No class has two images.
    """
    order = np.random.RandomState(0).permutation(len(labels))  # its stream is frozen (NEP 19)
    test = [
        of_class[: max(1, len(of_class) // TEST_SHARE) if len(of_class) > 1 else 0]
        for of_class in (order[labels[order] == label] for label in np.unique(labels))
    ]
    chosen = np.sort(np.concatenate(test)).astype(np.int64)
    if not len(chosen):
        raise DataError("there is no test set, and no class has two images, of which one could be a test image")
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen


def _content(values: NDArray[np.uint8]) -> IdxContent:
    values = np.ascontiguousarray(values)
    values.setflags(write=False)
    return IdxContent(values, idx_sha256(values))


def _classes(content: IdxContent, rule: LabelRule, where: str) -> IdxContent:
    """Return the classes of labels by the rule; their checksum is that of the file if the rule changes nothing."""
    wrong = ~np.isin(content.values, rule.labels)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise DataError(
            f"{where} has the label {content.values[first]} at place {first:,}; labels are {rule.labels[0]} to "
            f"{rule.labels[-1]}"
        )
    if content.sha256 and not rule.changes:
        return content
    return _content(np.searchsorted(rule.labels, content.values).astype(np.uint8))


_SOURCE_SIDE: Final = 8
_DIGIT_SIDE: Final = 20
_DARKEST: Final = 16
_EDGE: Final = DEFAULT_IMAGE[0]


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
    margin = (_EDGE - _DIGIT_SIDE) // 2
    framed = np.zeros((len(images), _EDGE, _EDGE), np.uint8)
    framed[:, margin:-margin, margin:-margin] = levels
    return framed
