"""Runs whose models can read a drawing, and what their networks receive of it. To be called in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.hog import hog_picture
from mnist_tui.data.pictures import centred, centres
from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.runs.collection.listing import listed
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.worker_jobs import class_names, data_of, has_model
from mnist_tui.wording import percent


@dataclass(frozen=True)
class ReadableRun:
    """A run with a model.

    Attributes:
        state: the run's state when its folder was read.
        hog: its HOG features; None if its features are pixels.
        names: the names of its classes.
        data: the data that the run recorded; None if it never had any.
    """

    folder: RunFolder
    preset: str
    state: str
    hog: HogFeatures | None
    names: tuple[str, ...]
    data: DataReady | None

    @property
    def centres(self) -> bool:
        """Whether drawings are centred for this run by default."""
        return centres(self.names)

    @property
    def title(self) -> str:
        """``hog on MNIST, finished``."""
        return f"{self.preset} on {self.data.title if self.data else 'no data yet'}, {self.state}"


def readable_run(folder: RunFolder) -> ReadableRun:
    """Read what the screen shows of a run.

    Raises:
        RequestError: the run's folder cannot be read.
    """
    preset = folder.preset()
    features = preset.experiment.features
    hog = features if isinstance(features, HogFeatures) else None
    return ReadableRun(folder, preset.name, folder.state(), hog, class_names(folder), data_of(folder))


def newest_with_model(runs_dir: Path) -> RunFolder | None:
    """Return the newest ended run that has a model, else the newest live run that has saved one."""
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


def runs_with_model(runs_dir: Path) -> list[tuple[RunFolder, str]]:
    """List the runs that have a model, newest first, each with a line: run, data, state, test accuracy, name."""
    found = [(folder, run) for run in listed(runs_dir) if has_model(folder := RunFolder(Path(run.folder)))]
    longest = max((len(folder.id) for folder, _ in found), default=0)
    return [
        (
            folder,
            f"{folder.id:<{longest}}  {run.dataset:<13}  {run.state:<8}  {percent(run.test_accuracy):>8}  {run.name}",
        )
        for folder, run in found
    ]


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """A drawing as a run's network receives it.

    Attributes:
        pixels: uint8 ``(28, 28)``.
        hog, fine_hog: the HOG picture, uint8 ``(28, 28)`` and ``(56, 56)``; None if the run's features are pixels.
    """

    pixels: NDArray[np.uint8]
    hog: NDArray[np.uint8] | None = None
    fine_hog: NDArray[np.uint8] | None = None


def network_input(drawing: NDArray[np.uint8], *, centring: bool, hog: HogFeatures | None) -> NetworkInput:
    """Compute a network's input from a drawing, uint8 ``(28, 28)``. Slow for small HOG cells: call it in a thread."""
    pixels = centred(drawing) if centring else drawing
    if hog is None:
        return NetworkInput(pixels)
    coarse, fine = (
        hog_picture(pixels, orientations=hog.orientations, pixels_per_cell=hog.pixels_per_cell, scale=scale)
        for scale in (1, 2)
    )
    return NetworkInput(pixels, coarse, fine)
