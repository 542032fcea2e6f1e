"""Plots that compare runs: their curves laid over each other, and their test accuracy by parameters and by seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from mnist_tui.report.figures.drawing import SMALLEST_DRAWABLE, drawable
from mnist_tui.tui.widgets.plots.axes import AXIS_COLUMNS, EpochAxis, Plane, Span, Stretch, log_ticks, plane_of, ticks
from mnist_tui.tui.widgets.plots.plot import EpochView, Plot, view_keys
from mnist_tui.tui.widgets.plots.raster import Marks, PlotPicture, Row, Stroke, Tick, side_by_side
from mnist_tui.tui.widgets.plots.series import MEASURES, Measure, Metric, Track, line, scaled, track_of, y_limits
from mnist_tui.wording import capitalized, counted, percent_plus_minus, shortened

READING = "reading …"
NO_EPOCHS = ("no epoch of these runs has ended;", "the table shows their scores")
MOST_SERIES = 8
MARK_EVERY = 10
"""Columns between two marks on a run's line."""
LEAST_ROWS = 5
LEAST_COLUMNS = 20


@dataclass(frozen=True)
class OverlaidSeries:
    """The values of one run over the epochs, or the mean of a group of seeds.

    Attributes:
        label: its name in the legend.
        points: epochs in rising order, each with a value as in a run's history; None is a gap.
        deviation: the standard deviation of each point of a mean, which is drawn as a band; empty for a single run.
    """

    label: str
    points: tuple[tuple[float, float | None], ...]
    deviation: tuple[float | None, ...] = ()

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        """Return the line and, for a mean, the lower and the upper edge of the band."""
        edges = [
            [
                (x, None if y is None or deviation is None else y + side * deviation)
                for (x, y), deviation in zip(self.points, self.deviation, strict=True)
            ]
            for side in (-1, 1)
            if self.deviation
        ]
        return tuple(map(track_of, (self.points, *edges)))


def overlay(
    series: Sequence[OverlaidSeries],
    size: tuple[int, int],
    marks: Marks,
    measure: Measure,
    *,
    span: Span,
    log: bool = False,
    cursor: float | None = None,
) -> tuple[Plane, PlotPicture]:
    """Draw the first MOST_SERIES series into one plot; bands lie behind all lines.

    Args:
        size: columns and rows, including axes and labels.
        span: the epochs in view.
    """
    columns = size[0] - AXIS_COLUMNS
    curves = [
        [scaled(line(track, *span, columns), measure.factor, log) for track in one.tracks]
        for one in series[:MOST_SERIES]
    ]
    lines = [parts for parts, *_ in curves]
    bands = {at: (edges[0], edges[1]) for at, (_, *edges) in enumerate(curves) if edges}
    heights = [y for parts in lines for part in parts for _, y in part]
    least, most = min([0.0, *heights]), max([measure.top, *heights])
    edges = [y for band in bands.values() for edge in band for part in edge for _, y in part]
    heights += edges if log else [min(max(y, least), most) for y in edges]
    plane, axes = plane_of(span, y_limits(heights, measure.top, log), size, marks, unit=measure.unit, log=log)
    strokes = [_band_between(plane, low, high, f"run{at}") for at, (low, high) in bands.items()]
    strokes += [plane.stroke(f"run{at}", part) for at, parts in enumerate(lines) for part in parts]
    strokes += [_marks_of(plane, parts, at, marks) for at, parts in enumerate(lines)]
    column = None if cursor is None else plane.column(cursor)
    return plane, replace(axes, strokes=tuple(stroke for stroke in strokes if stroke.dots), cursor=column)


def _marks_of(plane: Plane, parts: Sequence[Stretch], at: int, marks: Marks) -> Stroke:
    """Return a run's marks: one every MARK_EVERY columns, each run's in other columns, and one at its last point."""
    kept = [part[-1] for part in parts[-1:]]
    for part in parts:
        wanted = -1
        for point in part:
            column = plane.column(point[0]) or 0
            if column // MARK_EVERY > wanted and column % MARK_EVERY >= at * MARK_EVERY // MOST_SERIES:
                kept.append(point)
                wanted = column // MARK_EVERY
    return plane.stroke(f"run{at}", kept, marks.runs[at])


