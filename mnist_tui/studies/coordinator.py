"""Train the missing trials of a study on a cluster: which trial begins next, how each ended, when the study ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mnist_tui import clocks
from mnist_tui.errors import RequestError, RunError
from mnist_tui.python_process import informative_text
from mnist_tui.runs import control, start
from mnist_tui.runs.control import Command
from mnist_tui.runs.deletion import delete_run
from mnist_tui.runs.event_log import EventLog, EventTail, replayed
from mnist_tui.runs.events import EpochEnded, Extended
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.process_folder import Status
from mnist_tui.runs.state import LIVE, EpochRow
from mnist_tui.runs.times import times_of
from mnist_tui.studies import events, trials
from mnist_tui.studies.events import StudyEvent, StudyTail, TrialEnded, Worker, is_logged
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.search import Pruner, TrialQueue
from mnist_tui.studies.spec import FOLDS_NOTE, STOPPING_NOTE
from mnist_tui.studies.state import Reducer, StudyState, by_point
from mnist_tui.studies.trial_table import counts
from mnist_tui.studies.trials import Trial
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.studies.cluster import Cluster, TrialNews

LOG_LINES = 3
POLL_SECONDS = 0.2
NO_WORKER_SECONDS = 10.0
"""How long a study waits without any worker before it logs a note."""


class Coordinator:
    """Controls one study: has its missing trials trained on a cluster, and logs what happens.

    Args:
        stops: returns how many signals to stop the process has received. These and the commands in the study's folder
            count together: at 1 the study waits for its running trials, at 2 it ends at once.
        beat: called several times a second with the study's state.
    """

    def __init__(
        self, folder: StudyFolder, cluster: Cluster, stops: Callable[[], int], beat: Callable[[str], None]
    ) -> None:
        self._folder, self._cluster, self._stops, self._beat = folder, cluster, stops, beat
        self._study, self._bases = folder.study(), folder.bases()
        self._reducer = Reducer(StudyState(id=folder.id), StudyTail(folder.events_file).read_all())
        before = self._reducer.state()
        self._clock = clocks.SteadyClock(before.updated or 0.0, wall=clocks.now)
        self._queue = TrialQueue(self._study, self._bases, before)
        self._threads = self._study.threads or before.threads
        self._earlier_runs = {row.number: folder.run(row.run) for row in before.rows if row.run and not row.settled}
        logged = {row.run for row in before.rows}
        self._unlogged_runs = [
            run for run in run_folders(folder.runs_dir) if run.id not in logged and self._is_own(run)
        ]
        self._log = EventLog(folder.events_file)
        self._running: dict[str, int] = {}
        self._prune_reasons: dict[int, str] = {}
        self._workers: tuple[Worker, ...] = ()
        self._no_worker_since: float | None = None
        self._pruner: Pruner | None = None
        self._inbox = control.Inbox(folder)
        self._stop_commands = 0
        self._stopping = False

    def run(self) -> tuple[str, str]:
        """Have all missing trials trained. The caller logs the end of the study, once the cluster is closed.

        Returns:
            How the study ended (finished or stopped), and a summary in one line.

        Raises:
            RequestError: the cluster is lost, and no trial can be submitted any more.
        """
        self._begin()
        while self._count_stops() < 2:
            self._update_workers()
            if not self._stopping:
                self._submit()
            if not self._running and (self._stopping or self._next_trial() is None):
                break
            for news in self._cluster.poll(POLL_SECONDS):
                if (number := self._running.get(news.run)) is not None:
                    self._handle_news(number, news)
            self._beat("stopping" if self._stopping else "running")
        return self._end()

    def _add(self, event: StudyEvent) -> None:
        event = replace(event, time=self._clock())
        self._log.append(event)
        self._reducer.add(event)

    def _begin(self) -> None:
        study = self._study
        self._threads = self._threads or self._cluster.threads or 0
        self._add(
            events.StudyStarted(
                study=self._folder.id,
                title=study.title,
                kind=study.kind,
                metric=study.search.metric,
                axes=tuple(axis.name for axis in study.axes),
                trials=trials.count_trials(study),
                compares=study.compares,
                threads=self._threads,
            )
        )
        self._add_rows()
        for run in self._unlogged_runs:  # the process was killed between making a run and logging it
            self._remove_run(run)
        self._adopt_finished_runs()
        self._add_cautions()
        if study.prunes:
            self._pruner = Pruner(study.search.metric, self._reducer.state().rows)

    def _add_rows(self) -> None:
        for planned in self._queue.new_rows(self._reducer.state()):
            self._add(planned)

    def _adopt_finished_runs(self) -> None:
        """Log all events of trials whose runs ended while the study had no process."""
        for number, folder in self._earlier_runs.items():
            with suppress(RunError, TypeError):
                if folder.state() not in ("finished", "diverged"):
                    continue
                timings = (folder.results() or {}).get("timings") or {}
                ended = replace(self._read_end(number, folder), seconds=timings.get("total", 0.0))
                self._add(events.TrialBegan(number=number, run=folder.id, attempt=1, worker=""))
                for row in replayed(folder.events_file).history:
                    if is_logged(row.epoch):
                        self._add_epoch(number, row)
                self._add(ended)
                self._extend_if_requested(folder)

    def _read_end(self, number: int, folder: RunFolder) -> TrialEnded:
        """Return the event of a trial's end, read from its run; the trial has failed where the run's log has no end."""
        ended = partial(TrialEnded, number=number, run=folder.id)
        try:
            state, results = replayed(folder.events_file), folder.results() or {}
        except (RequestError, OSError) as error:
            return ended(state="failed", reason=str(error))
        end, history = state.ended, state.history
        if end is None or end.refused:
            why = (end.refused if end else "") or informative_text(folder.last_log_lines(LOG_LINES))
            return ended(state="failed", reason=why or "its run has no end in its log")
        last = history[-1] if history else None
        # the model has the weights of the last epoch, unless the best ones were restored
        scored = next((row for row in history if row.epoch == results.get("weights_of_epoch")), last)
        return ended(
            state=end.state,
            reason=end.reason,
            epoch=last.epoch if last else 0,
            score=getattr(scored, self._study.search.metric) if scored and end.state == "finished" else None,
            val_loss=last.val_loss if last else None,
            val_accuracy=last.val_accuracy if last else None,
            test_loss=end.test_loss,
            test_accuracy=end.test_accuracy,
            macro_f1=end.macro_f1,
            training_seconds=times_of(state).training,
            train_accuracy=(results.get("train") or {}).get("accuracy"),
            train_images=state.data.train if state.data else None,
        )

    def _add_epoch(self, number: int, row: EpochRow | EpochEnded) -> None:
        val_loss, val_accuracy = row.val_loss, row.val_accuracy
        self._add(events.TrialEpoch(number=number, epoch=row.epoch, val_loss=val_loss, val_accuracy=val_accuracy))

    def _add_cautions(self) -> None:
        study = self._study
        if any(base.folds for base in study.bases):
            self._add(events.StudyNoted(text=FOLDS_NOTE))
            if any(base.experiment.training.early_stopping for base in self._bases.values()):
                self._add(events.StudyNoted(text=STOPPING_NOTE))
        elif study.compares and any(base.experiment.dataset.validation == "test" for base in self._bases.values()):
            text = (
                "trials are compared on the test set, so the test accuracy of the best one is too optimistic; "
                "--validation 0.2 holds training images out instead"
            )
            self._add(events.StudyNoted(text=text))
        possible, requested = trials.count_trials(study), study.search.points * study.bases[0].repetitions
        if study.search.kind != "grid" and possible < requested:
            text = f"{counted(requested, 'trial')} were asked for, but there are only {possible} different ones"
            self._add(events.StudyNoted(text=text))

    def _count_stops(self) -> int:
        """Read the study's commands; return how many commands and signals to stop there were so far."""
        commands = self._inbox.new_commands()
        self._stop_commands += sum(command.name == "stop" for command in commands)
        count = self._stop_commands + self._stops()
        if count and not self._stopping:
            self._stopping = True
            self._add(events.StudyStopping())
            for run in self._running:
                self._cluster.stop(run)
        control.settle(self._folder, commands)
        return count

    def _update_workers(self) -> None:
        workers = self._cluster.workers()
        if workers != self._workers:
            self._workers = workers
            self._add(events.WorkersSeen(workers=workers))
        now = time.monotonic()
        self._no_worker_since = None if workers else self._no_worker_since or now
        if self._no_worker_since is not None and now - self._no_worker_since > NO_WORKER_SECONDS:
            where = self._study.scheduler or "the study's own scheduler"
            note = f"no worker is connected to {where}; the study waits for one"
            if note not in self._reducer.state().notes:
                self._add(events.StudyNoted(text=note))

    def _submit(self) -> None:
        while len(self._running) < self._cluster.capacity and (trial := self._next_trial()) is not None:
            folder = self._create_run(trial)
            self._add(events.TrialSubmitted(number=trial.number, run=folder.id))
            self._running[folder.id] = trial.number
            if (earlier := self._earlier_runs.pop(trial.number, None)) is not None:
                self._carry_extensions(trial, earlier, folder)
                self._remove_run(earlier)
            try:
                self._cluster.submit(folder)
            except RequestError as error:
                if not self._workers:
                    raise
                self._end_trial(TrialEnded(number=trial.number, run=folder.id, state="failed", reason=str(error)))

    def _next_trial(self) -> Trial | None:
        running = set(self._running.values())
        trial = self._queue.first_waiting(self._reducer.rows, running)
        if trial is None and self._queue.sample(self._reducer.state()):
            self._add_rows()
            trial = self._queue.first_waiting(self._reducer.rows, running)
        return trial

    def _create_run(self, trial: Trial) -> RunFolder:
        study, threads = self._study, self._threads or None
        launch = Launch(
            created=time.time(),
            command="",
            device=study.device,
            data_dir=study.data_dir,
            allow_sample=study.allow_sample,
            threads=threads,
            study=self._folder.id,
        )
        return create(self._folder.runs_dir, trial.preset, launch, lambda folder: self._command(trial, folder, threads))

    def _command(self, trial: Trial, folder: RunFolder, threads: int | None) -> str:
        return trials.command_of(trial, self._bases[trial.base], self._study, threads, folder.experiment_file)

    def _write_threads(self, number: int, news: TrialNews) -> None:
        """Write the number of threads into the launch of a run that requested no number, once its worker is known."""
        threads = next((each.threads for each in self._cluster.workers() if each.address == news.worker), None)
        folder = self._folder.run(news.run)
        with suppress(RunError, OSError):  # the cluster gives up a run whose folder was deleted
            command = self._command(self._queue.trials[number], folder, threads)
            folder.write_launch(replace(folder.launch(), threads=threads, command=command))

    def _carry_extensions(self, trial: Trial, earlier: RunFolder, folder: RunFolder) -> None:
        """Extend the new run of a trial by the epochs that were to be added to its earlier, unfinished run."""
        with suppress(RequestError, OSError):
            obeyed = [event for event in EventTail(earlier.events_file).read_all() if isinstance(event, Extended)]
            settled = {command for event in obeyed for command in event.commands}
            waiting = [command for command in control.waiting_commands(earlier, "extend") if command.id not in settled]
            planned = trial.preset.experiment.training.epochs
            more = (obeyed[-1].epochs - planned if obeyed else 0) + sum(command.epochs for command in waiting)
            if more > 0:
                control.write_command(folder, Command("extend", more))

    def _remove_run(self, run: RunFolder) -> None:
        """Delete a run of this study, unless a person has resumed it."""
        with suppress(RunError, TypeError):
            if not self._is_own(run):
                return
            if run.status().state == "starting" and not run.status().pid:  # created, and never begun
                run.write_status(Status("stopped", host=socket.gethostname(), heartbeat=time.time()))
            if run.state() not in LIVE:
                delete_run(run)

    def _is_own(self, run: RunFolder) -> bool:
        with suppress(RunError, TypeError):
            return run.launch().study == self._folder.id
        return False

    def _handle_news(self, number: int, news: TrialNews) -> None:
        match news.kind:
            case "began":
                self._prune_reasons.pop(number, None)
                self._add(events.TrialBegan(number=number, run=news.run, attempt=news.attempt, worker=news.worker))
                if not self._threads:
                    self._write_threads(number, news)
                if self._stopping:
                    self._cluster.stop(news.run)
            case "event" if isinstance(news.event, EpochEnded) and is_logged(news.event.epoch):
                self._add_epoch(number, news.event)
                self._prune_if_hopeless(number, news.run)
            case "ended":
                folder = self._folder.run(news.run)
                self._end_trial(self._read_end(number, folder))
                self._extend_if_requested(folder)
            case "lost":
                self._end_trial(TrialEnded(number=number, run=news.run, state="failed", reason=news.reason))
            case _:
                pass

    def _extend_if_requested(self, folder: RunFolder) -> None:
        """Resume a run on this machine that was to be extended just as it ended."""
        if not self._stopping and control.waiting_commands(folder, "extend"):
            with suppress(RequestError):
                start.resume(folder)

    def _prune_if_hopeless(self, number: int, run: str) -> None:
        if self._pruner is None or self._stopping or number in self._prune_reasons:
            return
        if why := self._pruner.prune_reason(self._reducer.rows[number]):
            self._prune_reasons[number] = why
            self._cluster.stop(run)

    def _end_trial(self, event: TrialEnded) -> None:
        del self._running[event.run]
        event = replace(event, seconds=self._seconds_of(event.number))
        why = self._prune_reasons.pop(event.number, "")
        self._add(replace(event, state="pruned", reason=why) if why and event.state == "stopped" else event)
        row = self._reducer.rows[event.number]
        if self._pruner is not None:
            self._pruner.add_finished(row)
        if row.state != "pruned":
            return
        why = f"not trained: trial {row.number} of the same values was pruned after epoch {row.epoch}"
        for other in by_point(self._reducer.state().rows)[row.point]:
            if other.state == "waiting" and other.number not in self._running.values():
                self._add(TrialEnded(number=other.number, run="", state="pruned", reason=why))

    def _seconds_of(self, number: int) -> float:
        began = self._reducer.rows[number].began
        return 0.0 if began is None else self._clock() - began

    def _end(self) -> tuple[str, str]:
        reason = "the study was stopped without waiting for its trials"
        for run, number in self._running.items():
            seconds = self._seconds_of(number)
            self._add(TrialEnded(number=number, run=run, state="stopped", reason=reason, seconds=seconds))
        self._log.close()
        state = self._reducer.state()
        left = state.count("waiting") or state.count("stopped") or state.trials > len(state.rows)
        parts = [f"{state.count('finished')} of {counted(state.total, 'trial')} finished"]
        parts += counts(state, ("pruned", "diverged", "failed", "stopped"))
        return "stopped" if self._stopping and left else "finished", ", ".join(parts)
