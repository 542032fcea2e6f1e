"""Starts workers: processes of their own that outlive whoever started them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from mnist_tui.runs.folder import Lock, RunFolder, status_of

WORKER = "mnist_tui.training.worker"


class Standby:
    """A worker that imports TensorFlow and then waits for a run; it ends when this process does, unless it got one."""

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as log:
            self._process = _spawn(["--standby"], log, stdin=subprocess.PIPE)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def waiting(self) -> bool:
        """Whether it can still be given a run."""
        return self._process.poll() is None and self._process.stdin is not None and not self._process.stdin.closed

    def give(self, folder: RunFolder) -> bool:
        """Hands it the run. False where it has died meanwhile: then start another worker."""
        stdin = self._process.stdin
        if stdin is None or not self.waiting:
            return False
        try:
            folder.write_status(status_of(self.pid, "starting"))
            stdin.write(os.fsencode(folder.path.absolute()) + b"\n")
            stdin.close()
        except OSError:
            return False
        _reap(self._process)
        return True

    def dismiss(self) -> None:
        """Ends it, if it still waits."""
        if self.waiting and self._process.stdin is not None:
            self._process.stdin.close()
            _reap(self._process)


def start(folder: RunFolder, standby: Standby | None = None) -> None:
    """Has a worker train the run: the one on standby where it lives, else a new one."""
    if standby is not None and standby.give(folder):
        return
    with folder.log_file.open("ab") as log:
        worker = _spawn(["--run", str(folder.path.absolute())], log, stdin=subprocess.DEVNULL)
    folder.write_status(status_of(worker.pid, "starting"))
    _reap(worker)


def start_holding(folder: RunFolder, lock: Lock) -> None:
    """Has a new worker train the run, whose lock this process holds and hands over to it."""
    with folder.log_file.open("ab") as log:
        arguments = ["--run", str(folder.path.absolute()), "--lock", str(lock.fileno())]
        worker = _spawn(arguments, log, stdin=subprocess.DEVNULL, pass_fds=(lock.fileno(),))
    folder.write_status(status_of(worker.pid, "starting"))
    _reap(worker)


def run_job(
    job: str, folder: RunFolder, arguments: list[str], timeout: float = 300
) -> subprocess.CompletedProcess[bytes]:
    """Has a worker do a job that needs TensorFlow but trains nothing (an export), and waits for it.

    Args:
        job: the worker's name of it.
        arguments: its arguments, after the run's folder.

    Returns:
        The ended process: stdout is the job's answer, stderr what a person should read on failure.
    """
    command = [sys.executable, "-m", WORKER, "--job", job, "--run", str(folder.path.absolute()), *arguments]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=_environment(),
        timeout=timeout,
        check=False,
    )


def start_job(job: str, folder: RunFolder, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Has a worker do a job that answers on stdout what it is asked on stdin, until that ends.

    Args:
        job: the worker's name of it.
        errors: gets its stderr.
    """
    return subprocess.Popen(
        [sys.executable, "-m", WORKER, "--job", job, "--run", str(folder.path.absolute())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        env=_environment(),
    )


def _spawn(arguments: list[str], log: IO[bytes], stdin: int, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", WORKER, *arguments],
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=_environment(),
        close_fds=True,
        pass_fds=pass_fds,
    )


def _environment() -> dict[str, str]:
    """This process's environment, with the package findable from anywhere."""
    import mnist_tui

    root = str(Path(mnist_tui.__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Waits for the process in a thread, so that no zombie passes for alive."""
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
