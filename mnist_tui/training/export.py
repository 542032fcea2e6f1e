"""The export job: a trained model's weights in the formats that other programs read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.presets import dump_preset
from mnist_tui.files import replacing, replacing_folder
from mnist_tui.runs.exported import FILES
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.predictor import class_names
from mnist_tui.runs.state import LIVE
from mnist_tui.training import checkpoint


def export(folder: RunFolder, formats: Sequence[str], out: Path) -> None:
    """Writes the run's weights and prints the paths, a JSON list, on stdout.

    Args:
        formats: of `runs.exported.FILES`.
        out: the folder to write to; made if need be.

    Raises:
        RunError: a format is unknown, the run has no model, or `out` cannot be written.
    """
    unknown = [name for name in formats if name not in FILES]
    if unknown:
        raise RunError(f"there is no weights format {unknown[0]!r}; {', '.join(FILES)} are")
    _check_source(folder)
    source = _Source(folder)
    paths: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in dict.fromkeys(formats):
            path = out / FILES[name]
            replaced = replacing if path.suffix else replacing_folder
            with replaced(path) as temporary:
                _WRITERS[name](source, temporary)
            paths.append(path)
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


class _Source:
    """What the formats are made from, each thing made once and only if need be."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @cached_property
    def model(self) -> Any:
        """Built from the run's experiment, never from the configuration in a file: a run can be somebody else's."""
        from mnist_tui.training import models, saved

        model, _ = saved.load(self.folder, "model" if self.folder.model_file.exists() else "checkpoint")
        return models.compiled(model, models.optimizer(self.folder.preset().experiment))

    @cached_property
    def whole(self) -> Any:
        from mnist_tui.training.export_whole import whole

        return whole(self.folder.preset().experiment, self.model.get_weights())

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        return named_weights(self.model)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return class_names(self.folder)


def named_weights(model: Any) -> dict[str, NDArray[np.float32]]:
    """Every weight by ``layer/weight`` (``dense_1/kernel``, ``batch_normalization_1/gamma``), float32."""
    return {
        f"{layer.name}/{weight.name}": np.array(weight.numpy()) for layer in model.layers for weight in layer.weights
    }


def _keras(source: _Source, path: Path) -> None:
    """Write the model with its optimizer's values, where the run's model has them."""
    model = source.model
    if source.folder.model_file.exists():
        model.optimizer.build(model.trainable_variables)
        with suppress(OSError, ValueError, KeyError):
            model.load_weights(source.folder.model_file)
    model.save(path)


def _h5(source: _Source, path: Path) -> None:
    from mnist_tui.training.export_formats import write_h5

    write_h5(source.model, path)


def _npz(source: _Source, path: Path) -> None:
    np.savez(path, allow_pickle=False, **source.weights)


def _safetensors(source: _Source, path: Path) -> None:
    from mnist_tui.training.export_formats import write_safetensors

    experiment = dump_preset(source.folder.preset())
    write_safetensors(source.weights, path, experiment=experiment, classes=source.classes)


def _csv(source: _Source, folder: Path) -> None:
    from mnist_tui.training.export_formats import write_csv

    write_csv(source.weights, folder)


def _onnx(source: _Source, path: Path) -> None:
    from mnist_tui.training.export_formats import write_onnx

    write_onnx(source.whole, path, classes=source.classes)


def _tflite(source: _Source, path: Path) -> None:
    from mnist_tui.training.export_formats import write_tflite

    write_tflite(source.whole, path)


def _savedmodel(source: _Source, folder: Path) -> None:
    from mnist_tui.training.export_formats import write_savedmodel

    write_savedmodel(source.whole, folder)


_WRITERS: dict[str, Callable[[_Source, Path], None]] = {
    "keras": _keras,
    "h5": _h5,
    "npz": _npz,
    "safetensors": _safetensors,
    "onnx": _onnx,
    "tflite": _tflite,
    "savedmodel": _savedmodel,
    "csv": _csv,
}
