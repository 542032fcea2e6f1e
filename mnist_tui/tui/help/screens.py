"""The screens that explain the app: help with the keys, the user's guide, and the first-run tour."""

from __future__ import annotations

import asyncio
from importlib import resources
from inspect import cleandoc
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Markdown, MarkdownViewer, OptionList, Static
from textual.widgets.option_list import Option

from mnist_tui import guide
from mnist_tui.tui.bench import BenchModal, BenchScreen, Route
from mnist_tui.tui.terminal.keymap import commands_of, key_of, shown
from mnist_tui.tui.widgets.controls import KeyFooter

ABOUT = """
**mnist-tui** trains small networks on MNIST-class images. Training runs in a process of its own: leaving this window,
or losing it, does not end it. Ctrl+P lists every command; Tab moves the focus.
"""


def help_of(screen: Screen[Any]) -> str:
    """Return the help about the focused widget (or the nearest widget around it with help) and about the screen."""
    nodes = screen.focused.ancestors_with_self if screen.focused is not None else [screen]
    texts: list[str] = []
    for node in nodes:
        if isinstance(node, Widget) and node.HELP and (not texts or isinstance(node, Screen)):
            texts.append(cleandoc(node.HELP))
    return "\n\n".join(texts) or cleandoc(ABOUT)


def keys_of(screen: Screen[Any]) -> list[tuple[str, str]]:
    """Return the keys that work on a screen now and what they do, a row for each action."""
    return [(", ".join(command.keys), command.about or command.name) for command in commands_of(screen)]


class HelpScreen(BenchModal[None]):
    """The help about a screen, with its keys.

    Args:
        screen: the screen on which help was requested.
    """

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "#help"
    HELP = """
    **Help.** Esc closes it; `a` shows the keys of all screens.
    """
    BINDINGS = [
        Binding("escape,f1,q,enter", "dismiss", "Close", tooltip="Back to where you were", id="help.close"),
        Binding("a", "all", "All keys", tooltip="The keys of every screen, or of this one", id="help.all"),
        Binding("g", "guide", "Guide", tooltip="Read the user's guide", id="help.guide"),
    ]

    sheet = getters.query_one("#key-sheet", Static)

    def __init__(self, screen: Screen[Any]) -> None:
        super().__init__()
        self._text, self._more = help_of(screen), cleandoc(getattr(screen, "MORE_HELP", ""))
        self._topic: str = getattr(screen, "GUIDE", "screens")
        self._keys = keys_of(screen)
        self._whole = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = "Help"
            scroll.border_subtitle = "a: all keys · g: guide · Esc closes"
            yield Markdown(self._text)
            yield Static(_table([("", self._keys)]), id="key-sheet")
            yield Markdown(self._more)
        yield KeyFooter()

    def action_all(self) -> None:
        """Switch between the help about the screen and the keys of all screens."""
        self._whole = not self._whole
        for text in self.query(Markdown):
            text.display = not self._whole
        self._show_keys()

    def action_guide(self) -> None:
        """Open the guide in place of this help."""
        self.dismiss()
        self.app.show(Route("guide", topic=self._topic))

    @work(exclusive=True)
    async def _show_keys(self) -> None:
        sections = [("", self._keys)]
        if self._whole:
            own = self.app.settings.keys
            entries = await asyncio.to_thread(self.app.key_entries)  # imports every screen
            sections = [
                (section, [(shown(entry.current_keys(own)), entry.about or entry.name) for entry in group])
                for section, group in groupby(entries, lambda entry: entry.section)
            ]
            self.query_one("#help").scroll_home(animate=False)
        self.sheet.update(_table(sections))


def _table(sections: list[tuple[str, list[tuple[str, str]]]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="bold", no_wrap=True)
    table.add_column()
    for title, keys in sections:
        if title:
            table.add_row("", "")
            table.add_row("", Text(title, "bold underline"))
        for row in keys:
            table.add_row(*map(Text, row))
    return table


class GuideScreen(BenchScreen[None]):
    """The user's guide: a list of its pages, and the chosen page.

    Args:
        topic: the page that is shown at first, by its name in `guide.TOPICS`.
    """

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "#topics"
    HELP = """
    **The guide.** ↑ and ↓ choose a page, Tab goes to its text, Esc goes back.
    """
    BINDINGS = [Binding("escape", "back", "Back", tooltip="Back to where you were", id="guide.close")]

    topics = getters.query_one("#topics", OptionList)
    viewer = getters.query_one("#page", MarkdownViewer)

    def __init__(self, topic: str) -> None:
        super().__init__()
        self._topic = topic

    def compose(self) -> ComposeResult:
        with Horizontal():
            titles = (Option(Content(guide.title(name)), id=name) for name in guide.TOPICS)
            pages = OptionList(*titles, id="topics", markup=False)
            pages.border_title = "Guide"
            yield pages
            yield MarkdownViewer(id="page", show_table_of_contents=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        self.topics.highlighted = guide.TOPICS.index(self._topic)

    def shown_again(self, route: Route) -> None:
        self.topics.highlighted = guide.TOPICS.index(route.topic)

    @on(OptionList.OptionHighlighted, "#topics")
    async def _show_page(self, event: OptionList.OptionHighlighted) -> None:
        folder = Path(str(resources.files(guide)))
        await self.viewer.go(folder / f"{event.option_id}.md")
        self.viewer.scroll_home(animate=False)

    @on(OptionList.OptionSelected, "#topics")
    def _focus_page(self) -> None:
        self.viewer.focus()


TOUR_ABOUT = (
    "Choose a preset, train it, watch loss, accuracy and confusions epoch by epoch, take weights and figures home. "
    "Training runs in a process of its own: closing this window, or losing the connection, does not end it."
)
TOUR_KEYS = (
    ("presets.train", "t", "train the chosen preset"),
    ("presets.edit", "e", "change it first: layers, features, optimizer"),
    ("presets.sweep", "w", "train it in many seeds, or sweep its parameters"),
    ("app.runs", "f3", "all runs: compare, resume, delete"),
    ("app.studies", "f5", "all studies: seeds and sweeps, live"),
    ("app.help", "f1", "help, and every key of where you are"),
    ("app.quit", "q", "leave; a training goes on if you want it to"),
)
"""Actions, their default keys and what they do, written out here, as the table of all keys takes long to make."""


class TourScreen(BenchModal[None]):
    """The tour, shown over the presets at the first start; any key or click closes it for ever."""

    CSS_PATH = "help.tcss"
    HELP = """
    **The tour.** Any key closes it. It comes back with `toured = false` in the settings file.
    """

    def compose(self) -> ComposeResult:
        keys = _table([("", [(shown(self.app.settings.keys.get(name, key)), what) for name, key, what in TOUR_KEYS])])
        settings = key_of("app.settings", type(self.app), self.app.settings.keys)
        with Vertical(id="tour") as box:
            box.border_title = "Welcome to mnist-tui"
            box.border_subtitle = "any key goes on"
            yield Static(TOUR_ABOUT, markup=False)
            yield Static(keys, markup=False, id="tour-keys")
            last = f"Ctrl+P lists every command, {settings} has the settings, the mouse works everywhere."
            yield Static(last, markup=False)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.on_click()

    def on_click(self) -> None:
        self.dismiss()
        self.app.change_settings(toured=True)
