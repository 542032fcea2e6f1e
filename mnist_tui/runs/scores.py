"""Scores of a confusion matrix of counts, whose rows are the true classes and whose columns the predicted ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.wording import percent

Counts = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Confusion:
    """The number of images of one class that were predicted as another class, of `total` images of the true class."""

    true: int
    predicted: int
    true_name: str
    predicted_name: str
    count: int
    total: int

    @property
    def share(self) -> float:
        """The share of the true class's images, from 0 to 1."""
        return self.count / self.total if self.total else 0.0


def total(matrix: Counts) -> int:
    """Return the number of all images."""
    return sum(map(sum, matrix))


def accuracy(matrix: Counts) -> float | None:
    """Return the share of the images on the diagonal; None for an empty matrix."""
    count = total(matrix)
    return sum(row[index] for index, row in enumerate(matrix)) / count if count else None


def recalls(matrix: Counts) -> list[float | None]:
    """Return the recall of each class; None for a class without images."""
    return [row[index] / sum(row) if sum(row) else None for index, row in enumerate(matrix)]


def precisions(matrix: Counts) -> list[float | None]:
    """Return the precision of each class; None for a class that was never predicted."""
    columns = [sum(row[index] for row in matrix) for index in range(len(matrix))]
    return [matrix[index][index] / column if column else None for index, column in enumerate(columns)]


def worst_confusions(matrix: Counts, class_names: Sequence[str], count: int = 5) -> list[Confusion]:
    """Return at most `count` confusions, those with the most images first.

    Example:
        >>> [in_words(c) for c in worst_confusions([[8, 2], [0, 5]], ["0", "1"])]
        ['0 read as 1: 2 of 10, 20.0 %']
    """
    confusions = [
        Confusion(true, predicted, class_names[true], class_names[predicted], images, sum(row))
        for true, row in enumerate(matrix)
        for predicted, images in enumerate(row)
        if true != predicted and images
    ]
    return sorted(confusions, key=lambda c: (-c.count, -c.share, c.true, c.predicted))[:count]


def in_words(confusion: Confusion) -> str:
    """Describe a confusion: ``4 read as 9: 31 of 982, 3.2 %``."""
    return (
        f"{confusion.true_name} read as {confusion.predicted_name}: "
        f"{confusion.count:,} of {confusion.total:,}, {percent(confusion.share, 1)}"
    )
