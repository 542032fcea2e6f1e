"""The fields of an experiment: their help, bounds and choices, and how to set a field by its TOML path.

A bound, a choice or a help text is written in the pydantic field alone; the command line, the editor and `parameters`
read it here. Functions that parse a text raise ValueError with the end of a sentence that begins with the text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mnist_tui.errors import RequestError
from mnist_tui.experiment.layers import EVERY_FIELD, Sides
from mnist_tui.experiment.shapes import Shape
from mnist_tui.experiment.spec import (
    Experiment,
    Problem,
    SpecError,
    cell_hint,
    checked,
    parsed,
    pixel_image,
    to_mapping,
)
from mnist_tui.files import parse_toml
from mnist_tui.wording import listed

Kind = Literal["whole number", "sides", "number", "numbers", "choice", "switch", "initializer", "text"]
SWITCH = ("off", "on")
OF_DATA = ("classes", "image")
"""The fields of the dataset that are facts of its files: another dataset has others."""
LARGEST_SHOWN = 100_000
"""A larger upper bound is a technical limit, named only when a value is beyond it."""


@dataclass(frozen=True)
class FieldFacts:
    """The declaration of one field: its description, the kind of its value, and the allowed values.

    Attributes:
        limits: bounds by pydantic's names (ge, gt, le, lt).
        optional: whether the value may be absent, which is typed as ``none``.
    """

    help: str
    kind: Kind
    limits: dict[str, float]
    choices: tuple[str, ...] = ()
    optional: bool = False

    @property
    def hint(self) -> str:
        """The allowed values in words: ``whole number, 1 to 28``, ``0 or more, less than 1``, ``number above 0``."""
        match self.kind:
            case "whole number":
                text = f"whole number, {self.span}" if self.span else "whole number"
            case "sides":
                text = f"whole number, {self.span}, or a pair such as 3x5"
            case "number":
                text = self.span if self.span[:1].isdigit() else f"number {self.span}".rstrip()
            case "numbers":
                text = f"numbers {self.span}, separated by commas"
            case "switch":
                text = listed(SWITCH, "or")
            case "choice":
                text = listed(self.choices, "or")
            case "initializer":
                text = "such as he_normal"
            case "text":
                text = "any text"
        return f"{text}, or none" if self.optional else text

    @property
    def span(self) -> str:
        """The range of a number in words, ``1 to 28``, ``1 or more``, ``above 0``; empty if there are no bounds."""
        match self.limits:
            case {"ge": low, "le": high} if high <= LARGEST_SHOWN:
                return f"{low:,} to {high:,}"
            case {"ge": low, "lt": high} if high <= LARGEST_SHOWN:
                return f"{low:g} or more, less than {high:g}"
            case {"gt": low, "lt": high}:
                return f"above {low:g}, less than {high:g}"
            case {"gt": low, "le": high}:
                return f"above {low:g}, {high:g} at most"
            case {"ge": low}:
                return f"{low:g} or more"
            case {"gt": low}:
                return f"above {low:g}"
            case _:
                return ""

    def value(self, text: str) -> Any:
        """Return the value that a typed text means.

        Raises:
            ValueError: the text is not a value of this field.
        """
        if self.optional and text == "none":
            return None
        match self.kind:
            case "whole number":
                high = self.limits.get("le", self.limits.get("lt", math.inf) - 1)
                return whole(text, int(self.limits["ge"]), None if high == math.inf else int(high))
            case "sides":
                return Sides(int(self.limits["ge"]), int(self.limits["le"])).value(text)
            case "number":
                return self._number(text)
            case "choice":
                return chosen(text, self.choices)
            case "switch":
                return chosen(text, SWITCH) == "on"
            case _:
                return text

    def _number(self, text: str) -> float:
        low, high = self.limits.get("gt", self.limits.get("ge", -math.inf)), self.limits.get("lt", math.inf)
        most = self.limits.get("le", math.inf)
        hint = (
            f"; a {self.hint} works"
            if self.hint.startswith("number")
            else f"; {self.hint}{',' * (',' in self.hint)} works"
        )
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"is not a number{hint}") from None
        if not math.isfinite(value):
            raise ValueError(f"is not a finite number{hint}")
        if value < low or value >= high or value > most or ("gt" in self.limits and value == low):
            raise ValueError(f"is out of bounds{hint}")
        return value


def facts_of(model: type[BaseModel], name: str) -> FieldFacts:
    """Return the declaration of a model's field."""
    return facts_in(model.model_fields[name])


def facts_in(info: FieldInfo) -> FieldFacts:
    """Return the declaration of a field."""
    help_text, annotation, metadata = info.description or "", info.annotation, list(info.metadata)
    optional = get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)
    if optional:
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata += more
    if get_origin(annotation) is Literal:
        return FieldFacts(help_text, "choice", {}, tuple(map(str, get_args(annotation))), optional)
    if get_origin(annotation) is tuple:
        each = facts_in(FieldInfo.from_annotation(get_args(annotation)[0]))
        return FieldFacts(help_text, "numbers", each.limits)
    if bounds := next((item for item in metadata if isinstance(item, Sides)), None):
        return FieldFacts(help_text, "sides", {"ge": bounds.ge, "le": bounds.le}, (), optional)
    kinds: dict[Any, Kind] = {bool: "switch", int: "whole number", float: "number", str: "text"}
    return FieldFacts(help_text, kinds.get(annotation, "initializer"), _limits(metadata), (), optional)


