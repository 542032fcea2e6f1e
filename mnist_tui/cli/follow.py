"""Follow a run without screens: print a line for each phase and epoch, and pass signals on to its worker."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from mnist_tui.cli.output import LiveLine, print_line, print_note
from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs.control import send
from mnist_tui.runs.events import EpochEnded, Event, Extended, Phase, Resumed, computation
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import SILENT_SECONDS, is_worker
from mnist_tui.runs.state import EpochRow, RunState
from mnist_tui.runs.watch import LOOK_SECONDS, RunWatch
from mnist_tui.wording import count, counted, loss, percent, seconds

if TYPE_CHECKING:
    from mnist_tui.studies.folder import StudyFolder

LIVE_LINE_SECONDS = 0.25


class StopSignals:
    """Ctrl-C and SIGTERM while a run is followed: the first stops and saves, the second ends it now.

    They are caught as long as the block lasts; a dropped terminal (SIGHUP) ends this process and leaves the worker.
    """

    CAUGHT = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, say: Callable[[str], None]) -> None:
        self.count = 0
        self._passed_on = 0
        self._say = say
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopSignals:
        for number in self.CAUGHT:
            self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]

    def _caught(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1

    def pass_on(self, folder: RunFolder) -> None:
        """Pass the signals since the last call on to the worker."""
        for number in self.since_last():
            if number == 1:
                self._say("stopping: the worker finishes its step, evaluates and saves; once more ends it now")
                with contextlib.suppress(RunError):
                    send(folder, "stop")
            elif number == 2:
                self._say("ending now")
                end_worker(folder)

    def since_last(self) -> Iterator[int]:
        """Yield the signals since the last call, numbered from the first one on (1, 2, …)."""
        while self._passed_on < self.count:
            self._passed_on += 1
            yield self._passed_on


def wait_until_known(folder: RunFolder | StudyFolder) -> None:
    """Wait until it is known whether the process of a run or a study lives, with a note where that may take long.

    Only a process on another machine, in a folder that machines share, is watched; a folder that cannot be read is left
    to whoever reads it.
    """
    with contextlib.suppress(RequestError):
        if not folder.is_known():
            where = folder.status().host or "another machine"
            print_note(f"looking for up to {SILENT_SECONDS:.0f} s whether its process on {where} still lives")
            folder.wait_until_known()


def end_worker(folder: RunFolder) -> None:
    """End the run's worker on this machine without evaluation: a second SIGTERM means now."""
    with contextlib.suppress(RunError, OSError):
        status = folder.status()
        if status.pid and is_worker(folder.path, status):
            os.kill(status.pid, signal.SIGTERM)
            time.sleep(LOOK_SECONDS)
            os.kill(status.pid, signal.SIGTERM)


def follow(folder: RunFolder, teller: Teller, signals: StopSignals, watch: RunWatch | None = None) -> RunState:
    """Wait for the run's end, and print what happens.

    Args:
        watch: a watch on the run that has read earlier events already; nothing is printed of them.

    Returns:
        The run's last state, whose `state` is crashed where its worker died without a word.
    """
    watch = watch or RunWatch(folder)
    watch.on_events = teller.tell
    teller.has_told(watch.run)
    (last,) = deque(watch.follow(lambda: signals.pass_on(folder)), maxlen=1)
    return replace(last.run, state=last.state)


