"""Train trials on a Dask worker, one at a time, in a server that keeps TensorFlow loaded.

`train` is the task that Dask schedules; the study's process calls the other functions at the end on the worker.
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
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mnist_tui
from mnist_tui.data.catalogue import find
from mnist_tui.data.errors import DataError
from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import dump_preset
from mnist_tui.files import write_text
from mnist_tui.python_process import informative_text
from mnist_tui.runs import control, devices
from mnist_tui.runs.control import Command
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import status_of_new_folder
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.worker_jobs import TrialServer
from mnist_tui.studies.transport import DatasetBundle, DatasetFiles, TrialFiles, TrialRequest, pack, store_dataset

RESOURCE = "mnist-tui"
"""A Dask resource. Each worker has 1 and each trial takes 1, so that a worker trains one trial at a time."""
TOPIC = "mnist-tui-{}"
"""The Dask topic, filled in with a study, on which workers send messages to the study's process."""
MOST_SENT = 1_000_000
"""Bytes of events in one message."""
DATA_SECONDS = 300.0
LOOK_SECONDS = 0.2
IDLE_SECONDS = 120.0
"""When a server without a trial is ended: the study may be gone, and TensorFlow takes half a gigabyte."""
CLOSE_SECONDS = 10.0


class Attempt:
    """The training of one run on this worker. It sends messages to the study's process, which arrive in order.

    Args:
        task: the key of the Dask task that trains the run.
        folder: the run's folder in the worker's scratch folder.
    """

    def __init__(self, trial_worker: TrialWorker, task: str, folder: RunFolder) -> None:
        self.id, self.folder = secrets.token_hex(4), folder
        self._trial_worker, self._worker, self._task = trial_worker, trial_worker.worker, task
        self._offset = 0

    def send(self, kind: str, **more: object) -> None:
        about = {"kind": kind, "run": self.folder.id, "attempt_id": self.id, "worker": self._worker.address}
        self._worker.log_event(self._trial_worker.topic, {**about, **more})

    def send_events(self) -> None:
        """Send the whole lines that were added to the run's log since the last call."""
        with suppress(FileNotFoundError), self.folder.events_file.open("rb") as log:
            while True:
                log.seek(self._offset)
                lines, end, _ = log.read(MOST_SENT).rpartition(b"\n")
                if not end:
                    return
                self.send("events", offset=self._offset, lines=(lines + end).decode("utf-8", "replace"))
                self._offset += len(lines) + 1

    def tick(self) -> None:
        """Send new events. Raises Reschedule where Dask, the study or the worker no longer wants the trial here."""
        from distributed import Reschedule

        state = self._worker.state.tasks.get(self._task)
        wanted = state is not None and state.state in ("executing", "long-running")
        if not wanted or self._trial_worker.closing or self._worker.status.name not in ("running", "paused"):
            raise Reschedule
        self.send_events()


