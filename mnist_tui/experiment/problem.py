"""Say what is wrong with an experiment, in sentences that name the field by its TOML key.

The flag or the line of a preset that a wrong value came from is added by the code that knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mnist_tui.errors import RequestError

LONGEST = 80
"""Characters of a wrong value that a sentence repeats."""
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        path: keys and list positions of the TOML form (``("layers", 1, "units")``); empty for the whole.
        message: what is wrong and what would be right, without the path.
    """

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


class SpecError(RequestError):
    """An experiment that is not valid.

    Attributes:
        problems: each problem with its place; never empty.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def dotted(path: Path) -> str:
    """Return ``layers.1.units`` for ``("layers", 1, "units")``, the form that ``--set`` takes."""
    return ".".join(str(part) for part in path)


def problems_of(error: ValidationError, doc: Any = None) -> tuple[Problem, ...]:
    """Return a validation error's problems, each with its path into `doc` (the mapping that was validated)."""
    messages: dict[Path, list[str]] = {}
    for entry in error.errors():
        messages.setdefault(_path_in(doc, entry["loc"]), []).append(_sentence(entry))
    return tuple(Problem(path, ", and ".join(found)) for path, found in messages.items())


def _path_in(doc: Any, loc: tuple[str | int, ...]) -> Path:
    """Return `loc` without the tags that pydantic adds for unions: only what exists in `doc`, and the last key."""
    path: list[str | int] = []
    here: Any = doc
    for depth, part in enumerate(loc):
        if _has(here, part):
            here = here[part]
        elif depth < len(loc) - 1 or not isinstance(here, dict) or part in (here.get("kind"), here.get("name")):
            continue
        path.append(part)
    return tuple(path)


def _has(here: Any, part: str | int) -> bool:
    if isinstance(here, dict):
        return part in here
    return isinstance(here, (list, tuple)) and isinstance(part, int) and part < len(here)


def _sentence(entry: Any) -> str:
    kind, context, value = entry["type"], entry.get("ctx", {}), entry.get("input")
    given, quoted = _short(str, value), _short(repr, value)
    tags = context.get("expected_tags", "").replace("'", "")
    match kind:
        case "extra_forbidden":
            return "no such key"
        case "missing":
            return "is missing"
        case "union_tag_invalid":
            return f"{context['tag']!r} is not known; choose from {tags}"
        case "union_tag_not_found":
            return f"needs a {context['discriminator']}"
        case "literal_error" | "enum":
            return f"{quoted} is not one of {context['expected']}"
        case "greater_than_equal":
            return f"{given} is too small; at least {context['ge']:g} is needed"
        case "greater_than":
            return f"{given} is too small; it must be greater than {context['gt']:g}"
        case "less_than_equal":
            return f"{given} is too large; at most {context['le']:g} works"
        case "less_than":
            return f"{given} is too large; it must be below {context['lt']:g}"
        case "finite_number":
            return f"{given} is not a finite number"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{quoted} is not a whole number"
        case "float_parsing" | "float_type":
            return f"{quoted} is not a number"
        case "bool_parsing" | "bool_type":
            return f"{quoted} is neither true nor false"
        case "value_error":
            return str(context["error"])
        case _:
            return f"{quoted}: {entry['msg'][0].lower()}{entry['msg'][1:]}"


def _short(write: Callable[[Any], str], value: Any) -> str:
    """A value as text of at most LONGEST characters."""
    try:
        text = write(value)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
