"""What came out of a run: scores beside the published ones, classes, confusions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mnist_tui.report.contents.grid import MarkdownTable
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.published import MEASURED, PublishedScore, citation, published_scores
from mnist_tui.runs.scores import in_words, worst_confusions
from mnist_tui.wording import DASH, count, loss, percent

CONFUSIONS_TOLD = 10
"""Confusions that are told in words."""
SHORT_NAME = 6
"""Class names up to here head a column of the matrix."""


def score_table(evidence: Evidence) -> MarkdownTable | None:
    """One row a set: ours, then what the source published and how far ours is from it; None without ours."""
    document = evidence.document
    test, train = document["test"], document["train"]
    rows: list[tuple[object, ...]] = []
    if test:
        rows.append(("test", percent(test["accuracy"]), loss(test["loss"]), percent(test["macro_f1"])))
    if train:
        name = "training (after training, without dropout)"
        rows.append((name, percent(train["accuracy"]), loss(train["loss"]), DASH))
    if not rows:
        return None
    headings = ("Set", "Accuracy", "Loss", "Macro F1")
    return MarkdownTable(headings, tuple(rows + _published_rows(document)), frozenset((1, 2, 3)))


def _published_rows(document: Mapping[str, Any]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for of in ("test", "training"):
        found = {one.score: one for one in published_scores(document) if one.of == of}
        if not found:
            continue
        how = next(iter(found.values())).how
        if how == MEASURED["running"] and any(one.ours is not None for one in found.values()):
            rows.append((f"training ({how})", *_score_cells(found, lambda one: one.written(one.ours))))
        name = f"{of}, published in {citation(document['reference'])}{f'; {how}' if how else ''}"
        rows.append((name, *_score_cells(found, lambda one: one.written(one.published))))
        if any(one.ours is not None for one in found.values()):
            rows.append((f"{of}, ours less published", *_score_cells(found, lambda one: one.difference)))
    return rows


def _score_cells(found: Mapping[str, PublishedScore], written: Callable[[PublishedScore], str]) -> tuple[str, str, str]:
    """Accuracy, loss and, for no source has it, a dash for macro F1."""
    accuracy, cost = (written(found[score]) if score in found else DASH for score in ("accuracy", "loss"))
    return accuracy, cost, DASH


def source_readings(evidence: Evidence) -> tuple[str, ...]:
    """What had to be read into the source, a sentence each; empty where nothing was published."""
    reference = evidence.document["reference"]
    return tuple(reference["readings"]) if reference else ()


def class_score_table(evidence: Evidence) -> MarkdownTable | None:
    """Precision, recall, F1 and images of each class on the test images."""
    test = evidence.document["test"]
    if not test or not test["per_class"]:
        return None
    rows = [
        (row["class"], percent(row["precision"]), percent(row["recall"]), percent(row["f1"]), count(row["support"]))
        for row in test["per_class"]
    ]
    return MarkdownTable(("Class", "Precision", "Recall", "F1", "Images"), tuple(rows), frozenset((1, 2, 3, 4)))


def confusion_table(evidence: Evidence) -> MarkdownTable | None:
    """The confusion matrix in counts; long class names stand at the rows only, with the columns' numbers."""
    if evidence.matrix is None:
        return None
    names = evidence.class_names
    heads = names if max(map(len, names)) <= SHORT_NAME else tuple(map(str, range(len(names))))
    rows = [
        (name if heads is names else f"{number} {name}", *map(count, row))
        for number, (name, row) in enumerate(zip(names, evidence.matrix, strict=True))
    ]
    return MarkdownTable(("true ╲ predicted", *heads), tuple(rows), frozenset(range(1, len(names) + 1)))


def worst_confusions_in_words(evidence: Evidence) -> list[str]:
    """The most frequent confusions in words."""
    if evidence.matrix is None:
        return []
    return [in_words(one) for one in worst_confusions(evidence.matrix, evidence.class_names, CONFUSIONS_TOLD)]
