"""Clocks that do not jump when the system clock is set."""

from __future__ import annotations

import time
from collections.abc import Callable


def since_boot() -> float:
    """Return the seconds since the boot, by a clock that never jumps and is the same in all processes."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class SteadyClock:
    """A clock that starts at the time of day and then advances without jumps; calling it returns seconds since 1970.

    Events get their times from it, so that differences of times are durations even if the system clock is set.

    Args:
        not_before: the earliest time to start at, such as the time of the last event of an earlier process.
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

    The estimate is the time of the newest event plus the time since that event was first seen. The first event may be
    old, so that the time of day is used for it if that is later.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = since_boot) -> None:
        self._wall, self._steady = wall, steady
        self._newest: float | None = None
        self._offset = 0.0

    def __call__(self, newest: float | None) -> float:
        """Return seconds since 1970; `newest` is the time of the newest event, None if there is none yet."""
        if newest is None:
            return self._wall()
        if newest != self._newest:
            now = max(self._wall(), newest) if self._newest is None else newest
            self._newest, self._offset = newest, now - self._steady()
        return self._steady() + self._offset
