"""Runs whose models can read a drawing, what their networks receive of it, and the process and thread that read it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from textual.message import Message
from textual.message_pump import MessagePump

from mnist_tui.data.hog import hog_picture
from mnist_tui.data.pictures import centred, centres
from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.runs.collection.listing import listed
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.worker_jobs import Loaded, PredictionError, Predictor, class_names, data_of, has_model
from mnist_tui.wording import percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


LOADING = "loading the model (TensorFlow takes some seconds)"
CHECK_SECONDS = 0.5
"""Seconds between two checks whether the idle process still lives."""


class DrawingReader:
    """Starts the model's process, and sends messages to a viewer until `close` or the process's end.

    Args:
        folder: the run.
        viewer: receives `ModelReady`, `Answered` and, unless it closed the reader itself, `Lost`.
    """

    class ReaderMessage(Message):
        """The base of a reader's messages."""

        def __init__(self, reader: DrawingReader) -> None:
            super().__init__()
            self.reader = reader

    class ModelReady(ReaderMessage):
        """The model is loaded."""

        def __init__(self, reader: DrawingReader, loaded: Loaded) -> None:
            super().__init__(reader)
            self.loaded = loaded

    class Answered(ReaderMessage):
        """The model has read a picture; `milliseconds` is the time from the request to the answer."""

        def __init__(self, reader: DrawingReader, probabilities: tuple[float | None, ...], milliseconds: float) -> None:
            super().__init__(reader)
            self.probabilities, self.milliseconds = probabilities, milliseconds

    class Lost(ReaderMessage):
        """The process has ended, or the model cannot be loaded."""

        def __init__(self, reader: DrawingReader, why: str) -> None:
            super().__init__(reader)
            self.why = why

    def __init__(self, folder: RunFolder, viewer: MessagePump) -> None:
        self.folder, self._viewer = folder, viewer
        self._wanted: bytes | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._predictor = Predictor(folder)
        threading.Thread(target=self._run, name="reader", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._predictor.pid

    def ask(self, image: bytes) -> None:
        """Request an answer for a picture of 784 bytes; it replaces a picture that is still waiting."""
        with self._changed:
            self._wanted = image
            self._changed.notify()

    def close(self) -> None:
        """End the process without waiting for it; no more messages are sent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._predictor.close()

    def _run(self) -> None:
        try:
            self._send(self.ModelReady(self, self._predictor.wait_ready()))
            while (image := self._next()) is not None:
                began = time.perf_counter()
                answer = self._predictor.ask([image])
                passed = 1000 * (time.perf_counter() - began)
                self._send(self.Answered(self, answer.probabilities[0], passed))
        except PredictionError as error:
            self._send(self.Lost(self, str(error)))

    def _next(self) -> bytes | None:
        """Wait for the next picture; return None once the reader is closed."""
        with self._changed:
            while self._wanted is None and not self._closed:
                self._changed.wait(CHECK_SECONDS)
                if not self._closed and not self._predictor.alive:
                    raise self._predictor.ended()
            image, self._wanted = self._wanted, None
            return None if self._closed else image

    def _send(self, message: ReaderMessage) -> None:
        if not self._closed:
            self._viewer.post_message(message)


class ModelAnswers:
    """The present reader, its status, and its newest answer.

    Args:
        viewer: receives the readers' messages, and passes them to `handle`.

    Attributes:
        status: the status for a person.
        answer: a probability for each class, None for one that is not finite; None before there is an answer.
    """

    def __init__(self, viewer: MessagePump) -> None:
        self._viewer = viewer
        self.reader: DrawingReader | None = None
        self._loaded: Loaded | None = None
        self.status = "looking for a run whose model can read"
        self.answer: tuple[float | None, ...] | None = None

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._loaded is not None

    def start(self, folder: RunFolder) -> None:
        """Load the run's model with its newest weights, in place of the present one."""
        self.stop()
        self.status = LOADING
        try:
            self.reader = DrawingReader(folder, self._viewer)
        except OSError as error:
            self.status = f"the model's process cannot be started: {error.strerror or error}"

    def stop(self) -> None:
        """End the process and forget its answer."""
        if self.reader is not None:
            self.reader.close()
        self.reader = self._loaded = self.answer = None

    def ask(self, pixels: NDArray[np.uint8]) -> None:
        """Request an answer for a picture, uint8 ``(28, 28)``, if the model is loaded and the picture is not empty."""
        if self.reader is not None and self.ready and pixels.any():
            self.reader.ask(pixels.tobytes())

    def handle(self, message: DrawingReader.ReaderMessage) -> bool:
        """Handle a reader's message; return False if it is not from the present reader."""
        if message.reader is not self.reader:
            return False
        match message:
            case DrawingReader.ModelReady(loaded=loaded):
                self._loaded = loaded
                self.status = f"{loaded.words}, loaded in {loaded.milliseconds / 1000:.1f} s"
            case DrawingReader.Answered(probabilities=probabilities, milliseconds=milliseconds) if (
                self._loaded is not None
            ):
                self.answer = probabilities
                self.status = f"{self._loaded.words}, answered in {milliseconds:.1f} ms"
            case DrawingReader.Lost(why=why):
                self.stop()
                self.status = f"{why}; l loads it again"
            case _:
                pass
        return True
