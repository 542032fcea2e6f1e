"""Writes checkpoints beside the training: when one is due, and the thread that writes. What is in one: `checkpoint`.

The training thread only takes the snapshot. Errors are told, never raised: a full disk does not end a training.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable

from mnist_tui.runs.events import CheckpointSaved, Warned
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training import checkpoint
from mnist_tui.training.reporter import Reporter
from mnist_tui.training.snapshot import TrainingSnapshot

LEAST_SECONDS = 5.0
"""Between two checkpoints that nobody asked for."""
MOST_SHARE = 0.03
"""Of the training's time that such checkpoints may take."""


class CheckpointWriter:
    """One run's checkpoints.

    Args:
        folder: the run's, whose lock the caller holds.
        reporter: told of each checkpoint once it is complete, and of errors.
        take: takes a snapshot; called in the caller's thread.
        clock: seconds.
    """

    def __init__(
        self,
        folder: RunFolder,
        reporter: Reporter,
        take: Callable[[], TrainingSnapshot],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._reporter, self._take, self._clock = folder, reporter, take, clock
        self._changed = threading.Condition()
        self._next: TrainingSnapshot | None = None
        self._writing = self._asked = self._closed = False
        self._problem = ""
        self._taking = self._written = 0.0
        self._last = clock()
        self._thread = threading.Thread(target=self._work, name="checkpoint", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Least time between two checkpoints that nobody asked for, by what the last one cost."""
        return max(LEAST_SECONDS, (self._taking + self._written) / MOST_SHARE)

    def save_if_due(self) -> None:
        """Has a checkpoint written where the last is long enough ago and written."""
        if self._clock() - self._last >= self.seconds and not self._busy:
            self._offer()

    def save(self) -> str:
        """Writes a checkpoint now and waits for it.

        Returns:
            Why it could not be written, in words, which is told as well; empty where it was.
        """
        self._asked = True
        self._offer()
        with self._changed:
            self._changed.wait_for(lambda: not self._busy)
            problem, self._asked = self._problem, False
        if problem:
            self._tell(f"the checkpoint that was asked for could not be written ({problem})")
        return problem

    def close(self) -> None:
        """Writes what is under way, and no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def _busy(self) -> bool:
        return self._writing or self._next is not None

    def _offer(self) -> None:
        began = time.perf_counter()
        snapshot = self._take()
        self._taking = time.perf_counter() - began
        self._last = self._clock()
        with self._changed:
            self._next = snapshot
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._closed)
                if self._next is None:
                    return
                snapshot, self._next, self._writing = self._next, None, True
            problem = self._write(snapshot)
            if problem and problem != self._problem and not self._asked:
                kept = (
                    "the one before is still there" if checkpoint.exists(self._folder.checkpoint) else "there is none"
                )
                self._tell(f"a checkpoint could not be written ({problem}); {kept}, and training goes on")
            with self._changed:
                self._problem, self._writing = problem, False
                self._changed.notify_all()

    def _write(self, snapshot: TrainingSnapshot) -> str:
        began, position = time.thread_time(), snapshot.position
        try:
            # Whatever a checkpoint outlasts, the epochs that led to it must too.
            for path in (self._folder.events_file, self._folder.predicted_file):
                if path.exists():
                    checkpoint.sync(path)
            checkpoint.save(self._folder.checkpoint, snapshot)
            self._reporter.emit(CheckpointSaved(epoch=position.epoch, step=position.step))
            return ""
        except Exception as error:
            if isinstance(error, OSError) and error.strerror:
                return error.strerror
            traceback.print_exception(error)
            return str(error) or type(error).__name__
        finally:
            self._written = time.thread_time() - began

    def _tell(self, text: str) -> None:
        try:
            self._reporter.emit(Warned(text=text))
        except OSError as error:
            print(text, error, sep="\n", file=sys.stderr, flush=True)


class NoCheckpoints:
    """In the place of a writer where there is nothing to save before the end: a closed form begins anew."""

    def save_if_due(self) -> None:
        pass

    def save(self) -> str:
        return ""

    def close(self) -> None:
        pass
