"""Load a run's trained model. Only arrays are read from the run's files, because arrays cannot execute code."""

from __future__ import annotations

import time
from typing import Any, Literal
from zipfile import BadZipFile

from mnist_tui.errors import RunError
from mnist_tui.runs import first_weights
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import LIVE
from mnist_tui.training import checkpoint

Source = Literal["model", "checkpoint"]
ATTEMPTS = 5
"""A live run replaces its checkpoint: one that was whole a moment ago may be gone."""
WAIT_SECONDS = 0.1


def newest(folder: RunFolder) -> Source:
    """Return where the newest weights are: in the model file of a run that has ended well, else in the checkpoint.

    Raises:
        RunError: there are none.
    """
    state = folder.state()
    has_model = folder.model_file.exists()
    if has_model and (state in ("finished", "stopped", "diverged") or not checkpoint.exists(folder.checkpoint)):
        return "model"
    if checkpoint.exists(folder.checkpoint):
        return "checkpoint"
    if state in LIVE:
        raise RunError(f"run {folder.id} is {state} and has saved nothing yet; it does after an epoch")
    raise RunError(f"run {folder.id} has no model: it is {state} and left no checkpoint")


def load(folder: RunFolder, source: Source) -> tuple[Any, int | None]:
    """Return the model, built from the run's experiment, with its weights; it is not compiled.

    Of a model file only the arrays are read: its configuration, which can name code to be run, is not used.

    Returns:
        The Keras model, and how many epochs the checkpoint had done; None for a model file.

    Raises:
        RunError: the weights cannot be read, or are another network's.
    """
    from mnist_tui.training import models

    model = models.build(folder.preset().experiment)
    if source == "model":
        try:
            first_weights.weights_of(folder.model_file, first_weights.most_bytes(int(model.count_params())))
            model.load_weights(folder.model_file)
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            said = str(error).strip().splitlines()
            raise RunError(f"{folder.model_file} cannot be read: {said[0] if said else type(error).__name__}") from None
        return model, None
    snapshot = _snapshot(folder)
    if [array.shape for array in snapshot.model] != [tuple(each.shape) for each in model.variables]:
        raise RunError(f"the checkpoint in {folder.checkpoint} holds other variables than this version's model has")
    for variable, value in zip(model.variables, snapshot.model, strict=True):
        variable.assign(value)
    return model, snapshot.position.epoch


def _snapshot(folder: RunFolder) -> checkpoint.TrainingSnapshot:
    for _ in range(ATTEMPTS - 1):
        try:
            return checkpoint.load(folder.checkpoint)
        except RunError:
            time.sleep(WAIT_SECONDS)
    return checkpoint.load(folder.checkpoint)
