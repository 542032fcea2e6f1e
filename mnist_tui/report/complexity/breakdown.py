"""Describe one model's complexity (inputs, outputs, weights, biases) as a table with sums, as JSON, or in words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Any

from mnist_tui.experiment.complexity import Complexity, LayerComplexity, of, to_document
from mnist_tui.experiment.layers import (
    LAYER_KINDS,
    AveragePooling2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    Residual,
    SeparableConv2D,
    ZeroPadding2D,
    in_words,
    pair,
)
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.shapes import Shape, hog_cells, written
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report import markdown
from mnist_tui.report.tabular import aligned, csv_text, latex
from mnist_tui.runs.origin import ForeignLayer, Origin, complexity_of
from mnist_tui.wording import DASH, count, counted, grouped, listed, noun, size

HEADINGS = {
    "name": "layer",
    "kind": "type",
    "configuration": "configuration",
    "inputs": "inputs",
    "output_shape": "output",
    "weights": "weights",
    "biases": "biases",
    "other": "other",
    "macs": "MACs",
    "formula": "weights come from",
}
"""The columns of tables, each with its heading."""
NUMBERS = ("inputs", "weights", "biases", "other", "macs")
"""The columns that are aligned to the right."""
CSV_FIELDS = [*list(HEADINGS)[:8], "trainable", "non_trainable", "macs", "formula"]
Row = dict[str, Any]


def complexity_in_format(experiment: Experiment, form: str, *, title: str = "") -> str:
    """Return the complexity of an experiment's model as text, which ends with a newline.

    Args:
        form: one of FORMATS or FORMAT_ALIASES.
        title: a heading; JSON and CSV have none.
    """
    complexity = of(experiment)
    form = FORMAT_ALIASES.get(form, form)
    if form == TEXT:
        return "\n\n".join([*([title] if title else []), complexity_in_words(complexity, experiment)]) + "\n"
    return TABLES[form](complexity, title)


def as_table(complexity: Complexity, title: str = "") -> str:
    """Return a table in aligned columns for a terminal of 80 characters, with sums and notes below."""
    other = ["other"] if complexity.other else []
    columns = ["name", "output_shape", "weights", "biases", *other, "macs", "formula"]
    blocks = _blocks(complexity, columns, lambda layer: layer.formula.partition(" (")[0])
    right = [place for place, column in enumerate(columns) if column in NUMBERS]
    lines = [title, ""] if title else []
    return "\n".join([*lines, *aligned(blocks, right), "", *_notes(complexity)]) + "\n"


FOREIGN_HEADINGS = ("layer", "kind", "output", "parameters", "trained")


def foreign_rows(network: Sequence[ForeignLayer]) -> list[tuple[str, ...]]:
    """Return a row of FOREIGN_HEADINGS for each layer of a network from elsewhere, and one with the sums."""
    rows = [
        (layer.name, layer.kind, written(layer.output_shape) or DASH, count(layer.parameters), count(layer.trainable))
        for layer in network
    ]
    total, trainable = (sum(getattr(layer, each) for layer in network) for each in ("parameters", "trainable"))
    return [*rows, ("sum", "", "", count(total), count(trainable))]


def network_lines(experiment: Experiment, origin: Origin | None) -> list[str]:
    """Return the lines of a table of the layers of a run's network; one line if there are only its predictions.

    Args:
        origin: where the run comes from; None if it was trained here.
    """
    if (complexity := complexity_of(experiment, origin)) is not None:
        return as_table(complexity).rstrip().splitlines()
    if origin is None or origin.network is None:
        return ["There are only predictions: the network is not known."]
    rows = foreign_rows(origin.network)
    return aligned([[FOREIGN_HEADINGS], rows[:-1], rows[-1:]], (3, 4))


def as_markdown(complexity: Complexity, title: str = "") -> str:
    """Return a table in GitHub's Markdown, with sums in bold and notes as a list below."""
    rows = [_cells(row, HEADINGS) for row in _layer_rows(complexity)]
    for row in _sum_rows(complexity):
        cells = (markdown.escaped(cell) for cell in _cells({**row, "kind": ""}, HEADINGS))
        rows.append([markdown.MarkdownText(cell and f"**{cell}**") for cell in cells])
    right = [place for place, column in enumerate(HEADINGS) if column in NUMBERS]
    lines = [f"## {markdown.escaped(title)}", ""] if title else []
    lines += [markdown.table(list(HEADINGS.values()), rows, right), ""]
    return "\n".join([*lines, *(f"- {markdown.escaped(line)}" for line in _notes(complexity))]) + "\n"


