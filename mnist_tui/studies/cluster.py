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
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mnist_tui.data.errors import DataError
from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs.control import DISCARDED, Command, Inbox
from mnist_tui.runs.events import Event
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.records import document
from mnist_tui.studies import start, trial_worker
from mnist_tui.studies.events import Worker
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.state import replayed
from mnist_tui.studies.transport import DatasetBundle, RunMirror, TrialRequest, find_dataset_bundle
from mnist_tui.studies.workers import DaskClient, WorkerPool, plan_for_this_machine, start_local_cluster
from mnist_tui.wording import counted

MOST_ATTEMPTS = 3
CHECK_SECONDS = 0.2
WORKERS_SECONDS = 1.0
CLOSE_SECONDS = 5.0
FETCH_SECONDS = 120.0

NewsKind = Literal["began", "event", "ended", "lost"]


@dataclass(frozen=True)
class TrialNews:
    """An event of a trial's run that is already written to the run's folder on this machine.

    Attributes:
        kind: began (a worker trains the run now); event; ended (all files of the run are here); lost (the run failed,
            because no worker could train it to its end or its files could not be received).
        worker: the worker's address; empty where no worker has the run.
        attempt: from 1; it grows by 1 each time a worker died with the run.
        event: for the kind event.
        reason: why the run ended or was lost.
    """

    run: str
    kind: NewsKind
    worker: str = ""
    attempt: int = 0
    event: Event | None = None
    reason: str = ""


@dataclass
class PendingTrial:
    """A run that waits for a worker or is trained by one.

    Attributes:
        future: the `distributed.Future` of its `TrialFiles`.
        inbox: reads the commands that are left in the run's folder on this machine.
        worker: the address of the worker that trains it; empty while it waits.
        commands: the commands from the inbox; every attempt gets all of them, because it begins from the start.
    """

    mirror: RunMirror
    future: Any
    dataset: DatasetBundle | None
    inbox: Inbox
    worker: str = ""
    commands: list[Command] = field(default_factory=list[Command])

    @property
    def run(self) -> str:
        return self.mirror.folder.id

    def news(self, kind: NewsKind, reason: str = "", event: Event | None = None) -> TrialNews:
        return TrialNews(self.run, kind, self.worker, self.mirror.attempts, event, reason)


