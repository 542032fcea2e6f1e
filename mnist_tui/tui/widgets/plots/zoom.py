"""Which epochs a plot shows: all, or a stretch that stays where it is, or one that follows the newest. Pure values."""

from __future__ import annotations

import math
from dataclasses import dataclass

Span = tuple[float, float]
NARROWEST = 1.0
"""Epochs that a view shows at least: one, for its running line."""


@dataclass(frozen=True)
class EpochAxis:
    """The epoch axis of a run at one moment.

    Attributes:
        end: of the axis, beyond which there is nothing to see.
        newest: the epoch that runs, or the last one.
    """

    end: float
    newest: float


@dataclass(frozen=True)
class EpochWindow:
    """What is seen of an axis.

    Attributes:
        span: the epochs seen; None for all.
        follows: whether the stretch keeps its width and moves with the newest epoch.
    """

    span: Span | None = None
    follows: bool = False

    def limits(self, axis: EpochAxis) -> Span:
        """The epochs at the left and the right edge, now."""
        if self.span is None:
            return (0.0, axis.end)
        start, end = self.span
        if not self.follows:
            return self.span
        right = min(max(end - start, math.ceil(axis.newest)), max(axis.end, end - start))
        return (right - (end - start), right)

    def zoomed(self, factor: float, at: float, axis: EpochAxis) -> EpochWindow:
        """A view `factor` times as wide in which the epoch `at` stays where it is; all, where it would be that wide."""
        start, end = self.limits(axis)
        width = max(NARROWEST, (end - start) * factor)
        if width >= axis.end:
            return EpochWindow()
        at = min(max(at, start), end)
        left = at - width * (at - start) / (end - start)
        return EpochWindow(_inside(left, width, axis.end), self.follows)

    def panned(self, share: float, axis: EpochAxis) -> EpochWindow:
        """Moved by that share of its width. Moved right upon the newest epoch it follows it; moved left it stays."""
        if self.span is None:
            return self
        start, end = self.limits(axis)
        span = _inside(start + share * (end - start), end - start, axis.end)
        return EpochWindow(span, share > 0 and span[1] >= axis.newest)

    def showing(self, epoch: float, axis: EpochAxis) -> EpochWindow:
        """Moved as little as makes the epoch seen."""
        start, end = self.limits(axis)
        if start <= epoch <= end:
            return self
        left = epoch if epoch < start else epoch - (end - start)
        return EpochWindow(_inside(left, end - start, axis.end))

    def following(self) -> EpochWindow:
        """From now on with the newest epoch at its right edge."""
        return self if self.span is None else EpochWindow(self.span, True)


def _inside(left: float, width: float, end: float) -> Span:
    left = max(0.0, min(left, end - width))
    return (left, left + width)
