"""Curves of several runs laid over each other: a mark and a colour for each; for groups of seeds mean ± deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mnist_tui.tui.widgets.plots.axes import AXIS_COLUMNS, EpochAxis, Plane, Point, Span, plane_of
from mnist_tui.tui.widgets.plots.plot import EpochView, Plot, view_keys
from mnist_tui.tui.widgets.plots.raster import Marks, PlotPicture, Row, Stroke, ruled, side_by_side
from mnist_tui.tui.widgets.plots.series import MEASURES, Measure, Metric, Stretch, line, scaled, track_of, y_limits
from mnist_tui.wording import shortened

MOST_SERIES = 8
MARK_EVERY = 10
"""Columns between two marks on a run's line."""
LEAST_ROWS = 6
LEAST_COLUMNS = 20


@dataclass(frozen=True)
class OverlaidSeries:
    """The series of one run, or the mean of a group of seeds.

    Attributes:
        label: what it is called in the legend.
        points: epoch and value as in a run's history, rising; None is a gap.
        deviation: of each point, where the series is a mean; a band is drawn that far on both sides.
    """

    label: str
    points: tuple[tuple[float, float | None], ...]
    deviation: tuple[float | None, ...] = ()

    def edge(self, side: int) -> list[tuple[float, float | None]]:
        """Return the lower (-1) or upper (1) edge of the band."""
        return [
            (x, None if y is None or deviation is None else y + side * deviation)
            for (x, y), deviation in zip(self.points, self.deviation, strict=True)
        ]


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
    """Draw up to MOST_SERIES series into one plot; bands lie behind all lines.

    Args:
        size: columns and rows, axes and labels included.
        span: the epochs in view.
    """

    def reduced(points: Sequence[tuple[float, float | None]]) -> list[Stretch]:
        return scaled(line(track_of(points), *span, size[0] - AXIS_COLUMNS), measure.factor, log)

    lines = [reduced(one.points) for one in series[:MOST_SERIES]]
    bands = {
        at: (reduced(one.edge(-1)), reduced(one.edge(1)))
        for at, one in enumerate(series[:MOST_SERIES])
        if one.deviation
    }
    heights = [y for parts in lines for part in parts for _, y in part]
    least, most = min([0.0, *heights]), max([measure.top, *heights])
    edges = [y for band in bands.values() for edge in band for part in edge for _, y in part]
    heights += edges if log else [min(max(y, least), most) for y in edges]
    plane, axes = plane_of(span, y_limits(heights, measure.top, log), size, marks, unit=measure.unit, log=log)
    strokes = [_band(plane, low, high, f"run{at}") for at, (low, high) in bands.items()]
    strokes += [plane.stroke(f"run{at}", part) for at, parts in enumerate(lines) for part in parts]
    strokes += [_spaced(plane, parts, at, marks) for at, parts in enumerate(lines)]
    column = None if cursor is None else plane.column(cursor)
    return plane, replace(axes, strokes=tuple(stroke for stroke in strokes if stroke.dots), cursor=column)


def _spaced(plane: Plane, parts: Sequence[Stretch], at: int, marks: Marks) -> Stroke:
    """Return a run's marks: every few columns, not where another run has one, and always at the last point."""
    kept: list[Point] = []
    for part in parts:
        wanted = -1
        for point in part:
            column = plane.column(point[0]) or 0
            if column // MARK_EVERY > wanted and column % MARK_EVERY >= at * MARK_EVERY // MOST_SERIES:
                kept.append(point)
                wanted = column // MARK_EVERY
    last = [part[-1] for part in parts[-1:]]
    return plane.stroke(f"run{at}", [*kept, *last], marks.runs[at])


def _band(plane: Plane, low: Sequence[Stretch], high: Sequence[Stretch], tone: str) -> Stroke:
    """Return the lowest and the highest dot of a band in each character column."""
    below, above = _heights(plane, low), _heights(plane, high)
    ends = ((column * plane.dots[0], (below.get(column, -1), above[column])) for column in sorted(above))
    return Stroke(tone, tuple((x, y) for x, heights in ends for y in heights), band=True)


