"""x"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

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
    Initializer,
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
"""Those of hidden layers and convolutions."""
_INITIALIZER: TypeAdapter[Any] = TypeAdapter(Initializer)


def dense_layers(layers: Sequence[Layer]) -> list[Dense]:
    """Return the dense hidden layers, in order."""
    return [layer for layer in layers if isinstance(layer, Dense)]


def convolutions(experiment: Experiment) -> list[Conv2D]:
    """Return the convolutions, in order."""
    return [layer for layer in experiment.layers if isinstance(layer, Conv2D)]


def dropout_rates(experiment: Experiment) -> list[float]:
    """Return each block's dropout rate; 0 for a block without dropout."""
    _, blocks = _blocks(experiment)
    return [next((layer.rate for layer in block if isinstance(layer, Dropout)), 0.0) for block in blocks]


def with_units(experiment: Experiment, text: str) -> Experiment:
    """Give the blocks these sizes: the last block is repeated for more, blocks are dropped from the end for fewer."""
    units = sizes(text, facts_of(Dense, "units"))
    before, blocks = _blocks(experiment)
    if not blocks:
        first: Block = [Dense(units=1)]
        before, blocks = list(_flattened(before)) if before else [Flatten()], [first]
    sized = (blocks[min(index, len(blocks) - 1)] for index in range(len(units)))
    return _with_layers(
        experiment, before, *(_each_dense(block, units=size) for block, size in zip(sized, units, strict=True))
    )


def with_activation(experiment: Experiment, text: str) -> Experiment:
    """Change the activation of every dense hidden layer."""
    activation = chosen(text, ACTIVATIONS)
    before, blocks = _some_blocks(experiment)
    return _with_layers(experiment, before, *(_each_dense(block, activation=activation) for block in blocks))


def with_initializer(experiment: Experiment, text: str) -> Experiment:
    """Change the initialiser of every dense hidden layer; a layer that has it already keeps its arguments."""
    fresh = _INITIALIZER.validate_python(chosen(text, INITIALIZERS))
    _some_blocks(experiment)
    layers = [
        layer.model_copy(update={"kernel_initializer": fresh})
        if isinstance(layer, Dense) and layer.kernel_initializer.name != text
        else layer
        for layer in experiment.layers
    ]
    return _with_layers(experiment, layers)


def with_dropout(experiment: Experiment, text: str) -> Experiment:
    """Set the dropout of each block: changed where there is one, added where there is none, removed for a rate of 0."""
    rate = facts_of(Dropout, "rate").value(text)
    before, blocks = _some_blocks(experiment)
    return _with_layers(experiment, before, *(_dropped(block, rate) for block in blocks))


def _dropped(block: Block, rate: float) -> Block:
    if rate == 0:
        return [layer for layer in block if not isinstance(layer, Dropout)]
    if any(isinstance(layer, Dropout) for layer in block):
        return [layer.model_copy(update={"rate": rate}) if isinstance(layer, Dropout) else layer for layer in block]
    place = 2 if len(block) > 1 and isinstance(block[1], BatchNormalization) else 1
    return [*block[:place], Dropout(rate=rate), *block[place:]]


