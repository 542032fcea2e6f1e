"""Models side by side as text: for a terminal (a column a model), Markdown, CSV, LaTeX and JSON (a row a model)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from mnist_tui.report import markdown
from mnist_tui.report.complexity.comparison import COLUMNS, comparison, turned
from mnist_tui.report.complexity.model import Model
from mnist_tui.report.tabular import aligned, latex


def in_format(models: Sequence[Model], form: str) -> str:
    """The models in one of FORMATS, ending with a line's end."""
    return FORMATS[form](models)


def as_table(models: Sequence[Model]) -> str:
    """A column a model, and below what stands out."""
    found = comparison(models)
    ((names, *rows),) = turned(found, len(models))
    lines = aligned([[names], rows], range(1, len(models) + 1))
    return "\n".join([*lines, *(["", *found.words] if found.words else [])]) + "\n"


def as_markdown(models: Sequence[Model]) -> str:
    """A table in GitHub's Markdown, and a list of what stands out."""
    found = comparison(models)
    words = [f"- {markdown.escaped(sentence)}" for sentence in found.words]
    return (
        "\n".join([markdown.table(found.headings, found.rows, found.numbers), *(["", *words] if words else [])]) + "\n"
    )


def as_csv(models: Sequence[Model]) -> str:
    """One line a model; a number that is not known is left empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    documents = [document(model) for model in models]
    writer.writerow(documents[0])
    writer.writerows([_cell(value) for value in one.values()] for one in documents)
    return out.getvalue()


def as_tex(models: Sequence[Model]) -> str:
    """LaTeX tables that need no package, a column a model, of as many as fit a page; the words below the last."""
    found = comparison(models)
    tables = turned(found)
    notes = [""] * (len(tables) - 1) + [" ".join(found.words)]
    return "\n".join(
        latex([[names], rows], "l" + "r" * (len(names) - 1), note=note)
        for (names, *rows), note in zip(tables, notes, strict=True)
    )


def as_json(models: Sequence[Model]) -> str:
    """The document that scripts read: the models, and what stands out."""
    doc = {"models": [document(model) for model in models], "words": list(comparison(models).words)}
    return json.dumps(doc, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_text(models: Sequence[Model]) -> str:
    """What stands out, a sentence a line."""
    return "\n".join(comparison(models).words) + "\n"


def document(model: Model) -> dict[str, Any]:
    """One model's numbers by name; None for what is not known."""
    return {column.key: column.value(model) for column in COLUMNS}


def _cell(value: Any) -> Any:
    return "-".join(map(str, value)) if isinstance(value, list) else value


FORMATS: dict[str, Callable[[Sequence[Model]], str]] = {
    "table": as_table,
    "json": as_json,
    "csv": as_csv,
    "md": as_markdown,
    "tex": as_tex,
    "text": as_text,
}
