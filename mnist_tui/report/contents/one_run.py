"""What is said of one run, wherever it is said: the summary's contents, and a section's of the report."""

from __future__ import annotations

from typing import Any

from mnist_tui.report.contents.dataset import dataset
from mnist_tui.report.contents.grid import Grid
from mnist_tui.report.contents.notices import with_warnings
from mnist_tui.report.contents.overview import epochs
from mnist_tui.report.contents.platform import AGAIN, platform
from mnist_tui.report.contents.results import confusions, matrix, per_class, scores
from mnist_tui.report.contents.training import LOSS, training
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.wording import DASH, count, loss, percent


def of_run(evidence: Evidence) -> dict[str, Any]:
    """What the templates' macros lay out."""
    preset = evidence.preset
    return {
        "preset": preset.name,
        "about": preset.about,
        "notices": with_warnings(evidence),
        "dataset": dataset(evidence),
        "training": training(evidence),
        "loss": LOSS,
        "scores": scores(evidence),
        "per_class": per_class(evidence),
        "matrix": matrix(evidence),
        "matrix_of": evidence.matrix_of,
        "confusions": confusions(evidence),
        "findings": evidence.findings,
        "platform": platform(evidence),
        "command": evidence.document["command"],
        "again": AGAIN,
    }


def history(evidence: Evidence) -> Grid | None:
    """A row an epoch; None before the first has ended."""
    rows = [
        (
            str(row.epoch), loss(row.loss), percent(row.accuracy), loss(row.val_loss), percent(row.val_accuracy),
            f"{row.learning_rate:.6g}", f"{row.seconds:.2f}", count(round(row.images_per_second)),
        )
        for row in evidence.state.history
    ]  # fmt: skip
    headings = (
        "Epoch", "Loss", "Accuracy", "Validation loss", "Validation accuracy", "Learning rate", "Seconds", "Images/s",
    )  # fmt: skip
    return Grid(headings, tuple(rows), frozenset(range(len(headings)))) if rows else None


def line(evidence: Evidence) -> Grid:
    """The run in one line."""
    test, train = evidence.document["test"] or {}, evidence.document["train"] or {}
    headings = ("Model", "Parameters", "Epochs", "Batch size", "Test accuracy", "Training accuracy")
    row = (
        evidence.preset.name, count(evidence.complexity.total), epochs(evidence),
        count(evidence.experiment.training.batch_size),
        percent(test.get("accuracy")) if test else DASH, percent(train.get("accuracy")) if train else DASH,
    )  # fmt: skip
    return Grid(headings, (row,), frozenset(range(1, len(headings))))
