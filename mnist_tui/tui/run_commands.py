"""What becomes of runs at a key press: asks where something must be asked, does it, tells what went wrong."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import why_unwritten
from mnist_tui.unexpected import logged
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.tui.app import BenchApp
    from mnist_tui.tui.starting import Starter


NOTICE_SECONDS = 15


async def wait_or_not(app: BenchApp) -> bool | None:
    """Whether a new run is to stand in line; asked where the device is busy. None where none is to start.

    To be called in a worker of the app's.
    """
    busy = await asyncio.to_thread(app.starter.busy)
    if busy is None:
        return False
    from mnist_tui.tui.screens.busy import BusyScreen

    choice = await app.push_screen_wait(BusyScreen(busy))
    return None if choice == "cancel" else choice == "wait"


def extend(app: BenchApp, folder: RunFolder, epochs: int) -> None:
    """Has a run train that many epochs more, in a thread, with a new worker where it has ended; tells what came of it.

    A live worker is given a moment to take the order.
    """
    app.run_worker(
        partial(_extended, app, app.starter, folder, epochs), thread=True, group="extend", exit_on_error=False
    )


def _extended(app: BenchApp, starter: Starter, folder: RunFolder, epochs: int) -> None:
    try:
        anew = starter.extend(folder, epochs)
    except Exception as error:  # a thread's last line of defence
        app.call_from_thread(_refused, app, "The run cannot be extended", _sentence(error))
        return
    if anew:
        app.call_from_thread(app.following.follow_again, folder)
    app.call_from_thread(app.notify, f"{counted(epochs, 'epoch')} more asked for", timeout=3)


def discard(app: BenchApp, folder: RunFolder) -> None:
    """Leaves a run's screens, ends the run and deletes it, in a thread; tells what came of it."""
    app.following.forget(folder)
    app.leave_run()
    app.run_worker(partial(_discarded, app, app.starter, folder), thread=True, group="discard", exit_on_error=False)


def _discarded(app: BenchApp, starter: Starter, folder: RunFolder) -> None:
    try:
        starter.discard(folder)
    except Exception as error:  # a thread's last line of defence
        app.call_from_thread(_refused, app, "The run is not discarded", _sentence(error))
        return
    app.call_from_thread(app.notify, f"run {folder.id} and its files are gone", title="Discarded", markup=False)


def _sentence(error: Exception) -> str:
    """What went wrong; what nobody expected is logged whole."""
    if isinstance(error, OSError):
        return why_unwritten(error)
    return str(error) if isinstance(error, RequestError) else logged(error)


def _refused(app: BenchApp, what: str, why: str) -> None:
    app.notify(why, title=what, severity="error", timeout=NOTICE_SECONDS, markup=False)
