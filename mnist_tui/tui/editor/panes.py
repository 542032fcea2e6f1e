"""The editor's panes: every parameter and the layers as rows of fields, and the model's complexity."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Select, Switch
from textual.widgets.option_list import Option

from mnist_tui.columns import cut_end, text_table
from mnist_tui.experiment import complexity
from mnist_tui.experiment.spec import Experiment
from mnist_tui.tui import experiment_words
from mnist_tui.tui.bench import Bench
from mnist_tui.tui.editor.draft import (
    GROUPS,
    Field,
    State,
    Wrong,
    layer_fields,
    misfit_of,
    optimizer_fields,
    parameter_fields,
    stopping_fields,
)
from mnist_tui.tui.terminal.keymap import bind, key_of, labelled
from mnist_tui.tui.widgets.controls import TextControl, Toggle, ValueSelect
from mnist_tui.tui.widgets.text import FactGrid, Line, TableView

ABSENT, DIFFERENT = "–", "various"
"""What a choice shows if it does not apply, or if the layers differ in it."""
LABEL_WIDTH, CONTROL_WIDTH = 18, 20
"""Cells, as in editor.tcss."""


class FieldRow(Widget):
    """A field's label, control and note. The row draws label and note itself, as many widgets would open slowly.

    Args:
        entry: the field.
        experiment: the experiment whose value is shown at first.
    """

    @dataclass
    class Edited(Message):
        """Posted when a person edits the text of a field."""

        entry: Field
        text: str

    def __init__(self, entry: Field, experiment: Experiment) -> None:
        super().__init__()
        self.entry = entry
        self.control = _control(entry, entry.read(experiment))
        self._label_style = ""
        self._note = ""
        self._error: Line | None = None
        values = f"Values: {', '.join(entry.choices) or entry.bounds}."
        such_as = f" Such as: {', '.join(entry.suggestions)}." if entry.suggestions else ""
        self.HELP = f"**{entry.label}.** {entry.help[:1].upper()}{entry.help[1:]}.\n\n{values}{such_as}"  # pyright: ignore[reportAttributeAccessIssue]

    def compose(self) -> ComposeResult:
        self.control.add_class("field--control", update=False)
        yield self.control

    def render(self) -> Content:
        """Draw label and note; the control lies over the space between them."""
        label = cut_end(self.entry.label, LABEL_WIDTH).ljust(LABEL_WIDTH + CONTROL_WIDTH + 2)
        note = cut_end(self._note, max(1, self.content_size.width - len(label)))
        style = "bold $text-primary" if self.control.has_focus else ""
        return Content.assemble((label, self._label_style or style), (note, "$foreground-muted"))

    def show(self, state: State, *, typing: bool = False) -> None:
        """Show the field's value and problem in a state of the draft; a text that is being typed stays as it is."""
        entry, experiment = self.entry, state.experiment
        wrong, absent = state.wrong.get(entry.key), entry.absent(experiment)
        if not typing:
            self._set_text(wrong.text if wrong else entry.read(experiment), absent)
        self.control.set_class(wrong is not None, "-invalid")
        self.control.disabled = bool(absent)
        self._explain(wrong)
        bounds = entry.read(experiment) if entry.control == "switch" else "" if entry.choices else entry.bounds
        drawn = ("bold $text-error" if wrong else "$foreground-disabled" if absent else "", absent or bounds)
        if drawn != (self._label_style, self._note):
            self._label_style, self._note = drawn
            self.refresh()

    def on_descendant_focus(self) -> None:
        self.refresh()

    on_descendant_blur = on_descendant_focus

    def on_click(self) -> None:
        self.control.focus()

    def _explain(self, wrong: Wrong | None) -> None:
        """Show why the text is refused, in a line that is only made at the first error, as most rows never have one."""
        if self._error is None and wrong is not None:
            self._error = Line(classes="field--error")
            self.mount(self._error)
        if self._error is not None:
            self._error.display = wrong is not None
            self._error.say(f"✗ {wrong.message}" if wrong else "")

    def _set_text(self, text: str, absent: str) -> None:
        match self.control:
            case Input() as field:
                if field.value != text:
                    with field.prevent(Input.Changed):
                        field.value = text
                        field.cursor_position = len(text)
            case Switch() as switch:
                with switch.prevent(Switch.Changed):
                    switch.value = text == "on"
            case Select() as select:
                if select.value == text and text:
                    return
                with select.prevent(Select.Changed):
                    blank = [] if text else [(ABSENT if absent else DIFFERENT, "")]
                    select.set_options([*blank, *((choice, choice) for choice in self.entry.choices)])
                    select.value = text

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Switch.Changed)
    def _changed(self, event: Input.Changed | Select.Changed | Switch.Changed) -> None:
        event.stop()
        text = ("off", "on")[event.value] if isinstance(event.value, bool) else str(event.value)
        if text or isinstance(event, Input.Changed):
            self.post_message(self.Edited(self.entry, text))


