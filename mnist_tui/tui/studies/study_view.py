"""A study on screen: its feed, the user's view of it, its table of trials, and the texts around the table."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from textual.content import Content

from mnist_tui.columns import cut_end
from mnist_tui.runs.collection.seed_groups import SeedStatistics
from mnist_tui.runs.times import ALONE
from mnist_tui.settings import BAR_FULL, BAR_REST, Glyphs
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.state import ROW_STATES, StudyState, TrialRow
from mnist_tui.studies.trial_table import (
    HERE,
    METRIC_NAMES,
    TableShape,
    counts,
    epochs_text,
    in_rank_order,
    mean_rows,
    metric_text,
    score_of,
    score_text,
    shown_host,
    spread_text,
    table_shape,
)
from mnist_tui.studies.watch import StudySnapshot, StudyWatch
from mnist_tui.tui.feed import FolderFeed
from mnist_tui.tui.widgets.row_table import RowColumn, RowOrder, TableRow, sorted_rows, tone
from mnist_tui.wording import DASH, count, counted, loss, percent, seconds, sentence_of, ticking

AXIS = "axis:"
"""The prefix of the key of an axis' column; the name of the axis follows."""
LOOPBACK = ("127.0.0.1", "[::1]", "localhost", "inproc")
BAR = 6
"""The width of a running trial's bar in characters."""
SCORES = ("val_accuracy", "val_loss", "test_accuracy", "test_loss", "macro_f1")
TIME = "training_seconds"
ENDED_EARLY = ("failed", "diverged", "pruned")
ENDS = (*ENDED_EARLY, "stopped")


def table_columns(shape: TableShape) -> tuple[RowColumn, ...]:
    """Return the table's columns; on narrow screens state, values and scores are kept longest."""
    names = {"val_accuracy": "Val. acc.", "val_loss": "Val. loss"}
    other = "val_loss" if shape.metric == "val_accuracy" else "val_accuracy"
    need = 10 if shape.axes or shape.bases else 0
    columns = (
        RowColumn("number", "#", right=True, need=12),
        RowColumn("state", "State", toned=True),
        *([RowColumn("base", "Preset", least=22)] if shape.bases else []),
        *(
            RowColumn(f"{AXIS}{name}", name, right=True, need=0 if at < 2 else 11 - at, least=min(len(name), 12))
            for at, name in enumerate(shape.axes)
        ),
        *([RowColumn("seed", shape.repetition.capitalize(), right=True, need=need)] if shape.seeds else []),
        RowColumn("epochs", "Epochs", right=True, need=9),
        RowColumn(shape.metric, names[shape.metric], right=True),
        RowColumn("test_accuracy", "Test acc.", right=True, need=8),
        RowColumn(other, names[other], right=True, need=5),
        RowColumn("macro_f1", "Macro F1", right=True, need=3),
        RowColumn("test_loss", "Test loss", right=True, need=2),
        RowColumn("parameters", "Parameters", right=True, need=6),
        RowColumn(TIME, "Training", right=True, need=4),
        RowColumn("worker", "Machine", need=1),
    )
    unused = {"test_accuracy", "test_loss"} if shape.folds else set[str]()
    return tuple(column for column in columns if column.key not in shape.omitted | unused)


def screen_shape(study: StudyState) -> tuple[TableShape, dict[str, str]]:
    """Return the shape of the screen's table, and the values that all trials have in common.

    Columns with one value in all rows are omitted; their values, if there are any, stand above the table.
    """
    shape, rows = table_shape(study), study.rows
    if len(rows) < 2:
        return shape, {}
    values: dict[str, tuple[str, set[str]]] = {
        **{f"{AXIS}{name}": (name, {dict(row.values).get(name, DASH) for row in rows}) for name in shape.axes},
        "epochs": ("epochs", {epochs_text(row) for row in rows}),
        "parameters": ("parameters", {count(row.parameters or None) for row in rows}),
        TIME: ("training", {seconds(row.training_seconds) for row in rows}),
        "worker": ("machine", {machine_of(row.worker) for row in rows}),
    }
    same = {key: (title, *found) for key, (title, found) in values.items() if len(found) == 1}
    shown = {title: value for title, value in same.values() if value not in (DASH, "", HERE)}
    return replace(shape, omitted=frozenset(same)), shown


