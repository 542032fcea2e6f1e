"""The editor's fields, made from the declared parameters and from the models of optimizers, layers and early stopping.

A field reads its text from an experiment, and returns a changed experiment for a text. It does not check whether the
layers fit each other: while a person edits, they may not. Nothing here needs Textual.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

from pydantic.fields import FieldInfo

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.errors import RequestError
from mnist_tui.experiment import fields, parameters
from mnist_tui.experiment.changes import dense_layers
from mnist_tui.experiment.fields import FieldFacts, facts_in
from mnist_tui.experiment.layers import INITIALIZERS, ExperimentPart
from mnist_tui.experiment.parameters import PARAMETERS, Parameter
from mnist_tui.experiment.problem import SpecError, dotted
from mnist_tui.experiment.spec import EarlyStopping, Experiment, HogFeatures, OutputSpec, parsed, to_mapping

Control = Literal["text", "choice", "switch"]
GROUPS = ("Dataset", "Features", "Network", "Optimizer", "Training")
_SUGGESTIONS: Mapping[str, tuple[str, ...]] = {
    "dataset": tuple(KNOWN),
    "validation": ("test", "0.1"),
    "limit": ("none",),
    "schedule": ("constant", "cosine", "exp:15:0.05"),
    "patience": ("none", "10"),
}


def _always(_: Experiment) -> str:
    return ""


@dataclass(frozen=True)
class Field:
    """One field of the form.

    Attributes:
        key: a parameter's name, or a path in the experiment's TOML form (``optimizer.rho``); unique.
        bounds: the allowed values in words.
        choices: the allowed values, where they can be listed.
        suggestions: values to offer where any text may be typed.
        read: returns the field's text in an experiment; empty if it does not apply, or if layers differ in it.
        change: returns the experiment with another text; raises RequestError if the text is wrong.
        absent: returns why the field does not apply to an experiment; empty if it does.
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
    absent: Callable[[Experiment], str] = _always

    def applies(self, experiment: Experiment) -> bool:
        """Return whether the experiment has such a field."""
        try:
            self.read(experiment)
        except (AttributeError, IndexError):
            return False
        return not self.absent(experiment)

    @property
    def sentence(self) -> str:
        """The field's label, help and allowed values, for a line of help."""
        bounds = self.bounds or ", ".join(self.choices)
        return f"{self.label}: {self.help}{f' ({bounds})' if bounds else ''}"


def parameter_fields() -> tuple[Field, ...]:
    """Return a field for each declared parameter, in their order."""
    return tuple(_parameter_field(parameter) for parameter in PARAMETERS)


def _parameter_field(parameter: Parameter) -> Field:
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
        absent=_ABSENCES.get(parameter.name, _always),
    )


def _needs_hog(experiment: Experiment) -> str:
    return "" if isinstance(experiment.features, HogFeatures) else "only with HOG"


def _needs_convolution(experiment: Experiment) -> str:
    return "" if any(layer.kind == "conv2d" for layer in experiment.layers) else "no convolution"


def _needs_hidden(experiment: Experiment) -> str:
    return "" if dense_layers(experiment.layers) else "no dense hidden layer"


def _needs_steps(experiment: Experiment) -> str:
    return "" if experiment.trains_in_epochs else "solved at once"


def _needs_rate(experiment: Experiment) -> str:
    return "" if experiment.trains_in_epochs else "no learning rate"


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


_IS_PARAMETER = ("learning_rate", "momentum", "patience")


def optimizer_fields(experiment: Experiment) -> tuple[Field, ...]:
    """Return the fields of the optimizer's further arguments."""
    return tuple(_model_fields("optimizer", type(experiment.optimizer), skip=_IS_PARAMETER))


def stopping_fields(experiment: Experiment) -> tuple[Field, ...]:
    """Return early stopping's further fields; none if it is off."""
    if experiment.training.early_stopping is None:
        return ()
    return tuple(_model_fields("training.early_stopping", EarlyStopping, skip=_IS_PARAMETER))


