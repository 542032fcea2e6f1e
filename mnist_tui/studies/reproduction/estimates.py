"""How long a run will take, from runs that were. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import median

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.layers import BatchNormalization, Conv2D
from mnist_tui.experiment.spec import Experiment, is_closed_form
from mnist_tui.studies.reproduction.found import FinishedRun, FinishedRuns
from mnist_tui.studies.reproduction.subjects import PublishedExperiment

ALIKE = 1.25
"""Networks whose multiply-accumulates differ by no more than this factor are taken to train alike."""


@dataclass(frozen=True)
class Estimate:
    """What one run takes.

    Attributes:
        seconds: by a clock on the wall, on the machine of the runs that it is taken from.
        at_most: early stopping may end it sooner.
        like: id of the experiment whose runs it is taken from.
    """

    seconds: float
    at_most: bool
    like: str


def estimated(
    subject: PublishedExperiment, found: FinishedRuns, known: Sequence[PublishedExperiment]
) -> Estimate | None:
    """From its own runs; else from those of the most similar experiment, by the epoch; None where none is similar."""
    experiment = subject.mathematics
    if own := found.get(experiment):
        return Estimate(median(run.seconds for run in own.values()), at_most=False, like=subject.ids[0])
    like = [(ratio, other) for other in known if (ratio := _ratio(subject, other, found)) is not None]
    if not like:
        return None
    ratio, nearest = min(like, key=lambda one: (max(one[0], 1 / one[0]), one[1].ids))
    stopping = experiment.training.early_stopping is not None
    seconds = _scaled(found[nearest.mathematics].values(), ratio, experiment.training.epochs)
    return Estimate(seconds, stopping, nearest.ids[0])


def _ratio(subject: PublishedExperiment, other: PublishedExperiment, found: FinishedRuns) -> float | None:
    """How much more an image costs; None where they do not train alike, or nothing is known of the other."""
    one, two = subject.mathematics, other.mathematics
    if two not in found or _family(one) != _family(two):
        return None
    ratio = of(one).macs / of(two).macs
    return ratio if 1 / ALIKE <= ratio <= ALIKE else None


def _family(experiment: Experiment) -> tuple[object, ...]:
    """What must be equal where a similar size is to mean a similar time."""
    kinds = {type(layer) for layer in experiment.layers}
    held = experiment.dataset.validation
    return (
        is_closed_form(experiment),
        experiment.training.batch_size,
        Conv2D in kinds,
        BatchNormalization in kinds,
        experiment.features.kind,
        held if held == "test" else "held out",
    )


def _scaled(runs: Collection[FinishedRun], ratio: float, epochs: int) -> float:
    beside = median(run.seconds - run.training for run in runs)
    return beside + epochs * ratio * median(run.training / max(1, run.epochs) for run in runs)
