"""The machine of a run: system, processor, memory, versions, and the load at a moment.

The packages whose versions are reported are not imported.
"""

from __future__ import annotations

import os
import platform
import socket
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from mnist_tui.runs import devices
from mnist_tui.runs.events import DeviceLoad, Gpu
from mnist_tui.runs.processor import cpu_name

PACKAGES = ("tensorflow", "keras", "numpy", "numba", "scikit-learn", "scikit-image", "mnist-tui")


def facts() -> dict[str, Any]:
    """Return a description of machine and software for `RunStarted.platform`; memory in bytes."""
    return {
        "os": operating_system(),
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "cores": os.cpu_count() or 1,
        "memory": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "host": socket.gethostname(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the installed versions of the packages that decide a run's figures."""
    installed: dict[str, str] = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    return installed


def operating_system() -> str:
    """Return the operating system's name with the kernel's release."""
    kernel = f"{platform.system()} {platform.release()}"
    with suppress(OSError):
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']} ({kernel})"
    return kernel


class LoadMeter:
    """A meter of the load of the machine, of this process and, through NVML, of the GPUs."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._cores = os.cpu_count() or 1
        self._process.cpu_percent()
        psutil.cpu_percent()
        self._nvml = devices.nvml()

    def read(self) -> DeviceLoad:
        """Return the load since the last call, or since the meter was made."""
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
        try:
            return tuple(_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())) if nvml else ()
        except nvml.NVMLError:
            return ()


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    name = nvml.nvmlDeviceGetName(handle)

    def read(query: Any, *arguments: Any) -> Any:
        with suppress(nvml.NVMLError):
            return query(handle, *arguments)

    use, memory = read(nvml.nvmlDeviceGetUtilizationRates), read(nvml.nvmlDeviceGetMemoryInfo)
    temperature = read(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU)
    power = read(nvml.nvmlDeviceGetPowerUsage)
    return Gpu(
        index=index,
        name=name.decode() if isinstance(name, bytes) else name,
        utilization=float(use.gpu) if use else None,
        memory_used=int(memory.used) if memory else None,
        memory_total=int(memory.total) if memory else None,
        temperature=None if temperature is None else float(temperature),
        power=None if power is None else power / 1000,
    )
