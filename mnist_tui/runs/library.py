"""All runs of a folder: found by what a person types, listed, deleted."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from mnist_tui.experiment.presets import PresetError
from mnist_tui.runs.folder import RunError, RunFolder, is_alive
from mnist_tui.runs.state import LIVE, replayed

RECENT = 50
"""Runs looked at when asked whether one trains now; older ones that still train are rare and show in the list."""


@dataclass(frozen=True)
class RunSummary:
    """One line of a list of runs.

    Attributes:
        started: seconds since the epoch.
        test_accuracy, macro_f1: of the final evaluation; None where there was none.
        seconds: training time; None before the end.
    """

    run: str
    folder: str
    state: str
    preset: str
    dataset: str
    started: float
    epochs_done: int
    epochs: int
    parameters: int | None
    test_accuracy: float | None
    test_loss: float | None
    macro_f1: float | None
    val_accuracy: float | None
    seconds: float | None

    def to_document(self) -> dict[str, Any]:
        return asdict(self)


def default_runs_dir() -> Path:
    """``MNIST_TUI_RUNS``, else the user's data folder."""
    given = os.environ.get("MNIST_TUI_RUNS")
    return Path(given) if given else Path(platformdirs.user_data_dir("mnist-tui")) / "runs"


def run_folders(runs_dir: Path) -> list[RunFolder]:
    """The runs of a folder, newest first (their names begin with the time)."""
    try:
        entries = sorted((entry.name for entry in os.scandir(runs_dir) if entry.is_dir()), reverse=True)
    except OSError:
        return []
    return [RunFolder(runs_dir / name) for name in entries if (runs_dir / name / "experiment.toml").exists()]


def find_run(runs_dir: Path, text: str) -> RunFolder:
    """The run that `text` means: an id, a unique beginning or ending of one, a folder, or ``latest``.

    Raises:
        RunError: it means none, or several.
    """
    as_path = Path(text).expanduser()
    if (as_path / "experiment.toml").is_file():
        return RunFolder(as_path.resolve())
    folders = run_folders(runs_dir)
    if not folders:
        raise RunError(f"there are no runs in {runs_dir}; `mnist-tui train --preset raw` makes one")
    if text == "latest":
        return max(folders[:RECENT], key=_created)
    exact = [folder for folder in folders if folder.id == text]
    found = exact or [f for f in folders if f.id.startswith(text) or f.id.endswith(f"-{text}")]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(folder.id for folder in found[:4])
        raise RunError(
            f"{text!r} is the beginning of {len(found)} runs ({some}{' …' if len(found) > 4 else ''}); give more of it"
        )
    raise RunError(f"there is no run {text!r} in {runs_dir}; `mnist-tui runs` lists them, and latest is the newest")


def _created(folder: RunFolder) -> float:
    try:
        return folder.launch().created
    except (RunError, TypeError):
        return 0.0


def list_runs(runs_dir: Path) -> list[RunSummary]:
    """A summary of every run that can be read, newest first."""
    return list(_summaries(runs_dir))


def _summaries(runs_dir: Path) -> Iterator[RunSummary]:
    for folder in run_folders(runs_dir):
        try:
            yield summary_of(folder)
        except (RunError, PresetError, TypeError):
            continue


def summary_of(folder: RunFolder) -> RunSummary:
    """One run's summary, from its folder."""
    preset, launch = folder.preset(), folder.launch()
    state = replayed(folder.events_file)
    last = state.history[-1] if state.history else None
    ended = state.ended
    return RunSummary(
        run=folder.id,
        folder=str(folder.path),
        state=folder.state(),
        preset=preset.name,
        dataset=state.data.name if state.data else preset.experiment.dataset.name,
        started=launch.created,
        epochs_done=len(state.history),
        epochs=preset.experiment.training.epochs,
        parameters=state.start.total if state.start else None,
        test_accuracy=ended.test_accuracy if ended else None,
        test_loss=ended.test_loss if ended else None,
        macro_f1=ended.macro_f1 if ended else None,
        val_accuracy=last.val_accuracy if last else None,
        seconds=sum(row.seconds for row in state.history) if state.history else None,
    )


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
        RunError: its worker lives, or the folder cannot be removed.
    """
    state = folder.state()
    if state in LIVE:
        raise RunError(f"run {folder.id} is {state}; stop it first (`mnist-tui stop {folder.id}`)")
    try:
        shutil.rmtree(folder.path)
    except OSError as error:
        raise RunError(f"run {folder.id} cannot be deleted: {error}") from None
