"""Reach the workers of a cluster through a Dask scheduler, start workers on this machine, and check who can train.

A worker may hang. In this process a thread for each worker waits for it, and nobody waits for that thread.
"""

from __future__ import annotations

import logging
import os
import platform
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import mnist_tui
from mnist_tui.errors import RunError
from mnist_tui.runs import devices
from mnist_tui.studies import trial_worker
from mnist_tui.studies.events import Worker
from mnist_tui.studies.start import SCHEDULER_HINT, first_line
from mnist_tui.studies.transport import TrialRequest
from mnist_tui.studies.trial_worker import RESOURCE, WorkerFacts
from mnist_tui.wording import counted

FIRST_ANSWER_SECONDS = 15.0
"""How long a study waits for its workers' answers before it begins with the workers that have answered."""
TRIAL_BYTES = 1_500_000_000
"""Memory that a trial's process with TensorFlow is assumed to take."""


class WorkerPool:
    """The workers that can be given runs.

    Args:
        log: called with a sentence for each worker that came or went.
        cpu: whether the trials leave GPUs alone.

    Attributes:
        workers: by address; without workers that cannot train or that hang.
    """

    def __init__(self, client: DaskClient, log: Callable[[str], None], *, cpu: bool = False) -> None:
        self._client, self._log, self._cpu = client, log, cpu
        self._names: dict[str, str] = {}
        self._requested: set[str] = set()
        self._unfit: dict[str, str] = {}
        self._answers: queue.SimpleQueue[tuple[str, WorkerFacts | str | None]] = queue.SimpleQueue()
        self.workers: dict[str, Worker] = {}

    def wait_for_first(self) -> None:
        """Wait for the answers of the existing workers, for FIRST_ANSWER_SECONDS at most.

        Raises:
            RunError: a worker cannot train; the sentence says which one and what it lacks.
            OSError: the scheduler does not answer.
        """
        end = time.monotonic() + FIRST_ANSWER_SECONDS
        self.update()
        while self._requested and (left := end - time.monotonic()) > 0:
            self._read_answers(left)
        for address in sorted(self._names.keys() - self.workers.keys() - self._unfit.keys()):
            self._log(f"the worker {address} has not answered yet; it is given trials once it has")
        if self._unfit:
            more = f" (and {len(self._unfit) - 1} more workers cannot train either)" if len(self._unfit) > 1 else ""
            raise RunError(next(iter(self._unfit.values())) + more)

    def update(self) -> None:
        """Remove workers that have gone, ask new workers for their facts, and add the workers that have answered."""
        self._names = self._client.worker_names()
        for address in self.workers.keys() - self._names.keys():
            del self.workers[address]
            self._client.forget(address)
            self._log(f"the worker {address} has gone")
        self._unfit = {address: why for address, why in self._unfit.items() if address in self._names}
        self._requested &= self._names.keys()
        for address in self._names.keys() - self.workers.keys() - self._unfit.keys() - self._requested:
            self._requested.add(address)
            self._client.run_later(address, lambda to=address: self._answers.put((to, self._request_facts(to))))
        self._read_answers()

    def _request_facts(self, address: str) -> WorkerFacts | str | None:
        """Ask a worker for its facts, and let Dask give it trials; runs in the thread of the worker.

        Returns:
            The worker's facts; a sentence where it cannot train; None where it has gone: it is asked again as long as
            the scheduler knows it.
        """
        answer = self._client.call(address, trial_worker.report_facts)
        if isinstance(answer, OSError):
            return None
        if why := why_unfit(address, answer):
            return why
        return None if isinstance(self._client.call(address, trial_worker.accept_trials), Exception) else answer

    def _read_answers(self, wait: float = 0.0) -> None:
        """Read all answers that have arrived; wait at most `wait` seconds for the first one."""
        with suppress(queue.Empty):
            while True:
                address, answer = self._answers.get(timeout=wait)
                wait = 0.0
                if address not in self._requested:  # it has gone meanwhile
                    continue
                self._requested.discard(address)
                if isinstance(answer, str):
                    self._unfit[address] = answer
                    self._log(answer)
                elif answer is not None:
                    gpu = None if self._cpu else answer.gpu
                    self.workers[address] = Worker(
                        address=address, host=answer.host, name=self._names[address], gpu=gpu, threads=answer.threads
                    )
                    self._log(f"the worker {address} on {answer.host} has come")


