"""Describe a model's complexity in words: inputs, outputs, weights and biases, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise

from mnist_tui.experiment.complexity import Complexity, LayerComplexity
from mnist_tui.experiment.layers import LAYER_KINDS, Conv2D, Dense, MaxPooling2D
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.shapes import IMAGE_EDGE, Shape
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.wording import counted, grouped, listed, noun, size

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
            "twelfth")  # fmt: skip


def complexity_in_words(complexity: Complexity, experiment: Experiment) -> str:
    """Return a description for a lab report: plain text, an empty line between paragraphs.

    Args:
        complexity: the counts of the experiment's model.
        experiment: gives the layers, features and optimizer.
    """
    image_part = _image_sentences(complexity, experiment)
    parts = [
        image_part,
        _dense_sentences(complexity, experiment, whole=not image_part),
        _total_sentences(complexity),
        _cost_sentences(complexity, experiment),
    ]
    return "\n\n".join(" ".join(sentences) for sentences in parts if sentences)


def _layer_in_words(complexity: Complexity, name: str) -> str:
    """Return the name of a layer with weights for a sentence: ``the second convolution``."""
    if name == "output":
        return "the output layer"
    kind = next(layer.kind for layer in complexity.layers if layer.name == name)
    alike = [layer.name for layer in complexity.layers if layer.kind == kind and layer.name != "output"]
    return f"the {_ordinal(alike.index(name), len(alike))}{'hidden layer' if kind == 'dense' else 'convolution'}"


def _image_sentences(complexity: Complexity, experiment: Experiment) -> list[str]:
    """Describe convolutions and pooling; empty where the model has none."""
    steps = _image_layers(complexity, experiment)
    if not steps:
        return []
    sentences = [
        f"The model takes {_inputs(complexity, experiment)}, and has {complexity.outputs} outputs, one for each class."
    ]
    convolutions = [at for at, (part, _) in enumerate(steps) if isinstance(part, Conv2D)]
    if not convolutions:
        return [*sentences, f"Max pooling turns the image into {_values(steps[-1][1].output_shape)}."]
    if convolutions[0]:
        shape = steps[convolutions[0] - 1][1].output_shape
        sentences.append(f"Max pooling first turns the image into {_values(shape)}.")
    channels = 1
    for number, (at, following) in enumerate(pairwise([*convolutions, len(steps)])):
        conv, layer = steps[at]
        assert isinstance(conv, Conv2D)
        edge = conv.kernel_size
        strides = f" in steps of {conv.strides}" if conv.strides > 1 else ""
        over = f"{counted(conv.filters, 'filter')} of {edge} × {edge} over {counted(channels, 'channel')}{strides}"
        weights = f"{edge} × {edge} × {channels:,} × {conv.filters:,} = {counted(layer.weights, 'weight')}"
        pooled = f", {_product(steps[following - 1][1].output_shape)} after pooling" if following > at + 1 else ""
        name = f"{_ordinal(number, len(convolutions))}convolution"
        sentences.append(f"The {name} has {over}, {weights}, and gives {_values(layer.output_shape)}{pooled}.")
        channels = conv.filters
    layers = [steps[at][1] for at in convolutions]
    biases = [layer.biases for layer in layers]
    if len(layers) > 1:
        weights = _sum_in_words([layer.weights for layer in layers])
        together = f"The convolutions together have {weights} weights."
        return [*sentences, together, f"Each filter has one bias: {_sum_in_words(biases)} biases."]
    alone = "The filter has one bias." if biases == [1] else f"Each filter has one bias: {counted(biases[0], 'bias')}."
    return [*sentences, alone]


def _image_layers(
    complexity: Complexity, experiment: Experiment
) -> list[tuple[Conv2D | MaxPooling2D, LayerComplexity]]:
    pairs = zip(experiment.layers, complexity.layers, strict=False)
    return [(part, layer) for part, layer in pairs if isinstance(part, Conv2D | MaxPooling2D)]


def _dense_sentences(complexity: Complexity, experiment: Experiment, *, whole: bool) -> list[str]:
    """Describe the dense layers.

    Args:
        whole: whether the model consists of dense layers only.
    """
    dense = [layer for layer in complexity.layers if layer.kind == "dense"]
    hidden = _hidden_layers([part for part in experiment.layers if isinstance(part, Dense)])
    if whole:
        what = f"model has {_inputs(complexity, experiment)}"
    else:
        before = _image_layers(complexity, experiment)[-1][1]
        after = "pooling" if before.kind == "max_pooling2d" else "the convolution"
        inputs = f"{_product(before.output_shape)} = {counted(complexity.dense_inputs, 'input')}"
        what = f"fully connected part has {inputs} after {after}"
    neuron = "neuron" if len(dense) > 1 else "output neuron"
    biases = _sum_in_words([layer.biases for layer in dense])
    return [
        f"The {what}, {hidden} and {complexity.outputs} outputs, one for each class (softmax).",
        _weights_between(dense),
        f"Each {neuron} has one bias: {biases} biases.",
    ]


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


def _total_sentences(complexity: Complexity) -> list[str]:
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
    trained = f"{c.trainable:,} of them trainable and {c.non_trainable:,} not" if c.non_trainable else "all trainable"
    whole = "In all the model has"
    if any(layer.kind == "conv2d" for layer in c.layers):
        weights = f"{c.weights - c.dense_weights:,} + {c.dense_weights:,} = {counted(c.weights, 'weight')}"
        biases = f"{c.biases - c.dense_biases:,} + {c.dense_biases:,} = {counted(c.biases, 'bias')}"
        sentences.append(f"{whole} {weights} and {biases}.")
        whole = "That makes"
    other = f" + {c.other:,} of batch normalisation" if c.other else ""
    summed = f"{counted(c.weights, 'weight')} + {counted(c.biases, 'bias')}{other}"
    sentences.append(f"{whole} {summed} = {counted(c.total, 'parameter')}, {trained}.")
    frozen = [layer.name for layer in c.layers if layer.kind == "dense" and layer.non_trainable]
    if frozen:
        names = _capitalised(listed([_layer_in_words(c, name) for name in frozen]))
        sentences.append(f"{names} {noun(frozen, 'is', 'are')} frozen as initialised.")
    used = {layer.kind for layer in c.layers}
    bare = [kind.SPOKEN for name, kind in LAYER_KINDS.items() if kind.SPOKEN and name in used]
    if bare:
        sentences.append(f"{_capitalised(listed(bare))} {noun(bare, 'has', 'have')} no parameters.")
    return sentences


def _capitalised(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _cost_sentences(complexity: Complexity, experiment: Experiment) -> list[str]:
    """Tell the multiply-accumulates and the memory."""
    c = complexity
    costliest = max(c.layers, key=lambda layer: layer.macs)
    share = "all of them" if costliest.macs == c.macs else f"{costliest.macs:,} of them ({costliest.macs / c.macs:.1%})"
    kept, optimizer = experiment.optimizer.slots, type(experiment.optimizer).__name__
    if isinstance(experiment.optimizer, Ridge):
        edge = next(layer.inputs for layer in c.layers if layer.name == "output") + 1
        training = (
            f"to solve the output layer, its normal equations take {edge:,} × {edge:,} numbers of 8 bytes, "
            f"{_bytes(8 * edge * edge)}"
        )
    elif kept:
        training = (
            f"while training, {optimizer} keeps {counted(kept, 'more value')} for each trainable parameter, "
            f"{_bytes(c.training_bytes(kept))} with them (gradients and activations not counted)"
        )
    else:
        training = f"{optimizer} keeps no more values while training (gradients and activations not counted)"
    return [
        f"One image costs {c.macs:,} multiply-accumulates, {share.replace('%', ' %')} in "
        f"{_layer_in_words(c, costliest.name)}.",
        f"In float32 the parameters take {_bytes(c.bytes)}; {training}.",
    ]


def _inputs(complexity: Complexity, experiment: Experiment) -> str:
    number = counted(complexity.inputs, "input")
    if isinstance(experiment.features, HogFeatures):
        formula = grouped(complexity.inputs_formula)
        return f"{number}, the histograms of oriented gradients of an image ({formula})"
    return f"{number}, the pixels of an image ({IMAGE_EDGE} × {IMAGE_EDGE} = {complexity.inputs:,})"


def _hidden_layers(dense: Sequence[Dense]) -> str:
    """Return ``2 hidden layers of 256 neurons (relu) and 64 neurons (tanh)``."""
    if not dense:
        return "no hidden layer"
    units, activations = [layer.units for layer in dense], {layer.activation for layer in dense}
    layers = counted(len(dense), "hidden layer")
    if len(activations) > 1:
        each = [f"{counted(layer.units, 'neuron')} ({layer.activation})" for layer in dense]
        return f"{layers} of {listed(each)}"
    sizes = f"{listed([f'{one:,}' for one in units])} neurons"
    if len(set(units)) == 1:
        sizes = f"{counted(units[0], 'neuron')}{' each' if len(units) > 1 else ''}"
    return f"{layers} of {sizes} ({dense[0].activation})"


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
