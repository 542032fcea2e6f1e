"""The out-of-fold predictions of a cross-validation: each training image as predicted by a model that never saw it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_tui.errors import RunError
from mnist_tui.runs import scores
from mnist_tui.runs.collection.seed_groups import SeedGroup
from mnist_tui.runs.folder import RunFolder
from mnist_tui.wording import counted, percent


@dataclass(frozen=True)
class OutOfFold:
    """The predictions of all folds that have ended, counted together.

    Attributes:
        confusion: counts of the training images; rows are true classes, columns predicted ones.
        folds: the number of folds that are counted, of `of`.
    """

    confusion: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]
    folds: int
    of: int

    @property
    def images(self) -> int:
        return scores.total(self.confusion)

    @property
    def accuracy(self) -> float | None:
        """The share of all images that are right; near the mean of the folds, whose sizes may differ by a few."""
        return scores.accuracy(self.confusion)

    @property
    def macro_f1(self) -> float | None:
        """The mean F1 over the classes that occur; None without images."""
        return scores.macro_f1(self.confusion)

    @property
    def in_words(self) -> str:
        """A sentence about the images, the accuracy and the macro F1."""
        some = "" if self.folds == self.of else f" (of {self.folds} of {counted(self.of, 'fold')} so far)"
        return (
            f"Out of fold, {percent(self.accuracy)} of {counted(self.images, 'training image')}{some} are right, each "
            f"predicted by the model that was not trained on it (macro F1 {percent(self.macro_f1)})."
        )

    def to_document(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "folds": self.folds,
            "of_folds": self.of,
            "images": self.images,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "classes": list(self.class_names),
            "confusion_matrix": [list(row) for row in self.confusion],
        }


def out_of_fold(group: SeedGroup) -> OutOfFold | None:
    """Return the predictions of a group's folds; None for a group of seeds, and where no fold has results."""
    return counted_together([RunFolder(Path(run.folder)) for run in group.scored], group.folds) if group.folds else None


def counted_together(runs: Iterable[RunFolder], of: int) -> OutOfFold | None:
    """Add the confusion matrices of a cross-validation's folds, read from `results.json`; None where there is none.

    Folds whose results cannot be read, or are on other classes, are left out.

    Args:
        runs: one run of each fold that has finished.
        of: the number of all folds.
    """
    matrices: list[list[list[int]]] = []
    names: tuple[str, ...] = ()
    for run in runs:
        with suppress(RunError, KeyError, TypeError):
            results = run.results() or {}
            matrix, classes = results["confusion_matrix"], tuple(results["class_names"])
            if (not names or classes == names) and len(matrix) == len(classes):
                names = classes
                matrices.append(matrix)
    if not matrices:
        return None
    places = range(len(names))
    confusion = tuple(tuple(sum(matrix[row][column] for matrix in matrices) for column in places) for row in places)
    return OutOfFold(confusion, names, len(matrices), of)
