"""Help for what has the focus, and the sheet of the keys that work now."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Markdown, Static

from mnist_tui.tui.commands import commands_of

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


def keys_of(screen: Screen[Any]) -> list[tuple[str, str]]:
    """Every key that works now and what it does, one row an action; what every screen has comes last."""
    return [(", ".join(command.keys), command.about or command.name) for command in commands_of(screen)]


class HelpScreen(ModalScreen[None]):
    """Shows the help until a key closes it."""

    CSS_PATH = "help.tcss"
    BINDINGS = [Binding("escape,f1,q,enter", "dismiss", "Close")]

    def __init__(self, text: str, keys: list[tuple[str, str]]) -> None:
        super().__init__()
        self._text, self._keys = text, keys

    def compose(self) -> ComposeResult:
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", style="bold", no_wrap=True)
        table.add_column()
        for row in self._keys:
            table.add_row(*row)
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = "Help"
            scroll.border_subtitle = "Esc closes"
            yield Markdown(self._text)
            yield Static(table)
