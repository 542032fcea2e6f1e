"""The plots of a study's screen: what its parameters do, the curves of its trials, seeds or folds together."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual import getters
from textual.app import ComposeResult
from textual.containers import Container

from mnist_tui.report.figures.drawing import drawable
from mnist_tui.runs.collection.cross_validation import OutOfFold
from mnist_tui.runs.collection.learning_curve import curve_in_words
from mnist_tui.studies.state import StudyState, TrialRow
from mnist_tui.studies.trial_table import (
    METRIC_NAMES,
    TableShape,
    metric_text,
    score_of,
    study_learning_curve,
    table_shape,
)
from mnist_tui.tui.widgets.confusion import ConfusionView
from mnist_tui.tui.widgets.plots.axes import SHORT_NUMBER, Span, labels, log_ticks, ticks
from mnist_tui.tui.widgets.plots.compared import (
    MOST_SERIES,
    OverlaidCurves,
    OverlaidSeries,
    accuracy_limits,
    limits_around,
)
from mnist_tui.tui.widgets.plots.parameters import ImportancePlot, LearningPlot, MapPlot, ScoreMap
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.trials import (
    Frame,
    MultiplesPlot,
    Panel,
    ParallelAxis,
    ParallelPlot,
    ScoreAxes,
    ScorePlot,
    TrialLine,
    TrialScore,
)
from mnist_tui.wording import counted, percent

LISTED = 8
"""An axis with at most this number of values has equal distances; a larger number of numbers is placed by size."""
LOG_FROM = 20.0
"""If the largest number is at least this many times the smallest, numbers are placed by their logarithm."""


def varied(rows: Sequence[TrialRow], shape: TableShape) -> dict[str, list[str]]:
    """Return the value of each trial by the names of the parameters in which trials differ; empty for none.

    If the trials differ in nothing but the seed or the fold, that is the parameter.
    """
    texts = {"preset": [row.base for row in rows]} if shape.bases else {}
    texts |= {name: [dict(row.values).get(name, "") for row in rows] for name in shape.axes}
    if shape.seeds and not texts:
        texts[shape.repetition] = [str(row.fold or row.seed) for row in rows]
    return texts


def parallel(rows: Sequence[TrialRow], shape: TableShape) -> tuple[list[ParallelAxis], list[TrialLine]]:
    """Return the axes of a parallel plot (the parameters, then the metric), and a line for each trial."""
    planned = sorted(rows, key=lambda row: row.number)
    axes = (_axis(name, column) for name, column in varied(planned, shape).items())
    columns = [*axes, _scores(planned, shape.metric)]
    lines = {row.number: tuple(heights[at] for _, heights in columns) for at, row in enumerate(planned)}
    return [axis for axis, _ in columns], [TrialLine(str(row.number), lines[row.number]) for row in rows]


def parameters(rows: Sequence[TrialRow], shape: TableShape) -> tuple[str, ...]:
    """Return the names of the parameters that have several values among the trials, in the study's order."""
    found = varied(rows, shape)
    return tuple(name for name, texts in found.items() if len(set(texts)) > 1 and name not in {"seed", "fold"})


@dataclass(frozen=True)
class ParameterAxis:
    """The places of a parameter's values on the axis of a plot.

    Attributes:
        places: the place of each value, by its text.
        numbers: whether the values are numbers; else the places are 0, 1, …
        log: whether the places are logarithms to the base 10.
    """

    places: Mapping[str, float]
    numbers: bool
    log: bool

    @property
    def span(self) -> Span:
        """The ends of the axis, with a margin."""
        if not self.numbers:
            return -0.5, len(self.places) - 0.5
        low, high = min(self.places.values()), max(self.places.values())
        margin = 0.06 * (high - low) or 0.5
        return low - margin, high + margin

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """The places and labels of all values, or of round numbers if there are many values."""
        if not self.numbers or len(self.places) <= LISTED:
            return tuple(sorted((place, text) for text, place in self.places.items()))
        span = min(self.places.values()), max(self.places.values())
        values = log_ticks(span, LISTED) if self.log else ticks(span, LISTED)
        return tuple((math.log10(value) if self.log else value, f"{value:g}") for value in values)


