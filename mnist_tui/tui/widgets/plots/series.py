"""The curves of a run's history: points, gaps and limits, with only as many points as the width of a plot can show.

Values of whole epochs are never smoothed. A value that is not finite is a gap and does not move an axis. New rows of a
history are added to the points from before, and a redraw does not loop over all points in Python.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby, pairwise
from typing import Literal

from mnist_tui.report.figures.drawing import SMALLEST_DRAWABLE, drawable
from mnist_tui.runs.state import EpochRow, RunState
from mnist_tui.tui.widgets.plots.axes import EpochAxis, Point, Span, Stretch
from mnist_tui.wording import loss, percent, signed


@dataclass
class Track:
    """A series of finite points with rising x, and the gaps between them.

    Attributes:
        breaks: the indices of the points that follow a gap.
        lowest: the first point with the smallest y.
        highest: the largest y.
    """

    xs: list[float] = field(default_factory=list[float])
    ys: list[float] = field(default_factory=list[float])
    breaks: list[int] = field(default_factory=list[int])
    lowest: Point | None = None
    highest: float = -math.inf
    _gap: bool = False

    def add(self, x: float, y: float | None) -> None:
        """Add a point; None or a value that is not finite makes a gap."""
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

    def points_at(self, epochs: Iterable[float | None]) -> Iterator[Point]:
        """Yield the points whose x is one of `epochs`, in rising order."""
        for epoch in sorted(epoch for epoch in epochs if epoch is not None):
            at = bisect_left(self.xs, epoch)
            if at < len(self.xs) and self.xs[at] == epoch:
                yield self.xs[at], self.ys[at]


def track_of(points: Iterable[tuple[float, float | None]]) -> Track:
    """Return the series of the given points, whose x must rise."""
    track = Track()
    for x, y in points:
        track.add(x, y)
    return track


def bands(track: Track, inside: tuple[int, int], span: Span, count: int) -> Iterator[tuple[int, int, int, int]]:
    """Divide points into `count` bands of equal width.

    Args:
        inside: the indices of the first point and of the one after the last.
        span: the x at which the first band begins and the last one ends.

    Yields:
        For each band that is not empty the indices of its first, lowest, highest and last point.
    """
    (first, last), (start, end) = inside, span
    width = (end - start) / count
    borders = [first, *(bisect_left(track.xs, start + width * part, first, last) for part in range(1, count)), last]
    for low, high in pairwise(borders):
        if high > low:
            ys = track.ys[low:high]
            yield low, low + ys.index(min(ys)), low + ys.index(max(ys)), high - 1


def line(track: Track, start: float, end: float, columns: int) -> list[Stretch]:
    """Return a line as stretches without gaps, with the first, lowest, highest and last point of each column."""
    # one point beyond each edge, so that the line reaches it
    first, last = max(0, bisect_left(track.xs, start) - 1), min(len(track.xs), bisect_right(track.xs, end) + 1)
    kept: Iterable[int] = range(first, last)
    if last - first > 4 * columns:
        kept = (at for band in bands(track, (first, last), (start, end), columns) for at in sorted(set(band)))
    unbroken = groupby(kept, lambda at: bisect_right(track.breaks, at))
    parts = (_cut_at_edges([(track.xs[at], track.ys[at]) for at in part], start, end) for _, part in unbroken)
    return [part for part in parts if part]


def marked(track: Track, start: float, end: float, columns: int, visible: float) -> list[Point]:
    """Return the points to mark: the last of each column, or both extremes if they differ by more than `visible`."""
    first, last = bisect_left(track.xs, start), bisect_right(track.xs, end)
    if last - first <= columns:
        return list(zip(track.xs[first:last], track.ys[first:last], strict=True))
    kept: list[int] = []
    for _, lowest, highest, newest in bands(track, (first, last), (start, end), columns):
        apart = track.ys[highest] - track.ys[lowest] > visible
        kept += sorted({lowest, highest}) if apart else [newest]
    return [(track.xs[at], track.ys[at]) for at in kept]


def _cut_at_edges(points: list[Point], start: float, end: float) -> Stretch:

    def between(a: Point, b: Point, x: float) -> Point:
        return (x, a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]))

    inside = [point for point in points if start <= point[0] <= end]
    before = [point for point in points if point[0] < start]
    after = [point for point in points if point[0] > end]
    if before and (inside or after):
        inside.insert(0, between(before[-1], (inside or after)[0], start))
    if after and inside:
        inside.append(between(inside[-1], after[0], end))
    return tuple(inside)


Metric = Literal["loss", "accuracy", "learning_rate", "images_per_second"]
RUNNING_EPOCHS = 3
"""The running means of all epochs are drawn until this many epochs are done."""
LONG_EPOCH_SECONDS = 4.0
"""The running means of the present epoch are always drawn if an epoch takes longer than this."""
FIRST_EPOCHS = 5
"""The epoch axis has room for this many epochs from the beginning, unless fewer are planned."""
END_STEPS, LOG_END_STEPS = 16, 10
"""The ends of an axis are multiples of a step; the values span at most this many steps."""


@dataclass(frozen=True)
class Measure:
    """A quantity that is drawn over the epochs.

    Attributes:
        title, short: its name, and a name for narrow places.
        fields: the fields of an `EpochRow` for training, validation, and plain training.
        running: the field of a `RunningPoint`; empty if there is none.
        factor: values on the axis are those of a row times this factor.
        log: whether the axis may be logarithmic.
        top: the largest possible value on the axis.
        unit: follows the numbers of the axis.
    """

    title: str
    short: str
    fields: tuple[str, ...]
    running: str = ""
    factor: float = 1.0
    log: bool = False
    top: float = math.inf
    unit: str = ""

    def written(self, value: float | None, short: bool = False) -> str:
        """Return a row's value as text, with few digits if `short`."""
        if self.running and value is None:
            return "nan" if short else "not finite"
        if value is None:
            return "–"
        match self.fields[0]:
            case "accuracy":
                return percent(value, 1 if short else 2)
            case "learning_rate":
                return f"{value:.4g}"
            case "images_per_second":
                return f"{value:,.0f}"
            case _:
                return f"{value:.3f}" if short and value < 100 else loss(value)

    def difference(self, by: float) -> str:
        """Return the difference between two rows' values as text, with its sign: ``+0.0120``, ``−0.31 points``."""
        if self.fields[0] == "accuracy":
            return f"{signed(100 * by, 2)} points"
        return signed(by, 4) if abs(by) < 1e4 else f"{by:+.3e}".replace("-", "−", 1)


