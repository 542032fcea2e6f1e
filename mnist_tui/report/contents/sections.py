"""How a report is divided: a section for a run, and one for all runs that differ in nothing but their seed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.report.contents.grid import run_numbers
from mnist_tui.report.evidence import Evidence
from mnist_tui.runs.collection.seed_groups import SeedGroup, grouped
from mnist_tui.wording import noun


@dataclass(frozen=True, eq=False)
class NumberedRun:
    """A run with its number in the report, from 1."""

    number: int
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class ReportSection:
    """What is told together.

    Attributes:
        runs: one, or a group's; in the report's order.
        shown: the one whose curves, matrix and weights are drawn.
        group: the seeds, where there is more than one.
    """

    runs: tuple[NumberedRun, ...]
    shown: NumberedRun
    group: SeedGroup | None

    @property
    def anchor(self) -> str:
        return f"run-{self.runs[0].number}"

    @property
    def numerals(self) -> str:
        """``1``, ``5–14``."""
        return run_numbers([run.number for run in self.runs])

    @property
    def numbers(self) -> str:
        """``run 1``, ``runs 5–14``."""
        return f"{noun(self.runs, 'run')} {self.numerals}"

    @property
    def title(self) -> str:
        return f"{self.numbers.capitalize()} – {self.name}"

    @property
    def name(self) -> str:
        """For a heading: the user's name for the runs, where all have the same; else the preset's title."""
        preset, changes = self.shown.evidence.preset, self.shown.evidence.changes
        return self.own_name or (self.called if changes else preset.title or preset.name)

    @property
    def called(self) -> str:
        """In a sentence: the user's name, else the preset's, with what was changed of it: ``hog (ppc 7)``."""
        preset, changes = self.shown.evidence.preset, self.shown.evidence.changes
        return self.own_name or (f"{preset.name} ({changes})" if changes else preset.name)

    @property
    def own_name(self) -> str:
        """The user's for the runs; empty where they have none, or not the same."""
        names = {run.evidence.summary.name for run in self.runs}
        return names.pop() if len(names) == 1 else ""

    @property
    def counted(self) -> tuple[NumberedRun, ...]:
        """The runs that mean and deviation are made from, in the order of their seeds; all have scores."""
        if self.group is None:
            return self.runs
        places = [run.folder for run in self.group.scored]
        found = {run.evidence.summary.folder: run for run in self.runs if run.evidence.document["test"]}
        return tuple(found[place] for place in places if place in found)


def report_sections(evidences: Sequence[Evidence]) -> list[ReportSection]:
    """The sections in the order of the first run of each."""
    runs = [NumberedRun(number, evidence) for number, evidence in enumerate(evidences, 1)]
    found: list[ReportSection] = []
    for group in grouped(evidence.summary for evidence in evidences):
        members = tuple(run for run in runs if run.evidence.summary.group == group.group)
        if len({run.evidence.summary.seed for run in members}) > 1:
            found.append(_group_section(members, group))
        else:
            found += [ReportSection((run,), run, None) for run in members]
    return sorted(found, key=lambda section: section.runs[0].number)


def _group_section(members: tuple[NumberedRun, ...], group: SeedGroup) -> ReportSection:
    """A group's section; shown is the run in the middle by its test accuracy, the lower one of two."""
    section = ReportSection(members, members[0], group)
    accuracies = [run.evidence.document["test"]["accuracy"] for run in section.counted]
    if not accuracies:
        return section
    middle = accuracies.index(statistics.median_low(accuracies))
    return ReportSection(members, section.counted[middle], group)
