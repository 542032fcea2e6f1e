"""Format numbers, units, plurals, lists, durations and sizes for people: in screens, commands, reports and errors."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Sequence, Sized
from datetime import UTC, datetime

DASH = "–"
"""The text for a number that is not known."""
IRREGULAR = {
    "bias": "biases",
    "match": "matches",
    "entry": "entries",
    "class": "classes",
    "study": "studies",
    "process": "processes",
}
BYTE_UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


def plural(what: str) -> str:
    """Return the plural of a noun: ``epochs`` for ``epoch``. Of several words, only the last one changes."""
    *before, last = what.split(" ")
    return " ".join([*before, IRREGULAR.get(last, f"{last}s")])


def noun(value: float | Sized, what: str, several: str = "") -> str:
    """Return the noun that goes with a number, without the number.

    Args:
        value: the number, or the collection whose elements are counted.
        several: the plural, if `plural` does not know it.
    """
    number = len(value) if isinstance(value, Sized) else value
    return what if number == 1 else several or plural(what)


def counted(value: float | Sized | None, what: str, several: str = "") -> str:
    """Return a number with its noun: ``1 neuron``, ``1,024 neurons``, ``– neurons`` for None. Arguments: see `noun`."""
    if value is None:
        return f"{DASH} {several or plural(what)}"
    number = len(value) if isinstance(value, Sized) else value
    return f"{number:,} {noun(number, what, several)}"


def count(value: float | None) -> str:
    """Return a number with commas, ``198,760`` for 198760; a dash for None."""
    return DASH if value is None else f"{value:,}"


def grouped(text: str) -> str:
    """Return a text with commas in its whole numbers of four digits and more: ``784 × 250 = 196,000``."""
    return re.sub(r"(?<![\d.])\d{4,}", lambda match: f"{int(match[0]):,}", text)


def listed(parts: Sequence[str], word: str = "and") -> str:
    """Return a list in words, ``a``, ``a and b`` or ``a, b and c``; `word` can be ``or`` instead."""
    return f" {word} ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint with the one or two most similar known words, ``did you mean train or trials? ``, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=2, cutoff=0.5)
    return f"did you mean {' or '.join(near)}? " if near else ""


def sentence_of(text: str) -> str:
    """Return a text as a sentence: with a capital letter, unless it begins with a name, and a full stop at its end."""
    return f"{capitalized(text)}{'' if text.endswith(('.', '?', '…')) else '.'}" if text else ""


def shortened(text: str, width: int) -> str:
    """Return a text in at most `width` characters; … replaces its middle, because names often differ at their ends."""
    if len(text) <= width:
        return text
    kept = max(0, width - 1)
    head = kept - kept // 2
    return f"{text[:head]}…{text[len(text) - kept // 2 :]}" if width > 0 else ""


def capitalized(text: str) -> str:
    """Return a text with a capital letter first, unless its first word is a name such as ``raw-81e5``."""
    return f"{text[:1].upper()}{text[1:]}" if text.partition(" ")[0].rstrip(":,;").isalpha() else text


def percent(value: float | None, digits: int = 2) -> str:
    """Return a share in per cent, ``98.41 %`` for 0.9841; a dash for None, inf and nan."""
    return DASH if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f} %"


NOT_DEFINED = "not defined"
"""The text for a statistic that is not defined, such as the recall of a class without images."""


def defined(value: float | None, write: Callable[[float], str]) -> str:
    """Return a statistic as `write` writes it; ``not defined`` for None."""
    return NOT_DEFINED if value is None else write(value)


def loss(value: float | None) -> str:
    """Return a loss with four decimals, or as 1.234e+05 from 10,000 on; ``not finite`` for None, inf and nan."""
    if value is None or not math.isfinite(value):
        return "not finite"
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"


def signed(value: float, digits: int) -> str:
    """Return a number with its sign, ``+1.2`` or ``−3,000`` (a typographic minus); one that rounds to 0 has none."""
    return f"{value:+,.{digits}f}".replace("-", "−") if round(value, digits) else f"{0:.{digits}f}"


def plus_minus(mean: float, deviation: float | None, write: Callable[[float], str]) -> str:
    """Return a mean and, if there is one, its deviation, both formatted by `write`: ``0.0812 ± 0.0011``."""
    return write(mean) if deviation is None else f"{write(mean)} ± {write(deviation)}"


def percent_plus_minus(mean: float, deviation: float | None) -> str:
    """Return a mean and its deviation in per cent, ``97.62 ± 0.11 %``; ``97.62 %`` if the deviation is None."""
    return percent(mean) if deviation is None else f"{100 * mean:.2f} ± {100 * deviation:.2f} %"


def seconds(value: float | None) -> str:
    """Return a duration in words: ``0.42 s``, ``12.3 s``, ``4 min 05 s``, ``2 h 10 min``."""
    if value is None or not math.isfinite(value):
        return DASH
    if round(value, 1) < 60:
        return f"{value:.2f} s" if round(value, 2) < 10 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def ticking(value: float | None) -> str:
    """Return a duration without fractions, for a running clock: ``24 s``, ``3 min 12 s``, ``1 h 02 min``."""
    return DASH if value is None else f"{max(0, int(value))} s" if value < 60 else seconds(value)


def roughly(value: float) -> str:
    """Return an estimated duration (in seconds) in round numbers: ``about 8 s``, ``about 25 s``, ``about 4 min``."""
    if value < 57.5:
        return f"about {max(1, round(value)) if value < 10 else 5 * round(value / 5)} s"
    return f"about {max(1, round(value / 60))} min" if value < 3570 else f"about {value / 3600:.1f} h"


def moment(value: float | None) -> str:
    """Return a time (seconds since 1970) in local time: ``2026-03-01 14:05``."""
    return DASH if value is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(value))


def in_utc(when: datetime) -> str:
    """Return a time with its zone, the same wherever it is read: ``2026-02-25 06:13:20 UTC``."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size(value: float) -> str:
    """Return a number of bytes in words: ``512 bytes``, ``12.6 MB`` (10⁶ bytes)."""
    if value < 999.5:
        return counted(round(value), "byte")
    unit = next((unit for unit in ("kB", "MB") if round(value / BYTE_UNITS[unit], 1) < 1000), "GB")
    return f"{value / BYTE_UNITS[unit]:.1f} {unit}"


def size_of(part: float, whole: float | None, unit: str = "GB") -> str:
    """Return ``3.1 of 8.2 GB`` for two numbers of bytes, in a unit of BYTE_UNITS; only the part if `whole` is None."""
    if whole is None:
        return size(part)
    return f"{part / BYTE_UNITS[unit]:.1f} of {whole / BYTE_UNITS[unit]:.1f} {unit}"
