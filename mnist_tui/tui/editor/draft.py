"""The working copy of an experiment while it is edited, with undo and redo. Nothing here needs Textual.

A wrong text stays in its field and leaves the experiment unchanged. Layers that do not fit each other stay, too. In
both cases the draft is not ready: it can neither be trained nor saved, and complexity and shapes are computed from the
last valid state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mnist_tui.errors import RequestError
from mnist_tui.experiment.layers import LAYER_KINDS, Dense, Flatten, Layer
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.presets import Preset, edited, sizes
from mnist_tui.experiment.problem import SpecError
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
    """The first layer that does not fit, and why.

    Attributes:
        place: the layer's position from 0; the output layer comes after the last, also if it cannot be solved in
            closed form.
    """

    place: int
    sentence: str


@dataclass(frozen=True)
class State:
    """One state of a draft.

    Attributes:
        experiment: each of its fields is valid; its layers may not fit each other.
        whole: the last experiment whose layers fit.
        wrong: refused texts by the key of their field.
    """

    experiment: Experiment
    whole: Experiment
    wrong: Mapping[str, Wrong] = field(default_factory=dict[str, Wrong])

    @property
    def misfit(self) -> Misfit | None:
        """The first layer that does not fit; None if all do."""
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
        """Why the draft cannot be trained, a sentence for each reason."""
        wrong = tuple(entry.message for entry in self._state.wrong.values())
        misfit = self._state.misfit
        return (*wrong, misfit.sentence) if misfit else wrong

    @property
    def ready(self) -> bool:
        return not self._state.wrong and self._state.misfit is None

    @property
    def is_edited(self) -> bool:
        """Whether anything differs from the preset, also a wrong text."""
        return bool(self._state.wrong) or self.experiment != self.preset.experiment

    @property
    def can_undo(self) -> bool:
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        return bool(self._after)

    def result(self) -> Preset:
        """Return the preset with the edited experiment.

        Raises:
            RequestError: the draft is not ready.
        """
        if not self.ready:
            raise RequestError("; ".join(self.problems))
        return edited(self.preset, self.experiment)

    # ── edits ──

    def enter(self, entry: Field, text: str) -> bool:
        """Enter a text into a field. Texts entered into one field in a row are undone together.

        Returns:
            Whether the draft has changed.
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
        """Add a layer after the one at `after` (-1: first), or as near to it as it fits, and return its position."""
        experiment, place = with_new_layer(self.experiment, kind, min(after + 1, len(self.experiment.layers)))
        extra = len(experiment.layers) - len(self.experiment.layers)
        first = place - extra + 1
        self._restack(experiment, lambda at: at if at < first else at + extra)
        return place

    def remove_layer(self, place: int) -> None:
        """Remove the layer at `place`."""
        self._restack(
            without_layer(self.experiment, place), lambda at: None if at == place else at - 1 if at > place else at
        )

    def move_layer(self, place: int, by: int) -> int:
        """Move the layer at `place` up (-1) or down (1), and return its new position."""
        to = place + by
        if not 0 <= to < len(self.experiment.layers):
            return place
        self._restack(with_layer_moved(self.experiment, place, to), lambda at: {place: to, to: place}.get(at, at))
        return to

    def settle(self) -> None:
        """End a row of typing: the next edit is undone on its own."""
        self._typing = ""

    def undo(self) -> None:
        """Undo the last edit."""
        if self._before:
            self._after.append(self._state)
            self._state = self._before.pop()
            self._typing = ""

    def redo(self) -> None:
        """Redo the edit that was undone last."""
        if self._after:
            self._before.append(self._state)
            self._state = self._after.pop()
            self._typing = ""

    def reset(self) -> None:
        """Return to the preset; this can be undone."""
        self._record(State(self.preset.experiment, self.preset.experiment))

    def saved_as(self, preset: Preset) -> None:
        """Compare the draft with the saved preset from now on."""
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
        """Change the layers. `place_of` returns where each old layer is now, so that its wrong texts move with it."""
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
        """Return the state of an experiment, after trying the wrong texts again: some may be right now."""
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
    """Return a line for each parameter that differs: ``Pixels per cell: 4 → 7``."""
    pairs = ((parameter.label, parameter.read(before), parameter.read(after)) for parameter in PARAMETERS)
    return tuple(f"{label}: {old or '–'} → {new or '–'}" for label, old, new in pairs if old != new)


def to_save(draft: Draft) -> Preset:
    """Return the draft as a preset to save, with a new name and, if it was edited, a title and text that fit it.

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
    """Return a new layer of a kind, with the activation of the last layer of that kind."""
    return LAYER_KINDS[kind].suggested(next((layer for layer in reversed(layers) if layer.kind == kind), None))


def with_new_layer(experiment: Experiment, kind: str, place: int) -> tuple[Experiment, int]:
    """Return the experiment with a new layer at `place`, or as near to it as it fits.

    Returns:
        The experiment, and the position of the new layer: `place` if it fits nowhere. A flatten layer is added before a
        dense layer that follows an image.
    """
    layer = new_layer(kind, experiment.layers)
    for candidate, at in _candidates(experiment, layer, place):
        if _fits(candidate):
            return candidate, at
    return with_layer_at(experiment, layer, place), place


def with_layer_at(experiment: Experiment, layer: Layer, place: int) -> Experiment:
    """Return the experiment with `layer` at `place`."""
    layers = experiment.layers
    return experiment.model_copy(update={"layers": (*layers[:place], layer, *layers[place:])})


def without_layer(experiment: Experiment, place: int) -> Experiment:
    """Return the experiment without the layer at `place`."""
    layers = experiment.layers
    return experiment.model_copy(update={"layers": (*layers[:place], *layers[place + 1 :])})


def with_layer_moved(experiment: Experiment, place: int, to: int) -> Experiment:
    """Return the experiment with the layer at `place` moved to `to`."""
    layers = list(experiment.layers)
    layers.insert(to, layers.pop(place))
    return experiment.model_copy(update={"layers": tuple(layers)})


def _candidates(experiment: Experiment, layer: Layer, place: int) -> Iterator[tuple[Experiment, int]]:
    yield with_layer_at(experiment, layer, place), place
    others = sorted(
        (at for at in range(len(experiment.layers) + 1) if at != place), key=lambda at: (abs(at - place), -at)
    )
    for at in others:
        yield with_layer_at(experiment, layer, at), at
    if isinstance(layer, Dense):
        yield with_layer_at(with_layer_at(experiment, layer, place), Flatten(), place), place + 1


def _fits(experiment: Experiment) -> bool:
    try:
        checked(experiment)
    except SpecError:
        return False
    return True
