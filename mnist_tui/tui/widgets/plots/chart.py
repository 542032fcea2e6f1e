"""From curves to a picture: where each point lies in dots, which ticks the axes have. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mnist_tui.tui.widgets.plots.marks import Marks
from mnist_tui.tui.widgets.plots.raster import Dot, PlotPicture, Stroke, Tick
from mnist_tui.tui.widgets.plots.series import Curves
from mnist_tui.tui.widgets.plots.ticks import epoch_ticks, labels, log_ticks, ticks
from mnist_tui.tui.widgets.plots.tracks import Point
from mnist_tui.tui.widgets.plots.zoom import Span

AXIS_COLUMNS = 8
"""Room for the labels of the vertical axis while the curves are decimated; the plot itself takes what they need."""


@dataclass(frozen=True)
class Plane:
    """The area inside the axes.

    Attributes:
        x, y: what it spans.
        columns, rows: characters.
        dots: columns and rows of dots in a character.
    """

    x: Span
    y: Span
    columns: int
    rows: int
    dots: tuple[int, int]

    def dot(self, x: float, y: float) -> Dot:
        """The dot nearest to a point."""
        return (_nearest(x, self.x, self.columns * self.dots[0]), _nearest(y, self.y, self.rows * self.dots[1]))

    def stroke(self, tone: str, points: Iterable[Point], mark: str = "") -> Stroke:
        """Points as a stroke; those that fall on one dot, or with a mark on one character, become one."""
        wide, high = self.dots if mark else (1, 1)
        kept: list[Dot] = []
        for x, y in points:
            dot = self.dot(x, y)
            dot = (dot[0] // wide * wide, dot[1] // high * high)
            if not kept or kept[-1] != dot:
                kept.append(dot)
        return Stroke(tone, tuple(kept), mark)

    def column(self, x: float) -> int | None:
        """The character column of an epoch; None where it is not in view."""
        if not self.x[0] <= x <= self.x[1]:
            return None
        return _nearest(x, self.x, self.columns * self.dots[0]) // self.dots[0]

    def at(self, column: float) -> float:
        """The epoch in the middle of a character column; of one outside, that at the edge."""
        share = min(1.0, max(0.0, (column + 0.5) / self.columns))
        return self.x[0] + share * (self.x[1] - self.x[0])


def _nearest(value: float, limits: Span, count: int) -> int:
    low, high = limits
    return math.floor(0.5 + (count - 1) * (value - low) / ((high - low) or 1.0))


def plane_of(
    x: Span, y: Span, size: tuple[int, int], marks: Marks, *, unit: str = "", log: bool = False
) -> tuple[Plane, PlotPicture]:
    """The plane, and the picture of its axes, that fit into so many columns and rows, labels included."""
    width, height = size
    rows = height - 2
    values = (log_ticks if log else ticks)(y, max(2, rows // 2 if rows < 12 else rows // 3))
    texts = [_power(value) for value in values] if log else labels(values, unit)
    count = rows * marks.size[1]
    heights = [_nearest(math.log10(value) if log else value, y, count) // marks.size[1] for value in values]
    labelled = _unique(zip(heights, texts, strict=True))
    columns = width - 1 - max((len(text) for _, text in labelled), default=0)
    plane = Plane(x, y, columns, rows, marks.size)
    return plane, PlotPicture(columns, rows, _epochs(plane), labelled)


def _power(value: float) -> str:
    return f"{value:g}" if 1e-3 <= value < 1e5 else f"{value:.0e}"


def _epochs(plane: Plane) -> tuple[Tick, ...]:
    """Labels of the epoch axis; the last one says what is counted."""
    epochs = epoch_ticks(plane.x, plane.columns)
    texts = [*map(str, epochs[:-1]), *(f"epoch {epoch}" for epoch in epochs[-1:])]
    placed = ((plane.column(epoch), text) for epoch, text in zip(epochs, texts, strict=True))
    return tuple((column, text) for column, text in placed if column is not None)


def _unique(found: Iterable[Tick]) -> tuple[Tick, ...]:
    """No two labels in one row."""
    return tuple({at: (at, text) for at, text in found}.values())


def curve_strokes(curves: Curves, plane: Plane, marks: Marks, marked: Iterable[Point] = ()) -> tuple[Stroke, ...]:
    """The curves' strokes, from back to front.

    Args:
        marked: points of the validation that carry its mark.
    """
    strokes = [plane.stroke("running", curves.running, marks.running)]
    strokes += [plane.stroke("training", part) for part in curves.training]
    strokes += [plane.stroke("average", part) for part in curves.average]
    strokes.append(plane.stroke("plain", curves.plain, marks.plain))
    mark = marks.validation if marks.size == (1, 1) else ""  # whole characters would look like the training's
    strokes += [plane.stroke("validation", part, mark) for part in curves.validation]
    strokes.append(plane.stroke("validation", marked, marks.validation))
    return tuple(stroke for stroke in strokes if stroke.dots)
