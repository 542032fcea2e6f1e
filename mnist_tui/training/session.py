"""One run in a worker, from its lock to its last event; the part after TensorFlow's import is in `job`."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnist_tui.data.errors import DataError
from mnist_tui.errors import RequestError
from mnist_tui.experiment.layers import ParameterCounts
from mnist_tui.files import FORBIDDEN, FULL, why_unwritten
from mnist_tui.runs.control import DISCARDED, CommandName
from mnist_tui.runs.devices import ahead_of
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import Ended, RunStarted
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import counts_of
from mnist_tui.runs.process_folder import Lock
from mnist_tui.runs.processor import choose_onednn
from mnist_tui.runs.start import continue_if_extended
from mnist_tui.training import machine
from mnist_tui.training.extension import recover
from mnist_tui.training.inputs import DatasetCache, EvaluationInputs, Inputs, prepare, prepare_evaluation
from mnist_tui.training.orders import POLL_SECONDS, Orders
from mnist_tui.training.reporter import Reporter

DONE, FAILED, REFUSED = 0, 1, 2
"""Exit codes of a worker."""
QUEUE_POLL_SECONDS = 0.5
UNTIL_THE_END: tuple[CommandName, ...] = ("pause", "continue", "step", "stop", "checkpoint", "discard")
"""Commands that have no effect on an ended run."""


class Session:
    """One run of a worker: lock, first event, heartbeat, commands; data are read while TensorFlow is imported.

    A run that must wait for its device does so in `train`, before data or TensorFlow take memory.

    Args:
        folder: the run's folder.
        importing: whether TensorFlow's import is not complete.
        lock: the run's lock as an open file, if the process that started this one has handed it over.
        cache: the data that the process keeps if it trains run after run; None if it ends with this run.

    Attributes:
        before: the run's state after earlier sessions; its `start` is None in the first session.

    Raises:
        RunError: another worker holds the run's lock, or the run's files cannot be read.
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
            self.experiment, self.origin = folder.preset().experiment, folder.origin
            if self.origin is not None:
                self.orders.stop_reason = "stopped before the test images were classified"
        except RequestError as error:
            self.fail(error)
            self._lock.release()
            raise
        counted = counts_of(self.experiment, self.origin) or ParameterCounts()
        epochs = self.experiment.training.epochs if self.origin is None else 0
        self.platform = machine.facts()
        if importing:
            choose_onednn(self.before.model)
        self.reporter.emit(
            RunStarted(
                run=folder.id, epochs=epochs, total=counted.total, trainable=counted.trainable, platform=self.platform
            )
        )
        self.orders.watch(folder)
        self.reporter.start_heartbeat()
        self._importing = importing and (self.origin is None or not self.origin.predictions_only)
        self._inputs: Inputs | EvaluationInputs | None = None
        self._problem: Exception | None = None
        self._data = threading.Thread(target=self._prepare, name="data", daemon=True)
        if not self.launch.wait:
            self._begin()

    def remove_earlier_results(self) -> None:
        """Delete the results of an earlier session, because the run continues now."""
        self._resumed = True
        folder = self.folder
        for path in (folder.results_file, folder.predictions_file, folder.model_file, folder.robustness_file):
            path.unlink(missing_ok=True)

    def _begin(self) -> None:
        self.began = time.perf_counter()
        if self._importing:
            self.reporter.phase("importing", text="TensorFlow")
        self._data.start()

    def train(self) -> int:
        """Train the run to its end; return the exit code for a worker of this run alone."""
        completed = False
        try:
            if self.launch.wait:
                self._wait_in_line()
                self._begin()
            self._run_job()
            completed = True
        except Exception as error:
            return DONE if self.orders.left.is_set() else self.fail(error)
        finally:
            self._release(completed)
        return DONE

    def _run_job(self) -> None:
        if (origin := self.origin) is None:
            from mnist_tui.training.job import TrainingJob

            self._importing = False
            TrainingJob(self, self._finished_inputs()).run()
            return
        from mnist_tui.training.evaluation_job import EvaluationJob

        self._importing = False
        facts: dict[str, Any] = {"platform": self.platform, "began": self.began}
        EvaluationJob(self.folder, origin, self._finished_inputs(), self.reporter, self.orders, **facts).run()

    def _wait_in_line(self) -> None:
        """Wait until every live run that was made earlier, on this machine and for the same device, has ended.

        The runs are reported. Commands are obeyed meanwhile; a stop ends the run.
        """
        ahead = ahead_of(self.folder, self.launch)
        while ahead:
            self.reporter.phase("waiting", text=ahead.text)
            if self.orders.left.wait(QUEUE_POLL_SECONDS):
                break
            ahead = ahead_of(self.folder, self.launch, ahead.runs) or ahead_of(self.folder, self.launch)
        self.orders.raise_if_ended()

    def fail(self, error: Exception) -> int:
        """End the run as failed, with the reason in a sentence, and the traceback of an unexpected error in the log."""
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
            if self.origin is not None:
                self._inputs = prepare_evaluation(self.folder, self.origin, self.reporter)
            else:
                self._inputs = prepare(self.experiment, self.launch, self.reporter, self.before.data, self.cache)
        except Exception as error:
            if self.cache is None:
                # the main thread, which may be importing TensorFlow, would need seconds to end the process
                os._exit(self.fail(error))
            self._problem = error
        if self._importing:
            self.reporter.phase("importing", text="TensorFlow")

    def _finished_inputs(self) -> Any:
        while self._data.is_alive():
            self.orders.raise_if_ended()
            self._data.join(POLL_SECONDS)
        if self._problem is not None:
            raise self._problem
        assert self._inputs is not None
        return self._inputs

    def _release(self, completed: bool) -> None:
        """Release the run for other processes, because this one may take seconds to end.

        If more epochs were requested too late for this worker, and the run has finished by itself, start the next
        worker for them at once.
        """
        self.orders.unwatch()
        try:
            if completed:
                self.orders.settle(*UNTIL_THE_END)
                if self.cache is None and not self.orders.stopping and self.folder.status().state == "finished":
                    continue_if_extended(self.folder, self._lock)
        except (OSError, RequestError) as error:
            print(error, file=sys.stderr, flush=True)
        self._lock.release()

    def _leave(self, reason: str) -> None:
        try:
            self._end(Ended(state="stopped", reason=reason))
        except OSError as error:  # the run stops although the reason cannot be written
            print(f"the end of the run cannot be written: {why_unwritten(error)}", file=sys.stderr, flush=True)
        if self.cache is None:
            os._exit(DONE)

    def _end(self, ended: Ended) -> None:
        """End the run; a run that had ended well and could not continue keeps its earlier state and results."""
        before = self.before.ended
        if before is not None and before.state in ("stopped", "finished") and not self._resumed and not ended.where:
            ended = replace(before, refused=ended.reason)
        self.reporter.end(ended)
        # requests for more epochs stay for the next worker, unless the run refused to continue or is discarded
        self.orders.settle(*(() if ended.refused or ended.reason == DISCARDED else UNTIL_THE_END))


def in_words(error: Exception) -> str:
    """Return an unexpected error as one sentence."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "there was not enough memory; a smaller batch or a smaller network needs less"
    if isinstance(error, OSError) and error.errno in (*FULL, *FORBIDDEN, errno.EROFS):
        return why_unwritten(error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def place_of(error: Exception) -> str:
    """Return the file and line where an error arose: the innermost of this project, else the library's."""
    package = Path(__file__).resolve().parent.parent
    places = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    own = [(path.relative_to(package.parent), line) for path, line in places if path.is_relative_to(package)]
    path, line = (own or [(path.name, line) for path, line in places] or [("", None)])[-1]
    return f"{path}:{line}" if line else ""
