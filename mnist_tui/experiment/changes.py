"""Change an experiment by the text of one parameter, and read a parameter's text from an experiment.

A change is not validated as a whole. Where its text is wrong it raises ValueError with a sentence that follows the
option and its value. `parameters` declares which option does what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from pydantic import TypeAdapter

from mnist_tui.experiment.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    ExperimentPart,
    Flatten,
    Initializer,
    Layer,
)
from mnist_tui.experiment.optimizers import OPTIMIZERS, ConstantSchedule, CosineSchedule, ExponentialSchedule
from mnist_tui.experiment.spec import (
    HELD_OUT,
    EarlyStopping,
    Experiment,
    HogFeatures,
    RawFeatures,
    TrainingSpec,
    is_closed_form,
)
from mnist_tui.experiment.texts import chosen, positive, share, sizes, whole

Layers = tuple[Layer, ...]
_INITIALIZER: TypeAdapter[Any] = TypeAdapter(Initializer)


def dense_layers(layers: Sequence[Layer]) -> list[Dense]:
    """The dense hidden layers, in order."""
    return [layer for layer in layers if isinstance(layer, Dense)]


def dropout_rates(layers: Sequence[Layer]) -> list[float]:
    """Each block's dropout rate; 0 where it has none."""
    _, blocks = _blocks(layers)
    return [next((layer.rate for layer in block if isinstance(layer, Dropout)), 0.0) for block in blocks]


def with_units(layers: Sequence[Layer], units: Sequence[int]) -> Layers:
    """Blocks of these sizes: the last block is repeated for more, blocks are dropped from the end for fewer."""
    before, blocks = _blocks(layers)
    if not blocks:
        before, blocks = list(flattened(before)) if before else [Flatten()], _new_block()
    sized: list[list[Layer]] = [blocks[min(index, len(blocks) - 1)] for index in range(len(units))]
    return _stack(before, [_each_dense(block, units=size) for block, size in zip(sized, units, strict=True)])


def with_values(layers: Sequence[Layer], **values: Any) -> Layers:
    """Every dense hidden layer with these values.

    Raises:
        ValueError: there is none.
    """
    before, blocks = _some_blocks(layers)
    return _stack(before, [_each_dense(block, **values) for block in blocks])


def with_initializer(layers: Sequence[Layer], name: str) -> Layers:
    """Every dense hidden layer's weights start so; one that has the initialiser already keeps its arguments.

    Raises:
        ValueError: there is none.
    """
    before, blocks = _some_blocks(layers)
    fresh = _INITIALIZER.validate_python(name)

    def changed(layer: Layer) -> Layer:
        if isinstance(layer, Dense) and layer.kernel_initializer.name != name:
            return layer.model_copy(update={"kernel_initializer": fresh})
        return layer

    return _stack(before, [[changed(layer) for layer in block] for block in blocks])


def with_dropout(layers: Sequence[Layer], rate: float) -> Layers:
    """Each block with this dropout: changed where it is, added where it is not, removed for 0.

    Raises:
        ValueError: there is no dense hidden layer.
    """
    before, blocks = _some_blocks(layers)
    return _stack(before, [_dropped(block, rate) for block in blocks])


def flattened(layers: Sequence[Layer]) -> Layers:
    """The stack for images: a flatten first, unless its first layer takes images."""
    if layers and (layers[0].TAKES_IMAGES or isinstance(layers[0], Flatten)):
        return tuple(layers)
    return (Flatten(), *layers)


def unflattened(layers: Sequence[Layer]) -> Layers:
    """The stack for vectors: no flatten."""
    return tuple(layer for layer in layers if not isinstance(layer, Flatten))


def _dropped(block: list[Layer], rate: float) -> list[Layer]:
    if rate == 0:
        return [layer for layer in block if not isinstance(layer, Dropout)]
    if any(isinstance(layer, Dropout) for layer in block):
        return [layer.model_copy(update={"rate": rate}) if isinstance(layer, Dropout) else layer for layer in block]
    normalised = len(block) > 1 and isinstance(block[1], BatchNormalization)
    place = 2 if normalised else 1
    return [*block[:place], Dropout(rate=rate), *block[place:]]


