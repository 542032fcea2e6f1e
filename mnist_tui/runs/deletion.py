"""Delete runs that have ended, discard live runs, and find and delete useless runs and abandoned temporary files.

Other processes write in the folder meanwhile: a file that disappears while it is examined is ignored, and a run that
cannot be read is not changed.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mnist_tui import processes
from mnist_tui.errors import RunError
from mnist_tui.files import TEMPORARY, discard, is_abandoned, temporary_name
from mnist_tui.locks import is_held
from mnist_tui.runs.control import DISCARDED, Command, waiting_commands, withdraw, write_command
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.process_folder import Lock, is_worker
from mnist_tui.runs.state import LIVE

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.05


def delete_run(folder: RunFolder) -> None:
    """Delete a run and all its files, under its lock, so that no process can resume the run meanwhile.

    The folder is renamed first: a process that is killed here leaves a complete run, or a temporary folder, which
    `find_waste` finds.

    Raises:
        RunError: the folder contains a link, a pipe or a device, it cannot be deleted, or another process writes it.
    """
    folder.check_own_files()
    _check_ended(folder)
    lock = Lock(folder)
    try:
        _check_ended(folder)
        remove_folder(folder.path)
    except OSError as error:
        raise RunError(f"run {folder.id} cannot be deleted: {error}") from None
    finally:
        lock.release()


def remove_folder(path: Path) -> None:
    """Rename a folder to a temporary name, then delete it; after an OSError, `find_waste` may find the rest."""
    aside = temporary_name(path)
    path.rename(aside)
    shutil.rmtree(aside)


def _check_ended(folder: RunFolder) -> None:
    """Raise a RunError if a run is live. If its status cannot be read, only its lock can show that."""
    try:
        state = folder.state()
    except RunError:
        return
    if state in LIVE:
        raise RunError(f"run {folder.id} is {state}; stop it first (`mnist-tui stop {folder.id}`)")


def discard_run(folder: RunFolder, patience: float = PATIENCE_SECONDS) -> None:
    """Make a run's worker end at once without saving, then delete the run. Waits for the worker: call it in a thread.

    Args:
        patience: the number of seconds to wait for the worker's end.

    Raises:
        RunError: the worker does not end, or the folder cannot be deleted. Then the run is unchanged, and the command
            to end is withdrawn.
    """
    folder.check_own_files()
    if folder.state() in LIVE:
        command = write_command(folder, Command("discard"))
        try:
            if not _wait_for_end(folder, patience) and (withdraw(command) or not _wait_for_end(folder, patience)):
                raise RunError(_no_answer(folder))
        except BaseException:
            withdraw(command)
            raise
    _wait_for_release(folder, patience)
    delete_run(folder)


def _wait_for_end(folder: RunFolder, patience: float) -> bool:
    """Wait until the worker can no longer write, and until its process has ended if it is on this machine."""
    end = time.monotonic() + patience
    while folder.state() in LIVE or is_worker(folder.path, folder.status()) or is_held(folder.lock_file):
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _wait_for_release(folder: RunFolder, patience: float) -> None:
    """Wait until no process holds a run's lock: a worker holds it for a moment after it has written the run's end."""
    end = time.monotonic() + patience
    while is_held(folder.lock_file) and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)


def _no_answer(folder: RunFolder) -> str:
    status, why = folder.status(), ""
    if is_worker(folder.path, status) and processes.is_stopped(status.pid):
        why = f", for it is suspended (`kill -CONT {status.pid}` lets it go on)"
    return (
        f"run {folder.id} does not answer: its process {status.pid} on {status.host} has not ended{why}; "
        "nothing was deleted, and the request to end was withdrawn"
    )


@dataclass(frozen=True)
class Waste:
    """A whole run, or a temporary file or folder (then `run` is None), that can be deleted; `size` is in bytes."""

    path: Path
    why: str
    size: int
    run: RunFolder | None = None


def find_waste(runs_dir: Path, *others: Path, older_than: float = 0.0) -> list[Waste]:
    """Find what can be deleted: discarded or empty runs first, then abandoned temporary files. Live runs are skipped.

    Args:
        others: further folders to search for temporary files.
        older_than: the least age in seconds, by the system clock: since the last heartbeat of a run, or the last change
            of a temporary file. With 0 the clock is not read.
    """
    before = time.time() - older_than if older_than else math.inf
    waste = [each for place in (runs_dir, *others) for each in _temporaries(place, "a temporary file", before)]
    for folder in run_folders(runs_dir):
        with suppress(RunError, OSError):
            waste += _waste_of(folder, before)
    return sorted(waste, key=lambda each: each.run is None)


def remove_waste(waste: Waste) -> None:
    """Delete waste, if it still exists; a run under its lock, so that no process can resume the run meanwhile.

    Raises:
        RunError: the run has been resumed, or the waste cannot be deleted.
    """
    try:
        if waste.run is None:
            discard(waste.path)
        else:
            _remove_run(waste.run)
    except (RunError, OSError) as error:
        if _stat(waste.path) is None:
            return
        if isinstance(error, RunError):
            raise
        raise RunError(f"{waste.path} cannot be deleted: {getattr(error, 'strerror', None) or error}") from None


def _remove_run(folder: RunFolder) -> None:
    lock = Lock(folder)  # refuses a folder that contains a link
    try:
        if not _why_useless(folder):
            raise RunError(f"run {folder.id} has changed meanwhile; it is not deleted")
        remove_folder(folder.path)
    finally:
        lock.release()


def _waste_of(folder: RunFolder, before: float) -> list[Waste]:
    """Return the whole run if it is of no use, else abandoned temporary files in it; nothing for a live run."""
    if folder.state() in LIVE or is_held(folder.lock_file):
        return []
    why, events = _why_useless(folder), _stat(folder.events_file)
    if why and max(folder.status().heartbeat, events.st_mtime if events else 0.0) <= before:
        return [Waste(folder.path, why, _size(folder.path), folder)]
    why = f"left half written in run {folder.id}"
    places = (folder.path, folder.checkpoint, folder.control, folder.exports)
    return [each for place in places for each in _temporaries(place, why, before)]


def _why_useless(folder: RunFolder) -> str:
    """Return why a run is of no more use; an empty text if it may be of use."""
    state = folder.state()
    if (state == "stopped" and folder.status().reason == DISCARDED) or waiting_commands(folder, "discard"):
        return "discarded, but not deleted"
    if state in {"failed", "crashed"} and not folder.model_file.exists() and not folder.checkpoint_file.is_file():
        return f"{state}, left no model and no checkpoint"
    return ""


def _temporaries(place: Path, why: str, before: float) -> list[Waste]:
    """Return temporary files and folders of ended processes that were last changed before a time or at it."""
    try:
        paths = sorted(path for path in place.iterdir() if path.name.startswith(TEMPORARY) and is_abandoned(path))
    except OSError:
        return []
    stats = ((path, _stat(path)) for path in paths)
    return [Waste(path, why, _size(path)) for path, stat in stats if stat is not None and stat.st_mtime <= before]


def _size(path: Path) -> int:
    """Return the size in bytes of a file, or of all files in a folder."""
    files = [path]
    if path.is_dir() and not path.is_symlink():
        files = [Path(place, name) for place, _, names in os.walk(path) for name in names]
    return sum(stat.st_size for file in files if (stat := _stat(file)) is not None)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
