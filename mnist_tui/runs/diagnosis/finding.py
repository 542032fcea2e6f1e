"""A finding of the diagnosis, and how its figures are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["problem", "warning", "note", "good"]
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "note", "good")
"""Worst first: a problem spoils the run, a warning costs accuracy, a note explains, good is good news."""


@dataclass(frozen=True)
class Finding:
    """A diagnosis with its evidence.

    Attributes:
        kind: one word that tells it from others: diverged, stuck, overfitting …
        headline: at most 48 characters, without a full stop.
        evidence: the figures that it stands on, with their epochs, in sentences.
        advice: what to try, in sentences; empty where there is nothing to do.
        since: the epoch from which on it holds; None where it has none.
    """

    kind: str
    severity: Severity
    headline: str
    evidence: str
    advice: str = ""
    since: int | None = None


def loss(value: float) -> str:
    """Return a loss with four decimals; fewer, or powers of ten, for large ones."""
    return f"{value:.4f}" if value < 100 else f"{value:.4g}"


def change(before: float, after: float) -> str:
    """Return a relative change: ``+12 %`` or ``-3.4 %``."""
    share = 100 * (after - before) / before
    return f"{share:+.0f} %" if abs(share) >= 10 else f"{share:+.1f} %"
