"""A run's history as series of points, brought up to date row by row: what a redraw reads instead of 10,000 rows.

Within a redraw no loop of Python's goes over the points: a column's lowest and highest come from `min` and `max`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from mnist_tui.report.figures.drawing import drawable
from mnist_tui.runs.state import EpochRow

Point = tuple[float, float]
Stretch = tuple[Point, ...]


@dataclass
class Track:
    """One series: its finite points, x rising, and where they are broken.

    Attributes:
        breaks: indices of points that a gap goes before.
        lowest: the first of the points with the smallest y.
        highest: the largest y.
    """

    xs: list[float] = field(default_factory=list[float])
    ys: list[float] = field(default_factory=list[float])
    breaks: list[int] = field(default_factory=list[int])
    lowest: Point | None = None
    highest: float = -math.inf
    _gap: bool = False

    def add(self, x: float, y: float | None) -> None:
        """One more point; None, and what is not finite, is a gap."""
        y = drawable(y)
        if y is None:
            self._gap = bool(self.xs)
            return
        if self._gap:
            self.breaks.append(len(self.xs))
            self._gap = False
        self.xs.append(float(x))
        self.ys.append(y)
        self.highest = max(self.highest, y)
        if self.lowest is None or y < self.lowest[1]:
            self.lowest = (float(x), y)

    def inside(self, start: float, end: float) -> tuple[int, int]:
        """A range of indices: the points to draw for a stretch of x, one beyond each edge for lines to reach it."""
        return max(0, bisect_left(self.xs, start) - 1), min(len(self.xs), bisect_right(self.xs, end) + 1)

    def split(self, indices: Sequence[int]) -> list[list[int]]:
        """Indices in rising order, parted wherever a gap lies between two."""
        parts: list[list[int]] = [[*indices[:1]]] if indices else []
        for before, here in pairwise(indices):
            if bisect_right(self.breaks, here) > bisect_right(self.breaks, before):
                parts.append([])
            parts[-1].append(here)
        return parts


def track_of(points: Iterable[tuple[float, float | None]]) -> Track:
    """A series of given points."""
    track = Track()
    for x, y in points:
        track.add(x, y)
    return track


class History:
    """The tracks of some of an epoch row's fields."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._fields = tuple(fields)
        self._rows = 0
        self._last: EpochRow | None = None
        self.tracks = {name: Track() for name in self._fields}

    def take(self, history: tuple[EpochRow, ...]) -> None:
        """Follows a run's history; of one that has only grown the new rows alone are read."""
        grown = len(history) >= self._rows and (self._rows == 0 or history[self._rows - 1] is self._last)
        if not grown:
            self._rows = 0
            self.tracks = {name: Track() for name in self._fields}
        for row in history[self._rows :]:
            for name in self._fields:
                self.tracks[name].add(row.epoch, getattr(row, name))
        self._rows = len(history)
        self._last = history[-1] if history else None


def bands(xs: Sequence[float], inside: tuple[int, int], span: Point, count: int) -> list[tuple[int, int]]:
    """A range of indices parted by `count` equal stretches of x; empty parts are left out."""
    (first, last), (start, end) = inside, span
    width = (end - start) / count
    borders = [first, *(bisect_left(xs, start + width * part, first, last) for part in range(1, count)), last]
    return [(low, high) for low, high in pairwise(borders) if high > low]


def extremes(track: Track, low: int, high: int) -> tuple[int, int]:
    """Of a range of points the indices of the lowest and the highest."""
    ys = track.ys[low:high]
    return low + ys.index(min(ys)), low + ys.index(max(ys))


def line(track: Track, start: float, end: float, columns: int) -> list[Stretch]:
    """Unbroken stretches for a line: of each column the first, lowest, highest and last point; cut off at the edges."""
    first, last = track.inside(start, end)
    if last - first <= 4 * columns:
        kept = list(range(first, last))
    else:
        kept = []
        for low, high in bands(track.xs, (first, last), (start, end), columns):
            kept += sorted({low, *extremes(track, low, high), high - 1})
    parts = ([(track.xs[at], track.ys[at]) for at in part] for part in track.split(kept))
    clipped = (_clipped(part, start, end) for part in parts)
    return [part for part in clipped if part]


def marked(track: Track, start: float, end: float, columns: int, visible: float) -> list[Point]:
    """Points for marks: of each column the last one, or the lowest and the highest where they differ by `visible`."""
    first, last = bisect_left(track.xs, start), bisect_right(track.xs, end)
    if last - first <= columns:
        return list(zip(track.xs[first:last], track.ys[first:last], strict=True))
    kept: list[int] = []
    for low, high in bands(track.xs, (first, last), (start, end), columns):
        lowest, highest = extremes(track, low, high)
        apart = track.ys[highest] - track.ys[lowest] > visible
        kept += sorted({lowest, highest}) if apart else [high - 1]
    return [(track.xs[at], track.ys[at]) for at in kept]


def _clipped(points: list[Point], start: float, end: float) -> Stretch:
    """The stretch between two edges; a line over an edge ends on it."""
    inside = [point for point in points if start <= point[0] <= end]
    before = [point for point in points if point[0] < start]
    after = [point for point in points if point[0] > end]
    if before and (inside or after):
        inside.insert(0, _between(before[-1], (inside or after)[0], start))
    if after and inside:
        inside.append(_between(inside[-1], after[0], end))
    return tuple(inside)


def _between(a: Point, b: Point, x: float) -> Point:
    """Where the line from a to b is at x."""
    return (x, a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]))


def smoothed(points: Sequence[Point], share: float) -> Stretch:
    """A debiased exponential average (Kingma and Ba 2015, section 3): its first value is the first point's.

    Args:
        share: of the former average in the next one, 0 to 1.
    """
    kept: list[Point] = []
    average = weight = 0.0
    for x, y in points:
        average = share * average + (1 - share) * y
        weight = share * weight + (1 - share)
        kept.append((x, average / weight))
    return tuple(kept)
