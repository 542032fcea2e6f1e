"""Find and read folders of image files: one folder for each class, perhaps within `train`, `test` and `validation`.

Links are not followed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mnist_tui.data.errors import DataError
from mnist_tui.data.idx import IMPORT_HINT, check_image_shape
from mnist_tui.data.image_files import opened
from mnist_tui.data.known import SPLIT_PARTS, split_named
from mnist_tui.data.labels import LabelRule, class_list, rule_of_names
from mnist_tui.experiment.shapes import ImageShape, written

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".pnm"}
)
_MOST_FILES: Final = 2_000_000
_REPORTED_EVERY: Final = 200
_GREY_MODES: Final = ("1", "L", "LA", "La", "I", "F")


def find_images(folder: Path) -> tuple[Path, ...]:
    """Return the image files in a folder's class folders, in the order of splits, classes and names.

    Raises:
        DataError: A folder or an image is a symbolic link, cannot be read, or there is a test set but no training set.
    """
    splits = {split: each for each in _folders(folder) if (split := split_named(each.name)) is not None}
    if not splits:
        return tuple(_class_images(folder))
    if "train" not in splits:
        raise DataError(f"{folder} has the folder {next(iter(splits.values())).name} but no folder train")
    return tuple(file for split in SPLIT_PARTS if split in splits for file in _class_images(splits[split]))


def split_and_class(file: Path, folder: Path) -> tuple[str, str]:
    """Return the split (train, test or validation) and the name of the class of an image file below `folder`."""
    parts = file.relative_to(folder).parts
    return (split_named(parts[0]) or "train") if len(parts) > 2 else "train", file.parent.name


def _class_images(folder: Path) -> Iterator[Path]:
    count = 0
    for each in sorted(_folders(folder), key=lambda path: natural_order(path.name)):
        files = sorted((entry.name for entry in _entries(each) if _is_image(entry)), key=natural_order)
        count += len(files)
        if count > _MOST_FILES:
            raise DataError(f"{folder} holds more than {_MOST_FILES:,} images")
        yield from (each / name for name in files)


def natural_order(name: str) -> tuple[int, int, str]:
    """Return a key that sorts whole numbers by their value, before other names."""
    return (0, int(name), name) if name.isascii() and name.isdigit() and len(name) < 10 else (1, 0, name)


def _is_image(entry: os.DirEntry[str]) -> bool:
    return Path(entry.name).suffix.lower() in SUFFIXES and not entry.is_dir(follow_symlinks=False)


def _folders(folder: Path) -> list[Path]:
    found: list[Path] = []
    for entry in _entries(folder):
        if entry.is_symlink() and entry.is_dir():
            raise DataError(f"{entry.path} is a symbolic link, which is not followed; copy the folder there")
        if entry.is_dir(follow_symlinks=False):
            found.append(Path(entry.path))
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith((".", "__"))]
    except OSError as failure:
        raise DataError(f"{folder} cannot be read: {failure.strerror or failure}") from None


def class_rule(folder: Path, files: Sequence[Path], names: tuple[str, ...] | None) -> LabelRule:
    """Return the classes of class folders; labels are places in the order of the training folders.

    Args:
        names: The names in a file beside the folders, which must be those of the folders; their order counts.

    Raises:
        DataError: There are too few classes, another split has a class without training images, or names differ.
    """
    classes: dict[str, dict[str, None]] = {}
    for file in files:
        split, name = split_and_class(file, folder)
        classes.setdefault(split, {})[name] = None
    train = tuple(classes.get("train", ()))
    if names is not None and set(names) != set(train):
        raise DataError(
            f"{folder} has class folders named {class_list(train)}, but its file of class names says "
            f"{class_list(names)}; take the file away, or give the folders those names"
        )
    return rule_of_names(names or train, {split: set(found) for split, found in classes.items()}, str(folder))


def first_shape(files: Sequence[Path]) -> ImageShape:
    """Return height, width and channels of the first image, from its header; raise `DataError` if it is too large."""
    with opened(files[0]) as image:
        shape = shape_of(image)
    check_image_shape(shape, str(files[0]))
    return shape


def shape_of(image: Image) -> ImageShape:
    """Return height, width and channels of an opened image file."""
    return image.size[1], image.size[0], 1 if image.mode.startswith(_GREY_MODES) else 3


def read_images(
    folder: Path, files: Sequence[Path], rule: LabelRule, notify: Callable[[int, Path], None]
) -> Mapping[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Read the images of each split, uint8, and their labels.

    Args:
        rule: The classes, as `class_rule` returns them.
        notify: Receives the number of images read and the present file, now and then.

    Raises:
        DataError: An image cannot be read, or has another size or other channels than the first one.
    """
    import numpy as np

    shape = first_shape(files)
    labels = {name: label for label, name in enumerate(rule.names)}
    found: dict[str, tuple[list[NDArray[np.uint8]], list[int]]] = {}
    for done, file in enumerate(files):
        if done % _REPORTED_EVERY == 0:
            notify(done, file)
        split, name = split_and_class(file, folder)
        images, classes = found.setdefault(split, ([], []))
        images.append(_pixels(file, shape, files[0]))
        classes.append(labels[name])
    return {split: (np.stack(images), np.array(classes, np.uint8)) for split, (images, classes) in found.items()}


def _pixels(file: Path, shape: ImageShape, first: Path) -> NDArray[np.uint8]:
    from mnist_tui.data.pictures import levels_in

    with opened(file) as image:
        own = shape_of(image)
        if own != shape:
            raise DataError(
                f"{file} is {written(own)} but {first} is {written(shape)} (height, width, channels); all images must "
                f"be alike, and {IMPORT_HINT}"
            )
        return levels_in(image, "grey" if own[2] == 1 else "colour")
