"""Score a model on many images with dropout off, and evaluate the trained model on the test and training images."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.files import replacing
from mnist_tui.runs.scores import precisions, recalls
from mnist_tui.training.backend import keras, tf
from mnist_tui.training.device import Resident

ACTIVATION_BYTES = 64_000_000
MOST_ROWS = 10_000


@dataclass(frozen=True)
class Scores:
    """Mean loss, accuracy, and confusion matrix (rows true, columns predicted) on some images, dropout off."""

    loss: float
    accuracy: float
    confusion: NDArray[np.int64]


class Scorer:
    """Score examples in large blocks with dropout off.

    Args:
        model: a Keras model.
        like: examples of the same shape and type as those to be scored.
        largest_layer: the number of values of the model's largest activation for one image, to limit a block's memory.
    """

    def __init__(self, model: Any, like: Resident, largest_layer: int) -> None:
        self._model = model
        self._inputs = like.inputs
        self.block = max(16, min(MOST_ROWS, ACTIVATION_BYTES // (4 * largest_layer)))
        labels = tf.TensorSpec((None,), tf.int32)
        self._score = tf.function(self._scored, autograph=False).get_concrete_function(like.row_spec, labels)

    def score(
        self, examples: Resident, on_images: Callable[[int], None]
    ) -> Generator[None, None, tuple[Scores, list[Any]]]:
        """Score the examples block by block, in their order, and yield after each block.

        Args:
            on_images: receives the number of images scored so far, before each yield.

        Returns:
            The scores, and the probabilities of each block, a tensor ``(rows, 10)``.
        """
        loss, confusion, blocks = 0.0, np.zeros((CLASSES, CLASSES), np.int64), list[Any]()
        for first in range(0, examples.count, self.block):
            last = first + self.block
            block_loss, counts, probabilities = self._score(examples.rows[first:last], examples.labels[first:last])
            loss += float(block_loss)
            confusion += counts.numpy().astype(np.int64)
            blocks.append(probabilities)
            on_images(min(last, examples.count))
            yield
        return Scores(loss / examples.count, int(confusion.trace()) / examples.count, confusion), blocks

    def score_all(self, examples: Resident, on_images: Callable[[int], None]) -> tuple[Scores, NDArray[np.float32]]:
        """Return the same as `score`, without interruption and with the probabilities in one array ``(n, 10)``."""
        scoring = self.score(examples, on_images)
        while True:
            try:
                next(scoring)
            except StopIteration as end:
                scores, blocks = end.value
                return scores, np.concatenate([block.numpy() for block in blocks])

    def _scored(self, rows: Any, labels: Any) -> Any:
        probabilities = self._model(self._inputs(rows), training=False)
        losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        true = tf.one_hot(labels, CLASSES)
        predicted = tf.one_hot(tf.argmax(probabilities, axis=1, output_type=tf.int32), CLASSES)
        return tf.reduce_sum(losses), tf.matmul(true, predicted, transpose_a=True), probabilities


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on the test and the training images, dropout off.

    Attributes:
        probabilities: those of the test images, float32 ``(n, 10)``.
        labels: the true classes of the test images, ``(n,)``.
    """

    test: Scores
    train: Scores
    probabilities: NDArray[np.float32]
    labels: NDArray[np.integer]

    @property
    def predicted(self) -> NDArray[np.integer]:
        """The most probable class of each test image."""
        return self.probabilities.argmax(axis=1)

    @property
    def macro_f1(self) -> float:
        """The mean F1 over the classes that occur, as a true class or as a predicted one."""
        scores = [f1 for f1 in self._f1() if f1 is not None]
        return sum(scores) / len(scores)

    def per_class(self, class_names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return each class's precision, recall, F1 and number of test images; 0 if a ratio has no denominator."""
        matrix = self.confusion()
        ratios = zip(precisions(matrix), recalls(matrix), self._f1(), strict=True)
        return [
            {
                "class": name,
                **{key: value or 0.0 for key, value in zip(("precision", "recall", "f1"), values, strict=True)},
                "support": sum(row),
            }
            for name, values, row in zip(class_names, ratios, matrix, strict=True)
        ]

    def confusion(self) -> list[list[int]]:
        """Return the confusion matrix of the test images: counts, rows true, columns predicted."""
        cells = self.labels.astype(np.int64) * CLASSES + self.predicted
        return np.bincount(cells, minlength=CLASSES**2).reshape(CLASSES, CLASSES).tolist()

    def _f1(self) -> list[float | None]:
        """Return each class's F1, the harmonic mean of precision and recall; None if it does not occur."""
        matrix = np.array(self.confusion())
        hits, occurrences = matrix.diagonal().tolist(), (matrix.sum(axis=0) + matrix.sum(axis=1)).tolist()
        return [2 * hit / both if both else None for hit, both in zip(hits, occurrences, strict=True)]


def evaluate(scorer: Scorer, test: Resident, train: Resident, on_progress: Callable[[int, int], None]) -> Evaluation:
    """Score the model on the test and the training images.

    Args:
        on_progress: receives the number of images done, and of all images, after each block.
    """
    total = test.count + train.count
    test_scores, probabilities = scorer.score_all(test, lambda done: on_progress(done, total))
    train_scores, _ = scorer.score_all(train, lambda done: on_progress(test.count + done, total))
    return Evaluation(test_scores, train_scores, probabilities, test.labels.numpy())


def save_predictions(path: Path, evaluation: Evaluation, images: NDArray[np.uint8]) -> None:
    """Write `predictions.npz`: the test images' `probabilities` and `labels`, and the misclassified ones.

    The arrays are `probabilities` float32 ``(n, 10)``, `labels` uint8 ``(n,)``, `misclassified` int32 ``(m,)`` (indices
    into the test images) and `misclassified_images` uint8 ``(m, 28, 28)``.
    """
    wrong = np.flatnonzero(evaluation.predicted != evaluation.labels).astype(np.int32)
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            probabilities=evaluation.probabilities,
            labels=evaluation.labels.astype(np.uint8),
            misclassified=wrong,
            misclassified_images=images[wrong],
        )


def finite(value: float | None) -> float | None:
    """Return the value, or None (JSON's null) if it is not a finite number."""
    return value if value is not None and math.isfinite(value) else None
