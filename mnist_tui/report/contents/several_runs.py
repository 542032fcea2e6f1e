"""Divide a report over several runs into sections and chapters, and make the tables that compare runs and networks."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from mnist_tui.experiment.complexity import Complexity
from mnist_tui.experiment.layers import ExperimentPart
from mnist_tui.experiment.presets import Reference, dump_preset, heading
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report.complexity.comparison import FINISHED, ComparedModel, comparison_sentences, side_by_side
from mnist_tui.report.contents.learning import initialiser_in_words
from mnist_tui.report.contents.one_run import dataset_title, epochs_text, history_table
from mnist_tui.report.contents.references import Citations
from mnist_tui.report.evidence import Evidence, scored_on
from mnist_tui.report.figures.accuracies import CapacityPoint
from mnist_tui.report.keras_program import class_of
from mnist_tui.report.markdown import MarkdownTable, MarkdownText, link, table_of
from mnist_tui.report.result_words import (
    citation,
    ends_in_words,
    group_sentences,
    interval_in_words,
    number_ranges,
    score_difference,
)
from mnist_tui.runs.collection.seed_groups import LOSS, SHARE, Interval, SeedGroup, SeedStatistics, grouped, summary
from mnist_tui.runs.times import times_of
from mnist_tui.wording import DASH, count, loss, noun, plus_minus, seconds

OUTLIER_MARK = " †"


@dataclass(frozen=True, eq=False)
class NumberedRun:
    """A run and its number in the report, from 1."""

    number: int
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class ReportSection:
    """A section of the report: one run, or the runs of a group of seeds.

    Attributes:
        runs: the section's runs, in the order of the report.
        shown: the run whose curves, matrix and weights are drawn.
        group: the group of seeds; None for a section of one run.
    """

    runs: tuple[NumberedRun, ...]
    shown: NumberedRun
    group: SeedGroup | None

    @property
    def anchor(self) -> str:
        return f"run-{self.runs[0].number}"

    @property
    def numerals(self) -> str:
        """The runs' numbers: ``1``, ``5–14``."""
        return number_ranges((run.number for run in self.runs), "–")

    @property
    def numbers(self) -> str:
        """The runs' numbers for a sentence: ``run 1``, ``runs 5–14``."""
        return f"{noun(self.runs, 'run')} {self.numerals}"

    @property
    def title(self) -> str:
        return f"{self.numbers.capitalize()} – {self.name}"

    @property
    def name(self) -> str:
        """The name for a heading: the user's, if all runs have the same one, else the title of the experiment."""
        title, fold = heading(self.shown.evidence.preset), self.shown.evidence.experiment.dataset.fold
        if fold is not None and self.group is not None:
            title = title.replace(fold.in_words, f"{fold.of} folds")
        return self._own_name or title

    @property
    def called(self) -> str:
        """The name for a sentence: the user's, else the preset's with its changes: ``hog (ppc 7)``."""
        name, told = self.shown.evidence.preset.name, self._changes
        return self._own_name or (f"{name} ({told})" if told else name)

    @property
    def in_words(self) -> str:
        """The runs for a sentence: ``run 2 (hog, ppc 7)``, ``runs 3–7 (raw)``."""
        return f"{self.numbers} ({self._what([self._changes])})"

    @property
    def _changes(self) -> str:
        """The changes from the preset in words; of a cross-validation, its number of folds in place of the fold."""
        changes = self.shown.evidence.changes.split(", ")
        folds = [f"{self.group.folds} folds"] if self.group is not None and self.group.folds else []
        return ", ".join([*(each for each in changes if not (folds and each.startswith("validation fold:"))), *folds])

    def label(self, changes: Sequence[str]) -> str:
        """Return `in_words` with a capital letter and with these of the changes, for tables and figures."""
        return f"{self.numbers.capitalize()} ({self._what(changes)})"

    def _what(self, changes: Sequence[str]) -> str:
        """Return the user's name, else the preset's with these of its changes."""
        return self._own_name or ", ".join(filter(None, (self.shown.evidence.preset.name, *changes)))

    @property
    def _own_name(self) -> str:
        names = {run.evidence.summary.name for run in self.runs}
        return names.pop() if len(names) == 1 else ""

    @property
    def mark(self) -> str:
        """What stands after the scores of a single run whose last epoch is an outlier; empty for other sections."""
        return OUTLIER_MARK if self.group is None and self.shown.evidence.outlying_end is not None else ""

    @property
    def accuracy(self) -> SeedStatistics | None:
        """The test accuracy, or the mean over the seeds that count; None without scores."""
        return score_spreads(self)[0][0]

    @property
    def accuracy_or_zero(self) -> float:
        return self.accuracy.mean if self.accuracy is not None else 0.0

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of `accuracy`: of a single run over other test images, of a group over other seeds."""
        if self.group is None:
            return self.shown.evidence.test_interval
        return self.accuracy and self.accuracy.interval

    @property
    def counted(self) -> tuple[NumberedRun, ...]:
        """The runs that count for mean and deviation, in the order of their seeds; in a group, all have scores."""
        if self.group is None:
            return self.runs
        with_scores = {run.evidence.summary.folder: run for run in self.runs if run.evidence.test}
        return tuple(with_scores[run.folder] for run in self.group.scored if run.folder in with_scores)


def report_sections(evidences: Sequence[Evidence]) -> list[ReportSection]:
    """Divide runs into sections, in the order of each section's first run.

    A group of seeds or folds shows the run with the median test accuracy, or the lower of two medians.
    """
    runs = [NumberedRun(number, evidence) for number, evidence in enumerate(evidences, 1)]
    sections: list[ReportSection] = []
    for group in grouped(evidence.summary for evidence in evidences):
        members = tuple(run for run in runs if run.evidence.summary.group == group.group)
        if len({run.evidence.summary.repetition for run in members}) > 1:
            section = ReportSection(members, members[0], group)
            if accuracies := [run.evidence.test["accuracy"] for run in section.counted]:
                median = section.counted[accuracies.index(statistics.median_low(accuracies))]
                section = replace(section, shown=median)
            sections.append(section)
        else:
            sections += [ReportSection((run,), run, None) for run in members]
    return sorted(sections, key=lambda section: section.runs[0].number)


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network that at least one run trained.

    Attributes:
        number: the network's number, from 1, in the order of the first runs.
        evidence: the facts of the first run that trained the network.
        runs: the numbers of all runs that trained the network.
    """

    number: int
    evidence: Evidence
    runs: tuple[int, ...]

    @property
    def anchor(self) -> str:
        return f"model-{self.number}"

    @property
    def title(self) -> str:
        """A heading: ``Model 1 – 784-250-10``, ``Model 2 – convolutions 9-9-16, dense 144-25-10``."""
        return f"Model {self.number} – {network_name(self.evidence)}"


