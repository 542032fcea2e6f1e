"""Score a model on many images with dropout off, and evaluate the trained model on the test and training images.

TensorFlow is imported by a `Scorer` alone: predictions that exist already are scored without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.files import replacing
from mnist_tui.runs.scores import f1_scores, macro_f1, precisions, recalls
from mnist_tui.runs.statistics import calibrated_statistics, no_validation

if TYPE_CHECKING:
    from mnist_tui.training.device import Resident

ACTIVATION_BYTES = 64_000_000
"""The largest size of a layer's outputs for one block of images."""
MOST_ROWS = 10_000
"""The most images in a block."""
LEAST_PROBABILITY = 1e-7
"""Keras' bound of a probability in the cross-entropy."""
DATA = ("name", "title", "sha256", "source", "sample", "verified", "train", "validation", "test", "evaluated")
"""Fields of DataReady that a run's results repeat."""


@dataclass(frozen=True)
class Scores:
    """Mean loss, accuracy, and confusion matrix (rows true, columns predicted) on some images, dropout off."""

    loss: float
    accuracy: float
    confusion: NDArray[np.int64]


def block_of(largest_layer: int) -> int:
    """Return how many images a network classifies at a time, from the number of values of its largest layer."""
    return max(16, min(MOST_ROWS, ACTIVATION_BYTES // (4 * largest_layer)))


class Scorer:
    """Score examples in large blocks with dropout off.

    Args:
        model: a Keras model.
        like: examples of the same shape and type as those to be scored.
        largest_layer: the number of values of the model's largest activation for one image, to limit a block's memory.
        smoothing: the label smoothing of the loss; None for none.
    """

    def __init__(self, model: Any, like: Resident, largest_layer: int, smoothing: float | None = None) -> None:
        self._model, self._smoothing = model, smoothing
        self._classes: int = model.output_shape[-1]
        self._inputs = like.inputs
        self.block = block_of(largest_layer)
        from mnist_tui.training.backend import tf

        labels = tf.TensorSpec((None,), tf.int32)
        self._score = tf.function(self._scored, autograph=False).get_concrete_function(like.row_spec, labels)

    def score(
        self, examples: Resident, on_images: Callable[[int], None]
    ) -> Generator[None, None, tuple[Scores, list[Any]]]:
        """Score the examples block by block, in their order, and yield after each block.

        Args:
            on_images: receives the number of images scored so far, before each yield.

        Returns:
            The scores, and the probabilities of each block, a tensor ``(rows, classes)``.
        """
        loss, confusion, blocks = 0.0, np.zeros((self._classes, self._classes), np.int64), list[Any]()
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
        """Return the same as `score`, without interruption and with the probabilities in one array ``(n, classes)``."""
        scoring = self.score(examples, on_images)
        while True:
            try:
                next(scoring)
            except StopIteration as end:
                scores, blocks = end.value
                return scores, np.concatenate([block.numpy() for block in blocks])

    def _scored(self, rows: Any, labels: Any) -> Any:
        from mnist_tui.training.backend import tf
        from mnist_tui.training.losses import cross_entropies

        probabilities = self._model(self._inputs(rows), training=False)
        losses = cross_entropies(labels, probabilities, self._smoothing, from_logits=False)
        true = tf.one_hot(labels, self._classes)
        predicted = tf.one_hot(tf.argmax(probabilities, axis=1, output_type=tf.int32), self._classes)
        return tf.reduce_sum(losses), tf.matmul(true, predicted, transpose_a=True), probabilities


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on the test and the training images, dropout off.

    Attributes:
        train: None if the training images were not evaluated.
        probabilities: those of the test images, float32 ``(n, classes)``.
        labels: the true classes of the test images, ``(n,)``.
        validation: the probabilities and the true classes of the images held out of training; None if there are none.
    """

    test: Scores
    train: Scores | None
    probabilities: NDArray[np.float32]
    labels: NDArray[np.integer]
    validation: tuple[NDArray[np.float32], NDArray[np.integer]] | None = None

    @property
    def predicted(self) -> NDArray[np.integer]:
        """The most probable class of each test image."""
        return self.probabilities.argmax(axis=1)

    @property
    def macro_f1(self) -> float:
        """The mean F1 over the classes that occur, as a true class or as a predicted one."""
        return macro_f1(self.confusion()) or 0.0

    def per_class(self, class_names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return each class's precision, recall, F1 and number of test images; 0 if a ratio has no denominator."""
        matrix = self.confusion()
        ratios = zip(precisions(matrix), recalls(matrix), f1_scores(matrix), strict=True)
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
        return confusion_counts(self.probabilities, self.labels).tolist()


def confusion_counts(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the confusion matrix, int64 ``(classes, classes)``: counts of images, rows true, columns predicted.

    Of equally probable classes, the first one counts as predicted.

    Args:
        probabilities: float32 ``(n, classes)``.
        labels: ``(n,)``, the true classes, below `classes`.
    """
    classes = probabilities.shape[1]
    cells = labels.astype(np.int64) * classes + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def evaluate(
    scorer: Scorer, test: Resident, train: Resident, held_out: Resident | None, on_progress: Callable[[int, int], None]
) -> Evaluation:
    """Score the model on the test and the training images, and keep its probabilities for the validation images.

    Args:
        held_out: the validation images; None if none were held out of training.
        on_progress: receives the number of images done, and of all images, after each block.
    """
    parts = [test, train, *([held_out] if held_out is not None else [])]
    total, done, found = sum(part.count for part in parts), 0, list[tuple[Scores, NDArray[np.float32]]]()
    for part in parts:
        found.append(scorer.score_all(part, lambda images, before=done: on_progress(before + images, total)))
        done += part.count
    (test_scores, probabilities), (train_scores, _) = found[:2]
    validation = None if held_out is None else (found[2][1], held_out.labels.numpy())
    return Evaluation(test_scores, train_scores, probabilities, test.labels.numpy(), validation)


def evaluation_of(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.integer],
    *,
    smoothing: float | None = None,
    labels_only: bool = False,
) -> Evaluation:
    """Return the scores of predictions that were made already.

    Args:
        probabilities: of the test images, ``(n, classes)``.
        labels: the true classes, ``(n,)``.
        smoothing: the label smoothing of the loss; None for none.
        labels_only: whether the probabilities are 0 and 1, made of predicted classes: then there is no loss.
    """
    confusion = confusion_counts(probabilities, labels)
    accuracy, loss = int(confusion.trace()) / len(labels), math.nan
    if not labels_only:
        surprise = -np.log(np.clip(probabilities.astype(np.float64), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
        share = smoothing or 0.0
        loss = float((1 - share) * surprise[np.arange(len(labels)), labels].mean() + share * surprise.mean())
    return Evaluation(Scores(loss, accuracy, confusion), None, probabilities, labels)


def scores_document(evaluation: Evaluation, class_names: tuple[str, ...]) -> dict[str, Any]:
    """Return the part of `results.json` with the scores, the classes and the confusion matrix."""
    train = evaluation.train
    return {
        "class_names": list(class_names),
        "test": {
            "loss": finite(evaluation.test.loss),
            "accuracy": evaluation.test.accuracy,
            "macro_f1": evaluation.macro_f1,
            "per_class": evaluation.per_class(class_names),
        },
        **({"train": {"loss": finite(train.loss), "accuracy": train.accuracy}} if train is not None else {}),
        "confusion_matrix": evaluation.confusion(),
    }


def statistics_document(evaluation: Evaluation, results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the statistics for `results.json`, from the evaluation and the other results."""
    found = calibrated_statistics(
        evaluation.probabilities, evaluation.labels, evaluation.validation, no_validation(results)
    )
    return found.to_document(results["class_names"])


def save_predictions(path: Path, evaluation: Evaluation, images: NDArray[np.uint8]) -> None:
    """Write `predictions.npz`: the test images' `probabilities` and `labels`, and the misclassified ones.

    The arrays are `probabilities` float32 ``(n, classes)``, `labels` uint8 ``(n,)``, `misclassified` int32 ``(m,)``
    (indices into the test images) and `misclassified_images` uint8 ``(m, height, width)``, in colour ``(…, 3)``; with
    images held out of training also `validation_probabilities` and `validation_labels` of the same types.
    """
    wrong = np.flatnonzero(evaluation.predicted != evaluation.labels).astype(np.int32)
    validation: dict[str, Any] = {}
    if evaluation.validation is not None:
        held_out, labels = evaluation.validation
        validation = {"validation_probabilities": held_out, "validation_labels": labels.astype(np.uint8)}
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            probabilities=evaluation.probabilities,
            labels=evaluation.labels.astype(np.uint8),
            misclassified=wrong,
            misclassified_images=images[wrong],
            **validation,
        )


def finite(value: float | None) -> float | None:
    """Return the value, or None (JSON's null) if it is not a finite number."""
    return value if value is not None and math.isfinite(value) else None
