"""A drawing of an image's histograms of oriented gradients, as scikit-image draws them."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.hog import cell_histograms, check


def hog_picture(
    image: NDArray[np.uint8], *, orientations: int = 8, pixels_per_cell: int = 4, scale: int = 1
) -> NDArray[np.uint8]:
    """A drawing of one image's cell histograms: in every cell a line for each orientation bin.

    A line runs at right angles to the gradients of its bin, along the edge that causes them, as bright as
    their mean magnitude. At scale 1 this is the picture of `skimage.feature.hog(visualize=True)`, its
    brightest point brought to 255; cells of one pixel, which scikit-image cannot draw, get a dot.

    Args:
        image: uint8 array of shape (height, width).
        orientations: Bins over 180°.
        pixels_per_cell: Side of a cell in pixels of the image.
        scale: How many pixels of the picture a pixel of the image takes.

    Returns:
        uint8 array of shape (height · scale, width · scale); all 0 where nothing has an edge.

    Raises:
        ValueError: As for `hog_batch`, or the scale is below 1.
    """
    if image.ndim != 2:
        raise ValueError(f"a HOG picture is drawn of one image (height, width), not of shape {image.shape}")
    if scale < 1:
        raise ValueError(f"scale is {scale}; it must be at least 1")
    check(image[np.newaxis], orientations, pixels_per_cell, 1)
    histograms = cell_histograms(image[np.newaxis], orientations, pixels_per_cell)[0]
    height, width = image.shape
    glow = np.zeros((height * scale, width * scale))
    _draw_lines(glow, histograms, pixels_per_cell * scale)
    brightest = glow.max()
    if brightest > 0:
        glow *= 255 / brightest
    return np.rint(glow).astype(np.uint8)


def _draw_lines(glow: NDArray[np.float64], histograms: NDArray[np.float64], side: int) -> None:
    """Add every cell's lines to `glow`, a cell being `side` points wide; where lines cross they add up."""
    down, across, orientations = histograms.shape
    radius = max(side // 2 - 1, 0)
    middles = np.pi * (np.arange(orientations) + 0.5) / orientations
    rises, runs = (radius * np.cos(middles)).tolist(), (radius * np.sin(middles)).tolist()
    for row, column in product(range(side // 2, down * side, side), range(side // 2, across * side, side)):
        brightness = histograms[row // side, column // side].tolist()
        for rise, run, level in zip(rises, runs, brightness, strict=True):
            first = int(row - rise) - row, int(column + run) - column
            last = int(row + rise) - row, int(column - run) - column
            line_rows, line_columns = _line(first, last)
            glow[line_rows + row, line_columns + column] += level


@lru_cache(maxsize=1024)
def _line(first: tuple[int, int], last: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of a line's points by J. E. Bresenham's algorithm (1965), both ends included."""
    row, column = first
    rows, columns = abs(last[0] - row), abs(last[1] - column)
    row_step = 1 if last[0] > row else -1
    column_step = 1 if last[1] > column else -1
    steep = rows > columns
    long, short = (rows, columns) if steep else (columns, rows)
    points: list[tuple[int, int]] = []
    error = 2 * short - long
    for _ in range(long):
        points.append((row, column))
        if error >= 0:
            row, column = (row, column + column_step) if steep else (row + row_step, column)
            error -= 2 * long
        row, column = (row + row_step, column) if steep else (row, column + column_step)
        error += 2 * short
    points.append(last)
    line = np.array(points, dtype=np.intp)
    return line[:, 0], line[:, 1]
