"""The base of all ways to find an experiment's weights, as a training job uses them."""

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
    """The end of a training: the state (finished, diverged or stopped) and the reason in words."""

    state: str
    reason: str


@dataclass
class Trainer(ABC):
    """The base of `Training` and `closed_form.ClosedForm`, two ways to find an experiment's weights.

    A trainer has no files, no commands and no clock. `run` is a generator that yields several times a second; between
    two of its values the caller decides whether to continue, to wait, to take a snapshot or to stop.

    Args:
        model, optimizer: Keras' objects; the optimizer is saved with the model.
        scorer: a scorer of the model.
        validation: the images for the figures of an epoch.
        clock: returns seconds without pauses.

    Attributes:
        RESUMABLE: whether the trainer can continue from a checkpoint; if not, a stop before the end saves nothing.
        steps: the number of steps of an epoch.
        program_name: the kind of program, for `ModelBuilt`.
        position: the progress, correct whenever `run` has yielded.
        outcome: None until the training has ended by itself.
        best_epoch: the epoch with the lowest validation loss so far, from 1; 0 before the first epoch has ended.
        probabilities: those of the validation images after the newest epoch, in order: tensors ``(rows, classes)``.
    """

    RESUMABLE: ClassVar[bool] = False
    experiment: Experiment
    model: Any
    optimizer: Any
    scorer: Scorer
    validation: Resident
    clock: Callable[[], float]
    steps: int = field(init=False)
    program_name: str = field(init=False)
    position: Position = field(init=False, default_factory=Position)
    outcome: TrainingOutcome | None = field(init=False, default=None)
    best_epoch: int = field(init=False, default=0)
    probabilities: list[Any] = field(init=False, default_factory=list[Any])

    @abstractmethod
    def run(self) -> Iterator[Progress | EpochEnded | None]:
        """Train from `position` to the end; yield Progress after some steps, EpochEnded after each epoch, or None."""

    def extend(self, experiment: Experiment) -> None:
        """Continue to the last epoch of an experiment that differs from the present one only in its epochs."""
        self.experiment, self.outcome = experiment, None

    def snapshot(self) -> TrainingSnapshot | None:
        """Return the values for a checkpoint, copied off the device; None if the trainer is not resumable."""
        return None

    def resume(self, folder: Path) -> TrainingSnapshot | None:
        """Continue from the checkpoint in a folder and return it; do nothing and return None if there is none.

        Raises:
            RunError: the checkpoint cannot be read, or is another model's.
        """
        return None

    def restore_best(self) -> int:
        """Restore the best epoch's weights if early stopping demands it; return that epoch, else 0."""
        return 0

    def further_results(self) -> dict[str, Any]:
        """Return results that only this kind of trainer has, for `results.json`."""
        return {}
