"""The working copy of an experiment while it is edited, its fields, and undo. Nothing here needs Textual.

A wrong text stays in its field and leaves the experiment unchanged; layers that do not fit each other stay, too. Then
the draft can be neither trained nor saved, and complexity and shapes are those of the last valid state. Messages are
those of the form: they name fields by their labels, not by options of the command line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import partial
from typing import Any, Literal, NamedTuple, cast

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.errors import RequestError
from mnist_tui.experiment import complexity
from mnist_tui.experiment.fields import SWITCH, FieldFacts, facts_in, put
from mnist_tui.experiment.layers import INITIALIZERS, LAYER_KINDS, Conv2D, Dense, ExperimentPart, Flatten, Layer
from mnist_tui.experiment.parameters import PARAMETERS, Parameter
from mnist_tui.experiment.presets import Preset, edited
from mnist_tui.experiment.spec import (
    EarlyStopping,
    Experiment,
    HogFeatures,
    OutputSpec,
    SpecError,
    checked,
    parsed,
    to_mapping,
)

GROUPS = ("Dataset", "Features", "Network", "Optimizer", "Training")


@dataclass(frozen=True)
class Field:
    """One field of the editor's form.

    Attributes:
        key: a parameter's name, or a path in the experiment's TOML form (``optimizer.rho``); unique.
        hint: the allowed values in words.
        choices: the allowed values, if they can be listed.
        suggestions: values to offer where any text may be typed.
        read: returns the field's text in an experiment; empty if it does not apply, or if layers differ in it.
        change: returns the experiment with another text; raises RequestError if the text is wrong.
    """

    key: str
    label: str
    help: str
    hint: str
    control: Literal["text", "choice", "switch"]
    read: Callable[[Experiment], str]
    change: Callable[[Experiment, str], Experiment]
    group: str = ""
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()

    def applies(self, experiment: Experiment) -> bool:
        """Return whether the field applies to the experiment; fields that do not apply are hidden."""
        try:
            self.read(experiment)
        except (AttributeError, IndexError):
            return False
        return _parameter_applies(self.key, experiment)

    @property
    def sentence(self) -> str:
        """The field's label, help and allowed values in one sentence."""
        return f"{self.label}: {self.help} ({self.hint})"


def parameter_fields() -> tuple[Field, ...]:
    """Return a field for each of PARAMETERS, in their order."""
    return tuple(
        Field(
            key=parameter.name,
            label=parameter.label,
            help=parameter.help,
            hint=parameter.hint,
            control="switch" if parameter.choices == SWITCH else "choice" if parameter.choices else "text",
            read=parameter.read,
            change=partial(_change_parameter, parameter),
            group=parameter.group,
            choices=parameter.choices,
            suggestions=tuple(KNOWN) if parameter.name == "dataset" else parameter.suggestions,
        )
        for parameter in PARAMETERS
    )


def _change_parameter(parameter: Parameter, experiment: Experiment, text: str) -> Experiment:
    text = text.strip()
    try:
        changed = parameter.change(experiment, text)
    except ValueError as error:
        raise RequestError(f"{text or AN_EMPTY_TEXT} {error}") from None
    return _parsed(to_mapping(changed))


AN_EMPTY_TEXT = "an empty field"


def _parsed(doc: dict[str, Any]) -> Experiment:
    """Return the experiment of a TOML form; the message of the error does not name the paths of its fields."""
    try:
        return parsed(doc)
    except SpecError as error:
        raise RequestError("; ".join(problem.message for problem in error.problems)) from None


