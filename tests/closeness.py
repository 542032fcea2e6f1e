"""How near the probabilities of exported weights come to the run's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST = 1e-4
"""Difference in probability that is wanted at most."""
CLEAR = 2e-4
"""Lead of the best class over the second from which on the classes must be the same."""


def compared(got: NDArray[np.float32], wanted: NDArray[np.float32]) -> tuple[float, int]:
    """The largest difference in probability, and how many images have another class though the run's is clear."""
    best = np.sort(wanted, axis=1)
    clear = best[:, -1] - best[:, -2] > CLEAR
    return float(np.abs(got - wanted).max()), int((got.argmax(1) != wanted.argmax(1))[clear].sum())
