"""Ask a run's model for predictions, which a process of its own computes (the worker's predict job).

The process ends when its stdin is closed, and so with the process that started it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from mnist_tui.errors import RunError
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.python_process import end_words, telling
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.worker_jobs import start_job

REFUSED = 2
"""The worker's exit code for a request that cannot be met."""
PATIENCE_SECONDS = 2.0
"""How long a process may take to end by itself."""


class PredictionError(RunError):
    """A run's model cannot answer.

    Attributes:
        refused: whether the request was wrong; False where the process failed or was killed.
    """

    def __init__(self, message: str, *, refused: bool = True) -> None:
        self.refused = refused
        super().__init__(message)


@dataclass(frozen=True)
class Loaded:
    """What the process loaded.

    Attributes:
        weights: model, or checkpoint for a run that has not ended well.
        epoch: epochs that the checkpoint had done; None for a model.
        milliseconds: what loading took, TensorFlow's import included.
    """

    weights: str
    epoch: int | None
    milliseconds: float

    @property
    def words(self) -> str:
        """``the run's model``, ``its checkpoint of epoch 7``."""
        return "the run's model" if self.weights == "model" else f"its checkpoint of epoch {self.epoch}"


@dataclass(frozen=True)
class PredictorAnswer:
    """What the model predicts.

    Attributes:
        probabilities: ten for each image; None where one is not a finite number.
        milliseconds: what features and network took.
    """

    probabilities: tuple[tuple[float | None, ...], ...]
    milliseconds: float


class Predictor:
    """A process that holds a run's model, started with this object. One thread asks, any thread may close.

    Args:
        folder: the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        self._process = start_job("predict", folder, self._errors)
        self._closed = False

    def __enter__(self) -> Predictor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def wait_ready(self) -> Loaded:
        """Wait until the model is loaded, which takes seconds.

        Raises:
            PredictionError: it cannot be loaded, or the process has ended.
        """
        doc = self._read()
        return Loaded(doc["weights"], doc["epoch"], doc["milliseconds"])

    def ask(self, images: Sequence[bytes]) -> PredictorAnswer:
        """Return what the model predicts for images.

        Args:
            images: 784 bytes each, row by row, light on black.

        Raises:
            PredictionError: the process has ended, or does not take these.
        """
        request = {"images": [base64.b64encode(image).decode("ascii") for image in images]}
        stdin = self._process.stdin
        try:
            if stdin is None:
                raise OSError
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
        except (OSError, ValueError):
            raise self.ended() from None
        doc = self._read()
        return PredictorAnswer(tuple(tuple(row) for row in doc["probabilities"]), doc["milliseconds"])

    def close(self) -> None:
        """End the process; it is killed where it does not end by itself in a moment. Returns at once."""
        if self._closed:
            return
        self._closed = True
        threading.Thread(target=self._end, name=f"end-{self.pid}", daemon=True).start()

    def _end(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict[str, Any]:
        """Read the next answer of the process."""
        stdout = self._process.stdout
        try:
            line = stdout.readline() if stdout is not None else b""
            doc: Any = json.loads(line)
        except (OSError, ValueError):
            raise self.ended() from None
        if "error" in doc:
            raise PredictionError(doc["error"])
        return doc

    def ended(self) -> PredictionError:
        """Return why the process does not answer any more."""
        try:
            code = self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return PredictionError("the model's process does not answer", refused=False)
        if code < 0:
            return PredictionError(f"the model's process {end_words(code)}", refused=False)
        self._errors.seek(0)
        printed = telling(self._errors.read().decode("utf-8", "replace").splitlines())
        why = f": {printed[-1].strip()}" if printed and code else ""
        return PredictionError(f"the model's process has ended{why}", refused=code == REFUSED)


def class_names(folder: RunFolder) -> tuple[str, ...]:
    """Return the ten classes of the run's data; the digits where it never read any."""
    data = data_of(folder)
    return data.class_names if data is not None else tuple(map(str, range(CLASSES)))


def data_of(folder: RunFolder) -> DataReady | None:
    """Return the data that the run had; None where it never read any. Reads the log no further than needed."""
    tail = EventTail(folder.events_file)
    while events := tail.read():
        for event in events:
            if isinstance(event, DataReady):
                return event
    return None


def has_model(folder: RunFolder) -> bool:
    """Return whether the run has saved a model or a checkpoint."""
    return folder.model_file.is_file() or folder.checkpoint_file.is_file()
