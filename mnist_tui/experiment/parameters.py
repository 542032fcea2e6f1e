"""The parameters that people edit: command-line options and the editor's fields are made from this one declaration.

A parameter reads its value from an experiment as text, and returns the experiment with another value for a text. Its
help and bounds are those of the experiment's field if it has one. A text that is wrong by itself is refused here, in
the same words everywhere: ValueError with a sentence that follows the option and its value. Values that do not fit each
other (a block larger than its cells) are refused by the validation of the whole experiment in `apply_texts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, get_args

from pydantic import ValidationError

from mnist_tui.errors import RequestError
from mnist_tui.experiment import fields
from mnist_tui.experiment.augmentation import CHANGES, Augmentation
from mnist_tui.experiment.fields import OF_DATA, SWITCH, chosen, facts_of, pixels, sizes
from mnist_tui.experiment.layers import (
    INITIALIZERS,
    ActivationName,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    mapped,
)
from mnist_tui.experiment.optimizers import CLIPPING, OPTIMIZERS, SCHEDULE_KINDS, SGD, ConstantSchedule
from mnist_tui.experiment.shapes import Shape
from mnist_tui.experiment.spec import (
    FEATURE_KINDS,
    HELD_OUT,
    DatasetSpec,
    EarlyStopping,
    Experiment,
    HogFeatures,
    RawFeatures,
    StartSpec,
    TrainingSpec,
    parse_fold,
    parsed,
    problems_of,
    revalidated,
    to_mapping,
    with_part,
)
from mnist_tui.wording import listed

Change = Callable[[Experiment, str], Experiment]
Block = list[Layer]
"""A dense hidden layer with the layers behind it (batch normalisation, dropout) up to the next dense layer."""
ACTIVATIONS: tuple[str, ...] = tuple(name for name in get_args(ActivationName) if name != "softmax")
"""The activations for hidden layers and convolutions."""


@dataclass(frozen=True)
class Parameter:
    """One editable parameter.

    Attributes:
        name: the option without its hyphens (``cells-per-block``).
        metavar: the word for the value in a usage line.
        label, help: for a form and for ``--help``.
        group: Dataset, Features, Augmentation, Network, Optimizer or Training.
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

    def applies(self, experiment: Experiment) -> bool:
        """Return whether the parameter means something for an experiment."""
        match self.name:
            case "ppc" | "orientations" | "cells-per-block":
                return isinstance(experiment.features, HogFeatures)
            case "filters" | "conv-activation":
                return bool(experiment.layers_of(Conv2D))
            case "activation" | "dropout" | "initializer":
                return bool(experiment.layers_of(Dense))
            case "momentum":
                return hasattr(experiment.optimizer, "momentum")
            case change if change in CHANGES:
                return bool(self.read(experiment))
            case "lr" | "schedule" | "warmup" | "batch-size" | "epochs" | "patience" | "plain-loss":
                return experiment.trains_in_epochs
            case "label-smoothing" | "class-weights" | "clipvalue" | "clipnorm" | "global-clipnorm":
                return experiment.trains_in_epochs
            case _:
                return True


class ParameterError(RequestError):
    """A parameter's value that is wrong by itself; `parameter` is the parameter's name."""

    def __init__(self, parameter: str, message: str) -> None:
        self.parameter = parameter
        super().__init__(message)


