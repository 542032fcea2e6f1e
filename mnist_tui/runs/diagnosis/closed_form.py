"""What can be said of a run whose output layer is solved: it has no course that could be judged."""

from __future__ import annotations

from mnist_tui.runs.diagnosis.finding import Finding
from mnist_tui.runs.state import RunState
from mnist_tui.wording import percent


def solved(run: RunState) -> Finding:
    """The figures on training and validation images side by side."""
    row = run.history[-1] if run.history else None
    if row is None or row.accuracy is None or row.val_accuracy is None:
        return Finding("closed-form", "note", "Not solved yet", "The output layer is solved in closed form, at once.")
    evidence = (
        "The output layer is the least-squares solution: there is no course of training to judge. "
        f"{percent(row.accuracy)} of the training and {percent(row.val_accuracy)} of the validation images are right."
    )
    advice = "What it can learn is set by what enters it: try more hidden neurons, or other features."
    return Finding("closed-form", "note", "Solved in closed form", evidence, advice)
