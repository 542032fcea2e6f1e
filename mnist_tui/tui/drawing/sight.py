"""A drawing as a run's network gets it. Pure, but slow for small cells: for a thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.hog import hog_picture
from mnist_tui.data.pictures import centred
from mnist_tui.experiment.spec import HogFeatures


@dataclass(frozen=True, eq=False)
class Sight:
    """A drawing as the network gets it.

    Attributes:
        pixels: uint8 ``(28, 28)``.
        hog, fine_hog: its HOG picture, uint8 ``(28, 28)`` and ``(56, 56)``; None where the run sees pixels.
    """

    pixels: NDArray[np.uint8]
    hog: NDArray[np.uint8] | None = None
    fine_hog: NDArray[np.uint8] | None = None


def see(drawing: NDArray[np.uint8], *, centring: bool, hog: HogFeatures | None) -> Sight:
    """What the network gets of a drawing, uint8 ``(28, 28)``."""
    pixels = centred(drawing) if centring else drawing
    if hog is None:
        return Sight(pixels)
    coarse, fine = (
        hog_picture(pixels, orientations=hog.orientations, pixels_per_cell=hog.pixels_per_cell, scale=scale)
        for scale in (1, 2)
    )
    return Sight(pixels, coarse, fine)
