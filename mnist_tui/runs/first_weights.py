"""Read the weights of a run's first layer as pictures, from its checkpoint or its model, whichever is newer.

Both formats are read without TensorFlow and within limits, because such files can come from somebody else. The
configuration in a `model.keras`, which can name code to be run, is never used: the network is that of the run's
experiment. Weights in other files, and links, are refused.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.shapes import Shape
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.files import open_regular, read_arrays, read_json
from mnist_tui.runs.folder import RunFolder

if TYPE_CHECKING:
    import h5py


TRIES = 3
"""How often reading a checkpoint is tried: the worker may replace the arrays after their name was read."""


@dataclass(frozen=True, eq=False)
class FirstWeights:
    """The weights of each unit of the first layer.

    Attributes:
        layer: the layer's name, as in `complexity.of`.
        units: the word for its units: neurons or filters.
        pictures: float32 (units, rows, columns).
        epoch: the number of trained epochs; nan where it is not known.
        source: the file that the weights were read from.
        strong: the absolute value that 99.5 % of the weights do not exceed, for the scale of colours.
    """

    layer: str
    units: str
    pictures: NDArray[np.float32]
    epoch: float
    source: str
    strong: float


@dataclass(frozen=True)
class _FirstLayer:
    """The first layer with weights, and the shape of its pictures (rows, columns)."""

    name: str
    kind: str
    shape: tuple[int, int]


def first_weights(folder: RunFolder, experiment: Experiment) -> FirstWeights:
    """Return the newest weights of a run's first layer; raises a RunError if they cannot be shown as pictures."""
    layer, model, pointer = _first_layer(experiment), folder.model_file, folder.checkpoint_file
    if _time_changed(model) and _time_changed(model) >= _time_changed(pointer):
        kernel, epoch, source = _of_model(folder, layer, of(experiment).total)
    else:
        kernel, epoch, source = _of_checkpoint(pointer, layer)
    try:
        pictures = kernel.reshape(-1, kernel.shape[-1]).T.reshape(-1, *layer.shape).astype(np.float32)
    except (ValueError, IndexError, TypeError):
        raise RunError(f"The weights in {source} belong to another network.") from None
    sizes = np.abs(pictures[np.isfinite(pictures)])
    strong = float(np.quantile(sizes, 0.995)) if sizes.size else 0.0
    units = "filters" if layer.kind == "conv2d" else "neurons"
    return FirstWeights(layer.name, units, pictures, epoch, source, strong)


def _first_layer(experiment: Experiment) -> _FirstLayer:
    if isinstance(experiment.features, HogFeatures):
        raise RunError("The first layer reads HOG features, not pixels: its weights cannot be shown as pictures.")
    shape: Shape = experiment.input_shape
    for layer in of(experiment).layers:
        if layer.kind == "conv2d":
            if shape[2] != 1:
                raise RunError("The first convolution reads several channels: each filter is several pictures.")
            edge = next(layer.kernel_size for layer in experiment.layers if layer.kind == "conv2d")
            return _FirstLayer(layer.name, "conv2d", (edge, edge))
        if layer.kind == "dense":
            if len(shape) != 3 or shape[2] != 1:
                raise RunError("The first layer does not read one picture: its weights cannot be shown as pictures.")
            return _FirstLayer(layer.name, "dense", (shape[0], shape[1]))
        shape = shape if layer.kind == "flatten" else layer.output_shape
    raise RunError("The network has no layer with weights.")


def _time_changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _of_checkpoint(pointer: Path, layer: _FirstLayer) -> tuple[NDArray[Any], float, str]:
    if not pointer.is_file():
        raise RunError("There is no checkpoint yet; c on the training screen asks for one.")
    for tries_left in reversed(range(TRIES)):
        try:
            document = read_json(pointer)
            names, position = document["model"], document["position"]
            numbers = [number for number, name in enumerate(names) if name.endswith(f"{layer.name}/kernel")]
            if not numbers:
                raise RunError(f"it has no weights of {layer.name}")
            entry = f"model-{numbers[0]:05d}"
            kernel = read_arrays(pointer.parent / Path(document["arrays"]).name, [entry])[entry]
            source = "checkpoint" + (" inside the next epoch" if position["step"] else "")
            return kernel, float(position["epoch"]), source
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if not isinstance(error, FileNotFoundError) or not tries_left:
                raise RunError(f"The checkpoint cannot be read: {error}") from None
    raise AssertionError


def _of_model(folder: RunFolder, layer: _FirstLayer, parameters: int) -> tuple[NDArray[Any], float, str]:
    import h5py

    most = most_bytes(parameters)
    try:
        with h5py.File(weights_of(folder.model_file, most), "r") as file:
            kernel = array(file, f"layers/{layer.kind}/vars/0", most)
        epoch = float((folder.results() or {}).get("weights_of_epoch") or math.nan)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"model.keras cannot be read: {error}") from None
    return kernel, epoch, folder.model_file.name


WEIGHTS = "model.weights.h5"
"""The name of the weights file in a `.keras` archive."""


def most_bytes(parameters: int) -> int:
    """Return the largest accepted size, in bytes, of a weights file with so many parameters and an optimizer."""
    return 64_000_000 + 40 * parameters


def weights_of(path: Path, most: int) -> io.BytesIO:
    """Return the HDF5 file of the weights in a `.keras` archive.

    Args:
        most: the largest accepted size in bytes.

    Raises:
        OSError: the archive does not exist, is a link, or cannot be read.
        ValueError: the file is not such an archive, or its weights are too large.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            member = archive.getinfo(WEIGHTS)
            if member.file_size > most:
                raise ValueError(f"its weights are larger than {most:,} bytes")
            with archive.open(member) as inside:
                data = inside.read(most + 1)
    except KeyError:
        raise ValueError(f"it has no {WEIGHTS}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(str(error)) from None
    if len(data) > most:
        raise ValueError(f"its weights are larger than {most:,} bytes")
    return io.BytesIO(data)


def array(file: h5py.File, name: str, most: int) -> NDArray[Any]:
    """Return an array of an open weights file.

    Raises:
        ValueError: the array lies in another file, or is larger than `most` bytes.
        KeyError: there is no array of that name.
    """
    import h5py

    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.file.id != file.id or dataset.external or dataset.is_virtual:
        raise ValueError(f"{name} is not an array of this file")
    if dataset.nbytes > most:
        raise ValueError(f"{name} is larger than {most:,} bytes")
    return np.asarray(dataset)
