"""Make a dataset of one size from a person's images: a folder of IDX files with the names of the classes."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import Location, find
from mnist_tui.data.errors import DataError
from mnist_tui.data.facts import NO_TEST
from mnist_tui.data.idx import idx_header
from mnist_tui.data.image_files import opened
from mnist_tui.data.image_folders import class_rule, shape_of, split_and_class
from mnist_tui.data.known import FILE_NAMES, SPLIT_PARTS, VALIDATION_FILE_NAMES
from mnist_tui.data.labels import class_list, read_class_names, rule_of
from mnist_tui.data.pictures import brightness, fitted, levels_in
from mnist_tui.data.reading import Dataset, fixed_test_split, image_shape, read
from mnist_tui.experiment.shapes import DEFAULT_IMAGE, LARGEST_EDGE, ImageShape
from mnist_tui.files import replacing_folder, write_text
from mnist_tui.wording import noun

LARGEST_SOURCE: Final = 1024
"""The longest edge in pixels of images in IDX files, archives and tables; image files may be larger."""
_PER_NOTICE: Final = 50
Split = tuple[list[NDArray[np.uint8]], list[int]]
OnImages = Callable[[int, int, str], None]
"""Receives the number of images done, the number of all images, and the present file."""


@dataclass(frozen=True, slots=True)
class ImageForm:
    """How images are brought to one form.

    Attributes:
        size: Height and width in pixels; None keeps a size that all images share, and takes 28 × 28 else.
        channels: 1 for grey, 3 for colour; None makes a dataset in colour if all images are.
        invert: Whether dark becomes light, as for dark strokes on white paper.
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    invert: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """A dataset that was made from a person's images.

    Attributes:
        folder: The new folder of IDX files.
        image: Height, width and channels of its images.
        counts: The number of images in each split.
        class_names: The classes.
        duplicates: Images that were left out because an earlier one has the same pixels, each with the earlier one.
        unreadable: A sentence for each file that was left out because it cannot be read.
        notes: Sentences about a size or colour that nobody chose, labels that were mapped, a test set that was split
            off, and classes that were left out.
    """

    folder: Path
    image: ImageShape
    counts: Mapping[str, int]
    class_names: tuple[str, ...]
    duplicates: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def convert(source: Path, target: Path, settings: ImageForm, on_images: OnImages | None = None) -> Converted:
    """Bring the images below a folder to one size and write them as a folder of IDX files with `classes.txt`.

    Proportions are kept, with black margins. Duplicates (the first one stays, training images before test images) and
    files that cannot be read are left out.

    Raises:
        DataError: There are no images, or they cannot become classes.
        OSError: The target cannot be written.
    """
    location = find(str(source))
    assert location is not None, "a person's own data are found, or an error is raised"
    notify = on_images or (lambda done, total, name: None)
    return (_from_files if location.kind == "images" else _from_arrays)(location, target, settings, notify)


def _from_files(location: Location, target: Path, settings: ImageForm, notify: OnImages) -> Converted:
    folder, unreadable, duplicates = location.folder or Path(), list[str](), list[tuple[str, str]]()
    shapes = _shapes(location, unreadable)
    size, channels, notes = _form(set(shapes.values()), settings)
    names = class_rule(folder, location.files, read_class_names(folder)).names
    splits: dict[str, Split] = {}
    seen: dict[bytes, str] = {}
    for done, (file, shape) in enumerate(shapes.items()):
        name = str(file.relative_to(folder))
        if done % _PER_NOTICE == 0:
            notify(done, len(shapes), name)
        try:
            with opened(file) as image:
                levels = levels_in(image, "colour" if shape[2] > 1 else "grey")
        except DataError as error:
            unreadable.append(str(error))
            continue
        if (first := seen.setdefault(_mark(levels), name)) != name:
            duplicates.append((name, first))
            continue
        split, of = split_and_class(file, folder)
        images, labels = splits.setdefault(split, ([], []))
        images.append(_formed(levels, size, channels, settings.invert))
        labels.append(names.index(of))
    notify(len(shapes), len(shapes), "")
    arrays = {split: (np.stack(images), np.array(labels, np.uint8)) for split, (images, labels) in splits.items()}
    return _written(target, arrays, names, duplicates=duplicates, unreadable=unreadable, notes=notes, where=str(folder))


def _shapes(location: Location, unreadable: list[str]) -> dict[Path, ImageShape]:
    """Return the shape of each image file from its header; files that cannot be opened are added to `unreadable`."""
    shapes: dict[Path, ImageShape] = {}
    for file in location.files:
        try:
            with opened(file) as image:
                shapes[file] = shape_of(image)
        except DataError as error:
            unreadable.append(str(error))
    if not shapes:
        raise DataError(f"none of the {len(location.files):,} images in {location.folder} can be read: {unreadable[0]}")
    return shapes


