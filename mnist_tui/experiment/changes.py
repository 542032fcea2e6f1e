"""Change an experiment by the text of one parameter, and read a parameter's text from an experiment.

A change is not validated as a whole. Where its text is wrong it raises ValueError with a sentence that follows the
option and its value. `parameters` declares which option does what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from mnist_tui.experiment.fields import chosen, facts_of, sizes
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
    EarlyStopping,
    Experiment,
    HogFeatures,
    RawFeatures,
    TrainingSpec,
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