def as_csv(complexity: Complexity) -> str:
    """Return CSV with one line for each layer, then the sums, whose kind is ``sum``; numbers have no separators."""
    rows = [*_layer_rows(complexity), *_sum_rows(complexity)]
    return csv_text([CSV_FIELDS, *([row[key] for key in CSV_FIELDS] for row in rows)])


def as_tex(complexity: Complexity, title: str = "") -> str:
    """Return a LaTeX table that needs no package and fits the width of a page."""
    columns = ["name", "configuration", "output_shape", "formula", "weights", "biases"]
    columns += ["other", "macs"] if complexity.other else ["macs"]
    letters = {"name": r"p{2.1cm}", "configuration": r"p{1.9cm}"} | dict.fromkeys(NUMBERS, "r")
    form = "".join(letters.get(column, "l") for column in columns)
    blocks = _blocks(complexity, columns, lambda layer: layer.formula.partition(" = ")[0] if layer.total else "")
    return latex(blocks, form, title=title, note="; ".join(_notes(complexity)))


TEXT = "text"
TABLES: dict[str, Callable[[Complexity, str], str]] = {
    "table": as_table,
    "json": lambda complexity, _: json.dumps(to_document(complexity), indent=1, ensure_ascii=False) + "\n",
    "csv": lambda complexity, _: as_csv(complexity),
    "md": as_markdown,
    "tex": as_tex,
}
FORMATS = (*TABLES, TEXT)
FORMAT_ALIASES = {"txt": TEXT}
"""Other names of formats: the endings of their files."""


def _blocks(
    complexity: Complexity, columns: Sequence[str], formula: Callable[[LayerComplexity], str]
) -> list[list[list[str]]]:
    """Return headings, layers and sums, each as rows of cells; `formula` returns a shorter formula of a layer."""
    layers = [{**row, "formula": formula(row["layer"])} for row in _layer_rows(complexity)]
    sums = [{**row, "formula": ""} for row in _sum_rows(complexity)]
    return [[_cells(row, columns) for row in rows] for rows in ([HEADINGS], layers, sums)]


def _cells(row: Row, columns: Sequence[str] | dict[str, str]) -> list[str]:
    values = {key: grouped(row[key]) if key == "formula" else row[key] for key in columns}
    return [f"{value:,}" if isinstance(value, int) else value for value in values.values()]


def _layer_rows(complexity: Complexity) -> list[Row]:
    return [
        {**counts, "configuration": layer.configuration, "output_shape": written(layer.output_shape), "layer": layer}
        for layer, counts in zip(complexity.layers, to_document(complexity)["layers"], strict=True)
    ]


def _sum_rows(complexity: Complexity) -> list[Row]:
    c = complexity
    trained = f"{counted(c.total, 'parameter')}, {c.trainable:,} trainable, {c.non_trainable:,} not"
    return [
        {
            "name": name,
            "kind": "sum",
            "configuration": "",
            "output_shape": "",
            "inputs": inputs,
            **{
                key: sum(getattr(layer, key) for layer in layers)
                for key in ("weights", "biases", "other", "trainable", "non_trainable", "macs")
            },
            "formula": note,
        }
        for name, layers, inputs, note in (
            ("fully connected", c.dense, c.dense_inputs, counted(c.dense_weights + c.dense_biases, "parameter")),
            ("total", c.layers, c.inputs, trained),
        )
    ]


