"""What home has a Dask worker do: `train` is the task that Dask schedules, the others are called out of turn."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import socket
from dataclasses import dataclass
from typing import Any

import mnist_tui
from mnist_tui.runs import devices
from mnist_tui.runs.control import Command
from mnist_tui.studies.bundle import BundleKey, DatasetFiles
from mnist_tui.studies.station import TrialCancelledError, TrialWorker
from mnist_tui.studies.transport import TrialFiles, TrialRequest

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
