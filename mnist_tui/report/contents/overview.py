"""Make the tables over several runs: all runs, groups of seeds, pairs of groups, and networks side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from mnist_tui.experiment.presets import Reference
from mnist_tui.report import result_words
from mnist_tui.report.complexity.comparison import (
    FINISHED,
    ComparedModel,
    capacity_points,
    compare_models,
    name_with_marks,
    transposed,
)
from mnist_tui.report.contents.one_run import batch_size_text, dataset_title, epochs_text
from mnist_tui.report.contents.sections import NumberedRun, ReportSection, TrainedNetwork
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.figures.accuracies import CapacityPoint
from mnist_tui.report.markdown import MarkdownTable, link
from mnist_tui.report.result_words import citation, interval_in_words, score_difference
from mnist_tui.runs.collection.seed_groups import LOSS, SHARE, GroupPair, SeedGroup, SeedStatistics, pairs, summary
from mnist_tui.wording import DASH, count, loss, plus_minus, seconds


def runs_table(sections: Sequence[ReportSection], models: Sequence[TrainedNetwork]) -> MarkdownTable:
    """Return a table of all runs; numbers link to the run's section, models to the chapter of the network."""
    used = {number: model for model in models for number in model.runs}
    told = [(run, section) for section in sections for run in section.runs]
    rows = [_run_row(run, section, used[run.number]) for run, section in sorted(told, key=lambda one: one[0].number)]
    headings = ("№", "Run", "Model", "Parameters", "Epochs", "Batch size", *SPREAD_HEADINGS, "Published accuracy (%)")
    return MarkdownTable(headings, tuple(rows), frozenset((0, *range(3, len(headings)))))


def _run_row(run: NumberedRun, section: ReportSection, model: TrainedNetwork) -> tuple[object, ...]:
    evidence = run.evidence
    return (
        link(run.number, section.anchor),
        _run_name(run, section),
        link(model.number, model.anchor),
        count(evidence.complexity.total),
        epochs_text(evidence),
        batch_size_text(evidence.experiment),
        *_score_cells(evidence),
        hundredths(evidence.reference.get("accuracy")),
    )


def _run_name(run: NumberedRun, section: ReportSection) -> str:
    """Return ``raw (lr 1, 12 epochs)`` or, within a group of seeds, ``hog, seed 3``; an unusual state is added."""
    summary, state = run.evidence.summary, run.evidence.state.state
    changed = f" ({summary.differs})" if summary.differs and section.group is None else ""
    seed = f", seed {summary.seed}" if section.group is not None else ""
    return f"{summary.shown_name}{changed}{seed}{'' if state == 'finished' else f', {state}'}"


def groups_table(sections: Sequence[ReportSection]) -> MarkdownTable | None:
    """Return the groups of seeds: mean ± standard deviation, interval and range; None without groups."""
    groups = [section for section in sections if section.group is not None]
    if not groups:
        return None
    headings = (
        "№",
        "Runs",
        "Seeds counted",
        *SPREAD_HEADINGS,
        "95 % interval of the test accuracy (%)",
        "Lowest and highest test accuracy (%)",
        "Published accuracy (%)",
    )
    rows = [_group_row(section) for section in groups]
    return MarkdownTable(headings, tuple(rows), frozenset(range(2, len(headings))))


def _group_row(section: ReportSection) -> tuple[object, ...]:
    found = score_spreads(section)
    accuracy = found[0][0]
    return (
        link(section.numerals, section.anchor),
        section.name,
        count(len(section.counted)),
        *(spread_in_words(*one) for one in found),
        interval_in_words(accuracy),
        f"{hundredths(accuracy.minimum)}, {hundredths(accuracy.maximum)}" if accuracy else DASH,
        hundredths(section.shown.evidence.reference.get("accuracy")),
    )


SPREAD_HEADINGS = ("Test accuracy (%)", "Training accuracy (%)", "Test loss", "Macro F1 (%)")
_SPREADS = (
    ("test", "accuracy", 100, 2),
    ("train", "accuracy", 100, 2),
    ("test", "loss", 1, 4),
    ("test", "macro_f1", 100, 2),
)


