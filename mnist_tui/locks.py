"""A file that one process at a time may hold: by `flock`, or where the file system has no locks by a heartbeat.

On a file system without locks (`flock` fails with ENOLCK, ENOSYS or the like: some NFS, Lustre and FUSE mounts) the
holder is named by a numbered file beside the lock's, which is created exclusively and rewritten every few seconds. A
holder on this machine is judged by its process, one elsewhere by whether its file changes. Numbers only grow and the
highest counts, so that of two who find a dead holder at once only one can succeed it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import socket
import stat
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mnist_tui import processes

BEAT_SECONDS = 2.0
SILENT_SECONDS = 30.0
"""A holder on another machine whose heartbeat has been seen unchanged for so long is taken for dead."""
ASKED_SECONDS = 5.0
"""Others may ask whether a lock is held for so long before taking it is given up; asking takes microseconds."""
RETRY_SECONDS = 0.002
HELD = (errno.EWOULDBLOCK, errno.EAGAIN)
UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
RECORD_BYTES = 512
"""A holder's file is rewritten in place at this length, so that no reader sees a part of it."""

_own: set[tuple[int, int]] = set()
"""Device and inode of the lock files that this process holds."""


class HeldError(OSError):
    """Another process holds the lock; `strerror` names the holder."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(errno.EWOULDBLOCK, holder, str(path))


class FileLock:
    """A lock, held until the process ends or `release`.

    A process that starts another may hand it over with the open file: then it is the other's until that ends.

    Args:
        path: the lock's file, made where it is not there.
        handed_over: its open file, by its number, from the process that held it.

    Raises:
        HeldError: someone else holds it.
        OSError: the file cannot be opened, is a link or no file, or is no longer at `path`.
    """

    def __init__(self, path: Path, handed_over: int | None = None) -> None:
        self._beats: _Beats | None = None
        self._handle = _opened(path) if handed_over is None else handed_over
        try:
            if _locks(self._handle, path):
                _refuse_held(path)
            else:
                self._beats = _Beats(path, adopt=handed_over is not None)
            here = os.fstat(self._handle)
            if not os.path.samestat(here, path.stat()):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            os.set_inheritable(self._handle, False)
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except BaseException:
            if self._beats is not None:
                self._beats.release()
            os.close(self._handle)
            raise
        self._key = (here.st_dev, here.st_ino)
        _own.add(self._key)

    def fileno(self) -> int:
        """Return the open file's number, to be handed over."""
        return self._handle

    def hand_over(self, pid: int) -> None:
        """Name the process that was started with the open file; from now on the lock is that one's."""
        if self._beats is not None:
            self._beats.hand_over(pid)

    def release(self) -> None:
        """Give the lock up, unless it was handed over. May be called again."""
        if self._handle < 0:
            return
        _own.discard(self._key)
        if self._beats is not None:
            self._beats.release()
        os.close(self._handle)
        self._handle = -1


