"""The state of a study, computed from the events in its log. Every front end shows studies by it.

The state can be computed from any beginning of a log, and a trial has one row however many events it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

from mnist_tui.studies import events
from mnist_tui.studies.events import StudyEvent, StudyFacts, StudyTail, TrialEpoch, TrialScores, Worker

LIVE = ("starting", "running", "stopping")
"""States of a study whose process is running."""
STATES = (*LIVE, "finished", "stopped", "failed", "crashed")
ROW_STATES = ("waiting", "running", "finished", "stopped", "pruned", "failed", "diverged")
SETTLED = ("finished", "pruned", "diverged")
"""States of a trial that is not trained again when its study is resumed."""
ENDED = (*SETTLED, "stopped", "failed")

PLANNED = ("number", "base", "values", "seed", "fold", "epochs", "parameters")
"""The fields of a trial's row that the plan of the study decides."""

Values = tuple[tuple[str, str], ...]
Point = tuple[str, Values]
"""The base and the values of a trial; trials of one point differ only in their seed or fold."""


@dataclass(frozen=True)
class TrialRow(TrialScores):
    """One trial of a study.

    Attributes:
        number: from 1, in the order in which trials were planned.
        base: the name, within the study, of the experiment that it starts from.
        values: pairs of an axis and a value, as typed.
        fold: the fold that is held out, from 1; 0 without cross-validation.
        run: the id of its run; empty before it has one.
        state: one of ROW_STATES.
        attempt: from 1; 0 before it began.
        worker: the address of the worker that trains it or has trained it.
        began: when this attempt began, in seconds since the Unix epoch.
        epoch: the newest epoch in the study's log, which does not have every epoch.
        epochs: the planned number of epochs.
        curve: pairs of an epoch and the study's metric after it; not every epoch.
        parameters: the number of parameters of the network.
        seconds: from the beginning on a worker to the arrival of the run's files; None before.
    """

    number: int
    base: str
    values: Values
    seed: int
    fold: int = 0
    run: str = ""
    state: str = "waiting"
    attempt: int = 0
    worker: str = ""
    began: float | None = None
    epoch: int = 0
    epochs: int = 0
    curve: tuple[tuple[int, float], ...] = ()
    parameters: int = 0
    seconds: float | None = None
    reason: str = ""
    deleted: bool = False

    @property
    def point(self) -> Point:
        return (self.base, self.values)

    @property
    def settled(self) -> bool:
        """Whether the trial is not trained again when its study is resumed."""
        return self.state in SETTLED

    @property
    def repetition(self) -> str:
        """The fold or the seed, which distinguishes the trials of one point: ``fold 2``, ``seed 0``."""
        return f"fold {self.fold}" if self.fold else f"seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class WorkerRow(Worker):
    """A worker process of the cluster, with the id of the run that it trains; empty while it is idle."""

    run: str = ""

    @property
    def state(self) -> str:
        return "busy" if self.run else "idle"


