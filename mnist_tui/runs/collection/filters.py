"""Filters for a list of runs, as a person types them: ``hidden>200 lr<=0.001 state=finished fashion``.

Terms are joined by blanks and must all hold. A term compares a parameter (by its name on the command line) or a figure;
any other word must occur in the text that the list shows of a run. A text with blanks needs quotes.
"""

from __future__ import annotations

import difflib
import fnmatch
import math
import operator
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS, Parameter
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.state import STATES

Test = Callable[[RunSummary], bool]
TERM = re.compile(r"(?P<name>[A-Za-z][\w-]*)\s*(?P<sign><=|>=|!=|==|<|>|=)(?P<value>.*)")
ORDERED = ("<", "<=", ">", ">=")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}


class FilterError(RequestError):
    """A filter that cannot be understood; the message says why."""


@dataclass(frozen=True)
class Figure:
    """A figure of a run that a filter compares.

    Attributes:
        read: returns the figure; None where the run has none.
        share: whether it runs from 0 to 1; then a number above 1 is in per cent.
    """

    read: Callable[[RunSummary], float | None]
    share: bool = False


FIGURES = {
    "accuracy": Figure(lambda run: run.test_accuracy, share=True),
    "f1": Figure(lambda run: run.macro_f1, share=True),
    "loss": Figure(lambda run: run.test_loss),
    "val-accuracy": Figure(lambda run: run.val_accuracy, share=True),
    "val-loss": Figure(lambda run: run.val_loss),
    "parameters": Figure(lambda run: run.parameters),
    "done": Figure(lambda run: run.epochs_done),
    "time": Figure(lambda run: run.seconds),
}
TEXTS: dict[str, Callable[[RunSummary], str]] = {
    "state": lambda run: run.state,
    "preset": lambda run: run.preset,
    "name": lambda run: run.name,
    "note": lambda run: run.note,
    "run": lambda run: run.run,
    "study": lambda run: run.study,
    "dataset": lambda run: run.dataset,
    "started": lambda run: time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started)),
}
PARAMETER = {parameter.name: parameter for parameter in PARAMETERS}
NUMBERED = {name for name, parameter in PARAMETER.items() if parameter.metavar.startswith(("N", "X", "P"))} - {
    "activation",
    "conv-activation",
    "initializer",
    "optimizer",
    "schedule",
}
NAMES = tuple(dict.fromkeys((*TEXTS, *FIGURES, *PARAMETER)))


def parse(text: str) -> Test:
    """Parse a filter; an empty text lets every run through.

    Raises:
        FilterError: a term means nothing.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise FilterError("a quote is not closed") from None
    tests = [_test(word) for word in words]
    return lambda run: all(test(run) for test in tests)


def _test(word: str) -> Test:
    match = TERM.fullmatch(word)
    if match is None:
        wanted = word.casefold()
        return lambda run: wanted in _searched(run)
    name, sign, value = match["name"].lower(), match["sign"].replace("==", "="), match["value"].strip()
    if name not in NAMES:
        near = " or ".join(difflib.get_close_matches(name, NAMES, n=2, cutoff=0.5))
        hint = f"did you mean {near}?" if near else "state, accuracy, hidden, lr, ppc, epochs and the like are"
        raise FilterError(f"there is no {name!r} to compare; {hint}")
    if not value and sign in ORDERED:
        raise FilterError(f"{name}{sign} needs a value")
    if name in TEXTS:
        return _on_text(name, sign, value)
    if name in FIGURES:
        return _on_figure(name, sign, value)
    return _on_parameter(PARAMETER[name], sign, value)


def _searched(run: RunSummary) -> str:
    texts = (run.run, run.state, run.preset, run.name, run.note, run.differs, run.dataset, run.study)
    return " ".join(texts).casefold()


def _on_text(name: str, sign: str, value: str) -> Test:
    read = TEXTS[name]
    if name == "started":
        return lambda run: COMPARE[sign](read(run)[: len(value)], value)
    if sign in ORDERED:
        raise FilterError(f"{name} has no order; {name}={value} and {name}!={value} work")
    if name == "state":
        _chosen(name, value, STATES)
    wanted = value.casefold()
    return lambda run: fnmatch.fnmatchcase(read(run).casefold(), wanted) == (sign == "=")


def _on_figure(name: str, sign: str, value: str) -> Test:
    figure = FIGURES[name]
    wanted = _number(name, value)
    if figure.share and 1 < wanted <= 100 and not value.endswith("%"):
        wanted /= 100
    if figure.share and wanted > 1:
        raise FilterError(f"{name} is at most 100 %; {name}{sign}0.94, {name}{sign}94 and {name}{sign}94% are the same")

    def test(run: RunSummary) -> bool:
        have = figure.read(run)
        return COMPARE[sign](have, wanted) if have is not None else sign == "!="

    return test


def _on_parameter(parameter: Parameter, sign: str, value: str) -> Test:
    name = parameter.name
    if sign not in ORDERED:
        if parameter.choices and value:
            _chosen(name, value, parameter.choices)
        return lambda run: _same(run.values.get(name, ""), value) == (sign == "=")
    if name not in NUMBERED:
        raise FilterError(f"{name} has no order; {name}={value} and {name}!={value} work")
    wanted = _number(name, value)

    def test(run: RunSummary) -> bool:
        have = _largest(run.values.get(name, ""))
        return have is not None and COMPARE[sign](have, wanted)

    return test


def _chosen(name: str, value: str, choices: tuple[str, ...]) -> None:
    if "*" not in value and value.casefold() not in choices:
        raise FilterError(f"there is no {name} {value!r}; choose from {', '.join(choices)}")


def _number(name: str, value: str) -> float:
    text, divisor = (value[:-1], 100) if value.endswith("%") else (value, 1)
    try:
        number = float(text.replace(",", "").replace("_", "")) / divisor
    except ValueError:
        raise FilterError(f"{name} is compared with a number, and {value!r} is none") from None
    if not math.isfinite(number):
        raise FilterError(f"{name} is compared with a finite number, not {value}")
    return number


def _largest(text: str) -> float | None:
    """Return the number in a parameter's text, the largest of several layers; None where there is none."""
    try:
        return max(float(part) for part in text.split("x"))
    except ValueError:
        return None


def _same(have: str, wanted: str) -> bool:
    try:
        return float(have) == float(wanted)
    except ValueError:
        return fnmatch.fnmatchcase(have.casefold(), wanted.casefold())
