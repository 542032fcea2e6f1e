"""What a folder of runs can do without: runs that came to nothing, and temporary files that nobody renamed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.runs.folder import Lock, RunError, RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.state import LIVE

TEMPORARY = (".tmp-*", ".old-*", ".export-*")
STALE_SECONDS = 3600.0
"""A temporary file that has not changed for so long is nobody's any more."""
DISCARDED = "discarded"


@dataclass(frozen=True)
class Waste:
    """Something that can go.

    Attributes:
        path: a run's folder, or a temporary file or folder.
        why: in words.
        size: bytes.
        run: the run, where all of it is waste.
    """

    path: Path
    why: str
    size: int
    run: RunFolder | None = None


def waste(runs_dir: Path, *, older_than: float = 0.0, now: float | None = None) -> list[Waste]:
    """What can go, runs first: none that lives, none that left a model or a checkpoint.

    Args:
        older_than: seconds since the last sign of life of a run, and since the last change of a temporary file.
        now: seconds since the Unix epoch.
    """
    now = time.time() if now is None else now
    runs: list[Waste] = []
    files: list[Waste] = []
    for path in _temporary(runs_dir, now - max(older_than, STALE_SECONDS)):
        files.append(Waste(path, "a temporary file", _size(path)))
    for folder in run_folders(runs_dir):
        state = _state(folder)
        if state in {*LIVE, ""}:
            continue
        why = _came_to_nothing(folder, state)
        if why and _last_change(folder) <= now - older_than:
            runs.append(Waste(folder.path, why, _size(folder.path), folder))
            continue
        for place in (folder.path, folder.checkpoint, folder.control, folder.exports):
            for path in _temporary(place, now - max(older_than, STALE_SECONDS)):
                files.append(Waste(path, f"left half written in run {folder.id}", _size(path)))
    return [*runs, *files]


def remove(found: Waste) -> None:
    """Deletes it; a run under its lock, so that nobody goes on with it meanwhile.

    Raises:
        RunError: the run has been taken up again, or it cannot be deleted.
    """
    lock = Lock(found.run) if found.run else None
    try:
        if found.run is not None and not _came_to_nothing(found.run, _state(found.run)):
            raise RunError(f"run {found.run.id} is no longer as it was; it is kept")
        if found.path.is_dir() and not found.path.is_symlink():
            shutil.rmtree(found.path)
        else:
            found.path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{found.path} cannot be deleted: {error.strerror or error}") from None
    finally:
        if lock is not None:
            lock.release()


def _came_to_nothing(folder: RunFolder, state: str) -> str:
    """Why a run is of no use any more, in words; empty where it may be."""
    if state == "stopped" and folder.status().reason == DISCARDED:
        return "discarded, but not deleted"
    if state in {"failed", "crashed"} and not folder.model_file.exists() and not any(folder.checkpoint.glob("*.json")):
        return f"{state}, left no model and no checkpoint"
    return ""


def _state(folder: RunFolder) -> str:
    """The run's state; empty where it cannot be read: such a run is nothing to decide about."""
    try:
        return folder.state()
    except (RunError, TypeError):
        return ""


def _last_change(folder: RunFolder) -> float:
    """The last sign of life, in seconds since the Unix epoch."""
    events = folder.events_file
    return max(folder.status().heartbeat, events.stat().st_mtime if events.exists() else 0.0)


def _temporary(place: Path, before: float) -> Iterator[Path]:
    for pattern in TEMPORARY:
        yield from (path for path in sorted(place.glob(pattern)) if path.lstat().st_mtime <= before)


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
