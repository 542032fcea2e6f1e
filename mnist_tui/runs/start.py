"""Starts runs, new ones and such that go on."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from mnist_tui import python_process
from mnist_tui.experiment.problem import RequestError
from mnist_tui.experiment.spec import MAX_EPOCHS, is_closed_form
from mnist_tui.files import TEMPORARY, discard, open_append, why_unwritten
from mnist_tui.python_process import end_words, reap, said
from mnist_tui.runs.control import LASTING, Command, leave, settle, waiting, withdraw
from mnist_tui.runs.folder import Lock, RunError, RunFolder, last_lines, status_of
from mnist_tui.runs.state import EXTENDABLE, LIVE, RESUMABLE

WORKER = "mnist_tui.training.worker"
TICK_SECONDS = 0.2
END_SECONDS = 5.0
"""A server whose stdin was closed ends at once; one that has not by then is killed."""
LOG_LINES = 3
GROWTH_BYTES = 500_000_000
"""XLA never frees what it compiled: a server that has grown by this since its first run is replaced before the next."""


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
        reap(self._process, folder.log_file)
        return True

    def dismiss(self) -> None:
        """Ends it, if it still waits."""
        if self.waiting and self._process.stdin is not None:
            self._process.stdin.close()
            reap(self._process)


def start(folder: RunFolder, standby: Standby | None = None) -> None:
    """Has a worker train the run: the one on standby where it lives, else a new one.

    A run that asks for threads of its own gets a new worker: the one on standby has started its own already, and ends.

    Raises:
        RunError: no worker can be started, or the run's folder cannot be written; then the folder is removed.
    """
    if standby is not None and folder.launch().threads is not None:
        standby.dismiss()
    elif standby is not None and standby.give(folder):
        return
    try:
        _started(folder)
    except RunError:
        with suppress(OSError):  # it has not begun, and nobody is told of it
            discard(folder.path)
        raise


def start_holding(folder: RunFolder, lock: Lock) -> None:
    """Has a new worker train the run, whose lock this process holds and hands over to it.

    Raises:
        RunError: the run's folder cannot be written, or no process can be started.
    """
    _started(folder, lock)


def _started(folder: RunFolder, lock: Lock | None = None) -> None:
    """Starts a worker on the run and says so in its status; no worker is left where that fails."""
    worker = None
    held, fds = ([], ()) if lock is None else (["--lock", str(lock.fileno())], (lock.fileno(),))
    try:
        with open_append(folder.log_file) as log:
            arguments = ["--run", str(folder.path.absolute()), *held]
            worker = _spawn(arguments, log, stdin=subprocess.DEVNULL, pass_fds=fds)
        if lock is not None:
            lock.hand_over(worker.pid)
        folder.write_status(status_of(worker.pid, "starting"))
    except OSError as error:
        if worker is not None:
            worker.kill()
            worker.wait()
        raise RunError(f"no worker can be started for run {folder.id}: {why_unwritten(error)}") from None
    reap(worker, folder.log_file)


def threads_environment(threads: int) -> dict[str, str]:
    """What makes a server's TensorFlow compute with that many threads from its start."""
    return {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}


