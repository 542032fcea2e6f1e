"""The editor's panes: every parameter and the layers as rows of fields, and the model's complexity."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, OptionList, Select, Switch
from textual.widgets.option_list import Option

from mnist_tui.columns import Column, cut_end, text_table
from mnist_tui.experiment import complexity
from mnist_tui.experiment.fields import SWITCH
from mnist_tui.experiment.layers import walk
from mnist_tui.experiment.spec import Experiment
from mnist_tui.tui import experiment_words
from mnist_tui.tui.bench import Bench
from mnist_tui.tui.editor.draft import (
    GROUPS,
    Draft,
    Field,
    FieldChange,
    augmentation_fields,
    layer_fields,
    optimizer_fields,
    parameter_fields,
    schedule_fields,
    stopping_fields,
)
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_keys, shown
from mnist_tui.tui.widgets.controls import TextControl, Toggle, ValueSelect
from mnist_tui.tui.widgets.text import FactGrid, Line, TableView
from mnist_tui.wording import counted, noun, signed

DIFFERENT = "various"
"""What a choice shows if the layers differ in it."""
LABEL_WIDTH, CONTROL_WIDTH, NUMBER_WIDTH = 18, 20, 12
"""Cells, as in editor.tcss. A text field without suggestions holds a number, and is narrower."""
LISTS = ("filters", "hidden")
"""Parameters of which a text field may hold a number for each layer, such as ``16x32x64``."""
ALIGNED_FROM = 60
"""Cells of a row from which all notes begin in one column; in a narrower row each follows its control."""
WORDS_FROM = 56
"""Cells of the layers' pane from which the cost of removing a layer has its unit in the border."""
UNBOUNDED = 1000
"""The width of a table before its size is known."""
SHORT_HINTS = {
    "start": "run or .keras",
    "class-weights": "balanced, 8:2",
    "schedule": "such as cosine",
    "dataset": "mnist, digits, …",
}
"""Allowed values in a few words, for a narrow pane, by the keys of fields with long texts about them."""
CHANGED = "◆"
"""The mark of a value that differs from the preset's."""


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
        self.control = _control(entry, entry.read(experiment) if entry.applies(experiment) else "")
        self.display = entry.applies(experiment)
        self._problem = ""
        self._change: FieldChange | None = None
        self._error: Line | None = None
        such_as = f" Such as: {', '.join(entry.suggestions)}." if entry.suggestions else ""
        self.HELP = f"**{entry.label}.** {entry.help[:1].upper()}{entry.help[1:]}.\n\nValues: {entry.hint}.{such_as}"  # pyright: ignore[reportAttributeAccessIssue]

    def compose(self) -> ComposeResult:
        self.control.add_class("field--control", *(["-number"] if self._is_number else []), update=False)
        yield self.control

    def render(self) -> Content:
        """Draw label and note; the control lies over the space between them."""
        mark = CHANGED if self._change else " "
        label = cut_end(self.entry.label, LABEL_WIDTH).ljust(LABEL_WIDTH)
        style = "bold $text-error" if self._problem else "bold $text-primary" if self.control.has_focus else ""
        before = f"{label}{mark}"
        width = self.content_size.width
        control = NUMBER_WIDTH if self._is_number and width < ALIGNED_FROM else CONTROL_WIDTH
        room = width - len(before) - control - 1
        return Content.assemble(
            (label, style), (mark, "$accent"), " " * (control + 1), self._note(room) if room > 0 else ""
        )

    @property
    def _is_number(self) -> bool:
        return self.entry.control == "text" and not self.entry.suggestions and self.entry.key not in LISTS

    def _note(self, room: int) -> Content:
        """Return the change of the value and its cost or, if there is none, the allowed values, for so many cells."""
        change, muted = self._change, "$foreground-muted"
        if change is None or self._problem:
            return Content.styled(next((hint for hint in self._hints() if len(hint) <= room), ""), muted)
        before, now, cost = change.before or DIFFERENT, self._text or DIFFERENT, counted_growth(change.parameters)
        short_cost = cost.partition(" ")[0]
        forms = [
            Content.assemble((f"{start} → ", muted), (now, "bold"), (end and f", {end}", "$accent"))
            for start, end in ((before, cost), (before, short_cost))
        ]
        forms.append(Content.assemble((f"was {before}", muted), (cost and f", {short_cost}", "$accent")))
        forms.append(Content.styled(f"was {before}", muted))
        return next((form for form in forms if len(form.plain) <= room), forms[-1]).truncate(room, ellipsis=True)

    def _hints(self) -> Iterator[str]:
        """Yield the allowed values in words, the longest text first; the line above the footer has them in full."""
        match self.entry.control:
            case "switch":
                yield f"{self._text}, Space changes it"
                yield f"{self._text} (Space)"
            case "choice":
                yield self.entry.hint
                yield "Enter shows the list"
                yield "Enter: list"
            case _:
                yield self.entry.hint
                yield (short := re.sub("^(whole number, |number (?=above))", "", self.entry.hint))
                yield short.partition(";")[0].replace(" or more, less than ", " to below ")
                yield short.replace(", or a pair such as ", " or ")
                values = self.entry.hint.split(", ")
                yield from (f"{', '.join(values[:at])}, …" for at in range(len(values) - 1, 1, -1))
                yield SHORT_HINTS.get(self.entry.key, f"{values[0]}, …")

    @property
    def shows_hint(self) -> bool:
        """Whether the whole text about the allowed values is beside the control now."""
        return self.entry.hint in self.render().plain

    @property
    def _text(self) -> str:
        value = self.control.value
        return SWITCH[value] if isinstance(value, bool) else str(value)

    def show(self, draft: Draft, *, typing: bool = False) -> None:
        """Show the field's value, change and problem in a draft; a text that is being typed stays as it is."""
        entry, state = self.entry, draft.state
        self.display = entry.applies(state.experiment)
        if not self.display:
            return
        if not typing:
            self._set_text(state.text_of(entry))
        problem, change = state.problem_of(entry), draft.changes.get(entry.key)
        self.control.set_class(bool(problem), "-invalid")
        self._explain(problem)
        if typing or (problem, change) != (self._problem, self._change):
            self._problem, self._change = problem, change
            self.refresh()

    def on_descendant_focus(self) -> None:
        self.refresh()

    on_descendant_blur = on_descendant_focus

    def on_click(self) -> None:
        self.control.focus()

    def _explain(self, problem: str) -> None:
        """Show why the text is refused, in a line that is only made at the first error, as most rows never have one."""
        if self._error is None and problem:
            self._error = Line(classes="field--error")
            self.mount(self._error)
        if self._error is not None:
            self._error.display = bool(problem)
            self._error.say(f"✗ {problem}" if problem else "")

    def _set_text(self, text: str) -> None:
        match self.control:
            case Input() as field:
                if field.value != text:
                    with field.prevent(Input.Changed):
                        field.value = text
                        field.cursor_position = len(text)
            case Switch() as switch:
                with switch.prevent(Switch.Changed):
                    switch.value = text == "on"
                self.refresh()
            case Select() as select:
                if select.value == text and text:
                    return
                with select.prevent(Select.Changed):
                    blank = [] if text else [(DIFFERENT, "")]
                    select.set_options([*blank, *((choice, choice) for choice in self.entry.choices)])
                    select.value = text

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Switch.Changed)
    def _changed(self, event: Input.Changed | Select.Changed | Switch.Changed) -> None:
        event.stop()
        text = SWITCH[event.value] if isinstance(event.value, bool) else str(event.value)
        if text or isinstance(event, Input.Changed):
            self.post_message(self.Edited(self.entry, text))


