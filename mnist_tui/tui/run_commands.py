"""What is done to runs at a key press: started, resumed, extended, discarded. It asks first where something is lost."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_tui.data.catalogue import DataError
from mnist_tui.errors import RequestError
from mnist_tui.files import why_unwritten
from mnist_tui.runs import start as run_start
from mnist_tui.runs.deletion import discard_run
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import LIVE
from mnist_tui.tui.bench import Bench, Route
from mnist_tui.tui.dialogs import Choice, Question, answer_keys
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.unexpected import logged
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset
    from mnist_tui.runs.collection.summaries import RunSummary


class BusyQuestion(Question):
    """Whether a new run is to wait in line (the default), to start now, or not at all, while the device is busy."""

    TITLE = "The device is busy"
    HELP = """
    **A busy device.** Two trainings on one device slow each other down, and on a GPU the second may find too little
    memory. A run that waits begins by itself once all runs that were made before it, on this device, have ended; it can
    be stopped meanwhile, and it needs no window. There is no line behind processes that are not ours.
    """
    ANSWERS = (
        Choice("wait", "w", "Wait in line", "Begin once the runs before this one have ended", "primary"),
        Choice("now", "s", "Start now", "Train at the same time"),
        Choice("cancel", "escape,c", "Cancel", "Start no training"),
    )
    BINDINGS = answer_keys("busy", ANSWERS)


def train(bench: Bench, preset: Preset) -> None:
    """Start a training and show it; ask first if the device is busy."""
    bench.selected = preset.name
    bench.run_worker(_train(bench, preset), group=TAKES_KEYBOARD, exclusive=True)


async def _train(bench: Bench, preset: Preset) -> None:
    wait = await ask_to_wait(bench)
    if wait is not None and (folder := start(bench, preset, wait=wait)) is not None:
        bench.show(Route("training", run=folder))


def start(bench: Bench, preset: Preset, *, wait: bool = False) -> RunFolder | None:
    """Start a run; return None, after a notice, if it cannot start."""
    try:
        return bench.starter.start(preset, wait=wait)
    except (RequestError, DataError, OSError) as error:
        bench.call_later(bench.report_error, "The training cannot start", str(error))
        return None


async def ask_to_wait(bench: Bench) -> bool | None:
    """Return whether a new run is to wait in line; ask if the device is busy. None if no run is to start.

    Call it in a worker of the app.
    """
    busy = await asyncio.to_thread(bench.starter.busy)
    if busy is None:
        return False
    line = "If it waits, the new run starts by itself when the runs before it have ended."
    question = BusyQuestion(busy.text, line) if busy.line else BusyQuestion(busy.text, without=("wait",))
    choice = await bench.push_screen_wait(question)
    return None if choice == "cancel" else choice == "wait"


def resume(bench: Bench, folder: RunFolder) -> None:
    """Have a worker continue a run; a notice says why if it cannot."""
    try:
        run_start.resume(folder)
        bench.following.follow(folder, resumed=True)
    except (RequestError, OSError) as error:
        bench.report_error("The training cannot go on", str(error))


def extend(bench: Bench, folder: RunFolder, epochs: int) -> None:
    """Have a run train more epochs, with a new worker if it has ended; a notice says what came of it.

    It works in a thread: a live worker is given a moment to take the command.
    """
    work = partial(_extend, bench, folder, epochs)
    bench.run_worker(work, thread=True, group="extend", exit_on_error=False)


def _extend(bench: Bench, folder: RunFolder, epochs: int) -> None:
    try:
        new_worker = run_start.extend(folder, epochs)
    except Exception as error:  # a thread's last line of defence
        bench.call_from_thread(bench.report_error, "The run cannot be extended", _sentence(error))
        return
    if new_worker:
        bench.call_from_thread(bench.following.follow, folder, resumed=True)
    bench.call_from_thread(bench.notify, f"{counted(epochs, 'epoch')} more asked for", timeout=3)


def discard(bench: Bench, folder: RunFolder) -> None:
    """Close a run's screens, end the run and delete it, in a thread; a notice says what came of it."""
    bench.following.forget(folder)
    bench.leave_run()
    work = partial(_discard, bench, folder)
    bench.run_worker(work, thread=True, group="discard", exit_on_error=False)


def _discard(bench: Bench, folder: RunFolder) -> None:
    try:
        discard_run(folder)
    except Exception as error:  # a thread's last line of defence
        bench.call_from_thread(bench.report_error, "The run is not discarded", _sentence(error))
        return
    bench.call_from_thread(bench.notify, f"run {folder.id} and its files are gone", title="Discarded")


def _sentence(error: Exception) -> str:
    """Return what went wrong; an error that nobody expected is logged with its traceback."""
    if isinstance(error, OSError):
        return why_unwritten(error)
    return str(error) if isinstance(error, RequestError) else logged(error)


def open_run(bench: Bench, run: RunSummary) -> None:
    """A run's screen: training while it lives, else its results."""
    if run.state in LIVE:
        bench.show(Route("training", run=folder_of(run)))
    else:
        bench.show(Route("results", run=folder_of(run)))


def folder_of(run: RunSummary) -> RunFolder:
    return RunFolder(Path(run.folder))
