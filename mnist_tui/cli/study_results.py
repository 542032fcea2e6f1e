"""Print the results of a study: one JSON document, or tables with the best trial and its command line."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mnist_tui import PROGRAM
from mnist_tui.cli.open_app import usual_runs_dir
from mnist_tui.cli.output import TextColumn, fitted, print_json, print_text, rendered, stdout_width, table_of, wrapped
from mnist_tui.clocks import RemoteClock
from mnist_tui.errors import RunError
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.report.result_words import group_sentences
from mnist_tui.runs.collection.cross_validation import OutOfFold, out_of_fold
from mnist_tui.runs.collection.learning_curve import curve_in_words
from mnist_tui.runs.collection.seed_groups import SeedGroup, grouped
from mnist_tui.runs.collection.summaries import RunSummary, summary_of
from mnist_tui.studies import trial_table
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.state import ENDED, StudyState, TrialRow
from mnist_tui.wording import DASH, count, counted, percent, seconds

if TYPE_CHECKING:
    from mnist_tui.studies.importance import Importances

MOST_CLASSES = 12
"""The most classes whose confusion matrix is printed; ``--json`` has every one."""
MOST_PROBLEMS = 8
"""How many trials without a result are printed with their reasons."""


def document(folder: StudyFolder, state: StudyState) -> dict[str, Any]:
    """Return the JSON document of a study; a study of seeds or folds has the mean scores of its runs, too."""
    study = folder.study()
    best = state.best_row
    doc: dict[str, Any] = {
        "study": folder.id,
        "folder": str(folder.path),
        "kind": study.kind,
        "title": study.title,
        "state": state.state,
        "reason": state.reason,
        "command": study.command,
        "axes": {axis.name: list(axis.values) for axis in study.axes},
        "search": study.search.model_dump(mode="json"),
        "threads": state.threads or None,
        "trials": [_trial(row) for row in state.rows],
        "best": best and {"number": best.number, "run": best.run, "command": command_of(folder, best)},
        "notes": list(state.notes),
    }
    if curve := trial_table.study_learning_curve(state):
        doc["learning_curve"] = [{**asdict(point), "score": point.score} for point in curve]
    if not state.repeats:
        return doc
    group = _group(folder, state)
    scores = {"group": None, "test": None} if group is None else group.to_document()
    kept = ("group", "folds", "of_folds", "held_out", "test", "per_seed", "per_fold")
    scores = {name: scores[name] for name in kept if name in scores}
    if group is not None and (predicted := out_of_fold(group)) is not None:
        scores["out_of_fold"] = predicted.to_document()
    return {**scores, "runs": [row.run for row in state.rows if row.run and not row.deleted], **doc}


def _trial(row: TrialRow) -> dict[str, Any]:
    tested = row.test_accuracy is not None or row.test_loss is not None
    fold = {"fold": row.fold} if row.fold else {}
    scores = {"accuracy": row.test_accuracy, "loss": row.test_loss, "macro_f1": row.macro_f1} if tested else None
    same = ("number", "seed", "deleted", "state", "reason", "attempt", "epoch", "epochs")
    same += ("score", "val_loss", "val_accuracy", "seconds")
    return {
        **{name: getattr(row, name) for name in same},
        **fold,
        "preset": row.base,
        "values": dict(row.values),
        "run": row.run or None,
        "worker": row.worker or None,
        "test": None if row.fold else scores,
        **({"held_out": scores} if row.fold else {}),
        "parameters": row.parameters or None,
    }


def _group(folder: StudyFolder, state: StudyState) -> SeedGroup | None:
    """Return the runs of a study of seeds or folds as a group; None if no run can be read yet."""
    summaries: list[RunSummary] = []
    for row in state.rows:
        with suppress(RunError, PresetError, TypeError):
            if row.run:
                summaries.append(summary_of(folder.run(row.run)))
    return next(iter(grouped(summaries)), None)


def command_of(folder: StudyFolder, row: TrialRow) -> str:
    """Return the command line that trains a trial without its study."""
    try:
        return folder.run(row.run).launch().command
    except (RunError, TypeError):
        words = [PROGRAM, "train", "--preset", str(folder.presets / f"{row.base}.toml")]
        options = {parameter.name for parameter in PARAMETERS}
        for name, value in row.values:
            words += [f"--{name}", value] if name in options else ["--set", f"{name}={value}"]
        return shlex.join([*words, "--seed", str(row.seed)])


def print_results(
    folder: StudyFolder, state: StudyState, *, as_json: bool, importances: Importances | None = None
) -> None:
    """Print the results of a study on stdout, with the importances of its parameters if they are given."""
    if as_json:
        print_json(document(folder, state) | ({"importances": importances.to_document()} if importances else {}))
        return
    text, width = as_text(folder, state, stdout_width()), stdout_width()
    if importances is not None:
        names, shares = zip(*importances.shares, strict=True)
        columns = [TextColumn("parameter", names), TextColumn("importance", tuple(map(percent, shares)), right=True)]
        about = f"share of the score's variance over {counted(importances.points, 'combination')} of values (fANOVA)"
        text = f"{text}\n{rendered(table_of(columns), width)}\n{about}\n"
    print_text(text)


def as_text(folder: StudyFolder, state: StudyState, width: int | None = None) -> str:
    """Return a study's results as lines and tables of at most `width` characters; None for no limit."""
    seeds = state.repeats
    rows = trial_table.in_rank_order(state.rows, state.metric, compares=state.compares)
    tables = [_seed_columns(rows)] if seeds else [trial_columns(state, rows), mean_columns(state)]
    parts = [_head(state), *(rendered(table_of(fitted(table, width)), width) for table in tables if table and rows)]
    if problems := _problems(state):
        parts.append("\n".join(wrapped(line, width) for line in problems))
    if seeds and (group := _group(folder, state)) is not None:
        (preset,) = folder.bases().values()
        reference = None if group.folds else preset.published(sample=any(run.sample for run in group.scored))
        sentences = group_sentences(group.shown_name, group, reference)
        predicted = out_of_fold(group)
        sentences += [predicted.in_words] if predicted else []
        parts.append(textwrap.fill(" ".join(sentences), width) if width else " ".join(sentences))
        if predicted and len(predicted.class_names) <= MOST_CLASSES:
            parts.append(rendered(table_of(_matrix_columns(predicted)), width))
    if curve := trial_table.study_learning_curve(state):
        sentences = curve_in_words(curve, "held-out" if trial_table.table_shape(state).folds else "test")
        parts.append(textwrap.fill(" ".join(sentences), width) if width else " ".join(sentences))
    places = [f"study      {folder.id}", f"folder     {folder.path}"]
    parts.append("\n".join([*_best_lines(folder, state), *places, *_next_lines(folder, state)]))
    return "\n\n".join(parts) + "\n"


