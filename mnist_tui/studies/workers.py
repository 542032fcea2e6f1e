"""The workers of a cluster: start those of this machine, and know which ones can be given trials."""

from __future__ import annotations

import logging
import os
import platform
import queue
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mnist_tui
from mnist_tui.runs import devices
from mnist_tui.runs.folder import RunError
from mnist_tui.studies import trial_worker
from mnist_tui.studies.dask_client import DaskClient
from mnist_tui.studies.trial_worker import RESOURCE, WorkerFacts
from mnist_tui.wording import counted

MEETING_SECONDS = 15.0
"""As long workers have to say what they are before the study begins with those that have."""


@dataclass(frozen=True)
class WorkerInfo:
    """A worker that can be given runs.

    Attributes:
        name: as the cluster calls it.
        gpu: the GPU that it is for; None without one.
        threads: how many a trial has there that asks for no number.
    """

    address: str
    host: str
    name: str
    gpu: int | None
    threads: int


class WorkerPool:
    """Who can be given runs; a worker that cannot train is never given one, and one that hangs keeps nobody waiting.

    Args:
        wire: asks the workers.
        log: told who came and who went.
        cpu: whether the trials leave GPUs alone.

    Attributes:
        workers: by address.
    """

    def __init__(self, wire: DaskClient, log: Callable[[str], None], *, cpu: bool = False) -> None:
        self._wire, self._log, self._cpu = wire, log, cpu
        self._names: dict[str, str] = {}
        self._asked: set[str] = set()
        self._unfit: dict[str, str] = {}
        self._answers: queue.SimpleQueue[tuple[str, WorkerFacts | str | None]] = queue.SimpleQueue()
        self.workers: dict[str, WorkerInfo] = {}

    def meet(self) -> None:
        """Takes in those that are there; waits for their answers, though not for long.

        Raises:
            RunError: one of them cannot train; the sentence says which and what it lacks.
            OSError: the scheduler does not answer.
        """
        end = time.monotonic() + MEETING_SECONDS
        self.look()
        while self._asked and (left := end - time.monotonic()) > 0:
            with suppress(queue.Empty):
                self._take(*self._answers.get(timeout=left))
        for address in sorted(self._names.keys() - self.workers.keys() - self._unfit.keys()):
            self._log(f"the worker {address} has not answered yet; it is given trials once it has")
        if self._unfit:
            more = f" (and {len(self._unfit) - 1} more workers cannot train either)" if len(self._unfit) > 1 else ""
            raise RunError(next(iter(self._unfit.values())) + more)

    def look(self) -> None:
        """Forgets those that have gone, asks those that have come what they are, and takes in those that have answered.

        Raises:
            OSError: the scheduler does not answer.
        """
        self._names = self._wire.workers()
        for address in self.workers.keys() - self._names.keys():
            del self.workers[address]
            self._wire.forget(address)
            self._log(f"the worker {address} has gone")
        self._unfit = {address: lack for address, lack in self._unfit.items() if address in self._names}
        self._asked &= self._names.keys()
        for address in self._names.keys() - self.workers.keys() - self._unfit.keys() - self._asked:
            self._asked.add(address)
            self._wire.send(address, lambda address=address: self._answers.put((address, self._greet(address))))
        with suppress(queue.Empty):
            while True:
                self._take(*self._answers.get_nowait())

    def _greet(self, address: str) -> WorkerFacts | str | None:
        """What a worker is, once Dask gives it trials, else what it lacks; in a thread of the worker's.

        None where it hangs or goes just now: it is asked again while the scheduler knows it.
        """
        answer = self._wire.answer(address, trial_worker.facts)
        if isinstance(answer, OSError):
            return None
        if lack := lacks(address, answer):
            return lack
        return None if isinstance(self._wire.answer(address, trial_worker.join), Exception) else answer

    def _take(self, address: str, answer: WorkerFacts | str | None) -> None:
        """Takes in a worker that Dask gives trials to; one that has gone meanwhile is not spoken of."""
        if address not in self._asked:
            return
        self._asked.discard(address)
        if isinstance(answer, str):
            self._unfit[address] = answer
            self._log(answer)
        elif answer is not None:
            gpu = None if self._cpu else answer.gpu
            self.workers[address] = WorkerInfo(address, answer.host, self._names[address], gpu, answer.threads)
            self._log(f"the worker {address} on {answer.host} has come")


def lacks(address: str, answer: WorkerFacts | Exception) -> str:
    """What a worker lacks in order to train, in a sentence; empty where it lacks nothing."""
    version, python = mnist_tui.__version__, ".".join(platform.python_version_tuple()[:2])
    match answer:
        case Exception() if any(
            name in repr(answer) for name in ("ModuleNotFoundError", "ImportError", "AttributeError")
        ):
            return f"the worker {address} has no mnist-tui {version}; `pip install 'mnist-tui[study]'` adds it there"
        case Exception():
            return f"the worker {address} cannot be asked what it has: {type(answer).__name__}: {answer}"
        case WorkerFacts() if answer.python != python:
            return f"the worker {address} on {answer.host} has Python {answer.python}, and this is Python {python}"
        case WorkerFacts() if answer.version != version:
            return f"the worker {address} on {answer.host} has mnist-tui {answer.version}, and this is {version}"
        case WorkerFacts() if not answer.tensorflow:
            return f"the worker {address} on {answer.host} has no TensorFlow; `pip install tensorflow` adds it there"
        case WorkerFacts():
            return ""


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


def plan_workers(
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


def plan_for_this_machine(device: str, workers: int | None, threads: int | None) -> WorkerPlan:
    """The plan for this machine as it is now."""
    import psutil
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    memory = min(psutil.virtual_memory().available, MEMORY_LIMIT)
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    every = map(str, range(devices.gpu_count())) if named is None else filter(None, map(str.strip, named.split(",")))
    return plan_workers(
        cores=CPU_COUNT, memory=memory, visible=tuple(every), device=device, workers=workers, threads=threads
    )


def start_local_cluster(plan: WorkerPlan, scratch: Path, data_dir: Path | None, most_attempts: int) -> Any:
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
