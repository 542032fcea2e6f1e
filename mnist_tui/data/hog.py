"""Histograms of oriented gradients (HOG) for a whole stack of images, and a picture of one image's histograms.

The descriptor is that of N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005
(doi:10.1109/CVPR.2005.177), as `skimage.feature.hog` computes it for one image with `block_norm="L2-Hys"`: its
roundings are reproduced, so that results agree bit for bit. A pixel of a colour image has the gradient of the channel
in which it is the largest; of equal ones, the first counts.

A gradient of uint8 pixels takes one of 511 values in each direction. Magnitude and orientation bin are therefore looked
up in tables instead of being computed for every pixel. Within a chunk of images the image is the last axis: whatever
the geometry of the cells, every operation runs along contiguous memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise, product
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

VERSION: Final = 1
"""The version of the results, raised whenever `hog_batch` gives other bits, because features are cached on disk."""

_Pixel = TypeVar("_Pixel", np.uint8, np.uint16)

_EPSILON, _HYSTERESIS = 1e-5, 0.2
_PIXELS_AT_ONCE, _VALUES_AT_ONCE = 400_000, 100_000
"""Limits of a chunk, so that the arrays in use stay in a core's cache."""


def hog_batch(
    images: NDArray[np.uint8],
    *,
    orientations: int = 8,
    pixels_per_cell: int = 4,
    cells_per_block: int = 1,
    dtype: type[np.float32] | type[np.float64] = np.float32,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.floating]:
    """Return the HOG feature vectors of many images.

    Args:
        images: uint8 array of shape (n, height, width), or (n, height, width, 3) for colour images.
        orientations: Bins over 180°, at least 1.
        pixels_per_cell: Side of a square cell in pixels. Pixels beyond the last whole cell are unused.
        cells_per_block: Side of a square block in cells. Blocks overlap: one begins at every cell.
        dtype: Type of the result. With float64 a row equals `skimage.feature.hog(image, orientations,
            (pixels_per_cell,) * 2, (cells_per_block,) * 2, block_norm="L2-Hys", feature_vector=True)`, with
            `channel_axis=-1` for colour; with float32 these values are rounded.
        on_progress: Called after each chunk with the number of images done, and of all images.

    Returns:
        Array of shape (n, blocks down · blocks across · cells_per_block² · orientations).

    Raises:
        ValueError: The images are not a uint8 stack, a parameter is below 1, or no block fits.
    """
    _check(images, orientations, pixels_per_cell, cells_per_block)
    count, height, width = images.shape[:3]
    down, across = height // pixels_per_cell, width // pixels_per_cell
    blocks = (down - cells_per_block + 1) * (across - cells_per_block + 1)
    length = blocks * cells_per_block**2 * orientations
    features = np.empty((count, length), dtype)
    chunk = max(1, min(_PIXELS_AT_ONCE // (height * width), _VALUES_AT_ONCE // length))
    for start in range(0, count, chunk):
        stop = min(start + chunk, count)
        values = _blocks(_cell_means(images[start:stop], orientations, pixels_per_cell), cells_per_block)
        # L2-Hys: to unit length, limited to 0.2, to unit length again (Lowe, 2004)
        values /= _lengths(values)
        np.minimum(values, _HYSTERESIS, out=values)
        values /= _lengths(values)
        # (values of a block, blocks, n) → (n, blocks · values of a block), long runs first
        rows = np.empty((blocks, cells_per_block**2 * orientations, stop - start), dtype)
        rows[:] = values.reshape(-1, blocks, stop - start).swapaxes(0, 1)
        features[start:stop] = rows.reshape(length, -1).T
        if on_progress is not None:
            on_progress(stop, count)
    return features


def cell_histograms(images: NDArray[np.uint8], orientations: int, pixels_per_cell: int) -> NDArray[np.float64]:
    """Return the mean gradient magnitude of each cell by orientation, before any block normalisation.

    Returns:
        Array of shape (n, cells down, cells across, orientations), in grey levels per pixel.
    """
    means = _cell_means(images, orientations, pixels_per_cell)
    return np.ascontiguousarray(means.transpose(3, 1, 2, 0), np.float64)


def _cell_means(images: NDArray[np.uint8], orientations: int, side: int) -> NDArray[np.float32]:
    """Return the same as `cell_histograms`, as (orientations, cells down, cells across, n)."""
    count, height, width = images.shape[:3]
    down, across = height // side, width // side
    cells = down * across * count
    magnitudes, bins = _gradient_tables(orientations)
    steps, signs = _gradients(images) if images.ndim == 3 else _largest_gradients(images)
    steps, signs = _cell_pixels(steps, side), _cell_pixels(signs, side)
    sloped = np.flatnonzero(steps != 0)
    places = steps.take(sloped).astype(np.intp)
    added = magnitudes.take(places)
    places += np.left_shift(signs.take(sloped), 16, dtype=np.intp)
    targets = np.multiply(bins.take(places), cells, dtype=np.intp)
    targets += sloped
    # scikit-image adds a cell's pixels row by row, each sum rounded to float32. Taking one pixel of every
    # cell at a time keeps that order, and no bin is addressed twice in one step.
    totals = np.zeros((orientations + 1) * cells, np.float32)
    bounds = np.searchsorted(sloped, np.arange(side**2 + 1) * cells).tolist()
    for pixel, (start, stop) in enumerate(pairwise(bounds)):
        where = targets[start:stop]
        where -= pixel * cells
        totals[where] = (totals.take(where) + added[start:stop]).astype(np.float32)
    totals /= np.float32(side**2)
    return totals.reshape(-1, down, across, count)[:orientations]


@lru_cache(maxsize=4)
def _gradient_tables(orientations: int) -> tuple[NDArray[np.float64], NDArray[np.unsignedinteger]]:
    """Return the magnitude for each value of `_gradients`' steps, and the bin for each of its signs · 65,536 + steps.

    scikit-image compares a double angle with bin edges in float32. If the last edge rounds to below 180°, an angle
    beyond it belongs to no bin, and gets the number `orientations`.
    """
    levels = np.arange(256.0)
    along_rows, along_columns = np.meshgrid(levels, levels, indexing="ij")
    magnitudes = np.hypot(along_columns, along_rows).ravel()
    turns = ((1, 1), (1, -1), (-1, 1), (-1, -1))
    angles = np.concatenate([np.arctan2(down * along_rows, right * along_columns).ravel() for down, right in turns])
    angles *= 180 / np.pi
    np.remainder(angles, 180, out=angles)
    edges = (180.0 / orientations * np.arange(orientations + 1)).astype(np.float32).astype(np.float64)
    bins = (np.searchsorted(edges, angles, side="right") - 1).astype(np.min_scalar_type(orientations))
    magnitudes.setflags(write=False)
    bins.setflags(write=False)
    return magnitudes, bins


def orientation_table(orientations: int) -> NDArray[np.unsignedinteger]:
    """Return a table of the orientation bins of all gradients that uint8 pixels can have.

    Returns:
        Array of shape (511, 511), indexed by the differences along rows and along columns, each + 255: bins from 0,
        or `orientations` for a gradient that belongs to no bin.
    """
    _, bins = _gradient_tables(orientations)
    steps = np.arange(-255, 256)
    along_rows, along_columns = np.meshgrid(steps, steps, indexing="ij")
    signs = 2 * (along_rows < 0) + (along_columns < 0)
    return bins[65_536 * signs + 256 * np.abs(along_rows) + np.abs(along_columns)]


def _gradients(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Return the sizes and the signs of each pixel's two central differences, each as (height, width, n).

    Returns:
        The absolute differences in one number: 256 times the difference along rows, plus the difference along columns
        (0 on the border); and the signs in one number: 2 if the first difference is negative, plus 1 if the second is.
    """
    count, height, width = images.shape
    levels = np.ascontiguousarray(images.reshape(count, -1).T).reshape(height, width, count)
    steps, signs = np.zeros(levels.shape, np.uint16), np.zeros(levels.shape, np.uint8)
    after, before = levels[2:], levels[:-2]
    steps[1:-1] = np.maximum(after, before) - np.minimum(after, before)
    steps <<= 8
    signs[1:-1] = after < before
    signs <<= 1
    after, before = levels[:, 2:], levels[:, :-2]
    steps[:, 1:-1] |= np.maximum(after, before) - np.minimum(after, before)
    signs[:, 1:-1] |= after < before
    return steps, signs


def _largest_gradients(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Return the same as `_gradients` for colour images (n, height, width, 3): each pixel's largest gradient."""
    ranks = magnitude_ranks().ravel()
    steps, signs = _gradients(images[..., 0])
    largest = ranks.take(steps)
    for channel in range(1, images.shape[3]):
        other_steps, other_signs = _gradients(images[..., channel])
        sizes = ranks.take(other_steps)
        larger = sizes > largest
        for kept, other in ((largest, sizes), (steps, other_steps), (signs, other_signs)):
            np.copyto(kept, other, where=larger)
    return steps, signs


@lru_cache(maxsize=1)
def magnitude_ranks() -> NDArray[np.uint16]:
    """Return the order of all gradients by magnitude, by which the largest of three channels is found.

    scikit-image compares the results of `np.hypot`, which for equal sums of squares can differ in the last bit.

    Returns:
        Array of shape (256, 256), indexed by the absolute differences along rows and along columns: 0 for the smallest
        magnitude, the same number for equal ones.
    """
    magnitudes, _ = _gradient_tables(1)
    _, ranks = np.unique(magnitudes, return_inverse=True)
    ranks = ranks.astype(np.uint16).reshape(256, 256)
    ranks.setflags(write=False)
    return ranks


def _cell_pixels(pixels: NDArray[_Pixel], side: int) -> NDArray[_Pixel]:
    """Return pixels (height, width, n) in another order: the first pixel of every whole cell, then the second, etc."""
    height, width, count = pixels.shape
    down, across = height // side, width // side
    cells = pixels[: down * side, : across * side].reshape(down, side, across, side, count)
    return np.ascontiguousarray(cells.transpose(1, 3, 0, 2, 4)).reshape(-1)


def _blocks(means: NDArray[np.float32], cells_per_block: int) -> NDArray[np.float64]:
    """Return the blocks of cells (orientations, down, across, n): a column each, (values of a block, blocks · n)."""
    orientations, down, across, count = means.shape
    shape = down - cells_per_block + 1, across - cells_per_block + 1
    blocks = np.empty((cells_per_block, cells_per_block, orientations, *shape, count))
    for row, column in product(range(cells_per_block), repeat=2):
        blocks[row, column] = means[:, row : row + shape[0], column : column + shape[1]]
    return blocks.reshape(cells_per_block**2 * orientations, -1)


def _lengths(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    energy = _sum([np.square(values) for values in blocks])
    energy += _EPSILON**2
    return np.sqrt(energy, out=energy)


def _sum(terms: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the sum of the terms, added pairwise in the order of `np.sum` over a row, so that it rounds alike.

    The terms may be overwritten. N. J. Higham, "The Accuracy of Floating Point Summation", 1993
    (doi:10.1137/0914050), on pairwise summation.
    """
    if len(terms) > 128:
        half = len(terms) // 2 // 8 * 8
        total = _sum(terms[:half])
        total += _sum(terms[half:])
        return total
    whole = len(terms) // 8 * 8
    for start in range(8, whole, 8):
        for lane in range(8):
            terms[lane][:] += terms[start + lane]
    step = 1
    while whole and step < 8:
        for lane in range(0, 8, 2 * step):
            terms[lane][:] += terms[lane + step]
        step *= 2
    for term in terms[max(whole, 1) :]:
        terms[0][:] += term
    return terms[0]


def _check(images: NDArray[np.uint8], orientations: int, pixels_per_cell: int, cells_per_block: int) -> None:
    if images.dtype != np.uint8:
        raise ValueError(f"HOG takes uint8 images, not {images.dtype}")
    if images.ndim != 3 and (images.ndim != 4 or images.shape[3] != 3):
        raise ValueError(f"HOG takes images of shape (n, height, width) or (n, height, width, 3), not {images.shape}")
    sizes = {"orientations": orientations, "pixels per cell": pixels_per_cell, "cells per block": cells_per_block}
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")
    height, width = images.shape[1:3]
    if pixels_per_cell * cells_per_block > min(height, width):
        raise ValueError(
            f"a block of {cells_per_block} cells of {pixels_per_cell} pixels does not fit into an image of "
            f"{height} × {width} pixels"
        )


def hog_picture(
    image: NDArray[np.uint8], *, orientations: int = 8, pixels_per_cell: int = 4, scale: int = 1
) -> NDArray[np.uint8]:
    """Draw one image's cell histograms: in every cell a line for each orientation bin.

    A line runs at right angles to the gradients of its bin, along the edge that causes them, and is as bright as their
    mean magnitude. At scale 1 this is the picture of `skimage.feature.hog(visualize=True)`, its brightest point brought
    to 255; a cell of one pixel, which scikit-image cannot draw, gets a dot.

    Args:
        image: uint8 array of shape (height, width), or (height, width, 3) for a colour image.
        orientations: Bins over 180°.
        pixels_per_cell: Side of a cell in pixels of the image.
        scale: Pixels of the picture for a pixel of the image.

    Returns:
        uint8 array of shape (height · scale, width · scale); all 0 if the image has no edge.

    Raises:
        ValueError: As for `hog_batch`, or the scale is below 1.
    """
    if scale < 1:
        raise ValueError(f"scale is {scale}; it must be at least 1")
    histograms = _histograms_of(image, orientations, pixels_per_cell)
    height, width = image.shape[:2]
    glow = np.zeros((height * scale, width * scale))
    _draw_lines(glow, histograms, pixels_per_cell * scale)
    brightest = glow.max()
    if brightest > 0:
        glow *= 255 / brightest
    return np.rint(glow).astype(np.uint8)


def strongest_edges(
    image: NDArray[np.uint8], *, orientations: int = 8, pixels_per_cell: int = 4
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the direction and the strength of the strongest edge in each cell of one image.

    Args:
        image: uint8 array of shape (height, width) or (height, width, 3).

    Returns:
        Two uint8 arrays of shape (cells down, cells across): the direction, 0 for an edge that runs to the right, 1 to
        the upper right, 2 upwards, 3 to the upper left; and the mean magnitude of its bin, the largest brought to 255.

    Raises:
        ValueError: As for `hog_batch`.
    """
    histograms = _histograms_of(image, orientations, pixels_per_cell)
    largest = histograms.max(axis=2)
    strengths = np.rint(largest * (255 / max(largest.max(), 1e-12)))
    return edge_directions(orientations)[histograms.argmax(axis=2)], strengths.astype(np.uint8)


def edge_directions(orientations: int) -> NDArray[np.uint8]:
    """Return the direction of the edges that cause the gradients of each bin, in the numbers of `strongest_edges`."""
    angles = 90 - 180 * (np.arange(orientations) + 0.5) / orientations  # at right angles to the gradients
    return (np.rint(angles / 45) % 4).astype(np.uint8)


def _histograms_of(image: NDArray[np.uint8], orientations: int, pixels_per_cell: int) -> NDArray[np.float64]:
    if image.ndim < 2 or image.shape[2:] not in {(), (3,)}:
        raise ValueError(f"one image of shape (height, width) or (height, width, 3) is needed, not {image.shape}")
    _check(image[np.newaxis], orientations, pixels_per_cell, 1)
    return cell_histograms(image[np.newaxis], orientations, pixels_per_cell)[0]


def _draw_lines(glow: NDArray[np.float64], histograms: NDArray[np.float64], side: int) -> None:
    """Add every cell's lines to `glow`, with cells of `side` points; where lines cross, their brightness adds up."""
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
    """Return the rows and columns of a line's points by J. E. Bresenham's algorithm (1965), both ends included."""
    row, column = first
    rows, columns = abs(last[0] - row), abs(last[1] - column)
    row_step, column_step = 1 if last[0] > row else -1, 1 if last[1] > column else -1
    steep = rows > columns
    long, short = max(rows, columns), min(rows, columns)
    points: list[tuple[int, int]] = []
    error = 2 * short - long
    for _ in range(long):
        points.append((row, column))
        across = error >= 0
        row += row_step * (steep or across)
        column += column_step * (not steep or across)
        error += 2 * short - 2 * long * across
    line = np.array([*points, last], dtype=np.intp)
    return line[:, 0], line[:, 1]