def apply_texts(
    experiment: Experiment,
    texts: Mapping[str, str],
    sets: Sequence[str] = (),
    *,
    resolve: Callable[[Experiment], Experiment] = lambda same: same,
    choose: Callable[[Experiment], Experiment] | None = None,
) -> Experiment:
    """Return the experiment with parameters changed, then fields set by path; the result is validated as a whole.

    Parameters change in the order of PARAMETERS, but the dataset first, because its images have bounds for others, then
    the optimizer, because it brings defaults for others.

    Args:
        texts: values by parameter name (``{"ppc": "7"}``).
        sets: assignments ``PATH=VALUE``, by the path in the TOML form.
        resolve: sets the facts of the dataset: `data.facts.resolved`. Without it another dataset has the default
            image and classes.
        choose: called in its place when the texts name a dataset: `data.facts.newly_chosen`, which also takes the
            dataset's own validation split.

    Raises:
        ParameterError: a value is wrong by itself.
        SpecError: the values do not fit each other.
    """
    unknown = set(texts) - set(_BY_NAME)
    if unknown:
        raise RequestError(f"there is no parameter {', '.join(sorted(unknown))}")
    if "class-weights" in texts:  # the earlier ones may be for the classes of another dataset
        experiment = with_part(experiment, "training", class_weights=None)
    if "dataset" not in texts:
        experiment = resolve(experiment)
    for parameter in sorted(PARAMETERS, key=lambda each: (each.name != "dataset", each.name != "optimizer")):
        if parameter.name in texts:
            experiment = changed(parameter, experiment, texts[parameter.name].strip())
            if parameter.name == "dataset":
                experiment = (choose or resolve)(experiment)
    if "class-weights" in texts:
        experiment = resolve(experiment)
    if not sets:
        return revalidated(experiment)
    return fields.assigned(parsed(to_mapping(experiment)), *sets, resolve=resolve)


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

    def with_value(layer: Layer) -> Layer:
        return layer.model_copy(update={field: next(waiting)}) if isinstance(layer, Conv2D) else layer

    return _with_layers(experiment, mapped(with_value, experiment.layers))


