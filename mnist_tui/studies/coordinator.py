"""The course of a study: which trial begins, what became of each, when it is over. An executor trains.

Everything that happens is an event in the study's log; this knows where it stands from them, as anyone does.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace

from mnist_tui import clocks
from mnist_tui.clocks import SteadyClock, since_boot
from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import discard
from mnist_tui.runs import control, start
from mnist_tui.runs.control import Command
from mnist_tui.runs.events import EpochEnded
from mnist_tui.runs.folder import Launch, RunError, RunFolder, Status, create, unwritable
from mnist_tui.runs.library import delete_run, run_folders
from mnist_tui.runs.state import LIVE
from mnist_tui.studies import trial_result, trials
from mnist_tui.studies.events import (
    StudyEvent,
    StudyLog,
    StudyNoted,
    StudyStarted,
    StudyStopping,
    StudyTail,
    TrialBegan,
    TrialEnded,
    TrialEpoch,
    TrialSubmitted,
    Worker,
    WorkersSeen,
    told,
)
from mnist_tui.studies.executor import Executor, News
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.search import Pruner, TrialQueue
from mnist_tui.studies.state import Reducer, StudyState, TrialRow
from mnist_tui.studies.trials import Trial
from mnist_tui.wording import counted

POLL_SECONDS = 0.2
LONELY_SECONDS = 10.0
"""So long without a worker before a person is told."""
AT_ONCE = "the study was ended at once"


class Coordinator:
    """Conducts one study from where it stands to its end.

    Args:
        executor: where its trials are trained.
        stops: how often the process was told to stop. Twice, by that or by commands in the folder, means at once.
        beat: called several times a second with the study's state.
    """

    def __init__(
        self,
        folder: StudyFolder,
        executor: Executor,
        *,
        stops: Callable[[], int] = lambda: 0,
        beat: Callable[[str], None] = lambda state: None,
    ) -> None:
        self._folder, self._executor, self._stops, self._beat = folder, executor, stops, beat
        self._study, self._bases = folder.study(), folder.bases()
        self._reducer = Reducer(StudyState(id=folder.id))
        for event in StudyTail(folder.events_file).read_all():
            self._reducer.take(event)
        before = self._reducer.state()
        self._clock = SteadyClock(before.updated or 0.0, wall=clocks.now)
        self._plan = TrialQueue(self._study, self._bases, before)
        self._threads = self._study.threads or before.threads
        self._old = {row.number: folder.run(row.run) for row in before.rows if row.run and not row.settled}
        self._untold = untold(folder, {row.run for row in before.rows})
        self._log = StudyLog(folder.events_file)
        self._flying: dict[str, int] = {}
        self._why: dict[int, str] = {}
        self._workers: tuple[Worker, ...] = ()
        self._alone_since: float | None = None
        self._pruner: Pruner | None = None
        self._inbox = control.Inbox(folder.as_run)
        self._asked = 0
        self._stopping = False

    def run(self) -> tuple[str, str]:
        """Trains all that is missing.

        Returns:
            How it ended, finished or stopped, and a line that says what came of it. That the study has ended is for the
            process to tell, once the executor is closed.

        Raises:
            RequestError: the executor cannot go on.
        """
        self._begin()
        while self._hear() < 2:
            self._see_workers()
            if not self._stopping:
                self._submit()
            if not self._flying and (self._stopping or self._next() is None):
                break
            for news in self._executor.poll(POLL_SECONDS):
                self._take(news)
            self._beat("stopping" if self._stopping else "running")
        return self._end()

    def _tell(self, event: StudyEvent) -> None:
        event = replace(event, time=self._clock())
        self._log.append(event)
        self._reducer.take(event)

    def _begin(self) -> None:
        study = self._study
        self._threads = self._threads or self._executor.threads or 0
        self._tell(
            StudyStarted(
                study=self._folder.id,
                title=study.title,
                kind=study.kind,
                metric=study.search.metric,
                axes=tuple(axis.name for axis in study.axes),
                trials=trials.count(study),
                compares=study.compares,
                threads=self._threads,
            )
        )
        self._tell_rows()
        for run in self._untold:
            remove(run, self._folder)
        self._adopt()
        for text in self._cautions():
            self._tell(StudyNoted(text=text))
        if study.prunes:
            self._pruner = Pruner(study.search.metric, self._reducer.state().rows)

    def _tell_rows(self) -> None:
        for planned in self._plan.rows(self._reducer.state()):
            self._tell(planned)

    def _adopt(self) -> None:
        """Takes in the runs that ended well while nobody looked."""
        for number, folder in self._old.items():
            with suppress(RunError, TypeError):
                if folder.state() in ("finished", "diverged"):
                    for event in trial_result.course(number, folder, self._study.search.metric):
                        self._tell(event)

    def _cautions(self) -> Iterator[str]:
        study = self._study
        if study.compares and any(base.experiment.dataset.validation == "test" for base in self._bases.values()):
            yield (
                "trials are compared on the test set, so the best one's test accuracy is chosen by it and reads too "
                "well; --validation 0.2 holds training images out instead"
            )
        there, asked = trials.count(study), study.search.points * study.bases[0].seeds
        if study.search.kind != "grid" and there < asked:
            yield f"{counted(asked, 'trial')} were asked for, but there are only {there} different ones"

    def _hear(self) -> int:
        """How often the study was told to stop, by commands and signals together."""
        commands = self._inbox.look()
        self._asked += sum(command.name == "stop" for command in commands)
        often = self._asked + self._stops()
        if often and not self._stopping:
            self._stopping = True
            self._tell(StudyStopping())
            for run in self._flying:
                self._executor.command(run, Command("stop"))
        control.settle(self._folder.as_run, commands)
        return often

    def _see_workers(self) -> None:
        found = tuple(
            Worker(address=each.address, host=each.host, name=each.name, gpu=each.gpu, threads=each.threads)
            for each in self._executor.workers()
        )
        if found != self._workers:
            self._workers = found
            self._tell(WorkersSeen(workers=found))
        now = time.monotonic()
        self._alone_since = None if found else self._alone_since or now
        if self._alone_since is not None and now - self._alone_since > LONELY_SECONDS:
            where = self._study.scheduler or "the study's own scheduler"
            self._note(f"no worker is connected to {where}; the study waits for one")

    def _note(self, text: str) -> None:
        if text not in self._reducer.notes:
            self._tell(StudyNoted(text=text))

    def _submit(self) -> None:
        """Has as many trials under way as the workers want."""
        while len(self._flying) < self._executor.wanted and (trial := self._next()) is not None:
            folder = self._made(trial)
            self._tell(TrialSubmitted(number=trial.number, run=folder.id))
            self._flying[folder.id] = trial.number
            self._remove_old(trial.number)
            try:
                self._executor.submit(folder)
            except RequestError as error:
                if not self._workers:
                    raise
                self._ended(trial_result.lost(trial.number, folder.id, str(error), 0.0))

    def _next(self) -> Trial | None:
        """The trial to be begun next, sampled if need be; None where there is none."""
        flying = set(self._flying.values())
        trial = self._plan.waiting(self._reducer.states, flying)
        if trial is None and self._plan.sample(self._reducer.state()):
            self._tell_rows()
            trial = self._plan.waiting(self._reducer.states, flying)
        return trial

    def _made(self, trial: Trial) -> RunFolder:
        """The folder of a trial's run."""
        study, threads = self._study, self._threads or None
        launch = Launch(
            time.time(),
            "",
            study.device,
            study.data_dir,
            allow_sample=study.allow_sample,
            study=self._folder.id,
            since_boot=since_boot(),
        )
        folder = create(self._folder.runs_dir, trial.preset, launch)
        try:
            folder.write_launch(self._with_threads(launch, trial, folder, threads))
        except OSError as error:
            discard(folder.path)
            raise unwritable(self._folder.runs_dir, error) from None
        return folder

    def _with_threads(self, launch: Launch, trial: Trial, folder: RunFolder, threads: int | None) -> Launch:
        """The launch with the number of threads, on which a result's last bits depend, and the command that says so."""
        base = self._bases[trial.base]
        command = trials.command_of(trial, base, self._study, threads, folder.experiment_file)
        return replace(launch, threads=threads, command=command)

    def _tell_threads(self, number: int, news: News) -> None:
        """Has a run that is for any number of threads name that of the worker which trains it."""
        threads = next((each.threads for each in self._executor.workers() if each.address == news.worker), None)
        folder = self._folder.run(news.run)
        with suppress(RunError, OSError):  # a run whose folder was deleted is given up by the executor
            folder.write_launch(self._with_threads(folder.launch(), self._plan.trials[number], folder, threads))

    def _remove_old(self, number: int) -> None:
        """Removes what an attempt that was cut short has left, unless somebody goes on with it."""
        if (folder := self._old.pop(number, None)) is not None:
            remove(folder, self._folder)

    def _take(self, news: News) -> None:
        number = self._flying.get(news.run)
        if number is None:
            return
        match news.kind:
            case "begun":
                self._why.pop(number, None)
                self._tell(TrialBegan(number=number, run=news.run, attempt=news.attempt, worker=news.worker))
                if not self._threads:
                    self._tell_threads(number, news)
                if self._stopping:
                    self._executor.command(news.run, Command("stop"))
            case "event" if isinstance(news.event, EpochEnded):
                self._epoch(number, news.run, news.event)
            case "ended":
                folder, metric = self._folder.run(news.run), self._study.search.metric
                self._ended(trial_result.ended(number, folder, metric, self._spent(number)))
                self._go_on_if_asked(folder)
            case "lost":
                self._ended(trial_result.lost(number, news.run, news.reason, self._spent(number)))
            case _:
                pass

    def _go_on_if_asked(self, folder: RunFolder) -> None:
        """Has a run that was asked for more epochs as it ended train them, on this machine."""
        if not self._stopping and control.waiting(folder, "extend"):
            with suppress(RequestError):
                start.resume(folder)

    def _epoch(self, number: int, run: str, event: EpochEnded) -> None:
        if not told(event.epoch):
            return
        self._tell(
            TrialEpoch(number=number, epoch=event.epoch, val_loss=event.val_loss, val_accuracy=event.val_accuracy)
        )
        if self._pruner is None or self._stopping or number in self._why:
            return
        if why := self._pruner.hopeless(self._reducer.row(number)):
            self._why[number] = why
            self._executor.command(run, Command("stop"))

    def _ended(self, event: TrialEnded) -> None:
        del self._flying[event.run]
        why = self._why.pop(event.number, "")
        self._tell(replace(event, state="pruned", reason=why) if why and event.state == "stopped" else event)
        row = self._reducer.row(event.number)
        if self._pruner is not None:
            self._pruner.ended(row)
        if row.state == "pruned":
            self._give_up_seeds(row)

    def _give_up_seeds(self, pruned: TrialRow) -> None:
        """Other seeds of values that have proved hopeless are not begun."""
        why = f"not trained: trial {pruned.number} of the same values was pruned after epoch {pruned.epoch}"
        for row in self._reducer.state().points[pruned.point]:
            if row.state == "waiting" and row.number not in self._flying.values():
                self._tell(TrialEnded(number=row.number, run="", state="pruned", reason=why))

    def _spent(self, number: int) -> float:
        began = self._reducer.row(number).began
        return 0.0 if began is None else self._clock() - began

    def _end(self) -> tuple[str, str]:
        for run, number in self._flying.items():
            seconds = self._spent(number)
            self._tell(TrialEnded(number=number, run=run, state="stopped", reason=AT_ONCE, seconds=seconds))
        self._log.close()
        state = self._reducer.state()
        left = state.count("waiting") or state.count("stopped") or state.trials > len(state.rows)
        return "stopped" if self._stopping and left else "finished", _summary(state)


