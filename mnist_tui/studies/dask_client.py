"""The wire to a Dask scheduler: all that a study asks of its workers goes over it. What became of it is not known here.

A worker may hang. Whatever waits for one therefore does so in a thread of that worker's, which nobody waits for.
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
from mnist_tui.studies.transport import BundleKey, DatasetFiles, TrialRequest

CONNECT_SECONDS = 5.0
EVERYONE = ""


class DaskClient:
    """A client of a Dask scheduler, in a study's name. To be closed.

    Args:
        address: the scheduler's.
        study: tells this study's trials from those of others on the same workers.
        hear: told what the workers tell, as pairs of a time and a message, in a thread of Dask's.

    Attributes:
        client: Dask's.

    Raises:
        RunError: no scheduler answers there.
    """

    def __init__(self, address: str, study: str, hear: Callable[[tuple[float, dict[str, Any]]], None]) -> None:
        from distributed import Client

        self.address, self._study = address, study
        self._lanes: dict[str, queue.SimpleQueue[Callable[[], object] | None]] = {}
        try:
            self.client: Any = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="mnist-tui")
        except (OSError, ValueError) as error:
            said = str(error).strip().splitlines()
            raise RunError(
                f"no Dask scheduler answers at {address} ({said[0] if said else type(error).__name__}); "
                "`dask scheduler` starts one, and its first lines tell its address (tcp://HOST:8786)"
            ) from None
        self.client.subscribe_topic(trial_worker.topic(study), hear)

    @property
    def up(self) -> bool:
        """Whether the scheduler is there; one that has gone once has forgotten what it was asked."""
        return self.client.status == "running"

    def workers(self) -> dict[str, str]:
        """The names of the workers that the scheduler knows, by their addresses.

        Raises:
            OSError: the scheduler does not answer.
        """
        # What the client keeps itself (`scheduler_info`) it replaces every two seconds by one without workers.
        known = self.client.sync(self.client.scheduler.identity, n_workers=-1)["workers"]
        return {address: str(worker.get("name", address)) for address, worker in known.items()}

    def train(self, request: TrialRequest) -> Any:
        """Has Dask give a run to a worker; the `distributed.Future` of its `Result`."""
        key = f"{request.run}-{secrets.token_hex(4)}"
        return self.client.submit(
            trial_worker.train, request, key=key, pure=False, resources={trial_worker.RESOURCE: 1}
        )

    def tell(self, worker: str, run: str, command: Command, unheard: Callable[[], None]) -> None:
        """Tells a worker of a command for its run; `unheard` is called in another thread where it does not have it."""

        def errand() -> None:
            if self.answer(worker, trial_worker.obey, self._study, run, command) is not True:
                unheard()

        self.send(worker, errand)

    def ship(self, worker: str, key: BundleKey, files: DatasetFiles) -> None:
        """Sends data to a worker."""
        self.send(worker, lambda: self.answer(worker, trial_worker.receive, self._study, key, files))

    def send(self, worker: str, errand: Callable[[], object]) -> None:
        """Has a worker's own thread run an errand, after those before it; nobody waits for it."""
        if worker not in self._lanes:
            self._lanes[worker] = queue.SimpleQueue()
            lane = threading.Thread(target=_errands, args=(self._lanes[worker],), name=f"for {worker}", daemon=True)
            lane.start()
        self._lanes[worker].put(errand)

    def forget(self, worker: str) -> None:
        """Lets the thread of a worker that has gone end."""
        if (lane := self._lanes.pop(worker, None)) is not None:
            lane.put(None)

    def answer(self, worker: str, function: Callable[..., Any], *arguments: object) -> Any:
        """What a worker answers, or the exception that came of asking; to be called in a thread of the worker's."""
        try:
            return self.client.run(function, *arguments, workers=[worker], on_error="return")[worker]
        except Exception as error:  # whatever Dask raises where the worker goes just now
            return error

    def close(self, timeout: float) -> None:
        """Has the workers end what they have of the study, and lets go of the scheduler.

        Args:
            timeout: seconds that each of the two may take.
        """
        for lane in self._lanes.values():
            lane.put(None)
        if self.up:
            left = threading.Event()

            def errand() -> None:
                with suppress(Exception):  # whatever Dask raises where the scheduler goes just now
                    self.client.run(trial_worker.leave, self._study, on_error="ignore")
                left.set()

            self.send(EVERYONE, errand)
            left.wait(timeout)
            self._lanes[EVERYONE].put(None)
        self.client.close(timeout=timeout)


def _errands(lane: queue.SimpleQueue[Callable[[], object] | None]) -> None:
    while (errand := lane.get()) is not None:
        errand()
