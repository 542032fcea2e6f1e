"""Train the trials of a study on a Dask cluster: one that is started on this machine, or an existing one.

Dask schedules, retries and moves the trials. The run folders on this machine are written only here, by the thread that
calls `poll`.
"""

from __future__ import annotations

import json
import queue
import secrets
import shutil
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnist_tui.data.catalogue import DataError
from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs.control import DISCARDED, Command, Inbox
from mnist_tui.runs.events import Event
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.records import document
from mnist_tui.studies import start
from mnist_tui.studies.coordinator import NewsKind, TrialNews
from mnist_tui.studies.events import Worker
from mnist_tui.studies.transport import DatasetBundle, RunMirror, TrialRequest, find_dataset_bundle
from mnist_tui.studies.workers import DaskClient, WorkerPool, plan_for_this_machine, start_local_cluster
from mnist_tui.wording import counted

MOST_ATTEMPTS = 3
CHECK_SECONDS = 0.2
WORKERS_SECONDS = 1.0
CLOSE_SECONDS = 5.0
FETCH_SECONDS = 120.0
BEFORE_TRAINING = "stopped before training began"


@dataclass
class PendingTrial:
    """A run that waits for a worker or is on one.

    Attributes:
        future: the `distributed.Future` of its `TrialFiles`.
        worker: the address of the worker that trains it; empty while it waits.
        to_send: commands for the first worker that takes the run.
        from_folder: commands that were left in the run's folder on this machine; each attempt gets all of them, for it
            begins from the start.
        inbox: reads the commands in the run's folder.
    """

    mirror: RunMirror
    future: Any
    dataset: DatasetBundle | None
    inbox: Inbox
    worker: str = ""
    to_send: list[Command] = field(default_factory=list[Command])
    from_folder: list[Command] = field(default_factory=list[Command])

    @property
    def run(self) -> str:
        return self.mirror.folder.id

    def news(self, kind: NewsKind, event: Event | None = None, reason: str = "") -> TrialNews:
        return TrialNews(self.run, kind, self.worker, self.mirror.attempts, event, reason)

    def is_from_folder(self, command: Command) -> bool:
        return any(command is each for each in self.from_folder)


Handler = Callable[[PendingTrial], Iterable[TrialNews]]


