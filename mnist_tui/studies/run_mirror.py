"""The folder of a run on the study's machine while a worker trains the run elsewhere.

Events are appended as they arrive, the status is kept up to date, and the other files are moved in at the end. The log
is only ever appended to, so that whoever follows it misses nothing and reads nothing twice.
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
from mnist_tui.runs.folder import POINTER, RunFolder
from mnist_tui.runs.process_folder import HEARTBEAT_SECONDS, Lock, Status, this_process, with_heartbeat
from mnist_tui.runs.state import LIVE, RunState, reduce
from mnist_tui.studies.transport import TrialFiles, unpack

EVENTS_FILE = "events.jsonl"
MOVED_LAST = ("results.json", POINTER)
"""Files that are moved last: where they exist, all others do."""


class RunMirror:
    """One run of this study; holds the run's lock until the run has ended.

    Attributes:
        attempts: how often a worker has begun the run.

    Raises:
        RunError: another process writes the run.
        OSError: its folder cannot be written.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.attempts = 0
        self._lock = Lock(folder)
        self._attempt_id = ""
        self._received = 0
        self._state = RunState()
        EventLog(folder.events_file).close()  # ends a torn line
        self._log = open_append(folder.events_file)
        self._status = this_process("starting")
        folder.write_status(self._status)
        self._written = time.monotonic()

    def start_attempt(self, attempt_id: str) -> list[Event]:
        """Begin a new attempt; an event in the log says that the events of an earlier attempt are void."""
        self.attempts += 1
        self._attempt_id, self._received = attempt_id, 0
        if not os.fstat(self._log.fileno()).st_size:
            return []
        return self._append(_line(Resumed(from_epoch=0, step=0, time=self._now())))

    def append_events(self, attempt_id: str, offset: int, lines: bytes) -> list[Event]:
        """Append new events of the current attempt to the run's log, and return them.

        Events already received, events of an earlier attempt and the final event (which is written once the files are
        here) are skipped.

        Args:
            offset: how many bytes of this attempt's log come before `lines`, which are whole.
        """
        if attempt_id != self._attempt_id or offset > self._received:
            return []
        new = lines[self._received - offset :].splitlines(keepends=True)
        end = next((index for index, line in enumerate(new) if isinstance(decode(line), Ended)), len(new))
        fresh = b"".join(new[:end])
        self._received += len(fresh)
        return self._append(fresh)

    def receive_files(self, files: TrialFiles) -> list[Event]:
        """Move in the files of a run that has ended, then append and return its other events, then write its status.

        Raises:
            TransportError: the files are damaged.
            OSError: the run's folder cannot be written.
        """
        events = [] if files.attempt_id == self._attempt_id else self.start_attempt(files.attempt_id)
        rest = b""
        with tempfile.TemporaryDirectory(prefix=temporary_prefix(), dir=self.folder.path) as aside:
            for name in sorted(unpack(files.packed, Path(aside)), key=_order):
                if name == PurePosixPath(EVENTS_FILE):
                    rest = (Path(aside) / name).read_bytes()[self._received :]
                    continue
                target = self.folder.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                move(Path(aside) / name, target)
        events += self._append(rest[: rest.rfind(b"\n") + 1])
        if not files.state:
            return events + self.give_up(files.reason)
        self._end(files.state, files.reason)
        return events

    def give_up(self, reason: str, state: str = "failed") -> list[Event]:
        """End the run without its files."""
        events = self._append(_line(Ended(state=state, reason=reason, time=self._now())))
        self._end(state, reason)
        return events

    def beat(self) -> None:
        """Write the status where it has changed or its heartbeat is due."""
        state = self._state.state if self._state.state in LIVE else "running"
        now = time.monotonic()
        if state != self._status.state or now - self._written >= HEARTBEAT_SECONDS:
            self._status, self._written = replace(with_heartbeat(self._status), state=state), now
            self.folder.write_status(self._status)

    def release(self) -> None:
        """Close the log and release the run's lock."""
        self._log.close()
        self._lock.release()

    def _now(self) -> float:
        """The time for an event of this process: not before the events of the worker, whose clock may differ."""
        return max(clocks.now(), self._state.updated or 0.0)

    def _append(self, lines: bytes) -> list[Event]:
        if not lines:
            return []
        write_whole(self._log, lines)
        events = [event for event in map(decode, lines.splitlines()) if event is not None]
        self._state = reduce(self._state, events)
        for event in events:
            if isinstance(event, Extended):
                control.settle(self.folder, [Command("extend", id=each) for each in event.commands])
        return events

    def _end(self, state: str, reason: str) -> None:
        # no process id: the process that answered for the run lives on, but no longer for this run
        self.folder.write_status(Status(state, host=socket.gethostname(), heartbeat=time.time(), reason=reason))
        void = [command for command in control.waiting_commands(self.folder) if command.name != "extend"]
        control.settle(self.folder, void)
        self.release()


def _line(event: Event) -> bytes:
    return encode(event).encode() + b"\n"


def _order(name: PurePosixPath) -> tuple[int, PurePosixPath]:
    return (MOVED_LAST.index(name.name) + 1 if name.name in MOVED_LAST else 0, name)
