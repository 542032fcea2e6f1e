"""Watch the folder of a run that another process writes, until the run has ended. For every front end.

A front end gets frozen `RunSnapshot` objects. A worker that has died without writing its end is noticed.
"""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from mnist_tui.errors import RequestError, RunError
from mnist_tui.python_process import UNKNOWN_END
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import Event
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import DAMAGED, LIVE, RunState, reduce

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset, Reference

LOOK_SECONDS = 0.1
"""The time between two snapshots of `RunWatch.follow`."""
CHECK_SECONDS = 1.0
"""The time between two checks of whether the worker lives."""
LAST_EVENT_SECONDS = 3.0
"""How long to wait for the last event of a run whose status says that it has ended."""
CHUNK = 512 * 1024
CHUNKS = 64
"""The most chunks of the log that are read for one snapshot."""
LOG_LINES = 12
BROKEN = ("failed", "crashed", DAMAGED)
"""States for which a snapshot has the last lines of the worker's log."""

Snapshot_co = TypeVar("Snapshot_co", covariant=True)


class FolderWatch(ABC, Generic[Snapshot_co]):
    """The base of `RunWatch` and its equivalent for studies: makes a snapshot of a folder when it has changed."""

    _last: object = None

    def new_snapshot(self) -> Snapshot_co | None:
        """Return a snapshot of the folder as it is now; None if nothing has changed since the last call."""
        snapshot = self._snapshot()
        if snapshot == self._last:
            return None
        self._last = snapshot
        return snapshot

    @abstractmethod
    def _snapshot(self) -> Snapshot_co:
        """Read new events and files, and return the folder as it is now."""


@dataclass(frozen=True)
class RunSnapshot:
    """A run at one moment.

    Attributes:
        run: the state after the events so far.
        state: one of `state.STATES`; unlike `run.state` it can be crashed.
        reason: why the run ended, in words; empty if that is not known.
        log: the last lines of the worker's log, for a run that failed or crashed.
        reference: the published results of the experiment, for a run that has ended and did not use sample data.
    """

    folder: RunFolder
    run: RunState = field(default_factory=RunState)
    state: str = "starting"
    reason: str = ""
    log: tuple[str, ...] = ()
    reference: Reference | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE


class RunWatch(FolderWatch[RunSnapshot]):
    """Watches a run's folder.

    Args:
        clock: returns seconds, for the intervals between checks of the worker.
        on_events: called with the new state and each batch of new events.

    Attributes:
        run: the state after the events that were read so far.
    """

    def __init__(
        self,
        folder: RunFolder,
        clock: Callable[[], float] = time.monotonic,
        on_events: Callable[[RunState, list[Event]], object] | None = None,
    ) -> None:
        self.folder = folder
        self._clock, self.on_events = clock, on_events
        self._tail = EventTail(folder.events_file)
        self.run = RunState()
        with contextlib.suppress(RunError, OSError):
            self.run = RunState(origin=folder.origin)
        self._folder_state = "starting"
        self._checked: float | None = None
        self._lived = 0.0
        self._log: tuple[str, ...] = ()

    def skip_earlier(self) -> RunState:
        """Read the events of earlier workers, so that their end does not end `follow`; return the state after them.

        To be called before a new worker is started.
        """
        earlier = reduce(self.run, self._tail.read_all())
        self.run = replace(earlier, state="starting", ended=None)
        return earlier

    def follow(self, tick: Callable[[], object] = lambda: None) -> Iterator[RunSnapshot]:
        """Yield a snapshot after every change until the run has ended; the last snapshot shows the end.

        Args:
            tick: called about ten times a second.
        """
        while True:
            tick()
            if self.run.ended is not None:
                self._checked = None
            if (snapshot := self.new_snapshot()) is not None:
                yield snapshot
            if self._is_over():
                return
            time.sleep(LOOK_SECONDS)

    def _is_over(self) -> bool:
        if self._folder_state in LIVE:
            self._lived = self._clock()
            return False
        late = self._clock() - self._lived > LAST_EVENT_SECONDS
        return self.run.ended is not None or self._folder_state == "crashed" or late

    def _snapshot(self) -> RunSnapshot:
        self._check()
        for _ in range(CHUNKS):
            events = self._tail.read(CHUNK)
            if not events:
                break
            self.run = reduce(self.run, events)
            if self.on_events is not None:
                self.on_events(self.run, events)
        run = self.run
        dead = run.ended is None and self._folder_state not in LIVE
        state = self._folder_state if dead else run.state
        if state in BROKEN:
            return RunSnapshot(self.folder, run, state, self._why(state), self._log)
        reason = run.ended.reason if run.ended else ""
        sample = run.data is not None and run.data.sample
        reference = None if run.ended is None or self._preset is None else self._preset.published(sample=sample)
        return RunSnapshot(self.folder, run, state, reason, reference=reference)

    def _check(self) -> None:
        """Read the folder's state. This must happen before the events are read, so that the last one is not missed."""
        now = self._clock()
        if self._checked is not None and now - self._checked < CHECK_SECONDS:
            return
        self._checked = now
        try:
            self._folder_state = self.folder.state()
        except RunError:
            self._folder_state = DAMAGED if self.folder.path.is_dir() else "crashed"
        if self._folder_state in BROKEN:
            self._log = tuple(self.folder.last_log_lines(LOG_LINES))

    @cached_property
    def _preset(self) -> Preset | None:
        with contextlib.suppress(RequestError, OSError):
            return self.folder.preset()
        return None

    def _why(self, state: str) -> str:
        if self.run.ended is not None:
            return self.run.ended.reason
        if not self.folder.path.is_dir():
            return f"the run's folder {self.folder.path} is gone"
        try:
            reason = self.folder.status().reason
        except RunError as error:
            reason = str(error)
        return reason or (f"the worker {self.folder.known_end() or UNKNOWN_END}" if state == "crashed" else "")
