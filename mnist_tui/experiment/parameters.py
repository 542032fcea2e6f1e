"""The parameters that people edit: command-line options and the editor's fields are made from this one declaration.

A parameter reads its value from an experiment as text and gives a changed experiment for a text. Its help and bounds
come from the experiment's field where it is one field. A text that is wrong in itself is refused here, in the same
words everywhere; values that do not fit each other (a block larger than its cells) are refused by the validation of
the whole experiment in `apply_texts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mnist_tui.errors import RequestError
from mnist_tui.experiment import fields
from mnist_tui.experiment.changes import (
    ACTIVATIONS,
    Change,
    all_equal,
    convolutions,
    dense_layers,
    dropout_rates,
    number_text,
    schedule_forms,
    schedule_text,
    with_activation,
    with_conv_activation,
    with_dataset,
    with_dropout,
    with_features,
    with_filters,
    with_hog,
    with_initializer,
    with_momentum,
    with_optimizer,
    with_patience,
    with_rate,
    with_schedule,
    with_units,
    with_validation,
)
from mnist_tui.experiment.fields import SWITCH, facts_of, pixels
from mnist_tui.experiment.layers import INITIALIZERS, Conv2D, Dense, Dropout
from mnist_tui.experiment.optimizers import OPTIMIZERS, SCHEDULE_KINDS, SGD
from mnist_tui.experiment.spec import (
    FEATURE_KINDS,
    DatasetSpec,
    EarlyStopping,
    Experiment,
    HogFeatures,
    parsed,
    revalidated,
    to_mapping,
    with_part,
)
from mnist_tui.wording import listed


@dataclass(frozen=True)
class Parameter:
    """One editable parameter.

    Attributes:
        name: the option without its hyphens (``cells-per-block``).
        metavar: what stands for the value in a usage line.
        label, help: for a form and for ``--help``.
        group: Dataset, Features, Network, Optimizer or Training.
        choices: the values there are, where they can be listed.
        bounds: the values there are, in words.
        suggestions: values to offer where any text may be typed.
        read: its value in an experiment, as text; empty where it does not apply.
        change: the experiment with another value, not validated as a whole; ValueError where the text is wrong,
            with a sentence that follows the option and its value.
    """

    name: str
    metavar: str
    label: str
    help: str
    group: str
    bounds: str
    read: Callable[[Experiment], str]
    change: Change
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        return f"--{self.name}"


class ParameterError(RequestError):
    """A parameter's value that is wrong in itself; `parameter` is its name."""

    def __init__(self, parameter: str, message: str) -> None:
        self.parameter = parameter
        super().__init__(message)


def apply_texts(experiment: Experiment, texts: Mapping[str, str], sets: Sequence[str] = ()) -> Experiment:
    """Return the experiment with parameters changed, then fields set by path; the whole is validated at the end.

    Parameters change in the order of PARAMETERS, but the optimizer first: it brings defaults for others.

    Args:
        texts: values by parameter name (``{"ppc": "7"}``).
        sets: ``PATH=VALUE`` each, by the path in the TOML form.

    Raises:
        ParameterError: a value is wrong in itself.
        SpecError: the whole does not fit together.
    """
    unknown = set(texts) - {parameter.name for parameter in PARAMETERS}
    if unknown:
        raise RequestError(f"there is no parameter {', '.join(sorted(unknown))}")
    for parameter in sorted(PARAMETERS, key=lambda one: one.name != "optimizer"):
        if parameter.name in texts:
            experiment = changed(parameter, experiment, texts[parameter.name].strip())
    if not sets:
        return revalidated(experiment)
    return fields.all_assigned(parsed(to_mapping(experiment)), sets)


def with_text(experiment: Experiment, name: str, text: str) -> Experiment:
    """Return the experiment with one parameter changed, validated; it raises the errors of `apply_texts`."""
    return apply_texts(experiment, {name: text})


def by_name(name: str) -> Parameter:
    """Return the parameter of that name; raise KeyError if there is none."""
    return _BY_NAME[name]


def changed(parameter: Parameter, experiment: Experiment, text: str) -> Experiment:
    """Return the experiment with one parameter changed, not validated as a whole; raises ParameterError."""
    try:
        return parameter.change(experiment, text)
    except ValueError as error:
        raise ParameterError(parameter.name, f"{parameter.flag} {text or repr(text)} {error}") from None


def _field(name: str, path: str, label: str, *, letter: str = "N", metavar: str = "") -> Parameter:
    """A parameter that is one field of the experiment: its help, bounds and values are the field's.

    Args:
        path: of the field in the TOML form, such as ``training.epochs``.
        letter: stands for the value in the bounds.
        metavar: what stands for it in a usage line, if not the letter.
    """
    part, _, field = path.partition(".")
    facts = facts_of(type(getattr(Experiment(), part)), field)

    def read(experiment: Experiment) -> str:
        value = getattr(getattr(experiment, part), field)
        return "none" if value is None else SWITCH[value] if isinstance(value, bool) else str(value)

    def change(experiment: Experiment, text: str) -> Experiment:
        return with_part(experiment, part, **{field: facts.value(text)})

    choices = SWITCH if facts.kind == "switch" else facts.choices
    bounds = facts.bounds(letter)
    group, suggestions = part.capitalize(), ("none",) if facts.optional else ()
    return Parameter(name, metavar or letter, label, facts.help, group, bounds, read, change, choices, suggestions)


def _hog_field(
    name: str, field: str, label: str, *, parse: Callable[[str], int] | None = None, bounds: str = ""
) -> Parameter:
    """A field of the HOG features; setting it implies HOG."""
    facts = facts_of(HogFeatures, field)
    return Parameter(
        name=name,
        metavar="N",
        label=label,
        help=f"{facts.help}; implies hog",
        group="Features",
        bounds=bounds or facts.bounds(),
        read=lambda experiment: str(getattr(experiment.features, field, "")),
        change=with_hog(field, parse or facts.value),
    )


