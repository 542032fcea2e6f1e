"""`studies` lists, shows, stops and deletes studies; a study that this terminal began is followed to its end."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.follow import StopSignals, wait_until_known
from mnist_tui.cli.options import BenchGroup, Json, RunsDir, Yes, complete_study, may_delete, runs_folder
from mnist_tui.cli.output import LiveView, TextTable, print_json, print_line, print_note, print_table
from mnist_tui.cli.study_results import (
    STYLES,
    fitted,
    metric_words,
    print_detached,
    print_results,
    table_of,
    trial_columns,
)
from mnist_tui.clocks import RemoteClock
from mnist_tui.errors import RequestError
from mnist_tui.shown_text import visible_line
from mnist_tui.studies import start
from mnist_tui.studies.folder import StudyFolder, delete_study, find_study, study_folders
from mnist_tui.studies.state import ENDED, StudyState, TrialRow
from mnist_tui.studies.trial_table import counts, in_rank_order, metric_text, reason_text, values_text, workers_text
from mnist_tui.studies.watch import StudyWatch, read_study
from mnist_tui.wording import counted, moment, percent, seconds

if TYPE_CHECKING:
    from rich.console import RenderableType


app = typer.Typer(cls=BenchGroup, help="Studies: seeds, sweeps and reproductions; list them, look at one, stop it.")

Named = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study's id, a unique beginning of one, its folder, or latest.",
        autocompletion=complete_study,
    ),
]


@app.callback(invoke_without_command=True)
def studies(ctx: typer.Context, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """List all studies, newest first; `show`, `stop` and `delete` take one."""
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise RequestError(
                f"--json belongs after its command: `{PROGRAM} studies {ctx.invoked_subcommand} … --json`"
            )
        return
    place = runs_folder(ctx, runs_dir)
    found: list[tuple[StudyFolder, StudyState]] = []
    for folder in study_folders(place):
        try:
            found.append((folder, read_study(folder)))
        except RequestError as error:
            print_note(f"note: {error}")
    if as_json:
        print_json([_summary(folder, state) for folder, state in found])
        return
    if not found:
        print_note(f"there are no studies in {place}; `{PROGRAM} sweep` and `{PROGRAM} train --seeds` make one")
        return
    table = TextTable("study", "kind", "state", "trials", "best", "started", right=("trials", "best"))
    for folder, state in found:
        best = metric_text(state.best_row, state.metric) if state.best_row is not None else ""
        trials = f"{state.done:,}/{state.total:,}"
        table.add_row(folder.id, state.kind, state.state, trials, best, moment(state.started))
    print_table(table)


@app.command()
def show(ctx: typer.Context, study: Named, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """Show one study: its trials, best first, and its results."""
    folder = find_study(_place(ctx, runs_dir), study)
    state = read_study(folder)
    print_results(folder, state, as_json=as_json)
    if not as_json:
        for note in state.notes:
            print_note(f"note: {note}")


@app.command()
def stop(ctx: typer.Context, study: Named, runs_dir: RunsDir = None) -> None:
    """Stop a study: the trials under way stop and are saved; `resume` trains what is missing. Twice ends it at once."""
    folder = find_study(_place(ctx, runs_dir), study)
    how = "ends at once" if start.stop(folder) else "will stop"
    print_note(f"study {folder.id} {how}; `{PROGRAM} resume {folder.id}` trains what is missing")


@app.command()
def delete(
    ctx: typer.Context,
    *,
    study: Named,
    runs: Annotated[bool, typer.Option("--runs", help="Delete its runs, too, with their models and results.")] = False,
    yes: Yes = False,
    runs_dir: RunsDir = None,
) -> None:
    """Delete a study that has ended; its runs stay, unless --runs is given."""
    folder = find_study(_place(ctx, runs_dir), study)
    what = f"study {folder.id} and all its runs" if runs else f"study {folder.id}"
    if not may_delete(what, yes=yes):
        return
    wait_until_known(folder)
    delete_study(folder, runs=runs)
    print_note(f"deleted {what}")


def _place(ctx: typer.Context, runs_dir: Path | None) -> Path:
    """Return the runs folder: named after the command, after `studies`, before it, or the default."""
    before = ctx.parent.params.get("runs_dir") if ctx.parent is not None else None
    return runs_folder(ctx, runs_dir or before)


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


LOOK_SECONDS = 0.2
REDRAW_SECONDS = 0.3
OTHER_LINES = 6
"""Lines beside the trials: title, bar, workers, the table's head and its rule, what is left out."""
LEAST_ROWS = 3