def _new_block() -> list[list[Layer]]:
    return [[Dense(units=1)]]


def _each_dense(block: list[Layer], **values: Any) -> list[Layer]:
    return [layer.model_copy(update=values) if isinstance(layer, Dense) else layer for layer in block]


def _blocks(layers: Sequence[Layer]) -> tuple[list[Layer], list[list[Layer]]]:
    before: list[Layer] = []
    blocks: list[list[Layer]] = []
    for layer in layers:
        if isinstance(layer, Dense):
            blocks.append([layer])
        else:
            (blocks[-1] if blocks else before).append(layer)
    return before, blocks


def _some_blocks(layers: Sequence[Layer]) -> tuple[list[Layer], list[list[Layer]]]:
    before, blocks = _blocks(layers)
    if not blocks:
        raise ValueError("finds no dense hidden layer in this experiment; --hidden adds one")
    return before, blocks


def _stack(before: Sequence[ExperimentPart], blocks: Sequence[Sequence[ExperimentPart]]) -> Layers:
    return (*before, *(layer for block in blocks for layer in block))  # pyright: ignore[reportReturnType]


ACTIVATIONS: tuple[str, ...] = tuple(name for name in get_args(Activation) if name != "softmax")
"""Of hidden layers and convolutions."""


def with_part(experiment: Experiment, part: str, **values: Any) -> Experiment:
    """One part (dataset, features, optimizer, training) with other fields."""
    return experiment.model_copy(update={part: getattr(experiment, part).model_copy(update=values)})


def with_features(experiment: Experiment, text: str) -> Experiment:
    """Raw pixels or HOG; the layers get or lose the flattening that goes with it."""
    kind = chosen(text, ("raw", "hog"))
    if kind == experiment.features.kind:
        return experiment
    if kind == "hog":
        if any(layer.TAKES_IMAGES for layer in experiment.layers):
            raise ValueError(
                "does not go with convolutions or pooling, which need pixels; choose a preset without them"
            )
        return experiment.model_copy(update={"features": HogFeatures(), "layers": unflattened(experiment.layers)})
    return experiment.model_copy(update={"features": RawFeatures(), "layers": flattened(experiment.layers)})


def with_hog(field: str, parse: Callable[[str], int]) -> Callable[[Experiment, str], Experiment]:
    """What changes one field of the HOG features; raw pixels become HOG."""

    def change(experiment: Experiment, text: str) -> Experiment:
        value = parse(text)
        return with_part(with_features(experiment, "hog"), "features", **{field: value})

    return change


def hog_text(field: str) -> Callable[[Experiment], str]:
    """Reads a field of the HOG features; empty for raw pixels."""
    return lambda experiment: str(getattr(experiment.features, field, ""))


def with_validation(experiment: Experiment, text: str) -> Experiment:
    """What plays validation: the test set, or a share of the training set."""
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
    """Another dataset, by name or folder."""
    if not text:
        raise ValueError("names no dataset; mnist, fashion-mnist, digits or a folder of IDX files does")
    return with_part(experiment, "dataset", name=text)


def with_optimizer(experiment: Experiment, text: str) -> Experiment:
    """Another optimizer with its own defaults; the closed form solves in one epoch on held-out images."""
    name = chosen(text, tuple(OPTIMIZERS))
    if name == experiment.optimizer.name:
        return experiment
    after = experiment.model_copy(update={"optimizer": OPTIMIZERS[name]()})
    if is_closed_form(after):
        after = with_part(
            after, "training", epochs=1, schedule=ConstantSchedule(), early_stopping=None, plain_loss=False
        )
        return with_part(after, "dataset", validation=HELD_OUT) if after.dataset.validation == "test" else after
    if is_closed_form(experiment):
        return with_part(after, "training", epochs=TrainingSpec().epochs)
    return after


def with_rate(experiment: Experiment, text: str) -> Experiment:
    """Another learning rate."""
    value = positive(text)
    if not hasattr(experiment.optimizer, "learning_rate"):
        raise ValueError(f"does not go with {experiment.optimizer.name}, which has no learning rate")
    return with_part(experiment, "optimizer", learning_rate=value)