def machine_of(address: str) -> str:
    """Return the machine of a worker's address, such as ``tcp://10.0.0.7:41233``; empty if there is no worker."""
    host = host_of(address).rpartition(":")[0]
    return HERE if host in LOOPBACK else host


SORT_KEYS: Mapping[str, Callable[[TrialRow], Any]] = {
    "number": lambda row: row.number,
    "state": lambda row: ROW_STATES.index(row.state) if row.state in ROW_STATES else len(ROW_STATES),
    "base": lambda row: row.base,
    "seed": lambda row: row.fold or row.seed,
    "epochs": lambda row: row.epoch or None,
    "parameters": lambda row: row.parameters or None,
    TIME: lambda row: row.training_seconds,
    "worker": lambda row: row.worker or None,
}


def best_first(metric: str) -> RowOrder:
    """Return the order by the metric, val_accuracy or val_loss, with the best trials first."""
    return RowOrder(metric, metric == "val_accuracy")


def sorted_trials(rows: Iterable[TrialRow], order: RowOrder, shape: TableShape) -> list[TrialRow]:
    """Return the sorted trials; trials without a value come last, equal ones are sorted by number."""
    if order == best_first(shape.metric):
        return in_rank_order(rows, shape.metric)

    def value(row: TrialRow) -> Any:
        if order.column.startswith(AXIS):
            return _axis_key(dict(row.values).get(order.column.removeprefix(AXIS)))
        return SORT_KEYS[order.column](row) if order.column in SORT_KEYS else score_of(row, order.column, shape.metric)

    return sorted_rows(sorted(rows, key=lambda row: row.number), value, order.descending)


def _axis_key(text: str | None) -> Any:
    """Return a key that sorts numbers by size, then texts; ``200x100`` is sorted by its parts."""
    if text is None:
        return None
    try:
        return (0, tuple(float(part) for part in text.split("x")), "")
    except ValueError:
        return (1, (), text)


class RowCache:
    """The rows of the table of trials; a row is made again only if its trial has changed."""

    def __init__(self) -> None:
        self._rows: dict[int, tuple[TrialRow, tuple[object, ...], TableRow]] = {}

    def of(
        self, trials: Sequence[TrialRow], shape: TableShape, marked: Container[int], best: int | None, glyphs: Glyphs
    ) -> list[TableRow]:
        """Return a row for each trial, in their order."""
        rows: list[TableRow] = []
        for trial in trials:
            is_marked, is_best = trial.number in marked, trial.number == best
            appearance = (shape, is_marked, is_best, glyphs)
            cached = self._rows.get(trial.number)
            if cached is None or cached[0] is not trial or cached[1] != appearance:
                cells = cells_of(trial, shape, is_best, glyphs)
                row = TableRow(str(trial.number), cells, is_marked, tone(trial.state))
                self._rows[trial.number] = cached = (trial, appearance, row)
            rows.append(cached[2])
        return rows


def cells_of(row: TrialRow, shape: TableShape, best: bool, glyphs: Glyphs) -> tuple[str, ...]:
    """Return a trial's cells, one for each column."""
    values, epochs = dict(row.values), epochs_text(row)
    if row.state == "running" and row.epochs:
        full = round(BAR * min(1.0, row.epoch / row.epochs))
        epochs = f"{BAR_FULL[glyphs] * full}{BAR_REST[glyphs] * (BAR - full)} {epochs}"
    texts = {
        "number": f"{'best ' if best else ''}{row.number}",
        "state": row.state,
        "base": row.base,
        "seed": str(row.fold or row.seed),
        "epochs": epochs,
        "parameters": count(row.parameters or None),
        TIME: seconds(row.training_seconds),
        "worker": machine_of(row.worker),
        **{field: score_text(field, score_of(row, field, shape.metric)) for field in SCORES},
        **{f"{AXIS}{name}": values.get(name, DASH) for name in shape.axes},
    }
    return tuple(texts[column.key] for column in table_columns(shape))


def host_of(address: str) -> str:
    """Return an address without its protocol: ``10.0.0.7:41233`` for ``tcp://10.0.0.7:41233``."""
    return address.rpartition("://")[2]


