"""The export job: write a trained model's weights in the formats that other programs read."""

from __future__ import annotations

import errno
import gc
import json
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.hog import orientation_table
from mnist_tui.errors import RunError
from mnist_tui.experiment.presets import dump_preset, without_folder
from mnist_tui.experiment.shapes import Shape, hog_blocks, hog_cells, hog_length, pixels_shape
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.files import replacing, replacing_folder
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import Origin
from mnist_tui.runs.source_runs import check_weights_exportable, member_networks
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.weight_formats import IMAGES, PROBABILITIES, WEIGHT_FORMATS, csv_name
from mnist_tui.runs.worker_jobs import class_names
from mnist_tui.training import checkpoint, models
from mnist_tui.training.backend import tf

EPSILON, HYSTERESIS = 1e-5, 0.2
"""The constants of L2-Hys, as scikit-image has them."""
OPSET = 15
"""The operator set of ONNX files, which onnxruntime 1.10 (2021) and later versions can read."""


def whole(experiment: Experiment, weights: Sequence[NDArray[np.floating]]) -> Any:
    """Return a function from pixels to probabilities: the features and the model of an experiment, in float32.

    Args:
        weights: the result of the model's `get_weights`.

    Returns:
        A `tf.Module` whose function `predict` takes `images`, uint8 ``(n, height, width)``, or ``(n, height, width,
        3)`` in colour, and returns ``{"probabilities": float32 (n, classes)}`` with dropout off.
    """
    training = experiment.training.model_copy(update={"precision": "float32"})
    model = models.build(experiment.model_copy(update={"training": training}))
    model.set_weights(weights)
    for layer in model.layers:
        if getattr(getattr(layer, "activation", None), "__name__", "") == "gelu":
            # Keras' function, written with erf: tf2onnx does not know the erfc that Keras uses
            layer.activation = lambda values: 0.5 * values * (1.0 + tf.math.erf(values / math.sqrt(2.0)))
    spec = experiment.features

    def predict(images: Any) -> Any:
        scaled = tf.reshape(tf.cast(images, tf.float32), (-1, *experiment.image_shape)) / 255.0
        inputs = hog(images, spec) if isinstance(spec, HogFeatures) else scaled
        return {PROBABILITIES: model(inputs, training=False)}

    module = tf.Module(name="mnist_tui")
    signature = [tf.TensorSpec((None, *pixels_shape(experiment.image_shape)), tf.uint8, name=IMAGES)]
    module.predict = tf.function(predict, input_signature=signature, autograph=False)
    # converters and savers find only variables that are attributes of the module
    module.held = [variable.value for variable in model.variables]
    return module


def hog(images: Any, spec: HogFeatures) -> Any:
    """Return HOG features, which differ from those of `data.hog` only by the rounding of float32.

    The orientation is looked up, not computed, because many gradients of digits lie exactly on the edge of a bin.

    Args:
        images: uint8 ``(n, height, width)``, or ``(n, height, width, 3)`` in colour, height and width known; or
            float32 levels from 0 to 255, by which the features can be differentiated. Then each pixel's bin, which
            jumps, counts as constant: it is that of its gradient in whole levels.

    Returns:
        float32 ``(n, length)``.
    """
    height, width, *colours = images.shape[1:]
    image = (height, width, *(colours or [1]))
    levels = tf.reshape(images, (-1, *image))
    levels = levels if levels.dtype.is_floating else tf.cast(levels, tf.int32)
    along_rows = tf.pad(levels[:, 2:] - levels[:, :-2], [[0, 0], [1, 1], [0, 0], [0, 0]])
    along_columns = tf.pad(levels[:, :, 2:] - levels[:, :, :-2], [[0, 0], [0, 0], [1, 1], [0, 0]])
    if colours:
        # each pixel has the gradient of its colour with the largest one, as scikit-image's channel_axis chooses it
        largest = tf.argmax(along_rows * along_rows + along_columns * along_columns, axis=3, output_type=tf.int32)
        along_rows, along_columns = (
            tf.gather(each, largest, axis=3, batch_dims=3) for each in (along_rows, along_columns)
        )
    else:
        along_rows, along_columns = along_rows[..., 0], along_columns[..., 0]
    table = orientation_table(spec.orientations)
    table = tf.constant(table.astype(np.uint8 if spec.orientations < 256 else np.int32).ravel())
    row_steps, column_steps = _whole_steps(along_rows), _whole_steps(along_columns)
    bins = tf.cast(tf.gather(table, (row_steps + 255) * 511 + column_steps + 255), tf.int32)
    magnitudes = _roots(along_rows * along_rows + along_columns * along_columns)
    cells = [_cell_means(tf.where(bins == n, magnitudes, 0.0), spec.pixels_per_cell) for n in range(spec.orientations)]
    return _blocks(tf.stack(cells, axis=-1), spec, image)