def counted_growth(parameters: int | None) -> str:
    """Return by how many parameters a network grows, ``+1,024 parameters``; empty for none."""
    return f"{signed(parameters, 0)} {noun(abs(parameters), 'parameter')}" if parameters else ""


def _control(entry: Field, text: str) -> Input | Select[str] | Switch:
    match entry.control:
        case "switch":
            return Toggle(text == "on", animate=False)
        case "choice":
            options = [(choice or DIFFERENT, choice) for choice in (*([] if text else [""]), *entry.choices)]
            return ValueSelect(options, value=text, allow_blank=False, compact=True)
        case _:
            suggester = SuggestFromList(entry.suggestions) if entry.suggestions else None
            return TextControl(text, compact=True, suggester=suggester, select_on_focus=True)


class FieldSection(Vertical):
    """A title with fields below it. A section without fields that apply is hidden, unless `stays` is set."""

    def __init__(self, title: str, fields: Sequence[Field], draft: Draft, *, stays: bool = False) -> None:
        super().__init__()
        self._title = Line(title, classes="section--title")
        self.rows = [FieldRow(entry, draft.experiment) for entry in fields]
        self._stays = stays
        self._replacing = asyncio.Lock()
        self._hide_if_empty()

    def compose(self) -> ComposeResult:
        yield self._title
        yield from self.rows

    def _hide_if_empty(self) -> None:
        self.set_class(not (self._stays or any(row.display for row in self.rows)), "-empty")

    def follow(self, draft: Draft, typing: str = "") -> None:
        """Show a draft; the field with the key `typing` keeps its text."""
        for row in self.rows:
            row.show(draft, typing=row.entry.key == typing)
        self._hide_if_empty()

    async def replace(self, title: str, fields: Sequence[Field], draft: Draft, typing: str = "") -> None:
        """Show other fields under another title; the rows stay if the fields are the same."""
        async with self._replacing:
            self._title.say(title)
            if list(map(_row_data, fields)) != [_row_data(row.entry) for row in self.rows]:
                self.rows = [FieldRow(entry, draft.experiment) for entry in fields]
                with self.app.batch_update():
                    await self.remove_children(FieldRow)
                    await self.mount_all(self.rows)
            self.follow(draft, typing)


