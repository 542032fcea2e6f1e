"""Divide a report over several runs into sections and chapters, and make the tables that compare runs and networks."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from mnist_tui.experiment.complexity import Complexity
from mnist_tui.experiment.layers import LAYER_KINDS, ExperimentPart
from mnist_tui.experiment.presets import Reference, dump_preset
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report.complexity.comparison import (
    FINISHED,
    ComparedModel,
    capacity_points,
    comparison_sentences,
    name_with_marks,
    side_by_side,
)
from mnist_tui.report.contents.one_run import batch_size_text, dataset_title, epochs_text, history_table
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.figures.accuracies import CapacityPoint
from mnist_tui.report.markdown import MarkdownTable, link, table_of, value_in_words
from mnist_tui.report.result_words import (
    UNCORRECTED,
    citation,
    comparison_sentence,
    group_sentences,
    interval_in_words,
    number_ranges,
    p_value_in_words,
    score_difference,
)
from mnist_tui.runs.collection.seed_groups import (
    LOSS,
    SHARE,
    GroupPair,
    SeedGroup,
    SeedStatistics,
    grouped,
    pairs,
    summary,
)
from mnist_tui.runs.times import times_of
from mnist_tui.wording import DASH, count, loss, noun, plus_minus, seconds


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
        """The name for a heading: the user's, if all runs have the same one, else the preset's title."""
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
        """The runs that count for mean and deviation, in the order of their seeds; in a group, all have scores."""
        if self.group is None:
            return self.runs
        with_scores = {run.evidence.summary.folder: run for run in self.runs if run.evidence.test}
        return tuple(with_scores[run.folder] for run in self.group.scored if run.folder in with_scores)


def report_sections(evidences: Sequence[Evidence]) -> list[ReportSection]:
    """Divide runs into sections, in the order of each section's first run.

    A group of seeds shows the run with the median test accuracy, or the lower of two medians.
    """
    runs = [NumberedRun(number, evidence) for number, evidence in enumerate(evidences, 1)]
    sections: list[ReportSection] = []
    for group in grouped(evidence.summary for evidence in evidences):
        members = tuple(run for run in runs if run.evidence.summary.group == group.group)
        if len({run.evidence.summary.seed for run in members}) > 1:
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
        complexity = self.evidence.complexity
        filters = "-".join(str(layer.output_shape[-1]) for layer in complexity.layers if layer.kind == "conv2d")
        dense = "-".join(map(str, [complexity.dense_inputs, *(layer.output_shape[0] for layer in complexity.dense)]))
        return f"Model {self.number} – {f'convolutions {filters}, dense {dense}' if filters else dense}"


def networks(evidences: Sequence[Evidence]) -> list[TrainedNetwork]:
    """Return the networks that the runs trained; the same layers on the same features are one network."""
    runs_of: dict[str, list[int]] = {}
    for number, evidence in enumerate(evidences, 1):
        spec = evidence.experiment
        key = "".join(part.model_dump_json() for part in (spec.features, *spec.layers, spec.output))
        runs_of.setdefault(key, []).append(number)
    return [TrainedNetwork(at, evidences[runs[0] - 1], tuple(runs)) for at, runs in enumerate(runs_of.values(), 1)]


def layer_table(complexity: Complexity, experiment: Experiment) -> MarkdownTable:
    """Return a network's summary, with one row for each layer, the input first."""
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


def short_histories(sections: Sequence[ReportSection]) -> dict[int, MarkdownTable]:
    """Return the histories of the shown runs with at most MOST_LISTED_EPOCHS epochs, by the numbers of the runs."""
    tables = {section.shown.number: history_table(section.shown.evidence) for section in sections}
    return {number: table for number, table in tables.items() if table and len(table.rows) <= MOST_LISTED_EPOCHS}


SCORES = {
    "Test accuracy (%)": ("test", "accuracy", 100, 2),
    "Training accuracy (%)": ("train", "accuracy", 100, 2),
    "Test loss": ("test", "loss", 1, 4),
    "Macro F1 (%)": ("test", "macro_f1", 100, 2),
}
"""The scores in tables over runs: part and key in a run's document, and the factor and the decimals in tables."""
PUBLISHED = "Published accuracy (%)"


