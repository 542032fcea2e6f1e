"""The parameters that people edit: command-line options and the editor's fields are made from this one declaration.

A parameter reads its value from an experiment as text, and returns the experiment with another value for a text. Its
help and bounds are those of the experiment's field if it has one. A text that is wrong by itself is refused here, in
the same words everywhere: ValueError with a sentence that follows the option and its value. Values that do not fit each
other (a block larger than its cells) are refused by the validation of the whole experiment in `apply_texts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, get_args

from pydantic import ValidationError

from mnist_tui.errors import RequestError
from mnist_tui.experiment import fields
from mnist_tui.experiment.fields import SWITCH, chosen, facts_of, pixels, sizes
from mnist_tui.experiment.layers import (
    INITIALIZERS,
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
)
from mnist_tui.experiment.optimizers import OPTIMIZERS, SCHEDULE_KINDS, SGD, ConstantSchedule
from mnist_tui.experiment.spec import (
    FEATURE_KINDS,
    HELD_OUT,
    DatasetSpec,
    EarlyStopping,
    Experiment,
    HogFeatures,
    RawFeatures,
    TrainingSpec,
    parsed,
    revalidated,
    to_mapping,
    with_part,
)
from mnist_tui.wording import listed

Change = Callable[[Experiment, str], Experiment]
Block = list[Layer]
"""A dense hidden layer with the layers behind it (batch normalisation, dropout) up to the next dense layer."""
ACTIVATIONS: tuple[str, ...] = tuple(name for name in get_args(Activation) if name != "softmax")
"""The activations for hidden layers and convolutions."""


@dataclass(frozen=True)
class Parameter:
    """One editable parameter.

    Attributes:
        name: the option without its hyphens (``cells-per-block``).
        metavar: the word for the value in a usage line.
        label, help: for a form and for ``--help``.
        group: Dataset, Features, Network, Optimizer or Training.
        hint: the allowed values in words.
        read: returns the value in an experiment as text; empty if the experiment has no such value.
        change: returns the experiment with another value, not validated as a whole; raises ValueError.
        choices: all allowed values, if they can be listed.
        suggestions: values to offer if any text may be typed.
    """

    name: str
    metavar: str
    label: str
    help: str
    group: str
    hint: str
    read: Callable[[Experiment], str]
    change: Change
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        return f"--{self.name}"


class ParameterError(RequestError):
    """A parameter's value that is wrong by itself; `parameter` is the parameter's name."""

    def __init__(self, parameter: str, message: str) -> None:
        self.parameter = parameter
        super().__init__(message)


def apply_texts(experiment: Experiment, texts: Mapping[str, str], sets: Sequence[str] = ()) -> Experiment:
    """Return the experiment with parameters changed, then fields set by path; the result is validated as a whole.

    Parameters change in the order of PARAMETERS, but the optimizer first, because it brings defaults for others.

    Args:
        texts: values by parameter name (``{"ppc": "7"}``).
        sets: assignments ``PATH=VALUE``, by the path in the TOML form.

    Raises:
        ParameterError: a value is wrong by itself.
        SpecError: the values do not fit each other.
    """
    unknown = set(texts) - set(_BY_NAME)
    if unknown:
        raise RequestError(f"there is no parameter {', '.join(sorted(unknown))}")
    for parameter in sorted(PARAMETERS, key=lambda each: each.name != "optimizer"):
        if parameter.name in texts:
            experiment = changed(parameter, experiment, texts[parameter.name].strip())
    return fields.assigned(parsed(to_mapping(experiment)), *sets) if sets else revalidated(experiment)


def by_name(name: str) -> Parameter:
    """Return the parameter with this name; raise KeyError if there is none."""
    return _BY_NAME[name]


def changed(parameter: Parameter, experiment: Experiment, text: str) -> Experiment:
    """Return the experiment with one parameter changed, not validated as a whole; raise ParameterError."""
    try:
        return parameter.change(experiment, text)
    except ValueError as error:
        raise ParameterError(parameter.name, f"{parameter.flag} {text or repr(text)} {error}") from None


def _with_layers(experiment: Experiment, *parts: Sequence[Layer]) -> Experiment:
    return experiment.model_copy(update={"layers": tuple(chain(*parts))})


def _each(kind: type[Layer], layers: Sequence[Layer], **values: Any) -> Block:
    return [layer.model_copy(update=values) if isinstance(layer, kind) else layer for layer in layers]


def _blocks(experiment: Experiment, *, none_allowed: bool = False) -> tuple[list[Layer], list[Block]]:
    """Return the layers before the first block, and the blocks."""
    before: list[Layer] = []
    blocks: list[Block] = []
    for layer in experiment.layers:
        if isinstance(layer, Dense):
            blocks.append([layer])
        else:
            (blocks[-1] if blocks else before).append(layer)
    if not blocks and not none_allowed:
        raise ValueError("finds no dense hidden layer in this experiment; --hidden adds one")
    return before, blocks


def _with_units(experiment: Experiment, text: str) -> Experiment:
    """Give the blocks these sizes: the last block is repeated for more, blocks are removed from the end for fewer."""
    units = sizes(text, facts_of(Dense, "units"))
    before, blocks = _blocks(experiment, none_allowed=True)
    if not blocks:
        first: Block = [Dense(units=1)]
        before, blocks = list(_flattened(before)) if before else [Flatten()], [first]
    sized = [_each(Dense, blocks[min(place, len(blocks) - 1)], units=size) for place, size in enumerate(units)]
    return _with_layers(experiment, before, *sized)


def _dropout_rates(experiment: Experiment) -> list[str]:
    _, blocks = _blocks(experiment, none_allowed=True)
    return [f"{next((layer.rate for layer in block if isinstance(layer, Dropout)), 0.0):g}" for block in blocks]


def _with_dropout(experiment: Experiment, text: str) -> Experiment:
    """Set the dropout of each block: change it, add it where there is none, or remove it for a rate of 0."""
    rate = facts_of(Dropout, "rate").value(text)
    before, blocks = _blocks(experiment)

    def dropped(block: Block) -> Block:
        if rate == 0:
            return [layer for layer in block if not isinstance(layer, Dropout)]
        if any(isinstance(layer, Dropout) for layer in block):
            return _each(Dropout, block, rate=rate)
        place = 2 if len(block) > 1 and isinstance(block[1], BatchNormalization) else 1
        return [*block[:place], Dropout(rate=rate), *block[place:]]

    return _with_layers(experiment, before, *map(dropped, blocks))


def _on_convolutions(experiment: Experiment, field: str, values: Sequence[Any]) -> Experiment:
    """Set a field of the convolutions: one value for all, or one for each."""
    have = len(experiment.layers_of(Conv2D))
    if not have:
        raise ValueError("finds no convolution in this experiment; --preset cnn has some")
    if len(values) not in (1, have):
        raise ValueError(f"gives {len(values)} numbers for {have} convolutions; give one for all or one for each")
    waiting = iter([*values] * have)
    layers = [
        layer.model_copy(update={field: next(waiting)}) if isinstance(layer, Conv2D) else layer
        for layer in experiment.layers
    ]
    return _with_layers(experiment, layers)


def _flattened(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Return the layers for images: with a flatten first, unless the first layer takes images."""
    return layers if layers and (layers[0].TAKES_IMAGES or isinstance(layers[0], Flatten)) else (Flatten(), *layers)