def _row_data(entry: Field) -> tuple[str, ...]:
    return (entry.key, entry.help, entry.hint, *entry.choices)


class FieldScroll(VerticalScroll, can_focus=False):
    """Sections of fields that scroll; Page Up and Page Down move the focus by a section, not only the view."""

    BINDINGS = [
        Binding("pagedown", "section(1)", "Next section", show=False),
        Binding("pageup", "section(-1)", "Section before", show=False),
    ]

    def action_section(self, by: int) -> None:
        """Focus the first field of the next section (1) or of the one before (-1); at the end, the last field."""
        rows = [[row for row in section.rows if row.display] for section in self.query(FieldSection)]
        shown = [section for section in rows if section]
        at = next((at for at, section in enumerate(shown) if any(row.has_focus_within for row in section)), None)
        if at is None:
            return
        following = shown[max(at + by, 0)][0] if at + by < len(shown) else shown[-1][-1]
        following.control.focus()


class ParametersPane(FieldScroll):
    """The pane with all parameters, and with the arguments of the optimizer, the schedule and early stopping."""

    HELP = """
    **Parameters.** Up and Down move between fields, Page Up and Page Down between sections; Enter opens a list of
    values. The allowed values are shown beside each field. Beside a value that you have changed, the preset's value and
    the change of the number of parameters are shown instead. A parameter that means nothing for this experiment is
    hidden: pixels per cell needs HOG features.
    """

    def __init__(self, draft: Draft) -> None:
        super().__init__(id="parameters", classes="pane")
        self.border_subtitle = pane_keys({shown("pagedown"): "Next section"}, {shown("pagedown"): "section(1)"})
        fields = parameter_fields()
        self._groups = [
            FieldSection(group, [entry for entry in fields if entry.group == group], draft) for group in GROUPS
        ]
        self._optimizer = FieldSection(_of_optimizer(draft), optimizer_fields(draft.experiment), draft)
        self._schedule = FieldSection(_of_schedule(draft), schedule_fields(draft.experiment), draft)
        self._stopping = FieldSection("Early stopping", stopping_fields(draft.experiment), draft)
        self._augmentation = FieldSection(OF_AUGMENTATION, augmentation_fields(draft.experiment), draft)

    def compose(self) -> ComposeResult:
        for group, section in zip(GROUPS, self._groups, strict=True):
            yield section
            if group == "Optimizer":
                yield self._optimizer
                yield self._schedule
            elif group == "Augmentation":
                yield self._augmentation
        yield self._stopping

    async def follow(self, draft: Draft, typing: str = "") -> None:
        """Show a draft; the field with the key `typing` keeps its text."""
        for section in self._groups:
            section.follow(draft, typing)
        await self._optimizer.replace(_of_optimizer(draft), optimizer_fields(draft.experiment), draft, typing)
        await self._schedule.replace(_of_schedule(draft), schedule_fields(draft.experiment), draft, typing)
        await self._stopping.replace("Early stopping", stopping_fields(draft.experiment), draft, typing)
        await self._augmentation.replace(OF_AUGMENTATION, augmentation_fields(draft.experiment), draft, typing)


