"""Write one model's complexity as text: a table with sums (terminal, Markdown, CSV, LaTeX), JSON, or words."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from mnist_tui.experiment.complexity import Complexity, LayerComplexity, of, to_document
from mnist_tui.experiment.shapes import written
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report import markdown
from mnist_tui.report.complexity.words import complexity_in_words
from mnist_tui.report.tabular import aligned, csv_text, latex
from mnist_tui.wording import counted

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
    columns = ["name", "output_shape", "weights", "biases", *_other_column(complexity), "macs", "formula"]
    blocks = _blocks(complexity, columns, lambda layer: layer.formula.partition(" (")[0])
    right = [place for place, column in enumerate(columns) if column in NUMBERS]
    lines = [title, ""] if title else []
    return "\n".join([*lines, *aligned(blocks, right), "", *_notes(complexity)]) + "\n"


def as_markdown(complexity: Complexity, title: str = "") -> str:
    """Return a table in GitHub's Markdown, the sums in bold, with the notes as a list below."""
    rows = [_cells(row, HEADINGS) for row in _layer_rows(complexity)]
    for row in _sum_rows(complexity):
        cells = (markdown.escaped(cell) for cell in _cells({**row, "kind": ""}, HEADINGS))
        rows.append([markdown.MarkdownText(cell and f"**{cell}**") for cell in cells])
    right = [place for place, column in enumerate(HEADINGS) if column in NUMBERS]
    lines = [f"## {markdown.escaped(title)}", ""] if title else []
    lines += [markdown.table(list(HEADINGS.values()), rows, right), ""]
    return "\n".join([*lines, *(f"- {markdown.escaped(line)}" for line in _notes(complexity))]) + "\n"


def as_csv(complexity: Complexity) -> str:
    """Return one line a layer, then the sums, whose kind is ``sum``; numbers have no separators."""
    rows = [*_layer_rows(complexity), *_sum_rows(complexity)]
    return csv_text([CSV_FIELDS, *([row[key] for key in CSV_FIELDS] for row in rows)])


def as_tex(complexity: Complexity, title: str = "") -> str:
    """Return a LaTeX table that needs no package and fits the width of a page."""
    columns = [
        *("name", "configuration", "output_shape", "formula", "weights", "biases"),
        *(*_other_column(complexity), "macs"),
    ]
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


def _other_column(complexity: Complexity) -> list[str]:
    return ["other"] if complexity.other else []


def _blocks(
    complexity: Complexity, columns: Sequence[str], formula: Callable[[LayerComplexity], str]
) -> list[list[list[str]]]:
    """Return headings, layers and sums in some of the columns, with a shorter formula."""
    layers = [{**row, "formula": formula(row["layer"])} for row in _layer_rows(complexity)]
    sums = [{**row, "formula": ""} for row in _sum_rows(complexity)]
    return [[_cells(row, columns) for row in rows] for rows in ([HEADINGS], layers, sums)]


def _cells(row: Row, columns: Sequence[str] | dict[str, str]) -> list[str]:
    return [f"{row[key]:,}" if isinstance(row[key], int) else row[key] for key in columns]


def _layer_rows(complexity: Complexity) -> list[Row]:
    return [
        {**counts, "configuration": layer.configuration, "output_shape": written(layer.output_shape), "layer": layer}
        for layer, counts in zip(complexity.layers, to_document(complexity)["layers"], strict=True)
    ]


def _sum_rows(complexity: Complexity) -> list[Row]:
    """Return the sums over the dense layers and over all; their formula is a note."""
    c = complexity
    dense = [layer for layer in c.layers if layer.kind == "dense"]
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
            ("fully connected", dense, c.dense_inputs, counted(c.dense_weights + c.dense_biases, "parameter")),
            ("total", c.layers, c.inputs, trained),
        )
    ]


def _notes(complexity: Complexity) -> list[str]:
    c = complexity
    dense = f"{counted(c.dense_weights, 'weight')} and {counted(c.dense_biases, 'bias')}"
    halves = "of batch normalisation (scale and offset trained, mean and variance not)"
    other = f" + {c.other:,} {halves}" if c.other else ""
    kept = sum(layer.non_trainable for layer in c.layers if layer.kind == "dense")
    frozen = f"; {kept:,} of them frozen as initialised" if kept else ""
    return [
        f"inputs: {c.inputs_formula}; outputs: {c.outputs}",
        f"fully connected part: {dense} behind {counted(c.dense_inputs, 'input')}",
        f"parameters: {c.total:,} = {counted(c.weights, 'weight')} + {counted(c.biases, 'bias')}{other}{frozen}",
        f"memory of the parameters: {counted(c.bytes, 'byte')} in float32",
        f"multiply-accumulates (MACs): {c.macs:,} an image",
    ]
