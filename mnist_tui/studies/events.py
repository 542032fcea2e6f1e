"""The events of a study, typed: all that its process tells the front ends. Trials are told apart by their number.

What a trial's own run does in detail is in that run's log; here is only what the study's table needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mnist_tui.runs.event_log import EventLog, Tail, as_object, finite
from mnist_tui.runs.events import Event
from mnist_tui.runs.records import record


@dataclass(frozen=True, kw_only=True)
class StudyEvent(Event):
    """What all events of a study share."""


@dataclass(frozen=True, kw_only=True)
class StudyStarted(StudyEvent):
    """The study's process took it on, for the first time or again: trials that are not done wait from now on.

    Attributes:
        metric: what trials are compared by.
        axes: names of the parameters that differ.
        trials: rows that the study will have.
        compares: whether one trial is the best.
        threads: of one TensorFlow operation in each trial; 0 while it is not known.
    """

    type: ClassVar[str] = "study_started"
    study: str
    title: str
    kind: str
    metric: str
    axes: tuple[str, ...] = ()
    trials: int = 0
    compares: bool = False
    threads: int = 0


@dataclass(frozen=True, kw_only=True)
class TrialPlanned(StudyEvent):
    """A trial there will be; its row.

    Attributes:
        values: axis and value, as typed.
        epochs: planned. parameters: of the network, by arithmetic.
    """

    type: ClassVar[str] = "trial_planned"
    number: int
    base: str
    values: tuple[tuple[str, str], ...]
    seed: int
    epochs: int
    parameters: int


@dataclass(frozen=True, kw_only=True)
class TrialSubmitted(StudyEvent):
    """A trial has a run, which waits for a worker."""

    type: ClassVar[str] = "trial_submitted"
    number: int
    run: str


@dataclass(frozen=True, kw_only=True)
class TrialBegan(StudyEvent):
    """A worker trains it, from the beginning: what an earlier attempt told is void.

    Attributes:
        attempt: from 1; more where a worker was lost.
        worker: its address.
    """

    type: ClassVar[str] = "trial_began"
    number: int
    run: str
    attempt: int
    worker: str


@dataclass(frozen=True, kw_only=True)
class TrialEpoch(StudyEvent):
    """How a trial stood after an epoch. Not told after every one of them; see `told`."""

    type: ClassVar[str] = "trial_epoch"
    number: int
    epoch: int
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class TrialEnded(StudyEvent):
    """A trial's last event, unless it is run again.

    Attributes:
        state: finished, stopped, pruned, failed or diverged.
        score: the study's metric of the model that the trial ended with.
        val_loss, val_accuracy: of the last epoch. best_val_loss, best_val_accuracy: of the best epoch for each.
        seconds: from its beginning on a worker to its folder being here.
    """

    type: ClassVar[str] = "trial_ended"
    number: int
    run: str
    state: str
    reason: str = ""
    epoch: int = 0
    score: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    best_val_loss: float | None = None
    best_val_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    macro_f1: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker process of the cluster.

    Attributes:
        gpu: the GPU it has to itself; None without one.
        threads: of one TensorFlow operation in its trials.
    """

    address: str
    host: str
    name: str
    gpu: int | None = None
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class WorkersSeen(StudyEvent):
    """The workers that there are now; told when they change."""

    type: ClassVar[str] = "workers"
    workers: tuple[Worker, ...]


@dataclass(frozen=True, kw_only=True)
class StudyNoted(StudyEvent):
    """Something a person should know, in plain words."""

    type: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True, kw_only=True)
class StudyStopping(StudyEvent):
    """No further trial begins; those under way are told to stop."""

    type: ClassVar[str] = "stopping"


@dataclass(frozen=True, kw_only=True)
class StudyEnded(StudyEvent):
    """The study's process has ended.

    Attributes:
        state: finished, stopped or failed.
        reason: in words.
    """

    type: ClassVar[str] = "study_ended"
    state: str
    reason: str = ""


EVENTS: dict[str, type[StudyEvent]] = {
    kind.type: kind
    for kind in (
        StudyStarted,
        TrialPlanned,
        TrialSubmitted,
        TrialBegan,
        TrialEpoch,
        TrialEnded,
        WorkersSeen,
        StudyNoted,
        StudyStopping,
        StudyEnded,
    )
}
_FINE = 8
"""Epochs that are all told; beyond, as many are told for each doubling."""


def told(epoch: int) -> bool:
    """Whether an epoch's figures enter the study's log: all at first, ever fewer later, the same for every trial.

    1,000 epochs are told in 36, so that the log of many long trials stays short, and curves can be compared at equal
    epochs.
    """
    stride = 1
    while epoch > _FINE * stride:
        stride *= 2
    return epoch % stride == 0


def decode(line: bytes) -> StudyEvent | None:
    """The event on a line; None where the line is none, or is of a kind or shape that this version does not know."""
    try:
        doc = as_object(line)
        kind = EVENTS[doc["type"]]
        return record(kind, finite(kind, doc))
    except (ValueError, KeyError, TypeError):
        return None


class StudyTail(Tail[StudyEvent]):
    """Follows a study's log that someone else writes. A torn last line is waited for."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, decode)


class StudyLog(EventLog):
    """Appends to a study's log; for the study's one process only."""
