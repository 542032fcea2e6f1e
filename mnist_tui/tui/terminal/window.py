"""What the terminal's window is told beside the screens: its title, and questions about how quickly it draws.

Only a terminal of one's own is: no test's, no web page's.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mnist_tui import PROGRAM
from mnist_tui.shown_text import visible_line
from mnist_tui.tui.terminal.pace import QUESTION, Pace, waiting_output

if TYPE_CHECKING:
    from textual.app import App

    from mnist_tui.tui.watch import Snapshot

SAVE_TITLE, RESTORE_TITLE = "\x1b[22;0t", "\x1b[23;0t"
"""The terminal's stack of titles (XTWINOPS)."""
WITHOUT_TITLE = ("linux",)
"""Terminals that have no window, and may print what is meant for its title."""


def title_of(name: str, snapshot: Snapshot) -> str:
    """A run's title: `mnist-tui · raw · epoch 7 of 20 · 97.6 %`, validation accuracy after the last whole epoch."""
    run = snapshot.run
    epochs = len(run.history)
    parts = [PROGRAM, name]
    if snapshot.word != "running":
        parts.append(snapshot.word)
    if epochs and run.epochs:
        parts.append(f"epoch {epochs} of {run.epochs}")
    if epochs and (accuracy := run.history[-1].val_accuracy) is not None:
        parts.append(f"{100 * accuracy:.1f} %")
    return " · ".join(parts)


class Window:
    """The window of an app's terminal; does nothing where the app has none of its own.

    Args:
        app: whose. pace: told of every look at the terminal.
    """

    def __init__(self, app: App[Any], pace: Pace) -> None:
        self._app, self.pace = app, pace
        self._title: str | None = None
        self._answers = False

    @property
    def _own(self) -> bool:
        return self._app._driver is not None and not self._app.is_headless and not self._app.is_web  # pyright: ignore[reportPrivateUsage]

    def write(self, sequence: str) -> bool:
        """Sends a sequence to the terminal; whether there is one."""
        if self._own:
            self._app._driver.write(sequence)  # pyright: ignore[reportPrivateUsage, reportOptionalMemberAccess]
        return self._own

    def call(self, title: str) -> None:
        """Gives the window a title; the one that it had is kept for `restore`."""
        if os.environ.get("TERM") in WITHOUT_TITLE or title == self._title:
            return
        self.write(f"{SAVE_TITLE if self._title is None else ''}\x1b]2;{visible_line(title)}\x1b\\")
        self._title = title

    def restore(self) -> None:
        """The title from before `call`."""
        if self._title is not None:
            self.write(RESTORE_TITLE)
            self._title = None

    def look(self) -> None:
        """Sees how quickly the terminal takes what is drawn; asks it where it is known to answer."""
        if self._own:
            self.pace.looked(waiting_output(self._app))
            if self._answers and self.pace.asks():
                self.write(QUESTION)

    def answered(self) -> None:
        """The terminal has answered a question, the first time Textual's own."""
        self._answers = True
        self.pace.answered()
