"""One run in a worker, from its lock to its last event.

Everything before TensorFlow's import is here; the rest is in `job`.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

from mnist_tui.data.catalogue import DataError
from mnist_tui.errors import RequestError
from mnist_tui.experiment import complexity
from mnist_tui.files import FORBIDDEN, FULL, why_unwritten
from mnist_tui.runs.control import DISCARDED, CommandName
from mnist_tui.runs.devices import ahead_of
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import Ended, ModelBuilt, RunStarted
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import Lock
from mnist_tui.runs.start import continue_if_extended
from mnist_tui.training import machine
from mnist_tui.training.extension import recover
from mnist_tui.training.inputs import DatasetCache, Inputs, prepare
from mnist_tui.training.orders import LOOK_SECONDS, Orders
from mnist_tui.training.reporter import Reporter

DONE, FAILED, REFUSED = 0, 1, 2
"""Exit codes of a worker."""
QUEUE_LOOK_SECONDS = 0.5
UNTIL_THE_END: tuple[CommandName, ...] = ("pause", "continue", "step", "stop", "checkpoint", "discard")
"""Commands that mean nothing once the run has ended."""


class Session:
    """One run of a worker: lock, first event, heartbeat, commands; data are read while TensorFlow is imported.

    A run that is to wait for its device does so in `train`, before any of the data or of TensorFlow is in memory.

    Args:
        folder: the run's.
        importing: whether TensorFlow's import is still to be waited for.
        lock: the run's lock, where whoever started this process held it and handed it over.
        cache: the data that the process keeps, where it trains run after run: then it does not end with the run.

    Attributes:
        before: the run as earlier sessions left it; without a `start` where this is the first.

    Raises:
        RunError: another worker holds the run, or its files cannot be read.
    """

    def __init__(
        self, folder: RunFolder, importing: bool, lock: int | None = None, cache: DatasetCache | None = None
    ) -> None:
        self.folder, self.cache = folder, cache
        self._lock = Lock(folder, lock)
        self.before = replayed(folder.events_file)
        self._resumed = False
        self.reporter = Reporter(folder, self.before.updated or 0.0)
        self.orders = Orders(self._leave)
        try:
            recover(folder)
            self.launch = folder.launch()
            self.experiment = folder.preset().experiment
        except RequestError as error:
            self.fail(error)
            self._lock.release()
            raise
        counted, epochs = complexity.of(self.experiment), self.experiment.training.epochs
        self.platform = machine.facts()
        self.reporter.emit(
            RunStarted(
                run=folder.id, epochs=epochs, total=counted.total, trainable=counted.trainable, platform=self.platform
            )
        )
        self.orders.watch(folder)
        self.reporter.start_heartbeat()
        self._importing = importing
        self._inputs: Inputs | None = None
        self._problem: Exception | None = None
        self._data = threading.Thread(target=self._prepare, name="data", daemon=True)
        if not self.launch.wait:
            self._begin()

    @property
    def resumes(self) -> bool:
        """Whether an earlier session has started this run."""
        return self.before.start is not None

    @property
    def earlier(self) -> ModelBuilt | None:
        """The model as an earlier session built it, which decides the program; None if none got that far."""
        return self.before.model

    def remove_earlier_results(self) -> None:
        """Remove the results of an earlier session, because the run continues now."""
        self._resumed = True
        for path in (self.folder.results_file, self.folder.predictions_file, self.folder.model_file):
            path.unlink(missing_ok=True)

    def _begin(self) -> None:
        self.began = time.perf_counter()
        if self._importing:
            self.reporter.phase("importing", text="TensorFlow")
        self._data.start()

    def train(self) -> int:
        """Train the run to its end; return the exit code of a process that does nothing else."""
        came_to_its_end = False
        try:
            if self.launch.wait:
                self._wait_in_line()
                self._begin()
            from mnist_tui.training.job import TrainingJob

            self._importing = False
            TrainingJob(self, self._finished_inputs()).run()
            came_to_its_end = True
        except Exception as error:
            return DONE if self.orders.left.is_set() else self.fail(error)
        finally:
            self._release(came_to_its_end)
        return DONE

    def _wait_in_line(self) -> None:
        """Wait until every live run that was made earlier, on this machine and for the same device, has ended.

        It reports which it waits for. Commands reach the worker meanwhile; a stop ends the run and the waiting.
        """
        ahead = ahead_of(self.folder, self.launch)
        while ahead:
            self.reporter.phase("waiting", text=ahead.text)
            if self.orders.left.wait(QUEUE_LOOK_SECONDS):
                break
            ahead = ahead_of(self.folder, self.launch, ahead.runs) or ahead_of(self.folder, self.launch)
        self.orders.raise_if_ended()

    def fail(self, error: Exception) -> int:
        """End the run as failed: with a sentence for the person, and for an unforeseen error a traceback in the log."""
        if isinstance(error, (RequestError, DataError)):
            reason, where = str(error), ""
            print(reason, file=sys.stderr, flush=True)
        else:
            reason, where = in_words(error), place_of(error)
            traceback.print_exception(error)
        self._end(Ended(state="failed", reason=reason, where=where))
        return FAILED

    def _prepare(self) -> None:
        try:
            self._inputs = prepare(self.experiment, self.launch, self.reporter, self.before.data, self.cache)
        except Exception as error:
            if self._alone:
                # Not left to the main thread: the import that it may be in takes seconds.
                os._exit(self.fail(error))
            self._problem = error
        if self._importing:
            self.reporter.phase("importing", text="TensorFlow")

    def _finished_inputs(self) -> Inputs:
        while self._data.is_alive():
            self.orders.raise_if_ended()
            self._data.join(LOOK_SECONDS)
        if self._problem is not None:
            raise self._problem
        assert self._inputs is not None
        return self._inputs

    @property
    def _alone(self) -> bool:
        """Whether the process ends with the run."""
        return self.cache is None

    def _release(self, came_to_its_end: bool) -> None:
        """Release the run for other processes: this one may take seconds to end.

        More epochs that were asked for too late for this worker are the next one's, which begins at once where the
        run has come to its own end.
        """
        self.orders.unwatch()
        try:
            if came_to_its_end:
                self.orders.settle(*UNTIL_THE_END)
                if self._alone and not self.orders.stopping and self.folder.status().state == "finished":
                    continue_if_extended(self.folder, self._lock)
        except (OSError, RequestError) as error:
            print(error, file=sys.stderr, flush=True)
        self._lock.release()

    def _leave(self, reason: str) -> None:
        try:
            self._end(Ended(state="stopped", reason=reason))
        except OSError as error:  # a stop is a stop although its reason cannot be written
            print(f"the end of the run cannot be written: {why_unwritten(error)}", file=sys.stderr, flush=True)
        if self._alone:
            os._exit(DONE)

    def _end(self, ended: Ended) -> None:
        """End the run; a run that had ended well before and could not continue keeps its state and its results."""
        before = self.before.ended
        if before is not None and before.state in ("stopped", "finished") and not self._resumed and not ended.where:
            ended = replace(before, refused=ended.reason)
        self.reporter.end(ended)
        # More epochs that were asked for stay for the next worker, but not of a run that refused or is discarded.
        self.orders.settle(*(() if ended.refused or ended.reason == DISCARDED else UNTIL_THE_END))


def in_words(error: Exception) -> str:
    """Return an unforeseen error as one sentence."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "there was not enough memory; a smaller batch or a smaller network needs less"
    if isinstance(error, OSError) and error.errno in (*FULL, *FORBIDDEN, errno.EROFS):
        return why_unwritten(error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def place_of(error: Exception) -> str:
    """Return the file and line of this project where an error arose; the library's if none of ours is involved."""
    package = Path(__file__).resolve().parent.parent
    places = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    own = [(path.relative_to(package.parent), line) for path, line in places if path.is_relative_to(package)]
    path, line = (own or [(path.name, line) for path, line in places] or [("", None)])[-1]
    return f"{path}:{line}" if line else ""
