"""Commands on a study and its trials, for the list of studies and a study's screen, with their questions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from mnist_tui.errors import RequestError
from mnist_tui.files import write_text
from mnist_tui.paths import PathError, typed_path
from mnist_tui.python_process import environment, module
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.folder import RunFolder
from mnist_tui.studies.folder import StudyFolder, delete_study
from mnist_tui.studies.state import TrialRow
from mnist_tui.studies.trial_table import csv_rows
from mnist_tui.studies.watch import StudySnapshot
from mnist_tui.tui.bench import Bench, BenchScreen, Route
from mnist_tui.tui.dialogs import Choice, FormDialog, Question, answer_keys
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.path_input import PathInput
from mnist_tui.wording import counted


class StopStudyQuestion(Question):
    """The question whether to stop a study; the default is that it goes on."""

    TITLE = "Stop this study?"
    HELP = """
    **Stopping a study.** Trials under way stop and save, and count as missing; those that have ended are kept. `r`, or
    the same command again, trains what is missing.
    """
    ANSWERS = (
        Choice("keep", "escape,k,n", "Keep going", "Let it go on", "primary"),
        Choice("stop", "s,y", "Stop", "Stop it now", "warning"),
    )
    BINDINGS = answer_keys("ask-stop", ANSWERS)

    def __init__(self, snapshot: StudySnapshot) -> None:
        study = snapshot.study
        planned = counted(max(study.trials, len(study.rows)), "trial")
        what = "Running trials stop and count as missing; resuming trains what is missing."
        if snapshot.state == "stopping":
            what = "It is stopping already. Once more ends it at once: running trials are lost."
        super().__init__(f"{study.title}\n{study.done:,} of {planned} ended, {study.count('running'):,} running", what)


class DeleteStudyQuestion(Question):
    """The question what to delete: nothing (the default), the study alone, or the study and its runs."""

    TITLE = "Delete this study?"
    HELP = """
    **Deleting a study.** The study alone: its table and log go, its runs stay in the list of runs. With its runs: their
    folders go too, with weights, results and exports. Neither can be undone.
    """
    ANSWERS = (
        Choice("keep", "escape,k,n", "Keep", "Keep it", "primary"),
        Choice("study", "d", "Study alone", "Delete the study, keep its runs", "warning"),
        Choice("runs", "a", "All", "Delete the study and all its runs", "error"),
    )
    BINDINGS = answer_keys("ask-study", ANSWERS)

    def __init__(self, title: str, runs: int) -> None:
        super().__init__(
            f"{title}\n{counted(runs, 'run')}", "The study alone, or also its runs with weights, results and exports?"
        )


class CsvScreen(FormDialog[Path]):
    """A dialog that asks for the path of a CSV file; None if it was cancelled.

    Args:
        path: the path at first.
    """

    TITLE = "Write the table of trials"
    ACCEPT = "Write"
    HELP = """
    **CSV file.** A line for each trial: its values, its state, its scores (shares from 0 to 1), its run. A relative
    path begins where the program was started; Tab completes names. `mnist-tui studies show STUDY --csv FILE` writes
    the same.
    """
    BINDINGS = [
        bind("csv.cancel", "escape", "cancel", "Cancel", "Write nothing"),
        bind("csv.write", "ctrl+s", "accept", "Write", "Write the file"),
    ]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._line = PathInput(str(path), placeholder="path of the CSV file; Tab completes names")
        self._warned: Path | None = None

    def fields(self) -> Iterable[Widget]:
        yield self._line

    @on(Input.Changed)
    def _typed(self) -> None:
        self._warned = None
        self.show_problem("")

    def accept(self) -> None:
        """Dismiss the dialog with the path; a file that exists is replaced only after a second time."""
        try:
            path = typed_path(self._line.value.strip())
        except PathError as error:
            self.show_problem(str(error))
            return
        if not self._line.value.strip() or path.is_dir():
            self.show_problem("name a file, such as trials.csv")
        elif path.exists() and self._warned != path:
            self._warned = path
            self.show_problem(f"{path} exists; Enter once more replaces it")
        else:
            self.dismiss(path)


def ask_for_csv(screen: BenchScreen[Any], snapshot: StudySnapshot) -> None:
    """Ask for a path, and write the table of a study's trials there."""

    def answered(path: Path | None) -> None:
        if path is not None:
            _in_thread(screen, partial(write, path), "The table is not written")

    def write(path: Path) -> str:
        from mnist_tui.report.tabular import csv_text

        try:
            write_text(path, csv_text(csv_rows(snapshot.study)))
        except OSError as error:
            raise RequestError(f"the file {path} cannot be written: {error.strerror or error}") from None
        return f"wrote {path.resolve()}: {counted(snapshot.study.rows, 'trial')}"

    screen.app.push_screen(CsvScreen(Path(f"{snapshot.folder.id}.csv")), answered)


async def importances_of(study: StudyFolder) -> tuple[tuple[tuple[str, float], ...], str]:
    """Compute the importances of a study's parameters in a process of their own.

    Returns:
        Pairs of a parameter and its share, the largest first; and of what they are computed, or why there are none.
    """
    command = module("mnist_tui.studies.importance", str(study.path.absolute()))
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=quiet, stdout=asyncio.subprocess.PIPE, stderr=quiet, env=environment()
        )
    except OSError as error:
        return (), f"no process can be started to compute them: {error.strerror or error}"
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:  # the screen was closed
            process.kill()
    try:
        found = json.loads(printed)
        if "problem" in found:
            return (), found["problem"]
        combinations = counted(found["points"], "combination")
        note = f"Share of the score's variance over {combinations} of values that each explains alone (fANOVA)."
        return tuple(found["shares"].items()), note
    except (ValueError, KeyError, TypeError):
        return (), "Optuna could not compute them"


