"""The workers of a cluster: reach them through a Dask scheduler, start those of this machine, and know which can train.

A worker may hang. Whatever waits for a worker therefore runs in a thread of that worker's, which nobody waits for.
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
from pathlib import Path
from typing import Any

import mnist_tui
from mnist_tui.errors import RunError
from mnist_tui.runs import devices
from mnist_tui.runs.control import Command
from mnist_tui.studies import trial_worker
from mnist_tui.studies.events import Worker
from mnist_tui.studies.start import first_line
from mnist_tui.studies.transport import DatasetFiles, DatasetKey, TrialRequest
from mnist_tui.studies.trial_worker import RESOURCE, WorkerFacts
from mnist_tui.wording import counted

FIRST_ANSWER_SECONDS = 15.0
"""How long a study waits for the facts of its workers before it begins with those that have answered."""
TRIAL_BYTES = 1_500_000_000
"""Memory that a trial's process with TensorFlow is assumed to take."""


class WorkerPool:
    """The workers that can be given runs, by address. One that cannot train or hangs is not among them.

    Args:
        log: called with a sentence for each worker that came or went.
        cpu: whether the trials leave GPUs alone.
    """

    def __init__(self, client: DaskClient, log: Callable[[str], None], *, cpu: bool = False) -> None:
        self._client, self._log, self._cpu = client, log, cpu
        self._names: dict[str, str] = {}
        self._asked: set[str] = set()
        self._unfit: dict[str, str] = {}
        self._answers: queue.SimpleQueue[tuple[str, WorkerFacts | str | None]] = queue.SimpleQueue()
        self.workers: dict[str, Worker] = {}

    def wait_for_first(self) -> None:
        """Wait for the answers of the existing workers, for FIRST_ANSWER_SECONDS at most.

        Raises:
            RunError: one of them cannot train; the sentence says which and what it lacks.
            OSError: the scheduler does not answer.
        """
        end = time.monotonic() + FIRST_ANSWER_SECONDS
        self.update()
        while self._asked and (left := end - time.monotonic()) > 0:
            with suppress(queue.Empty):
                self._read_answer(*self._answers.get(timeout=left))
        for address in sorted(self._names.keys() - self.workers.keys() - self._unfit.keys()):
            self._log(f"the worker {address} has not answered yet; it is given trials once it has")
        if self._unfit:
            more = f" (and {len(self._unfit) - 1} more workers cannot train either)" if len(self._unfit) > 1 else ""
            raise RunError(next(iter(self._unfit.values())) + more)

    def update(self) -> None:
        """Remove workers that have gone, ask new ones for their facts, and add those that have answered."""
        self._names = self._client.worker_names()
        for address in self.workers.keys() - self._names.keys():
            del self.workers[address]
            self._client.forget(address)
            self._log(f"the worker {address} has gone")
        self._unfit = {address: why for address, why in self._unfit.items() if address in self._names}
        self._asked &= self._names.keys()
        for address in self._names.keys() - self.workers.keys() - self._unfit.keys() - self._asked:
            self._asked.add(address)
            self._client.run_later(address, lambda address=address: self._answers.put((address, self._ask(address))))
        with suppress(queue.Empty):
            while True:
                self._read_answer(*self._answers.get_nowait())

    def _ask(self, address: str) -> WorkerFacts | str | None:
        """Ask a worker for its facts, and let Dask give it trials; runs in the thread of the worker.

        Returns:
            Its facts; a sentence where it cannot train; None where it hangs or goes just now: it is asked again as long
            as the scheduler knows it.
        """
        answer = self._client.call(address, trial_worker.report_facts)
        if isinstance(answer, OSError):
            return None
        if why := why_unfit(address, answer):
            return why
        return None if isinstance(self._client.call(address, trial_worker.accept_trials), Exception) else answer

    def _read_answer(self, address: str, answer: WorkerFacts | str | None) -> None:
        if address not in self._asked:  # it has gone meanwhile
            return
        self._asked.discard(address)
        if isinstance(answer, str):
            self._unfit[address] = answer
            self._log(answer)
        elif answer is not None:
            self.workers[address] = Worker(
                address=address,
                host=answer.host,
                name=self._names[address],
                gpu=None if self._cpu else answer.gpu,
                threads=answer.threads,
            )
            self._log(f"the worker {address} on {answer.host} has come")


def why_unfit(address: str, answer: WorkerFacts | Exception) -> str:
    """Return a sentence that says what a worker lacks in order to train; empty where it lacks nothing."""
    version, python = mnist_tui.__version__, ".".join(platform.python_version_tuple()[:2])
    if isinstance(answer, Exception):
        missing = ("ModuleNotFoundError", "ImportError", "AttributeError")
        if any(name in repr(answer) for name in missing):
            return f"the worker {address} has no mnist-tui {version}; `pip install 'mnist-tui[study]'` adds it there"
        return f"the worker {address} cannot be asked what it has: {type(answer).__name__}: {answer}"
    has = f"the worker {address} on {answer.host} has"
    if answer.python != python:
        return f"{has} Python {answer.python}, and this is Python {python}"
    if answer.version != version:
        return f"{has} mnist-tui {answer.version}, and this is {version}"
    return "" if answer.tensorflow else f"{has} no TensorFlow; `pip install tensorflow` adds it there"


