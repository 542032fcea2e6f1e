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
from mnist_tui.data.facts import newly_chosen, resolved
from mnist_tui.errors import RequestError
from mnist_tui.experiment import complexity
from mnist_tui.experiment.augmentation import ARGUMENTS, Augmentation
from mnist_tui.experiment.fields import SWITCH, FieldFacts, facts_in, put
from mnist_tui.experiment.layers import (
    INITIALIZERS,
    LAYER_KINDS,
    Dense,
    ExperimentPart,
    Flatten,
    Layer,
    LayerError,
    Place,
    Residual,
    layers_in,
    places,
    shapes_through,
    walk,
    with_layers_in,
)
from mnist_tui.experiment.optimizers import CLIPPING
from mnist_tui.experiment.parameters import PARAMETERS, Parameter
from mnist_tui.experiment.presets import Preset, edited
from mnist_tui.experiment.shapes import Shape
from mnist_tui.experiment.spec import EarlyStopping, Experiment, OutputSpec, SpecError, checked, parsed, to_mapping

GROUPS = ("Training", "Network", "Features", "Optimizer", "Dataset", "Augmentation")
"""The sections of the form, those first that are changed most."""
FIRST = ("epochs", "batch-size", "lr")
"""The parameters at the top of the form, in its section Training."""
FEW = 3
"""The most values of a choice that a sentence lists."""
NONE_SHOWN = {
    "limit": "all",
    **dict.fromkeys(("patience", "warmup", "label-smoothing", "class-weights"), "off"),
    **dict.fromkeys(("clipvalue", "clipnorm", "global-clipnorm"), "off"),
}
"""What the form shows, and takes, for a parameter that is ``none``."""
NO_LAYERS = "none"
"""What the form shows for the neurons of hidden layers, if there are no such layers."""


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
        return next((each.applies(experiment) for each in PARAMETERS if each.name == self.key), True)

    def sentence(self, *, with_values: bool) -> str:
        """Return label and help in one sentence, `with_values` also the allowed values, if few or not listed."""
        about = f"{self.help[:1].upper()}{self.help[1:]}"
        label = "" if about.startswith(self.label) else f"{self.label}: "
        values = f" ({self.hint})" if with_values and len(self.choices) <= FEW else ""
        return f"{label}{self.help if label else about}{values}"


def parameter_fields() -> tuple[Field, ...]:
    """Return a field for each of PARAMETERS, in the order of the form."""
    return tuple(sorted(map(_parameter_field, PARAMETERS), key=_form_order))


def _form_order(entry: Field) -> tuple[int, int]:
    """Return the position of a field's section, and that in the section; fields of equal positions keep their order."""
    return GROUPS.index(entry.group), FIRST.index(entry.key) if entry.key in FIRST else len(FIRST)


def _parameter_field(parameter: Parameter) -> Field:
    none = NONE_SHOWN.get(parameter.name, "none")

    def read(experiment: Experiment) -> str:
        text = parameter.read(experiment)
        if not text and parameter.name == "hidden":
            return NO_LAYERS
        return none if text == "none" else text

    def change(experiment: Experiment, text: str) -> Experiment:
        try:
            return _change_parameter(parameter, experiment, "none" if text.strip() == none else text)
        except RequestError as error:
            raise RequestError(in_form(str(error))) from None

    def in_form(text: str) -> str:
        return re.sub(r"\bnone\b", none, text.replace(f" (none: {none})", ""))

    return Field(
        key=parameter.name,
        label=parameter.label,
        help=in_form(parameter.help),
        hint=in_form(parameter.hint),
        control="switch" if parameter.choices == SWITCH else "choice" if parameter.choices else "text",
        read=read,
        change=change,
        group="Training" if parameter.name in FIRST else parameter.group,
        choices=parameter.choices,
        suggestions=tuple(KNOWN)
        if parameter.name == "dataset"
        else tuple(none if text == "none" else text for text in parameter.suggestions),
    )


def _change_parameter(parameter: Parameter, experiment: Experiment, text: str) -> Experiment:
    text = text.strip()
    try:
        changed = parameter.change(experiment, text)
    except ValueError as error:
        raise RequestError(f"{text or AN_EMPTY_TEXT} {error}") from None
    return _on_its_data(parameter.name, _parsed(to_mapping(changed)))


def _on_its_data(name: str, experiment: Experiment) -> Experiment:
    """Return the experiment with what its dataset decides, after the parameter `name` was changed."""
    resolve = {"dataset": newly_chosen, "class-weights": resolved}.get(name)
    if resolve is None:
        return experiment
    try:
        return _parsed(to_mapping(resolve(experiment)))
    except SpecError as error:
        raise _unplaced(error) from None