def _with_features(experiment: Experiment, text: str) -> Experiment:
    """Change the features to raw pixels or HOG, and add or remove the flatten layer accordingly."""
    kind = chosen(text, FEATURE_KINDS)
    if kind == experiment.features.kind:
        return experiment
    if kind == "raw":
        return _with_layers(experiment.model_copy(update={"features": RawFeatures()}), _flattened(experiment.layers))
    if any(layer.TAKES_IMAGES for layer in experiment.layers):
        raise ValueError("does not go with convolutions or pooling, which need pixels; choose a preset without them")
    layers = [layer for layer in experiment.layers if not isinstance(layer, Flatten)]
    return _with_layers(experiment.model_copy(update={"features": HogFeatures()}), layers)


def _with_validation(experiment: Experiment, text: str) -> Experiment:
    if text == "test":
        return with_part(experiment, "dataset", validation="test")
    try:
        value = float(text)
    except ValueError:
        raise ValueError("is neither test nor a share such as 0.2") from None
    if not 0 < value < 1:
        raise ValueError("is out of bounds; test, or a share between 0 and 1, works")
    return with_part(experiment, "dataset", validation=value)


def _with_dataset(experiment: Experiment, text: str) -> Experiment:
    if not text:
        raise ValueError("is not a dataset; give mnist, fashion-mnist, digits or a folder of IDX files")
    return with_part(experiment, "dataset", name=text)


