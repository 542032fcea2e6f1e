"""Write numbers, units, plurals, lists, durations and sizes in words: the one place for all of them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence, Sized
from datetime import UTC, datetime

from mnist_tui.runs.events import ModelBuilt

IRREGULAR = {
    "bias": "biases",
    "match": "matches",
    "entry": "entries",
    "class": "classes",
    "study": "studies",
    "process": "processes",
}


def plural(what: str) -> str:
    """Return ``epochs`` for ``epoch``; of several words the last one changes."""
    *before, last = what.split(" ")
    return " ".join([*before, IRREGULAR.get(last, f"{last}s")])


def noun(value: float | Sized, what: str, several: str = "") -> str:
    """Return the noun that goes with a number, without the number.

    Args:
        value: the number, or what is counted.
        several: the plural, where `plural` does not know it.
    """
    number = len(value) if isinstance(value, Sized) else value
    return what if number == 1 else several or plural(what)


def counted(value: float | Sized | None, what: str, several: str = "") -> str:
    """Return ``1 neuron``, ``1,024 neurons``, ``– neurons`` for None; the arguments are like those of `noun`."""
    if value is None:
        return f"– {several or plural(what)}"
    number = len(value) if isinstance(value, Sized) else value
    return f"{number:,} {noun(number, what, several)}"


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
