"""Asks for a line of text: a run's name, a note."""

from __future__ import annotations

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static


class AskTextScreen(ModalScreen[str | None]):
    """Gives the text, empty for none; None where it was not to be changed.

    Args:
        title: what is asked for.
        about: in a sentence, what it is for.
        value: what it is now.
        longest: characters that it may have.
    """

    CSS_PATH = "ask.tcss"
    HELP = "**A line of text.** Enter keeps it, Esc leaves it as it was; an empty one removes it."
    BINDINGS = [
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Leave it as it was", id="ask.cancel"),
        Binding("f1", "app.help", "Help", tooltip="Help for what has the focus, and all keys", show=False),
        Binding("down", "app.focus_within(1)", show=False),
        Binding("up", "app.focus_within(-1)", show=False),
    ]
    field = getters.query_one(Input)

    def __init__(self, title: str, about: str, value: str, longest: int) -> None:
        super().__init__()
        self._title, self._about, self._value, self._longest = title, about, value, longest

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            yield Static(self._about, markup=False)
            yield Input(self._value, compact=True)
            yield Static("", id="too-long", markup=False)
            with Horizontal():
                yield Button("Keep", variant="primary", id="keep")
                yield Button("Cancel", id="cancel")

    @on(Input.Changed)
    def _tell(self) -> None:
        """Says how much of a long text, one that was pasted for example, is too much."""
        typed = len(self.field.value)
        said = self.query_one("#too-long", Static)
        said.update(f"{typed:,} characters; {self._longest:,} are kept at most: {typed - self._longest:,} have to go.")
        said.display = typed > self._longest

    @on(Input.Submitted)
    @on(Button.Pressed, "#keep")
    def _keep(self) -> None:
        if len(self.field.value) <= self._longest:
            self.dismiss(self.field.value)
        else:
            self.field.focus()

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)
