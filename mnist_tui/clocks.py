"""Clocks that do not step when the system clock is set."""

from __future__ import annotations

import time
from collections.abc import Callable


def since_boot() -> float:
    """Return seconds since the boot, by a clock that never steps; the same in all processes."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class SteadyClock:
    """A clock that starts at the time of day and then advances without steps; calling it returns seconds since 1970.

    Events are stamped with it, so that differences of their times are durations even where the system clock was set.

    Args:
        not_before: the least first reading, such as the time of the last event of an earlier process.
    """

    def __init__(
        self, not_before: float = 0.0, wall: Callable[[], float] = time.time, steady: Callable[[], float] = since_boot
    ) -> None:
        self._steady = steady
        self._offset = max(wall(), not_before) - steady()

    def __call__(self) -> float:
        return self._steady() + self._offset


now = SteadyClock()


class RemoteClock:
    """Estimates the time by the clock of another process whose events are read: a run's worker or a study's process.

    That is the time of the newest event plus the time since its arrival. Until an event arrives it is the time of day,
    for the newest may be old.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = since_boot) -> None:
        self._wall, self._steady = wall, steady
        self._newest: float | None = None
        self._offset: float | None = None

    def __call__(self, newest: float | None) -> float:
        """Return seconds since 1970; `newest` is the time of the newest event, None where there is none yet."""
        if newest is None:
            return self._wall()
        if self._offset is None or newest != self._newest:
            first = self._offset is None
            self._offset = (max(self._wall(), newest) if first else newest) - self._steady()
            self._newest = newest
        return self._steady() + self._offset
