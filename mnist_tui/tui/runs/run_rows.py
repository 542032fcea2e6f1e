"""Runs, and groups of seeds, as rows of the browser: columns, cells, order. Text only, nothing of Textual's screens."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_tui.report.result_words import score_difference
from mnist_tui.runs.collection.seed_groups import SeedGroup, SeedStatistics, grouped
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.state import DAMAGED, LIVE, STATES
from mnist_tui.tui.widgets.row_table import RowColumn, TableRow
from mnist_tui.wording import DASH, count, counted, loss, moment, percent, percent_plus_minus, seconds

COLUMNS = (
    RowColumn("state", "state", toned=True),
    RowColumn("name", "name", least=8),
    RowColumn("changes", "changed", need=6, least=18),
    RowColumn("epochs", "epochs", right=True, need=7),
    RowColumn("accuracy", "test acc.", right=True),
    RowColumn("f1", "macro F1", right=True, need=4),
    RowColumn("parameters", "parameters", right=True, need=5),
    RowColumn("time", "time", right=True, need=3),
    RowColumn("started", "started", need=2),
    RowColumn("note", "note", need=1, least=8),
)
FIRST_DESCENDING = {"epochs", "accuracy", "f1", "parameters", "time", "started"}
"""Columns whose largest value comes first when one begins to sort by them."""
SEED = re.compile(r"(?:^|, )seed \d+")


@dataclass(frozen=True)
class RunOrder:
    """How the rows are sorted."""

    column: str = "started"
    descending: bool = True

    def by(self, column: str) -> RunOrder:
        """Sorted by that column; the other way round where it is already."""
        if column == self.column:
            return RunOrder(column, not self.descending)
        return RunOrder(column, column in FIRST_DESCENDING)

    def next(self) -> RunOrder:
        """Sorted by the column after this."""
        keys = [column.key for column in COLUMNS]
        column = keys[(keys.index(self.column) + 1) % len(keys)]
        return RunOrder(column, column in FIRST_DESCENDING)


def tone(state: str) -> str:
    """The component class of a state's cell."""
    if state in LIVE:
        return "row-table--live"
    return {
        "finished": "row-table--good",
        "failed": "row-table--bad",
        "crashed": "row-table--bad",
        DAMAGED: "row-table--bad",
    }.get(state, "row-table--odd")


KEYS: dict[str, Callable[[RunSummary], Any]] = {
    "state": lambda run: STATES.index(run.state) if run.state in STATES else len(STATES),
    "name": lambda run: run.shown_name.casefold(),
    "changes": lambda run: run.differs or None,
    "epochs": lambda run: run.epochs_done,
    "accuracy": lambda run: run.test_accuracy,
    "f1": lambda run: run.macro_f1,
    "parameters": lambda run: run.parameters,
    "time": lambda run: run.seconds,
    "started": lambda run: run.started,
    "note": lambda run: run.note.casefold() or None,
}


def in_order(runs: Iterable[RunSummary], order: RunOrder) -> list[RunSummary]:
    """The runs sorted; those without a value come last either way, equal ones newest first."""
    newest = sorted(runs, key=lambda run: (run.started, run.run), reverse=True)
    key = KEYS[order.column]
    having = [run for run in newest if key(run) is not None]
    having.sort(key=key, reverse=order.descending)
    return having + [run for run in newest if key(run) is None]


def rows_of(runs: Sequence[RunSummary], marked: Container[str]) -> list[TableRow]:
    """A row a run."""
    return [
        TableRow(
            run.run,
            (
                run.state,
                run.shown_name,
                run.differs,
                f"{run.epochs_done:,}/{run.epochs:,}",
                percent(run.test_accuracy),
                percent(run.macro_f1),
                count(run.parameters),
                seconds(run.seconds),
                moment(run.started),
                run.note,
            ),
            run.run in marked,
            tone(run.state),
        )
        for run in runs
    ]


