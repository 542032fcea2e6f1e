"""Shapes through an experiment's layers, by arithmetic: what fits, what does not, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mnist_tui.experiment.layers import Conv2D, Dense, ExperimentPart, Flatten, MaxPooling2D

IMAGE_EDGE = 28
CLASSES = 10
Shape = tuple[int, ...]


def hog_cells(pixels_per_cell: int) -> int:
    """Whole cells along one edge of an image."""
    return IMAGE_EDGE // pixels_per_cell


def hog_blocks(pixels_per_cell: int, cells_per_block: int) -> int:
    """Block positions along one edge of an image; blocks step by one cell (Dalal and Triggs, 2005)."""
    return hog_cells(pixels_per_cell) - cells_per_block + 1


def hog_length(pixels_per_cell: int, orientations: int, cells_per_block: int) -> int:
    """Length of an image's HOG feature vector."""
    return hog_blocks(pixels_per_cell, cells_per_block) ** 2 * cells_per_block**2 * orientations


def windows(edge: int, window: int, stride: int, padding: str) -> int:
    """Positions of a window along an edge, as TensorFlow counts them."""
    if padding == "same":
        return math.ceil(edge / stride)
    return (edge - window) // stride + 1


def output_shape(layer: ExperimentPart, inputs: Shape) -> Shape:
    """The output shape of `layer` for one example of shape `inputs` (the batch axis is left out).

    Raises:
        ValueError: the layer cannot take such an input; the text says what would work.
    """
    match layer:
        case Flatten():
            return (math.prod(inputs),)
        case Dense():
            if len(inputs) != 1:
                raise ValueError(f"a dense layer takes a vector, not {written(inputs)}; put a flatten layer before it")
            return (layer.units,)
        case Conv2D() | MaxPooling2D():
            return _windowed(layer, inputs)
        case _:
            return inputs


def _windowed(layer: Conv2D | MaxPooling2D, inputs: Shape) -> Shape:
    is_conv = isinstance(layer, Conv2D)
    name = "a convolution" if is_conv else "max pooling"
    if len(inputs) != 3:
        raise ValueError(
            f"{name} takes an image, not a vector of {inputs[0]}; it needs raw pixels and no flatten before it"
        )
    window = layer.kernel_size if isinstance(layer, Conv2D) else layer.pool_size
    stride = layer.strides or window
    edges = [windows(edge, window, stride, layer.padding) for edge in inputs[:2]]
    if min(edges) < 1:
        raise ValueError(
            f"{name} of {window}×{window} does not fit its input of {written(inputs)}; "
            'a smaller one or padding = "same" does'
        )
    return (*edges, layer.filters if isinstance(layer, Conv2D) else inputs[2])


def shapes_through(inputs: Shape, layers: Sequence[ExperimentPart]) -> list[Shape]:
    """The shapes before the first layer and after each.

    Raises:
        LayerError: a layer does not take what the one before it gives.
    """
    shapes = [inputs]
    for position, layer in enumerate(layers):
        try:
            shapes.append(output_shape(layer, shapes[-1]))
        except ValueError as error:
            raise LayerError(position, str(error)) from None
    return shapes


class LayerError(ValueError):
    """A layer that does not fit.

    Attributes:
        position: the layer's place in the stack, from 0.
    """

    def __init__(self, position: int, message: str) -> None:
        self.position = position
        super().__init__(message)


def written(shape: Shape) -> str:
    """``(28, 28, 1)`` → ``28×28×1``."""
    return "×".join(str(size) for size in shape)
