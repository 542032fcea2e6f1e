"""Noise and trend of a curve with one value an epoch. Pure arithmetic on short lists; nothing of runs here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from statistics import fmean, median

MOST_POINTS = 60
"""A trend is judged on at most so many points, evenly taken: their pairs grow with the square."""


def noise(values: Sequence[float]) -> float:
    """The standard deviation of a value about the curve, from second differences, which a straight trend leaves at 0.

    Their median makes it robust: a jump or two change nothing. For independent normal errors of deviation s, second
    differences have deviation s·√6, and the median of their size is 0.6745 of it.
    """
    bends = [abs(a - 2 * b + c) for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return median(bends) / (0.6745 * 6**0.5) if bends else 0.0


def trend(values: Sequence[float]) -> float:
    """Kendall's tau against time (Mann, 1945): 1 where every later value is higher, -1 where lower, 0 for neither."""
    step = -(-len(values) // MOST_POINTS)
    pairs = list(combinations(values[::-1][:: max(1, step)][::-1], 2))
    return fmean((later > earlier) - (later < earlier) for earlier, later in pairs) if pairs else 0.0


def fall(values: Sequence[float], window: int) -> float:
    """Relative fall of the mean over the last `window` values against the `window` before; 0 where it is only noise.

    What lies within three standard errors of the difference is noise; that is taken from twice as many values.
    """
    before, last = fmean(values[-2 * window : -window]), fmean(values[-window:])
    error = noise(values[-4 * window :]) * (2 / window) ** 0.5
    return (before - last) / before if before > 0 and abs(before - last) > 3 * error else 0.0


def jumps(values: Sequence[float], share: float, least: float) -> list[int]:
    """Places of the values that lie above the one before by more than `share` of it and by more than `least`."""
    return [
        place
        for place, (earlier, later) in enumerate(pairwise(values), start=1)
        if later > earlier * (1 + share) and later - earlier > least
    ]
