"""The connection to a Dask scheduler, over which a study reaches its workers.

A worker may hang. Whatever waits for a worker therefore runs in a thread of that worker's, which nobody waits for.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mnist_tui.runs.control import Command
from mnist_tui.runs.folder import RunError
from mnist_tui.studies import trial_worker
from mnist_tui.studies.transport import DatasetFiles, DatasetKey, TrialRequest

CONNECT_SECONDS = 5.0
ALL_WORKERS = ""


class DaskClient:
    """A client of a Dask scheduler for one study. To be closed.

    Args:
        address: the scheduler's.
        study: tells this study's trials from those of others on the same workers.
        on_message: called with what the workers send, as pairs of a time and a message, in a thread of Dask's.

    Attributes:
        client: the `distributed.Client`.

    Raises:
        RunError: no scheduler answers there.
    """

    def __init__(self, address: str, study: str, on_message: Callable[[tuple[float, dict[str, Any]]], None]) -> None:
        from distributed import Client

        self.address, self._study = address, study
        self._threads: dict[str, queue.SimpleQueue[Callable[[], object] | None]] = {}
        try:
            self.client: Any = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="mnist-tui")
        except (OSError, ValueError) as error:
            said = str(error).strip().splitlines()
            raise RunError(
                f"no Dask scheduler answers at {address} ({said[0] if said else type(error).__name__}); "
                "`dask scheduler` starts one, and its first lines show its address (tcp://HOST:8786)"
            ) from None
        self.client.subscribe_topic(trial_worker.topic(study), on_message)

    @property
    def connected(self) -> bool:
        """Whether the scheduler is there; one that was restarted has forgotten the study's trials."""
        return self.client.status == "running"

    def worker_names(self) -> dict[str, str]:
        """Return the names of the workers that the scheduler knows, by their addresses.

        Raises:
            OSError: the scheduler does not answer.
        """
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
        """Send a worker a command for its run.

        Args:
            on_failure: called in another thread where the worker does not train that run.
        """

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
            What it returned, or the exception that came of calling it.
        """
        try:
            return self.client.run(function, *arguments, workers=[worker], on_error="return")[worker]
        except Exception as error:  # whatever Dask raises where the worker goes just now
            return error

    def close(self, timeout: float) -> None:
        """Have the workers end what they have of the study, then disconnect.

        Args:
            timeout: seconds that each of the two may take.
        """
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