OF_AUGMENTATION = "Arguments of the augmentation"


def _of_optimizer(draft: Draft) -> str:
    return f"Arguments of {draft.experiment.optimizer.name}"


def _of_schedule(draft: Draft) -> str:
    return f"Arguments of the schedule {draft.experiment.training.schedule.kind}"


LEAST_NAME, WHOLE_NAME = 17, 25
"""Cells for the name of a layer: where there is little room, and for one as long as most in a block."""
CONFIGURATION, OTHERS = 17, 14
"""Cells for a configuration such as ``16 filters 3×3, …``, and for the gaps and the numbers of parameters."""


def _layer_columns(longest: int, width: int) -> tuple[Column, ...]:
    """Return the columns of the list of layers for so many cells and a longest name of so many characters.

    The shapes are left out before names are cut to less than WHOLE_NAME, the numbers of parameters only after that.
    """
    _, configuration, *others = experiment_words.EDITED_COLUMNS
    least = max(configuration.least, min(CONFIGURATION, width - OTHERS - LEAST_NAME))
    name = max(LEAST_NAME, min(longest, WHOLE_NAME, width - OTHERS - least))
    return (Column("  Layer", least=name), replace(configuration, least=least), *others)


def _layer_mark(draft: Draft, place: int) -> str:
    """Return the mark of a layer that was added or changed."""
    rows = draft.rows
    is_added = place not in draft.origins and place < len(rows)
    own = {field.key for field in layer_fields(draft.experiment, place)}
    return CHANGED if is_added or not own.isdisjoint(draft.changes) else " "