def _whole_steps(steps: Any) -> Any:
    """Return differences of levels as int32 from -255 to 255."""
    return tf.cast(tf.clip_by_value(tf.round(steps), -255.0, 255.0), tf.int32) if steps.dtype.is_floating else steps


def _roots(squares: Any) -> Any:
    """Return square roots, float32; the derivative at 0, where there is none, is 0."""
    if not squares.dtype.is_floating:
        return tf.sqrt(tf.cast(squares, tf.float32))
    positive = squares > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, squares, 1.0)), 0.0)


def _cell_means(pixels: Any, side: int) -> Any:
    """Return the means of cells of pixels ``(n, height, width)``: ``(n, down, across)``; incomplete ones are unused."""
    down, across = hog_cells(pixels.shape[1:], side)
    used = pixels[:, : down * side, : across * side]
    return tf.reduce_sum(tf.reshape(used, (-1, down, side, across, side)), axis=[2, 4]) / side**2


def _blocks(cells: Any, spec: HogFeatures, image: Shape) -> Any:
    """Return ``(n, length)`` features of cells ``(n, down, across, orientations)``: blocks with L2-Hys (Lowe, 2004)."""

    def of_unit_length(blocks: Any) -> Any:
        return blocks / tf.sqrt(tf.reduce_sum(blocks * blocks, axis=-1, keepdims=True) + EPSILON**2)

    edge = spec.cells_per_block
    down, across = hog_blocks(image, spec.pixels_per_cell, edge)
    places = product(range(edge), repeat=2)
    blocks = tf.stack([cells[:, row : row + down, column : column + across] for row, column in places], axis=3)
    blocks = tf.reshape(blocks, (-1, down * across, edge**2 * spec.orientations))
    blocks = of_unit_length(tf.minimum(of_unit_length(blocks), HYSTERESIS))
    return tf.reshape(blocks, (-1, hog_length(image, **spec.settings)))


def averaged(members: Sequence[Any], method: str) -> Any:
    """Return a function from pixels to the predictions of an ensemble, in the manner of `whole`.

    Args:
        members: the results of `whole` for networks with the same images and classes.
        method: ``mean`` or ``vote``, as `runs.ensembles.combined` has them.
    """
    signature = members[0].predict.input_signature

    def predict(images: Any) -> Any:
        each = [member.predict.python_function(images)[PROBABILITIES] for member in members]
        mean = tf.add_n(each) / float(len(each))
        if method != "vote":
            return {PROBABILITIES: mean}
        classes = mean.shape[-1]
        votes = tf.add_n([tf.one_hot(tf.argmax(one, axis=1), classes) for one in each])
        is_most = votes >= tf.reduce_max(votes, axis=1, keepdims=True)
        return {PROBABILITIES: tf.one_hot(tf.argmax(tf.where(is_most, mean, -1.0), axis=1), classes)}

    module = tf.Module(name="mnist_tui")
    module.predict = tf.function(predict, input_signature=signature, autograph=False)
    module.members = list(members)
    return module


class Source:
    """A run's model, weights and function, each made when a format first needs it."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @cached_property
    def model(self) -> Any:
        model, _ = models.trained(self.folder, "model" if self.folder.model_file.exists() else "checkpoint")
        experiment = self.folder.preset().experiment
        return models.compiled(model, models.optimizer(experiment), experiment.training.label_smoothing)

    @cached_property
    def whole(self) -> Any:
        return whole(self.folder.preset().experiment, self.model.get_weights())

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Every weight by ``layer/weight`` (``dense_1/kernel``, ``batch_normalization_1/gamma``)."""
        named = ((layer.name, weight) for layer in self.model.layers for weight in layer.weights)
        return {f"{layer}/{weight.name}": np.array(weight.numpy()) for layer, weight in named}

    @cached_property
    def classes(self) -> str:
        """The names of the classes as a JSON list."""
        return json.dumps(class_names(self.folder), ensure_ascii=False)


class EnsembleSource(Source):
    """The networks of an ensemble as one function; it has no weights of its own."""

    def __init__(self, folder: RunFolder, origin: Origin) -> None:
        super().__init__(folder)
        self._method = origin.settings.get("method", "mean")
        self._members = member_networks(folder)

    @cached_property
    def whole(self) -> Any:
        return averaged([Source(member).whole for member in self._members], self._method)


def write_keras(source: Source, path: Path) -> None:
    """Write the model, with the optimizer's values if the run's model file has them."""
    model = source.model
    if source.folder.model_file.exists():
        model.optimizer.build(model.trainable_variables)
        with suppress(OSError, ValueError, KeyError):
            model.load_weights(source.folder.model_file)
    model.save(path)


