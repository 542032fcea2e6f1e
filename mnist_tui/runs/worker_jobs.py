"""Workers with other tasks than training one run: trials of a study, exports, predictions, checks of a device.

Unlike the worker of a run, they end with the process that started them.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import subprocess
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from mnist_tui import python_process
from mnist_tui.errors import RunError
from mnist_tui.python_process import end_words, informative_lines, informative_text
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import MODEL_ENDINGS
from mnist_tui.runs.process_folder import last_lines, status_of
from mnist_tui.runs.start import WORKER, PipedWorker

TICK_SECONDS = 0.2
END_SECONDS = 5.0
"""A server should end as soon as its stdin is closed; after this time it is killed."""
LOG_LINES = 3
GROWTH_BYTES = 500_000_000
"""A server that has grown by this since its first run is replaced before the next: XLA never frees a program."""


class TrialServer(PipedWorker):
    """A worker that keeps TensorFlow loaded and trains one run after another. For one thread at a time.

    Device and threads are fixed by the first run; a later run that requests others fails.

    Args:
        log: the file for the output between runs; the output during a run goes into that run's `worker.log`.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._start()

    def _start(self) -> None:
        self._answers, self._first_memory = b"", 0
        with self._log.open("ab") as errors:
            pipe = subprocess.PIPE
            self._process = python_process.start(WORKER, "--trials", output=pipe, errors=errors, stdin=pipe)

    def run(self, folder: RunFolder, tick: Callable[[], None]) -> int:
        """Let the server train a run, and wait for the run's end.

        Args:
            tick: called about five times a second. If it raises an error, the run continues until `close`.

        Returns:
            The exit code of the run: 0 done (also stopped or diverged), 1 failed, 2 refused (and unchanged).

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
        """End the server, even during a run, and wait for its end."""
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
        """Return the next answer; None if there is none within TICK_SECONDS, empty if the server has ended."""
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
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        code = self._process.poll()
        how = "died" if code is None else end_words(code)
        printed = informative_text(folder.last_log_lines(LOG_LINES) or last_lines(self._log, LOG_LINES))
        return RunError(f"the worker of run {folder.id} {how}{f'; it last printed: {printed}' if printed else ''}")


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Close a process's stdin, which makes it end, and wait for that; kill it after `patience` seconds."""
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
    """Run a job that needs TensorFlow but trains nothing in a worker, and wait for its end.

    Args:
        job: the name of the job, such as ``export``.
        arguments: its further arguments; paths among them must be absolute.

    Returns:
        The ended process: stdout is the job's answer, stderr the explanation of a failure.
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


class JobError(RunError):
    """The error if a worker cannot do its job; `refused` is False if the worker failed or was killed."""

    def __init__(self, message: str, *, refused: bool) -> None:
        self.refused = refused
        super().__init__(message)


def check_device(device: str, data_dir: Path | None) -> Generator[dict[str, Any]]:
    """Let a worker compare the training of the starter presets on a device with plain Keras, for about a minute.

    The worker is killed if the generator is closed before its end.

    Args:
        device: auto, cpu, gpu or gpu:N.
        data_dir: the folder of the datasets; None for the usual places.

    Yields:
        The worker's messages as they arrive: those of `check_starters` in `training/self_check.py`.

    Raises:
        JobError: the device does not exist, data cannot be used, or the worker failed.
    """
    folder = () if data_dir is None else ("--data-dir", str(data_dir.absolute()))
    with WorkerMessages("check", "--self-check", device, *folder) as messages:
        yield from messages


class WorkerMessages:
    """A worker with a job, started at once, whose messages (lines of JSON on its stdout) are iterated as they arrive.

    The worker is killed by `close`, which any thread may call, and at the end of a ``with`` block.

    Args:
        job: the job in words, for the error.
        arguments: the worker's arguments.
        request: a line for the worker's stdin, which stays open; empty for none.
    """

    def __init__(self, job: str, *arguments: str, request: str = "") -> None:
        self._job, self._closed = job, False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        pipe = subprocess.PIPE
        self._process = python_process.start(WORKER, *arguments, output=pipe, errors=self._errors, stdin=pipe)
        if request:
            assert self._process.stdin is not None
            with suppress(BrokenPipeError):  # its exit code says why it has ended
                self._process.stdin.write(f"{request}\n".encode())
                self._process.stdin.flush()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __iter__(self) -> Generator[dict[str, Any]]:
        """Yield the messages.

        Raises:
            JobError: the worker refused the request, failed, or was killed.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(b"{") and line.endswith(b"}\n"):  # libraries may print other lines
                yield json.loads(line)
        code = self._process.wait()
        if code == 0:
            return
        if self._closed:
            raise JobError(f"the {self._job} was cancelled", refused=True)
        self._errors.seek(0)
        printed = informative_lines(self._errors.read().decode("utf-8", "replace").splitlines())
        refused = code == 2 and bool(printed)  # the worker's code for a request that cannot be met
        why = printed[-1].strip() if printed else "it printed nothing"
        raise JobError(why if refused else f"the worker of the {self._job} {end_words(code)}: {why}", refused=refused)

    def close(self) -> None:
        """Kill the worker if it has not ended; the iteration then ends with a JobError."""
        self._closed = True
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()


