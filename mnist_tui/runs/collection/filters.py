"""Filters for a list of runs, as a person types them: ``hidden>200 lr<=0.001 state=finished fashion``.

Terms are separated by blanks and must all hold. A term compares a parameter (by its name on the command line) or a
figure of the run; any other word must occur in one of the run's texts. A value with blanks needs quotes. Blanks around
a sign, capitals, underscores and the beginning of a name are understood: ``Acc > 94 %`` is ``accuracy>94``.
"""

from __future__ import annotations

import fnmatch
import math
import operator
import re
import shlex
import time
from collections.abc import Callable, Sequence
from typing import Any

from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS, Parameter
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.state import STATES
from mnist_tui.wording import did_you_mean

Test = Callable[[RunSummary], bool]
TERM = re.compile(r"(?P<name>[A-Za-z][\w-]*)\s*(?P<sign><=|>=|=<|=>|!=|==|[<>=≤≥≠])(?P<value>.*)")
SIGNS = {"==": "=", "=<": "<=", "=>": ">=", "≤": "<=", "≥": ">=", "≠": "!="}
"""Other ways to write a sign."""
THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
"""A number whose commas separate thousands; any other comma is a decimal comma."""
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


class UnfinishedFilterError(FilterError):
    """A filter whose last term has no value yet, or a quote that is not closed: a person may still be typing it."""


FIGURES: dict[str, Callable[[RunSummary], float | None]] = {
    "accuracy": lambda run: run.accuracy_on_test_set,
    "f1": lambda run: run.macro_f1,
    "loss": lambda run: None if run.fold else run.test_loss,
    "val-accuracy": lambda run: run.val_accuracy,
    "val-loss": lambda run: run.val_loss,
    "parameters": lambda run: run.parameters,
    "done": lambda run: run.epochs_done,
    "time": lambda run: run.training_seconds,
}
SHARES = ("accuracy", "f1", "val-accuracy")
"""Figures from 0 to 1; a number above 1 in their terms is in per cent."""
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
NAMES = tuple(dict.fromkeys((*TEXTS, *FIGURES, *PARAMETER)))
SYNONYMS = {
    **{parameter.label.lower().replace(" ", "-"): parameter.name for parameter in PARAMETERS},
    "initialiser": "initializer",
    "test-accuracy": "accuracy",
    "test-loss": "loss",
    "macro-f1": "f1",
    "validation-accuracy": "val-accuracy",
    "validation-loss": "val-loss",
}
"""Other names of what can be compared."""


