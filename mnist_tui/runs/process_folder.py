"""The folder of a run or a study, which one process writes: its status, its lock, and whether its process lives.

Wall clocks are never compared. A process lives if this system has one with its number and start time, or if it holds
the folder's lock. If both cannot be known, as on another machine without locks, its heartbeat must change.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from mnist_tui import locks, processes, python_process
from mnist_tui.errors import RequestError, RunError
from mnist_tui.files import UnreadableFileError, kind_of, open_append, open_regular, read_json, write_json
from mnist_tui.locks import FileLock, HeldError
from mnist_tui.processes import SILENT_SECONDS
from mnist_tui.python_process import UNKNOWN_END, WRITTEN, informative_lines, informative_text, reap, wait_until_logged
from mnist_tui.runs.records import LARGEST, document, record

HEARTBEAT_SECONDS = 2.0
LOCAL = frozenset("apfs bcachefs btrfs ext2 ext3 ext4 f2fs hfs jfs overlay ramfs tmpfs xfs zfs".split())  # noqa: SIM905
"""File systems that only one machine can write: there, a lock that nobody holds means that no process lives."""
LOOK_SECONDS = 0.2
LOG_BYTES = 65_536
"""Only so many bytes at the end of a log are read."""
SCRATCH = "scratch"
"""The cluster's folder inside a study's folder; other programs write there, so its content is not checked."""

Record = TypeVar("Record")


class WrittenError(RunError):
    """A run or study that another process is writing."""


@dataclass(frozen=True)
class Status:
    """The content of `status.json`.

    Attributes:
        state: as the process last wrote it; `ProcessFolder.state` corrects it if the process has died.
        pid: the number of the process that writes the folder; 0 before there is one.
        process_start: when the process `pid` (or `maker`, if there is none) started, from `processes.start_of`.
        heartbeat: when the process last confirmed that it lives, in seconds since 1970 by its host's clock.
        system: the running system of the process, from `processes.system`. Empty in folders of earlier versions: there
            `process_start` is a wall time, and only the lock shows whether the process lives.
        maker: the number of the process that made the folder, until a worker starts.
        place: the inode of the folder, which distinguishes it from its copies; 0 if it is not known.
        more: keys of a later version, which are kept when the status is written again.
    """

    state: str
    pid: int = 0
    process_start: float = 0.0
    host: str = ""
    heartbeat: float = 0.0
    reason: str = ""
    system: str = ""
    maker: int = 0
    place: int = 0
    more: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)

    @property
    def is_here(self) -> bool:
        """Whether the process runs, or ran, on this machine."""
        return self.is_of_this_boot or self.host == socket.gethostname()

    @property
    def is_of_this_boot(self) -> bool:
        return bool(self.system) and self.system.partition("/")[0] == processes.system().partition("/")[0]


class Inside:
    """An attribute of a `ProcessFolder`: the path of a file or folder inside it."""

    def __init__(self, *parts: str) -> None:
        self._parts = parts

    def __get__(self, folder: ProcessFolder, owner: type[ProcessFolder]) -> Path:
        return folder.path.joinpath(*self._parts)


@dataclass(frozen=True)
class ProcessFolder:
    """The base of the folders of runs and studies; `live` names the states in which a process writes the folder."""

    path: Path
    kind: ClassVar[str]
    live: ClassVar[tuple[str, ...]]
    error: ClassVar[type[RequestError]] = RunError

    status_file = Inside("status.json")
    events_file = Inside("events.jsonl")
    control = Inside("control")
    log_file = Inside("worker.log")
    lock_file = Inside(".lock")

    @property
    def id(self) -> str:
        return self.path.name

    def check_own_files(self) -> None:
        """Raise a RequestError if a link, a pipe or a device is in the folder. Call this before any write or delete."""
        if why := foreign_file(self.path):
            raise self.error(
                f"{self.kind} {self.id}: {why}; nothing is written to it or deleted. Remove that from {self.path} "
                "yourself if you trust the rest"
            )

    def status(self) -> Status:
        """Return the content of `status.json`; raises a `RequestError` if it cannot be read."""
        try:
            return read_record(self.status_file, Status)
        except RunError as error:
            raise self.error(str(error)) from None

    def write_status(self, status: Status) -> None:
        """Replace `status.json`; if the status names a process, the inode of the folder is added."""
        if status.pid or status.maker:
            status = replace(status, place=_inode(self.path))
        write_json(self.status_file, document(status))

    def state(self) -> str:
        """Return the state in the status, or ``crashed`` if that state is live but the process has died."""
        status = self.status()
        if status.state not in self.live or is_alive(self.path, status):
            return status.state
        again = self.status()  # the process may have ended just now
        return "crashed" if again == status else again.state

    def is_known(self, status: Status | None = None) -> bool:
        """Return whether this process knows for certain if the other one lives.

        It is unknown for SILENT_SECONDS at most, if the process is on another machine and holds no lock.

        Args:
            status: a status that was read before; None to read it now.
        """
        status = status or self.status()
        if status.state not in self.live or _known_alive(self.path, status) is not None:
            return True
        return not is_alive(self.path, status)

    def wait_until_known(self, patience: float = SILENT_SECONDS) -> None:
        """Wait until it is known if the process lives: until its heartbeat changes, or `patience` seconds are over."""
        first, end = self.status(), time.monotonic() + patience
        while not self.is_known(first):
            if self.status() != first or time.monotonic() > end:
                return
            time.sleep(LOOK_SECONDS)

    def last_log_lines(self, count: int = 12) -> list[str]:
        """Return the informative lines (see `informative_lines`) at the end of the log; empty if there is no log."""
        return last_lines(self.log_file, count)

    def known_end(self) -> str:
        """Return how a crashed process ended, in words; empty if that is not known."""
        with suppress(RequestError):
            wait_until_logged(self.status().pid)
        return next((line.removeprefix(WRITTEN) for line in self.last_log_lines(1) if line.startswith(WRITTEN)), "")

    def why_crashed(self) -> str:
        """Return how a crashed process ended or may have ended, in words, and the last lines that it printed."""
        end = self.known_end() or UNKNOWN_END
        printed = informative_text([line for line in self.last_log_lines(3) if not line.startswith(WRITTEN)])
        return f"{end}{f'; it last printed: {printed}' if printed else ''}"

    def start_process(self, module: str, *arguments: str, lock: Lock | None = None) -> None:
        """Start the process that is to write the folder, and write a status that names it.

        The process can outlive this one. Its output goes into the folder's log, and so does a line on how it ended.

        Args:
            module: the module that the process runs.
            lock: the folder's lock, which this process holds and hands over.

        Raises:
            OSError: the process cannot be started, or the folder cannot be written; then no process is left.
        """
        process, handles = None, () if lock is None else (lock.fileno(),)
        if lock is not None:
            arguments = (*arguments, "--lock", str(lock.fileno()))
        try:
            with open_append(self.log_file) as log:
                process = python_process.start(module, *arguments, output=log, pass_fds=handles)
            if lock is not None:
                lock.hand_over(process.pid)
            self.write_status(status_of(process.pid, "starting"))
        except OSError:
            if process is not None:
                process.kill()
                process.wait()
            raise
        reap(process, self.log_file)


class Lock(FileLock):
    """The lock of a run or a study, which its writer holds until `release` or the end of the process.

    Args:
        handed_over: the file descriptor of the lock's open file, from the process that held it.

    Raises:
        WrittenError: another process holds the lock; the text names it.
        RequestError: the folder contains a link, a pipe or a device, no longer exists or cannot be written.
    """

    def __init__(self, folder: ProcessFolder, handed_over: int | None = None) -> None:
        folder.check_own_files()
        try:
            super().__init__(folder.lock_file, handed_over)
        except HeldError as error:
            raise WrittenError(f"{folder.kind} {folder.id} is being written by {error.strerror}") from None
        except FileNotFoundError:
            raise RunError(f"{folder.kind} {folder.id} no longer exists") from None
        except OSError as error:
            raise RunError(f"{folder.lock_file} cannot be written: {_why(error)}") from None


def status_of_new_folder() -> Status:
    """Return the status of a folder that this process has just made, and that has no worker yet."""
    return replace(this_process("starting"), pid=0, maker=os.getpid())


def this_process(state: str) -> Status:
    """Return the status of a run or study that this process writes, as of now."""
    return status_of(os.getpid(), state)


def status_of(pid: int, state: str) -> Status:
    """Return the status of a run or study that the process `pid` of this system writes, as of now."""
    start, host = processes.start_of(pid), socket.gethostname()
    return Status(state, pid, start, host, time.time(), system=processes.system())


def with_heartbeat(status: Status) -> Status:
    """Return the status with a fresh heartbeat."""
    return replace(status, heartbeat=time.time())


def is_worker(path: Path, status: Status) -> bool:
    """Return whether the process in a status certainly lives, on this system, and writes this folder, not a copy."""
    pid = status.pid or status.maker
    if status.system != processes.system() or not processes.is_running(pid, status.process_start):
        return False
    return not status.place or status.place == _inode(path)


def is_alive(path: Path, status: Status) -> bool:
    """Return whether the process that wrote `status` in the folder at `path` lives.

    If that cannot be known, the heartbeat decides: without a change for SILENT_SECONDS, the process is dead.
    """
    alive = _known_alive(path, status)
    return processes.unchanged_seconds(str(path), status) < SILENT_SECONDS if alive is None else alive


def _known_alive(path: Path, status: Status) -> bool | None:
    """Return whether a process lives; None if that cannot be known: on another machine, without a lock.

    The process lives if this system has one with its number and start, or if the folder's lock is held. Otherwise it is
    dead if it was on this machine, or if the folder is on a file system that only this machine can write.
    """
    if is_worker(path, status) or locks.is_held(path / ".lock"):
        return True
    if status.system == processes.system() or (status.is_here and not status.is_of_this_boot):
        return False
    return False if status.state != "starting" and _is_local(path) else None


def _inode(path: Path) -> int:
    """Return a folder's inode, reduced to a number that JSON keeps exactly; 0 if it cannot be read."""
    try:
        return path.stat().st_ino % LARGEST
    except OSError:
        return 0


