"""Asks for an action's new key by having it pressed; says whose it is already."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mnist_tui.tui.terminal.keymap import Entry, entries, shown, taken

KEPT = ("escape",)
DEFAULT = ("backspace", "delete")
RESERVED = ("ctrl+q", "ctrl+c", "tab", "shift+tab")
"""Leaving and moving the focus work everywhere."""


class PressKeyScreen(ModalScreen[str | None]):
    """Dismissed with the new key, with nothing where the default is wanted back, with None where all stays.

    Args:
        entry: the action. own: the user's keys so far, by the ids of bindings.
    """

    CSS_PATH = "settings.tcss"
    HELP = """
    **A new key.** Press it. Esc keeps the present one, Backspace brings the default back.
    """

    def __init__(self, entry: Entry, own: Mapping[str, str]) -> None:
        super().__init__()
        self._entry, self._own = entry, own

    def compose(self) -> ComposeResult:
        entry = self._entry
        with Vertical(id="press-key") as box:
            box.border_title = Content(f"A key for {entry.name or entry.about}")
            box.border_subtitle = "Esc keeps it · Backspace: default"
            yield Static(f"{entry.section}: {entry.about or entry.name}", markup=False)
            yield Static(f"Now {shown(entry.now(self._own))}; by default {shown(entry.keys)}.", markup=False)
            yield Static("Press the new key.", id="press-said", markup=False)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key in KEPT:
            self.dismiss(None)
        elif event.key in DEFAULT:
            self.dismiss("")
        elif (why := self._refusal(event.key)) is not None:
            self.query_one("#press-said", Static).update(why)
        else:
            self.dismiss(event.key)

    def _refusal(self, key: str) -> str | None:
        if key in RESERVED or key == "comma":
            return f"{shown(key)} cannot be given away; press another key."
        other = taken(self._entry, key, self._own, entries())
        if other is None:
            return None
        return f"{shown(key)} is {other.name} ({other.section}) already; press another, or give that a new one first."
