"""List, show, stop and delete studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.follow import wait_until_known
from mnist_tui.cli.groups import BenchCommand, BenchGroup
from mnist_tui.cli.options import (
    Force,
    Json,
    RunsDir,
    Yes,
    complete_study,
    may_delete,
    option,
    refuse_early_json,
    runs_folder,
    write_output,
)
from mnist_tui.cli.output import TextTable, print_json, print_note, print_table
from mnist_tui.cli.study_results import print_results
from mnist_tui.errors import RequestError
from mnist_tui.paths import typed_path
from mnist_tui.report.tabular import csv_text
from mnist_tui.studies import start
from mnist_tui.studies.folder import StudyFolder, delete_study, find_study, study_folders
from mnist_tui.studies.state import StudyState
from mnist_tui.studies.trial_table import csv_rows, metric_text
from mnist_tui.studies.watch import read_study
from mnist_tui.wording import moment

app = typer.Typer(name="studies", cls=BenchGroup, add_completion=False)
CSV_HELP = "Also write the table of trials into this file, as CSV."
IMPORTANCES_HELP = "How much each varied parameter decides the score (fANOVA, by Optuna)."
STUDY_HELP = "A study's id, a unique beginning of one, its name, its folder, or latest."
NamedStudy = Annotated[str, typer.Argument(metavar="STUDY", help=STUDY_HELP, autocompletion=complete_study)]


@app.callback(invoke_without_command=True)
def studies(ctx: typer.Context, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """List all studies, newest first; `show`, `stop` and `delete` take one."""
    if ctx.invoked_subcommand is not None:
        if as_json:
            refuse_early_json(ctx)
        return
    runs = runs_folder(ctx, runs_dir)
    readable: list[tuple[StudyFolder, StudyState]] = []
    for folder in study_folders(runs):
        try:
            readable.append((folder, read_study(folder)))
        except RequestError as error:
            print_note(f"note: {error}")
    if as_json:
        print_json([_summary(folder, state) for folder, state in readable])
        return
    if not readable:
        print_note(f"there are no studies in {runs}; `{PROGRAM} sweep` and `{PROGRAM} train --seeds` make one")
        return
    table = TextTable("study", "kind", "state", "trials", "best", "started", right=("trials", "best"))
    for folder, state in readable:
        best = metric_text(state.best_row, state.metric) if state.best_row is not None else ""
        trials = f"{state.done:,}/{state.total:,}"
        table.add_row(folder.id, state.kind, state.state, trials, best, moment(state.started))
    print_table(table)


@app.command(cls=BenchCommand)
def show(
    ctx: typer.Context,
    *,
    study: NamedStudy,
    csv: Annotated[Path | None, option("--csv", "FILE", CSV_HELP, parser=typed_path)] = None,
    force: Force = False,
    importances: Annotated[bool, option("--importances", None, IMPORTANCES_HELP)] = False,
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """Show one study: its trials, best first, and its results."""
    folder = find_study(runs_folder(ctx, runs_dir), study)
    state = read_study(folder)
    found = None
    if importances:
        from mnist_tui.studies.importance import importances as importances_of

        found = importances_of(folder.study(), state)
    if csv is not None:
        write_output(csv, csv_text(csv_rows(state)), "--csv", force=force)
    print_results(folder, state, as_json=as_json, importances=found)
    if not as_json:
        for note in state.notes:
            print_note(f"note: {note}")


@app.command(cls=BenchCommand)
def stop(ctx: typer.Context, study: NamedStudy, runs_dir: RunsDir = None) -> None:
    """Stop a study: the trials under way stop and are saved; `resume` trains what is missing. Twice ends it at once."""
    folder = find_study(runs_folder(ctx, runs_dir), study)
    how = "ends at once" if start.stop(folder) else "will stop"
    print_note(f"study {folder.id} {how}; `{PROGRAM} resume {folder.id}` trains what is missing")


@app.command(cls=BenchCommand)
def delete(
    ctx: typer.Context,
    *,
    study: NamedStudy,
    runs: Annotated[bool, option("--runs", None, "Delete its runs, too, with their models and results.")] = False,
    yes: Yes = False,
    runs_dir: RunsDir = None,
) -> None:
    """Delete a study that has ended; its runs stay, unless --runs is given."""
    folder = find_study(runs_folder(ctx, runs_dir), study)
    what = f"study {folder.id} and all its runs" if runs else f"study {folder.id}"
    if not may_delete(what, yes=yes):
        return
    wait_until_known(folder)
    delete_study(folder, runs=runs)
    print_note(f"deleted {what}")


def _summary(folder: StudyFolder, state: StudyState) -> dict[str, Any]:
    best = state.best_row
    return {
        "study": folder.id,
        "folder": str(folder.path),
        "kind": state.kind,
        "title": state.title,
        "state": state.state,
        "trials": state.total,
        "done": state.done,
        "finished": state.count("finished"),
        "failed": state.count("failed"),
        "best": best and {"number": best.number, "run": best.run, "score": best.score},
        "started": state.started,
        "ended": state.ended,
    }
