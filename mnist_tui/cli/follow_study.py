"""Follows a study without screens: a live table on a terminal, else a line a trial; signals are passed on to it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.follow import StopSignals
from mnist_tui.cli.output import LiveView, print_line
from mnist_tui.cli.study_results import STYLES, fitted, metric_words, print_results, table_of, trial_columns
from mnist_tui.clocks import HeardClock
from mnist_tui.shown_text import visible_line
from mnist_tui.studies import start
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.state import ENDED, StudyState, TrialRow
from mnist_tui.studies.trial_table import in_rank_order, metric_text, reason_text
from mnist_tui.studies.watch import StudyWatch
from mnist_tui.wording import count, counted, percent, seconds

if TYPE_CHECKING:
    from rich.console import RenderableType


LOOK_SECONDS = 0.2
REDRAW_SECONDS = 0.3


class StudyLeftError(WorkFailedError):
    """The person has left a study that has yet to stop."""


class StudyDisplay(Protocol):
    """What shows a study that is followed."""

    def say(self, text: str) -> None:
        """One note."""
        ...

    def tell(self, state: StudyState) -> None:
        """How the study stands now."""
        ...

    def end(self) -> None:
        """Leaves the terminal clean."""
        ...


class StudyLines:
    """A line for each trial that has ended, and one where the workers change."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told = StudyState()
        self._first = True

    def say(self, text: str) -> None:
        print_line(text, self._stream)

    def tell(self, state: StudyState) -> None:
        before, self._told = self._told, state
        known = {row.number: row for row in before.rows}
        if self._first and state.rows:
            self._first = False
            known = {row.number: row for row in state.rows}
            if settled := sum(row.settled for row in state.rows):
                self.say(f"{settled:,} of {counted(state.total, 'trial')} are there already")
        for note in state.notes[len(before.notes) :]:
            self.say(f"note: {note}")
        if state.workers and len(state.workers) != len(before.workers):
            self.say(workers_line(state).partition(":")[0])
        ended = [row for row in state.rows if row.state in ENDED and not _same_end(row, known.get(row.number))]
        for row in sorted(ended, key=lambda row: row.number):
            self.say(trial_line(state, row))

    def end(self) -> None:
        """Nothing is left to clean."""


class LiveStudyTable:
    """A table that is drawn again and again where it stands."""

    def __init__(self, stream: TextIO) -> None:
        self._live = LiveView(stream)
        self._drawn = 0.0
        self._noted = 0
        self._heard = HeardClock()

    def say(self, text: str) -> None:
        self._live.note(text)

    def tell(self, state: StudyState) -> None:
        for note in state.notes[self._noted :]:
            self.say(f"note: {note}")
        self._noted = len(state.notes)
        now = time.monotonic()
        if now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        width, height = shutil.get_terminal_size()
        drawn = view(state, width=width - 1, height=height - 1, now=self._heard(state.updated))
        self._live.show(drawn)

    def end(self) -> None:
        self._live.clear()


def standard() -> StudyDisplay:
    """Return what writes the progress of a study to the stderr of this process."""
    drawing = sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "")
    return LiveStudyTable(sys.stderr) if drawing else StudyLines(sys.stderr)


def follow_to_end(folder: StudyFolder, *, as_json: bool) -> None:
    """Shows the study until it has ended, then what came out of it.

    Raises:
        WorkFailedError: it failed, its process died, or none of its trials came to anything.
        StudyLeftError: a second signal came before it had stopped.
    """
    state = shown_to_end(folder)
    print_results(folder, state, as_json=as_json)
    check_outcome(folder, state)


def shown_to_end(folder: StudyFolder) -> StudyState:
    """Shows the study on stderr until it has ended; its last state.

    Raises:
        StudyLeftError: a second signal came before it had stopped.
    """
    teller = standard()
    try:
        with StopSignals(teller.say) as signals:
            return follow(folder, teller, signals)
    finally:
        teller.end()


def follow(folder: StudyFolder, teller: StudyDisplay, signals: StopSignals) -> StudyState:
    """Waits for the study's end, telling how it stands.

    Returns:
        Its last state, whose `state` is crashed where its process died without a word.

    Raises:
        StudyLeftError: a second signal came before it had stopped.
    """
    watch = StudyWatch(folder)
    while True:
        for number in signals.since_last():
            _stop(folder, teller, number)
        live = watch.study.live
        changed = watch.read()
        teller.tell(watch.study)
        if not live and not changed:
            return watch.study
        time.sleep(LOOK_SECONDS)


def _stop(folder: StudyFolder, teller: StudyDisplay, number: int) -> None:
    if number > 1:
        raise StudyLeftError(
            f"left study {folder.id} while it stops; `{PROGRAM} studies show {folder.id}` shows how far it is"
        )
    teller.say("stopping: the trials under way stop and are saved; once more leaves at once")
    start.stop(folder)


