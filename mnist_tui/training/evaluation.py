"""The final evaluation: how good the model is, class by class, and what it got wrong. Figures by scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.files import replacing
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.training.program import Resident, Scorer, Scores, scores

metrics: Any = import_module("sklearn.metrics")


@dataclass(frozen=True)
class Evaluation:
    """A model's figures, dropout off.

    Attributes:
        test, train: on the test and on the training images.
        probabilities: float32 ``(n, 10)`` for the test images. labels: ``(n,)``, the true classes.
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
        """Mean F1 over the classes that occur."""
        return float(metrics.f1_score(self.labels, self.predicted, average="macro", zero_division=0))

    def per_class(self, class_names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Precision, recall, F1 and number of test images of each class; 0 where a ratio has no denominator."""
        table = metrics.precision_recall_fscore_support(
            self.labels, self.predicted, labels=range(CLASSES), zero_division=0
        )
        keys = ("precision", "recall", "f1", "support")
        return [
            {"class": name, **{key: value.item() for key, value in zip(keys, row, strict=True)}}
            for name, *row in zip(class_names, *table, strict=True)
        ]

    def confusion(self) -> list[list[int]]:
        """Counts on the test images, rows true, columns predicted."""
        counts: NDArray[np.int64] = metrics.confusion_matrix(self.labels, self.predicted, labels=range(CLASSES))
        return counts.tolist()


def evaluate(
    scorer: Scorer,
    test: Resident,
    train: Resident,
    labels: NDArray[np.integer],
    on_progress: Callable[[int, int], None],
) -> Evaluation:
    """Scores the model on the test and the training images.

    Args:
        labels: the test images' classes.
        on_progress: told of images done and images altogether, after each block.
    """
    total = test.count + train.count
    test_scores, probabilities = _score(scorer, test, lambda done: on_progress(done, total))
    train_scores, _ = _score(scorer, train, lambda done: on_progress(test.count + done, total))
    return Evaluation(test_scores, train_scores, np.concatenate(probabilities), labels)


def _score(
    scorer: Scorer, examples: Resident, on_progress: Callable[[int], None]
) -> tuple[Scores, list[NDArray[np.float32]]]:
    loss, counts, probabilities = 0.0, np.zeros((CLASSES, CLASSES), np.int64), []
    for block_loss, block_counts, block in scorer.blocks(examples):
        loss += block_loss
        counts += block_counts
        probabilities.append(block.numpy())
        on_progress(int(counts.sum()))
    return scores(loss, counts), probabilities


def save_predictions(path: Path, evaluation: Evaluation, images: NDArray[np.uint8]) -> None:
    """Writes `predictions.npz`.

    It holds `probabilities` float32 ``(n, 10)``, `labels` uint8 ``(n,)``, `misclassified` int32 ``(m,)`` (indices into
    the test images) and `misclassified_images` uint8 ``(m, 28, 28)``.
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
    """The value; None (JSON's null) for what is not a finite number."""
    return value if value is not None and math.isfinite(value) else None
