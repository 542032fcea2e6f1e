"""A lock file that one process at a time can hold, by `flock` or, on a file system without locks, by a heartbeat.

On a file system without locks (`flock` fails with ENOLCK, ENOSYS or the like: some NFS, Lustre and FUSE mounts), a
numbered file beside the lock's file names the holder. It is created exclusively and rewritten every few seconds. A
holder on this machine lives if its process does, a holder on another machine if its file changes. Numbers only grow,
and the highest counts: if two processes find a dead holder at once, only one of them can be the next.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mnist_tui import processes
from mnist_tui.files import open_checked, open_regular
from mnist_tui.processes import SILENT_SECONDS

BEAT_SECONDS = 2.0
PROBED_SECONDS = 5.0
"""How long to try to take a lock while other processes hold it shared for microseconds, to see whether it is held."""
RETRY_SECONDS = 0.002
HELD = (errno.EWOULDBLOCK, errno.EAGAIN)
UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
RECORD_BYTES = 512
"""The length of a holder's file, which is rewritten in place, so that no reader sees only a part of it."""

_own: set[tuple[int, int]] = set()
"""Device and inode of the lock files that this process holds."""


class HeldError(OSError):
    """The error if another process holds the lock; `strerror` names the holder."""

    def __init__(self, path: Path, holder: str = "another process") -> None:
        super().__init__(errno.EWOULDBLOCK, holder, str(path))


class FileLock:
    """A lock that is held until `release` or the end of the process.

    A process can hand the lock over to a process that it starts and that inherits the open file.

    Args:
        path: the lock's file; it is made if it does not exist.
        handed_over: the file descriptor of the open lock file, if another process has handed the lock over.

    Raises:
        HeldError: another process holds the lock.
        OSError: the file cannot be opened, is not a regular file, or is no longer at `path`.
    """

    def __init__(self, path: Path, handed_over: int | None = None) -> None:
        self._heartbeat: _Heartbeat | None = None
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self._handle = open_checked(path, flags) if handed_over is None else handed_over
        try:
            if not _flock(self._handle, path):
                self._heartbeat = _Heartbeat(path, adopt=handed_over is not None)
            elif (holder := _holder(path)) is not None:
                raise HeldError(path, holder)
            here = os.fstat(self._handle)
            if not os.path.samestat(here, path.stat()):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            os.set_inheritable(self._handle, False)
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except BaseException:
            if self._heartbeat is not None:
                self._heartbeat.release()
            os.close(self._handle)
            raise
        self._key = (here.st_dev, here.st_ino)
        _own.add(self._key)

    def fileno(self) -> int:
        """Return the file descriptor of the open lock file, to be handed over."""
        return self._handle

    def hand_over(self, pid: int) -> None:
        """Hand the lock over to the process `pid`, which was started with the open file."""
        if self._heartbeat is not None:
            self._heartbeat.hand_over(pid)

    def release(self) -> None:
        """Release the lock, unless it was handed over. More calls do nothing."""
        if self._handle < 0:
            return
        _own.discard(self._key)
        if self._heartbeat is not None:
            self._heartbeat.release()
        os.close(self._handle)
        self._handle = -1


def is_held(path: Path) -> bool:
    """Return whether another process holds the lock; takes microseconds and changes nothing."""
    try:
        file = open_regular(path)
    except OSError:
        return False
    with file:
        here = os.fstat(file.fileno())
        if (here.st_dev, here.st_ino) in _own:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD:
                return True
    return _holder(path) is not None


