"""What a few seeds say: mean, deviation and interval of a figure, and two experiments paired seed by seed. Pure.

Deviations are of the sample (n − 1), intervals Student's t at 95 %. SciPy is imported where an interval is made.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEVEL = 0.95
"""Of all intervals."""
MOST_EXACT = 22
"""Pairs whose sign changes are all tried; of more, DRAWN are drawn."""
DRAWN = 100_000
SEED = 0
"""Of the drawn sign changes."""
ANYWHERE = (-math.inf, math.inf)
SHARE, LOSS = (0.0, 1.0), (0.0, math.inf)
"""Where accuracies and F1 lie, and where losses do."""


@dataclass(frozen=True)
class Summary:
    """A figure over seeds.

    Attributes:
        n: the values it was made from, at least 1.
        std: of the sample; None for one value.
        low, high: the mean's 95 % t-interval, cut off where the figure can go no further; None for one value.
        minimum, maximum: of the values.
    """

    n: int
    mean: float
    std: float | None
    low: float | None
    high: float | None
    minimum: float
    maximum: float

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def to_document(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        return {
            "mean": self.mean,
            "std": self.std,
            "n": self.n,
            "min": self.minimum,
            "max": self.maximum,
            "interval": self.interval and list(self.interval),
        }


@dataclass(frozen=True)
class Paired:
    """A figure of two experiments, compared seed by seed.

    Attributes:
        n: seeds that both have, at least 1.
        difference: mean of first − second.
        std: of the differences; None for one seed.
        low, high: the 95 % t-interval of the mean difference; None for one seed.
        p: two-sided, of the permutation test that changes the differences' signs: the share of sign changes whose
            mean lies at least as far from 0.
        exact: whether all 2ⁿ sign changes were tried, or `tried` of them drawn.
        seeds: those n, rising.
        only_first, only_second: seeds left out, as only one has them.
    """

    n: int
    difference: float
    std: float | None
    low: float | None
    high: float | None
    p: float
    exact: bool
    tried: int
    seeds: tuple[int, ...]
    only_first: tuple[int, ...] = ()
    only_second: tuple[int, ...] = ()

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean difference."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def least_p(self) -> float:
        """The smallest p that so many seeds can give: all differences of one sign, and their mirror image."""
        return 2.0 ** (1 - self.n) if self.exact else 1 / (self.tried + 1)

    def turned(self) -> Paired:
        """The same with second − first."""
        return Paired(
            self.n,
            -self.difference or 0.0,
            self.std,
            None if self.high is None else -self.high,
            None if self.low is None else -self.low,
            self.p,
            self.exact,
            self.tried,
            self.seeds,
            self.only_second,
            self.only_first,
        )

    def to_document(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        return {
            "n": self.n,
            "difference": self.difference,
            "std": self.std,
            "interval": self.interval and list(self.interval),
            "p": self.p,
            "exact": self.exact,
            "sign_changes": self.tried,
            "smallest_p": self.least_p,
        }


def summary(values: Iterable[float | None], *, within: tuple[float, float] = ANYWHERE) -> Summary | None:
    """Mean, sample deviation, 95 % t-interval and range of the values that there are; None where there are none.

    Args:
        within: least and greatest value that the figure can have: the interval is cut off there.
    """
    there = [value for value in values if value is not None and math.isfinite(value)]
    if not there:
        return None
    mean = statistics.fmean(there)
    std = statistics.stdev(there) if len(there) > 1 else None
    low, high = _interval(mean, std, len(there))
    low, high = None if low is None else max(within[0], low), None if high is None else min(within[1], high)
    return Summary(len(there), mean, std, low, high, min(there), max(there))


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Paired | None:
    """The mean difference first − second over the seeds that both have; None where they share none.

    The test is Fisher's (The Design of Experiments, 1935, §21): were the two alike, each seed's difference could as
    well have had the other sign.
    """
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        return None
    noise = _noise([*first.values(), *second.values()])
    found = [first[seed] - second[seed] for seed in seeds]
    found = [0.0 if abs(one) <= noise else one for one in found]
    difference = statistics.fmean(found)
    difference = 0.0 if abs(difference) <= noise else difference
    std = statistics.stdev(found) if len(found) > 1 else None
    std = 0.0 if std is not None and std <= noise else std
    low, high = _interval(difference, std, len(found))
    exact = len(found) <= MOST_EXACT
    p, tried = _exact_p(found, noise) if exact else _drawn_p(found, noise)
    return Paired(
        len(found),
        difference,
        std,
        low,
        high,
        p,
        exact,
        tried,
        seeds,
        tuple(sorted(first.keys() - second.keys())),
        tuple(sorted(second.keys() - first.keys())),
    )


def _interval(mean: float, std: float | None, n: int) -> tuple[float | None, float | None]:
    if std is None:
        return None, None
    from scipy.special import stdtrit

    reach = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * std / math.sqrt(n)
    return mean - reach, mean + reach


def _noise(values: Sequence[float]) -> float:
    """Differences up to this are those of rounding: accuracies that differ do so by an image or more."""
    return 16 * len(values) * sys.float_info.epsilon * max(map(abs, values))


def _exact_p(differences: Sequence[float], noise: float) -> tuple[float, int]:
    """The share of all sign changes, and how many there are. Of two that mirror each other one is made."""
    import numpy as np

    sums = np.array([differences[0]])
    for one in differences[1:]:
        sums = np.concatenate((sums + one, sums - one))
    as_far = np.abs(sums) >= abs(math.fsum(differences)) - noise * len(differences)
    return float(np.count_nonzero(as_far)) / len(sums), 2 * len(sums)


def _drawn_p(differences: Sequence[float], noise: float) -> tuple[float, int]:
    """The share of DRAWN sign changes, the one that was found counted among them, and how many were drawn."""
    import numpy as np

    signs = np.random.default_rng(SEED).integers(0, 2, (DRAWN, len(differences)), dtype=np.int8) * 2 - 1
    as_far = np.abs(signs @ np.array(differences)) >= abs(math.fsum(differences)) - noise * len(differences)
    return float(np.count_nonzero(as_far) + 1) / (DRAWN + 1), DRAWN