class Cluster:
    """Workers that train runs; an `executor.Executor`. To be closed, best as a context manager.

    Args:
        scheduler: the address of an existing scheduler; None for workers of this machine's own.
        workers, threads: how many processes, and how many threads for each trial's TensorFlow; None for as many as fit.
        device: auto, cpu or gpu[:N], as the runs ask for.
        data_dir: where to look for data first.
        scratch: a folder for the workers of this machine; emptied before and after.
        log: called with sentences for the study's log.

    Attributes:
        threads: of one trial, for its command line; None where each worker of an existing cluster has its own number.

    Raises:
        RunError: there is no such cluster, or one of its workers cannot train; the sentence says why.
    """

    def __init__(
        self,
        *,
        scheduler: str | None,
        workers: int | None,
        threads: int | None,
        device: str,
        data_dir: Path | None,
        scratch: Path,
        log: Callable[[str], None],
    ) -> None:
        self._study, self._scratch, self._log, self._data_dir = secrets.token_hex(8), scratch, log, data_dir
        self.threads, self._remote = threads, scheduler is not None
        self._trials: dict[str, PendingTrial] = {}
        self._datasets: dict[str, DatasetBundle | None] = {}
        self._mail: queue.SimpleQueue[tuple[str, Handler]] = queue.SimpleQueue()
        self._lost_reason = ""
        self._local: Any = None
        self._client: DaskClient | None = None
        try:
            if scheduler is not None:
                start.check_scheduler(scheduler)
            else:
                plan = plan_for_this_machine(device, workers, threads)
                self.threads = plan.threads
                self._local = start_local_cluster(plan, scratch, data_dir, MOST_ATTEMPTS)
            self._client = DaskClient(scheduler or self._local.scheduler_address, self._study, self._queue_message)
            self._pool = WorkerPool(self._client, log, cpu=device == "cpu")
            self._pool.wait_for_first()
        except OSError as error:
            self.close()
            raise RunError(f"the Dask scheduler at {scheduler} is gone: {error}") from None
        except BaseException:
            self.close()
            raise
        self._workers_checked = time.monotonic()

    @property
    def capacity(self) -> int:
        """The number of runs to submit at a time: one for each worker, and on an existing cluster one more."""
        return len(self._pool.workers) + self._remote

    def workers(self) -> tuple[Worker, ...]:
        return tuple(self._pool.workers.values())

    def submit(self, folder: RunFolder) -> None:
        """Have a worker train a run.

        Raises:
            RunError: another process writes the run, its dataset does not exist here, or the cluster is gone.
        """
        if self._lost_reason or self._client is None:
            raise RunError(self._lost_reason or "the study's cluster is closed")
        dataset = self._dataset_of(folder) if self._remote else None
        launch = document(folder.launch())
        if str(launch.get("device", "")).startswith("gpu:"):
            launch["device"] = "gpu"  # a worker sees the GPU that it has to itself, and no other
        request = TrialRequest(
            run=folder.id,
            study=self._study,
            experiment=folder.experiment_file.read_bytes(),
            launch=json.dumps(launch).encode(),
            remote=self._remote,
            dataset=dataset.key if dataset else None,
        )
        try:
            mirror = RunMirror(folder)
        except OSError as error:
            raise RunError(f"run {folder.id} cannot be written: {error}") from None
        trial = PendingTrial(mirror, self._client.train(request), dataset, Inbox(folder))
        self._trials[folder.id] = trial
        self._finish_when_done(trial)

    def poll(self, timeout: float) -> list[TrialNews]:
        """Return the news since the last call; wait at most `timeout` seconds for some."""
        end, news = time.monotonic() + timeout, list[TrialNews]()
        while True:
            news += self._check_all()
            news += self._read_mail(0 if news else min(CHECK_SECONDS, max(0.0, end - time.monotonic())))
            if news or time.monotonic() >= end:
                return news

    def command(self, run: str, command: Command) -> None:
        """Send a command to the worker of a run, or keep it until the run has one. Unknown runs are ignored."""
        trial = self._trials.get(run)
        if trial is None:
            return
        if trial.worker:
            self._send_command(trial, command)
        elif command.name in ("stop", "discard"):
            reason = BEFORE_TRAINING if command.name == "stop" else DISCARDED
            self._mail.put((run, lambda trial: self._stop_waiting(trial, command, reason)))
        else:
            trial.to_send.append(command)

    def close(self) -> None:
        """End the cluster; runs that are being trained are left as stopped, and their weights are lost."""
        for trial in list(self._trials.values()):
            self._give_up(trial, "stopped with its study, before it was done", "stopped")
        for part in (self._client, self._local):
            if part is not None:
                with suppress(Exception):
                    part.close(timeout=CLOSE_SECONDS)
        self._client = self._local = None
        if not self._remote:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _queue_message(self, message: dict[str, Any]) -> None:
        self._mail.put((message["run"], lambda trial: self._read_message(trial, message)))

    def _finish_when_done(self, trial: PendingTrial) -> None:
        trial.future.add_done_callback(lambda _: self._mail.put((trial.run, self._finish)))

    def _check_all(self) -> list[TrialNews]:
        """Read commands left in the runs' folders, refresh their statuses, and look for new workers."""
        news = list[TrialNews]()
        if self._lost_reason or self._client is None:
            return news
        if not self._client.connected:
            self._lost_reason = f"the Dask scheduler at {self._client.address} is gone"
            self._pool.workers.clear()
            return [self._lose(trial, self._lost_reason) for trial in list(self._trials.values())]
        for run, trial in list(self._trials.items()):
            with self._losing_on_error(trial, news):
                for command in trial.inbox.look():
                    trial.from_folder.append(command)
                    self.command(run, command)
                trial.mirror.beat()
        now = time.monotonic()
        if now - self._workers_checked >= WORKERS_SECONDS:
            self._workers_checked = now
            with suppress(OSError):
                self._pool.update()
        return news

    def _read_mail(self, timeout: float) -> list[TrialNews]:
        """Handle all mail; wait at most `timeout` seconds for the first."""
        news = list[TrialNews]()
        with suppress(queue.Empty):
            run, handle = self._mail.get(timeout=timeout) if timeout else self._mail.get_nowait()
            while True:
                if (trial := self._trials.get(run)) is not None:
                    with self._losing_on_error(trial, news):
                        news.extend(handle(trial))
                run, handle = self._mail.get_nowait()
        return news

    def _read_message(self, trial: PendingTrial, message: dict[str, Any]) -> Iterator[TrialNews]:
        mirror, worker, attempt_id = trial.mirror, message["worker"], message["attempt_id"]
        events: list[Event] = []
        match message["kind"]:
            case "began":
                events = mirror.start_attempt(attempt_id)
                if mirror.attempts > MOST_ATTEMPTS:
                    yield self._lose(trial, _too_many_attempts(worker))
                    return
                trial.worker = worker
                if mirror.attempts > 1:
                    self._log(f"run {trial.run} begins again on {worker}: attempt {mirror.attempts}")
                    others = [command for command in trial.to_send if not trial.is_from_folder(command)]
                    trial.to_send = [*trial.from_folder, *others]
                yield trial.news("began")
                for command in trial.to_send:
                    self._send_command(trial, command)
                trial.to_send.clear()
            case "events":
                events = mirror.append_events(attempt_id, message["offset"], message["lines"].encode())
            case "needs dataset" if trial.dataset is not None and self._client is not None:
                key, files = trial.dataset.key, trial.dataset.read()
                size = counted(sum(len(content) for _, content in files), "byte")
                self._log(f"{key.folder} is sent to {worker}: {size}")
                self._client.send_dataset(worker, key, files)
            case _:
                pass
        for event in events:
            yield TrialNews(trial.run, "event", worker, mirror.attempts, event)

    def _finish(self, trial: PendingTrial) -> Iterator[TrialNews]:
        """A task has ended: receive its files, or say why there are none."""
        from distributed import KilledWorker

        future = trial.future
        if future.status in ("lost", "pending"):  # its worker died with the files; Dask has another one train it
            self._finish_when_done(trial)
            return
        if future.status != "finished":
            error = future.exception() if future.status == "error" else None
            reason = f"{type(error).__name__}: {error}" if error else "the Dask scheduler no longer knows of it"
            yield self._lose(trial, _too_many_attempts(trial.worker) if isinstance(error, KilledWorker) else reason)
            return
        try:
            files = future.result(FETCH_SECONDS)
        except TimeoutError:  # its worker died with the files, and another is to train it
            self._finish_when_done(trial)
            return
        except Exception as error:
            yield self._lose(trial, f"its files could not be fetched: {type(error).__name__}: {error}")
            return
        events = trial.mirror.receive_files(files)
        del self._trials[trial.run]
        for event in events:
            yield trial.news("event", event)
        yield trial.news("ended" if files.state else "lost", reason=files.reason)

    def _stop_waiting(self, trial: PendingTrial, command: Command, reason: str) -> Iterator[TrialNews]:
        """Stop a run that waited for a worker; one that has a worker by now is sent the command."""
        if trial.worker:
            self._send_command(trial, command)
            return
        for event in self._give_up(trial, reason, "stopped"):
            yield trial.news("event", event)
        yield trial.news("ended", reason=reason)

    def _lose(self, trial: PendingTrial, reason: str) -> TrialNews:
        self._give_up(trial, reason, "failed")
        return trial.news("lost", reason=reason)

    def _give_up(self, trial: PendingTrial, reason: str, state: str) -> list[Event]:
        del self._trials[trial.run]
        with suppress(Exception):
            trial.future.cancel(force=True)
        try:
            return trial.mirror.give_up(reason, state)
        except OSError as error:
            self._log(f"run {trial.run}: its folder cannot be written: {error}")
            trial.mirror.release()
            return []

    @contextmanager
    def _losing_on_error(self, trial: PendingTrial, news: list[TrialNews]) -> Generator[None]:
        """A folder that cannot be written, or files that arrive damaged, lose this run and no other."""
        try:
            yield
        except (OSError, RequestError) as error:
            if trial.run in self._trials:
                exists = trial.mirror.folder.path.is_dir()
                reason = f"run {trial.run} could not be received: {error}"
                news.append(self._lose(trial, reason if exists else "its folder was deleted meanwhile"))

    def _send_command(self, trial: PendingTrial, command: Command) -> None:
        """Send a command to the worker of a run; where that worker has died, the next one gets it."""
        assert self._client is not None
        worker = trial.worker

        def send_again(trial: PendingTrial) -> tuple[TrialNews, ...]:
            if trial.is_from_folder(command):
                pass  # the next attempt gets all of them
            elif trial.worker == worker:
                trial.to_send.append(command)
            else:
                self._send_command(trial, command)
            return ()

        run = trial.run
        self._client.send_command(worker, run, command, on_failure=lambda: self._mail.put((run, send_again)))

    def _dataset_of(self, folder: RunFolder) -> DatasetBundle | None:
        name = folder.preset().experiment.dataset.name
        if name not in self._datasets:
            try:
                self._datasets[name] = find_dataset_bundle(name, self._data_dir)
            except (DataError, OSError) as error:
                raise RunError(str(error)) from None
        return self._datasets[name]


def _too_many_attempts(worker: str) -> str:
    last = f", the last was {worker}" if worker else ""
    return f"given up after {MOST_ATTEMPTS} attempts, in each of which the worker died{last}"
