"""The weights that a run begins with, from another run or a Keras model file.

Equally named layers take them if all their weights have the same shapes. Only arrays and the names of layers are read,
within limits and without TensorFlow: the configuration in a `.keras` file, which can name code to be run, is not used.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.errors import RequestError
from mnist_tui.experiment.complexity import weight_shapes
from mnist_tui.experiment.shapes import Shape, written
from mnist_tui.experiment.spec import Experiment
from mnist_tui.paths import typed_path
from mnist_tui.runs import first_weights
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import find_run
from mnist_tui.wording import counted, listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Weights = dict[str, list[NDArray[np.floating[Any]]]]
    """The weights of layers, in Keras' order, by the layers' names."""

Shapes = dict[str, list[Shape]]
"""The shapes of layers' weights, in Keras' order, by the layers' names."""

MODEL_FILE = ".keras"


@dataclass(frozen=True)
class StartWeights:
    """The weights that an experiment takes from elsewhere.

    Attributes:
        layers: the weights of each layer that takes them.
        source: where they are from, in words: ``run 20260101-120000-cnn``.
        others: the layers with weights that keep their own first ones.
    """

    layers: Weights
    source: str
    others: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """What was taken: ``the weights of 1 layer (dense_1) are those of run X; output has random ones``."""
        taken = f"the weights of {counted(len(self.layers), 'layer')} ({listed(list(self.layers))})"
        verb = "has" if len(self.others) == 1 else "have"
        others = f"; {listed(list(self.others))} {verb} random ones" if self.others else ""
        return f"{taken} are those of {self.source}{others}"


def resolved(experiment: Experiment, runs_dir: Path) -> Experiment:
    """Return the experiment with the whole id of the run, or the absolute path of the file, that it begins with.

    Raises:
        RequestError: there is no such run or file, or none of its layers fits.
    """
    if experiment.start is None:
        return experiment
    name = experiment.start.run
    whole = str(typed_path(name).absolute()) if _is_file(name) else find_run(runs_dir, name).id
    experiment = experiment.model_copy(update={"start": experiment.start.model_copy(update={"run": whole})})
    read(experiment, runs_dir)
    return experiment


def read(experiment: Experiment, runs_dir: Path) -> StartWeights:
    """Read the weights that an experiment with a `start` begins with.

    Raises:
        RequestError: there is no such run or file, it cannot be read, or none of its layers fits.
    """
    assert experiment.start is not None
    name = experiment.start.run
    wanted: Shapes = {}
    for weight, shape in weight_shapes(experiment).items():
        wanted.setdefault(weight.partition("/")[0], []).append(shape)
    if _is_file(name):
        source, path = Path(name).name, typed_path(name)
        theirs, taken = _of_model_file(path, _most_bytes(experiment), wanted)
    else:
        folder = find_run(runs_dir, name)
        source, (theirs, taken) = f"run {folder.id}", _of_run(folder, wanted)
    if not taken:
        raise RequestError(
            f"no layer of {source} has the name and the shapes of a layer of this network: it has {_shapes(theirs)}; "
            f"this network has {_shapes(wanted)}"
        )
    return StartWeights(taken, source, tuple(layer for layer in wanted if layer not in taken))


def _is_file(name: str) -> bool:
    return name.endswith(MODEL_FILE)


MOST_SHOWN = 6
"""The most layers that the message of a refusal lists."""


def _shapes(layers: Shapes) -> str:
    texts = [f"{layer} {' and '.join(written(shape) for shape in shapes)}" for layer, shapes in layers.items()]
    more = [f"{len(texts) - MOST_SHOWN} more"] if len(texts) > MOST_SHOWN else []
    return listed([*texts[:MOST_SHOWN], *more]) if texts else "no layer with weights"


def _fitting(theirs: Shapes, wanted: Shapes) -> list[str]:
    """Return the names of the layers that are in both with the same shapes."""
    return [layer for layer, shapes in wanted.items() if theirs.get(layer) == shapes]


def _most_bytes(experiment: Experiment) -> int:
    return first_weights.most_bytes(sum(map(math.prod, weight_shapes(experiment).values())))


def _of_run(folder: RunFolder, wanted: Shapes) -> tuple[Shapes, Weights]:
    """Return the shapes of all layers of a run's network, and the weights of those that fit."""
    if folder.model_file.is_file():
        return _of_model_file(folder.model_file, _most_bytes(folder.preset().experiment), wanted)
    if not folder.checkpoint_file.is_file():
        raise RequestError(f"run {folder.id} has neither a model nor a checkpoint to begin with")
    theirs: Shapes = {}

    def chosen(shapes: dict[str, Shape]) -> list[str]:
        theirs.clear()
        for name, shape in shapes.items():
            theirs.setdefault(_layer_of(name), []).append(shape)
        fitting = _fitting(theirs, wanted)
        return [name for name in shapes if _layer_of(name) in fitting]

    weights: Weights = {}
    try:
        for name, array in first_weights.of_checkpoint(folder.checkpoint_file, chosen)[1].items():
            weights.setdefault(_layer_of(name), []).append(array)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise RequestError(f"the checkpoint of run {folder.id} cannot be read: {error}") from None
    return theirs, {layer: weights[layer] for layer in _fitting(theirs, wanted)}


def _layer_of(name: str) -> str:
    """Return the layer of a weight that a checkpoint names, such as ``cnn/dense_1/kernel``."""
    return name.split("/")[-2]


def _of_model_file(path: Path, most: int, wanted: Shapes) -> tuple[Shapes, Weights]:
    """Return the shapes of all layers in a `.keras` file, and the weights of those that fit.

    Keras writes the layers' names beside their arrays.

    Args:
        most: the largest accepted size of all weights in bytes.
    """
    import h5py

    try:
        with h5py.File(first_weights.weights_of(path, most), "r") as file:
            places: dict[str, list[str]] = {}
            theirs: Shapes = {}
            layers: Any = file["layers"]
            for place in layers:
                variables = layers[place]["vars"]
                numbers = sorted((number for number in variables if re.fullmatch(r"\d+", number)), key=int)
                if numbers:
                    layer = str(variables.attrs.get("name", place))
                    places[layer] = [f"layers/{place}/vars/{number}" for number in numbers]
                    theirs[layer] = [variables[number].shape for number in numbers]
            fitting = _fitting(theirs, wanted)
            return theirs, {
                layer: [first_weights.array(file, name, most) for name in places[layer]] for layer in fitting
            }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"{path} cannot be read as a Keras model: {error}") from None
