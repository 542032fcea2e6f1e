"""Write one model's complexity as text: a table with sums (terminal, Markdown, CSV, LaTeX), JSON, or words."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnist_tui.experiment.complexity import Complexity, LayerComplexity, of, to_document
from mnist_tui.experiment.shapes import written
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report import markdown
from mnist_tui.report.complexity.words import complexity_in_words
from mnist_tui.report.tabular import aligned, csv_text, latex
from mnist_tui.wording import counted

HEADINGS = [
    "layer",
    "type",
    "configuration",
    "inputs",
    "output",
    "weights",
    "biases",
    "other",
    "MACs",
    "weights come from",
]
NUMBERS = frozenset((3, 5, 6, 7, 8))
"""The columns that hold numbers and are aligned to the right."""
CSV_FIELDS = [
    "name",
    "kind",
    "configuration",
    "inputs",
    "output_shape",
    "weights",
    "biases",
    "other",
    "trainable",
    "non_trainable",
    "macs",
    "formula",
]


@dataclass(frozen=True)
class _SumRow:
    """A row of sums below the layers."""

    name: str
    inputs: int
    weights: int
    biases: int
    other: int
    macs: int
    note: str


def complexity_in_format(experiment: Experiment, form: str, *, title: str = "") -> str:
    """Return the complexity of an experiment's model, ending with a newline.

    Args:
        form: one of FORMATS or FORMAT_ALIASES.
        title: a heading, where the format has room for one.
    """
    complexity = of(experiment)
    form = FORMAT_ALIASES.get(form, form)
    if form == TEXT:
        return "\n\n".join([*([title] if title else []), complexity_in_words(complexity, experiment)]) + "\n"
    return TABLES[form](complexity, title)


def as_table(complexity: Complexity, title: str = "") -> str:
    """Return aligned columns for a terminal 80 characters wide, with the sums and notes below."""
    columns = [0, 4, 5, 6, *([7] if complexity.other else []), 8, 9]
    blocks = _blocks(complexity, columns, lambda layer: layer.formula.partition(" (")[0])
    right = [place for place, column in enumerate(columns) if column in NUMBERS]
    lines = [title, ""] if title else []
    return "\n".join([*lines, *aligned(blocks, right), "", *_notes(complexity)]) + "\n"


def as_markdown(complexity: Complexity, title: str = "") -> str:
    """Return a table in GitHub's Markdown, the sums in bold, with the notes as a list below."""
    rows = [_layer_cells(layer) for layer in complexity.layers]
    sums = [[_bold(cell) for cell in _sum_cells(line)] for line in _sum_rows(complexity)]
    lines = [f"## {markdown.escaped(title)}", ""] if title else []
    lines.append(markdown.table(HEADINGS, [*rows, *sums], NUMBERS))
    return "\n".join([*lines, "", *(f"- {markdown.escaped(line)}" for line in _notes(complexity))]) + "\n"


def as_csv(complexity: Complexity, title: str = "") -> str:
    """Return one line a layer, then the sums, whose kind is ``sum``; numbers have no separators."""
    del title
    rows: list[Sequence[object]] = [CSV_FIELDS]
    for layer, counts in zip(complexity.layers, to_document(complexity)["layers"], strict=True):
        shown = {**counts, "output_shape": written(layer.output_shape), "configuration": layer.configuration}
        rows.append([shown[key] for key in CSV_FIELDS])
    for line in _sum_rows(complexity):
        summed = [layer for layer in complexity.layers if line.name == "total" or layer.kind == "dense"]
        trained = (sum(layer.trainable for layer in summed), sum(layer.non_trainable for layer in summed))
        counts = (line.inputs, "", line.weights, line.biases, line.other, *trained, line.macs)
        rows.append((line.name, "sum", "", *counts, line.note))
    return csv_text(rows)


def as_json(complexity: Complexity, title: str = "") -> str:
    """Return the document that scripts read."""
    del title
    return json.dumps(to_document(complexity), indent=1, ensure_ascii=False) + "\n"