def _dense_field(name: str, field: str, label: str, choices: tuple[str, ...], change: Change) -> Parameter:
    """A choice that is made for all dense hidden layers together."""

    def read(experiment: Experiment) -> str:
        values = [getattr(layer, field) for layer in dense_layers(experiment.layers)]
        return all_equal([getattr(value, "name", value) for value in values])

    text = f"{facts_of(Dense, field).help.replace(' function', '')} of the dense hidden layers"
    return Parameter(name, "NAME", label, text, "Network", ", ".join(choices), read, change, choices)


def _optimizer_number(name: str, field: str, label: str, *, text: str, limit: str = "", change: Change) -> Parameter:
    limits = facts_of(SGD, field).bounds() + limit
    return Parameter(name, "X", label, text, "Optimizer", limits, number_text(field), change)


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        name="dataset",
        metavar="NAME|DIR",
        label="Dataset",
        help=facts_of(DatasetSpec, "name").help,
        group="Dataset",
        bounds="a known name or a folder",
        read=lambda e: e.dataset.name,
        change=with_dataset,
    ),
    Parameter(
        name="validation",
        metavar="test|P",
        label="Validation",
        help=facts_of(DatasetSpec, "validation").help,
        group="Dataset",
        bounds="test, or 0 < P < 1",
        read=lambda e: f"{e.dataset.validation}",
        change=with_validation,
        suggestions=("test", "0.1"),
    ),
    _field("limit", "dataset.limit", "Training images"),
    Parameter(
        name="features",
        metavar="|".join(FEATURE_KINDS),
        label="Features",
        help="raw pixels, or histograms of oriented gradients",
        group="Features",
        bounds=" or ".join(FEATURE_KINDS),
        read=lambda e: e.features.kind,
        change=with_features,
        choices=FEATURE_KINDS,
    ),
    _hog_field("ppc", "pixels_per_cell", "Pixels per cell", parse=pixels),
    _hog_field("orientations", "orientations", "Orientations"),
    _hog_field("cells-per-block", "cells_per_block", "Cells per block", bounds="at least one block must fit"),
    Parameter(
        name="filters",
        metavar="N[xN…]",
        label="Filters",
        help="filters of the convolutions: one number for all, or one for each",
        group="Network",
        bounds=f"{facts_of(Conv2D, 'filters').bounds()} each",
        read=lambda e: "x".join(str(layer.filters) for layer in convolutions(e)),
        change=with_filters,
    ),
    Parameter(
        name="conv-activation",
        metavar="NAME",
        label="Conv. activation",
        help="activation of the convolutions",
        group="Network",
        bounds=", ".join(ACTIVATIONS),
        read=lambda e: all_equal([layer.activation for layer in convolutions(e)]),
        change=with_conv_activation,
        choices=ACTIVATIONS,
    ),
    Parameter(
        name="hidden",
        metavar="N[xN…]",
        label="Hidden neurons",
        help="neurons of the dense hidden layers: 250, or 200x100 for two",
        group="Network",
        bounds=f"{facts_of(Dense, 'units').bounds()} each",
        read=lambda e: "x".join(str(layer.units) for layer in dense_layers(e.layers)),
        change=with_units,
    ),
    _dense_field("activation", "activation", "Activation", ACTIVATIONS, with_activation),
    Parameter(
        name="dropout",
        metavar="P",
        label="Dropout",
        help="dropout after each dense hidden layer; 0 removes it",
        group="Network",
        bounds=facts_of(Dropout, "rate").bounds("P"),
        read=lambda e: all_equal([f"{rate:g}" for rate in dropout_rates(e)]),
        change=with_dropout,
    ),
    _dense_field("initializer", "kernel_initializer", "Initialiser", INITIALIZERS, with_initializer),
    Parameter(
        name="optimizer",
        metavar="NAME",
        label="Optimizer",
        help="optimizer; another one brings its own defaults",
        group="Optimizer",
        bounds=", ".join(OPTIMIZERS),
        read=lambda e: e.optimizer.name,
        change=with_optimizer,
        choices=tuple(OPTIMIZERS),
    ),
    _optimizer_number(
        "lr",
        "learning_rate",
        "Learning rate",
        text="learning rate of the optimizer",
        limit=", finite",
        change=with_rate,
    ),
    _optimizer_number(
        "momentum", "momentum", "Momentum", text="momentum, for the optimizers that have one", change=with_momentum
    ),
    Parameter(
        name="schedule",
        metavar="NAME",
        label="Schedule",
        help=f"learning rate over epochs: {listed(schedule_forms()).replace(' and ', ' or ')}",
        group="Optimizer",
        bounds=", ".join(schedule_forms()),
        read=schedule_text,
        change=with_schedule,
        suggestions=tuple(schedule.EXAMPLE for schedule in SCHEDULE_KINDS.values()),
    ),
    _field("batch-size", "training.batch_size", "Batch size"),
    _field("epochs", "training.epochs", "Epochs"),
    _field("seed", "training.seed", "Seed"),
    Parameter(
        name="patience",
        metavar="N|none",
        label="Patience",
        help="early stopping on validation loss, best weights restored",
        group="Training",
        bounds=f"{facts_of(EarlyStopping, 'patience').bounds()}, or none",
        read=lambda e: str(rule.patience) if (rule := e.training.early_stopping) else "none",
        change=with_patience,
        suggestions=("none", "10"),
    ),
    _field("plain-loss", "training.plain_loss", "Plain loss", metavar="on|off"),
)
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