def _control(entry: Field, text: str) -> Input | Select[str] | Switch:
    match entry.control:
        case "switch":
            return Toggle(text == "on", animate=False)
        case "choice":
            options = [(choice, choice) for choice in (*([] if text else [""]), *entry.choices)]
            return ValueSelect(options, value=text, allow_blank=False, compact=True)
        case _:
            suggester = SuggestFromList(entry.suggestions) if entry.suggestions else None
            return TextControl(text, compact=True, suggester=suggester, select_on_focus=True)


class FieldSection(Vertical):
    """A title with fields below it. A section without fields is hidden, unless `stays` is set."""

    def __init__(self, title: str, fields: Sequence[Field], state: State, *, stays: bool = False) -> None:
        super().__init__()
        self._title = Line(title, classes="section--title")
        self.rows = [FieldRow(entry, state.experiment) for entry in fields]
        self._stays = stays
        self._replacing = asyncio.Lock()
        self.set_class(not (fields or stays), "-empty")

    def compose(self) -> ComposeResult:
        yield self._title
        yield from self.rows

    def follow(self, state: State, typing: str = "") -> None:
        """Show a state of the draft; the field with the key `typing` keeps its text."""
        for row in self.rows:
            row.show(state, typing=row.entry.key == typing)

    async def replace(self, title: str, fields: Sequence[Field], state: State, typing: str = "") -> None:
        """Show other fields under another title; the rows stay if the fields are the same."""
        async with self._replacing:
            self._title.say(title)
            if list(map(_row_data, fields)) != [_row_data(row.entry) for row in self.rows]:
                self.rows = [FieldRow(entry, state.experiment) for entry in fields]
                with self.app.batch_update():
                    await self.remove_children(FieldRow)
                    await self.mount_all(self.rows)
                self.set_class(not (fields or self._stays), "-empty")
            self.follow(state, typing)


def _row_data(entry: Field) -> tuple[str, ...]:
    return (entry.key, entry.help, entry.bounds, *entry.choices)


class ParametersPane(VerticalScroll, can_focus=False):
    """The pane with all parameters, and with the arguments of the optimizer and of early stopping."""

    HELP = """
    **Parameters.** Up and Down move between fields, Enter opens a list of values. The allowed values are shown beside
    each field, and for the focused field also at the bottom. A parameter that does not apply to this experiment cannot
    be edited; the reason is shown beside it.
    """

    def __init__(self, state: State) -> None:
        super().__init__(id="parameters", classes="pane")
        fields = parameter_fields()
        self._groups = [
            FieldSection(group, [entry for entry in fields if entry.group == group], state) for group in GROUPS
        ]
        self._optimizer = FieldSection(_of_optimizer(state), optimizer_fields(state.experiment), state)
        self._stopping = FieldSection("Early stopping", stopping_fields(state.experiment), state)

    def compose(self) -> ComposeResult:
        for group, section in zip(GROUPS, self._groups, strict=True):
            yield section
            if group == "Optimizer":
                yield self._optimizer
        yield self._stopping

    async def follow(self, state: State, typing: str = "") -> None:
        """Show a state of the draft; the field with the key `typing` keeps its text."""
        for section in self._groups:
            section.follow(state, typing)
        await self._optimizer.replace(_of_optimizer(state), optimizer_fields(state.experiment), state, typing)
        await self._stopping.replace("Early stopping", stopping_fields(state.experiment), state, typing)


def _of_optimizer(state: State) -> str:
    return f"Arguments of {state.experiment.optimizer.name}"


