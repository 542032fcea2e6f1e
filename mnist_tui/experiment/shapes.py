"""The limits of images, classes and epochs, and the arithmetic of the shapes of HOG features and windows.

The app imports this on its way to the first frame, and therefore no pydantic here.
"""

from __future__ import annotations

import math

Shape = tuple[int, ...]
ImageShape = tuple[int, int, int]
"""Height and width in pixels, and channels: 1 for grey levels, 3 for colours."""

DEFAULT_IMAGE: ImageShape = (28, 28, 1)
DEFAULT_CLASSES = 10
"""MNIST's, which an experiment has unless its dataset says otherwise."""
SMALLEST_EDGE, LARGEST_EDGE = 4, 64
FEWEST_CLASSES, MOST_CLASSES = 2, 100
MAX_EPOCHS = 1_000_000


def hog_cells(image: Shape, pixels_per_cell: int) -> tuple[int, int]:
    """Return the numbers of whole cells of an image, down and across."""
    return image[0] // pixels_per_cell, image[1] // pixels_per_cell


def hog_blocks(image: Shape, pixels_per_cell: int, cells_per_block: int) -> tuple[int, int]:
    """Return the numbers of blocks, down and across; blocks step by one cell (Dalal and Triggs, 2005)."""
    down, across = hog_cells(image, pixels_per_cell)
    return down - cells_per_block + 1, across - cells_per_block + 1


def hog_length(image: Shape, pixels_per_cell: int, orientations: int, cells_per_block: int) -> int:
    """Return the length of an image's HOG feature vector."""
    return math.prod(hog_blocks(image, pixels_per_cell, cells_per_block)) * cells_per_block**2 * orientations


def windows(edge: int, window: int, stride: int, padding: str) -> int:
    """Return the number of positions of a window along an edge, as TensorFlow counts them."""
    if padding == "same":
        return math.ceil(edge / stride)
    return (edge - window) // stride + 1


def pixels_shape(image: Shape) -> Shape:
    """Return the shape of an image's pixels in a dataset: ``(height, width)``, or ``(height, width, 3)`` in colour."""
    return image if image[2] > 1 else image[:2]


def image_of_pixels(shape: Shape) -> ImageShape:
    """Return height, width and channels of an image whose pixels have this shape in a dataset."""
    height, width, *channels = shape
    return height, width, channels[0] if channels else 1


def written(shape: Shape) -> str:
    """Return a shape in words: ``28×28×1`` for ``(28, 28, 1)``."""
    return "×".join(str(size) for size in shape)
