"""Round values for axes, and how they are written. Pure."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import pairwise

LONG_NUMBER = 100_000
SHORT_NUMBER = 1e-3
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
EPOCH_ROOM = 12
"""Columns between two labels of the epoch axis."""


def ticks(limits: tuple[float, float], count: int) -> list[float]:
    """Round values inside the limits, evenly spaced: at most `count`, unless that would leave fewer than two."""
    low, high = limits
    if not high > low:
        return [low]
    rough = (high - low) / max(1, count)
    if not sys.float_info.min <= rough < math.inf:
        return [low, high]
    scale = 10.0 ** math.floor(math.log10(rough))
    finer: list[float] = []
    for step in (part * scale for part in (0.5, *STEPS, 20.0)):
        first = math.ceil(low / step - 1e-9)
        found = [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]
        if len(found) < 2:
            break
        if len(found) <= count:
            return found
        finer = found
    return finer or [low, high]


def log_ticks(limits: tuple[float, float], count: int) -> list[float]:
    """Values that are round on a logarithmic axis: powers of ten, with 2 and 5 between where there is room.

    Args:
        limits: as powers of ten; (-1, 2) for 0.1 to 100.
    """
    low, high = max(limits[0], sys.float_info.min_10_exp), min(limits[1], sys.float_info.max_10_exp - 1)
    sparse: list[float] = []
    for parts, every in (((1,), 4), ((1,), 2), ((1,), 1), ((1, 3), 1), ((1, 2, 5), 1)):
        powers = range(math.ceil(low - 1), math.floor(high) + 1)
        values = [part * 10.0**power for power in powers if power % every == 0 for part in parts]
        found = [value for value in values if low - 1e-9 <= math.log10(value) <= high + 1e-9]
        if len(found) > count and len(sparse) >= 2:
            break
        sparse = found
    if len(sparse) >= 2:
        return sparse
    return [value for value in ticks((10.0**low, 10.0**high), count) if value > 0] or [10.0**low]


def labels(values: Sequence[float], unit: str = "") -> list[str]:
    """The values written with as many decimals as tell them apart."""
    largest = max(map(abs, values), default=0.0)
    if largest >= LONG_NUMBER or 0 < largest < SHORT_NUMBER:
        written = ([f"{value:.{digits}g}{unit}" for value in values] for digits in range(3, 18))
        return next((texts for texts in written if len(set(texts)) == len(set(values))), [str(v) for v in values])
    step = min((abs(b - a) for a, b in pairwise(values)), default=abs(values[0]) if values else 1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    if round(step * 10**digits, 6) % 1:
        digits += 1
    return [f"{value:.{digits}f}{unit}" for value in values]


def epoch_ticks(limits: tuple[float, float], columns: int) -> list[int]:
    """Whole epochs for the axis, apart enough for their labels; the last one in view is always among them."""
    first, last = math.ceil(limits[0]), math.floor(limits[1])
    if last <= first:
        return [first] if first <= limits[1] else []
    found = [round(value) for value in ticks(limits, max(2, columns // EPOCH_ROOM)) if float(value).is_integer()]
    room = (limits[1] - limits[0]) / max(1, columns) * EPOCH_ROOM
    return [value for value in found if last - value > room] + [last]
