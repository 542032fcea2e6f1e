"""This machine's processor cores and GPUs, and the runs that use a device or wait for it.

No process manages the queue. A waiting run reads the folders of the other runs, and starts once all runs that were made
earlier, on this machine and for the same device, have ended. A worker that has died delays no other run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from ctypes import CDLL
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs.folder import Launch, RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.state import LIVE
from mnist_tui.wording import counted, size

if TYPE_CHECKING:
    from mnist_tui.experiment.spec import Experiment

BUSY_SHARE = 0.5
"""A GPU is busy if more than this share of its memory is in use."""


@dataclass(frozen=True)
class Ahead:
    """The runs that a run waits for, the oldest first, and how many of them are waiting themselves."""

    runs: tuple[RunFolder, ...]
    waiting: int = 0

    def __bool__(self) -> bool:
        return bool(self.runs)

    @property
    def text(self) -> str:
        """A description of the queue: ``waiting for run 20250101-… to end; place 2 in line``."""
        return f"waiting for run {self.runs[0].id} to end; place {self.waiting + 1} in line"


@dataclass(frozen=True)
class Busy:
    """Why a device is busy, as a sentence; `line` is true if a run uses it, so that another can wait in line."""

    text: str
    line: bool


def check_memory(experiment: Experiment) -> None:
    """Raise RequestError if this machine's memory cannot hold the network while it is trained."""
    from mnist_tui.experiment import complexity

    counts = complexity.of(experiment)
    needed, memory = complexity.memory_to_train(experiment, counts), machine_memory()
    if needed > memory:
        raise RequestError(
            f"{counted(counts.total, 'parameter')} are too many for this machine: training them "
            f"takes at least {size(needed)} of memory, and there are {size(memory)}; take fewer neurons or filters"
        )


def machine_memory() -> int:
    """Return the memory of this machine in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def device_of(requested: str) -> str:
    """Return ``cpu`` or ``gpu:N`` for a requested device; auto means the first GPU, or the CPU where there is none."""
    if requested == "auto":
        return "gpu:0" if gpu_count() else "cpu"
    return "gpu:0" if requested == "gpu" else requested


def live_on(runs_dir: Path, device: str) -> list[RunFolder]:
    """Return the live runs of this machine on a device, named as by `device_of`, the oldest first."""
    return [folder for _, folder, _ in _live(run_folders(runs_dir), device)]


def ahead_of(folder: RunFolder, launch: Launch, among: Iterable[RunFolder] | None = None) -> Ahead:
    """Return the live runs of this machine that were made before a run, for the same device.

    Args:
        launch: the run's launch record.
        among: the runs to examine; None for all runs in the same folder.
    """
    others = run_folders(folder.path.parent) if among is None else among
    own = _place(folder, launch)
    ahead = [(other, waits) for place, other, waits in _live(others, device_of(launch.device)) if place < own]
    return Ahead(tuple(other for other, _ in ahead), sum(waits for _, waits in ahead))


def busy(runs_dir: Path, requested: str) -> Busy | None:
    """Return why a requested device (auto, cpu or gpu[:N]) is busy now; None if it is free."""
    device = device_of(requested)
    where = "the CPU" if device == "cpu" else device.upper().replace(":", " ")
    if live := live_on(runs_dir, device):
        more = f" and {len(live) - 1} more" if len(live) > 1 else ""
        return Busy(f"Run {live[0].id}{more} {'are' if more else 'is'} on {where} already.", line=True)
    memory = None if device == "cpu" else gpu_memory(int(device.partition(":")[2] or 0))
    if memory is None or memory.used <= BUSY_SHARE * memory.total:
        return None
    share = f"{memory.used / 2**30:.1f} of {memory.total / 2**30:.1f} GiB"
    return Busy(f"Others use {share} of the memory of {where}; a run may find too little.", line=False)


def _place(folder: RunFolder, launch: Launch) -> tuple[float, float, str]:
    """Return the key that orders the queue; runs of earlier versions, without `since_boot`, come first."""
    return launch.since_boot, launch.created, folder.id


def _live(folders: Iterable[RunFolder], device: str) -> list[tuple[tuple[float, float, str], RunFolder, bool]]:
    """Return the live runs of this machine on a device, in order: place in the queue, run, whether it is waiting."""
    live = list[tuple[tuple[float, float, str], RunFolder, bool]]()
    for folder in folders:
        try:
            status = folder.status()
            if status.state not in LIVE or not status.is_here:
                continue
            launch = folder.launch()
            if device_of(launch.device) == device and folder.state() in LIVE:
                live.append((_place(folder, launch), folder, launch.wait and status.state == "starting"))
        except RunError:
            continue
    return sorted(live, key=lambda each: each[0])


@dataclass(frozen=True)
class GpuMemory:
    """The memory of a GPU in bytes; `used` is the sum of all processes."""

    used: int
    total: int


@cache
def nvml() -> Any:
    """Return the initialised Python binding of NVML; None where there is no driver."""
    try:
        CDLL("libnvidia-ml.so.1")  # first, because the import of the binding is slow
        binding = import_module("pynvml")
    except (OSError, ImportError):
        return None
    try:
        binding.nvmlInit()
    except binding.NVMLError:
        return None
    return binding


def gpu_count() -> int:
    """Return the number of GPUs of this machine."""
    if (binding := nvml()) is None:
        return 0
    try:
        return int(binding.nvmlDeviceGetCount())
    except binding.NVMLError:
        return 0


def gpu_memory(index: int) -> GpuMemory | None:
    """Return the memory of a GPU; None where the driver does not report it."""
    if (binding := nvml()) is None:
        return None
    try:
        memory = binding.nvmlDeviceGetMemoryInfo(binding.nvmlDeviceGetHandleByIndex(index))
    except binding.NVMLError:
        return None
    return GpuMemory(int(memory.used), int(memory.total))


def usable_cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
