"""Figures in words, each with its unit: what reports and the command line print. Pure, and imports nothing heavy."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from mnist_tui.counting import counted
from mnist_tui.runs.events import ModelBuilt

DASH = "–"


def count(value: float | None) -> str:
    """``198760`` → ``198,760``."""
    return DASH if value is None else f"{value:,}"


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def percent(value: float | None) -> str:
    """``0.9841`` → ``98.41 %``."""
    return DASH if value is None or not math.isfinite(value) else f"{100 * value:.2f} %"


def loss(value: float | None) -> str:
    """A loss with four decimals, or in powers of ten where it is huge."""
    if value is None or not math.isfinite(value):
        return "not finite"
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"


def seconds(value: float | None) -> str:
    """A duration: ``0.42 s``, ``12.3 s``, ``4 min 05 s``, ``2 h 10 min``."""
    if value is None or not math.isfinite(value):
        return DASH
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(value: float) -> str:
    """Bytes: ``12.6 MB``."""
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def computation(model: ModelBuilt) -> str:
    """How a run computes: ``xla program in float32, TF32 on, 8 threads``; what was not recorded is left out."""
    parts = [f"{model.program} program in {model.precision}"]
    if model.tf32 is not None:
        parts.append(f"TF32 {'on' if model.tf32 else 'off'}")
    if model.deterministic is not None:
        parts.append("deterministic" if model.deterministic else "not deterministic")
    if model.threads:
        parts.append(counted(model.threads, "thread"))
    return ", ".join(parts)


def moment(value: float | None) -> str:
    """A time of day in local time: ``2026-03-01 14:05``."""
    return DASH if value is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(value))


def in_utc(when: datetime) -> str:
    """A time with its zone, the same wherever it is read: ``2026-02-25 06:13:20 UTC``."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
