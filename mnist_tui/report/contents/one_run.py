"""What is said of one run, wherever it is said: the summary's contents, and a section's of the report."""

from __future__ import annotations

from typing import Any

from mnist_tui.experiment.spec import is_closed_form
from mnist_tui.report.contents import closed_form
from mnist_tui.report.contents.dataset import dataset_facts
from mnist_tui.report.contents.grid import MarkdownTable
from mnist_tui.report.contents.notices import notices_and_warnings
from mnist_tui.report.contents.overview import epochs_text
from mnist_tui.report.contents.platform import RERUN_COMMAND, platform_facts
from mnist_tui.report.contents.results import (
    class_score_table,
    confusion_table,
    score_table,
    source_readings,
    worst_confusions_in_words,
)
from mnist_tui.report.contents.training import CROSS_ENTROPY, batch_size_text, training_facts
from mnist_tui.report.evidence import Evidence
from mnist_tui.wording import DASH, count, loss, percent


def run_contents(evidence: Evidence) -> dict[str, Any]:
    """What the templates' macros lay out."""
    preset, closed = evidence.preset, is_closed_form(evidence.experiment)
    return {
        "preset": preset.name,
        "about": preset.about,
        "notices": notices_and_warnings(evidence),
        "dataset": dataset_facts(evidence),
        "training": closed_form.closed_form_facts(evidence) if closed else training_facts(evidence),
        "loss": closed_form.LEAST_SQUARES if closed else CROSS_ENTROPY,
        "ridges": closed_form.ridge_table(evidence),
        "no_history": closed_form.NO_EPOCHS if closed else "No epoch ended, or none is known.",
        "scores": score_table(evidence),
        "readings": source_readings(evidence),
        "per_class": class_score_table(evidence),
        "matrix": confusion_table(evidence),
        "matrix_of": evidence.matrix_of,
        "confusions": worst_confusions_in_words(evidence),
        "findings": evidence.findings,
        "platform": platform_facts(evidence),
        "command": evidence.document["command"],
        "again": RERUN_COMMAND,
    }


def history_table(evidence: Evidence) -> MarkdownTable | None:
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
    return MarkdownTable(headings, tuple(rows), frozenset(range(len(headings)))) if rows else None


def _rate(value: float | None) -> str:
    return DASH if value is None else f"{value:.6g}"


def one_line_table(evidence: Evidence) -> MarkdownTable:
    """The run in one line, with what was published of it where something was."""
    test, train = evidence.document["test"] or {}, evidence.document["train"] or {}
    published = (evidence.document["reference"] or {}).get("accuracy")
    headings = ("Model", "Parameters", "Epochs", "Batch size", "Test accuracy", "Training accuracy")
    row = (
        evidence.preset.name,
        count(evidence.complexity.total),
        epochs_text(evidence),
        batch_size_text(evidence.experiment),
        percent(test.get("accuracy")) if test else DASH,
        percent(train.get("accuracy")) if train else DASH,
    )
    if published is not None:
        headings, row = (*headings, "Published test accuracy"), (*row, percent(published))
    return MarkdownTable(headings, (row,), frozenset(range(1, len(headings))))
