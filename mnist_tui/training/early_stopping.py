"""Early stopping (Prechelt, 1998).

The rules are Keras': an improvement is one of more than `min_delta`; `patience` counts the epochs since the last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mnist_tui.experiment.spec import EarlyStopping
from mnist_tui.training.scorer import Scores
from mnist_tui.training.snapshot import BestSoFar
from mnist_tui.wording import counted


class EarlyStop:
    """Watches the epochs' validation scores."""

    def __init__(self, spec: EarlyStopping) -> None:
        self.spec = spec
        self.best: BestSoFar | None = None

    def saw(self, epoch: int, scores: Scores, model: Any) -> bool:
        """Takes an epoch's scores in, and the model's weights if they are the best; whether it is time to stop."""
        higher_is_better = self.spec.monitor == "val_accuracy"
        value = scores.accuracy if higher_is_better else scores.loss
        best = self.best
        gain = 0.0 if best is None else value - best.value if higher_is_better else best.value - value
        if best is None or gain > self.spec.min_delta:
            weights = tuple(model.get_weights()) if self.spec.restore_best_weights else ()
            self.best = BestSoFar(epoch, value, 0, weights)
        else:
            self.best = replace(best, waited=best.waited + 1)
        return self.best.waited >= self.spec.patience

    @property
    def reason(self) -> str:
        """Why it stopped, in words."""
        assert self.best is not None
        name = {"val_loss": "validation loss", "val_accuracy": "validation accuracy"}[self.spec.monitor]
        kept = ", whose weights were restored" if self.best.weights else ""
        epochs = counted(self.spec.patience, "epoch")
        return f"early stopping: the {name} has not improved for {epochs} since epoch {self.best.epoch}{kept}"