def seed_rows(summaries: Mapping[str, SeedStatistics], shape: TableShape) -> list[TableRow]:
    """Return the rows below the seeds or folds: mean, standard deviation, interval of a mean over seeds, and range."""
    if not summaries:
        return []
    columns = table_columns(shape)
    n = max(statistics.n for statistics in summaries.values())

    def row(key: str, name: str, cell: Callable[[str, SeedStatistics], str]) -> TableRow:
        cells = [cell(column.key, summaries[column.key]) if column.key in summaries else "" for column in columns]
        cells[1] = name
        return TableRow(key, tuple(cells), tone="row-table--marked")

    def interval(key: str, score: SeedStatistics) -> str:
        return "" if key == TIME else _span_text(key, score.interval)

    mean = row("mean", f"mean, n={n}", lambda key, score: _mean_text(key, score.mean))
    if n == 1:
        return [mean]
    return [
        mean,
        row("std", "deviation", lambda key, score: deviation_text(key, score.std)),
        *([] if shape.folds else [row("interval", "95 % interval", interval)]),
        row("range", "lowest–highest", lambda key, score: _span_text(key, (score.minimum, score.maximum))),
    ]


def _mean_text(key: str, value: float) -> str:
    return seconds(value) if key == TIME else score_text(key, value)


def deviation_text(key: str, value: float | None) -> str:
    """Return a standard deviation as text: seconds, a loss, or percentage points; empty for None."""
    if value is None:
        return ""
    return _mean_text(key, value) if key == TIME or key.endswith("loss") else f"{100 * value:.2f} points"


def _span_text(key: str, ends: tuple[float, float] | None) -> str:
    if ends is None:
        return ""
    low, high = ends
    if key == TIME:
        return f"{seconds(low)} – {seconds(high)}"
    return f"{score_text(key, low).removesuffix(' %')}–{score_text(key, high)}"


def points(rows: Sequence[TrialRow], order: RowOrder, shape: TableShape) -> list[tuple[TrialRow, tuple[TrialRow, ...]]]:
    """Group the trials by point: the trials of a point differ in their seed or fold alone.

    Returns:
        For each point, sorted: a row with the number of its first trial and the mean scores of its finished trials, and
        its trials.
    """
    pairs = {mean.number: (mean, members) for mean, members in mean_rows(rows)}
    return [pairs[row.number] for row in sorted_trials((mean for mean, _ in pairs.values()), order, shape)]


def point_rows(
    pairs: Sequence[tuple[TrialRow, tuple[TrialRow, ...]]],
    shape: TableShape,
    marked: Container[int],
    best: int | None,
    glyphs: Glyphs,
) -> list[TableRow]:
    """Return a row for each point, with mean ± standard deviation of its finished trials' scores."""
    keys = [column.key for column in table_columns(shape)]
    rows: list[TableRow] = []
    for mean, members in pairs:
        done = [row for row in members if row.state == "finished"]
        cells = dict(zip(keys, cells_of(mean, shape, any(row.number == best for row in members), glyphs), strict=True))
        cells["state"] = f"{len(done)}/{counted(members, shape.repetition)}"
        if "seed" in cells:
            cells["seed"] = f"n={len(done)}"
        for key in (shape.metric, "test_accuracy"):
            values = [value for row in done if (value := score_of(row, key, shape.metric)) is not None]
            if len(values) > 1:
                cells[key] = spread_text(key, values)
        all_marked = all(row.number in marked for row in members)
        rows.append(TableRow(str(mean.number), tuple(cells.values()), all_marked, tone(mean.state)))
    return rows


@dataclass(frozen=True)
class StudyView:
    """The user's choices on a study's screen; kept while one of the study's runs is shown.

    Attributes:
        order: the order of the rows; None for the default.
        chosen: the key of the chosen row; empty for the first.
        wanted: the id of the run whose trial is chosen as soon as it is in the table; empty for none.
        marked: numbers of the marked trials, in the order in which they were marked.
        together: whether trials that differ in their seed alone are one row.
        plot: the plot that is shown; empty for the default.
        shown: the part (table, plot or notes) that is shown if there is no room for all.
    """

    order: RowOrder | None = None
    chosen: str = ""
    wanted: str = ""
    marked: tuple[int, ...] = ()
    together: bool = False
    plot: str = ""
    shown: str = "table"