def _summary(state: StudyState) -> str:
    """``22 of 24 trials finished, 1 pruned, 1 failed``."""
    others = ("pruned", "diverged", "failed", "stopped")
    parts = [f"{state.count('finished')} of {counted(max(state.trials, len(state.rows)), 'trial')} finished"]
    return ", ".join(parts + [f"{state.count(each)} {each}" for each in others if state.count(each)])


def untold(study: StudyFolder, told: Collection[str]) -> list[RunFolder]:
    """The study's runs that its log does not name: the process was killed between making a run and telling of it.

    Args:
        told: ids of the runs that the log names.
    """
    others = [run for run in run_folders(study.runs_dir) if run.id not in told]
    return [run for run in others if _made_by(run, study)]


def remove(run: RunFolder, study: StudyFolder) -> None:
    """Removes a run of the study, unless it is another's or somebody has gone on with it."""
    with suppress(RunError, TypeError):
        if not _made_by(run, study):
            return
        if run.status().state == "starting" and not run.status().pid:  # made, and never taken on
            run.write_status(Status("stopped", host=socket.gethostname(), heartbeat=time.time()))
        if run.state() not in LIVE:
            delete_run(run)


def _made_by(run: RunFolder, study: StudyFolder) -> bool:
    try:
        return run.launch().study == study.id
    except (RunError, TypeError):
        return False