def parse(text: str) -> Test:
    """Return the test of runs that a filter stands for; an empty filter lets every run through.

    Raises:
        FilterError: a term cannot be understood.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise UnfinishedFilterError("a quote is not closed") from None
    tests = [_test(word) for word in _joined(words)]
    return lambda run: all(test(run) for test in tests)


def begun_names(text: str) -> list[str]:
    """Return the names of parameters and figures that the last word of a filter may be the beginning of.

    So a person who types ``accuracy>93`` is told from one who looks for the word ``accuracy``.
    """
    last = text.rsplit(" ", maxsplit=1)[-1].lower().replace("_", "-")
    names = (SYNONYMS.get(each, each) for each in (*NAMES, *SYNONYMS) if each.startswith(last)) if last else ()
    return [last] if last in NAMES else list(dict.fromkeys(names))


def _joined(words: Sequence[str]) -> list[str]:
    """Join the parts of terms with blanks around their sign: ``accuracy``, ``>``, ``94``, ``%`` is one term."""
    joined: list[str] = []
    for word in words:
        before = joined[-1] if joined else ""
        continues = bool(before) and (word[0:1] in tuple("<>=!≤≥≠") or (word == "%" and before[-1].isdigit()))
        if continues or (before and TERM.fullmatch(before) and before[-1] in "<>=≤≥≠" and not TERM.fullmatch(word)):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _name(typed: str) -> str:
    """Return the name that a person means: in whatever case, with underscores, or only its beginning.

    Raises:
        FilterError: there is no such name, or several names begin so.
    """
    name = typed.lower().replace("_", "-")
    if name in NAMES:
        return name
    meant = dict.fromkeys(SYNONYMS.get(each, each) for each in (*NAMES, *SYNONYMS) if each.startswith(name))
    if len(meant) == 1 or name in SYNONYMS:
        return SYNONYMS.get(name) or next(iter(meant))
    if meant:
        raise FilterError(f"{typed!r} may be {', '.join(list(meant)[:-1])} or {list(meant)[-1]}")
    hint = did_you_mean(name, NAMES).rstrip() or "compare state, accuracy, hidden, lr, ppc or epochs, for example"
    raise FilterError(f"{typed!r} cannot be compared; {hint}")


def _test(word: str) -> Test:
    match = TERM.fullmatch(word)
    if match is None:
        wanted = word.casefold()
        return lambda run: wanted in _searched(run)
    name, sign, value = _name(match["name"]), SIGNS.get(match["sign"], match["sign"]), match["value"].strip()
    if not value and (sign in ORDERED or name in FIGURES or name == "state"):
        raise UnfinishedFilterError(f"{name}{sign} needs a value")
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
        raise FilterError(f"{name} can only be compared with = and !=")
    wanted = _choice(name, value, STATES) if name == "state" else value.casefold()
    return lambda run: fnmatch.fnmatchcase(read(run).casefold(), wanted) == (sign == "=")


def _on_figure(name: str, sign: str, value: str) -> Test:
    wanted = _number(name, value)
    if name in SHARES and 1 < wanted <= 100 and not value.endswith("%"):
        wanted /= 100
    if name in SHARES and wanted > 1:
        raise FilterError(f"{name} is at most 100 %; {name}{sign}0.94, {name}{sign}94 and {name}{sign}94% are the same")

    def test(run: RunSummary) -> bool:
        figure = FIGURES[name](run)
        return COMPARE[sign](figure, wanted) if figure is not None else sign == "!="

    return test


def _on_parameter(parameter: Parameter, sign: str, value: str) -> Test:
    name = parameter.name
    if sign not in ORDERED:
        if parameter.choices and value:
            value = _choice(name, value, parameter.choices)
        return lambda run: _same(run.values.get(name, ""), value) == (sign == "=")
    if parameter.metavar[0] not in "NXP" or parameter.metavar == "NAME":
        raise FilterError(f"{name} can only be compared with = and !=")
    wanted = _number(name, value)

    def test(run: RunSummary) -> bool:
        try:
            largest = max(map(float, run.values.get(name, "").split("x")))  # of several layers
        except ValueError:
            return False
        return COMPARE[sign](largest, wanted)

    return test


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    """Return a pattern for the choices that a value means: the choice itself, or all that begin with it."""
    wanted = value.casefold()
    if "*" in wanted or wanted in choices:
        return wanted
    if not any(choice.startswith(wanted) for choice in choices):
        raise FilterError(f"there is no {name} {value!r}; choose from {', '.join(choices)}")
    return f"{wanted}*"


def _number(name: str, value: str) -> float:
    text, divisor = (value[:-1].rstrip(), 100) if value.endswith("%") else (value, 1)
    try:
        number = float(_plain(text)) / divisor
    except ValueError:
        raise FilterError(f"{name} is compared with a number, not {value!r}") from None
    if not math.isfinite(number):
        raise FilterError(f"{name} is compared with a finite number, not {value}")
    return number


def _plain(number: str) -> str:
    return number.replace(",", "" if THOUSANDS.fullmatch(number) else ".")


def _same(text: str, wanted: str) -> bool:
    try:
        return float(text) == float(_plain(wanted))
    except ValueError:
        return fnmatch.fnmatchcase(text.casefold(), wanted.casefold())
