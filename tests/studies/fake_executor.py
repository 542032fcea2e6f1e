"""An executor that writes what workers write, in this process and an epoch a call, for the course of a study."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from mnist_tui.errors import RequestError
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import Ended, Event, RunStarted
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import Status, this_process
from mnist_tui.studies.cluster import TrialNews
from mnist_tui.studies.coordinator import Coordinator
from mnist_tui.studies.events import Worker
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.trials import NAMES
from tests.runs.sample_events import epoch


@dataclass
class FakeTrial:
    folder: RunFolder
    values: Mapping[str, str]
    epochs: int
    attempt: int = 0
    worker: str = ""
    epoch: int = 0
    stopped: bool = False


@dataclass
class FakeExecutor:
    """In the place of a `Cluster`; trains by writing down curves.

    Attributes:
        curve: validation accuracy of a trial, by its hidden neurons, after an epoch.
        broken: hidden neurons whose training fails. lost: of those whose worker dies for good.
        dies: hidden neurons whose worker dies once, after that epoch.
        refuses: hidden neurons whose run is not taken. deaf: of those whose training obeys no command.
        after: called after each look.
    """

    places: list[Worker] = field(
        default_factory=lambda: [
            Worker(address="tcp://a:1", host="here", name="0"),
            Worker(address="tcp://b:1", host="here", name="1"),
        ]
    )
    curve: Callable[[str, int], float] = lambda hidden, epoch: 0.9
    broken: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    deaf: frozenset[str] = frozenset()
    dies: dict[str, int] = field(default_factory=dict[str, int])
    after: Callable[[], None] = lambda: None
    threads: int | None = 1
    submitted: list[str] = field(default_factory=list[str])
    trials: dict[str, FakeTrial] = field(default_factory=dict[str, FakeTrial])
    most: int = 0

    @property
    def capacity(self) -> int:
        return len(self.places)

    def workers(self) -> tuple[Worker, ...]:
        return tuple(self.places)

    def submit(self, folder: RunFolder) -> None:
        experiment = folder.preset().experiment
        hidden = _hidden(folder)
        if hidden in self.refuses:
            raise RequestError("its data mean nothing here")
        self.submitted.append(hidden)
        self.trials[folder.id] = FakeTrial(folder, {"hidden": hidden}, experiment.training.epochs)
        self.most = max(self.most, len(self.trials))

    def stop(self, run: str) -> None:
        if run in self.trials and self.trials[run].values["hidden"] not in self.deaf:
            self.trials[run].stopped = True

    def poll(self, timeout: float) -> list[TrialNews]:
        told = [news for trial in list(self.trials.values()) for news in self._step(trial)]
        self.after()
        return told

    def _step(self, trial: FakeTrial) -> list[TrialNews]:
        hidden, run = trial.values["hidden"], trial.folder.id
        if not trial.worker:
            free = {place.address for place in self.places} - {other.worker for other in self.trials.values()}
            if not free and not trial.stopped:
                return []
            trial.worker, trial.attempt, trial.epoch = min(free, default="none"), trial.attempt + 1, 0
            trial.folder.events_file.unlink(missing_ok=True)
            self._write(trial, RunStarted(run=run, epochs=trial.epochs, total=1, trainable=1))
            return [TrialNews(run, "began", trial.worker, trial.attempt)]
        if hidden in self.lost:
            del self.trials[run]
            return [TrialNews(run, "lost", trial.worker, trial.attempt, reason="three workers died")]
        if trial.stopped:
            return self._end(trial, "stopped", "asked to")
        if hidden in self.broken:
            return self._end(trial, "failed", "it broke")
        if trial.epoch == trial.epochs:
            return self._end(trial, "finished", "all done", 0.8)
        trial.epoch += 1
        value = self.curve(hidden, trial.epoch)
        event = epoch(trial.epoch, val_loss=1 - value, val_accuracy=value)
        self._write(trial, event)
        news = [TrialNews(run, "event", trial.worker, trial.attempt, event)]
        if self.dies.get(hidden) == trial.epoch:
            del self.dies[hidden]
            trial.worker = ""
        return news

    def _end(self, trial: FakeTrial, state: str, reason: str, test: float | None = None) -> list[TrialNews]:
        self._write(trial, Ended(state=state, reason=reason, test_accuracy=test, test_loss=test, macro_f1=test))
        trial.folder.write_status(Status(state, os.getpid(), 0.0, socket.gethostname()))
        del self.trials[trial.folder.id]
        return [TrialNews(trial.folder.id, "ended", trial.worker, trial.attempt)]

    def _write(self, trial: FakeTrial, event: Event) -> None:
        log = EventLog(trial.folder.events_file)
        log.append(event)
        log.close()


def coordinated(folder: StudyFolder, executor: FakeExecutor, stops: Callable[[], int] = lambda: 0) -> tuple[str, str]:
    """Conducts the study as its process does, and tells of its end."""
    from mnist_tui.studies.events import StudyEnded

    def beat(state: str) -> None:
        folder.write_status(this_process(state))

    beat("running")
    state, reason = Coordinator(folder, cast(Any, executor), stops, beat).run()
    for trial in executor.trials.values():
        trial.folder.write_status(Status("stopped"))
    log = EventLog(folder.events_file)
    log.append(StudyEnded(state=state, reason=reason))
    log.close()
    folder.write_status(Status(state, reason=reason))
    return state, reason


def _hidden(folder: RunFolder) -> str:
    from mnist_tui.experiment.parameters import by_name

    assert "hidden" in NAMES
    return by_name("hidden").read(folder.preset().experiment)