MEASURES: dict[Metric, Measure] = {
    "loss": Measure("loss", "loss", ("loss", "val_loss", "plain_loss"), "loss", log=True),
    "accuracy": Measure(
        "accuracy", "acc", ("accuracy", "val_accuracy", "plain_accuracy"), "accuracy", 100.0, top=100.0, unit=" %"
    ),
    "learning_rate": Measure("learning rate", "rate", ("learning_rate",), log=True),
    "images_per_second": Measure("images/s", "images/s", ("images_per_second",), factor=1e-3, unit="k"),
}


class History:
    """The points of a measure over a run's epochs, and of the validation loss, whose lowest point is the best epoch."""

    def __init__(self, metric: Metric) -> None:
        self.tracks = {name: Track() for name in (*MEASURES[metric].fields, "val_loss")}
        self._rows: tuple[EpochRow, ...] = ()

    def update(self, rows: tuple[EpochRow, ...]) -> None:
        """Add the new rows of a run's history; all rows are read again if earlier ones have changed."""
        done = len(self._rows)
        if done and (len(rows) < done or rows[done - 1] is not self._rows[-1]):
            self.tracks = {name: Track() for name in self.tracks}
            done = 0
        for row in rows[done:]:
            for name, track in self.tracks.items():
                track.add(row.epoch, getattr(row, name))
        self._rows = rows


@dataclass(frozen=True)
class Curves:
    """The curves of one measure: x in epochs, y as on the axis (percent, or logarithms to the base 10).

    Attributes:
        training, validation: stretches without gaps, to be joined by lines.
        plain: training without dropout and augmentation, as points to be marked.
        highlights: the points of validation at its end, at the best epoch and at the cursor.
        running: the running means within epochs, as points to be marked.
        x_limits, y_limits: the ends of the axes.
    """

    training: tuple[Stretch, ...]
    validation: tuple[Stretch, ...]
    plain: Stretch
    highlights: Stretch
    running: Stretch
    x_limits: Span
    y_limits: Span

    @property
    def empty(self) -> bool:
        return not (self.training or self.validation or self.plain or self.running)


