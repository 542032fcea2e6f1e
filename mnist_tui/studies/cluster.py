"""Trials on a Dask cluster: one of this machine's own, or an existing one. Dask schedules, retries and moves.

RunMirror's folders are written here alone, by the thread that calls `poll`.
"""

from __future__ import annotations

import json
import queue
import secrets
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mnist_tui.data.catalogue import DataError
from mnist_tui.experiment.problem import RequestError
from mnist_tui.runs.control import DISCARDED, Command, Inbox
from mnist_tui.runs.events import Event
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.records import document
from mnist_tui.studies import scheduler_address, transport
from mnist_tui.studies.dask_client import DaskClient
from mnist_tui.studies.run_mirror import RunMirror
from mnist_tui.studies.transport import DatasetBundle, TrialRequest
from mnist_tui.studies.workers import WorkerInfo, WorkerPool, plan_for_this_machine, start_local_cluster
from mnist_tui.wording import counted

MOST_ATTEMPTS = 3
CHORE_SECONDS = 0.2
CLOSE_SECONDS = 5.0
FETCH_SECONDS = 120.0
BEFORE_TRAINING = "stopped before training began"


class Cluster:
    """Workers that train runs. To be closed, best as a context manager; all of it ends with this process, too.

    Args:
        scheduler: the address of an existing cluster's; None for workers of this machine's own.
        workers, threads: how many processes, and how many threads a trial's TensorFlow has; None for as many as fit.
        device: auto, cpu or gpu[:N], as the runs ask for.
        data_dir: where to look for data first.
        scratch: a folder for the workers of this machine; emptied before and after.
        log: told what a person may want to know.

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
        self._threads, self._away = threads, scheduler is not None
        self._flights: dict[str, PendingTrial] = {}
        self._bundles: dict[str, DatasetBundle | None] = {}
        self._mail: queue.SimpleQueue[tuple[str, str, Any]] = queue.SimpleQueue()
        self._gone = ""
        self._local: Any = None
        self._wire: DaskClient | None = None
        try:
            if scheduler is not None:
                scheduler_address.check(scheduler)
            else:
                plan = plan_for_this_machine(device, workers, threads)
                self._threads = plan.threads
                self._local = start_local_cluster(plan, scratch, data_dir, MOST_ATTEMPTS)
            self._wire = DaskClient(scheduler or self._local.scheduler_address, self._study, self._hear)
            self._roster = WorkerPool(self._wire, log, cpu=device == "cpu")
            self._roster.meet()
        except OSError as error:
            self.close()
            raise RunError(f"the Dask scheduler at {scheduler} has gone: {error}") from None
        except BaseException:
            self.close()
            raise
        self._looked = time.monotonic()

    @property
    def threads(self) -> int | None:
        """Of one trial, for its command line; None where each worker of an existing cluster has its own number."""
        return self._threads

    @property
    def wanted(self) -> int:
        """How many runs to have submitted: one a worker; on an existing cluster one more, a reason for it to grow."""
        return len(self._roster.workers) + self._away

    def workers(self) -> tuple[WorkerInfo, ...]:
        """Those that can be given runs now."""
        return tuple(self._roster.workers.values())

    def submit(self, folder: RunFolder) -> None:
        """Has a worker train a run.

        Args:
            folder: at home, made by `runs.folder.create`.

        Raises:
            RunError: another process writes it, its data mean nothing here, or the cluster is gone.
        """
        if self._gone or self._wire is None:
            raise RunError(self._gone or "the study's cluster is closed")
        shipped = self._bundle(folder) if self._away else None
        launch = document(folder.launch())
        if str(launch.get("device", "")).startswith("gpu:"):
            launch["device"] = "gpu"  # a worker sees the GPU that is its own, and no other
        request = TrialRequest(
            folder.id,
            self._study,
            folder.experiment_file.read_bytes(),
            json.dumps(launch).encode(),
            self._away,
            shipped.key if shipped else None,
        )
        try:
            home = RunMirror(folder)
        except OSError as error:
            raise RunError(f"run {folder.id} cannot be written: {error}") from None
        future = self._wire.train(request)
        self._flights[folder.id] = PendingTrial(home, future, shipped)
        future.add_done_callback(lambda _: self._mail.put(("done", folder.id, None)))

    def poll(self, timeout: float) -> list[TrialNews]:
        """What became known since the last call; waits at most `timeout` seconds for something."""
        end, told = time.monotonic() + timeout, list[TrialNews]()
        while True:
            told += self._chores()
            told += self._read_mail(0 if told else min(CHORE_SECONDS, max(0.0, end - time.monotonic())))
            if told or time.monotonic() >= end:
                return told

    def command(self, run: str, command: Command) -> None:
        """Passes a command on to a run's worker; to a run that has none yet, once it has. Unknown runs are left be."""
        flight = self._flights.get(run)
        if flight is None:
            return
        if flight.worker:
            self._pass_on(flight, command)
        elif command.name in ("stop", "discard"):
            self._mail.put(("withdrawn", run, BEFORE_TRAINING if command.name == "stop" else DISCARDED))
        else:
            flight.waiting.append(command)

    def close(self) -> None:
        """Ends all of it; runs that are under way are left as stopped, and what they trained is lost."""
        for run in list(self._flights):
            self._give_up(run, "stopped with its study, before it was done", "stopped")
        for part in (self._wire, self._local):
            if part is not None:
                with suppress(Exception):
                    part.close(timeout=CLOSE_SECONDS)
        self._wire = self._local = None
        if not self._away:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """A worker tells of a trial; in a thread of Dask's."""
        self._mail.put(("told", event[1]["run"], event[1]))

    def _chores(self) -> list[TrialNews]:
        """What is due: commands left in home's folders, fresh statuses, new workers."""
        told = list[TrialNews]()
        if self._gone or self._wire is None:
            return told
        if not self._wire.up:
            self._gone = f"the Dask scheduler at {self._wire.address} has gone"
            self._roster.workers.clear()
            return [self._lost(run, self._gone) for run in list(self._flights)]
        for run, flight in list(self._flights.items()):
            with self._failing(run, told):
                for command in flight.inbox.look():
                    flight.commands.append(command)
                    self.command(run, command)
                flight.home.beat()
        now = time.monotonic()
        if now - self._looked >= 1.0:
            self._looked = now
            with suppress(OSError):
                self._roster.look()
        return told

    def _read_mail(self, timeout: float) -> list[TrialNews]:
        """Takes what lies there, and waits for the first where nothing does."""
        told = list[TrialNews]()
        with suppress(queue.Empty):
            kind, run, what = self._mail.get(timeout=timeout) if timeout else self._mail.get_nowait()
            while True:
                with self._failing(run, told):
                    told += self._open(kind, run, what)
                kind, run, what = self._mail.get_nowait()
        return told

    def _open(self, kind: str, run: str, what: Any) -> Iterator[TrialNews]:
        flight = self._flights.get(run)
        if flight is None:
            return
        match kind:
            case "done":
                yield from self._done(run, flight)
            case "unheard":
                self._unheard(flight, *what)
            case "withdrawn":
                yield from self._stopped(run, flight, what)
            case _:
                yield from self._told(run, flight, what)

    def _told(self, run: str, flight: PendingTrial, message: dict[str, Any]) -> Iterator[TrialNews]:
        home, worker = flight.home, message["worker"]
        match message["kind"]:
            case "begun":
                events = home.begins(message["dispatch"])
                if home.attempts > MOST_ATTEMPTS:
                    yield self._lost(run, _poisoned(worker))
                    return
                flight.worker = worker
                if home.attempts > 1:
                    self._log(f"run {run} begins anew on {worker}: attempt {home.attempts}")
                    others = [command for command in flight.waiting if not flight.is_left_in_folder(command)]
                    flight.waiting = [*flight.commands, *others]
                yield TrialNews(run, "begun", worker, home.attempts)
                for command in flight.waiting:
                    self._pass_on(flight, command)
                flight.waiting.clear()
            case "events":
                events = home.comes(message["dispatch"], message["offset"], message["lines"].encode())
            case "wants" if flight.data is not None:
                events = []
                self._ship(flight.data, worker)
            case _:
                events = []
        for event in events:
            yield TrialNews(run, "event", worker, home.attempts, event)

    def _done(self, run: str, flight: PendingTrial) -> Iterator[TrialNews]:
        """A task has ended: its result is fetched and moved in, or the reason told why there is none."""
        from distributed import KilledWorker

        future, home = flight.future, flight.home
        if future.status in ("lost", "pending"):  # its worker died with the result; Dask has another one train it
            future.add_done_callback(lambda _: self._mail.put(("done", run, None)))
            return
        if future.status != "finished":
            error = future.exception() if future.status == "error" else None
            reason = f"{type(error).__name__}: {error}" if error else "the Dask scheduler no longer knows of it"
            yield self._lost(run, _poisoned(flight.worker) if isinstance(error, KilledWorker) else reason)
            return
        try:
            result = future.result(FETCH_SECONDS)
        except TimeoutError:  # its worker died with the result, and another is to train it
            future.add_done_callback(lambda _: self._mail.put(("done", run, None)))
            return
        except Exception as error:
            yield self._lost(run, f"its result could not be fetched: {type(error).__name__}: {error}")
            return
        events = home.arrives(result)
        del self._flights[run]
        for event in events:
            yield TrialNews(run, "event", flight.worker, home.attempts, event)
        yield TrialNews(run, "ended" if result.state else "lost", flight.worker, home.attempts, reason=result.reason)

    def _stopped(self, run: str, flight: PendingTrial, reason: str) -> Iterator[TrialNews]:
        """A run that was told to stop while it waited for a worker; one that has one by now is passed the command."""
        if flight.worker:
            self._pass_on(flight, Command("discard" if reason == DISCARDED else "stop"))
            return
        for event in self._give_up(run, reason, "stopped"):
            yield TrialNews(run, "event", event=event)
        yield TrialNews(run, "ended", reason=reason)

    def _lost(self, run: str, reason: str) -> TrialNews:
        flight = self._flights[run]
        self._give_up(run, reason, "failed")
        return TrialNews(run, "lost", flight.worker, flight.home.attempts, reason=reason)

    def _give_up(self, run: str, reason: str, state: str) -> list[Event]:
        flight = self._flights.pop(run)
        with suppress(Exception):
            flight.future.cancel(force=True)
        try:
            return flight.home.gives_up(reason, state)
        except OSError as error:
            self._log(f"run {run}: its folder cannot be written: {error}")
            flight.home.let_go()
            return []

    @contextmanager
    def _failing(self, run: str, told: list[TrialNews]) -> Generator[None]:
        """A folder that cannot be written, or that came home damaged, loses its run and no other."""
        try:
            yield
        except (OSError, RequestError) as error:
            if run in self._flights:
                there = self._flights[run].home.folder.path.is_dir()
                why = f"run {run} could not be brought home: {error}" if there else "its folder was deleted meanwhile"
                told.append(self._lost(run, why))

    def _pass_on(self, flight: PendingTrial, command: Command) -> None:
        """Tells a run's worker of a command; where that has died, the next one is told."""
        assert self._wire is not None
        run, worker = flight.home.folder.id, flight.worker
        self._wire.tell(worker, run, command, lambda: self._mail.put(("unheard", run, (worker, command))))

    def _unheard(self, flight: PendingTrial, worker: str, command: Command) -> None:
        if flight.is_left_in_folder(command):
            return  # the next attempt is told of all of them
        if flight.worker == worker:
            flight.waiting.append(command)
        else:
            self._pass_on(flight, command)

    def _ship(self, data: DatasetBundle, worker: str) -> None:
        files = data.read()
        size = sum(len(content) for _, content in files)
        self._log(f"{data.key.folder} is shipped to {worker}: {counted(size, 'byte')}")
        assert self._wire is not None
        self._wire.ship(worker, data.key, files)

    def _bundle(self, folder: RunFolder) -> DatasetBundle | None:
        name = folder.preset().experiment.dataset.name
        if name not in self._bundles:
            try:
                self._bundles[name] = transport.at_home(name, self._data_dir)
            except (DataError, OSError) as error:
                raise RunError(str(error)) from None
        return self._bundles[name]


