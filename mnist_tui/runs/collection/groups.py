"""Runs that differ in nothing but their seed, taken together; and what runs set side by side differ in. Pure.

Deviations are of the sample (n − 1): the seeds are a few of all there are.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.state import EpochRow

SCORES = {"accuracy": "test_accuracy", "loss": "test_loss", "macro_f1": "macro_f1"}
"""The scores of the test set, by their names in a document, and a summary's fields."""


@dataclass(frozen=True)
class Spread:
    """Mean and deviation of a figure over seeds.

    Attributes:
        std: of the sample; None for one value.
        n: the values it was made from.
    """

    mean: float
    std: float | None
    n: int


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

    def spread(self, field: str) -> Spread | None:
        """A summary's field over the runs that count; None where none has it."""
        return spread(getattr(run, field) for run in self.scored)

    def to_document(self) -> dict[str, Any]:
        """The group as `compare --json` prints it."""
        spreads = {name: self.spread(field) for name, field in SCORES.items()}
        return {
            "group": self.group,
            "preset": self.runs[0].preset,
            "runs": [run.run for run in self.runs],
            "seeds": [run.seed for run in self.scored],
            "test": {name: asdict(found) if found else None for name, found in spreads.items()},
        }


def spread(values: Iterable[float | None]) -> Spread | None:
    """Mean, deviation and count of the values that there are; None where there are none."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    return Spread(statistics.fmean(there), statistics.stdev(there) if len(there) > 1 else None, len(there))


def grouped(runs: Iterable[RunSummary]) -> list[SeedGroup]:
    """The runs by experiment, the order of the first of each kept; a run without a like is a group of its own."""
    found: dict[str, list[RunSummary]] = {}
    for run in runs:
        found.setdefault(run.group, []).append(run)
    return [SeedGroup(group, tuple(members), _scored(members)) for group, members in found.items()]


def seed_groups(runs: Iterable[RunSummary]) -> list[SeedGroup]:
    """Those with more than one seed."""
    return [group for group in grouped(runs) if len({run.seed for run in group.runs}) > 1]


def _scored(runs: Sequence[RunSummary]) -> tuple[RunSummary, ...]:
    newest: dict[int, RunSummary] = {}
    for run in sorted((run for run in runs if run.state == "finished"), key=lambda run: run.started):
        newest[run.seed] = run
    return tuple(newest[seed] for seed in sorted(newest))


def differing(runs: Sequence[RunSummary]) -> dict[str, tuple[str, ...]]:
    """The parameters that are not the same in all runs, with each run's text, in the order of the options."""
    rows = {parameter.name: tuple(run.values.get(parameter.name, "") for run in runs) for parameter in PARAMETERS}
    return {name: texts for name, texts in rows.items() if len(set(texts)) > 1}


@dataclass(frozen=True)
class Band:
    """Mean and deviation of a curve over seeds, epoch by epoch; only epochs that all runs have and are finite in."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def band(histories: Sequence[Sequence[EpochRow]], metric: str) -> Band:
    """The band of one of a row's figures over at least two runs."""
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
