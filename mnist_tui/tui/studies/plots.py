"""The plots of a study's screen: score by parameter, parallel coordinates, small multiples, and seeds with a band."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from textual import getters
from textual.app import ComposeResult
from textual.containers import Container

from mnist_tui.report.figures.drawing import drawable
from mnist_tui.studies.state import StudyState, TrialRow
from mnist_tui.studies.trial_table import METRIC_NAMES, TableShape, metric_text, score_of, table_shape
from mnist_tui.tui.widgets.plots.axes import labels, ticks
from mnist_tui.tui.widgets.plots.compared import MOST_SERIES, OverlaidCurves, OverlaidSeries, limits_around
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
from mnist_tui.wording import percent

LISTED = 8
"""An axis with at most this number of values has equal distances; a larger number of numbers is placed by size."""
LOG_FROM = 20.0
"""If the largest number is at least this many times the smallest, numbers are placed by their logarithm."""


def varied(rows: Sequence[TrialRow], shape: TableShape) -> dict[str, list[str]]:
    """Return the value of each trial by the names of the parameters in which trials differ; empty for none.

    If the trials differ in nothing but the seed, the seed is the parameter.
    """
    texts = {"preset": [row.base for row in rows]} if shape.bases else {}
    texts |= {name: [dict(row.values).get(name, "") for row in rows] for name in shape.axes}
    if shape.seeds and not texts:
        texts["seed"] = [str(row.seed) for row in rows]
    return texts


def parallel(rows: Sequence[TrialRow], shape: TableShape) -> tuple[list[ParallelAxis], list[TrialLine]]:
    """Return the axes of a parallel plot (the parameters, then the metric), and a line for each trial."""
    planned = sorted(rows, key=lambda row: row.number)
    axes = (_axis(name, column) for name, column in varied(planned, shape).items())
    columns = [*axes, _scores(planned, shape.metric)]
    lines = {row.number: tuple(heights[at] for _, heights in columns) for at, row in enumerate(planned)}
    return [axis for axis, _ in columns], [TrialLine(str(row.number), lines[row.number]) for row in rows]


def only_parameter(rows: Sequence[TrialRow], shape: TableShape) -> str:
    """Return the name of the parameter that alone has several values; empty if none or several do."""
    several = [name for name, texts in varied(rows, shape).items() if len(set(texts)) > 1 and name != "seed"]
    return several[0] if len(several) == 1 else ""


def by_parameter(rows: Sequence[TrialRow], shape: TableShape) -> tuple[ScoreAxes | None, list[TrialScore]]:
    """Return the axes and the scores of the trials against the only parameter; no axes without any score.

    The parameter's axis is logarithmic if its values are positive numbers whose logarithms are spaced more evenly than
    they are.
    """
    planned = sorted(rows, key=lambda row: row.number)
    name, share = only_parameter(rows, shape), shape.metric == "val_accuracy"
    texts = dict(zip((row.number for row in planned), varied(planned, shape).get(name, ()), strict=False))
    distinct = list(dict.fromkeys(text for text in texts.values() if text))
    found = {text: value for text in distinct if (value := _number(text)) is not None}
    log = False
    if numbers := len(found) == len(distinct) > 0:
        log = _grow_by_factors(sorted(set(found.values())))
        places = {text: math.log10(value) if log else value for text, value in found.items()}
    else:
        places = {text: float(at) for at, text in enumerate(distinct)}
    scores = [
        TrialScore(str(row.number), places[text], 100 * score if share else score)
        for row in rows
        if (text := texts.get(row.number))
        and (score := drawable(score_of(row, shape.metric, shape.metric))) is not None
    ]
    if not scores:
        return None, []
    low, high = limits_around([score.y for score in scores])
    ends = (min(places.values()), max(places.values()))
    margin = 0.06 * (ends[1] - ends[0]) or 0.5
    axes = ScoreAxes(
        f"{METRIC_NAMES[shape.metric].capitalize()} by {name}",
        " (log axis)" if log else "",
        (ends[0] - margin, ends[1] + margin) if numbers else (-0.5, len(distinct) - 0.5),
        (low, min(high, max(100.0, *(score.y for score in scores))) if share else high),
        tuple(sorted((place, text) for text, place in places.items())),
        numbers,
        " %" if share else "",
    )
    return axes, scores


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
    title = "val acc." if share else "val loss"
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
    return ", ".join([*parts, *([f"seed {row.seed}"] if shape.seeds else [])])


def _limits(values: Sequence[float], share: bool) -> tuple[float, float]:
    """Return the limits of the axis without the worst 5 % of values: one bad start would flatten all curves."""
    cut = len(values) // 20
    low, high = (values[cut], values[-1]) if share else (values[0], values[-1 - cut])
    margin = 0.02 * (high - low) or 0.5
    return low, high + (0 if share and high + margin > 100 else margin)


def _drawable(row: TrialRow) -> dict[int, float]:
    return {epoch: known for epoch, value in row.curve if (known := drawable(value)) is not None}


def seeds(rows: Sequence[TrialRow], chosen: str) -> list[OverlaidSeries]:
    """Return the mean curve with its band, then the chosen seed's curve, then the curves of the other seeds.

    The mean is over the finished seeds, or over all seeds while fewer than two have finished.
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
    ordered = sorted(with_curve, key=lambda row: (str(row.number) != chosen, row.seed))
    for row in ordered[: MOST_SERIES - len(series)]:
        name = f"{'> ' if str(row.number) == chosen else ''}seed {row.seed}"
        series.append(OverlaidSeries(name, tuple((float(epoch), value) for epoch, value in row.curve)))
    return series