AN_EMPTY_TEXT = "an empty field"


def _parsed(doc: dict[str, Any]) -> Experiment:
    """Return the experiment of a TOML form; the message of the error does not name the paths of its fields."""
    try:
        return parsed(doc)
    except SpecError as error:
        raise _unplaced(error) from None


def _unplaced(error: SpecError) -> RequestError:
    return RequestError("; ".join(problem.message for problem in error.problems))


IS_PARAMETER = ("learning_rate", "momentum", "patience", *CLIPPING)
"""Arguments of optimizers and of early stopping that PARAMETERS has, too."""


def optimizer_fields(experiment: Experiment) -> tuple[Field, ...]:
    """Return a field for each argument of the optimizer that is not one of PARAMETERS."""
    return tuple(_model_fields("optimizer", type(experiment.optimizer), skip=IS_PARAMETER))


def schedule_fields(experiment: Experiment) -> tuple[Field, ...]:
    """Return a field for each argument of the schedule of the learning rate."""
    if not experiment.trains_in_epochs:
        return ()
    return tuple(_model_fields("training.schedule", type(experiment.training.schedule)))


def stopping_fields(experiment: Experiment) -> tuple[Field, ...]:
    """Return a field for each argument of early stopping that is not one of PARAMETERS; none if stopping is off."""
    if experiment.training.early_stopping is None:
        return ()
    return tuple(_model_fields("training.early_stopping", EarlyStopping, skip=IS_PARAMETER))


def augmentation_fields(experiment: Experiment) -> tuple[Field, ...]:
    """Return a field for each further argument of the changes that are made to training images."""
    used = experiment.augmentation.used if experiment.augmentation is not None else ()
    unused = (name for name in Augmentation.model_fields if ARGUMENTS.get(name) not in used)
    return tuple(_model_fields("augmentation", Augmentation, skip=tuple(unused)))


def layer_fields(experiment: Experiment, row: int) -> tuple[Field, ...]:
    """Return the fields of the layer in a row of the list of layers, from 0; the output layer has the last row."""
    rows = list(places(experiment.layers))
    if row >= len(rows):
        return tuple(_model_fields("output", OutputSpec))
    place = rows[row]
    layer = layers_in(experiment.layers, place[:-1])[place[-1]]
    return tuple(_model_fields(_path_of(place), type(layer)))


def _path_of(place: Place) -> str:
    """Return the TOML path of a layer: ``layers.2.layers.0``."""
    return ".".join(f"layers.{position}" for position in place)


def _model_fields(prefix: str, model: type[ExperimentPart], skip: tuple[str, ...] = ()) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        if name in ("kind", "name", "layers") or name in skip:
            continue
        path, facts = f"{prefix}.{name}", facts_in(info)
        yield Field(
            key=path,
            label=name.replace("_", " ").capitalize(),
            help=facts.help,
            hint=facts.hint,
            control="switch" if facts.kind == "switch" else "choice" if facts.choices else "text",
            read=partial(_read, path, facts),
            change=partial(_change, path, facts),
            choices=facts.choices,
            suggestions=INITIALIZERS if facts.kind == "initializer" else (),
        )


def _read(path: str, facts: FieldFacts, experiment: Experiment) -> str:
    value: Any = experiment
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, tuple) else getattr(value, key)
    if isinstance(value, ExperimentPart):
        return initializer_text(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, tuple) and facts.kind == "sides":
        return "x".join(map(str, cast("tuple[int, int]", value)))
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
    """Return an initializer as text, such as ``he_normal`` or ``random_normal(stddev=0.1)``; defaults are left out."""
    arguments = initializer.model_dump(exclude_defaults=True)
    name = arguments.pop("name")
    listed = ", ".join(f"{key}={value:g}" for key, value in arguments.items())
    return f"{name}({listed})" if listed else name


def initializer_value(text: str) -> dict[str, Any]:
    """Return the TOML form of an initializer that is written as `initializer_text` writes it.

    The validation of the experiment checks the names and bounds of the arguments later.

    Raises:
        RequestError: the initializer is unknown, or the text has another form.
    """
    form = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\)\s*)?", text)
    if form is None:
        raise RequestError(f"{text!r} is not an initializer; write he_normal or random_normal(stddev=0.05)")
    name, arguments = form[1], (form[2] or "").strip()
    if name not in INITIALIZERS:
        raise RequestError(f"there is no initializer {name!r}; choose one of {', '.join(INITIALIZERS)}")
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
        place: the row of the layer that does not fit (the output layer has the last one); None for a field.
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
        place: the row of the layer that was added, removed or moved.
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
        place = tuple(int(part) for part in path if part != "layers")
        rows = list(places(experiment.layers))
        return Misfit(message, rows.index(place) if place else len(rows))
    return None