def runs_table(sections: Sequence[ReportSection], models: Sequence[TrainedNetwork]) -> MarkdownTable | None:
    """Return a table of all runs; a run's number is a link to its section, the model's number to its chapter."""
    model_of = {number: model for model in models for number in model.runs}
    section_of = {run: section for section in sections for run in section.runs}
    rows: list[dict[str, object]] = []
    for run, section in sorted(section_of.items(), key=lambda item: item[0].number):
        evidence, model = run.evidence, model_of[run.number]
        rows.append(
            {
                "№": link(run.number, section.anchor),
                "Run": _run_name(run, section),
                "Model": link(model.number, model.anchor),
                "Parameters": count(evidence.complexity.total),
                "Epochs": epochs_text(evidence),
                "Batch size": batch_size_text(evidence.experiment),
                **_score_cells(evidence),
                PUBLISHED: hundredths(evidence.reference.get("accuracy")),
            }
        )
    return table_of(rows, words=("Run", "Model"))


def _run_name(run: NumberedRun, section: ReportSection) -> str:
    """Return a run's name with changes, seed and state: ``raw (lr 1, 12 epochs)``, ``hog, seed 3, stopped``."""
    summary, state = run.evidence.summary, run.evidence.state.state
    changed = f" ({summary.differs})" if summary.differs else ""
    detail = changed if section.group is None else f", seed {summary.seed}"
    return f"{summary.shown_name}{detail}{'' if state == FINISHED else f', {state}'}"


def _score_cells(evidence: Evidence) -> dict[str, str]:
    test, train = evidence.test, evidence.train
    shares = (test.get("accuracy"), train.get("accuracy"), test.get("macro_f1"))
    accuracy, training, f1 = map(hundredths, shares)
    return dict(zip(SCORES, (accuracy, training, loss(test["loss"]) if test else DASH, f1), strict=True))


def hundredths(share: float | None) -> str:
    """Write a share in per cent, for a column whose heading has the unit: ``98.35`` for 0.9835; a dash for None."""
    return DASH if share is None else f"{100 * share:.2f}"


def groups_table(sections: Sequence[ReportSection]) -> MarkdownTable | None:
    """Return a table of the groups of seeds: mean ± standard deviation, interval and range; None without groups."""
    rows: list[dict[str, object]] = []
    for section in sections:
        if section.group is not None:
            spreads = score_spreads(section)
            accuracy = spreads[0][0]
            extremes = f"{hundredths(accuracy.minimum)}, {hundredths(accuracy.maximum)}" if accuracy else DASH
            rows.append(
                {
                    "№": link(section.numerals, section.anchor),
                    "Runs": section.name,
                    "Seeds counted": count(len(section.counted)),
                    **{heading: _spread_in_words(*spread) for heading, spread in zip(SCORES, spreads, strict=True)},
                    "95 % interval of the test accuracy (%)": interval_in_words(accuracy),
                    "Lowest and highest test accuracy (%)": extremes,
                    PUBLISHED: hundredths(section.shown.evidence.reference.get("accuracy")),
                }
            )
    return table_of(rows, words=("№", "Runs"))


def score_spreads(section: ReportSection) -> list[tuple[SeedStatistics | None, int, int]]:
    """Return for each of SCORES the statistics over the runs that count, the factor and the decimals."""
    spreads: list[tuple[SeedStatistics | None, int, int]] = []
    for part, key, scale, digits in SCORES.values():
        scores = [(run.evidence.document[part] or {}).get(key) for run in section.counted]
        spreads.append((summary(scores, within=LOSS if key == "loss" else SHARE), scale, digits))
    return spreads


def _spread_in_words(spread: SeedStatistics | None, scale: int, digits: int) -> str:
    """Write a mean with its deviation, for example ``98.35 ± 0.06``; a single value has no deviation."""
    if spread is None:
        return DASH
    return plus_minus(spread.mean, spread.std, lambda value: f"{scale * value:.{digits}f}")


