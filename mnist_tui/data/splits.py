"""Which training images serve as validation set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_tui.wording import counted


def validation_split(
    labels_or_count: NDArray[np.integer] | int, share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Set a share of the training images aside, drawn by the seed alone.

    Args:
        labels_or_count: The training labels, or how many images there are.
        share: Of the images that go to the validation set, 0 < share < 1.
        seed: Not negative; the same seed and count give the same split everywhere.

    Returns:
        Indices of the training images that remain, and of the round(count · share) validation images; both
        shuffled, together every index once.

    Raises:
        ValueError: The share is out of bounds, or leaves one of the two sets empty.
    """
    count = labels_or_count if isinstance(labels_or_count, int) else len(labels_or_count)
    if not 0 < share < 1:
        raise ValueError(f"a validation share of {share} is not between 0 and 1")
    validation = round(count * share)
    if not 0 < validation < count:
        side = "validation" if validation == 0 else "training"
        raise ValueError(f"a validation share of {share} of {counted(count, 'image')} leaves no {side} images")
    order = np.random.Generator(np.random.PCG64(seed)).permutation(count).astype(np.int64, copy=False)
    return order[validation:], order[:validation]