@dataclass(frozen=True)
class StudyState(StudyFacts):
    """A study at one moment.

    Attributes:
        state: one of STATES; crashed only if it comes from `watch.read_study`, because a log does not show a crash.
        rows: in the order of their numbers.
        workers: the workers that are connected now.
        best: the number of the best row by the metric; with several seeds or folds, the best row of the point with the
            best mean. None while there is none, and in a study that compares nothing.
        started: when the newest process of the study began, in seconds since the Unix epoch.
        ended, updated: when the study ended, and when its log was last written; in the same unit.
        reason: why the study ended.
        notes: sentences for the user.
    """

    id: str = ""
    state: str = "starting"
    rows: tuple[TrialRow, ...] = ()
    workers: tuple[WorkerRow, ...] = ()
    best: int | None = None
    started: float | None = None
    ended: float | None = None
    updated: float | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def resumable(self) -> bool:
        """Whether a new process could train trials that are missing."""
        return not self.live and (self.state != "finished" or any(not row.settled for row in self.rows))

    @property
    def best_row(self) -> TrialRow | None:
        return None if self.best is None else self.row(self.best)

    @property
    def total(self) -> int:
        """The number of trials that the study will have at its end."""
        return max(self.trials, len(self.rows))

    @property
    def done(self) -> int:
        """The number of trials that have ended, without stopped ones, which are trained when the study is resumed."""
        return sum(row.state in ENDED and row.state != "stopped" for row in self.rows)

    @property
    def progress(self) -> float:
        """The number of trials that have ended, plus for each running trial the share of its epochs that is done."""
        running = (row for row in self.rows if row.state == "running" and row.epochs)
        return self.done + sum(min(1.0, row.epoch / row.epochs) for row in running)

    @property
    def to_come(self) -> int:
        """The number of trials that have not begun, including those that a search has not sampled yet."""
        return self.total - self.done - self.count("running") - self.count("stopped")

    def row(self, number: int) -> TrialRow | None:
        """Return the row of a trial; None where it has none yet."""
        return next((row for row in self.rows if row.number == number), None)

    def count(self, state: str) -> int:
        """Return the number of trials in a state."""
        return sum(row.state == state for row in self.rows)

    def seconds_left(self, now: float) -> float | None:
        """Estimate the seconds to the study's end, if each trial takes as long as the median of the ended ones.

        Args:
            now: seconds since the Unix epoch.

        Returns:
            None until a trial has ended, and while no trial is running.
        """
        if not self.live:
            return None
        spent = [row.seconds for row in self.rows if row.settled and row.seconds]
        running = [row for row in self.rows if row.state == "running"]
        if not spent or not running:
            return None
        per_trial = median(spent)
        elapsed = sum(min(now - row.began, per_trial) for row in running if row.began is not None)
        waiting = 0 if self.state == "stopping" else self.to_come
        return max(0.0, (waiting + len(running)) * per_trial - elapsed) / max(1, len(self.workers), len(running))


def by_point(rows: Iterable[TrialRow]) -> dict[Point, list[TrialRow]]:
    """Group rows that differ only in their seed or fold; groups and rows stay in order."""
    points: dict[Point, list[TrialRow]] = {}
    for row in rows:
        points.setdefault(row.point, []).append(row)
    return points


def ranked(rows: Iterable[TrialRow], metric: str) -> list[TrialRow]:
    """Return the rows that finished with a score, best first; equal scores by validation loss, then by number."""
    scored = [row for row in rows if row.state == "finished" and row.score is not None]
    return sorted(scored, key=lambda row: (*_cost(row, metric), row.number))


def _cost(row: TrialRow, metric: str) -> tuple[float, float]:
    score = row.score or 0.0
    return (-score if metric == "val_accuracy" else score, row.val_loss if row.val_loss is not None else float("inf"))


def best_of(rows: Iterable[TrialRow], metric: str) -> int | None:
    """Return the number of the best row: the best row of the point with the best mean score over its seeds.

    Only points whose trials have all finished are compared; while there is none, the points with any finished trial.
    """
    points = list(by_point(rows).values())
    whole = [members for members in points if all(row.state == "finished" for row in members)]
    groups = [good for members in (whole or points) if (good := ranked(members, metric))]

    def mean_cost(members: list[TrialRow]) -> tuple[float, float, int]:
        costs = [_cost(row, metric) for row in members]
        return fmean(cost for cost, _ in costs), fmean(loss for _, loss in costs), members[0].number

    return min(groups, key=mean_cost)[0].number if groups else None


def reduced(state: StudyState, new: Iterable[StudyEvent]) -> StudyState:
    """Return the state after more events of the log."""
    return Reducer(state, new).state()


def replayed(path: Path) -> StudyState:
    """Return the state of a study from its log alone, as of the log's last event."""
    return reduced(StudyState(), StudyTail(path).read_all())


