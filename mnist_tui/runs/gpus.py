"""NVIDIA's GPUs as the driver shows them (NVML), without TensorFlow. Nothing where there is no driver."""

from __future__ import annotations

from ctypes import CDLL
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

LIBRARY = "libnvidia-ml.so.1"


@dataclass(frozen=True)
class Memory:
    """A GPU's memory, bytes; `used` by all processes together."""

    used: int
    total: int


@cache
def nvml() -> Any:
    """NVML's binding, started; None where there is no driver."""
    try:
        CDLL(LIBRARY)  # a machine without it is spared the binding's slow import
        binding = import_module("pynvml")
    except (OSError, ImportError):
        return None
    try:
        binding.nvmlInit()
    except binding.NVMLError:
        return None
    return binding


def count() -> int:
    """GPUs of this machine."""
    binding = nvml()
    if binding is None:
        return 0
    try:
        return int(binding.nvmlDeviceGetCount())
    except binding.NVMLError:
        return 0


def memory(index: int) -> Memory | None:
    """The memory of a GPU; None where it cannot be told."""
    binding = nvml()
    if binding is None:
        return None
    try:
        told = binding.nvmlDeviceGetMemoryInfo(binding.nvmlDeviceGetHandleByIndex(index))
    except binding.NVMLError:
        return None
    return Memory(int(told.used), int(told.total))
