"""Values that a plot can compute with: sums, differences, ratios and logarithms of them neither overflow nor vanish."""

from __future__ import annotations

import math

SMALLEST_DRAWABLE, LARGEST_DRAWABLE = 1e-300, 1e300


def drawable(value: float | None) -> float | None:
    """Return a value as a plot takes it.

    What is not finite has no place (None); values nearer to 0 than 1e-300 lie on 0, those beyond ±1e300 on its edge.
    """
    if value is None:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    bounded = float(min(max(value, -LARGEST_DRAWABLE), LARGEST_DRAWABLE))
    return bounded if abs(bounded) >= SMALLEST_DRAWABLE else 0.0