def check_outcome(folder: StudyFolder, state: StudyState) -> None:
    """Tells of a study that came to nothing.

    Raises:
        WorkFailedError: it failed, its process died, or every trial failed.
    """
    if state.state == "crashed":
        raise WorkFailedError(
            f"study {folder.id} crashed: its process {folder.why_crashed()}; its log is {folder.log_file}, and"
            f" `{PROGRAM} resume {folder.id}` trains what is missing"
        )
    if state.state == "failed":
        raise WorkFailedError(f"study {folder.id} failed ({state.reason}); its log is {folder.log_file}")
    if state.rows and all(row.state == "failed" for row in state.rows):
        raise WorkFailedError(f"none of the trials of study {folder.id} finished: {state.rows[0].reason}")


def trial_line(state: StudyState, row: TrialRow) -> str:
    """``trial 3 of 24: hidden 150, seed 1: finished, val accuracy 97.12 %, test accuracy 97.30 %, 12.3 s``."""
    words = [f"{name} {value}" for name, value in row.values] or [row.base]
    words += [f"seed {row.seed}"] if len({each.seed for each in state.rows}) > 1 else []
    head = f"trial {row.number} of {state.total}: {', '.join(words)}: "
    if row.state != "finished":
        return head + reason_text(row)
    figures = [f"{metric_words(state.metric)} {metric_text(row, state.metric)}"]
    figures += [f"test accuracy {percent(row.test_accuracy)}"] if row.test_accuracy is not None else []
    figures += [seconds(row.seconds)] if row.seconds is not None else []
    return head + ", ".join(["finished", *figures])


def _same_end(row: TrialRow, before: TrialRow | None) -> bool:
    return before is not None and (before.state, before.run) == (row.state, row.run)


AROUND = 6
"""Lines beside the trials: title, bar, workers, the table's head and its rule, what is left out."""
LEAST_ROWS = 3


def view(state: StudyState, *, width: int, height: int, now: float) -> RenderableType:
    """The study in at most `height` lines, but never without its first trials.

    Args:
        width, height: of the terminal, in cells.
        now: seconds since the Unix epoch.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    ordered = in_rank_order(state.rows, state.metric, compares=state.compares)
    shown = chosen(ordered, max(LEAST_ROWS, height - AROUND))
    columns = [column for column in fitted(trial_columns(state, shown), width) if column.title != "run"]
    parts: list[RenderableType] = [
        Text(visible_line(progress_line(state, now)), no_wrap=True, overflow="ellipsis", style="bold"),
        Padding(ProgressBar(total=max(1, state.total), completed=state.progress, width=min(width, 60)), expand=False),
        Text(visible_line(workers_line(state)), no_wrap=True, overflow="ellipsis", style="dim"),
    ]
    if shown:
        parts.append(table_of(columns, [STYLES.get(row.state, "") for row in shown]).table)
    if left := len(ordered) - len(shown):
        parts.append(Text(f"… and {counted(left, 'trial')} more", style="dim"))
    return Group(*parts)


def chosen(ordered: Sequence[TrialRow], room: int) -> list[TrialRow]:
    """As many rows as there is room for: those that run, then the first of the others; their order is kept."""
    if len(ordered) <= room:
        return list(ordered)
    running = [row for row in ordered if row.state == "running"][:room]
    others = [row for row in ordered if row.state != "running"][: room - len(running)]
    kept = {row.number for row in (*running, *others)}
    return [row for row in ordered if row.number in kept]


def progress_line(state: StudyState, now: float) -> str:
    """``7 of 24 trials, 2 running, 1 failed · about 3 min 12 s left · raw over hidden``."""
    if not state.rows:
        return "the study's process starts" if state.live else state.state
    parts = [f"{state.done:,} of {counted(state.total, 'trial')}"]
    parts += [f"{number:,} {word}" for word in ("running", "pruned", "failed") if (number := state.count(word))]
    left = state.seconds_left(now)
    about = f" · about {seconds(round(left))} left" if left is not None else ""
    doing = "" if state.state == "running" else f" · {state.state}"
    return f"{', '.join(parts)}{doing}{about} · {state.title}"


def workers_line(state: StudyState) -> str:
    """``2 workers on 1 machine, 1 thread each: 2 busy``."""
    if not state.workers:
        return "no worker yet" if state.live else ""
    hosts = Counter(worker.host for worker in state.workers)
    busy = sum(bool(worker.run) for worker in state.workers)
    gpus = sum(worker.gpu is not None for worker in state.workers)
    threads = sorted({worker.threads for worker in state.workers})
    each = f", {counted(threads[0], 'thread')} each" if len(threads) == 1 else ""
    on = f"on {counted(len(hosts), 'machine')}{f', {count(gpus)} with a GPU' if gpus else ''}{each}"
    return f"{counted(len(state.workers), 'worker')} {on}: {busy:,} busy"