def parameters_of(experiment: Experiment) -> int | None:
    """Return the network's number of parameters; None if its layers do not fit each other."""
    return None if misfit_of(experiment) else complexity.of(experiment).total


def growth(before: Experiment, after: Experiment) -> int | None:
    """Return by how many parameters a network grows from one experiment to another; None if one has misfits."""
    low, high = parameters_of(before), parameters_of(after)
    return None if low is None or high is None else high - low


class Arrangement(NamedTuple):
    """The experiment with its layers arranged anew in one residual block, or in the whole stack.

    Attributes:
        block: the place of the block; empty for the whole stack.
        moved: the new positions of its layers by their old ones.
    """

    experiment: Experiment
    block: Place
    moved: Mapping[int, int]

    def key_of(self, key: str) -> str:
        """Return the new key of a field; empty if its layer is gone."""
        place, depth = _place_of(key), len(self.block)
        if len(place) <= depth or place[:depth] != self.block:
            return key
        to = self.moved.get(place[depth])
        new = (*self.block, to, *place[depth + 1 :]) if to is not None else ()
        return f"{_path_of(new)}.{key.rpartition('.')[2]}" if new else ""


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
        """The rows of the preset's layers by their rows now; added layers are missing."""
        before, after = (list(walk(each.layers)) for each in (self.preset.experiment, self.experiment))
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
        further = (
            *optimizer_fields(after),
            *schedule_fields(after),
            *stopping_fields(after),
            *augmentation_fields(after),
        )
        pairs = [(entry, entry) for entry in (*parameter_fields(), *further)]
        for place, old in (*self.origins.items(), (len(list(walk(after.layers))), len(list(walk(before.layers))))):
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
    def held(self) -> Experiment | None:
        """The experiment that was trained or discarded last; None if there was none."""
        return self._held.experiment if self._held is not None else None

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

    @property
    def rows(self) -> list[Place]:
        """The places of the layers in the rows of their list; the output layer is not among them."""
        return list(places(self.experiment.layers))

    def add_layer(self, kind: str, after: int) -> int:
        """Add a layer after the one in row `after` (-1: first), or at the nearest place where it fits.

        After a layer of a residual block, it is added in the block. It gets the activation of the last layer of its
        kind. A flatten layer is added before a dense layer that fits nowhere, as it follows an image.

        Returns:
            The row of the new layer; the desired one if it fits nowhere.
        """
        place, arranged = self._with_layer(kind, after)
        row = list(places(arranged.experiment.layers)).index(place)
        self._take(arranged, DraftEdit(words=f"added {LAYER_KINDS[kind].TITLE}", place=row))
        return row

    def growth_by_adding(self, kind: str, after: int) -> int | None:
        """Return by how many parameters the network grows if a layer is added; None if it would not fit."""
        return growth(self.experiment, self._with_layer(kind, after)[1].experiment)

    def growth_by_removing(self, row: int) -> int | None:
        """Return by how many parameters the network grows if a layer is removed; None if the others would not fit."""
        return growth(self.experiment, self._without(self.rows[row]).experiment)

    def _with_layer(self, kind: str, after: int) -> tuple[Place, Arrangement]:
        """Return the place of an added layer, and the arrangement of the layers with it."""
        rows = self.rows
        if 0 <= after < len(rows):
            *above, position = rows[after]
            block, wanted = tuple(above), position + 1
        else:
            block, wanted = (), 0 if after < 0 else len(self.experiment.layers)
        alike = [layer for layer in walk(self.experiment.layers) if layer.kind == kind]
        new = LAYER_KINDS[kind].suggested(alike[-1] if alike else None)
        count = len(layers_in(self.experiment.layers, block))
        positions = sorted(range(count + 1), key=lambda at: (abs(at - wanted), -at))
        versions = [new, *Residual.suggestions(self._shape_before(block, wanted))] if kind == "residual" else [new]
        candidates = [
            ((*block, at), self._arranged(block, [*range(at), version, *range(at, count)]))
            for version in reversed(versions)
            for at in positions
        ]
        if isinstance(new, Dense):
            parts = [*range(wanted), Flatten(), new, *range(wanted, count)]
            candidates.append(((*block, wanted + 1), self._arranged(block, parts)))
        fitting = (candidate for candidate in candidates if not misfit_of(candidate[1].experiment))
        return next(fitting, candidates[0])

    def _shape_before(self, block: Place, position: int) -> Shape:
        """Return the shape of the input of a new layer; that of the network if it is not known."""
        shape, layers = self.experiment.input_shape, self.experiment.layers
        try:
            for at in block:
                shape, layers = shapes_through(shape, layers[:at])[-1], layers_in(layers, (at,))
            return shapes_through(shape, layers[:position])[-1]
        except LayerError:
            return self.experiment.input_shape

    def _without(self, place: Place) -> Arrangement:
        """Return the arrangement without a layer; without its residual block if it is the only layer there."""
        *above, position = place
        block = tuple(above)
        count = len(layers_in(self.experiment.layers, block))
        if block and count == 1:
            return self._without(block)
        return self._arranged(block, [at for at in range(count) if at != position])

    def remove_layer(self, row: int) -> None:
        """Remove the layer in a row."""
        place = self.rows[row]
        title = self._layer_at(place).TITLE
        self._take(self._without(place), DraftEdit(words=f"removed {title}", place=row))

    def move_layer(self, row: int, by: int) -> int:
        """Move the layer in a row up (-1) or down (1) in its stack or residual block, and return its new row."""
        place = self.rows[row]
        block, position = place[:-1], place[-1]
        to, parts = position + by, list(range(len(layers_in(self.experiment.layers, block))))
        if to not in parts:
            return row
        parts.insert(to, parts.pop(position))
        title = self._layer_at(place).TITLE
        edit = DraftEdit(words=f"moved {title} {'up' if by < 0 else 'down'}", place=row)
        self._take(self._arranged(block, parts), edit)
        return self.rows.index((*block, to))

    def _layer_at(self, place: Place) -> Layer:
        return layers_in(self.experiment.layers, place[:-1])[place[-1]]

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
        return Step(
            f"{verb}: {edit.field.label} {' → '.join(texts)}",
            edit.field,
            layer_row(edit.field.key, self.state.experiment),
        )

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

    def _arranged(self, block: Place, parts: Sequence[int | Layer]) -> Arrangement:
        """Return the arrangement with other layers in a residual block, or in the whole stack.

        Args:
            parts: positions of the block's present layers, and new layers.
        """
        present = layers_in(self.experiment.layers, block)
        layers = [present[part] if isinstance(part, int) else part for part in parts]
        changed = with_layers_in(self.experiment.layers, block, layers)
        moved = {part: at for at, part in enumerate(parts) if isinstance(part, int)}
        return Arrangement(self.experiment.model_copy(update={"layers": changed}), block, moved)

    def _take(self, new: Arrangement, edit: DraftEdit) -> None:
        """Take over an arrangement of the layers; wrong texts move with their layers."""
        fields = {
            field.key: field
            for row in range(len(list(places(new.experiment.layers))))
            for field in layer_fields(new.experiment, row)
        }
        wrong = dict[str, Wrong]()
        for key, entry in self.state.wrong.items():
            moved = new.key_of(key)
            if not key.startswith("layers."):
                wrong[key] = entry
            elif moved in fields:
                wrong[moved] = replace(entry, field=fields[moved])
        self._record(self._state_of(new.experiment, wrong, edit))

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