class Cluster(AbstractContextManager["Cluster"]):
    """Workers that train a study's runs, each worker one run at a time.

    Args:
        folder: the study's folder, whose settings say where the trials are trained.
        log: called with sentences for the study's log.

    Attributes:
        threads: of one trial, for its command line; None where each worker of an existing cluster has its own number.

    Raises:
        RequestError: there is no such cluster, or one of its workers cannot train; the sentence says why.
    """

    def __init__(self, folder: StudyFolder, log: Callable[[str], None]) -> None:
        study = folder.study()
        self._study, self._scratch, self._log = secrets.token_hex(8), folder.scratch, log
        self._data_dir = Path(study.data_dir) if study.data_dir else None
        self.threads = study.threads or replayed(folder.events_file).threads or None
        self._remote = study.scheduler is not None
        self._trials: dict[str, PendingTrial] = {}
        self._mail = queue.SimpleQueue[tuple[str, Callable[[PendingTrial], Iterable[TrialNews]]]]()
        self._lost_reason = ""
        self._parts: list[Any] = []
        try:
            if study.scheduler is not None:
                start.check_scheduler(study.scheduler)
                address = study.scheduler
            else:
                plan = plan_for_this_machine(study.device, study.workers, self.threads)
                self.threads = plan.threads
                self._parts.append(start_local_cluster(plan, folder.scratch, self._data_dir, MOST_ATTEMPTS))
                address = self._parts[0].scheduler_address
            self._client = DaskClient(address, self._study, self._queue_message)
            self._parts.append(self._client)
            self._pool = WorkerPool(self._client, log, cpu=study.device == "cpu")
            self._pool.wait_for_first()
        except OSError as error:
            self.close()
            raise RunError(f"the Dask scheduler at {study.scheduler} is gone: {error}") from None
        except BaseException:
            self.close()
            raise
        self._workers_checked = time.monotonic()

    @property
    def capacity(self) -> int:
        """The number of runs to submit at a time: one for each worker, and on an existing cluster one more."""
        return len(self._pool.workers) + self._remote

    def workers(self) -> tuple[Worker, ...]:
        """Return the workers that can be given runs now."""
        return tuple(self._pool.workers.values())

    def submit(self, folder: RunFolder) -> None:
        """Have a worker train a run.

        Raises:
            RunError: another process writes the run, its dataset does not exist here, or the cluster is gone.
        """
        if self._lost_reason:
            raise RunError(self._lost_reason)
        try:
            name = folder.preset().experiment.dataset.name
            dataset = find_dataset_bundle(name, self._data_dir) if self._remote else None
        except (DataError, OSError) as error:
            raise RunError(str(error)) from None
        launch = document(folder.launch())
        if str(launch.get("device", "")).startswith("gpu:"):
            launch["device"] = "gpu"  # a worker sees the GPU that it has to itself, and no other
        request = TrialRequest(
            run=folder.id,
            study=self._study,
            experiment=folder.experiment_file.read_bytes(),
            launch=json.dumps(launch).encode(),
            remote=self._remote,
            dataset=dataset,
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
            wait = 0 if news else min(CHECK_SECONDS, max(0.0, end - time.monotonic()))
            with suppress(queue.Empty):
                while True:
                    run, handle = self._mail.get(timeout=wait)
                    wait = 0
                    if (trial := self._trials.get(run)) is not None:
                        with self._losing_on_error(trial, news):
                            news.extend(handle(trial))
            if news or time.monotonic() >= end:
                return news

    def stop(self, run: str) -> None:
        """Stop a run, unless it has ended. If its worker dies first, the run's next attempt is not stopped."""
        if (trial := self._trials.get(run)) is not None:
            self._send_command(trial, Command("stop"))

    def close(self) -> None:
        """End the cluster; runs that are being trained are left as stopped, and their weights are lost."""
        for trial in list(self._trials.values()):
            self._give_up(trial, "stopped with its study, before it was done", "stopped")
        while self._parts:
            with suppress(Exception):
                self._parts.pop().close(timeout=CLOSE_SECONDS)
        self._lost_reason = "the study's cluster is closed"
        if not self._remote:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __exit__(self, *_: object) -> None:
        self.close()

    def _queue_message(self, message: dict[str, Any]) -> None:
        self._mail.put((message["run"], lambda trial: self._read_message(trial, message)))

    def _finish_when_done(self, trial: PendingTrial) -> None:
        trial.future.add_done_callback(lambda _: self._mail.put((trial.run, self._finish)))

    def _check_all(self) -> list[TrialNews]:
        """Read commands left in the runs' folders, refresh their statuses, and look for new workers."""
        news = list[TrialNews]()
        if self._lost_reason:
            return news
        if not self._client.connected:
            self._lost_reason = f"the Dask scheduler at {self._client.address} is gone"
            self._pool.workers.clear()
            return [self._lose(trial, self._lost_reason) for trial in list(self._trials.values())]
        for trial in list(self._trials.values()):
            with self._losing_on_error(trial, news):
                for command in trial.inbox.new_commands():
                    trial.commands.append(command)
                    self._send_command(trial, command)
                trial.mirror.beat()
        now = time.monotonic()
        if now - self._workers_checked >= WORKERS_SECONDS:
            self._workers_checked = now
            with suppress(OSError):
                self._pool.update()
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
                yield trial.news("began")
                for command in trial.commands:
                    self._send_command(trial, command)
            case "events":
                events = mirror.append_events(attempt_id, message["offset"], message["lines"].encode())
            case "needs dataset" if trial.dataset is not None:
                dataset, files = trial.dataset, trial.dataset.read()
                size = counted(sum(len(content) for _, content in files), "byte")
                self._log(f"{dataset.folder} is sent to {worker}: {size}")
                self._client.call_later(worker, trial_worker.receive_dataset, self._study, dataset, files)
            case _:
                pass
        for event in events:
            yield trial.news("event", event=event)

    def _finish(self, trial: PendingTrial) -> Iterator[TrialNews]:
        """Receive the files of a task that has ended; without files the run counts as lost."""
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
            yield trial.news("event", event=event)
        yield trial.news("ended" if files.state else "lost", files.reason)

    def _send_command(self, trial: PendingTrial, command: Command) -> None:
        """Send a command to the worker of a run; a run that waits for a worker is stopped or discarded at once.

        A worker that has died gets no command: the next attempt is sent those of the run's folder as it begins.
        """
        if trial.worker:
            deliver = trial_worker.deliver_command
            self._client.call_later(trial.worker, deliver, self._study, trial.run, command)
        elif command.name in ("stop", "discard"):
            reason = DISCARDED if command.name == "discard" else "stopped before training began"
            self._mail.put((trial.run, lambda trial: self._end_waiting(trial, reason)))

    def _end_waiting(self, trial: PendingTrial, reason: str) -> Iterator[TrialNews]:
        if trial.worker:  # it has begun since: it got the folder's commands then, and the study stops it at that news
            return
        for event in self._give_up(trial, reason, "stopped"):
            yield trial.news("event", event=event)
        yield trial.news("ended", reason)

    def _lose(self, trial: PendingTrial, reason: str) -> TrialNews:
        self._give_up(trial, reason, "failed")
        return trial.news("lost", reason)

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
        """Count this run alone as lost where its folder cannot be written or its files arrive damaged."""
        try:
            yield
        except (OSError, RequestError) as error:
            if trial.run in self._trials:
                exists = trial.mirror.folder.path.is_dir()
                reason = f"run {trial.run} could not be received: {error}"
                news.append(self._lose(trial, reason if exists else "its folder was deleted meanwhile"))


def _too_many_attempts(worker: str) -> str:
    last = f", the last was {worker}" if worker else ""
    return f"given up after {MOST_ATTEMPTS} attempts, in each of which the worker died{last}"