def _parameter_applies(name: str, experiment: Experiment) -> bool:
    """Return whether a parameter means something for an experiment; True for fields that are not parameters."""
    match name:
        case "ppc" | "orientations" | "cells-per-block":
            return isinstance(experiment.features, HogFeatures)
        case "filters" | "conv-activation":
            return bool(experiment.layers_of(Conv2D))
        case "activation" | "dropout" | "initializer":
            return bool(experiment.layers_of(Dense))
        case "momentum":
            return hasattr(experiment.optimizer, "momentum")
        case "lr" | "schedule" | "batch-size" | "epochs" | "patience" | "plain-loss":
            return experiment.trains_in_epochs
        case _:
            return True


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
            hint=facts.hint,
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
    text = text.strip()
    value: Any
    try:
        if facts.optional and text in ("none", ""):
            value = None
        elif facts.kind == "numbers":
            value = text.replace(",", " ").split()
        elif facts.kind == "initializer":
            value = initializer_value(text)
        else:
            value = facts.value(text)
    except RequestError:
        raise
    except ValueError as error:
        raise RequestError(f"{text or AN_EMPTY_TEXT} {error}") from None
    doc = to_mapping(experiment)
    put(doc, path.split("."), value)
    return _parsed(doc)


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
    """Parts of an experiment that do not fit each other.

    Attributes:
        sentence: what does not fit, and what would.
        place: the position of the layer that does not fit (the output layer comes last); None for a field.
        key: the key of the field that does not fit; empty for a layer.
    """

    sentence: str
    place: int | None = None
    key: str = ""


@dataclass(frozen=True)
class DraftEdit:
    """The edit that made a state of a draft.

    Attributes:
        field: the field that was edited; None if layers were added, removed or moved, or the draft was reset.
        words: what was done, if no field was edited: ``added a dense layer``.
        place: the position of the layer that was added, removed or moved.
    """

    field: Field | None = None
    words: str = ""
    place: int | None = None


class FieldChange(NamedTuple):
    """How a field differs from the preset.

    Attributes:
        before: the field's text in the preset.
        parameters: by how many parameters the network has grown through this change; None if that is not known.
    """

    before: str
    parameters: int | None


class Step(NamedTuple):
    """An edit that was undone or done again: a sentence about it, and where it is seen."""

    sentence: str
    field: Field | None
    place: int | None


@dataclass(frozen=True)
class State:
    """One state of a draft.

    Attributes:
        experiment: the edited experiment; each field is valid, but layers may not fit each other.
        whole: the last edited experiment whose layers fit.
        wrong: refused texts by the key of their field.
        misfit: the first parts that do not fit each other; None if all fit.
        edit: the edit that made this state.
    """

    experiment: Experiment
    whole: Experiment
    wrong: Mapping[str, Wrong] = field(default_factory=dict[str, Wrong])
    misfit: Misfit | None = None
    edit: DraftEdit = field(default=DraftEdit(), compare=False)

    def text_of(self, entry: Field) -> str:
        """Return the text that a field shows in this state; empty if the field does not apply."""
        if wrong := self.wrong.get(entry.key):
            return wrong.text
        return entry.read(self.experiment) if entry.applies(self.experiment) else ""

    def problem_of(self, entry: Field) -> str:
        """Return what is wrong with a field's text; empty if nothing is."""
        if wrong := self.wrong.get(entry.key):
            return wrong.message
        return self.misfit.sentence if self.misfit and self.misfit.key == entry.key else ""


def misfit_of(experiment: Experiment) -> Misfit | None:
    """Return the first parts of an experiment that do not fit each other; None if all fit."""
    try:
        checked(experiment)
    except SpecError as error:
        path, message = error.problems[0].path, error.problems[0].message
        if path[0] != "layers":
            return Misfit(message, key=str(path[-1]).replace("_", "-"))
        return Misfit(message, len(experiment.layers) if len(path) == 1 else int(path[1]))
    return None


def parameters_of(experiment: Experiment) -> int | None:
    """Return the network's number of parameters; None if its layers do not fit each other."""
    return None if misfit_of(experiment) else complexity.of(experiment).total


def growth(before: Experiment, after: Experiment) -> int | None:
    """Return by how many parameters a network grows from one experiment to another; None if one has misfits."""
    low, high = parameters_of(before), parameters_of(after)
    return None if low is None or high is None else high - low