def why_unfit(address: str, answer: WorkerFacts | Exception) -> str:
    """Return why a worker cannot train, in a sentence; empty where it can."""
    version, python = mnist_tui.__version__, ".".join(platform.python_version_tuple()[:2])
    if isinstance(answer, Exception):
        missing = ("ModuleNotFoundError", "ImportError", "AttributeError")
        if any(name in repr(answer) for name in missing):
            return f"the worker {address} has no mnist-tui {version}; `pip install 'mnist-tui[study]'` adds it there"
        return f"the worker {address} cannot report its hardware and packages: {type(answer).__name__}: {answer}"
    has = f"the worker {address} on {answer.host} has"
    if answer.python != python:
        return f"{has} Python {answer.python}, and this is Python {python}"
    if answer.version != version:
        return f"{has} mnist-tui {answer.version}, and this is {version}"
    return "" if answer.tensorflow else f"{has} no TensorFlow; `pip install tensorflow` adds it there"


@dataclass(frozen=True)
class WorkerPlan:
    """A plan of the workers to start on this machine.

    Attributes:
        gpus: for each worker the only GPU that it sees, as `CUDA_VISIBLE_DEVICES` names it; None for its default.
        threads: of one trial.
    """

    gpus: tuple[str | None, ...]
    threads: int


