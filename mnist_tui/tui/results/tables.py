"""The results document as aligned lines: scores, classes, confusions, timings, the run itself. Text only, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mnist_tui.report import result_words
from mnist_tui.report.result_words import MEASURED, PublishedScore, citation, published_scores
from mnist_tui.runs.scores import in_words, worst_confusions
from mnist_tui.wording import count, loss, percent, seconds

Document = Mapping[str, Any]
TIMINGS = {
    "data": "reading the data",
    "features": "features",
    "build": "building and compiling",
    "train": "training",
    "evaluate": "evaluation",
    "total": "altogether",
}
PLATFORM = ("device", "cpu", "python", "tensorflow", "keras")
PAIRS = 8


def aligned(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def score_lines(doc: Document) -> list[str]:
    """Ours, and what was published where the experiment is the source's, with the difference."""
    test, train = doc["test"], doc["train"] or {}
    if not test:
        return ["The run ended before it was evaluated: there are no scores."]
    rows = {
        "test accuracy": percent(test["accuracy"]),
        "test loss": loss(test["loss"]),
        "macro F1 (test)": f"{test['macro_f1']:.4f}",
        "training accuracy, no dropout": percent(train.get("accuracy")),
        "training loss, no dropout": loss(train.get("loss")),
    }
    published = published_scores(doc)
    if not published:
        lines = aligned(list(rows.items()))
        return [*lines, f"nothing was published of it in {citation(doc['reference'])}"] if doc["reference"] else lines
    alike = {_row(one): one for one in published if one.ours is not None}
    rows |= {name: one.written(one.ours) for name, one in alike.items() if name not in rows}
    written = [
        [name, ours, *((one.written(one.published), one.difference) if (one := alike.get(name)) else ("", ""))]
        for name, ours in rows.items()
    ]
    lines = aligned([["", "ours", "published", "difference"], *written])
    lines += [f"published {one.name} {one.written(one.published)} ({one.how})" for one in published if one.ours is None]
    return [*lines, f"published in {citation(doc['reference'])}"]


def _row(one: PublishedScore) -> str:
    """The row that a published score stands in: a training score of the last epoch has one of its own."""
    if one.of == "test":
        return one.name
    return f"{one.name}, no dropout" if one.how == MEASURED["evaluated"] else f"{one.name}, last epoch"


def solution_lines(doc: Document) -> list[str]:
    """What a closed form found; nothing for what was trained in steps."""
    found = doc.get("closed_form")
    if not found:
        return []
    lines = [
        f"ridge        {result_words.ridge_in_words(found)}",
        f"solved over  {result_words.solved_images(found)}",
        f"temperature  {result_words.temperature_in_words(found)}",
        "losses are those of softmax(scores / temperature)",
    ]
    rows = result_words.ridge_accuracies(found)
    return [*lines, "", *aligned([("ridge", "validation accuracy"), *rows])] if len(rows) > 1 else lines


def class_lines(doc: Document) -> list[str]:
    """Precision, recall, F1 and images of each class."""
    if not doc["test"]:
        return []
    rows = [["class", "precision", "recall", "F1", "images"]]
    rows += [
        [row["class"], percent(row["precision"]), percent(row["recall"]), f"{row['f1']:.4f}", count(row["support"])]
        for row in doc["test"]["per_class"]
    ]
    return aligned(rows)


def class_names(doc: Document) -> list[str]:
    """The classes by number."""
    return [row["class"] for row in doc["test"]["per_class"]] if doc["test"] else [str(digit) for digit in range(10)]


def confused_lines(doc: Document) -> list[str]:
    """The most confused pairs in words."""
    matrix = doc["confusion_matrix"]
    if not matrix:
        return []
    found = [in_words(pair) for pair in worst_confusions(matrix, class_names(doc), PAIRS)]
    return found or ["no image was confused"]


def timing_lines(doc: Document) -> list[str]:
    """How long each part took."""
    timings = doc["timings"] or {}
    rows = [[name, seconds(timings[key])] for key, name in TIMINGS.items() if timings.get(key) is not None]
    return aligned(rows) if rows else []


def run_lines(doc: Document) -> list[str]:
    """Data, epochs, platform, command: what a reader needs to know of the run."""
    data, platform = doc["dataset"] or {}, doc["platform"] or {}
    reason = f": {doc['reason']}" if doc["reason"] else ""
    lines = [f"run      {doc['run']}", f"state    {doc['state']}{reason}"]
    if data:
        lines.append(f"data     {data['title']}: {count(data['train'])} training, {count(data['test'])} test images")
    lines.append(f"epochs   {len(doc['epochs'])} of {doc['experiment']['training']['epochs']}")
    lines += [f"{key:8} {platform[key]}" for key in PLATFORM if isinstance(platform.get(key), str)]
    lines += [f"warning  {text}" for text in doc["warnings"]]
    return [*lines, f"folder   {doc['folder']}", f"again    {doc['command']}"]
