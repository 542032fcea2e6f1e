"""A clock that stands still during pauses."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager


class Stopwatch:
    """Seconds of work; call it to read it. It runs from the start."""

    def __init__(self) -> None:
        self._away = 0.0

    def __call__(self) -> float:
        return time.perf_counter() - self._away

    @contextmanager
    def held(self) -> Generator[None]:
        """Stands still while the block runs."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._away += time.perf_counter() - began
