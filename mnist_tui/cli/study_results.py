"""What came out of a study: a JSON document, or tables, the best trial and its command line."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from mnist_tui import PROGRAM
from mnist_tui.cli.output import print_json, print_line, print_note, print_text, rendered
from mnist_tui.cli.study_tables import (
    TextColumn,
    fitted,
    in_order,
    metric_text,
    metric_words,
    point_columns,
    reason_words,
    state_words,
    table_of,
    trial_columns,
)
from mnist_tui.clocks import HeardClock
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.presets import PresetError
from mnist_tui.report import seed_words
from mnist_tui.runs.collection.seed_groups import SeedGroup, grouped
from mnist_tui.runs.collection.summaries import RunSummary, summary_of
from mnist_tui.runs.folder import RunError
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.state import ENDED, StudyState, TrialRow
from mnist_tui.wording import DASH, counted, listed, loss, percent, seconds

TROUBLES = ("failed", "diverged", "pruned")
TOLD = 8
"""Trials whose trouble is told in words."""
OPTIONS = frozenset(parameter.name for parameter in PARAMETERS)


def tell_detached(folder: StudyFolder, *, as_json: bool) -> None:
    """The id of a study whose process goes on by itself."""
    if as_json:
        print_json({"study": folder.id, "folder": str(folder.path)})
    else:
        print_line(folder.id)
    print_note(f"it goes on by itself; `{PROGRAM} studies show {folder.id}` shows how far it is")


def document(folder: StudyFolder, state: StudyState) -> dict[str, Any]:
    """The study as the JSON document that scripts read; one of seeds with its group's scores."""
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
    return {**_group_document(folder, state), **doc} if study.kind == "seeds" else doc


def _trial(row: TrialRow) -> dict[str, Any]:
    tested = row.test_accuracy is not None or row.test_loss is not None
    return {
        "number": row.number,
        "preset": row.base,
        "values": dict(row.values),
        "seed": row.seed,
        "run": row.run or None,
        "deleted": row.gone,
        "state": row.state,
        "reason": row.reason,
        "attempt": row.attempt,
        "worker": row.worker or None,
        "epoch": row.epoch,
        "epochs": row.epochs,
        "score": row.score,
        "val_loss": row.val_loss,
        "val_accuracy": row.val_accuracy,
        "test": {"accuracy": row.test_accuracy, "loss": row.test_loss, "macro_f1": row.macro_f1} if tested else None,
        "parameters": row.parameters or None,
        "seconds": row.seconds,
    }


def _group_document(folder: StudyFolder, state: StudyState) -> dict[str, Any]:
    group = _group(folder, state)
    runs = [row.run for row in state.rows if row.run and not row.gone]
    if group is None:
        return {"group": None, "runs": runs, "test": None}
    doc = group.to_document()
    return {"group": doc["group"], "runs": runs, "test": doc["test"], "per_seed": doc["per_seed"]}


def _group(folder: StudyFolder, state: StudyState) -> SeedGroup | None:
    """The runs of a study of seeds, taken together; None while there is none."""
    found = grouped(_summaries(folder, state))
    return found[0] if found else None


def _summaries(folder: StudyFolder, state: StudyState) -> list[RunSummary]:
    found: list[RunSummary] = []
    for row in state.rows:
        if not row.run:
            continue
        try:
            found.append(summary_of(folder.run(row.run)))
        except (RunError, PresetError, TypeError):
            continue
    return found


def command_of(folder: StudyFolder, row: TrialRow) -> str:
    """The command line that trains a trial alone."""
    try:
        return folder.run(row.run).launch().command
    except (RunError, TypeError):
        words = [PROGRAM, "train", "--preset", str(folder.presets / f"{row.base}.toml")]
        for name, value in row.values:
            words += [f"--{name}", value] if name in OPTIONS else ["--set", f"{name}={value}"]
        return shlex.join([*words, "--seed", str(row.seed)])


