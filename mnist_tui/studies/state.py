"""The one reducer of a study: events → StudyState. Every figure that a front end shows of a study comes from here.

Any beginning of a log can be reduced, and a trial has one row however many events there are about it.
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
"""States of a study whose process lives."""
STATES = (*LIVE, "finished", "stopped", "failed", "crashed")
ROW_STATES = ("waiting", "running", "finished", "stopped", "pruned", "failed", "diverged")
SETTLED = ("finished", "pruned", "diverged")
"""States of a trial that is not trained again when its study is resumed."""
ENDED = (*SETTLED, "stopped", "failed")

Values = tuple[tuple[str, str], ...]
Point = tuple[str, Values]
"""The base and the values: equal for trials that differ in their seed alone."""


@dataclass(frozen=True)
class TrialRow(TrialScores):
    """One trial.

    Attributes:
        number: from 1, in the order in which trials were planned.
        base: the name, within the study, of the experiment that it starts from.
        values: axis and value, as typed.
        run: the id of its run; empty before it has one.
        state: one of ROW_STATES.
        attempt: from 1; 0 before it began.
        worker: the address of the worker that trains it, or did.
        began: when this attempt began, in seconds since the Unix epoch.
        epoch: the newest epoch in the study's log, which does not have every epoch.
        epochs: planned.
        curve: pairs of an epoch and the study's metric after it; not every epoch.
        parameters: of the network.
        seconds: from the beginning on a worker to the arrival of the run's files; None before.
        deleted: whether its run was deleted.
    """

    number: int
    base: str
    values: Values
    seed: int
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
        """Whether it stays as it is when the study is resumed."""
        return self.state in SETTLED


@dataclass(frozen=True, kw_only=True)
class WorkerRow(Worker):
    """A worker process of the cluster, and the id of the run that it trains; empty while it is idle."""

    run: str = ""

    @property
    def state(self) -> str:
        return "busy" if self.run else "idle"


@dataclass(frozen=True)
class StudyState(StudyFacts):
    """All that a front end knows of a study at one moment.

    Attributes:
        state: one of STATES except crashed, which only the folder can tell (`watch.read_study`).
        rows: by number.
        workers: the workers that there are now.
        best: the number of the best row by the metric; with several seeds, of the best row of the point with the best
            mean. None while there is none, and in a study that compares nothing.
        started: when the newest process of the study began, in seconds since the Unix epoch.
        ended, updated: when the study ended, and when its log was last written; in the same unit.
        reason: why it ended, in words.
        notes: what the user should know.
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
        """Whether its process can be started again, to train what is missing."""
        return not self.live and (self.state != "finished" or any(not row.settled for row in self.rows))

    @property
    def best_row(self) -> TrialRow | None:
        return None if self.best is None else self.row(self.best)

    @property
    def total(self) -> int:
        """The number of trials at the end."""
        return max(self.trials, len(self.rows))

    @property
    def done(self) -> int:
        """The number of rows that have ended; a stopped one has not: it is trained when the study is resumed."""
        return sum(row.state in ENDED and row.state != "stopped" for row in self.rows)

    @property
    def progress(self) -> float:
        """The number of trials that have ended; a running one counts by the share of its epochs."""
        running = (row for row in self.rows if row.state == "running" and row.epochs)
        return self.done + sum(min(1.0, row.epoch / row.epochs) for row in running)

    @property
    def to_come(self) -> int:
        """The number of trials, planned or not, that have not begun."""
        return self.total - self.done - self.count("running") - self.count("stopped")

    @property
    def points(self) -> dict[Point, list[TrialRow]]:
        return by_point(self.rows)

    def row(self, number: int) -> TrialRow | None:
        """Return the row of that number; None where there is none (yet)."""
        return next((row for row in self.rows if row.number == number), None)

    def count(self, state: str) -> int:
        """Return how many rows are in a state."""
        return sum(row.state == state for row in self.rows)

    def seconds_left(self, now: float) -> float | None:
        """Estimate the seconds to the end, if trials take as long as the median so far.

        Returns:
            None while it is unknown, and once no trial is running.
        """
        if not self.live:
            return None
        spent = [row.seconds for row in self.rows if row.state in SETTLED and row.seconds]
        running = [row for row in self.rows if row.state == "running"]
        if not spent or not running:
            return None
        per_trial = median(spent)
        elapsed = sum(min(now - row.began, per_trial) for row in running if row.began is not None)
        waiting = 0 if self.state == "stopping" else self.to_come
        return max(0.0, (waiting + len(running)) * per_trial - elapsed) / max(1, len(self.workers), len(running))


def by_point(rows: Iterable[TrialRow]) -> dict[Point, list[TrialRow]]:
    """Group rows that differ in their seed alone; groups and rows stay in order."""
    points: dict[Point, list[TrialRow]] = {}
    for row in rows:
        points.setdefault(row.point, []).append(row)
    return points


def ranked(rows: Iterable[TrialRow], metric: str) -> list[TrialRow]:
    """Return the rows that finished with a score, best first; equal ones by validation loss, then by number."""
    scored = [row for row in rows if row.state == "finished" and row.score is not None]
    return sorted(scored, key=lambda row: (*_cost(row, metric), row.number))


def _cost(row: TrialRow, metric: str) -> tuple[float, float]:
    score = row.score or 0.0
    return (-score if metric == "val_accuracy" else score, row.val_loss if row.val_loss is not None else float("inf"))