def parameter_axis(texts: Sequence[str]) -> ParameterAxis:
    """Return the axis of a parameter with these values.

    It is logarithmic if the values are positive numbers that grow by factors, or of which the largest is LOG_FROM times
    the smallest if they are many.
    """
    distinct = list(dict.fromkeys(text for text in texts if text))
    found = {text: value for text in distinct if (value := _number(text)) is not None}
    if len(found) < len(distinct) or not distinct:
        return ParameterAxis({text: float(at) for at, text in enumerate(distinct)}, False, False)
    values = sorted(set(found.values()))
    is_wide = values[0] > 0 and values[-1] >= LOG_FROM * values[0]
    log = is_wide if len(values) > LISTED else _grow_by_factors(values)
    return ParameterAxis({text: math.log10(value) if log else value for text, value in found.items()}, True, log)


def by_parameter(
    rows: Sequence[TrialRow], shape: TableShape, name: str, *, alone: bool = True
) -> tuple[ScoreAxes | None, list[TrialScore]]:
    """Return the axes and the scores of the trials against a parameter; no axes without any score.

    Args:
        alone: whether the trials differ in no other parameter, so that their means are of interest.
    """
    planned = sorted(rows, key=lambda row: row.number)
    share = shape.metric == "val_accuracy"
    texts = dict(zip((row.number for row in planned), varied(planned, shape).get(name, ()), strict=False))
    axis = parameter_axis(list(texts.values()))
    scores = [
        TrialScore(str(row.number), axis.places[text], 100 * score if share else score)
        for row in rows
        if (text := texts.get(row.number))
        and (score := drawable(score_of(row, shape.metric, shape.metric))) is not None
    ]
    if not scores:
        return None, []
    axes = ScoreAxes(
        f"{METRIC_NAMES[shape.metric].capitalize()} by {name}",
        "".join([" (log axis)" if axis.log else "", "" if alone else ", whatever the other parameters are"]),
        axis.span,
        (accuracy_limits if share else limits_around)([score.y for score in scores]),
        axis.ticks,
        axis.numbers,
        alone,
        " %" if share else "",
    )
    return axes, scores


MOST_CELLS = 6
"""The most columns and rows of a map; more values are put together into as many ranges."""


def _cells(axis: ParameterAxis) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Return the cell of each value on an axis, by its text, and the labels of the cells."""
    ordered = sorted(axis.places, key=lambda text: axis.places[text])
    if len(ordered) <= MOST_CELLS:
        return {text: at for at, text in enumerate(ordered)}, tuple(ordered)
    if not axis.numbers:
        ordered = ordered[: MOST_CELLS - 1]
        rest = {text: MOST_CELLS - 1 for text in axis.places if text not in ordered}
        return {text: at for at, text in enumerate(ordered)} | rest, (*ordered, "others")
    low, high = axis.places[ordered[0]], axis.places[ordered[-1]]
    width = (high - low) / MOST_CELLS
    cells = {text: min(MOST_CELLS - 1, int((place - low) / width)) for text, place in axis.places.items()}
    edges = [low + width * at for at in range(MOST_CELLS + 1)]
    numbers = [10**edge if axis.log else edge for edge in edges]
    return cells, tuple(f"~{_rounded((left + right) / 2)}" for left, right in itertools.pairwise(numbers))


def _rounded(value: float) -> str:
    """Return a number with about two digits: ``180``, ``0.013``, ``1.4e-4``."""
    if abs(value) >= 100 or not value:
        return f"{value:.0f}"
    if abs(value) >= SHORT_NUMBER:
        return f"{value:.2g}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def score_map(rows: Sequence[TrialRow], shape: TableShape, names: tuple[str, str]) -> ScoreMap | None:
    """Return the mean scores of the trials over two parameters; None while no trial has a score."""
    rows = sorted(rows, key=lambda row: row.number)
    texts = varied(rows, shape)
    (columns, column_labels), (lines, row_labels) = (_cells(parameter_axis(texts[name])) for name in names)
    found: dict[tuple[int, int], list[float]] = {}
    cell_of: dict[str, tuple[int, int]] = {}
    for at, row in enumerate(rows):
        score = drawable(score_of(row, shape.metric, shape.metric))
        across, down = (texts[name][at] for name in names)
        if score is not None and across and down:
            cell = columns[across], lines[down]
            cell_of[str(row.number)] = cell
            found.setdefault(cell, []).append(score)
    if not found:
        return None
    share = shape.metric == "val_accuracy"
    scores = {cell: statistics.fmean(values) for cell, values in found.items()}
    texts_of = {cell: f"{100 * score:.2f}" if share else f"{score:.4f}" for cell, score in scores.items()}
    unit = " (%)" if share else ""
    title = f"Mean {METRIC_NAMES[shape.metric]}{unit} by {names[0]} and {names[1]}"
    return ScoreMap(title, names, column_labels, row_labels, scores, texts_of, cell_of, not share)


def _grow_by_factors(values: Sequence[float]) -> bool:
    """Return whether the logarithms of sorted positive values are spaced more evenly than the values themselves."""
    if len(values) < 3 or values[0] <= 0:
        return False

    def unevenness(places: Sequence[float]) -> float:
        span = places[-1] - places[0]
        gaps = [(right - left) / span for left, right in itertools.pairwise(places)] if span > 0 else []
        return statistics.pstdev(gaps) if gaps else math.inf

    return unevenness(list(map(math.log10, values))) < unevenness(values)


def _axis(name: str, texts: Sequence[str]) -> tuple[ParallelAxis, list[float | None]]:
    """Return a parameter's axis and the height of each text on the axis. Numbers are sorted."""
    distinct = list(dict.fromkeys(text for text in texts if text))
    numbers = {text: value for text in distinct if (value := _number(text)) is not None}
    if len(numbers) == len(distinct):
        distinct.sort(key=lambda text: numbers[text])
    if len(numbers) == len(distinct) > LISTED:
        low, high = min(numbers.values()), max(numbers.values())
        scale, back = (math.log, math.exp) if low > 0 and high >= LOG_FROM * low else (float, float)
        first, span = scale(low), (scale(high) - scale(low)) or 1.0
        heights = {text: (scale(value) - first) / span for text, value in numbers.items()}
        marks = ((0.0, low), (0.5, back((scale(low) + scale(high)) / 2)), (1.0, high))
        shown = [(at, f"{value:.3g}") for at, value in marks]
    else:
        heights = {text: at / (len(distinct) - 1) if len(distinct) > 1 else 0.5 for at, text in enumerate(distinct)}
        shown = [(height, text) for text, height in heights.items()]
    return ParallelAxis(name, tuple(shown)), list(map(heights.get, texts))


