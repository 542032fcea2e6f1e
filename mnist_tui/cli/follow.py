"""Follow a run without screens: print a line for each phase and each epoch, and pass signals on to the run's worker."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from mnist_tui.cli.output import LiveLine, is_live, print_json, print_line, print_note
from mnist_tui.errors import RequestError, RunError
from mnist_tui.processes import SILENT_SECONDS
from mnist_tui.runs.control import send
from mnist_tui.runs.events import EpochEnded, Event, Extended, Phase, Resumed, RunStarted, computation
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import is_worker
from mnist_tui.runs.state import EpochRow, RunState
from mnist_tui.runs.watch import LOOK_SECONDS, RunWatch
from mnist_tui.wording import count, counted, loss, percent, seconds

if TYPE_CHECKING:
    from mnist_tui.studies.folder import StudyFolder

LIVE_LINE_SECONDS = 0.25


class StopSignals:
    """A context that catches Ctrl-C and SIGTERM: the first one stops a run and saves it, the second one ends it now.

    SIGHUP, the signal of a closed terminal, is not caught: it ends this process, and the worker goes on.

    Args:
        note: prints a sentence.
        stopping: what the worker does after the first signal.
    """

    def __init__(
        self, note: Callable[[str], None], stopping: str = "the worker finishes its step, evaluates and saves"
    ) -> None:
        self._caught = self._passed_on = 0
        self._note, self._stopping = note, stopping
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _catch(self, *_: object) -> None:
        self._caught += 1

    def pass_on(self, folder: RunFolder) -> None:
        """Pass the signals that were caught since the last call on to the run's worker."""
        for number in self.since_last():
            if number == 1:
                self._note(f"stopping: {self._stopping}; once more ends it now")
                with contextlib.suppress(RunError):
                    send(folder, "stop")
            elif number == 2:
                self._note("ending now")
                _end_worker(folder)

    def since_last(self) -> Iterator[int]:
        """Yield the number of each signal caught since the last call; the first of all signals has the number 1."""
        while self._passed_on < self._caught:
            self._passed_on += 1
            yield self._passed_on


def _end_worker(folder: RunFolder) -> None:
    with contextlib.suppress(RunError, OSError):
        status = folder.status()
        if status.pid and is_worker(folder.path, status):
            os.kill(status.pid, signal.SIGTERM)
            time.sleep(LOOK_SECONDS)
            os.kill(status.pid, signal.SIGTERM)  # to a worker a second SIGTERM means to end without evaluation


def print_begun(folder: RunFolder | StudyFolder, note: str, *, as_json: bool) -> None:
    """Print the id of a run or study that goes on in the background on stdout, and a note on stderr."""
    if as_json:
        print_json({folder.kind: folder.id, "folder": str(folder.path)})
    else:
        print_line(folder.id)
    print_note(note)


def wait_until_known(folder: RunFolder | StudyFolder) -> None:
    """Wait until it is known whether the process of a run or a study lives; print a note if that may take long.

    It may take long only for a process on another machine, whose heartbeat is watched in a shared folder. A folder
    that cannot be read is skipped, for the code that reads it next reports that.
    """
    with contextlib.suppress(RequestError):
        if not folder.is_known():
            where = folder.status().host or "another machine"
            process = f"the process of {folder.kind} {folder.id} on {where}"
            print_note(f"waiting up to {SILENT_SECONDS:.0f} s to see whether {process} is alive")
            folder.wait_until_known()


def follow(folder: RunFolder, printer: EventPrinter, signals: StopSignals, watch: RunWatch | None = None) -> RunState:
    """Print a run's events until it ends, and return its last state, which is crashed if its worker died.

    Args:
        watch: a watch on the run; events that it has read already are not printed.
    """
    watch = watch or RunWatch(folder)
    watch.on_events = printer.show
    printer.skip(watch.run)
    (last,) = deque(watch.follow(lambda: signals.pass_on(folder)), maxlen=1)
    return replace(last.run, state=last.state)


