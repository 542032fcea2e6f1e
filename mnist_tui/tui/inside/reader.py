"""Let a process look inside a run's network without the screen having to wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message
from textual.message_pump import MessagePump

from mnist_tui.runs.explanations import Explainer, Explanation
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.worker_jobs import PredictionError
from mnist_tui.tui.run_screen import ModelReader


@dataclass(frozen=True)
class InsideQuestion:
    """What is asked about an image: see `Explainer.explain`."""

    folder: RunFolder
    image: bytes
    method: str
    label: int | None
    layer: str | None


LOADING = "Loading the model (TensorFlow takes some seconds) …"


class InsideReader(ModelReader[InsideQuestion]):
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
        self._data_dir = data_dir
        self.question: InsideQuestion | None = None
        self._explainer = Explainer(folder)
        super().__init__(self._explainer, viewer)

    def answer_questions(self) -> None:
        try:
            self.weights = self._explainer.wait_ready().words
            while (question := self.next_question()) is not None:
                self.post(self.Answered(question, self._answer(question)))
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

    def _say(self, status: str) -> None:
        self.status = status
        self.post(self.StatusChanged())