def _with_optimizer(experiment: Experiment, text: str) -> Experiment:
    """Change the optimizer and take its default settings; for ridge also set one epoch and a validation share."""
    name = chosen(text, tuple(OPTIMIZERS))
    if name == experiment.optimizer.name:
        return experiment
    after = experiment.model_copy(update={"optimizer": OPTIMIZERS[name]()})
    if not after.trains_in_epochs:
        once = {"epochs": 1, "schedule": ConstantSchedule(), "early_stopping": None, "plain_loss": False}
        after = with_part(after, "training", **once)
        return with_part(after, "dataset", validation=HELD_OUT) if after.dataset.validation == "test" else after
    if not experiment.trains_in_epochs:
        return with_part(after, "training", epochs=TrainingSpec().epochs)
    return after


def _with_patience(experiment: Experiment, text: str) -> Experiment:
    if text == "none":
        return with_part(experiment, "training", early_stopping=None)
    try:
        value = facts_of(EarlyStopping, "patience").value(text)
    except ValueError as error:
        raise ValueError(f"{error}, and none turns early stopping off") from None
    rule = experiment.training.early_stopping or EarlyStopping()
    return with_part(experiment, "training", early_stopping=rule.model_copy(update={"patience": value}))


def _schedule_fields(kind: str) -> list[str]:
    return [name for name in SCHEDULE_KINDS[kind].model_fields if name != "kind"]


SCHEDULE_FORMS = [":".join([kind, *map(str.upper, _schedule_fields(kind))]) for kind in SCHEDULE_KINDS]
"""The texts that `--schedule` takes, fields in capitals: ``constant``, ``exp:START:RATE``."""
_A_SCHEDULE = listed(SCHEDULE_FORMS, "or")


def _with_schedule(experiment: Experiment, text: str) -> Experiment:
    kind, *values = text.split(":")
    names = _schedule_fields(kind) if kind in SCHEDULE_KINDS else []
    if kind not in SCHEDULE_KINDS or len(names) != len(values):
        examples = [each.EXAMPLE for each in SCHEDULE_KINDS.values() if ":" in each.EXAMPLE]
        raise ValueError(f"is not a schedule; give {_A_SCHEDULE} (such as {listed(examples)})")
    declared = SCHEDULE_KINDS[kind]
    try:
        schedule = declared.model_validate({"kind": kind, **dict(zip(names, values, strict=True))})
    except ValidationError:
        needs = [f"{name} ({facts_of(declared, name).hint})" for name in names]
        raise ValueError(f"needs {listed(needs)}, such as {declared.EXAMPLE}") from None
    return with_part(experiment, "training", schedule=schedule)


def _schedule_text(experiment: Experiment) -> str:
    schedule = experiment.training.schedule
    return ":".join([schedule.kind, *(f"{getattr(schedule, name):g}" for name in _schedule_fields(schedule.kind))])


def _if_all_equal(values: Sequence[Any]) -> str:
    return str(values[0]) if values and all(value == values[0] for value in values) else ""