def score_spreads(section: ReportSection) -> list[tuple[SeedStatistics | None, int, int]]:
    """Return for each of SPREAD_HEADINGS the summary over the runs that count, the factor and the decimals."""
    found: list[tuple[SeedStatistics | None, int, int]] = []
    for part, key, scale, digits in _SPREADS:
        scores = [(run.evidence.document[part] or {}).get(key) for run in section.counted]
        found.append((summary(scores, within=LOSS if key == "loss" else SHARE), scale, digits))
    return found


def spread_in_words(found: SeedStatistics | None, scale: int, digits: int) -> str:
    """Return ``98.35 ± 0.06``, without the deviation for a single value."""
    if found is None:
        return DASH
    return plus_minus(found.mean, found.std, lambda value: f"{scale * value:.{digits}f}")


def published_table(sections: Sequence[ReportSection]) -> MarkdownTable | None:
    """Return published scores beside ours, one row a section, with their source; None where there are none."""
    rows: list[tuple[object, ...]] = []
    for section in sections:
        reference = section.shown.evidence.reference
        if reference.get("accuracy") is None and reference.get("loss") is None:
            continue
        accuracy, _, losses, _ = score_spreads(section)
        rows.append(
            (
                link(section.numerals, section.anchor),
                citation(reference),
                hundredths(reference.get("accuracy")),
                spread_in_words(*accuracy),
                _published_difference("accuracy", accuracy[0], reference.get("accuracy")),
                DASH if reference.get("loss") is None else loss(reference["loss"]),
                spread_in_words(*losses),
                _published_difference("loss", losses[0], reference.get("loss")),
            )
        )
    headings = (
        "№",
        "Source",
        "Published accuracy (%)",
        "Ours (%)",
        "Difference (points)",
        "Published loss",
        "Ours",
        "Difference",
    )
    return MarkdownTable(headings, tuple(rows), frozenset(range(2, 8))) if rows else None


def _published_difference(score: str, ours: SeedStatistics | None, theirs: float | None) -> str:
    if ours is None or theirs is None:
        return DASH
    return score_difference(score, ours.mean, theirs).removesuffix(" points")


def hundredths(share: float | None) -> str:
    """Return ``98.35`` for 0.9835, for a column whose heading says per cent."""
    return DASH if share is None else f"{100 * share:.2f}"


def _score_cells(evidence: Evidence) -> tuple[str, str, str, str]:
    """Return the cells of SPREAD_HEADINGS for one run."""
    test, train = evidence.test, evidence.train
    return (
        hundredths(test.get("accuracy")),
        hundredths(train.get("accuracy")),
        loss(test["loss"]) if test else DASH,
        hundredths(test.get("macro_f1")),
    )


STATISTIC_ROWS: tuple[tuple[str, Callable[[SeedStatistics, int, int], str]], ...] = (
    ("mean", lambda found, scale, digits: f"{scale * found.mean:.{digits}f}"),
    ("deviation (n − 1)", lambda found, scale, digits: _scaled(found.std, scale, digits)),
    ("95 % interval", interval_in_words),
    ("lowest", lambda found, scale, digits: f"{scale * found.minimum:.{digits}f}"),
    ("highest", lambda found, scale, digits: f"{scale * found.maximum:.{digits}f}"),
)
"""The rows below the seeds."""


def seed_table(section: ReportSection) -> MarkdownTable:
    """Return a group's scores, one row a run; below them mean, deviation, interval and range of those that count."""
    counted = {run.number for run in section.counted}
    runs = sorted(section.runs, key=lambda run: (run.evidence.summary.seed, run.number))
    theirs = published_by_seed(section)
    rows = [_seed_row(run, counts=run.number in counted) for run in runs]
    for name, told in STATISTIC_ROWS:
        cells = [DASH if one is None else told(one, scale, digits) for one, scale, digits in score_spreads(section)]
        rows.append((name, "", "", "", *cells, ""))
    headings = ("№", "Seed", "State", "Epochs", *SPREAD_HEADINGS, "Training time")
    if theirs:
        rows = [(*row, cell) for row, cell in zip(rows, _published_column(runs, theirs), strict=True)]
        headings = (*headings, "Published accuracy (%)")
    return MarkdownTable(headings, tuple(rows), frozenset((0, 1, *range(3, len(headings)))))


