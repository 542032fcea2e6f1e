"""The weights of a run's first layer as pictures: from its checkpoint or its model, whichever is newer.

Reads two formats without TensorFlow: the checkpoint's npz with the JSON beside it, and the HDF5 file in `model.keras`.
Nothing in them is executed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.arrays import read_arrays
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.shapes import Shape
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.files import read_json
from mnist_tui.runs import model_file
from mnist_tui.runs.folder import RunError, RunFolder

TRIES = 3
"""A worker may replace the checkpoint's arrays between the look at their name and their reading."""


@dataclass(frozen=True, eq=False)
class FirstWeights:
    """What each unit of the first layer weighs its inputs with.

    Attributes:
        layer: its name, as in `complexity.of`. units: what they are called, neurons or filters.
        pictures: float32 (units, rows, columns).
        epoch: after which they are, with a fraction inside an epoch. source: the file's name.
        strong: the size that 99.5 % of the weights do not exceed; for the colours' scale.
    """

    layer: str
    units: str
    pictures: NDArray[np.float32]
    epoch: float
    source: str
    strong: float


@dataclass(frozen=True)
class _Place:
    """Where the first layer's weights are, and the shape of what it sees (rows, columns)."""

    layer: str
    kind: str
    seen: tuple[int, int]


def first_weights(folder: RunFolder, experiment: Experiment) -> FirstWeights:
    """The newest there are.

    Raises:
        RunError: there are none to be had, or they are no pictures; the text is for the person.
    """
    place = _place(experiment)
    pointer = folder.checkpoint_file
    model = _changed(folder.model_file) and _changed(folder.model_file) >= _changed(pointer)
    parameters = of(experiment).total
    kernel, epoch, source = _of_model(folder, place, parameters) if model else _of_checkpoint(pointer, place)
    rows, columns = place.seen
    try:
        pictures = np.moveaxis(kernel.reshape(-1, kernel.shape[-1]), -1, 0).reshape(-1, rows, columns)
        pictures = pictures.astype(np.float32)
    except (ValueError, IndexError, TypeError):
        raise RunError(f"The weights in {source} are another network's.") from None
    sizes = np.abs(pictures[np.isfinite(pictures)])
    strong = float(np.quantile(sizes, 0.995)) if sizes.size else 0.0
    units = "filters" if place.kind == "conv2d" else "neurons"
    return FirstWeights(place.layer, units, pictures, epoch, source, strong)


def _place(experiment: Experiment) -> _Place:
    if isinstance(experiment.features, HogFeatures):
        raise RunError("The first layer reads HOG features, not pixels: its weights are no pictures.")
    shape: Shape = experiment.input_shape
    spread: Shape = shape
    for layer in of(experiment).layers:
        if layer.kind == "conv2d":
            return _conv_place(layer.name, experiment, spread)
        if layer.kind == "dense":
            if len(spread) != 3 or spread[2] != 1:
                raise RunError("The first layer's inputs are not one picture of pixels: its weights are no pictures.")
            return _Place(layer.name, "dense", (spread[0], spread[1]))
        spread = spread if layer.kind == "flatten" else layer.output_shape
    raise RunError("The network has no layer with weights.")


def _conv_place(name: str, experiment: Experiment, seen: Shape) -> _Place:
    edge = next(layer.kernel_size for layer in experiment.layers if layer.kind == "conv2d")
    if seen[2] != 1:
        raise RunError("The first convolution reads several channels: its filters are no single pictures.")
    return _Place(name, "conv2d", (edge, edge))


def _changed(path: Path) -> float:
    """When a file was last written, seconds since the Unix epoch; 0 where it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _of_checkpoint(pointer: Path, place: _Place) -> tuple[NDArray[Any], float, str]:
    if not pointer.is_file():
        raise RunError("There is no checkpoint yet; c on the training screen asks for one.")
    why: Exception | None = None
    for _ in range(TRIES):
        try:
            document = read_json(pointer)
            return _in_checkpoint(pointer.parent / Path(document["arrays"]).name, document, place)
        except FileNotFoundError as error:
            why = error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = error
            break
    raise RunError(f"The checkpoint cannot be read: {why}")


def _in_checkpoint(path: Path, document: dict[str, Any], place: _Place) -> tuple[NDArray[Any], float, str]:
    names: list[str] = document["model"]
    number = next((at for at, name in enumerate(names) if name.endswith(f"{place.layer}/kernel")), None)
    if number is None:
        raise RunError(f"The checkpoint has no weights of {place.layer}.")
    array = f"model-{number:05d}"
    kernel = read_arrays(path, [array])[array]
    position = document["position"]
    return kernel, float(position["epoch"]), "checkpoint" + (" inside the next epoch" if position["step"] else "")


def _of_model(folder: RunFolder, place: _Place, parameters: int) -> tuple[NDArray[Any], float, str]:
    import h5py

    most = model_file.most_bytes(parameters)
    try:
        with h5py.File(model_file.weights_of(folder.model_file, most), "r") as file:
            kernel = model_file.array(file, f"layers/{place.kind}/vars/0", most)
        epoch = float((folder.results() or {}).get("weights_of_epoch") or math.nan)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"model.keras cannot be read: {error}") from None
    return kernel, epoch, folder.model_file.name