def _field(name: str, path: str, label: str, *, metavar: str = "N") -> Parameter:
    """Return the parameter of one field of the experiment, with that field's help, hint and values.

    Args:
        path: the field's path in the TOML form, such as ``training.epochs``.
        metavar: the word for the value in a usage line.
    """
    part, _, field = path.partition(".")
    facts = facts_of(type(getattr(Experiment(), part)), field)

    def read(experiment: Experiment) -> str:
        value = getattr(getattr(experiment, part), field)
        return "none" if value is None else SWITCH[value] if isinstance(value, bool) else str(value)

    def change(experiment: Experiment, text: str) -> Experiment:
        return with_part(experiment, part, **{field: facts.value(text)})

    choices = SWITCH if facts.kind == "switch" else facts.choices
    group, suggestions = part.capitalize(), ("none",) if facts.optional else ()
    return Parameter(name, metavar, label, facts.help, group, facts.hint, read, change, choices, suggestions)


def _hog_field(
    name: str, field: str, label: str, *, parse: Callable[[str], int] | None = None, hint: str = ""
) -> Parameter:
    """Return the parameter of a field of the HOG features; a change of it turns raw pixels into HOG."""
    facts = facts_of(HogFeatures, field)

    def read(experiment: Experiment) -> str:
        return str(getattr(experiment.features, field, ""))

    def change(experiment: Experiment, text: str) -> Experiment:
        return with_part(_with_features(experiment, "hog"), "features", **{field: (parse or facts.value)(text)})

    text = f"{facts.help}; implies hog"
    return Parameter(name, "N", label, text, "Features", hint or facts.hint, read, change)


def _dense_field(name: str, field: str, label: str, choices: tuple[str, ...]) -> Parameter:
    """Return the parameter of a field that all dense hidden layers have in common."""

    def named(layer: Layer) -> str:
        value = getattr(layer, field)
        return getattr(value, "name", value)

    def change(experiment: Experiment, text: str) -> Experiment:
        fresh = getattr(Dense.model_validate({"units": 1, field: chosen(text, choices)}), field)
        _blocks(experiment)
        # an initialiser that is already chosen keeps its arguments
        layers = [
            layer.model_copy(update={field: fresh}) if isinstance(layer, Dense) and named(layer) != text else layer
            for layer in experiment.layers
        ]
        return _with_layers(experiment, layers)

    def read(experiment: Experiment) -> str:
        return _if_all_equal([named(layer) for layer in experiment.layers_of(Dense)])

    text = f"{facts_of(Dense, field).help.replace(' function', '')} of the dense hidden layers"
    return Parameter(name, "NAME", label, text, "Network", listed(choices, "or"), read, change, choices)


def _optimizer_number(name: str, field: str, label: str, text: str, *, having: str = "") -> Parameter:
    """Return the parameter of a number that some optimizers have."""
    facts = facts_of(SGD, field)

    def read(experiment: Experiment) -> str:
        value = getattr(experiment.optimizer, field, None)
        return "" if value is None else f"{value:g}"

    def change(experiment: Experiment, text: str) -> Experiment:
        value = facts.value(text)
        if not hasattr(experiment.optimizer, field):
            has_no = f"does not go with {experiment.optimizer.name}, which has no {field.replace('_', ' ')}"
            raise ValueError(f"{has_no}{having}")
        return with_part(experiment, "optimizer", **{field: value})

    return Parameter(name, "X", label, text, "Optimizer", facts.hint, read, change)


