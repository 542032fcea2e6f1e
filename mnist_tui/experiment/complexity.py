"""A model's complexity by arithmetic alone: shapes, weights, biases and multiply-accumulates, layer by layer.

Counting rules: a dense layer has inputs × units weights and one bias a unit; a convolution has
kernel² × input channels × filters weights and one bias a filter, and multiplies at every output position; batch
normalisation has a scale and an offset to train and a moving mean and variance that are not trained, counted as
`other`; a frozen layer's parameters are not trained either. Multiply-accumulates are those of one image's forward pass
through dense and convolutional layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mnist_tui.experiment.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    ExperimentPart,
    Flatten,
    MaxPooling2D,
)
from mnist_tui.experiment.shapes import CLASSES, IMAGE_EDGE, Shape, hog_blocks, hog_cells, written
from mnist_tui.experiment.spec import Experiment, HogFeatures, OutputSpec
from mnist_tui.wording import counted, noun

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class LayerComplexity:
    """One layer's counts.

    Attributes:
        name: unique in the model, as in the Keras model (``dense_1``, ``conv2d_2``, ``output``).
        kind: dense, dropout, batch_normalization, conv2d, max_pooling2d or flatten.
        configuration: the layer's own settings in words.
        inputs: values that enter it for one image.
        output_shape: for one image.
        weights, biases, other: parameters; `other` are batch normalisation's four vectors.
        trainable, non_trainable: the same parameters, told apart otherwise.
        macs: multiply-accumulates for one image.
        formula: how the number of weights comes about; for a layer without, how its output does.
    """

    name: str
    kind: str
    configuration: str
    inputs: int
    output_shape: Shape
    weights: int = 0
    biases: int = 0
    other: int = 0
    trainable: int = 0
    non_trainable: int = 0
    macs: int = 0
    formula: str = ""

    @property
    def total(self) -> int:
        return self.weights + self.biases + self.other


@dataclass(frozen=True)
class Complexity:
    """A model's counts; see the module for the rules.

    Attributes:
        inputs: values that enter the network for one image.
        inputs_formula: where that number comes from.
        layers: every layer, the output last.
    """

    inputs: int
    inputs_formula: str
    layers: tuple[LayerComplexity, ...]

    @property
    def outputs(self) -> int:
        return CLASSES

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers)

    @property
    def biases(self) -> int:
        return sum(layer.biases for layer in self.layers)

    @property
    def other(self) -> int:
        return sum(layer.other for layer in self.layers)

    @property
    def total(self) -> int:
        return self.weights + self.biases + self.other

    @property
    def trainable(self) -> int:
        return sum(layer.trainable for layer in self.layers)

    @property
    def non_trainable(self) -> int:
        return self.total - self.trainable

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def dense_weights(self) -> int:
        """Weights of the fully connected part."""
        return sum(layer.weights for layer in self.layers if layer.kind == "dense")

    @property
    def dense_biases(self) -> int:
        """Biases of the fully connected part."""
        return sum(layer.biases for layer in self.layers if layer.kind == "dense")

    @property
    def dense_inputs(self) -> int:
        """Values that enter the fully connected part."""
        return next(layer.inputs for layer in self.layers if layer.kind == "dense")

    @property
    def bytes(self) -> int:
        """Memory of the parameters in float32."""
        return self.total * FLOAT32_BYTES

    def training_bytes(self, slots: int) -> int:
        """Memory of the parameters in float32 with an optimizer's `slots` values for each trainable one."""
        return self.bytes + slots * self.trainable * FLOAT32_BYTES


def of(experiment: Experiment) -> Complexity:
    """The complexity of an experiment's model, output layer included."""
    shapes = experiment.shapes()
    counts: dict[str, int] = {}
    layers: list[LayerComplexity] = []
    for layer, inputs, output in zip(experiment.layers, shapes, shapes[1:], strict=False):
        kind = layer.kind
        counts[kind] = counts.get(kind, 0) + 1
        layers.append(_layer(f"{kind}_{counts[kind]}", layer, inputs, output))
    layers.append(_dense("output", "10 neurons, softmax", math.prod(shapes[-2]), CLASSES))
    return Complexity(math.prod(shapes[0]), _inputs_formula(experiment), tuple(layers))