def _band_between(plane: Plane, low: Sequence[Stretch], high: Sequence[Stretch], tone: str) -> Stroke:
    below, above = _heights_by_column(plane, low), _heights_by_column(plane, high)
    ends = ((column * plane.dots[0], (below.get(column, -1), above[column])) for column in sorted(above))
    return Stroke(tone, tuple((x, y) for x, heights in ends for y in heights), band=True)


def _heights_by_column(plane: Plane, parts: Sequence[Stretch]) -> dict[int, int]:
    heights: dict[int, int] = {}
    for part in parts:
        for (x0, y0), (x1, y1) in pairwise(part):
            first, last = plane.column(x0), plane.column(x1)
            if first is None or last is None:
                continue
            for column in range(first, last + 1):
                share = (column - first) / (last - first) if last > first else 0.0
                heights[column] = plane.dot(x0, y0 + share * (y1 - y0))[1]
    return heights


class OverlaidCurves(Plot, EpochView):
    """One validation measure of several runs over the epochs.

    Args:
        named: whether the legend has the labels of the runs, beside their marks and values, if there is room for all.
    """

    HELP = """
    **Runs laid over each other.** Each run has a mark and a colour; the legend below names them with the newest value.
    A group of seeds is its mean, with a shaded band one standard deviation to each side. Of many
    the first eight are drawn, in the order in which they were marked. `+` `-` and the wheel zoom,
    `[` `]` and shift with the wheel pan, `0` shows all epochs. `l` changes between a linear and a logarithmic axis for
    the loss, in the curves of all screens.
    """
    BINDINGS = [*view_keys("overlay", "view")]
    can_focus = True
    _series: tuple[OverlaidSeries, ...] = ()
    _cursor: float | None = None
    _scale = False
    _read = False

    def __init__(self, metric: Metric = "loss", *, named: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self.metric: Metric = metric
        self._labels = named

    def show(self, series: Sequence[OverlaidSeries], cursor: float | None = None) -> None:
        """Draw the first MOST_SERIES series; the legend has their values at the epoch `cursor`, or the newest.

        The view moves if the cursor has left it.
        """
        shown = (tuple(series), cursor, self.log_scale)
        if not self._read or shown != (self._series, self._cursor, self._scale):
            moved, self._read = cursor != self._cursor, True
            self._series, self._cursor, self._scale = shown
            if moved and cursor is not None:
                self.window = self.window.showing(cursor, self.axis)
            self.draw()

    @property
    def axis(self) -> EpochAxis:
        """Return an axis that ends with the longest series."""
        end = max((one.points[-1][0] for one in self._series[:MOST_SERIES] if one.points), default=1.0)
        return EpochAxis(max(1.0, end), max(1.0, end))

    @property
    def last_in_view(self) -> float:
        return self.window.limits(self.axis)[1]

    @property
    def anchors(self) -> Sequence[float]:
        return () if self._cursor is None else (self._cursor,)

    @property
    def is_logarithmic(self) -> bool:
        return MEASURES[self.metric].log and self.log_scale

    def lines(self) -> list[Row]:
        width, height = self.inside
        measure, marks, log = MEASURES[self.metric], self.marks, self.is_logarithmic
        shown = self._series[:MOST_SERIES]
        at = f"  {marks.cursor} epoch {self._cursor:,.0f}" if self._cursor is not None else ""
        title = f"Validation {measure.title}{' (log)' if log else ''}"
        heading: Row = (("title", title), ("muted", at + most_drawn(len(self._series))))
        entries = [(number, one.label, self._value_at_cursor_or_end(one)) for number, one in enumerate(shown)]
        legend, most = legend_rows(entries, marks, max(1, width)), height // 3
        if not self._labels or len(legend) > most:
            legend = legend_rows([(number, "", figures) for number, _, figures in entries], marks, max(1, width))[:most]
        rows = height - len(legend)
        if not any(one.points for one in shown):
            nothing = NO_EPOCHS if self._read else (READING,)
            return self.framed(heading, [*((("muted", line),) for line in nothing), *legend])
        if width < LEAST_COLUMNS or rows < LEAST_ROWS:
            return self.framed(heading, legend)
        view = self.window.limits(self.axis)
        self.plane, picture = overlay(shown, (width, rows), marks, measure, span=view, log=log, cursor=self._cursor)
        keys = [("log", f"log scale: {'on' if log else 'off'}")] if measure.log else []
        keys += [("in,out", "zoom"), ("earlier,later", "epoch")]
        return self.framed(heading, [*self.paint(picture), *legend], keys=keys)

    def _value_at_cursor_or_end(self, one: OverlaidSeries) -> str:
        written = MEASURES[self.metric].written
        points = zip(one.points, one.deviation or (None,) * len(one.points), strict=True)
        for (x, value), deviation in reversed(list(points)):
            if value is not None and (self._cursor is None or x == self._cursor):
                return written(value, True) + (f" ± {written(deviation, True)}" if deviation is not None else "")
        return "–"


def legend_rows(entries: Iterable[tuple[int, str, str]], marks: Marks, width: int) -> list[Row]:
    """Return the lines of a legend; an entry has the number of its mark and colour, a label or none, and figures."""
    return side_by_side(
        [
            (
                (f"run{number}", marks.runs[number]),
                ("text", f" {shortened(label, width - 3 - len(figures))} {figures}" if label else f" {figures}"),
            )
            for number, label, figures in entries
        ],
        width,
    )


def most_drawn(count: int) -> str:
    """Say how many series of `count` are drawn, after a title; empty if all are."""
    return f", {MOST_SERIES} of {count} drawn" if count > MOST_SERIES else ""


LOG_FROM = 5.0
"""The axis is logarithmic if the largest value is at least this many times the smallest."""
LEAST_POINT_COLUMNS = 24
LABEL_ROOM = 10
"""Columns between two labels of numbers of parameters."""


@dataclass(frozen=True)
class ScatterPoint:
    """A run, or the mean of a group of seeds, in a scatter plot.

    Attributes:
        series: the number of its mark and colour; from MOST_SERIES on it is drawn as a grey dot.
        x, y: its number of parameters, and its accuracy from 0 to 1.
        deviation: the standard deviation of a mean.
        label: its name in the legend.
    """

    series: int
    x: float
    y: float
    deviation: float | None = None
    label: str = ""


def drawable_points(points: Sequence[ScatterPoint]) -> list[ScatterPoint]:
    """Return the points that can be drawn, with values that are safe to compute with."""
    return [
        replace(point, x=x, y=y, deviation=drawable(point.deviation))
        for point in points
        if (x := drawable(point.x)) is not None and (y := drawable(point.y)) is not None
    ]


def scatter(points: Sequence[ScatterPoint], size: tuple[int, int], marks: Marks) -> PlotPicture:
    """Draw the points with their axes into a plot of `size` (columns, rows)."""
    least = min(point.x for point in points)
    log = least > 0 and max(point.x for point in points) >= LOG_FROM * least
    placed = [
        (point.series, math.log10(point.x) if log else point.x, 100 * point.y, 100 * (point.deviation or 0.0))
        for point in points
    ]
    ends = [end for _, _, y, deviation in placed for end in (y - deviation, y + deviation)]
    plane, axes = plane_of(limits_around([x for _, x, *_ in placed]), accuracy_limits(ends), size, marks, unit=" %")
    tones = [f"run{series}" if series < MOST_SERIES else "muted" for series, *_ in placed]
    strokes = [
        plane.stroke(tone, [(x, y - deviation), (x, y + deviation)])
        for tone, (_, x, y, deviation) in zip(tones, placed, strict=True)
        if deviation
    ]
    strokes += [
        plane.stroke(tone, [(x, y)], marks.runs[series] if series < MOST_SERIES else marks.running)
        for tone, (series, x, y, _) in zip(tones, placed, strict=True)
    ]
    values = (log_ticks if log else ticks)(plane.x, max(2, plane.columns // LABEL_ROOM))
    columns = ((plane.column(math.log10(value) if log else value), _short(value)) for value in values)
    x_ticks = tuple((column, text) for column, text in columns if column is not None)
    return replace(axes, x_ticks=x_ticks, strokes=tuple(strokes))


def limits_around(values: Sequence[float]) -> Span:
    """Return the ends of an axis that reaches a little beyond the values."""
    low, high = min(values), max(values)
    near = high - low <= max(1e-9 * max(abs(low), abs(high)), SMALLEST_DRAWABLE)
    margin = (0.05 * abs(high) or 0.5) if near else 0.08 * (high - low)
    return low - margin, high + margin


def accuracy_limits(values: Sequence[float]) -> Span:
    """Return the ends of an axis of accuracies in per cent: a little beyond the values, but not beyond 100."""
    low, high = limits_around(values)
    return low, min(high, max(100.0, *values))


def _short(value: float) -> str:
    """Return a number with four digits, such as ``198.8k`` for 198,760."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:g}"


class Scatter(Plot):
    """The accuracies of runs against their numbers of parameters."""

    HELP = """
    **Accuracy against size.** Each run is a mark at its number of parameters and its accuracy, a fold on the images
    held out, other runs on the test set; the mark is that of its curve. A group of seeds or folds stands at its mean,
    with a line one standard deviation up and down.
    """
    _points: tuple[ScatterPoint, ...] | None = None
    _labels, _of = True, "test"

    def show(self, points: Sequence[ScatterPoint], of: str = "test") -> None:
        """Draw the accuracies on `of`: ``test`` or ``held-out`` images, or both if it is empty."""
        drawn = tuple(drawable_points(points))
        if (drawn, of) != (self._points, self._of):
            self._points, self._of = drawn, of
            self.draw()

    def show_labels(self, shown: bool) -> None:
        """Have the labels of the runs in the legend, or only their marks and figures."""
        if shown != self._labels:
            self._labels = shown
            self.draw()

    def lines(self) -> list[Row]:
        width, height = self.inside
        title: Row = (("title", capitalized(f"{self._of} accuracy by number of parameters".lstrip())),)
        if not self._points:
            nothing = READING if self._points is None else "no run here has an accuracy yet"
            return self.framed(title, [(("muted", nothing),)])
        if width < LEAST_POINT_COLUMNS or height < LEAST_ROWS:
            return self.framed(title, ())
        entries = (
            (
                one.series,
                one.label if self._labels else "",
                f"{percent_plus_minus(one.y, one.deviation)}, {counted(round(one.x), 'parameter')}",
            )
            for one in self._points
            if one.series < MOST_SERIES
        )
        legend = legend_rows(entries, self.marks, width)[: max(0, min(height // 3, height - LEAST_ROWS))]
        picture = scatter(self._points, (width, height - len(legend)), self.marks)
        return self.framed(title, [*self.paint(picture), *legend])


SEED_ROOM = 5
"""Columns for a seed's label."""
SIDE_BY_SIDE = 0.6
"""Share of a seed's width that the marks of all groups take."""


@dataclass(frozen=True)
class SeedScores:
    """The test accuracies (0 to 1) of a group of runs that differ only in their seed.

    Attributes:
        series: the number of its mark and colour.
        label: its name in the legend.
        points: seed and test accuracy of each run, in the order of the seeds.
        deviation: the standard deviation of the sample; None for one seed.
        repetition: what distinguishes the runs: ``seed`` or ``fold``.
    """

    series: int
    label: str
    points: tuple[tuple[int, float], ...]
    mean: float
    deviation: float | None = None
    repetition: str = "seed"


def drawable_groups(groups: Sequence[SeedScores]) -> list[SeedScores]:
    """Return the groups whose mean can be drawn, with values that are safe to compute with."""
    return [
        replace(group, points=tuple(points), mean=mean, deviation=drawable(group.deviation))
        for group in groups
        if (mean := drawable(group.mean)) is not None
        and (points := [(seed, y) for seed, accuracy in group.points if (y := drawable(accuracy)) is not None])
    ]


def by_seed(groups: Sequence[SeedScores], size: tuple[int, int], marks: Marks) -> PlotPicture:
    """Draw the first MOST_SERIES groups, seed by seed, into a plot of `size` (columns, rows)."""
    groups = groups[:MOST_SERIES]
    places = {seed: at for at, seed in enumerate(sorted({seed for group in groups for seed, _ in group.points}))}
    ends = [group.mean + side * (group.deviation or 0.0) for group in groups for side in (-1, 1)]
    heights = [100 * y for y in (*ends, *(y for group in groups for _, y in group.points))]
    plane, axes = plane_of((-0.5, len(places) - 0.5), accuracy_limits(heights), size, marks, unit=" %")
    strokes = [_mean_band(plane, group) for group in groups if group.deviation]
    strokes += [plane.stroke(f"run{group.series}", [(x, 100 * group.mean) for x in plane.x]) for group in groups]
    for at, group in enumerate(groups):
        aside = SIDE_BY_SIDE * ((at + 0.5) / len(groups) - 0.5)
        points = [(places[seed] + aside, 100 * accuracy) for seed, accuracy in group.points]
        strokes.append(plane.stroke(f"run{group.series}", points, marks.runs[group.series]))
    return replace(axes, x_ticks=_seed_labels_that_fit(plane, places), strokes=tuple(strokes))


def _mean_band(plane: Plane, group: SeedScores) -> Stroke:
    low, high = (plane.dot(0.0, 100 * (group.mean + side * (group.deviation or 0.0)))[1] for side in (-1, 1))
    dots = tuple((column * plane.dots[0], y) for column in range(plane.columns) for y in (low, high))
    return Stroke(f"run{group.series}", dots, band=True)


def _seed_labels_that_fit(plane: Plane, places: dict[int, int]) -> tuple[Tick, ...]:
    every = -(-len(places) * SEED_ROOM // max(1, plane.columns))
    shown = [(seed, at) for seed, at in places.items() if (len(places) - 1 - at) % every == 0]
    return tuple((column, str(seed)) for seed, at in shown if (column := plane.column(at)) is not None)


class SeedPlot(Plot):
    """The test accuracies of groups of runs, seed by seed."""

    HELP = """
    **Accuracy by seed.** Each mark is one run on the test set; groups that are compared stand side by side at each
    seed. The line is a group's mean, the shaded band one standard deviation of the sample to each side.
    """
    _groups: tuple[SeedScores, ...] = ()

    def show(self, groups: Sequence[SeedScores]) -> None:
        drawn = tuple(drawable_groups(groups))
        if drawn != self._groups:
            self._groups = drawn
            self.draw()

    def lines(self) -> list[Row]:
        width, height = self.inside
        shown = self._groups[:MOST_SERIES]
        about = f"  line: mean, band: ± standard deviation{most_drawn(len(self._groups))}"
        kinds = {one.repetition for one in shown}
        name = "Held-out accuracy by fold" if kinds == {"fold"} else "Test accuracy by seed"
        title: Row = (("title", name), ("muted", about))
        if not shown:
            return self.framed(title, [(("muted", "no seed here has a test accuracy yet"),)])
        entries = (
            (one.series, one.label, f"{percent_plus_minus(one.mean, one.deviation)}, n = {len(one.points)}")
            for one in shown
        )
        legend = legend_rows(entries, self.marks, max(1, width))[: max(0, height // 4)]
        rows = height - len(legend)
        if width < LEAST_POINT_COLUMNS or rows < LEAST_ROWS:
            return self.framed(title, legend)
        return self.framed(title, [*self.paint(by_seed(shown, (width, rows), self.marks)), *legend])