def _flattened(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Return the layers for images: with a flatten first, unless the first layer takes images."""
    return layers if layers and (layers[0].TAKES_IMAGES or isinstance(layers[0], Flatten)) else (Flatten(), *layers)


def _each_dense(block: Block, **values: Any) -> Block:
    return [layer.model_copy(update=values) if isinstance(layer, Dense) else layer for layer in block]


def _blocks(experiment: Experiment) -> tuple[list[Layer], list[Block]]:
    before: list[Layer] = []
    blocks: list[Block] = []
    for layer in experiment.layers:
        if isinstance(layer, Dense):
            blocks.append([layer])
        else:
            (blocks[-1] if blocks else before).append(layer)
    return before, blocks


def _some_blocks(experiment: Experiment) -> tuple[list[Layer], list[Block]]:
    before, blocks = _blocks(experiment)
    if not blocks:
        raise ValueError("finds no dense hidden layer in this experiment; --hidden adds one")
    return before, blocks


def _with_layers(experiment: Experiment, *parts: Sequence[Layer]) -> Experiment:
    return experiment.model_copy(update={"layers": tuple(layer for part in parts for layer in part)})


def with_filters(experiment: Experiment, text: str) -> Experiment:
    """Change the numbers of filters: one for all convolutions, or one for each."""
    return _on_convolutions(experiment, "filters", sizes(text, facts_of(Conv2D, "filters")))


def with_conv_activation(experiment: Experiment, text: str) -> Experiment:
    """Change the activation of all convolutions."""
    return _on_convolutions(experiment, "activation", [chosen(text, ACTIVATIONS)])


def _on_convolutions(experiment: Experiment, field: str, values: Sequence[Any]) -> Experiment:
    have = len(convolutions(experiment))
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


def with_features(experiment: Experiment, text: str) -> Experiment:
    """Change the features to raw pixels or HOG; the layers get or lose the flatten that this needs."""
    kind = chosen(text, FEATURE_KINDS)
    if kind == experiment.features.kind:
        return experiment
    if kind == "raw":
        return _with_layers(experiment.model_copy(update={"features": RawFeatures()}), _flattened(experiment.layers))
    if any(layer.TAKES_IMAGES for layer in experiment.layers):
        raise ValueError("does not go with convolutions or pooling, which need pixels; choose a preset without them")
    layers = [layer for layer in experiment.layers if not isinstance(layer, Flatten)]
    return _with_layers(experiment.model_copy(update={"features": HogFeatures()}), layers)


def with_hog(field: str, parse: Callable[[str], int]) -> Change:
    """Return a function that changes one field of the HOG features; raw pixels become HOG."""

    def change(experiment: Experiment, text: str) -> Experiment:
        return with_part(with_features(experiment, "hog"), "features", **{field: parse(text)})

    return change


def with_validation(experiment: Experiment, text: str) -> Experiment:
    """Change the validation data: the test set, or a share of the training set."""
    if text == "test":
        return with_part(experiment, "dataset", validation="test")
    try:
        value = float(text)
    except ValueError:
        raise ValueError("is neither test nor a share such as 0.2") from None
    if not 0 < value < 1:
        raise ValueError("is out of bounds; test, or a share between 0 and 1, works")
    return with_part(experiment, "dataset", validation=value)


def with_dataset(experiment: Experiment, text: str) -> Experiment:
    """Change the dataset, by its name or folder."""
    if not text:
        raise ValueError("is not a dataset; give mnist, fashion-mnist, digits or a folder of IDX files")
    return with_part(experiment, "dataset", name=text)


def with_optimizer(experiment: Experiment, text: str) -> Experiment:
    """Change the optimizer, which brings its own defaults; ridge solves in one epoch and holds images out."""
    name = chosen(text, tuple(OPTIMIZERS))
    if name == experiment.optimizer.name:
        return experiment
    after = experiment.model_copy(update={"optimizer": OPTIMIZERS[name]()})
    if not after.trains_in_epochs:
        after = with_part(
            after, "training", epochs=1, schedule=ConstantSchedule(), early_stopping=None, plain_loss=False
        )
        return with_part(after, "dataset", validation=HELD_OUT) if after.dataset.validation == "test" else after
    if not experiment.trains_in_epochs:
        return with_part(after, "training", epochs=TrainingSpec().epochs)
    return after


def with_rate(experiment: Experiment, text: str) -> Experiment:
    """Change the learning rate."""
    return _with_number(experiment, "learning_rate", text, "")


def with_momentum(experiment: Experiment, text: str) -> Experiment:
    """Change the momentum."""
    having = listed([name for name, kind in OPTIMIZERS.items() if "momentum" in kind.model_fields])
    return _with_number(experiment, "momentum", text, f"; {having} have")


def _with_number(experiment: Experiment, field: str, text: str, hint: str) -> Experiment:
    value = facts_of(SGD, field).value(text)
    if not hasattr(experiment.optimizer, field):
        has_no = f"does not go with {experiment.optimizer.name}, which has no {field.replace('_', ' ')}"
        raise ValueError(f"{has_no}{hint}")
    return with_part(experiment, "optimizer", **{field: value})


def number_text(field: str) -> Callable[[Experiment], str]:
    """Return a function that reads a number of the optimizer; it gives an empty text where there is none."""
    return lambda e: f"{value:g}" if (value := getattr(e.optimizer, field, None)) is not None else ""


def with_patience(experiment: Experiment, text: str) -> Experiment:
    """Change the patience of early stopping, or turn it off with ``none``."""
    if text == "none":
        return with_part(experiment, "training", early_stopping=None)
    try:
        value = facts_of(EarlyStopping, "patience").value(text)
    except ValueError as error:
        raise ValueError(f"{error}, and none turns early stopping off") from None
    rule = experiment.training.early_stopping or EarlyStopping()
    return with_part(experiment, "training", early_stopping=rule.model_copy(update={"patience": value}))


def schedule_forms() -> list[str]:
    """Return the texts that `with_schedule` takes, arguments in capitals: ``constant``, ``exp:START:RATE``."""
    return [":".join([kind, *(name.upper() for name in _arguments(kind))]) for kind in SCHEDULE_KINDS]


def with_schedule(experiment: Experiment, text: str) -> Experiment:
    """Change the schedule of the learning rate."""
    kind, *values = text.split(":")
    names = _arguments(kind) if kind in SCHEDULE_KINDS else []
    if kind not in SCHEDULE_KINDS or len(names) != len(values):
        examples = [each.EXAMPLE for each in SCHEDULE_KINDS.values() if ":" in each.EXAMPLE]
        forms = listed(schedule_forms()).replace(" and ", " or ")
        raise ValueError(f"is not a schedule; give {forms} (such as {listed(examples)})")
    declared = SCHEDULE_KINDS[kind]
    try:
        schedule = declared.model_validate({"kind": kind, **dict(zip(names, values, strict=True))})
    except ValidationError:
        needs = [f"{name} ({facts_of(declared, name).bounds()})" for name in names]
        raise ValueError(f"needs {listed(needs)}, such as {declared.EXAMPLE}") from None
    return with_part(experiment, "training", schedule=schedule)


def schedule_text(experiment: Experiment) -> str:
    """Return the schedule of the learning rate as the option takes it."""
    schedule = experiment.training.schedule
    return ":".join([schedule.kind, *(f"{getattr(schedule, name):g}" for name in _arguments(schedule.kind))])


def _arguments(kind: str) -> list[str]:
    return [name for name in SCHEDULE_KINDS[kind].model_fields if name != "kind"]


def all_equal(values: Sequence[Any]) -> str:
    """Return the value that all have; an empty text where they differ or there are none."""
    return str(values[0]) if values and all(value == values[0] for value in values) else ""


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
