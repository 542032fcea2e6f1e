"""Going on with a run whose worker has ended or died, as planned or further. If it can; the worker knows from where.

All that is written here is written under the run's lock, which the new worker inherits: of two who resume a run at
once, one finds it taken and has changed nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from mnist_tui.experiment.closed_form import is_closed_form
from mnist_tui.experiment.problem import RequestError
from mnist_tui.experiment.spec import MAX_EPOCHS
from mnist_tui.files import TEMPORARY, discard, why_unwritten
from mnist_tui.runs.control import LASTING, Command, leave, settle, waiting, withdraw
from mnist_tui.runs.folder import Lock, RunError, RunFolder
from mnist_tui.runs.launcher import start_holding
from mnist_tui.runs.state import EXTENDABLE, LIVE, RESUMABLE

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
