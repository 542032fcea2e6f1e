"""Count a model's inputs, weights, biases and multiply-accumulates, layer by layer, by the rules of `layers`."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from mnist_tui.experiment.layers import Layer, ParameterCounts
from mnist_tui.experiment.shapes import CLASSES, IMAGE_EDGE, Shape, hog_blocks, hog_cells
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
        configuration: the layer's settings in words.
        inputs: the number of values that enter the layer for one image.
        output_shape: the shape for one image.
    """

    name: str
    kind: str
    configuration: str
    inputs: int
    output_shape: Shape


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
        return CLASSES

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


def of(experiment: Experiment) -> Complexity:
    """Return the complexity of an experiment's model, output layer included."""
    shapes = experiment.shapes()
    layers = tuple(
        LayerComplexity(
            **vars(layer.counts(before, after)),
            name=name,
            kind=layer.kind,
            configuration=layer.configuration,
            inputs=math.prod(before),
            output_shape=after,
        )
        for (name, layer), before, after in zip(named_layers(experiment), shapes, shapes[1:], strict=False)
    )
    totals = {name: sum(getattr(layer, name) for layer in layers) for name in COUNTS}
    inputs, formula = math.prod(shapes[0]), _inputs_formula(experiment)
    return Complexity(**totals, formula="", inputs=inputs, inputs_formula=formula, layers=layers)


def named_layers(experiment: Experiment) -> list[tuple[str, Layer]]:
    """Return the layers, the output last, with their names in the Keras model: ``dense_1``, ``dense_2``, ``output``."""
    numbers: Counter[str] = Counter()
    named: list[tuple[str, Layer]] = []
    for layer in experiment.layers:
        numbers[layer.kind] += 1
        named.append((f"{layer.kind}_{numbers[layer.kind]}", layer))
    return [*named, ("output", experiment.output.layer)]


def _inputs_formula(experiment: Experiment) -> str:
    features = experiment.features
    if not isinstance(features, HogFeatures):
        return f"{IMAGE_EDGE} × {IMAGE_EDGE} pixels = {IMAGE_EDGE**2}"
    cells, block = hog_cells(features.pixels_per_cell), features.cells_per_block
    blocks = hog_blocks(features.pixels_per_cell, block)
    size = math.prod(experiment.input_shape)
    orientations = counted(features.orientations, "orientation")
    if block == 1:
        return f"{cells} × {cells} cells × {orientations} = {size}"
    return f"{blocks} × {blocks} blocks × {block} × {block} cells × {orientations} = {size}"


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
    shapes = experiment.shapes()
    return {
        f"{name}/{weight}": shape
        for (name, layer), inputs, output in zip(named_layers(experiment), shapes, shapes[1:], strict=False)
        for weight, shape in layer.weight_shapes(inputs, output).items()
    }
