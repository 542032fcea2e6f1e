"""The terminal's window: its title, its size on a web page, and the speed at which it draws.

Textual is not imported: the server of the web page imports this module.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mnist_tui import PROGRAM
from mnist_tui.shown_text import visible_line
from mnist_tui.wording import percent

if TYPE_CHECKING:
    from textual.app import App
    from textual.driver import Driver

    from mnist_tui.runs.watch import RunSnapshot

SAVE_TITLE, RESTORE_TITLE = "\x1b[22;0t", "\x1b[23;0t"
"""The terminal's stack of titles (XTWINOPS)."""
QUESTION = "\x1b[?2026$p"
"""The query whether the terminal knows synchronized output (DECRQM). Textual reports every answer to it."""
CHECK_SECONDS = 1.0
WRITING_SECONDS = 0.02
"""The time between two checks whether all output is written; a frame takes less."""
SLOW_ANSWER_SECONDS = 0.8
"""A later answer shows a slow terminal: no line takes that long, so earlier output has delayed the answer."""
WAITING_CHECKS = 3
"""A slow terminal has output waiting at this number of checks in a row; once may be a frame being written."""
KEPT_SECONDS = 60.0
"""The time for which a terminal counts as slow after the last sign: less is sent then, so that the signs end."""
MOST_COLUMNS, MOST_ROWS = 1_000, 400
"""More than a 4K screen shows in the smallest type. The app draws every cell, so larger sizes are cut."""


def bounded(columns: int, rows: int) -> tuple[int, int]:
    """Return the size in which the app is drawn for a web page that requests a size in cells."""
    return max(1, min(columns, MOST_COLUMNS)), max(1, min(rows, MOST_ROWS))


def title_of(name: str, snapshot: RunSnapshot) -> str:
    """Return the title for a run, ``mnist-tui · raw · epoch 7 of 20 · 97.6 %``, with the last validation accuracy."""
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
    """The window of the app's terminal. In tests and on a web page, nothing is sent to it."""

    def __init__(self, app: App[Any]) -> None:
        self._app, self.pace = app, Pace()
        self._title: str | None = None
        self._answers = False

    @property
    def is_terminal(self) -> bool:
        """Whether there is a terminal, and not a web page or a test."""
        return self._driver is not None

    @property
    def _driver(self) -> Driver | None:
        is_own = not (self._app.is_headless or self._app.is_web)
        return self._app._driver if is_own else None  # pyright: ignore[reportPrivateUsage]

    @property
    def _waiting_pieces(self) -> int:
        """The number of pieces of output that Textual's thread has not begun to write."""
        queue: Any = getattr(getattr(self._driver, "_writer_thread", None), "_queue", None)
        return queue.qsize() if queue is not None else 0

    async def until_written(self) -> None:
        """Wait until all output is written, in a pause in which the thread that writes it can work."""
        waits = self._driver is not None
        while waits:
            await asyncio.sleep(WRITING_SECONDS)
            waits = self._waiting_pieces > 0

    def write(self, sequence: str) -> None:
        """Send a sequence to the terminal."""
        if self._driver is not None:
            self._driver.write(sequence)

    def set_title(self, title: str) -> None:
        """Set the window's title; the terminal stores the previous one for `restore_title`."""
        if os.environ.get("TERM") == "linux" or title == self._title:  # the console might print a title as text
            return
        self.write(f"{SAVE_TITLE if self._title is None else ''}\x1b]2;{visible_line(title)}\x1b\\")
        self._title = title

    def restore_title(self) -> None:
        """Restore the title that the window had before `set_title`."""
        if self._title is not None:
            self.write(RESTORE_TITLE)
            self._title = None

    def measure_pace(self) -> None:
        """Note how much output the terminal has not read yet; send a query if the terminal is known to answer."""
        if self._driver is not None:
            self.pace.add_waiting(self._waiting_pieces)
            if self._answers and self.pace.start_question():
                self.write(QUESTION)

    def add_answer(self) -> None:
        """Note that the terminal has answered a query; the first one is Textual's own."""
        self._answers = True
        self.pace.add_answer()


class Pace:
    """The terminal's speed, judged by its answers and by the output that it has not read.

    Args:
        clock: returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: float | None = None
        self._waiting = 0
        self._last_sign: float | None = None

    @property
    def slow(self) -> bool:
        return self._last_sign is not None and self._clock() - self._last_sign < KEPT_SECONDS

    def add_waiting(self, pieces: int) -> None:
        """Note the number of pieces of output that wait to be written."""
        self._waiting = self._waiting + 1 if pieces else 0
        if self._is_answer_late() or self._waiting >= WAITING_CHECKS:
            self._last_sign = self._clock()

    def start_question(self) -> bool:
        """Return whether a query may be sent now, and note the time; there is no second query before the answer."""
        if self._asked is not None:
            return False
        self._asked = self._clock()
        return True

    def add_answer(self) -> None:
        """Note that the terminal has answered."""
        if self._is_answer_late():
            self._last_sign = self._clock()
        self._asked = None

    def _is_answer_late(self) -> bool:
        return self._asked is not None and self._clock() - self._asked > SLOW_ANSWER_SECONDS