def _notes(complexity: Complexity) -> list[str]:
    c = complexity
    dense = f"{counted(c.dense_weights, 'weight')} and {counted(c.dense_biases, 'bias')}"
    halves = "of normalisation (scales and offsets; batch normalisation also means and variances, not trained)"
    if all(layer.kind == "batch_normalization" for layer in c.layers if layer.other):
        halves = "of batch normalisation (scale and offset trained, mean and variance not)"
    other = f" + {c.other:,} {halves}" if c.other else ""
    fixed = sum(layer.total for layer in c.layers if layer.total == layer.non_trainable)
    frozen = f"; {fixed:,} of them frozen" if fixed else ""
    return [
        f"inputs: {c.inputs_formula}; outputs: {c.outputs}",
        f"fully connected part: {dense} behind {counted(c.dense_inputs, 'input')}",
        f"parameters: {c.total:,} = {counted(c.weights, 'weight')} + {counted(c.biases, 'bias')}{other}{frozen}",
        f"memory of the parameters: {_bytes(c.bytes)} in float32",
        f"multiply-accumulates (MACs): {c.macs:,} an image",
    ]


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
            "twelfth")  # fmt: skip


def complexity_in_words(complexity: Complexity, experiment: Experiment, *, cost: bool = True) -> str:
    """Return a description for a lab report: plain text, with an empty line between paragraphs.

    Args:
        cost: whether to say what one image costs to compute, and how much memory the parameters take.
    """
    steps = [layer for layer in complexity.layers if isinstance(layer.layer, Convolution | IMAGE_STEPS)]
    inputs = _inputs(complexity, experiment)
    parts = [
        _image_sentences(complexity, inputs, steps) if steps else [],
        _dense_sentences(complexity, experiment, inputs, steps[-1] if steps else None),
        _total_sentences(complexity),
        _cost_sentences(complexity, experiment) if cost else [],
    ]
    return "\n\n".join(" ".join(sentences) for sentences in parts if sentences)


Convolution = Conv2D | DepthwiseConv2D | SeparableConv2D
IMAGE_STEPS = MaxPooling2D | AveragePooling2D | GlobalAveragePooling2D | GlobalMaxPooling2D | ZeroPadding2D
"""The layers without weights that change an image's edges."""


def _layer_in_words(complexity: Complexity, name: str) -> str:
    """Return the name of a layer with weights in a sentence: ``the second convolution``."""
    if name == "output":
        return "the output layer"
    layer = next(layer for layer in complexity.layers if layer.name == name)
    for kind, word in ((Dense, "hidden layer"), (Convolution, "convolution")):
        if isinstance(layer.layer, kind):
            alike = [each.name for each in complexity.layers[:-1] if isinstance(each.layer, kind)]
            return f"the {_ordinal(alike.index(name), len(alike))}{word}"
    return f"the layer {name}"


def _image_sentences(complexity: Complexity, inputs: str, steps: Sequence[LayerComplexity]) -> list[str]:
    """Return sentences about the convolutions and poolings, one or more; `inputs` are the model's inputs in words."""
    sentences = [f"The model takes {inputs}, and has {complexity.outputs} outputs, one for each class."]
    convolutions = [at for at, layer in enumerate(steps) if isinstance(layer.layer, Convolution)]
    before = steps[: convolutions[0]] if convolutions else steps
    if before:
        first = " first" if convolutions else ""
        verb = "turns" if len(_names(before)) == 1 else "turn"
        what = _capitalised(listed(_names(before)))
        sentences.append(f"{what}{first} {verb} the image into {_values(before[-1].output_shape)}.")
    for number, (at, following) in enumerate(pairwise([*convolutions, len(steps)])):
        layer, after = steps[at], steps[at + 1 : following]
        weights = f"{grouped(layer.formula.rpartition(' = ')[0])} = {counted(layer.weights, 'weight')}"
        short = [*dict.fromkeys(each.layer.SPOKEN for each in after)]
        pooled = f", {_product(after[-1].output_shape)} after {listed(short)}" if after else ""
        beside = "" if layer.name.startswith(layer.kind) else f" ({layer.name})"
        name = f"{_ordinal(number, len(convolutions))}convolution{beside}"
        over, gives = _filters_in_words(layer), _values(layer.output_shape)
        sentences.append(f"The {name} has {over}, {weights}, and gives {gives}{pooled}.")
    sentences += _edges_in_words(steps)
    layers = [steps[at] for at in convolutions]
    biases = [layer.biases for layer in layers if layer.biases]
    if len(layers) > 1:
        sentences.append(f"The convolutions together have {_sum_in_words([one.weights for one in layers])} weights.")
    if not layers:
        return sentences
    if not biases:
        return [*sentences, "The filters have no biases."]
    if len(layers) > 1:
        which = "Each filter has" if len(biases) == len(layers) else "Each filter of a convolution with biases has"
        return [*sentences, f"{which} one bias: {_sum_in_words(biases)} biases."]
    alone = "The filter has one bias." if biases == [1] else f"Each filter has one bias: {counted(biases[0], 'bias')}."
    return [*sentences, alone]


