"""Whether a run's last epoch, whose weights are kept, happens to be a bad one among good ones."""

from __future__ import annotations

from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.diagnosis.finding import Finding, loss
from mnist_tui.runs.state import RunState
from mnist_tui.wording import percent

WORSE, LEAST = 1.25, 0.01
"""Against the lowest validation loss. Seeds of a converged training end within 10 % of it."""
RESTORES = "training.early_stopping.restore_best_weights"


def last_epoch(run: RunState, experiment: Experiment) -> Finding | None:
    """A run that ended on a validation loss well above its lowest.

    `diagnose` asks for it only where no rule about the curves has explained that.
    """
    best, stopping = run.best, experiment.training.early_stopping
    if run.live or best is None or (stopping is not None and stopping.restore_best_weights):
        return None
    last = run.history[-1]
    if last.val_loss is None or best.val_loss is None:
        return None
    if last.val_loss < max(WORSE * best.val_loss, best.val_loss + LEAST):
        return None
    evidence = (
        f"After the last epoch, {last.epoch}, the validation loss is {loss(last.val_loss)}; the lowest was "
        f"{loss(best.val_loss)}, after epoch {best.epoch}."
    )
    if last.val_accuracy is not None and best.val_accuracy is not None:
        evidence += f" Validation accuracy: {percent(best.val_accuracy)} then, {percent(last.val_accuracy)} now."
    keeps = "--patience 10 --validation 0.2" if stopping is None else f"--set {RESTORES}=true"
    advice = f"Have the best epoch's weights kept ({keeps}), or let the learning rate fall (--schedule cosine)."
    return Finding("last-epoch", "warning", "The last epoch is not a good one", evidence, advice, last.epoch)
