"""A confusion matrix with the words for where it is from: what a matrix is compared with. Reads files: for a thread."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.errors import RunError
from mnist_tui.runs.events import Matrix
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import results_of
from mnist_tui.runs.state import RunState, replayed


@dataclass(frozen=True)
class BaselineMatrix:
    """A matrix of counts, rows true, columns predicted.

    Attributes:
        words: where it is from: ``epoch 3``, ``the final evaluation``.
    """

    matrix: Matrix
    words: str


def final_of(folder: RunFolder, run: RunState) -> BaselineMatrix | None:
    """The matrix of the final evaluation on the test images; None where there was none, or it cannot be read."""
    try:
        results = results_of(folder, run)
    except RunError:
        return None
    rows = (results or {}).get("confusion_matrix")
    return BaselineMatrix(tuple(tuple(row) for row in rows), "the final evaluation") if rows else None


def base_of_run(folder: RunFolder) -> BaselineMatrix | None:
    """A run's final matrix, else its newest; None where no epoch of it has ended."""
    run = replayed(folder.events_file)
    final = final_of(folder, run)
    if final is not None:
        return BaselineMatrix(final.matrix, f"{folder.id}, final evaluation")
    if run.confusion is None:
        return None
    return BaselineMatrix(run.confusion, f"{folder.id}, epoch {run.confusion_epoch}")
