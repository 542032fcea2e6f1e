"""What came out of a run: scores beside the published ones, classes, confusions."""

from __future__ import annotations

from mnist_tui.report.contents.grid import Grid
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.wording import DASH, count, loss, percent
from mnist_tui.runs.scores import in_words, worst_confusions

WORST = 10
"""Confusions that are told in words."""
SHORT = 6
"""Class names up to here head a column of the matrix."""


def scores(evidence: Evidence) -> Grid | None:
    """One row a set: ours, then what the source published; None while there are none of ours."""
    test, train = evidence.document["test"], evidence.document["train"]
    rows: list[tuple[object, ...]] = []
    if test:
        rows.append(("test", percent(test["accuracy"]), loss(test["loss"]), percent(test["macro_f1"])))
    if train:
        name = "training (after training, without dropout)"
        rows.append((name, percent(train["accuracy"]), loss(train["loss"]), DASH))
    if not rows:
        return None
    headings = ("Set", "Accuracy", "Loss", "Macro F1")
    return Grid(headings, tuple(rows + _published(evidence)), frozenset((1, 2, 3)))


def _published(evidence: Evidence) -> list[tuple[object, ...]]:
    reference = evidence.document["reference"] or {}
    rows: list[tuple[object, ...]] = []
    for name, accuracy, cost in (("test", "accuracy", "loss"), ("training", "train_accuracy", "train_loss")):
        ours = reference.get(accuracy), reference.get(cost)
        if ours != (None, None):
            cells = percent(ours[0]), DASH if ours[1] is None else loss(ours[1]), DASH
            rows.append((f"{name}, published ({reference['source']})", *cells))
    return rows


def per_class(evidence: Evidence) -> Grid | None:
    """Precision, recall, F1 and images of each class on the test images."""
    test = evidence.document["test"]
    if not test or not test["per_class"]:
        return None
    rows = [
        (row["class"], percent(row["precision"]), percent(row["recall"]), percent(row["f1"]), count(row["support"]))
        for row in test["per_class"]
    ]
    return Grid(("Class", "Precision", "Recall", "F1", "Images"), tuple(rows), frozenset((1, 2, 3, 4)))


def matrix(evidence: Evidence) -> Grid | None:
    """The confusion matrix in counts; long class names stand at the rows only, with the columns' numbers."""
    if evidence.matrix is None:
        return None
    names = evidence.class_names
    heads = names if max(map(len, names)) <= SHORT else tuple(map(str, range(len(names))))
    rows = [
        (name if heads is names else f"{number} {name}", *map(count, row))
        for number, (name, row) in enumerate(zip(names, evidence.matrix, strict=True))
    ]
    return Grid(("true ╲ predicted", *heads), tuple(rows), frozenset(range(1, len(names) + 1)))


def confusions(evidence: Evidence) -> list[str]:
    """The most frequent confusions in words."""
    if evidence.matrix is None:
        return []
    return [in_words(one) for one in worst_confusions(evidence.matrix, evidence.class_names, WORST)]
