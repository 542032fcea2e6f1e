"""Read the weights of a run's first layer as pictures, from its checkpoint or its model, whichever is newer.

Both formats are read without TensorFlow and within limits, because such files can come from somebody else. The
configuration in a `model.keras`, which can name code to be run, is never used: the network is that of the run's
experiment. Weights in other files, and links, are refused.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.shapes import Shape, hog_blocks, hog_cells
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.files import open_regular, read_array_shapes, read_arrays, read_json
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
        pictures: float32 (units, rows, columns), or (units, rows, columns, 3) for a network that reads colour images;
            for one that reads HOG features (units, cells down, cells across, orientations), with the sum of the weights
            of a cell in all blocks that it belongs to.
        epoch: the number of trained epochs; nan where it is not known.
        source: the file that the weights were read from.
        strong: the absolute value that 99.5 % of the weights do not exceed, for the scale of colours.
        is_hog: whether the weights are those of HOG features.
    """

    layer: str
    units: str
    pictures: NDArray[np.float32]
    epoch: float
    source: str
    strong: float
    is_hog: bool = False


KERNELS = {"conv2d": "kernel", "depthwise_conv2d": "kernel", "separable_conv2d": "depthwise_kernel", "dense": "kernel"}
"""The kinds of layers whose weights are shown, and Keras' names of these weights."""


@dataclass(frozen=True)
class _FirstLayer:
    """The first layer with weights, the shape of the images, and the HOG features that it reads instead of pixels."""

    name: str
    kind: str
    image: Shape
    hog: HogFeatures | None = None

    def pictures_of(self, kernel: NDArray[Any]) -> NDArray[np.float32]:
        """Return a kernel as `FirstWeights.pictures`; raises a ValueError if it has not this layer's shape."""
        if self.hog is not None:
            return _cell_weights(kernel, self.image, self.hog)
        channels = self.image[2]
        if self.kind == "dense":
            values = kernel.T.reshape(-1, *self.image)
        elif kernel.ndim != 4 or kernel.shape[2] != channels:
            raise ValueError(f"a kernel of shape {kernel.shape}")
        elif self.kind == "conv2d":
            values = kernel.transpose(3, 0, 1, 2)
        else:  # a filter reads one channel
            values = kernel.transpose(2, 3, 0, 1).reshape(-1, *kernel.shape[:2], 1)
        return (values[..., 0] if values.shape[3] == 1 else values).astype(np.float32)


def _cell_weights(kernel: NDArray[Any], image: Shape, hog: HogFeatures) -> NDArray[np.float32]:
    """Return the weights of HOG features (features, units) by cell, as `FirstWeights.pictures`."""
    edge = hog.cells_per_block
    down, across = hog_blocks(image, hog.pixels_per_cell, edge)
    blocks = kernel.T.reshape(-1, down, across, edge, edge, hog.orientations)
    cells = np.zeros((len(blocks), *hog_cells(image, hog.pixels_per_cell), hog.orientations), np.float32)
    for row, column in product(range(edge), repeat=2):
        cells[:, row : row + down, column : column + across] += blocks[:, :, :, row, column]
    return cells


def first_weights(folder: RunFolder, experiment: Experiment) -> FirstWeights:
    """Return the newest weights of a run's first layer; raises a RunError if they cannot be shown as pictures."""
    layer, model, pointer = _first_layer(experiment), folder.model_file, folder.checkpoint_file
    if _time_changed(model) and _time_changed(model) >= _time_changed(pointer):
        kernel, epoch, source = _of_model(folder, layer, of(experiment).total)
    else:
        kernel, epoch, source = _of_checkpoint(pointer, layer)
    try:
        pictures = layer.pictures_of(kernel)
    except (ValueError, IndexError, TypeError):
        raise RunError(f"The weights in {source} belong to another network.") from None
    sizes = np.abs(pictures[np.isfinite(pictures)])
    strong = float(np.quantile(sizes, 0.995)) if sizes.size else 0.0
    units = "neurons" if layer.kind == "dense" else "filters"
    return FirstWeights(layer.name, units, pictures, epoch, source, strong, layer.hog is not None)


def _first_layer(experiment: Experiment) -> _FirstLayer:
    hog = experiment.features if isinstance(experiment.features, HogFeatures) else None
    shape: Shape = experiment.input_shape
    for layer in of(experiment).layers:
        if layer.kind in KERNELS:
            if hog is not None and layer.kind == "dense" and shape == experiment.input_shape:
                return _FirstLayer(layer.name, layer.kind, experiment.image_shape, hog)
            if len(shape) != 3 or shape[2] != experiment.image_shape[2]:
                raise RunError("The first layer does not read one picture: its weights cannot be shown as pictures.")
            return _FirstLayer(layer.name, layer.kind, shape)
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
    kernel = f"{layer.name}/{KERNELS[layer.kind]}"
    try:
        document, found = of_checkpoint(pointer, lambda shapes: [name for name in shapes if name.endswith(kernel)][:1])
        if not found:
            raise ValueError(f"it has no weights of {layer.name}")
        epoch, step = float(document["position"]["epoch"]), document["position"]["step"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"The checkpoint cannot be read: {error}") from None
    return next(iter(found.values())), epoch, "checkpoint" + (" inside the next epoch" if step else "")


def of_checkpoint(
    pointer: Path, chosen: Callable[[dict[str, Shape]], Iterable[str]]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a checkpoint's document, and some of its network's weights by their names, such as ``cnn/dense_1/kernel``.

    Reading is tried again if the worker replaces the arrays meanwhile.

    Args:
        pointer: the checkpoint's JSON file, which names the file of the arrays.
        chosen: receives the shapes of all weights, in Keras' order, and returns the names of those to be read.

    Raises:
        OSError, ValueError, KeyError, TypeError: the checkpoint cannot be read.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            document = read_json(pointer)
            arrays = pointer.parent / Path(str(document["arrays"])).name
            entries = {str(name): f"model-{number:05d}" for number, name in enumerate(document["model"])}
            shapes = read_array_shapes(arrays)
            wanted = list(chosen({name: shapes[entry] for name, entry in entries.items()}))
            found = read_arrays(arrays, [entries[name] for name in wanted])
            return document, {name: found[entries[name]] for name in wanted}
        except FileNotFoundError:
            if not tries_left:
                raise
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
