"""The side of a trial that runs on a Dask worker: one trial at a time, in a server that keeps TensorFlow loaded.

The functions at the end of this module are what the study's process calls on the worker; `train` is the task that Dask
schedules.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import platform
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mnist_tui
from mnist_tui.data.catalogue import DataError
from mnist_tui.data.places import find
from mnist_tui.experiment.presets import dump_preset
from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import write_text
from mnist_tui.python_process import said
from mnist_tui.runs import control, devices
from mnist_tui.runs.control import Command
from mnist_tui.runs.folder import RunFolder, made_here
from mnist_tui.runs.start import TrialServer
from mnist_tui.runs.state import LIVE
from mnist_tui.studies import transport
from mnist_tui.studies.transport import BundleKey, DatasetFiles, TrialFiles, TrialRequest, pack

MOST_SHIPPED = 1_000_000
"""Bytes of events in one message."""
DATA_SECONDS = 300.0
LOOK_SECONDS = 0.2
IDLE_SECONDS = 120.0
"""A server without a trial is ended after that: the study may be gone, and TensorFlow takes half a gigabyte."""
LEAVE_SECONDS = 10.0


class TrialCancelledError(Exception):
    """The trial is no longer wanted here."""


class TrialWorker:
    """A study's place on a worker: its server and its scratch folder.

    Args:
        study: tells it from others'.
        topic: where home hears of its trials.
    """

    def __init__(self, study: str, worker: Any, topic: str) -> None:
        self._worker, self._topic = worker, topic
        root = Path(worker.local_directory) / "mnist-tui"
        self._root, self._data = root / study, root / "data"
        self._came = threading.Event()
        self._leaving = False
        self._busy = threading.Lock()
        self._now: RunFolder | None = None
        self._server: TrialServer | None = None
        self._made_for: tuple[object, ...] = ()
        self._idle: threading.Timer | None = None

    def train(self, request: TrialRequest, key: str) -> TrialFiles:
        """Trains a run, as the task of that key; raises where that is no longer wanted."""
        with self._busy:
            if self._idle is not None:
                self._idle.cancel()
            dispatch = secrets.token_hex(4)
            folder = RunFolder(self._root / dispatch / request.run)
            teller = EventSender(self._worker, self._topic, request.run, dispatch, folder.events_file)
            try:
                return self._train(request, folder, teller, lambda: self._check(key))
            except TrialCancelledError:
                self._end_server()
                raise
            finally:
                self._now = None
                shutil.rmtree(folder.path.parent, ignore_errors=True)
                self._idle = threading.Timer(IDLE_SECONDS, self._end_if_idle)
                self._idle.daemon = True
                self._idle.start()

    def obey(self, run: str, command: Command) -> bool:
        """Leaves a command for the run, if it is the one under way."""
        folder = self._now
        if folder is None or folder.id != run:
            return False
        control.leave(folder, command)
        return True

    def receive(self, key: BundleKey, files: DatasetFiles) -> None:
        """Keeps data that came from home, and wakes the trial that waits for them."""
        transport.keep(key, files, self._data)
        self._came.set()

    def leave(self) -> None:
        """Ends the server, and the trial under way with it."""
        self._leaving = True
        self._came.set()
        if self._busy.acquire(timeout=LEAVE_SECONDS):
            self._end_server()
            self._busy.release()
        shutil.rmtree(self._root, ignore_errors=True)

    def _train(
        self, request: TrialRequest, folder: RunFolder, teller: EventSender, check: Callable[[], None]
    ) -> TrialFiles:
        state, reason = "", ""
        try:
            folder.control.mkdir(parents=True)
            self._now = folder
            teller.say("begun")
            own = self._furnish(request, folder, teller, check)

            def tick() -> None:
                check()
                teller.ship()

            code = self._server_for(folder).run(folder, tick)
            status = folder.status()
            state, reason = status.state, status.reason
            if state in LIVE:
                printed = said(folder.last_log_lines(3))
                state, reason = "", f"the worker refused run {folder.id} (code {code}): {printed}"
            if own:
                _rename_dataset(folder, own)
        except (RequestError, DataError) as error:
            reason = str(error)
            if self._server is not None and not self._server.alive:
                self._end_server()
        except OSError as error:
            reason = f"{self._worker.address} cannot write its scratch folder: {error}"
        teller.ship()
        return TrialFiles(folder.id, teller.dispatch, state, reason, pack(folder.path))

    def _furnish(self, request: TrialRequest, folder: RunFolder, teller: EventSender, check: Callable[[], None]) -> str:
        """Fills the scratch folder; the dataset's name at home, where the run has another one here."""
        folder.experiment_file.write_bytes(request.experiment)
        launch = json.loads(request.launch)
        launch["wait"] = False
        if request.away:
            launch["threads"] = launch.get("threads") or self._worker.state.nthreads
            if not Path(launch.get("data_dir") or "").is_dir():
                launch["data_dir"] = None
        own = ""
        if request.data is not None and not _has(request.data, launch.get("data_dir")):
            place = self._get(request.data, teller, check)
            if request.data.known:
                launch["data_dir"] = str(place)
            else:
                own = request.data.name
                _rename_dataset(folder, str(place / request.data.folder))
        write_text(folder.path / "launch.json", json.dumps(launch))
        folder.write_status(made_here())
        return own

    def _get(self, key: BundleKey, teller: EventSender, check: Callable[[], None]) -> Path:
        """Asks home for data that are not here, and waits for them."""
        place, end = transport.place(key, self._data), time.monotonic() + DATA_SECONDS
        if not place.exists():
            self._came.clear()
            teller.say("wants")
        while not place.exists():
            check()
            if time.monotonic() > end:
                raise DataError(f"{key.folder} is not on {self._worker.address}, and it did not come from home")
            self._came.wait(LOOK_SECONDS)
            self._came.clear()
        return place

    def _server_for(self, folder: RunFolder) -> TrialServer:
        """The server; a new one where there is none, or where it computes with another device or number of threads."""
        launch = folder.launch()
        wanted = (launch.device, launch.threads)
        if self._server is None or not self._server.alive or self._made_for != wanted:
            self._end_server()
            self._root.mkdir(parents=True, exist_ok=True)
            self._server, self._made_for = TrialServer(None, self._root / "server.log"), wanted
        return self._server

    def _check(self, key: str) -> None:
        """Raises where Dask, the study or the worker itself no longer wants the trial."""
        task = self._worker.state.tasks.get(key)
        wanted = task is not None and task.state in ("executing", "long-running")
        if not wanted or self._leaving or self._worker.status.name not in ("running", "paused"):
            raise TrialCancelledError

    def _end_if_idle(self) -> None:
        if self._busy.acquire(blocking=False):
            self._end_server()
            self._busy.release()

    def _end_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class EventSender:
    """Tells home of a trial while it trains, in messages of a topic, which arrive in order."""

    def __init__(self, worker: Any, topic: str, run: str, dispatch: str, events: Path) -> None:
        self.dispatch = dispatch
        self._worker, self._topic, self._run, self._events = worker, topic, run, events
        self._offset = 0

    def say(self, kind: str, **more: object) -> None:
        about = {"kind": kind, "run": self._run, "dispatch": self.dispatch, "worker": self._worker.address}
        self._worker.log_event(self._topic, {**about, **more})

    def ship(self) -> None:
        """Sends the whole lines that have come since the last call."""
        with suppress(FileNotFoundError), self._events.open("rb") as log:
            while True:
                log.seek(self._offset)
                lines, end, _ = log.read(MOST_SHIPPED).rpartition(b"\n")
                if not end:
                    return
                self.say("events", offset=self._offset, lines=(lines + end).decode("utf-8", "replace"))
                self._offset += len(lines) + 1


