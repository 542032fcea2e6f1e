"""The training process as users run it, an epoch a turn: `python -m tests.benchmarks.ours FOLDER`, from `engine`.

A run's folder, events, heartbeat, orders, validation with confusion matrix and checkpoints: all are on. Its clocks
stand still while the others work, so that nothing that is due by time comes due meanwhile.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from mnist_tui.runs.control import Command
from mnist_tui.runs.events import EpochEnded, Progress
from mnist_tui.runs.folder import RunFolder
from tests.benchmarks.turns import Turns

CHECKPOINT_TURN = "checkpoint"
"""Asks for an epoch with a checkpoint in it."""


class StandingClock:
    """`time.perf_counter` and `time.monotonic` of this process, less the time it was kept waiting."""

    def __init__(self) -> None:
        self._clock = time.perf_counter
        self._offset = time.monotonic() - self._clock()
        self._away = 0.0
        self._since: float | None = None
        time.perf_counter = self.read
        time.monotonic = lambda: self.read() + self._offset

    def read(self) -> float:
        now = self._clock() if self._since is None else self._since
        return now - self._away

    def stop(self) -> None:
        self._since = self._clock()

    def go_on(self) -> None:
        assert self._since is not None
        self._away += self._clock() - self._since
        self._since = None


def main() -> None:
    turns, clock = Turns(), StandingClock()
    from mnist_tui.training.session import Session

    session = Session(RunFolder(Path(sys.argv[1])), importing=True)

    from mnist_tui.training import checkpoint, job
    from mnist_tui.training.engine import Training

    copying: list[float] = []
    writing: list[float] = []
    save = checkpoint.save

    def timed_save(*arguments: Any, **named: Any) -> Any:
        began = time.thread_time()
        try:
            return save(*arguments, **named)
        finally:
            writing.append(time.thread_time() - began)

    class TakingTurns(Training):
        """Waits for its turn before each epoch. What it yields has been told and saved when it is asked for more."""

        def run(self) -> Any:
            turns.answer()
            began = trained = evaluated = self._turn()
            for moment in super().run():
                if isinstance(moment, Progress) and moment.step == moment.steps:
                    trained = time.perf_counter()
                if isinstance(moment, EpochEnded):
                    evaluated = time.perf_counter()
                yield moment
                if isinstance(moment, EpochEnded):
                    self._wait_for_checkpoints()
                    seconds = time.perf_counter() - began
                    turns.answer(
                        seconds=seconds,
                        evaluation=evaluated - trained,
                        checkpoints=[sum(pair) for pair in zip(copying, writing, strict=False)],
                    )
                    began = trained = evaluated = self._turn()

        def _turn(self) -> float:
            """Waits for it; when it begins."""
            clock.stop()
            asked = turns.wait()
            clock.go_on()
            if asked == CHECKPOINT_TURN:
                session.orders.obey(Command("checkpoint"))
            return time.perf_counter()

        def _wait_for_checkpoints(self) -> None:
            """What is written beside the training is ours: it is not to cost the others."""
            while len(writing) < len(copying):
                time.sleep(0.0005)

        def snapshot(self) -> Any:
            began = time.perf_counter()
            taken = super().snapshot()
            copying.append(time.perf_counter() - began)
            return taken

    assert job.Training is Training, "the trainer is made in another way now, so no turns can be taken"
    checkpoint.save = timed_save
    job.Training = TakingTurns
    sys.exit(session.train())


if __name__ == "__main__":
    main()
