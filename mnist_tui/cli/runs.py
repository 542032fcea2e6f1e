"""`runs`, `show`, `logs`, `attach`, `delete`, `prune`: look at runs that there are, and delete them."""

from __future__ import annotations

import math
import os
from typing import Annotated, Any

import typer

from mnist_tui.cli.errors import FAILED
from mnist_tui.cli.follow import wait_until_known
from mnist_tui.cli.open_app import open_app
from mnist_tui.cli.options import (
    Json,
    RefreshOption,
    Run,
    RunOrStudy,
    RunsDir,
    Yes,
    chosen_run,
    may_delete,
    runs_folder,
)
from mnist_tui.cli.output import plain_table, print_json, print_note, print_table, print_text, rendered
from mnist_tui.cli.run_or_study import run_or_study
from mnist_tui.cli.train import score_lines
from mnist_tui.errors import RequestError, RunError
from mnist_tui.files import UnreadableFileError, open_regular
from mnist_tui.report import result_words
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.deletion import Waste, discard_run, find_waste, remove_waste
from mnist_tui.runs.library import check_readable, delete_run, list_runs, passed_over
from mnist_tui.runs.results import run_document
from mnist_tui.studies.folder import PLACE, StudyFolder
from mnist_tui.wording import DASH, count, counted, listed, loss, moment, percent, seconds, size

LOG_BYTES = 64_000_000
"""The most that `logs` prints, from the end of the log."""


