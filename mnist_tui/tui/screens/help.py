"""Help for what has the focus, the sheet of the keys that work now, and the sheet of all keys."""

from __future__ import annotations

from inspect import cleandoc
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Markdown, Static

from mnist_tui.tui.commands import commands_of
from mnist_tui.tui.widgets.key_footer import KeyFooter

if TYPE_CHECKING:
    from mnist_tui.tui.app import BenchApp

ABOUT = """
**mnist-tui** trains small networks on MNIST-class images. Training runs in a process of its own: leaving this window,
or losing it, does not end it. Ctrl+P lists every command; Tab moves the focus.
"""


def help_of(screen: Screen[Any]) -> str:
    """The help of the focused widget or the nearest thing around it that has one; then the screen's."""
    nodes = screen.focused.ancestors_with_self if screen.focused is not None else [screen]
    texts: list[str] = []
    for node in nodes:
        if isinstance(node, Widget) and node.HELP and (not texts or isinstance(node, Screen)):
            texts.append(cleandoc(node.HELP))
    return "\n\n".join(texts) or cleandoc(ABOUT)


def more_of(screen: Screen[Any]) -> str:
    """What a screen has to say beside that, after its keys; empty for most."""
    return cleandoc(getattr(screen, "MORE_HELP", ""))


def topic_of(screen: Screen[Any]) -> str:
    """The page of the guide that fits a screen."""
    return getattr(screen, "GUIDE", "screens")


def keys_of(screen: Screen[Any]) -> list[tuple[str, str]]:
    """Every key that works now and what it does, one row an action; what every screen has comes last."""
    return [(", ".join(command.keys), command.about or command.name) for command in commands_of(screen)]


class HelpScreen(ModalScreen[None]):
    """Shows the help until a key closes it.

    Args:
        text: Markdown. keys: what works where the help was asked for. more: Markdown after the keys.
        topic: the guide's page that fits.
    """

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "#help"
    HELP = """
    **Help.** Esc closes it; the keys of every other screen are one key away.
    """
    BINDINGS = [
        Binding("escape,f1,q,enter", "dismiss", "Close", tooltip="Back to where you were", id="help.close"),
        Binding("a", "all", "All keys", tooltip="The keys of every screen, or of this one", id="help.all"),
        Binding("g", "guide", "Guide", tooltip="Read the user's guide", id="help.guide"),
    ]

    if TYPE_CHECKING:
        app = getters.app(BenchApp)

    sheet = getters.query_one("#key-sheet", Static)

    def __init__(self, text: str, keys: list[tuple[str, str]], more: str = "", topic: str = "screens") -> None:
        super().__init__()
        self._text, self._keys, self._more, self._topic = text, keys, more, topic
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
        """From the keys of the present screen to those of all, and back."""
        self._whole = not self._whole
        for text in self.query(Markdown):
            text.display = not self._whole
        if self._whole:
            self._read()
        else:
            self.sheet.update(_table([("", self._keys)]))

    def action_guide(self) -> None:
        """Open the guide in place of this help."""
        from mnist_tui.tui.screens.guide import GuideScreen

        self.app.switch_screen(GuideScreen(self._topic))

    @work(thread=True)
    def _read(self) -> None:
        """Imports every screen, so not in the event loop."""
        from mnist_tui.tui.terminal.keymap import entries, shown

        own = self.app.settings.keys
        sections = [
            (section, [(shown(entry.now(own)), entry.about or entry.name) for entry in found])
            for section, found in groupby(entries(), lambda entry: entry.section)
        ]
        self.app.call_from_thread(self._show, _table(sections))

    def _show(self, table: Table) -> None:
        if self._whole:
            self.sheet.update(table)
            self.query_one("#help").scroll_home(animate=False)


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
