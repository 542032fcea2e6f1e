"""Published beside ours, a row an experiment. Pure; how a row is written is the front ends' job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from mnist_tui.runs.collection.seed_groups import LOSS, SHARE, SeedStatistics, summary
from mnist_tui.studies.reproduction.estimates import Estimate, estimated
from mnist_tui.studies.reproduction.found import DivergedSeeds, FinishedRun, FinishedRuns, Machine
from mnist_tui.studies.reproduction.rule import Verdict, verdict
from mnist_tui.studies.reproduction.subjects import PublishedExperiment, PublishedSource


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
