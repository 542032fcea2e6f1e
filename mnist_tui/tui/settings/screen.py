"""The settings screen: appearance, questions, the runs folder, and all keys. A change takes effect at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import Any

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Label, OptionList, Select, Static, TabbedContent, TabPane

from mnist_tui.paths import PathError
from mnist_tui.runs.library import default_runs_dir
from mnist_tui.settings import REFRESH_SECONDS, Glyphs, Pictures, folder_problem, settings_file_text
from mnist_tui.tui.bench import Bench, BenchScreen
from mnist_tui.tui.dialogs import Dialog
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import Entry, bind, key_of, labelled, pane_title, shown, taken
from mnist_tui.tui.terminal.themes import THEMES
from mnist_tui.tui.widgets.controls import KeyedCheckbox, KeyFooter, ValueSelect
from mnist_tui.tui.widgets.path_input import PathInput
from mnist_tui.tui.widgets.row_table import RowColumn, RowTable, TableRow
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line

GLYPHS: dict[Glyphs, str] = {
    "braille": "braille, finest",
    "block": "blocks, where braille looks torn",
    "ascii": "ASCII, for any terminal",
}
PICTURES: dict[Pictures, str] = {"auto": "automatic", "kitty": "Kitty graphics", "sixel": "Sixel", "blocks": "blocks"}
SAMPLES: dict[Glyphs, tuple[str, ...]] = {
    "braille": ("⡇⠑⢄⡀", "⡇  ⠈⠑⠢⢄⣀⡀", "⡇      ⠈⠉⠒⠒"),
    "block": ("█▙▖", "█ ▝▀▄▖", "█    ▝▀▀▄▄▄▖"),
    "ascii": ("|*", "|  **", "|    ****** "),
}
STATES = ("starting", "running", "paused", "finished", "stopped", "failed")
REFRESH = {
    "auto": "automatic",
    "normal": f"every {REFRESH_SECONDS['normal']:g} s",
    "slow": f"every {REFRESH_SECONDS['slow']:g} s",
}
OWN = "*"
"""The mark of keys that the user has set."""
KEY_COLUMNS = (
    RowColumn("key", "  Key", least=13),
    RowColumn("name", "Action", least=12),
    RowColumn("about", "What it does", need=1, least=20),
)
ROOMY, BESIDE = 76, 36
"""Columns of the window from which keys and names are cut rather than what they do, and what stands beside that."""


class KeyTable(RowTable):
    """The table of all keys of the app, under the names of the screens in which they work."""

    HELP = """
    **Keys.** Each line is a key and its action; a star marks a key of your own. Enter asks for a new key, Backspace
    brings the default back. The settings file has them under `[keys]`, where an action may have several keys, joined by
    commas.
    """
    BINDINGS = [
        bind("settings.new-key", "enter", "screen.new_key", "New key", "Press a new key for the action"),
        bind("settings.default-key", "backspace,delete", "screen.default_key", "Default", "The default keys"),
    ]


class ThemeSelect(ValueSelect):
    """The choice of the theme: while its list is open, the whole app shows the theme under the cursor."""

    app = getters.app(Bench)

    def __init__(self, themes: Iterable[str], theme: str) -> None:
        super().__init__([(name, name) for name in themes], value=theme, allow_blank=False, compact=True, id="theme")

    def on_mount(self) -> None:
        self.watch(self.query_one(OptionList), "highlighted", self._preview, init=False)

    def _preview(self, highlighted: int | None) -> None:
        if self.expanded and highlighted is not None:
            self.app.preview_theme(str(self.query_one(OptionList).get_option_at_index(highlighted).prompt))

    def watch_expanded(self, expanded: bool) -> None:
        if not expanded and isinstance(self.value, str):
            self.app.keep_theme(self.value)


SAMPLE_MATRIX = ((965, 0, 3), (2, 946, 11), (8, 3, 915))
SAMPLE_WIDTH = 58
"""Columns from which the sample has a matrix, too."""


class ThemeSample(Static):
    """A curve in the chosen characters, the states of runs and a matrix in the colours of the theme."""

    app = getters.app(Bench)

    def render(self) -> Content:
        """Return three lines, each with a part of the curve, two states and a row of the matrix."""
        lines: list[Content] = []
        for at, curve in enumerate(SAMPLES[self.app.settings.glyphs]):
            states = ((f"● {state:10}", f"$state-{state}") for state in STATES[2 * at : 2 * at + 2])
            cells = SAMPLE_MATRIX[at] if self.size.width >= SAMPLE_WIDTH else ()
            row = (
                (f"{count or '·':>4} ", "bold $foreground on $primary 60%" if place == at else _shade(count))
                for place, count in enumerate(cells)
            )
            lines.append(Content.assemble((f"{curve:16}", "$primary"), *states, *row))
        return Content("\n").join(lines)


def _shade(count: int) -> str:
    return f"$foreground on $accent {15 + 3 * count}%" if count else "$text-muted"


class SettingsScreen(BenchScreen[None]):
    """The screen that shows and changes the settings and the keys."""

    MAIN = True
    TAB = "settings"
    CSS_PATH = "settings.tcss"
    GUIDE = "settings"
    AUTO_FOCUS = "#theme"
    HELP = """
    **Settings.** A change takes effect at once and is saved in the settings file. A flag or an environment variable
    takes precedence over the file. The second page lists every key; Enter there asks for a new one.
    """
    BINDINGS = [
        Binding("f8", "view", "General/Keys", tooltip="Between the general settings and the keys", id="settings.view"),
        Binding("ctrl+r", "defaults", "All defaults", tooltip="Every key as it was at first", id="settings.defaults"),
        Binding("escape", "back", "Back", tooltip="Back to where you were", id="settings.back"),
        Binding("down", "app.focus_within(1)", show=False),
        Binding("up", "app.focus_within(-1)", show=False),
    ]

    pages = getters.query_one(TabbedContent)
    table = getters.query_one(KeyTable)

    def compose(self) -> ComposeResult:
        yield TabStrip()
        settings = self.app.settings
        with TabbedContent(initial="settings"):
            with TabPane("General", id="settings"), _Form(id="form", can_focus=False):
                with _Pane("Appearance"):
                    own = [theme.name for theme in THEMES]
                    others = sorted(set(self.app.available_themes) - set(own))
                    yield _row("Theme", ThemeSelect([*own, *others], self.app.theme))
                    yield _row("Curves drawn in", _values(GLYPHS, settings.glyphs, "glyphs"))
                    yield _row("Images shown as", _values(PICTURES, settings.pictures, "pictures"))
                    yield _row("Example", ThemeSample(id="sample", markup=False), "-example")
                with _Pane("Behaviour"):
                    yield _row("Redraw", _values(REFRESH, settings.refresh, "refresh"))
                    automatic = f"automatic: {REFRESH['normal']}, on a slow line {REFRESH['slow']}"
                    yield Static(automatic, classes="note indented", markup=False)
                    yield KeyedCheckbox("ask before something is lost", "confirm", settings.confirm)
                    yield KeyedCheckbox("ring the bell when a run ends", "bell", settings.bell)
                with _Pane("Files"):
                    default = ""
                    with suppress(PathError):
                        default = str(default_runs_dir())
                    runs_dir = PathInput(settings.runs_dir or "", placeholder=default, id="runs-dir", folders=True)
                    yield _row("Runs folder", runs_dir)
                    yield Static(id="runs-note", classes="note indented", markup=False)
                    yield _row("Settings file", Static(settings_file_text(), markup=False, classes="value"))
            key = key_of("settings.view", type(self), settings.keys)
            with TabPane(labelled("Keys", key), id="keys-page"):
                yield Line(id="about-key")
                yield KeyTable(id="keys")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.query_one("#runs-note", Static).update(self._runs_note())
        self._read_keys()

    @work
    async def _read_keys(self) -> None:
        await asyncio.to_thread(self.app.key_entries)  # imports every screen
        self._fill()

    def _fill(self) -> None:
        own, rows = self.app.settings.keys, list[TableRow]()
        for section, group in groupby(self.app.key_entries(), lambda entry: entry.section):
            entries = list(group)
            rows.append(TableRow(f"/{section}", (section, f"{len(entries)}"), heading=True))
            for entry in entries:
                mark = OWN if entry.ids[0] in own else ""
                key = f"  {shown(entry.current_keys(own))}{mark}"
                about = entry.about if entry.about != entry.name else ""
                rows.append(TableRow(entry.ids[0], (key, entry.name or about, about)))
        is_first = self.table.chosen is None
        roomy = (*KEY_COLUMNS[:2], replace(KEY_COLUMNS[2], least=self.size.width - BESIDE))
        self.table.show(roomy if self.size.width >= ROOMY else KEY_COLUMNS, rows)
        if is_first:
            self.table.choose(rows[1].key)

    def on_resize(self) -> None:
        if self.table.chosen:
            self._fill()

    @on(RowTable.CursorMoved)
    def _show_about(self) -> None:
        """Show what the chosen key does in full, as the table may have no room for it."""
        entry = self._chosen_entry()
        self.query_one("#about-key", Line).say("" if entry is None else entry.about or entry.name)

    def _runs_note(self) -> str:
        """Return when another folder is used; also the present one, unless the field shows it."""
        if folder := os.environ.get("MNIST_TUI_RUNS"):
            return f"MNIST_TUI_RUNS takes precedence: {folder}"
        field, present = self.query_one("#runs-dir", Input), str(self.app.options.runs_dir)
        is_shown = present == (field.value or field.placeholder)
        return "a change counts from the next start on" + ("" if is_shown else f"; now {present}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.pages.active == "keys-page" if action == "defaults" else True

    @on(Select.Changed)
    def _value_chosen(self, event: Select.Changed) -> None:
        name, value = str(event.select.id), event.value
        if name == "theme":
            self.app.keep_theme(str(value))
        elif value != getattr(self.app.settings, name):
            self.app.change_settings(**{name: value})

    @on(KeyedCheckbox.Changed)
    def _checkbox_changed(self, event: KeyedCheckbox.Changed) -> None:
        if isinstance(event.checkbox, KeyedCheckbox):
            self.app.change_settings(**{event.checkbox.key: event.value})

    @on(Input.Submitted, "#runs-dir")
    @on(Input.Blurred, "#runs-dir")
    def _change_runs_dir(self, event: Input.Submitted | Input.Blurred) -> None:
        text = event.value.strip() or None
        expected = folder_problem(text) if text else ""
        self.query_one("#runs-note", Static).update(f"{text} is not {expected}" if expected else self._runs_note())
        if not expected and text != self.app.settings.runs_dir:
            self.app.change_settings(runs_dir=text)

    @on(TabbedContent.TabActivated)
    def _page_changed(self) -> None:
        self.refresh_bindings()

    @on(RowTable.Opened)
    @work(group=TAKES_KEYBOARD)
    async def action_new_key(self) -> None:
        """Ask for a new key of the action under the cursor."""
        if (entry := self._chosen_entry()) is not None:
            key = await self.app.push_screen_wait(PressKeyScreen(entry, self.app.settings.keys))
            if key is not None:
                self._set_key(entry, key)

    def _chosen_entry(self) -> Entry | None:
        """The action under the cursor; None on a heading."""
        entries = (entry for entry in self.app.key_entries() if entry.ids[0] == self.table.chosen)
        return next(entries, None) if self.table.chosen else None

    def _set_key(self, entry: Entry, key: str) -> None:
        """Set the key of an action and of the actions that share it; an empty key means the default."""
        own = {name: keys for name, keys in self.app.settings.keys.items() if name not in entry.ids}
        if key and (key,) != entry.keys:
            own |= dict.fromkeys(entry.ids, key)
        self._change_keys(own)

    def _change_keys(self, own: dict[str, Any]) -> None:
        self.app.change_settings(keys=own)
        self._fill()

    def action_default_key(self) -> None:
        if (entry := self._chosen_entry()) is not None:
            self._set_key(entry, "")

    def action_defaults(self) -> None:
        self._change_keys({})
        self.notify("Every key is as it was at first.", timeout=3)

    def action_view(self) -> None:
        keys = self.pages.active == "settings"
        self.pages.active = "keys-page" if keys else "settings"
        self.call_after_refresh((self.table if keys else self.query_one("#theme")).focus)

    def action_back(self) -> None:
        self.set_focus(None)
        super().action_back()


class _Form(VerticalScroll, inherit_bindings=False):
    """The form, which leaves the arrow keys to the screen."""


class _Pane(Vertical):
    """A part of the form with its title."""

    def __init__(self, title: str) -> None:
        super().__init__(classes="pane -stacked")
        self.border_title = pane_title(title)


def _row(label: str, control: Widget, classes: str = "") -> Horizontal:
    return Horizontal(Label(label, markup=False), control, classes=f"row {classes}")


def _values(texts: dict[Any, str], value: str, name: str) -> ValueSelect:
    options = [(text, key) for key, text in texts.items()]
    return ValueSelect(options, value=value, allow_blank=False, compact=True, id=name)


RESERVED = ("ctrl+q", "ctrl+c", "tab", "shift+tab", "comma")
"""Keys that leave the app or move the focus, and the comma, which separates keys in the settings file."""


class PressKeyScreen(Dialog[str | None], inherit_bindings=False):
    """A dialog that returns the next key that is pressed, an empty text for the default key, or None for no change.

    Args:
        entry: the action that gets the key.
        own: the user's own keys by the ids of bindings.
    """

    HELP = """
    **A new key.** Press it. Esc keeps the present one, Backspace brings the default back.
    """

    def __init__(self, entry: Entry, own: Mapping[str, str]) -> None:
        super().__init__(f"A key for {entry.name or entry.about}", "Esc keeps it · Backspace: default")
        self._entry, self._own = entry, own

    def body(self) -> Iterable[Widget]:
        entry = self._entry
        yield Static(f"{entry.section}: {entry.about or entry.name}", markup=False)
        yield Static(f"Now {shown(entry.current_keys(self._own))}; by default {shown(entry.keys)}.", markup=False)
        yield Static("Press the new key.", id="press-said", markup=False)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key == "escape":
            self.dismiss(None)
        elif event.key in ("backspace", "delete"):
            self.dismiss("")
        elif (why := self._refusal(event.key)) is not None:
            self.query_one("#press-said", Static).update(why)
        else:
            self.dismiss(event.key)

    def _refusal(self, key: str) -> str | None:
        if key in RESERVED:
            return f"{shown(key)} has a fixed use; press another key."
        other = taken(self._entry, key, self._own, self.app.key_entries())
        if other is None:
            return None
        return f"{shown(key)} is {other.name} ({other.section}) already; press another, or give that a new one first."