def run_of(study: StudyFolder, trial: TrialRow) -> RunFolder | None:
    """Return the folder of a trial's run; None if the trial has no run yet or the run was deleted."""
    folder = study.run(trial.run) if trial.run else None
    return folder if folder is not None and folder.experiment_file.is_file() else None


def runs_of(study: StudyFolder, trials: Sequence[TrialRow]) -> list[RunFolder]:
    """Return the folders of the trials' runs that exist."""
    return [folder for trial in trials if (folder := run_of(study, trial)) is not None]


def open_trial(bench: Bench, study: StudyFolder, trial: TrialRow) -> None:
    """Show a trial's run: its training screen while it trains, else its results. Escape leads back to the study."""
    folder = run_of(study, trial)
    if folder is not None:
        bench.show(Route("training" if trial.state == "running" else "results", run=folder))
        return
    why = f"It has no run{': ' + trial.reason if trial.reason else ''}."
    if trial.deleted or trial.run:
        why = "Its run was deleted; what is known of it is in the table."
    elif trial.state == "waiting":
        why = "It waits for a worker and has no run yet."
    bench.warn(why, f"Trial #{trial.number}")


def edit_trial(bench: Bench, study: StudyFolder, trial: TrialRow) -> None:
    """Edit the experiment of a trial's run; of a trial without a run, edit the planned experiment."""
    try:
        folder = run_of(study, trial)
        if folder is not None:
            preset = folder.preset()
        else:
            from mnist_tui.studies.trials import with_seed, with_values

            preset = with_seed(with_values(study.bases()[trial.base], trial.values), trial.seed)
    except (RequestError, KeyError) as error:
        bench.warn(str(error), f"Trial #{trial.number} cannot be edited")
    else:
        bench.show(Route("editor", preset=preset))


def compare_runs(screen: BenchScreen[Any], folders: Sequence[RunFolder]) -> None:
    """Compare two runs or more. A thread of the screen reads them."""
    if len(folders) < 2:
        screen.notify("Mark two trials or more with Space, then o compares them.", title="Nothing to compare with")
        return
    bench = screen.app

    def read_and_show() -> None:
        from mnist_tui.runs.collection.summaries import summary_of

        summaries: list[RunSummary] = []
        for folder in folders:
            try:
                summaries.append(summary_of(folder))
            except (RequestError, OSError, TypeError) as error:
                bench.call_from_thread(bench.warn, str(error), f"Run {folder.id} is left out")
        if len(summaries) > 1 and screen.is_current:
            bench.call_from_thread(bench.show, Route("compare", summaries=summaries))

    screen.run_worker(read_and_show, thread=True, group=TAKES_KEYBOARD, exclusive=True, exit_on_error=False)


def export_trials(bench: Bench, study: StudyFolder, trials: Sequence[TrialRow]) -> None:
    """Export the runs of the trials that have ended: one report about all runs, weights and tables of each."""
    folders = runs_of(study, [trial for trial in trials if trial.state not in {"running", "waiting"}])
    if folders:
        bench.show(Route("export", runs=folders))
    else:
        bench.warn("None of these trials has ended with a run that is still there.", "Nothing to export")


def stop_study(screen: BenchScreen[Any], snapshot: StudySnapshot) -> None:
    """Stop a study; ask first, unless the settings say otherwise."""

    def stop() -> str:
        from mnist_tui.studies import start

        if start.stop(snapshot.folder):
            return "The study was asked to stop at once; trials under way are lost."
        return "The study was asked to stop; trials under way save and count as missing."

    def answered(answer: str | None) -> None:
        if answer == "stop":
            _in_thread(screen, stop, "The study cannot stop")

    if screen.app.settings.confirm:
        screen.app.push_screen(StopStudyQuestion(snapshot), answered)
    else:
        answered("stop")


def resume_study(screen: BenchScreen[Any], folder: StudyFolder) -> None:
    """Train a study's missing trials."""
    bench = screen.app

    def resume() -> str:
        from mnist_tui.studies import start

        start.resume(folder)
        bench.call_from_thread(bench.studies.follow, folder, resumed=True)
        return "The study goes on."

    _in_thread(screen, resume, "The study cannot resume")


def delete_study_and_runs(screen: BenchScreen[Any], folder: StudyFolder, *, runs: bool) -> None:
    """Delete a study and, with `runs`, its runs too."""
    screen.app.studies.forget(folder)
    _in_thread(screen, partial(delete_study, folder, runs=runs), "The study is not deleted")


def _in_thread(screen: BenchScreen[Any], command: Callable[[], str | None], failure: str) -> None:
    """Run a command in a thread; a notice shows its result or the reason why it failed."""
    bench = screen.app

    def work() -> None:
        try:
            result = command()
        except (RequestError, OSError) as error:
            bench.call_from_thread(bench.warn, str(error), failure)
        else:
            if result:
                bench.call_from_thread(bench.notify, result, title="Study", timeout=4)

    screen.run_worker(work, thread=True, group="order", exit_on_error=False)
