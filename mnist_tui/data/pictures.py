"""Image files as grey pictures, light strokes on black, whatever they were: dark on light, coloured, transparent.

Pillow, which scikit-image brings, reads the files; it is imported at the first one.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import SIDE
from mnist_tui.data.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_SIDE: Final = 1024
"""Pixels; larger pictures are reduced when they are read, for 28 remain in the end."""
FAINTEST: Final = 32
"""Levels; what is fainter than that in a picture of another size than MNIST's is a trace of lossy compression."""
_WHITE: Final = 255


@dataclass(frozen=True, eq=False)
class Picture:
    """An image file's picture.

    Attributes:
        pixels: uint8 ``(height, width)``, light on black; ink is above 0.
        size: width and height of the file in pixels.
        dark_on_light: whether the file showed dark strokes on a light background.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    dark_on_light: bool

    @property
    def words(self) -> str:
        """``640×480 pixels, dark on light``."""
        return f"{self.size[0]}×{self.size[1]} pixels, {'dark on light' if self.dark_on_light else 'light on dark'}"


def read_picture(path: Path) -> Picture:
    """Reads an image file of any kind that Pillow knows (PNG, JPEG, GIF, BMP, TIFF, WebP …).

    Raises:
        DataError: it is not there, cannot be read, or is no image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                size = image.size
                image.draft("L", (LARGEST_SIDE, LARGEST_SIDE))
                grey = _grey(image)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, not an image file") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"{path} has more pixels than can be a digit's; make it smaller first") from None
    except UnidentifiedImageError:
        raise DataError(f"{path} is not an image that can be read; PNG, JPEG, GIF, BMP, TIFF and WebP can") from None
    except PermissionError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise DataError(f"{path} is damaged, or not an image that can be read: {error}") from None
    dark_on_light = _dark_on_light(grey)
    return Picture(_ink(grey, dark_on_light), size, dark_on_light)


def _grey(image: Image) -> NDArray[np.uint8]:
    """uint8 levels, upright; transparent places take the colour that the opaque ones stand out from."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        return _reduced(_eight_bits(np.asarray(upright, np.float64)))
    upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    if not upright.has_transparency_data:
        return np.asarray(upright.convert("L"))
    both = np.asarray(upright.convert("LA"), np.float64)
    levels, opacity = both[..., 0], both[..., 1] / _WHITE
    seen = float((levels * opacity).sum() / max(opacity.sum(), 1e-9))
    background = 0 if seen > _WHITE / 2 else _WHITE
    return np.rint(levels * opacity + background * (1 - opacity)).astype(np.uint8)


def _eight_bits(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """16-bit, 32-bit or floating levels as 0 to 255."""
    levels = np.nan_to_num(levels)
    highest = float(levels.max(initial=0))
    whole = 1.0 if highest <= 1 else float(_WHITE) if highest <= _WHITE else max(65_535.0, highest)
    return np.rint(np.clip(levels / whole, 0, 1) * _WHITE).astype(np.uint8)


def _reduced(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = -(-max(levels.shape) // LARGEST_SIDE)
    return levels[::step, ::step]


def _border(levels: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])


def _dark_on_light(grey: NDArray[np.uint8]) -> bool:
    """Whether the background, which the border shows, lies nearer to the picture's lightest than to its darkest."""
    background = float(np.median(_border(grey)))
    if grey.min() == grey.max():
        return background > _WHITE / 2
    return background - float(grey.min()) > float(grey.max()) - background


def _ink(grey: NDArray[np.uint8], dark_on_light: bool) -> NDArray[np.uint8]:
    """What differs from the background.

    A background of pure black or white is taken as it is. From a greyish one, as in a photograph, its unevenness is
    taken away too, and what remains is stretched to the whole range.
    """
    border = _border(grey).astype(np.float64)
    background = float(np.median(border))
    ink = grey.astype(np.float64) - background
    if dark_on_light:
        ink = -ink
    strongest = float(ink.max())
    if background in (0, _WHITE):
        faintest = 0 if grey.shape == (SIDE, SIDE) else FAINTEST
        return np.where(ink < faintest, 0, ink).astype(np.uint8)
    uneven = float(np.percentile(np.abs(border - background), 95))
    floor = max(2 * uneven, 0.2 * strongest)
    if strongest <= max(floor, FAINTEST):
        return np.zeros(grey.shape, np.uint8)
    return np.rint(np.clip((ink - floor) / (strongest - floor), 0, 1) * _WHITE).astype(np.uint8)
