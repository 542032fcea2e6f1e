"""Groups of runs that differ only in their seed or fold; their means, intervals, paired differences.

Deviations are those of the sample (n − 1), because the seeds are a few of all possible ones; intervals are Student's t
at 95 %. The folds of a cross-validation share training images, so that their scores are not independent: they have a
deviation, and neither intervals nor p-values (Bengio and Grandvalet, 2004). SciPy is imported only where an interval is
computed.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.privacy import is_place
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.state import EpochRow
from mnist_tui.wording import shortened

LEVEL = 0.95
"""Confidence level of all intervals."""
MOST_EXACT = 22
"""The most seeds for which all sign changes are tried; for more seeds, DRAWN sign changes are drawn at random."""
DRAWN = 100_000
MOST_OF_PATH = 24
SHARE, LOSS = (0.0, 1.0), (0.0, math.inf)
"""The bounds of accuracies and F1, and of losses."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class SeedStatistics:
    """A figure over seeds.

    Attributes:
        n: the number of values, at least 1.
        std: the standard deviation of the sample; None for one value.
        interval: the 95 % interval of the mean, cut off at the figure's bounds; None for one value, or if not
            requested.
        minimum, maximum: the smallest and the largest value.
    """

    n: int
    mean: float
    std: float | None
    interval: Interval | None
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
class PairedDifference:
    """The difference of a figure between two experiments, computed seed by seed.

    Attributes:
        difference: the mean of first − second.
        std: the standard deviation of the differences; None for one seed.
        interval: the 95 % interval of the mean difference; None for one seed.
        p: the two-sided p-value of the permutation test, which changes the signs of the differences: the share of sign
            changes whose mean lies at least as far from 0.
        exact: True if all 2ⁿ sign changes were tried, False if `tried` of them were drawn at random.
        seeds: the seeds that both experiments have, at least one, in ascending order.
        only_first, only_second: seeds that only one experiment has; they are left out.
        folds: whether these are differences fold by fold, which are not independent: there is no interval and no p.
    """

    difference: float
    std: float | None
    interval: Interval | None
    p: float
    exact: bool
    tried: int
    seeds: tuple[int, ...]
    only_first: tuple[int, ...] = ()
    only_second: tuple[int, ...] = ()
    folds: bool = False

    @property
    def n(self) -> int:
        """The number of seeds that both experiments have."""
        return len(self.seeds)

    @property
    def least_p(self) -> float:
        """The smallest p that so many seeds can give: all differences have one sign, or all have the other."""
        return 2.0 ** (1 - self.n) if self.exact else 1 / (self.tried + 1)

    def turned(self) -> PairedDifference:
        """Return the same comparison as second − first."""
        return replace(
            self,
            difference=-self.difference or 0.0,
            interval=self.interval and (-self.interval[1], -self.interval[0]),
            only_first=self.only_second,
            only_second=self.only_first,
        )

    def to_document(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        if self.folds:
            return {"n": self.n, "difference": self.difference, "std": self.std}
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
    values: Iterable[float | None], *, within: tuple[float, float] = (-math.inf, math.inf), interval: bool = True
) -> SeedStatistics | None:
    """Return mean, sample deviation, 95 % t-interval and range of the finite values; None where there are none.

    Args:
        within: the least and the greatest value that the figure can have; the interval is cut off there.
        interval: whether to compute the interval, which imports SciPy.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return None
    mean = statistics.fmean(finite)
    std = statistics.stdev(finite) if len(finite) > 1 else None
    ends = _t_interval(mean, std, len(finite)) if interval else None
    ends = ends and (max(within[0], ends[0]), min(within[1], ends[1]))
    return SeedStatistics(len(finite), mean, std, ends, min(finite), max(finite))


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> PairedDifference | None:
    """Return the mean difference first − second over the seeds that both have; None where they share none.

    The test is Fisher's (The Design of Experiments, 1935, §21): if the two experiments did not differ, each seed's
    difference would have either sign with the same probability.

    Args:
        first, second: the figure of each experiment by seed.
    """
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        return None
    # the largest difference that rounding explains: accuracies that differ do so by an image or more
    figures = [*first.values(), *second.values()]
    noise = 16 * len(figures) * sys.float_info.epsilon * max(map(abs, figures))

    def without_noise(value: float) -> float:
        return 0.0 if abs(value) <= noise else value

    differences = [without_noise(first[seed] - second[seed]) for seed in seeds]
    mean = without_noise(statistics.fmean(differences))
    std = without_noise(statistics.stdev(differences)) if len(seeds) > 1 else None
    exact = len(seeds) <= MOST_EXACT
    p, tried = _permutation_p(differences, noise, exact)
    only_first, only_second = sorted(first.keys() - second.keys()), sorted(second.keys() - first.keys())
    interval = _t_interval(mean, std, len(seeds))
    return PairedDifference(mean, std, interval, p, exact, tried, seeds, tuple(only_first), tuple(only_second))


def _t_interval(mean: float, std: float | None, n: int) -> Interval | None:
    if std is None:
        return None
    from scipy.special import stdtrit

    reach = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * std / math.sqrt(n)
    return mean - reach, mean + reach


def _permutation_p(differences: Sequence[float], noise: float, exact: bool) -> tuple[float, int]:
    """Return the p-value and the number of sign changes; random ones include the observed signs in the p-value."""
    import numpy as np

    observed = abs(math.fsum(differences)) - noise * len(differences)
    if exact:
        sums = np.array([differences[0]])  # of two sign changes that mirror each other, only one is computed
        for difference in differences[1:]:
            sums = np.concatenate((sums + difference, sums - difference))
        return float(np.count_nonzero(np.abs(sums) >= observed)) / len(sums), 2 * len(sums)
    signs = np.random.default_rng(0).integers(0, 2, (DRAWN, len(differences)), dtype=np.int8) * 2 - 1
    return float(np.count_nonzero(np.abs(signs @ np.array(differences)) >= observed) + 1) / (DRAWN + 1), DRAWN


SCORES = {"accuracy": "test_accuracy", "loss": "test_loss", "macro_f1": "macro_f1"}
"""The fields of `RunSummary` with the scores on the test set, by their names in a document."""
WITHIN = {"test_accuracy": SHARE, "test_loss": LOSS, "macro_f1": SHARE}
"""The bounds of these fields."""


@dataclass(frozen=True)
class SeedGroup:
    """Runs of one experiment with different seeds, or on different folds of one cross-validation.

    Attributes:
        group: the same text as `RunSummary.group`.
        runs: all runs of the group, newest first.
        scored: the runs that count: the newest finished run of each seed or fold.
    """

    group: str
    runs: tuple[RunSummary, ...]
    scored: tuple[RunSummary, ...]

    @property
    def newest(self) -> tuple[RunSummary, ...]:
        """One run for each seed or fold: the newest finished one, or the newest one if none has finished."""
        in_order = [*sorted(self.runs, key=lambda run: run.started), *self.scored]
        newest = {run.repetition: run for run in in_order}
        return tuple(newest[number] for number in sorted(newest))

    @property
    def folds(self) -> int:
        """The number of folds of the cross-validation; 0 for runs with different seeds."""
        fold = self.runs[0].fold
        return fold.of if fold else 0

    @property
    def repetition(self) -> str:
        """What distinguishes the runs: ``seed`` or ``fold``."""
        return "fold" if self.folds else "seed"

    @property
    def shown_name(self) -> str:
        """The user's name, if all runs have the same one; else the preset and the changes to it: ``hog (ppc 7)``."""
        newest = self.runs[0]
        if newest.name and all(run.name == newest.name for run in self.runs):
            return newest.name
        changes = [
            change
            for change in newest.differs.split(", ")
            if change and not change.startswith(("seed ", "validation fold:"))
        ]
        changes += [f"{self.folds} folds"] if self.folds else []
        return f"{newest.preset} ({', '.join(changes)})" if changes else newest.preset

    def spread(self, field: str) -> SeedStatistics | None:
        """Return the same statistics as `summary` without the interval, which is fast enough for a list."""
        return summary(self.by_seed(field).values(), interval=False)

    def summary(self, field: str) -> SeedStatistics | None:
        """Return the statistics of a field of `RunSummary` over the runs that count; None where no run has it."""
        within = WITHIN.get(field, (-math.inf, math.inf))
        return summary(self.by_seed(field).values(), within=within, interval=not self.folds)

    def by_seed(self, field: str) -> dict[int, float]:
        """Return a field of `RunSummary` by seed or fold, for the runs that count and have a value."""
        return {run.repetition: value for run in self.scored if (value := getattr(run, field)) is not None}

    def to_document(self) -> dict[str, Any]:
        """Return the group as `compare --json` prints it."""
        columns = {"seed": "seed", "run": "run", **SCORES, "epochs": "epochs_done", "seconds": "seconds"}
        scores = _documents({name: self.summary(field) for name, field in SCORES.items()})
        per_run = [{key: getattr(run, field) for key, field in columns.items()} for run in self.scored]
        if self.folds:
            numbers = [run.repetition for run in self.scored]
            per_fold = [{"fold": number, **run} for number, run in zip(numbers, per_run, strict=True)]
            kind = {"folds": numbers, "of_folds": self.folds, "held_out": scores, "test": None, "per_fold": per_fold}
        else:
            kind = {"seeds": [run.seed for run in self.scored], "test": scores, "per_seed": per_run}
        return {
            "group": self.group,
            "preset": self.runs[0].preset,
            "name": self.runs[0].shown_name,
            "runs": [run.run for run in self.runs],
            **kind,
        }