def _flattened(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Return the layers for images: with a flatten first, unless the first layer takes images."""
    return layers if layers and (layers[0].takes_images or isinstance(layers[0], Flatten)) else (Flatten(), *layers)


def _with_features(experiment: Experiment, text: str) -> Experiment:
    """Change the features to raw pixels or HOG, and add or remove the flatten layer accordingly."""
    kind = chosen(text, FEATURE_KINDS)
    if kind == experiment.features.kind:
        return experiment
    if kind == "raw":
        return _with_layers(experiment.model_copy(update={"features": RawFeatures()}), _flattened(experiment.layers))
    if any(layer.takes_images for layer in experiment.layers):
        raise ValueError("does not go with convolutions or pooling, which need pixels; choose a preset without them")
    layers = [layer for layer in experiment.layers if not isinstance(layer, Flatten)]
    return _with_layers(experiment.model_copy(update={"features": HogFeatures()}), layers)


def _with_validation(experiment: Experiment, text: str) -> Experiment:
    if text in ("test", "own"):
        return with_part(experiment, "dataset", validation=text)
    if text.startswith("fold"):
        try:
            return with_part(experiment, "dataset", validation=parse_fold(text).text)
        except ValueError as error:
            raise ValueError(f"is no validation data: {error}") from None
    try:
        value = float(text)
    except ValueError:
        raise ValueError("is neither test, nor own, nor a share such as 0.2, nor a fold such as fold:2/5") from None
    if not 0 < value < 1:
        raise ValueError("is out of bounds; test, own, or a share between 0 and 1, works")
    return with_part(experiment, "dataset", validation=value)


def _with_dataset(experiment: Experiment, text: str) -> Experiment:
    if not text:
        raise ValueError("is not a dataset; give a known one such as mnist, or a folder of your own images")
    validation = "test" if experiment.dataset.validation == "own" else experiment.dataset.validation
    return with_part(experiment, "dataset", name=text, validation=validation, **dict.fromkeys(OF_DATA))


ONCE = {
    "epochs": 1,
    "schedule": ConstantSchedule(),
    "warmup": None,
    "label_smoothing": None,
    "class_weights": None,
    "early_stopping": None,
    "plain_loss": False,
}
"""The settings of a training whose output layer is solved in closed form."""


def _with_optimizer(experiment: Experiment, text: str) -> Experiment:
    """Change the optimizer and take its default settings; for ridge also set one epoch and a validation share."""
    name = chosen(text, tuple(OPTIMIZERS))
    if name == experiment.optimizer.name:
        return experiment
    after = experiment.model_copy(update={"optimizer": OPTIMIZERS[name]()})
    if not after.trains_in_epochs:
        after = with_part(after, "training", **ONCE).model_copy(update={"augmentation": None})
        return with_part(after, "dataset", validation=HELD_OUT) if after.dataset.validation == "test" else after
    if not experiment.trains_in_epochs:
        return with_part(after, "training", epochs=TrainingSpec().epochs)
    return after


def _augmentation_field(field: str, metavar: str) -> Parameter:
    """Return the parameter of one change of the training images; it reads as empty where images cannot be changed."""
    facts = facts_of(Augmentation, field)

    def read(experiment: Experiment) -> str:
        settings = experiment.augmentation
        if settings is None and not (experiment.features.kind == "raw" and experiment.trains_in_epochs):
            return ""
        value = getattr(settings or Augmentation(), field)
        return SWITCH[value] if isinstance(value, bool) else f"{value:.10g}"

    def change(experiment: Experiment, text: str) -> Experiment:
        settings = (experiment.augmentation or Augmentation()).model_copy(update={field: facts.value(text)})
        return experiment.model_copy(update={"augmentation": settings if settings.used else None})

    choices = SWITCH if facts.kind == "switch" else ()
    return Parameter(field, metavar, field.capitalize(), facts.help, "Augmentation", facts.hint, read, change, choices)


def _with_start(experiment: Experiment, text: str) -> Experiment:
    if not text:
        raise ValueError("is not a run; an id, a .keras file, or none works")
    return experiment.model_copy(update={"start": None if text == "none" else StartSpec(run=text)})


def _with_patience(experiment: Experiment, text: str) -> Experiment:
    if text == "none":
        return with_part(experiment, "training", early_stopping=None)
    try:
        value = facts_of(EarlyStopping, "patience").value(text)
    except ValueError as error:
        raise ValueError(f"{error}, and none turns early stopping off") from None
    rule = experiment.training.early_stopping or EarlyStopping()
    return with_part(experiment, "training", early_stopping=rule.model_copy(update={"patience": value}))


def _schedule_fields(kind: str) -> dict[str, bool]:
    """Return the fields of a schedule, and whether each must be given."""
    return {name: info.is_required() for name, info in SCHEDULE_KINDS[kind].model_fields.items() if name != "kind"}


def _schedule_form(kind: str) -> str:
    """Return the form of a schedule's text, fields in capitals; in brackets the first of those with a default."""
    fields = _schedule_fields(kind)
    required, (*optional,) = [name for name in fields if fields[name]], [name for name in fields if not fields[name]]
    further = f"[:{':'.join(map(str.upper, optional[:2]))}…]" if optional else ""
    return f"{':'.join([kind, *map(str.upper, required)])}{further}"


SCHEDULE_FORMS = [_schedule_form(kind) for kind in SCHEDULE_KINDS]
"""The texts that `--schedule` takes: ``constant``, ``exp:START:RATE``, ``plateau[:FACTOR:PATIENCE…]``."""
_A_SCHEDULE = listed(SCHEDULE_FORMS, "or")


def _with_schedule(experiment: Experiment, text: str) -> Experiment:
    kind, *values = text.split(":")
    fields = _schedule_fields(kind) if kind in SCHEDULE_KINDS else {}
    if kind not in SCHEDULE_KINDS or not sum(fields.values()) <= len(values) <= len(fields):
        examples = [each.EXAMPLE for each in SCHEDULE_KINDS.values() if ":" in each.EXAMPLE]
        raise ValueError(f"is not a schedule; give {_A_SCHEDULE} (such as {listed(examples)})")
    declared = SCHEDULE_KINDS[kind]
    try:
        schedule = declared.model_validate({"kind": kind, **dict(zip(fields, values, strict=False))})
    except ValidationError:
        needs = [f"{name} ({facts_of(declared, name).hint})" for name in fields]
        raise ValueError(f"needs {listed(needs)}, such as {declared.EXAMPLE}") from None
    return with_part(experiment, "training", schedule=schedule)


def _schedule_text(experiment: Experiment) -> str:
    """Return the schedule's text, up to the last field that has another value than its default."""
    schedule = experiment.training.schedule
    fields = type(schedule).model_fields
    names = list(_schedule_fields(schedule.kind))
    while names and getattr(schedule, names[-1]) == fields[names[-1]].default:
        names.pop()
    return ":".join([schedule.kind, *(f"{getattr(schedule, name):g}" for name in names)])


A_TABLE = "8:2,9:1.5"
"""An example of a text for a table of class weights: class 8 counts twice, class 9 one and a half times."""
_A_WEIGHT = re.compile(r"\s*(?P<name>\S.*?):\s*(?P<weight>[^\s,:]+)\s*(?:,|\s|$)")


def _with_class_weights(experiment: Experiment, text: str) -> Experiment:
    weights: Any = text
    if text == "none":
        weights = None
    elif text != "balanced":
        pairs = [(pair["name"], pair["weight"]) for pair in _A_WEIGHT.finditer(text)]
        try:
            weights = {name: float(weight) for name, weight in pairs}
        except ValueError:
            weights = {}
        if not weights or _A_WEIGHT.sub("", text):
            raise ValueError(f"is neither balanced nor none nor a table CLASS:WEIGHT,… such as {A_TABLE}")
        if len(weights) < len(pairs):
            raise ValueError(f"must give each class one weight, such as {A_TABLE}")
    try:
        training = TrainingSpec.model_validate({**dict(experiment.training), "class_weights": weights})
    except ValidationError as error:
        raise ValueError(f"is not valid: {problems_of(error)[0].message}") from None
    return with_part(experiment, "training", class_weights=training.class_weights)


def _class_weights_text(experiment: Experiment) -> str:
    weights = experiment.training.class_weights
    if isinstance(weights, dict):
        return ",".join(f"{name}:{weight:g}" for name, weight in weights.items())
    return weights or "none"


def _if_all_equal(values: Sequence[Any]) -> str:
    return str(values[0]) if values and all(value == values[0] for value in values) else ""


def _field(name: str, path: str, label: str, *, metavar: str = "N", group: str = "") -> Parameter:
    """Return the parameter of one field of the experiment, with that field's help, hint and values.

    Args:
        path: the field's path in the TOML form, such as ``training.epochs``.
        metavar: the word for the value in a usage line.
        group: the group; that of the field's part if empty.
    """
    part, _, field = path.partition(".")
    facts = facts_of(type(getattr(Experiment(), part)), field)

    def read(experiment: Experiment) -> str:
        value = getattr(getattr(experiment, part), field)
        return "none" if value is None else SWITCH[value] if isinstance(value, bool) else str(value)

    def change(experiment: Experiment, text: str) -> Experiment:
        return with_part(experiment, part, **{field: facts.value(text)})

    choices = SWITCH if facts.kind == "switch" else facts.choices
    group, suggestions = group or part.capitalize(), ("none",) if facts.optional else ()
    return Parameter(name, metavar, label, facts.help, group, facts.hint, read, change, choices, suggestions)


def _hog_field(
    name: str, field: str, label: str, *, parse: Callable[[str, Shape], int] | None = None, hint: str
) -> Parameter:
    """Return the parameter of a field of the HOG features; a change of it turns raw pixels into HOG."""
    facts = facts_of(HogFeatures, field)

    def read(experiment: Experiment) -> str:
        return str(getattr(experiment.features, field, ""))

    def change(experiment: Experiment, text: str) -> Experiment:
        value = parse(text, experiment.image_shape) if parse else facts.value(text)
        return with_part(_with_features(experiment, "hog"), "features", **{field: value})

    text = f"{facts.help}; implies hog"
    return Parameter(name, "N", label, text, "Features", hint, read, change)


def _dense_field(name: str, field: str, label: str, choices: tuple[str, ...]) -> Parameter:
    """Return the parameter of a field that all dense hidden layers have in common."""

    def named(layer: Layer) -> str:
        value = getattr(layer, field)
        return getattr(value, "name", value)

    def change(experiment: Experiment, text: str) -> Experiment:
        fresh = getattr(Dense.model_validate({"units": 1, field: chosen(text, choices)}), field)
        _blocks(experiment)
        # an initializer that is already chosen keeps its arguments
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
        if not hasattr(experiment.optimizer, field):
            return ""
        value = getattr(experiment.optimizer, field)
        return "none" if value is None else f"{value:g}"

    def change(experiment: Experiment, text: str) -> Experiment:
        value = facts.value(text)
        if not hasattr(experiment.optimizer, field):
            has_no = f"does not go with {experiment.optimizer.name}, which has no {field.replace('_', ' ')}"
            raise ValueError(f"{has_no}{having}")
        return with_part(experiment, "optimizer", **{field: value})

    metavar, suggestions = ("X|none", ("none", "1")) if facts.optional else ("X", ())
    return Parameter(name, metavar, label, text, "Optimizer", facts.hint, read, change, (), suggestions)


_WITH_MOMENTUM = listed([name for name, kind in OPTIMIZERS.items() if "momentum" in kind.model_fields])

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        name="dataset",
        metavar="NAME|DIR",
        label="Dataset",
        help=facts_of(DatasetSpec, "name").help,
        group="Dataset",
        hint="a known name, or a folder, npz or CSV file of your own",
        read=lambda e: e.dataset.name,
        change=_with_dataset,
    ),
    Parameter(
        name="validation",
        metavar="test|own|P|fold:I/K",
        label="Validation",
        help=facts_of(DatasetSpec, "validation").help,
        group="Dataset",
        hint="test, own, a share like 0.2, or a fold",
        read=lambda e: f"{e.dataset.validation}",
        change=_with_validation,
        suggestions=("test", "own", "0.1"),
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
    _hog_field(
        "ppc", "pixels_per_cell", "Pixels per cell", parse=pixels, hint="whole number, 1 to the edge of the image"
    ),
    _hog_field("orientations", "orientations", "Orientations", hint=facts_of(HogFeatures, "orientations").hint),
    _hog_field("cells-per-block", "cells_per_block", "Cells per block", hint="whole number; one block must fit"),
    Parameter(
        name="filters",
        metavar="N[xN…]",
        label="Filters",
        help="filters of the convolutions: one number for all, or one for each",
        group="Network",
        hint=f"{facts_of(Conv2D, 'filters').span}; 16x32: two layers",
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
        hint=f"{facts_of(Dense, 'units').span}; 200x100: two layers",
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
    _dense_field("initializer", "kernel_initializer", "Initializer", INITIALIZERS),
    *(_augmentation_field(name, "on|off" if name == "flip" else "X") for name in CHANGES),
    Parameter(
        name="optimizer",
        metavar="NAME",
        label="Optimizer",
        help="how the weights are updated; another optimizer brings its own defaults",
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
        help=f"learning rate over epochs: {_A_SCHEDULE}; exp multiplies it by e^-RATE an epoch from START on",
        group="Optimizer",
        hint=f"such as {listed([each.EXAMPLE for each in SCHEDULE_KINDS.values()], 'or')}",
        read=_schedule_text,
        change=_with_schedule,
        suggestions=tuple(schedule.EXAMPLE for schedule in SCHEDULE_KINDS.values()),
    ),
    _field("warmup", "training.warmup", "Warm-up epochs", group="Optimizer", metavar="N|none"),
    *(
        _optimizer_number(name.replace("_", "-"), name, label, f"{facts_of(SGD, name).help}; none: no clipping")
        for name, label in zip(CLIPPING, ("Clip by value", "Clip by norm", "Clip global norm"), strict=True)
    ),
    _field("batch-size", "training.batch_size", "Batch size"),
    _field("epochs", "training.epochs", "Epochs"),
    _field("seed", "training.seed", "Seed"),
    Parameter(
        name="patience",
        metavar="N|none",
        label="Early stopping",
        help="stop after so many epochs without a better validation loss; the best weights are restored",
        group="Training",
        hint=f"{facts_of(EarlyStopping, 'patience').hint}, or none",
        read=lambda e: str(rule.patience) if (rule := e.training.early_stopping) else "none",
        change=_with_patience,
        suggestions=("none", "10"),
    ),
    Parameter(
        name="start",
        metavar="RUN|FILE|none",
        label="Start from",
        help="initial weights from a run or a .keras file, for the layers with the same name and shapes",
        group="Training",
        hint="a run's id, a .keras file, or none",
        read=lambda e: e.start.run if e.start else "none",
        change=_with_start,
        suggestions=("none", "latest"),
    ),
    _field("label-smoothing", "training.label_smoothing", "Label smoothing", metavar="P|none"),
    Parameter(
        name="class-weights",
        metavar="balanced|CLASS:W,…|none",
        label="Class weights",
        help=TrainingSpec.model_fields["class_weights"].description or "",
        group="Training",
        hint=f"balanced, {A_TABLE}, or none",
        read=_class_weights_text,
        change=_with_class_weights,
        suggestions=("none", "balanced"),
    ),
    _field("plain-loss", "training.plain_loss", "Plain loss", metavar="on|off"),
)
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