@dataclass(frozen=True)
class TrialListing:
    """The contents of the table of trials.

    Attributes:
        trials: the trial of each row; for a point, a trial with its mean scores.
        members: the trials of each point by the row's key.
        rows: all rows, also the rows with statistics below the seeds.
    """

    trials: Sequence[TrialRow] = ()
    members: Mapping[str, Sequence[TrialRow]] = field(default_factory=dict[str, Sequence[TrialRow]])
    rows: Sequence[TableRow] = ()
    order: RowOrder = field(default=RowOrder("number"))

    def trials_of(self, key: str) -> Sequence[TrialRow]:
        """Return the trials of a row; none for a row of statistics."""
        return self.members.get(key) or [row for row in self.trials if str(row.number) == key]

    def key_of(self, number: int | None) -> str:
        """Return the key of the row that shows a trial; empty for None."""
        keys = (key for key, rows in self.members.items() if any(row.number == number for row in rows))
        return next(keys, "" if number is None else str(number))


def listing(
    snapshot: StudySnapshot, view: StudyView, cache: RowCache, shape: TableShape, glyphs: Glyphs
) -> TrialListing:
    """Return the contents of the table of trials; unchanged rows come from the cache."""
    study, marked = snapshot.study, set(view.marked)
    order = view.order or default_order(study)
    if view.together:
        pairs = points(study.rows, order, shape)
        members = {str(mean.number): trials for mean, trials in pairs}
        rows = point_rows(pairs, shape, marked, study.best, glyphs)
        return TrialListing([mean for mean, _ in pairs], members, rows, order)
    trials = sorted_trials(study.rows, order, shape)
    rows = cache.of(trials, shape, marked, study.best, glyphs)
    return TrialListing(trials, {}, [*rows, *seed_rows(snapshot.summaries, shape)], order)


def default_order(study: StudyState) -> RowOrder:
    """Return the order of the rows until the user chooses one: the best first if trials are compared."""
    if study.compares:
        return best_first(study.metric)
    return RowOrder("seed" if study.repeats else "number")


class StudyFeed(FolderFeed[StudySnapshot]):
    """The feed of a study for all its screens; it stores the user's view of the study."""

    def __init__(self, folder: StudyFolder) -> None:
        super().__init__(StudySnapshot(folder), partial(StudyWatch, folder))
        self.folder = folder
        self.view = StudyView()

    def choose(self, run: str) -> None:
        """Move the cursor to the trial of a run, as soon as the trial is in the table."""
        self.view = replace(self.view, wanted=run)


def share_done(study: StudyState) -> float:
    """Return the share of a study that is done, from 0 to 1, with the epochs of running trials."""
    return study.progress / study.total if study.total else 0.0


def progress_parts(snapshot: StudySnapshot, now: float) -> list[tuple[int, str]]:
    """Return texts about the progress of a study, each with its rank; the texts with the largest ranks matter least.

    They are the trials by state (no zeros), the best trial, the time left and the time taken; none before the trials
    are planned.
    """
    study = snapshot.study
    if not study.total:
        return []
    stopped, running = study.count("stopped"), study.count("running")
    parts = [(0, f"{study.done:,} of {study.total:,} ended")]
    if snapshot.live:
        parts += [(0, f"{running:,} running"), *([(0, f"{study.to_come:,} waiting")] if study.to_come else [])]
    elif missing := {state: n for state, n in (("stopped", stopped), ("waiting", study.to_come + running)) if n}:
        parts = [(0, f"{study.count('finished'):,} of {study.total:,} finished")]
        parts += [(0, f"{some:,} {state}") for state, some in missing.items()]
    parts += [(1, text) for text in counts(study, ENDS if snapshot.live else ENDED_EARLY)]
    if (best := study.best_row) is not None:
        parts.append((3, f"best #{best.number} {metric_text(best, study.metric)}"))
    if snapshot.live and (left := study.seconds_left(now)) is not None:
        parts.append((2, f"{ticking(left)} left"))
    if study.started is not None:
        end = now if snapshot.live else study.ended or study.updated or study.started
        spent = max(0.0, end - study.started)
        parts.append((4, f"elapsed {ticking(spent)}" if snapshot.live else f"took {seconds(spent)}"))
    return parts


NOTES, COMMAND = "Workers and notes", "The same on the command line"


