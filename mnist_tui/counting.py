"""Numbers with their nouns, the one place that knows about plurals. Pure."""

from __future__ import annotations

from collections.abc import Sized

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