def _number(text: str) -> float | None:
    try:
        return drawable(float(text))
    except ValueError:
        return None


def _scores(rows: Sequence[TrialRow], metric: str) -> tuple[ParallelAxis, list[float | None]]:
    """Return the metric's axis with the best value at its top, and the height of each score."""
    share = metric == "val_accuracy"
    scores = [drawable(score_of(row, metric, metric)) for row in rows]
    known = [value for value in scores if value is not None]
    title = "Val. acc." if share else "Val. loss"
    if not known:
        return ParallelAxis(title, ()), [None] * len(rows)
    low, high = min(known), max(known)
    span = high - low

    def place(value: float) -> float:
        at = (value - low) / span if span else 0.5
        return at if share else 1 - at

    values = [low, high] if span else [low]
    inner = [value for value in ticks((low, high), 3) if span and 0.12 < (value - low) / span < 0.88]
    texts = [percent(value) if share else f"{value:.4f}" for value in values]
    if inner:
        texts += labels([100 * value for value in inner], " %") if share else labels(inner, "")
    shown = tuple((place(value), text) for value, text in zip([*values, *inner], texts, strict=True))
    return ParallelAxis(title, shown), [None if value is None else place(value) for value in scores]


def multiples(rows: Sequence[TrialRow], study: StudyState, shape: TableShape) -> tuple[list[Panel], Frame]:
    """Return a panel for each trial that has ended an epoch, in the order of the rows, and the axes of all panels."""
    share = shape.metric == "val_accuracy"
    factor, unit = (100.0, " %") if share else (1.0, "")
    having = [row for row in rows if row.curve]
    words = zip(*(name.split("-")[:-1] for name in {row.base for row in study.rows}), strict=False)
    shared = "".join(f"{word[0]}-" for word in itertools.takewhile(lambda word: len(set(word)) == 1, words))
    panels = [
        Panel(
            str(row.number),
            f"#{row.number} {metric_text(row, shape.metric)}",
            _differences(row, shape, shared),
            tuple((float(epoch), factor * value) for epoch, value in _drawable(row).items()),
        )
        for row in having
    ]
    values = sorted(value for panel in panels for _, value in panel.points)
    title = METRIC_NAMES[shape.metric]
    if not values:
        return [], Frame(title, 0.0, 1.0, 1, unit)
    low, high = _limits(values, share)
    return panels, Frame(title, low, high, max(row.epochs or row.epoch for row in having), unit)


