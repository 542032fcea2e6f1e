"""The trainer that a job runs: the epoch engine, which takes steps along gradients, or the closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol

from mnist_tui.experiment.spec import Experiment, is_closed_form
from mnist_tui.runs.events import EpochEnded, Progress
from mnist_tui.training.checkpoint import Position, TrainingSnapshot
from mnist_tui.training.closed_form import ClosedForm, Tell
from mnist_tui.training.device import Resident
from mnist_tui.training.engine import Training, TrainingOutcome
from mnist_tui.training.evaluation import Scorer
from mnist_tui.training.networks import Network
from mnist_tui.training.program import kind_for


class Trainer(Protocol):
    """A way to find an experiment's weights; `engine.Training` and `closed_form.ClosedForm` implement it.

    Attributes:
        RESUMABLE: whether it can go on from a checkpoint; without that a stop before its end leaves nothing to save.
        NO_MORE_EPOCHS: why it cannot train more epochs than planned; empty if it can.
        optimizer: Keras' own, saved with the model.
        position: how far it is; true whenever `run` has yielded.
        outcome: None until it has come to its own end.
        best_epoch: the epoch with the lowest validation loss so far, from 1; 0 before there is one.
        probabilities: of the validation images after the newest epoch, in order: tensors ``(rows, 10)``.
    """

    RESUMABLE: ClassVar[bool]
    NO_MORE_EPOCHS: ClassVar[str]
    experiment: Experiment
    optimizer: Any
    position: Position
    outcome: TrainingOutcome | None
    best_epoch: int
    probabilities: list[Any]

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        ...

    @property
    def program_name(self) -> str:
        """How it is computed, for `ModelBuilt`."""
        ...

    def run(self) -> Iterator[Progress | EpochEnded | None]:
        """Train from `position` to the end; yield progress, each epoch's end, and None where nothing is to be told."""
        ...

    def snapshot(self) -> TrainingSnapshot | None:
        """Return the values that a checkpoint keeps; None if it is not resumable."""
        ...

    def resume(self, folder: Path) -> TrainingSnapshot | None:
        """Go on from the checkpoint in a folder, and return it; do nothing and return None if there is none.

        Raises:
            RunError: the checkpoint cannot be read, or is another model's.
        """
        ...

    def extend(self, experiment: Experiment) -> None:
        """Train up to the last epoch of `experiment`, which differs from the present one in nothing else.

        Raises:
            RequestError: it can train no more epochs (`NO_MORE_EPOCHS`).
        """
        ...

    def restore_best(self) -> int:
        """Put the best epoch's weights back where early stopping asks for it; return that epoch, else 0."""
        ...

    def further_results(self) -> dict[str, Any]:
        """Return what the results hold beyond what every run has, under keys of its own."""
        ...


def trainer_of(
    experiment: Experiment,
    network: Network,
    scorer: Scorer,
    *,
    train: Resident,
    held_out: Resident | None,
    test: Resident,
    plain: Resident | None,
    kind: str | None,
    on_gpu: bool,
    threads: int,
    clock: Callable[[], float],
    tell: Tell,
) -> Trainer:
    """Return the trainer that an experiment's optimizer asks for.

    Args:
        held_out: the validation images; None if the test images are the validation data.
        plain: training images whose loss is measured without dropout after each epoch; None for none.
        kind: of the program that an earlier session used; None if there was none.
        threads: for linear algebra outside TensorFlow.
        tell: receives the progress of a closed form.
    """
    training = experiment.training
    model, optimizer = network.model, network.optimizer
    validation = held_out or test
    if is_closed_form(experiment):
        return ClosedForm(experiment, model, optimizer, scorer, train, held_out, validation, threads, clock, tell)
    kind = kind or kind_for(experiment, on_gpu)
    program = network.program(kind, train, batch_size=training.batch_size, seed=training.seed)
    return Training(experiment, model, optimizer, program, scorer, validation, train.count, clock, plain)
