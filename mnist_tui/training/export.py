"""The export job: a trained model's weights in the formats that other programs read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnist_tui.experiment.files import replacing
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.state import LIVE
from mnist_tui.training import checkpoint

FILES = {"keras": "model.keras", "h5": "model.weights.h5", "npz": "weights.npz"}


def export(folder: RunFolder, formats: Sequence[str], out: Path) -> None:
    """Writes the run's weights and prints the paths, a JSON list, on stdout.

    Args:
        formats: of `FILES`: keras (the whole model), h5 (Keras' weights file), npz (arrays named ``layer/weight``).
        out: the folder to write to; made if need be.

    Raises:
        RunError: a format is unknown, the run has no model, or `out` cannot be written.
    """
    unknown = [name for name in formats if name not in FILES]
    if unknown:
        raise RunError(f"there is no weights format {unknown[0]!r}; {', '.join(FILES)} are")
    _check_source(folder)
    paths = [out / FILES[name] for name in dict.fromkeys(formats)]
    try:
        out.mkdir(parents=True, exist_ok=True)
        if folder.model_file.exists() and set(formats) == {"keras"}:
            _copy(folder.model_file, paths[0])
        else:
            model = _model(folder)
            for path in paths:
                _write(model, folder, path)
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror or error}") from None
    print(json.dumps([str(path.absolute()) for path in paths]), flush=True)


def _check_source(folder: RunFolder) -> None:
    if folder.model_file.exists():
        return
    state = folder.state()
    if state in LIVE:
        raise RunError(f"run {folder.id} is {state}: it has a model once it has finished or been stopped")
    if not checkpoint.exists(folder.checkpoint):
        raise RunError(f"run {folder.id} has no model: it is {state} and left no checkpoint")


def _model(folder: RunFolder) -> Any:
    from mnist_tui.training import models, saved

    model, _ = saved.load(folder, "model" if folder.model_file.exists() else "checkpoint")
    return models.compiled(model, models.optimizer(folder.preset().experiment))


def _write(model: Any, folder: RunFolder, path: Path) -> None:
    if path.name == FILES["keras"] and folder.model_file.exists():
        _copy(folder.model_file, path)
        return
    with replacing(path) as temporary:
        if path.name == FILES["keras"]:
            model.save(temporary)
        elif path.name == FILES["h5"]:
            model.save_weights(temporary)
        else:
            np.savez(temporary, allow_pickle=False, **named_weights(model))


def named_weights(model: Any) -> dict[str, Any]:
    """Every weight by ``layer/weight`` (``dense_1/kernel``, ``batch_normalization_1/gamma``), float32."""
    return {
        f"{layer.name}/{weight.name}": np.array(weight.numpy()) for layer in model.layers for weight in layer.weights
    }


def _copy(source: Path, path: Path) -> None:
    if path.exists() and path.samefile(source):
        return
    with replacing(path) as temporary:
        shutil.copyfile(source, temporary)