def _differences(row: TrialRow, shape: TableShape, shared: str) -> str:
    """Return the values that distinguish a trial from the others: ``250, tanh``; ``seed 3``.

    Args:
        shared: the words with which all names of presets begin, such as ``labo04-raw-``.
    """
    parts = [*([row.base.removeprefix(shared)] if shape.bases else []), *(value for _, value in row.values)]
    return ", ".join([*parts, *([row.repetition] if shape.seeds else [])])


def _limits(values: Sequence[float], share: bool) -> tuple[float, float]:
    """Return the limits of the axis without the worst 5 % of values: one bad start would flatten all curves."""
    cut = len(values) // 20
    low, high = (values[cut], values[-1]) if share else (values[0], values[-1 - cut])
    margin = 0.02 * (high - low) or 0.5
    return low, high + (0 if share and high + margin > 100 else margin)


def _drawable(row: TrialRow) -> dict[int, float]:
    return {epoch: known for epoch, value in row.curve if (known := drawable(value)) is not None}


def seeds(rows: Sequence[TrialRow], chosen: str) -> list[OverlaidSeries]:
    """Return the mean curve with its band, then the chosen trial's curve, then the curves of the other seeds or folds.

    The mean is over the finished trials, or over all while fewer than two have finished.
    """
    with_curve = [row for row in rows if row.curve]
    finished = [row for row in with_curve if row.state == "finished"]
    curves = list(map(_drawable, finished if len(finished) > 1 else with_curve))
    series: list[OverlaidSeries] = []
    if len(curves) > 1:
        shared = sorted(set(curves[0]).intersection(*curves[1:]))
        columns = [[curve[epoch] for curve in curves] for epoch in shared]
        points = tuple((float(epoch), statistics.fmean(column)) for epoch, column in zip(shared, columns, strict=True))
        series.append(OverlaidSeries(f"mean, n={len(curves)}", points, tuple(map(statistics.stdev, columns))))
    ordered = sorted(with_curve, key=lambda row: (str(row.number) != chosen, row.fold, row.seed))
    for row in ordered[: MOST_SERIES - len(series)]:
        name = f"{'> ' if str(row.number) == chosen else ''}{row.repetition}"
        series.append(OverlaidSeries(name, tuple((float(epoch), value) for epoch, value in row.curve)))
    return series


MAP, LEARNING, IMPORTANCES, SCORES = "map", "learning", "importances", "scores:"
"""Names of plots; the parameter's name follows that of its scores."""
PLOTS = {
    "seeds": ("curves", "multiples"),
    "folds": ("curves", "matrix", "multiples"),
    "reproduction": ("multiples", "parallel"),
}
"""The plots of each kind of study that varies no parameter, the default first."""


def plots_of(study: StudyState) -> tuple[str, ...]:
    """Return the names of the plots that a study has, the default first."""
    shape = table_shape(study)
    names = parameters(study.rows, shape) if study.kind == "sweep" else ()
    if not names:
        return PLOTS.get(study.kind, ("multiples", "parallel"))
    scores = tuple(f"{SCORES}{name}" for name in names)
    if len(names) > 1:
        first = (MAP, "parallel") if len(names) == 2 else ("parallel", MAP)
        return (*first, *scores, IMPORTANCES, "multiples")
    return (LEARNING, *scores, "multiples") if study_learning_curve(study) else (*scores, "multiples")


def plot_of(study: StudyState, wanted: str, *, after: int = 0) -> str:
    """Return the requested plot if the study has it, else its default; or the plot so many places after that one."""
    plots = plots_of(study)
    at = plots.index(wanted) if wanted in plots else 0
    return plots[(at + after) % len(plots)]


@dataclass(frozen=True)
class PlotContent:
    """The data of the plots that do not follow from the study's state alone.

    Attributes:
        importances: pairs of a parameter and its importance, the largest first; empty if they are not known.
        importance_note: of what they are computed, or why they are not known.
        predicted: the out-of-fold predictions; None if there are none.
    """

    importances: tuple[tuple[str, float], ...] = ()
    importance_note: str = "computing …"
    predicted: OutOfFold | None = None