def _limits(metadata: list[Any]) -> dict[str, float]:
    limits: dict[str, float] = {}
    for item in metadata:
        for limit in item.metadata if isinstance(item, FieldInfo) else [item]:
            if isinstance(limit, (Ge, Gt, Le, Lt)):
                name = type(limit).__name__.lower()
                limits[name] = getattr(limit, name)
    return limits


def whole(text: str, low: int, high: int | None = None) -> int:
    """Return the whole number that a text means.

    Raises:
        ValueError: the text is not a whole number from `low` to `high`, both included.
    """
    works = f"{low:,} or more" if high is None else f"{low:,} to {high:,}"
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"is not a whole number; {works} works") from None
    if value < low or (high is not None and value > high):
        raise ValueError(f"is out of bounds; {works} works")
    return value


def sizes(text: str, each: FieldFacts) -> tuple[int, ...]:
    """Return the numbers in a text such as ``200x100``, one for each layer, within the bounds of the field `each`.

    Raises:
        ValueError: the text has another form, or a number is out of bounds.
    """
    try:
        values = tuple(int(part) for part in text.lower().replace("×", "x").split("x"))
    except ValueError:
        raise ValueError("is not a number of each layer; 250 or 200x100 is the form") from None
    if any(not each.limits["ge"] <= value <= each.limits["le"] for value in values):
        raise ValueError(f"is out of bounds; {each.span} in each layer works")
    return values


def chosen(text: str, choices: Sequence[str]) -> str:
    """Return the text; raise ValueError if it is none of the choices."""
    if text not in choices:
        raise ValueError(f"is not known; choose from {', '.join(choices)}")
    return text


def pixels(text: str, image: Shape) -> int:
    """Return the edge of a HOG cell in pixels that a text means, for images of this shape.

    Raises:
        ValueError: the text is not a whole number, or no such cell fits into the image.
    """
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"is not a whole number; 1 to {min(image[:2])} work") from None
    if value > min(image[:2]):
        raise ValueError(f"is larger than the {pixel_image(image)}; {cell_hint(image)}")
    if value < 1:
        raise ValueError(f"is not a size of a cell; {cell_hint(image)}")
    return value


def assigned(
    experiment: Experiment, *assignments: str, resolve: Callable[[Experiment], Experiment] = lambda same: same
) -> Experiment:
    """Return the experiment with fields set one after the other; only the result must be valid as a whole.

    A problem of the result is said of the assignment that brought it.

    Args:
        assignments: ``optimizer.rho=0.8``, ``layers.1.units=300``; the value as in TOML, but quotes may be omitted.
        resolve: sets the facts of the dataset, such as `data.facts.resolved`.

    Raises:
        RequestError: an assignment has no ``=``, its path does not exist, or its value is not valid.
        SpecError: the result has a problem that the experiment has without the assignments, too.
    """
    steps = [experiment]
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator or not path.strip():
            raise RequestError(f"--set {assignment} is not of the form PATH=VALUE, such as optimizer.rho=0.8")
        doc = to_mapping(experiment)
        try:
            keys = path.strip().split(".")
            put(doc, keys, value_of(text.strip()))
            if keys == ["dataset", "name"]:
                doc["dataset"] = {key: value for key, value in doc["dataset"].items() if key not in OF_DATA}
            experiment = parsed(doc)
        except SpecError as error:
            raise RequestError(f"--set {assignment}: {error}") from None
        steps.append(experiment)
    problems = _misfits(experiment, resolve)
    for assignment, before in zip(reversed(assignments), reversed(steps[:-1]), strict=True):
        if problems and not set(problems) <= set(_misfits(before, resolve)):
            raise RequestError(f"--set {assignment}: {SpecError(problems)}")
    if problems:
        raise SpecError(problems)
    return checked(resolve(experiment))


def _misfits(experiment: Experiment, resolve: Callable[[Experiment], Experiment]) -> tuple[Problem, ...]:
    """Return the problems of parts that do not fit each other or the dataset."""
    try:
        checked(resolve(experiment))
    except SpecError as error:
        return error.problems
    return ()


def paths_of(experiment: Experiment) -> list[str]:
    """Return the TOML path of every field that holds a single value: ``optimizer.rho``, ``layers.1.units``."""

    def leaves(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, (dict, list)):
            yield path
            return
        parts: dict[Any, Any] = dict(enumerate(value)) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        for key, part in parts.items():
            yield from leaves(part, f"{path}.{key}" if path else str(key))

    return list(leaves(experiment.model_dump(mode="json", exclude_none=True, context=EVERY_FIELD), ""))


def value_of(text: str) -> Any:
    """Return the value of a TOML literal; any other text is its own value."""
    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text


def put(doc: dict[str, Any], keys: list[str], value: Any) -> None:
    """Set one field of an experiment's TOML form; raise RequestError if its path does not exist."""
    container: Any = doc
    for depth, key in enumerate(keys, 1):
        path = ".".join(keys[:depth])
        place: Any = key
        if isinstance(container, list):
            count = len(container)  # pyright: ignore[reportUnknownArgumentType]
            if not key.isdecimal() or int(key) >= count:
                before = path.rpartition(".")[0]
                raise RequestError(f"--set {path}: {before} has places 0 to {count - 1}, not {key!r}")
            place = int(key)
        elif depth < len(keys):
            if isinstance(container.get(key), str):
                container[key] = {"name": container[key]}
            elif not isinstance(container.setdefault(key, {}), (dict, list)):
                raise RequestError(f"--set {'.'.join(keys)}: {path} has no parts")
        if depth == len(keys):
            container[place] = value
        container = container[place]
