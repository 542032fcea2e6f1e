"""`runs`, `show`, `logs`, `attach`, `delete`: runs that there are."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mnist_tui.cli.follow import wait_until_known
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
from mnist_tui.cli.output import plain_table, print_json, print_note, print_table, print_text
from mnist_tui.cli.run_or_study import run_or_study
from mnist_tui.cli.show import as_text
from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import UnreadableFileError, open_regular
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.deletion import discard_run
from mnist_tui.runs.library import check_readable, delete_run, list_runs, passed_over
from mnist_tui.runs.results import run_document
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.wording import count, counted, moment, percent

LOG_BYTES = 64_000_000
"""Of a log's end that `logs` prints at most."""


def runs(ctx: typer.Context, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """Every run, the newest first."""
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
    """A study's id without its time; an ending of the id, which the command line takes."""
    return study.split("-", 2)[-1]


def show(ctx: typer.Context, run: Run, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """One run: its experiment, history and scores."""
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
    """Everything that a run's worker and its libraries printed."""
    folder = chosen_run(ctx, run, runs_dir)
    if lines < 0:
        raise RequestError(f"-n {lines} is no number of lines; 0 prints all")
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
    """The app on a run's training screen, its curves from the start; on a study's screen for a study's id."""
    place = runs_folder(ctx, runs_dir)
    from mnist_tui.cli.open_app import open_study, open_watching

    found = run_or_study(place, run)
    if isinstance(found, StudyFolder):
        raise typer.Exit(open_study(lambda: found, runs_dir=found.runs_dir, refresh=refresh))
    raise typer.Exit(open_watching(found, refresh))


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
