"""Asks before edits are thrown away."""

from __future__ import annotations

from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

Choice = Literal["save", "discard", "stay"]


class UnsavedScreen(ModalScreen[Choice]):
    """Save as a preset, discard, or keep editing (the default).

    Args:
        changes: what was edited, a line each.
    """

    MUST_BE_SEEN = True
    HELP = "**Unsaved edits.** A preset keeps them under a name of your own; discarding them cannot be undone."
    DEFAULT_CSS = """
    UnsavedScreen {
        align: center middle;
        & > Vertical {
            width: 66;
            max-width: 96%;
            height: auto;
            max-height: 96%;
            padding: 1 2;
            border: round $primary;
            background: $panel;
        }
        Static { height: auto; margin-bottom: 1; }
        #changes { color: $text-muted; max-height: 9; }
        Horizontal { height: auto; align-horizontal: center; }
        Button { margin: 0 1; min-width: 12; }
    }
    """
    BINDINGS = [
        Binding("s", "answer('save')", "Save as preset", id="confirm.save"),
        Binding("d", "answer('discard')", "Discard", id="confirm.discard"),
        Binding("escape,k", "answer('stay')", "Keep editing", id="confirm.stay"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, changes: tuple[str, ...]) -> None:
        super().__init__()
        self._changes = changes

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Leave the editor?"
            yield Static("There are edits that no preset holds:", markup=False)
            yield Static("\n".join(self._changes), id="changes", markup=False)
            with Horizontal():
                yield Button("[u]K[/u]eep editing", variant="primary", id="stay")
                yield Button("[u]S[/u]ave …", id="save")
                yield Button("[u]D[/u]iscard", variant="warning", id="discard")

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "save":
                self.dismiss("save")
            case "discard":
                self.dismiss("discard")
            case _:
                self.dismiss("stay")

    def action_answer(self, choice: Choice) -> None:
        self.dismiss(choice)