class LayerList(OptionList):
    """The list of layers; the output layer is the last one and cannot be moved."""

    HELP = """
    **Layers**, from the inputs to the output. Each line has the name, the settings, the output shape and the number of
    parameters. You can add a layer after the chosen one, remove it and move it; Enter goes to its fields. A layer that
    does not fit is marked with the reason; the experiment cannot be trained until all layers fit.
    """
    HINT = "Enter edits the chosen layer's fields, a adds a layer after it, x removes it, J and K move it"
    CHANGES = [
        bind("layers.add", "a,insert", "screen.add_layer", "Add", "Add a layer after the chosen one", display="a"),
        bind("layers.remove", "x,delete", "screen.remove_layer", "Remove", "Remove the chosen layer", display="x"),
        bind("layers.up", "K,shift+up", "screen.move_layer(-1)", "Up", "Move the chosen layer up", display="K"),
        bind("layers.down", "J,shift+down", "screen.move_layer(1)", "Down", "Move the chosen layer down", display="J"),
    ]
    BINDINGS = [
        *CHANGES,
        Binding("j", "cursor_down", "Next layer", show=False),
        Binding("k", "cursor_up", "Layer before", show=False),
        bind("layers.fields", "enter", "screen.layer_fields", "Fields", "To the chosen layer's own fields"),
    ]

    def __init__(self) -> None:
        super().__init__(compact=True, id="layer-list")
        self._shown: list[Content] = []

    @property
    def place(self) -> int:
        """The position of the chosen layer, from 0; the output layer has the last position."""
        return self.highlighted or 0

    def follow(self, state: State, place: int | None = None) -> str:
        """Show the draft's layers, choose the one at `place`, and return the line of column titles."""
        wanted = self.place if place is None else place
        rows = experiment_words.layer_rows(state.experiment)
        width = max(20, self.scrollable_content_region.width - 2)
        fitted = text_table(experiment_words.EDITED_COLUMNS, rows, width)
        prompts = [Content(line) for line in fitted.lines]
        if misfit := misfit_of(state.experiment):
            reason = (f"\n✗ {misfit.sentence}", "$text-error on $error-muted")
            prompts[misfit.place] = Content.assemble(prompts[misfit.place], reason)
        if prompts != self._shown:
            if len(prompts) == len(self._shown):
                for at, (prompt, old) in enumerate(zip(prompts, self._shown, strict=True)):
                    if prompt != old:
                        self.replace_option_prompt_at_index(at, prompt)
            else:
                self.set_options([Option(Content.assemble(prompt)) for prompt in prompts])
            self._shown = prompts
        self.highlighted = min(wanted, len(prompts) - 1)
        return fitted.header


class LayersPane(Vertical):
    """The pane with the list of layers, its buttons, and the fields of the chosen layer."""

    app = getters.app(Bench)

    titles = getters.query_one("#layer-titles", Line)
    listing = getters.query_one(LayerList)
    section = getters.query_one(FieldSection)

    def __init__(self, state: State) -> None:
        super().__init__(id="layers", classes="pane")
        self._state = state

    def compose(self) -> ComposeResult:
        yield Line(id="layer-titles")
        yield LayerList()
        with Horizontal(id="layer-buttons"):
            for binding in LayerList.CHANGES:
                key = key_of(binding.id or "", LayerList, self.app.settings.keys)
                yield Button(labelled(binding.description, key), compact=True, action=binding.action)
        with VerticalScroll(id="layer-form", can_focus=False):
            yield FieldSection("", (), self._state, stays=True)

    async def follow(self, state: State, place: int | None = None, typing: str = "") -> None:
        """Show the draft's layers, choose the one at `place`, and show its fields."""
        self._state = state
        self._show_layers(place)
        await self.show_fields(typing)

    def _show_layers(self, place: int | None = None) -> None:
        self.titles.say(self.listing.follow(self._state, place))

    async def show_fields(self, typing: str = "") -> None:
        """Show the fields of the chosen layer; the field with the key `typing` keeps its text."""
        place, layers = self.listing.place, self._state.experiment.layers
        if place < len(layers):
            about = layers[place].about()
            title = f"Layer {place + 1}: {about[:1].lower()}{about[1:]}"
        else:
            title = "Output: ten neurons with softmax"
        await self.section.replace(title, layer_fields(self._state.experiment, place), self._state, typing)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_layers)


class ComplexityPane(VerticalScroll):
    """The pane with the numbers of inputs, weights and biases of each layer, and their totals."""

    HELP = """
    **Complexity**, by arithmetic, before anything is trained. A dense layer has inputs × neurons weights and a bias a
    neuron; a convolution kernel² × channels × filters weights and a bias a filter. MACs are multiply-accumulates for
    one image. Other: batch normalisation's scale, offset, mean and variance.
    """
    HINT = "MACs: multiply-accumulates for one image; other: batch normalisation's four vectors"
    stale = getters.query_one("#stale", Line)
    table = getters.query_one(TableView)
    facts = getters.query_one(FactGrid)

    def __init__(self) -> None:
        super().__init__(id="complexity", classes="pane")

    def compose(self) -> ComposeResult:
        yield Line(id="stale")
        yield TableView(
            experiment_words.FULL_COLUMNS,
            total=True,
            below=(experiment_words.HOW, (experiment_words.WEIGHTS, experiment_words.OTHER)),
        )
        yield FactGrid(experiment_words.TOTALS)

    def follow(self, state: State, problems: Sequence[str]) -> None:
        """Show the complexity of the draft's last valid state, and the problems of the present one."""
        counts = complexity.of(state.whole)
        self.set_class(bool(problems), "-stale")
        lines = "\n".join(f"✗ {problem}" for problem in problems)
        self.stale.say(f"Not valid yet; the counts are those of the last valid state.\n{lines}" if problems else "")
        self.table.show(experiment_words.full_rows(counts))
        self.facts.show(experiment_words.totals(counts))
