"""Asks for one of several things."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class ChooseScreen(ModalScreen[int | None]):
    """A list under a title; gives the number of what was chosen, counted from 0, None for nothing.

    Args:
        lines: what can be chosen.
        chosen: where the cursor begins.
        digits: whether the keys 0 to 9 choose the lines that begin with them.
    """

    CSS_PATH = "choose.tcss"
    HELP = "**A list.** The arrow keys move, Enter or a click chooses, Esc leaves all as it was."
    BINDINGS = [
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Leave all as it was", id="choose.cancel"),
        *(Binding(f"{n}", f"digit({n})", f"Class {n}", id=f"choose.digit-{n}", show=False) for n in range(10)),
    ]

    def __init__(self, title: str, lines: Sequence[str], chosen: int = 0, *, digits: bool = False) -> None:
        super().__init__()
        self._title, self._lines, self._chosen, self._digits = title, lines, chosen, digits

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content(f"Enter{' or the digit' if self._digits else ''} chooses, Esc cancels")
            yield OptionList(*(Option(Content(line)) for line in self._lines), compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = self._chosen

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Digits only where they mean something."""
        return action != "digit" or self._digits

    def action_digit(self, digit: int) -> None:
        found = [index for index, line in enumerate(self._lines) if line.startswith(str(digit))]
        if found:
            self.dismiss(found[0])
