"""The working copy of an experiment while it is edited, its fields, and undo. Nothing here needs Textual.

A wrong text stays in its field and leaves the experiment unchanged; layers that do not fit each other stay, too. Then
the draft can be neither trained nor saved, and complexity and shapes are those of the last valid state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, NamedTuple, cast

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.errors import RequestError
from mnist_tui.experiment import parameters
from mnist_tui.experiment.fields import FieldFacts, facts_in, put
from mnist_tui.experiment.layers import INITIALIZERS, LAYER_KINDS, Dense, ExperimentPart, Flatten, Layer
from mnist_tui.experiment.parameters import PARAMETERS, Parameter
from mnist_tui.experiment.presets import Preset, edited
from mnist_tui.experiment.spec import (
    EarlyStopping,
    Experiment,
    HogFeatures,
    OutputSpec,
    SpecError,
    checked,
    dotted,
    parsed,
    to_mapping,
)

GROUPS = ("Dataset", "Features", "Network", "Optimizer", "Training")


@dataclass(frozen=True)
class Field:
    """One field of the editor's form.

    Attributes:
        key: a parameter's name, or a path in the experiment's TOML form (``optimizer.rho``); unique.
        bounds: the allowed values in words.
        choices: the allowed values, if they can be listed.
        suggestions: values to offer where any text may be typed.
        read: returns the field's text in an experiment; empty if it does not apply, or if layers differ in it.
        change: returns the experiment with another text; raises RequestError if the text is wrong.
        absent: returns why the field does not apply to an experiment; empty if it does.
    """

    key: str
    label: str
    help: str
    bounds: str
    control: Literal["text", "choice", "switch"]
    read: Callable[[Experiment], str]
    change: Callable[[Experiment, str], Experiment]
    group: str = ""
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    absent: Callable[[Experiment], str] = lambda _: ""

    def applies(self, experiment: Experiment) -> bool:
        """Return whether the field applies to the experiment."""
        try:
            self.read(experiment)
        except (AttributeError, IndexError):
            return False
        return not self.absent(experiment)

    @property
    def sentence(self) -> str:
        """The field's label, help and allowed values in one sentence."""
        bounds = self.bounds or ", ".join(self.choices)
        return f"{self.label}: {self.help}{f' ({bounds})' if bounds else ''}"


def parameter_fields() -> tuple[Field, ...]:
    """Return a field for each of PARAMETERS, in their order."""
    return tuple(
        Field(
            key=parameter.name,
            label=parameter.label,
            help=parameter.help,
            bounds=parameter.bounds,
            control="choice" if parameter.choices else "text",
            read=parameter.read,
            change=partial(_change_parameter, parameter),
            group=parameter.group,
            choices=parameter.choices,
            suggestions=tuple(KNOWN) if parameter.name == "dataset" else parameter.suggestions,
            absent=partial(_absence, parameter.name),
        )
        for parameter in PARAMETERS
    )


def _change_parameter(parameter: Parameter, experiment: Experiment, text: str) -> Experiment:
    return parsed(to_mapping(parameters.changed(parameter, experiment, text.strip())))


def _absence(name: str, experiment: Experiment) -> str:
    """Return why a parameter does not apply to an experiment; empty if it does."""
    match name:
        case "ppc" | "orientations" | "cells-per-block" if not isinstance(experiment.features, HogFeatures):
            return "only with HOG"
        case "filters" | "conv-activation" if not any(layer.kind == "conv2d" for layer in experiment.layers):
            return "no convolution"
        case "activation" | "dropout" | "initializer" if not experiment.layers_of(Dense):
            return "no dense hidden layer"
        case "momentum" if not hasattr(experiment.optimizer, "momentum"):
            return f"{experiment.optimizer.name} has no momentum"
        case "lr" | "schedule" if not experiment.trains_in_epochs:
            return "no learning rate"
        case "batch-size" | "epochs" | "patience" | "plain-loss" if not experiment.trains_in_epochs:
            return "solved at once"
        case _:
            return ""


IS_PARAMETER = ("learning_rate", "momentum", "patience")
"""Arguments of optimizers and of early stopping that PARAMETERS has, too."""


