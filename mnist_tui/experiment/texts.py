"""Texts that people type, made into values: each gives the value, or a ValueError whose sentence follows the text.

Bounds of single values are here; what the options mean is in `parameters`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mnist_tui.experiment.shapes import IMAGE_EDGE


def whole(text: str, low: int, high: int | None = None) -> int:
    """A whole number within bounds; ValueError otherwise."""
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"is not a whole number; {_between(low, high)} works") from None
    if value < low or (high is not None and value > high):
        raise ValueError(f"is out of bounds; {_between(low, high)} works")
    return value


def real(text: str) -> float:
    """A finite number; ValueError otherwise."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError("is not a number") from None
    if not math.isfinite(value):
        raise ValueError("is not a finite number")
    return value


def positive(text: str) -> float:
    """A finite number above 0; ValueError otherwise."""
    try:
        value = real(text)
    except ValueError as error:
        raise ValueError(f"{error}; a small positive number such as 0.001 works") from None
    if value <= 0:
        raise ValueError("is not above 0; a small positive number such as 0.001 works")
    return value


def share(text: str) -> float:
    """A number from 0 up to, but not including, 1; ValueError otherwise."""
    value = real(text)
    if not 0 <= value < 1:
        raise ValueError("is out of bounds; from 0 up to, but not including, 1 works")
    return value


def sizes(text: str) -> tuple[int, ...]:
    """``200x100`` → (200, 100); ValueError otherwise."""
    try:
        values = tuple(int(part) for part in text.lower().replace("×", "x").split("x"))
    except ValueError:
        raise ValueError("is not a number of each layer; 250 or 200x100 is the form") from None
    if any(not 1 <= value <= 65536 for value in values):
        raise ValueError("is out of bounds; each layer has from 1 to 65536")
    return values


def chosen(text: str, choices: Sequence[str]) -> str:
    """One of the choices; ValueError otherwise."""
    if text not in choices:
        raise ValueError(f"is not known; {', '.join(choices)} are")
    return text


def _between(low: int, high: int | None) -> str:
    return f"a whole number of at least {low}" if high is None else f"{low} to {high}"


def pixels(text: str) -> int:
    """The edge of a HOG cell in pixels; ValueError otherwise."""
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"is not a whole number; 1 to {IMAGE_EDGE} work") from None
    even = [n for n in range(1, IMAGE_EDGE + 1) if IMAGE_EDGE % n == 0]
    hint = f"1 to {IMAGE_EDGE} work, and {', '.join(map(str, even[:-1]))} and {even[-1]} leave no pixel unused"
    if value > IMAGE_EDGE:
        raise ValueError(f"is larger than the {IMAGE_EDGE}-pixel image; {hint}")
    if value < 1:
        raise ValueError(f"is no size of a cell; {hint}")
    return value