def network_name(evidence: Evidence) -> str:
    """Return a network's sizes: ``784-250-10``, ``convolutions 9-9-16, dense 144-25-10``."""
    complexity = evidence.complexity
    filters = "-".join(str(layer.output_shape[-1]) for layer in complexity.layers if layer.kind == "conv2d")
    dense = "-".join(map(str, [complexity.dense_inputs, *(layer.output_shape[0] for layer in complexity.dense)]))
    return f"convolutions {filters}, dense {dense}" if filters else dense


def network_key(evidence: Evidence, *, features: bool = True) -> str:
    """Return a text that is the same for networks with the same layers, and the same features if they are asked for."""
    spec = evidence.experiment
    parts = (*([spec.features] if features else []), *spec.layers, spec.output)
    return "".join(part.model_dump_json() for part in parts)


def networks(evidences: Sequence[Evidence]) -> list[TrainedNetwork]:
    """Return the networks of the runs; the same layers on the same features are one network.

    Networks from elsewhere and ensembles are left out.
    """
    runs_of: dict[str, list[int]] = {}
    for number, evidence in enumerate(evidences, 1):
        if not evidence.has_own_layers:
            continue
        runs_of.setdefault(network_key(evidence), []).append(number)
    return [TrainedNetwork(at, evidences[runs[0] - 1], tuple(runs)) for at, runs in enumerate(runs_of.values(), 1)]


