"""Where a training runs: the CPU or one GPU. Called once, before TensorFlow has started its devices."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from mnist_tui.experiment.problem import RequestError
from mnist_tui.training.backend import tf
from mnist_tui.training.machine import cpu_name, usable_cores


class DeviceError(RequestError):
    """A device that was asked for and is not there."""


@dataclass(frozen=True)
class Device:
    """The device in use.

    Attributes:
        name: ``CPU:0``, or ``GPU:`` and its index on this machine.
        hardware: its own name.
    """

    name: str
    hardware: str

    @property
    def is_gpu(self) -> bool:
        return self.name.startswith("GPU")


def choose(asked: str) -> Device:
    """Makes TensorFlow use the device, and no other GPU.

    Args:
        asked: auto (the first GPU, else the CPU), cpu, gpu or gpu:N.

    Raises:
        DeviceError: there is no such device.
    """
    gpus = tf.config.list_physical_devices("GPU")
    wanted = re.fullmatch(r"auto|cpu|gpu(?::(\d+))?", asked)
    if wanted is None:
        raise DeviceError(f"there is no device {asked!r}; auto, cpu, gpu and gpu:N are known")
    if asked == "cpu" or (asked == "auto" and not gpus):
        if gpus:
            tf.config.set_visible_devices([], "GPU")
        return Device("CPU:0", cpu_name())
    index = int(wanted[1] or 0)
    if index >= len(gpus):
        raise DeviceError(f"there is no {asked} here: {_seen(len(gpus))}; --device cpu trains without")
    tf.config.set_visible_devices([gpus[index]], "GPU")
    tf.config.experimental.set_memory_growth(gpus[index], True)
    details = tf.config.experimental.get_device_details(gpus[index])
    return Device(f"GPU:{index}", details.get("device_name", "GPU"))


def tf32(device: Device) -> bool | None:
    """Whether matrices of float32 may be multiplied in TensorFloat-32, TensorFlow's setting; None off GPUs."""
    return bool(tf.config.experimental.tensor_float_32_execution_enabled()) if device.is_gpu else None


def threads() -> int:
    """Threads over which TensorFlow spreads one operation on the CPU."""
    set_here = int(tf.config.threading.get_intra_op_parallelism_threads())
    from_outside = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return set_here or (int(from_outside) if from_outside.isdecimal() else 0) or usable_cores()


def has_gpus() -> bool:
    """Whether TensorFlow sees a GPU; starts none."""
    return bool(tf.config.list_physical_devices("GPU"))


def _seen(count: int) -> str:
    if count == 0:
        return 'TensorFlow finds no GPU (its CUDA libraries come with `pip install "mnist-tui[gpu]"`)'
    return f"TensorFlow finds {count}, gpu:0{f' to gpu:{count - 1}' if count > 1 else ''}"