def runs(ctx: typer.Context, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """List all runs, newest first."""
    place = runs_folder(ctx, runs_dir)
    check_readable(place)
    found = list_runs(place)
    if as_json:
        print_json([run.to_document() for run in found])
    elif found:
        _print_runs(found)
    else:
        print_note(f"there are no runs in {place}; `mnist-tui train --preset raw` makes one")
    for run in found:
        if run.damaged:
            print_note(f"damaged: run {run.run}: {run.damaged}")
    if left_out := passed_over(place):
        entries = "1 entry was" if len(left_out) == 1 else f"{counted(left_out, 'entry')} were"
        print_note(f"{entries} passed over: {', '.join(map(str, left_out))}")


def _print_runs(found: list[RunSummary]) -> None:
    published = ["published"] if any(run.published_accuracy is not None for run in found) else []
    right = ("epochs", "test accuracy", *published, "macro F1", "parameters")
    own = [title for title in ("name", "note", "study") if any(getattr(run, title) for run in found)]
    table = plain_table("run", "state", "preset", "changed", "started", *right, *own, right=right)
    for run in found:
        epochs = f"{run.epochs_done:,}/{run.epochs:,}"
        theirs = (percent(run.published_accuracy) for _ in published)
        figures = (epochs, percent(run.test_accuracy), *theirs, percent(run.macro_f1), count(run.parameters))
        mine = (_short(run.study) if title == "study" else getattr(run, title) for title in own)
        table.add_row(run.run, run.state, run.preset, run.differs, moment(run.started), *figures, *mine)
    print_table(table)


def _short(study: str) -> str:
    """Return a study's id without its time: an ending of the id, which the command line accepts."""
    return study.split("-", 2)[-1]


def show(ctx: typer.Context, run: Run, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """Show one run: its experiment, history and scores."""
    folder = chosen_run(ctx, run, runs_dir)
    doc = run_document(folder)
    if as_json:
        print_json(doc)
    else:
        print_text(as_text(doc))


def logs(
    ctx: typer.Context,
    *,
    run: Run,
    lines: Annotated[int, typer.Option("-n", "--lines", metavar="N", help="Only the last N lines; 0 for all.")] = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Print the log of a run: what its worker and libraries printed."""
    folder = chosen_run(ctx, run, runs_dir)
    if lines < 0:
        raise RequestError(f"-n must be 0 or more (got {lines}); 0 prints all lines")
    try:
        with open_regular(folder.log_file) as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_BYTES))
            text = log.read(LOG_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        print_note(f"run {folder.id} has printed nothing")
        return
    except OSError as error:
        why = f"it {error.strerror}" if isinstance(error, UnreadableFileError) else error.strerror or error
        raise RequestError(f"{folder.log_file} cannot be read: {why}") from None
    print_text("".join(f"{line}\n" for line in text.splitlines()[-lines:]))


def attach(ctx: typer.Context, run: RunOrStudy, refresh: RefreshOption = None, runs_dir: RunsDir = None) -> None:
    """Open the app on a run's training screen, or on a study's screen for a study's id."""
    found = run_or_study(runs_folder(ctx, runs_dir), run)
    if isinstance(found, StudyFolder):
        raise typer.Exit(open_app(found.runs_dir, begin=lambda: found, refresh=refresh))
    raise typer.Exit(open_app(found.path.parent, run=found, refresh=refresh))


def delete(
    ctx: typer.Context,
    *,
    run: Run,
    stop: Annotated[bool, typer.Option("--stop", help="Also one that trains: it ends and saves nothing.")] = False,
    yes: Yes = False,
    runs_dir: RunsDir = None,
) -> None:
    """Remove a run that no longer trains, with all its files."""
    folder = chosen_run(ctx, run, runs_dir)
    if not may_delete(f"run {folder.id} ({folder.path})", yes=yes):
        return
    wait_until_known(folder)
    if stop:
        discard_run(folder)
    else:
        delete_run(folder)
    print_note(f"deleted run {folder.id}")


HISTORY = 10
"""Epochs shown, the last ones; the rest is in the JSON document."""


def as_text(doc: dict[str, Any]) -> str:
    """Return the run that `runs.results.run_document` describes, in lines."""
    total, trainable = doc["parameters"]["total"], doc["parameters"]["trainable"]
    epochs: list[dict[str, Any]] = doc["epochs"]
    lines = [
        f"run        {doc['run']}",
        f"state      {doc['state']}{f': {reason}' if (reason := doc['reason']) else ''}",
        f"preset     {doc['preset']}",
        f"command    {doc['command']}",
        f"data       {_data(doc)}",
        f"model      {counted(total, 'parameter')}, {count(trainable)} trainable",
        f"epochs     {len(epochs)} of {doc['experiment']['training']['epochs']}",
    ]
    lines += [f"study      {study}"] if (study := doc["study"]) else []
    if found := doc["closed_form"]:
        lines += [
            f"ridge      {result_words.ridge_in_words(found)}",
            f"solved     over {result_words.solved_images(found)}",
        ]
        lines.append(f"softmax    of the scores over the temperature {result_words.temperature_in_words(found)}")
    lines += score_lines(doc)
    lines += [f"warning    {text}" for text in doc["warnings"]]
    lines += [f"damaged    {why}"] if (why := doc.get("damaged")) else []
    lines.append(f"folder     {doc['folder']}")
    parts = ["\n".join(lines)]
    if doc["test"] is not None:
        parts.append(_per_class(doc["test"]["per_class"]))
    if epochs:
        parts.append(_history(epochs))
    return "\n\n".join(parts) + "\n"


def _data(doc: dict[str, Any]) -> str:
    data = doc["dataset"]
    if data is None:
        return f"{doc['experiment']['dataset']['name']} (not read yet)"
    parts = ", ".join(f"{count(data[part])} {part}" for part in ("train", "validation", "test") if data.get(part))
    return f"{data.get('title') or data['name']}{' (bundled sample)' if data.get('sample') else ''}: {parts}"


def _per_class(rows: list[dict[str, Any]]) -> str:
    right = ("precision", "recall", "F1", "images")
    table = plain_table("class", *right, right=right)
    for row in rows:
        scores = (percent(row[key]) for key in ("precision", "recall", "f1"))
        table.add_row(str(row["class"]), *scores, count(row["support"]))
    return rendered(table)


def _rate(value: float | None) -> str:
    return DASH if value is None else f"{value:.4g}"


def _history(epochs: list[dict[str, Any]]) -> str:
    right = ("epoch", "loss", "accuracy", "val loss", "val accuracy", "learning rate", "time")
    table = plain_table(*right, right=right)
    for row in epochs[-HISTORY:]:
        table.add_row(
            str(row["epoch"]),
            loss(row["loss"]),
            percent(row["accuracy"]),
            loss(row["val_loss"]),
            percent(row["val_accuracy"]),
            _rate(row["learning_rate"]),
            seconds(row["seconds"]),
        )
    left_out = len(epochs) - HISTORY
    return rendered(table) + (f"\n({left_out} earlier epochs: --json has them)" if left_out > 0 else "")


DAY = 86_400.0


def prune(
    ctx: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete what is listed; without it nothing is.")] = False,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", help="Only what has not changed for so many days.")
    ] = 0.0,
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """List what can go, and delete it with --yes: runs that were discarded, runs that failed or crashed and left
    nothing, and stale temporary files.
    """
    if not (math.isfinite(older_than) and older_than >= 0):
        raise RequestError(f"--older-than must be a number of days, 0 or more (got {older_than:g})")
    place = runs_folder(ctx, runs_dir)
    found = find_waste(place, place / PLACE, older_than=older_than * DAY)
    kept = _delete(found) if yes else found
    gone = [one for one in found if one not in kept]
    if as_json:
        print_json(
            [
                {
                    "path": str(one.path),
                    "run": one.run.id if one.run else None,
                    "why": one.why,
                    "bytes": one.size,
                    "deleted": one in gone,
                }
                for one in found
            ]
        )
    elif found:
        table = plain_table("what", "why", "size", right=("size",))
        for one in found:
            table.add_row(one.run.id if one.run else str(one.path), one.why, size(one.size))
        print_table(table)
    print_note(_told(found, gone, yes=yes) if found else f"there is nothing to prune in {place}")
    if yes and kept:
        raise typer.Exit(FAILED)


def _delete(found: list[Waste]) -> list[Waste]:
    """Delete what was found; return what could not be deleted, after a note for each."""
    kept: list[Waste] = []
    for one in found:
        try:
            remove_waste(one)
        except RunError as error:
            print_note(f"kept: {error}")
            kept.append(one)
    return kept


def _told(found: list[Waste], gone: list[Waste], *, yes: bool) -> str:
    if yes:
        return f"deleted {_counted(gone)}"
    return f"{_counted(found)}; nothing was deleted, the same command with --yes does it"


def _counted(found: list[Waste]) -> str:
    """``2 runs and 1 temporary file, 12.6 MB``."""
    runs = sum(one.run is not None for one in found)
    numbers = ((runs, "run"), (len(found) - runs, "temporary file"))
    parts = [counted(number, name) for number, name in numbers if number]
    return f"{listed(parts) or 'nothing'}, {size(sum(one.size for one in found))}"
