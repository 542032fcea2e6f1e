"""Taking up a training where its checkpoint left it, and whether the bits can still be the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mnist_tui.runs.events import ModelBuilt
from mnist_tui.runs.folder import RunError
from mnist_tui.training import checkpoint
from mnist_tui.training.early_stopping import EarlyStop
from mnist_tui.training.engine import Training, TrainingOutcome
from mnist_tui.training.snapshot import TrainingSnapshot

DECISIVE = {
    "device_name": "device",
    "program": "program",
    "precision": "precision",
    "threads": "threads of an operation",
    "cpu_features": "CPU features",
    "tf32": "TensorFloat-32",
    "deterministic": "determinism",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
}
"""Fields of ModelBuilt that may change a result's last bits, in words."""


def restore(training: Training, folder: Path) -> TrainingSnapshot | None:
    """Puts `training` where the folder's checkpoint was taken.

    Returns:
        The checkpoint; None where there is none: then training begins anew.

    Raises:
        RunError: the checkpoint cannot be read, or is of another model.
    """
    if not checkpoint.exists(folder):
        return None
    snapshot = checkpoint.load(folder)
    for what, kept, variables in (
        ("model", snapshot.model, training.model.variables),
        ("optimizer", snapshot.optimizer, training.optimizer.variables),
    ):
        if [array.shape for array in kept] != [tuple(each.shape) for each in variables]:
            raise RunError(f"the checkpoint in {folder} holds other variables than this version's {what} has")
    training.restore(snapshot)
    _end_if_over(training, snapshot)
    return snapshot


def _end_if_over(training: Training, snapshot: TrainingSnapshot) -> None:
    """A worker may have died between early stopping and the run's last event."""
    spec = training.experiment.training.early_stopping
    if spec is not None and snapshot.best is not None and snapshot.best.waited >= spec.patience:
        early = EarlyStop(spec)
        early.best = snapshot.best
        training.outcome = TrainingOutcome("finished", early.reason)


def differences(earlier: ModelBuilt, now: ModelBuilt) -> str:
    """A warning that the last bits may differ, and why; empty where nothing that decides them has changed."""
    changed = [
        f"{words} {_word(was)} then, {_word(is_now)} now"
        for name, words in DECISIVE.items()
        if (was := getattr(earlier, name)) != (is_now := getattr(now, name)) and _known(was) and _known(is_now)
    ]
    if not changed:
        return ""
    return f"resumed in other circumstances, so the last bits of its figures may differ: {'; '.join(changed)}"


def _known(value: Any) -> bool:
    return isinstance(value, bool) or value not in (None, "", 0)


def _word(value: Any) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
