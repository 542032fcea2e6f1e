"""Changes to a stack of layers: a new layer that fits if any can, removal, moves. Free of Textual."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mnist_tui.experiment.layers import (
    LAYER_KINDS,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPooling2D,
)
from mnist_tui.experiment.problem import SpecError
from mnist_tui.experiment.spec import Experiment, checked

KIND_TITLES = {
    "dense": "dense",
    "dropout": "dropout",
    "batch_normalization": "batch normalisation",
    "conv2d": "convolution 2-D",
    "max_pooling2d": "max pooling 2-D",
    "flatten": "flatten",
}


def kind_about(kind: str) -> str:
    """What a layer of that kind does, in a sentence."""
    return (LAYER_KINDS[kind].__doc__ or "").partition("\n")[0].rstrip(".")


def new_layer(kind: str, layers: Sequence[Layer]) -> Layer:
    """A layer of that kind with sensible settings; activations as in the stack's other layers of the kind."""
    alike = next((layer for layer in reversed(layers) if layer.kind == kind), None)
    match kind:
        case "dense":
            return Dense(units=100, activation=alike.activation if isinstance(alike, Dense) else "relu")
        case "conv2d":
            activation = alike.activation if isinstance(alike, Conv2D) else "relu"
            return Conv2D(filters=16, kernel_size=3, padding="same", activation=activation)
        case "max_pooling2d":
            return MaxPooling2D()
        case "dropout":
            return Dropout(rate=0.5)
        case "batch_normalization":
            return BatchNormalization()
        case _:
            return Flatten()


def added(experiment: Experiment, kind: str, place: int) -> tuple[Experiment, int]:
    """The experiment with a new layer at `place`, or as near to it as it fits; at `place` where it fits nowhere.

    Returns:
        The experiment, and the new layer's place. A dense layer on an image brings a flatten with it.
    """
    layer = new_layer(kind, experiment.layers)
    for candidate, at in _candidates(experiment, layer, place):
        if _fits(candidate):
            return candidate, at
    return inserted(experiment, layer, place), place


def inserted(experiment: Experiment, layer: Layer, place: int) -> Experiment:
    """The experiment with `layer` at `place`."""
    layers = experiment.layers
    return experiment.model_copy(update={"layers": (*layers[:place], layer, *layers[place:])})


def removed(experiment: Experiment, place: int) -> Experiment:
    """The experiment without the layer at `place`."""
    layers = experiment.layers
    return experiment.model_copy(update={"layers": (*layers[:place], *layers[place + 1 :])})


def moved(experiment: Experiment, place: int, to: int) -> Experiment:
    """The experiment with the layer at `place` taken to `to`."""
    layers = list(experiment.layers)
    layers.insert(to, layers.pop(place))
    return experiment.model_copy(update={"layers": tuple(layers)})


def _candidates(experiment: Experiment, layer: Layer, place: int) -> Iterator[tuple[Experiment, int]]:
    yield inserted(experiment, layer, place), place
    others = sorted(
        (at for at in range(len(experiment.layers) + 1) if at != place), key=lambda at: (abs(at - place), -at)
    )
    for at in others:
        yield inserted(experiment, layer, at), at
    if isinstance(layer, Dense):
        yield inserted(inserted(experiment, layer, place), Flatten(), place), place + 1


def _fits(experiment: Experiment) -> bool:
    try:
        checked(experiment)
    except SpecError:
        return False
    return True
