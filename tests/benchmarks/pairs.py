"""Ratios of pairs that took turns: median and quartiles."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """Median and quartiles of the pairs' ratios, and the median of each side.

    Attributes:
        low, high: the quartiles, interpolated between the pairs.
    """

    median: float
    low: float
    high: float
    first: float
    second: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"


def ratio(pairs: Iterable[tuple[float, float]]) -> Ratio:
    """The ratio first ÷ second of each pair, summed up.

    Raises:
        statistics.StatisticsError: there is no pair.
    """
    pairs = list(pairs)
    ratios = [first / second for first, second in pairs]
    low, median, high = statistics.quantiles(ratios * 2 if len(ratios) == 1 else ratios, n=4, method="inclusive")
    first, second = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Ratio(median, low, high, first, second, len(ratios))
