"""The final evaluation: how good the model is, class by class, and what it got wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.files import replacing
from mnist_tui.runs.scores import precisions, recalls
from mnist_tui.training.resident import Resident
from mnist_tui.training.scorer import Scorer, Scores, scores


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
        """Mean F1 over the classes that occur, as a true class or as a predicted one."""
        found = [f1 for f1 in self._f1() if f1 is not None]
        return sum(found) / len(found)

    def per_class(self, class_names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Precision, recall, F1 and number of test images of each class; 0 where a ratio has no denominator."""
        matrix = self.confusion()
        columns = zip(class_names, precisions(matrix), recalls(matrix), self._f1(), matrix, strict=True)
        return [
            {
                "class": name,
                "precision": precision or 0.0,
                "recall": recall or 0.0,
                "f1": f1 or 0.0,
                "support": sum(row),
            }
            for name, precision, recall, f1, row in columns
        ]

    def confusion(self) -> list[list[int]]:
        """Counts on the test images, rows true, columns predicted."""
        cells = self.labels.astype(np.int64) * CLASSES + self.predicted
        return np.bincount(cells, minlength=CLASSES**2).reshape(CLASSES, CLASSES).tolist()

    def _f1(self) -> list[float | None]:
        """F1 of each class, the harmonic mean of precision and recall; None for a class that does not occur."""
        matrix = np.array(self.confusion())
        occurrences = matrix.sum(axis=0) + matrix.sum(axis=1)
        return [
            2 * hits / both if both else None
            for hits, both in zip(matrix.diagonal().tolist(), occurrences.tolist(), strict=True)
        ]


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
