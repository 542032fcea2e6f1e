"""A model's complexity as text: a table for a terminal, Markdown, CSV, LaTeX and JSON, all with the same rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnist_tui.experiment.complexity import Complexity, LayerComplexity, to_document
from mnist_tui.experiment.shapes import written
from mnist_tui.report.markdown import escaped

HEADINGS = (
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
)
NUMBERS = frozenset((3, 5, 6, 7, 8))
"""Columns that hold numbers and are aligned to the right."""
CSV_FIELDS = (
    "name", "kind", "configuration", "inputs", "output_shape", "weights", "biases", "other", "trainable",
    "non_trainable", "macs", "formula",
)  # fmt: skip


@dataclass(frozen=True)
class _Sum:
    """A line below the layers: what it sums, and its counts."""

    name: str
    inputs: int
    weights: int
    biases: int
    other: int
    macs: int
    note: str


def in_format(complexity: Complexity, form: str, *, title: str = "") -> str:
    """The complexity in one of FORMATS, ending with a line's end."""
    return FORMATS[form](complexity, title)


def as_table(complexity: Complexity, title: str = "") -> str:
    """Aligned columns for a terminal of 80, with the totals and the fully connected part below."""
    columns = [0, 4, 5, 6, *([7] if complexity.other else []), 8, 9]
    rows = [_layer_cells(layer) for layer in complexity.layers]
    sums = [[*_sum_cells(line)[:-1], ""] for line in _sums(complexity)]
    widths = {column: max(len(row[column]) for row in (HEADINGS, *rows, *sums)) for column in columns}

    def aligned(cells: Sequence[str]) -> str:
        placed = [cells[c].rjust(widths[c]) if c in NUMBERS else cells[c].ljust(widths[c]) for c in columns]
        return "  ".join(placed).rstrip()

    rule = "─" * (sum(widths.values()) + 2 * (len(widths) - 1))
    lines = [title, ""] if title else []
    lines += [aligned(HEADINGS), rule, *map(aligned, rows), rule, *map(aligned, sums)]
    return "\n".join([*lines, "", *_words(complexity)]) + "\n"


def as_markdown(complexity: Complexity, title: str = "") -> str:
    """A table in GitHub's Markdown, the sums in bold, and the rest in words."""
    marks = ["---:" if column in NUMBERS else "---" for column in range(len(HEADINGS))]
    rows = [[escaped(cell) for cell in _layer_cells(layer)] for layer in complexity.layers]
    sums = [[f"**{escaped(cell)}**" if cell else "" for cell in _sum_cells(line)] for line in _sums(complexity)]
    lines = [f"## {escaped(title)}", ""] if title else []
    lines += [_piped(row) for row in (HEADINGS, marks, *rows, *sums)]
    return "\n".join([*lines, "", *(f"- {escaped(line)}" for line in _words(complexity))]) + "\n"


def as_csv(complexity: Complexity, title: str = "") -> str:
    """One line a layer, then the sums, whose kind is ``sum``; numbers without separators."""
    del title
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_FIELDS)
    for layer in to_document(complexity)["layers"]:
        shape = written(tuple(layer["output_shape"]))
        configuration = next(one.configuration for one in complexity.layers if one.name == layer["name"])
        writer.writerow([{**layer, "output_shape": shape, "configuration": configuration}[key] for key in CSV_FIELDS])
    for line in _sums(complexity):
        trained = (
            (complexity.trainable, complexity.non_trainable)
            if line.name == "total"
            else (line.weights + line.biases, 0)
        )
        writer.writerow(
            [
                line.name,
                "sum",
                "",
                line.inputs,
                "",
                line.weights,
                line.biases,
                line.other,
                *trained,
                line.macs,
                line.note,
            ]
        )
    return out.getvalue()


def as_json(complexity: Complexity, title: str = "") -> str:
    """The document that scripts read."""
    del title
    return json.dumps(to_document(complexity), indent=1, ensure_ascii=False) + "\n"


def as_tex(complexity: Complexity, title: str = "") -> str:
    """A LaTeX table that needs no package."""
    columns = "".join("r" if column in NUMBERS else "l" for column in range(len(HEADINGS)))
    rows = [_tex_row(_layer_cells(layer)) for layer in complexity.layers]
    sums = [_tex_row(_sum_cells(line)) for line in _sums(complexity)]
    caption = [f"\\caption{{{tex_escaped(title)}}}"] if title else []
    lines = [
        "\\begin{table}", "\\centering", f"\\begin{{tabular}}{{{columns}}}", "\\hline", _tex_row(HEADINGS), "\\hline",
        *rows, "\\hline", *sums, "\\hline", "\\end{tabular}", *caption, "\\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def tex_escaped(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_TEX.get(character, character) for character in text)


FORMATS: dict[str, Callable[[Complexity, str], str]] = {
    "table": as_table,
    "json": as_json,
    "csv": as_csv,
    "md": as_markdown,
    "tex": as_tex,
}
_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "×": r"$\times$", "→": r"$\rightarrow$", "–": "--",
}  # fmt: skip


def _sums(complexity: Complexity) -> list[_Sum]:
    c = complexity
    trained = f"{c.total:,} parameters, {c.trainable:,} trainable, {c.non_trainable:,} not"
    dense_macs = sum(layer.macs for layer in c.layers if layer.kind == "dense")
    dense = f"{c.dense_weights + c.dense_biases:,} parameters"
    return [
        _Sum("fully connected", c.dense_inputs, c.dense_weights, c.dense_biases, 0, dense_macs, dense),
        _Sum("total", c.inputs, c.weights, c.biases, c.other, c.macs, trained),
    ]


def _words(complexity: Complexity) -> list[str]:
    c = complexity
    dense = f"{c.dense_weights:,} weights and {c.dense_biases:,} biases behind {c.dense_inputs:,} inputs"
    other = f" + {c.other:,} of batch normalisation" if c.other else ""
    return [
        f"inputs: {c.inputs_formula}; outputs: {c.outputs}",
        f"fully connected part: {dense}",
        f"parameters: {c.total:,} = {c.weights:,} weights + {c.biases:,} biases{other}",
        f"memory of the parameters: {c.bytes:,} bytes in float32",
        f"multiply-accumulates (MACs): {c.macs:,} an image",
    ]


def _layer_cells(layer: LayerComplexity) -> list[str]:
    numbers = [f"{value:,}" for value in (layer.weights, layer.biases, layer.other, layer.macs)]
    shape = written(layer.output_shape)
    return [layer.name, layer.kind, layer.configuration, f"{layer.inputs:,}", shape, *numbers, layer.formula]


def _sum_cells(line: _Sum) -> list[str]:
    numbers = [f"{value:,}" for value in (line.weights, line.biases, line.other, line.macs)]
    return [line.name, "", "", f"{line.inputs:,}", "", *numbers, line.note]


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _tex_row(cells: Sequence[str]) -> str:
    written_cells = [
        cell.replace(",", "\\,") if column in NUMBERS and cell[:1].isdigit() else tex_escaped(cell)
        for column, cell in enumerate(cells)
    ]
    return " & ".join(written_cells) + r" \\"
