"""The result of a trial, read from the folder of its run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mnist_tui.experiment.problem import RequestError
from mnist_tui.python_process import said
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import EpochRow, replayed
from mnist_tui.studies.events import StudyEvent, TrialBegan, TrialEnded, TrialEpoch, is_logged
from mnist_tui.studies.spec import Metric

LOG_LINES = 3


def read_trial_result(number: int, folder: RunFolder, metric: Metric, seconds: float) -> TrialEnded:
    """Return the event that says how a trial ended; failed where its run has no end in its log.

    Args:
        metric: what trials are compared by; the score is that of the epoch whose weights the run ended with.
        seconds: how long the trial took.
    """
    try:
        state, results = replayed(folder.events_file), folder.results() or {}
    except (RequestError, OSError) as error:
        return failed_trial(number, folder.id, str(error), seconds)
    end, history = state.ended, state.history
    if end is None or end.refused:
        why = (end.refused if end else "") or said(folder.last_log_lines(LOG_LINES))
        return failed_trial(number, folder.id, why or "its run has no end in its log", seconds)
    last = history[-1] if history else None
    losses = [row.val_loss for row in history if row.val_loss is not None]
    accuracies = [row.val_accuracy for row in history if row.val_accuracy is not None]
    return TrialEnded(
        number=number,
        run=folder.id,
        state=end.state,
        reason=end.reason,
        epoch=last.epoch if last else 0,
        score=_score(history, results, metric) if end.state == "finished" else None,
        val_loss=last.val_loss if last else None,
        val_accuracy=last.val_accuracy if last else None,
        best_val_loss=min(losses, default=None),
        best_val_accuracy=max(accuracies, default=None),
        test_loss=end.test_loss,
        test_accuracy=end.test_accuracy,
        macro_f1=end.macro_f1,
        seconds=seconds,
    )


def finished_trial_events(number: int, folder: RunFolder, metric: Metric) -> Iterator[StudyEvent]:
    """Yield all events of a trial whose run ended while the study had no process."""
    state, results = replayed(folder.events_file), folder.results() or {}
    yield TrialBegan(number=number, run=folder.id, attempt=1, worker="")
    for row in state.history:
        if is_logged(row.epoch):
            yield TrialEpoch(number=number, epoch=row.epoch, val_loss=row.val_loss, val_accuracy=row.val_accuracy)
    yield read_trial_result(number, folder, metric, (results.get("timings") or {}).get("total", 0.0))


def failed_trial(number: int, run: str, reason: str, seconds: float) -> TrialEnded:
    """Return the event of a trial that failed without a result."""
    return TrialEnded(number=number, run=run, state="failed", reason=reason, seconds=seconds)


def _score(history: Sequence[EpochRow], results: dict[str, Any], metric: Metric) -> float | None:
    """The metric after the epoch whose weights the model has: the last, unless the best were restored."""
    at = results.get("weights_of_epoch")
    row = next((row for row in history if row.epoch == at), history[-1] if history else None)
    return None if row is None else getattr(row, metric)
