"""The device of a training: the CPU or one GPU, its threads, its determinism, and the examples that stay on it.

TensorFlow fixes devices and threads when it starts them, so that in a process that trains run after run the first run
decides.

On a CPU the same experiment, seed, machine and number of threads always give the same bits. On a GPU they do only with
TensorFlow's determinism, also for XLA's programs: it takes kernels that add in a fixed order, and chooses no kernel by
its measured speed. That can cost speed; how much is not measured here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import Shape, image_of_pixels
from mnist_tui.runs.devices import usable_cores
from mnist_tui.runs.processor import cpu_name
from mnist_tui.training.backend import tf

# TensorFlow's public module can neither turn determinism off again nor report whether it is on
_determinism: Any = import_module("tensorflow.python.framework.config")


class DeviceError(RequestError):
    """A requested device that cannot be used."""


@dataclass(frozen=True)
class Device:
    """The device that a run is computed on: ``CPU:0`` or ``GPU:N``, and the hardware's name."""

    name: str
    hardware: str

    @property
    def is_gpu(self) -> bool:
        return self.name.startswith("GPU")


def choose(requested: str, requested_threads: int | None = None) -> Device:
    """Make TensorFlow use this device, no other GPU, and this number of threads.

    Args:
        requested: auto (the first GPU, else the CPU), cpu, gpu or gpu:N.
        requested_threads: the number of threads of one operation on the CPU, and of simultaneous operations; None for
            TensorFlow's choice.

    Raises:
        DeviceError: the device does not exist, or this process has started with another device or number of threads.
    """
    if requested_threads is not None and requested_threads != threads():
        with _before_its_start(f"--threads {requested_threads}", f"over {threads()}"):
            tf.config.threading.set_intra_op_parallelism_threads(requested_threads)
            tf.config.threading.set_inter_op_parallelism_threads(requested_threads)
    gpus = tf.config.list_physical_devices("GPU")
    wanted = re.fullmatch(r"auto|cpu|gpu(?::(\d+))?", requested)
    if wanted is None:
        raise DeviceError(f"there is no device {requested!r}; choose auto, cpu, gpu or gpu:N")
    if requested == "cpu" or (requested == "auto" and not gpus):
        if gpus:
            with _before_its_start("--device cpu", "on a GPU"):
                tf.config.set_visible_devices([], "GPU")
        return Device("CPU:0", cpu_name())
    index = int(wanted[1] or 0)
    if index >= len(gpus):
        gpus_found = 'TensorFlow finds no GPU (its CUDA libraries come with `pip install "mnist-tui[gpu]"`)'
        if gpus:
            gpus_found = f"TensorFlow finds {len(gpus)}, gpu:0{f' to gpu:{len(gpus) - 1}' if len(gpus) > 1 else ''}"
        raise DeviceError(f"there is no {requested} here: {gpus_found}; --device cpu trains without")
    with _before_its_start(f"--device gpu:{index}", "on another device"):
        tf.config.set_visible_devices([gpus[index]], "GPU")
        tf.config.experimental.set_memory_growth(gpus[index], True)
    details = tf.config.experimental.get_device_details(gpus[index])
    return Device(f"GPU:{index}", details.get("device_name", "GPU"))


@contextmanager
def _before_its_start(option: str, instead: str) -> Generator[None]:
    try:
        yield
    except RuntimeError:
        raise DeviceError(f"{option} is not possible: this worker computes {instead} since its first run") from None


def set_determinism(device: Device, wanted: bool) -> None:
    """Switch determinism on or off on a GPU; a CPU always computes the same bits."""
    if device.is_gpu:
        (_determinism.enable_op_determinism if wanted else _determinism.disable_op_determinism)()


def deterministic(device: Device) -> bool | None:
    """Return whether a GPU computes the same bits each time; None for a CPU."""
    return bool(_determinism.is_op_determinism_enabled()) if device.is_gpu else None


def tf32(device: Device) -> bool | None:
    """Return whether float32 matrices may be multiplied in TensorFloat-32, TensorFlow's setting; None for a CPU."""
    return bool(tf.config.experimental.tensor_float_32_execution_enabled()) if device.is_gpu else None


def threads() -> int:
    """Return the number of threads of one TensorFlow operation on the CPU."""
    set_here = int(tf.config.threading.get_intra_op_parallelism_threads())
    from_outside = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return set_here or (int(from_outside) if from_outside.isdecimal() else 0) or usable_cores()


class Resident:
    """Labelled examples that stay on the device for a whole training.

    Args:
        features: float32 ``(n, length)``, or uint8 pixels ``(n, height, width)``, in colour ``(n, height, width, 3)``,
            which are scaled to 0..1 when they are used: a quarter of the memory, and as fast.
        labels: ``(n,)``, from 0.

    Attributes:
        shape: that of one example as the network takes it: ``(length,)`` or ``(height, width, channels)``.
    """

    def __init__(self, features: NDArray[Any], labels: NDArray[Any]) -> None:
        self.count, shape = len(labels), features.shape[1:]
        self.shape: Shape = image_of_pixels(shape) if features.dtype == np.uint8 else shape
        self.rows = tf.constant(features.reshape(self.count, -1))
        self.labels = tf.constant(labels.astype(np.int32))

    @property
    def row_spec(self) -> Any:
        return tf.TensorSpec((None, self.rows.shape[1]), self.rows.dtype)

    def inputs(self, rows: Any) -> Any:
        """Return the network's inputs for some rows, as `network_inputs` does."""
        return network_inputs(rows, self.shape)


def network_inputs(rows: Any, shape: Shape) -> Any:
    """Return the network's inputs for rows of `Resident`: pixels ``(n, *shape)`` in 0..1, or unchanged features.

    Args:
        rows: uint8 or float32 ``(n, length)``.
        shape: the height, the width and the channels of an image.
    """
    return tf.reshape(scaled(rows), (-1, *shape)) if rows.dtype == tf.uint8 else rows


def scaled(pixels: Any) -> Any:
    """Return uint8 pixels as float32 in 0..1."""
    return tf.cast(pixels, tf.float32) / 255.0