def optimizer_fields(experiment: Experiment) -> tuple[Field, ...]:
    """Return a field for each argument of the optimizer that is not one of PARAMETERS."""
    return tuple(_model_fields("optimizer", type(experiment.optimizer), skip=IS_PARAMETER))


def stopping_fields(experiment: Experiment) -> tuple[Field, ...]:
    """Return a field for each argument of early stopping that is not one of PARAMETERS; none if stopping is off."""
    if experiment.training.early_stopping is None:
        return ()
    return tuple(_model_fields("training.early_stopping", EarlyStopping, skip=IS_PARAMETER))


def layer_fields(experiment: Experiment, position: int) -> tuple[Field, ...]:
    """Return the fields of the layer at `position`, counted from 0; the output layer comes last."""
    if position >= len(experiment.layers):
        return tuple(_model_fields("output", OutputSpec))
    return tuple(_model_fields(f"layers.{position}", type(experiment.layers[position])))


def _model_fields(prefix: str, model: type[ExperimentPart], skip: tuple[str, ...] = ()) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        if name in ("kind", "name") or name in skip:
            continue
        path, facts = f"{prefix}.{name}", facts_in(info)
        yield Field(
            key=path,
            label=name.replace("_", " ").capitalize(),
            help=facts.help,
            bounds="" if facts.choices else facts.bounds(),
            control="switch" if facts.kind == "switch" else "choice" if facts.choices else "text",
            read=partial(_read, path),
            change=partial(_change, path, facts),
            choices=facts.choices,
            suggestions=INITIALIZERS if facts.kind == "initializer" else (),
        )


def _read(path: str, experiment: Experiment) -> str:
    value: Any = experiment
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, tuple) else getattr(value, key)
    if isinstance(value, ExperimentPart):
        return initializer_text(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, tuple):
        return ", ".join(f"{each:.10g}" for each in cast("tuple[float, ...]", value))
    return "none" if value is None else str(value)


def _change(path: str, facts: FieldFacts, experiment: Experiment, text: str) -> Experiment:
    value: Any = text.strip()
    name = path.rpartition(".")[2]
    if facts.kind == "switch":
        value = value == "on"
    elif facts.optional and value in ("none", ""):
        value = None
    elif facts.kind == "numbers":
        value = value.replace(",", " ").split()
    elif facts.kind == "initializer":
        try:
            value = initializer_value(value)
        except RequestError as error:
            raise RequestError(f"{name}: {error}") from None
    doc = to_mapping(experiment)
    put(doc, path.split("."), value)
    try:
        return parsed(doc)
    except SpecError as error:
        depth = path.count(".")
        sentences = (f"{dotted(problem.path[depth:]) or name}: {problem.message}" for problem in error.problems)
        raise RequestError("; ".join(sentences)) from None


def initializer_text(initializer: ExperimentPart) -> str:
    """Return an initialiser as text, such as ``he_normal`` or ``random_normal(stddev=0.1)``; defaults are left out."""
    arguments = initializer.model_dump(exclude_defaults=True)
    name = arguments.pop("name")
    listed = ", ".join(f"{key}={value:g}" for key, value in arguments.items())
    return f"{name}({listed})" if listed else name


def initializer_value(text: str) -> dict[str, Any]:
    """Return the TOML form of an initialiser that is written as `initializer_text` writes it.

    The validation of the experiment checks the names and bounds of the arguments later.

    Raises:
        RequestError: the initialiser is unknown, or the text has another form.
    """
    form = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\)\s*)?", text)
    if form is None:
        raise RequestError(f"{text!r} is not an initialiser; write he_normal or random_normal(stddev=0.05)")
    name, arguments = form[1], (form[2] or "").strip()
    if name not in INITIALIZERS:
        raise RequestError(f"there is no initialiser {name!r}; choose one of {', '.join(INITIALIZERS)}")
    value: dict[str, Any] = {"name": name}
    for argument in arguments.split(",") if arguments else ():
        key, equals, number = (part.strip() for part in argument.partition("="))
        if not (key and equals and number):
            raise RequestError(f"{argument.strip()!r} is not an argument; write stddev=0.05")
        value[key] = number
    return value


UNDO_LIMIT = 500


@dataclass(frozen=True)
class Wrong:
    """A text that a field refuses; `message` says why."""

    field: Field
    text: str
    message: str


