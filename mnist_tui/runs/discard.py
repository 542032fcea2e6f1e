"""Ends a run that nobody wants and removes it with all its files, alive or not."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from mnist_tui.runs.control import send
from mnist_tui.runs.folder import RunError, RunFolder, is_alive
from mnist_tui.runs.library import delete_run
from mnist_tui.runs.state import LIVE

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.05


def discard(folder: RunFolder, patience: float = PATIENCE_SECONDS) -> None:
    """Has the run's worker end at once, saving nothing, then deletes the run's folder. Blocks: for a thread.

    Args:
        patience: seconds in which the worker is to end.

    Raises:
        RunError: the worker does not answer, or the folder cannot be deleted; then it is as it was.
    """
    folder.check_own_files()
    if folder.state() in LIVE:
        with suppress(RunError):  # it may have ended just now
            send(folder, "discard")
        end = time.monotonic() + patience
        while _lives(folder):
            if time.monotonic() > end:
                raise RunError(
                    f"run {folder.id} does not answer: its process {folder.status().pid} on {folder.status().host} has "
                    "not ended, and nothing was deleted"
                )
            time.sleep(LOOK_SECONDS)
    delete_run(folder)


def _lives(folder: RunFolder) -> bool:
    """Whether the worker may still write: until its process has ended, where that can be seen."""
    if folder.state() in LIVE:
        return True
    status = folder.status()
    return bool(status.pid) and status.host == socket.gethostname() and is_alive(status, time.time())
