"""Find runs that have a model, compute what their networks receive of a drawing, and let a model classify it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from textual.message import Message
from textual.message_pump import MessagePump

from mnist_tui.data.pictures import Reading, centred, reading_of, why_not_centred
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import ImageShape
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.runs.collection.summaries import RunSummary, list_runs, summary_of
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.worker_jobs import PredictionError, Predictor, class_names, data_of, has_model
from mnist_tui.tui.run_screen import ModelReader
from mnist_tui.tui.widgets.pixels import HogPicture, hog_picture_of
from mnist_tui.wording import percent, sentence_of


@dataclass(frozen=True)
class ReadableRun:
    """A run with a model.

    Attributes:
        name: what the network is, such as ``Raw pixels: 784-250-10, tanh``.
        state: its state when its folder was read.
        hog: its HOG features; None if its features are pixels.
        image: height, width and channels of its images.
        names: the names of its classes.
        data: the data that it recorded; None if it never had any.
        score: its accuracy in words, ``Its test accuracy: 97.4 %.``; empty without a final evaluation.
    """

    folder: RunFolder
    name: str
    state: str
    hog: HogFeatures | None
    image: ImageShape
    names: tuple[str, ...]
    data: DataReady | None
    score: str = ""

    @property
    def why_not_centred(self) -> str:
        """Why drawings are not centred for this run by default; empty if they are."""
        return why_not_centred(self.names, self.image)

    @property
    def reading(self) -> Reading:
        """How image files are read for this run."""
        return reading_of(self.image, self.data.name if self.data else None)

    @property
    def data_title(self) -> str:
        """The title of its data."""
        return self.data.title if self.data else "no data yet"


def readable_run(folder: RunFolder) -> ReadableRun:
    """Read a run's folder; raise RequestError if it cannot be read."""
    preset = folder.preset()
    features = preset.experiment.features
    hog = features if isinstance(features, HogFeatures) else None
    image, title, names = preset.experiment.image_shape, preset.title or preset.name, class_names(folder)
    summary = summary_of(folder)
    accuracy = summary.test_accuracy
    score = "" if accuracy is None else f"Its {summary.scored_on} accuracy: {percent(accuracy, 1)}."
    return ReadableRun(folder, title, folder.state(), hog, image, names, data_of(folder), score)


def newest_with_model(runs_dir: Path) -> RunFolder | None:
    """Return the newest ended run that has a model; a live run, then a fold of a cross-validation, if there is none."""
    live: RunFolder | None = None
    fold: RunFolder | None = None
    for folder in run_folders(runs_dir):
        if not has_model(folder):
            continue
        try:
            if folder.preset().experiment.dataset.fold:
                fold = fold or folder
                continue
            if folder.state() not in LIVE:
                return folder
        except (RequestError, TypeError):
            continue
        live = live or folder
    return live or fold


def runs_with_model(runs_dir: Path) -> list[tuple[RunFolder, RunSummary]]:
    """Return the runs that have a model, newest first."""
    return [(folder, run) for run in list_runs(runs_dir) if has_model(folder := RunFolder(Path(run.folder)))]


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """An image as a network receives it.

    Attributes:
        pixels: uint8 ``(height, width)``, or ``(height, width, 3)`` in colour.
        hog: the HOG picture; None if the features are pixels.
    """

    pixels: NDArray[np.uint8]
    hog: HogPicture | None = None


def network_input(drawing: NDArray[np.uint8], *, centring: bool, hog: HogFeatures | None) -> NetworkInput:
    """Compute a network's input from an image of its size. Slow for small HOG cells: call it in a thread."""
    pixels = centred(drawing, drawing.shape[:2]) if centring else drawing
    if hog is None:
        return NetworkInput(pixels)
    return NetworkInput(pixels, hog_picture_of(pixels, hog))


class DrawingReader(ModelReader[bytes]):
    """A run's model that classifies the newest drawing, in a process and a thread of its own.

    Args:
        folder: the run, whose newest weights are loaded.
        viewer: receives `ReaderChanged` whenever `status` or `answer` has changed, until `close`.

    Attributes:
        loading: whether the model is being loaded.
        status: what the model is, or why there is none, as a sentence; empty while it is being loaded.
        speed: how long it took to load the model or to answer; empty if neither has happened.
        answer: a probability for each class (None: not finite); None before the first answer.

    Raises:
        OSError: the process cannot be started.
    """

    class ReaderChanged(Message):
        """Posted when a reader's status or answer has changed."""

    def __init__(self, folder: RunFolder, viewer: MessagePump) -> None:
        self.loading, self.status = True, ""
        self.speed = ""
        self.answer: tuple[float | None, ...] | None = None
        self._predictor = Predictor(folder)
        super().__init__(self._predictor, viewer)

    def answer_questions(self) -> None:
        try:
            loaded = self._predictor.wait_ready()
            model = f"Read by {loaded.words}."
            self._report(model, f"Loaded in {loaded.milliseconds / 1000:.1f} s.")
            while (image := self.next_question()) is not None:
                started = time.perf_counter()
                answer = self._predictor.ask([image])
                milliseconds = 1000 * (time.perf_counter() - started)
                self._report(model, f"Answered in {milliseconds:.1f} ms.", answer.probabilities[0])
        except PredictionError as error:
            self._report(sentence_of(f"{error}; l loads it again"))

    def _report(self, status: str, speed: str = "", answer: tuple[float | None, ...] | None = None) -> None:
        self.loading, self.status, self.speed, self.answer = False, status, speed, answer
        self.post(self.ReaderChanged())