def _published_column(runs: Sequence[NumberedRun], theirs: Sequence[float]) -> list[str]:
    """Return the source's accuracy for each run's seed, then the statistics of all its seeds."""
    found, of_seed = summary(theirs, within=SHARE), dict(enumerate(theirs))
    each = [hundredths(of_seed.get(run.evidence.summary.seed)) for run in runs]
    return each + [DASH if found is None else told(found, 100, 2) for _, told in STATISTIC_ROWS]


def _scaled(value: float | None, scale: int, digits: int) -> str:
    return DASH if value is None else f"{scale * value:.{digits}f}"


def published_by_seed(section: ReportSection) -> tuple[float, ...]:
    """Return the source's test accuracies of seed 0, 1, …; empty where it has none."""
    reference = _reference(section)
    return reference.per_seed_accuracy if reference else ()


def _reference(section: ReportSection) -> Reference | None:
    """Return what was published for the experiment; None where the bundled sample was used instead of its data."""
    evidence = section.shown.evidence
    return evidence.preset.reference if evidence.reference else None


def group_in_words(section: ReportSection) -> list[str]:
    """Return sentences on what the seeds reached, and how that compares with the published accuracy."""
    group = _counted_group(section)
    if group is None:
        return []
    found, reference = group.summary("test_accuracy"), _reference(section)
    said = [result_words.group_sentence(section.called, group)]
    if found is not None and reference is not None:
        said.append(
            result_words.published_sentence(found, reference.accuracy, reference.per_seed_accuracy, reference.seeds)
        )
    return [sentence for sentence in said if sentence]


def _counted_group(section: ReportSection) -> SeedGroup | None:
    """Return the section's group with only those runs counted whose scores the report has."""
    if section.group is None:
        return None
    scored = tuple(run.evidence.summary for run in section.counted)
    return SeedGroup(section.group.group, section.group.runs, scored)


def pair_table(sections: Sequence[ReportSection]) -> tuple[MarkdownTable, tuple[str, ...]] | None:
    """Compare the best group of seeds on each dataset with each other group; None for fewer than two groups.

    Returns:
        The table, and the same in sentences.
    """
    found = {group.group: (section, group) for section in sections if (group := _counted_group(section)) is not None}
    compared = pairs(group for _, group in found.values())
    if not compared:
        return None
    several = Counter(section.called for section, _ in found.values())
    names = {
        key: f"{section.called} ({section.numbers})" if several[section.called] > 1 else section.called
        for key, (section, _) in found.items()
    }
    rows = [_pair_row(pair, found[pair.first.group][0], found[pair.second.group][0]) for pair in compared]
    said = [result_words.pair_sentence(names[pair.first.group], names[pair.second.group], pair) for pair in compared]
    said += [result_words.UNCORRECTED] if len(compared) > 1 else []
    headings = (
        "№",
        "Against",
        "Shared seeds",
        "Test accuracy: difference (points)",
        "95 % interval (points)",
        "p",
        "Test loss: difference",
        "95 % interval",
        "p",
    )
    return MarkdownTable(headings, tuple(rows), frozenset(range(2, len(headings)))), tuple(said)


def _pair_row(pair: GroupPair, first: ReportSection, second: ReportSection) -> tuple[object, ...]:
    accuracy, losses = pair.paired("test_accuracy"), pair.paired("test_loss")
    cells: list[str] = []
    for found, scale, digits in ((accuracy, 100, 2), (losses, 1, 4)):
        if found is None:
            cells += [DASH] * 3
            continue
        p = "" if found.std is None else result_words.p_value_in_words(found.p).removeprefix("p = ").removeprefix("p ")
        difference = f"{scale * found.difference:+.{digits}f}".replace("-", "−")
        cells += [difference, interval_in_words(found, scale, digits), p or DASH]
    shared = str(accuracy.n) if accuracy else "0"
    return (link(first.numerals, first.anchor), link(second.numerals, second.anchor), shared, *cells)


