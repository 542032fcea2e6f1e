"""Ends a run that nobody wants and removes it with all its files, alive or not."""

from __future__ import annotations

import time

from mnist_tui import processes
from mnist_tui.locks import is_held
from mnist_tui.runs.control import Command, leave, withdraw
from mnist_tui.runs.folder import RunError, RunFolder, is_worker
from mnist_tui.runs.library import delete_run
from mnist_tui.runs.state import LIVE

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.05


def discard(folder: RunFolder, patience: float = PATIENCE_SECONDS) -> None:
    """Has the run's worker end at once, saving nothing, then deletes the run's folder. Blocks: for a thread.

    Args:
        patience: seconds in which the worker is to end.

    Raises:
        RunError: the worker does not answer, or the folder cannot be deleted; then it is as it was, and a worker that
            wakes later finds no order to end.
    """
    folder.check_own_files()
    if folder.state() in LIVE:
        order = leave(folder, Command("discard"))
        try:
            if not _ends(folder, patience) and (withdraw(order) or not _ends(folder, patience)):
                raise RunError(_silent(folder))
        except BaseException:
            withdraw(order)
            raise
    delete_run(folder)


def _ends(folder: RunFolder, patience: float) -> bool:
    """Whether the worker ends in that many seconds."""
    end = time.monotonic() + patience
    while _lives(folder):
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _silent(folder: RunFolder) -> str:
    status = folder.status()
    said = f"run {folder.id} does not answer: its process {status.pid} on {status.host} has not ended"
    if is_worker(folder.path, status) and processes.is_stopped(status.pid):
        said += f", for it is suspended (`kill -CONT {status.pid}` lets it go on)"
    return f"{said}; nothing was deleted, and it is no longer asked to end"


def _lives(folder: RunFolder) -> bool:
    """Whether the worker may still write: until its process has ended, where that can be seen."""
    return folder.state() in LIVE or is_worker(folder.path, folder.status()) or is_held(folder.lock_file)
