"""What the runs of a report differ in, as figures: one parameter, two parameters, or the number of training images."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from mnist_tui.report.contents.several_runs import ReportSection, by_dataset
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.figures.parameters import ParameterPoint, learning_figure, map_figure, parameter_figure
from mnist_tui.runs.collection.learning_curve import AXES, curve_in_words, learning_curve
from mnist_tui.runs.collection.seed_groups import differing

LEAST_VALUES, MOST_VALUES = 3, 12
"""The number of different values from which, and up to which, a parameter has a figure."""
REPEATED = ("seed", "validation")
"""Parameters in which the runs of a group differ: its seeds, or its folds."""


def parameter_figures(
    sections: Sequence[ReportSection], by_size: Collection[str] = ()
) -> list[tuple[Drawing, list[str]]]:
    """Return a figure for the runs on each dataset that differ in one or two parameters, and sentences about it.

    Runs that differ in more, or in less than LEAST_VALUES values, have no such figure.

    Args:
        by_size: the titles of the datasets whose accuracies have a figure against the size of the networks already, so
            that a single parameter, which made these sizes, needs none.
    """
    figures: list[tuple[Drawing, list[str]]] = []
    for title, alike in by_dataset(sections).items():
        scored = [section for section in alike if section.accuracy is not None]
        if len(scored) < LEAST_VALUES:
            continue
        found = _figure(f"parameters-{len(figures) + 1}", scored, has_sizes=title in by_size)
        if found is not None:
            drawing, words = found
            figures.append((replace(drawing, caption=f"{title}: {drawing.caption}"), words))
    return figures


def _figure(name: str, sections: Sequence[ReportSection], *, has_sizes: bool) -> tuple[Drawing, list[str]] | None:
    summaries = [section.shown.evidence.summary for section in sections]
    folds = any(summary.fold for summary in summaries)
    ignored = REPEATED if folds else REPEATED[:1]
    texts = {key: values for key, values in differing(summaries).items() if key not in ignored}
    of = "held-out" if folds else "test"
    if len(texts) == 1:
        ((parameter, values),) = texts.items()
        if parameter in AXES:
            return _learning(name, sections, of)
        if has_sizes or not LEAST_VALUES <= len(set(values)) <= MOST_VALUES:
            return None
        by_value: dict[str, tuple[float, ...]] = {}
        for section, value in zip(sections, values, strict=True):
            by_value[value] = (*by_value.get(value, ()), *_accuracies(section))
        points = [ParameterPoint(text or "none", by_value[text]) for text in _ordered(by_value)]
        return parameter_figure(name, parameter, points, of), []
    if len(texts) == 2:
        return _map(name, sections, texts, of)
    return None


def _accuracies(section: ReportSection) -> tuple[float, ...]:
    return tuple(run.evidence.test["accuracy"] for run in section.counted if run.evidence.test)


def _ordered(texts: Sequence[str] | dict[str, tuple[float, ...]]) -> list[str]:
    """Sort numbers by size; other texts stay in the order of the runs."""
    distinct = list(dict.fromkeys(texts))
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return distinct


def _learning(name: str, sections: Sequence[ReportSection], of: str) -> tuple[Drawing, list[str]] | None:
    trainings: list[tuple[str, int, float, float | None]] = []
    for section in sections:
        for run in section.counted:
            data, train = run.evidence.document["dataset"], run.evidence.train
            if data and run.evidence.test:
                limit = run.evidence.summary.values.get("limit", "")
                trainings.append((limit, int(data["train"]), run.evidence.test["accuracy"], train.get("accuracy")))
    points = learning_curve(trainings)
    return (learning_figure(name, points, of), curve_in_words(points, of)) if len(points) >= LEAST_VALUES else None


def _map(
    name: str, sections: Sequence[ReportSection], texts: dict[str, tuple[str, ...]], of: str
) -> tuple[Drawing, list[str]] | None:
    first, second = texts
    columns, rows = (_ordered(texts[key]) for key in (first, second))
    if max(len(columns), len(rows)) > MOST_VALUES or min(len(columns), len(rows)) < 2 or len(sections) < 4:
        return None
    cells: dict[tuple[str, str], tuple[float, ...]] = {}
    for section, *pair in zip(sections, texts[first], texts[second], strict=True):
        cell = pair[0], pair[1]
        cells[cell] = (*cells.get(cell, ()), *_accuracies(section))
    means = {cell: sum(values) / len(values) for cell, values in cells.items() if values}
    return map_figure(name, (first, second), (columns, rows), means, of), []
