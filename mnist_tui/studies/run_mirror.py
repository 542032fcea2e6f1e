"""A run's folder at home while it trains elsewhere: its events as they come, its status, its files at the end.

The log is only ever added to, so that whoever tails it misses nothing and reads nothing twice.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mnist_tui import clocks
from mnist_tui.files import move, open_append, temporary_prefix
from mnist_tui.runs import control
from mnist_tui.runs.control import Command
from mnist_tui.runs.event_log import EventLog, decode, encode, write_whole
from mnist_tui.runs.events import Ended, Event, Extended, Resumed
from mnist_tui.runs.folder import HEARTBEAT_SECONDS, POINTER, Lock, RunFolder, Status, beaten, this_process
from mnist_tui.runs.state import LIVE, RunState, reduce
from mnist_tui.studies.transport import TrialFiles, unpack

EVENTS = "events.jsonl"
LAST = ("results.json", POINTER)
"""What tells that the other files are there."""


class RunMirror:
    """One run that this process answers for; its lock is held until it has ended.

    Attributes:
        attempts: how often a worker has begun it.

    Raises:
        RunError: another process writes the run.
        OSError: its folder cannot be written.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.attempts = 0
        self._lock = Lock(folder)
        self._dispatch = ""
        self._shipped = 0
        self._state = RunState()
        EventLog(folder.events_file).close()  # ends a torn line
        self._log = open_append(folder.events_file)
        self._status = this_process("starting")
        folder.write_status(self._status)
        self._written = time.monotonic()

    def begins(self, dispatch: str) -> list[Event]:
        """A worker begins the run; what an earlier one told of it is dropped by an event that says so."""
        self.attempts += 1
        self._dispatch, self._shipped = dispatch, 0
        if not os.fstat(self._log.fileno()).st_size:
            return []
        return self._add(encode(Resumed(from_epoch=0, step=0, time=self._now())).encode() + b"\n")

    def comes(self, dispatch: str, offset: int, lines: bytes) -> list[Event]:
        """Events arrive; those of an attempt given up, those known, and the last one, which waits for the files, don't.

        Args:
            offset: how many bytes of this attempt's log lie before them.
            lines: whole lines.
        """
        if dispatch != self._dispatch or offset > self._shipped:
            return []
        new = lines[self._shipped - offset :].splitlines(keepends=True)
        end = next((index for index, line in enumerate(new) if isinstance(decode(line), Ended)), len(new))
        fresh = b"".join(new[:end])
        self._shipped += len(fresh)
        return self._add(fresh)

    def arrives(self, result: TrialFiles) -> list[Event]:
        """The run's folder comes home: its files, then the rest of its events, then its status.

        Raises:
            TransportError: it is damaged.
            OSError: home cannot be written.
        """
        events = [] if result.dispatch == self._dispatch else self.begins(result.dispatch)
        rest = b""
        with tempfile.TemporaryDirectory(prefix=temporary_prefix(), dir=self.folder.path) as aside:
            for name in sorted(unpack(result.packed, Path(aside)), key=_order):
                if name == PurePosixPath(EVENTS):
                    rest = (Path(aside) / name).read_bytes()[self._shipped :]
                    continue
                target = self.folder.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                move(Path(aside) / name, target)
        whole = rest[: rest.rfind(b"\n") + 1]
        events += self._add(whole)
        if not result.state:
            return events + self.gives_up(result.reason)
        self._ends(result.state, result.reason)
        return events

    def gives_up(self, reason: str, state: str = "failed") -> list[Event]:
        """The run ends without coming home."""
        events = self._add(encode(Ended(state=state, reason=reason, time=self._now())).encode() + b"\n")
        self._ends(state, reason)
        return events

    def beat(self) -> None:
        """Keeps the status true and fresh."""
        state = self._state.state if self._state.state in LIVE else "running"
        now = time.monotonic()
        if state != self._status.state or now - self._written >= HEARTBEAT_SECONDS:
            self._status, self._written = replace(beaten(self._status), state=state), now
            self.folder.write_status(self._status)

    def let_go(self) -> None:
        """Leaves the folder to others."""
        self._log.close()
        self._lock.release()

    def _now(self) -> float:
        """The time of an event of home's own, not before the events of the workers."""
        return max(clocks.now(), self._state.updated or 0.0)

    def _add(self, lines: bytes) -> list[Event]:
        if not lines:
            return []
        write_whole(self._log, lines)
        events = [event for event in map(decode, lines.splitlines()) if event is not None]
        self._state = reduce(self._state, events)
        for event in events:
            if isinstance(event, Extended):
                control.settle(self.folder, [Command("extend", id=each) for each in event.commands])
        return events

    def _ends(self, state: str, reason: str) -> None:
        """Without a process: the one that answered for the run goes on, but no longer for it."""
        self.folder.write_status(Status(state, host=socket.gethostname(), heartbeat=time.time(), reason=reason))
        void = [command for command in control.waiting(self.folder) if command.name != "extend"]
        control.settle(self.folder, void)
        self.let_go()


def _order(name: PurePosixPath) -> tuple[int, PurePosixPath]:
    return (LAST.index(name.name) + 1 if name.name in LAST else 0, name)
