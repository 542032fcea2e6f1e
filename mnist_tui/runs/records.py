"""Make dataclasses from JSON files, which a later version, another person or a damaged disk may have changed.

A value of the wrong type or out of bounds raises an error. Unknown keys are ignored; a class with a field `more` keeps
them there, so that they are not lost when the file is written again.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from mnist_tui.experiment.shapes import FEWEST_CLASSES, MOST_CLASSES

MORE = "more"
"""The name of the field that keeps unknown keys."""
LARGEST = 2**53
"""The largest whole number that every JSON reader keeps exactly."""
LATEST = 253_370_764_800.0
"""The first second of the year 9999; later times cannot be formatted as a date."""

Record = TypeVar("Record")
Convert = Callable[[Any], Any]


def record(kind: type[Record], doc: Any) -> Record:
    """Return an instance of a dataclass, made from a JSON object.

    Args:
        kind: a dataclass whose fields are texts, numbers, truth values, tuples, dictionaries and dataclasses.

    Raises:
        ValueError: `doc` is not an object, or a field is missing or wrong; the text names the field.
    """
    if not isinstance(doc, dict):
        raise ValueError("it does not hold a JSON object")
    entries = cast(dict[str, Any], doc)
    converts, needed, keeps = _plan(kind)
    values: dict[str, Any] = {}
    for name in filter(converts.__contains__, entries):
        try:
            values[name] = converts[name](entries[name])
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    if missing := [name for name in needed if name not in values]:
        raise ValueError(f"{missing[0]} is missing")
    if keeps:
        values[MORE] = {name: value for name, value in entries.items() if name not in converts}
    return kind(**values)


def document(value: Any) -> dict[str, Any]:
    """Return the JSON object for a dataclass, with the unknown keys that it keeps in `more`."""
    doc = {entry.name: getattr(value, entry.name) for entry in fields(value) if entry.name != MORE}
    return {**getattr(value, MORE, {}), **doc}


def is_name(text: str) -> bool:
    """Return whether a text can be the id of a run or a study: a name, never a path."""
    return 0 < len(text) <= 255 and "/" not in text and "\\" not in text and "\0" not in text and text[0] != "."


@cache
def _plan(kind: type[Any]) -> tuple[dict[str, Convert], tuple[str, ...], bool]:
    """Return the conversion of each field, the required fields, and whether unknown keys are kept."""
    hints = get_type_hints(kind)
    own = [entry for entry in fields(kind) if entry.init and entry.name != MORE]
    converts = {entry.name: NAMED.get(entry.name) or _converter(hints[entry.name]) for entry in own}
    needed = tuple(e.name for e in own if e.default is MISSING and e.default_factory is MISSING)
    return converts, needed, MORE in hints


def _converter(hint: Any) -> Convert:
    origin, inner = get_origin(hint), get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if origin is Literal:
        return _checked(f"must be one of {', '.join(inner)}", lambda value: value in inner, _text)
    if hint is Any:
        return lambda value: value
    if origin in (Union, types.UnionType):
        return _either(tuple(_converter(part) for part in inner))
    if origin is tuple and inner[1:] == (...,):
        return _list_of(_converter(inner[0]))
    if origin is tuple:
        return _row_of(tuple(map(_converter, inner)))
    if origin in (dict, Mapping):
        return _object_of(_converter(inner[1]))
    if is_dataclass(hint):
        return lambda value: record(cast(type[Any], hint), value)
    raise TypeError(f"no rule to read a {hint}")


def _checked(text: str, holds: Callable[[Any], bool], first: Convert = lambda value: value) -> Convert:
    """Return a conversion that applies `first`, and raises a ValueError with `text` if `holds` rejects the result."""

    def convert(value: Any) -> Any:
        value = first(value)
        if not holds(value):
            raise ValueError(text)
        return value

    return convert


def _either(parts: tuple[Convert, ...]) -> Convert:
    def convert(value: Any) -> Any:
        why: list[str] = []
        for part in parts:
            try:
                return part(value)
            except ValueError as error:
                why.append(str(error))
        raise ValueError(" or ".join(dict.fromkeys(why)))

    return convert


def _list_of(part: Convert) -> Convert:
    return lambda value: tuple(map(part, _list(value)))


def _row_of(parts: tuple[Convert, ...]) -> Convert:
    row = _checked(f"must be a list of {len(parts)}", lambda value: len(value) == len(parts), _list)
    return lambda value: tuple(part(entry) for part, entry in zip(parts, row(value), strict=True))


def _object_of(part: Convert) -> Convert:
    return lambda value: {name: part(entry) for name, entry in _object(value).items()}


_list = _checked("must be a list", lambda value: isinstance(value, list | tuple))
_object = _checked("must be an object", lambda value: isinstance(value, dict))
_text = _checked("must be text", lambda value: isinstance(value, str))
_truth = _checked("must be true or false", lambda value: isinstance(value, bool))
_nothing = _checked("must be null", lambda value: value is None)
_whole = _checked("must be a whole number, 0 or more", lambda value: type(value) is int and 0 <= value <= LARGEST)
_number = _checked(
    "must be a finite number",
    lambda value: math.isfinite(value) if type(value) is float else type(value) is int and abs(value) <= LARGEST,
)
_time = _checked("must be a time in seconds since 1970", lambda value: 0 <= value <= LATEST, _number)
_pid = _checked("must be the number of a process", lambda value: value < 2**31, _whole)
_at_least_one = _checked("must be 1 or more", lambda value: value >= 1, _whole)
_name = _checked("must be a name without a path", lambda value: not value or is_name(value), _text)
_class_names = _checked(
    f"must be {FEWEST_CLASSES} to {MOST_CLASSES} names",
    lambda value: FEWEST_CLASSES <= len(value) <= MOST_CLASSES,
    _list_of(_text),
)
_matrix = _checked(
    f"must have as many rows as columns of counts, {FEWEST_CLASSES} to {MOST_CLASSES}",
    lambda rows: not rows or (FEWEST_CLASSES <= len(rows) <= MOST_CLASSES and {*map(len, rows)} == {len(rows)}),
    _list_of(_list_of(_whole)),
)

PLAIN: dict[Any, Convert] = {str: _text, bool: _truth, int: _whole, float: _number, type(None): _nothing}
NAMED: dict[str, Convert] = {
    "time": _time,
    "created": _time,
    "started": _time,
    "heartbeat": _time,
    "pid": _pid,
    "maker": _pid,
    "steps": _at_least_one,
    "study": _name,
    "run": _name,
    "confusion": _matrix,
    "class_names": _class_names,
}
"""The conversions of fields with special bounds, by their names in all classes."""
