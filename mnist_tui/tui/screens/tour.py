"""The first-run tour: what the app is for and the keys that matter, on one screen, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from textual import events, getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from mnist_tui.tui.terminal.keymap import key_of, shown

if TYPE_CHECKING:
    from mnist_tui.tui.app import BenchApp

ABOUT = (
    "Choose a preset, train it, watch loss, accuracy and confusions epoch by epoch, take weights and figures home. "
    "Training runs in a process of its own: closing this window, or losing the connection, does not end it."
)
KEYS = (
    ("presets.train", "t", "train the chosen preset"),
    ("presets.edit", "e", "change it first: layers, features, optimizer"),
    ("presets.sweep", "w", "train it in many seeds, or sweep its parameters"),
    ("app.runs", "f3", "all runs: compare, resume, delete"),
    ("app.studies", "f5", "all studies: seeds and sweeps, live"),
    ("app.help", "f1", "help, and every key of where you are"),
    ("app.quit", "q", "leave; a training goes on if you want it to"),
)
"""An action's name, its key unless the user has another, what it does; the table of all keys would take longer."""


class TourScreen(ModalScreen[None]):
    """Shown over the presets at the first start; any key or click closes it for good."""

    CSS_PATH = "tour.tcss"
    HELP = """
    **The tour.** Any key closes it. It comes back with `toured = false` in the settings file.
    """

    if TYPE_CHECKING:
        app = getters.app(BenchApp)

    def compose(self) -> ComposeResult:
        keys = Table.grid(padding=(0, 2))
        keys.add_column(justify="right", style="bold", no_wrap=True)
        keys.add_column()
        for name, key, what in KEYS:
            keys.add_row(Text(shown(self.app.settings.keys.get(name, key))), what)
        settings = key_of("app.settings", type(self.app), self.app.settings.keys)
        with Vertical(id="tour") as box:
            box.border_title = "Welcome to mnist-tui"
            box.border_subtitle = "any key goes on"
            yield Static(ABOUT, markup=False)
            yield Static(keys, markup=False, id="tour-keys")
            yield Static(
                f"Ctrl+P lists every command, {settings} has the settings, the mouse works everywhere.", markup=False
            )

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.close()

    def on_click(self) -> None:
        self.close()

    def close(self) -> None:
        """Goes, and does not come back."""
        self.dismiss()
        self.app.change_settings(toured=True)
