"""TensorFlow and Keras: their import, the device and threads, determinism, and examples on the device.

Settings that must precede or follow the import are made here. TensorFlow fixes devices and threads when it starts them,
so that in a process that trains run after run the first run decides.

On a CPU the same experiment, seed, machine and number of threads always give the same bits. On a GPU they do only with
TensorFlow's determinism, also for XLA's programs: it takes kernels that add in a fixed order, and chooses no kernel by
its measured speed. That can cost speed; how much is not measured here.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.runs.devices import usable_cores
from mnist_tui.training.machine import cpu_name

OPTIONAL = ("jax", "pandas", "scipy", "sklearn")
"""Packages that TensorFlow and Keras import if they are installed, for features that no run needs.

Keras uses scikit-learn and pandas for wrappers of its models, TensorFlow's converter uses JAX, its older Keras SciPy.
On two cores they take 2 of the import's 10 seconds, with JAX 3.5 of 11.3 and 180 MB.
"""
TURN_SECONDS = 0.0005
"""The interval for Python's lock. Reading releases the lock every few kilobytes; with the usual 5 ms to get it back,
half a second becomes seven."""


class Absent(MetaPathFinder):
    """A context in which packages that are not yet imported seem not to be installed, for the thread that enters it.

    Args:
        packages: names of top-level packages.
    """

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = frozenset(packages)
        self._thread = 0

    def __enter__(self) -> None:
        self._thread = threading.get_ident()
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if threading.get_ident() == self._thread and fullname.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"{fullname} is not looked for now", name=fullname)
        return None


@contextmanager
def short_turns() -> Generator[None]:
    """Let threads alternate more often during the block."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

# neither library has usable types
with Absent(OPTIONAL), short_turns():
    tf: Any = import_module("tensorflow")
    keras: Any = import_module("keras")

# a user's keras.json may have other values
keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")


def forget() -> None:
    """Free the memory that Keras and TensorFlow would keep for ever for networks that are no longer used.

    TensorFlow registers the gradient of every all-reduce in a traced optimizer update, and with it the whole graph and
    its data: 70 MB for each network trained on MNIST.
    """
    keras.utils.clear_session(free_memory=False)
    registry = import_module("tensorflow.python.framework.ops").gradient_registry
    for name in [each for each in registry.list() if each.startswith("CustomGradient-")]:
        del registry._registry[name]


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
        features: float32 ``(n, length)``, or uint8 pixels ``(n, 28, 28)``, which are scaled to 0..1 when they are used:
            a quarter of the memory, and as fast.
        labels: ``(n,)``, 0 to 9.
    """

    def __init__(self, features: NDArray[Any], labels: NDArray[Any]) -> None:
        self.count = len(labels)
        self.rows = tf.constant(features.reshape(self.count, -1))
        self.labels = tf.constant(labels.astype(np.int32))

    @property
    def row_spec(self) -> Any:
        return tf.TensorSpec((None, self.rows.shape[1]), self.rows.dtype)

    @staticmethod
    def inputs(rows: Any) -> Any:
        """Return the network's inputs for some rows: pixels ``(n, 28, 28, 1)`` in 0..1, or unchanged features."""
        if rows.dtype != tf.uint8:
            return rows
        return tf.reshape(tf.cast(rows, tf.float32) / 255.0, (-1, IMAGE_EDGE, IMAGE_EDGE, 1))