def layer_table(complexity: Complexity, experiment: Experiment) -> MarkdownTable:
    """Return a network's summary, with one row for each layer, the input first."""
    rows = [("0", "input (InputLayer)", str(experiment.input_shape), "", "0", "")]
    names = [*(layer.name for layer in complexity.layers), "input"]  # the last one has the position -1, too
    for number, layer in enumerate(complexity.layers, 1):
        configuration = "; ".join(filter(None, [layer.configuration, *_initialisers(layer.layer)]))
        name, inbound = f"{layer.name} ({class_of(layer.layer)})", ", ".join(names[at] for at in layer.sources)
        rows.append((str(number), name, str(layer.output_shape), configuration, count(layer.total), inbound))
    headings = ("№", "Layer (type)", "Output shape", "Configuration", "Parameters", "Inbound layer")
    return MarkdownTable(headings, rows, (0, 4))


INITIALISED = (
    ("weights", "kernel_initializer"),
    ("depthwise weights", "depthwise_initializer"),
    ("pointwise weights", "pointwise_initializer"),
    ("biases", "bias_initializer"),
)


def _initialisers(part: ExperimentPart) -> list[str]:
    words: list[str] = []
    for what, field in INITIALISED:
        initialiser = getattr(part, field, None)
        if initialiser is not None:
            words.append(f"{what} {initialiser_in_words(initialiser)}")
    return words


MOST_LISTED_EPOCHS = 20
"""A longer history is not in the report, but only in the data beside the figures."""


@dataclass(frozen=True)
class ExperimentText:
    """An experiment as TOML, for the appendix.

    Attributes:
        runs: the runs with this text, in words: ``run 1``, ``runs 1 and 3``.
        seed: the seed in this text, if the runs' seeds differ; else None.
    """

    number: int
    runs: str
    toml: str
    seed: int | None

    @property
    def anchor(self) -> str:
        return f"experiment-{self.number}"


def experiment_texts(sections: Sequence[ReportSection]) -> dict[str, ExperimentText]:
    """Return each section's experiment by the section's anchor; sections with equal texts share one."""
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


def short_history(evidence: Evidence) -> MarkdownTable | None:
    """Return the history of a run with at most MOST_LISTED_EPOCHS epochs; None for a longer one, and without epochs."""
    table = history_table(evidence)
    return table if table and len(table.rows) <= MOST_LISTED_EPOCHS else None


SCORES = (
    ("test", "accuracy", 100, 2),
    ("train", "accuracy", 100, 2),
    ("test", "loss", 1, 4),
    ("test", "macro_f1", 100, 2),
)
"""The scores in tables over runs: part and key in a run's document, and the factor and the decimals in tables."""
PUBLISHED = "Published accuracy (%)"


def score_headings(of: str) -> tuple[str, ...]:
    """Return the headings of SCORES in tables.

    Args:
        of: the images of the scores, as `evidence.scored_on` has them.
    """
    tested = of.capitalize()
    return f"{tested} accuracy (%)", "Training accuracy (%)", f"{tested} loss", "Macro F1 (%)"