class Reducer:
    """A study's state, with its rows by number, to which events are added; their cost does not grow with the rows."""

    def __init__(self, state: StudyState, new: Iterable[StudyEvent] = ()) -> None:
        self._state = state
        self.rows = {row.number: row for row in state.rows}
        self._updated = state.updated
        for event in new:
            self.add(event)

    def state(self) -> StudyState:
        rows = tuple(self.rows[number] for number in sorted(self.rows))
        busy = {row.worker: row.run for row in rows if row.state == "running"}
        state = self._state
        return replace(
            state,
            updated=self._updated,
            rows=rows,
            workers=tuple(replace(worker, run=busy.get(worker.address, "")) for worker in state.workers),
            best=best_of(rows, state.metric) if state.compares else None,
        )

    def add(self, event: StudyEvent) -> None:
        self._updated = event.time or self._updated
        match event:
            case events.TrialEpoch() if event.number in self.rows:
                row = self.rows[event.number]
                if row.state == "running" and event.epoch > row.epoch:
                    scores = {"val_loss": event.val_loss, "val_accuracy": event.val_accuracy}
                    self.rows[event.number] = replace(row, epoch=event.epoch, **scores, curve=self._curve(row, event))
            case events.TrialPlanned() if event.number not in self.rows:
                planned = {name: getattr(event, name) for name in PLANNED}
                self.rows[event.number] = TrialRow(**planned)
            case events.TrialSubmitted() if self._may_change(event.number):
                self.rows[event.number] = replace(_as_planned(self.rows[event.number]), run=event.run)
            case events.TrialBegan() if self._may_change(event.number):
                self.rows[event.number] = replace(
                    _as_planned(self.rows[event.number]),
                    run=event.run,
                    state="running",
                    attempt=event.attempt,
                    worker=event.worker,
                    began=event.time,
                )
            case events.TrialEnded() if event.state in ENDED and self._may_change(event.number):
                row = self.rows[event.number]
                self.rows[event.number] = replace(
                    row,
                    **_values_of(TrialScores, event),
                    run=event.run,
                    state=event.state,
                    reason=event.reason,
                    epoch=max(row.epoch, event.epoch),
                    curve=self._curve(row, event),
                    seconds=event.seconds,
                )
            case events.StudyStarted():
                facts = _values_of(StudyFacts, event)
                begun: dict[str, Any] = {"id": event.study, "state": "running", "started": event.time}
                self._state = replace(self._state, **facts, **begun, ended=None, reason="", workers=())
                self.rows = {number: row if row.settled else _as_planned(row) for number, row in self.rows.items()}
            case events.WorkersSeen():
                seen = tuple(WorkerRow(**vars(worker)) for worker in event.workers)
                self._state = replace(self._state, workers=seen)
            case events.StudyNoted() if event.text not in self._state.notes:
                self._state = replace(self._state, notes=(*self._state.notes, event.text))
            case events.StudyStopping():
                self._state = replace(self._state, state="stopping")
            case events.StudyEnded():
                self._state = replace(self._state, state=event.state, reason=event.reason, ended=event.time, workers=())
                for number, row in self.rows.items():
                    if row.state == "running":
                        self.rows[number] = replace(row, state="stopped", reason=event.reason)
            case _:
                pass

    def _may_change(self, number: int) -> bool:
        return number in self.rows and not self.rows[number].settled

    def _curve(self, row: TrialRow, event: TrialEpoch | events.TrialEnded) -> tuple[tuple[int, float], ...]:
        """Return a row's curve with the metric after the event's epoch, if that epoch is new."""
        value = event.val_accuracy if self._state.metric == "val_accuracy" else event.val_loss
        return row.curve if value is None or event.epoch <= row.epoch else (*row.curve, (event.epoch, value))


def _values_of(kind: type[StudyFacts | TrialScores], event: StudyEvent) -> dict[str, Any]:
    return {entry.name: getattr(event, entry.name) for entry in fields(kind)}


def _as_planned(row: TrialRow) -> TrialRow:
    return TrialRow(**{name: getattr(row, name) for name in PLANNED})
