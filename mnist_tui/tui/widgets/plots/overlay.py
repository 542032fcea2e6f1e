"""Curves of several runs laid over each other: a mark and a colour for each; for groups of seeds mean ± deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from textual import on
from textual.binding import Binding

from mnist_tui.tui.widgets.plots.axes import AXIS_COLUMNS, EpochAxis, EpochWindow, Plane, Point, Span, plane_of
from mnist_tui.tui.widgets.plots.plot import PAN, WHEEL, Plot
from mnist_tui.tui.widgets.plots.raster import Marks, PlotPicture, Row, Stroke, paint, ruled, side_by_side
from mnist_tui.tui.widgets.plots.series import MEASURES, Metric, Scale, Stretch, line, scaled, track_of, y_limits
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
        found = zip(self.points, self.deviation, strict=True)
        return [(x, None if y is None or spread is None else y + side * spread) for (x, y), spread in found]


def overlay(
    series: Sequence[OverlaidSeries],
    size: tuple[int, int],
    marks: Marks,
    *,
    span: Span,
    factor: float = 1.0,
    log: bool = False,
    unit: str = "",
    top: float = float("inf"),
    cursor: float | None = None,
) -> tuple[Plane, PlotPicture]:
    """Draw up to MOST_SERIES series into one plot; bands lie behind all lines.

    Args:
        size: columns and rows, axes and labels included.
        span: the epochs in view.
        factor, unit, top: from values to the axis, as in a `Measure`.
    """
    scale, columns = Scale(factor, log), size[0] - AXIS_COLUMNS
    series = series[:MOST_SERIES]
    lines = [_cut(one.points, span, columns, scale) for one in series]
    bands = [
        [(_cut(one.edge(-1), span, columns, scale), _cut(one.edge(1), span, columns, scale))] if one.deviation else []
        for one in series
    ]
    edges = [part for band in bands for pair in band for edge in pair for part in edge]
    heights = [y for parts in lines for part in parts for _, y in part]
    least, most = min([0.0, *heights]), max([top, *heights])
    heights += [y if log else min(max(y, least), most) for part in edges for _, y in part]
    plane, axes = plane_of(span, y_limits(heights, top, log), size, marks, unit=unit, log=log)
    strokes = [_band(plane, low, high, f"run{at}") for at, band in enumerate(bands) for low, high in band]
    for at, parts in enumerate(lines):
        strokes += [plane.stroke(f"run{at}", part) for part in parts]
    strokes += [_spaced(plane, parts, at, marks) for at, parts in enumerate(lines)]
    column = None if cursor is None else plane.column(cursor)
    return plane, replace(axes, strokes=tuple(stroke for stroke in strokes if stroke.dots), cursor=column)


def _cut(points: Sequence[tuple[float, float | None]], span: Span, columns: int, scale: Scale) -> list[Stretch]:
    return scaled(line(track_of(points), *span, columns), scale)


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
    wide = plane.dots[0]
    below, above = _heights(plane, low), _heights(plane, high)
    bottom = plane.rows * plane.dots[1] // -1
    dots = [
        dot
        for column in sorted(above)
        for dot in ((column * wide, below.get(column, bottom)), (column * wide, above[column]))
    ]
    return Stroke(tone, tuple(dots), kind="band")


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


class OverlaidCurves(Plot):
    """Show one measure of several runs over the epochs.

    Attributes:
        metric: what is drawn.
        validation: whether it is the validation's (for the heading).
        window: the epochs in view.
    """

    HELP = """
    **Runs laid over each other.** Each run has a mark and a colour; the legend below names them with the newest value.
    A group of seeds is its mean, with a shaded band one standard deviation to each side. Of many
    the first eight are drawn, in the order in which they were marked. `+` `-` and the wheel zoom,
    `[` `]` and shift with the wheel pan, `0` shows all epochs, `l` changes to a logarithmic axis.
    """
    BINDINGS = [
        Binding(key, action, name, tooltip=tooltip, id=f"overlay.{id}", show=False)
        for key, action, id, name, tooltip in (
            ("plus,equals_sign", f"zoom({WHEEL**2})", "in", "Zoom in", "Fewer epochs in the curves, in more detail"),
            ("minus", f"zoom({WHEEL**-2})", "out", "Zoom out", "More epochs in the curves"),
            ("left_square_bracket", f"pan(-{PAN})", "left", "Pan left", "Earlier epochs in the curves"),
            ("right_square_bracket", f"pan({PAN})", "right", "Pan right", "Later epochs in the curves"),
            ("0", "whole", "all", "All epochs", "All epochs in the curves again"),
            ("l", "log", "log", "Log scale", "Logarithmic axis, for a loss"),
        )
    ]
    can_focus = True

    def __init__(self, metric: Metric = "loss", *, validation: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self.metric: Metric = metric
        self.validation = validation
        self.window = EpochWindow()
        self.logarithmic = False
        self._series: tuple[OverlaidSeries, ...] = ()
        self._cursor: float | None = None
        self._picture: tuple[PlotPicture, Marks] | None = None
        self._painted: list[Row] = []

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

    def lines(self) -> list[Row]:
        width, height = self.size
        measure, marks = MEASURES[self.metric], self.marks
        shown = self._series[:MOST_SERIES]
        title = f"{'validation ' if self.validation else ''}{measure.title}"
        more = f", {MOST_SERIES} of {len(self._series)} drawn" if len(self._series) > MOST_SERIES else ""
        at = f" at epoch {self._cursor:.0f}" if self._cursor is not None else ""
        log = self.logarithmic and measure.log
        heading = ruled((("title", title + (" (logarithmic)" if log else "")), ("muted", at + more)), width, marks)
        entries = [self._entry(number, one, marks) for number, one in enumerate(shown)]
        legend = side_by_side(entries, width)[: max(0, (height - 1) // 3)]
        rows = height - 1 - len(legend)
        if width < LEAST_COLUMNS or rows < LEAST_ROWS or not any(one.points for one in shown):
            nothing: Row = (("muted", " no values to draw" if not any(one.points for one in shown) else ""),)
            return [heading, nothing, *legend][:height]
        self.plane, picture = overlay(
            shown,
            (width, rows),
            marks,
            span=self.window.limits(self.axis),
            factor=measure.factor,
            log=log,
            unit=measure.unit,
            top=measure.top,
            cursor=self._cursor,
        )
        self.margin = picture.margin
        if (picture, marks) != self._picture:
            self._picture, self._painted = (picture, marks), paint(picture, marks)
        return [heading, *self._painted, *legend]

    def _entry(self, number: int, one: OverlaidSeries, marks: Marks) -> Row:
        """Return a legend entry: mark, label, and the value at the cursor or the last one."""
        found = [
            (value, spread)
            for (x, value), spread in zip(one.points, one.deviation or (None,) * len(one.points), strict=True)
            if value is not None and (self._cursor is None or x == self._cursor)
        ]
        value, spread = found[-1] if found else (None, None)
        written = MEASURES[self.metric].written(value, True) if found else "–"
        around = f" ± {MEASURES[self.metric].written(spread)}" if spread is not None else ""
        figures = f" {written}{around}"
        label = shortened(one.label, self.size.width - len(marks.runs[number]) - 1 - len(figures))
        return ((f"run{number}", marks.runs[number]), ("text", f" {label}{figures}"))

    def _view(self, window: EpochWindow) -> None:
        if window != self.window:
            self.window = window
            self.draw()

    def action_zoom(self, factor: float) -> None:
        start, end = self.window.limits(self.axis)
        at = self._cursor if self._cursor is not None and start <= self._cursor <= end else (start + end) / 2
        self._view(self.window.zoomed(factor, at, self.axis))

    def action_pan(self, share: float) -> None:
        self._view(self.window.panned(share, self.axis))

    def action_whole(self) -> None:
        self._view(EpochWindow())

    def action_log(self) -> None:
        self.logarithmic = not self.logarithmic
        self.draw()

    @on(Plot.ZoomWanted)
    def _zoomed(self, message: Plot.ZoomWanted) -> None:
        message.stop()
        self._view(self.window.zoomed(message.factor, message.at, self.axis))

    @on(Plot.PanWanted)
    def _panned(self, message: Plot.PanWanted) -> None:
        message.stop()
        self.action_pan(message.share)

    @on(Plot.WholeViewWanted)
    def _whole(self, message: Plot.WholeViewWanted) -> None:
        message.stop()
        self.action_whole()
