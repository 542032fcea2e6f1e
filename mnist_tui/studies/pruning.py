"""Which trials are hopeless by their validation curve: the median stopping rule (Golovin et al., 2017), by Optuna.

A trial is stopped where the best it has shown so far is worse than the median of what the finished ones showed after
the same epoch; not before some have finished, and not in its first epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median
from typing import TYPE_CHECKING

from mnist_tui.studies.spec import Metric
from mnist_tui.studies.state import TrialRow

if TYPE_CHECKING:
    import optuna

FINISHED_FIRST = 5
"""Trials that must have finished before any is stopped."""
WARM_UP_SHARE = 0.2
"""Of a trial's epochs, in which it is not stopped; at least WARM_UP_EPOCHS."""
WARM_UP_EPOCHS = 2
METRIC_NAMES = {"val_accuracy": "validation accuracy", "val_loss": "validation loss"}


class Pruner:
    """Judges trials against those that have finished.

    Args:
        metric: what trials are compared by.
        rows: those that there are already.
    """

    def __init__(self, metric: Metric, rows: Iterable[TrialRow] = ()) -> None:
        self._metric: Metric = metric
        self._finished: list[TrialRow] = []
        self._study: optuna.Study | None = None
        for row in rows:
            self.ended(row)

    def ended(self, row: TrialRow) -> None:
        """Takes a trial that has ended into the comparison, if it finished."""
        if row.state == "finished" and row.curve:
            self._finished.append(row)
            if self._study is not None:
                self._study.add_trial(_trial(row, ended=True))

    def hopeless(self, row: TrialRow) -> str:
        """Why a trial under way is to be stopped, in a sentence; empty where it is not.

        Args:
            row: with its curve up to the newest epoch that was told.
        """
        warm = max(WARM_UP_EPOCHS, math.ceil(WARM_UP_SHARE * row.epochs))
        if not row.curve or row.epoch <= warm or row.epoch >= row.epochs or len(self._finished) < FINISHED_FIRST:
            return ""
        import optuna

        # warm-up is counted here: Optuna's is one number for all trials, and theirs may differ in length
        rule = optuna.pruners.MedianPruner(n_startup_trials=FINISHED_FIRST, n_min_trials=FINISHED_FIRST)
        if not rule.prune(self._others(), _trial(row, ended=False)):
            return ""
        epoch = row.curve[-1][0]
        others = [value for other in self._finished for at, value in other.curve if at == epoch]
        shown = [value for _, value in row.curve]
        best = max(shown) if self._metric == "val_accuracy" else min(shown)
        return (
            f"pruned after epoch {epoch}: its best {METRIC_NAMES[self._metric]} so far, {self._figure(best)}, is worse than "
            f"{self._figure(median(others))}, the median of {len(others)} finished trials after that epoch"
        )

    def _others(self) -> optuna.Study:
        if self._study is None:
            import optuna

            optuna.logging.set_verbosity(optuna.logging.WARNING)
            self._study = optuna.create_study(direction="maximize" if self._metric == "val_accuracy" else "minimize")
            self._study.add_trials([_trial(row, ended=True) for row in self._finished])
        return self._study

    def _figure(self, value: float) -> str:
        return f"{100 * value:.2f} %" if self._metric == "val_accuracy" else f"{value:.4f}"


def _trial(row: TrialRow, *, ended: bool) -> optuna.trial.FrozenTrial:
    import optuna

    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.COMPLETE if ended else optuna.trial.TrialState.RUNNING,
        value=row.curve[-1][1] if ended else None,
        intermediate_values=dict(row.curve),
    )
