"""What the terminal's window is told beside the screens: its title, and questions about how quickly it draws.

Only a terminal of one's own is: no test's, no web page's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mnist_tui import PROGRAM
from mnist_tui.shown_text import visible_line
from mnist_tui.wording import percent

if TYPE_CHECKING:
    from textual.app import App

    from mnist_tui.runs.watch import RunSnapshot


SAVE_TITLE, RESTORE_TITLE = "\x1b[22;0t", "\x1b[23;0t"
"""The terminal's stack of titles (XTWINOPS)."""
WITHOUT_TITLE = ("linux",)
"""Terminals that have no window, and may print what is meant for its title."""


def title_of(name: str, snapshot: RunSnapshot) -> str:
    """A run's title: `mnist-tui · raw · epoch 7 of 20 · 97.6 %`, validation accuracy after the last whole epoch."""
    run = snapshot.run
    epochs = len(run.history)
    parts = [PROGRAM, name]
    if snapshot.state != "running":
        parts.append(snapshot.state)
    if epochs and run.epochs:
        parts.append(f"epoch {epochs} of {run.epochs}")
    if epochs and (accuracy := run.history[-1].val_accuracy) is not None:
        parts.append(percent(accuracy, 1))
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


QUESTION = "\x1b[?2026$p"
"""Whether synchronized output is known (DECRQM): Textual asks it at the start and tells of every answer."""
LOOK_SECONDS = 1.0
SLOW_ANSWER_SECONDS = 0.8
"""Longer than any line's way there and back: what was drawn before the question has held it up."""
WAITING_LOOKS = 3
"""Looks in a row at which output waits; one alone may have met a frame just being written."""
KEPT_SECONDS = 60.0
"""How long a terminal counts as slow after the last sign of it: less is sent then, so that signs go away."""


class Pace:
    """Whether the terminal is slow, from what was seen of it.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: float | None = None
        self._waiting = 0
        self._last_sign: float | None = None

    @property
    def slow(self) -> bool:
        return self._last_sign is not None and self._clock() - self._last_sign < KEPT_SECONDS

    def looked(self, waiting: int) -> None:
        """At one look so many pieces of output waited to be written."""
        self._waiting = self._waiting + 1 if waiting else 0
        late = self._asked is not None and self._clock() - self._asked > SLOW_ANSWER_SECONDS
        if late or self._waiting >= WAITING_LOOKS:
            self._last_sign = self._clock()

    def asks(self) -> bool:
        """Whether to ask now: not while an answer is awaited."""
        if self._asked is not None:
            return False
        self._asked = self._clock()
        return True

    def answered(self) -> None:
        """The terminal's answer is here."""
        if self._asked is not None and self._clock() - self._asked > SLOW_ANSWER_SECONDS:
            self._last_sign = self._clock()
        self._asked = None


def waiting_output(app: App[Any]) -> int:
    """Pieces of output that the driver's writing thread has not got rid of; 0 where there is no such thread."""
    writer: Any = getattr(app._driver, "_writer_thread", None)  # pyright: ignore[reportPrivateUsage]
    queue: Any = getattr(writer, "_queue", None)
    return queue.qsize() if queue is not None else 0


MOST_COLUMNS, MOST_ROWS = 1_000, 400
"""More than a 4K screen shows in the smallest type. An app draws every cell: a page that claims more is cut to this."""


def bounded(columns: int, rows: int) -> tuple[int, int]:
    """The size nearest to the one asked for that the app is drawn in."""
    return max(1, min(columns, MOST_COLUMNS)), max(1, min(rows, MOST_ROWS))
