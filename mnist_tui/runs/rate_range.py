"""The learning-rate range test: the loss while the rate rises, measured by a worker, and the rate that it suggests.

The test is Smith's (L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017): a fresh network is
trained with a rate that rises geometrically from LOWEST to HIGHEST. No run is made, and nothing is kept.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mnist_tui.errors import RequestError
from mnist_tui.runs.devices import check_memory
from mnist_tui.runs.worker_jobs import WorkerMessages
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.experiment.spec import Experiment

LOWEST, HIGHEST = 1e-6, 10.0
"""The highest rate is that of fastai's `lr_find`. Its lowest one is 1e-7; that no such rate is needed is our choice."""
LEAST_STEPS, MOST_POINTS = 100, 200
"""Small epochs are repeated until there are as many steps as fastai's `lr_find` takes. How many points are drawn at
most is our choice: more cannot be told apart in a terminal."""
KEPT = 0.9
"""The share of the mean so far in the smoothed loss, an exponential mean corrected for its beginning. Our choice:
fastai's 0.98 lags some 50 steps behind, half of the shortest test."""
DIVERGED = 4.0
"""The test ends when the smoothed loss is so many times its lowest value, as in fastai's `lr_find`."""
LEAST_FALL = 0.02
"""A loss that has fallen by a smaller share than this has not been learnt from: nothing is suggested. Our choice."""
SAFE = 10.0
"""The suggested rate is the rate of the lowest smoothed loss divided by this, as in `minimum` of fastai's `lr_find`."""


@dataclass(frozen=True)
class RatePoint:
    """The loss at one learning rate: the mean over the images of some steps, and smoothed; None if it is not finite."""

    rate: float
    loss: float | None
    smoothed: float | None


@dataclass(frozen=True)
class RateSuggestion:
    """The suggested learning rate, None if there is none, and the reason in a sentence or two."""

    rate: float | None
    reason: str


@dataclass(frozen=True)
class RateRange:
    """A range test as far as it has come.

    Attributes:
        phase: the present activity in words; empty while it trains.
        dataset: the title of the data; empty if they are not read yet.
        epochs, steps: how many epochs the rate rises for, and their steps.
        points: the losses so far, in the order of the rates.
        ended: whether no more points come.
    """

    phase: str = ""
    dataset: str = ""
    epochs: int = 0
    steps: int = 0
    points: tuple[RatePoint, ...] = ()
    ended: bool = False

    @property
    def title(self) -> str:
        """What is trained: ``MNIST, 235 steps in 1 epoch``; empty if that is not known yet."""
        where = f"{counted(self.steps, 'step')} in {counted(self.epochs, 'epoch')}" if self.steps else ""
        return ", ".join(filter(None, (self.dataset, where)))

    @property
    def suggestion(self) -> RateSuggestion:
        return suggested(self.points)


def smoothed(losses: Sequence[float | None]) -> list[float | None]:
    """Return the exponential mean of the losses up to each, corrected for its beginning; None from a None on."""
    mean, weight, values = 0.0, 1.0, list[float | None]()
    for loss in losses:
        if loss is None:
            return [*values, *[None] * (len(losses) - len(values))]
        mean, weight = KEPT * mean + (1 - KEPT) * loss, weight * KEPT
        values.append(mean / (1 - weight))
    return values


def has_diverged(points: Sequence[RatePoint]) -> bool:
    """Return whether the loss is no longer finite, or DIVERGED times its lowest smoothed value."""
    values = [point.smoothed for point in points]
    finite = [value for value in values if value is not None]
    return bool(values) and (values[-1] is None or values[-1] > DIVERGED * min(finite))


def suggested(points: Sequence[RatePoint]) -> RateSuggestion:
    """Return a tenth of the rate at which the smoothed loss is lowest, rounded to two digits.

    At the lowest loss the rate is already at the edge of what the training bears, so that one order of magnitude less
    is taken (S. Gugger, "How do you find a good learning rate", 2018; `minimum` of fastai's `lr_find`).
    """
    known = [(point.smoothed, point.rate) for point in points if point.smoothed is not None]
    if len(known) < 2:
        return RateSuggestion(None, "There are too few losses for a suggestion.")
    first, (lowest, rate) = known[0][0], min(known)
    if first - lowest < LEAST_FALL * first:
        return RateSuggestion(None, "The loss does not fall at any learning rate, so that none can be suggested.")
    after = "" if rate == known[-1][1] else " and rises at higher rates"
    return RateSuggestion(
        float(f"{rate / SAFE:.2g}"),
        f"The smoothed loss is lowest, {lowest:.3g}, at a learning rate of {rate:.2g}{after}. There the training is "
        "close to becoming unstable; a tenth of that rate is on the safe side.",
    )


class RateTest:
    """A range test in a worker process, which starts at once.

    The worker is killed by `close`, which any thread may call, and at the end of a ``with`` block.

    Args:
        experiment: what is trained.
        device: auto, cpu, gpu or gpu:N.
        data_dir: the folder of the datasets; None for the usual places.
        allow_sample: whether the bundled digits may replace MNIST if it is not here.

    Raises:
        RequestError: the experiment has no learning rate.
    """

    def __init__(
        self, experiment: Experiment, *, device: str = "auto", data_dir: Path | None = None, allow_sample: bool = False
    ) -> None:
        from mnist_tui.experiment.spec import to_mapping

        check(experiment)
        request = {
            "experiment": to_mapping(experiment),
            "device": device,
            "data_dir": None if data_dir is None else str(data_dir.absolute()),
            "allow_sample": allow_sample,
        }
        self._messages = WorkerMessages("learning-rate range test", "--rate-range", request=json.dumps(request))

    @property
    def pid(self) -> int:
        return self._messages.pid

    def __iter__(self) -> Generator[RateRange]:
        """Yield the test each time it has come further.

        Raises:
            JobError: the device does not exist, data cannot be used, or the worker failed or was killed.
        """
        state, points = RateRange("starting TensorFlow"), list[tuple[float, float | None]]()
        yield state
        for message in self._messages:
            if "point" in message:
                points.append((message["point"]["rate"], message["point"]["loss"]))
                means = smoothed([loss for _, loss in points])
                so_far = (RatePoint(*point, mean) for point, mean in zip(points, means, strict=True))
                state = replace(state, points=tuple(so_far))
            else:
                state = replace(state, **message)
            yield state
        yield replace(state, ended=True)

    def close(self) -> None:
        """Kill the worker; the iteration then ends with a JobError."""
        self._messages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._messages.__exit__()


def check(experiment: Experiment) -> None:
    """Raise RequestError if the optimizer has no learning rate, or the network is too large for this machine."""
    if not experiment.trains_in_epochs:
        name = experiment.optimizer.name
        raise RequestError(f"{name} has no learning rate to test: it solves the output layer at once; choose another")
    check_memory(experiment)