def start_model_process(job: str, folder: RunFolder, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a worker that answers on stdout the requests on stdin, until stdin ends.

    Args:
        job: ``predict`` or ``explain``.
        errors: gets its stderr.
    """
    arguments = ("--job", job, "--run", str(folder.path.absolute()))
    return python_process.start(WORKER, *arguments, output=subprocess.PIPE, errors=errors, stdin=subprocess.PIPE)


PATIENCE_SECONDS = 2.0
"""The time in which a process with a model should end by itself."""


class PredictionError(RunError):
    """The error if a model's process does not answer; `refused` is False if it failed or was killed."""

    def __init__(self, message: str, *, refused: bool = True) -> None:
        self.refused = refused
        super().__init__(message)


@dataclass(frozen=True)
class Loaded:
    """The model that a process has loaded.

    Attributes:
        weights: ``model``, or ``checkpoint`` for a run without a saved model.
        epoch: the number of epochs that the checkpoint was trained for; None for a model.
        milliseconds: the time for importing TensorFlow and loading.
    """

    weights: str
    epoch: int | None
    milliseconds: float

    @property
    def words(self) -> str:
        """A description: ``the run's model`` or ``its checkpoint of epoch 7``."""
        return "the run's model" if self.weights == "model" else f"its checkpoint of epoch {self.epoch}"


@dataclass(frozen=True)
class PredictorAnswer:
    """The probabilities of all classes for each image (None if not finite), and the time for features and network."""

    probabilities: tuple[tuple[float | None, ...], ...]
    milliseconds: float


class ModelProcess(PipedWorker):
    """A worker process that keeps a run's model loaded. Only one thread may ask; any thread may call `close`.

    Attributes:
        JOB: the worker's job.
    """

    JOB: ClassVar[str]

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        self._process = start_model_process(self.JOB, folder, self._errors)
        self._closed = False

    def wait_ready(self) -> Loaded:
        """Wait some seconds until the model is loaded; raises a PredictionError if it cannot be loaded."""
        doc = self._read()
        return Loaded(doc["weights"], doc["epoch"], doc["milliseconds"])

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the first answer to a request.

        Raises:
            PredictionError: the process has ended, or rejects the request.
        """
        try:
            self._send(json.dumps(request).encode())
        except (OSError, ValueError):
            raise self.ended() from None
        return self._read()

    def close(self) -> None:
        """End the process, which is killed if it does not end by itself. Returns at once."""
        if self._closed:
            return
        self._closed = True
        end = (self._process, PATIENCE_SECONDS)
        threading.Thread(target=_end, args=end, name=f"end-{self.pid}", daemon=True).start()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            doc: Any = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            raise self.ended() from None
        if "error" in doc:
            raise PredictionError(doc["error"])
        return doc

    def ended(self) -> PredictionError:
        """Return the error that says why the process no longer answers."""
        try:
            code = self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return PredictionError("the model's process does not answer", refused=False)
        if code < 0:
            return PredictionError(f"the model's process {end_words(code)}", refused=False)
        self._errors.seek(0)
        printed = informative_lines(self._errors.read().decode("utf-8", "replace").splitlines())
        why = f": {printed[-1].strip()}" if printed and code else ""
        refused = code == 2  # the worker's code for a request that cannot be met
        return PredictionError(f"the model's process has ended{why}", refused=refused)


class Predictor(ModelProcess):
    """A process that classifies images with a run's model."""

    JOB = "predict"

    def ask(self, images: Sequence[bytes]) -> PredictorAnswer:
        """Return the model's predictions for images.

        Args:
            images: the bytes of each image, row by row, light on black; in colour red, green and blue of each pixel.

        Raises:
            PredictionError: the process has ended, or rejects the images.
        """
        doc = self._request({"images": [in_base64(image) for image in images]})
        return PredictorAnswer(tuple(tuple(row) for row in doc["probabilities"]), doc["milliseconds"])


def in_base64(image: bytes) -> str:
    """Return the bytes of an image as a request has them."""
    return base64.b64encode(image).decode("ascii")


def class_names(folder: RunFolder) -> tuple[str, ...]:
    """Return the names of the classes in the run's data; their numbers if it has not read any data."""
    data = data_of(folder)
    return data.class_names if data is not None else tuple(map(str, range(folder.preset().experiment.classes)))


def data_of(folder: RunFolder) -> DataReady | None:
    """Return the event about the run's data, None if there is none; reads only as much of the log as necessary."""
    tail = EventTail(folder.events_file)
    while events := tail.read():
        for event in events:
            if isinstance(event, DataReady):
                return event
    return None


def has_model(folder: RunFolder) -> bool:
    """Return whether the run has a model or a checkpoint of its own, trained or imported, or its members have."""
    if folder.model_file.is_file() or folder.checkpoint_file.is_file():
        return True
    if any((folder.path / f"imported{ending}").is_file() for ending in MODEL_ENDINGS):
        return True
    try:
        origin = folder.origin
    except RunError:
        return False
    return origin is not None and origin.kind == "ensemble" and not origin.predictions_only
