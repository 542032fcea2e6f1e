"""Start new runs, resume runs that have stopped, and extend runs by more epochs. For every front end.

A run is trained by a worker, a process of its own that outlives the process that started it. To start a worker on an
existing run, the run's lock is taken, and the worker inherits it: if two processes resume a run at once, one of them
gets an error and has changed nothing.
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
from typing import IO, TYPE_CHECKING

from mnist_tui import python_process
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.shapes import MAX_EPOCHS
from mnist_tui.files import TEMPORARY, discard, why_unwritten
from mnist_tui.python_process import reap
from mnist_tui.runs.control import LASTING, Command, settle, waiting_commands, withdraw, write_command
from mnist_tui.runs.devices import check_memory
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import Lock, status_of
from mnist_tui.runs.state import EXTENDABLE, LIVE, RESUMABLE

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset

WORKER = "mnist_tui.training.worker"
RESPONSE_SECONDS = 0.5
"""A worker that is not busy carries out a command within this time; after its end it releases its lock as quickly."""
LOOK_SECONDS = 0.02


class PipedWorker:
    """A worker that ends when its stdin is closed, and therefore with the process that started it."""

    _process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _send(self, line: bytes) -> None:
        self._stdin.write(line + b"\n")
        self._stdin.flush()


class Standby(PipedWorker):
    """A worker that imports TensorFlow and then waits for a run. Once it has one, it outlives this process."""

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as log:
            self._process = python_process.start(WORKER, "--standby", output=log, stdin=subprocess.PIPE)

    @property
    def waiting(self) -> bool:
        """Whether the worker lives and has no run yet."""
        return self.alive and not self._stdin.closed

    def give(self, folder: RunFolder) -> bool:
        """Let the worker train a run; return False if it has died, so that another one must be started."""
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
        """End the worker if it has no run."""
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
    tensorboard: str | None = None,
    standby: Standby | None = None,
) -> RunFolder:
    """Make the folder of a new run and start a worker on it.

    Args:
        runs_dir: the folder for runs.
        command: returns the command line that trains the same run again, from the run's folder.
        device, data_dir, allow_sample, wait, threads, tensorboard: see `Launch`.
        standby: a worker that waits for a run; it is used if it lives.

    Raises:
        RequestError: the run or the file that the training is to begin with does not exist or does not fit, or the
            network is too large for this machine.
        RunError: the runs folder cannot be written, or no worker can be started; then no folder is left.
    """
    check_memory(preset.experiment)
    if preset.experiment.start is not None:
        from mnist_tui.runs import start_weights  # needs numpy

        preset = replace(preset, experiment=start_weights.resolved(preset.experiment, runs_dir))
    data = str(data_dir.absolute()) if data_dir else None
    launch = Launch(time.time(), "", device, data, allow_sample, wait, threads, tensorboard=tensorboard)
    folder = create(runs_dir, preset, launch, command)
    start_worker(folder, standby)
    return folder


def start_worker(folder: RunFolder, standby: Standby | None = None) -> None:
    """Let a worker train a new run: the standby worker if it lives, else a new process.

    A run with a number of threads gets a new process, because the standby worker has already started its threads.

    Raises:
        RunError: no worker can be started, or the run's folder cannot be written; then the folder is deleted.
    """
    if standby is not None and folder.launch().threads is not None:
        standby.dismiss()
    elif standby is not None and standby.give(folder):
        return
    try:
        start_next_worker(folder)
    except RunError:
        with suppress(OSError):  # nothing was trained, and nobody knows the folder
            discard(folder.path)
        raise


def start_next_worker(folder: RunFolder, lock: Lock | None = None) -> None:
    """Start a worker on a run and write a status that names it.

    Args:
        lock: the run's lock, which this process holds and hands over to the worker.

    Raises:
        RunError: the run's folder cannot be written, or no process can be started; then no worker is left.
    """
    try:
        folder.start_process(WORKER, "--run", str(folder.path.absolute()), lock=lock)
    except OSError as error:
        raise RunError(f"no worker can be started for run {folder.id}: {why_unwritten(error)}") from None


def check_resumable(folder: RunFolder) -> None:
    """Raise a RunError if a run has a worker, or has ended by itself and cannot be resumed."""
    status, state = folder.status(), folder.state()
    try:
        folder.check_trained_here("cannot be resumed")
    except RunError as error:
        again = folder.launch().command if state in RESUMABLE else ""
        raise RunError(f"{error}{f'; `{again}` makes it again' if again else ''}") from None
    if state in RESUMABLE or (state == "finished" and waiting_commands(folder, "extend")):
        return
    if state in LIVE:
        holder = f"process {status.pid} on {status.host}" if status.pid else f"a process on {status.host}"
        raise RunError(f"run {folder.id} is {state} in {holder}; `mnist-tui attach {folder.id}` shows it")
    raise _ended(folder, state, "only stopped, failed and crashed runs can be resumed")


def resume(folder: RunFolder, *, device: str | None = None, data_dir: Path | None = None) -> None:
    """Start a worker that continues a run from its checkpoint or, without one, from the beginning.

    Args:
        device: auto, cpu or gpu[:N]; None for the device that the run was started with.
        data_dir: the folder that is searched for the data first; None for the one that the run was started with.

    Raises:
        RunError: the run cannot be resumed, or another process resumes it at this moment.
    """
    _continue(folder, check_resumable, device, data_dir)


def _ended(folder: RunFolder, state: str, advice: str) -> RunError:
    reason = folder.status().reason
    return RunError(f"run {folder.id} has {state}{f': {reason}' if reason else ''}; {advice}")


def check_extendable(folder: RunFolder, epochs: int = 1) -> None:
    """Check that a number of epochs can be added to a run.

    Raises:
        RunError: the number is out of bounds, or the run was not trained here, has diverged, is solved in closed form,
            or has left no checkpoint.
    """
    if not 1 <= epochs <= MAX_EPOCHS:
        raise RunError(f"the number of epochs to add must be from 1 to {MAX_EPOCHS:,} (got {epochs})")
    folder.check_trained_here("cannot be extended")
    if (state := folder.state()) not in EXTENDABLE:
        raise _ended(folder, state, "more epochs would not mend its weights, a new run with a lower learning rate may")
    if not folder.preset().experiment.trains_in_epochs:
        raise RunError(f"run {folder.id} is solved in closed form, once: more epochs would change nothing")
    if state == "finished" and not folder.checkpoint_file.is_file():
        raise RunError(f"run {folder.id} has {state} and left no checkpoint to go on from")


def extend(folder: RunFolder, epochs: int, *, device: str | None = None, data_dir: Path | None = None) -> bool:
    """Add epochs to a run. A live worker gets a command; otherwise a new worker continues from the checkpoint.

    Epochs are added to the planned ones or, if the run has finished (perhaps by early stopping), to the trained ones.

    Args:
        device, data_dir: as for `resume`; not used for a live run.

    Returns:
        Whether a new worker was started; that is also done if the old one ends without having read the command.

    Raises:
        RunError: the run cannot be extended, or another process extends or resumes it at this moment.
    """
    check_extendable(folder, epochs)
    command = Command("extend", epochs)
    if folder.state() not in LIVE:
        _continue(folder, _check_ended_and_extendable, device, data_dir, command=command)
        return True
    file = write_command(folder, command)
    end = time.monotonic() + RESPONSE_SECONDS
    while file.exists():
        if time.monotonic() >= end and folder.state() in LIVE:
            return False  # the command stays until this worker or the next has carried it out
        if folder.state() not in LIVE:
            try:
                _continue(folder, _check_ended_and_extendable, device, data_dir)
                return True
            except (OSError, RequestError):
                if time.monotonic() >= end and folder.state() not in LIVE and withdraw(file):
                    raise
        time.sleep(LOOK_SECONDS)
    return False


def continue_if_extended(folder: RunFolder, lock: Lock) -> None:
    """Start another worker if epochs were added while the present worker was ending.

    Args:
        lock: the run's lock, which the present worker holds and hands over.

    Raises:
        RunError: no worker can be started; the command remains for a later one.
    """
    if waiting_commands(folder, "extend"):
        start_next_worker(folder, lock)


def _check_ended_and_extendable(folder: RunFolder) -> None:
    if folder.state() in LIVE:
        check_resumable(folder)
    check_extendable(folder)


def _continue(
    folder: RunFolder,
    check: Callable[[RunFolder], None],
    device: str | None,
    data_dir: Path | None,
    *,
    command: Command | None = None,
) -> None:
    """Start a worker, which does not wait in the queue; `command` is written before, for this worker to read."""
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
    """Delete the temporary files of a killed worker, and all commands except those for the next worker."""
    settle(folder, [command for command in waiting_commands(folder) if command.name not in LASTING])
    with suppress(OSError):
        for temporary in folder.path.glob(f"{TEMPORARY}*"):
            discard(temporary)