def _matrix_columns(predicted: OutOfFold) -> list[TextColumn]:
    """Return the columns of the confusion matrix, a row for each true class."""
    names, columns = predicted.class_names, zip(*predicted.confusion, strict=True)
    return [
        TextColumn("out of fold: true, predicted as", names),
        *(TextColumn(name, tuple(map(count, column)), right=True) for name, column in zip(names, columns, strict=True)),
    ]


def _head(state: StudyState) -> str:
    took = ""
    if state.started is not None:
        end = state.ended or (RemoteClock()(state.updated) if state.live else state.updated or state.started)
        took = f", {seconds(max(0.0, end - state.started))}"
    reason = f": {state.reason}" if state.reason and state.state in ("failed", "crashed") else ""
    parts = trial_table.counts(state, (*ENDED, "running")) + ([f"{state.to_come:,} missing"] if state.to_come else [])
    return f"{state.title}: {state.state}{reason} ({counted(state.total, 'trial')}: {', '.join(parts)}{took})"


def _problems(state: StudyState) -> list[str]:
    problems = ("failed", "diverged", "pruned")
    rows = [row for problem in problems for row in state.rows if row.state == problem and row.reason]
    lines = [f"trial {row.number}: {trial_table.reason_text(row)}" for row in rows[:MOST_PROBLEMS]]
    left = len(rows) - len(lines)
    return lines + ([f"… and {counted(left, 'trial')} more: --json has them"] if left else [])


def _best_lines(folder: StudyFolder, state: StudyState) -> list[str]:
    best = state.best_row
    if best is None:
        return []
    score = f"{metric_words(state.metric)} {trial_table.metric_text(best, state.metric)}"
    values = trial_table.values_text(best, seed=len({row.seed for row in state.rows}) > 1)
    line = f"best       trial {best.number}: {values} ({score})"
    same = next(rows for _, rows in trial_table.mean_rows(state.rows) if best in rows)
    if len(scores := trial_table.known_values([row for row in same if row.state == "finished"], "score")) > 1:
        over = counted(len(scores), trial_table.table_shape(state).repetition)
        line += f"; its values have the best mean over {over}: {trial_table.spread_text(state.metric, scores)}"
    return [line, f"command    {command_of(folder, best)}"]


