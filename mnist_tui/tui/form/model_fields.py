"""The fields of optimizers, layers, the output and early stopping, generated from their models. Free of Textual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from mnist_tui.experiment import field_paths
from mnist_tui.experiment.layers import INITIALIZERS, ExperimentPart
from mnist_tui.experiment.problem import RequestError, SpecError, dotted
from mnist_tui.experiment.spec import EarlyStopping, Experiment, OutputSpec, parsed, to_mapping
from mnist_tui.tui.form.fields import Field
from mnist_tui.tui.form.initializers import initializer_text, initializer_value

_IS_PARAMETER = ("learning_rate", "momentum", "patience")


def optimizer_fields(experiment: Experiment) -> tuple[Field, ...]:
    """The optimizer's own further arguments."""
    return tuple(_of_model("optimizer", type(experiment.optimizer), skip=_IS_PARAMETER))


def stopping_fields(experiment: Experiment) -> tuple[Field, ...]:
    """Early stopping's further fields; none where it is off."""
    if experiment.training.early_stopping is None:
        return ()
    return tuple(_of_model("training.early_stopping", EarlyStopping, skip=_IS_PARAMETER))


def layer_fields(experiment: Experiment, position: int) -> tuple[Field, ...]:
    """The fields of the layer at `position`; those of the output layer after the last."""
    if position >= len(experiment.layers):
        return tuple(_of_model("output", OutputSpec))
    return tuple(_of_model(f"layers.{position}", type(experiment.layers[position])))


def _of_model(prefix: str, model: type[ExperimentPart], skip: tuple[str, ...] = ()) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        if name in ("kind", "name") or name in skip:
            continue
        yield _of_field(f"{prefix}.{name}", name, info)


def _of_field(path: str, name: str, info: FieldInfo) -> Field:
    kind = _Kind.of(info)
    return Field(
        key=path,
        label=name.replace("_", " ").capitalize(),
        help=info.description or "",
        bounds=kind.bounds,
        control="switch" if kind.is_switch else "choice" if kind.choices else "text",
        read=partial(_read, path),
        change=partial(_assigned, path, kind),
        choices=kind.choices,
        suggestions=INITIALIZERS if kind.is_initializer else (),
    )


@dataclass(frozen=True)
class _Kind:
    """What a model's field takes, from its annotation."""

    bounds: str = ""
    choices: tuple[str, ...] = ()
    is_switch: bool = False
    is_initializer: bool = False
    is_list: bool = False
    optional: bool = False

    @classmethod
    def of(cls, info: FieldInfo) -> _Kind:
        optional, annotation, metadata = False, info.annotation, list(info.metadata)
        if get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation):
            optional = True
            (annotation,) = (part for part in get_args(annotation) if part is not type(None))
        while get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata += more
        if annotation is bool:
            return cls("on or off", is_switch=True)
        if get_origin(annotation) is Literal:
            return cls(choices=tuple(map(str, get_args(annotation))))
        if get_origin(annotation) is tuple:
            each = cls.of(FieldInfo.from_annotation(get_args(annotation)[0]))
            return cls(f"numbers, {each.bounds}", is_list=True)
        if annotation not in (int, float):
            return cls("an initialiser", is_initializer=True)
        bounds = _in_words(metadata)
        return cls(f"{bounds}, or none" if optional else bounds, optional=optional)


def _in_words(metadata: list[Any]) -> str:
    """``1 to 65536``, ``0 ≤ X < 1``, ``X > 0``; "a finite number" where there are no bounds."""
    bound: dict[str, Any] = {}
    for item in metadata:
        for limit in item.metadata if isinstance(item, FieldInfo) else [item]:
            if isinstance(limit, (Ge, Gt, Le, Lt)):
                name = type(limit).__name__.lower()
                bound[name] = getattr(limit, name)
    match bound:
        case {"ge": low, "le": high}:
            return f"{low:g} to {high:g}"
        case {"ge": low, "lt": high}:
            return f"{low:g} ≤ X < {high:g}"
        case {"ge": low}:
            return f"X ≥ {low:g}"
        case {"gt": low}:
            return f"X > {low:g}"
        case _:
            return "a finite number"


def _part_at(path: str, experiment: Experiment) -> Any:
    here: Any = experiment
    for key in path.split("."):
        here = here[int(key)] if isinstance(here, tuple) else getattr(here, key)
    return here


def _read(path: str, experiment: Experiment) -> str:
    value = _part_at(path, experiment)
    if isinstance(value, ExperimentPart):
        return initializer_text(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, tuple):
        return ", ".join(f"{each:.10g}" for each in cast("tuple[float, ...]", value))
    return "none" if value is None else str(value)


def _assigned(path: str, kind: _Kind, experiment: Experiment, text: str) -> Experiment:
    text = text.strip()
    value: Any = text
    if kind.is_switch:
        value = text == "on"
    elif kind.optional and text in ("none", ""):
        value = None
    elif kind.is_list:
        value = text.replace(",", " ").split()
    elif kind.is_initializer:
        value = _named(path, lambda: initializer_value(text))
    doc = to_mapping(experiment)
    field_paths.put(doc, path.split("."), value)
    try:
        return parsed(doc)
    except SpecError as error:
        depth = path.count(".")
        sentences = (f"{dotted(problem.path[depth:]) or _short(path)}: {problem.message}" for problem in error.problems)
        raise RequestError("; ".join(sentences)) from None


def _named(path: str, value: Callable[[], Any]) -> Any:
    try:
        return value()
    except RequestError as error:
        raise RequestError(f"{_short(path)}: {error}") from None


def _short(path: str) -> str:
    return path.rpartition(".")[2]
