"""What a curve shows of a run: points, gaps, limits and ticks, decimated to the width. Pure; no terminal, no plot.

Epoch values are never smoothed. A value that was not finite is a gap, and no axis minds it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

from mnist_tui.runs.state import EpochRow, RunState

Metric = Literal["loss", "accuracy"]
Point = tuple[float, float]
Segment = tuple[Point, ...]
LONG_NUMBER = 100_000
RUNNING_EPOCHS = 3
"""The running means of all epochs are drawn until this many epochs are done; afterwards those of the present one."""
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Curves:
    """One metric's curves; x in epochs, y a loss or a percentage.

    Attributes:
        training, running: unbroken stretches to be joined by lines.
        validation: points to be marked.
        x_limits, y_limits: what the axes span.
    """

    training: tuple[Segment, ...]
    running: tuple[Segment, ...]
    validation: tuple[Segment, ...]
    x_limits: Point
    y_limits: Point

    @property
    def empty(self) -> bool:
        return not (self.training or self.running or self.validation)


def curves_of(run: RunState, metric: Metric, columns: int, rows: int) -> Curves:
    """The curves of a metric for a plot of that many characters: at most a few points a column."""
    factor = 100.0 if metric == "accuracy" else 1.0
    history = run.history
    training = _segments((row.epoch, _scaled(getattr(row, metric), factor)) for row in history)
    validation = _segments((row.epoch, _scaled(getattr(row, f"val_{metric}"), factor)) for row in history)
    running = _running(run, metric, factor)
    span = (0.0, _x_end(run))
    lines = (training, running, validation)
    heights = _y_limits([y for line in lines for part in line for _, y in part], metric)
    row = (heights[1] - heights[0]) / max(1, rows)
    return Curves(
        training=tuple(decimate(part, span, columns) for part in training),
        running=tuple(decimate(part, span, columns) for part in running),
        validation=tuple(decimate(part, span, max(1, columns // 3), row) for part in validation),
        x_limits=span,
        y_limits=heights,
    )


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _running(run: RunState, metric: Metric, factor: float) -> list[Segment]:
    """Running means, broken where an epoch ends, for each begins anew."""
    done = len(run.history)
    since = 0 if done < RUNNING_EPOCHS else done
    epochs: dict[int, list[tuple[float, float | None]]] = {}
    for point in run.running:
        if point.at > since:
            epochs.setdefault(math.ceil(point.at), []).append((point.at, _scaled(getattr(point, metric), factor)))
    return [segment for points in epochs.values() for segment in _segments(points)]


def _segments(points: Iterable[tuple[float, float | None]]) -> list[Segment]:
    """Stretches without a gap."""
    segments: list[Segment] = []
    here: list[Point] = []
    for x, y in points:
        if y is not None:
            here.append((float(x), y))
        elif here:
            segments.append(tuple(here))
            here = []
    return [*segments, tuple(here)] if here else segments


def decimate(points: Segment, span: Point, columns: int, visible: float = 0.0) -> Segment:
    """The first, lowest, highest and last point of each of `columns` columns: what a line through all would show.

    Args:
        visible: a difference in y that can be seen; where a column's points differ by less, its last stands for all.
    """
    if len(points) <= (columns if visible else 2 * columns):
        return points
    start, end = span
    width = (end - start) / columns or 1.0
    kept: list[Point] = []
    for _, group in groupby(points, key=lambda point: int((point[0] - start) / width)):
        kept += _extremes(list(group), visible)
    return tuple(kept)


def _extremes(bucket: Sequence[Point], visible: float) -> list[Point]:
    low, high = min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])
    if visible:
        return sorted({low, high}) if high[1] - low[1] > visible else [bucket[-1]]
    return sorted({bucket[0], low, high, bucket[-1]})


def _x_end(run: RunState) -> float:
    """The end of the epoch axis: grows in steps with the training, up to the planned epochs."""
    last: EpochRow | None = run.history[-1] if run.history else None
    now = max(last.epoch if last else 0, run.progress.epoch if run.progress else 0, 1)
    planned = max(run.epochs, now)
    return float(min(planned, _round_up(now * 1.1)) if planned > now else planned)


def _round_up(value: float) -> int:
    """The next of 1, 2, 3, 5, 10, 15, 20, 30, 50, 75, 100, 150, … that is not smaller."""
    scale = 10 ** math.floor(math.log10(value)) if value >= 1 else 1
    round_ones = (int(step * scale) for step in (1, 1.5, 2, 3, 5, 7.5, 10) if (step * scale) % 1 == 0)
    return next(number for number in round_ones if number >= value)


def _y_limits(values: Sequence[float], metric: Metric) -> Point:
    if not values:
        return (0.0, 100.0 if metric == "accuracy" else 1.0)
    low, high = min(values), max(values)
    margin = 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    low, high = max(0.0, low - margin), high + margin
    return (low, min(high, 100.0)) if metric == "accuracy" else (low, high)


def ticks(limits: Point, count: int) -> list[float]:
    """Round values inside the limits, evenly spaced: at most `count`, unless that would leave fewer than two."""
    low, high = limits
    if not high > low:
        return [low]
    rough = (high - low) / max(1, count)
    scale = 10.0 ** math.floor(math.log10(rough))
    finer: list[float] = []
    for step in (part * scale for part in (0.5, *STEPS, 20.0)):
        first = math.ceil(low / step - 1e-9)
        found = [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]
        if len(found) < 2:
            break
        if len(found) <= count:
            return found
        finer = found
    return finer or [low, high]


def labels(values: Sequence[float], unit: str = "") -> list[str]:
    """The values written with as many decimals as tell them apart."""
    if any(abs(value) >= LONG_NUMBER for value in values):
        written = ([f"{value:.{digits}g}{unit}" for value in values] for digits in range(3, 18))
        return next((texts for texts in written if len(set(texts)) == len(set(values))), [str(v) for v in values])
    step = min((abs(b - a) for a, b in pairwise(values)), default=abs(values[0]) if values else 1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    if round(step * 10**digits, 6) % 1:
        digits += 1
    return [f"{value:.{digits}f}{unit}" for value in values]


def epoch_ticks(end: float, columns: int) -> list[int]:
    """Whole epochs for the axis, the last one always among them."""
    found = [round(value) for value in ticks((0.0, end), max(2, columns // 12)) if float(value).is_integer()]
    last = round(end)
    room = end / max(1, columns) * 12
    return [value for value in found if last - value > room] + [last]