class StudyLeftError(WorkFailedError):
    """The person left a study before it had stopped."""


class StudyLines:
    """Prints a study's notes, a line for each trial that has ended, and one where the number of workers changes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = StudyState()

    def say(self, text: str) -> None:
        """Print a line."""
        print_line(text, self._stream)

    def show(self, study: StudyState) -> None:
        """Show the study as it is now."""
        before, self._shown = self._shown, study
        for note in study.notes[len(before.notes) :]:
            self.say(f"note: {note}")
        self._show(before, study)

    def close(self) -> None:
        """Leave the terminal clean."""

    def _show(self, before: StudyState, study: StudyState) -> None:
        known = {row.number: row for row in before.rows}
        if study.rows and not known:
            known = {row.number: row for row in study.rows}
            if settled := sum(row.settled for row in study.rows):
                self.say(f"{settled:,} of {counted(study.total, 'trial')} are done already")
        if study.workers and len(study.workers) != len(before.workers):
            self.say(workers_text(study).partition(" · ")[0])
        for row in sorted(study.rows, key=lambda row: row.number):
            earlier = known.get(row.number)
            if row.state in ENDED and (earlier is None or (earlier.state, earlier.run) != (row.state, row.run)):
                self.say(trial_line(study, row))


class LiveStudyTable(StudyLines):
    """Draws a table of the trials again and again in the same place, with the study's notes above it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._live = LiveView(stream)
        self._drawn = 0.0
        self._clock = RemoteClock()

    def say(self, text: str) -> None:
        self._live.note(text)

    def close(self) -> None:
        self._live.clear()

    def _show(self, before: StudyState, study: StudyState) -> None:
        now = time.monotonic()
        if now - self._drawn >= REDRAW_SECONDS:
            self._drawn = now
            width, height = shutil.get_terminal_size()
            self._live.show(view(study, width=width - 1, height=height - 1, now=self._clock(study.updated)))


def follow_to_end(folder: StudyFolder, *, as_json: bool, detach: bool = False) -> None:
    """Show the study until it has ended, then print its results; to detach, print its id at once.

    Raises:
        WorkFailedError: it failed, its process died, or all of its trials failed.
        StudyLeftError: a second signal came before it had stopped.
    """
    if detach:
        print_detached(folder, as_json=as_json)
        return
    study = shown_to_end(folder)
    print_results(folder, study, as_json=as_json)
    check_outcome(folder, study)


def shown_to_end(folder: StudyFolder) -> StudyState:
    """Show the study on stderr until it has ended, and return its last state; see `follow`."""
    live = sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "")
    display = LiveStudyTable(sys.stderr) if live else StudyLines(sys.stderr)
    try:
        with StopSignals(display.say) as signals:
            return follow(folder, display, signals)
    finally:
        display.close()


def follow(folder: StudyFolder, display: StudyLines, signals: StopSignals) -> StudyState:
    """Wait for the study's end, show how far it is, and return its last state (crashed where its process died).

    Raises:
        StudyLeftError: a second signal came before it had stopped.
    """
    watch = StudyWatch(folder)
    while True:
        for number in signals.since_last():
            if number > 1:
                raise StudyLeftError(
                    f"left study {folder.id} while it stops; `{PROGRAM} studies show {folder.id}` shows how far it is"
                )
            display.say("stopping: the trials under way stop and are saved; once more leaves at once")
            start.stop(folder)
        live = watch.study.live
        changed = watch.read()
        display.show(watch.study)
        if not live and not changed:
            return watch.study
        time.sleep(LOOK_SECONDS)


