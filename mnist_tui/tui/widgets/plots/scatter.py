"""Runs as points: one figure against another, a mark a run; a group of seeds is its mean with its deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mnist_tui.report.figures.drawing import SMALLEST_DRAWABLE, drawable
from mnist_tui.tui.widgets.plots.chart import Plane
from mnist_tui.tui.widgets.plots.legend import ruled
from mnist_tui.tui.widgets.plots.marks import Marks
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import PlotPicture, Row, Stroke, Tick, paint
from mnist_tui.tui.widgets.plots.ticks import labels, log_ticks, ticks

LOG_FROM = 5.0
"""Values that are this many times apart are spread over a logarithmic axis."""
LEAST_COLUMNS, LEAST_ROWS = 24, 6
LABEL_ROOM = 10


@dataclass(frozen=True)
class ScatterPoint:
    """One point.

    Attributes:
        series: number of its mark and colour; those beyond the marks get a dot.
        x, y: parameters, and an accuracy from 0 to 1.
        deviation: of y, for a mean.
    """

    series: int
    x: float
    y: float
    deviation: float | None = None


def drawable_points(points: Sequence[ScatterPoint]) -> list[ScatterPoint]:
    """The points that have a place, with values that can be computed with."""
    places = [(point, drawable(point.x), drawable(point.y)) for point in points]
    return [
        replace(point, x=x, y=y, deviation=drawable(point.deviation))
        for point, x, y in places
        if x is not None and y is not None
    ]


def scatter(points: Sequence[ScatterPoint], size: tuple[int, int], marks: Marks) -> PlotPicture:
    """The points, all drawable, with axes, in so many columns and rows."""
    least = min(point.x for point in points)
    log = least > 0 and max(point.x for point in points) >= LOG_FROM * least
    xs = [_placed(point.x, log) for point in points]
    ends = [100 * point.y + side * 100 * (point.deviation or 0.0) for point in points for side in (-1, 1)]
    x_limits, y_limits = limits_around(xs), limits_around(ends)
    rows = size[1] - 2
    values = ticks(y_limits, max(2, rows // 3))
    texts = labels(values, " %")
    columns = size[0] - 1 - max(map(len, texts))
    plane = Plane(x_limits, y_limits, columns, rows, marks.size)
    y_ticks = tuple((at_row(value, y_limits, rows), text) for value, text in zip(values, texts, strict=True))
    strokes: list[Stroke] = []
    for point, x in zip(points, xs, strict=True):
        y, spread = 100 * point.y, 100 * (point.deviation or 0.0)
        if spread:
            strokes.append(plane.stroke(_tone(point.series), [(x, y - spread), (x, y + spread)]))
    for point, x in zip(points, xs, strict=True):
        strokes.append(plane.stroke(_tone(point.series), [(x, 100 * point.y)], _mark(point.series, marks)))
    return PlotPicture(columns, rows, _x_ticks(x_limits, columns, log), y_ticks, tuple(strokes))


def _placed(value: float, log: bool) -> float:
    return math.log10(value) if log else value


def limits_around(values: Sequence[float]) -> tuple[float, float]:
    """An axis' ends, a little outside the values."""
    low, high = min(values), max(values)
    near = high - low <= max(1e-9 * max(abs(low), abs(high)), SMALLEST_DRAWABLE)
    margin = (0.05 * abs(high) or 0.5) if near else 0.08 * (high - low)
    return low - margin, high + margin


def at_row(value: float, limits: tuple[float, float], count: int) -> int:
    """The character, of so many between the limits, that a value falls on."""
    return round((count - 1) * (value - limits[0]) / (limits[1] - limits[0]))


def _x_ticks(limits: tuple[float, float], columns: int, log: bool) -> tuple[Tick, ...]:
    values = (log_ticks if log else ticks)(limits, max(2, columns // LABEL_ROOM))
    return tuple((at_row(_placed(value, log), limits, columns), _short(value)) for value in values)


def _short(value: float) -> str:
    """``198,760`` → ``198.8k``."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:g}"


def _tone(series: int) -> str:
    return f"run{series}" if series < 8 else "muted"


def _mark(series: int, marks: Marks) -> str:
    return marks.runs[series] if series < len(marks.runs) else marks.running


class Scatter(Plot):
    """Test accuracy against the number of parameters."""

    HELP = """
    **Accuracy against size.** Each run is a mark at its number of parameters and its accuracy on the test set; the mark
    is that of its curve. A group of seeds stands at its mean, with a line one standard deviation up and down.
    """
    can_focus = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._points: tuple[ScatterPoint, ...] = ()

    def show(self, points: Sequence[ScatterPoint]) -> None:
        """Draws these points."""
        drawn = tuple(drawable_points(points))
        if drawn != self._points:
            self._points = drawn
            self.draw()

    def lines(self) -> list[Row]:
        width, height = self.size
        heading = ruled((("title", "test accuracy by parameters"),), width, self.marks)
        if not self._points:
            return [heading, (("muted", " no run here has a test accuracy yet"),)][:height]
        if width < LEAST_COLUMNS or height - 1 < LEAST_ROWS:
            return [heading]
        return [heading, *paint(scatter(self._points, (width, height - 1), self.marks), self.marks)]