def as_text(folder: StudyFolder, state: StudyState, width: int | None = None) -> str:
    """The study in lines and tables.

    Args:
        width: of the terminal; None for as wide as the tables are.
    """
    seeds = folder.study().kind == "seeds"
    parts = [_head(state)]
    if state.rows:
        rows = in_order(state)
        columns = _seed_columns(rows) if seeds else trial_columns(state, rows)
        parts.append(rendered(table_of(fitted(columns, width)), width))
    if not seeds and (columns := point_columns(state)):
        parts.append(rendered(table_of(fitted(columns, width)), width))
    if troubles := _troubles(state):
        parts.append(
            "\n".join(textwrap.fill(line, width, subsequent_indent="  ") if width else line for line in troubles)
        )
    if seeds and (group := _group(folder, state)) is not None:
        said = _sentences(folder, group)
        parts.append(textwrap.fill(said, width) if width else said)
    parts.append("\n".join([*_best_lines(folder, state), f"study      {folder.id}", f"folder     {folder.path}"]))
    return "\n\n".join(parts) + "\n"


def print_results(folder: StudyFolder, state: StudyState, *, as_json: bool) -> None:
    """The study on stdout."""
    if as_json:
        print_json(document(folder, state))
    else:
        print_text(as_text(folder, state, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))


def _head(state: StudyState) -> str:
    took = ""
    if state.started is not None:
        end = state.ended or (HeardClock()(state.updated) if state.live else state.updated or state.started)
        took = f", {seconds(max(0.0, end - state.started))}"
    said = f": {state.reason}" if state.reason and state.state in ("failed", "crashed") else ""
    return f"{state.title}: {state.state}{said} ({counts(state)}{took})"


def counts(state: StudyState) -> str:
    """``24 trials: 22 finished, 1 pruned, 1 failed``."""
    total = max(state.trials, len(state.rows))
    parts = [f"{number:,} {word}" for word in (*ENDED, "running") if (number := state.count(word))]
    waiting = state.to_come
    return f"{counted(total, 'trial')}: {', '.join([*parts, *([f'{waiting:,} missing'] if waiting else [])])}"


def _troubles(state: StudyState) -> list[str]:
    """Why trials came to nothing or to little, the failed ones first."""
    rows = [row for word in TROUBLES for row in state.rows if row.state == word and row.reason]
    lines = [f"trial {row.number}: {reason_words(row)}" for row in rows[:TOLD]]
    return lines + ([f"… and {counted(len(rows) - TOLD, 'trial')} more: --json has them"] if len(rows) > TOLD else [])


def _seed_columns(rows: Sequence[TrialRow]) -> list[TextColumn]:
    return [
        TextColumn("seed", tuple(str(row.seed) for row in rows), right=True),
        TextColumn("state", tuple(state_words(row) for row in rows)),
        TextColumn("epochs", tuple(f"{row.epoch:,}/{row.epochs:,}" for row in rows), right=True, spare=3),
        TextColumn("test accuracy", tuple(percent(row.test_accuracy) for row in rows), right=True),
        TextColumn("macro F1", tuple(percent(row.macro_f1) for row in rows), right=True, spare=2),
        TextColumn("test loss", tuple(_loss(row) for row in rows), right=True, spare=1),
        TextColumn("time", tuple(seconds(row.seconds) for row in rows), right=True, spare=4),
        TextColumn("run", tuple(row.run or DASH for row in rows), spare=5),
    ]


def _loss(row: TrialRow) -> str:
    return DASH if row.test_loss is None else loss(row.test_loss)


def _sentences(folder: StudyFolder, group: SeedGroup) -> str:
    """What the seeds reached, and what the source published, where experiment and data are still its."""
    said = [seed_words.of_group(group.called, group)]
    found = group.summary("test_accuracy")
    (preset,) = folder.bases().values()
    reference = None if any(run.sample for run in group.scored) else preset.reference
    if found is not None and reference is not None:
        said.append(
            seed_words.beside_published(found, reference.accuracy, reference.per_seed_accuracy, reference.seeds)
        )
    return " ".join(filter(None, said))


def _best_lines(folder: StudyFolder, state: StudyState) -> list[str]:
    best = state.best_row
    if best is None:
        return []
    values = [f"{name} {value}" for name, value in best.values]
    values += [f"seed {best.seed}"] if len({row.seed for row in state.rows}) > 1 else []
    said = f"trial {best.number}: {listed(values)} ({metric_words(state.metric)} {metric_text(state, best)})"
    return [f"best       {said}", f"command    {command_of(folder, best)}"]