PLOTS = {"seeds": ("curves", "multiples"), "reproduction": ("multiples", "parallel")}
"""The plots of each kind of study, the default first."""


def plot_of(study: StudyState, wanted: str, *, after: bool = False) -> str:
    """Return the requested plot if the study has it, else its default; or the plot after that one.

    A study of one parameter has the score against that instead of parallel coordinates.
    """
    plots = PLOTS.get(study.kind, ("parallel", "multiples"))
    if "parallel" in plots and only_parameter(study.rows, table_shape(study)):
        plots = tuple("scores" if plot == "parallel" else plot for plot in plots)
    at = plots.index(wanted) if wanted in plots else 0
    return plots[(at + after) % len(plots)]


class PlotPane(Container):
    """A pane with one of a study's plots, in which the trial under the table's cursor stands out."""

    scores = getters.query_one(ScorePlot)
    parallel = getters.query_one(ParallelPlot)
    multiples = getters.query_one(MultiplesPlot)
    curves = getters.query_one(OverlaidCurves)

    def compose(self) -> ComposeResult:
        yield ScorePlot()
        yield ParallelPlot()
        yield MultiplesPlot()
        yield OverlaidCurves("accuracy")

    def on_mount(self) -> None:
        for widget in self._plots.values():
            widget.display = False

    @property
    def _plots(self) -> dict[str, Plot]:
        return {"scores": self.scores, "parallel": self.parallel, "multiples": self.multiples, "curves": self.curves}

    def show(
        self, plot: str, study: StudyState, rows: Sequence[TrialRow], shape: TableShape, *, chosen: str, best: str
    ) -> None:
        """Draw one of the plots and hide the others.

        Args:
            plot: scores, parallel, multiples or curves.
            rows: in the table's order.
            chosen, best: keys of rows; empty for none.
        """
        for name, widget in self._plots.items():
            widget.display = name == plot
        if plot == "scores":
            self.scores.show(*by_parameter(rows, shape), chosen, best)
        elif plot == "parallel":
            self.parallel.show(*parallel(rows, shape), chosen, best)
        elif plot == "multiples":
            self.multiples.show(*multiples(rows, study, shape), chosen)
        else:
            self.curves.metric = "loss" if study.metric == "val_loss" else "accuracy"
            self.curves.show(seeds(study.rows, chosen))

    def focus_plot(self, plot: str) -> None:
        self._plots[plot].focus()