def _names(steps: Sequence[LayerComplexity]) -> list[str]:
    return [*dict.fromkeys(layer.layer.TITLE.removesuffix(" 2-D") for layer in steps)]


def _filters_in_words(layer: LayerComplexity) -> str:
    part, channels = layer.layer, counted(layer.input_shape[2], "channel")
    assert isinstance(part, Convolution)
    window = _product(pair(part.kernel_size))
    strides = f" in steps of {in_words(part.strides)}" if part.strides != 1 else ""
    if part.dilation_rate != 1:
        strides += f" with a dilation of {in_words(part.dilation_rate)}"
    if isinstance(part, Conv2D):
        return f"{counted(part.filters, 'filter')} of {window} over {channels}{strides}"
    each = f"{counted(part.depth_multiplier, 'filter')} of {window} for each of {channels}{strides}"
    return each if isinstance(part, DepthwiseConv2D) else f"{each} and {counted(part.filters, 'filter')} of 1 × 1"


def _edges_in_words(steps: Sequence[LayerComplexity]) -> list[str]:
    """Say why the convolutions and poolings keep, shorten or drop the edges of their inputs."""
    parts = [layer.layer for layer in steps]
    convolutions = [part for part in parts if isinstance(part, Convolution) and part.kernel_size != 1]
    unstepped = [part for part in convolutions if part.strides == 1]
    sentences: list[str] = []
    if any(part.padding == "same" for part in unstepped):
        sentences.append(
            "Padding “same” adds zeros around the image, so that the output has the same height and width."
        )
    valid = next((part for part in unstepped if part.padding == "valid" and part.dilation_rate == 1), None)
    if valid is not None:
        height, width = pair(valid.kernel_size)
        shorter = f"each edge shorter by {height - 1}"
        if height != width:
            shorter = f"the height smaller by {height - 1} and the width by {width - 1}"
        sentences.append(
            f"With padding “valid” a filter stays inside the image, so that one of {height} × {width} makes {shorter}."
        )
    for layer in steps:
        part = layer.layer
        if isinstance(part, MaxPooling2D | AveragePooling2D) and part.strides in (None, part.pool_size):
            sentences += _dropped_by_pooling(part, layer.input_shape, layer.output_shape)
    return sentences


def _dropped_by_pooling(part: MaxPooling2D | AveragePooling2D, inputs: Shape, output: Shape) -> list[str]:
    """Say which rows and columns fill no window of a pooling whose windows stand beside each other."""
    window = pair(part.pool_size)
    left = [edge % side if part.padding == "valid" else 0 for edge, side in zip(inputs[:2], window, strict=True)]
    if not any(left):
        return []
    dropped = [
        f"a {what}" if number == 1 else f"{number} {what}s"
        for number, what in zip(left, ("row", "column"), strict=True)
        if number
    ]
    divided = zip(inputs[:2], window, output[:2], strict=True)
    rounded = [f"{edge} / {side} is rounded down to {count}" for edge, side, count in divided if edge % side]
    verb = "fills" if sum(left) == 1 else "fill"
    return [
        f"Pooling by {_product(window)} drops {listed(dropped)} of {_product(inputs[:2])}, which {verb} no window: "
        f"{listed(list(dict.fromkeys(rounded)))}."
    ]


def _dense_sentences(
    complexity: Complexity, experiment: Experiment, inputs: str, before: LayerComplexity | None
) -> list[str]:
    """Return sentences about the dense layers; `before` is the last convolution or pooling, if the model has one."""
    dense, what = complexity.dense, f"model has {inputs}"
    hidden = _hidden_layers(experiment.layers_of(Dense))
    if before is not None:
        after = before.layer.SPOKEN or "the convolution"
        product = counted(complexity.dense_inputs, "input")
        if len(before.output_shape) > 1:
            product = f"{_product(before.output_shape)} = {product}"
        what = f"fully connected part has {product} after {after}"
    neuron = "neuron" if len(dense) > 1 else "output neuron"
    biases = [layer.biases for layer in dense if layer.biases]
    each = f"Each {neuron}" if len(biases) == len(dense) else "Each neuron of a layer with biases"
    return [
        f"The {what}, {hidden} and {complexity.outputs} outputs, one for each class (softmax).",
        _weights_of_each(dense) if experiment.layers_of(Residual) else _weights_between(dense),
        f"{each} has one bias: {_sum_in_words(biases)} biases.",
    ]