def runs_table(sections: Sequence[ReportSection], models: Sequence[TrainedNetwork]) -> MarkdownTable | None:
    """Return a table with a row for each run or group of seeds; the numbers are links to sections and models."""
    model_of = {number: model for model in models for number in model.runs}
    several = any(section.group is not None for section in sections)
    any_folds = any(section.group is not None and section.group.folds for section in sections)
    accuracy_of, training_of, loss_of, f1_of = score_headings(scored_on(each.shown.evidence for each in sections))
    rows: list[dict[str, object]] = []
    for section in sections:
        evidence, model = section.shown.evidence, model_of.get(section.runs[0].number)
        accuracy, training, losses, f1 = (_spread_in_words(*spread) for spread in score_spreads(section))
        rows.append(
            {
                "Run": link(section.numerals, section.anchor),
                "Name": _section_name(section),
                **({"Model": link(model.number, model.anchor) if model else DASH} if len(models) > 1 else {}),
                "Parameters": count(evidence.parameters),
                "Epochs": epochs_text(evidence),
                **(
                    {
                        "Runs counted" if any_folds else "Seeds counted": count(len(section.counted))
                        if section.group
                        else DASH
                    }
                    if several
                    else {}
                ),
                accuracy_of: f"{accuracy}{section.mark}",
                "95 % interval (%)": ends_in_words(section.interval),
                loss_of: losses,
                **({} if several else {f1_of: f1}),  # the tables of the seeds have it
                training_of: training,
            }
        )
    return table_of(rows, words=("Run", "Name", "Model"))


def runs_caption(sections: Sequence[ReportSection], cite: Citations) -> MarkdownText:
    """Return the caption of `runs_table`: what its scores are, and how far they are uncertain."""
    groups = [section for section in sections if section.group is not None]
    kinds: list[str] = []
    if len(groups) < len(sections):
        kinds.append(f"of a run shows how far its accuracy could change with other test images {cite('wilson1927')}")
    if groups:
        if any(not section.group.folds for section in groups if section.group):
            student = f"Student's t {cite('student1908')}"
            kinds.append(
                f"of a mean shows how far the mean could change with other seeds ({student}); ± is the standard "
                "deviation over the seeds"
            )
        if any(section.group.folds for section in groups if section.group):
            kinds.append("of a mean over folds is not given, because folds share training images")
    marked = any(section.mark for section in sections)
    repetition = groups[0].group.repetition if groups and groups[0].group else "seed"
    what = (
        "The runs"
        if len(sections) > 1
        else "The run"
        if not groups
        else f"The runs, which differ in their {repetition}"
    )
    measured = "the test images"
    if groups and any(section.group.folds for section in groups if section.group):
        folds = "the images of the fold that was held out"
        measured = folds if len(groups) == len(sections) else f"{measured}, of a cross-validation on {folds},"
    return MarkdownText(
        f"{what}, with the scores on {measured} after training, and the accuracy on the training images with "
        f"dropout off. The interval {', and that '.join(kinds)}.{OUTLIER_NOTE if marked else ''}"
    )


OUTLIER_NOTE = " †: scores of a last epoch that is an outlier, here and wherever this mark stands."


def _section_name(section: ReportSection) -> str:
    """Return the name with changes and state, without the epochs, which have a column: ``raw, lr 1, stopped``."""
    if section.group is not None:
        numbers = number_ranges({run.evidence.summary.repetition for run in section.runs}, "–")
        return f"{section.called}, {section.group.repetition}s {numbers}"
    summary, state = section.shown.evidence.summary, section.shown.evidence.state.state
    epochs = r"\b[\d,]+ epochs?\b"
    changes = [change for change in summary.differs.split(", ") if change and not re.fullmatch(epochs, change)]
    return ", ".join([summary.shown_name, *changes, *([state] if state != FINISHED else [])])


def _score_cells(evidence: Evidence) -> dict[str, str]:
    test, train = evidence.test, evidence.train
    shares = (test.get("accuracy"), train.get("accuracy"), test.get("macro_f1"))
    accuracy, training, f1 = map(hundredths, shares)
    cells = (accuracy, training, loss(test["loss"]) if test else DASH, f1)
    return dict(zip(score_headings(scored_on([evidence])), cells, strict=True))


