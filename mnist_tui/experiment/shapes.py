"""The image size, the numbers of classes and of epochs, and the arithmetic of the shapes of HOG features and windows.

The app imports this on its way to the first frame, and therefore no pydantic here.
"""

from __future__ import annotations

import math

IMAGE_EDGE = 28
CLASSES = 10
MAX_EPOCHS = 1_000_000
Shape = tuple[int, ...]


def hog_cells(pixels_per_cell: int) -> int:
    """Return the number of whole cells along one edge of an image."""
    return IMAGE_EDGE // pixels_per_cell


def hog_blocks(pixels_per_cell: int, cells_per_block: int) -> int:
    """Return the number of blocks along one edge of an image; blocks step by one cell (Dalal and Triggs, 2005)."""
    return hog_cells(pixels_per_cell) - cells_per_block + 1


def hog_length(pixels_per_cell: int, orientations: int, cells_per_block: int) -> int:
    """Return the length of an image's HOG feature vector."""
    return hog_blocks(pixels_per_cell, cells_per_block) ** 2 * cells_per_block**2 * orientations


def windows(edge: int, window: int, stride: int, padding: str) -> int:
    """Return the number of positions of a window along an edge, as TensorFlow counts them."""
    if padding == "same":
        return math.ceil(edge / stride)
    return (edge - window) // stride + 1


def written(shape: Shape) -> str:
    """Return a shape in words: ``28×28×1`` for ``(28, 28, 1)``."""
    return "×".join(str(size) for size in shape)
