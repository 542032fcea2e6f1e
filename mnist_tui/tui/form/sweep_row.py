"""One field of a sweep's form: label, control, what goes into it; and, where it is refused, why."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from mnist_tui.tui.editor.field_row import TextControl, ValueSelect
from mnist_tui.tui.widgets.text import Line

AXIS = "axis-"
"""Before an axis' place it is its field's name in an error."""


class SweepRow(Widget):
    """A text, or one of some choices.

    Args:
        key: the field's name; an axis' is its parameter's.
        note: what goes into it, beside it.
        axis: whether it holds the values of a parameter.
    """

    DEFAULT_CSS = """
    SweepRow {
        layout: vertical;
        height: auto;

        & > Horizontal { height: 1; }
        & > Horizontal > .sweep-row--label { width: 19; }
        & > Horizontal > Input, & > Horizontal > Select { width: 18; background: $foreground 8%; }
        & > Horizontal > Select > SelectCurrent { background: transparent; padding: 0; }
        & > Horizontal > Select > SelectOverlay { border: none; padding: 0; }
        & > Horizontal > .sweep-row--note {
            width: 1fr;
            padding: 0 0 0 1;
            color: $text-muted;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
        &.-axis > Horizontal > Input { width: 2fr; }
        & > .sweep-row--error { height: auto; color: $text-error; padding: 0 0 0 2; display: none; }
        &.-refused > .sweep-row--error { display: block; }
        &.-refused > Horizontal > .sweep-row--label { color: $text-error; text-style: bold; }
    }
    """

    def __init__(
        self, key: str, label: str, text: str, note: str, choices: tuple[str, ...] = (), *, axis: bool = False
    ) -> None:
        super().__init__(id=None if axis else f"sweep-{key}", classes="-axis" if axis else "")
        self.key, self.is_axis = key, axis
        self._label, self._note = Line(label, classes="sweep-row--label"), Line(note, classes="sweep-row--note")
        self._error = Line(classes="sweep-row--error")
        self.control: Input | ValueSelect = (
            ValueSelect([(choice, choice) for choice in choices], value=text, allow_blank=False, compact=True)
            if choices
            else TextControl(text, compact=True, select_on_focus=True)
        )
        self.HELP = f"**{label}.** {note[:1].upper()}{note[1:]}."  # pyright: ignore[reportAttributeAccessIssue]

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._label
            yield self.control
            yield self._note
        yield self._error

    @property
    def text(self) -> str:
        """What stands in it; empty for a field that means nothing now."""
        value = self.control.value
        return "" if self.control.disabled and not self.is_axis else str(value).strip()

    def explain(self, why: str) -> None:
        """Why the text is refused, below it; empty for a good one."""
        self._error.say(f"✗ {why}" if why else "")
        self.set_class(bool(why), "-refused")
