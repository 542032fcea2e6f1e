"""Read image files as a network's data are: as strokes on black like MNIST's, as grey levels, or in colour.

Pictures of strokes can be centred as MNIST's digits are; others are fitted into the size of the network's images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.image_files import opened
from mnist_tui.data.known import KNOWN
from mnist_tui.experiment.shapes import DEFAULT_IMAGE, Shape, written

if TYPE_CHECKING:
    from PIL.Image import Image


LARGEST_SIDE: Final = 1024
"""Pixels; a larger picture is reduced when it is read, because at most 64 remain in the end."""
FAINTEST: Final = 32
"""Levels; fainter strokes, in a picture that has not MNIST's size, are traces of lossy compression."""
PHOTOGRAPHS: Final = frozenset(known.name for known in KNOWN.values() if known.photographs)
_WHITE: Final = 255
_WHITE_OF_16_BITS: Final = 65_535


Reading = Literal["strokes", "grey", "colour"]
"""How a file is read: as light strokes on black, whatever its background; or its grey levels or colours as they are."""


def reading_of(image: Shape, dataset: str | None) -> Reading:
    """Return how files are read for a network.

    Args:
        image: height, width and channels of the network's images.
        dataset: the name of its dataset, None if it is unknown.
    """
    if image[2] > 1:
        return "colour"
    return "strokes" if image == DEFAULT_IMAGE and dataset not in PHOTOGRAPHS else "grey"


COLOUR_MODES = ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
"""Pillow's modes of files in colour."""