def _next_lines(folder: StudyFolder, state: StudyState) -> list[str]:
    """Return lines with the commands that finish a study that has ended, and that report and compare its runs."""
    runs = sum(1 for row in state.rows if row.run and not row.deleted)
    if state.state not in ENDED or not runs:
        return []
    usual = folder.runs_dir.resolve() == usual_runs_dir(warn=False).resolve()
    elsewhere = [] if usual else ["--runs-dir", str(folder.runs_dir)]
    resume = shlex.join([PROGRAM, "resume", folder.id, *elsewhere])
    report = shlex.join([PROGRAM, "report", folder.id, "-o", "report.pdf", *elsewhere])
    compare = shlex.join([PROGRAM, "compare", folder.id, *elsewhere])
    unfinished = state.state != "finished" or not all(row.settled for row in state.rows)
    commands = [*([resume] if unfinished else []), report, *([compare] if runs > 1 else [])]
    return [f"{word:<10} {command}" for word, command in zip(("next", "", ""), commands, strict=False)]


def _seed_columns(rows: Sequence[TrialRow]) -> list[TextColumn]:
    kind, of = ("fold", "held-out") if any(row.fold for row in rows) else ("seed", "test")
    losses = tuple(trial_table.score_text("test_loss", row.test_loss) for row in rows)
    return [
        TextColumn(kind, tuple(str(row.fold or row.seed) for row in rows), right=True),
        TextColumn("state", tuple(map(trial_table.state_text, rows))),
        TextColumn("epochs", tuple(map(trial_table.epochs_text, rows)), right=True, need=6),
        TextColumn(f"{of} accuracy", tuple(percent(row.test_accuracy) for row in rows), right=True),
        TextColumn("macro F1", tuple(percent(row.macro_f1) for row in rows), right=True, need=7),
        TextColumn(f"{of} loss", losses, right=True, need=8),
        TextColumn("training", tuple(seconds(row.training_seconds) for row in rows), right=True, need=5),
        TextColumn("run", tuple(row.run or DASH for row in rows), need=4),
    ]


def trial_columns(state: StudyState, rows: Sequence[TrialRow]) -> list[TextColumn]:
    """Return the columns of a table with one row for each trial."""
    scores = tuple(trial_table.metric_text(row, state.metric) for row in rows)
    shape = trial_table.table_shape(state)
    seeds = TextColumn(shape.repetition, tuple(str(row.fold or row.seed) for row in rows), right=True)
    tested = TextColumn("test accuracy", tuple(percent(row.test_accuracy) for row in rows), right=True, need=7)
    return [
        TextColumn("trial", tuple(str(row.number) for row in rows), right=True),
        *_value_columns(state, rows),
        *([seeds] if shape.seeds else []),
        TextColumn("state", tuple(map(trial_table.state_text, rows))),
        TextColumn("epoch", tuple(map(trial_table.epochs_text, rows)), right=True, need=8 if state.live else 6),
        TextColumn(metric_words(state.metric), scores, right=True),
        *([] if shape.folds else [tested]),
        TextColumn("parameters", tuple(count(row.parameters or None) for row in rows), right=True, need=4),
        TextColumn("training", tuple(seconds(row.training_seconds) for row in rows), right=True, need=5),
        TextColumn("run", tuple(row.run or DASH for row in rows), need=3),
    ]


def mean_columns(state: StudyState) -> list[TextColumn]:
    """Return the columns of a table of means over the seeds or folds, one row for each combination, best first.

    The list is empty if no combination has results of two seeds or folds.
    """
    shape = trial_table.table_shape(state)
    sign = -1 if state.metric == "val_accuracy" else 1
    means = trial_table.mean_rows(state.rows)
    points = [(mean, done) for mean, rows in means if (done := [row for row in rows if row.state == "finished"])]
    points.sort(key=lambda point: float("inf") if point[0].score is None else sign * point[0].score)
    if all(len(rows) < 2 for _, rows in points):
        return []

    def spreads(field: str, kind: str) -> tuple[str, ...]:
        return tuple(trial_table.spread_text(kind, trial_table.known_values(rows, field)) for _, rows in points)

    tested = TextColumn("mean test accuracy", spreads("test_accuracy", "test_accuracy"), right=True, need=8)
    return [
        *_value_columns(state, [mean for mean, _ in points]),
        TextColumn(f"{shape.repetition}s", tuple(str(len(rows)) for _, rows in points), right=True),
        TextColumn(f"mean {metric_words(state.metric)}", spreads("score", state.metric), right=True),
        *([] if shape.folds else [tested]),
    ]


def _value_columns(state: StudyState, rows: Sequence[TrialRow]) -> list[TextColumn]:
    """Return a column for the preset and for each parameter in which the study's trials differ."""
    shape = trial_table.table_shape(state)
    texts = {"preset": tuple(row.base for row in rows)} if shape.bases else {}
    texts |= {axis: tuple(dict(row.values).get(axis, DASH) for row in rows) for axis in shape.axes}
    return [TextColumn(title, cells, cut=True) for title, cells in texts.items()]


def metric_words(metric: str) -> str:
    """Return ``val accuracy`` for ``val_accuracy``."""
    return metric.replace("_", " ")