def configuration(layer: ExperimentPart) -> str:
    """A layer's own settings in words."""
    match layer:
        case Dense():
            frozen = "" if layer.trainable else ", frozen"
            return f"{layer.units} {noun(layer.units, 'neuron')}, {layer.activation}{frozen}"
        case Conv2D():
            edge, step = layer.kernel_size, f", step {layer.strides}" if layer.strides > 1 else ""
            filters = noun(layer.filters, "filter")
            return f"{layer.filters} {filters} {edge}×{edge}, {layer.activation}, {layer.padding}{step}"
        case BatchNormalization():
            return f"momentum {layer.momentum:g}"
        case MaxPooling2D():
            window, step = layer.pool_size, layer.strides or layer.pool_size
            return f"{window}×{window} windows, step {step}, {layer.padding}"
        case Dropout():
            return f"rate {layer.rate:g}"
        case _:
            return ""


def _layer(name: str, layer: ExperimentPart, inputs: Shape, output: Shape) -> LayerComplexity:
    size, text = math.prod(inputs), configuration(layer)
    match layer:
        case Dense():
            return _dense(name, text, size, layer.units, frozen=not layer.trainable)
        case Conv2D():
            return _conv(name, layer, inputs, output)
        case BatchNormalization():
            features = inputs[-1]
            formula = f"4 × {features} = {4 * features} (scale and offset trained, mean and variance not)"
            return LayerComplexity(
                name,
                layer.kind,
                text,
                size,
                output,
                other=4 * features,
                trainable=2 * features,
                non_trainable=2 * features,
                formula=formula,
            )
        case MaxPooling2D():
            formula = f"{written(inputs)} → {written(output)}"
            return LayerComplexity(name, layer.kind, text, size, output, formula=formula)
        case Dropout():
            return LayerComplexity(name, layer.kind, text, size, output)
        case Flatten():
            return LayerComplexity(name, layer.kind, text, size, output, formula=f"{written(inputs)} = {size}")
        case _:
            raise TypeError(f"no rule counts a {type(layer).__name__}")


def _dense(name: str, text: str, inputs: int, units: int, *, frozen: bool = False) -> LayerComplexity:
    weights = inputs * units
    total = weights + units
    return LayerComplexity(
        name,
        "dense",
        text,
        inputs,
        (units,),
        weights,
        units,
        0,
        0 if frozen else total,
        total if frozen else 0,
        weights,
        f"{inputs} × {units} = {weights}",
    )


def _conv(name: str, layer: Conv2D, inputs: Shape, output: Shape) -> LayerComplexity:
    edge, channels, filters = layer.kernel_size, inputs[2], layer.filters
    weights = edge * edge * channels * filters
    return LayerComplexity(
        name,
        "conv2d",
        configuration(layer),
        math.prod(inputs),
        output,
        weights,
        filters,
        0,
        weights + filters,
        0,
        weights * output[0] * output[1],
        f"{edge} × {edge} × {channels} × {filters} = {weights}",
    )


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
    """The JSON document that scripts read (``complexity --format json``)."""
    layers = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "inputs": layer.inputs,
            "output_shape": list(layer.output_shape),
            "weights": layer.weights,
            "biases": layer.biases,
            "other": layer.other,
            "trainable": layer.trainable,
            "non_trainable": layer.non_trainable,
            "macs": layer.macs,
            "formula": layer.formula,
        }
        for layer in complexity.layers
    ]
    totals = {
        name: getattr(complexity, name)
        for name in (
            "dense_weights",
            "dense_biases",
            "weights",
            "biases",
            "other",
            "total",
            "trainable",
            "non_trainable",
            "macs",
        )
    }
    return {
        "inputs": complexity.inputs,
        "inputs_formula": complexity.inputs_formula,
        "outputs": complexity.outputs,
        "layers": layers,
        **totals,
    }


def named_parts(experiment: Experiment) -> list[tuple[str, ExperimentPart]]:
    """The layers and the output by the names that Keras, too, has for them: ``conv2d_1``, ``dense_1``, ``output``."""
    names = [layer.name for layer in of(experiment).layers]
    return list(zip(names, [*experiment.layers, experiment.output], strict=True))


def weight_shapes(experiment: Experiment) -> dict[str, Shape]:
    """The shape of every weight by ``layer/weight``, in the model's order."""
    shapes = experiment.shapes()
    found: dict[str, Shape] = {}
    for (name, part), inputs, outputs in zip(named_parts(experiment), shapes, shapes[1:], strict=False):
        match part:
            case Conv2D():
                edge = part.kernel_size
                found |= {f"{name}/kernel": (edge, edge, inputs[-1], part.filters), f"{name}/bias": (part.filters,)}
            case BatchNormalization():
                vectors = ("gamma", "beta", "moving_mean", "moving_variance")
                found |= {f"{name}/{vector}": (inputs[-1],) for vector in vectors}
            case Dense() | OutputSpec():
                found |= {f"{name}/kernel": (inputs[0], outputs[0]), f"{name}/bias": outputs}
            case _:
                pass
    return found