class TrialServer:
    """A worker that keeps TensorFlow loaded and trains the runs it is given, one after another.

    Unlike the other workers it ends with its owner: it lives by a pipe. One thread at a time may use it.

    Device and threads are fixed by its first run, or by its environment; a later run that asks for others fails with a
    sentence.

    Args:
        environment: variables beside this process's, which they beat (``CUDA_VISIBLE_DEVICES``, `threads_environment`).
        log: gets what it prints between runs; what it prints during one goes into that run's `worker.log`.

    """

    def __init__(self, environment: Mapping[str, str] | None, log: Path) -> None:
        self._log, self._own = log, environment
        self._start()

    def _start(self) -> None:
        self._answers, self._first_memory = b"", 0
        with self._log.open("ab") as errors:
            self._process = subprocess.Popen(
                python_process.module(WORKER, "--trials"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                cwd=python_process.WORKING_DIRECTORY,
                env=python_process.environment(self._own),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be given a run."""
        return self._process.poll() is None

    def run(self, folder: RunFolder, tick: Callable[[], None]) -> int:
        """Has it train the run, and waits for the run's end.

        Args:
            tick: called about five times a second meanwhile. What it raises comes out of here; the run goes on then,
                and `close` is what ends it.

        Returns:
            The run's exit code: 0 done (stopped and diverged are), 1 failed, 2 refused (it is as it was).

        Raises:
            RunError: the server has died; the text has the last lines that it printed.
        """
        if self._first_memory and self._memory() > self._first_memory + GROWTH_BYTES:
            self.close()
            self._start()
        assert self._process.stdin is not None
        folder.write_status(status_of(self.pid, "starting"))
        try:
            self._process.stdin.write(os.fsencode(folder.path.absolute()) + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._died(folder) from None
        while (answer := self._answer()) is None:
            tick()
        if not answer:
            raise self._died(folder)
        self._first_memory = self._first_memory or self._memory()
        return int(json.loads(answer)["exit"])

    def close(self) -> None:
        """Ends it, also in the middle of a run, and waits until it has ended."""
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _memory(self) -> int:
        """Bytes that it holds; 0 where it is gone."""
        import psutil

        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _answer(self) -> bytes | None:
        """Its next answer; None where there is none within TICK_SECONDS, empty where there will be none."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if b"\n" not in self._answers and selector.select(TICK_SECONDS):
                read = os.read(self._process.stdout.fileno(), 65_536)
                if not read:
                    return b""
                self._answers += read
        line, found, rest = self._answers.partition(b"\n")
        if not found:
            return None
        self._answers = rest
        return line

    def _died(self, folder: RunFolder) -> RunError:
        """What to say of its death: how it ended, and the last lines of the run's log, or of its own."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        code = self._process.poll()
        how = "died" if code is None else end_words(code)
        printed = said(folder.last_log_lines(LOG_LINES) or last_lines(self._log, LOG_LINES))
        return RunError(f"the worker of run {folder.id} {how}{f'; it last printed: {printed}' if printed else ''}")


def run_job(
    job: str, folder: RunFolder, arguments: list[str], timeout: float = 300
) -> subprocess.CompletedProcess[bytes]:
    """Has a worker do a job that needs TensorFlow but trains nothing (an export), and waits for it.

    Args:
        job: the worker's name of it.
        arguments: its arguments, after the run's folder; paths among them are absolute.

    Returns:
        The ended process: stdout is the job's answer, stderr what a person should read on failure.
    """
    return subprocess.run(
        python_process.module(WORKER, "--job", job, "--run", str(folder.path.absolute()), *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=python_process.WORKING_DIRECTORY,
        env=python_process.environment(),
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
        python_process.module(WORKER, "--job", job, "--run", str(folder.path.absolute())),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        cwd=python_process.WORKING_DIRECTORY,
        env=python_process.environment(),
    )


def _spawn(arguments: list[str], log: IO[bytes], stdin: int, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        python_process.module(WORKER, *arguments),
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd=python_process.WORKING_DIRECTORY,
        env=python_process.environment(),
        close_fds=True,
        pass_fds=pass_fds,
    )


TAKEN_SECONDS = 0.5
"""In which a worker that lives obeys a command unless it is busy, and one that has ended lets its run go."""
LOOK_SECONDS = 0.02


def check_resumable(folder: RunFolder) -> None:
    """Sees that the run has no worker, and that there is something left to do.

    Raises:
        RunError: it has one, or has come to its own end.
    """
    status, state = folder.status(), folder.state()
    if state in RESUMABLE or (state == "finished" and waiting(folder, "extend")):
        return
    if state in LIVE:
        holder = f"process {status.pid} on {status.host}" if status.pid else f"a process on {status.host}"
        raise RunError(f"run {folder.id} is {state}, by {holder}; `mnist-tui attach {folder.id}` shows it")
    why = f": {status.reason}" if status.reason else ""
    raise RunError(f"run {folder.id} has {state}{why}; only what was stopped, failed or crashed can be resumed")


def resume(folder: RunFolder, *, device: str | None = None, data_dir: str | None = None) -> None:
    """Has a new worker go on with the run, from its checkpoint or, without one, from the beginning.

    Args:
        device: auto, cpu or gpu[:N]; the one that the run was started with where it is None.
        data_dir: where to look for the data first; as the run was started where it is None.

    Raises:
        RunError: the run cannot be resumed, or another process resumes it at this moment.
    """
    _go_on(folder, check_resumable, device, data_dir)


def check_extendable(folder: RunFolder, epochs: int = 1) -> None:
    """Sees that the run can train that many epochs more.

    Raises:
        RunError: there are none or too many of them, it has diverged, is solved in closed form, or has left
            nothing to go on from.
    """
    if not 1 <= epochs <= MAX_EPOCHS:
        raise RunError(f"{epochs} is no number of epochs to add; 1 to {MAX_EPOCHS:,} are")
    status, state = folder.status(), folder.state()
    if state not in EXTENDABLE:
        why = f": {status.reason}" if status.reason else ""
        raise RunError(
            f"run {folder.id} has {state}{why}; more epochs would not mend its weights, "
            "a new run with a lower learning rate may"
        )
    if is_closed_form(folder.preset().experiment):
        raise RunError(f"run {folder.id} is solved in closed form, once: more epochs would change nothing")
    if state == "finished" and not folder.checkpoint_file.is_file():
        raise RunError(f"run {folder.id} has {state} and left no checkpoint to go on from")


def extend(folder: RunFolder, epochs: int, *, device: str | None = None, data_dir: str | None = None) -> bool:
    """Has the run train that many epochs more: its worker where it lives, else a new one, from its checkpoint.

    They are added to those planned; to those done where the run has finished (early stopping may have ended it before).

    Args:
        device, data_dir: as for `resume`; of no consequence for a run that lives.

    Returns:
        Whether a new worker was started: also where the old one has ended without having heard of it.

    Raises:
        RunError: it cannot be extended, or another process goes on with it at this moment.
    """
    check_extendable(folder, epochs)
    command = Command("extend", epochs)
    if folder.state() not in LIVE:
        _go_on(folder, _check_over_and_extendable, device, data_dir, command=command)
        return True
    left = leave(folder, command)
    end = time.monotonic() + TAKEN_SECONDS
    while left.exists():
        if time.monotonic() >= end and folder.state() in LIVE:
            return False  # the command stays until it is obeyed, by this worker or the next
        if folder.state() not in LIVE:
            try:
                _go_on(folder, _check_over_and_extendable, device, data_dir)
                return True
            except (OSError, RequestError):
                if time.monotonic() >= end and folder.state() not in LIVE and withdraw(left):
                    raise
        time.sleep(LOOK_SECONDS)
    return False


def go_on_if_asked(folder: RunFolder, lock: Lock) -> bool:
    """Has another worker train the epochs that were asked for as the present one ended.

    Args:
        lock: the run's, which the present worker holds and the next one gets.

    Returns:
        Whether there are such.

    Raises:
        RunError: no worker can be started; the command stays.
    """
    if not waiting(folder, "extend"):
        return False
    start_holding(folder, lock)
    return True


def _check_over_and_extendable(folder: RunFolder) -> None:
    if folder.state() in LIVE:
        check_resumable(folder)
    check_extendable(folder)


def _go_on(
    folder: RunFolder,
    check: Callable[[RunFolder], None],
    device: str | None,
    data_dir: str | None,
    *,
    command: Command | None = None,
) -> None:
    """Starts a new worker, which finds `command` waiting; it does not stand in line."""
    check(folder)
    lock = Lock(folder)
    try:
        check(folder)
        launch = folder.launch()
        _sweep(folder)
        asked = replace(launch, device=device or launch.device, data_dir=data_dir or launch.data_dir, wait=False)
        left = leave(folder, command) if command is not None else None
        try:
            if asked != launch:
                folder.write_launch(asked)
            start_holding(folder, lock)
        except BaseException:
            if left is not None:
                withdraw(left)
            raise
    except OSError as error:
        raise RunError(f"run {folder.id} cannot go on: {why_unwritten(error)}") from None
    finally:
        lock.release()


def _sweep(folder: RunFolder) -> None:
    """Removes what a killed worker left half written, and commands that going on replaces.

    More epochs and a checkpoint that were asked for are the next worker's.
    """
    settle(folder, [command for command in waiting(folder) if command.name not in LASTING])
    with suppress(OSError):
        for half_written in folder.path.glob(f"{TEMPORARY}*"):
            discard(half_written)