def hundredths(share: float | None) -> str:
    """Write a share in per cent, for a column whose heading has the unit: ``98.35`` for 0.9835; a dash for None."""
    return DASH if share is None else f"{100 * share:.2f}"


def score_spreads(section: ReportSection) -> list[tuple[SeedStatistics | None, int, int]]:
    """Return for each of SCORES the statistics over the runs that count, the factor and the decimals."""
    spreads: list[tuple[SeedStatistics | None, int, int]] = []
    for part, key, scale, digits in SCORES:
        scores = [(run.evidence.document[part] or {}).get(key) for run in section.counted]
        within, folds = LOSS if key == "loss" else SHARE, section.group is not None and section.group.folds > 0
        spreads.append((summary(scores, within=within, interval=not folds), scale, digits))
    return spreads


def _spread_in_words(spread: SeedStatistics | None, scale: int, digits: int) -> str:
    """Write a mean with its deviation, for example ``98.35 ± 0.06``; a single value has no deviation."""
    if spread is None:
        return DASH
    return plus_minus(spread.mean, spread.std, lambda value: f"{scale * value:.{digits}f}")


def published_table(sections: Sequence[ReportSection], cite: Citations) -> MarkdownTable | None:
    """Return published scores beside ours, with one row for each section; None if nothing was published."""
    rows: list[dict[str, object]] = []
    for section in sections:
        reference = section.shown.evidence.reference
        theirs = reference.get("accuracy"), reference.get("loss")
        if theirs != (None, None):
            accuracy, _, losses, _ = score_spreads(section)
            rows.append(
                {
                    "Run": link(section.numerals, section.anchor),
                    "Source": cite.source(reference) or citation(reference),
                    PUBLISHED: hundredths(theirs[0]),
                    "Our accuracy (%)": _spread_in_words(*accuracy),
                    "Accuracy difference (points)": _published_difference("accuracy", accuracy[0], theirs[0]),
                    "Published loss": DASH if theirs[1] is None else loss(theirs[1]),
                    "Our loss": _spread_in_words(*losses),
                    "Loss difference": _published_difference("loss", losses[0], theirs[1]),
                }
            )
    return table_of(rows, words=("Run", "Source"))


def _published_difference(score: str, ours: SeedStatistics | None, theirs: float | None) -> str:
    if ours is None or theirs is None:
        return DASH
    return score_difference(score, ours.mean, theirs).removesuffix(" points")


STATISTIC_ROWS: dict[str, Callable[[SeedStatistics, int, int], str]] = {
    "mean": lambda scores, scale, digits: f"{scale * scores.mean:.{digits}f}",
    "deviation": lambda scores, scale, digits: DASH if scores.std is None else f"{scale * scores.std:.{digits}f}",
    "95 % interval": interval_in_words,
    "lowest": lambda scores, scale, digits: f"{scale * scores.minimum:.{digits}f}",
    "highest": lambda scores, scale, digits: f"{scale * scores.maximum:.{digits}f}",
}
"""The rows below the seeds, each with a function that writes a statistic with a factor and decimals."""