class TrialWorker:
    """One study's trial server and scratch folder on one Dask worker.

    Args:
        study: an id that separates this study from other studies on the same worker.
        worker: the `distributed.Worker`.

    Attributes:
        topic: the Dask topic on which messages to the study's process are sent.
        current: the folder of the run that is being trained.
        datasets: the folder of the datasets that the study has sent.
        dataset_came: set when such a dataset arrives; wakes the trial that waits for it.
        closing: whether the study has ended.
    """

    def __init__(self, study: str, worker: Any) -> None:
        self.worker, self.topic = worker, TOPIC.format(study)
        root = Path(worker.local_directory) / "mnist-tui"
        self._root, self.datasets = root / study, root / "data"
        self.dataset_came = threading.Event()
        self.current: RunFolder | None = None
        self.closing = False
        self._busy = threading.Lock()
        self._server: TrialServer | None = None
        self._server_settings: tuple[object, ...] = ()
        self._idle: threading.Timer | None = None

    def train(self, request: TrialRequest, task: str) -> TrialFiles:
        """Train a run for the Dask task of that key. Raises Reschedule if this worker must give the run up."""
        from distributed import Reschedule

        with self._busy:
            if self._idle is not None:
                self._idle.cancel()
            folder = RunFolder(self._root / secrets.token_hex(4) / request.run)
            try:
                return self._train(request, Attempt(self, task, folder))
            except Reschedule:
                self._end_server()
                raise
            finally:
                self.current = None
                shutil.rmtree(folder.path.parent, ignore_errors=True)
                self._idle = threading.Timer(IDLE_SECONDS, self._end_if_idle)
                self._idle.daemon = True
                self._idle.start()

    def close(self) -> None:
        """End the server, together with the trial that it trains, and remove the scratch folder."""
        self.closing = True
        self.dataset_came.set()
        if self._busy.acquire(timeout=CLOSE_SECONDS):
            self._end_server()
            self._busy.release()
        shutil.rmtree(self._root, ignore_errors=True)

    def _train(self, request: TrialRequest, attempt: Attempt) -> TrialFiles:
        state, reason, folder = "", "", attempt.folder
        try:
            folder.control.mkdir(parents=True)
            self.current = folder
            attempt.send("began")
            self._fill_folder(request, attempt)
            code = self._server_for(folder).run(folder, attempt.tick)
            status = folder.status()
            state, reason = status.state, status.reason
            if state in LIVE:
                printed = informative_text(folder.last_log_lines(3))
                state, reason = "", f"the worker refused run {folder.id} (code {code}): {printed}"
            if request.dataset is not None and not request.dataset.known:  # it had another name here
                _rename_dataset(folder, request.dataset.name)
        except (RequestError, DataError) as error:
            reason = str(error)
            if self._server is not None and not self._server.alive:
                self._end_server()
        except OSError as error:
            reason = f"{self.worker.address} cannot write its scratch folder: {error}"
        attempt.send_events()
        return TrialFiles(attempt.id, state, reason, pack(folder.path))

    def _fill_folder(self, request: TrialRequest, attempt: Attempt) -> None:
        folder, dataset = attempt.folder, request.dataset
        folder.experiment_file.write_bytes(request.experiment)
        launch = json.loads(request.launch)
        launch["wait"] = False
        if request.remote:
            launch["threads"] = launch.get("threads") or self.worker.state.nthreads
            if not Path(launch.get("data_dir") or "").is_dir():
                launch["data_dir"] = None
        data_dir, location = launch.get("data_dir"), None
        if dataset is not None and dataset.known:  # other names may mean other data on this machine
            location = find(dataset.name, Path(data_dir) if data_dir else None)
        if dataset is not None and (location is None or location.missing):
            stored = self._request_dataset(dataset, attempt)
            if dataset.known:
                launch["data_dir"] = str(stored)
            else:
                _rename_dataset(folder, str(stored / dataset.folder))
        write_text(folder.launch_file, json.dumps(launch))
        folder.write_status(status_of_new_folder())

    def _request_dataset(self, dataset: DatasetBundle, attempt: Attempt) -> Path:
        """Return the folder of a dataset that the study sends; ask for it and wait where it is not stored yet."""
        stored, end = self.datasets / dataset.sha256, time.monotonic() + DATA_SECONDS
        if not stored.exists():
            self.dataset_came.clear()
            attempt.send("needs dataset")
        while not stored.exists():
            attempt.tick()
            if time.monotonic() > end:
                raise DataError(
                    f"{dataset.folder} is not on {self.worker.address}, and the study did not send it in time"
                )
            self.dataset_came.wait(LOOK_SECONDS)
            self.dataset_came.clear()
        return stored

    def _server_for(self, folder: RunFolder) -> TrialServer:
        """Return the server; a new one where there is none, or where the device or the number of threads changes."""
        launch = folder.launch()
        settings = (launch.device, launch.threads)
        if self._server is None or not self._server.alive or self._server_settings != settings:
            self._end_server()
            self._root.mkdir(parents=True, exist_ok=True)
            self._server, self._server_settings = TrialServer(self._root / "server.log"), settings
        return self._server

    def _end_if_idle(self) -> None:
        if self._busy.acquire(blocking=False):
            self._end_server()
            self._busy.release()

    def _end_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def _rename_dataset(folder: RunFolder, name: str) -> None:
    preset = folder.preset()
    experiment = preset.experiment
    renamed = experiment.model_copy(update={"dataset": experiment.dataset.model_copy(update={"name": name})})
    write_text(folder.experiment_file, dump_preset(replace(preset, experiment=renamed)))


@dataclass(frozen=True)
class WorkerFacts:
    """Facts that a worker reports about itself.

    Attributes:
        version: of mnist-tui.
        python: with its minor version (``3.11``).
        gpu: the GPU that only this worker uses; None without one.
        threads: the worker's number in Dask; a trial that requests no number gets as many.
    """

    host: str
    version: str
    python: str
    tensorflow: bool
    gpu: int | None
    threads: int


_trial_workers: dict[str, TrialWorker] = {}
"""The trial workers of this process, by study."""


def report_facts(dask_worker: Any) -> WorkerFacts:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = ("0" if devices.gpu_count() else "") if visible is None else visible.partition(",")[0].strip()
    return WorkerFacts(
        socket.gethostname(),
        mnist_tui.__version__,
        ".".join(platform.python_version_tuple()[:2]),
        importlib.util.find_spec("tensorflow") is not None,
        int(first) if first.isdecimal() else None,
        dask_worker.state.nthreads,
    )


async def accept_trials(dask_worker: Any) -> None:
    """Let Dask give trials to this worker."""
    if dask_worker.state.total_resources.get(RESOURCE) == 1:
        return
    await dask_worker.set_resources(**{RESOURCE: 1})
    # the scheduler places tasks that had no worker after a pause of a worker, but not for new resources
    running = dask_worker.status
    if running.name == "running":
        dask_worker.status = type(running).paused
        dask_worker.status = running


async def close_study(study: str) -> None:
    """End this worker's part in a study, even in the middle of a trial."""
    if (trial_worker := _trial_workers.pop(study, None)) is not None:
        await asyncio.to_thread(trial_worker.close)


def deliver_command(study: str, run: str, command: Command) -> None:
    """Write a command into the folder of a run, unless the run is not being trained here."""
    trial_worker = _trial_workers.get(study)
    folder = trial_worker.current if trial_worker is not None else None
    if folder is not None and folder.id == run:
        control.write_command(folder, command)


def receive_dataset(study: str, dataset: DatasetBundle, files: DatasetFiles) -> None:
    """Store the dataset that the current run has requested."""
    if (trial_worker := _trial_workers.get(study)) is not None:
        store_dataset(dataset, files, trial_worker.datasets)
        trial_worker.dataset_came.set()


def train(request: TrialRequest) -> TrialFiles:
    """Train a run to its end. If this worker must give the run up, Dask starts it on another worker."""
    from distributed import get_worker

    worker, study = get_worker(), request.study
    trial_worker = _trial_workers.get(study) or _trial_workers.setdefault(study, TrialWorker(study, worker))
    return trial_worker.train(request, str(worker.get_current_task()))
