"""The rows of the list of runs: columns, sorting, and cells of runs and of groups of seeds. Text only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from textual.content import Content

from mnist_tui.privacy import last_name
from mnist_tui.report.result_words import score_difference
from mnist_tui.runs.collection.seed_groups import SeedGroup, SeedStatistics, grouped
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.state import STATES
from mnist_tui.runs.times import ALONE
from mnist_tui.tui.widgets.row_table import RowColumn, RowOrder, TableRow, run_tone, sorted_rows, tone
from mnist_tui.wording import DASH, count, counted, loss, moment, percent, percent_plus_minus, seconds

COLUMNS = (
    RowColumn("state", "State", toned=True),
    RowColumn("name", "Name", least=8),
    RowColumn("changes", "Changed", need=8, least=34),
    RowColumn("epochs", "Epochs", right=True, need=7),
    RowColumn("trend", "Val. acc.", need=6),
    RowColumn("accuracy", "Test acc.", right=True),
    RowColumn("f1", "Macro F1", right=True, need=3),
    RowColumn("parameters", "Parameters", right=True, need=4),
    RowColumn("time", "Training", right=True, need=2),
    RowColumn("started", "Started", need=5),
    RowColumn("note", "Note", need=1, least=8),
)
SLIM_COLUMNS = tuple(replace(column, least=18) if column.key == "changes" else column for column in COLUMNS)
"""The columns where there is room for the curve only if the changes are cut further."""
CHANGES, TREND = (list(map(attrgetter("key"), COLUMNS)).index(key) for key in ("changes", "trend"))
ROOMY = 100
"""Characters of a table from which the changes have more room."""
NEWEST_FIRST = RowOrder("started", True)
SORT_KEYS: dict[str, Callable[[RunSummary], Any]] = {
    "state": lambda run: STATES.index(run.state) if run.state in STATES else len(STATES),
    "name": lambda run: run.shown_name.casefold(),
    "epochs": lambda run: run.epochs_done,
    "trend": lambda run: run.val_accuracy,
    "accuracy": lambda run: run.accuracy_on_test_set,
    "f1": lambda run: run.macro_f1,
    "parameters": lambda run: run.parameters,
    "time": lambda run: run.training_seconds,
    "started": lambda run: run.started,
    "note": lambda run: run.note.casefold() or None,
}


def columns_in(width: int) -> Sequence[RowColumn]:
    """Return the columns for a table of a width in characters."""
    return COLUMNS if width >= ROOMY else SLIM_COLUMNS


def sorted_runs(runs: Iterable[RunSummary], order: RowOrder) -> list[RunSummary]:
    """Return the sorted runs; runs without a value come last, equal ones newest first."""
    newest_first = sorted(runs, key=lambda run: (run.started, run.run), reverse=True)
    changes = changes_of(newest_first)
    keys = {**SORT_KEYS, "changes": lambda run: changes[run.run] or None}
    return sorted_rows(newest_first, keys[order.column], order.descending)


def changes_of(runs: Sequence[RunSummary]) -> dict[str, str]:
    """Return by the ids of runs how they differ from their presets: what few runs of the preset share comes first."""
    parts = {run.run: re.split(r", (?![^(\[]*[)\]])", run.differs) for run in runs}
    shared = Counter((run.preset, part) for run in runs for part in parts[run.run])
    return {run.run: ", ".join(sorted(parts[run.run], key=lambda part: shared[run.preset, part])) for run in runs}


DOT = " · "
NUMBER = re.compile(r"(?<![\w.])\d[\d.,]*(?: %| s\b| min\b)?")
SPARKS = "▁▂▃▄▅▆▇█"


def sparklines(trends: Iterable[Sequence[float | None]]) -> list[str]:
    """Return a line for each series of values, with a character for each value and a blank for None.

    Each line has its own scale, from the lowest to the highest of its values, so that the course of each can be seen.
    """
    return [_sparkline(trend) for trend in trends]


def _sparkline(trend: Sequence[float | None]) -> str:
    known = [value for value in trend if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    step = (high - low) / (len(SPARKS) - 1) or 1.0
    return "".join(" " if value is None else SPARKS[round((value - low) / step)] for value in trend)


def rows_of_runs(runs: Sequence[RunSummary], marked: Container[str]) -> list[TableRow]:
    lines, changes = sparklines(run.trend for run in runs), changes_of(runs)
    return [
        TableRow(
            run.run,
            (
                run.state,
                run.shown_name,
                changes[run.run],
                _epochs(run),
                line,
                percent(run.accuracy_on_test_set),
                percent(run.macro_f1),
                count(run.parameters),
                seconds(run.training_seconds),
                moment(run.started),
                run.note,
            ),
            run.run in marked,
            tone(run.state),
            {"trend": run_tone(0)},
        )
        for run, line in zip(runs, lines, strict=True)
    ]


def _epochs(run: RunSummary) -> str:
    """Return the epochs that ended, of all; ``<1/10`` for a run that was stopped in its first one and evaluated."""
    if not run.epochs_done and run.test_accuracy is not None and run.epochs:
        return f"<1/{run.epochs:,}"
    return run.epochs_in_words


def rows_of_groups(groups: Sequence[SeedGroup], marked: Container[str]) -> list[TableRow]:
    """Return a row for each group of seeds, with mean ± standard deviation; a group of one run has that run's row."""
    newest_runs = [group.runs[0] for group in groups]
    rows: list[TableRow] = []
    for group, newest, row in zip(groups, newest_runs, rows_of_runs(newest_runs, marked), strict=True):
        if len(group.runs) == 1:
            rows.append(replace(row, key=group.group))
            continue
        accuracy, f1, took = (group.spread(field) for field in ("test_accuracy", "macro_f1", "training_seconds"))
        cells = (
            f"{len(group.scored)}/{counted({run.repetition for run in group.runs}, group.repetition)}",
            newest.preset,
            _without_seed(row.cells[CHANGES]),
            DASH if newest.origin else f"{newest.epochs:,}",
            row.cells[TREND],
            DASH if group.folds else _plus_minus(accuracy),
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


def _without_seed(changes: str) -> str:
    return re.sub(r"(?:^|, )(?:seed \d+|validation fold:\d+/\d+)", "", changes).lstrip(", ")


def _plus_minus(spread: SeedStatistics | None) -> str:
    return percent_plus_minus(spread.mean, spread.std) if spread else DASH


def run_lines(run: RunSummary) -> list[str]:
    """Return two lines of details about a run: its experiment, data and note; its scores, size and training time."""
    accuracy, test_loss = (f"{run.scored_on} {score}" for score in ("accuracy", "loss"))
    has_other_validation = not run.origin and percent(run.val_accuracy) != percent(run.test_accuracy)
    test_loss += f" {loss(run.test_loss)}{_published(run, 'loss', run.test_loss)}"
    scores = [
        f"{accuracy} {percent(run.test_accuracy)}{_published(run, 'accuracy', run.test_accuracy)}",
        f"macro F1 {percent(run.macro_f1)}",
        *([f"validation accuracy {percent(run.val_accuracy)}"] if has_other_validation else []),
        *([test_loss] if run.test_loss is not None else []),
        *([counted(run.parameters, "parameter")] if run.parameters is not None or not run.origin else []),
        *([] if run.origin else [f"training {seconds(run.training_seconds)}, {ALONE}"]),
    ]
    changes = f"{run.preset}{f', {run.differs}' if run.differs else ', unchanged'}"
    first = [
        run.origin if run.origin and run.differs == run.origin else changes,
        *([f"from {run.made_from}"] if run.made_from else []),
        f"{last_name(run.dataset)}{' (bundled sample, not MNIST)' if run.sample else ''}",
        run.run,
        *([run.note] if run.note else []),
    ]
    if run.damaged:
        first = [run.run, f"damaged: {run.damaged}"]
    return [DOT.join(first), DOT.join(text for text in scores if DASH not in text)]


def emphasised(lines: Sequence[str]) -> Content:
    """Return the lines of details with what the first one begins with, and the numbers of the others, in bold type."""
    head, *rest = "\n".join(lines).split(DOT, 1)
    body = Content(DOT + rest[0] if rest else "")
    first = body.plain.find("\n") + 1 or len(body.plain)
    numbers = body[first:].highlight_regex(NUMBER, style="bold $foreground")
    return Content.assemble((head, "bold $foreground"), body[:first], numbers)


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
    changes, what = _without_seed(newest.differs) or "unchanged", group.repetition
    numbers = sorted({run.repetition for run in group.runs})
    of = "accuracy on the images held out" if group.folds else "test accuracy"
    return [
        f"{newest.preset}, {changes} · {counted(group.runs, 'run')} that differ in their {what} alone, "
        f"{what}s {', '.join(map(str, numbers))}",
        f"{of} {_plus_minus(mean)}{_published(newest, 'accuracy', mean.mean if mean else None)} · "
        f"macro F1 {_plus_minus(group.spread('macro_f1'))} · "
        f"mean ± standard deviation over n = {counted(group.scored, f'finished {what}')}",
    ]