def _heights(plane: Plane, parts: Sequence[Stretch]) -> dict[int, int]:
    """Return the dot row of a line in each character column that it crosses."""
    found: dict[int, int] = {}
    for part in parts:
        for (x0, y0), (x1, y1) in pairwise(part):
            first, last = plane.column(x0), plane.column(x1)
            if first is None or last is None:
                continue
            for column in range(first, last + 1):
                share = (column - first) / (last - first) if last > first else 0.0
                found[column] = plane.dot(x0, y0 + share * (y1 - y0))[1]
    return found


class OverlaidCurves(Plot, EpochView):
    """Show one measure of several runs over the epochs.

    Attributes:
        metric: what is drawn, of the validation.
    """

    HELP = """
    **Runs laid over each other.** Each run has a mark and a colour; the legend below names them with the newest value.
    A group of seeds is its mean, with a shaded band one standard deviation to each side. Of many
    the first eight are drawn, in the order in which they were marked. `+` `-` and the wheel zoom,
    `[` `]` and shift with the wheel pan, `0` shows all epochs, `l` changes to a logarithmic axis.
    """
    BINDINGS = [*view_keys("overlay", "view")]
    can_focus = True
    _series: tuple[OverlaidSeries, ...] = ()
    _cursor: float | None = None

    def __init__(self, metric: Metric = "loss", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.metric: Metric = metric

    def show(self, series: Sequence[OverlaidSeries], cursor: float | None = None) -> None:
        """Draw the first MOST_SERIES of these series; the cursor is the epoch at which all are read."""
        if (tuple(series), cursor) != (self._series, self._cursor):
            self._series, self._cursor = tuple(series), cursor
            self.draw()

    @property
    def axis(self) -> EpochAxis:
        """Return an axis as long as the longest series."""
        end = max((one.points[-1][0] for one in self._series[:MOST_SERIES] if one.points), default=1.0)
        return EpochAxis(max(1.0, end), max(1.0, end))

    @property
    def anchors(self) -> Sequence[float]:
        return () if self._cursor is None else (self._cursor,)

    def lines(self) -> list[Row]:
        width, height = self.size
        measure, marks = MEASURES[self.metric], self.marks
        shown = self._series[:MOST_SERIES]
        more = f", {MOST_SERIES} of {len(self._series)} drawn" if len(self._series) > MOST_SERIES else ""
        at = f" at epoch {self._cursor:.0f}" if self._cursor is not None else ""
        log = self.logarithmic and measure.log
        title = f"validation {measure.title}{' (logarithmic)' if log else ''}"
        heading = ruled((("title", title), ("muted", at + more)), width, marks)
        legend = side_by_side([self._entry(number, one) for number, one in enumerate(shown)], width)
        legend = legend[: max(0, (height - 1) // 3)]
        rows = height - 1 - len(legend)
        if not any(one.points for one in shown):
            return [heading, (("muted", " no values to draw"),), *legend][:height]
        if width < LEAST_COLUMNS or rows < LEAST_ROWS:
            return [heading, (("muted", ""),), *legend][:height]
        view = self.window.limits(self.axis)
        self.plane, picture = overlay(shown, (width, rows), marks, measure, span=view, log=log, cursor=self._cursor)
        return [heading, *self.paint(picture), *legend]

    def _entry(self, number: int, one: OverlaidSeries) -> Row:
        """Return a legend entry: mark, label, and the value at the cursor or the last one."""
        values = [
            (value, deviation)
            for (x, value), deviation in zip(one.points, one.deviation or (None,) * len(one.points), strict=True)
            if value is not None and (self._cursor is None or x == self._cursor)
        ]
        figures = " –"
        if values:
            value, deviation = values[-1]
            written = MEASURES[self.metric].written
            figures = f" {written(value, True)}{f' ± {written(deviation)}' if deviation is not None else ''}"
        mark = self.marks.runs[number]
        label = shortened(one.label, self.size.width - 2 - len(figures))
        return ((f"run{number}", mark), ("text", f" {label}{figures}"))