def seed_table(section: ReportSection) -> MarkdownTable | None:
    """Return a group's scores: a row for each run, then mean, standard deviation, 95 % interval and range.

    The states of the runs stand there only if not all of them count.
    """
    counted = {run.number for run in section.counted}
    theirs = published_by_seed(section)
    of_seed, their_summary = dict(enumerate(theirs)), summary(theirs, within=SHARE)
    rows: list[dict[str, object]] = []
    for run in sorted(section.runs, key=lambda run: (run.evidence.summary.repetition, run.number)):
        evidence, seed = run.evidence, run.evidence.summary.repetition
        counts = "" if run.number in counted else ", not counted"
        rows.append(
            {
                "Run": str(run.number),
                section.group.repetition.capitalize() if section.group else "Seed": str(seed),
                **({"State": f"{evidence.state.state}{counts}"} if len(counted) < len(section.runs) else {}),
                "Epochs": epochs_text(evidence),
                **_score_cells(evidence),
                "Training time": seconds(times_of(evidence.state).training),
                **({PUBLISHED: hundredths(of_seed.get(seed))} if theirs else {}),
            }
        )
    folds = section.group is not None and section.group.folds > 0
    for name, in_words in STATISTIC_ROWS.items():
        if folds and in_words is interval_in_words:
            continue
        cells = [DASH if spread is None else in_words(spread, *how) for spread, *how in score_spreads(section)]
        published = [DASH if their_summary is None else in_words(their_summary, 100, 2)] if theirs else []
        before = [""] * (list(rows[0]).index(score_headings(scored_on([section.shown.evidence]))[0]) - 1)
        rows.append(dict(zip(rows[0], (name, *before, *cells, "", *published), strict=True)))
    return table_of(rows, words=["State"])


def published_by_seed(section: ReportSection) -> tuple[float, ...]:
    """Return the source's test accuracies of the seeds 0, 1, …; empty if the source has none."""
    reference = _reference(section)
    return reference.per_seed_accuracy if reference else ()


def _reference(section: ReportSection) -> Reference | None:
    """Return the published scores; None if the bundled sample was used instead of the experiment's data."""
    evidence = section.shown.evidence
    return evidence.preset.reference if evidence.reference else None


def group_in_words(section: ReportSection) -> list[str]:
    """Return sentences about a group's accuracy, and its comparison with the published one; empty for one run."""
    group = counted_group(section)
    return [] if group is None else group_sentences(section.called, group, _reference(section))


def counted_group(section: ReportSection) -> SeedGroup | None:
    """Return the section's group, in which only runs with scores count; None for a section of one run."""
    if section.group is None:
        return None
    scored = tuple(run.evidence.summary for run in section.counted)
    return SeedGroup(section.group.group, section.group.runs, scored)


def seed_scores(section: ReportSection) -> list[tuple[float | None, ...]]:
    """Return seed or fold, accuracy, loss and macro F1 of each run that counts, for the figure of the seeds."""
    runs = [run.evidence for run in section.counted]
    return [(run.summary.repetition, *(run.test.get(key) for key in ("accuracy", "loss", "macro_f1"))) for run in runs]


def seed_score_headings(section: ReportSection) -> tuple[str, ...]:
    """Return the headings of the scores of `seed_scores` after seed and accuracy."""
    return f"{scored_on([section.shown.evidence])} loss", "macro F1 (1 = best)"


@dataclass(frozen=True)
class CapacityComparison:
    """Networks side by side, without their scores.

    Attributes:
        grids: tables with one column for each network, at most `MODELS_PER_TABLE` in a table.
        words: paragraphs that compare the networks, with empty lines between them.
    """

    grids: list[MarkdownTable]
    words: str


def _capital(row: Sequence[str]) -> tuple[str, ...]:
    """Return a row whose first cell, its name, starts with a capital letter unless it already has one."""
    name, *cells = row
    return (name[:1].upper() + name[1:], *cells)


def compare_capacity(models: Sequence[TrainedNetwork]) -> CapacityComparison:
    """Compare two or more networks by their layers, parameters and computation."""
    compared = [
        ComparedModel(f"model {model.number}", model.evidence.complexity, model.evidence.experiment, dataset=DASH)
        for model in models
    ]
    grids = [
        MarkdownTable(names, rows, range(1, len(names)))
        for names, *rows in ([_capital(row) for row in grid] for grid in side_by_side(compared))
    ]
    answer, *others = comparison_sentences(compared)
    return CapacityComparison(grids, "\n\n".join([DEPTH_AND_CAPACITY, answer, " ".join(others)]))


