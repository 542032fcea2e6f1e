"""The load of the machine, of the worker and of the GPUs at a moment."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import psutil

from mnist_tui.runs import devices
from mnist_tui.runs.events import DeviceLoad, Gpu


class LoadMeter:
    """Reads loads; the first reading covers the time since the meter was made. GPUs by NVML, where there is one."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._cores = os.cpu_count() or 1
        self._process.cpu_percent()
        psutil.cpu_percent()
        self._nvml = devices.nvml()

    def read(self) -> DeviceLoad:
        """The load since the last reading."""
        memory = psutil.virtual_memory()
        return DeviceLoad(
            cpu=psutil.cpu_percent(),
            cores=self._cores,
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            worker_cpu=self._process.cpu_percent(),
            worker_memory=self._process.memory_info().rss,
            gpus=self._gpus(),
        )

    def _gpus(self) -> tuple[Gpu, ...]:
        nvml = self._nvml
        if nvml is None:
            return ()
        try:
            return tuple(_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount()))
        except nvml.NVMLError:
            return ()


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    name = nvml.nvmlDeviceGetName(handle)
    utilization = memory = temperature = power = None
    with suppress(nvml.NVMLError):
        utilization = float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    with suppress(nvml.NVMLError):
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    with suppress(nvml.NVMLError):
        temperature = float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    with suppress(nvml.NVMLError):
        power = nvml.nvmlDeviceGetPowerUsage(handle) / 1000
    return Gpu(
        index=index,
        name=name.decode() if isinstance(name, bytes) else name,
        utilization=utilization,
        memory_used=int(memory.used) if memory else None,
        memory_total=int(memory.total) if memory else None,
        temperature=temperature,
        power=power,
    )
