"""Clocks that do not step when the system clock is set."""

from __future__ import annotations

import time
from collections.abc import Callable


def since_boot() -> float:
    """Return seconds since the boot, by a clock that never steps; the same in all processes."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class SteadyClock:
    """The time of day when it was made, advanced by a clock that does not step.

    Events are stamped with it, so that differences of their times are durations even where the system clock was set.

    Args:
        not_before: its first reading is at least this: the last time that was told before, in seconds since the epoch.
    """

    def __init__(
        self, not_before: float = 0.0, wall: Callable[[], float] = time.time, steady: Callable[[], float] = since_boot
    ) -> None:
        self._steady = steady
        self._offset = max(wall(), not_before) - steady()

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self._steady() + self._offset


now = SteadyClock()
"""The time of day when this process began, advanced by a clock that does not step; seconds since the epoch."""


class HeardClock:
    """The time now by the clock of another process whose events are read: a run's worker or a study's process.

    It is the time of the newest event plus what has passed here since that came. Until an event comes, the time of day
    is taken, for the newest may be old.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = since_boot) -> None:
        self._wall, self._steady = wall, steady
        self._newest: float | None = None
        self._offset: float | None = None

    def __call__(self, newest: float | None) -> float:
        """Seconds since the epoch.

        Args:
            newest: the time of the newest event; None where there is none yet.
        """
        if newest is None:
            return self._wall()
        if self._offset is None or newest != self._newest:
            first = self._offset is None
            self._offset = (max(self._wall(), newest) if first else newest) - self._steady()
            self._newest = newest
        return self._steady() + self._offset
