"""Watch a run's folder that another process writes: frozen snapshots of it, and its end. For every front end.

The only thing that crosses to a front end is a `RunSnapshot`. Events go through the one reducer, and a worker that has
died without writing an end is noticed.
"""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, TypeVar

from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.presets import Reference
from mnist_tui.python_process import UNKNOWN_END
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import Event
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import DAMAGED, LIVE, RunState, reduce

LOOK_SECONDS = 0.1
"""Between two looks of `RunWatch.follow`."""
CHECK_SECONDS = 1.0
"""How often a worker that should live is looked for."""
LAST_EVENT_SECONDS = 3.0
"""How long the last event of a run may be missing whose status says that it ended."""
CHUNK = 512 * 1024
CHUNKS = 64
"""Chunks read before a first snapshot is made of a log longer than that."""
LOG_LINES = 12
BROKEN = ("failed", "crashed", DAMAGED)
"""States that the log may explain."""

Snapshot_co = TypeVar("Snapshot_co", covariant=True)


class FolderWatch(ABC, Generic[Snapshot_co]):
    """Looks at a folder again and again."""

    _last: object = None

    def look(self) -> Snapshot_co | None:
        """Return a snapshot of the folder as it is now; None where nothing has changed since the last look."""
        snapshot = self._snapshot()
        if snapshot == self._last:
            return None
        self._last = snapshot
        return snapshot

    @abstractmethod
    def _snapshot(self) -> Snapshot_co:
        """Read what is new, and return the folder as it is now."""


@dataclass(frozen=True)
class RunSnapshot:
    """A run at one moment.

    Attributes:
        run: the reducer's state after the events so far.
        state: one of `state.STATES`; unlike `run.state` it can be crashed.
        reason: why the run ended, in words; empty where there is nothing to say.
        log: the log's last lines, for a run that failed or crashed.
        reference: the published results of the experiment, for a run that has ended on the source's data.
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
    """Looks at a run's folder again and again.

    Args:
        clock: returns seconds; it decides how often the worker is looked for.
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
        self._folder_state = "starting"
        self._checked: float | None = None
        self._lived = 0.0
        self._log: tuple[str, ...] = ()

    def skip_earlier(self) -> RunState:
        """Read the events of earlier workers, before a new one is started; their end is not the end of this watch.

        Returns:
            The state after them.
        """
        earlier = reduce(self.run, self._tail.read_all())
        self.run = replace(earlier, state="starting", ended=None)
        return earlier

    def follow(self, tick: Callable[[], object] = lambda: None) -> Iterator[RunSnapshot]:
        """Yield a snapshot at every change, until the run has ended; the last one is its end.

        Args:
            tick: called about ten times a second meanwhile.
        """
        while True:
            tick()
            if self.run.ended is not None:
                self._checked = None
            if (snapshot := self.look()) is not None:
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
        if state not in BROKEN:
            reason = run.ended.reason if run.ended else ""
            return RunSnapshot(self.folder, run, state, reason, reference=self._published())
        return RunSnapshot(self.folder, run, state, self._why(state), self._log)

    def _check(self) -> None:
        """Read the folder's state: before the events, so that a last event is never missed."""
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

    def _published(self) -> Reference | None:
        """Return the published results once the run has ended; None where it trained on sample data."""
        sample = self.run.data is not None and self.run.data.sample
        return None if self.run.ended is None or sample else self._reference

    @cached_property
    def _reference(self) -> Reference | None:
        with contextlib.suppress(RequestError, OSError):
            return self.folder.preset().reference
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
        if reason:
            return reason
        return f"the worker {self.folder.known_end() or UNKNOWN_END}" if state == "crashed" else ""
