"""The results document as aligned lines: scores, classes, confusions, timings, the run itself. Text only, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mnist_tui.report.wording import DASH, count, loss, percent, seconds
from mnist_tui.runs.scores import in_words, worst_confusions

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
    """Ours, and what was published where the experiment is the source's."""
    test, train, reference = doc["test"], doc["train"] or {}, doc["reference"]
    if not test:
        return ["The run ended before it was evaluated: there are no scores."]
    rows = [
        ["test accuracy", percent(test["accuracy"]), _published(reference, "accuracy", percent)],
        ["test loss", loss(test["loss"]), _published(reference, "loss", loss)],
        ["macro F1 (test)", f"{test['macro_f1']:.4f}", ""],
        [
            "training accuracy, no dropout",
            percent(train.get("accuracy")),
            _published(reference, "train_accuracy", percent),
        ],
        ["training loss, no dropout", loss(train.get("loss")), _published(reference, "train_loss", loss)],
    ]
    if reference is None:
        return aligned([row[:2] for row in rows])
    lines = aligned([["", "ours", "published"], *rows])
    name = f" ({reference['id']})" if reference.get("id") else ""
    return [*lines, f"published in {reference['source']}{name}"]


def _published(reference: Document | None, key: str, written: Any) -> str:
    value = reference.get(key) if reference else None
    return DASH if value is None else written(value)


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
