"""Read and set fields of an experiment by their TOML path, as `--set PATH=VALUE` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mnist_tui.experiment.problem import RequestError, SpecError
from mnist_tui.experiment.spec import Experiment, from_mapping, parsed, to_mapping
from mnist_tui.files import parse_toml


def all_assigned(experiment: Experiment, assignments: Sequence[str]) -> Experiment:
    """Return the experiment with fields set one after the other; it must be valid as a whole after the last.

    Args:
        assignments: as for `assigned`.

    Raises:
        RequestError: as for `assigned`.
    """
    for assignment in assignments:
        experiment = assigned(experiment, assignment, whole=assignment is assignments[-1])
    return experiment


def assigned(experiment: Experiment, assignment: str, *, whole: bool = True) -> Experiment:
    """Return the experiment with one field set.

    Args:
        assignment: ``optimizer.rho=0.8``, ``layers.1.units=300``; the value as TOML has it, quotes may be left out.
        whole: whether the experiment must be valid as a whole, too.

    Raises:
        RequestError: the assignment has no ``=``, its path leads nowhere, or its value is not valid there.
    """
    path, separator, text = assignment.partition("=")
    if not separator or not path.strip():
        raise RequestError(f"--set {assignment} is not of the form PATH=VALUE, such as optimizer.rho=0.8")
    doc = to_mapping(experiment)
    try:
        put(doc, path.strip().split("."), value_of(text.strip()))
        return from_mapping(doc) if whole else parsed(doc)
    except SpecError as error:
        raise RequestError(f"--set {assignment}: {error}") from None


def paths_of(experiment: Experiment) -> list[str]:
    """Return the TOML path of every field that holds a single value: ``optimizer.rho``, ``layers.1.units``."""
    return list(_leaves(to_mapping(experiment), ""))


def _leaves(value: Any, path: str) -> Iterator[str]:
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inner = value.items()  # pyright: ignore[reportUnknownVariableType]
    elif isinstance(value, list):
        inner = enumerate(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    else:
        yield path
    for key, part in inner:
        yield from _leaves(part, f"{path}.{key}" if path else str(key))


def value_of(text: str) -> Any:
    """Return the value of a TOML literal; any other text as it is."""
    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text


def put(doc: dict[str, Any], keys: list[str], value: Any) -> None:
    """Set one field of an experiment's TOML form; raise RequestError if there is no such path."""
    here: Any = doc
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(here, list):
            position = _position(keys[:depth], key, here)  # pyright: ignore[reportUnknownArgumentType]
            if last:
                here[position] = value
                return
            here = here[position]
            continue
        if last:
            here[key] = value
            return
        if isinstance(here.get(key), str):
            here[key] = {"name": here[key]}
        elif not isinstance(here.setdefault(key, {}), (dict, list)):
            raise RequestError(f"--set {'.'.join(keys)}: {'.'.join(keys[: depth + 1])} has no parts")
        here = here[key]


def _position(before: list[str], key: str, items: list[Any]) -> int:
    if not key.isdecimal() or int(key) >= len(items):
        raise RequestError(
            f"--set {'.'.join([*before, key])}: {'.'.join(before)} has places 0 to {len(items) - 1}, not {key!r}"
        )
    return int(key)
