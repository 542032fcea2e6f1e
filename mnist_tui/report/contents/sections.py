"""Divide a report: sections for runs and groups of seeds, a chapter for each network, and an appendix."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.experiment.complexity import Complexity
from mnist_tui.experiment.layers import LAYER_KINDS, ExperimentPart
from mnist_tui.experiment.presets import dump_preset
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report.contents.one_run import history_table
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.markdown import MarkdownTable, value_in_words
from mnist_tui.report.result_words import number_ranges
from mnist_tui.runs.collection.seed_groups import SeedGroup, grouped
from mnist_tui.wording import count, noun


@dataclass(frozen=True, eq=False)
class NumberedRun:
    """A run with its number in the report, from 1."""

    number: int
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class ReportSection:
    """A section of the report: one run, or the runs of a group of seeds.

    Attributes:
        runs: in the report's order.
        shown: the run whose curves, matrix and weights are drawn.
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
        return number_ranges((run.number for run in self.runs), "–")

    @property
    def numbers(self) -> str:
        """``run 1``, ``runs 5–14``."""
        return f"{noun(self.runs, 'run')} {self.numerals}"

    @property
    def title(self) -> str:
        return f"{self.numbers.capitalize()} – {self.name}"

    @property
    def name(self) -> str:
        """The name for a heading: the one that the user gave to all of the runs, else the preset's title."""
        preset, changes = self.shown.evidence.preset, self.shown.evidence.changes
        return self._own_name or (self.called if changes else preset.title or preset.name)

    @property
    def called(self) -> str:
        """The name for a sentence: the user's, else the preset's with its changes: ``hog (ppc 7)``."""
        preset, changes = self.shown.evidence.preset, self.shown.evidence.changes
        return self._own_name or (f"{preset.name} ({changes})" if changes else preset.name)

    @property
    def _own_name(self) -> str:
        names = {run.evidence.summary.name for run in self.runs}
        return names.pop() if len(names) == 1 else ""

    @property
    def counted(self) -> tuple[NumberedRun, ...]:
        """The runs that mean and deviation are computed from, in the order of their seeds; all have scores."""
        if self.group is None:
            return self.runs
        with_scores = {run.evidence.summary.folder: run for run in self.runs if run.evidence.test}
        return tuple(with_scores[run.folder] for run in self.group.scored if run.folder in with_scores)


def report_sections(evidences: Sequence[Evidence]) -> list[ReportSection]:
    """Divide runs into sections, in the order of each section's first run."""
    runs = [NumberedRun(number, evidence) for number, evidence in enumerate(evidences, 1)]
    sections: list[ReportSection] = []
    for group in grouped(evidence.summary for evidence in evidences):
        members = tuple(run for run in runs if run.evidence.summary.group == group.group)
        if len({run.evidence.summary.seed for run in members}) > 1:
            sections.append(_group_section(members, group))
        else:
            sections += [ReportSection((run,), run, None) for run in members]
    return sorted(sections, key=lambda section: section.runs[0].number)


