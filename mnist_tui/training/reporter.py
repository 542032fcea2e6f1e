"""Write a run's events, status and heartbeat from any thread, in order and not too often."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from typing import Protocol

from mnist_tui.clocks import SteadyClock
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import Ended, Event, Phase, Progress
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import HEARTBEAT_SECONDS, this_process, with_heartbeat
from mnist_tui.training.machine import LoadMeter

PHASE_SECONDS = 0.2
FRESH_SECONDS, LOAD_SECONDS = 0.1, 1.0
"""The first intervals between two events of progress and of the load; `pace` makes them longer."""
LONG_SECONDS = 5.0


class DataReporter(Protocol):
    """What reading and preparing data is reported to: a run's `Reporter`, or one that makes no events."""

    def phase(self, name: str, done: float = 0, total: float = 0, unit: str = "", text: str = "") -> None:
        """Report the present activity."""
        ...

    def emit(self, event: Event) -> None:
        """Report an event."""
        ...


class Reporter:
    """The only writer of a run's events and status.

    Args:
        folder: the run's folder, whose lock the caller holds.
        not_before: the time of an earlier session's last event, because times in a log never go back.
    """

    def __init__(self, folder: RunFolder, not_before: float = 0.0) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._log = EventLog(folder.events_file)
        self._clock = SteadyClock(not_before)
        self._status = this_process("starting")
        self._folder.write_status(self._status)
        self._over = threading.Event()
        self._phase = Phase(name="")
        self._held: Progress | None = None
        self._flushed = 0.0
        self._training_since: float | None = None

    def emit(self, event: Event) -> None:
        """Append an event with its time, unless the run's last event is already written."""
        with self._lock:
            if not self._over.is_set():
                self._log.append(replace(event, time=self._clock()))

    def sync(self) -> None:
        """Wait until all events so far are on the disk."""
        with self._lock:
            if not self._over.is_set():
                self._log.sync()

    def phase(self, name: str, done: float = 0, total: float = 0, unit: str = "", text: str = "") -> None:
        """Report the present activity; of many steps of a phase, a few a second and the last one are written."""
        event = Phase(name=name, done=done, total=total, unit=unit, text=text, time=self._clock())
        with self._lock:
            again = (name, text, total) == (self._phase.name, self._phase.text, self._phase.total)
            if again and event.time - self._phase.time < PHASE_SECONDS and done != total:
                return
            self._phase = event
            self.emit(event)

    def progress(self, event: Progress) -> None:
        """Report the progress of training, at first at once, then as often as `pace` allows."""
        now = time.monotonic()
        if self._training_since is None:
            self._training_since = now
        self._held = event
        if now - self._flushed >= pace(now - self._training_since, FRESH_SECONDS):
            self.flush()

    def flush(self) -> None:
        """Write the progress that `pace` has delayed; to be called before something else is written."""
        if self._held is not None:
            self.emit(self._held)
            self._held = None
            self._flushed = time.monotonic()

    def drop(self) -> None:
        """Discard the progress that `pace` has delayed, because the epoch's figures replace it."""
        self._held = None

    def state(self, state: str) -> None:
        """Write the run's state, running or paused, into its status."""
        with self._lock:
            if not self._over.is_set():
                self._status = replace(with_heartbeat(self._status), state=state)
                self._folder.write_status(self._status)

    def end(self, ended: Ended) -> bool:
        """Write the last event, then the last status, so that a reader of that status finds everything complete.

        Returns:
            False if another thread has already ended the run.
        """
        with self._lock:
            if self._over.is_set():
                return False
            try:
                self.emit(ended)
            finally:
                self._over.set()
                self._status = replace(with_heartbeat(self._status), state=ended.state, reason=ended.reason)
                self._folder.write_status(self._status)
            self._log.close()
            return True

    def start_heartbeat(self) -> None:
        """Renew the status and report the load in a thread, until the run ends."""
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def _beat(self) -> None:
        meter = LoadMeter()
        began = read = beat = time.monotonic()
        while not self._over.wait(LOAD_SECONDS / 4):
            now = time.monotonic()
            try:
                if now - read >= pace(now - began, LOAD_SECONDS):
                    read = now
                    self.emit(meter.read())
                if now - beat >= HEARTBEAT_SECONDS:
                    beat = now
                    self.state(self._status.state)
            except OSError as error:
                print(f"the run's folder cannot be written: {error}", file=sys.stderr, flush=True)


def pace(elapsed: float, least: float) -> float:
    """Return the seconds between two events: `least` at first, then 1/100 of the elapsed time up to LONG_SECONDS."""
    return min(LONG_SECONDS, max(least, elapsed / 100))
