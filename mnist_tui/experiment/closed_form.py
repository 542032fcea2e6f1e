"""What an experiment must be like for its output layer to be solved in closed form instead of trained step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnist_tui.experiment.layers import BatchNormalization, Conv2D, Dense
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.problem import Problem

if TYPE_CHECKING:
    from mnist_tui.experiment.spec import Experiment

HELD_OUT = 0.2
"""Share of the training images that chooses among ridges where nobody says otherwise."""


def is_closed_form(experiment: Experiment) -> bool:
    """Whether the output layer is solved, not trained."""
    return isinstance(experiment.optimizer, Ridge)


def closed_form_problems(experiment: Experiment) -> list[Problem]:
    """Why an experiment that asks for a closed form cannot have it; none where it can, or does not ask."""
    optimizer, training = experiment.optimizer, experiment.training
    if not isinstance(optimizer, Ridge):
        return []
    found: list[Problem] = []
    for position, layer in enumerate(experiment.layers):
        match layer:
            case Dense(trainable=True):
                cure = "freeze this layer (trainable = false) or remove it"
            case Conv2D() | BatchNormalization():
                cure = "this layer cannot be frozen: remove it"
            case _:
                continue
        found.append(Problem(("layers", position), f"ridge solves the output layer and trains no other; {cure}"))
    if training.epochs != 1:
        found.append(_once("epochs", f"{training.epochs} are too many: ridge solves the output layer once; 1 works"))
    if training.schedule.kind != "constant":
        found.append(_once("schedule", "ridge has no learning rate to change; constant works"))
    if training.early_stopping is not None:
        found.append(_once("early_stopping", "ridge has nothing to stop early; leave it out (--patience none)"))
    if training.plain_loss:
        found.append(_once("plain_loss", "ridge measures without dropout as it is; off works"))
    if experiment.dataset.validation == "test" and len(optimizer.ridges) > 1:
        text = (
            f"the test set may not choose among {len(optimizer.ridges)} ridges; hold training images out "
            f"(--validation {HELD_OUT}), or give one ridge (--set optimizer.ridges=[1])"
        )
        found.append(Problem(("dataset", "validation"), text))
    return found


def _once(field: str, message: str) -> Problem:
    return Problem(("training", field), message)
