"""A question over a screen: what there is to know, then buttons, each with a key of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button

Answer = TypeVar("Answer")


class DialogScreen(ModalScreen[Answer], Generic[Answer]):
    """What such questions share; a subclass says what is asked and what the buttons answer.

    A button's id is an action of the screen: `action_<id>`, which its key runs too. The widget that FIRST selects has
    the focus in the beginning.
    """

    CSS_PATH = "dialog.tcss"
    TITLE = ""
    FIRST = "Button.-primary"
    MUST_BE_SEEN = True
    """Keys that came before the question was drawn do not answer it."""
    BINDINGS = [
        Binding("left", "app.focus_previous", "Previous button", show=False, id="dialog.previous"),
        Binding("right", "app.focus_next", "Next button", show=False, id="dialog.next"),
    ]

    def body(self) -> Iterable[Widget]:
        """What stands above the buttons."""
        raise NotImplementedError

    def buttons(self) -> Iterable[Button]:
        """The default is the primary one."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False) as box:
            box.border_title = Content(self.TITLE or "")
            yield from self.body()
            with Horizontal():
                yield from self.buttons()

    def on_mount(self) -> None:
        self.query_one(self.FIRST).focus()

    @on(Button.Pressed)
    async def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.run_action(event.button.id or "")
