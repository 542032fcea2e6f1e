"""The table of a reproduction: published figures beside ours, with estimates of what is missing."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.layers import BatchNormalization, Conv2D
from mnist_tui.experiment.presets import builtin_folder
from mnist_tui.experiment.spec import Experiment
from mnist_tui.files import read_text
from mnist_tui.runs.collection.seed_groups import LOSS, SHARE, SeedStatistics, summary
from mnist_tui.studies.reproduction.finished_runs import DivergedSeeds, FinishedRun, FinishedRuns, Machine
from mnist_tui.studies.reproduction.published_experiments import PublishedExperiment, PublishedSource, Verdict, verdict

ALIKE = 1.25
"""Networks whose multiply-accumulates differ by no more than this factor are assumed to train equally fast."""
MISSES_FILE = "MISSES.md"
"""Explanations of misses, in the folder of the presets."""


@dataclass(frozen=True)
class ReproductionRow:
    """A published experiment, and the results of our runs.

    Attributes:
        runs: the runs that count, by seed.
        wanted: how many seeds, from 0 on.
        estimate: how long a run will take; None where nothing similar was run.
        explanation: what the authors of the presets found out about a miss; empty for none.
        diverged: seeds whose training diverged, so that they have no result.
    """

    published: PublishedExperiment
    runs: tuple[FinishedRun, ...]
    wanted: int
    estimate: Estimate | None = None
    explanation: str = ""
    diverged: tuple[int, ...] = ()

    @cached_property
    def accuracy(self) -> SeedStatistics | None:
        """The test accuracy over the seeds."""
        return summary((run.accuracy for run in self.runs), within=SHARE)

    @cached_property
    def loss(self) -> SeedStatistics | None:
        """The test loss over the seeds."""
        return summary((run.loss for run in self.runs), within=LOSS)

    @cached_property
    def verdict(self) -> Verdict:
        return verdict(self.published.rule, self.published.accuracy, self.accuracy)

    @property
    def missing(self) -> tuple[int, ...]:
        """Seeds that have no run that counts and did not diverge."""
        there = {run.seed for run in self.runs} | set(self.diverged)
        return tuple(seed for seed in range(self.wanted) if seed not in there)

    @property
    def seconds(self) -> float | None:
        """The median time of the runs."""
        return median(run.seconds for run in self.runs) if self.runs else None


@dataclass(frozen=True)
class SourceRows:
    """The rows of one source."""

    source: PublishedSource
    rows: tuple[ReproductionRow, ...]


@dataclass(frozen=True)
class ReproductionTable:
    """All rows, by source."""

    parts: tuple[SourceRows, ...]

    @property
    def rows(self) -> tuple[ReproductionRow, ...]:
        return tuple(row for part in self.parts for row in part.rows)

    @property
    def runs(self) -> tuple[FinishedRun, ...]:
        """The runs of all rows; a run that counts for two rows is here once."""
        return tuple({run.run: run for row in self.rows for run in row.runs}.values())

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines that the runs were computed on, the one with most runs first."""
        every = [run.machine for run in self.runs]
        return tuple(sorted(set(every), key=lambda machine: (-every.count(machine), machine)))


def build_table(
    sources: Sequence[PublishedSource],
    found: FinishedRuns,
    *,
    among: Sequence[PublishedSource],
    seeds: int | None = None,
    explanations: Mapping[str, str] | None = None,
    diverged: DivergedSeeds | None = None,
) -> ReproductionTable:
    """Build the table of some sources' experiments.

    Args:
        found: the runs that count.
        among: all sources, from whose runs the times are estimated.
        seeds: how many seeds count, from 0 on, instead of the number that the rule needs.
        explanations: of misses, by id.
        diverged: seeds whose training diverged.
    """
    known = list({one.mathematics: one for source in among for one in source.experiments}.values())

    def row(published: PublishedExperiment) -> ReproductionRow:
        return _row(published, found, known, seeds, explanations=explanations or {}, diverged=diverged or {})

    return ReproductionTable(tuple(SourceRows(source, tuple(map(row, source.experiments))) for source in sources))


def _row(
    published: PublishedExperiment,
    found: FinishedRuns,
    known: Sequence[PublishedExperiment],
    seeds: int | None,
    *,
    explanations: Mapping[str, str],
    diverged: DivergedSeeds,
) -> ReproductionRow:
    wanted = seeds or published.rule.seeds
    there = found.get(published.mathematics, {})
    runs = tuple(there[seed] for seed in sorted(there) if seed < wanted)
    explanation = " ".join(explanations[name] for name in published.ids if name in explanations)
    lost = sorted(seed for seed in diverged.get(published.mathematics, ()) if seed < wanted and seed not in there)
    return ReproductionRow(published, runs, wanted, estimate_time(published, found, known), explanation, tuple(lost))


@dataclass(frozen=True)
class Estimate:
    """How long one run will take.

    Attributes:
        seconds: elapsed time, on the machine of the runs that the estimate is taken from.
        at_most: whether early stopping may end it sooner.
        like: the id of the experiment whose runs the estimate is taken from.
    """

    seconds: float
    at_most: bool
    like: str


def estimate_time(
    published: PublishedExperiment, found: FinishedRuns, known: Sequence[PublishedExperiment]
) -> Estimate | None:
    """Estimate the time of a run from runs of the same experiment, else per epoch from the most similar experiment.

    Returns:
        None where no similar experiment was run.
    """
    experiment = published.mathematics
    if own := found.get(experiment):
        return Estimate(median(run.seconds for run in own.values()), at_most=False, like=published.ids[0])
    like = [(ratio, other) for other in known if (ratio := _ratio(published, other, found)) is not None]
    if not like:
        return None
    ratio, nearest = min(like, key=lambda one: (max(one[0], 1 / one[0]), one[1].ids))
    stopping = experiment.training.early_stopping is not None
    seconds = _scaled(found[nearest.mathematics].values(), ratio, experiment.training.epochs)
    return Estimate(seconds, stopping, nearest.ids[0])


def _ratio(published: PublishedExperiment, other: PublishedExperiment, found: FinishedRuns) -> float | None:
    """How many times the work of one image is; None where the two are not alike, or the other was never run."""
    one, two = published.mathematics, other.mathematics
    if two not in found or _family(one) != _family(two):
        return None
    ratio = of(one).macs / of(two).macs
    return ratio if 1 / ALIKE <= ratio <= ALIKE else None


def _family(experiment: Experiment) -> tuple[object, ...]:
    """Properties that must be equal for a similar size to mean a similar time."""
    kinds = {type(layer) for layer in experiment.layers}
    held = experiment.dataset.validation
    return (
        experiment.trains_in_epochs,
        experiment.training.batch_size,
        Conv2D in kinds,
        BatchNormalization in kinds,
        experiment.features.kind,
        held if held == "test" else "held out",
    )


def _scaled(runs: Collection[FinishedRun], ratio: float, epochs: int) -> float:
    beside = median(run.seconds - run.training for run in runs)
    return beside + epochs * ratio * median(run.training / max(1, run.epochs) for run in runs)


def read_explanations(path: Path | None = None) -> Mapping[str, str]:
    """Read the explanations by id: the text under each heading ``## ID``, in one line; empty where there is no file."""
    try:
        text = read_text(path or builtin_folder() / MISSES_FILE, follow_links=True)
    except FileNotFoundError:
        return {}
    _, *parts = re.split(r"^## +(\S+) *$", text, flags=re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in zip(parts[::2], parts[1::2], strict=True)}