def best_of(rows: Iterable[TrialRow], metric: str) -> int | None:
    """Return the number of the best row: the best one of the point with the best mean over its seeds.

    Points count whose trials have all finished; while there is none, points of which some trials have finished.
    """
    points = list(by_point(rows).values())
    whole = [members for members in points if all(row.state == "finished" for row in members)]
    groups = [good for members in (whole or points) if (good := ranked(members, metric))]

    def mean_cost(members: list[TrialRow]) -> tuple[float, float, int]:
        costs = [_cost(row, metric) for row in members]
        return fmean(cost for cost, _ in costs), fmean(loss for _, loss in costs), members[0].number

    return min(groups, key=mean_cost)[0].number if groups else None


def reduced(state: StudyState, new: Iterable[StudyEvent]) -> StudyState:
    """Return the state after more events."""
    reducer = Reducer(state)
    for event in new:
        reducer.add(event)
    return reducer.state()


def replayed(path: Path) -> StudyState:
    """Read a study's log, and return the state as it was when the log was last written."""
    return reduced(StudyState(), StudyTail(path).read_all())


class Reducer:
    """Folds one event after another into a state; the cost of an event does not depend on the number of rows."""

    def __init__(self, state: StudyState) -> None:
        self._state = state
        self._rows = {row.number: row for row in state.rows}
        self._epochs: dict[int, list[TrialEpoch]] = {}
        self._updated = state.updated

    def state(self) -> StudyState:
        rows = tuple(map(self.row, sorted(self._rows)))
        busy = {row.worker: row.run for row in rows if row.state == "running"}
        state = self._state
        return replace(
            state,
            updated=self._updated,
            rows=rows,
            workers=tuple(replace(worker, run=busy.get(worker.address, "")) for worker in state.workers),
            best=best_of(rows, state.metric) if state.compares else None,
        )

    def row(self, number: int) -> TrialRow:
        """Return that trial's row, brought up to date. Raises KeyError if there is no such trial."""
        row = self._rows[number]
        if newer := self._epochs.pop(number, None):
            last = newer[-1]
            curve = tuple((event.epoch, value) for event in newer if (value := self._metric(event)) is not None)
            self._rows[number] = row = replace(
                row, epoch=last.epoch, val_loss=last.val_loss, val_accuracy=last.val_accuracy, curve=row.curve + curve
            )
        return row

    @property
    def states(self) -> dict[int, str]:
        """The rows' states, by number."""
        return {number: row.state for number, row in self._rows.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        return self._state.notes

    def add(self, event: StudyEvent) -> None:
        self._updated = event.time or self._updated
        match event:
            case events.TrialEpoch():
                self._add_epoch(event)
            case events.TrialPlanned() if event.number not in self._rows:
                self._rows[event.number] = TrialRow(
                    event.number, event.base, event.values, event.seed, epochs=event.epochs, parameters=event.parameters
                )
            case events.TrialSubmitted():
                self._begin_again(event.number, run=event.run)
            case events.TrialBegan():
                self._begin_again(
                    event.number,
                    run=event.run,
                    state="running",
                    attempt=event.attempt,
                    worker=event.worker,
                    began=event.time,
                )
            case events.TrialEnded() if event.state in ENDED and self._is_open(event.number):
                self._end_trial(event)
            case events.StudyStarted():
                self._start(event)
            case events.WorkersSeen():
                seen = tuple(WorkerRow(**vars(worker)) for worker in event.workers)
                self._state = replace(self._state, workers=seen)
            case events.StudyNoted() if event.text not in self._state.notes:
                self._state = replace(self._state, notes=(*self._state.notes, event.text))
            case events.StudyStopping():
                self._state = replace(self._state, state="stopping")
            case events.StudyEnded():
                self._state = replace(self._state, state=event.state, reason=event.reason, ended=event.time, workers=())
                for number in list(self._rows):
                    if (row := self.row(number)).state == "running":
                        self._rows[number] = replace(row, state="stopped", reason=event.reason)
            case _:
                pass

    def _start(self, event: events.StudyStarted) -> None:
        facts = _values_of(StudyFacts, event)
        begun: dict[str, Any] = {"id": event.study, "state": "running", "started": event.time}
        self._state = replace(self._state, **facts, **begun, ended=None, reason="", workers=())
        for number, row in self._rows.items():
            if not row.settled:
                self._rows[number] = _as_planned(row)
        self._epochs.clear()

    def _is_open(self, number: int) -> bool:
        """Whether there is a row that may still change."""
        return number in self._rows and not self._rows[number].settled

    def _begin_again(self, number: int, **changes: Any) -> None:
        if self._is_open(number):
            self._rows[number] = replace(_as_planned(self._rows[number]), **changes)
            self._epochs.pop(number, None)

    def _add_epoch(self, event: TrialEpoch) -> None:
        row = self._rows.get(event.number)
        if row is not None and row.state == "running":
            newer = self._epochs.setdefault(event.number, [])
            if event.epoch > (newer[-1].epoch if newer else row.epoch):
                newer.append(event)

    def _metric(self, event: TrialEpoch | events.TrialEnded) -> float | None:
        return event.val_accuracy if self._state.metric == "val_accuracy" else event.val_loss

    def _end_trial(self, event: events.TrialEnded) -> None:
        row, last = self.row(event.number), self._metric(event)
        self._rows[event.number] = replace(
            row,
            **_values_of(TrialScores, event),
            run=event.run,
            state=event.state,
            reason=event.reason,
            epoch=max(row.epoch, event.epoch),
            curve=row.curve if last is None or event.epoch <= row.epoch else (*row.curve, (event.epoch, last)),
            seconds=event.seconds,
        )


def _values_of(kind: type[StudyFacts | TrialScores], event: StudyEvent) -> dict[str, Any]:
    return {entry.name: getattr(event, entry.name) for entry in fields(kind)}


def _as_planned(row: TrialRow) -> TrialRow:
    return TrialRow(row.number, row.base, row.values, row.seed, epochs=row.epochs, parameters=row.parameters)
