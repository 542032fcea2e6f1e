"""What a study's coordinator needs of whatever trains its runs. `cluster.Cluster` is one; tests have another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from mnist_tui.runs.control import Command
from mnist_tui.runs.events import Event
from mnist_tui.runs.folder import RunFolder
from mnist_tui.studies.events import Worker


@dataclass(frozen=True)
class TrialNews:
    """Something that happened to a run. The run's folder on this machine has it already.

    Attributes:
        kind: began (a worker took the run); event; ended (all its files are here); lost (it was given up).
        worker: the worker's address; empty where no worker has the run.
        attempt: from 1; one more each time a worker died with the run.
        event: for the kind event.
        reason: why the run ended or was lost.
    """

    run: str
    kind: Literal["began", "event", "ended", "lost"]
    worker: str = ""
    attempt: int = 0
    event: Event | None = None
    reason: str = ""


class Executor(Protocol):
    """Trains runs on workers, each worker at most one at a time."""

    @property
    def threads(self) -> int | None:
        """Threads of one TensorFlow operation in each trial; None where each worker has its own number."""
        ...

    @property
    def capacity(self) -> int:
        """How many runs should be submitted at a time."""
        ...

    def workers(self) -> Sequence[Worker]:
        """Return the workers that there are now."""
        ...

    def submit(self, folder: RunFolder) -> object:
        """Have a run trained once a worker is free. Raises RequestError where that is not possible."""
        ...

    def poll(self, timeout: float) -> Sequence[TrialNews]:
        """Return what has happened since the last call; wait at most `timeout` seconds for something."""
        ...

    def command(self, run: str, command: Command) -> object:
        """Pass a command to the worker that trains a run."""
        ...