def _poisoned(worker: str) -> str:
    last = f", the last was {worker}" if worker else ""
    return f"given up after {MOST_ATTEMPTS} attempts, in each of which the worker died{last}"


@dataclass(frozen=True)
class TrialNews:
    """What became known of a run; home's folder has it already.

    Attributes:
        kind: begun (a worker takes it on); event; ended (its folder is home); lost (given up, `reason` says why).
        worker: its address; empty where none has the run.
        attempt: from 1, a worker's death apart.
    """

    run: str
    kind: Literal["begun", "event", "ended", "lost"]
    worker: str = ""
    attempt: int = 0
    event: Event | None = None
    reason: str = ""


@dataclass
class PendingTrial:
    """A run on its way: waiting for a worker, or on one.

    Attributes:
        inbox: the commands in home's folder.
        commands: what came out of it; each attempt at the run is told of all, for it begins anew.
        waiting: commands for the first worker that takes the run on.
    """

    home: RunMirror
    future: Any
    data: DatasetBundle | None
    worker: str = ""
    waiting: list[Command] = field(default_factory=list[Command])
    commands: list[Command] = field(default_factory=list[Command])
    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.home.folder)

    def is_left_in_folder(self, command: Command) -> bool:
        """Whether a command came out of home's folder."""
        return any(command is each for each in self.commands)
