"""Read image files as grey pictures with light strokes on black, and centre them as MNIST does.

Pillow, imported with the first file, reads only the listed formats: it knows others that run programs, such as
PostScript through Ghostscript.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import DataError
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.files import UnreadableFileError, open_regular

if TYPE_CHECKING:
    from PIL.Image import Image


LARGEST_SIDE: Final = 1024
"""Pixels; a larger picture is reduced when it is read, because only 28 remain in the end."""
FAINTEST: Final = 32
"""Levels; fainter strokes, in a picture that has not MNIST's size, are traces of lossy compression."""
FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""Pillow's names of the formats that are read; PPM are PGM, PBM and PPM. No other file reaches a decoder."""
KINDS: Final = "PNG, JPEG, GIF, BMP, TIFF, WebP and PGM"
MOST_PIXELS: Final = 89_478_485
"""Pixels of the largest picture that is read; Pillow warns of larger ones."""
_WHITE: Final = 255


@dataclass(frozen=True, eq=False)
class GreyPicture:
    """An image file's picture: uint8 ``(height, width)``, light strokes (above 0) on black.

    Attributes:
        size: Width and height of the file's picture in pixels.
        dark_on_light: Whether the file's picture has dark strokes on a light background.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    dark_on_light: bool

    @property
    def words(self) -> str:
        """The size and the kind in words: ``640×480 pixels, dark on light``."""
        return f"{self.size[0]}×{self.size[1]} pixels, {'dark on light' if self.dark_on_light else 'light on dark'}"


def read_picture(path: Path) -> GreyPicture:
    """Read an image file of one of the FORMATS, whatever its name ends in.

    Raises:
        DataError: the file is missing, is not a regular file, has too many pixels, is damaged, or has another format.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with open_regular(path, follow_links=True) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                size = image.size
                most = Image.MAX_IMAGE_PIXELS or MOST_PIXELS
                if size[0] * size[1] > most:  # another thread may have taken the filter of warnings away
                    raise DataError(_too_large(path, most, size))
                image.draft("L", (LARGEST_SIDE, LARGEST_SIDE))
                grey = _grey(image)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except UnreadableFileError as error:
        raise DataError(f"{path} {error.strerror}; an image file is wanted ({KINDS})") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(_too_large(path, Image.MAX_IMAGE_PIXELS or MOST_PIXELS)) from None
    except UnidentifiedImageError:
        raise DataError(f"{path} is not an image that can be read; {KINDS} can") from None
    except PermissionError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except MemoryError:
        raise DataError(f"{path} needs more memory than there is; make it smaller first") from None
    except Exception as error:  # Pillow's decoders raise many errors for a damaged file: struct.error, KeyError, …
        why = str(error).strip() or type(error).__name__
        raise DataError(f"{path} is damaged, or not an image that can be read: {why}") from None
    dark_on_light = _is_dark_on_light(grey)
    return GreyPicture(_ink(grey, dark_on_light), size, dark_on_light)


def _too_large(path: Path, most: int, size: tuple[int, int] | None = None) -> str:
    has = f"{size[0]:,}×{size[1]:,} pixels, " if size else ""
    return f"{path} has {has}more than the {most:,} pixels that are read; make it smaller first"


def _grey(image: Image) -> NDArray[np.uint8]:
    """Return uint8 levels, upright; transparent pixels become black or white, in contrast to the opaque ones."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        levels = np.asarray(upright)
        step = -(-max(levels.shape) // LARGEST_SIDE)
        return _eight_bits(levels[::step, ::step].astype(np.float64))
    upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    if not upright.has_transparency_data:
        return np.asarray(upright.convert("L"))
    both = np.asarray(upright.convert("LA"), np.float64)
    levels, opacity = both[..., 0], both[..., 1] / _WHITE
    seen = float((levels * opacity).sum() / max(opacity.sum(), 1e-9))
    background = 0 if seen > _WHITE / 2 else _WHITE
    return np.rint(levels * opacity + background * (1 - opacity)).astype(np.uint8)


def _eight_bits(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return levels of 16 bits, 32 bits or floating point as 0 to 255."""
    levels = np.nan_to_num(levels)
    highest = float(levels.max(initial=0))
    whole = 1.0 if highest <= 1 else float(_WHITE) if highest <= _WHITE else max(65_535.0, highest)
    return np.rint(np.clip(levels / whole, 0, 1) * _WHITE).astype(np.uint8)


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
        faintest = 0 if grey.shape == (IMAGE_EDGE, IMAGE_EDGE) else FAINTEST
        return np.where(ink < faintest, 0, ink).astype(np.uint8)
    uneven = float(np.percentile(np.abs(border - background), 95))
    floor = max(2 * uneven, 0.2 * strongest)
    if strongest <= max(floor, FAINTEST):
        return np.zeros(grey.shape, np.uint8)
    return np.rint(np.clip((ink - floor) / (strongest - floor), 0, 1) * _WHITE).astype(np.uint8)


BOX: Final = 20
MIDDLE: Final = 14


def centres(class_names: Sequence[str]) -> bool:
    """Return whether pictures of these classes are centred like MNIST's: only pictures of the ten digits are."""
    return list(class_names) == list(map(str, range(10)))


def centred(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture in the form of MNIST's pictures.

    As Y. LeCun, C. Cortes and C. Burges describe it with the data set: the digit is fitted into 20×20 pixels, its
    proportions kept, with grey levels from antialiasing; then its centre of mass is moved to the middle of 28×28.
    In their files the middle is pixel 14, counted from 0, to half a pixel.

    Args:
        picture: uint8 ``(height, width)`` of any size, light on black; pixels above 0 are ink.

    Returns:
        uint8 ``(28, 28)``; all 0 if there is no ink. A picture of MNIST's files is returned unchanged.
    """
    frame = np.zeros((IMAGE_EDGE, IMAGE_EDGE), np.uint8)
    rows, columns = (np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return frame
    ink = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    box = resized(ink, height, width)
    top, left = (_start(box.sum(axis=axis, dtype=np.float64)) for axis in (1, 0))
    frame[top : top + height, left : left + width] = box
    return frame


def fitted(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the whole picture in 28×28, its proportions kept, with black margins; a picture of 28×28 is not changed.

    Args:
        picture: uint8 ``(height, width)`` of any size, light on black.
    """
    scale = IMAGE_EDGE / max(picture.shape)
    height, width = (max(1, round(side * scale)) for side in picture.shape)
    frame = np.zeros((IMAGE_EDGE, IMAGE_EDGE), np.uint8)
    top, left = (IMAGE_EDGE - height) // 2, (IMAGE_EDGE - width) // 2
    frame[top : top + height, left : left + width] = resized(picture, height, width)
    return frame


def resized(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return the picture in another size: areas are averaged to shrink it, neighbours are blended to enlarge it."""
    down, across = _weights(picture.shape[0], height), _weights(picture.shape[1], width)
    return np.rint(np.clip(down @ picture.astype(np.float64) @ across.T, 0, 255)).astype(np.uint8)


def _start(masses: NDArray[np.float64]) -> int:
    """Return the position of the box along an axis, with its centre of mass on the middle pixel, inside the frame."""
    total = masses.sum()
    centre = float(np.arange(len(masses)) @ masses / total) if total else (len(masses) - 1) / 2
    return min(max(math.floor(MIDDLE - centre + 0.5), 0), IMAGE_EDGE - len(masses))


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
