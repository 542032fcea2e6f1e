"""The rows of the list of runs: columns, sorting, and cells of runs and of groups of seeds. Text only."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from typing import Any

from mnist_tui.report.result_words import score_difference
from mnist_tui.runs.collection.seed_groups import SeedGroup, SeedStatistics, grouped
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.state import STATES
from mnist_tui.runs.times import ALONE
from mnist_tui.tui.widgets.row_table import RowColumn, RowOrder, TableRow, sorted_rows, tone
from mnist_tui.wording import DASH, count, counted, loss, moment, percent, percent_plus_minus, seconds

COLUMNS = (
    RowColumn("state", "state", toned=True),
    RowColumn("name", "name", least=8),
    RowColumn("changes", "changed", need=6, least=18),
    RowColumn("epochs", "epochs", right=True, need=7),
    RowColumn("trend", "curve", need=4),
    RowColumn("accuracy", "test acc.", right=True),
    RowColumn("f1", "macro F1", right=True, need=4),
    RowColumn("parameters", "parameters", right=True, need=5),
    RowColumn("time", "training", right=True, need=3),
    RowColumn("started", "started", need=2),
    RowColumn("note", "note", need=1, least=8),
)
NEWEST_FIRST = RowOrder("started", True)
SORT_KEYS: dict[str, Callable[[RunSummary], Any]] = {
    "state": lambda run: STATES.index(run.state) if run.state in STATES else len(STATES),
    "name": lambda run: run.shown_name.casefold(),
    "changes": lambda run: run.differs or None,
    "epochs": lambda run: run.epochs_done,
    "trend": lambda run: run.val_accuracy,
    "accuracy": lambda run: run.test_accuracy,
    "f1": lambda run: run.macro_f1,
    "parameters": lambda run: run.parameters,
    "time": lambda run: run.training_seconds,
    "started": lambda run: run.started,
    "note": lambda run: run.note.casefold() or None,
}


def sorted_runs(runs: Iterable[RunSummary], order: RowOrder) -> list[RunSummary]:
    """Return the sorted runs; runs without a value come last, equal ones newest first."""
    newest_first = sorted(runs, key=lambda run: (run.started, run.run), reverse=True)
    return sorted_rows(newest_first, SORT_KEYS[order.column], order.descending)


SPARKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None]) -> str:
    """Return a character for each value, from the lowest to the highest of them; a blank for None."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, step = min(known), (max(known) - min(known)) / (len(SPARKS) - 1) or 1.0
    return "".join(" " if value is None else SPARKS[round((value - low) / step)] for value in values)


def rows_of_runs(runs: Sequence[RunSummary], marked: Container[str]) -> list[TableRow]:
    return [
        TableRow(
            run.run,
            (
                run.state,
                run.shown_name,
                run.differs,
                f"{run.epochs_done:,}/{run.epochs:,}",
                sparkline(run.trend),
                percent(run.test_accuracy),
                percent(run.macro_f1),
                count(run.parameters),
                seconds(run.training_seconds),
                moment(run.started),
                run.note,
            ),
            run.run in marked,
            tone(run.state),
        )
        for run in runs
    ]


def rows_of_groups(groups: Sequence[SeedGroup], marked: Container[str]) -> list[TableRow]:
    """Return a row for each group of seeds, with mean ± standard deviation; a group of one run has that run's row."""
    rows: list[TableRow] = []
    for group in groups:
        newest = group.runs[0]
        if len(group.runs) == 1:
            rows += [replace(row, key=group.group) for row in rows_of_runs(group.runs, marked)]
            continue
        accuracy, f1, took = (group.spread(field) for field in ("test_accuracy", "macro_f1", "training_seconds"))
        cells = (
            f"{len(group.scored)}/{counted({run.seed for run in group.runs}, 'seed')}",
            newest.preset,
            _changes_without_seed(newest),
            f"{newest.epochs:,}",
            sparkline(newest.trend),
            _plus_minus(accuracy),
            _plus_minus(f1),
            count(newest.parameters),
            seconds(took.mean if took else None),
            moment(newest.started),
            "",
        )
        is_marked = all(run.run in marked for run in group.runs)
        rows.append(TableRow(group.group, cells, is_marked, "row-table--good" if group.scored else "row-table--odd"))
    return rows


def groups_of(runs: Sequence[RunSummary]) -> list[SeedGroup]:
    """Group the runs by experiment. The groups keep the order of the runs; each has its newest run first."""
    return [SeedGroup(each.group, tuple(sorted_runs(each.runs, NEWEST_FIRST)), each.scored) for each in grouped(runs)]


def _changes_without_seed(run: RunSummary) -> str:
    return re.sub(r"(?:^|, )seed \d+", "", run.differs).lstrip(", ")


def _plus_minus(spread: SeedStatistics | None) -> str:
    return percent_plus_minus(spread.mean, spread.std) if spread else DASH


def run_lines(run: RunSummary) -> list[str]:
    """Return two lines of details about a run: its experiment, data and note; its scores, size and training time."""
    test_loss = f"test loss {loss(run.test_loss)}{_published(run, 'loss', run.test_loss)}"
    scores = [
        f"test accuracy {percent(run.test_accuracy)}{_published(run, 'accuracy', run.test_accuracy)}",
        f"macro F1 {percent(run.macro_f1)}",
        f"validation accuracy {percent(run.val_accuracy)}",
        *([test_loss] if run.test_loss is not None else []),
        counted(run.parameters, "parameter"),
        f"training {seconds(run.training_seconds)}, {ALONE}",
    ]
    first = [
        run.run,
        f"{run.preset}{f', {run.differs}' if run.differs else ', unchanged'}",
        f"{run.dataset}{' (bundled sample, not MNIST)' if run.sample else ''}",
        *([run.note] if run.note else []),
    ]
    if run.damaged:
        first = [run.run, f"damaged: {run.damaged}"]
    return [" · ".join(first), " · ".join(scores)]


def _published(run: RunSummary, score: str, ours: float | None) -> str:
    """Compare a score with the published one: `` (published 97.62 %, ours −0.02 points)``; empty if none is published.

    Args:
        score: accuracy or loss, on the test set.
        ours: the run's score, or its group's mean.
    """
    theirs, write = (run.published_accuracy, percent) if score == "accuracy" else (run.published_loss, loss)
    if theirs is None:
        return ""
    difference = "" if ours is None else f", ours {score_difference(score, ours, theirs)}"
    return f" (published {write(theirs)}{difference})"


def group_lines(group: SeedGroup) -> list[str]:
    """Return two lines of details about a group of seeds: its experiment and seeds; its scores."""
    newest, mean = group.runs[0], group.spread("test_accuracy")
    changes, seeds = _changes_without_seed(newest) or "unchanged", sorted({run.seed for run in group.runs})
    return [
        f"{newest.preset}, {changes} · {counted(group.runs, 'run')} that differ in their seed alone, "
        f"seeds {', '.join(map(str, seeds))}",
        f"test accuracy {_plus_minus(mean)}{_published(newest, 'accuracy', mean.mean if mean else None)} · "
        f"macro F1 {_plus_minus(group.spread('macro_f1'))} · "
        f"mean ± standard deviation over n = {counted(group.scored, 'finished seed')}",
    ]
