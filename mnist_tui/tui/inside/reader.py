"""Let a process look inside a run's network without the screen having to wait for it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message
from textual.message_pump import MessagePump

from mnist_tui.runs.explanations import Explainer, Explanation
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.worker_jobs import PredictionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ExplainedImage:
    """An image of the network's size.

    Attributes:
        pixels: uint8 ``(height, width)``, or ``(height, width, 3)`` in colour, as the network receives it.
        name: what it is, such as ``Image 1,234`` or ``Drawing``.
        source: where it is from, such as ``MNIST test images``; empty if there is nothing to say.
        true: its class, if that is known.
        photograph: whether a grey image is drawn from black to white, instead of in the theme's colours.
    """

    pixels: NDArray[np.uint8]
    name: str
    source: str = ""
    true: int | None = None
    photograph: bool = False


@dataclass(frozen=True)
class InsideQuestion:
    """What is asked about an image: see `Explainer.explain`."""

    folder: RunFolder
    image: bytes
    method: str
    label: int | None
    layer: str | None


LOADING = "Loading the model (TensorFlow takes some seconds) …"
CHECK_SECONDS = 0.5
"""The time between two checks of whether the idle process still lives."""


class InsideReader:
    """A process that looks inside networks, and a thread that waits for it.

    Args:
        folder: the run whose model is loaded first.
        data_dir: a data folder to search for training images.
        viewer: receives the messages, until `close`.

    Attributes:
        status: what the process is doing.
        question: the question that it answers, or has answered last; None before the first one.

    Raises:
        OSError: the process cannot be started.
    """

    class Answered(Message):
        """Posted with the answer to a question: an explanation, or why there is none."""

        def __init__(self, question: InsideQuestion, answer: Explanation | str) -> None:
            super().__init__()
            self.question, self.answer = question, answer

    class StatusChanged(Message):
        """Posted when `status` or `alive` has changed."""

    def __init__(self, folder: RunFolder, data_dir: Path | None, viewer: MessagePump) -> None:
        self.status = LOADING
        self.weights = ""
        self.alive = True
        self._data_dir, self._viewer = data_dir, viewer
        self.question: InsideQuestion | None = None
        self._waiting: InsideQuestion | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._explainer = Explainer(folder)
        threading.Thread(target=self._run, name="inside", daemon=True).start()

    def ask(self, question: InsideQuestion) -> None:
        """Ask a question; one that is still waiting is dropped."""
        with self._changed:
            self._waiting = question
            self._changed.notify()

    def close(self) -> None:
        """End the process without waiting for it; no more messages are sent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._explainer.close()

    def _run(self) -> None:
        try:
            self.weights = self._explainer.wait_ready().words
            while (question := self._next()) is not None:
                self._post(self.Answered(question, self._answer(question)))
        except PredictionError as error:
            self.alive = False
            self._say(f"{error}; l loads it again")

    def _answer(self, question: InsideQuestion) -> Explanation | str:
        explainer, self.question = self._explainer, question
        try:
            if question.folder.path != explainer.folder.path:
                self._say(LOADING)
                self.weights = explainer.load(question.folder).words
            method = question.method
            self._say("computing …")
            return explainer.explain(
                question.image,
                method,
                label=question.label,
                layer=question.layer,
                data_dir=self._data_dir,
                on_progress=self._progress,
            )
        except PredictionError as error:
            if error.refused and explainer.alive:
                return str(error)
            raise

    def _progress(self, what: str, done: int, total: int) -> None:
        self._say(f"{what}: {done:,} of {total:,}" if total else f"{what} …")

    def _next(self) -> InsideQuestion | None:
        """Wait for the next question and return it; None once the reader is closed."""
        with self._changed:
            while self._waiting is None and not self._closed:
                self._changed.wait(CHECK_SECONDS)
                if not self._closed and not self._explainer.alive:
                    raise self._explainer.ended()
            question, self._waiting = self._waiting, None
            return None if self._closed else question

    def _say(self, status: str) -> None:
        self.status = status
        self._post(self.StatusChanged())

    def _post(self, message: Message) -> None:
        if not self._closed:
            self._viewer.post_message(message)
