"""Follows a run that someone else writes. The only thing that crosses to the screens is a frozen `Snapshot`.

Nothing of Textual here: a `Reader` calls `RunWatch.look` in a thread of its own, tests call it themselves.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mnist_tui.experiment.presets import Reference
from mnist_tui.experiment.problem import RequestError
from mnist_tui.python_process import UNKNOWN_END
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.state import DAMAGED, LIVE, RunState, reduce

CHECK_SECONDS = 1.0
"""How often a worker that should live is looked for."""
CHUNK = 512 * 1024
CHUNKS = 64
"""Chunks read before a first snapshot is shown of a log longer than that."""
LOG_LINES = 12
BROKEN = ("failed", "crashed", DAMAGED)
"""Ends that the log may explain."""


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        run: what the reducer makes of the events so far.
        word: one of `state.STATES`; unlike `run.state` it knows of crashes.
        reason: why it ended, in words; empty where there is nothing to say.
        log: the log's last lines, for a run that failed or crashed.
        reference: what was published of the experiment, for a run that has ended on the source's data.
    """

    folder: RunFolder
    run: RunState = field(default_factory=RunState)
    word: str = "starting"
    reason: str = ""
    log: tuple[str, ...] = ()
    reference: Reference | None = None

    @property
    def live(self) -> bool:
        return self.word in LIVE


class RunWatch:
    """Looks at a run's folder again and again.

    Args:
        clock: seconds, for how often the worker is looked for.
    """

    def __init__(self, folder: RunFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._tail = EventTail(folder.events_file)
        self._run = RunState()
        self._folder_word = "starting"
        self._checked: float | None = None
        self._log: tuple[str, ...] = ()
        self._last: Snapshot | None = None
        self._reference: Reference | None = None
        self._reference_read = False

    def look(self) -> Snapshot | None:
        """The run as it is now; None where nothing has changed since the last look."""
        self._check()
        for _ in range(CHUNKS):
            events = self._tail.read(CHUNK)
            if not events:
                break
            self._run = reduce(self._run, events)
        snapshot = self._snapshot()
        if snapshot == self._last:
            return None
        self._last = snapshot
        return snapshot

    def _check(self) -> None:
        """What the folder says goes before the events are read, so that a last event is never missed."""
        now = self._clock()
        if self._checked is not None and now - self._checked < CHECK_SECONDS:
            return
        self._checked = now
        try:
            self._folder_word = self.folder.state()
        except RunError:
            self._folder_word = DAMAGED if self.folder.path.is_dir() else "crashed"
        if self._folder_word in BROKEN:
            self._log = tuple(self.folder.last_log_lines(LOG_LINES))

    def _snapshot(self) -> Snapshot:
        run = self._run
        dead = run.ended is None and self._folder_word not in LIVE
        word = self._folder_word if dead else run.state
        if word not in BROKEN:
            reason = run.ended.reason if run.ended else ""
            return Snapshot(self.folder, run, word, reason, reference=self._published())
        return Snapshot(self.folder, run, word, self._why(word), self._log)

    def _published(self) -> Reference | None:
        """What was published of it, read once the run has ended; nothing where sample data stood in."""
        if self._run.ended is None or (self._run.data is not None and self._run.data.sample):
            return None
        if not self._reference_read:
            self._reference_read = True
            with contextlib.suppress(RequestError, OSError, TypeError):
                self._reference = self.folder.preset().reference
        return self._reference

    def _why(self, word: str) -> str:
        if self._run.ended is not None:
            return self._run.ended.reason
        if not self.folder.path.is_dir():
            return f"the run's folder {self.folder.path} is gone"
        try:
            reason = self.folder.status().reason
        except RunError as error:
            reason = str(error)
        if reason:
            return reason
        return f"the worker {self.folder.known_end() or UNKNOWN_END}" if word == "crashed" else ""
