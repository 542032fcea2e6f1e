"""Has a run's model read pictures while they are drawn: the newest one, in a thread and a process of their own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from textual.message import Message
from textual.message_pump import MessagePump

from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.predictor import Loaded, PredictionError, Predictor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


LOADING = "loading the model (TensorFlow takes some seconds)"
LOOK_SECONDS = 0.5
"""How often to see whether an idle process still lives."""


class DrawingReader:
    """Starts the process at once and tells the viewer how it goes on, until `close` or the process's end.

    Args:
        folder: the run.
        viewer: gets `ModelReady`, `Answered` and, at last, `Lost` unless it closed the reader itself.
    """

    class ReaderMessage(Message):
        """Something that a reader says."""

        def __init__(self, reader: DrawingReader) -> None:
            super().__init__()
            self.reader = reader

    class ModelReady(ReaderMessage):
        """The model is loaded."""

        def __init__(self, reader: DrawingReader, loaded: Loaded) -> None:
            super().__init__(reader)
            self.loaded = loaded

    class Answered(ReaderMessage):
        """The model has read a picture; `milliseconds` from the question to the answer."""

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
        threading.Thread(target=self._serve, name="reader", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._predictor.pid

    def ask(self, image: bytes) -> None:
        """Wants 784 bytes read; a picture that still waits is forgotten."""
        with self._changed:
            self._wanted = image
            self._changed.notify()

    def close(self) -> None:
        """Ends the process; nothing more is told. Returns at once."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._predictor.close()

    def _serve(self) -> None:
        """In the thread."""
        try:
            self._tell(self.ModelReady(self, self._predictor.wait_ready()))
            while (image := self._next()) is not None:
                began = time.perf_counter()
                answer = self._predictor.ask([image])
                passed = 1000 * (time.perf_counter() - began)
                self._tell(self.Answered(self, answer.probabilities[0], passed))
        except PredictionError as error:
            self._tell(self.Lost(self, str(error)))

    def _next(self) -> bytes | None:
        """Waits for the next picture; None once closed."""
        with self._changed:
            while self._wanted is None and not self._closed:
                self._changed.wait(LOOK_SECONDS)
                if not self._closed and not self._predictor.alive:
                    raise self._predictor.ended()
            image, self._wanted = self._wanted, None
            return None if self._closed else image

    def _tell(self, message: ReaderMessage) -> None:
        if not self._closed:
            self._viewer.post_message(message)


class Reading:
    """How the reading stands: its reader, in words, and the newest answer.

    Args:
        viewer: gets what readers tell, and hands it to `take`.

    Attributes:
        words: how it stands, for a person.
        answer: ten probabilities, None where one is not finite; None before there is an answer.
    """

    def __init__(self, viewer: MessagePump) -> None:
        self._viewer = viewer
        self.reader: DrawingReader | None = None
        self._loaded: Loaded | None = None
        self.words = "looking for a run whose model can read"
        self.answer: tuple[float | None, ...] | None = None

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._loaded is not None

    def start(self, folder: RunFolder) -> None:
        """Has the run's model read from now on, with its newest weights."""
        self.stop()
        self.words = LOADING
        try:
            self.reader = DrawingReader(folder, self._viewer)
        except OSError as error:
            self.words = f"the model's process cannot be started: {error.strerror or error}"

    def stop(self) -> None:
        """Ends the process and forgets its answer."""
        if self.reader is not None:
            self.reader.close()
        self.reader = self._loaded = self.answer = None

    def ask(self, pixels: NDArray[np.uint8]) -> None:
        """Wants a picture read, uint8 ``(28, 28)``, once the model is loaded; nobody is asked about an empty one."""
        if self.reader is not None and self.ready and pixels.any():
            self.reader.ask(pixels.tobytes())

    def take(self, message: DrawingReader.ReaderMessage) -> bool:
        """Takes in what a reader tells; False where it is not the present one."""
        if message.reader is not self.reader:
            return False
        match message:
            case DrawingReader.ModelReady(loaded=loaded):
                self._loaded = loaded
                self.words = f"{loaded.words}, loaded in {loaded.milliseconds / 1000:.1f} s"
            case DrawingReader.Answered(probabilities=probabilities, milliseconds=milliseconds) if (
                self._loaded is not None
            ):
                self.answer = probabilities
                self.words = f"{self._loaded.words}, answered in {milliseconds:.1f} ms"
            case DrawingReader.Lost(why=why):
                self.stop()
                self.words = f"{why}; l loads it again"
            case _:
                pass
        return True
