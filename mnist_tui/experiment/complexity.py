"""Count a model's inputs, weights, biases and multiply-accumulates, layer by layer, by the rules of `layers`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mnist_tui.experiment.layers import LAYER_KINDS, WEIGHT_EFFECTS, Effect, Layer, ParameterCounts, Residual, walk
from mnist_tui.experiment.shapes import Shape, hog_blocks, hog_cells
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.wording import counted

FLOAT32_BYTES = 4
COUNTS = ("weights", "biases", "other", "non_trainable", "macs")
"""The numbers of a layer that are added up for the model."""


@dataclass(frozen=True, kw_only=True)
class LayerComplexity(ParameterCounts):
    """One layer with its counts.

    Attributes:
        name: the name in the Keras model (``dense_1``, ``conv2d_2``, ``output``).
        kind: a key of `layers.LAYER_KINDS`; the output layer is dense.
        layer: the layer itself; for the addition of a residual block, the block.
        configuration: the layer's settings in words.
        inputs: the number of values that enter the layer for one image.
        input_shape, output_shape: the shapes for one image.
        sources: the positions of the layers whose outputs it takes; -1 is the network's input.
    """

    name: str
    kind: str
    layer: Layer
    configuration: str
    inputs: int
    input_shape: Shape
    output_shape: Shape
    sources: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Complexity(ParameterCounts):
    """The counts of a whole model.

    Attributes:
        inputs: the number of values that enter the network for one image.
        inputs_formula: the calculation of that number (``28 × 28 pixels = 784``).
        layers: every layer, the output last.
    """

    inputs: int
    inputs_formula: str
    layers: tuple[LayerComplexity, ...]

    @property
    def outputs(self) -> int:
        return self.layers[-1].output_shape[0]

    @property
    def dense(self) -> tuple[LayerComplexity, ...]:
        """The dense layers, with the output."""
        return tuple(layer for layer in self.layers if layer.kind == "dense")

    @property
    def dense_inputs(self) -> int:
        return self.dense[0].inputs

    @property
    def dense_weights(self) -> int:
        return sum(layer.weights for layer in self.dense)

    @property
    def dense_biases(self) -> int:
        return sum(layer.biases for layer in self.dense)

    @property
    def bytes(self) -> int:
        """The memory of the parameters in float32."""
        return self.total * FLOAT32_BYTES

    def training_bytes(self, slots: int) -> int:
        """Return the bytes of the float32 parameters, and of an optimizer's `slots` values for each trainable one."""
        return self.bytes + slots * self.trainable * FLOAT32_BYTES


def memory_to_train(experiment: Experiment, counts: Complexity) -> int:
    """Return the bytes without which an experiment with these counts cannot be trained.

    These are the parameters, their gradients and the optimizer's values, in float32. In the closed form they are the
    parameters and the square matrix of its sums, in float64. Activations and data come on top of that.
    """
    if experiment.trains_in_epochs:
        return counts.training_bytes(experiment.optimizer.slots + 1)
    features = experiment.shapes()[-2][0]
    return counts.bytes + 8 * (features + 1) ** 2


def of(experiment: Experiment) -> Complexity:
    """Return the complexity of an experiment's model, output layer included."""
    layers = tuple(
        LayerComplexity(
            **vars(layer.counts(inputs, output)),
            name=name,
            kind=layer.kind,
            layer=layer,
            configuration=layer.configuration,
            inputs=math.prod(inputs),
            input_shape=inputs,
            output_shape=output,
            sources=sources,
        )
        for name, layer, inputs, output, sources in placed_layers(experiment)
    )
    totals = {name: sum(getattr(layer, name) for layer in layers) for name in COUNTS}
    inputs, formula = math.prod(experiment.input_shape), _inputs_formula(experiment)
    return Complexity(**totals, formula="", inputs=inputs, inputs_formula=formula, layers=layers)


EFFECTS: tuple[Effect, ...] = (
    *(kind.EFFECT for kind in LAYER_KINDS.values() if kind.EFFECT is not None),
    *WEIGHT_EFFECTS.values(),
)
"""All effects of layers against overfitting."""