@dataclass(frozen=True)
class WorkerPlan:
    """The workers of a cluster on this machine: the GPU that each alone sees, if any, and the threads of a trial."""

    gpus: tuple[str | None, ...]
    threads: int


def plan_workers(
    *, cores: int, memory: int, visible: tuple[str, ...], device: str, workers: int | None, threads: int | None
) -> WorkerPlan:
    """Plan one worker for each GPU, else one for each core as far as memory goes, and share the cores among them.

    Args:
        memory: free, in bytes.
        visible: the GPUs that there are, as `CUDA_VISIBLE_DEVICES` names them.
        device: auto, cpu or gpu[:N].
        workers, threads: as the user chose; None for as many as fit.
    """
    names = () if device == "cpu" else visible
    if ":" in device:
        index = int(device.partition(":")[2])
        names = (visible[index] if index < len(visible) else str(index),)
    count = workers or len(names) or max(1, min(cores, memory // TRIAL_BYTES))
    own = tuple(names[index % len(names)] if names else None for index in range(count))
    return WorkerPlan(own, threads or max(1, cores // count))


def plan_for_this_machine(device: str, workers: int | None, threads: int | None) -> WorkerPlan:
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
    """Start workers on this machine and a scheduler in this process; the workers end with this process.

    Args:
        scratch: a folder for the workers; emptied first.
        data_dir: where they look for data first.
        most_attempts: workers that may die with one task.

    Returns:
        A `distributed.SpecCluster`. Raises RunError where it cannot be started.
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
ALL_WORKERS = ""


class DaskClient:
    """A client (`client`) of the Dask scheduler at an address, for one study. To be closed.

    Args:
        study: tells this study's trials from those of others on the same workers.
        on_message: called in a thread of Dask's with each message of a worker.

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
            raise RunError(
                f"no Dask scheduler answers at {address} ({first_line(error)}); "
                "`dask scheduler` starts one, and its first lines show its address (tcp://HOST:8786)"
            ) from None
        self.client.subscribe_topic(trial_worker.topic(study), lambda event: on_message(event[1]))

    @property
    def connected(self) -> bool:
        """Whether the scheduler answers; after a restart it counts as lost, because it no longer knows the trials."""
        return self.client.status == "running"

    def worker_names(self) -> dict[str, str]:
        """Return the workers' names by their addresses. Raises OSError where the scheduler does not answer."""
        # The client's own `scheduler_info` will not do: every two seconds it is replaced by one without workers.
        known = self.client.sync(self.client.scheduler.identity, n_workers=-1)["workers"]
        return {address: str(worker.get("name", address)) for address, worker in known.items()}

    def train(self, request: TrialRequest) -> Any:
        """Have Dask give a run to a worker. Returns the `distributed.Future` of its `TrialFiles`."""
        key = f"{request.run}-{secrets.token_hex(4)}"
        return self.client.submit(
            trial_worker.train, request, key=key, pure=False, resources={trial_worker.RESOURCE: 1}
        )

    def send_command(self, worker: str, run: str, command: Command, on_failure: Callable[[], None]) -> None:
        """Send a worker a command for its run; `on_failure` is called, in another thread, if it does not train that."""

        def send() -> None:
            if self.call(worker, trial_worker.deliver_command, self._study, run, command) is not True:
                on_failure()

        self.run_later(worker, send)

    def send_dataset(self, worker: str, key: DatasetKey, files: DatasetFiles) -> None:
        self.run_later(worker, lambda: self.call(worker, trial_worker.receive_dataset, self._study, key, files))

    def run_later(self, worker: str, work: Callable[[], object]) -> None:
        """Run some work in the thread of a worker, after the work given before."""
        if worker not in self._threads:
            self._threads[worker] = queue.SimpleQueue()
            args = (self._threads[worker],)
            threading.Thread(target=_work_through, args=args, name=f"for {worker}", daemon=True).start()
        self._threads[worker].put(work)

    def forget(self, worker: str) -> None:
        """End the thread of a worker that has gone."""
        if (thread := self._threads.pop(worker, None)) is not None:
            thread.put(None)

    def call(self, worker: str, function: Callable[..., Any], *arguments: object) -> Any:
        """Call a function on a worker; blocks, so to be used in the thread of that worker.

        Returns:
            The function's result, or the exception that it or Dask raised.
        """
        try:
            return self.client.run(function, *arguments, workers=[worker], on_error="return")[worker]
        except Exception as error:  # whatever Dask raises where the worker goes just now
            return error

    def close(self, timeout: float) -> None:
        """Have the workers end their part in the study, then disconnect; each takes at most `timeout` seconds."""
        for thread in self._threads.values():
            thread.put(None)
        if self.connected:
            closed = threading.Event()

            def close_study() -> None:
                with suppress(Exception):  # whatever Dask raises where the scheduler goes just now
                    self.client.run(trial_worker.close_study, self._study, on_error="ignore")
                closed.set()

            self.run_later(ALL_WORKERS, close_study)
            closed.wait(timeout)
            self._threads[ALL_WORKERS].put(None)
        self.client.close(timeout=timeout)


def _work_through(thread: queue.SimpleQueue[Callable[[], object] | None]) -> None:
    while (work := thread.get()) is not None:
        work()
