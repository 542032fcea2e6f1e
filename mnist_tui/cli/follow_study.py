"""Follow a study on a terminal until it ends: a live table, or a line for each trial where there is no terminal."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.follow import StopSignals, print_begun
from mnist_tui.cli.output import LiveView, fitted, is_live, print_line, table_of
from mnist_tui.cli.study_results import metric_words, print_results, trial_columns
from mnist_tui.clocks import RemoteClock
from mnist_tui.shown_text import visible_line
from mnist_tui.studies import start
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.state import ENDED, StudyState, TrialRow
from mnist_tui.studies.trial_table import counts, in_rank_order, metric_text, reason_text, values_text, workers_text
from mnist_tui.studies.watch import StudyWatch
from mnist_tui.wording import counted, percent, seconds

if TYPE_CHECKING:
    from rich.console import RenderableType


STYLES = {
    "running": "cyan",
    "finished": "green",
    "pruned": "yellow",
    "stopped": "yellow",
    "diverged": "magenta",
    "failed": "red",
    "waiting": "dim",
}
LOOK_SECONDS = 0.2
REDRAW_SECONDS = 0.3
OTHER_LINES = 6
"""The lines of a view that hold no trial: title, bar, workers, two of the table's head, the number of other trials."""
LEAST_ROWS = 3


class StudyLines:
    """A display of a study as lines: its notes, each trial that has ended, and each change of the number of workers."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = StudyState()

    def note(self, text: str) -> None:
        """Print a line as it is."""
        print_line(text, self._stream)

    def show(self, study: StudyState) -> None:
        """Print what is new in the study since the last call."""
        before, self._shown = self._shown, study
        for note in study.notes[len(before.notes) :]:
            self.note(f"note: {note}")
        self._show(before, study)

    def close(self) -> None:
        """Remove what the display replaces in place, so that other lines can be printed."""

    def _show(self, before: StudyState, study: StudyState) -> None:
        known = {row.number: row for row in before.rows}
        if study.rows and not known:
            known = {row.number: row for row in study.rows}
            if settled := sum(row.settled for row in study.rows):
                self.note(f"{settled:,} of {counted(study.total, 'trial')} are done already")
        if study.workers and len(study.workers) != len(before.workers):
            self.note(workers_text(study).partition(" · ")[0])
        for row in sorted(study.rows, key=lambda row: row.number):
            earlier = known.get(row.number)
            if row.state in ENDED and (earlier is None or (earlier.state, earlier.run) != (row.state, row.run)):
                self.note(trial_line(study, row))


class LiveStudyTable(StudyLines):
    """A display of a study as a table of its trials that is redrawn in place, with the study's notes above it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._live = LiveView(stream)
        self._drawn = 0.0
        self._clock = RemoteClock()

    def note(self, text: str) -> None:
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
    """Show the study until it ends, then print its results; with `detach`, only print its id.

    Raises:
        WorkFailedError: as `shown_to_end` and `check_outcome` raise it.
    """
    if detach:
        shows = f"`{PROGRAM} studies show {folder.id}` shows how far it is"
        print_begun(folder, f"it goes on in the background; {shows}", as_json=as_json)
        return
    study = shown_to_end(folder)
    print_results(folder, study, as_json=as_json)
    check_outcome(folder, study)


def shown_to_end(folder: StudyFolder) -> StudyState:
    """Show the study on stderr until it ends, and return its last state.

    Raises:
        WorkFailedError: a second signal arrived before the study had stopped.
    """
    display = LiveStudyTable(sys.stderr) if is_live(sys.stderr) else StudyLines(sys.stderr)
    try:
        with StopSignals(display.note) as signals:
            return follow(folder, display, signals)
    finally:
        display.close()


def follow(folder: StudyFolder, display: StudyLines, signals: StopSignals) -> StudyState:
    """Show the study until it ends, and return its last state, which is crashed if its process died.

    The first signal stops the study.

    Raises:
        WorkFailedError: a second signal arrived before the study had stopped.
    """
    watch = StudyWatch(folder)
    while True:
        for number in signals.since_last():
            if number > 1:
                raise WorkFailedError(
                    f"left study {folder.id} while it stops; `{PROGRAM} studies show {folder.id}` shows how far it is"
                )
            display.note("stopping: the trials under way stop and are saved; once more leaves at once")
            start.stop(folder)
        live = watch.study.live
        changed = watch.read()
        display.show(watch.study)
        if not live and not changed:
            return watch.study
        time.sleep(LOOK_SECONDS)


def check_outcome(folder: StudyFolder, study: StudyState) -> None:
    """Raise WorkFailedError if a study that has ended failed, its process died, or every trial failed."""
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
    """Describe a trial that has ended: ``trial 3 of 24: hidden 150, seed 1: finished, val accuracy 97.12 %``."""
    values = values_text(row, base=not row.values, seed=len({each.seed for each in study.rows}) > 1)
    result = reason_text(row)
    if row.state == "finished":
        figures = [f"{metric_words(study.metric)} {metric_text(row, study.metric)}"]
        tested = row.test_accuracy is not None and not row.fold
        figures += [f"test accuracy {percent(row.test_accuracy)}"] if tested else []
        figures += [f"training {seconds(row.training_seconds)}"] if row.training_seconds is not None else []
        result = ", ".join(["finished", *figures])
    return f"trial {row.number} of {study.total}: {values}: {result}"


def view(study: StudyState, *, width: int, height: int, now: float) -> RenderableType:
    """Return Rich's view of a study: progress, workers, and a table of as many trials as there is room for.

    Args:
        width, height: the size of the view in cells; the height may be exceeded by a few trials.
        now: the time in seconds since the Unix epoch.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    ordered = in_rank_order(study.rows, study.metric, compares=study.compares)
    running_first = sorted(ordered, key=lambda row: row.state != "running")
    first = {row.number for row in running_first[: max(LEAST_ROWS, height - OTHER_LINES)]}
    shown = [row for row in ordered if row.number in first]
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


def progress_line(study: StudyState, now: float) -> str:
    """Describe the progress of a study: ``7 of 24 trials, 2 running · about 12 s left · raw over hidden``."""
    if not study.rows:
        return "the study's process starts" if study.live else study.state
    parts = [f"{study.done:,} of {counted(study.total, 'trial')}", *counts(study, ("running", "pruned", "failed"))]
    left = study.seconds_left(now)
    about = f" · about {seconds(round(left))} left" if left is not None else ""
    state = "" if study.state == "running" else f" · {study.state}"
    return f"{', '.join(parts)}{state}{about} · {study.title}"