def _weights_of_each(dense: Sequence[LayerComplexity]) -> str:
    """Return a sentence with each layer's weights, for layers that do not all follow each other."""
    items = [f"{layer.name}: {grouped(layer.formula)}" for layer in dense]
    return f"The weights of each layer are {listed(items)}."


def _weights_between(dense: Sequence[LayerComplexity]) -> str:
    """Return a sentence with the weights between consecutive layers, each number as a product, and their total."""
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
    """Name two layers by their numbers: ``the first and the second hidden layer`` for 0 and 1; -1 are the inputs."""
    if start >= 0 and end < hidden:
        return f"the {_ordinal(start, hidden)}{joint} the {_ordinal(end, hidden)}hidden layer"
    first = "the inputs" if start < 0 else f"the {_ordinal(start, hidden)}hidden layer"
    return f"{first} {joint} {'the outputs' if end == hidden else f'the {_ordinal(end, hidden)}hidden layer'}"


def _total_sentences(complexity: Complexity) -> list[str]:
    c, sentences = complexity, list[str]()
    normalised = [layer for layer in c.layers if layer.kind == "batch_normalization"]
    if normalised:
        total = sum(layer.other for layer in normalised)
        sizes = [layer.output_shape[-1] for layer in normalised]
        ranks = {len(layer.output_shape) for layer in normalised}
        each = "channel or feature" if len(ranks) > 1 else "channel" if ranks == {3} else "feature"
        product = f"4 × ({' + '.join(f'{size:,}' for size in sizes)})" if len(sizes) > 1 else f"4 × {sizes[0]:,}"
        sentences.append(
            f"Batch normalisation has four parameters for each {each}: a scale and an offset, which are trained, and a "
            f"moving mean and a moving variance, which are not: {product} = {total:,}."
        )
    of_images = [layer for layer in c.layers if layer.kind == "layer_normalization"]
    if of_images:
        sizes, total = [layer.output_shape[-1] for layer in of_images], sum(layer.other for layer in of_images)
        product = f"2 × ({' + '.join(f'{size:,}' for size in sizes)})" if len(sizes) > 1 else f"2 × {sizes[0]:,}"
        sentences.append(
            f"Layer normalisation has two parameters for each channel or feature, a scale and an offset: "
            f"{product} = {total:,}."
        )
    normalisations = {"batch normalisation": normalised, "layer normalisation": of_images}
    of_what = listed([name for name, layers in normalisations.items() if layers])
    trained = f"{c.trainable:,} of them trainable and {c.non_trainable:,} not" if c.non_trainable else "all trainable"
    whole = "In all the model has"
    if any(isinstance(layer.layer, Convolution) for layer in c.layers):
        weights = f"{c.weights - c.dense_weights:,} + {c.dense_weights:,} = {counted(c.weights, 'weight')}"
        biases = f"{c.biases - c.dense_biases:,} + {c.dense_biases:,} = {counted(c.biases, 'bias')}"
        parts = [weights, biases, *([f"{c.other:,} parameters of {of_what}"] if c.other else [])]
        sentences.append(f"{whole} {listed(parts)}, together {counted(c.total, 'parameter')}, {trained}.")
    else:
        other = f" + {c.other:,} of {of_what}" if c.other else ""
        summed = f"{counted(c.weights, 'weight')} + {counted(c.biases, 'bias')}{other}"
        sentences.append(f"{whole} {summed} = {counted(c.total, 'parameter')}, {trained}.")
    frozen = [layer.name for layer in c.layers if layer.total and layer.total == layer.non_trainable]
    if frozen:
        names = _capitalised(listed([_layer_in_words(c, name) for name in frozen]))
        sentences.append(f"{names} {noun(frozen, 'is', 'are')} frozen: not changed by the training.")
    used = {layer.kind for layer in c.layers}
    bare = [kind.SPOKEN for name, kind in LAYER_KINDS.items() if kind.SPOKEN and name in used]
    if bare:
        sentences.append(f"{_capitalised(listed(bare))} {noun(bare, 'has', 'have')} no parameters.")
    return sentences