def layer_row(key: str, experiment: Experiment) -> int | None:
    """Return the row of the layer whose field has this key (``layers.1.units``); None for other fields."""
    place = _place_of(key)
    rows = list(places(experiment.layers))
    return rows.index(place) if place in rows else None


def label_in(entry: Field, experiment: Experiment) -> str:
    """Return a field's label, after its layer if it is a layer's field: ``Layer 2, Filters``."""
    if entry.key.startswith("output."):
        return f"Output, {entry.label}"
    row = layer_row(entry.key, experiment)
    return entry.label if row is None else f"Layer {row + 1}, {entry.label}"


def _place_of(key: str) -> Place:
    """Return the place of a key's layer: ``(2, 0)`` for ``layers.2.layers.0.units``; empty for other keys."""
    return tuple(int(part) for part in key.split(".")[1::2]) if key.startswith("layers.") else ()


def _growth_since(entry: Field, before: str, experiment: Experiment) -> int | None:
    """Return by how many parameters a network has grown since a field had the text `before`; None if unknown."""
    try:
        return growth(entry.change(experiment, before), experiment)
    except RequestError:
        return None


def differences(before: Experiment, after: Experiment) -> tuple[str, ...]:
    """Describe each parameter that differs in a line, for example ``Pixels per cell: 4 → 7``."""
    pairs = ((entry.label, entry.read(before), entry.read(after)) for entry in parameter_fields())
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
