"""Scores of a confusion matrix of counts, whose rows are the true classes and whose columns the predicted ones.

Beside them stand the uncertainty of a single accuracy, and the test of two networks on the same images. Screens and
lists compute these at each epoch and for each run, so they are sums of whole numbers in plain Python, without the
imports of scikit-learn (about 2 s) and `scipy.stats` (about 1.5 s), with which the tests compare them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mnist_tui.wording import percent

Counts = Sequence[Sequence[int]]
_Row = TypeVar("_Row")

MOST_IN_ORDER, WORST_LISTED = 20, 10
"""The most classes that are all listed, in their order; and how many are listed of more classes, the worst ones."""


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


def f1_scores(matrix: Counts) -> list[float | None]:
    """Return the F1 of each class, the harmonic mean of precision and recall; None for a class not seen at all."""
    either = [sum(row) + sum(other[index] for other in matrix) for index, row in enumerate(matrix)]
    return [2 * row[index] / either[index] if either[index] else None for index, row in enumerate(matrix)]


def lowest_f1_first(rows: Iterable[_Row], f1_of: Callable[[_Row], float | None]) -> list[_Row]:
    """Return what belongs to classes, sorted by their F1; classes without F1, which were not seen at all, come last."""

    def key(row: _Row) -> tuple[bool, float]:
        f1 = f1_of(row)
        return f1 is None, f1 or 0.0

    return sorted(rows, key=key)


def macro_f1(matrix: Counts) -> float | None:
    """Return the mean F1 over the classes that occur, as a true class or as a predicted one; None without images."""
    found = [f1 for f1 in f1_scores(matrix) if f1 is not None]
    return sum(found) / len(found) if found else None


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


def both_ways(matrix: Counts, class_names: Sequence[str], one: int, other: int) -> str:
    """Describe how often two classes were confused in either direction: ``5 and 8, both ways: 58``."""
    return f"{class_names[one]} and {class_names[other]}, both ways: {matrix[one][other] + matrix[other][one]:,}"


NORMAL_QUANTILE = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution, for intervals at 95 %."""


def accuracy_interval(share: float, images: int) -> tuple[float, float] | None:
    """Return the 95 % interval of an accuracy, by the formula of Wilson (1927); None without images.

    It says how far the accuracy on other images of the same kind may lie from the one measured; it says nothing of
    what another seed would give.

    Args:
        share: the share of the images that were classified correctly, 0 to 1.
        images: the number of images, each taken independently of the others.

    Example:
        >>> [round(end, 4) for end in accuracy_interval(0.984, 10_000) or ()]
        [0.9814, 0.9863]
    """
    if not images:
        return None
    square = NORMAL_QUANTILE**2 / images
    middle = (share + square / 2) / (1 + square)
    reach = NORMAL_QUANTILE / (1 + square) * (share * (1 - share) / images + square / (4 * images)) ** 0.5
    # of a share of 0 or 1, the end that is equal to it may miss it by a rounding error
    return min(share, max(middle - reach, 0.0)), max(share, min(middle + reach, 1.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number by the method of Holm (1979), in their order.

    The smallest of n values is multiplied by n, the next by n − 1, and so on; none becomes smaller than the one before
    it, and none larger than 1.

    Example:
        >>> holm([0.04, 0.01])
        [0.04, 0.02]
    """
    corrected, least = list(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = least
    return corrected


EXACT_BELOW = 25
"""With fewer images that only one of two networks classifies correctly, McNemar's test is exact."""


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's test (McNemar, 1947) of two networks on the same images.

    If both networks were equally accurate, each image that only one of them classifies correctly would be the first
    network's with probability 1/2. Below EXACT_BELOW such images, the p-value is that of the binomial distribution,
    computed in whole numbers. Else it is that of χ² with one degree of freedom, with the correction for continuity of
    Edwards (1948): χ² = (|b − c| − 1)² / (b + c).

    Args:
        only_first, only_second: the images that only the first and only the second network classifies correctly.

    Example:
        >>> mcnemar_p(1, 5)
        0.21875
    """
    images = only_first + only_second
    if images >= EXACT_BELOW:
        return math.erfc(math.sqrt(mcnemar_statistic(only_first, only_second) / 2))
    tail = sum(math.comb(images, successes) for successes in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / 2**images)


def mcnemar_statistic(only_first: int, only_second: int) -> float:
    """Return χ² of McNemar's test with the correction for continuity, (|b − c| − 1)² / (b + c); 0 for equal counts.

    Equal counts are not corrected below 0, as in R's `mcnemar.test`.

    Args:
        only_first, only_second: the images that only one of two networks classifies correctly; one at least is not 0.
    """
    return max(abs(only_first - only_second) - 1, 0) ** 2 / (only_first + only_second)