def as_tex(complexity: Complexity, title: str = "") -> str:
    """Return a LaTeX table that needs no package and fits the width of a page."""
    columns = [0, 2, 4, 9, 5, 6, *([7] if complexity.other else []), 8]
    letters = {0: r"p{2.1cm}", 2: r"p{1.9cm}"} | dict.fromkeys(NUMBERS, "r")
    form = "".join(letters.get(column, "l") for column in columns)
    blocks = _blocks(complexity, columns, _product)
    return latex(blocks, form, title=title, note="; ".join(_notes(complexity)))


TEXT = "text"
TABLES: dict[str, Callable[[Complexity, str], str]] = {
    "table": as_table,
    "json": as_json,
    "csv": as_csv,
    "md": as_markdown,
    "tex": as_tex,
}
FORMATS = (*TABLES, TEXT)
FORMAT_ALIASES = {"txt": TEXT}
"""Other names of formats: the endings of their files."""


def _blocks(
    complexity: Complexity, columns: Sequence[int], source: Callable[[LayerComplexity], str]
) -> list[list[list[str]]]:
    """Return headings, layers and sums in some of the columns; `source` gives the last column of a layer."""
    layers = [[*_layer_cells(layer)[:-1], source(layer)] for layer in complexity.layers]
    sums = [[*_sum_cells(line)[:-1], ""] for line in _sum_rows(complexity)]
    return [[[row[column] for column in columns] for row in block] for block in ([HEADINGS], layers, sums)]


def _sum_rows(complexity: Complexity) -> list[_SumRow]:
    c = complexity
    trained = f"{counted(c.total, 'parameter')}, {c.trainable:,} trainable, {c.non_trainable:,} not"
    dense_macs = sum(layer.macs for layer in c.layers if layer.kind == "dense")
    dense = counted(c.dense_weights + c.dense_biases, "parameter")
    return [
        _SumRow("fully connected", c.dense_inputs, c.dense_weights, c.dense_biases, 0, dense_macs, dense),
        _SumRow("total", c.inputs, c.weights, c.biases, c.other, c.macs, trained),
    ]


def _notes(complexity: Complexity) -> list[str]:
    c = complexity
    parts = f"{counted(c.dense_weights, 'weight')} and {counted(c.dense_biases, 'bias')}"
    dense = f"{parts} behind {counted(c.dense_inputs, 'input')}"
    halves = "of batch normalisation (scale and offset trained, mean and variance not)"
    other = f" + {c.other:,} {halves}" if c.other else ""
    kept = sum(layer.non_trainable for layer in c.layers if layer.kind == "dense")
    frozen = f"; {kept:,} of them frozen as initialised" if kept else ""
    return [
        f"inputs: {c.inputs_formula}; outputs: {c.outputs}",
        f"fully connected part: {dense}",
        f"parameters: {c.total:,} = {counted(c.weights, 'weight')} + {counted(c.biases, 'bias')}{other}{frozen}",
        f"memory of the parameters: {counted(c.bytes, 'byte')} in float32",
        f"multiply-accumulates (MACs): {c.macs:,} an image",
    ]


def _layer_cells(layer: LayerComplexity) -> list[str]:
    numbers = [f"{value:,}" for value in (layer.weights, layer.biases, layer.other, layer.macs)]
    shape = written(layer.output_shape)
    return [layer.name, layer.kind, layer.configuration, f"{layer.inputs:,}", shape, *numbers, layer.formula]


def _sum_cells(line: _SumRow) -> list[str]:
    numbers = [f"{value:,}" for value in (line.weights, line.biases, line.other, line.macs)]
    return [line.name, "", "", f"{line.inputs:,}", "", *numbers, line.note]


def _product(layer: LayerComplexity) -> str:
    """Return the product that gives a layer's weights, for a narrow column; empty without weights."""
    return layer.formula.partition(" = ")[0] if layer.total else ""


def _bold(cell: str) -> markdown.MarkdownText | str:
    return markdown.MarkdownText(f"**{markdown.escaped(cell)}**") if cell else ""
