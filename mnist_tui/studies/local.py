"""A cluster of this machine's own: how many workers, what each may use, and their processes."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_tui.runs import devices
from mnist_tui.runs.folder import RunError
from mnist_tui.studies.trial import RESOURCE
from mnist_tui.wording import counted

TRIAL_BYTES = 1_500_000_000
"""What a trial's process with TensorFlow is reckoned to take."""


@dataclass(frozen=True)
class WorkerPlan:
    """The workers of a cluster of this machine's own.

    Attributes:
        gpus: for each worker the GPU that it alone sees, as in `CUDA_VISIBLE_DEVICES`; None where it has none.
        threads: of one trial.
    """

    gpus: tuple[str | None, ...]
    threads: int


def plan(
    *, cores: int, memory: int, visible: tuple[str, ...], device: str, workers: int | None, threads: int | None
) -> WorkerPlan:
    """One worker a GPU, else one a core as far as memory goes; the cores are shared among their trials.

    Args:
        cores: that this process may use.
        memory: free, in bytes.
        visible: the GPUs that there are, as `CUDA_VISIBLE_DEVICES` names them.
        device: auto, cpu or gpu[:N].
        workers, threads: where a person decided on them.
    """
    names = () if device == "cpu" else visible
    if ":" in device:
        index = int(device.partition(":")[2])
        names = (visible[index] if index < len(visible) else str(index),)
    count = workers or len(names) or max(1, min(cores, memory // TRIAL_BYTES))
    own = tuple(names[index % len(names)] if names else None for index in range(count))
    return WorkerPlan(own, threads or max(1, cores // count))


def plan_here(device: str, workers: int | None, threads: int | None) -> WorkerPlan:
    """The plan for this machine as it is now."""
    import psutil
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    memory = min(psutil.virtual_memory().available, MEMORY_LIMIT)
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    every = map(str, range(devices.gpu_count())) if named is None else filter(None, map(str.strip, named.split(",")))
    return plan(cores=CPU_COUNT, memory=memory, visible=tuple(every), device=device, workers=workers, threads=threads)


def start(plan: WorkerPlan, scratch: Path, data_dir: Path | None, most_attempts: int) -> Any:
    """Starts the workers, and a scheduler in this process, which all of them end with.

    Args:
        scratch: emptied first; for the workers' folders.
        data_dir: where they look for data first.
        most_attempts: workers that may die with one task.

    Returns:
        A `distributed.SpecCluster`.

    Raises:
        RunError: they do not start.
    """
    from dask import config
    from distributed import Nanny, Scheduler, SpecCluster

    shutil.rmtree(scratch, ignore_errors=True)
    loopback = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    options = {
        **loopback,
        "nthreads": plan.threads,
        "memory_limit": 0,
        "local_directory": str(scratch),
        "resources": {RESOURCE: 1},
        "silence_logs": logging.WARNING,
    }
    data = {"MNIST_TUI_DATA": str(data_dir)} if data_dir else {}
    environments = [data | ({"CUDA_VISIBLE_DEVICES": gpu} if gpu is not None else {}) for gpu in plan.gpus]
    workers = {
        number: {"cls": Nanny, "options": {**options, "env": environment}}
        for number, environment in enumerate(environments)
    }
    scheduler = {"cls": Scheduler, "options": {**loopback, "port": 0}}
    settings = {
        "distributed.scheduler.allowed-failures": most_attempts - 1,
        "distributed.scheduler.worker-ttl": None,  # judged by the time of day; a worker here that dies is seen at once
        "distributed.nanny.pre-spawn-environ": {},  # a trial's libraries have as many threads as any run's
    }
    try:
        scratch.mkdir(parents=True)
        with config.set(settings):  # pyright: ignore[reportPrivateImportUsage]
            return SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.WARNING)  # pyright: ignore[reportArgumentType]
    except (OSError, RuntimeError) as error:
        raise RunError(f"{counted(workers, 'worker')} could not be started on this machine: {error}") from None
