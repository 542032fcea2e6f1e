"""Every field of the editor, generated: here from PARAMETERS; `model_fields` has those of optimizers, layers and so on.

A field reads its text from an experiment and gives a changed experiment for a text, as a parameter does. It does
not ask whether the layers fit each other: a working copy may be between two states that do. Free of Textual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.experiment import parameters
from mnist_tui.experiment.changes import dense_layers
from mnist_tui.experiment.parameters import PARAMETERS, Parameter
from mnist_tui.experiment.spec import Experiment, HogFeatures, is_closed_form, parsed, to_mapping

Control = Literal["text", "choice", "switch"]
GROUPS = ("Dataset", "Features", "Network", "Optimizer", "Training")
_SUGGESTIONS: Mapping[str, tuple[str, ...]] = {
    "dataset": tuple(KNOWN),
    "validation": ("test", "0.1"),
    "limit": ("none",),
    "schedule": ("constant", "cosine", "exp:15:0.05"),
    "patience": ("none", "10"),
}


def _nowhere(_: Experiment) -> str:
    return ""


@dataclass(frozen=True)
class Field:
    """One field of the form.

    Attributes:
        key: its name among all fields: a parameter's name, or a path in the TOML form (``optimizer.rho``).
        bounds: the values there are, in words.
        suggestions: values worth offering where any text may be typed.
        read: its text in an experiment; empty where it does not apply, or where layers differ in it.
        change: the experiment with that text; RequestError, with a sentence for the person, where it is wrong.
        absent: why it does not apply to an experiment; empty where it does.
    """

    key: str
    label: str
    help: str
    bounds: str
    control: Control
    read: Callable[[Experiment], str]
    change: Callable[[Experiment, str], Experiment]
    group: str = ""
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    absent: Callable[[Experiment], str] = _nowhere

    def applies(self, experiment: Experiment) -> bool:
        """Whether the experiment has such a field at all."""
        try:
            self.read(experiment)
        except (AttributeError, IndexError):
            return False
        return not self.absent(experiment)

    @property
    def sentence(self) -> str:
        """What it is and which values there are, for a line of help."""
        bounds = self.bounds or ", ".join(self.choices)
        return f"{self.label}: {self.help}{f' ({bounds})' if bounds else ''}"


def parameter_fields() -> tuple[Field, ...]:
    """A field for each parameter, in their order."""
    return tuple(_of_parameter(parameter) for parameter in PARAMETERS)


def _of_parameter(parameter: Parameter) -> Field:
    def change(experiment: Experiment, text: str) -> Experiment:
        return parsed(to_mapping(parameters.changed(parameter, experiment, text.strip())))

    return Field(
        key=parameter.name,
        label=parameter.label,
        help=parameter.help,
        bounds=parameter.bounds,
        control="choice" if parameter.choices else "text",
        read=parameter.read,
        change=change,
        group=parameter.group,
        choices=parameter.choices,
        suggestions=_SUGGESTIONS.get(parameter.name, ()),
        absent=_ABSENCES.get(parameter.name, _nowhere),
    )


def _needs_hog(experiment: Experiment) -> str:
    return "" if isinstance(experiment.features, HogFeatures) else "only with HOG"


def _needs_convolution(experiment: Experiment) -> str:
    return "" if any(layer.kind == "conv2d" for layer in experiment.layers) else "no convolution"


def _needs_hidden(experiment: Experiment) -> str:
    return "" if dense_layers(experiment.layers) else "no dense hidden layer"


def _needs_steps(experiment: Experiment) -> str:
    return "solved at once" if is_closed_form(experiment) else ""


def _needs_rate(experiment: Experiment) -> str:
    return "no learning rate" if is_closed_form(experiment) else ""


def _needs_momentum(experiment: Experiment) -> str:
    name = experiment.optimizer.name
    return "" if hasattr(experiment.optimizer, "momentum") else f"{name} has no momentum"


_ABSENCES: Mapping[str, Callable[[Experiment], str]] = {
    "ppc": _needs_hog,
    "orientations": _needs_hog,
    "cells-per-block": _needs_hog,
    "filters": _needs_convolution,
    "conv-activation": _needs_convolution,
    "activation": _needs_hidden,
    "dropout": _needs_hidden,
    "initializer": _needs_hidden,
    "momentum": _needs_momentum,
    "lr": _needs_rate,
    "schedule": _needs_rate,
    "batch-size": _needs_steps,
    "epochs": _needs_steps,
    "patience": _needs_steps,
    "plain-loss": _needs_steps,
}