DEPTH_AND_CAPACITY = (
    "A network is called deeper than another one if it has more hidden layers, convolutions and dense layers together. "
    "The number of parameters measures its capacity, but not the whole of it: what a network can learn depends on the "
    "kind of its layers and inputs, too."
)


def accuracy_points(
    sections: Sequence[ReportSection], models: Sequence[TrainedNetwork]
) -> dict[str, list[CapacityPoint]]:
    """Return the points of accuracy against parameters by the title of the data, for data with two networks or more.

    Each network is represented by the most accurate section that trained it on these data.
    """
    used = {number: model.number for model in models for number in model.runs}
    points: dict[str, list[CapacityPoint]] = {}
    for title, alike in by_dataset(sections).items():
        best: dict[int, ReportSection] = {}
        for section in sorted(alike, key=lambda section: section.accuracy_or_zero):
            if section.accuracy is not None and section.runs[0].number in used:
                best[used[section.runs[0].number]] = section
        if len(best) > 1:
            names = short_names(sections)
            points[title] = [
                _accuracy_point(section, f"{names[section.anchor]}{section.mark}")
                for section in alike
                if section in best.values()
            ]
    return points


def _accuracy_point(section: ReportSection, name: str) -> CapacityPoint:
    complexity = section.shown.evidence.complexity
    convolutional = any(layer.kind == "conv2d" for layer in complexity.layers)
    return CapacityPoint(name, complexity.total, section.accuracy_or_zero, section.interval, convolutional)


def titles(sections: Sequence[ReportSection]) -> dict[str, str]:
    """Return the title of each section's data by the section's anchor.

    If a run never read its data, another run with the same dataset tells the title.
    """
    data_of = {section.anchor: section.shown.evidence.document["dataset"] for section in sections}
    names = {section.anchor: section.shown.evidence.experiment.dataset.name for section in sections}
    known = {names[anchor]: dataset_title(data) for anchor, data in data_of.items() if data}
    return {
        anchor: dataset_title(data) if data else known.get(names[anchor], PurePath(names[anchor]).name)
        for anchor, data in data_of.items()
    }


def headings(sections: Sequence[ReportSection]) -> dict[str, str]:
    """Return the title of each section by its anchor, without the dropout and the epochs that all sections share."""
    shared: list[str] = []
    if len(sections) > 1:
        rates = {section.shown.evidence.summary.values.get("dropout", "") for section in sections}
        epochs = {found[0] if (found := _EPOCHS_INSTEAD.search(section.name)) else "" for section in sections}
        shared = [*(f", dropout {rate}" for rate in rates if len(rates) == 1), *(epochs if len(epochs) == 1 else ())]
    titles_of = {section.anchor: section.title for section in sections}
    for words in filter(None, shared):
        titles_of = {anchor: title.replace(words, "") for anchor, title in titles_of.items()}
    return titles_of


_EPOCHS_INSTEAD = re.compile(r" \([\d,]+ epochs? instead of [\d,]+\)$")


def short_names(sections: Sequence[ReportSection]) -> dict[str, str]:
    """Return a name for each section's column or label by its anchor, without the changes that all sections share.

    For example ``Run 1 (hog, hidden 50)`` and ``Run 2 (hog)`` for two runs that were both trained for eight epochs.
    """
    changes = {section.anchor: section.shown.evidence.changes.split(", ") for section in sections}
    shared = set.intersection(*map(set, changes.values())) if len(sections) > 1 else set[str]()
    own = {anchor: [change for change in listed if change not in shared] for anchor, listed in changes.items()}
    return {section.anchor: section.label(own[section.anchor]) for section in sections}


def by_dataset(sections: Sequence[ReportSection]) -> dict[str, list[ReportSection]]:
    """Return the sections on each dataset by its title, in their order."""
    titles_of, on = titles(sections), dict[str, list[ReportSection]]()
    for section in sections:
        on.setdefault(titles_of[section.anchor], []).append(section)
    return on