def _seed_row(run: NumberedRun, *, counts: bool) -> tuple[object, ...]:
    evidence = run.evidence
    state = evidence.state.state if counts else f"{evidence.state.state}, not counted"
    return (
        str(run.number),
        str(evidence.summary.seed),
        state,
        epochs_text(evidence),
        *_score_cells(evidence),
        seconds((evidence.document["timings"] or {}).get("train")),
    )


def seed_scores(section: ReportSection) -> list[tuple[float | None, ...]]:
    """Return seed, test accuracy, test loss and macro F1 of each run that counts, for the figure and its data."""
    runs = [run.evidence for run in section.counted]
    return [(run.summary.seed, *(run.test.get(key) for key in ("accuracy", "loss", "macro_f1"))) for run in runs]


SEED_SCORE_HEADINGS = ("test loss", "macro F1 (1 = best)")
"""The headings of `seed_scores` after seed and accuracy."""


@dataclass(frozen=True)
class NetworkComparison:
    """Networks side by side.

    Attributes:
        grids: tables with a column a network, at most `MODELS_PER_TABLE` each.
        words: sentences that compare the networks, a paragraph a dataset.
        points: the points of a figure for each dataset title; two or more each.
    """

    grids: tuple[MarkdownTable, ...]
    words: tuple[str, ...]
    points: dict[str, list[CapacityPoint]]


def compare_networks(sections: Sequence[ReportSection], models: Sequence[TrainedNetwork]) -> NetworkComparison:
    """Compare two or more networks, each with the most accurate section that trained it on the same data."""
    used = {number: model.number for model in models for number in model.runs}
    titles = _titles(sections)
    best: dict[tuple[int, str], ReportSection] = {}
    for section in sections:
        key = used[section.runs[0].number], titles[section.anchor]
        if key not in best or _accuracy(section) > _accuracy(best[key]):
            best[key] = section
    sections = list(best.values())
    entries = _entries(sections, titles)
    by_dataset: dict[str, list[ComparedModel]] = {}
    for entry in entries:
        by_dataset.setdefault(entry.data, []).append(entry)
    alike = {title: models for title, models in by_dataset.items() if len(models) > 1}
    prefix = len(by_dataset) > 1
    words = [
        f"{f'On {title}: ' if prefix else ''}{' '.join(compare_models(models).words)}"
        for title, models in alike.items()
    ]
    points = {title: capacity_points(models) for title, models in alike.items()}
    return NetworkComparison(
        _grids(entries),
        tuple(words or [" ".join(compare_models(entries).words)]),
        {title: found for title, found in points.items() if len(found) > 1},
    )


def _entries(sections: Sequence[ReportSection], titles: Mapping[str, str]) -> list[ComparedModel]:
    names = Counter(section.shown.evidence.summary.shown_name for section in sections)
    entries: list[ComparedModel] = []
    for section in sections:
        evidence = section.shown.evidence
        name = evidence.summary.shown_name
        state = evidence.state.state if section.group is None else FINISHED  # of a group only finished runs count
        marked = name_with_marks(name, section.numbers if names[name] > 1 else "", state=state)
        accuracy, data = score_spreads(section)[0][0], titles[section.anchor]
        entries.append(ComparedModel.with_accuracy(marked, evidence.complexity, evidence.experiment, accuracy, data))
    return entries


def _accuracy(section: ReportSection) -> float:
    found = score_spreads(section)[0][0]
    return found.mean if found is not None else -1.0


def _titles(sections: Sequence[ReportSection]) -> dict[str, str]:
    """Return the title of each section's data; a run that never read its data gets the title from another run."""
    told = {section.anchor: section.shown.evidence.document["dataset"] for section in sections}
    names = {section.anchor: section.shown.evidence.experiment.dataset.name for section in sections}
    known = {names[anchor]: dataset_title(data) for anchor, data in told.items() if data}
    return {
        anchor: dataset_title(data) if data else known.get(names[anchor], PurePath(names[anchor]).name)
        for anchor, data in told.items()
    }


def _grids(entries: Sequence[ComparedModel]) -> tuple[MarkdownTable, ...]:
    return tuple(
        MarkdownTable(names, tuple(rows), frozenset(range(1, len(names))))
        for names, *rows in transposed(compare_models(entries))
    )
