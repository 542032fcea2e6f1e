"""Describe a model's complexity in words: inputs, outputs, weights and biases, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from mnist_tui.experiment.complexity import Complexity, LayerComplexity
from mnist_tui.experiment.layers import LAYER_KINDS, Conv2D, Dense, MaxPooling2D
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.shapes import IMAGE_EDGE, Shape
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.wording import counted, grouped, listed, noun, size

ORDINALS = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
)


def complexity_in_words(complexity: Complexity, experiment: Experiment) -> str:
    """Return a description for a lab report: plain text, an empty line between paragraphs.

    Args:
        complexity: the counts of the experiment's model.
        experiment: gives the layers, features and optimizer.
    """
    convolutions = _convolutions(complexity, experiment)
    image_part = _image_sentences(complexity, experiment)
    dense = _dense_sentences(complexity, experiment, whole=not image_part)
    parts = [
        image_part,
        dense,
        _total_sentences(complexity, bool(convolutions)),
        _cost_sentences(complexity, experiment),
    ]
    return "\n\n".join(" ".join(sentences) for sentences in parts if sentences)


def layer_in_words(complexity: Complexity, name: str) -> str:
    """Return the name of a layer with weights for a sentence: ``the second convolution``."""
    if name == "output":
        return "the output layer"
    kind = next(layer.kind for layer in complexity.layers if layer.name == name)
    alike = [layer.name for layer in complexity.layers if layer.kind == kind and layer.name != "output"]
    return f"the {_ordinal(alike.index(name), len(alike))}{'hidden layer' if kind == 'dense' else 'convolution'}"


def _image_sentences(complexity: Complexity, experiment: Experiment) -> list[str]:
    """Describe convolutions and pooling; empty where the model has none."""
    steps = [
        (part, layer)
        for part, layer in zip(experiment.layers, complexity.layers, strict=False)
        if isinstance(part, (Conv2D, MaxPooling2D))
    ]
    if not steps:
        return []
    convolutions = _convolutions(complexity, experiment)
    sentences = [f"The model takes {_inputs(complexity, experiment)}, and has {_outputs(complexity)}."]
    if not convolutions:
        return [*sentences, f"Max pooling turns the image into {_values(steps[-1][1].output_shape)}."]
    if isinstance(steps[0][0], MaxPooling2D):
        before = next(at for at, (part, _) in enumerate(steps) if isinstance(part, Conv2D))
        sentences.append(f"Max pooling first turns the image into {_values(steps[before - 1][1].output_shape)}.")
    channels = 1
    for number, (conv, layer) in enumerate(convolutions):
        edge = conv.kernel_size
        steps_of = f" in steps of {conv.strides}" if conv.strides > 1 else ""
        over = f"{counted(conv.filters, 'filter')} of {edge} × {edge} over {counted(channels, 'channel')}{steps_of}"
        weights = f"{edge} × {edge} × {channels:,} × {conv.filters:,} = {counted(layer.weights, 'weight')}"
        pooled = _pooled_after(steps, layer)
        gives = f"gives {_values(layer.output_shape)}{f', {_product(pooled)} after pooling' if pooled else ''}"
        name = f"{_ordinal(number, len(convolutions))}convolution"
        sentences.append(f"The {name} has {over}, {weights}, and {gives}.")
        channels = conv.filters
    return [*sentences, *_sums_of_convolutions([layer for _, layer in convolutions])]


def _sums_of_convolutions(layers: Sequence[LayerComplexity]) -> list[str]:
    biases, weights = [layer.biases for layer in layers], [layer.weights for layer in layers]
    if len(layers) == 1:
        return [
            "The filter has one bias." if biases == [1] else f"Each filter has one bias: {counted(biases[0], 'bias')}."
        ]
    return [
        f"The convolutions together have {_sum_in_words(weights)} weights.",
        f"Each filter has one bias: {_sum_in_words(biases)} biases.",
    ]


def _dense_sentences(complexity: Complexity, experiment: Experiment, *, whole: bool) -> list[str]:
    """Describe the dense layers.

    Args:
        whole: whether the model consists of dense layers only.
    """
    dense = [layer for layer in complexity.layers if layer.kind == "dense"]
    hidden = _hidden_layers([part for part in experiment.layers if isinstance(part, Dense)])
    outputs = f"{_outputs(complexity)} (softmax)"
    if whole:
        opening = f"The model has {_inputs(complexity, experiment)}, {hidden} and {outputs}."
    else:
        opening = f"The fully connected part has {_flattened(complexity, experiment)}, {hidden} and {outputs}."
    biases = [layer.biases for layer in dense]
    each = "Each neuron has one bias" if len(dense) > 1 else "Each output neuron has one bias"
    return [opening, _weights_between(dense), f"{each}: {_sum_in_words(biases)} biases."]


def _weights_between(dense: Sequence[LayerComplexity]) -> str:
    """Return the number of weights between each pair of layers as a product, and their sum."""
    hidden = len(dense) - 1
    items: list[str] = []
    sums: list[str] = []
    for _, run in groupby(enumerate(dense), key=lambda pair: (pair[1].inputs, pair[1].output_shape)):
        pairs = list(run)
        at, layer = pairs[0]
        product = f"{layer.inputs:,} × {layer.output_shape[0]:,} = {layer.weights:,}"
        named = product if items else f"{product} {noun(layer.weights, 'weight')}"
        if len(pairs) == 1:
            items.append(f"{named} between {_between_layers(at - 1, at, hidden, 'and')}")
            sums.append(f"{layer.weights:,}")
        else:
            ends = _between_layers(at - 1, pairs[-1][0], hidden, "to")
            items.append(f"{named} between each layer and the next from {ends} ({len(pairs)} times)")
            sums.append(f"{len(pairs)} × {layer.weights:,}")
    verb = "is" if dense[0].weights == 1 else "are"
    total = sum(layer.weights for layer in dense)
    summed = f"; together {' + '.join(sums)} = {counted(total, 'weight')}" if hidden else ""
    return f"There {verb} {listed(items)}{summed}."


def _between_layers(start: int, end: int, hidden: int, joint: str) -> str:
    """Return ``the first and the second hidden layer``; layers are counted from 0, and -1 stands for the inputs."""
    if start >= 0 and end < hidden:
        return f"the {_ordinal(start, hidden)}{joint} the {_ordinal(end, hidden)}hidden layer"
    first = "the inputs" if start < 0 else f"the {_ordinal(start, hidden)}hidden layer"
    return f"{first} {joint} {'the outputs' if end == hidden else f'the {_ordinal(end, hidden)}hidden layer'}"


def _total_sentences(complexity: Complexity, has_convolutions: bool) -> list[str]:
    """Sum up all parameters, with those of batch normalisation explained."""
    c, sentences = complexity, list[str]()
    normalised = [layer for layer in c.layers if layer.kind == "batch_normalization"]
    if normalised:
        sizes = [layer.output_shape[-1] for layer in normalised]
        ranks = {len(layer.output_shape) for layer in normalised}
        each = "channel or feature" if len(ranks) > 1 else "channel" if ranks == {3} else "feature"
        product = f"4 × ({' + '.join(f'{one:,}' for one in sizes)})" if len(sizes) > 1 else f"4 × {sizes[0]:,}"
        sentences.append(
            f"Batch normalisation has four parameters for each {each}: a scale and an offset, which are trained, and a "
            f"moving mean and a moving variance, which are not: {product} = {c.other:,}."
        )
    weights = f"{c.weights - c.dense_weights:,} + {c.dense_weights:,} = " if has_convolutions else ""
    biases = f"{c.biases - c.dense_biases:,} + {c.dense_biases:,} = " if has_convolutions else ""
    trained = f"{c.trainable:,} of them trainable and {c.non_trainable:,} not" if c.non_trainable else "all trainable"
    whole = "In all the model has"
    if has_convolutions:
        sentences.append(f"{whole} {weights}{counted(c.weights, 'weight')} and {biases}{counted(c.biases, 'bias')}.")
        whole = "That makes"
    other = f" + {c.other:,} of batch normalisation" if c.other else ""
    summed = f"{counted(c.weights, 'weight')} + {counted(c.biases, 'bias')}{other}"
    sentences.append(f"{whole} {summed} = {counted(c.total, 'parameter')}, {trained}.")
    frozen = [layer.name for layer in c.layers if layer.kind == "dense" and layer.non_trainable]
    if frozen:
        words = listed([layer_in_words(c, name) for name in frozen])
        sentences.append(f"{words[:1].upper()}{words[1:]} {'is' if len(frozen) == 1 else 'are'} frozen as initialised.")
    bare = [
        kind.SPOKEN for name, kind in LAYER_KINDS.items() if kind.SPOKEN and any(one.kind == name for one in c.layers)
    ]
    if bare:
        said = listed(bare)
        sentences.append(f"{said[:1].upper()}{said[1:]} {'has' if len(bare) == 1 else 'have'} no parameters.")
    return sentences


def _cost_sentences(complexity: Complexity, experiment: Experiment) -> list[str]:
    """Tell the multiply-accumulates and the memory."""
    c = complexity
    dearest = max(c.layers, key=lambda layer: layer.macs)
    where = layer_in_words(c, dearest.name)
    share = "all of them" if dearest.macs == c.macs else f"{dearest.macs:,} of them ({dearest.macs / c.macs:.1%})"
    kept = experiment.optimizer.slots
    optimizer = type(experiment.optimizer).__name__
    if isinstance(experiment.optimizer, Ridge):
        edge = next(layer.inputs for layer in c.layers if layer.name == "output") + 1
        training = (
            f"to solve the output layer, its normal equations take {edge:,} × {edge:,} numbers of 8 bytes, "
            f"{_bytes(8 * edge * edge)}"
        )
    elif kept:
        whole = c.training_bytes(kept)
        training = (
            f"while training, {optimizer} keeps {counted(kept, 'more value')} for each trainable parameter, "
            f"{_bytes(whole)} with them (gradients and activations not counted)"
        )
    else:
        training = f"{optimizer} keeps no more values while training (gradients and activations not counted)"
    return [
        f"One image costs {c.macs:,} multiply-accumulates, {share.replace('%', ' %')} in {where}.",
        f"In float32 the parameters take {_bytes(c.bytes)}; {training}.",
    ]


def _inputs(complexity: Complexity, experiment: Experiment) -> str:
    number = counted(complexity.inputs, "input")
    if isinstance(experiment.features, HogFeatures):
        formula = grouped(complexity.inputs_formula)
        return f"{number}, the histograms of oriented gradients of an image ({formula})"
    return f"{number}, the pixels of an image ({IMAGE_EDGE} × {IMAGE_EDGE} = {complexity.inputs:,})"


def _flattened(complexity: Complexity, experiment: Experiment) -> str:
    """Return the inputs of the dense layers and their source: ``14 × 14 × 9 = 1,764 inputs after pooling``."""
    before: LayerComplexity | None = None
    for part, layer in zip(experiment.layers, complexity.layers, strict=False):
        if isinstance(part, (Conv2D, MaxPooling2D)):
            before = layer
    assert before is not None
    after = "pooling" if before.kind == "max_pooling2d" else "the convolution"
    return f"{_product(before.output_shape)} = {counted(complexity.dense_inputs, 'input')} after {after}"


def _outputs(complexity: Complexity) -> str:
    return f"{complexity.outputs} outputs, one for each class"


def _hidden_layers(dense: Sequence[Dense]) -> str:
    """Return ``2 hidden layers of 256 neurons (relu) and 64 neurons (tanh)``."""
    if not dense:
        return "no hidden layer"
    units, activations = [layer.units for layer in dense], {layer.activation for layer in dense}
    layers = counted(len(dense), "hidden layer")
    if len(activations) > 1:
        return f"{layers} of {listed([f'{_neurons(one.units)} ({one.activation})' for one in dense])}"
    activation = f"({dense[0].activation})"
    if len(set(units)) == 1:
        return f"{layers} of {_neurons(units[0])}{' each' if len(units) > 1 else ''} {activation}"
    return f"{layers} of {listed([f'{one:,}' for one in units])} neurons {activation}"


def _convolutions(complexity: Complexity, experiment: Experiment) -> list[tuple[Conv2D, LayerComplexity]]:
    pairs = zip(experiment.layers, complexity.layers, strict=False)
    return [(part, layer) for part, layer in pairs if isinstance(part, Conv2D)]


def _pooled_after(
    steps: Sequence[tuple[Conv2D | MaxPooling2D, LayerComplexity]], conv: LayerComplexity
) -> Shape | None:
    """Return the shape after the pooling layers that follow a convolution; None without one."""
    at = next(place for place, (_, layer) in enumerate(steps) if layer is conv)
    pooled: Shape | None = None
    for part, layer in steps[at + 1 :]:
        if isinstance(part, Conv2D):
            break
        pooled = layer.output_shape
    return pooled


def _ordinal(at: int, of: int) -> str:
    """Return ``second`` and a space, or nothing for the only one."""
    if of == 1:
        return ""
    if at < len(ORDINALS):
        return f"{ORDINALS[at]} "
    number = at + 1
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending} "


def _sum_in_words(values: Sequence[int]) -> str:
    """Return ``250 + 10 = 260``; more than two equal neighbours become a product, one value stays as it is."""
    if len(values) == 1:
        return f"{values[0]:,}"
    runs = [(value, len(list(run))) for value, run in groupby(values)]
    terms = [f"{n} × {value:,}" if n > 2 else " + ".join([f"{value:,}"] * n) for value, n in runs]
    return f"{' + '.join(terms)} = {sum(values):,}"


def _product(shape: Shape) -> str:
    return " × ".join(f"{edge:,}" for edge in shape)


def _values(shape: Shape) -> str:
    return f"{_product(shape)} {noun(math.prod(shape), 'value')}"


def _bytes(value: int) -> str:
    return counted(value, "byte") + (f" ({size(value)})" if value >= 1000 else "")


def _neurons(value: int) -> str:
    return counted(value, "neuron")
