"""Going on with a run whose worker has ended or died. Whether it can; the worker knows from where.

All that is written here is written under the run's lock, which the new worker inherits: of two who resume a run at
once, one finds it taken and has changed nothing.
"""

from __future__ import annotations

from dataclasses import replace

from mnist_tui.runs.folder import Lock, RunError, RunFolder
from mnist_tui.runs.launcher import start_holding
from mnist_tui.runs.state import LIVE, RESUMABLE


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
    check_resumable(folder)
    lock = Lock(folder)
    try:
        check_resumable(folder)
        _sweep(folder)
        launch = folder.launch()
        asked = replace(launch, device=device or launch.device, data_dir=data_dir or launch.data_dir)
        if asked != launch:
            folder.write_launch(asked)
        start_holding(folder, lock)
    finally:
        lock.release()


def _sweep(folder: RunFolder) -> None:
    """Removes commands that nobody obeyed, and what a killed worker left half written."""
    for stale in (*folder.control.glob("*.json"), *folder.path.glob(".tmp-*")):
        stale.unlink(missing_ok=True)