def published_table(sections: Sequence[ReportSection]) -> MarkdownTable | None:
    """Return published scores beside ours, with one row for each section; None if nothing was published."""
    rows: list[dict[str, object]] = []
    for section in sections:
        reference = section.shown.evidence.reference
        theirs = reference.get("accuracy"), reference.get("loss")
        if theirs != (None, None):
            accuracy, _, losses, _ = score_spreads(section)
            rows.append(
                {
                    "№": link(section.numerals, section.anchor),
                    "Source": citation(reference),
                    PUBLISHED: hundredths(theirs[0]),
                    "Ours (%)": _spread_in_words(*accuracy),
                    "Difference (points)": _published_difference("accuracy", accuracy[0], theirs[0]),
                    "Published loss": DASH if theirs[1] is None else loss(theirs[1]),
                    "Ours": _spread_in_words(*losses),
                    "Difference": _published_difference("loss", losses[0], theirs[1]),
                }
            )
    return table_of(rows, words=("№", "Source"))


def _published_difference(score: str, ours: SeedStatistics | None, theirs: float | None) -> str:
    if ours is None or theirs is None:
        return DASH
    return score_difference(score, ours.mean, theirs).removesuffix(" points")


STATISTIC_ROWS: dict[str, Callable[[SeedStatistics, int, int], str]] = {
    "mean": lambda scores, scale, digits: f"{scale * scores.mean:.{digits}f}",
    "deviation (n − 1)": lambda scores, scale, digits: (
        DASH if scores.std is None else f"{scale * scores.std:.{digits}f}"
    ),
    "95 % interval": interval_in_words,
    "lowest": lambda scores, scale, digits: f"{scale * scores.minimum:.{digits}f}",
    "highest": lambda scores, scale, digits: f"{scale * scores.maximum:.{digits}f}",
}
"""The rows below the seeds, each with a function that writes a statistic with a factor and decimals."""


def seed_table(section: ReportSection) -> MarkdownTable | None:
    """Return a group's scores, one row for each run; below them mean, standard deviation, 95 % interval and range."""
    counted = {run.number for run in section.counted}
    theirs = published_by_seed(section)
    of_seed, their_summary = dict(enumerate(theirs)), summary(theirs, within=SHARE)
    rows: list[dict[str, object]] = []
    for run in sorted(section.runs, key=lambda run: (run.evidence.summary.seed, run.number)):
        evidence, seed = run.evidence, run.evidence.summary.seed
        rows.append(
            {
                "№": str(run.number),
                "Seed": str(seed),
                "State": f"{evidence.state.state}{'' if run.number in counted else ', not counted'}",
                "Epochs": epochs_text(evidence),
                **_score_cells(evidence),
                "Training time": seconds(times_of(evidence.state).training),
                **({PUBLISHED: hundredths(of_seed.get(seed))} if theirs else {}),
            }
        )
    for name, in_words in STATISTIC_ROWS.items():
        cells = [DASH if spread is None else in_words(spread, *how) for spread, *how in score_spreads(section)]
        published = [DASH if their_summary is None else in_words(their_summary, 100, 2)] if theirs else []
        rows.append(dict(zip(rows[0], (name, "", "", "", *cells, "", *published), strict=True)))
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
    group = _counted_group(section)
    return [] if group is None else group_sentences(section.called, group, _reference(section))


def _counted_group(section: ReportSection) -> SeedGroup | None:
    """Return the section's group, in which only runs with scores count; None for a section of one run."""
    if section.group is None:
        return None
    scored = tuple(run.evidence.summary for run in section.counted)
    return SeedGroup(section.group.group, section.group.runs, scored)


def pair_table(sections: Sequence[ReportSection]) -> tuple[MarkdownTable, list[str]] | None:
    """Compare the best group of seeds on each dataset with each other group, as a table and in sentences.

    Returns:
        The table and the sentences; None for fewer than two groups.
    """
    groups = [(section, group) for section in sections if (group := _counted_group(section)) is not None]
    section_of = {group.group: section for section, group in groups}
    compared = pairs(group for _, group in groups)
    if not compared:
        return None
    names = Counter(section.called for section in section_of.values())
    rows: list[tuple[object, ...]] = []
    sentences: list[str] = []
    for pair in compared:
        two = section_of[pair.first.group], section_of[pair.second.group]
        rows.append((*(link(section.numerals, section.anchor) for section in two), *_pair_cells(pair)))
        first, second = (
            f"{section.called} ({section.numbers})" if names[section.called] > 1 else section.called for section in two
        )
        sentences.append(comparison_sentence(first, second, pair.paired("test_accuracy")))
    headings = (
        *("№", "Against", "Shared seeds", "Test accuracy: difference (points)", "95 % interval (points)", "p"),
        *("Test loss: difference", "95 % interval", "p"),
    )
    table = MarkdownTable(headings, rows, range(2, len(headings)))
    return table, [*sentences, *([UNCORRECTED] if len(compared) > 1 else [])]


