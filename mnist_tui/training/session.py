"""One run in a worker, from taking it on to its last event.

What comes before TensorFlow's import is here, the rest is `job`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from pathlib import Path

from mnist_tui.data.errors import DataError
from mnist_tui.experiment import complexity
from mnist_tui.experiment.problem import RequestError
from mnist_tui.runs.events import Ended, RunStarted
from mnist_tui.runs.folder import Lock, RunFolder
from mnist_tui.training import machine
from mnist_tui.training.inputs import Inputs, prepare
from mnist_tui.training.orders import Orders
from mnist_tui.training.reporter import Reporter

PACKAGE = Path(__file__).resolve().parent.parent
DONE, FAILED, REFUSED = 0, 1, 2
"""Exit codes of a worker."""


class Session:
    """A run taken on: lock, first event, heartbeat, orders, and the data on their way while TensorFlow is imported.

    Args:
        folder: the run's.
        importing: whether TensorFlow's import is still to be waited for.

    Raises:
        RunError: another worker holds the run, or its files cannot be read.
    """

    def __init__(self, folder: RunFolder, importing: bool) -> None:
        self.began = time.perf_counter()
        self.folder = folder
        self._lock = Lock(folder)
        self.reporter = Reporter(folder)
        try:
            self.launch = folder.launch()
            self.experiment = folder.preset().experiment
        except RequestError as error:
            self.fail(error)
            raise
        counted = complexity.of(self.experiment)
        self.platform = machine.facts()
        self.reporter.emit(
            RunStarted(
                run=folder.id, epochs=self.experiment.training.epochs, total=counted.total, trainable=counted.trainable,
                platform=self.platform,
            )
        )  # fmt: skip
        self.orders = Orders(self._leave)
        self.orders.watch(folder)
        self.reporter.start_heartbeat()
        self._importing = importing
        self._inputs: Inputs | None = None
        self._data = threading.Thread(target=self._prepare, name="data", daemon=True)
        if importing:
            self.reporter.phase("importing", text="TensorFlow")
        self._data.start()

    def train(self) -> int:
        """Trains the run to its end, whatever that is; the process's exit code."""
        try:
            from mnist_tui.training.job import Job

            self._importing = False
            self._data.join()
            assert self._inputs is not None
            Job(self, self._inputs).run()
        except Exception as error:
            return self.fail(error)
        return DONE

    def fail(self, error: Exception) -> int:
        """Ends the run as failed: a sentence for the person, the traceback of what was not foreseen for the log."""
        if isinstance(error, (RequestError, DataError)):
            reason, where = str(error), ""
            print(reason, file=sys.stderr, flush=True)
        else:
            reason, where = in_words(error), place_of(error)
            traceback.print_exception(error)
        self.reporter.end(Ended(state="failed", reason=reason, where=where))
        return FAILED

    def _prepare(self) -> None:
        try:
            self._inputs = prepare(self.experiment, self.launch, self.reporter)
        except Exception as error:
            # Not left to the main thread: the import that it may be in takes seconds.
            os._exit(self.fail(error))
        if self._importing:
            self.reporter.phase("importing", text="TensorFlow")

    def _leave(self, reason: str) -> None:
        self.reporter.end(Ended(state="stopped", reason=reason))
        os._exit(DONE)


def in_words(error: Exception) -> str:
    """An unforeseen error as one sentence."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "there was not enough memory; a smaller batch or a smaller network needs less"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def place_of(error: Exception) -> str:
    """File and line of this project's that an error came from, or of the library where none of ours is on the way."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)]
    if not frames:
        return ""
    frame = (own or list(frames))[-1]
    name = Path(frame.filename)
    return f"{name.relative_to(PACKAGE.parent) if own else name.name}:{frame.lineno}"
