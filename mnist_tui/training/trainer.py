"""The base of the trainers: what a job needs of a way to find an experiment's weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.events import EpochEnded, Progress
from mnist_tui.training.checkpoint import Position, TrainingSnapshot
from mnist_tui.training.device import Resident
from mnist_tui.training.evaluation import Scorer


@dataclass(frozen=True)
class TrainingOutcome:
    """The end of a training: its state (finished, diverged, stopped) and the reason in words."""

    state: str
    reason: str


@dataclass
class Trainer(ABC):
    """A way to find an experiment's weights: `engine.Training` or `closed_form.ClosedForm`.

    A trainer has no files, no commands and no clock of its own. `run` is a generator that yields several times a
    second; between two of its values the caller decides whether to continue, to wait, to take a snapshot or to stop.

    Args:
        model, optimizer: Keras' own; the optimizer is saved with the model.
        scorer: of the model.
        validation: images that the figures of an epoch are measured on.
        clock: seconds, standing still during pauses.

    Attributes:
        RESUMABLE: whether it can go on from a checkpoint; without that a stop before its end leaves nothing to save.
        position: how far it is; true whenever `run` has yielded.
        outcome: None until it has come to its own end.
        best_epoch: the epoch with the lowest validation loss so far, from 1; 0 before there is one.
        probabilities: of the validation images after the newest epoch, in order: tensors ``(rows, 10)``.
    """

    RESUMABLE: ClassVar[bool]
    experiment: Experiment
    model: Any
    optimizer: Any
    scorer: Scorer
    validation: Resident
    clock: Callable[[], float]
    position: Position = field(init=False, default_factory=Position)
    outcome: TrainingOutcome | None = field(init=False, default=None)
    best_epoch: int = field(init=False, default=0)
    probabilities: list[Any] = field(init=False, default_factory=list[Any])

    @property
    @abstractmethod
    def steps(self) -> int:
        """Steps of an epoch."""

    @property
    @abstractmethod
    def program_name(self) -> str:
        """The kind of program that computes it, for `ModelBuilt`."""

    @abstractmethod
    def run(self) -> Iterator[Progress | EpochEnded | None]:
        """Train from `position` to the end.

        Yields:
            Progress after some steps, EpochEnded after each epoch; None where there is nothing to report.
        """

    def extend(self, experiment: Experiment) -> None:
        """Train up to the last epoch of `experiment`, which differs from the present one in nothing else."""
        self.experiment, self.outcome = experiment, None

    def snapshot(self) -> TrainingSnapshot | None:
        """Return the values that a checkpoint keeps, copied off the device; None if it is not resumable."""
        return None

    def resume(self, folder: Path) -> TrainingSnapshot | None:
        """Go on from the checkpoint in a folder, and return it; do nothing and return None if there is none.

        Raises:
            RunError: the checkpoint cannot be read, or is another model's.
        """
        return None

    def restore_best(self) -> int:
        """Put the best epoch's weights back if early stopping is to do so; return that epoch, else 0."""
        return 0

    def further_results(self) -> dict[str, Any]:
        """Return the results that only this trainer has, under keys of its own."""
        return {}
