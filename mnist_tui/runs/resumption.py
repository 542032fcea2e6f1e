"""Going on with a run whose worker has ended or died, as planned or further. If it can; the worker knows from where.

All that is written here is written under the run's lock, which the new worker inherits: of two who resume a run at
once, one finds it taken and has changed nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mnist_tui.experiment.closed_form import is_closed_form
from mnist_tui.experiment.spec import MAX_EPOCHS
from mnist_tui.files import TEMPORARY, discard
from mnist_tui.runs.control import Command, leave, waiting, withdraw
from mnist_tui.runs.folder import Lock, RunError, RunFolder
from mnist_tui.runs.launcher import start_holding
from mnist_tui.runs.state import EXTENDABLE, LIVE, RESUMABLE

TAKEN_SECONDS = 0.5
"""In which a worker that lives takes a command, and one that has ended lets its run go; else it is busy."""
LOOK_SECONDS = 0.02


def check_resumable(folder: RunFolder) -> None:
    """Sees that the run has no worker, and that there is something left to do.

    Raises:
        RunError: it has one, or has come to its own end.
    """
    status, state = folder.status(), folder.state()
    if state in RESUMABLE:
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
    live = folder.state() in LIVE
    if live and not _missed(folder, leave(folder, command)):
        return False
    patience = TAKEN_SECONDS if live else 0.0
    _go_on(folder, _check_over_and_extendable, device, data_dir, command=command, patience=patience)
    return True


def _missed(folder: RunFolder, command: Path) -> bool:
    """Whether the worker has ended without taking a command, which is taken back then; waits until that is clear."""
    end = time.monotonic() + TAKEN_SECONDS
    while command.exists() and folder.state() in LIVE and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return folder.state() not in LIVE and withdraw(command)


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
    patience: float = 0.0,
) -> None:
    """Starts a new worker, which finds `command` waiting; it does not stand in line.

    Args:
        command: others of its name wait with it, for whoever left them just now has been told that they are taken.
        patience: seconds in which a worker that has just ended lets the run go.
    """
    check(folder)
    lock = _locked(folder, patience)
    try:
        check(folder)
        _sweep(folder, spared=command.name if command else "")
        launch = folder.launch()
        asked = replace(launch, device=device or launch.device, data_dir=data_dir or launch.data_dir, wait=False)
        if asked != launch:
            folder.write_launch(asked)
        if command is not None:
            leave(folder, command)
        start_holding(folder, lock)
    finally:
        lock.release()


def _locked(folder: RunFolder, patience: float) -> Lock:
    end = time.monotonic() + patience
    while True:
        try:
            return Lock(folder)
        except RunError:
            if time.monotonic() >= end:
                raise
            time.sleep(LOOK_SECONDS)


def _sweep(folder: RunFolder, spared: str) -> None:
    """Removes commands that nobody obeyed, but for those of the name `spared`, and what a killed worker left."""
    for command in waiting(folder):
        if not (spared and command.stem.endswith(f"-{spared}")):
            withdraw(command)
    for half_written in folder.path.glob(f"{TEMPORARY}*"):
        discard(half_written)
