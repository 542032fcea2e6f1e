"""Runs whose models can read a drawing. Reads files: for a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnist_tui.data.pictures import centres
from mnist_tui.experiment.problem import RequestError
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.runs.collection.listing import listed
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.predictor import class_names, data_of, has_model
from mnist_tui.runs.state import LIVE
from mnist_tui.wording import percent


@dataclass(frozen=True)
class ReadableRun:
    """A run whose model reads.

    Attributes:
        state: as it was when it was looked at.
        hog: its features; None where it sees pixels.
        data: what the run recorded of its data; None where it never had any.
    """

    folder: RunFolder
    preset: str
    state: str
    hog: HogFeatures | None
    names: tuple[str, ...]
    data: DataReady | None

    @property
    def centres(self) -> bool:
        """Whether drawings are centred for it unless a person says otherwise."""
        return centres(self.names)

    @property
    def words(self) -> str:
        """``hog on MNIST, finished``."""
        return f"{self.preset} on {self.data.title if self.data else 'no data yet'}, {self.state}"


def subject_of(folder: RunFolder) -> ReadableRun:
    """What is to be known of a run.

    Raises:
        RequestError: its folder cannot be read.
    """
    preset = folder.preset()
    features = preset.experiment.features
    hog = features if isinstance(features, HogFeatures) else None
    return ReadableRun(folder, preset.name, folder.state(), hog, class_names(folder), data_of(folder))


def newest_with_model(runs_dir: Path) -> RunFolder | None:
    """The newest run that has ended and has a model, else the newest that trains and has saved something."""
    live: RunFolder | None = None
    for folder in run_folders(runs_dir):
        if not has_model(folder):
            continue
        try:
            if folder.state() not in LIVE:
                return folder
        except (RequestError, TypeError):
            continue
        live = live or folder
    return live


def offered(runs_dir: Path) -> list[tuple[RunFolder, str]]:
    """Every run that has a model, newest first, each with a line: run, data, state, test accuracy, name."""
    found = [(folder, run) for run in listed(runs_dir) if has_model(folder := RunFolder(Path(run.folder)))]
    longest = max((len(folder.id) for folder, _ in found), default=0)
    return [
        (
            folder,
            f"{folder.id:<{longest}}  {run.dataset:<13}  {run.state:<8}  {percent(run.test_accuracy):>8}  {run.name}",
        )
        for folder, run in found
    ]