class EventPrinter:
    """Prints the events of a run as lines.

    Args:
        lines: the stream for the lines of epochs, which are results.
        notes: the stream for all other lines; on a terminal it also shows the progress within an epoch.
    """

    def __init__(self, lines: TextIO, notes: TextIO) -> None:
        self._lines, self._notes, self._line = lines, notes, LiveLine(notes)
        self._live = is_live(notes)
        self._drawn = 0.0
        self._state = RunState()
        self._phases: set[str] = set()

    def note(self, text: str) -> None:
        """Print a line to the stream for notes."""
        self._line.clear()
        print_line(text, self._notes)

    def skip(self, state: RunState) -> None:
        """Set the state after which events are new, without printing anything."""
        self._state = state

    def show(self, state: RunState, events: list[Event]) -> None:
        """Print a run's new events; `state` is the run's state after them."""
        before, self._state = self._state, state
        rate = before.history[-1].learning_rate if before.history else None
        if state.start is not None and state.start is not before.start:
            self.note(_started_line(state.start))
        if (data := state.data) is not None and data is not before.data:
            sample = " (the bundled sample, not MNIST)" if data.sample else ""
            validation = f", {count(data.validation)} validation" if data.validation else ""
            parts = f"{count(data.train)} training{validation} and " if data.train else ""
            self.note(f"{data.title}{sample}: {parts}{count(data.test)} {data.evaluated}")
        if (model := state.model) is not None and model is not before.model:
            self.note(f"on {model.device_name or model.device} ({model.device}): {computation(model)}")
            if model.start:
                self.note(f"start: {model.start}")
        for text in state.warnings[len(before.warnings) :]:
            self.note(f"warning: {text}")
        if state.state == "paused" and before.state != "paused":
            self.note("paused; `mnist-tui continue` continues the training")
        for event in events:
            match event:
                case Phase() if event.name != "training" and event.name not in self._phases:
                    self._phases.add(event.name)
                    self.note(f"{_phase_text(event)} …")
                case Resumed(from_epoch=int(epoch)):
                    self.note(_resumed_line(epoch, event.step, state))
                case Extended(epochs=epochs):
                    self.note(f"extended: {counted(epochs, 'epoch')} are planned now")
                case EpochEnded():
                    self._line.clear()
                    print_line(epoch_line(event, state.epochs, rate), self._lines)
                    rate = event.learning_rate
                case _:
                    pass
        now, text = time.monotonic(), _progress_line(state)
        if events and text and self._live and state.ended is None and now - self._drawn >= LIVE_LINE_SECONDS:
            self._drawn = now
            self._line.show(text[: max(20, _width(self._notes) - 1)])

    def end(self) -> None:
        """Remove the line that shows the progress."""
        self._line.clear()


def _started_line(start: RunStarted) -> str:
    sizes = [
        *([counted(start.total, "parameter")] if start.total else []),
        *([counted(start.epochs, "epoch")] if start.epochs else []),
    ]
    return ": ".join(filter(None, (f"run {start.run}", ", ".join(sizes))))


def _resumed_line(epoch: int, step: int, state: RunState) -> str:
    if not epoch and not step:
        return "the run was not saved yet: it begins again with its first epoch"
    steps = f" and step {count(step)} of {count(state.model.steps)} of the next" if step and state.model else ""
    return f"goes on after epoch {epoch} of {count(state.epochs)}{steps}"


def epoch_line(row: EpochRow | EpochEnded, epochs: int, rate_before: float | None = None) -> str:
    """Return one epoch's figures in 80 columns, with the learning rate only if it is not that of the epoch before."""
    width = len(str(epochs))
    now = row.learning_rate
    rate = "" if now is None or rate_before in (None, now) else f"  learning rate {now:.4g}"
    return (
        f"epoch {row.epoch:>{width}}/{epochs}  loss {loss(row.loss)} (val {loss(row.val_loss)})  "
        f"accuracy {percent(row.accuracy)} (val {percent(row.val_accuracy)})  {seconds(row.seconds)}{rate}"
    )


def _progress_line(state: RunState) -> str:
    progress, phase = state.progress, state.phase
    if progress is not None and (phase is None or phase.name == "training"):
        left = f" · {seconds(state.seconds_left)} left" if state.seconds_left is not None else ""
        return (
            f"epoch {progress.epoch}/{state.epochs} · step {progress.step:,}/{progress.steps:,} · "
            f"loss {loss(progress.loss)} · accuracy {percent(progress.accuracy)} · "
            f"{progress.images_per_second:,.0f} images/s{left}"
        )
    if phase is not None and phase.total:
        return f"{_phase_text(phase)} {100 * phase.done / phase.total:.0f} %"
    return ""


def _phase_text(phase: Phase) -> str:
    return phase.text if phase.text.startswith(phase.name) else f"{phase.name} {phase.text}".strip()


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 80