def why_unsupported(folder: Path) -> str:
    """Say why files in `folder` cannot be locked; empty if they can. Raises an OSError if no file can be made there."""
    with tempfile.NamedTemporaryFile(prefix=".tmp-", dir=folder) as first:
        try:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.strerror or str(error)
        with open(first.name, "rb") as second:
            try:
                fcntl.flock(second, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError as error:
                return "" if error.errno in HELD else error.strerror or str(error)
    return "a lock is given to two at once"


def _flock(handle: int, path: Path) -> bool:
    """Lock the open file; return False if its file system has no locks; raise a HeldError if the lock is held.

    `is_held` holds a lock shared for a moment: then an exclusive lock fails, but a shared one does not.
    """
    end = time.monotonic() + PROBED_SECONDS
    while True:
        for kind in (fcntl.LOCK_EX, fcntl.LOCK_SH):
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in UNSUPPORTED:
                    return False
                if error.errno not in HELD:
                    raise
                if kind == fcntl.LOCK_SH or time.monotonic() > end:
                    holder = os.pread(handle, RECORD_BYTES, 0).decode("utf-8", "replace").strip()
                    raise HeldError(path, holder or "another process") from None
            else:
                if kind == fcntl.LOCK_EX:
                    return True
                fcntl.flock(handle, fcntl.LOCK_UN)
        time.sleep(RETRY_SECONDS)


@dataclass(frozen=True)
class _Record:
    """The content of a holder's file: the process as in `processes`, and `beat`, which grows while it lives."""

    pid: int
    start: float
    system: str
    host: str
    beat: int = 0
    released: bool = False


def _record_of(pid: int) -> _Record:
    return _Record(pid, processes.start_of(pid), processes.system(), socket.gethostname())


def _generations(path: Path) -> list[int]:
    """Return the numbers of the holders' files beside a lock's file, ascending."""
    pattern = re.compile(re.escape(path.name) + r"\.(\d{1,9})")
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 (names alone)
    except OSError:
        return []
    return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))


def _file_of(path: Path, generation: int) -> Path:
    return path.with_name(f"{path.name}.{generation}")


def _holder(path: Path) -> str | None:
    """Return which process holds the lock by a heartbeat, in words; None if there is none."""
    generations = _generations(path)
    return _holder_in(_file_of(path, generations[-1])) if generations else None


def _holder_in(file: Path) -> str | None:
    try:
        with open_regular(file) as opened:
            text = opened.read(RECORD_BYTES)
    except OSError:
        return None
    silent = processes.unchanged_seconds(str(file), text)
    try:
        record = _Record(**json.loads(text))
        pid, start = int(record.pid), float(record.start)
    except (ValueError, TypeError):  # not written yet, or damaged
        return None if silent >= SILENT_SECONDS else "another process"
    if record.released:
        return None
    is_here = record.system == processes.system()
    alive = processes.is_running(pid, start) if is_here else silent < SILENT_SECONDS
    return f"process {pid} on {record.host}" if alive else None


def _succeed(path: Path, newest: int) -> int:
    """Make the file after number `newest`, exclusively, and return its number; raise a HeldError if that fails."""
    if newest and (holder := _holder_in(_file_of(path, newest))) is not None:
        raise HeldError(path, holder)
    mine = _file_of(path, newest + 1)
    try:
        os.close(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    except FileExistsError:
        raise HeldError(path) from None
    generations = _generations(path)
    if generations[-1:] != [newest + 1]:  # a faster process has a higher number, and may have deleted the files above
        mine.unlink(missing_ok=True)
        raise HeldError(path)
    for old in generations[:-1]:
        _file_of(path, old).unlink(missing_ok=True)
    return newest + 1


class _Heartbeat:
    """A lock that is held by a numbered file with a heartbeat; `adopt` if the newest holder has handed it over."""

    def __init__(self, path: Path, adopt: bool) -> None:
        newest = max(_generations(path), default=0)
        self._file = _file_of(path, newest if adopt and newest else _succeed(path, newest))
        self._record = _record_of(os.getpid())
        self._writing, self._over = threading.Lock(), threading.Event()
        self._write()
        threading.Thread(target=self._beat, name="lock", daemon=True).start()

    def hand_over(self, pid: int) -> None:
        with self._writing:
            self._end(replace(_record_of(pid), beat=self._record.beat + 1))

    def release(self) -> None:
        """Write that nobody holds the lock; the file remains, so that numbers only grow."""
        with self._writing:
            if not self._over.is_set():
                self._end(replace(self._record, released=True))

    def _end(self, last: _Record) -> None:
        self._over.set()
        self._record = last
        with suppress(OSError):
            self._write()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with self._writing:
                if self._over.is_set():
                    return
                self._record = replace(self._record, beat=self._record.beat + 1)
                try:
                    self._write()
                except OSError as error:
                    print(f"the lock {self._file} cannot be renewed: {error}", file=sys.stderr, flush=True)

    def _write(self) -> None:
        text = json.dumps(asdict(self._record)).encode().ljust(RECORD_BYTES)
        handle = os.open(self._file, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.pwrite(handle, text, 0)
        finally:
            os.close(handle)
