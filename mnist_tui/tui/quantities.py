"""Numbers on a live screen, beside those of `report.wording`: ticking clocks, shares of any precision, memory."""

from __future__ import annotations

from mnist_tui.report.wording import DASH, loss, percent, seconds, size

__all__ = ["loss", "percent", "share", "ticking", "used_of"]

GIGABYTE = 1e9


def ticking(value: float | None) -> str:
    """A duration for a clock that ticks, without fractions: ``24 s``, ``3 min 12 s``, ``1 h 02 min``."""
    return DASH if value is None else f"{max(0, int(value))} s" if value < 60 else seconds(value)


def share(value: float | None, digits: int) -> str:
    """``97.6 %`` for 0.9762 and one digit."""
    return DASH if value is None else f"{100 * value:.{digits}f} %"


def used_of(used: float, total: float | None) -> str:
    """``3.1 of 8.2 GB``."""
    return size(used) if total is None else f"{used / GIGABYTE:.1f} of {total / GIGABYTE:.1f} GB"
