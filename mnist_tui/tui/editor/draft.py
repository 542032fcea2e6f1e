"""The working copy of an experiment while it is edited: wrong texts kept beside it, undo and redo. Free of Textual.

A text that is wrong stays in its field and leaves the experiment as it was. Layers that do not fit each other stay
as they are. In both cases the draft is not ready: it is neither trained nor saved, and what is computed from it
(complexity, shapes) is computed from the last state that was whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mnist_tui.experiment.layers import LAYER_KINDS, Dense, Flatten, Layer
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.presets import Preset, edited, sizes
from mnist_tui.experiment.problem import RequestError, SpecError
from mnist_tui.experiment.spec import Experiment, checked
from mnist_tui.tui.editor.fields import Field, layer_fields

UNDO_LIMIT = 500


@dataclass(frozen=True)
class Wrong:
    """A text that its field refuses, and the sentence that says why."""

    field: Field
    text: str
    message: str


@dataclass(frozen=True)
class Misfit:
    """The first layer that does not fit: its place from 0 (the output's is after the last), and why.

    What keeps the output layer from being solved in closed form is the output's.
    """

    place: int
    sentence: str


@dataclass(frozen=True)
class State:
    """One moment of a draft.

    Attributes:
        experiment: each of its fields is valid; its layers may not fit each other.
        whole: the last experiment whose layers fit.
        wrong: refused texts by their field's key.
    """

    experiment: Experiment
    whole: Experiment
    wrong: Mapping[str, Wrong] = field(default_factory=dict[str, Wrong])

    @property
    def misfit(self) -> Misfit | None:
        """Why the layers do not fit each other, and where; None where they do."""
        try:
            checked(self.experiment)
        except SpecError as error:
            path, message = error.problems[0].path, error.problems[0].message
            if path[0] != "layers" or len(path) == 1:
                return Misfit(len(self.experiment.layers), message)
            place = int(path[1])
            return Misfit(place, f"layer {place + 1}, {self.experiment.layers[place].kind}: {message}")
        return None


class Draft:
    """A preset's experiment being edited."""

    def __init__(self, preset: Preset) -> None:
        self.preset = preset
        self._state = State(preset.experiment, preset.experiment)
        self._before: list[State] = []
        self._after: list[State] = []
        self._typing = ""

    @property
    def state(self) -> State:
        return self._state

    @property
    def experiment(self) -> Experiment:
        return self._state.experiment

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps the draft from being trained, a sentence each."""
        wrong = tuple(entry.message for entry in self._state.wrong.values())
        misfit = self._state.misfit
        return (*wrong, misfit.sentence) if misfit else wrong

    @property
    def ready(self) -> bool:
        return not self._state.wrong and self._state.misfit is None

    @property
    def is_edited(self) -> bool:
        """Whether anything differs from the preset, wrong texts included."""
        return bool(self._state.wrong) or self.experiment != self.preset.experiment

    @property
    def can_undo(self) -> bool:
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        return bool(self._after)

    def result(self) -> Preset:
        """The preset with the experiment as it is now.

        Raises:
            RequestError: the draft is not ready.
        """
        if not self.ready:
            raise RequestError("; ".join(self.problems))
        return edited(self.preset, self.experiment)

    # ── edits ──

    def enter(self, entry: Field, text: str) -> bool:
        """A field's text as it stands now; texts typed into one field in a row are undone together.

        Returns:
            Whether that is anything new.
        """
        state = self._state
        if entry.key in state.wrong:
            if state.wrong[entry.key].text == text:
                return False
        elif text == entry.read(state.experiment):
            return False
        others = {key: wrong for key, wrong in state.wrong.items() if key != entry.key}
        try:
            experiment = entry.change(state.experiment, text)
        except RequestError as error:
            new = replace(state, wrong={**others, entry.key: Wrong(entry, text, str(error))})
        else:
            new = self._at(experiment, others)
        return self._record(new, typing=entry.key)

    def add_layer(self, kind: str, after: int) -> int:
        """A new layer after the one at `after` (-1: first), or as near as it fits; its place."""
        experiment, place = added(self.experiment, kind, min(after + 1, len(self.experiment.layers)))
        extra = len(experiment.layers) - len(self.experiment.layers)
        first = place - extra + 1
        self._restack(experiment, lambda at: at if at < first else at + extra)
        return place

    def remove_layer(self, place: int) -> None:
        """Without the layer at `place`."""
        self._restack(removed(self.experiment, place), lambda at: None if at == place else at - 1 if at > place else at)

    def move_layer(self, place: int, by: int) -> int:
        """The layer at `place` moved up (-1) or down (1); its place, the same at the stack's ends."""
        to = place + by
        if not 0 <= to < len(self.experiment.layers):
            return place
        self._restack(moved(self.experiment, place, to), lambda at: {place: to, to: place}.get(at, at))
        return to

    def settle(self) -> None:
        """Ends a row of typing: what comes next is undone on its own."""
        self._typing = ""

    def undo(self) -> None:
        """Back to before the last edit."""
        if self._before:
            self._after.append(self._state)
            self._state = self._before.pop()
            self._typing = ""

    def redo(self) -> None:
        """The edit that was undone last, again."""
        if self._after:
            self._before.append(self._state)
            self._state = self._after.pop()
            self._typing = ""

    def reset(self) -> None:
        """Back to the preset; can be undone."""
        self._record(State(self.preset.experiment, self.preset.experiment))

    def saved_as(self, preset: Preset) -> None:
        """From here on, edits are told from `preset`."""
        self.preset = preset
        self._typing = ""

    # ── states ──

    def _record(self, new: State, typing: str = "") -> bool:
        if new == self._state:
            return False
        if not (typing and typing == self._typing):
            self._before = [*self._before[-UNDO_LIMIT:], self._state]
        self._after.clear()
        self._typing = typing
        self._state = new
        return True

    def _restack(self, experiment: Experiment, place_of: Callable[[int], int | None]) -> None:
        """Another stack; `place_of` says where each old layer went, and its wrong texts with it."""
        wrong = dict[str, Wrong]()
        for key, entry in self._state.wrong.items():
            prefix, _, rest = key.partition(".")
            position, _, name = rest.partition(".")
            if prefix != "layers":
                wrong[key] = entry
            elif (to := place_of(int(position))) is not None:
                for moved in layer_fields(experiment, to):
                    if moved.key == f"layers.{to}.{name}":
                        wrong[moved.key] = replace(entry, field=moved)
        self._record(self._at(experiment, wrong))

    def _at(self, experiment: Experiment, wrong: Mapping[str, Wrong]) -> State:
        """The state of an experiment, with those texts that are still wrong; one that is right by now counts."""
        still = dict[str, Wrong]()
        for key, entry in wrong.items():
            if not entry.field.applies(experiment):
                continue
            try:
                experiment = entry.field.change(experiment, entry.text)
            except RequestError as error:
                still[key] = replace(entry, message=str(error))
        state = State(experiment, self._state.whole, still)
        return state if state.misfit else replace(state, whole=experiment)


def differences(before: Experiment, after: Experiment) -> tuple[str, ...]:
    """The parameters that differ, a line each: ``Pixels per cell: 4 → 7``."""
    pairs = ((parameter.label, parameter.read(before), parameter.read(after)) for parameter in PARAMETERS)
    return tuple(f"{label}: {old or '–'} → {new or '–'}" for label, old, new in pairs if old != new)


def to_save(draft: Draft) -> Preset:
    """The draft as a preset of the person's own: a free name, and, once edited, a title and text that are true of it.

    Raises:
        RequestError: the draft is not ready.
    """
    preset = draft.result()
    base = draft.preset
    name = base.name if base.origin == "saved" else f"{base.name}-mine"
    changes = differences(base.experiment, preset.experiment)
    if preset.experiment == base.experiment:
        return replace(preset, name=name)
    about = f"Edited from {base.name}{': ' if changes else '.'}{', '.join(changes)}"
    return replace(preset, name=name, title=f"{base.name}, edited: {sizes(preset.experiment)}", about=about)


def new_layer(kind: str, layers: Sequence[Layer]) -> Layer:
    """Return a layer of that kind with sensible settings; activations as in the stack's other layers of the kind."""
    return LAYER_KINDS[kind].suggested(next((layer for layer in reversed(layers) if layer.kind == kind), None))


def added(experiment: Experiment, kind: str, place: int) -> tuple[Experiment, int]:
    """The experiment with a new layer at `place`, or as near to it as it fits; at `place` where it fits nowhere.

    Returns:
        The experiment, and the new layer's place. A dense layer on an image brings a flatten with it.
    """
    layer = new_layer(kind, experiment.layers)
    for candidate, at in _candidates(experiment, layer, place):
        if _fits(candidate):
            return candidate, at
    return inserted(experiment, layer, place), place


def inserted(experiment: Experiment, layer: Layer, place: int) -> Experiment:
    """The experiment with `layer` at `place`."""
    layers = experiment.layers
    return experiment.model_copy(update={"layers": (*layers[:place], layer, *layers[place:])})


def removed(experiment: Experiment, place: int) -> Experiment:
    """The experiment without the layer at `place`."""
    layers = experiment.layers
    return experiment.model_copy(update={"layers": (*layers[:place], *layers[place + 1 :])})


def moved(experiment: Experiment, place: int, to: int) -> Experiment:
    """The experiment with the layer at `place` taken to `to`."""
    layers = list(experiment.layers)
    layers.insert(to, layers.pop(place))
    return experiment.model_copy(update={"layers": tuple(layers)})


def _candidates(experiment: Experiment, layer: Layer, place: int) -> Iterator[tuple[Experiment, int]]:
    yield inserted(experiment, layer, place), place
    others = sorted(
        (at for at in range(len(experiment.layers) + 1) if at != place), key=lambda at: (abs(at - place), -at)
    )
    for at in others:
        yield inserted(experiment, layer, at), at
    if isinstance(layer, Dense):
        yield inserted(inserted(experiment, layer, place), Flatten(), place), place + 1


def _fits(experiment: Experiment) -> bool:
    try:
        checked(experiment)
    except SpecError:
        return False
    return True