class Misfit(NamedTuple):
    """The position of the first layer that does not fit (the output layer comes last), and a sentence that says why."""

    place: int
    sentence: str


@dataclass(frozen=True)
class State:
    """One state of a draft.

    Attributes:
        experiment: the edited experiment; each field is valid, but layers may not fit each other.
        whole: the last edited experiment whose layers fit.
        wrong: refused texts by the key of their field.
    """

    experiment: Experiment
    whole: Experiment
    wrong: Mapping[str, Wrong] = field(default_factory=dict[str, Wrong])


def misfit_of(experiment: Experiment) -> Misfit | None:
    """Return the first layer that does not fit the layers before it; None if all layers fit."""
    try:
        checked(experiment)
    except SpecError as error:
        path, message = error.problems[0].path, error.problems[0].message
        if path[0] != "layers" or len(path) == 1:
            return Misfit(len(experiment.layers), message)
        place = int(path[1])
        return Misfit(place, f"layer {place + 1}, {experiment.layers[place].kind}: {message}")
    return None


class Draft:
    """A copy of a preset's experiment that is edited, with undo."""

    def __init__(self, preset: Preset) -> None:
        self.preset = preset
        self.state = State(preset.experiment, preset.experiment)
        self._before: list[State] = []
        self._after: list[State] = []
        self._typing = ""
        self._held: State | None = None

    @property
    def experiment(self) -> Experiment:
        return self.state.experiment

    @property
    def problems(self) -> tuple[str, ...]:
        """The reasons why the draft cannot be trained, a sentence each."""
        misfit = misfit_of(self.experiment)
        return (*(wrong.message for wrong in self.state.wrong.values()), *([misfit.sentence] if misfit else ()))

    @property
    def ready(self) -> bool:
        return not self.problems

    @property
    def is_edited(self) -> bool:
        """Whether the draft differs from the preset; a wrong text counts, too."""
        return bool(self.state.wrong) or self.experiment != self.preset.experiment

    @property
    def is_unsaved(self) -> bool:
        """Whether it has edits that neither a preset nor a run holds, and that the user has not discarded."""
        return self.is_edited and self.state != self._held

    @property
    def can_undo(self) -> bool:
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        return bool(self._after)

    def result(self) -> Preset:
        """Return the preset with the edited experiment; raise RequestError if the draft is not ready."""
        if not self.ready:
            raise RequestError("; ".join(self.problems))
        return edited(self.preset, self.experiment)

    def enter(self, entry: Field, text: str) -> bool:
        """Enter a text into a field and return whether the draft has changed.

        Texts that are entered into one field in a row are undone together.
        """
        state = self.state
        shown = state.wrong[entry.key].text if entry.key in state.wrong else entry.read(state.experiment)
        if text == shown:
            return False
        others = {key: wrong for key, wrong in state.wrong.items() if key != entry.key}
        try:
            experiment = entry.change(state.experiment, text)
        except RequestError as error:
            new = replace(state, wrong={**others, entry.key: Wrong(entry, text, str(error))})
        else:
            new = self._state_of(experiment, others)
        return self._record(new, typing=entry.key)

    def add_layer(self, kind: str, after: int) -> int:
        """Add a layer after the one at `after` (-1: first), or at the nearest position where it fits.

        The layer gets the activation of the last layer of its kind. A flatten layer is added before a dense layer that
        fits nowhere, as it follows an image.

        Returns:
            The position of the new layer; the desired one if it fits nowhere.
        """
        layers = self.experiment.layers
        place, old = min(after + 1, len(layers)), range(len(layers))
        layer = LAYER_KINDS[kind].suggested(next((layer for layer in reversed(layers) if layer.kind == kind), None))
        positions = sorted(range(len(layers) + 1), key=lambda at: (abs(at - place), -at))
        candidates: list[tuple[int, list[int | Layer]]] = [(at, [*old[:at], layer, *old[at:]]) for at in positions]
        if isinstance(layer, Dense):
            candidates.append((place + 1, [*old[:place], Flatten(), layer, *old[place:]]))
        fitting = (candidate for candidate in candidates if not misfit_of(self._arranged(candidate[1])))
        place, parts = next(fitting, candidates[0])
        self._arrange(parts)
        return place

    def remove_layer(self, place: int) -> None:
        """Remove the layer at `place`."""
        self._arrange([at for at in range(len(self.experiment.layers)) if at != place])

    def move_layer(self, place: int, by: int) -> int:
        """Move the layer at `place` up (-1) or down (1), and return its new position."""
        to, parts = place + by, list(range(len(self.experiment.layers)))
        if to not in parts:
            return place
        parts.insert(to, parts.pop(place))
        self._arrange(parts)
        return to

    def settle(self) -> None:
        """Make sure that the next edit is undone on its own, not together with the last one."""
        self._typing = ""

    def undo(self) -> None:
        """Undo the last edit."""
        self._step(self._before, self._after)

    def redo(self) -> None:
        """Redo the edit that was undone last."""
        self._step(self._after, self._before)

    def _step(self, source: list[State], target: list[State]) -> None:
        if source:
            target.append(self.state)
            self.state = source.pop()
            self._typing = ""

    def adopt(self, experiment: Experiment) -> None:
        """Take over a whole experiment; this can be undone."""
        self._record(State(experiment, experiment))

    def reset(self) -> None:
        """Return to the preset; this can be undone."""
        self._record(State(self.preset.experiment, self.preset.experiment))

    def saved_as(self, preset: Preset) -> None:
        """Compare the draft from now on with the preset that was saved from it."""
        self.preset = preset
        self._typing = ""

    def hold(self) -> None:
        """Count the present edits as held by a run, or as discarded: nobody is asked about them any more."""
        self._held = self.state

    def _record(self, new: State, typing: str = "") -> bool:
        if new == self.state:
            return False
        if not (typing and typing == self._typing):
            self._before = [*self._before[-UNDO_LIMIT:], self.state]
        self._after.clear()
        self._typing = typing
        self.state = new
        return True

    def _arranged(self, parts: Sequence[int | Layer]) -> Experiment:
        """Return the experiment with the layers that `parts` lists: positions of present layers, and new layers."""
        layers = tuple(self.experiment.layers[part] if isinstance(part, int) else part for part in parts)
        return self.experiment.model_copy(update={"layers": layers})

    def _arrange(self, parts: Sequence[int | Layer]) -> None:
        """Change the layers as `_arranged` does; wrong texts move with their layers."""
        experiment, before = self._arranged(parts), self.state.wrong
        wrong = {key: entry for key, entry in before.items() if not key.startswith("layers.")}
        for place, part in enumerate(parts):
            for moved in layer_fields(experiment, place) if isinstance(part, int) else ():
                if entry := before.get(f"layers.{part}.{moved.key.rpartition('.')[2]}"):
                    wrong[moved.key] = replace(entry, field=moved)
        self._record(self._state_of(experiment, wrong))

    def _state_of(self, experiment: Experiment, wrong: Mapping[str, Wrong]) -> State:
        """Return the state of an experiment with wrong texts. A text that the experiment now accepts is entered."""
        still = dict[str, Wrong]()
        for key, entry in wrong.items():
            if not entry.field.applies(experiment):
                continue
            try:
                experiment = entry.field.change(experiment, entry.text)
            except RequestError as error:
                still[key] = replace(entry, message=str(error))
        whole = self.state.whole if misfit_of(experiment) else experiment
        return State(experiment, whole, still)


def differences(before: Experiment, after: Experiment) -> tuple[str, ...]:
    """Describe each parameter that differs in a line, for example ``Pixels per cell: 4 → 7``."""
    pairs = ((parameter.label, parameter.read(before), parameter.read(after)) for parameter in PARAMETERS)
    return tuple(f"{label}: {old or '–'} → {new or '–'}" for label, old, new in pairs if old != new)


def to_save(draft: Draft) -> Preset:
    """Return a valid draft as a preset with a new name; an edited draft also gets a new title and description."""
    preset = draft.result()
    base = draft.preset
    name = base.name if base.origin == "saved" else f"{base.name}-mine"
    changes = differences(base.experiment, preset.experiment)
    if preset.experiment == base.experiment:
        return replace(preset, name=name)
    about = f"Edited from {base.name}{': ' if changes else '.'}{', '.join(changes)}"
    return replace(preset, name=name, about=about)