@dataclass(frozen=True, eq=False)
class FilePicture:
    """An image file's picture: uint8 ``(height, width)``, or ``(height, width, 3)`` in colour.

    Attributes:
        size: Width and height of the file's picture in pixels.
        reading: How it was read.
        dark_on_light: Whether the file's picture has dark strokes on a light background, which have been inverted.
        turned_grey: Whether the file has colours, of which only the brightness was read.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    reading: Reading
    dark_on_light: bool = False
    turned_grey: bool = False

    @property
    def words(self) -> str:
        """The size and the kind in words: ``640×480 pixels, dark on light``."""
        grey = "colours turned into grey levels" if self.turned_grey else "grey levels as they are"
        kind = {"grey": grey, "colour": "colours as they are"}.get(self.reading)
        return f"{self.size[0]}×{self.size[1]} pixels, {kind or ('light on dark', 'dark on light')[self.dark_on_light]}"


def read_picture(path: Path, reading: Reading = "strokes") -> FilePicture:
    """Read an image file of one of the FORMATS, whatever its name ends in.

    Grey levels of a file in colour are its brightness; a grey file has the same level in three channels.

    Raises:
        DataError: the file is missing, is not a regular file, has too many pixels, is damaged, or has another format.
    """
    with opened(path, follow_links=True) as image:
        size, turned_grey = image.size, reading != "colour" and image.mode in COLOUR_MODES
        image.draft("RGB" if reading == "colour" else "L", (LARGEST_SIDE, LARGEST_SIDE))
        levels = levels_in(image, reading)
    if reading != "strokes":
        return FilePicture(levels, size, reading, turned_grey=turned_grey)
    dark_on_light = _is_dark_on_light(levels)
    return FilePicture(_ink(levels, dark_on_light), size, reading, dark_on_light, turned_grey)


def levels_in(image: Image, reading: Reading) -> NDArray[np.uint8]:
    """Return uint8 levels or colours, upright; transparent pixels become black or white, in contrast to the others."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    mode = "RGB" if reading == "colour" else "L"
    if upright.mode.startswith(("I", "F")):
        levels = np.asarray(upright)
        step = -(-max(levels.shape) // LARGEST_SIDE)
        grey = _eight_bits(levels[::step, ::step])
        return np.stack([grey] * 3, axis=-1) if reading == "colour" else grey
    upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    if not upright.has_transparency_data:
        return np.asarray(upright.convert(mode))
    both = np.asarray(upright.convert("LA"), np.float64)
    levels, opacity = both[..., 0], both[..., 1] / _WHITE
    seen = float((levels * opacity).sum() / max(opacity.sum(), 1e-9))
    background = 0 if seen > _WHITE / 2 else _WHITE
    if reading == "colour":
        levels, opacity = np.asarray(upright.convert("RGBA"), np.float64)[..., :3], opacity[..., np.newaxis]
    return np.rint(levels * opacity + background * (1 - opacity)).astype(np.uint8)


def _eight_bits(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return levels as 0 to 255: whole numbers are taken as levels of 16 bits, floating-point numbers as 0 to 1.

    The type alone decides, so that all files of a folder are read with one scale.

    Raises:
        ValueError: a level is outside this range.
    """
    white = 1 if levels.dtype.kind == "f" else _WHITE_OF_16_BITS
    if not ((levels >= 0) & (levels <= white)).all():
        kind = "floating-point" if white == 1 else "whole"
        raise ValueError(f"its levels are {kind} numbers, and not all of them are from 0 to {white}")
    return np.rint(levels * (_WHITE / white)).astype(np.uint8)


def _border(levels: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])


def _is_dark_on_light(grey: NDArray[np.uint8]) -> bool:
    """Return whether the median of the border is nearer to the lightest level than to the darkest."""
    background = float(np.median(_border(grey)))
    if grey.min() == grey.max():
        return background > _WHITE / 2
    return background - float(grey.min()) > float(grey.max()) - background


def _ink(grey: NDArray[np.uint8], dark_on_light: bool) -> NDArray[np.uint8]:
    """Return the strokes, which are the differences from the background.

    A background of pure black or white is subtracted as it is. If it is grey, as in a photograph, its unevenness is
    subtracted too, and the rest is stretched to the whole range.
    """
    border = _border(grey).astype(np.float64)
    background = float(np.median(border))
    ink = grey.astype(np.float64) - background
    if dark_on_light:
        ink = -ink
    strongest = float(ink.max())
    if background in (0, _WHITE):
        faintest = 0 if grey.shape == DEFAULT_IMAGE[:2] else FAINTEST
        return np.where(ink < faintest, 0, ink).astype(np.uint8)
    uneven = float(np.percentile(np.abs(border - background), 95))
    floor = max(2 * uneven, 0.2 * strongest)
    if strongest <= max(floor, FAINTEST):
        return np.zeros(grey.shape, np.uint8)
    return np.rint(np.clip((ink - floor) / (strongest - floor), 0, 1) * _WHITE).astype(np.uint8)


BOX: Final = 20
"""Pixels of the longer side of a digit in MNIST's images of 28 pixels; in images of another size, in proportion."""


def why_not_centred(class_names: Sequence[str], image: Shape) -> str:
    """Return why pictures are not centred like MNIST's for a network unless somebody wants it; empty if they are.

    Only data like MNIST's are centred: grey images of 28×28 pixels whose classes are the ten digits.

    Args:
        image: height, width and channels of the network's images.
    """
    if list(class_names) != list(map(str, range(10))):
        return "its classes are not the ten digits"
    return "" if image == DEFAULT_IMAGE else f"its images are not {written(DEFAULT_IMAGE[:2])} pixels in grey"


def centred(picture: NDArray[np.uint8], shape: Shape = DEFAULT_IMAGE[:2]) -> NDArray[np.uint8]:
    """Return the picture in the form of MNIST's pictures.

    As Y. LeCun, C. Cortes and C. Burges describe it with the data set: the digit is fitted into 20×20 pixels, its
    proportions kept, with grey levels from antialiasing; then its centre of mass is moved to the middle of 28×28.
    In their files the middle is pixel 14, counted from 0, to half a pixel.

    Args:
        picture: uint8 ``(height, width)`` or ``(height, width, 3)`` of any size, light on black; pixels above 0 are
            ink.
        shape: height and width of the result in pixels.

    Returns:
        uint8, all 0 if there is no ink. A picture of MNIST's files is returned unchanged.
    """
    frame = np.zeros((*shape, *picture.shape[2:]), np.uint8)
    inked = picture.max(axis=2) if picture.ndim == 3 else picture
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return frame
    ink = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / DEFAULT_IMAGE[0] * min(shape) / max(ink.shape[:2])
    height, width = (max(1, round(side * scale)) for side in ink.shape[:2])
    box = resized(ink, height, width)
    masses = brightness(box).astype(np.float64)
    top, left = (_start(masses.sum(axis=1 - axis), shape[axis]) for axis in (0, 1))
    frame[top : top + height, left : left + width] = box
    return frame


def fitted(picture: NDArray[np.uint8], shape: Shape = DEFAULT_IMAGE[:2]) -> NDArray[np.uint8]:
    """Return the whole picture in another size, its proportions kept, with black margins.

    Args:
        picture: uint8 ``(height, width)`` or ``(height, width, 3)`` of any size.
        shape: height and width of the result in pixels; a picture of this size is not changed.
    """
    scale = min(shape[0] / picture.shape[0], shape[1] / picture.shape[1])
    height, width = (
        min(most, max(1, round(side * scale))) for most, side in zip(shape, picture.shape[:2], strict=True)
    )
    frame = np.zeros((*shape, *picture.shape[2:]), np.uint8)
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    frame[top : top + height, left : left + width] = resized(picture, height, width)
    return frame


def resized(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return the picture in another size, uint8; the arguments are those of `resampled`."""
    return np.rint(np.clip(resampled(picture, height, width), 0, 255)).astype(np.uint8)


def resampled(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float64]:
    """Return the picture in another size: areas are averaged to shrink it, neighbours are blended to enlarge it.

    Args:
        picture: uint8 ``(height, width)`` or ``(height, width, 3)``.
    """
    down, across = _weights(picture.shape[0], height), _weights(picture.shape[1], width)
    channels = np.moveaxis(picture.astype(np.float64), -1, 0) if picture.ndim == 3 else picture.astype(np.float64)
    levels = down @ channels @ across.T
    return np.moveaxis(levels, 0, -1) if picture.ndim == 3 else levels


def brightness(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brightness of colours, uint8 ``(…, 3)``, as a grey picture has it (ITU-R BT.601); grey as it is."""
    if pixels.ndim == 2:
        return pixels
    return (pixels @ np.array([19_595, 38_470, 7_471]) + 32_768 >> 16).astype(np.uint8)


def _start(masses: NDArray[np.float64], edge: int) -> int:
    """Return the position of the box along an axis, with its centre of mass on the middle pixel, inside the frame."""
    total = masses.sum()
    centre = float(np.arange(len(masses)) @ masses / total) if total else (len(masses) - 1) / 2
    return min(max(math.floor(edge // 2 - centre + 0.5), 0), edge - len(masses))


@lru_cache(maxsize=16)
def _weights(source: int, target: int) -> NDArray[np.float64]:
    """Return the share of each source pixel in each target pixel, (target, source); every row sums to 1."""
    scale = source / target
    before = np.arange(source)
    if scale > 1:
        begin = np.arange(target)[:, np.newaxis] * scale
        weights = np.maximum(0.0, np.minimum(before + 1, begin + scale) - np.maximum(before, begin))
    else:
        middles = (np.arange(target)[:, np.newaxis] + 0.5) * scale
        weights = np.maximum(0.0, 1.0 - np.abs(before + 0.5 - middles))
    weights /= weights.sum(axis=1, keepdims=True)
    weights.setflags(write=False)
    return weights
