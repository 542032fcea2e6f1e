"""What a job drives to its end: a trainer that takes steps along gradients, or one that solves a closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from mnist_tui.experiment.problem import RequestError
from mnist_tui.experiment.spec import Experiment, is_closed_form
from mnist_tui.runs.events import EpochEnded, ModelBuilt, Progress
from mnist_tui.runs.folder import RunError
from mnist_tui.training import checkpoint
from mnist_tui.training.checkpoint import Position, TrainingSnapshot
from mnist_tui.training.closed_form import ClosedForm, Tell
from mnist_tui.training.device import Resident
from mnist_tui.training.engine import EarlyStop, Training, TrainingOutcome
from mnist_tui.training.evaluation import Scorer
from mnist_tui.training.networks import Network
from mnist_tui.training.program import kind_for


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


DECISIVE = {
    "device_name": "device",
    "program": "program",
    "precision": "precision",
    "threads": "threads of an operation",
    "cpu_features": "CPU features",
    "tf32": "TensorFloat-32",
    "deterministic": "determinism",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
}
"""Fields of ModelBuilt that may change a result's last bits, in words."""


def restore(training: Training, folder: Path) -> TrainingSnapshot | None:
    """Puts `training` where the folder's checkpoint was taken.

    Returns:
        The checkpoint; None where there is none: then training begins anew.

    Raises:
        RunError: the checkpoint cannot be read, or is of another model.
    """
    if not checkpoint.exists(folder):
        return None
    snapshot = checkpoint.load(folder)
    for what, kept, variables in (
        ("model", snapshot.model, training.model.variables),
        ("optimizer", snapshot.optimizer, training.optimizer.variables),
    ):
        if [array.shape for array in kept] != [tuple(each.shape) for each in variables]:
            raise RunError(f"the checkpoint in {folder} holds other variables than this version's {what} has")
    training.restore(snapshot)
    _end_if_over(training, snapshot)
    return snapshot


def _end_if_over(training: Training, snapshot: TrainingSnapshot) -> None:
    """A worker may have died between early stopping and the run's last event."""
    spec = training.experiment.training.early_stopping
    if spec is not None and snapshot.best is not None and snapshot.best.waited >= spec.patience:
        early = EarlyStop(spec)
        early.best = snapshot.best
        training.outcome = TrainingOutcome("finished", early.reason)


def differences(earlier: ModelBuilt, now: ModelBuilt) -> str:
    """A warning that the last bits may differ, and why; empty where nothing that decides them has changed."""
    changed = [
        f"{words} {_word(was)} then, {_word(is_now)} now"
        for name, words in DECISIVE.items()
        if (was := getattr(earlier, name)) != (is_now := getattr(now, name)) and _known(was) and _known(is_now)
    ]
    if not changed:
        return ""
    return f"resumed in other circumstances, so the last bits of its figures may differ: {'; '.join(changed)}"


def _known(value: Any) -> bool:
    return isinstance(value, bool) or value not in (None, "", 0)


def _word(value: Any) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