def number_text(field: str) -> Callable[[Experiment], str]:
    """Reads a number of the optimizer's; empty where it has none of that name."""
    return lambda e: f"{value:g}" if (value := getattr(e.optimizer, field, None)) is not None else ""


def with_momentum(experiment: Experiment, text: str) -> Experiment:
    """Another momentum."""
    value = share(text)
    if not hasattr(experiment.optimizer, "momentum"):
        having = " and ".join(name for name, kind in OPTIMIZERS.items() if "momentum" in kind.model_fields)
        raise ValueError(f"does not go with {experiment.optimizer.name}, which has no momentum; {having} have")
    return with_part(experiment, "optimizer", momentum=value)


def convolutions(experiment: Experiment) -> list[Conv2D]:
    """The convolutions, in order."""
    return [layer for layer in experiment.layers if isinstance(layer, Conv2D)]


def _on_convolutions(experiment: Experiment, values: Sequence[dict[str, Any]]) -> Experiment:
    """Each convolution with its own new values, in order."""
    waiting = iter(values)
    layers = tuple(
        layer.model_copy(update=next(waiting)) if isinstance(layer, Conv2D) else layer for layer in experiment.layers
    )
    return experiment.model_copy(update={"layers": layers})


def with_filters(experiment: Experiment, text: str) -> Experiment:
    """Other numbers of filters: one for all convolutions, or one for each."""
    values, have = sizes(text), len(convolutions(experiment))
    if not have:
        raise ValueError("finds no convolution in this experiment; --preset cnn has some")
    if len(values) == 1:
        values *= have
    if len(values) != have:
        raise ValueError(f"gives {len(values)} numbers for {have} convolutions; give one for all or one for each")
    return _on_convolutions(experiment, [{"filters": value} for value in values])


def with_conv_activation(experiment: Experiment, text: str) -> Experiment:
    """Another activation of all convolutions."""
    value, have = chosen(text, ACTIVATIONS), len(convolutions(experiment))
    if not have:
        raise ValueError("finds no convolution in this experiment; --preset cnn has some")
    return _on_convolutions(experiment, [{"activation": value}] * have)


def with_patience(experiment: Experiment, text: str) -> Experiment:
    """Early stopping with another patience, or none."""
    if text == "none":
        return with_part(experiment, "training", early_stopping=None)
    try:
        value = whole(text, 1)
    except ValueError as error:
        raise ValueError(f"{error}, and none turns early stopping off") from None
    rule = experiment.training.early_stopping or EarlyStopping()
    return with_part(experiment, "training", early_stopping=rule.model_copy(update={"patience": value}))


def patience_text(experiment: Experiment) -> str:
    """The patience of early stopping; none without it."""
    rule = experiment.training.early_stopping
    return "none" if rule is None else str(rule.patience)


def with_schedule(experiment: Experiment, text: str) -> Experiment:
    """Another course of the learning rate."""
    kind, *arguments = text.split(":")
    match kind, arguments:
        case "constant", []:
            schedule: ExperimentPart = ConstantSchedule()
        case "cosine", []:
            schedule = CosineSchedule()
        case "exp", [start, rate]:
            try:
                schedule = ExponentialSchedule(start=whole(start, 0), rate=positive(rate))
            except ValueError:
                raise ValueError("needs a whole epoch of at least 0 and a rate above 0, such as exp:15:0.05") from None
        case _:
            raise ValueError("is no schedule; constant, cosine and exp:START:RATE (such as exp:15:0.05) are")
    return with_part(experiment, "training", schedule=schedule)


def schedule_text(experiment: Experiment) -> str:
    """The course of the learning rate, as the option takes it."""
    schedule = experiment.training.schedule
    if isinstance(schedule, ExponentialSchedule):
        return f"exp:{schedule.start}:{schedule.rate:g}"
    return schedule.kind


def joined(values: Sequence[Any]) -> str:
    """One text for values that are all equal, else ``x`` between them; empty for none."""
    return "x".join(str(value) for value in values)


def all_equal(values: Sequence[Any]) -> str:
    """The one value that all have; empty where they differ or are none."""
    return str(values[0]) if values and all(value == values[0] for value in values) else ""
