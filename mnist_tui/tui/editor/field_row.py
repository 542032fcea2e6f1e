"""A field of the editor as a row (label, control, allowed values, error), and sections of such rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Select, Switch

from mnist_tui.experiment.spec import Experiment
from mnist_tui.tui.editor.draft import Field, State, Wrong
from mnist_tui.tui.widgets.controls import TextControl, Toggle, ValueSelect
from mnist_tui.tui.widgets.text import Line

ABSENT, DIFFERENT = "–", "various"
"""What a choice shows if it does not apply, or if the layers differ in it."""
LABEL_WIDTH, CONTROL_WIDTH = 18, 20


class FieldRow(Widget):
    """One field. The row draws label and note itself, because a form of many widgets opens slowly.

    Args:
        entry: the field.
        experiment: the experiment whose value it shows at first.
    """

    DEFAULT_CSS = f"""
    FieldRow {{
        layout: vertical;
        height: auto;

        & > .field--control {{
            width: {CONTROL_WIDTH};
            margin: 0 0 0 {LABEL_WIDTH + 1};
            background: $foreground 8%;
        }}
        & > Select > SelectCurrent {{ background: transparent; padding: 0; }}
        & > Select > SelectOverlay {{ border: none; padding: 0; }}
        & > Switch.field--control, & > Switch.field--control:focus {{
            width: 6;
            height: 1;
            border: none;
            padding: 0;
        }}
        & > .field--error {{ height: auto; color: $text-error; padding: 0 0 0 2; }}
    }}
    """

    class Edited(Message):
        """The text of a field was edited."""

        def __init__(self, entry: Field, text: str) -> None:
            super().__init__()
            self.entry, self.text = entry, text

    def __init__(self, entry: Field, experiment: Experiment) -> None:
        super().__init__()
        self.entry = entry
        self.control = _control(entry, entry.read(experiment))
        self._label_style = ""
        self._note = ""
        self._error: Line | None = None
        self.HELP = f"**{entry.label}.** {entry.help[:1].upper()}{entry.help[1:]}.\n\n{_values(entry)}"  # pyright: ignore[reportAttributeAccessIssue]

    def compose(self) -> ComposeResult:
        self.control.add_class("field--control", update=False)
        yield self.control

    def render(self) -> Content:
        """Draw label and note; the control covers the space between them."""
        label = _cut(self.entry.label, LABEL_WIDTH).ljust(LABEL_WIDTH + CONTROL_WIDTH + 2)
        note = _cut(self._note, self.content_size.width - len(label))
        style = "bold $text-primary" if self.control.has_focus else ""
        return Content.assemble((label, self._label_style or style), (note, "$foreground-muted"))

    def show(self, state: State, *, typing: bool = False) -> None:
        """Show the draft's value; while the person is `typing` in this field, its text is left alone."""
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

    def on_descendant_blur(self) -> None:
        self.refresh()

    def on_click(self) -> None:
        self.control.focus()

    def _explain(self, wrong: Wrong | None) -> None:
        """Show why the text is refused; the line is made at the first error, as most rows never have one."""
        if wrong is None:
            if self._error is not None:
                self._error.display = False
            return
        if self._error is None:
            self._error = Line(classes="field--error")
            self.mount(self._error)
        self._error.display = True
        self._error.say(f"✗ {wrong.message}")

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
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Edited(self.entry, event.value))

    @on(Select.Changed)
    def _selected(self, event: Select.Changed) -> None:
        event.stop()
        if event.value:
            self.post_message(self.Edited(self.entry, str(event.value)))

    @on(Switch.Changed)
    def _switched(self, event: Switch.Changed) -> None:
        event.stop()
        self.post_message(self.Edited(self.entry, "on" if event.value else "off"))


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


def _values(entry: Field) -> str:
    if entry.choices:
        return f"Values: {', '.join(entry.choices)}."
    also = f" Such as: {', '.join(entry.suggestions)}." if entry.suggestions else ""
    return f"Values: {entry.bounds}.{also}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


class FieldSection(Vertical):
    """Fields below a title. A section without fields is hidden, unless it `stays`."""

    DEFAULT_CSS = """
    FieldSection {
        height: auto;
        & > .section--title {
            height: 1;
            color: $text-secondary;
            text-style: bold;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
        &.-empty { display: none; }
    }
    """

    def __init__(
        self, title: str, fields: Sequence[Field], state: State, *, stays: bool = False, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._title = Line(title, classes="section--title", fixed=True)
        self._fields = tuple(fields)
        self._rows = [FieldRow(entry, state.experiment) for entry in fields]
        self._stays = stays
        self._replacing = asyncio.Lock()
        self.set_class(not (fields or stays), "-empty")

    def compose(self) -> ComposeResult:
        yield self._title
        yield from self._rows

    @property
    def rows(self) -> Sequence[FieldRow]:
        return self._rows

    def follow(self, state: State, typing: str = "") -> None:
        """Show the draft's state; the field with the key `typing` keeps its text."""
        for row in self._rows:
            row.show(state, typing=row.entry.key == typing)

    async def replace(self, title: str, fields: Sequence[Field], state: State, typing: str = "") -> None:
        """Show these fields; the rows are made again only if the fields are different ones."""
        async with self._replacing:
            self._title.say(title)
            if _row_data(fields) != _row_data(self._fields):
                self._fields = tuple(fields)
                self._rows = [FieldRow(entry, state.experiment) for entry in fields]
                with self.app.batch_update():
                    await self.remove_children(FieldRow)
                    await self.mount_all(self._rows)
                self.set_class(not (fields or self._stays), "-empty")
            self.follow(state, typing)


def _row_data(fields: Sequence[Field]) -> list[tuple[str, ...]]:
    """Return what rows are made from."""
    return [(entry.key, entry.help, entry.bounds, *entry.choices) for entry in fields]