def _is_local(path: Path) -> bool:
    import psutil

    resolved, kind, length = path.resolve(), "", -1
    for part in psutil.disk_partitions(all=True):
        mount = Path(part.mountpoint)
        if resolved.is_relative_to(mount) and len(mount.parts) >= length:
            kind, length = part.fstype, len(mount.parts)
    return kind in LOCAL


def last_lines(log_file: Path, count: int) -> list[str]:
    """Return the informative lines at the end of a log, at most `count`; empty if it cannot be read."""
    try:
        with open_regular(log_file) as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_BYTES))
            return informative_lines(log.read(LOG_BYTES).decode("utf-8", "replace").splitlines())[-count:]
    except OSError:
        return []


def foreign_file(folder: Path) -> str:
    """Return what in a folder is not a plain file or folder: "its worker.log is a symbolic link"; empty for nothing.

    People give each other folders of runs. A link in such a folder would make this program write or delete elsewhere.
    """
    if os.path.islink(folder):  # noqa: PTH114 (never raises an error)
        return "the folder itself is a symbolic link"
    places = [str(folder)]
    while places:
        place = places.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name != SCRATCH or place != str(folder):
                            places.append(entry.path)
                    elif not entry.is_file(follow_symlinks=False):
                        kind = kind_of(entry.stat(follow_symlinks=False).st_mode)
                        return f"its {os.path.relpath(entry.path, folder)} is {kind}"
        except FileNotFoundError:  # its worker has removed it since
            continue
        except OSError as error:
            name = os.path.relpath(place, folder)
            return f"{'it' if name == '.' else f'its {name}'} cannot be examined ({error.strerror or error})"
    return ""


def read_record(path: Path, kind: type[Record]) -> Record:
    """Read a JSON file of a run as a dataclass; raises a `RunError` if it is missing or damaged."""
    doc = read_object(path)
    try:
        return record(kind, doc)
    except ValueError as error:
        raise RunError(f"{path} cannot be read: {error}") from None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run that holds an object; raises a `RunError` if it is missing or damaged."""
    try:
        doc = read_json(path)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {_why(error)}") from None
    if not isinstance(doc, dict):
        raise RunError(f"{path} cannot be read: it does not hold a JSON object")
    return doc  # pyright: ignore[reportUnknownVariableType]


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    return f"it {error.strerror}" if isinstance(error, UnreadableFileError) else error.strerror or str(error)
