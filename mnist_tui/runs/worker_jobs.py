"""Workers that do not train one run alone: servers for a study's trials, jobs that need TensorFlow, and predictors.

Unlike a run's worker they end with the process that started them.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mnist_tui import python_process
from mnist_tui.errors import RunError
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.python_process import end_words, informative_lines, informative_text
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import last_lines, status_of
from mnist_tui.runs.start import WORKER, PipedWorker

TICK_SECONDS = 0.2
END_SECONDS = 5.0
"""A server whose stdin was closed ends at once; one that has not by then is killed."""
LOG_LINES = 3
GROWTH_BYTES = 500_000_000
"""XLA never frees what it compiled: a server that has grown by this since its first run is replaced before the next."""


def threads_environment(threads: int) -> dict[str, str]:
    """Return variables that make a server's TensorFlow compute with that many threads from its start."""
    return {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}


class TrialServer(PipedWorker):
    """A worker that keeps TensorFlow loaded and trains the runs it is given, one after another, until its stdin ends.

    Device and threads are fixed by its first run, or by its environment; a later run that asks for others fails with a
    sentence. One thread at a time may use it.

    Args:
        environment: variables that beat this process's (``CUDA_VISIBLE_DEVICES``, `threads_environment`).
        log: gets what it prints between runs; what it prints during one goes into that run's `worker.log`.
    """

    def __init__(self, environment: Mapping[str, str] | None, log: Path) -> None:
        self._log, self._own = log, environment
        self._start()

    def _start(self) -> None:
        self._answers, self._first_memory = b"", 0
        with self._log.open("ab") as errors:
            self._process = python_process.start(
                WORKER, "--trials", output=subprocess.PIPE, errors=errors, stdin=subprocess.PIPE, own=self._own
            )

    def run(self, folder: RunFolder, tick: Callable[[], None]) -> int:
        """Let the server train a run, and wait for the run's end.

        Args:
            tick: called about five times a second meanwhile. If it raises, the run goes on until `close`.

        Returns:
            The run's exit code: 0 done (also stopped or diverged), 1 failed, 2 refused (and unchanged).

        Raises:
            RunError: the server has died; the text has the last lines that it printed.
        """
        if self._first_memory and self._memory() > self._first_memory + GROWTH_BYTES:
            self.close()
            self._start()
        folder.write_status(status_of(self.pid, "starting"))
        try:
            self._send(os.fsencode(folder.path.absolute()))
        except OSError:
            raise self._died(folder) from None
        while (answer := self._answer()) is None:
            tick()
        if not answer:
            raise self._died(folder)
        self._first_memory = self._first_memory or self._memory()
        return int(json.loads(answer)["exit"])

    def close(self) -> None:
        """End the server, also in the middle of a run, and wait until it has ended."""
        _end(self._process, END_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _memory(self) -> int:
        import psutil

        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _answer(self) -> bytes | None:
        """Return its next answer; None where there is none within TICK_SECONDS, empty where there will be none."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if b"\n" not in self._answers and selector.select(TICK_SECONDS):
                read = os.read(self._process.stdout.fileno(), 65_536)
                if not read:
                    return b""
                self._answers += read
        line, end, rest = self._answers.partition(b"\n")
        if not end:
            return None
        self._answers = rest
        return line

    def _died(self, folder: RunFolder) -> RunError:
        """Return an error that says how the server ended, with the last lines of the run's log or of its own."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        code = self._process.poll()
        how = "died" if code is None else end_words(code)
        printed = informative_text(folder.last_log_lines(LOG_LINES) or last_lines(self._log, LOG_LINES))
        return RunError(f"the worker of run {folder.id} {how}{f'; it last printed: {printed}' if printed else ''}")


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Close the stdin that a process lives by, and wait for its end; kill it after so many seconds."""
    with suppress(OSError):
        assert process.stdin is not None
        process.stdin.close()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_job(
    job: str, folder: RunFolder, arguments: list[str], timeout: float = 300
) -> subprocess.CompletedProcess[bytes]:
    """Run a job that needs TensorFlow but trains nothing (an export) in a worker, and wait for its end.

    Args:
        job: its name, such as ``export``.
        arguments: its arguments, after the run's folder; paths among them are absolute.

    Returns:
        The ended process: stdout is the job's answer, stderr what a person should read on failure.
    """
    return subprocess.run(
        python_process.module(WORKER, "--job", job, "--run", str(folder.path.absolute()), *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=python_process.WORKING_DIRECTORY,
        env=python_process.environment(),
        timeout=timeout,
        check=False,
    )


def start_job(job: str, folder: RunFolder, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a job in a worker that answers on stdout what it is asked on stdin, until stdin ends.

    Args:
        job: its name, such as ``export``.
        errors: gets its stderr.
    """
    arguments = ("--job", job, "--run", str(folder.path.absolute()))
    return python_process.start(WORKER, *arguments, output=subprocess.PIPE, errors=errors, stdin=subprocess.PIPE)


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
    """The model that a predictor loaded.

    Attributes:
        weights: model, or checkpoint for a run that has not ended well.
        epoch: epochs that the checkpoint had done; None for a model.
        milliseconds: the time of loading, TensorFlow's import included.
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
    """The predictions of a model.

    Attributes:
        probabilities: ten for each image; None where one is not a finite number.
        milliseconds: the time of features and network.
    """

    probabilities: tuple[tuple[float | None, ...], ...]
    milliseconds: float


class Predictor(PipedWorker):
    """A process that holds a run's model, started with this object. One thread asks, any thread may close."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        self._process = start_job("predict", folder, self._errors)
        self._closed = False

    def __enter__(self) -> Predictor:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

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
        try:
            self._send(json.dumps(request).encode())
        except (OSError, ValueError):
            raise self.ended() from None
        doc = self._read()
        return PredictorAnswer(tuple(tuple(row) for row in doc["probabilities"]), doc["milliseconds"])

    def close(self) -> None:
        """End the process; it is killed where it does not end by itself in a moment. Returns at once."""
        if self._closed:
            return
        self._closed = True
        end = (self._process, PATIENCE_SECONDS)
        threading.Thread(target=_end, args=end, name=f"end-{self.pid}", daemon=True).start()

    def _read(self) -> dict[str, Any]:
        """Read the next answer of the process."""
        assert self._process.stdout is not None
        try:
            doc: Any = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            raise self.ended() from None
        if "error" in doc:
            raise PredictionError(doc["error"])
        return doc

    def ended(self) -> PredictionError:
        """Return the error that says why the process does not answer any more."""
        try:
            code = self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return PredictionError("the model's process does not answer", refused=False)
        if code < 0:
            return PredictionError(f"the model's process {end_words(code)}", refused=False)
        self._errors.seek(0)
        printed = informative_lines(self._errors.read().decode("utf-8", "replace").splitlines())
        why = f": {printed[-1].strip()}" if printed and code else ""
        return PredictionError(
            f"the model's process has ended{why}", refused=code == 2
        )  # the worker's code for a request that cannot be met


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
