"""The times and the speed of a run. Every screen, command and report takes them from here, so that they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnist_tui.runs.state import EpochRow, RunState
from mnist_tui.wording import seconds

ALONE = "without evaluation"
"""What is said of training time and speed."""


@dataclass(frozen=True)
class RunTimes:
    """The times of a run, in seconds, and its speed.

    Attributes:
        training: the time of the training steps of all epochs. The evaluation after each epoch and at the end is left
            out, and so are pauses. None before the first epoch has ended.
        total: the time from the start to the end, or to now, with reading the data, building the network, evaluating
            and saving. Pauses and waiting for the device are left out. None before the start.
        images_per_second: the speed of training, epochs × training images ÷ training time.
        epoch_evaluation: the time of the evaluations after each epoch. None where it cannot be told from the training.
    """

    training: float | None = None
    total: float | None = None
    images_per_second: float | None = None
    epoch_evaluation: float | None = None


def times_of(run: RunState, now: float | None = None) -> RunTimes:
    """Return a run's times.

    Args:
        now: the present time in seconds since 1970, for a live run; None for the time of its newest event.
    """
    images = run.data.train if run.data is not None else None
    training = training_seconds(run.history, images)
    speed = len(run.history) * images / training if training and images else None
    evaluation = sum(row.seconds for row in run.history) - training if training and images else None
    return RunTimes(training, total_seconds(run, now), speed, None if evaluation is None else max(0.0, evaluation))


PARTS = {
    "data": "Reading the data",
    "features": "Features",
    "build": "Building and compiling",
    "evaluate": "Final evaluation",
}
"""The parts of a run in the `timings` of `results.json`, each with its name."""
REST = "Everything else"
REST_WORDS = "starting, checking the data, checkpoints, saving"
"""What belongs to the rest."""


def parts_of(times: RunTimes, timings: Mapping[str, float | None]) -> dict[str, float]:
    """Return the seconds of the known parts of a run by their names; with the rest, their sum is the total time.

    Args:
        timings: the `timings` of `results.json`. Those of a resumed run are of its last session; what the others took
            belongs to the rest.
    """
    known: dict[str, float | None] = {
        f"Training, {ALONE}": times.training,
        "Evaluation after each epoch": times.epoch_evaluation,
        **{name: timings.get(key) for key, name in PARTS.items()},
    }
    parts = {name: value for name, value in known.items() if value is not None}
    if times.total is not None and (rest := times.total - sum(parts.values())) > 0:
        parts[REST] = rest
    return parts


def times_in_words(times: RunTimes, *, brief: bool = False) -> list[str]:
    """Return the known times: ``training 25.9 s, without evaluation``, ``69,600 images/s``, ``total 61.0 s``.

    Args:
        brief: whether ``without evaluation`` is left to another place, such as a help text.
    """
    parts: list[str] = []
    if times.training is not None:
        parts.append(f"training {seconds(times.training)}" + ("" if brief else f", {ALONE}"))
    if times.images_per_second is not None:
        parts.append(f"{times.images_per_second:,.0f} images/s")
    if times.total is not None:
        parts.append(f"total {seconds(times.total)}")
    return parts


def training_seconds(history: Sequence[EpochRow], images: int | None) -> float | None:
    """Return the time of the training steps of some epochs; None without epochs.

    Args:
        images: the number of training images; if it is not known, the evaluation after each epoch is included.
    """
    if not history:
        return None
    return sum(
        images / row.images_per_second if images and row.images_per_second > 0 else row.seconds for row in history
    )


def total_seconds(run: RunState, now: float | None = None) -> float | None:
    """Return the time from a run's start to its newest event, or to `now`, without pauses; None before the start."""
    if run.started is None:
        return None
    end = (run.updated or run.started) if now is None else now
    if run.paused_since is not None:
        end = run.paused_since
    return max(0.0, end - run.started - run.paused_seconds)
