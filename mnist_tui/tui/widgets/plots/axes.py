"""The axes of a plot: the epochs in view, round values for ticks, and the place of a point. Values only, no widgets."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mnist_tui.tui.widgets.plots.raster import Dot, Marks, PlotPicture, Stroke

Span = tuple[float, float]
Point = tuple[float, float]
Stretch = tuple[Point, ...]
NARROWEST = 1.0
"""Epochs of the smallest view."""


@dataclass(frozen=True)
class EpochAxis:
    """The last epoch on a run's epoch axis (`end`), and the epoch that is being trained, or was the last (`newest`)."""

    end: float
    newest: float


@dataclass(frozen=True)
class EpochWindow:
    """The first and the last epoch in view, or None for all; a view that follows moves with the newest epoch."""

    span: Span | None = None
    follows: bool = False

    def limits(self, axis: EpochAxis) -> Span:
        """Return the first and the last epoch in view."""
        if self.span is None:
            return (0.0, axis.end)
        start, end = self.span
        if not self.follows:
            return self.span
        right = min(max(end - start, math.ceil(axis.newest)), max(axis.end, end - start))
        return (right - (end - start), right)

    def zoomed(self, factor: float, at: float, axis: EpochAxis) -> EpochWindow:
        """Return a view `factor` times as wide in which the epoch `at` stays in place; at most all epochs."""
        start, end = self.limits(axis)
        width = max(NARROWEST, (end - start) * factor)
        if width >= axis.end:
            return EpochWindow()
        at = min(max(at, start), end)
        left = at - width * (at - start) / (end - start)
        return EpochWindow(_inside(left, width, axis.end), self.follows)

    def panned(self, share: float, axis: EpochAxis) -> EpochWindow:
        """Return the view moved by a share of its width; it follows the newest epoch if it was moved right to that."""
        if self.span is None:
            return self
        start, end = self.limits(axis)
        span = _inside(start + share * (end - start), end - start, axis.end)
        return EpochWindow(span, share > 0 and span[1] >= axis.newest)

    def showing(self, epoch: float, axis: EpochAxis) -> EpochWindow:
        """Return the view moved as far as is necessary to show an epoch."""
        start, end = self.limits(axis)
        if start <= epoch <= end:
            return self
        left = epoch if epoch < start else epoch - (end - start)
        return EpochWindow(_inside(left, end - start, axis.end))

    def following(self) -> EpochWindow:
        """Return a view of the same width that keeps the newest epoch at its right edge."""
        return self if self.span is None else EpochWindow(self.span, True)


def _inside(left: float, width: float, end: float) -> Span:
    left = max(0.0, min(left, end - width))
    return (left, left + width)


LONG_NUMBER, SHORT_NUMBER = 100_000, 1e-3
"""Numbers from the first on, and below the second, are written as powers of ten where that is shorter."""
EPOCH_ROOM = 12
"""Columns between two labels of the epoch axis."""


def ticks(limits: Span, count: int) -> list[float]:
    """Return round values inside the limits, evenly spaced: at most `count`, but at least two."""
    low, high = limits
    if not high > low:
        return [low]
    rough = (high - low) / max(1, count)
    if not sys.float_info.min <= rough < math.inf:
        return [low, high]
    scale = 10.0 ** math.floor(math.log10(rough))
    finer: list[float] = []
    for step in (part * scale for part in (0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 20.0)):
        first = math.ceil(low / step - 1e-9)
        values = [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]
        if len(values) < 2:
            break
        if len(values) <= count:
            return values
        finer = values
    return finer or [low, high]


def log_ticks(limits: Span, count: int) -> list[float]:
    """Return round values on a logarithmic axis: powers of ten, and their double and fivefold if there is room.

    Args:
        limits: the logarithms of the ends; (-1, 2) for an axis from 0.1 to 100.
    """
    low, high = max(limits[0], sys.float_info.min_10_exp), min(limits[1], sys.float_info.max_10_exp - 1)
    sparse: list[float] = []
    for parts, every in (((1,), 4), ((1,), 2), ((1,), 1), ((1, 3), 1), ((1, 2, 5), 1)):
        powers = range(math.ceil(low - 1), math.floor(high) + 1)
        values = [part * 10.0**power for power in powers if power % every == 0 for part in parts]
        inside = [value for value in values if low - 1e-9 <= math.log10(value) <= high + 1e-9]
        if len(inside) > count and len(sparse) >= 2:
            break
        sparse = inside
    if len(sparse) >= 2:
        return sparse
    return [value for value in ticks((10.0**low, 10.0**high), count) if value > 0] or [10.0**low]