def group_rows(groups: Sequence[SeedGroup], marked: Container[str]) -> list[TableRow]:
    """A row a group of seeds, figures as mean ± deviation; a run alone has the row of a run."""
    rows: list[TableRow] = []
    for group in groups:
        newest = group.runs[0]
        if len(group.runs) == 1:
            rows += [TableRow(group.group, row.cells, row.marked, row.tone) for row in rows_of(group.runs, marked)]
            continue
        accuracy, f1, took = (group.spread(field) for field in ("test_accuracy", "macro_f1", "seconds"))
        seeds = len({run.seed for run in group.runs})
        cells = (
            f"{len(group.scored)}/{counted(seeds, 'seed')}",
            newest.preset,
            SEED.sub("", newest.differs).lstrip(", "),
            f"{newest.epochs:,}",
            plus_minus(accuracy),
            plus_minus(f1),
            count(newest.parameters),
            seconds(took.mean if took else None),
            moment(newest.started),
            "",
        )
        whole = all(run.run in marked for run in group.runs)
        rows.append(TableRow(group.group, cells, whole, "row-table--good" if group.scored else "row-table--odd"))
    return rows


def groups_of(runs: Sequence[RunSummary]) -> list[SeedGroup]:
    """The runs by experiment, in their order, the newest of each first."""
    return [SeedGroup(group.group, tuple(in_order(group.runs, RunOrder())), group.scored) for group in grouped(runs)]


def plus_minus(found: SeedStatistics | None) -> str:
    """``97.62 ± 0.11 %``."""
    if found is None:
        return DASH
    return percent_plus_minus(found.mean, found.std)


def run_lines(run: RunSummary) -> list[str]:
    """All that the list knows of a run, in two lines."""
    sample = " (bundled sample, not MNIST)" if run.sample else ""
    against = _published(run, "loss", run.test_loss)
    scores = [
        f"test accuracy {percent(run.test_accuracy)}{_published(run, 'accuracy', run.test_accuracy)}",
        f"macro F1 {percent(run.macro_f1)}",
        f"validation accuracy {percent(run.val_accuracy)}",
        *([f"test loss {loss(run.test_loss)}{against}"] if run.test_loss is not None else []),
        counted(run.parameters, "parameter"),
        f"trained {seconds(run.seconds)}",
    ]
    first = [
        run.run,
        f"{run.preset}{f', {run.differs}' if run.differs else ', unchanged'}",
        f"{run.dataset}{sample}",
        *([run.note] if run.note else []),
    ]
    if run.damaged:
        return [f"{run.run} · damaged: {run.damaged}", " · ".join(scores)]
    return [" · ".join(first), " · ".join(scores)]


def _published(run: RunSummary, score: str, ours: float | None) -> str:
    """`` (published 97.62 %, ours −0.02 points)``; empty where nothing was published of the run's experiment.

    Args:
        score: accuracy or loss, on the test set.
        ours: the run's, or its group's mean.
    """
    accurate = score == "accuracy"
    theirs = run.published_accuracy if accurate else run.published_loss
    if theirs is None:
        return ""
    apart = "" if ours is None else f", ours {score_difference(score, ours, theirs)}"
    return f" (published {percent(theirs) if accurate else loss(theirs)}{apart})"


def group_lines(group: SeedGroup) -> list[str]:
    """What the list knows of a group of seeds, in two lines."""
    newest = group.runs[0]
    n, mean = len(group.scored), group.spread("test_accuracy")
    changes = SEED.sub("", newest.differs).lstrip(", ") or "unchanged"
    return [
        f"{newest.preset}, {changes} · {counted(group.runs, 'run')} that differ in their seed alone, seeds "
        + ", ".join(str(seed) for seed in sorted({run.seed for run in group.runs})),
        f"test accuracy {plus_minus(mean)}{_published(newest, 'accuracy', mean.mean if mean else None)} · "
        f"macro F1 {plus_minus(group.spread('macro_f1'))} · "
        f"mean ± standard deviation over n = {counted(n, 'finished seed')}",
    ]