class LayerList(OptionList):
    """The list of layers; the output layer is the last one and cannot be moved."""

    HELP = """
    **Layers**, from the inputs to the output. Each line has the name, the settings, the output shape and the number of
    parameters. You can add a layer after the chosen one, remove it and move it; Enter goes to its fields. The layers of
    a residual block are indented below it, and a layer that is added after one of them joins the block. A layer that
    does not fit is marked with the reason; the experiment cannot be trained until all layers fit.
    """
    HINT = "Enter edits the chosen layer's fields"
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

    def action_cursor_down(self) -> None:
        """Choose the next layer; at the last one, stay."""
        if self.place < self.option_count - 1:
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        """Choose the layer before; at the first one, stay."""
        if self.place > 0:
            super().action_cursor_up()

    @property
    def place(self) -> int:
        """The position of the chosen layer, from 0; the output layer has the last position."""
        return self.highlighted or 0

    def follow(self, draft: Draft, place: int | None = None) -> str:
        """Show the draft's layers, choose the one at `place`, and return the line of column titles."""
        wanted = self.place if place is None else place
        rows = [
            (f"{_layer_mark(draft, at)} {name}", *rest)
            for at, (name, *rest) in enumerate(experiment_words.layer_rows(draft.experiment))
        ]
        width = max(20, self.scrollable_content_region.width - 1) if self.size else UNBOUNDED
        fitted = text_table(_layer_columns(max(len(row[0]) for row in rows), width), rows, width)
        prompts = [Content(line).highlight_regex(f"^{CHANGED}", style="$accent") for line in fitted.lines]
        misfit = draft.state.misfit
        if misfit is not None and misfit.place is not None:
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
    """The pane with the list of layers, its keys, and the fields of the chosen layer."""

    app = getters.app(Bench)

    titles = getters.query_one("#layer-titles", Line)
    listing = getters.query_one(LayerList)
    section = getters.query_one(FieldSection)

    def __init__(self, draft: Draft) -> None:
        super().__init__(id="layers", classes="pane")
        self._draft = draft

    def compose(self) -> ComposeResult:
        yield Line(id="layer-titles")
        yield LayerList()
        with FieldScroll(id="layer-form"):
            yield FieldSection("", (), self._draft, stays=True)

    async def follow(self, draft: Draft, place: int | None = None, typing: str = "") -> None:
        """Show the draft's layers, choose the one at `place`, and show its fields."""
        self._draft = draft
        self._show_layers(place)
        await self.show_fields(typing)

    def _show_layers(self, place: int | None = None) -> None:
        self.titles.say(self.listing.follow(self._draft, place))

    async def show_fields(self, typing: str = "") -> None:
        """Show the fields of the chosen layer; the field with the key `typing` keeps its text."""
        place, layers = self.listing.place, list(walk(self._draft.experiment.layers))
        if place < len(layers):
            about = layers[place].about()
            title = f"Layer {place + 1}: {about[:1].lower()}{about[1:]}"
        else:
            title = f"Output: {counted(self._draft.experiment.classes, 'neuron')} with softmax"
        self.border_subtitle = pane_keys(*self._keys(place))
        await self.section.replace(title, layer_fields(self._draft.experiment, place), self._draft, typing)

    def _keys(self, place: int) -> tuple[dict[str, str], dict[str, str]]:
        """Return labels and actions of the keys that change the layers; that of removing with its cost."""
        can_be_removed = place < len(self._draft.rows)
        cost = counted_growth(self._draft.growth_by_removing(place)) if can_be_removed else ""
        if self.size and self.size.width < WORDS_FROM:
            cost = cost.partition(" ")[0]
        keys, actions, own = dict[str, str](), dict[str, str](), self.app.settings.keys
        for binding in LayerList.CHANGES:
            name, key = str(binding.id), key_of(str(binding.id), LayerList, own)
            keys[key] = f"Remove ({cost})" if cost and name == "layers.remove" else binding.description
            actions[key] = binding.action
        return keys, actions

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_layers)


class ComplexityPane(VerticalScroll):
    """The pane with the numbers of inputs, weights and biases of each layer, and their totals."""

    HELP = """
    **Complexity**, by arithmetic, before anything is trained. A dense layer has inputs × neurons weights and a bias a
    neuron; a convolution has kernel height × kernel width × channels × filters weights and a bias a filter. MACs are
    multiply-accumulates for one image. Other: the scale and offset of a normalisation, and the mean and variance of
    batch normalisation.
    """
    HINT = "MACs: multiply-accumulates for one image"
    app = getters.app(Bench)
    table = getters.query_one(TableView)
    facts = getters.query_one(FactGrid)

    def __init__(self) -> None:
        super().__init__(id="complexity", classes="pane")

    def compose(self) -> ComposeResult:
        yield Line("Not valid yet: these are the counts of the last valid state.", id="stale")
        yield TableView(
            experiment_words.FULL_COLUMNS,
            total=True,
            below=(experiment_words.HOW, (experiment_words.WEIGHTS, experiment_words.OTHER)),
        )
        yield FactGrid(experiment_words.TOTALS)

    def follow(self, draft: Draft) -> None:
        """Show the complexity of the draft's last valid state."""
        counts = complexity.of(draft.state.whole)
        needed = complexity.memory_to_train(draft.state.whole, counts)
        self.set_class(not draft.ready, "-stale")
        self.table.show(experiment_words.full_rows(counts))
        self.facts.show(experiment_words.totals(counts, needed))
