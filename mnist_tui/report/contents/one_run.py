"""What is said of one run, wherever it is said: the summary's contents, and a section's of the report."""

from __future__ import annotations

from typing import Any

from mnist_tui.experiment.spec import is_closed_form
from mnist_tui.report.contents import closed_form
from mnist_tui.report.contents.dataset import dataset
from mnist_tui.report.contents.grid import Grid
from mnist_tui.report.contents.notices import with_warnings
from mnist_tui.report.contents.overview import epochs
from mnist_tui.report.contents.platform import AGAIN, platform
from mnist_tui.report.contents.results import confusions, matrix, per_class, readings, scores
from mnist_tui.report.contents.training import LOSS, batch_size, training
from mnist_tui.report.evidence import Evidence
from mnist_tui.wording import DASH, count, loss, percent


def of_run(evidence: Evidence) -> dict[str, Any]:
    """What the templates' macros lay out."""
    preset, closed = evidence.preset, is_closed_form(evidence.experiment)
    return {
        "preset": preset.name,
        "about": preset.about,
        "notices": with_warnings(evidence),
        "dataset": dataset(evidence),
        "training": closed_form.solving(evidence) if closed else training(evidence),
        "loss": closed_form.LOSS if closed else LOSS,
        "ridges": closed_form.ridges(evidence),
        "no_history": closed_form.NO_HISTORY if closed else "No epoch ended, or none is known.",
        "scores": scores(evidence),
        "readings": readings(evidence),
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
    """A row an epoch; None before the first has ended, and where there are none to speak of."""
    if is_closed_form(evidence.experiment):
        return None
    rows = [
        (
            str(row.epoch),
            loss(row.loss),
            percent(row.accuracy),
            loss(row.val_loss),
            percent(row.val_accuracy),
            _rate(row.learning_rate),
            f"{row.seconds:.2f}",
            count(round(row.images_per_second)),
        )
        for row in evidence.state.history
    ]
    headings = (
        "Epoch",
        "Loss",
        "Accuracy",
        "Validation loss",
        "Validation accuracy",
        "Learning rate",
        "Seconds",
        "Images/s",
    )
    return Grid(headings, tuple(rows), frozenset(range(len(headings)))) if rows else None


def _rate(value: float | None) -> str:
    return DASH if value is None else f"{value:.6g}"


def line(evidence: Evidence) -> Grid:
    """The run in one line, with what was published of it where something was."""
    test, train = evidence.document["test"] or {}, evidence.document["train"] or {}
    published = (evidence.document["reference"] or {}).get("accuracy")
    headings = ("Model", "Parameters", "Epochs", "Batch size", "Test accuracy", "Training accuracy")
    row = (
        evidence.preset.name,
        count(evidence.complexity.total),
        epochs(evidence),
        batch_size(evidence.experiment),
        percent(test.get("accuracy")) if test else DASH,
        percent(train.get("accuracy")) if train else DASH,
    )
    if published is not None:
        headings, row = (*headings, "Published test accuracy"), (*row, percent(published))
    return Grid(headings, (row,), frozenset(range(1, len(headings))))
