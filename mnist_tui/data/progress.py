"""How far the fetching or reading of a dataset has come. No numpy here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DataProgress:
    """A moment of fetching or reading a dataset.

    Attributes:
        phase: What is being done.
        done: Bytes finished.
        total: Bytes altogether; 0 where that is unknown.
        text: The same for a person, naming the dataset or file.
    """

    phase: Literal["downloading", "reading", "verifying"]
    done: int
    total: int
    text: str


OnProgress = Callable[[DataProgress], None]