def notes_of(snapshot: StudySnapshot) -> tuple[str, Content]:
    """Return the title of the pane beside the plot, and its texts, each below its heading.

    They are scores over seeds or folds, notes, workers and the command; the command alone has no heading.
    """
    study, requested = snapshot.study, snapshot.requested
    command = [requested.command] if requested is not None and requested.command else []
    parts = {
        f"All {study.kind}": _beyond_the_table(snapshot),
        "Notes": [*map(sentence_of, study.notes), *snapshot.log],
        "Workers": worker_lines(study),
        COMMAND: command,
    }
    found = {name: "\n".join(lines) for name, lines in parts.items() if lines}
    if list(found) == [COMMAND]:
        return COMMAND, Content(found[COMMAND])
    texts = (Content.assemble((name, "bold $text-secondary"), "\n", text) for name, text in found.items())
    return NOTES, Content("\n\n").join(texts)


def _beyond_the_table(snapshot: StudySnapshot) -> list[str]:
    """Return lines about seeds or folds that the rows of statistics below the trials do not say."""
    if not snapshot.summaries:
        return repetition_lines(snapshot)
    return [snapshot.out_of_fold.in_words] if snapshot.out_of_fold is not None else []


def worker_lines(study: StudyState) -> list[str]:
    """Return a line for each worker, numbered in the order of their names: its machine, its GPU, its trial or state."""
    lines: list[str] = []
    running = {row.run: row for row in study.rows if row.run and row.state == "running"}
    for number, worker in enumerate(sorted(study.workers, key=lambda each: (len(each.name), each.name)), 1):
        gpu = f" GPU {worker.gpu}" if worker.gpu is not None else ""
        row = running.get(worker.run)
        does = worker.state if row is None else f"#{row.number}, epoch {row.epoch:,} of {row.epochs:,}"
        lines.append(f"Worker {number} on {shown_host(worker.host)}{gpu}: {does}")
    return lines


SCORE_FACTS = ("Validation accuracy", "Validation loss", "Test accuracy", "Macro F1")
FACT_COLUMNS = {
    **dict(zip(SCORE_FACTS, ("val_accuracy", "val_loss", "test_accuracy", "macro_f1"), strict=True)),
    "Parameters": "parameters",
    "Training": TIME,
    "Machine": "worker",
}
"""The keys of the columns that say the same as a fact about a trial."""
FACT_STYLES = {"Trial": "bold", **dict.fromkeys(SCORE_FACTS, "bold")}


def trial_facts(row: TrialRow, study: StudyState) -> list[tuple[str, str]]:
    """Return pairs of a name and a value about a trial: its values and state, its scores, its run and worker."""
    several_bases = len({each.base for each in study.rows}) > 1
    is_whole = not row.epochs or (row.state == "finished" and row.epoch == row.epochs) or row.state == "waiting"
    epochs = "" if is_whole else f", epoch {row.epoch:,} of {row.epochs:,}"
    facts = [
        ("Trial", f"#{row.number}{', the best' if row.number == study.best else ''}"),
        *([("Preset", row.base)] if several_bases else []),
        *row.values,
        ("Fold" if row.fold else "Seed", f"{row.fold or row.seed}"),
        ("State", f"{row.state}{epochs}"),
    ]
    if row.reason and (row.state != "finished" or row.deleted):
        facts.append(("Reason", row.reason))
    facts.append(("Validation accuracy", percent(score_of(row, "val_accuracy", study.metric))))
    if (value := score_of(row, "val_loss", study.metric)) is not None:
        facts.append(("Validation loss", loss(value)))
    if row.test_accuracy is not None and not row.fold:
        facts.append(("Test accuracy", percent(row.test_accuracy)))
    if row.macro_f1 is not None:
        facts.append(("Macro F1", percent(row.macro_f1)))
    facts.append(("Parameters", count(row.parameters)))
    if row.training_seconds is not None:
        facts.append(("Training", f"{seconds(row.training_seconds)}, {ALONE}"))
    facts.append(("Run", row.run or "no run yet"))
    if row.worker:
        facts.append(("Machine", machine_of(row.worker)))
    if row.attempt > 1:
        facts.append(("Attempt", f"{row.attempt}, as workers were lost"))
    return facts


NAMELESS = {"Trial", "State", "Reason", "Run"}
"""The facts about a trial that need no name in a line of text."""
NEW_LINES = {"Reason", "Validation accuracy", "Run"}
"""The facts about a trial that begin a new line of text."""
FACT_NAMES = 14
"""Columns of the names of facts, with the blank after them."""


