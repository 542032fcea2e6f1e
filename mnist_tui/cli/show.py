"""One run as text for a terminal: the figures of its JSON document, in words."""

from __future__ import annotations

from typing import Any

from mnist_tui.cli.output import plain_table, rendered
from mnist_tui.cli.train import score_lines
from mnist_tui.report import solution
from mnist_tui.wording import DASH, count, counted, loss, percent, seconds

HISTORY = 10
"""Epochs shown, the last ones; the rest is in the JSON document."""


def as_text(doc: dict[str, Any]) -> str:
    """The run that `runs.document` describes, in lines."""
    total, trainable = doc["parameters"]["total"], doc["parameters"]["trainable"]
    epochs: list[dict[str, Any]] = doc["epochs"]
    lines = [
        f"run        {doc['run']}",
        f"state      {doc['state']}{f': {reason}' if (reason := doc['reason']) else ''}",
        f"preset     {doc['preset']}",
        f"command    {doc['command']}",
        f"data       {_data(doc)}",
        f"model      {counted(total, 'parameter')}, {count(trainable)} trainable",
        f"epochs     {len(epochs)} of {doc['experiment']['training']['epochs']}",
    ]
    lines += [f"study      {study}"] if (study := doc["study"]) else []
    if found := doc["closed_form"]:
        lines += [f"ridge      {solution.ridge(found)}", f"solved     over {solution.images(found)}"]
        lines.append(f"softmax    of the scores over the temperature {solution.temperature(found)}")
    lines += score_lines(doc)
    lines += [f"warning    {text}" for text in doc["warnings"]]
    lines += [f"damaged    {why}"] if (why := doc.get("damaged")) else []
    lines.append(f"folder     {doc['folder']}")
    parts = ["\n".join(lines)]
    if doc["test"] is not None:
        parts.append(_per_class(doc["test"]["per_class"]))
    if epochs:
        parts.append(_history(epochs))
    return "\n\n".join(parts) + "\n"


def _data(doc: dict[str, Any]) -> str:
    data = doc["dataset"]
    if data is None:
        return f"{doc['experiment']['dataset']['name']} (not read yet)"
    parts = ", ".join(f"{count(data[part])} {part}" for part in ("train", "validation", "test") if data.get(part))
    return f"{data.get('title') or data['name']}{' (bundled sample)' if data.get('sample') else ''}: {parts}"


def _per_class(rows: list[dict[str, Any]]) -> str:
    right = ("precision", "recall", "F1", "images")
    table = plain_table("class", *right, right=right)
    for row in rows:
        scores = (percent(row[key]) for key in ("precision", "recall", "f1"))
        table.add_row(str(row["class"]), *scores, count(row["support"]))
    return rendered(table)


def _rate(value: float | None) -> str:
    return DASH if value is None else f"{value:.4g}"


def _history(epochs: list[dict[str, Any]]) -> str:
    right = ("epoch", "loss", "accuracy", "val loss", "val accuracy", "learning rate", "time")
    table = plain_table(*right, right=right)
    for row in epochs[-HISTORY:]:
        table.add_row(
            str(row["epoch"]),
            loss(row["loss"]),
            percent(row["accuracy"]),
            loss(row["val_loss"]),
            percent(row["val_accuracy"]),
            _rate(row["learning_rate"]),
            seconds(row["seconds"]),
        )
    left_out = len(epochs) - HISTORY
    return rendered(table) + (f"\n({left_out} earlier epochs: --json has them)" if left_out > 0 else "")
