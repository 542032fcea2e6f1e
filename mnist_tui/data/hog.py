"""Histograms of oriented gradients for a whole stack of images, and a picture of them.

The descriptor is that of N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection",
CVPR 2005 (doi:10.1109/CVPR.2005.177), as `skimage.feature.hog` computes it for one grey image with
`block_norm="L2-Hys"`: its roundings are reproduced, so that results agree bit for bit.

A gradient of uint8 pixels takes one of 511 values in each direction. Magnitude and orientation bin are
therefore looked up in a table of 511 × 511 entries instead of being computed for every pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_GRADIENTS = 511  # -255 … 255
_FLAT = 255 * _GRADIENTS + 255  # the table's place of a zero gradient
_EPSILON = 1e-5
_HYSTERESIS = 0.2
_CELLS_AT_ONCE = 8_000
_PIXELS_AT_ONCE = 1_600_000


def hog_batch(
    images: NDArray[np.uint8],
    *,
    orientations: int = 8,
    pixels_per_cell: int = 4,
    cells_per_block: int = 1,
    dtype: type[np.float32] | type[np.float64] = np.float32,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.floating]:
    """HOG feature vectors of many images.

    Args:
        images: uint8 array of shape (n, height, width).
        orientations: Bins over 180°, at least 1.
        pixels_per_cell: Side of a square cell in pixels. Pixels beyond the last whole cell are unused.
        cells_per_block: Side of a square block in cells. Blocks overlap, one beginning at every cell.
        dtype: Of the result. With float64 a row equals `skimage.feature.hog(image, orientations,
            (pixels_per_cell,) * 2, (cells_per_block,) * 2, block_norm="L2-Hys", feature_vector=True)`;
            float32 is that, rounded.
        on_progress: Called with the images done and the images altogether, after each chunk.

    Returns:
        Array of shape (n, blocks down · blocks across · cells_per_block² · orientations).

    Raises:
        ValueError: The images are not a uint8 stack, a parameter is below 1, or no block fits.
    """
    _check(images, orientations, pixels_per_cell, cells_per_block)
    count, height, width = images.shape
    down, across = height // pixels_per_cell, width // pixels_per_cell
    blocks = (down - cells_per_block + 1) * (across - cells_per_block + 1)
    block_length = cells_per_block**2 * orientations
    features = np.zeros((count, blocks * block_length), dtype)
    chunk = max(1, min(_CELLS_AT_ONCE // (down * across), _PIXELS_AT_ONCE // (height * width)))
    for start in range(0, count, chunk):
        stop = min(start + chunk, count)
        histograms = cell_histograms(images[start:stop], orientations, pixels_per_cell)
        sloped, normalised = _normalised_blocks(_blocks(histograms, cells_per_block))
        features[start:stop].reshape(-1, block_length)[sloped] = normalised
        if on_progress is not None:
            on_progress(stop, count)
    return features


def cell_histograms(images: NDArray[np.uint8], orientations: int, pixels_per_cell: int) -> NDArray[np.float64]:
    """Mean gradient magnitude of each cell by orientation, before any block normalisation.

    Args:
        images: uint8 array of shape (n, height, width).
        orientations: Bins over 180°.
        pixels_per_cell: Side of a cell in pixels.

    Returns:
        Array of shape (n, cells down, cells across, orientations), grey levels per pixel step.
    """
    magnitudes, bins = _gradient_tables(orientations)
    down, across = images.shape[1] // pixels_per_cell, images.shape[2] // pixels_per_cell
    gradients = _cell_pixels(_gradient_places(images), pixels_per_cell)
    cells = gradients.shape[1]
    first_bins = np.arange(cells) * orientations
    # scikit-image adds a cell's pixels row by row, each sum rounded to float32. Taking one pixel of every
    # cell at a time keeps that order, and no bin is addressed twice in one step.
    totals = np.zeros(cells * orientations, np.float32)
    for pixel in gradients:
        sloped = np.flatnonzero(pixel != _FLAT)
        places = pixel.take(sloped)
        targets = first_bins.take(sloped)
        targets += bins.take(places)
        totals[targets] = totals.take(targets) + magnitudes.take(places)
    means = totals / np.float32(pixels_per_cell**2)
    return means.astype(np.float64).reshape(len(images), down, across, orientations)


@lru_cache(maxsize=4)
def _gradient_tables(orientations: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Magnitude and orientation bin for every gradient of uint8 pixels, at `_gradient_places`.

    scikit-image compares a double angle with bin edges in float32. Where the last edge rounds to below 180°,
    the angles beyond it belong to no bin: their magnitude is 0 here.
    """
    steps = np.arange(-255.0, 256.0)
    along_rows, along_columns = np.meshgrid(steps, steps, indexing="ij")
    angles = np.arctan2(along_rows, along_columns)
    angles *= 180 / np.pi
    np.remainder(angles, 180, out=angles)
    edges = (180.0 / orientations * np.arange(orientations + 1)).astype(np.float32).astype(np.float64)
    bins = np.searchsorted(edges, angles.ravel(), side="right").astype(np.int32) - 1
    magnitudes = np.hypot(along_columns, along_rows).ravel()
    outside = bins == orientations
    magnitudes[outside] = 0
    bins[outside] = 0
    magnitudes.setflags(write=False)
    bins.setflags(write=False)
    return magnitudes, bins


