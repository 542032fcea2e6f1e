"""Read the images and labels of npz archives, whatever their usual names are; nothing is unpickled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.errors import DataError
from mnist_tui.data.idx import check_image_shape
from mnist_tui.data.known import SPLIT_NAMES, SPLIT_PARTS, Part, split_named
from mnist_tui.experiment.shapes import LARGEST_EDGE, ImageShape, image_of_pixels
from mnist_tui.files import UnreadableFileError, read_array_shapes, read_arrays
from mnist_tui.wording import listed

Arrays = dict[Part, NDArray[Any]]
WANTED: Final = "x_train, y_train, x_test and y_test, or train_images and train_labels (and so on), or X and y"
_IMAGES: Final = r"(?:x|images?|imgs|data)"
_LABELS: Final = r"(?:y|labels?|targets?)"
_SPLIT: Final = f"({'|'.join(SPLIT_NAMES)})"
_KEYS: Final = {
    what: re.compile(rf"{_SPLIT}?{word}|{word}{_SPLIT}") for what, word in (("images", _IMAGES), ("labels", _LABELS))
}


def parts_in_keys(keys: Sequence[str]) -> dict[Part, str]:
    """Return the key of each part by the usual names, whatever their case and spelling: ``X_train``, ``val_labels``.

    Images and labels without the name of a split are the training data, if no key names a split.
    """
    named: dict[Part, str] = {}
    unnamed: dict[Part, str] = {}
    for key in keys:
        spelt = re.sub(r"[^a-z0-9]", "", key.lower())
        for what, pattern in _KEYS.items():
            if match := pattern.fullmatch(spelt):
                split = split_named(match[1] or match[2] or "")
                (named if split else unnamed).setdefault(SPLIT_PARTS[split or "train"][what == "labels"], key)
    return named or unnamed


def keys_of(files: Sequence[Path], parts: Sequence[Part]) -> dict[Part, tuple[Path, str]]:
    """Return the file and the key of each part.

    Args:
        files: One archive with all parts, or archives with one array each.
        parts: The parts of archives with one array each; empty for one archive.

    Raises:
        DataError: A file is not an archive, or has no training images and labels.
    """
    if parts:
        return {part: (file, _only_key(file)) for part, file in zip(parts, files, strict=True)}
    (file,) = files
    found = parts_in_keys([*_shapes(file)])
    torn = [
        part
        for pair in SPLIT_PARTS.values()
        for part in pair
        if part not in found and any(each in found for each in pair)
    ]
    if torn or "train_images" not in found:
        lacks = [part.replace("_", " ") for part in torn] or ["training images"]
        raise DataError(f"{file} has no {' and no '.join(lacks)}; an archive holds {WANTED}")
    return {part: (file, key) for part, key in found.items()}


def _only_key(file: Path) -> str:
    keys = [*_shapes(file)]
    if len(keys) != 1:
        raise DataError(f"{file} has {len(keys)} arrays ({listed(keys)}); one is needed")
    return keys[0]


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    try:
        return read_array_shapes(file, follow_links=True)
    except UnreadableFileError as failure:
        raise DataError(f"{file} cannot be read: it {failure.strerror}; an archive holds {WANTED}") from None
    except OSError as failure:
        raise DataError(f"{file} cannot be read: {failure.strerror or failure}") from None


def read_npz(keys: Mapping[Part, tuple[Path, str]], largest: int = LARGEST_EDGE) -> Arrays:
    """Read arrays: images uint8 (n, height, width) or (n, height, width, 3), labels integers (n,).

    Args:
        keys: The file and the key of each part, from `keys_of`.
        largest: The longest edge of an image in pixels.

    Raises:
        DataError: A file cannot be read, is cut off or damaged, or its arrays are not images and labels.
    """
    arrays: Arrays = {}
    for file in dict.fromkeys(file for file, _ in keys.values()):
        wanted: dict[Part, str] = {part: key for part, (each, key) in keys.items() if each == file}
        try:
            archive = read_arrays(file, wanted.values(), follow_links=True)
        except UnreadableFileError as failure:
            raise DataError(f"{file} cannot be read: it {failure.strerror}; an archive holds {WANTED}") from None
        except OSError as failure:
            raise DataError(f"{file} cannot be read: {failure.strerror or failure}") from None
        for part, key in wanted.items():
            where = f"{file}: {key}"
            images = part.endswith("images")
            arrays[part] = _images(archive[key], where, largest) if images else _labels(archive[key], where)
    return arrays


def npz_image_shape(keys: Mapping[Part, tuple[Path, str]], part: Part, largest: int = LARGEST_EDGE) -> ImageShape:
    """Return height, width and channels of a part's images, from the array's header."""
    file, key = keys[part]
    return _image_shape(_shapes(file)[key], f"{file}: {key}", largest)


def _image_shape(shape: tuple[int, ...], where: str, largest: int) -> ImageShape:
    if len(shape) not in (3, 4) or not shape[0]:
        wanted = "(n, height, width), or (n, height, width, 3) in colour,"
        raise DataError(f"{where} has the shape {shape}; {wanted} is needed")
    check_image_shape(shape[1:], where, largest)
    return image_of_pixels(shape[1:])


def _images(array: NDArray[Any], where: str, largest: int) -> NDArray[np.uint8]:
    if array.dtype != np.uint8:
        raise DataError(f"{where} holds {array.dtype} values; uint8 are needed")
    height, width, channels = _image_shape(array.shape, where, largest)
    shape = (len(array), height, width) if channels == 1 else array.shape
    return np.ascontiguousarray(array, dtype=np.uint8).reshape(shape)


def _labels(array: NDArray[Any], where: str) -> NDArray[Any]:
    if array.shape not in ((len(array),), (len(array), 1)) or not len(array):
        more = "; one class for each image is needed" if array.ndim > 1 and len(array) else ""
        raise DataError(f"{where} has the shape {array.shape}; (n,) or (n, 1) is needed{more}")
    if array.dtype.kind not in "iu":
        raise DataError(f"{where} holds {array.dtype} values; whole numbers are needed")
    return array.reshape(-1)