def _capitalised(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _cost_sentences(complexity: Complexity, experiment: Experiment) -> list[str]:
    c = complexity
    costliest = max(c.layers, key=lambda layer: layer.macs)
    share = "all of them" if costliest.macs == c.macs else f"{costliest.macs:,} of them ({costliest.macs / c.macs:.1%})"
    slots, optimizer = experiment.optimizer.slots, type(experiment.optimizer).__name__
    if isinstance(experiment.optimizer, Ridge):
        edge = next(layer.inputs for layer in c.layers if layer.name == "output") + 1
        training = (
            f"to solve the output layer, its normal equations take {edge:,} × {edge:,} numbers of 8 bytes, "
            f"{_bytes(8 * edge * edge)}"
        )
    elif slots:
        training = (
            f"while training, {optimizer} keeps {counted(slots, 'more value')} for each trainable parameter, "
            f"{_bytes(c.training_bytes(slots))} with them (gradients and activations not counted)"
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
        cells = _hog_cells(experiment.image_shape, experiment.features.pixels_per_cell)
        return f"{number}, the histograms of oriented gradients of an image ({formula}; {cells})"
    height, width, channels = experiment.image_shape
    what, factor = ("pixels", "") if channels == 1 else ("colour values", f" × {channels}")
    return f"{number}, the {what} of an image ({height} × {width}{factor} = {complexity.inputs:,})"


def _hog_cells(image: Shape, side: int) -> str:
    """Return the number of HOG cells along the edges of an image as a calculation."""

    def along(edge: int, count: int) -> str:
        return f"{edge} / {side}{'' if edge % side == 0 else ', rounded down'} = {counted(count, 'cell')}"

    (height, width), (down, across) = image[:2], hog_cells(image, side)
    if height == width:
        return f"{along(height, down)} along each edge"
    return f"{along(height, down)} down, {along(width, across)} across"


def _hidden_layers(dense: Sequence[Dense]) -> str:
    """Describe the hidden layers, for example ``2 hidden layers of 256 neurons (relu) and 64 neurons (tanh)``."""
    if not dense:
        return "no hidden layer"
    units, activations = [layer.units for layer in dense], {layer.activation for layer in dense}
    layers = counted(len(dense), "hidden layer")
    if len(activations) > 1:
        each = [f"{counted(layer.units, 'neuron')} ({layer.activation})" for layer in dense]
        return f"{layers} of {listed(each)}"
    sizes = f"{listed([f'{number:,}' for number in units])} neurons"
    if len(set(units)) == 1:
        sizes = f"{counted(units[0], 'neuron')}{' each' if len(units) > 1 else ''}"
    return f"{layers} of {sizes} ({dense[0].activation})"


def _ordinal(at: int, of: int) -> str:
    """Return an ordinal number and a space for a place from 0: ``second `` for 1; empty for the only place."""
    if of == 1:
        return ""
    if at < len(ORDINALS):
        return f"{ORDINALS[at]} "
    number = at + 1
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending} "


def _sum_in_words(values: Sequence[int]) -> str:
    """Write a sum with its terms, for example ``250 + 10 = 260``; a single value is written alone."""
    terms = with_repetitions([f"{value:,}" for value in values], " + ")
    return terms if len(values) == 1 else f"{terms} = {sum(values):,}"


def with_repetitions(terms: Sequence[str], joint: str) -> str:
    """Join terms, and write more than two equal neighbours once, with their number: ``3 × 512-10``."""
    repeated = [(term, len(list(same))) for term, same in groupby(terms)]
    return joint.join(f"{n} × {term}" if n > 2 else joint.join([term] * n) for term, n in repeated)


def _product(shape: Shape) -> str:
    return " × ".join(f"{edge:,}" for edge in shape)


def _values(shape: Shape) -> str:
    return f"{_product(shape)} {noun(math.prod(shape), 'value')}"


def _bytes(value: int) -> str:
    return size(value) if value >= 1000 else counted(value, "byte")
