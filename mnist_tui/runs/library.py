"""All runs of a folder: found by what a person types, listed, deleted."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from mnist_tui.runs.folder import RunError, RunFolder, is_alive
from mnist_tui.runs.naming import meant, newest_first, several
from mnist_tui.runs.state import LIVE

if TYPE_CHECKING:
    from mnist_tui.runs.collection.summaries import RunSummary

RECENT = 50
"""Runs looked at when asked whether one trains now; older ones that still train are rare and show in the list."""


class AmbiguousRunError(RunError):
    """Words that mean several runs."""


def default_runs_dir() -> Path:
    """``MNIST_TUI_RUNS``, else the user's data folder."""
    given = os.environ.get("MNIST_TUI_RUNS")
    return Path(given) if given else Path(platformdirs.user_data_dir("mnist-tui")) / "runs"


def run_folders(runs_dir: Path) -> list[RunFolder]:
    """The runs of a folder, newest first."""
    return [RunFolder(runs_dir / name) for name in newest_first(runs_dir, "experiment.toml")]


def find_run(runs_dir: Path, text: str) -> RunFolder:
    """The run that `text` means: an id, a unique beginning or ending of one, a folder, or ``latest``.

    Raises:
        RunError: it means none.
        AmbiguousRunError: it means several.
    """
    as_path = Path(text).expanduser()
    if (as_path / "experiment.toml").is_file():
        return RunFolder(as_path.resolve())
    folders = run_folders(runs_dir)
    if not folders:
        raise RunError(f"there are no runs in {runs_dir}; `mnist-tui train --preset raw` makes one")
    if text == "latest":
        return max(folders[:RECENT], key=_created)
    found = meant(folders, text)
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousRunError(several(found, text, "runs"))
    raise RunError(f"there is no run {text!r} in {runs_dir}; `mnist-tui runs` lists them, and latest is the newest")


def _created(folder: RunFolder) -> float:
    try:
        return folder.launch().created
    except (RunError, TypeError):
        return 0.0


def list_runs(runs_dir: Path) -> list[RunSummary]:
    """A summary of every run that can be read, newest first."""
    from mnist_tui.runs.collection.listing import listed

    return listed(runs_dir)


def any_running_here(runs_dir: Path) -> bool:
    """Whether a worker on this machine trains one of the newest runs."""
    for folder in run_folders(runs_dir)[:RECENT]:
        try:
            status = folder.status()
        except (RunError, TypeError):
            continue
        if status.state in LIVE and status.host == socket.gethostname() and is_alive(status, time.time()):
            return True
    return False


def delete_run(folder: RunFolder) -> None:
    """Removes a run and all its files.

    Raises:
        ForeignFilesError: the folder leads outside itself.
        RunError: its worker lives, or the folder cannot be removed.
    """
    folder.check_own_files()
    state = folder.state()
    if state in LIVE:
        raise RunError(f"run {folder.id} is {state}; stop it first (`mnist-tui stop {folder.id}`)")
    try:
        shutil.rmtree(folder.path)
    except OSError as error:
        raise RunError(f"run {folder.id} cannot be deleted: {error}") from None