def labels(values: Sequence[float], unit: str = "") -> list[str]:
    """Return the values as texts with as few decimals as they need to differ from each other."""
    largest = max(map(abs, values), default=0.0)
    if largest >= LONG_NUMBER or 0 < largest < SHORT_NUMBER:
        written = ([f"{value:.{digits}g}{unit}" for value in values] for digits in range(3, 18))
        return next((texts for texts in written if len(set(texts)) == len(set(values))), [str(v) for v in values])
    step = min((abs(b - a) for a, b in pairwise(values)), default=abs(values[0]) if values else 1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    if round(step * 10**digits, 6) % 1:
        digits += 1
    return [f"{value:,.{digits}f}{unit}" for value in values]


def epoch_ticks(limits: Span, columns: int) -> list[int]:
    """Return whole epochs with room for their labels; always the last one in view, whose label is like ``epoch 30``."""
    first, last = math.ceil(limits[0]), math.floor(limits[1])
    if last <= first:
        return [first] if first <= limits[1] else []
    column = (limits[1] - limits[0]) / max(1, columns)
    values = [round(value) for value in ticks(limits, max(2, columns // EPOCH_ROOM)) if float(value).is_integer()]
    # plotext leaves labels out at random if two of them touch
    rooms = (max(EPOCH_ROOM, len(f"epoch {last}{value}")) for value in values)
    return [value for value, room in zip(values, rooms, strict=True) if last - value > room * column] + [last]


AXIS_COLUMNS = 8
"""Columns kept for the labels of the upright axis when curves are reduced to the plot's width."""


@dataclass(frozen=True)
class Plane:
    """The area inside the axes: the values at their ends, the size in characters, and the dots in a character."""

    x: Span
    y: Span
    columns: int
    rows: int
    dots: tuple[int, int]

    def dot(self, x: float, y: float) -> Dot:
        """Return the dot nearest to a point."""
        return (_nearest(x, self.x, self.columns * self.dots[0]), _nearest(y, self.y, self.rows * self.dots[1]))

    def stroke(self, tone: str, points: Iterable[Point], mark: str = "", *, dashed: bool = False) -> Stroke:
        """Return a stroke through points; neighbouring points on one dot (with a mark: on one character) become one."""
        wide, high = self.dots if mark else (1, 1)
        kept: list[Dot] = []
        for x, y in points:
            dot = self.dot(x, y)
            dot = (dot[0] // wide * wide, dot[1] // high * high)
            if not kept or kept[-1] != dot:
                kept.append(dot)
        return Stroke(tone, tuple(kept), mark, dashed=dashed)

    def column(self, x: float) -> int | None:
        """Return the column, in characters, of a value on the lower axis; None if it is not in view."""
        if not self.x[0] <= x <= self.x[1]:
            return None
        return _nearest(x, self.x, self.columns * self.dots[0]) // self.dots[0]

    def at(self, column: float) -> float:
        """Return the epoch in the middle of a column of characters; outside the plot the epoch at the edge."""
        share = min(1.0, max(0.0, (column + 0.5) / self.columns))
        return self.x[0] + share * (self.x[1] - self.x[0])


def _nearest(value: float, limits: Span, count: int) -> int:
    low, high = limits
    return math.floor(0.5 + (count - 1) * (value - low) / ((high - low) or 1.0))


def plane_of(
    x: Span, y: Span, size: tuple[int, int], marks: Marks, *, unit: str = "", log: bool = False
) -> tuple[Plane, PlotPicture]:
    """Return a plane, and a picture of its axes, that together with the labels fill `size` (columns, rows).

    Args:
        x, y: the ends of the axes; x in epochs.
        unit: follows the numbers of the left axis.
        log: whether the left axis is logarithmic; `y` then has logarithms to the base 10.
    """
    width, height = size
    rows = height - 2
    values = (log_ticks if log else ticks)(y, max(2, rows // 2 if rows < 12 else rows // 3))
    texts = (
        [f"{value:,g}" if 1e-3 <= value < 1e5 else f"{value:.0e}" for value in values] if log else labels(values, unit)
    )
    dots = rows * marks.size[1]
    at = [_nearest(math.log10(value) if log else value, y, dots) // marks.size[1] for value in values]
    y_ticks = tuple(dict(zip(at, texts, strict=True)).items())
    plane = Plane(x, y, width - 1 - max((len(text) for _, text in y_ticks), default=0), rows, marks.size)
    epochs = epoch_ticks(x, plane.columns)
    names = [*map(str, epochs[:-1]), *(f"epoch {epoch}" for epoch in epochs[-1:])]
    x_ticks = tuple(
        (column, name) for epoch, name in zip(epochs, names, strict=True) if (column := plane.column(epoch)) is not None
    )
    return plane, PlotPicture(plane.columns, rows, x_ticks, y_ticks)