_WITH_MOMENTUM = listed([name for name, kind in OPTIMIZERS.items() if "momentum" in kind.model_fields])

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        name="dataset",
        metavar="NAME|DIR",
        label="Dataset",
        help=facts_of(DatasetSpec, "name").help,
        group="Dataset",
        hint="a known name, or a folder",
        read=lambda e: e.dataset.name,
        change=_with_dataset,
    ),
    Parameter(
        name="validation",
        metavar="test|P",
        label="Validation",
        help=facts_of(DatasetSpec, "validation").help,
        group="Dataset",
        hint="test, or a share such as 0.2",
        read=lambda e: f"{e.dataset.validation}",
        change=_with_validation,
        suggestions=("test", "0.1"),
    ),
    _field("limit", "dataset.limit", "Training images"),
    Parameter(
        name="features",
        metavar="|".join(FEATURE_KINDS),
        label="Features",
        help="raw pixels, or histograms of oriented gradients",
        group="Features",
        hint=listed(FEATURE_KINDS, "or"),
        read=lambda e: e.features.kind,
        change=_with_features,
        choices=FEATURE_KINDS,
    ),
    _hog_field("ppc", "pixels_per_cell", "Pixels per cell", parse=pixels),
    _hog_field("orientations", "orientations", "Orientations"),
    _hog_field("cells-per-block", "cells_per_block", "Cells per block", hint="whole number; one block must fit"),
    Parameter(
        name="filters",
        metavar="N[xN…]",
        label="Filters",
        help="filters of the convolutions: one number for all, or one for each",
        group="Network",
        hint=f"{facts_of(Conv2D, 'filters').span}; 16x32 for two",
        read=lambda e: "x".join(str(layer.filters) for layer in e.layers_of(Conv2D)),
        change=lambda e, text: _on_convolutions(e, "filters", sizes(text, facts_of(Conv2D, "filters"))),
    ),
    Parameter(
        name="conv-activation",
        metavar="NAME",
        label="Conv. activation",
        help="activation of the convolutions",
        group="Network",
        hint=listed(ACTIVATIONS, "or"),
        read=lambda e: _if_all_equal([layer.activation for layer in e.layers_of(Conv2D)]),
        change=lambda e, text: _on_convolutions(e, "activation", [chosen(text, ACTIVATIONS)]),
        choices=ACTIVATIONS,
    ),
    Parameter(
        name="hidden",
        metavar="N[xN…]",
        label="Hidden neurons",
        help="neurons of the dense hidden layers",
        group="Network",
        hint=f"{facts_of(Dense, 'units').span}; 200x100 for two",
        read=lambda e: "x".join(str(layer.units) for layer in e.layers_of(Dense)),
        change=_with_units,
    ),
    _dense_field("activation", "activation", "Activation", ACTIVATIONS),
    Parameter(
        name="dropout",
        metavar="P",
        label="Dropout",
        help="dropout after each dense hidden layer; 0 removes it",
        group="Network",
        hint=facts_of(Dropout, "rate").hint,
        read=lambda e: _if_all_equal(_dropout_rates(e)),
        change=_with_dropout,
    ),
    _dense_field("initializer", "kernel_initializer", "Initialiser", INITIALIZERS),
    Parameter(
        name="optimizer",
        metavar="NAME",
        label="Optimizer",
        help="optimizer; another one brings its own defaults",
        group="Optimizer",
        hint=listed(tuple(OPTIMIZERS), "or"),
        read=lambda e: e.optimizer.name,
        change=_with_optimizer,
        choices=tuple(OPTIMIZERS),
    ),
    _optimizer_number("lr", "learning_rate", "Learning rate", "learning rate of the optimizer"),
    _optimizer_number(
        "momentum",
        "momentum",
        "Momentum",
        "momentum, for the optimizers that have one",
        having=f"; {_WITH_MOMENTUM} have",
    ),
    Parameter(
        name="schedule",
        metavar="NAME",
        label="Schedule",
        help=f"learning rate over epochs: {_A_SCHEDULE}",
        group="Optimizer",
        hint=listed([schedule.EXAMPLE for schedule in SCHEDULE_KINDS.values()], "or"),
        read=_schedule_text,
        change=_with_schedule,
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
        hint=f"{facts_of(EarlyStopping, 'patience').hint}, or none",
        read=lambda e: str(rule.patience) if (rule := e.training.early_stopping) else "none",
        change=_with_patience,
        suggestions=("none", "10"),
    ),
    _field("plain-loss", "training.plain_loss", "Plain loss", metavar="on|off"),
)
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
