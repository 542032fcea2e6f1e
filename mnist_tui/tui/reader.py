"""A thread that reads a folder which someone else writes, for as long as somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from textual.message import Message
from textual.message_pump import MessagePump

LOOK_SECONDS = 0.2

Seen = TypeVar("Seen")
Seen_co = TypeVar("Seen_co", covariant=True)


class Watch(Protocol[Seen_co]):
    """Looks at a folder again and again."""

    def look(self) -> Seen_co | None:
        """What is there now; None where nothing has changed since the last look."""
        ...


class Reader(Generic[Seen]):
    """Reads while there are viewers, and tells them.

    Args:
        watch: makes what is looked at.
        take: is given what is seen, in the reading thread, before the viewers are told.
        changed: makes the message that viewers get.
    """

    def __init__(
        self, watch: Callable[[], Watch[Seen]], take: Callable[[Seen], object], changed: Callable[[], Message]
    ) -> None:
        self._watch, self._take, self._changed = watch, take, changed
        self._viewers: list[MessagePump] = []
        self._stop: threading.Event | None = None

    def join(self, viewer: MessagePump) -> None:
        """From now on the viewer is told, at once for the first time; the first one starts the reading."""
        self._viewers.append(viewer)
        if self._stop is None:
            self._stop = stop = threading.Event()
            threading.Thread(target=follow, args=(self._watch(), self._see, stop), name="reader", daemon=True).start()
        viewer.post_message(self._changed())

    def leave(self, viewer: MessagePump) -> None:
        """The viewer is told nothing more; the last one ends the reading."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
        if not self._viewers and self._stop is not None:
            self._stop.set()
            self._stop = None

    def tell(self) -> None:
        """Tells every viewer."""
        for viewer in tuple(self._viewers):
            viewer.post_message(self._changed())

    def _see(self, seen: Seen) -> None:
        self._take(seen)
        self.tell()


def follow(watch: Watch[Seen], show: Callable[[Seen], object], stop: threading.Event) -> None:
    """Calls `show` with every change until `stop` is set. Blocks: for a thread."""
    while not stop.is_set():
        seen = watch.look()
        if seen is not None:
            show(seen)
        stop.wait(LOOK_SECONDS)