def curves_of(
    run: RunState,
    metric: Metric,
    columns: int,
    rows: int,
    *,
    span: Span | None = None,
    log: bool = False,
    cursor: float | None = None,
    history: History | None = None,
) -> Curves:
    """Return the curves of a measure for a plot of `columns` times `rows` characters, with few points a column.

    Args:
        span: the epochs in view; None for all.
        log: whether the axis is logarithmic; values that are not above 0 are gaps there.
        history: the history that was passed to the last call for this run, so that only new rows are read.
    """
    measure = MEASURES[metric]
    history = history or History(metric)
    history.update(run.history)
    start, end = span = span or (0.0, axis_of(run).end)

    def lines(tracks: Iterable[Track]) -> list[Stretch]:
        return scaled((part for track in tracks for part in line(track, start, end, columns)), measure.factor, log)

    tracks = [history.tracks[name] for name in measure.fields]
    training, validation = lines(tracks[:1]), lines(tracks[1:2])
    running = lines(_running(run, measure))
    ranges = scaled((_extremes_inside(track, start, end, log) for track in tracks[1:]), measure.factor, log)
    limits = y_limits([y for part in (*training, *running, *ranges) for _, y in part], measure.top, log)
    visible = 0.0 if log else (limits[1] - limits[0]) / max(1, rows) / measure.factor
    marks = (marked(track, start, end, max(1, columns // 3), visible) for track in tracks[2:])
    best = history.tracks["val_loss"].lowest
    selected = {cursor, best and best[0]}
    highlights = (
        [(x, y) for x, y in track.points_at({*selected, *track.xs[-1:]}) if start <= x <= end] for track in tracks[1:2]
    )
    return Curves(
        training=tuple(training),
        validation=tuple(validation),
        plain=tuple(chain(*scaled(marks, measure.factor, log))),
        highlights=tuple(chain(*scaled(highlights, measure.factor, log))),
        running=tuple(chain(*running)),
        x_limits=span,
        y_limits=limits,
    )


def axis_of(run: RunState) -> EpochAxis:
    """Return a run's epoch axis, which grows in steps during the training, up to the planned epochs."""
    last = run.history[-1].epoch if run.history else 1
    newest = max(last, run.progress.epoch if run.progress else 1)
    planned = max(run.epochs, newest)
    return EpochAxis(float(min(planned, _round_up(max(newest * 1.1, FIRST_EPOCHS)))), float(newest))


def running_shown(run: RunState) -> bool:
    """Return whether running means are drawn: in the first epochs, and if epochs take long."""
    return len(run.history) < RUNNING_EPOCHS or (run.seconds_an_epoch or 0.0) > LONG_EPOCH_SECONDS


def _running(run: RunState, measure: Measure) -> list[Track]:
    if not measure.running or not running_shown(run):
        return []
    since = 0 if len(run.history) < RUNNING_EPOCHS else run.history[-1].epoch
    points = (point for point in run.running if point.at > since)
    return [
        track_of((point.at, getattr(point, measure.running)) for point in epoch)
        for _, epoch in groupby(points, lambda point: math.ceil(point.at))
    ]


def scaled(parts: Iterable[Iterable[Point]], factor: float = 1.0, log: bool = False) -> list[Stretch]:
    """Return stretches on the scale of the axis; values that are not above 0 break them on a logarithmic axis."""
    if not log:
        return [stretch for part in parts if (stretch := tuple((x, y * factor) for x, y in part))]
    return [
        tuple((x, math.log10(y * factor)) for x, y in group)
        for part in parts
        for drawn, group in groupby(part, lambda point: point[1] * factor > 0)
        if drawn
    ]


def _extremes_inside(track: Track, start: float, end: float, log: bool) -> list[Point]:
    ys = track.ys[bisect_left(track.xs, start) : bisect_right(track.xs, end)]
    if log and ys and min(ys) <= 0:
        ys = [y for y in ys if y > 0]
    return [(start, min(ys)), (start, max(ys))] if ys else []


def _round_up(value: float) -> int:
    """Return the smallest of 1, 2, 3, 5, 10, 15, 20, 30, 50, 75, 100, 150, … that is at least `value`."""
    scale = 10 ** math.floor(math.log10(value)) if value >= 1 else 1
    round_ones = (int(step * scale) for step in (1, 1.5, 2, 3, 5, 7.5, 10) if (step * scale) % 1 == 0)
    return next(number for number in round_ones if number >= value)


def y_limits(values: list[float], top: float = math.inf, log: bool = False) -> Span:
    """Return the ends of an axis: round numbers around the values, which seldom change when values are added.

    After a change of an end the whole plot is sent to the terminal again. The axis does not go beyond 0 and `top` (the
    largest possible value) if no value does; with `log`, the values are logarithms to the base 10.
    """
    if not values:
        return (-1.0, 0.0) if log else (0.0, 1.0 if math.isinf(top) else top)
    low, high = min(values), max(values)
    bottom, top = -math.inf if log or low < 0 else 0.0, max(top, high)
    if high - low <= max(1e-9 * max(abs(low), abs(high)), SMALLEST_DRAWABLE):
        margin = 0.1 if log else 0.05 * abs(high) or 0.5
        return max(bottom, low - margin), min(high + margin, top)
    least = (high - low) / (LOG_END_STEPS if log else END_STEPS)
    scale = 10.0 ** math.floor(math.log10(least))
    step = next(part * scale for part in (1, 2, 5, 10, 20) if part * scale >= least)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return max(bottom, low), min(high, top)