def write_h5(source: Source, path: Path) -> None:
    """Write Keras' weights file; raise OSError if it cannot be written."""
    try:
        source.model.save_weights(path)
        return
    except (OSError, RuntimeError) as error:
        problem = disk_error(error)
        if problem is None:
            raise
    # HDF5 prints another error when it releases the file: make it do so before the message for the person
    gc.collect()
    raise problem


def disk_error(error: Exception) -> OSError | None:
    """Return the system's error that caused a library's error about a file; None for other errors."""
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
    number = getattr(error, "errno", None) or next((each for each in numbers if os.strerror(each) in str(error)), None)
    return OSError(number, os.strerror(number)) if number else None


def write_safetensors(source: Source, path: Path) -> None:
    """Write the arrays by name, with the experiment's TOML and the classes as metadata."""
    from safetensors.numpy import save

    about = {"experiment": dump_preset(without_folder(source.folder.preset())), "classes": source.classes}
    path.write_bytes(save({name: np.ascontiguousarray(array) for name, array in source.weights.items()}, about))


def write_csv(source: Source, folder: Path) -> None:
    """Write a file for each weight, in C order, with the last axis along a line; a vector has one value on a line.

    With nine digits a float32 is read back exactly.
    """
    for name, array in source.weights.items():
        lines = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
        np.savetxt(folder / csv_name(name), lines, delimiter=",", fmt="%.9g")


def write_savedmodel(source: Source, folder: Path) -> None:
    """Write TensorFlow's SavedModel with one signature, ``serving_default``; raise OSError if that is impossible."""
    try:
        tf.saved_model.save(source.whole, str(folder), signatures=source.whole.predict)
    except tf.errors.OpError as error:
        problem = disk_error(error)
        if problem is None:
            raise
        raise problem from None


def write_tflite(source: Source, path: Path) -> None:
    """Write LiteRT's flat buffer in float32, with one signature for any number of images."""
    concrete = source.whole.predict.get_concrete_function()
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], source.whole).convert())


def write_onnx(source: Source, path: Path) -> None:
    """Write ONNX of opset `OPSET`, after a check, with the classes as a property."""
    import onnx
    import tf2onnx

    predict = source.whole.predict
    model, _ = tf2onnx.convert.from_function(predict, input_signature=predict.input_signature, opset=OPSET)
    model.graph.name = "mnist_tui"
    used = {node.domain for node in model.graph.node}
    for entry in [entry for entry in model.opset_import if entry.domain not in used]:
        model.opset_import.remove(entry)
    onnx.helper.set_model_props(model, {"classes": source.classes})
    onnx.checker.check_model(model, full_check=True)
    names = [output.name for output in model.graph.output]
    if names != [PROBABILITIES]:
        raise AssertionError(f"the ONNX graph's outputs are {names}")
    path.write_bytes(model.SerializeToString())


WRITERS: dict[str, Callable[[Source, Path], None]] = {
    "keras": write_keras,
    "h5": write_h5,
    "npz": lambda source, path: np.savez(path, allow_pickle=False, **source.weights),
    "safetensors": write_safetensors,
    "onnx": write_onnx,
    "tflite": write_tflite,
    "savedmodel": write_savedmodel,
    "csv": write_csv,
}
"""The writer of each format in `runs.weight_formats.WEIGHT_FORMATS`, which writes to a path."""


def export(folder: RunFolder, formats: Sequence[str], out: Path) -> None:
    """Write the run's weights in several formats, and print the paths as a JSON list on stdout.

    Args:
        formats: keys of `runs.weight_formats.WEIGHT_FORMATS`.
        out: the folder to write to, which is made if it does not exist.

    Raises:
        RunError: a format is unknown, the run has no model, or `out` cannot be written.
    """
    unknown = [name for name in formats if name not in WEIGHT_FORMATS]
    if unknown:
        raise RunError(f"there is no weights format {unknown[0]!r}; choose from {', '.join(WEIGHT_FORMATS)}")
    check_weights_exportable(folder, formats)
    origin = folder.origin  # an ensemble's, or None
    if origin is None and not folder.model_file.exists():
        state = folder.state()
        if state in LIVE:
            raise RunError(f"run {folder.id} is {state}: it has a model once it has finished or been stopped")
        if not checkpoint.exists(folder.checkpoint):
            raise RunError(f"run {folder.id} has no model: it is {state} and left no checkpoint")
    source = Source(folder) if origin is None else EnsembleSource(folder, origin)
    paths: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in dict.fromkeys(formats):
            path = out / WEIGHT_FORMATS[name].file
            replaced = replacing if path.suffix else replacing_folder
            with replaced(path) as temporary:
                WRITERS[name](source, temporary)
            paths.append(path)
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror or error}") from None
    print(json.dumps([str(path.absolute()) for path in paths]), flush=True)