def plan_workers(
    *, cores: int, memory: int, visible: tuple[str, ...], device: str, workers: int | None, threads: int | None
) -> WorkerPlan:
    """Plan one worker for each GPU; without GPUs one for each core, as many as fit in memory. They share the cores.

    Args:
        memory: free, in bytes.
        visible: the GPUs that there are, as `CUDA_VISIBLE_DEVICES` names them.
        device: auto, cpu or gpu[:N].
        workers, threads: the numbers that the user chose; None for as many as fit.
    """
    names: tuple[str | None, ...] = () if device == "cpu" else visible
    if ":" in device:
        index = int(device.partition(":")[2])
        names = (visible[index] if index < len(visible) else str(index),)
    count = workers or len(names) or max(1, min(cores, memory // TRIAL_BYTES))
    return WorkerPlan(tuple(islice(cycle(names or (None,)), count)), threads or max(1, cores // count))


def plan_for_this_machine(device: str, workers: int | None, threads: int | None) -> WorkerPlan:
    import psutil
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    memory = min(psutil.virtual_memory().available, MEMORY_LIMIT)
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = map(str, range(devices.gpu_count())) if named is None else filter(None, map(str.strip, named.split(",")))
    return plan_workers(
        cores=CPU_COUNT, memory=memory, visible=tuple(gpus), device=device, workers=workers, threads=threads
    )


def start_local_cluster(plan: WorkerPlan, scratch: Path, data_dir: Path | None, most_attempts: int) -> Any:
    """Start a `distributed.SpecCluster`: a scheduler in this process, and workers on this machine that end with it.

    Args:
        scratch: a folder for the workers; emptied first.
        data_dir: where they look for data first.
        most_attempts: after how many dead workers Dask gives up a task.

    Raises:
        RunError: the workers cannot be started.
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
    workers = dict(enumerate({"cls": Nanny, "options": {**options, "env": own}} for own in environments))
    scheduler = {"cls": Scheduler, "options": {**loopback, "port": 0}}
    settings = {
        "distributed.scheduler.allowed-failures": most_attempts - 1,
        "distributed.scheduler.worker-ttl": None,  # uses the time of day; a worker here that dies is noticed at once
        "distributed.nanny.pre-spawn-environ": {},  # a trial's libraries use as many threads as in any other run
    }
    try:
        scratch.mkdir(parents=True)
        with config.set(settings):  # pyright: ignore[reportPrivateImportUsage]
            return SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.WARNING)  # pyright: ignore[reportArgumentType]
    except (OSError, RuntimeError) as error:
        raise RunError(f"{counted(workers, 'worker')} could not be started on this machine: {error}") from None


CONNECT_SECONDS = 5.0


class DaskClient:
    """A connection (`client`) to a Dask scheduler, for one study. To be closed.

    Args:
        study: an id that separates this study's trials from those of other studies on the same workers.
        on_message: called with each message of a worker, in a thread of Dask.

    Raises:
        RunError: no scheduler answers at the address.
    """

    def __init__(self, address: str, study: str, on_message: Callable[[dict[str, Any]], None]) -> None:
        from distributed import Client

        self.address, self._study = address, study
        self._threads: dict[str, queue.SimpleQueue[Callable[[], object] | None]] = {}
        try:
            self.client: Any = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="mnist-tui")
        except (OSError, ValueError) as error:
            why = first_line(error)
            raise RunError(f"no Dask scheduler answers at {address} ({why}); {SCHEDULER_HINT}") from None
        self.client.subscribe_topic(trial_worker.TOPIC.format(study), lambda event: on_message(event[1]))

    @property
    def connected(self) -> bool:
        """Whether the scheduler answers; after a restart it counts as lost, because it no longer knows the trials."""
        return self.client.status == "running"

    def worker_names(self) -> dict[str, str]:
        """Return the workers' names by their addresses. Raises OSError where the scheduler does not answer."""
        # The client's own `scheduler_info` will not do: every two seconds it is replaced by one without workers.
        workers = self.client.sync(self.client.scheduler.identity, n_workers=-1)["workers"]
        return {address: str(worker.get("name", address)) for address, worker in workers.items()}

    def train(self, request: TrialRequest) -> Any:
        """Have Dask give a run to a worker. Returns the `distributed.Future` of its `TrialFiles`."""
        key = f"{request.run}-{secrets.token_hex(4)}"
        return self.client.submit(trial_worker.train, request, key=key, pure=False, resources={RESOURCE: 1})

    def run_later(self, worker: str, work: Callable[[], object]) -> None:
        """Do some work in the thread of a worker, after the work that was given to that thread before."""
        if worker not in self._threads:
            self._threads[worker] = queue.SimpleQueue()
            args = (self._threads[worker],)
            threading.Thread(target=_work_through, args=args, name=f"for {worker}", daemon=True).start()
        self._threads[worker].put(work)

    def call_later(self, worker: str, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on a worker, after the calls before; a worker that has gone is not called."""
        self.run_later(worker, lambda: self.call(worker, function, *arguments))

    def forget(self, worker: str) -> None:
        """End the thread of a worker that has gone."""
        if (thread := self._threads.pop(worker, None)) is not None:
            thread.put(None)

    def call(self, worker: str, function: Callable[..., Any], *arguments: object) -> Any:
        """Call a function on a worker, in that worker's thread; return its result, or the exception that was raised."""
        try:
            return self.client.run(function, *arguments, workers=[worker], on_error="return")[worker]
        except Exception as error:  # whatever Dask raises where the worker goes just now
            return error

    def close(self, timeout: float) -> None:
        """Have the workers end their part in the study, then disconnect; each takes at most `timeout` seconds."""

        def close_study() -> None:
            with suppress(Exception):  # whatever Dask raises where the scheduler goes just now
                self.client.run(trial_worker.close_study, self._study, on_error="ignore")

        for thread in self._threads.values():
            thread.put(None)
        if self.connected:
            closing = threading.Thread(target=close_study, daemon=True)
            closing.start()
            closing.join(timeout)
        self.client.close(timeout=timeout)


def _work_through(thread: queue.SimpleQueue[Callable[[], object] | None]) -> None:
    while (work := thread.get()) is not None:
        work()
