"""Writers of the formats that take more than a call of Keras'. Each writes to the very path that it is given."""

from __future__ import annotations

import errno
import gc
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.runs.exported import PROBABILITIES, csv_name

Arrays = Mapping[str, NDArray[np.floating]]
"""Weights by ``layer/weight``."""
OPSET = 15
"""Of ONNX: onnxruntime 1.10, of 2021, and everything later read it."""


def write_safetensors(weights: Arrays, path: Path, *, experiment: str, classes: tuple[str, ...]) -> None:
    """Arrays by name; the experiment's TOML and the classes, a JSON list, are the file's metadata."""
    from safetensors.numpy import save

    about = {"experiment": experiment, "classes": json.dumps(classes, ensure_ascii=False)}
    path.write_bytes(save({name: np.ascontiguousarray(array) for name, array in weights.items()}, about))


def write_csv(weights: Arrays, folder: Path) -> None:
    """A file a weight, in C order with the last axis along a line (a vector's values are a line each).

    Nine digits are what a float32 needs to come back as itself.
    """
    for name, array in weights.items():
        lines = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
        np.savetxt(folder / csv_name(name), lines, delimiter=",", fmt="%.9g")


def write_h5(model: Any, path: Path) -> None:
    """Keras' weights file.

    Raises:
        OSError: it cannot be written.
    """
    problem = None
    try:
        model.save_weights(path)
    except (OSError, RuntimeError) as error:
        problem = disk_error(error)
        if problem is None:
            raise
    if problem is not None:
        # HDF5 complains once more when it lets go of the file: now, not after the sentence that a person reads
        gc.collect()
        raise problem


def disk_error(error: Exception) -> OSError | None:
    """What a library's own error about a file that it cannot write means to the system; None for any other error."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        known = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
        number = next((number for number in known if os.strerror(number) in str(error)), None)
    return None if number is None else OSError(number, os.strerror(number))


def write_savedmodel(module: Any, folder: Path) -> None:
    """TensorFlow's SavedModel with one signature, ``serving_default``.

    Raises:
        OSError: it cannot be written.
    """
    from mnist_tui.training.backend import tf

    try:
        tf.saved_model.save(module, str(folder), signatures=module.predict)
    except tf.errors.OpError as error:
        problem = disk_error(error)
        if problem is None:
            raise
        raise problem from None


def write_tflite(module: Any, path: Path) -> None:
    """LiteRT's flat buffer in float32, with one signature and any number of images."""
    from mnist_tui.training.backend import tf

    concrete = module.predict.get_concrete_function()
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert())


def write_onnx(module: Any, path: Path, *, classes: tuple[str, ...]) -> None:
    """ONNX of opset `OPSET`, checked; the classes, a JSON list, are among its properties."""
    import onnx
    import tf2onnx

    predict = module.predict
    model, _ = tf2onnx.convert.from_function(predict, input_signature=predict.input_signature, opset=OPSET)
    model.graph.name = "mnist_tui"
    used = {node.domain for node in model.graph.node}
    for entry in [entry for entry in model.opset_import if entry.domain not in used]:
        model.opset_import.remove(entry)
    onnx.helper.set_model_props(model, {"classes": json.dumps(classes, ensure_ascii=False)})
    onnx.checker.check_model(model, full_check=True)
    names = [output.name for output in model.graph.output]
    if names != [PROBABILITIES]:
        raise AssertionError(f"the ONNX graph's outputs are {names}")
    path.write_bytes(model.SerializeToString())
