"""The state of a run, which `reduce` computes from its events for all front ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from mnist_tui.runs import events

if TYPE_CHECKING:
    from mnist_tui.runs.origin import Origin

LIVE = ("starting", "running", "paused")
"""States of a run whose worker lives."""
DAMAGED = "damaged"
"""The state of a run whose files cannot be read."""
STATES = (*LIVE, "finished", "stopped", "diverged", "failed", "crashed", DAMAGED)
RESUMABLE = ("stopped", "failed", "crashed")
"""States of a run that can be resumed."""
EXTENDABLE = (*LIVE, *RESUMABLE, "finished")
"""States of a run to which epochs can be added."""
RECENT_EPOCHS = 5
RUNNING_POINTS = 400
LOADS = 120


@dataclass(frozen=True)
class EpochRow:
    """The figures of one epoch, without the confusion matrix; None for a value that was not finite."""

    epoch: int
    loss: float | None
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float | None
    seconds: float
    images_per_second: float
    plain_loss: float | None = None
    plain_accuracy: float | None = None


ROW_FIELDS = tuple(each.name for each in fields(EpochRow))
"""Names that are fields of `EpochEnded`, too."""


@dataclass(frozen=True)
class RunningPoint:
    """The mean loss and accuracy so far at a moment inside an epoch; `at` is in epochs (2.5: half of the third)."""

    at: float
    loss: float | None
    accuracy: float | None


@dataclass(frozen=True)
class RunState:
    """A run at one moment, as its events describe it.

    Attributes:
        state: one of STATES, but never crashed, which `RunFolder.state` finds out.
        started: when the first worker started, in seconds since 1970.
        updated: the time of the newest event, in seconds since 1970.
        history: one row for each epoch, in order.
        running: the last RUNNING_POINTS progress points.
        confusion: the newest epoch's counts; rows are true classes, columns predicted ones.
        weights: the newest recorded weights.
        loads: the last LOADS readings of the devices.
        paused_since: when the present pause, or the wait in the queue, began.
        paused_seconds: the sum of all earlier pauses, waits in the queue and times between two workers.
        finished_before: how the run had finished before its present worker went on with it; None if it had not.
        finished_epochs: the epochs of that time.
        origin: where a run comes from that is not trained. It is in no event: only `watch.RunWatch` reads it.
    """

    run: str = ""
    state: str = "starting"
    started: float | None = None
    updated: float | None = None
    epochs: int = 0
    start: events.RunStarted | None = None
    phase: events.Phase | None = None
    data: events.DataReady | None = None
    model: events.ModelBuilt | None = None
    history: tuple[EpochRow, ...] = ()
    progress: events.Progress | None = None
    running: tuple[RunningPoint, ...] = ()
    confusion: events.Matrix | None = None
    confusion_epoch: int = 0
    weights: events.WeightsSeen | None = None
    loads: tuple[events.DeviceLoad, ...] = ()
    paused_since: float | None = None
    paused_seconds: float = 0.0
    checkpoint: events.CheckpointSaved | None = None
    warnings: tuple[str, ...] = ()
    ended: events.Ended | None = None
    finished_before: events.Ended | None = None
    finished_epochs: int = 0
    origin: Origin | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def load(self) -> events.DeviceLoad | None:
        return self.loads[-1] if self.loads else None

    @property
    def scored_on(self) -> str:
        """The images of the final evaluation in a word: ``test``, or ``held-out`` for a fold."""
        return "test" if self.evaluated_set == "of the test set" else "held-out"

    @property
    def evaluated_set(self) -> str:
        """The set of these images, after a count: ``of the test set``, ``of fold 2 of 5``."""
        images = self.data.evaluated if self.data is not None else "test images"
        return "of the test set" if images == "test images" else images.removeprefix("held-out images ")

    @property
    def best(self) -> EpochRow | None:
        """The row of the epoch with the lowest validation loss."""
        rows = [row for row in self.history if row.val_loss is not None]
        return min(rows, key=lambda row: row.val_loss or 0.0, default=None)

    @property
    def seconds_an_epoch(self) -> float | None:
        """The mean time of the last few epochs; the first one, which includes compiling, counts only if it is alone."""
        rows = self.history[1:][-RECENT_EPOCHS:] or self.history
        return sum(row.seconds for row in rows) / len(rows) if rows else None

    @property
    def reached(self) -> str:
        """How far the training has come: ``after epoch 12``, ``in its first epoch`` or ``before its first epoch``."""
        if self.history:
            return f"after epoch {len(self.history):,}"
        return "before its first epoch" if self.progress is None else "in its first epoch"

    @property
    def seconds_left(self) -> float | None:
        """The time to the end of the last planned epoch at the present speed, without pauses; None while unknown."""
        if not self.live:
            return None
        done, progress, an_epoch = len(self.history), self.progress, self.seconds_an_epoch
        if an_epoch is None:
            if progress is None or progress.images_per_second <= 0 or self.data is None:
                return None
            an_epoch = self.data.train / progress.images_per_second
        partial = progress.step / progress.steps if progress and progress.epoch == done + 1 else 0.0
        return max(0.0, (self.epochs - done - partial) * an_epoch)


def reduce(state: RunState, new: Iterable[events.Event]) -> RunState:
    """Return the state after new events. An event of an unknown kind changes nothing but the time."""
    for event in new:
        state = replace(_after(state, event), updated=event.time)
    return state


def _after(state: RunState, event: events.Event) -> RunState:
    match event:
        case events.RunStarted():
            return _started(state, event)
        case events.Phase():
            return _phase_began(state, event)
        case events.DataReady():
            return replace(state, data=event, confusion=fitting(state.confusion, event))
        case events.ModelBuilt():
            return replace(state, model=event)
        case events.Progress():
            point = RunningPoint(event.epoch - 1 + event.step / event.steps, event.loss, event.accuracy)
            running = (*state.running, point)[-RUNNING_POINTS:]
            return replace(state, state=_trains(state), progress=event, running=running)
        case events.EpochEnded():
            row = EpochRow(**{name: getattr(event, name) for name in ROW_FIELDS})
            state = replace(state, state=_trains(state), history=(*state.history, row))
            return replace(state, confusion=fitting(event.confusion, state.data), confusion_epoch=event.epoch)
        case events.WeightsSeen():
            return replace(state, weights=event)
        case events.Extended():
            return replace(state, epochs=event.epochs)
        case events.DeviceLoad():
            return replace(state, loads=(*state.loads, event)[-LOADS:])
        case events.Paused():
            return replace(state, state="paused", paused_since=event.time)
        case events.Resumed():
            return _resumed(state, event)
        case events.CheckpointSaved():
            return replace(state, checkpoint=event)
        case events.Warned() if event.text not in state.warnings:
            return replace(state, warnings=(*state.warnings, event.text))
        case events.Ended():
            return replace(state, state=event.state, ended=event, phase=None, paused_since=None)
        case _:
            return state


def fitting(matrix: events.Matrix | None, data: events.DataReady | None) -> events.Matrix | None:
    """Return a confusion matrix if it has a row for each class of the data; None if it has others."""
    return None if matrix and data is not None and len(matrix) != len(data.class_names) else matrix


def _trains(state: RunState) -> str:
    return "paused" if state.state == "paused" else "running"


def _started(state: RunState, event: events.RunStarted) -> RunState:
    """Return the state after the start of a worker; the time since an earlier worker counts as a pause."""
    since = state.paused_since if state.paused_since is not None else state.updated
    if state.ended is not None and state.ended.state == "finished":
        state = replace(state, finished_before=state.ended, finished_epochs=len(state.history))
    return replace(
        state,
        run=event.run,
        started=event.time if state.started is None else state.started,
        epochs=event.epochs,
        start=event,
        phase=None,
        paused_since=None,
        paused_seconds=state.paused_seconds + (0.0 if since is None else max(0.0, event.time - since)),
        ended=None,
        state="starting",
    )


def _phase_began(state: RunState, event: events.Phase) -> RunState:
    """Return the state in another phase; the wait for a device counts as a pause."""
    waited, since = state.phase is not None and state.phase.name == "waiting", state.paused_since
    if event.name == "waiting":
        return replace(state, phase=event, paused_since=event.time if since is None else since)
    if not waited or since is None:
        return replace(state, phase=event)
    return replace(state, phase=event, paused_since=None, paused_seconds=state.paused_seconds + event.time - since)


def _resumed(state: RunState, event: events.Resumed) -> RunState:
    waited = event.time - state.paused_since if state.paused_since is not None else 0.0
    state = replace(state, state="running", paused_since=None, paused_seconds=state.paused_seconds + waited, ended=None)
    if event.from_epoch is None:
        return state
    kept = tuple(row for row in state.history if row.epoch <= event.from_epoch)
    at = event.from_epoch + (event.step / state.model.steps if state.model is not None else 0.0)
    shown = state.confusion_epoch <= event.from_epoch
    return replace(
        state,
        history=kept,
        progress=None,
        running=tuple(point for point in state.running if point.at <= at),
        confusion=state.confusion if shown else None,
        confusion_epoch=state.confusion_epoch if shown else 0,
        weights=state.weights if state.weights is not None and state.weights.epoch <= event.from_epoch else None,
    )
