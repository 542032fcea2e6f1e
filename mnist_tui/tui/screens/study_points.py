"""Trials that differ in their seed alone, taken together: a study's table's rows of means and deviations. Text only."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mnist_tui.runs.collection.seed_groups import SeedStatistics
from mnist_tui.settings import Glyphs
from mnist_tui.studies.state import TrialRow
from mnist_tui.tui.screens.study_rows import Order, Shape, cells_of, columns_of, figure, in_order, tone
from mnist_tui.tui.widgets.tables.row_table import Row
from mnist_tui.wording import counted, loss, percent, seconds

SUMMED = ("score", "val_accuracy", "val_loss", "test_accuracy", "test_loss", "macro_f1")
"""Of a trial's row, the figures whose mean over the seeds stands for the point."""


def seed_rows(summaries: Mapping[str, SeedStatistics], shape: Shape) -> list[Row]:
    """The rows below those of the seeds: mean, deviation, interval of the mean, lowest to highest."""
    if not summaries:
        return []
    columns = columns_of(shape)
    n = max(found.n for found in summaries.values())

    def row(key: str, name: str, cell: Callable[[str, SeedStatistics], str]) -> Row:
        cells = [cell(column.key, summaries[column.key]) if column.key in summaries else "" for column in columns]
        cells[1] = name
        return Row(key, tuple(cells), tone="row-table--marked")

    rows = [row("mean", f"mean, n={n}", lambda key, found: _figure(key, found.mean))]
    if n > 1:
        rows += [
            row("std", "± std", lambda key, found: _around(key, found.std)),
            row("interval", "95 %", lambda key, found: _span(key, found.low, found.high) if key != "seconds" else ""),
            row("range", "min–max", lambda key, found: _span(key, found.minimum, found.maximum)),
        ]
    return rows


def _figure(key: str, value: float | None) -> str:
    if value is None:
        return ""
    return seconds(value) if key == "seconds" else loss(value) if key.endswith("loss") else percent(value)


def _around(key: str, value: float | None) -> str:
    """A deviation: of a share in points."""
    if value is None:
        return ""
    return seconds(value) if key == "seconds" else loss(value) if key.endswith("loss") else f"{100 * value:.2f} points"


def _span(key: str, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    if key == "seconds":
        return f"{low:.1f}–{high:.1f} s"
    if key.endswith("loss"):
        return f"{loss(low)}–{loss(high)}"
    return f"{100 * low:.2f}–{100 * high:.2f} %"


def points(rows: Sequence[TrialRow], order: Order, shape: Shape) -> list[tuple[TrialRow, tuple[TrialRow, ...]]]:
    """The trials that differ in their seed alone as one row each, figures as means over those that finished; sorted.

    Returns:
        The row, whose number is that of its first trial, and its trials.
    """
    found: dict[Any, list[TrialRow]] = {}
    for row in rows:
        found.setdefault(row.point, []).append(row)
    together = {one.number: (one, tuple(members)) for members in found.values() if (one := _mean(members))}
    return [together[row.number] for row in in_order((one for one, _ in together.values()), order, shape)]


def _mean(rows: Sequence[TrialRow]) -> TrialRow:
    done = [row for row in rows if row.state == "finished"]
    states = [row.state for row in rows]
    going_on = "running" in states or (done and "waiting" in states)
    state = "running" if going_on else "finished" if done else states[0]
    figures = {name: _mean_of(done, name) for name in SUMMED}
    spent = sum(row.seconds or 0.0 for row in done) or None
    epoch = round(statistics.fmean(row.epoch for row in rows))
    return replace(rows[0], state=state, epoch=epoch, worker="", seconds=spent, **figures)


def _mean_of(rows: Sequence[TrialRow], name: str) -> float | None:
    values = [value for row in rows if (value := getattr(row, name)) is not None]
    return statistics.fmean(values) if values else None


def point_rows(
    found: Sequence[tuple[TrialRow, tuple[TrialRow, ...]]],
    shape: Shape,
    marked: Container[int],
    best: int | None,
    glyphs: Glyphs,
) -> list[Row]:
    """A row a point, scores as mean ± deviation over its seeds."""
    keys = [column.key for column in columns_of(shape)]
    rows: list[Row] = []
    for one, members in found:
        done = [row for row in members if row.state == "finished"]
        is_best = any(row.number == best for row in members)
        cells = list(cells_of(one, shape, is_best, glyphs))
        cells[keys.index("state")] = f"{len(done)}/{counted(members, 'seed')}"
        if "seed" in keys:
            cells[keys.index("seed")] = f"n={len(done)}"
        for key in (shape.metric, "test_accuracy"):
            values = [value for row in done if (value := figure(row, key, shape.metric)) is not None]
            if len(values) > 1:
                cells[keys.index(key)] = _plus_minus(key, statistics.fmean(values), statistics.stdev(values))
        whole = all(row.number in marked for row in members)
        rows.append(Row(str(one.number), tuple(cells), whole, tone(one.state)))
    return rows


def _plus_minus(key: str, mean: float, deviation: float) -> str:
    if key.endswith("loss"):
        return f"{loss(mean)} ± {loss(deviation)}"
    return f"{100 * mean:.2f} ± {100 * deviation:.2f} %"