def check_outcome(folder: StudyFolder, study: StudyState) -> None:
    """Check that a study ended with results.

    Raises:
        WorkFailedError: it failed, its process died, or every trial failed.
    """
    if study.state == "crashed":
        raise WorkFailedError(
            f"study {folder.id} crashed: its process {folder.why_crashed()}; its log is {folder.log_file}, and"
            f" `{PROGRAM} resume {folder.id}` trains what is missing"
        )
    if study.state == "failed":
        raise WorkFailedError(f"study {folder.id} failed ({study.reason}); its log is {folder.log_file}")
    if study.rows and all(row.state == "failed" for row in study.rows):
        raise WorkFailedError(f"none of the trials of study {folder.id} finished: {study.rows[0].reason}")


def trial_line(study: StudyState, row: TrialRow) -> str:
    """Return ``trial 3 of 24: hidden 150, seed 1: finished, val accuracy 97.12 %, test accuracy 97.30 %, 12.3 s``."""
    values = values_text(row, base=not row.values, seed=len({each.seed for each in study.rows}) > 1)
    result = reason_text(row)
    if row.state == "finished":
        figures = [f"{metric_words(study.metric)} {metric_text(row, study.metric)}"]
        figures += [f"test accuracy {percent(row.test_accuracy)}"] if row.test_accuracy is not None else []
        figures += [seconds(row.seconds)] if row.seconds is not None else []
        result = ", ".join(["finished", *figures])
    return f"trial {row.number} of {study.total}: {values}: {result}"


def view(study: StudyState, *, width: int, height: int, now: float) -> RenderableType:
    """Return the study in at most `height` lines, but never without its first trials.

    Args:
        width, height: of the terminal, in cells.
        now: seconds since the Unix epoch.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    ordered = in_rank_order(study.rows, study.metric, compares=study.compares)
    shown = _shortened(ordered, max(LEAST_ROWS, height - OTHER_LINES))
    columns = [column for column in fitted(trial_columns(study, shown), width) if column.title != "run"]
    workers = workers_text(study) or ("no worker yet" if study.live else "")
    parts: list[RenderableType] = [
        Text(visible_line(progress_line(study, now)), no_wrap=True, overflow="ellipsis", style="bold"),
        Padding(ProgressBar(total=max(1, study.total), completed=study.progress, width=min(width, 60)), expand=False),
        Text(visible_line(workers), no_wrap=True, overflow="ellipsis", style="dim"),
    ]
    if shown:
        parts.append(table_of(columns, [STYLES.get(row.state, "") for row in shown]).table)
    if left := len(ordered) - len(shown):
        parts.append(Text(f"… and {counted(left, 'trial')} more", style="dim"))
    return Group(*parts)


def _shortened(ordered: Sequence[TrialRow], room: int) -> list[TrialRow]:
    """Return as many rows as there is room for: running ones, then the first of the others, in the same order."""
    first = sorted(ordered, key=lambda row: row.state != "running")[:room]
    kept = {row.number for row in first}
    return [row for row in ordered if row.number in kept]


def progress_line(study: StudyState, now: float) -> str:
    """Return ``7 of 24 trials, 2 running, 1 failed · about 3 min 12 s left · raw over hidden``."""
    if not study.rows:
        return "the study's process starts" if study.live else study.state
    parts = [f"{study.done:,} of {counted(study.total, 'trial')}", *counts(study, ("running", "pruned", "failed"))]
    left = study.seconds_left(now)
    about = f" · about {seconds(round(left))} left" if left is not None else ""
    state = "" if study.state == "running" else f" · {study.state}"
    return f"{', '.join(parts)}{state}{about} · {study.title}"