def layer_fields(experiment: Experiment, position: int) -> tuple[Field, ...]:
    """Return the fields of the layer at `position`, counted from 0; after the last layer, the output layer's."""
    if position >= len(experiment.layers):
        return tuple(_model_fields("output", OutputSpec))
    return tuple(_model_fields(f"layers.{position}", type(experiment.layers[position])))


def _model_fields(prefix: str, model: type[ExperimentPart], skip: tuple[str, ...] = ()) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        if name in ("kind", "name") or name in skip:
            continue
        yield _model_field(f"{prefix}.{name}", name, info)


def _model_field(path: str, name: str, info: FieldInfo) -> Field:
    facts = facts_in(info)
    return Field(
        key=path,
        label=name.replace("_", " ").capitalize(),
        help=facts.help,
        bounds="" if facts.choices else facts.bounds(),
        control="switch" if facts.kind == "switch" else "choice" if facts.choices else "text",
        read=partial(_read, path),
        change=partial(_change, path, facts),
        choices=facts.choices,
        suggestions=INITIALIZERS if facts.kind == "initializer" else (),
    )


def _part_at(path: str, experiment: Experiment) -> Any:
    here: Any = experiment
    for key in path.split("."):
        here = here[int(key)] if isinstance(here, tuple) else getattr(here, key)
    return here


def _read(path: str, experiment: Experiment) -> str:
    value = _part_at(path, experiment)
    if isinstance(value, ExperimentPart):
        return initializer_text(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, tuple):
        return ", ".join(f"{each:.10g}" for each in cast("tuple[float, ...]", value))
    return "none" if value is None else str(value)


def _change(path: str, facts: FieldFacts, experiment: Experiment, text: str) -> Experiment:
    text = text.strip()
    value: Any = text
    if facts.kind == "switch":
        value = text == "on"
    elif facts.optional and text in ("none", ""):
        value = None
    elif facts.kind == "numbers":
        value = text.replace(",", " ").split()
    elif facts.kind == "initializer":
        try:
            value = initializer_value(text)
        except RequestError as error:
            raise RequestError(f"{_short(path)}: {error}") from None
    doc = to_mapping(experiment)
    fields.put(doc, path.split("."), value)
    try:
        return parsed(doc)
    except SpecError as error:
        depth = path.count(".")
        sentences = (f"{dotted(problem.path[depth:]) or _short(path)}: {problem.message}" for problem in error.problems)
        raise RequestError("; ".join(sentences)) from None


def _short(path: str) -> str:
    return path.rpartition(".")[2]


_FORM = re.compile(r"\s*(\w+)\s*(?:\((.*)\)\s*)?")


def initializer_text(initializer: ExperimentPart) -> str:
    """Return an initialiser as text: its name, and the arguments that are not Keras' defaults.

    Examples: ``he_normal``, ``random_normal(stddev=0.05)``.
    """
    arguments = initializer.model_dump(exclude_defaults=True)
    name = arguments.pop("name")
    listed = ", ".join(f"{key}={value:g}" for key, value in arguments.items())
    return f"{name}({listed})" if listed else name


def initializer_value(text: str) -> dict[str, Any]:
    """Return the TOML form of an initialiser that is written as `initializer_text` does.

    The experiment's validation checks the arguments' names and bounds.

    Raises:
        RequestError: the initialiser is unknown, or the text has another form.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise RequestError(f"{text!r} is not an initialiser; write he_normal or random_normal(stddev=0.05)")
    name, arguments = form[1], (form[2] or "").strip()
    if name not in INITIALIZERS:
        raise RequestError(f"there is no initialiser {name!r}; choose one of {', '.join(INITIALIZERS)}")
    value: dict[str, Any] = {"name": name}
    for argument in arguments.split(",") if arguments else ():
        key, equals, number = (part.strip() for part in argument.partition("="))
        if not (key and equals and number):
            raise RequestError(f"{argument.strip()!r} is not an argument; write stddev=0.05")
        value[key] = number
    return value