class Draft:
    """A copy of a preset's experiment that is edited, with undo."""

    def __init__(self, preset: Preset) -> None:
        self.preset = preset
        self.state = State(preset.experiment, preset.experiment)
        self._before: list[State] = []
        self._after: list[State] = []
        self._typing = ""
        self._held: State | None = None
        self._changes: tuple[State | None, Mapping[str, FieldChange]] = (None, {})

    @property
    def experiment(self) -> Experiment:
        return self.state.experiment

    @property
    def problems(self) -> tuple[str, ...]:
        """The reasons why the draft cannot be trained, a sentence each."""
        misfit = self.state.misfit
        return (*(wrong.message for wrong in self.state.wrong.values()), *([misfit.sentence] if misfit else ()))

    @property
    def changes(self) -> Mapping[str, FieldChange]:
        """The fields that differ from the preset, by their keys; fields of added layers are not compared."""
        if self._changes[0] is not self.state:
            self._changes = (self.state, dict(self._compare()))
        return self._changes[1]

    @property
    def origins(self) -> Mapping[int, int]:
        """The positions of the preset's layers by their positions now; added layers are missing."""
        before, after = self.preset.experiment.layers, self.experiment.layers
        origins = dict[int, int]()
        for tag, old, old_end, new, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if tag == "equal":
                origins |= zip(range(new, new_end), range(old, old_end), strict=True)
            elif tag == "replace":
                kinds = ([layer.kind for layer in part] for part in (before[old:old_end], after[new:new_end]))
                blocks = SequenceMatcher(None, *kinds, autojunk=False).get_matching_blocks()
                origins |= {new + block.b + at: old + block.a + at for block in blocks for at in range(block.size)}
        return origins

    def _compare(self) -> Iterator[tuple[str, FieldChange]]:
        before, after = self.preset.experiment, self.experiment
        pairs = [(entry, entry) for entry in (*parameter_fields(), *optimizer_fields(after), *stopping_fields(after))]
        for place, old in (*self.origins.items(), (len(after.layers), len(before.layers))):
            pairs += zip(layer_fields(after, place), layer_fields(before, old), strict=True)
        for entry, preset_entry in pairs:
            if not (entry.applies(after) and preset_entry.applies(before)):
                continue
            text = preset_entry.read(before)
            if entry.read(after) != text:
                yield entry.key, FieldChange(text, _growth_since(entry, text, after))

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
        edit = DraftEdit(entry)
        try:
            experiment = entry.change(state.experiment, text)
        except RequestError as error:
            new = replace(state, wrong={**others, entry.key: Wrong(entry, text, str(error))}, edit=edit)
        else:
            new = self._state_of(experiment, others, edit)
        return self._record(new, typing=entry.key)

    def add_layer(self, kind: str, after: int) -> int:
        """Add a layer after the one at `after` (-1: first), or at the nearest position where it fits.

        The layer gets the activation of the last layer of its kind. A flatten layer is added before a dense layer that
        fits nowhere, as it follows an image.

        Returns:
            The position of the new layer; the desired one if it fits nowhere.
        """
        place, parts = self._with_layer(kind, after)
        self._arrange(parts, DraftEdit(words=f"added {LAYER_KINDS[kind].TITLE}", place=place))
        return place

    def growth_by_adding(self, kind: str, after: int) -> int | None:
        """Return by how many parameters the network grows if a layer is added; None if it would not fit."""
        return growth(self.experiment, self._arranged(self._with_layer(kind, after)[1]))

    def growth_by_removing(self, place: int) -> int | None:
        """Return by how many parameters the network grows if a layer is removed; None if the others would not fit."""
        return growth(self.experiment, self._arranged(self._without(place)))

    def _with_layer(self, kind: str, after: int) -> tuple[int, list[int | Layer]]:
        """Return the position of an added layer, and the arrangement of all layers."""
        layers = self.experiment.layers
        place, old = min(after + 1, len(layers)), range(len(layers))
        layer = LAYER_KINDS[kind].suggested(next((layer for layer in reversed(layers) if layer.kind == kind), None))
        positions = sorted(range(len(layers) + 1), key=lambda at: (abs(at - place), -at))
        candidates: list[tuple[int, list[int | Layer]]] = [(at, [*old[:at], layer, *old[at:]]) for at in positions]
        if isinstance(layer, Dense):
            candidates.append((place + 1, [*old[:place], Flatten(), layer, *old[place:]]))
        fitting = (candidate for candidate in candidates if not misfit_of(self._arranged(candidate[1])))
        return next(fitting, candidates[0])

    def _without(self, place: int) -> list[int | Layer]:
        return [at for at in range(len(self.experiment.layers)) if at != place]

    def remove_layer(self, place: int) -> None:
        """Remove the layer at `place`."""
        title = self.experiment.layers[place].TITLE
        self._arrange(self._without(place), DraftEdit(words=f"removed {title}", place=place))

    def move_layer(self, place: int, by: int) -> int:
        """Move the layer at `place` up (-1) or down (1), and return its new position."""
        to, parts = place + by, list(range(len(self.experiment.layers)))
        if to not in parts:
            return place
        parts.insert(to, parts.pop(place))
        title = self.experiment.layers[place].TITLE
        self._arrange(parts, DraftEdit(words=f"moved {title} {'up' if by < 0 else 'down'}", place=place))
        return to

    def settle(self) -> None:
        """Make sure that the next edit is undone on its own, not together with the last one."""
        self._typing = ""

    def undo(self) -> Step | None:
        """Undo the last edit, and return what was undone; None if there was nothing to undo."""
        return self._step("Undone", self._before, self._after, self.state.edit)

    def redo(self) -> Step | None:
        """Redo the edit that was undone last, and return what was done again; None if there was nothing to redo."""
        edit = self._after[-1].edit if self._after else DraftEdit()
        return self._step("Done again", self._after, self._before, edit)

    def _step(self, verb: str, source: list[State], target: list[State], edit: DraftEdit) -> Step | None:
        if not source:
            return None
        before = self.state
        target.append(before)
        self.state = source.pop()
        self._typing = ""
        if edit.field is None:
            return Step(f"{verb}: {edit.words}", None, edit.place)
        texts = (state.text_of(edit.field) or "nothing" for state in (before, self.state))
        return Step(f"{verb}: {edit.field.label} {' → '.join(texts)}", edit.field, layer_place(edit.field.key))

    def adopt(self, experiment: Experiment) -> None:
        """Take over a whole experiment; this can be undone."""
        self._record(State(experiment, experiment, edit=DraftEdit(words="took over the advice")))

    def reset(self) -> None:
        """Return to the preset; this can be undone."""
        experiment = self.preset.experiment
        self._record(State(experiment, experiment, edit=DraftEdit(words="went back to the preset")))

    def saved_as(self, preset: Preset) -> None:
        """Compare the draft from now on with the preset that was saved from it."""
        self.preset = preset
        self._typing = ""

    def hold(self) -> None:
        """Mark the present edits as trained or discarded, so that the user is not asked about them again."""
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

    def _arrange(self, parts: Sequence[int | Layer], edit: DraftEdit) -> None:
        """Change the layers as `_arranged` does; wrong texts move with their layers."""
        experiment, before = self._arranged(parts), self.state.wrong
        wrong = {key: entry for key, entry in before.items() if not key.startswith("layers.")}
        for place, part in enumerate(parts):
            for moved in layer_fields(experiment, place) if isinstance(part, int) else ():
                if entry := before.get(f"layers.{part}.{moved.key.rpartition('.')[2]}"):
                    wrong[moved.key] = replace(entry, field=moved)
        self._record(self._state_of(experiment, wrong, edit))

    def _state_of(self, experiment: Experiment, wrong: Mapping[str, Wrong], edit: DraftEdit) -> State:
        """Return the state of an experiment with wrong texts. A text that the experiment now accepts is entered."""
        still = dict[str, Wrong]()
        for key, entry in wrong.items():
            if not entry.field.applies(experiment):
                continue
            try:
                experiment = entry.field.change(experiment, entry.text)
            except RequestError as error:
                still[key] = replace(entry, message=str(error))
        misfit = misfit_of(experiment)
        return State(experiment, self.state.whole if misfit else experiment, still, misfit, edit)


def layer_place(key: str) -> int | None:
    """Return the position of the layer whose field has this key (``layers.1.units``); None for other fields."""
    first, _, rest = key.partition(".")
    return int(rest.partition(".")[0]) if first == "layers" else None


def _growth_since(entry: Field, before: str, experiment: Experiment) -> int | None:
    """Return by how many parameters a network has grown since a field had the text `before`; None if unknown."""
    try:
        return growth(entry.change(experiment, before), experiment)
    except RequestError:
        return None


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
