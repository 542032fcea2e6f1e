"""One TensorFlow function from uint8 images to probabilities, features included, for exports to other programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.hog import orientation_table
from mnist_tui.experiment.shapes import IMAGE_EDGE, hog_blocks, hog_cells, hog_length
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.runs.weight_formats import IMAGES, PROBABILITIES
from mnist_tui.training import models
from mnist_tui.training.backend import tf

EPSILON, HYSTERESIS = 1e-5, 0.2
"""Of L2-Hys, as scikit-image has them."""


def whole(experiment: Experiment, weights: Sequence[NDArray[np.floating]]) -> Any:
    """Return the run's model together with the way from pixels to its input, computing in float32.

    Args:
        weights: as the model's `get_weights` gives them.

    Returns:
        A `tf.Module` whose function `predict` takes `images`, uint8 ``(n, 28, 28)``, and returns
        ``{"probabilities": float32 (n, 10)}``, as in inference.
    """
    training = experiment.training.model_copy(update={"precision": "float32"})
    model = models.build(experiment.model_copy(update={"training": training}))
    model.set_weights(weights)
    for layer in model.layers:
        if getattr(layer, "activation", None) is not None and layer.activation.__name__ == "gelu":
            layer.activation = _gelu
    spec = experiment.features

    def predict(images: Any) -> Any:
        inputs = hog(images, spec) if isinstance(spec, HogFeatures) else _scaled(images)
        return {PROBABILITIES: model(inputs, training=False)}

    module = tf.Module(name="mnist_tui")
    signature = [tf.TensorSpec((None, IMAGE_EDGE, IMAGE_EDGE), tf.uint8, name=IMAGES)]
    module.predict = tf.function(predict, input_signature=signature, autograph=False)
    # converters and savers read only variables that a module holds itself
    module.held = [variable.value for variable in model.variables]
    return module


def hog(images: Any, spec: HogFeatures) -> Any:
    """Return HOG features; they differ from those of `data.hog` by the rounding of float32 alone.

    The orientation is looked up, not computed: many gradients of digits lie on the very edge of a bin.

    Args:
        images: uint8 ``(n, 28, 28)``.

    Returns:
        float32 ``(n, length)``.
    """
    levels = tf.cast(images, tf.int32)
    along_rows = tf.pad(levels[:, 2:] - levels[:, :-2], [[0, 0], [1, 1], [0, 0]])
    along_columns = tf.pad(levels[:, :, 2:] - levels[:, :, :-2], [[0, 0], [0, 0], [1, 1]])
    table = orientation_table(spec.orientations)
    table = tf.constant(table.astype(np.uint8 if spec.orientations < 256 else np.int32).ravel())
    bins = tf.cast(tf.gather(table, (along_rows + 255) * 511 + along_columns + 255), tf.int32)
    magnitudes = tf.sqrt(tf.cast(along_rows * along_rows + along_columns * along_columns, tf.float32))
    cells = [_cell_means(tf.where(bins == n, magnitudes, 0.0), spec.pixels_per_cell) for n in range(spec.orientations)]
    return _blocks(tf.stack(cells, axis=-1), spec)


def _scaled(images: Any) -> Any:
    return tf.cast(images, tf.float32)[..., tf.newaxis] / 255.0


def _cell_means(pixels: Any, side: int) -> Any:
    """``(n, 28, 28)`` → ``(n, cells, cells)``; what lies beyond the last whole cell is unused."""
    count = hog_cells(side)
    used = pixels[:, : count * side, : count * side]
    return tf.reduce_sum(tf.reshape(used, (-1, count, side, count, side)), axis=[2, 4]) / side**2


def _blocks(cells: Any, spec: HogFeatures) -> Any:
    """``(n, cells, cells, orientations)`` → ``(n, length)``, every block normalised by L2-Hys (Lowe, 2004)."""
    edge = spec.cells_per_block
    count = hog_blocks(spec.pixels_per_cell, edge)
    places = product(range(edge), repeat=2)
    blocks = tf.stack([cells[:, row : row + count, column : column + count] for row, column in places], axis=3)
    blocks = tf.reshape(blocks, (-1, count**2, edge**2 * spec.orientations))
    blocks = _of_unit_length(tf.minimum(_of_unit_length(blocks), HYSTERESIS))
    return tf.reshape(blocks, (-1, hog_length(spec.pixels_per_cell, spec.orientations, edge)))


def _of_unit_length(blocks: Any) -> Any:
    return blocks / tf.sqrt(tf.reduce_sum(blocks * blocks, axis=-1, keepdims=True) + EPSILON**2)


def _gelu(values: Any) -> Any:
    """As Keras', written with erf: tf2onnx does not know the erfc that Keras uses."""
    return 0.5 * values * (1.0 + tf.math.erf(values / math.sqrt(2.0)))
