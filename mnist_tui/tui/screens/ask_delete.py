"""Asks before runs are deleted."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from mnist_tui.wording import counted

LISTED = 6


class AskDeleteScreen(ModalScreen[bool]):
    """True to delete; the default is to keep.

    Args:
        runs: a line for each run that would be deleted.
    """

    CSS_PATH = "ask.tcss"
    MUST_BE_SEEN = True
    AUTO_FOCUS = "#keep"
    HELP = "**Deleting runs.** Their folders go with all files: log, weights, results, exports. It cannot be undone."
    BINDINGS = [
        Binding("d,y", "dismiss(True)", "Delete", tooltip="Delete them with all their files", id="ask.delete"),
        Binding("escape,k,n", "dismiss(False)", "Keep", tooltip="Keep them", id="ask.keep"),
        Binding("f1", "app.help", "Help", tooltip="Help for what has the focus, and all keys", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, runs: Sequence[str]) -> None:
        super().__init__()
        self._runs = runs

    def compose(self) -> ComposeResult:
        count = len(self._runs)
        more = f"\nand {count - LISTED} more" if count > LISTED else ""
        with Vertical() as box:
            box.border_title = Content("Delete a run" if count == 1 else f"Delete {counted(count, 'run')}")
            yield Static("\n".join(self._runs[:LISTED]) + more, id="runs", markup=False)
            yield Static("All files of the folder go: log, weights, results. It cannot be undone.", markup=False)
            with Horizontal():
                yield Button("[u]D[/u]elete", variant="error", id="delete")
                yield Button("[u]K[/u]eep", variant="primary", id="keep")

    @on(Button.Pressed)
    def _answered(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "delete")
