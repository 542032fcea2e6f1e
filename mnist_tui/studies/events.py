"""The events in a study's log, which its process writes for all front ends. They name trials by their numbers.

The details of a trial are in its run's log; the study's log has only the data for the study's table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from mnist_tui.runs.event_log import Tail, decode_as
from mnist_tui.runs.events import Event


class StudyEvent(Event):
    """An event in a study's log."""


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """Facts about a study that its first event has.

    Attributes:
        kind: seeds, folds, sweep or reproduction.
        metric: val_accuracy or val_loss, by which trials are compared.
        axes: names of the parameters that differ between trials.
        trials: the number of trials at the end of the study; a search plans them one by one.
        compares: whether one trial is the best.
        threads: of one TensorFlow operation in each trial; 0 while it is not known.
    """

    title: str = ""
    kind: str = "sweep"
    metric: str = "val_accuracy"
    axes: tuple[str, ...] = ()
    trials: int = 0
    compares: bool = False
    threads: int = 0

    @property
    def repeats(self) -> bool:
        """Whether all trials repeat one experiment: with other seeds, or on other folds."""
        return self.kind in ("seeds", "folds")


@dataclass(frozen=True, kw_only=True)
class StudyStarted(StudyFacts, StudyEvent):
    """A process of the study has begun, the first one or a later one; all trials that are not done wait again."""

    type: ClassVar[str] = "study_started"
    study: str


@dataclass(frozen=True, kw_only=True)
class TrialPlanned(StudyEvent):
    """A trial was planned, and gets a row (`state.TrialRow`); the fold is 0 without cross-validation."""

    type: ClassVar[str] = "trial_planned"
    number: int
    base: str
    values: tuple[tuple[str, str], ...]
    seed: int
    epochs: int
    parameters: int
    fold: int = 0


@dataclass(frozen=True, kw_only=True)
class TrialSubmitted(StudyEvent):
    """A trial has a run, which waits for a worker."""

    type: ClassVar[str] = "trial_submitted"
    number: int
    run: str


@dataclass(frozen=True, kw_only=True)
class TrialBegan(StudyEvent):
    """A worker has begun to train the trial from its start; epochs of an earlier attempt are void."""

    type: ClassVar[str] = "trial_began"
    number: int
    run: str
    attempt: int
    worker: str


@dataclass(frozen=True, kw_only=True)
class TrialEpoch(StudyEvent):
    """The validation scores of a trial after an epoch. Only some epochs have this event; see `is_logged`."""

    type: ClassVar[str] = "trial_epoch"
    number: int
    epoch: int
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class TrialScores:
    """The scores of a trial.

    Attributes:
        score: the study's metric, measured on the model that the trial ended with.
        val_loss, val_accuracy: of the newest epoch.
        test_loss, test_accuracy, macro_f1: on the test images; in a cross-validation on the images of the fold.
        training_seconds: the time of the training alone, as `RunTimes.training`; None in the logs of earlier versions.
        train_accuracy: on the training images after the training; None in the logs of earlier versions.
        train_images: the number of images that the trial was trained on; None in the logs of earlier versions.
    """

    score: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    macro_f1: float | None = None
    training_seconds: float | None = None
    train_accuracy: float | None = None
    train_images: int | None = None


@dataclass(frozen=True, kw_only=True)
class TrialEnded(TrialScores, StudyEvent):
    """A trial has ended. It is the last event of the trial, unless the trial is trained again.

    Attributes:
        state: finished, stopped, pruned, failed or diverged.
        seconds: from the beginning on a worker to the arrival of the run's files.
    """

    type: ClassVar[str] = "trial_ended"
    number: int
    run: str
    state: str
    reason: str = ""
    epoch: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker process of the cluster.

    Attributes:
        gpu: the GPU that only this worker uses; None without one.
        threads: of one TensorFlow operation, in trials that request no number.
    """

    address: str
    host: str
    name: str
    gpu: int | None = None
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class WorkersSeen(StudyEvent):
    """The workers that are connected now; logged when they change."""

    type: ClassVar[str] = "workers"
    workers: tuple[Worker, ...]


@dataclass(frozen=True, kw_only=True)
class StudyNoted(StudyEvent):
    """The process has a note for the user, in a sentence."""

    type: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True, kw_only=True)
class StudyStopping(StudyEvent):
    """The study is stopping: no further trial begins, and the running trials stop."""

    type: ClassVar[str] = "stopping"


@dataclass(frozen=True, kw_only=True)
class StudyEnded(StudyEvent):
    """The study's process has ended, with the state finished, stopped or failed."""

    type: ClassVar[str] = "study_ended"
    state: str
    reason: str = ""


EVENTS: dict[str, type[StudyEvent]] = {kind.type: kind for kind in StudyEvent.__subclasses__()}
ALL_LOGGED = 8
"""The number of first epochs that are all logged; each further doubling of the epoch number adds half as many."""


def is_logged(epoch: int) -> bool:
    """Return whether an epoch's scores enter the study's log: of 1,000 epochs 35 do, so that the log stays short.

    They are the same epochs for every trial, so that curves can be compared.
    """
    stride = 1 << ((epoch - 1) // ALL_LOGGED).bit_length()
    return epoch % stride == 0


def decode(line: bytes) -> StudyEvent | None:
    """Return the event on a line; None where this version does not know its kind or shape."""
    return decode_as(EVENTS, line)


StudyTail = partial(Tail[StudyEvent], decode=decode)
"""Reads a study's log, given its path, while another process writes it; an incomplete last line is read later."""
