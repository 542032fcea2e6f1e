"""Asks for an image's number."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label


class JumpScreen(ModalScreen[int | None]):
    """A number from 1 to `most`; None for no jump.

    Args:
        most: the largest number there is.
        what: the images that are counted.
    """

    CSS_PATH = "jump.tcss"
    HELP = "**Jump.** An image's number is its place in the dataset's file, counted from 1, as below each picture."
    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel", tooltip="Stay where you are", id="jump.cancel")]

    def __init__(self, most: int, what: str) -> None:
        super().__init__()
        self._most, self._what = most, what

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Jump to an image"
            box.border_subtitle = "Enter jumps, Esc cancels"
            yield Input(placeholder=f"number, 1 to {self._most:,}", restrict=r"[0-9]*", compact=True)
            yield Label(self._what, markup=False, id="jump-words")

    @on(Input.Submitted)
    def _jump(self, event: Input.Submitted) -> None:
        number = int(event.value) if event.value else 0
        if 1 <= number <= self._most:
            self.dismiss(number)
        else:
            self.query_one("#jump-words", Label).update(f"there is no image {number:,}; 1 to {self._most:,} are there")
