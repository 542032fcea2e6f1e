"""How quickly the terminal takes what is drawn: a slow line is drawn to less often.

Two signs, both measured: output that waits to be written, and how long the terminal takes to answer a question that it
gets behind what was drawn. That the app runs over SSH is no sign.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

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