def effects(complexity: Complexity) -> dict[Effect, list[str]]:
    """Return the effects against overfitting that a network has, each with its strengths and places."""
    places: dict[Effect, list[str]] = {effect: [] for effect in EFFECTS}
    for each in complexity.layers:
        if each.layer.EFFECT is not None and (place := each.layer.effect_in(each.name)):
            places[each.layer.EFFECT].append(place)
        for field, value in zip(WEIGHT_EFFECTS, each.layer.penalties, strict=True):
            if value:
                places[WEIGHT_EFFECTS[field]].append(f"{value:g} in {each.name}")
    return {effect: found for effect, found in places.items() if found}


class PlacedLayer(NamedTuple):
    """A layer of the network with the shapes of its input and output for one image.

    Attributes:
        sources: the positions, in `placed_layers`, of the layers whose outputs it takes; -1 is the network's input.
    """

    name: str
    layer: Layer
    inputs: Shape
    output: Shape
    sources: tuple[int, ...]


def placed_layers(experiment: Experiment) -> list[PlacedLayer]:
    """Return all layers in the order of the Keras model, the output last.

    A residual block is listed as its layers, the 1 × 1 convolution beside them if there is one, and the addition, which
    has the block's name.
    """
    names = layer_names(experiment)
    placed: list[PlacedLayer] = []

    def place(layers: Sequence[Layer], shape: Shape, source: int) -> int:
        for layer in layers:
            name, output = next(names), layer.output_shape(shape)
            if isinstance(layer, Residual):
                ends = place(layer.layers, shape, source), source
                if shortcut := layer.shortcut(shape, output):
                    placed.append(PlacedLayer(f"{name}_shortcut", shortcut, shape, output, (source,)))
                    ends = ends[0], len(placed) - 1
                placed.append(PlacedLayer(name, layer, output, output, ends))
            else:
                placed.append(PlacedLayer(name, layer, shape, output, (source,)))
            shape, source = output, len(placed) - 1
        return source

    last = place(experiment.layers, experiment.input_shape, -1)
    shape = placed[-1].output if placed else experiment.input_shape
    output = experiment.output_layer
    return [*placed, PlacedLayer("output", output, shape, (output.units,), (last,))]


def layer_names(experiment: Experiment) -> Iterator[str]:
    """Yield the names of the layers in the Keras model, in the order of `layers.walk`: ``dense_1``, ``dense_2``."""
    numbers: Counter[str] = Counter()
    for layer in walk(experiment.layers):
        numbers[layer.kind] += 1
        yield f"{layer.kind}_{numbers[layer.kind]}"


def _inputs_formula(experiment: Experiment) -> str:
    features, image, size = experiment.features, experiment.image_shape, math.prod(experiment.input_shape)
    if not isinstance(features, HogFeatures):
        height, width, channels = image
        colours = f" × {channels} colours" if channels > 1 else ""
        return f"{height} × {width} pixels{colours} = {size}"
    side, block = features.pixels_per_cell, features.cells_per_block
    orientations = counted(features.orientations, "orientation")
    if block == 1:
        down, across = hog_cells(image, side)
        return f"{down} × {across} cells × {orientations} = {size}"
    down, across = hog_blocks(image, side, block)
    return f"{down} × {across} blocks × {block} × {block} cells × {orientations} = {size}"


def to_document(complexity: Complexity) -> dict[str, Any]:
    """Return the JSON document that scripts read (``complexity --format json``)."""
    counts = ("weights", "biases", "other", "trainable", "non_trainable", "macs")
    layers = [
        {
            **{name: getattr(layer, name) for name in ("name", "kind", "inputs")},
            "output_shape": list(layer.output_shape),
            **{name: getattr(layer, name) for name in (*counts, "formula")},
        }
        for layer in complexity.layers
    ]
    totals = ("dense_weights", "dense_biases", "weights", "biases", "other", "total", *counts[3:])
    return {
        **{name: getattr(complexity, name) for name in ("inputs", "inputs_formula", "outputs")},
        "layers": layers,
        **{name: getattr(complexity, name) for name in totals},
    }


def weight_shapes(experiment: Experiment) -> dict[str, Shape]:
    """Return the shape of every weight by ``layer/weight``, in the order of the Keras model."""
    return {
        f"{name}/{weight}": shape
        for name, layer, inputs, output, _ in placed_layers(experiment)
        for weight, shape in layer.weight_shapes(inputs, output).items()
    }