def _from_arrays(location: Location, target: Path, settings: ImageForm, notify: OnImages) -> Converted:
    dataset = read(location, largest=LARGEST_SOURCE)
    size, channels, notes = _form({image_shape(dataset.train_images)}, settings)
    duplicates: list[tuple[str, str]] = []
    seen: dict[bytes, str] = {}
    arrays: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
    found = _splits(dataset)
    total, before = sum(len(labels) for _, labels in found.values()), 0
    for split, (pixels, classes) in found.items():
        images: list[NDArray[np.uint8]] = []
        kept: list[int] = []
        for place, levels in enumerate(pixels):
            if place % _PER_NOTICE == 0:
                notify(before + place, total, split)
            name = f"{split} image {place + 1:,}"
            if (first := seen.setdefault(_mark(levels), name)) != name:
                duplicates.append((name, first))
                continue
            images.append(_formed(levels, size, channels, settings.invert))
            kept.append(place)
        before += len(pixels)
        if images:
            arrays[split] = np.stack(images), classes[kept]
    notify(total, total, "")
    return _written(
        target,
        arrays,
        dataset.class_names,
        duplicates=duplicates,
        unreadable=[],
        notes=(*notes, *dataset.notes),
        where=location.source,
    )


def _splits(dataset: Dataset) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    splits: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {
        "train": (dataset.train_images, dataset.train_labels),
        "test": (dataset.test_images, dataset.test_labels),
    }
    if dataset.validation_images is not None and dataset.validation_labels is not None:
        splits["validation"] = dataset.validation_images, dataset.validation_labels
    return splits


def _form(shapes: set[ImageShape], settings: ImageForm) -> tuple[tuple[int, int], int, tuple[str, ...]]:
    """Return the size and the channels of the new images, and a sentence for each of them that nobody chose."""
    sizes, channels, notes = {shape[:2] for shape in shapes}, {shape[2] for shape in shapes}, list[str]()
    size = settings.size or min(sizes)
    if settings.size is None and (len(sizes) > 1 or max(size) > LARGEST_EDGE):
        size = DEFAULT_IMAGE[:2]
        why = "are of several sizes" if len(sizes) > 1 else f"have edges of more than {LARGEST_EDGE} pixels"
        notes.append(f"The images {why}: all are brought to {size[0]} × {size[1]} pixels; --size chooses another size.")
    if settings.channels is None and len(channels) > 1:
        notes.append("Some images are grey, and some are in colour: all become grey; --rgb makes all of them colour.")
    return size, settings.channels or min(channels), tuple(notes)


def _mark(levels: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(repr(levels.shape).encode() + np.ascontiguousarray(levels).tobytes()).digest()


def _formed(levels: NDArray[np.uint8], size: tuple[int, int], channels: int, invert: bool) -> NDArray[np.uint8]:
    if channels == 1:
        levels = brightness(levels)
    elif levels.ndim == 2:
        levels = np.repeat(levels[..., np.newaxis], channels, axis=2)
    return fitted(255 - levels if invert else levels, size)


def _written(
    target: Path,
    arrays: Mapping[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    class_names: tuple[str, ...],
    *,
    duplicates: list[tuple[str, str]],
    unreadable: list[str],
    notes: tuple[str, ...],
    where: str,
) -> Converted:
    if "train" not in arrays:
        raise DataError(f"{where} has no training images that can be read")
    splits = dict(arrays)
    if "test" not in splits:
        images, labels = splits["train"]
        train, test = fixed_test_split(labels)
        splits |= {"train": (images[train], labels[train]), "test": (images[test], labels[test])}
        notes = (*notes, NO_TEST)
    values: dict[str, Any] = {split: set(labels.tolist()) for split, (_, labels) in splits.items()}
    train_values = values.pop("train")
    rule = rule_of(train_values, values, tuple(class_names[value] for value in sorted(train_values)), where)
    if lost := [name for name in class_names if name not in rule.names]:
        notes = (*notes, f"No training image of the {noun(lost, 'class')} {class_list(lost)} is left: left out.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(target) as folder:
        for split, (images, labels) in splits.items():
            for part, content in zip(
                SPLIT_PARTS[split], (images, np.searchsorted(rule.labels, labels).astype(np.uint8)), strict=True
            ):
                name = (FILE_NAMES | VALIDATION_FILE_NAMES)[part].replace("idx3", f"idx{images.ndim}")
                with gzip.GzipFile(folder / f"{name}.gz", "wb", compresslevel=6, mtime=0) as file:
                    file.write(idx_header(content) + np.ascontiguousarray(content).tobytes())
        write_text(folder / "classes.txt", "".join(f"{name}\n" for name in rule.names))
    return Converted(
        target,
        image_shape(splits["train"][0]),
        {split: len(labels) for split, (_, labels) in splits.items()},
        rule.names,
        tuple(duplicates),
        tuple(unreadable),
        notes,
    )
