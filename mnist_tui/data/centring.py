"""MNIST's own normalisation: any grey picture brought to what a network trained on MNIST expects.

As Y. LeCun, C. Cortes and C. Burges describe it with the data set: the digit is fitted into 20×20 pixels, its
proportions kept, grey levels from antialiasing; then its centre of mass is brought to the middle of 28×28. In their
files that is pixel 14, counted from 0, to half a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import SIDE

BOX: Final = 20
MIDDLE: Final = 14
_DIGITS: Final = tuple(map(str, range(10)))


def centres(class_names: Sequence[str]) -> bool:
    """Whether pictures of these classes were centred so: the ten digits are, clothes and others fill their frame."""
    return tuple(class_names) == _DIGITS


def centred(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture as MNIST would hold it.

    Args:
        picture: uint8 ``(height, width)`` of any size, light on black; what is above 0 is ink.

    Returns:
        uint8 ``(28, 28)``; all 0 where there is no ink. What MNIST's files hold comes back unchanged.
    """
    frame = np.zeros((SIDE, SIDE), np.uint8)
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
    """The whole picture in 28×28, its proportions kept, black beside it; one of 28×28 as it is.

    Args:
        picture: uint8 ``(height, width)`` of any size, light on black.
    """
    scale = SIDE / max(picture.shape)
    height, width = (max(1, round(side * scale)) for side in picture.shape)
    frame = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    frame[top : top + height, left : left + width] = resized(picture, height, width)
    return frame


def resized(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The picture in another size: pixels are averaged over the areas they cover where it shrinks, else blended."""
    down, across = _weights(picture.shape[0], height), _weights(picture.shape[1], width)
    return np.rint(np.clip(down @ picture.astype(np.float64) @ across.T, 0, 255)).astype(np.uint8)


def _start(masses: NDArray[np.float64]) -> int:
    """Where the box begins along an axis, its masses' centre on the middle pixel; never beyond the frame."""
    total = masses.sum()
    centre = float(np.arange(len(masses)) @ masses / total) if total else (len(masses) - 1) / 2
    return min(max(math.floor(MIDDLE - centre + 0.5), 0), SIDE - len(masses))


@lru_cache(maxsize=16)
def _weights(source: int, target: int) -> NDArray[np.float64]:
    """(target, source): what each source pixel gives to each target pixel; every row sums to 1."""
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
