"""Start runs: new ones, and runs that go on as planned (resume) or further (extend). For every front end.

A run is trained by a worker, a process of its own that outlives whoever started it. What starts a worker on an earlier
run is written under the run's lock, which the worker inherits: of two who resume a run at once, one is refused and has
changed nothing.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from mnist_tui import python_process
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.spec import MAX_EPOCHS
from mnist_tui.files import TEMPORARY, discard, why_unwritten
from mnist_tui.python_process import reap
from mnist_tui.runs.control import LASTING, Command, settle, waiting_commands, withdraw, write_command
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import Lock, status_of
from mnist_tui.runs.state import EXTENDABLE, LIVE, RESUMABLE

WORKER = "mnist_tui.training.worker"
TAKEN_SECONDS = 0.5
"""A worker obeys a command within this time unless it is busy, and releases its lock within it after its end."""
LOOK_SECONDS = 0.02


class PipedWorker:
    """A worker that ends once its stdin is closed, and so with the process that started it."""

    _process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _send(self, line: bytes) -> None:
        self._stdin.write(line + b"\n")
        self._stdin.flush()


class Standby(PipedWorker):
    """A worker that imports TensorFlow and then waits for a run; once it got one, it outlives this process."""

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as log:
            self._process = python_process.start(WORKER, "--standby", output=log, stdin=subprocess.PIPE)

    @property
    def waiting(self) -> bool:
        """Whether it can still be given a run."""
        return self.alive and not self._stdin.closed

    def give(self, folder: RunFolder) -> bool:
        """Hand it the run. False where it has died meanwhile: then start another worker."""
        if not self.waiting:
            return False
        try:
            folder.write_status(status_of(self.pid, "starting"))
            self._send(os.fsencode(folder.path.absolute()))
            self._stdin.close()
        except OSError:
            return False
        reap(self._process, folder.log_file)
        return True

    def dismiss(self) -> None:
        """End it, if it still waits."""
        if self.waiting:
            self._stdin.close()
            reap(self._process)


def start(
    runs_dir: Path,
    preset: Preset,
    *,
    command: Callable[[RunFolder], str] | None = None,
    device: str = "auto",
    data_dir: Path | None = None,
    allow_sample: bool = False,
    wait: bool = False,
    threads: int | None = None,
    standby: Standby | None = None,
) -> RunFolder:
    """Make the folder of a new run and start a worker on it.

    Args:
        runs_dir: where the folder is made.
        command: returns the command line that runs it again, from the run's folder.
        device, data_dir, allow_sample, wait, threads: as in `Launch`.
        standby: a worker that waits for a run; used where it still lives.

    Raises:
        RunError: the runs folder cannot be written, or no worker can be started; then nothing is left.
    """
    data = str(data_dir.absolute()) if data_dir else None
    folder = create(runs_dir, preset, Launch(time.time(), "", device, data, allow_sample, wait, threads), command)
    start_worker(folder, standby)
    return folder


def start_worker(folder: RunFolder, standby: Standby | None = None) -> None:
    """Have a worker train a new run: the one on standby where it lives, else a new one.

    A run that asks for threads of its own gets a new worker: the one on standby has started its own already, and ends.

    Raises:
        RunError: no worker can be started, or the run's folder cannot be written; then the folder is removed.
    """
    if standby is not None and folder.launch().threads is not None:
        standby.dismiss()
    elif standby is not None and standby.give(folder):
        return
    try:
        start_next_worker(folder)
    except RunError:
        with suppress(OSError):  # it has not begun, and nobody knows of it
            discard(folder.path)
        raise


def start_next_worker(folder: RunFolder, lock: Lock | None = None) -> None:
    """Start a worker on a run and name it in the run's status.

    Args:
        lock: the run's, held by this process and handed over to the worker.

    Raises:
        RunError: the run's folder cannot be written, or no process can be started; then no worker is left.
    """
    try:
        folder.start_process(WORKER, "--run", str(folder.path.absolute()), lock=lock)
    except OSError as error:
        raise RunError(f"no worker can be started for run {folder.id}: {why_unwritten(error)}") from None


def check_resumable(folder: RunFolder) -> None:
    """Check that a run has no worker, and that there is something left to do.

    Raises:
        RunError: it has one, or has come to its own end.
    """
    status, state = folder.status(), folder.state()
    if state in RESUMABLE or (state == "finished" and waiting_commands(folder, "extend")):
        return
    if state in LIVE:
        holder = f"process {status.pid} on {status.host}" if status.pid else f"a process on {status.host}"
        raise RunError(f"run {folder.id} is {state}, by {holder}; `mnist-tui attach {folder.id}` shows it")
    raise _ended(folder, state, "only stopped, failed and crashed runs can be resumed")


def resume(folder: RunFolder, *, device: str | None = None, data_dir: Path | None = None) -> None:
    """Start a worker that goes on with a run, from its checkpoint or, without one, from the beginning.

    Args:
        device: auto, cpu or gpu[:N]; the one that the run was started with where it is None.
        data_dir: where to look for the data first; as the run was started where it is None.

    Raises:
        RunError: the run cannot be resumed, or another process resumes it at this moment.
    """
    _go_on(folder, check_resumable, device, data_dir)


def _ended(folder: RunFolder, state: str, advice: str) -> RunError:
    reason = folder.status().reason
    return RunError(f"run {folder.id} has {state}{f': {reason}' if reason else ''}; {advice}")


def check_extendable(folder: RunFolder, epochs: int = 1) -> None:
    """Check that a run can train that many epochs more.

    Raises:
        RunError: the number is out of bounds, or the run has diverged, is solved in closed form, or has left
            nothing to go on from.
    """
    if not 1 <= epochs <= MAX_EPOCHS:
        raise RunError(f"the number of epochs to add must be from 1 to {MAX_EPOCHS:,} (got {epochs})")
    if (state := folder.state()) not in EXTENDABLE:
        raise _ended(folder, state, "more epochs would not mend its weights, a new run with a lower learning rate may")
    if not folder.preset().experiment.trains_in_epochs:
        raise RunError(f"run {folder.id} is solved in closed form, once: more epochs would change nothing")
    if state == "finished" and not folder.checkpoint_file.is_file():
        raise RunError(f"run {folder.id} has {state} and left no checkpoint to go on from")


def extend(folder: RunFolder, epochs: int, *, device: str | None = None, data_dir: Path | None = None) -> bool:
    """Have a run train that many epochs more: its worker where it lives, else a new one, from its checkpoint.

    They are added to those planned; to those done where the run has finished (early stopping may have ended it before).

    Args:
        device, data_dir: as for `resume`; not used for a run that lives.

    Returns:
        Whether a new worker was started: also where the old one has ended without having read the command.

    Raises:
        RunError: it cannot be extended, or another process goes on with it at this moment.
    """
    check_extendable(folder, epochs)
    command = Command("extend", epochs)
    if folder.state() not in LIVE:
        _go_on(folder, _check_over_and_extendable, device, data_dir, command=command)
        return True
    file = write_command(folder, command)
    end = time.monotonic() + TAKEN_SECONDS
    while file.exists():
        if time.monotonic() >= end and folder.state() in LIVE:
            return False  # the command stays until it is obeyed, by this worker or the next
        if folder.state() not in LIVE:
            try:
                _go_on(folder, _check_over_and_extendable, device, data_dir)
                return True
            except (OSError, RequestError):
                if time.monotonic() >= end and folder.state() not in LIVE and withdraw(file):
                    raise
        time.sleep(LOOK_SECONDS)
    return False


def go_on_if_asked(folder: RunFolder, lock: Lock) -> bool:
    """Start another worker if more epochs were requested while the present worker ended.

    Args:
        lock: the run's, which the present worker holds and the next one gets.

    Returns:
        Whether there are such epochs.

    Raises:
        RunError: no worker can be started; the command waits for the next one.
    """
    if not waiting_commands(folder, "extend"):
        return False
    start_next_worker(folder, lock)
    return True


def _check_over_and_extendable(folder: RunFolder) -> None:
    if folder.state() in LIVE:
        check_resumable(folder)
    check_extendable(folder)


def _go_on(
    folder: RunFolder,
    check: Callable[[RunFolder], None],
    device: str | None,
    data_dir: Path | None,
    *,
    command: Command | None = None,
) -> None:
    """Start a worker, which finds `command` waiting; it does not wait in a queue."""
    check(folder)
    lock = Lock(folder)
    try:
        check(folder)
        launch = folder.launch()
        _remove_leftovers(folder)
        data = str(data_dir.absolute()) if data_dir else launch.data_dir
        next_launch = replace(launch, device=device or launch.device, data_dir=data, wait=False)
        file = write_command(folder, command) if command is not None else None
        try:
            if next_launch != launch:
                folder.write_launch(next_launch)
            start_next_worker(folder, lock)
        except BaseException:
            if file is not None:
                withdraw(file)
            raise
    except OSError as error:
        raise RunError(f"run {folder.id} cannot go on: {why_unwritten(error)}") from None
    finally:
        lock.release()


def _remove_leftovers(folder: RunFolder) -> None:
    """Remove half-written files of a killed worker, and its commands but those that the next worker obeys."""
    settle(folder, [command for command in waiting_commands(folder) if command.name not in LASTING])
    with suppress(OSError):
        for half_written in folder.path.glob(f"{TEMPORARY}*"):
            discard(half_written)
