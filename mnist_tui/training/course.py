"""What a job drives to its end, by whatever way weights are found: steps along gradients, or a closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from mnist_tui.experiment.problem import RequestError
from mnist_tui.experiment.spec import Experiment, is_closed_form
from mnist_tui.runs.events import EpochEnded, Progress
from mnist_tui.training.closed_form import ClosedForm, Tell
from mnist_tui.training.engine import Training, TrainingOutcome
from mnist_tui.training.networks import Network
from mnist_tui.training.program import kind_for
from mnist_tui.training.resident import Resident
from mnist_tui.training.scorer import Scorer
from mnist_tui.training.snapshot import Position


class Trainer(Protocol):
    """A training or a closed form; what its members mean: `engine.Training`."""

    experiment: Experiment
    optimizer: Any
    position: Position
    outcome: TrainingOutcome | None
    best_epoch: int
    probabilities: list[Any]

    @property
    def steps(self) -> int: ...

    @property
    def program_name(self) -> str:
        """How it is computed, as `ModelBuilt` tells it."""
        ...

    def run(self) -> Iterator[Progress | EpochEnded | None]: ...

    def restore_best(self) -> int: ...

    def further_results(self) -> dict[str, Any]:
        """What it has to say in the results beyond what every run has, under keys of its own."""
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
    """The way in which an experiment's weights are found.

    Args:
        held_out: the validation images; None where the test images play them.
        kind: of the program that an earlier session used; None where there was none.
        threads: for linear algebra outside TensorFlow.
        tell: told of a closed form's progress.
    """
    training = experiment.training
    model, optimizer = network.model, network.optimizer
    validation = held_out or test
    if is_closed_form(experiment):
        return ClosedForm(experiment, model, optimizer, scorer, train, held_out, validation, threads, clock, tell)
    kind = kind or kind_for(experiment, on_gpu)
    program = network.program(kind, train, batch_size=training.batch_size, seed=training.seed)
    return Training(experiment, model, optimizer, program, scorer, validation, train.count, clock, plain)


def by_steps(course: Trainer) -> Training:
    """The course as a training in steps.

    Raises:
        RequestError: it is a closed form.
    """
    if isinstance(course, Training):
        return course
    raise RequestError("its output layer is solved in closed form, once: more epochs would change nothing")
