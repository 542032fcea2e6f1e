"""The errors of data, and the progress of bringing them: what every other file of this package may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


class DataError(ValueError):
    """The error for a file or folder of data that cannot be used; the message says which, why, and what is right."""


class MissingDataError(DataError):
    """The error for a dataset that is in none of the searched places and could not be downloaded."""


@dataclass(frozen=True, slots=True)
class DataProgress:
    """The progress of downloading or reading a dataset, in bytes; `total` is 0 if it is unknown."""

    phase: Literal["downloading", "reading", "verifying"]
    done: int
    total: int
    text: str


OnProgress = Callable[[DataProgress], None]