class Teller:
    """Prints a run's events in lines.

    Args:
        lines: where an epoch's line goes: a result without ``--json``.
        notes: where everything else goes; a line that changes only where it is a terminal.
    """

    def __init__(self, lines: TextIO, notes: TextIO) -> None:
        self._lines, self._notes, self._line = lines, notes, LiveLine(notes)
        self._live = notes.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._drawn = 0.0
        self._told = RunState()
        self._rate: float | None = None
        self._phases: set[str] = set()

    def say(self, text: str) -> None:
        """Print one note."""
        self._line.clear()
        print_line(text, self._notes)

    def has_told(self, state: RunState) -> None:
        """Take all of `state` as printed already."""
        self._told = state
        self._rate = state.history[-1].learning_rate if state.history else None

    def tell(self, state: RunState, events: list[Event]) -> None:
        """Print what is new in `state`."""
        before, self._told = self._told, state
        if state.start is not None and state.start is not before.start:
            self.say(f"run {state.run}: {counted(state.start.total, 'parameter')}, {counted(state.epochs, 'epoch')}")
        if state.data is not None and state.data is not before.data:
            self.say(_data_line(state))
        if state.model is not None and state.model is not before.model:
            model = state.model
            self.say(f"on {model.device_name or model.device} ({model.device}): {computation(model)}")
        for text in state.warnings[len(before.warnings) :]:
            self.say(f"warning: {text}")
        if state.state == "paused" and before.state != "paused":
            self.say("paused; `mnist-tui continue` lets it go on")
        for event in events:
            self._happened(event, state)
        if events:
            self._draw(state)

    def end(self) -> None:
        """Clear the terminal's last line."""
        self._line.clear()

    def _happened(self, event: Event, state: RunState) -> None:
        match event:
            case Phase() if event.name != "training" and event.name not in self._phases:
                self._phases.add(event.name)
                self.say(f"{_phase_words(event)} …")
            case Resumed(from_epoch=int(epoch)):
                self.say(resumed_line(epoch, event.step, state))
            case Extended(epochs=epochs):
                self.say(f"extended: {counted(epochs, 'epoch')} are planned now")
            case EpochEnded():
                self._line.clear()
                print_line(epoch_line(event, state.epochs, self._rate), self._lines)
                self._rate = event.learning_rate
            case _:
                pass

    def _draw(self, state: RunState) -> None:
        now = time.monotonic()
        if not self._live or state.ended is not None or now - self._drawn < LIVE_LINE_SECONDS:
            return
        text = _live_line(state)
        if text:
            self._drawn = now
            self._line.show(text[: max(20, _columns(self._notes) - 1)])


def resumed_line(epoch: int, step: int, state: RunState) -> str:
    """Return from where a resumed run goes on."""
    if not epoch and not step:
        return "it was not yet saved: it begins again with its first epoch"
    steps = f" and step {count(step)} of {count(state.model.steps)} of the next" if step and state.model else ""
    return f"goes on after epoch {epoch} of {count(state.epochs)}{steps}"


def epoch_line(row: EpochRow | EpochEnded, epochs: int, rate_before: float | None = None) -> str:
    """Return one epoch's figures in 80 columns; the learning rate only where it has changed since the epoch before."""
    width = len(str(epochs))
    now = row.learning_rate
    rate = "" if now is None or rate_before in (None, now) else f"  learning rate {now:.4g}"
    return (
        f"epoch {row.epoch:>{width}}/{epochs}  loss {loss(row.loss)} (val {loss(row.val_loss)})  "
        f"accuracy {percent(row.accuracy)} (val {percent(row.val_accuracy)})  {seconds(row.seconds)}{rate}"
    )


def _data_line(state: RunState) -> str:
    data = state.data
    assert data is not None
    validation = f", {count(data.validation)} validation" if data.validation else ""
    said = " (the bundled sample, not MNIST)" if data.sample else ""
    return f"{data.title}{said}: {count(data.train)} training{validation} and {count(data.test)} test images"


def _live_line(state: RunState) -> str:
    progress, phase = state.progress, state.phase
    if progress is not None and (phase is None or phase.name == "training"):
        left = f" · {seconds(state.seconds_left)} left" if state.seconds_left is not None else ""
        return (
            f"epoch {progress.epoch}/{state.epochs} · step {progress.step:,}/{progress.steps:,} · "
            f"loss {loss(progress.loss)} · accuracy {percent(progress.accuracy)} · "
            f"{progress.images_per_second:,.0f} images/s{left}"
        )
    if phase is not None and phase.total:
        return f"{_phase_words(phase)} {100 * phase.done / phase.total:.0f} %"
    return ""


def _phase_words(phase: Phase) -> str:
    return phase.text if phase.text.startswith(phase.name) else f"{phase.name} {phase.text}".strip()


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 80


def standard(as_json: bool) -> Teller:
    """Return a teller that prints epochs on stdout, or, where a JSON document is printed there, on stderr."""
    return Teller(sys.stderr if as_json else sys.stdout, sys.stderr)