@dataclass(frozen=True)
class GroupPair:
    """Two groups of seeds, or of the same folds, that were scored on the same data, the more accurate one first."""

    first: SeedGroup
    second: SeedGroup

    def paired(self, field: str) -> PairedDifference | None:
        """Return the difference of a field of `RunSummary` over the seeds of both groups; None where none is shared."""
        difference = paired(self.first.by_seed(field), self.second.by_seed(field))
        return replace(difference, folds=True, interval=None) if difference and self.first.folds else difference

    def to_document(self) -> dict[str, Any]:
        """Return the comparison as `compare --json` prints it; differences are first − second."""
        first, second = (group.by_seed("test_accuracy").keys() for group in (self.first, self.second))
        return {
            "first": self.first.group,
            "second": self.second.group,
            f"{self.first.repetition}s": sorted(first & second),
            "only_first": sorted(first - second),
            "only_second": sorted(second - first),
            "held_out" if self.first.folds else "test": _documents(
                {name: self.paired(field) for name, field in SCORES.items()}
            ),
        }


def _documents(figures: Mapping[str, SeedStatistics | PairedDifference | None]) -> dict[str, Any]:
    return {name: figure and figure.to_document() for name, figure in figures.items()}


def grouped(runs: Iterable[RunSummary]) -> list[SeedGroup]:
    """Group runs by experiment, in the order of their first runs; a run without others is a group of its own."""
    members: dict[str, list[RunSummary]] = {}
    for run in runs:
        members.setdefault(run.group, []).append(run)
    return [SeedGroup(group, tuple(own), _scored(own)) for group, own in members.items()]


