"""A drawing as a run's network gets it. Pure, but slow for small cells: for a thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.hog import hog_picture
from mnist_tui.data.pictures import centred
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import HogFeatures


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """A drawing as the network gets it.

    Attributes:
        pixels: uint8 ``(28, 28)``.
        hog, fine_hog: its HOG picture, uint8 ``(28, 28)`` and ``(56, 56)``; None where the run sees pixels.
    """

    pixels: NDArray[np.uint8]
    hog: NDArray[np.uint8] | None = None
    fine_hog: NDArray[np.uint8] | None = None


def network_input(drawing: NDArray[np.uint8], *, centring: bool, hog: HogFeatures | None) -> NetworkInput:
    """What the network gets of a drawing, uint8 ``(28, 28)``."""
    pixels = centred(drawing) if centring else drawing
    if hog is None:
        return NetworkInput(pixels)
    coarse, fine = (
        hog_picture(pixels, orientations=hog.orientations, pixels_per_cell=hog.pixels_per_cell, scale=scale)
        for scale in (1, 2)
    )
    return NetworkInput(pixels, coarse, fine)


Pixels = NDArray[np.uint8]
Spot = tuple[float, float]
"""Row and column; whole numbers are the middles of pixels."""

BRUSH_REACH = 2.0
"""Pixels from the stroke's middle to where it fades out: strokes of 3 pixels, and as much ink as in MNIST."""
ERASER_REACH = 2.5


def blank() -> Pixels:
    """uint8 ``(28, 28)``, black."""
    return np.zeros((IMAGE_EDGE, IMAGE_EDGE), np.uint8)


def drawn(pixels: Pixels, start: Spot, end: Spot) -> Pixels:
    """The picture with a straight stroke; where it crosses others the lighter one stays."""
    return np.maximum(pixels, _stroke(start, end, BRUSH_REACH))


def erased(pixels: Pixels, start: Spot, end: Spot) -> Pixels:
    """The picture with a straight stroke rubbed out."""
    return np.minimum(pixels, 255 - _stroke(start, end, ERASER_REACH))


def _stroke(start: Spot, end: Spot, reach: float) -> Pixels:
    """How much of the brush each pixel gets, 0 to 255, by its distance from the stroke's middle line."""
    rows, columns = np.mgrid[0:IMAGE_EDGE, 0:IMAGE_EDGE]
    down, right = end[0] - start[0], end[1] - start[1]
    length = down * down + right * right
    along = ((rows - start[0]) * down + (columns - start[1]) * right) / length if length else np.zeros(rows.shape)
    along = np.clip(along, 0, 1)
    distances = np.hypot(rows - start[0] - along * down, columns - start[1] - along * right)
    return np.rint(np.clip(reach - distances, 0, 1) * 255).astype(np.uint8)