class PlotPane(Container):
    """A pane with one of a study's plots, in which the trial under the table's cursor stands out.

    Args:
        preview: whether the plots only show a study, without keys.
    """

    DEFAULT_CSS = "PlotPane ConfusionView { height: 1fr; }"

    scores = getters.query_one(ScorePlot)
    parallel = getters.query_one(ParallelPlot)
    multiples = getters.query_one(MultiplesPlot)
    curves = getters.query_one(OverlaidCurves)
    map = getters.query_one(MapPlot)
    importances = getters.query_one(ImportancePlot)
    learning = getters.query_one(LearningPlot)
    matrix = getters.query_one(ConfusionView)

    def __init__(self, *, preview: bool = False) -> None:
        super().__init__()
        self._preview = preview

    def compose(self) -> ComposeResult:
        yield ScorePlot()
        yield ParallelPlot()
        yield MultiplesPlot()
        yield OverlaidCurves("accuracy")
        yield MapPlot()
        yield ImportancePlot()
        yield LearningPlot()
        yield ConfusionView()

    def on_mount(self) -> None:
        for widget in self._plots.values():
            widget.display = False
            if self._preview and isinstance(widget, Plot):
                widget.can_focus = widget.shows_keys = False

    @property
    def _plots(self) -> dict[str, Plot | ConfusionView]:
        return {
            SCORES: self.scores,
            "parallel": self.parallel,
            "multiples": self.multiples,
            "curves": self.curves,
            MAP: self.map,
            IMPORTANCES: self.importances,
            LEARNING: self.learning,
            "matrix": self.matrix,
        }

    def show(
        self,
        plot: str,
        study: StudyState,
        rows: Sequence[TrialRow],
        shape: TableShape,
        *,
        chosen: str,
        best: str,
        content: PlotContent = PlotContent(),
    ) -> None:
        """Draw one of the plots and hide the others.

        Args:
            plot: a name of `plots_of`.
            rows: in the table's order.
            chosen, best: keys of rows; empty for none.
        """
        kind = SCORES if plot.startswith(SCORES) else plot
        for name, widget in self._plots.items():
            widget.display = name == kind
        if kind == SCORES:
            name = plot.removeprefix(SCORES)
            alone = len(parameters(rows, shape)) == 1
            self.scores.show(*by_parameter(rows, shape, name, alone=alone), chosen, best)
        elif kind == "parallel":
            self.parallel.show(*parallel(rows, shape), chosen, best)
        elif kind == "multiples":
            self.multiples.show(*multiples(rows, study, shape), chosen)
        elif kind == MAP:
            self.map.show(score_map(rows, shape, map_axes(rows, shape, content)), chosen, best)
        elif kind == IMPORTANCES:
            self.importances.show(content.importances, content.importance_note, chosen)
        elif kind == LEARNING:
            self._show_learning(study, shape, chosen)
        elif kind == "matrix":
            predicted = content.predicted
            caption = f"out of fold, {predicted.folds} of {counted(predicted.of, 'fold')}" if predicted else ""
            names = predicted.class_names if predicted else ()
            self.matrix.show(predicted.confusion if predicted else None, names, caption)
        else:
            self.curves.metric = "loss" if study.metric == "val_loss" else "accuracy"
            self.curves.show(seeds(study.rows, chosen))

    def _show_learning(self, study: StudyState, shape: TableShape, chosen: str) -> None:
        points, of = study_learning_curve(study), "held-out" if shape.folds else "test"
        images = {row.number: row.train_images or _number(row.values[0][1]) for row in study.rows}
        scores = [
            TrialScore(str(row.number), math.log10(number), 100 * row.test_accuracy)
            for row in study.rows
            if (number := images[row.number]) and row.state == "finished" and row.test_accuracy is not None
        ]
        self.learning.show(points, scores, chosen, of, curve_in_words(points, of))

    def focus_plot(self, plot: str) -> None:
        self._plots[SCORES if plot.startswith(SCORES) else plot].focus()


def map_axes(rows: Sequence[TrialRow], shape: TableShape, content: PlotContent) -> tuple[str, str]:
    """Return the two parameters of the map: the most important ones if that is known, else the first ones."""
    names = parameters(rows, shape)
    known = [name for name, _ in content.importances if name in names]
    first, second, *_ = [*known, *(name for name in names if name not in known)]
    return first, second
