"""Learning curves: accuracy against the number of training images, and what follows from it, in words."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from mnist_tui.wording import count, percent

AXES = ("limit", "dataset.limit")
"""The names of the parameter that sets the number of training images."""
STILL_LEARNING = 0.1
"""More images are said to help if the last doubling of their number removed this share of the errors, or more."""
LARGE_GAP = 0.02
"""A difference between training and test accuracy from which a network is said to know its own images better."""


@dataclass(frozen=True)
class LearningPoint:
    """The mean accuracies of all trainings with one number of images.

    Attributes:
        images: the number of training images.
        scores: the accuracy of each training on images that it was not trained on.
        train: the mean accuracy on the training images; None if it is not known.
    """

    images: int
    scores: tuple[float, ...]
    train: float | None = None

    @property
    def score(self) -> float:
        return statistics.fmean(self.scores)


def learning_curve(trainings: Iterable[tuple[str, int, float, float | None]]) -> tuple[LearningPoint, ...]:
    """Return the points of a learning curve, the fewest images first.

    Args:
        trainings: for each the requested number of images as text, the number that it was trained on, its accuracy on
            other images, and its accuracy on its training images (None if it is not known).
    """
    groups: dict[str, list[tuple[int, float, float | None]]] = {}
    for requested, images, score, train in trainings:
        groups.setdefault(requested, []).append((images, score, train))
    points: list[LearningPoint] = []
    for members in groups.values():
        images, scores, trains = zip(*members, strict=True)
        known = [train for train in trains if train is not None]
        points.append(
            LearningPoint(round(statistics.fmean(images)), scores, statistics.fmean(known) if known else None)
        )
    return tuple(sorted(points, key=lambda point: point.images))


def curve_in_words(points: tuple[LearningPoint, ...], of: str = "test") -> list[str]:
    """Return sentences about a learning curve: the gain of the last step, and the gap to the training accuracy.

    Args:
        of: the images of the scores, as in ``test accuracy``.
    """
    if len(points) < 2:
        return []
    first, before, last = points[0], points[-2], points[-1]
    sentences = [
        f"From {count(first.images)} to {count(last.images)} training images the {of} accuracy went from "
        f"{percent(first.score)} to {percent(last.score)}."
    ]
    doublings = math.log2(last.images / before.images) if last.images > before.images else 0.0
    errors = (1 - before.score, 1 - last.score)
    if doublings and errors[0] > 0:
        removed = 1 - (max(errors[1], 0.0) / errors[0]) ** (1 / doublings)
        if removed >= STILL_LEARNING:
            sentences.append(
                f"At the end the errors fell by {percent(removed, 0)} for each doubling of the images: more images "
                "would probably help further."
            )
        else:
            sentences.append("At the end, more images hardly changed it: the curve is level.")
    if last.train is not None:
        gap = last.train - last.score
        what = f"With all these images, {percent(last.train)} of the training images are right"
        if gap >= LARGE_GAP:
            sentences.append(
                f"{what}, {100 * gap:.2f} points more than of the others: the network knows its own images better "
                "(overfitting), which more images, dropout or a smaller network reduce."
            )
        else:
            sentences.append(
                f"{what}, about as many as of the others: the network does not overfit; if the accuracy is too low, a "
                "larger network may help more than images."
            )
    return sentences
