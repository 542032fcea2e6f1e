"""Groups of runs that differ only in their seed, and their statistics: means, intervals, paired differences.

Deviations are of the sample (n − 1), because the seeds are a few of all there are; intervals are Student's t at 95 %.
SciPy is imported only where an interval is computed.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.state import EpochRow

LEVEL = 0.95
"""Confidence level of all intervals."""
MOST_EXACT = 22
"""The most pairs for which all sign changes are tried; for more pairs, DRAWN of them are drawn."""
DRAWN = 100_000
ANYWHERE = (-math.inf, math.inf)
SHARE, LOSS = (0.0, 1.0), (0.0, math.inf)
"""The bounds of accuracies and F1, and of losses."""


class _Interval:
    """A 95 % t-interval of a mean; its ends are None where there is none."""

    low: float | None
    high: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class SeedStatistics(_Interval):
    """A figure over seeds.

    Attributes:
        n: number of values, at least 1.
        std: of the sample; None for one value.
        low, high: the mean's interval, cut off at the figure's bounds; None for one value, or if not requested.
        minimum, maximum: of the values.
    """

    n: int
    mean: float
    std: float | None
    low: float | None
    high: float | None
    minimum: float
    maximum: float

    def to_document(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "mean": self.mean,
            "std": self.std,
            "n": self.n,
            "min": self.minimum,
            "max": self.maximum,
            "interval": self.interval and list(self.interval),
        }


@dataclass(frozen=True)
class PairedDifference(_Interval):
    """A figure of two experiments, compared seed by seed.

    Attributes:
        n: seeds that both have, at least 1.
        difference: mean of first − second.
        std: of the differences; None for one seed.
        low, high: the interval of the mean difference; None for one seed.
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
    def least_p(self) -> float:
        """The smallest p that so many seeds can give: all differences of one sign, and their mirror image."""
        return 2.0 ** (1 - self.n) if self.exact else 1 / (self.tried + 1)

    def turned(self) -> PairedDifference:
        """Return the same comparison as second − first."""
        return replace(
            self,
            difference=-self.difference or 0.0,
            low=None if self.high is None else -self.high,
            high=None if self.low is None else -self.low,
            only_first=self.only_second,
            only_second=self.only_first,
        )

    def to_document(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
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


def summary(
    values: Iterable[float | None], *, within: tuple[float, float] = ANYWHERE, interval: bool = True
) -> SeedStatistics | None:
    """Return mean, sample deviation, 95 % t-interval and range of the finite values; None where there are none.

    Args:
        within: least and greatest value that the figure can have: the interval is cut off there.
        interval: whether to compute the interval, which imports SciPy.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return None
    mean = statistics.fmean(finite)
    std = statistics.stdev(finite) if len(finite) > 1 else None
    low, high = _interval(mean, std, len(finite)) if interval else (None, None)
    low, high = None if low is None else max(within[0], low), None if high is None else min(within[1], high)
    return SeedStatistics(len(finite), mean, std, low, high, min(finite), max(finite))


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> PairedDifference | None:
    """Return the mean difference first − second over the seeds that both have; None where they share none.

    The test is Fisher's (The Design of Experiments, 1935, §21): were the two alike, each seed's difference could as
    well have had the other sign.
    """
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        return None
    noise = _noise([*first.values(), *second.values()])
    differences = [first[seed] - second[seed] for seed in seeds]
    differences = [0.0 if abs(difference) <= noise else difference for difference in differences]
    n, mean = len(seeds), statistics.fmean(differences)
    mean = 0.0 if abs(mean) <= noise else mean
    std = statistics.stdev(differences) if n > 1 else None
    std = 0.0 if std is not None and std <= noise else std
    low, high = _interval(mean, std, n)
    p, tried = _exact_p(differences, noise) if n <= MOST_EXACT else _drawn_p(differences, noise)
    only_first, only_second = sorted(first.keys() - second.keys()), sorted(second.keys() - first.keys())
    return PairedDifference(
        n, mean, std, low, high, p, n <= MOST_EXACT, tried, seeds, tuple(only_first), tuple(only_second)
    )


def _interval(mean: float, std: float | None, n: int) -> tuple[float | None, float | None]:
    if std is None:
        return None, None
    from scipy.special import stdtrit

    reach = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * std / math.sqrt(n)
    return mean - reach, mean + reach


def _noise(values: Sequence[float]) -> float:
    """Return the largest difference that rounding explains: accuracies that differ do so by an image or more."""
    return 16 * len(values) * sys.float_info.epsilon * max(map(abs, values))


def _exact_p(differences: Sequence[float], noise: float) -> tuple[float, int]:
    """Return the share of all sign changes, and how many there are. Of two that mirror each other one is made."""
    import numpy as np

    sums = np.array([differences[0]])
    for difference in differences[1:]:
        sums = np.concatenate((sums + difference, sums - difference))
    as_far = np.abs(sums) >= abs(math.fsum(differences)) - noise * len(differences)
    return float(np.count_nonzero(as_far)) / len(sums), 2 * len(sums)


def _drawn_p(differences: Sequence[float], noise: float) -> tuple[float, int]:
    """Return the share of DRAWN sign changes, the observed one counted among them, and how many were drawn."""
    import numpy as np

    signs = np.random.default_rng(0).integers(0, 2, (DRAWN, len(differences)), dtype=np.int8) * 2 - 1
    as_far = np.abs(signs @ np.array(differences)) >= abs(math.fsum(differences)) - noise * len(differences)
    return float(np.count_nonzero(as_far) + 1) / (DRAWN + 1), DRAWN


SCORES = {"accuracy": "test_accuracy", "loss": "test_loss", "macro_f1": "macro_f1"}
"""The scores of the test set, by their names in a document, and a summary's fields."""
WITHIN = {"test_accuracy": SHARE, "test_loss": LOSS, "macro_f1": SHARE}
"""The bounds of their values."""


@dataclass(frozen=True)
class SeedGroup:
    """Runs of one experiment with different seeds.

    Attributes:
        runs: all of them, newest first.
        scored: those that count: finished, one for each seed, the newest.
    """

    group: str
    runs: tuple[RunSummary, ...]
    scored: tuple[RunSummary, ...]

    @property
    def called(self) -> str:
        """The user's name for all its runs, else the preset and its changes: ``hog (ppc 7)``."""
        newest = self.runs[0]
        if newest.name and all(run.name == newest.name for run in self.runs):
            return newest.name
        changes = [change for change in newest.differs.split(", ") if change and not change.startswith("seed ")]
        return f"{newest.preset} ({', '.join(changes)})" if changes else newest.preset

    def spread(self, field: str) -> SeedStatistics | None:
        """Return the same as `summary`, without the interval: fast enough for a list."""
        return summary(self.by_seed(field).values(), interval=False)

    def summary(self, field: str) -> SeedStatistics | None:
        """Return the statistics of a summary's field over the runs that count; None where none has it."""
        return summary(self.by_seed(field).values(), within=WITHIN.get(field, ANYWHERE))

    def by_seed(self, field: str) -> dict[int, float]:
        """Return a summary's field by seed, of the runs that count and have it."""
        return {run.seed: value for run in self.scored if (value := getattr(run, field)) is not None}

    def to_document(self) -> dict[str, Any]:
        """Return the group as `compare --json` prints it."""
        per_seed: list[dict[str, Any]] = []
        for run in self.scored:
            scores = {name: getattr(run, field) for name, field in SCORES.items()}
            row = {"seed": run.seed, "run": run.run, **scores, "epochs": run.epochs_done, "seconds": run.seconds}
            per_seed.append(row)
        return {
            "group": self.group,
            "preset": self.runs[0].preset,
            "name": self.runs[0].shown_name,
            "runs": [run.run for run in self.runs],
            "seeds": [run.seed for run in self.scored],
            "test": _documents({name: self.summary(field) for name, field in SCORES.items()}),
            "per_seed": per_seed,
        }


@dataclass(frozen=True)
class GroupPair:
    """Two groups of seeds that were tested on the same data, the more accurate one first."""

    first: SeedGroup
    second: SeedGroup

    def paired(self, field: str) -> PairedDifference | None:
        """Return the difference of a summary's field over the seeds that count in both; None where they share none."""
        return paired(self.first.by_seed(field), self.second.by_seed(field))

    def to_document(self) -> dict[str, Any]:
        """Return the comparison as `compare --json` prints it; differences are first − second."""
        first, second = (group.by_seed("test_accuracy").keys() for group in (self.first, self.second))
        return {
            "first": self.first.group,
            "second": self.second.group,
            "seeds": sorted(first & second),
            "only_first": sorted(first - second),
            "only_second": sorted(second - first),
            "test": _documents({name: self.paired(field) for name, field in SCORES.items()}),
        }


def _documents(figures: Mapping[str, SeedStatistics | PairedDifference | None]) -> dict[str, Any]:
    return {name: figure and figure.to_document() for name, figure in figures.items()}


def grouped(runs: Iterable[RunSummary]) -> list[SeedGroup]:
    """Group runs by experiment, in the order of the first run of each; a single run is a group of its own."""
    members: dict[str, list[RunSummary]] = {}
    for run in runs:
        members.setdefault(run.group, []).append(run)
    return [SeedGroup(group, tuple(those), _scored(those)) for group, those in members.items()]


def seed_groups(runs: Iterable[RunSummary]) -> list[SeedGroup]:
    """Group runs that differ in their seed alone; return the groups with two seeds or more."""
    return [group for group in grouped(runs) if len({run.seed for run in group.runs}) > 1]


def pairs(groups: Iterable[SeedGroup]) -> list[GroupPair]:
    """Pair the most accurate group on each dataset, by its mean, with each of the others, the next best first."""
    by_data: dict[tuple[str, bool], list[tuple[float, SeedGroup]]] = {}
    for group in groups:
        if (over := group.spread("test_accuracy")) is not None:
            by_data.setdefault((group.runs[0].dataset, group.runs[0].sample), []).append((over.mean, group))
    found: list[GroupPair] = []
    for members in by_data.values():
        best, *others = (group for _, group in sorted(members, key=lambda one: -one[0]))
        found += [GroupPair(best, other) for other in others]
    return found


def _scored(runs: Sequence[RunSummary]) -> tuple[RunSummary, ...]:
    finished = sorted((run for run in runs if run.state == "finished"), key=lambda run: run.started)
    newest = {run.seed: run for run in finished}
    return tuple(newest[seed] for seed in sorted(newest))


def differing(runs: Sequence[RunSummary]) -> dict[str, tuple[str, ...]]:
    """Return the settings that differ between runs, with their text for each run, in the order of the options."""
    rows = {parameter.name: tuple(run.values.get(parameter.name, "") for run in runs) for parameter in PARAMETERS}
    return {name: texts for name, texts in rows.items() if len(set(texts)) > 1}


@dataclass(frozen=True)
class Band:
    """Mean and deviation of a curve over seeds, for each epoch in which all runs have a finite value."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def band(histories: Sequence[Sequence[EpochRow]], metric: str) -> Band:
    """Return the band of one of a row's figures over at least two runs."""
    curves: list[Mapping[int, float]] = [
        {row.epoch: value for row in history if (value := getattr(row, metric)) is not None} for history in histories
    ]
    shared = sorted(set(curves[0]).intersection(*curves[1:])) if curves else []
    columns = [[curve[epoch] for curve in curves] for epoch in shared]
    return Band(
        tuple(shared),
        tuple(statistics.fmean(column) for column in columns),
        tuple(statistics.stdev(column) if len(column) > 1 else 0.0 for column in columns),
    )
