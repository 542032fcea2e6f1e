"""`runs`, `show`, `logs`, `attach`, `delete`: runs that there are."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mnist_tui.cli.options import Json, RefreshOption, Run, RunsDir, chosen_run, runs_folder
from mnist_tui.cli.output import plain_table, print_json, print_table
from mnist_tui.cli.show import as_text
from mnist_tui.experiment.problem import RequestError
from mnist_tui.report.wording import count, moment, percent
from mnist_tui.runs.discard import discard
from mnist_tui.runs.document import document
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import delete_run, list_runs


def runs(ctx: typer.Context, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """Every run, the newest first."""
    place = runs_folder(ctx, runs_dir)
    if place.exists() and not place.is_dir():
        raise RequestError(f"the runs folder {place} is not a folder; name another with --runs-dir or MNIST_TUI_RUNS")
    found = list_runs(place)
    if as_json:
        print_json([run.to_document() for run in found])
        return
    if not found:
        print(f"there are no runs in {place}; `mnist-tui train --preset raw` makes one", file=sys.stderr)
        return
    right = ("epochs", "test accuracy", "macro F1", "parameters")
    own = [title for title in ("name", "note") if any(getattr(run, title) for run in found)]
    table = plain_table("run", "state", "preset", "changed", "started", *right, *own, right=right)
    for run in found:
        epochs = f"{run.epochs_done:,}/{run.epochs:,}"
        figures = (epochs, percent(run.test_accuracy), percent(run.macro_f1), count(run.parameters))
        mine = (getattr(run, title) for title in own)
        table.add_row(run.run, run.state, run.preset, run.differs, moment(run.started), *figures, *mine)
    print_table(table)


def show(ctx: typer.Context, run: Run, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """One run: its experiment, history and scores."""
    folder = chosen_run(ctx, run, runs_dir)
    doc = document(folder)
    if as_json:
        print_json(doc)
    else:
        sys.stdout.write(as_text(doc))


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
        text = folder.log_file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        print(f"run {folder.id} has printed nothing", file=sys.stderr)
        return
    except OSError as error:
        raise RequestError(f"{folder.log_file} cannot be read: {error.strerror or error}") from None
    for line in text.splitlines()[-lines:]:
        print(line)


def attach(ctx: typer.Context, run: Run, refresh: RefreshOption = None, runs_dir: RunsDir = None) -> None:
    """The app on a run's training screen, its curves from the start."""
    folder = chosen_run(ctx, run, runs_dir)
    from mnist_tui.cli.launch import open_watching

    raise typer.Exit(open_watching(folder, refresh))


def delete(
    ctx: typer.Context,
    *,
    run: Run,
    stop: Annotated[bool, typer.Option("--stop", help="Also one that trains: it ends and saves nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, in a terminal.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Remove a run that no longer trains, with all its files."""
    folder = chosen_run(ctx, run, runs_dir)
    if not yes and sys.stdin.isatty() and sys.stderr.isatty() and not _agreed(folder):
        print("kept", file=sys.stderr)
        return
    if stop:
        discard(folder)
    else:
        delete_run(folder)
    print(f"deleted run {folder.id}", file=sys.stderr)


def _agreed(folder: RunFolder) -> bool:
    return typer.confirm(f"delete run {folder.id} ({folder.path})?", err=True)
