"""The one reducer: events → RunState. Every figure that a front end shows of a run is computed here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from mnist_tui.runs.events import (
    CheckpointSaved,
    DataReady,
    DeviceLoad,
    Ended,
    EpochEnded,
    Event,
    Extended,
    Matrix,
    ModelBuilt,
    Paused,
    Phase,
    Progress,
    Resumed,
    RunStarted,
    Warned,
    WeightsSeen,
)

LIVE = ("starting", "running", "paused")
"""States of a run whose worker lives."""
DAMAGED = "damaged"
"""The state of a run whose files cannot be read."""
STATES = (*LIVE, "finished", "stopped", "diverged", "failed", "crashed", DAMAGED)
RESUMABLE = ("stopped", "failed", "crashed")
"""States of a run that can go on."""
EXTENDABLE = (*LIVE, *RESUMABLE, "finished")
"""States of a run that more epochs can be added to."""
RECENT_EPOCHS = 5
RUNNING_POINTS = 400
LOADS = 120


@dataclass(frozen=True)
class EpochRow:
    """One epoch's figures, without its matrix; None where a value was not finite."""

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
    """A running mean inside an epoch; `at` is in epochs (2.5: half of the third)."""

    at: float
    loss: float | None
    accuracy: float | None


@dataclass(frozen=True)
class RunState:
    """A run at one moment, as its events describe it.

    Attributes:
        state: one of STATES but crashed, which only the folder can tell (`folder.RunFolder.state`).
        started: when the first worker started, in seconds since the epoch.
        history: one row an epoch, in order.
        running: the last RUNNING_POINTS progress points.
        confusion: the newest epoch's counts, rows true, columns predicted; `event_log.EpochReader` finds older ones.
        weights: the newest that were recorded.
        loads: the last LOADS device readings.
        paused_since: when the present pause, or the wait in the queue, began.
        paused_seconds: all earlier pauses, waits in the queue and times between two workers together.
    """

    run: str = ""
    state: str = "starting"
    started: float | None = None
    updated: float | None = None
    epochs: int = 0
    start: RunStarted | None = None
    phase: Phase | None = None
    data: DataReady | None = None
    model: ModelBuilt | None = None
    history: tuple[EpochRow, ...] = ()
    progress: Progress | None = None
    running: tuple[RunningPoint, ...] = ()
    confusion: Matrix | None = None
    confusion_epoch: int = 0
    weights: WeightsSeen | None = None
    loads: tuple[DeviceLoad, ...] = ()
    paused_since: float | None = None
    paused_seconds: float = 0.0
    checkpoint: CheckpointSaved | None = None
    warnings: tuple[str, ...] = ()
    ended: Ended | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def load(self) -> DeviceLoad | None:
        return self.loads[-1] if self.loads else None

    @property
    def best(self) -> EpochRow | None:
        """The epoch with the lowest validation loss."""
        rows = [row for row in self.history if row.val_loss is not None]
        return min(rows, key=lambda row: row.val_loss or 0.0, default=None)

    @property
    def seconds_an_epoch(self) -> float | None:
        """The mean over the last few epochs. The first epoch, which compiles, counts only while it is alone."""
        rows = self.history[1:][-RECENT_EPOCHS:] or self.history
        return sum(row.seconds for row in rows) / len(rows) if rows else None

    @property
    def seconds_left(self) -> float | None:
        """The time to the last planned epoch at the present speed, without pauses; None while unknown."""
        if not self.live:
            return None
        done, progress, an_epoch = len(self.history), self.progress, self.seconds_an_epoch
        if an_epoch is None:
            if progress is None or progress.images_per_second <= 0 or self.data is None:
                return None
            an_epoch = self.data.train / progress.images_per_second
        partial = progress.step / progress.steps if progress and progress.epoch == done + 1 else 0.0
        return max(0.0, (self.epochs - done - partial) * an_epoch)


def reduce(state: RunState, events: Iterable[Event]) -> RunState:
    """Return the state after `events`. Pure; an event of an unknown kind changes nothing."""
    for event in events:
        state = replace(_after(state, event), updated=event.time)
    return state


def _after(state: RunState, event: Event) -> RunState:
    match event:
        case RunStarted():
            return _started(state, event)
        case Phase():
            return _phase_began(state, event)
        case DataReady():
            return replace(state, data=event)
        case ModelBuilt():
            return replace(state, model=event)
        case Progress():
            point = RunningPoint(event.epoch - 1 + event.step / event.steps, event.loss, event.accuracy)
            running = (*state.running, point)[-RUNNING_POINTS:]
            return replace(state, state=_trains(state), progress=event, running=running)
        case EpochEnded():
            row = EpochRow(**{name: getattr(event, name) for name in ROW_FIELDS})
            state = replace(state, state=_trains(state), history=(*state.history, row))
            return replace(state, confusion=event.confusion, confusion_epoch=event.epoch)
        case WeightsSeen():
            return replace(state, weights=event)
        case Extended():
            return replace(state, epochs=event.epochs)
        case DeviceLoad():
            return replace(state, loads=(*state.loads, event)[-LOADS:])
        case Paused():
            return replace(state, state="paused", paused_since=event.time)
        case Resumed():
            return _resumed(state, event)
        case CheckpointSaved():
            return replace(state, checkpoint=event)
        case Warned() if event.text not in state.warnings:
            return replace(state, warnings=(*state.warnings, event.text))
        case Ended():
            return replace(state, state=event.state, ended=event, phase=None, paused_since=None)
        case _:
            return state


def _trains(state: RunState) -> str:
    return "paused" if state.state == "paused" else "running"


def _started(state: RunState, event: RunStarted) -> RunState:
    """Return the state after the start of a worker: the first one, or another after that one has died or ended."""
    since = state.paused_since if state.paused_since is not None else state.updated
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


def _phase_began(state: RunState, event: Phase) -> RunState:
    """Return the state in another phase; the time in the queue for a device counts as a pause."""
    waited, since = state.phase is not None and state.phase.name == "waiting", state.paused_since
    if event.name == "waiting":
        return replace(state, phase=event, paused_since=event.time if since is None else since)
    if not waited or since is None:
        return replace(state, phase=event)
    return replace(state, phase=event, paused_since=None, paused_seconds=state.paused_seconds + event.time - since)


def _resumed(state: RunState, event: Resumed) -> RunState:
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
