"""Locks: one holder, asked about without being disturbed, also on file systems that have none."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest

from mnist_tui import locks, processes
from mnist_tui.locks import FileLock, HeldError, is_held, why_unsupported
from tests.waiting import wait_for

HOLD = """
import errno, fcntl, sys
from pathlib import Path
if sys.argv[2] != "0":
    def flock(*_): raise OSError(int(sys.argv[2]), "no locks")
    fcntl.flock = flock
from mnist_tui.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
lock.release()
"""
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@pytest.fixture(params=[0, errno.ENOLCK, errno.ENOSYS], ids=["flock", "ENOLCK", "ENOSYS"])
def number(request, monkeypatch):
    """The error of `flock` in this process; 0 for none."""
    if request.param:
        without_locks(monkeypatch, request.param)
    return request.param


def without_locks(monkeypatch, number):
    def flock(handle, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)


def holder(path, number=0):
    """Another process that holds the lock until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_one_process_holds_it_until_it_is_released_or_dead(tmp_path, number):
    path = tmp_path / ".lock"
    assert not is_held(path)
    for end in ("released", "killed"):
        other = holder(path, number)
        assert is_held(path)
        with pytest.raises(HeldError) as refused:
            FileLock(path)
        assert f"process {other.pid} on" in str(refused.value.strerror)
        assert path.read_text().startswith(f"process {other.pid} on")
        if end == "killed":
            other.kill()
        other.communicate()
        wait_for(lambda: not is_held(path))
        mine = FileLock(path)
        with pytest.raises(HeldError):
            FileLock(path)
        assert not is_held(path)  # by another process
        mine.release()
        mine.release()
    assert len(list(tmp_path.glob(".lock*"))) == (2 if number else 1)


def test_a_lock_that_was_handed_over_is_the_others(tmp_path, number):
    path = tmp_path / ".lock"
    lock = FileLock(path)
    code = HOLD.replace("FileLock(Path(sys.argv[1]))", "FileLock(Path(sys.argv[1]), int(sys.argv[3]))")
    line = [sys.executable, "-c", code, path, str(number), str(lock.fileno())]
    other = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(lock.fileno(),))
    lock.hand_over(other.pid)
    lock.release()
    assert is_held(path)
    assert other.stdout is not None
    other.stdout.readline()
    assert is_held(path)
    with pytest.raises(HeldError):
        FileLock(path)
    other.communicate()
    assert not is_held(path)


def test_asking_never_keeps_a_process_from_taking_it(tmp_path):
    path, over, asked = tmp_path / ".lock", threading.Event(), 0
    path.touch()

    def ask():
        nonlocal asked
        while not over.is_set():
            is_held(path)
            with path.open() as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # an asker who is slow
            asked += 1

    def take():
        for _ in range(200):
            FileLock(path).release()

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        take()
    finally:
        over.set()
        asker.join()
    assert asked


def test_of_many_that_take_it_at_once_one_gets_it(tmp_path, number):
    path, gate, got = tmp_path / ".lock", threading.Barrier(8), []

    def take():
        gate.wait()
        try:
            got.append(FileLock(path))
        except HeldError:
            return

    for _ in range(20):
        takers = [threading.Thread(target=take) for _ in range(8)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join()
        assert len(got) <= 1 if number else len(got) == 1
        while got:
            got.pop().release()
    FileLock(path).release()


def test_a_lock_of_a_folder_that_was_removed_meanwhile_is_not_taken(tmp_path, monkeypatch):
    path = tmp_path / "run" / ".lock"
    path.parent.mkdir()
    flock = fcntl.flock

    def gone(handle, operation):
        flock(handle, operation)
        path.unlink(missing_ok=True)

    monkeypatch.setattr(fcntl, "flock", gone)
    with pytest.raises(FileNotFoundError):
        FileLock(path)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_lock_file_that_is_none_is_not_opened(tmp_path, kind):
    path, outside = tmp_path / ".lock", tmp_path / "outside"
    outside.write_text("kept")
    match kind:
        case "link":
            path.symlink_to(outside)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.mkdir()
    assert not is_held(path)
    with pytest.raises(OSError, match=r"symbolic link|not a file|directory"):
        FileLock(path)
    assert outside.read_text() == "kept"


def test_other_errors_of_the_file_system_are_not_taken_for_a_holder(tmp_path, monkeypatch):
    without_locks(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error") as refused:
        FileLock(tmp_path / ".lock")
    assert not isinstance(refused.value, HeldError)


def test_a_holder_on_another_machine_lives_while_its_file_changes(tmp_path, monkeypatch):
    without_locks(monkeypatch, errno.ENOLCK)
    path, now = tmp_path / ".lock", [0.0]
    path.touch()
    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=lambda: now[0]))
    record = '{"pid": 7, "start": 1.0, "system": "elsewhere/1", "host": "elsewhere", "beat": %d, "released": false}'
    for beat in range(3):
        path.with_name(".lock.4").write_text(record % beat)
        assert is_held(path)
        now[0] += processes.SILENT_SECONDS - 1
        with pytest.raises(HeldError, match="process 7 on elsewhere"):
            FileLock(path)
    now[0] += 1
    assert not is_held(path)
    lock = FileLock(path)
    assert [file.name for file in tmp_path.glob(".lock.*")] == [".lock.5"]
    lock.release()


def test_a_holder_by_heartbeat_is_seen_by_a_process_whose_locks_work(tmp_path):
    other = holder(tmp_path / ".lock", errno.ENOLCK)
    with pytest.raises(HeldError, match=f"process {other.pid} on"):
        FileLock(tmp_path / ".lock")
    assert is_held(tmp_path / ".lock")
    other.communicate()
    FileLock(tmp_path / ".lock").release()


def test_a_heartbeat_changes_the_holders_file(tmp_path, monkeypatch):
    without_locks(monkeypatch, errno.ENOLCK)
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.01)
    lock, file = FileLock(tmp_path / ".lock"), tmp_path / ".lock.1"
    first = file.read_bytes()
    wait_for(lambda: file.read_bytes() != first)
    assert len(file.read_bytes()) == len(first)
    lock.release()


def test_whether_a_file_system_has_locks_is_told_in_words(tmp_path, monkeypatch):
    assert why_unsupported(tmp_path) == ""
    without_locks(monkeypatch, errno.ENOLCK)
    assert why_unsupported(tmp_path) == "No locks available"
    monkeypatch.setattr(fcntl, "flock", lambda handle, operation: None)
    assert why_unsupported(tmp_path) == "a lock is given to two at once"
    assert list(tmp_path.iterdir()) == []