def _gradient_places(images: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Each pixel's central differences as one place in the tables; 0 on the border along its axis."""
    levels = images.astype(np.int32)
    places = np.full(levels.shape, _FLAT, np.int32)
    places[:, 1:-1] += (levels[:, 2:] - levels[:, :-2]) * _GRADIENTS
    places[:, :, 1:-1] += levels[:, :, 2:]
    places[:, :, 1:-1] -= levels[:, :, :-2]
    return places


def _cell_pixels(pixels: NDArray[np.int32], side: int) -> NDArray[np.int32]:
    """(n, height, width) → (side², n · cells): a row holds the same pixel of every whole cell."""
    count, height, width = pixels.shape
    down, across = height // side, width // side
    whole = pixels[:, : down * side, : across * side]
    cells = whole.reshape(count, down, side, across, side)
    return np.ascontiguousarray(cells.transpose(2, 4, 0, 1, 3)).reshape(side * side, -1)


def _blocks(histograms: NDArray[np.float64], cells_per_block: int) -> NDArray[np.float64]:
    """(n, down, across, orientations) → (n · blocks, cells_per_block² · orientations), one block a row."""
    if cells_per_block > 1:
        window = (cells_per_block, cells_per_block)
        histograms = sliding_window_view(histograms, window, axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    return np.ascontiguousarray(histograms).reshape(-1, cells_per_block**2 * histograms.shape[-1])


def _normalised_blocks(blocks: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """L2-Hys: to unit length, values limited to 0.2, to unit length again (Lowe 2004).

    Returns:
        The rows that have any gradient, as indices, and these rows normalised; every other row stays 0.
    """
    energy = np.square(blocks).sum(axis=1)
    sloped = np.flatnonzero(energy)
    normalised = blocks.take(sloped, axis=0)
    normalised /= _length(energy.take(sloped))
    np.minimum(normalised, _HYSTERESIS, out=normalised)
    normalised /= _length(np.square(normalised).sum(axis=1))
    return sloped, normalised


def _length(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    length: NDArray[np.float64] = np.sqrt(energy + _EPSILON**2)
    return length[:, np.newaxis]


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
    _check(image[np.newaxis], orientations, pixels_per_cell, 1)
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


def _check(images: NDArray[np.uint8], orientations: int, pixels_per_cell: int, cells_per_block: int) -> None:
    if images.dtype != np.uint8:
        raise ValueError(f"HOG takes uint8 images, not {images.dtype}")
    if images.ndim != 3:
        raise ValueError(f"HOG takes images of shape (n, height, width), not {images.shape}")
    for name, value in (
        ("orientations", orientations),
        ("pixels per cell", pixels_per_cell),
        ("cells per block", cells_per_block),
    ):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")
    height, width = images.shape[1:]
    if pixels_per_cell * cells_per_block > min(height, width):
        raise ValueError(
            f"a block of {cells_per_block} cells of {pixels_per_cell} pixels does not fit into an image of "
            f"{height} × {width} pixels"
        )
