"""A closed form's solution in words: ridge and temperature, and what chose them. For screens, terminal and reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mnist_tui.wording import counted, percent

Solution = Mapping[str, Any]
"""What `results.json` holds under ``closed_form``."""


def ridge_in_words(found: Solution) -> str:
    """``1000, best of 8 on validation images``."""
    tried = len(found["validation"])
    chosen = f", best of {tried} on validation images" if tried > 1 else ""
    return f"{found['ridge']:g}{chosen}"


def solved_images(found: Solution) -> str:
    """``60,000 images, held-out ones included``."""
    return f"{counted(found['images'], 'image')}{', held-out ones included' if found['validation'] else ''}"


def temperature_in_words(found: Solution) -> str:
    """``0.08951, set by the validation images``."""
    return f"{found['temperature']:.4g}, set by the " + found["tempered_on"] + " images"


def ridge_accuracies(found: Solution) -> list[tuple[str, str]]:
    """Each ridge with the accuracy that it reaches on the validation images; none where nothing was chosen."""
    return [(f"{one['ridge']:g}", percent(one["accuracy"])) for one in found["validation"]]
