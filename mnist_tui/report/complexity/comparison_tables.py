"""Models side by side as text: for a terminal (a column a model), Markdown, CSV, LaTeX and JSON (a row a model)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from mnist_tui.report import markdown
from mnist_tui.report.complexity.comparison import PROPERTIES, compare_models, transposed
from mnist_tui.report.complexity.model import ComparedModel
from mnist_tui.report.tabular import aligned, latex


def comparison_in_format(models: Sequence[ComparedModel], form: str) -> str:
    """The models in one of FORMATS, ending with a line's end."""
    return COMPARISON_FORMATS[form](models)


def comparison_as_table(models: Sequence[ComparedModel]) -> str:
    """A column a model, and below what stands out."""
    found = compare_models(models)
    ((names, *rows),) = transposed(found, len(models))
    lines = aligned([[names], rows], range(1, len(models) + 1))
    return "\n".join([*lines, *(["", *found.words] if found.words else [])]) + "\n"


def comparison_as_markdown(models: Sequence[ComparedModel]) -> str:
    """A table in GitHub's Markdown, and a list of what stands out."""
    found = compare_models(models)
    words = [f"- {markdown.escaped(sentence)}" for sentence in found.words]
    return (
        "\n".join([markdown.table(found.headings, found.rows, found.numbers), *(["", *words] if words else [])]) + "\n"
    )


def comparison_as_csv(models: Sequence[ComparedModel]) -> str:
    """One line a model; a number that is not known is left empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    documents = [model_document(model) for model in models]
    writer.writerow(documents[0])
    writer.writerows([_csv_cell(value) for value in one.values()] for one in documents)
    return out.getvalue()


def comparison_as_tex(models: Sequence[ComparedModel]) -> str:
    """LaTeX tables that need no package, a column a model, of as many as fit a page; the words below the last."""
    found = compare_models(models)
    tables = transposed(found)
    notes = [""] * (len(tables) - 1) + [" ".join(found.words)]
    return "\n".join(
        latex([[names], rows], "l" + "r" * (len(names) - 1), note=note)
        for (names, *rows), note in zip(tables, notes, strict=True)
    )


def comparison_as_json(models: Sequence[ComparedModel]) -> str:
    """The document that scripts read: the models, and what stands out."""
    doc = {"models": [model_document(model) for model in models], "words": list(compare_models(models).words)}
    return json.dumps(doc, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def comparison_as_text(models: Sequence[ComparedModel]) -> str:
    """What stands out, a sentence a line."""
    return "\n".join(compare_models(models).words) + "\n"


def model_document(model: ComparedModel) -> dict[str, Any]:
    """One model's numbers by name; None for what is not known."""
    return {column.key: column.value(model) for column in PROPERTIES}


def _csv_cell(value: Any) -> Any:
    return "-".join(map(str, value)) if isinstance(value, list) else value


COMPARISON_FORMATS: dict[str, Callable[[Sequence[ComparedModel]], str]] = {
    "table": comparison_as_table,
    "json": comparison_as_json,
    "csv": comparison_as_csv,
    "md": comparison_as_markdown,
    "tex": comparison_as_tex,
    "text": comparison_as_text,
}