def _pair_cells(pair: GroupPair) -> list[str]:
    accuracy, losses = pair.paired("test_accuracy"), pair.paired("test_loss")
    cells = [str(accuracy.n) if accuracy else "0"]
    for paired, scale, digits in ((accuracy, 100, 2), (losses, 1, 4)):
        if paired is None:
            cells += [DASH] * 3
            continue
        p = DASH if paired.std is None else p_value_in_words(paired.p).removeprefix("p = ").removeprefix("p ")
        difference = f"{scale * paired.difference:+.{digits}f}".replace("-", "−")
        cells += [difference, interval_in_words(paired, scale, digits), p]
    return cells


def seed_scores(section: ReportSection) -> list[tuple[float | None, ...]]:
    """Return seed, test accuracy, test loss and macro F1 of each run that counts, for the figure of the seeds."""
    runs = [run.evidence for run in section.counted]
    return [(run.summary.seed, *(run.test.get(key) for key in ("accuracy", "loss", "macro_f1"))) for run in runs]


SEED_SCORE_HEADINGS = ("test loss", "macro F1 (1 = best)")
"""The headings of the scores of `seed_scores` after seed and accuracy."""


@dataclass(frozen=True)
class NetworkComparison:
    """Networks side by side.

    Attributes:
        grids: tables with one column for each network, at most `MODELS_PER_TABLE` in a table.
        words: sentences that compare the networks, one paragraph for each dataset.
        points: the points of a figure for each dataset's title, two or more.
    """

    grids: list[MarkdownTable]
    words: list[str]
    points: dict[str, list[CapacityPoint]]


def compare_networks(sections: Sequence[ReportSection], models: Sequence[TrainedNetwork]) -> NetworkComparison:
    """Compare two or more networks, each by the most accurate section that trained it on a dataset."""
    used = {number: model.number for model in models for number in model.runs}
    titles = _titles(sections)
    best: dict[tuple[int, str], ReportSection] = {}
    for section in sections:
        key = used[section.runs[0].number], titles[section.anchor]
        if key not in best or _mean_accuracy(section) > _mean_accuracy(best[key]):
            best[key] = section
    compared = _compared_models(list(best.values()), titles)
    by_dataset: dict[str, list[ComparedModel]] = {}
    for model in compared:
        by_dataset.setdefault(model.data, []).append(model)
    words: list[str] = []
    points: dict[str, list[CapacityPoint]] = {}
    for title, alike in by_dataset.items():
        if len(alike) > 1:
            prefix = f"On {title}: " if len(by_dataset) > 1 else ""
            words.append(f"{prefix}{' '.join(comparison_sentences(alike))}")
            points |= {title: some} if len(some := capacity_points(alike)) > 1 else {}
    grids = [MarkdownTable(names, rows, range(1, len(names))) for names, *rows in side_by_side(compared)]
    return NetworkComparison(grids, words or [" ".join(comparison_sentences(compared))], points)


def _compared_models(sections: Sequence[ReportSection], titles: Mapping[str, str]) -> list[ComparedModel]:
    names = Counter(section.shown.evidence.summary.shown_name for section in sections)
    models: list[ComparedModel] = []
    for section in sections:
        evidence = section.shown.evidence
        name = evidence.summary.shown_name
        state = evidence.state.state if section.group is None else FINISHED  # of a group only finished runs count
        marked = name_with_marks(name, section.numbers if names[name] > 1 else "", state=state)
        accuracy, data = score_spreads(section)[0][0], titles[section.anchor]
        models.append(ComparedModel(marked, evidence.complexity, evidence.experiment, accuracy, data))
    return models


def _mean_accuracy(section: ReportSection) -> float:
    accuracy = score_spreads(section)[0][0]
    return accuracy.mean if accuracy is not None else -1.0


def _titles(sections: Sequence[ReportSection]) -> dict[str, str]:
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