def _group_section(members: tuple[NumberedRun, ...], group: SeedGroup) -> ReportSection:
    """Return a group's section; the run shown has the median test accuracy, the lower one of two."""
    section = ReportSection(members, members[0], group)
    accuracies = [run.evidence.test["accuracy"] for run in section.counted]
    if not accuracies:
        return section
    return ReportSection(members, section.counted[accuracies.index(statistics.median_low(accuracies))], group)


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network that at least one run trained.

    Attributes:
        number: from 1, in the order of the first run of each.
        evidence: of the first run that used it.
        runs: the numbers of all runs that used it.
    """

    number: int
    evidence: Evidence
    runs: tuple[int, ...]

    @property
    def anchor(self) -> str:
        return f"model-{self.number}"

    @property
    def title(self) -> str:
        return f"Model {self.number} – {architecture(self.evidence.complexity)}"


def networks(evidences: Sequence[Evidence]) -> list[TrainedNetwork]:
    """Return the networks of runs numbered from 1; the same layers on the same features are one network."""
    runs_of: dict[str, list[int]] = {}
    for number, evidence in enumerate(evidences, 1):
        spec = evidence.experiment
        key = "".join(part.model_dump_json() for part in (spec.features, *spec.layers, spec.output))
        runs_of.setdefault(key, []).append(number)
    return [TrainedNetwork(at, evidences[runs[0] - 1], tuple(runs)) for at, runs in enumerate(runs_of.values(), 1)]


def architecture(complexity: Complexity) -> str:
    """Return a network in short: ``784-250-10``, ``convolutions 9-9-16, dense 144-25-10``."""
    filters = [layer.output_shape[-1] for layer in complexity.layers if layer.kind == "conv2d"]
    dense = [layer.output_shape[0] for layer in complexity.layers if layer.kind == "dense"]
    connected = "-".join(map(str, [complexity.dense_inputs, *dense]))
    return f"convolutions {'-'.join(map(str, filters))}, dense {connected}" if filters else connected


def layer_table(complexity: Complexity, experiment: Experiment) -> MarkdownTable:
    """Return the network's summary, one row a layer, the input first."""
    rows = [("0", "input (InputLayer)", str(experiment.input_shape), "", "0", "")]
    inbound, parts = "input", [*experiment.layers, experiment.output]
    for number, (layer, part) in enumerate(zip(complexity.layers, parts, strict=True), 1):
        configuration = "; ".join(filter(None, [layer.configuration, *_initialisers(part)]))
        name = f"{layer.name} ({LAYER_KINDS[layer.kind].__name__})"
        rows.append((str(number), name, str(layer.output_shape), configuration, count(layer.total), inbound))
        inbound = layer.name
    headings = ("№", "Layer (type)", "Output shape", "Configuration", "Parameters", "Inbound layer")
    return MarkdownTable(headings, rows, (0, 4))


def _initialisers(part: ExperimentPart) -> list[str]:
    words: list[str] = []
    for what, field in (("weights", "kernel_initializer"), ("biases", "bias_initializer")):
        initialiser = getattr(part, field, None)
        if initialiser is not None:
            arguments = ", ".join(f"{key} {value_in_words(value)}" for key, value in initialiser if key != "name")
            words.append(f"{what} {initialiser.name}{f' ({arguments})' if arguments else ''}")
    return words


MOST_LISTED_EPOCHS = 20
"""A longer history is only in the data beside the figures."""


@dataclass(frozen=True)
class ExperimentText:
    """An experiment as TOML, for the appendix.

    Attributes:
        runs: ``run 1``, ``runs 1 and 3``.
        seed: the seed in this text, where the runs' seeds differ; else None.
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
    """A short run's history, for the appendix."""

    number: int
    history: MarkdownTable

    @property
    def anchor(self) -> str:
        return f"epochs-{self.number}"


def experiment_texts(sections: Sequence[ReportSection]) -> dict[str, ExperimentText]:
    """Return the experiments by the anchors of the sections; sections with the same text share it."""
    with_text: dict[str, list[ReportSection]] = {}
    for section in sections:
        with_text.setdefault(dump_preset(section.shown.evidence.preset), []).append(section)
    texts: dict[str, ExperimentText] = {}
    for number, (toml, alike) in enumerate(with_text.items(), 1):
        runs = [run.number for section in alike for run in section.runs]
        seeds = [section.shown.evidence.summary.seed for section in alike if section.group is not None]
        name = f"{noun(runs, 'run')} {number_ranges(runs, '–')}"
        text = ExperimentText(number, name, toml, seeds[0] if seeds else None)
        texts |= dict.fromkeys([section.anchor for section in alike], text)
    return texts


def short_histories(sections: Sequence[ReportSection]) -> dict[str, EpochTable]:
    """Return the epochs of the runs shown, where there are few, by the anchors of their sections."""
    tables = [(section, history_table(section.shown.evidence)) for section in sections]
    return {
        section.anchor: EpochTable(section.shown.number, history)
        for section, history in tables
        if history is not None and len(history.rows) <= MOST_LISTED_EPOCHS
    }