def _has(key: BundleKey, data_dir: str | None) -> bool:
    """Whether this machine has a dataset that home has; only known ones are the same everywhere."""
    if not key.known:
        return False
    location = find(key.name, Path(data_dir) if data_dir else None)
    return location is not None and not location.missing


def _rename_dataset(folder: RunFolder, name: str) -> None:
    """Has the run's experiment name its dataset otherwise; all else stays."""
    preset = folder.preset()
    experiment = preset.experiment
    renamed = experiment.model_copy(update={"dataset": experiment.dataset.model_copy(update={"name": name})})
    write_text(folder.experiment_file, dump_preset(replace(preset, experiment=renamed)))


RESOURCE = "mnist-tui"
"""Each worker has one of it and each trial takes one: no two trials at a time, whatever the worker's threads."""


@dataclass(frozen=True)
class WorkerFacts:
    """What a worker says of itself.

    Attributes:
        version: mnist-tui's.
        python: with its minor version (``3.11``).
        gpu: the GPU that it is for; None without one.
        threads: how many it was given; a trial that asks for no number gets as many.
    """

    host: str
    version: str
    python: str
    tensorflow: bool
    gpu: int | None
    threads: int


_stations: dict[str, TrialWorker] = {}


def facts(dask_worker: Any) -> WorkerFacts:
    """What a worker is."""
    return WorkerFacts(
        socket.gethostname(),
        mnist_tui.__version__,
        ".".join(platform.python_version_tuple()[:2]),
        importlib.util.find_spec("tensorflow") is not None,
        _gpu(),
        dask_worker.state.nthreads,
    )


async def join(dask_worker: Any) -> None:
    """Lets Dask give trials to a worker."""
    if dask_worker.state.total_resources.get(RESOURCE) != 1:
        await dask_worker.set_resources(**{RESOURCE: 1})
        _look_again(dask_worker)


async def leave(study: str) -> None:
    """Ends what a worker has of a study, also in the middle of a trial."""
    station = _stations.pop(study, None)
    if station is not None:
        await asyncio.to_thread(station.leave)


def obey(study: str, run: str, command: Command) -> bool:
    """Leaves a command for the run under way; whether it is under way here."""
    station = _stations.get(study)
    return station is not None and station.obey(run, command)


def receive(study: str, key: BundleKey, files: DatasetFiles) -> None:
    """Keeps the data that the run under way has asked for."""
    station = _stations.get(study)
    if station is not None:
        station.receive(key, files)


def train(request: TrialRequest) -> TrialFiles:
    """Trains a run to its end, whatever that is; where it is no longer wanted here, Dask gives it to another worker."""
    from distributed import Reschedule, get_worker

    worker = get_worker()
    station = _stations.get(request.study)
    if station is None:
        station = _stations.setdefault(request.study, TrialWorker(request.study, worker, topic(request.study)))
    try:
        return station.train(request, str(worker.get_current_task()))
    except TrialCancelledError:
        raise Reschedule from None


def topic(study: str) -> str:
    """Where a study's workers tell of their trials."""
    return f"{RESOURCE}-{study}"


def _gpu() -> int | None:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return 0 if devices.gpu_count() else None
    first = visible.partition(",")[0].strip()
    return int(first) if first.isdecimal() else None


def _look_again(worker: Any) -> None:
    """Has the scheduler place tasks that had no worker; it does so after a pause, but not for new resources."""
    running = worker.status
    if running.name == "running":
        worker.status = type(running).paused
        worker.status = running
