"""The one reducer of a study: events → StudyState. Every figure that a front end shows of a study comes from here.

Any beginning of a log can be reduced, and a trial has one row however many events there are about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

from mnist_tui.studies.events import (
    StudyEnded,
    StudyEvent,
    StudyNoted,
    StudyStarted,
    StudyStopping,
    StudyTail,
    TrialBegan,
    TrialEnded,
    TrialEpoch,
    TrialPlanned,
    TrialSubmitted,
    Worker,
    WorkersSeen,
)

LIVE = ("starting", "running", "stopping")
"""States of a study whose process lives."""
STATES = (*LIVE, "finished", "stopped", "failed", "crashed")
ROW_STATES = ("waiting", "running", "finished", "stopped", "pruned", "failed", "diverged")
SETTLED = ("finished", "pruned", "diverged")
"""States of a trial that is not trained again when its study is resumed."""
ENDED = (*SETTLED, "stopped", "failed")

Values = tuple[tuple[str, str], ...]
Point = tuple[str, Values]
"""What trials that differ in their seed alone have in common: the base and the values."""


@dataclass(frozen=True)
class TrialRow:
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
        score: the study's metric, by which trials are compared, of the model that the trial ended with.
        val_loss, val_accuracy: of the newest epoch. best_val_loss, best_val_accuracy: of the best epoch for each.
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
    score: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    best_val_loss: float | None = None
    best_val_accuracy: float | None = None
    curve: tuple[tuple[int, float], ...] = ()
    test_loss: float | None = None
    test_accuracy: float | None = None
    macro_f1: float | None = None
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
    """A worker process of the cluster, and what it does.

    Attributes:
        run: the id of the run that it trains; empty while it is idle.
    """

    run: str = ""

    @property
    def state(self) -> str:
        return "busy" if self.run else "idle"


@dataclass(frozen=True)
class StudyState:
    """All that a front end knows of a study at one moment.

    Attributes:
        state: one of STATES except crashed, which only the folder can tell (`watch.read_study`).
        metric: what trials are compared by.
        axes: names of the parameters that differ.
        trials: how many rows there will be; a search adds them one by one.
        compares: whether one trial is the best.
        threads: of one TensorFlow operation in each trial; 0 while it is not known.
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
    title: str = ""
    kind: str = "sweep"
    state: str = "starting"
    metric: str = "val_accuracy"
    axes: tuple[str, ...] = ()
    trials: int = 0
    compares: bool = False
    threads: int = 0
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
    def best_row(self) -> TrialRow | None:
        return None if self.best is None else self.row(self.best)

    @property
    def total(self) -> int:
        """How many trials there will be."""
        return max(self.trials, len(self.rows))

    @property
    def done(self) -> int:
        """How many rows have ended; a stopped one has not: it is trained when the study is resumed."""
        return sum(row.state in ENDED and row.state != "stopped" for row in self.rows)

    @property
    def progress(self) -> float:
        """How many trials have ended; a running one counts by the share of its epochs."""
        running = (row for row in self.rows if row.state == "running" and row.epochs)
        return self.done + sum(min(1.0, row.epoch / row.epochs) for row in running)

    @property
    def to_come(self) -> int:
        """How many trials, planned or not, have not begun."""
        return self.total - self.done - self.count("running") - self.count("stopped")

    @property
    def points(self) -> dict[Point, tuple[TrialRow, ...]]:
        """The rows, taken together where they differ in their seed alone; in order."""
        found: dict[Point, list[TrialRow]] = {}
        for row in self.rows:
            found.setdefault(row.point, []).append(row)
        return {point: tuple(rows) for point, rows in found.items()}

    def row(self, number: int) -> TrialRow | None:
        """Return the row of that number; None where there is none (yet)."""
        return next((row for row in self.rows if row.number == number), None)

    def count(self, state: str) -> int:
        """Return how many rows are in a state."""
        return sum(row.state == state for row in self.rows)

    def seconds_left(self, now: float) -> float | None:
        """Estimate the time to the end, if trials take as long as the median so far.

        Args:
            now: seconds since the Unix epoch.

        Returns:
            Seconds; None while it is unknown, and once no trial is running.
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
    points: dict[Point, list[TrialRow]] = {}
    for row in rows:
        points.setdefault(row.point, []).append(row)
    whole = [found for found in points.values() if all(row.state == "finished" for row in found)]
    groups = [good for found in (whole or points.values()) if (good := ranked(found, metric))]
    if not groups:
        return None
    best = min(groups, key=lambda found: (*_mean_cost(found, metric), found[0].number))
    return best[0].number


def _mean_cost(rows: list[TrialRow], metric: str) -> tuple[float, float]:
    costs = [_cost(row, metric) for row in rows]
    return fmean(cost for cost, _ in costs), fmean(loss for _, loss in costs)


def reduced(state: StudyState, events: Iterable[StudyEvent]) -> StudyState:
    """Return the state after more events."""
    reducer = Reducer(state)
    for event in events:
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
        """Return the row of that number. Raises KeyError where there is none."""
        self._take_epochs(number)
        return self._rows[number]

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
            case TrialEpoch():
                self._epoch(event)
            case TrialPlanned():
                self._planned(event)
            case TrialSubmitted():
                self._submitted(event)
            case TrialBegan():
                self._began(event)
            case TrialEnded():
                self._ended(event)
            case StudyStarted():
                self._started(event)
            case WorkersSeen():
                seen = tuple(WorkerRow(**vars(worker)) for worker in event.workers)
                self._state = replace(self._state, workers=seen)
            case StudyNoted():
                if event.text not in self._state.notes:
                    self._state = replace(self._state, notes=(*self._state.notes, event.text))
            case StudyStopping():
                self._state = replace(self._state, state="stopping")
            case StudyEnded():
                self._over(event)
            case _:
                pass

    def _started(self, event: StudyStarted) -> None:
        self._state = replace(
            self._state,
            id=event.study,
            title=event.title,
            kind=event.kind,
            state="running",
            metric=event.metric,
            axes=event.axes,
            trials=event.trials,
            compares=event.compares,
            threads=event.threads,
            started=event.time,
            ended=None,
            reason="",
            workers=(),
        )
        for number, row in self._rows.items():
            if not row.settled:
                self._rows[number] = _as_planned(row)
        self._epochs.clear()

    def _over(self, event: StudyEnded) -> None:
        self._state = replace(self._state, state=event.state, reason=event.reason, ended=event.time, workers=())
        for number in list(self._rows):
            if (row := self.row(number)).state == "running":
                self._rows[number] = replace(row, state="stopped", reason=event.reason)

    def _planned(self, event: TrialPlanned) -> None:
        if event.number not in self._rows:
            self._rows[event.number] = TrialRow(
                event.number, event.base, event.values, event.seed, epochs=event.epochs, parameters=event.parameters
            )

    def _open(self, number: int) -> TrialRow | None:
        """The row, where there is one that may still change."""
        row = self._rows.get(number)
        return None if row is None or row.settled else row

    def _submitted(self, event: TrialSubmitted) -> None:
        if (row := self._open(event.number)) is not None:
            self._rows[event.number] = replace(_as_planned(row), run=event.run)
            self._epochs.pop(event.number, None)

    def _began(self, event: TrialBegan) -> None:
        if (row := self._open(event.number)) is None:
            return
        self._epochs.pop(event.number, None)
        self._rows[event.number] = replace(
            _as_planned(row),
            run=event.run,
            state="running",
            attempt=event.attempt,
            worker=event.worker,
            began=event.time,
        )

    def _epoch(self, event: TrialEpoch) -> None:
        row = self._rows.get(event.number)
        if row is None or row.state != "running":
            return
        newer = self._epochs.setdefault(event.number, [])
        if event.epoch > (newer[-1].epoch if newer else row.epoch):
            newer.append(event)

    def _take_epochs(self, number: int) -> None:
        """Take the epochs that were added since the last call into the trial's row."""
        if newer := self._epochs.pop(number, None):
            row, last = self._rows[number], newer[-1]
            points = tuple((event.epoch, value) for event in newer if (value := self._metric(event)) is not None)
            self._rows[number] = replace(
                row, epoch=last.epoch, val_loss=last.val_loss, val_accuracy=last.val_accuracy, curve=row.curve + points
            )

    def _metric(self, event: TrialEpoch | TrialEnded) -> float | None:
        return event.val_accuracy if self._state.metric == "val_accuracy" else event.val_loss

    def _ended(self, event: TrialEnded) -> None:
        self._take_epochs(event.number)
        row = self._open(event.number)
        if row is None or event.state not in ENDED:
            return
        last = self._metric(event)
        curve = row.curve if last is None or event.epoch <= row.epoch else (*row.curve, (event.epoch, last))
        self._rows[event.number] = replace(
            row,
            run=event.run,
            state=event.state,
            reason=event.reason,
            epoch=max(row.epoch, event.epoch),
            curve=curve,
            score=event.score,
            val_loss=event.val_loss,
            val_accuracy=event.val_accuracy,
            best_val_loss=event.best_val_loss,
            best_val_accuracy=event.best_val_accuracy,
            test_loss=event.test_loss,
            test_accuracy=event.test_accuracy,
            macro_f1=event.macro_f1,
            seconds=event.seconds,
        )


def _as_planned(row: TrialRow) -> TrialRow:
    return TrialRow(row.number, row.base, row.values, row.seed, epochs=row.epochs, parameters=row.parameters)