def seed_groups(runs: Iterable[RunSummary]) -> list[SeedGroup]:
    """Return the groups of runs that differ only in their seed or fold, if they have at least two of them."""
    return [group for group in grouped(runs) if len({run.repetition for run in group.runs}) > 1]


def pairs(groups: Iterable[SeedGroup]) -> list[GroupPair]:
    """Return pairs on each dataset: the group with the best mean accuracy with every other one, the next best first.

    Cross-validations are paired only if they have the same folds.
    """
    by_data: dict[tuple[object, ...], list[tuple[float, SeedGroup]]] = {}
    for group in groups:
        if (accuracy := group.spread("test_accuracy")) is not None:
            first = group.runs[0]
            folds = (group.folds, first.seed, first.values.get("limit")) if group.folds else ()
            by_data.setdefault((first.dataset, first.sample, *folds), []).append((accuracy.mean, group))
    ranked = ([group for _, group in sorted(members, key=lambda member: -member[0])] for members in by_data.values())
    return [GroupPair(best, other) for best, *others in ranked for other in others]


def _scored(runs: Sequence[RunSummary]) -> tuple[RunSummary, ...]:
    newest = {run.repetition: run for run in sorted(runs, key=lambda run: run.started) if run.state == "finished"}
    return tuple(newest[number] for number in sorted(newest))


def differing(runs: Sequence[RunSummary]) -> dict[str, tuple[str, ...]]:
    """Return the parameters that differ between runs, each with its text for every run, in the options' order.

    Of ensembles and imports only the data are known; their other texts are empty, and are no difference.
    """
    rows = {parameter.name: tuple(run.values.get(parameter.name, "") for run in runs) for parameter in PARAMETERS}
    known = [run.values.get("seed", "") != "" for run in runs]

    def differs(name: str, texts: tuple[str, ...]) -> bool:
        return len({text for text, counts in zip(texts, known, strict=True) if counts or name == "dataset"}) > 1

    return {name: texts for name, texts in rows.items() if differs(name, texts)}


def differing_parameters(runs: Sequence[RunSummary]) -> dict[str, tuple[str, ...]]:
    """Return the parameters that have several values among the runs, by name: a text for each run, empty for none.

    Of paths only the ends are returned that distinguish them, cut in the middle to MOST_OF_PATH characters.
    """
    found = {name: texts for name, texts in differing(runs).items() if len(set(texts) - {""}) > 1}
    return {name: _ends_of_paths(texts) if any(map(is_place, texts)) else texts for name, texts in found.items()}


def _ends_of_paths(texts: tuple[str, ...]) -> tuple[str, ...]:
    for kept in range(1, max(len(PurePath(text).parts) for text in texts) + 1):
        ends = (str(PurePath(*PurePath(text).parts[-kept:])) if is_place(text) else text for text in texts)
        shown = tuple(shortened(end, MOST_OF_PATH) for end in ends)
        if len(set(shown)) == len(set(texts)):
            return shown
    return texts


@dataclass(frozen=True)
class Band:
    """Mean and standard deviation of a curve over seeds, for each epoch in which all runs have a finite value."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def band(histories: Sequence[Sequence[EpochRow]], metric: str) -> Band:
    """Return the band of a metric over runs.

    Args:
        histories: the rows of each run, at least two runs.
        metric: the name of a field of `EpochRow`.
    """
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
