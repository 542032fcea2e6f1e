"""Scoring: loss, counts and probabilities of many images in few calls, dropout off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.training.backend import keras, tf
from mnist_tui.training.resident import Resident

ACTIVATION_BYTES = 64_000_000
MOST_ROWS = 10_000


@dataclass(frozen=True)
class Scores:
    """Loss and accuracy (means), counts (rows true, columns predicted) of `images` images, dropout off."""

    loss: float
    accuracy: float
    confusion: NDArray[np.int64]
    images: int


def scores(loss: float, confusion: NDArray[np.int64]) -> Scores:
    """Means from a summed loss and the counts."""
    images = int(confusion.sum())
    return Scores(loss / images, int(confusion.trace()) / images, confusion, images)


class Scorer:
    """Scores examples in large blocks, dropout off.

    Args:
        model: a Keras model.
        like: examples of the kind to be scored.
        largest_layer: values of the model's largest activation for one image; bounds a block's memory.
    """

    def __init__(self, model: Any, like: Resident, largest_layer: int) -> None:
        self._model = model
        self._inputs = like.inputs
        self.block = max(16, min(MOST_ROWS, ACTIVATION_BYTES // (4 * largest_layer)))
        labels = tf.TensorSpec((None,), tf.int32)
        self._score = tf.function(self._scored, autograph=False).get_concrete_function(like.row_spec, labels)

    def blocks(self, examples: Resident) -> Iterator[tuple[float, NDArray[np.int64], Any]]:
        """Block after block of the examples, in their order.

        Yields:
            The block's loss (summed over its images), its 10×10 counts, its probabilities (a tensor ``(rows, 10)``).
        """
        for first in range(0, examples.count, self.block):
            last = first + self.block
            loss, counts, probabilities = self._score(examples.rows[first:last], examples.labels[first:last])
            yield float(loss), counts.numpy().astype(np.int64), probabilities

    def _scored(self, rows: Any, labels: Any) -> Any:
        probabilities = self._model(self._inputs(rows), training=False)
        losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        true = tf.one_hot(labels, CLASSES)
        predicted = tf.one_hot(tf.argmax(probabilities, axis=1, output_type=tf.int32), CLASSES)
        return tf.reduce_sum(losses), tf.matmul(true, predicted, transpose_a=True), probabilities
