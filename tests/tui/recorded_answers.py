"""What a network that gets better would have said of images, and the matrix that goes with it."""

from __future__ import annotations

from typing import Any

import numpy as np


def probabilities(labels: Any, epoch: int, wrong: float = 0.4) -> Any:
    """Answers after an epoch, float32 ``(n, 10)``; a share of `wrong` / (epoch + 1) is wrong."""
    rng = np.random.default_rng(epoch)
    errs = rng.random(len(labels)) < wrong / (epoch + 1)
    said = np.where(errs, (labels + rng.integers(1, 10, len(labels))) % 10, labels)
    sure = rng.uniform(0.3, 1.0, len(labels))
    values = np.repeat(((1 - sure) / 9)[:, None], 10, axis=1)
    values[np.arange(len(labels)), said] = sure
    return values.astype(np.float32)


def counted(labels: Any, values: Any) -> tuple[tuple[int, ...], ...]:
    """The matrix of answers, rows true, columns predicted."""
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (labels, values.argmax(axis=1)), 1)
    return tuple(map(tuple, matrix.tolist()))
