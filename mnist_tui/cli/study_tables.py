"""A study's trials as tables that fit a width, best first; what fits least is left out, not folded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mnist_tui.cli.output import TextTable
from mnist_tui.runs.collection.seed_groups import SeedStatistics, summary
from mnist_tui.studies.state import StudyState, TrialRow, ranked
from mnist_tui.wording import DASH, count, loss, percent, seconds

if TYPE_CHECKING:
    pass

GAP = 3
"""Cells between two columns."""
SHORTEST = 4
"""Cells that are left of a text that is cut."""
ORDER = ("running", "pruned", "stopped", "diverged", "failed", "waiting")
"""Of the rows that did not finish, after those that did."""
STYLES = {
    "running": "cyan",
    "finished": "green",
    "pruned": "yellow",
    "stopped": "yellow",
    "diverged": "magenta",
    "failed": "red",
    "waiting": "dim",
}


@dataclass(frozen=True)
class TextColumn:
    """A column of a table, as text.

    Attributes:
        spare: columns with the highest number are left out first; those with 0 never.
        cut: whether its texts are cut where leaving columns out is not enough.
    """

    title: str
    cells: tuple[str, ...]
    right: bool = False
    spare: int = 0
    cut: bool = False

    @property
    def width(self) -> int:
        return max(len(text) for text in (self.title, *self.cells))

    def within(self, width: int) -> TextColumn:
        """The column with its texts cut to a width."""
        return replace(self, title=_shortened(self.title, width), cells=tuple(_shortened(t, width) for t in self.cells))


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def in_order(state: StudyState) -> list[TrialRow]:
    """All rows: those that finished, best first, then the others by what they do."""
    best = ranked(state.rows, state.metric) if state.compares else [r for r in state.rows if r.state == "finished"]
    there = {row.number for row in best}
    rest = [row for row in state.rows if row.number not in there]
    return best + sorted(rest, key=lambda row: (_place(row.state), row.number))


def _place(state: str) -> int:
    return ORDER.index(state) if state in ORDER else len(ORDER)


def trial_columns(state: StudyState, rows: Sequence[TrialRow]) -> list[TextColumn]:
    """The columns of a table of trials."""
    columns = [TextColumn("trial", tuple(str(row.number) for row in rows), right=True)]
    if len({row.base for row in state.rows}) > 1:
        columns.append(TextColumn("preset", tuple(row.base for row in rows), cut=True))
    for axis in state.axes:
        columns.append(TextColumn(axis, tuple(dict(row.values).get(axis, DASH) for row in rows), cut=True))
    if len({row.seed for row in state.rows}) > 1:
        columns.append(TextColumn("seed", tuple(str(row.seed) for row in rows), right=True))
    columns.append(TextColumn("state", tuple(state_words(row) for row in rows)))
    epochs = tuple(f"{row.epoch:,}/{row.epochs:,}" for row in rows)
    columns.append(TextColumn("epoch", epochs, right=True, spare=1 if state.live else 3))
    columns.append(TextColumn(metric_words(state.metric), tuple(metric_text(state, row) for row in rows), right=True))
    tested = tuple(percent(row.test_accuracy) for row in rows)
    columns.append(TextColumn("test accuracy", tested, right=True, spare=2))
    columns.append(TextColumn("parameters", tuple(count(row.parameters or None) for row in rows), right=True, spare=5))
    columns.append(TextColumn("time", tuple(seconds(row.seconds) for row in rows), right=True, spare=4))
    columns.append(TextColumn("run", tuple(row.run or DASH for row in rows), spare=6))
    return columns


def state_words(row: TrialRow) -> str:
    """``running``, ``running, attempt 2``, ``finished, deleted``."""
    again = f", attempt {row.attempt}" if row.state == "running" and row.attempt > 1 else ""
    return f"{row.state}{again}{', deleted' if row.gone else ''}"


def reason_words(row: TrialRow) -> str:
    """``failed: out of memory``; a reason that begins with the state says it once."""
    return row.reason if row.reason.startswith(row.state) else ": ".join(filter(None, (row.state, row.reason)))


def metric_words(metric: str) -> str:
    """``val_accuracy`` → ``val accuracy``."""
    return metric.replace("_", " ")


def metric_text(state: StudyState, row: TrialRow) -> str:
    """A trial's figure by which it is compared: of the model it ended with, else of its newest epoch."""
    if state.metric == "val_accuracy":
        return percent(row.score if row.score is not None else row.val_accuracy)
    value = row.score if row.score is not None else row.val_loss
    return DASH if value is None else loss(value)


def point_columns(state: StudyState) -> list[TextColumn]:
    """The columns of a table of combinations, each over its seeds; best first. Empty where there is one seed."""
    groups = [(point, [row for row in rows if row.state == "finished"]) for point, rows in state.points.items()]
    groups = [(point, rows) for point, rows in groups if rows]
    if all(len(rows) < 2 for _, rows in groups):
        return []
    scores = {point: summary(row.score for row in rows) for point, rows in groups}
    sign = -1 if state.metric == "val_accuracy" else 1
    groups.sort(key=lambda group: sign * found.mean if (found := scores[group[0]]) else float("inf"))
    columns: list[TextColumn] = []
    if len({base for (base, _), _ in groups}) > 1:
        columns.append(TextColumn("preset", tuple(base for (base, _), _ in groups), cut=True))
    for axis in state.axes:
        columns.append(TextColumn(axis, tuple(dict(values).get(axis, DASH) for (_, values), _ in groups), cut=True))
    written = percent if state.metric == "val_accuracy" else loss
    columns += [
        TextColumn("seeds", tuple(str(len(rows)) for _, rows in groups), right=True),
        TextColumn(
            f"mean {metric_words(state.metric)}",
            tuple(spread_text(scores[point], written) for point, _ in groups),
            right=True,
        ),
        TextColumn(
            "mean test accuracy",
            tuple(spread_text(summary(row.test_accuracy for row in rows), percent) for _, rows in groups),
            right=True,
            spare=1,
        ),
    ]
    return columns


def spread_text(found: SeedStatistics | None, written: object) -> str:
    """``97.62 % ± 0.11 %``: mean and sample deviation."""
    assert callable(written)
    if found is None:
        return DASH
    return f"{written(found.mean)}{f' ± {written(found.std)}' if found.std is not None else ''}"


def fitted(columns: Sequence[TextColumn], width: int | None) -> list[TextColumn]:
    """The columns that fit into a width, the values of the axes cut where they must be; all for None."""
    kept = list(columns)
    if width is None:
        return kept
    while _width(kept) > width and (least := max(kept, key=lambda column: column.spare)).spare:
        kept.remove(least)
    while _width(kept) > width:
        widest = max((column for column in kept if column.cut), key=lambda column: column.width, default=None)
        if widest is None or widest.width <= SHORTEST:
            break
        kept[kept.index(widest)] = widest.within(widest.width - 1)
    return kept


def _width(columns: Sequence[TextColumn]) -> int:
    return sum(column.width + GAP for column in columns) - GAP


def table_of(columns: Sequence[TextColumn], styles: Sequence[str] = ()) -> TextTable:
    """The table.

    Args:
        styles: of each row; none for plain text.
    """
    table = TextTable()
    for column in columns:
        table.add_column(column.title, right=column.right, cut=True)
    for at in range(len(columns[0].cells) if columns else 0):
        table.add_row(*(column.cells[at] for column in columns), style=styles[at] if styles else None)
    return table
