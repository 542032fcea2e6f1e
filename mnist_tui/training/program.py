"""The device programs: training steps and scoring, each one call for many images. The engine knows their interface.

Keras' layers, loss and optimizer are the mathematics; TensorFlow runs them in loops of its own, so that a chunk of
steps costs one call and one transfer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.shapes import CLASSES, IMAGE_EDGE
from mnist_tui.training.backend import keras, tf

PIXELS = IMAGE_EDGE * IMAGE_EDGE
ACTIVATION_BYTES = 64_000_000
MOST_ROWS = 10_000


@dataclass(frozen=True)
class Sums:
    """What a chunk of steps adds up to: loss and hits over its images, and their number."""

    loss: float
    correct: int
    images: int


@dataclass(frozen=True)
class Scores:
    """Loss and accuracy (means), counts (rows true, columns predicted) of `images` images, dropout off."""

    loss: float
    accuracy: float
    confusion: NDArray[np.int64]
    images: int


class Resident:
    """Labelled examples that stay on the device.

    Args:
        features: uint8 ``(n, 28, 28)`` pixels, kept so and brought to 0..1 when used; or float32 ``(n, length)``.
        labels: ``(n,)``, 0 to 9.
    """

    def __init__(self, features: NDArray[Any], labels: NDArray[Any]) -> None:
        self.count = len(labels)
        self._pixels = features.dtype == np.uint8
        if self._pixels:
            # TensorFlow gathers int64 on every device, uint8 not on GPUs: eight pixels travel as one number.
            features = np.ascontiguousarray(features).reshape(-1, PIXELS).view(np.int64)
        self.rows = tf.constant(features)
        self.labels = tf.constant(labels.astype(np.int64))

    @property
    def row_spec(self) -> Any:
        return tf.TensorSpec((None, self.rows.shape[1]), self.rows.dtype)

    def inputs(self, rows: Any) -> Any:
        """What the network takes, from some of `self.rows`."""
        if not self._pixels:
            return rows
        pixels = tf.reshape(tf.bitcast(rows, tf.uint8), (-1, IMAGE_EDGE, IMAGE_EDGE, 1))
        return tf.cast(pixels, tf.float32) / 255.0


class Program(Protocol):
    """Runs training steps on the device."""

    name: str

    def begin_epoch(self, order: NDArray[np.int64], learning_rate: float) -> None:
        """Sets the order of the images and the learning rate of the steps to come."""
        ...

    def run(self, first: int, last: int) -> Sums:
        """Runs the epoch's steps from `first` (counted from 0) up to but not including `last`."""
        ...


class GraphProgram:
    """Training steps as a loop inside one TensorFlow graph, traced once.

    Args:
        model, optimizer: Keras' own; the optimizer is built here.
        examples: the training examples.
        batch_size: images a step; the last step of an epoch takes what is left.
    """

    name = "graph"

    def __init__(self, model: Any, optimizer: Any, examples: Resident, batch_size: int) -> None:
        self._model, self._optimizer, self._examples, self._batch = model, optimizer, examples, batch_size
        optimizer.build(model.trainable_variables)
        self._order = tf.Variable(np.arange(examples.count, dtype=np.int64), trainable=False)
        bound = tf.TensorSpec((), tf.int64)
        self._steps = tf.function(self._loop, autograph=False).get_concrete_function(bound, bound)

    def begin_epoch(self, order: NDArray[np.int64], learning_rate: float) -> None:
        self._order.assign(order)
        self._optimizer.learning_rate = learning_rate

    def run(self, first: int, last: int) -> Sums:
        loss, correct = self._steps(tf.constant(first, tf.int64), tf.constant(last, tf.int64)).numpy().tolist()
        images = min(last * self._batch, self._examples.count) - first * self._batch
        return Sums(loss, round(correct), images)

    def _loop(self, first: Any, last: Any) -> Any:
        def goes_on(step: Any, _loss: Any, _correct: Any) -> Any:
            return step < last

        def body(step: Any, loss: Any, correct: Any) -> Any:
            more_loss, more_correct = self._step(step)
            return step + 1, loss + more_loss, correct + more_correct

        start = (first, tf.constant(0.0), tf.constant(0.0))
        _, loss, correct = tf.while_loop(goes_on, body, start, parallel_iterations=1)
        return tf.stack((loss, correct))

    def _step(self, step: Any) -> Any:
        examples, model = self._examples, self._model
        begin = step * self._batch
        places = self._order[begin : tf.minimum(begin + self._batch, examples.count)]
        inputs = examples.inputs(tf.gather(examples.rows, places))
        labels = tf.gather(examples.labels, places)
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            losses = keras.losses.sparse_categorical_crossentropy(labels, outputs)
            loss = tf.reduce_mean(losses)
        variables = model.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        correct = tf.cast(tf.argmax(outputs, axis=1) == labels, tf.float32)
        return tf.reduce_sum(losses), tf.reduce_sum(correct)


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
        labels = tf.TensorSpec((None,), tf.int64)
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
        predicted = tf.one_hot(tf.argmax(probabilities, axis=1), CLASSES)
        return tf.reduce_sum(losses), tf.matmul(true, predicted, transpose_a=True), probabilities


def scores(loss: float, confusion: NDArray[np.int64]) -> Scores:
    """Means from a summed loss and the counts."""
    images = int(confusion.sum())
    return Scores(loss / images, int(confusion.trace()) / images, confusion, images)