def facts_in_lines(facts: Sequence[tuple[str, str]], columns: Container[str | None], width: int) -> Content:
    """Return facts about a trial in as few lines as possible, with its number and its scores in bold type.

    Args:
        columns: the keys of the columns that already show a fact.
        width: the characters of a line.
    """
    lines: list[Content] = []
    for name, value in facts:
        if FACT_COLUMNS.get(name) in columns:
            continue
        is_named = name not in NAMELESS and value != HERE
        shown, brief = f"{name[:1].lower()}{name[1:]} " if is_named else "", value.removesuffix(f", {ALONE}")
        fact = Content.assemble((shown, "$text-muted"), (brief, FACT_STYLES.get(name, "")))
        if lines and name not in NEW_LINES and (line := Content(" · ").join((lines[-1], fact))).cell_length <= width:
            lines[-1] = line
        else:
            lines.append(fact)
    return Content("\n").join(lines)


def facts_in_columns(facts: Sequence[tuple[str, str]], width: int) -> Content:
    """Return a line for each fact about a trial that a wide table does not show: a column of names, one of values.

    Args:
        width: the characters of both columns.
    """
    lines: list[Content] = []
    for name, value in facts:
        if name in FACT_COLUMNS:
            continue
        shown = cut_end(name, FACT_NAMES - 1)
        first, *more = textwrap.wrap(value, max(10, width - FACT_NAMES)) or [""]
        lines.append(Content.assemble((shown.ljust(FACT_NAMES), "$text-muted"), (first, FACT_STYLES.get(name, ""))))
        lines += [Content(" " * FACT_NAMES + line) for line in more]
    return Content("\n").join(lines)


def repetition_lines(snapshot: StudySnapshot) -> list[str]:
    """Return lines about the scores over the seeds or folds; none if the trials do not repeat one experiment."""
    if snapshot.study.kind == "folds":
        return _fold_lines(snapshot)
    return _seed_lines(snapshot.summaries, snapshot.study) if snapshot.study.repeats else []


def _fold_lines(snapshot: StudySnapshot) -> list[str]:
    score, predicted = snapshot.summaries.get("test_accuracy"), snapshot.out_of_fold
    if score is None:
        return ["mean and deviation come with the first fold that has finished"]
    line = f"accuracy on the images held out {percent(score.mean)} over {counted(score.n, 'fold')}"
    spread = "" if score.std is None else f", standard deviation {deviation_text('test_accuracy', score.std)}"
    lines = [f"{line}{spread}", f"lowest {percent(score.minimum)}, highest {percent(score.maximum)}"]
    return [*lines, predicted.in_words] if predicted is not None else lines


def _seed_lines(summaries: Mapping[str, SeedStatistics], study: StudyState) -> list[str]:
    score = summaries.get("test_accuracy") or summaries.get("score")
    if score is None:
        return ["mean and deviation come with the first seed that has finished"]
    tested = "test_accuracy" in summaries
    key, name = ("test_accuracy", "test accuracy") if tested else (study.metric, METRIC_NAMES[study.metric])
    mean, minimum, maximum = (score_text(key, value) for value in (score.mean, score.minimum, score.maximum))
    line = f"{name} {mean} over {counted(score.n, 'seed')}"
    if score.std is None:
        return [line, "one seed has no deviation"]
    return [
        f"{line}, standard deviation {deviation_text(key, score.std)}",
        f"95 % interval of the mean {' to '.join(score_text(key, end) for end in score.interval or ())}",
        f"lowest {minimum}, highest {maximum}",
    ]


def end_sentence(title: str, snapshot: StudySnapshot) -> str:
    """Return a sentence about the end of a study: its state, its trials by state, the best trial and the reason."""
    study = snapshot.study
    ends = ", ".join([f"{study.count('finished'):,} finished", *counts(study, ENDS)])
    best = study.best_row
    tail = f", best #{best.number} with {METRIC_NAMES[study.metric]} {metric_text(best, study.metric)}" if best else ""
    reason = f": {snapshot.reason}" if snapshot.reason and snapshot.state != "finished" else ""
    return f"Study {title} {snapshot.state}: {ends}{tail}{reason}"


def study_title(snapshot: StudySnapshot) -> str:
    """Return the study's title; with the kind of its search, unless that is a grid."""
    requested = snapshot.requested
    if requested is None:
        return snapshot.study.title or snapshot.folder.id
    sampled = requested.search.kind != "grid" and requested.axes
    return f"{requested.title} · {requested.search.kind} search" if sampled else requested.title
