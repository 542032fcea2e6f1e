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
from mnist_tui.experiment.spec import Experiment, is_closed_form
from mnist_tui.files import read_text
from mnist_tui.runs.collection.seed_groups import LOSS, SHARE, SeedStatistics, summary
from mnist_tui.studies.reproduction.finished_runs import DivergedSeeds, FinishedRun, FinishedRuns, Machine
from mnist_tui.studies.reproduction.published_experiments import PublishedExperiment, PublishedSource, Verdict, verdict


@dataclass(frozen=True)
class ReproductionRow:
    """An experiment, what was published of it and what came out here.

    Attributes:
        runs: that count, by seed. wanted: how many seeds, from 0 on.
        estimate: what a run takes where none says; None where nothing honest can be said.
        explanation: a person's, of a miss; empty for none.
        diverged: seeds that were run without coming to a figure.
    """

    subject: PublishedExperiment
    runs: tuple[FinishedRun, ...]
    wanted: int
    estimate: Estimate | None = None
    explanation: str = ""
    diverged: tuple[int, ...] = ()

    @cached_property
    def accuracy(self) -> SeedStatistics | None:
        """Of the test set, over the seeds."""
        return summary((run.accuracy for run in self.runs), within=SHARE)

    @cached_property
    def loss(self) -> SeedStatistics | None:
        """Of the test set, over the seeds."""
        return summary((run.loss for run in self.runs), within=LOSS)

    @cached_property
    def verdict(self) -> Verdict:
        return verdict(self.subject.rule, self.subject.accuracy, self.accuracy)

    @property
    def missing(self) -> tuple[int, ...]:
        """Seeds without a run that counts, and that did not diverge."""
        there = {run.seed for run in self.runs} | set(self.diverged)
        return tuple(seed for seed in range(self.wanted) if seed not in there)

    @property
    def seconds(self) -> float | None:
        """The median of what the runs took."""
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
        """Each once, also where it counts for two rows."""
        return tuple({run.run: run for row in self.rows for run in row.runs}.values())

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Those that the runs were computed on, the one with most runs first."""
        every = [run.machine for run in self.runs]
        return tuple(sorted(set(every), key=lambda machine: (-every.count(machine), machine)))


def tabled(
    sources: Sequence[PublishedSource],
    found: FinishedRuns,
    *,
    among: Sequence[PublishedSource],
    seeds: int | None = None,
    explanations: Mapping[str, str] | None = None,
    diverged: DivergedSeeds | None = None,
) -> ReproductionTable:
    """The table of some sources' experiments.

    Args:
        found: the runs that count; estimates are taken from those of all sources, `among`.
        seeds: how many count, from 0 on, in place of those that the rule wants.
        explanations: of misses, by id.
        diverged: seeds that were run without coming to a figure.
    """
    known = list({one.mathematics: one for source in among for one in source.subjects}.values())

    def row(subject: PublishedExperiment) -> ReproductionRow:
        return _row(subject, found, known, seeds, told=explanations or {}, diverged=diverged or {})

    return ReproductionTable(tuple(SourceRows(source, tuple(map(row, source.subjects))) for source in sources))


def _row(
    subject: PublishedExperiment,
    found: FinishedRuns,
    known: Sequence[PublishedExperiment],
    seeds: int | None,
    *,
    told: Mapping[str, str],
    diverged: DivergedSeeds,
) -> ReproductionRow:
    wanted = seeds or subject.rule.seeds
    there = found.get(subject.mathematics, {})
    runs = tuple(there[seed] for seed in sorted(there) if seed < wanted)
    explanation = " ".join(told[name] for name in subject.ids if name in told)
    lost = sorted(seed for seed in diverged.get(subject.mathematics, ()) if seed < wanted and seed not in there)
    return ReproductionRow(subject, runs, wanted, estimated(subject, found, known), explanation, tuple(lost))


ALIKE = 1.25
"""Networks whose multiply-accumulates differ by no more than this factor are taken to train alike."""


@dataclass(frozen=True)
class Estimate:
    """What one run takes.

    Attributes:
        seconds: by a clock on the wall, on the machine of the runs that it is taken from.
        at_most: early stopping may end it sooner.
        like: id of the experiment whose runs it is taken from.
    """

    seconds: float
    at_most: bool
    like: str


def estimated(
    subject: PublishedExperiment, found: FinishedRuns, known: Sequence[PublishedExperiment]
) -> Estimate | None:
    """From its own runs; else from those of the most similar experiment, by the epoch; None where none is similar."""
    experiment = subject.mathematics
    if own := found.get(experiment):
        return Estimate(median(run.seconds for run in own.values()), at_most=False, like=subject.ids[0])
    like = [(ratio, other) for other in known if (ratio := _ratio(subject, other, found)) is not None]
    if not like:
        return None
    ratio, nearest = min(like, key=lambda one: (max(one[0], 1 / one[0]), one[1].ids))
    stopping = experiment.training.early_stopping is not None
    seconds = _scaled(found[nearest.mathematics].values(), ratio, experiment.training.epochs)
    return Estimate(seconds, stopping, nearest.ids[0])


def _ratio(subject: PublishedExperiment, other: PublishedExperiment, found: FinishedRuns) -> float | None:
    """How much more an image costs; None where they do not train alike, or nothing is known of the other."""
    one, two = subject.mathematics, other.mathematics
    if two not in found or _family(one) != _family(two):
        return None
    ratio = of(one).macs / of(two).macs
    return ratio if 1 / ALIKE <= ratio <= ALIKE else None


def _family(experiment: Experiment) -> tuple[object, ...]:
    """What must be equal where a similar size is to mean a similar time."""
    kinds = {type(layer) for layer in experiment.layers}
    held = experiment.dataset.validation
    return (
        is_closed_form(experiment),
        experiment.training.batch_size,
        Conv2D in kinds,
        BatchNormalization in kinds,
        experiment.features.kind,
        held if held == "test" else "held out",
    )


def _scaled(runs: Collection[FinishedRun], ratio: float, epochs: int) -> float:
    beside = median(run.seconds - run.training for run in runs)
    return beside + epochs * ratio * median(run.training / max(1, run.epochs) for run in runs)


NAME = "MISSES.md"


def explanations(path: Path | None = None) -> Mapping[str, str]:
    """The explanations by id: the text under each heading ``## ID``, in one line. None where there is no file."""
    try:
        text = read_text(path or builtin_folder() / NAME, follow_links=True)
    except FileNotFoundError:
        return {}
    _, *parts = re.split(r"^## +(\S+) *$", text, flags=re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in zip(parts[::2], parts[1::2], strict=True)}
