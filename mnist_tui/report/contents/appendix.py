"""What a report keeps for its end: every experiment whole, and the epochs of short runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.experiment.presets import dump_preset
from mnist_tui.report.contents.grid import MarkdownTable, run_numbers
from mnist_tui.report.contents.one_run import history_table
from mnist_tui.report.contents.sections import ReportSection
from mnist_tui.wording import noun

MOST_LISTED_EPOCHS = 20
"""A longer history is in the data beside the figures only."""


@dataclass(frozen=True)
class ExperimentText:
    """An experiment's file.

    Attributes:
        runs: ``run 1``, ``runs 1 and 3``.
        seed: of this text, where the runs' seeds differ; None else.
    """

    number: int
    runs: str
    toml: str
    seed: int | None

    @property
    def anchor(self) -> str:
        return f"experiment-{self.number}"


@dataclass(frozen=True)
class EpochTable:
    """A short run's history."""

    number: int
    history: MarkdownTable

    @property
    def anchor(self) -> str:
        return f"epochs-{self.number}"


def experiment_texts(sections: Sequence[ReportSection]) -> dict[str, ExperimentText]:
    """By the anchors of the sections; the same text is there once."""
    texts = {section.anchor: dump_preset(section.shown.evidence.preset) for section in sections}
    found: dict[str, ExperimentText] = {}
    for number, toml in enumerate(dict.fromkeys(texts.values()), 1):
        alike = [section for section in sections if texts[section.anchor] == toml]
        runs = [run.number for section in alike for run in section.runs]
        group = next((section for section in alike if section.group is not None), None)
        seed = group.shown.evidence.summary.seed if group is not None else None
        word = f"{noun(runs, 'run')} {run_numbers(runs)}"
        found |= dict.fromkeys([section.anchor for section in alike], ExperimentText(number, word, toml, seed))
    return found


def short_histories(sections: Sequence[ReportSection]) -> dict[str, EpochTable]:
    """The epochs of the runs that are shown, where they are few; by the anchors of their sections."""
    found: dict[str, EpochTable] = {}
    for section in sections:
        told = history_table(section.shown.evidence)
        if told is not None and len(told.rows) <= MOST_LISTED_EPOCHS:
            found[section.anchor] = EpochTable(section.shown.number, told)
    return found