def is_held(path: Path) -> bool:
    """Return whether another process holds the lock. Asking changes nothing, and takes microseconds."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or (found.st_dev, found.st_ino) in _own:
            return False
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            return True
    finally:
        os.close(handle)
    return _holder(path) is not None


def why_unsupported(folder: Path) -> str:
    """Return why files in `folder` cannot be locked, in words; empty where they can. Makes a file there for a moment.

    Raises:
        OSError: no file can be made there.
    """
    import tempfile

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


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP and path.is_symlink():
            raise OSError(errno.ELOOP, "it is a symbolic link, which is not followed", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    return handle


def _locks(handle: int, path: Path) -> bool:
    """Lock the open file. False where its file system has no locks.

    One who asks holds the lock shared for a moment: then an exclusive lock is refused, but a shared one is not.

    Raises:
        HeldError: someone holds it exclusively.
    """
    end = time.monotonic() + ASKED_SECONDS
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
                    raise HeldError(path, _named_in(handle)) from None
            else:
                if kind == fcntl.LOCK_EX:
                    return True
                fcntl.flock(handle, fcntl.LOCK_UN)
        time.sleep(RETRY_SECONDS)


def _named_in(handle: int) -> str:
    return os.pread(handle, RECORD_BYTES, 0).decode("utf-8", "replace").strip() or "another process"


def _refuse_held(path: Path) -> None:
    if (holder := _holder(path)) is not None:
        raise HeldError(path, holder)


@dataclass(frozen=True)
class _Record:
    """What a holder's file says.

    Attributes:
        pid, start, system: the holder, as `processes` names it.
        beat: grows while the holder lives.
        released: whether the lock was given up.
    """

    pid: int
    start: float
    system: str
    host: str
    beat: int = 0
    released: bool = False


def _record_of(pid: int) -> _Record:
    return _Record(pid, processes.start_of(pid), processes.system(), socket.gethostname())


def _generations(path: Path) -> list[int]:
    """Return the numbers of the holders' files beside a lock's, ascending."""
    pattern = re.compile(re.escape(path.name) + r"\.(\d{1,9})")
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 (names alone)
    except OSError:
        return []
    return sorted(int(found[1]) for name in names if (found := pattern.fullmatch(name)))


def _file_of(path: Path, generation: int) -> Path:
    return path.with_name(f"{path.name}.{generation}")


def _holder(path: Path) -> str | None:
    """Return who holds the lock by a heartbeat, in words; None where nobody does."""
    generations = _generations(path)
    return _holder_by(_file_of(path, generations[-1])) if generations else None


def _holder_by(file: Path) -> str | None:
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(handle, RECORD_BYTES)
    except OSError:
        return None
    finally:
        os.close(handle)
    silent = processes.unchanged_seconds(str(file), text)
    try:
        record = _Record(**json.loads(text))
        pid, start = int(record.pid), float(record.start)
    except (ValueError, TypeError):  # not written yet, or damaged
        return None if silent >= SILENT_SECONDS else "another process"
    if record.released:
        return None
    here = record.system == processes.system()
    alive = processes.is_running(pid, start) if here else silent < SILENT_SECONDS
    return f"process {pid} on {record.host}" if alive else None


class _Beats:
    """A lock held by a numbered file with a heartbeat.

    Args:
        adopt: whether the newest holder has handed it over to this process.
    """

    def __init__(self, path: Path, adopt: bool) -> None:
        self._path, self._writing = path, threading.Lock()
        self._record = _record_of(os.getpid())
        self._over = threading.Event()
        before = _generations(path)
        if adopt and before:
            self._generation = before[-1]
        else:
            self._generation = self._next(before[-1] if before else 0)
        self._file = _file_of(path, self._generation)
        self._write()
        threading.Thread(target=self._beat, name="lock", daemon=True).start()

    def _next(self, newest: int) -> int:
        if newest and (holder := _holder_by(_file_of(self._path, newest))) is not None:
            raise HeldError(self._path, holder)
        mine = _file_of(self._path, newest + 1)
        try:
            os.close(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        except FileExistsError:
            raise HeldError(self._path, "another process") from None
        generations = _generations(self._path)
        if generations[-1:] != [newest + 1]:  # whoever is ahead has taken and perhaps cleared away what was seen here
            mine.unlink(missing_ok=True)
            raise HeldError(self._path, "another process")
        for old in generations[:-1]:
            _file_of(self._path, old).unlink(missing_ok=True)
        return newest + 1

    def hand_over(self, pid: int) -> None:
        with self._writing:
            self._over.set()
            self._record = replace(_record_of(pid), beat=self._record.beat + 1)
            with suppress(OSError):
                self._write()

    def release(self) -> None:
        """Record that nobody holds it; the file stays, so that numbers only grow."""
        with self._writing:
            if self._over.is_set():
                return
            self._over.set()
            self._record = replace(self._record, released=True)
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
