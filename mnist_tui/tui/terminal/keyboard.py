"""Handle keys one after another: each key waits until all work that the previous key started has ended.

Textual decides which widget gets a key when the key arrives. Keys of one packet (a slow line, a macro, a pasted
command) would all go to the widget that had the focus before the first of them was handled.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import ExitStack
from typing import Any
from weakref import WeakKeyDictionary

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.worker import WorkerState

TAKES_KEYBOARD = "takes-keyboard"
"""The group of workers that show another screen or ask a question: keys wait for them."""
STEP_SECONDS = 0.005
PATIENCE = 400
"""The most steps that a key waits for the previous key, so that a handler that hangs does not block all keys."""
TURNS = 50
"""The number of checks in a wait before it begins to sleep between two checks."""
HOPS = 12
"""The turns of the event loop between two checks: about the number of widgets that a key passes on its way up."""
FRAME_SECONDS = 0.1
"""The time between two frames while keys wait."""
UNHURRIED = (events.MouseMove, events.MouseScrollUp, events.MouseScrollDown)
"""Events that neither move the focus nor open a screen; the next event need not wait for them."""


class Keyboard:
    """The queue that passes keys, clicks and pastes on to an app, one at a time.

    A screen with `MUST_BE_SEEN = True` never gets an event that arrived before the screen was drawn. A screen that was
    covered by another one has to be drawn again first.

    Attributes:
        acting: the number of actions under way.
        asking: the number of workers that wait for the user's answer.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._waiting: deque[events.Event] = deque()
        self._released: events.Event | None = None
        self._settling: asyncio.Task[None] | None = None
        self._drawn: WeakKeyDictionary[Screen[Any], float] = WeakKeyDictionary()
        self._held: ExitStack | None = None
        self._frame, self._frame_due = 0.0, False
        self.acting = 0
        self.asking = 0

    @property
    def settled(self) -> bool:
        """Whether a key would be handled at once, by a screen that has been drawn."""
        idle = self._settling is None and self._released is None and not self._waiting
        return idle and bool(self._app.screen_stack) and self._app.screen in self._drawn

    def admits(self, event: events.Event) -> bool:
        """Return whether the app must handle an event now; otherwise the event is sent again later or dropped."""
        if event is self._released:
            self._released = None
        elif self._settling is not None or self._released is not None or self._waiting:
            self._keep(event)
            return False
        if not self._app.screen_stack:  # the app ends, or has not begun
            self._waiting.clear()
            self._pace()
            return False
        if self._too_early(event):
            self._release()
            return False
        return True

    def handled(self, event: events.Event) -> None:
        """Note that the app has dispatched an event; later events wait until all work that it started has ended."""
        if isinstance(event, UNHURRIED):
            self._release()
        else:
            self._settling = asyncio.create_task(self._settle(), name="keyboard")

    def watch(self, screen: Screen[Any]) -> None:
        """Note the time at which the present screen is drawn; forget the times of questions that it covers."""
        for covered in [known for known in self._drawn if known is not screen and _must_be_seen(known)]:
            del self._drawn[covered]
        if screen not in self._drawn:
            screen.call_after_refresh(self._remember_drawn, screen)

    def _remember_drawn(self, screen: Screen[Any]) -> None:
        if screen is self._app.screen:
            self._drawn.setdefault(screen, time.monotonic())

    def _keep(self, event: events.Event) -> None:
        """Store an event for later; of consecutive mouse movements, store the last one only."""
        if isinstance(event, events.MouseMove) and self._waiting and isinstance(self._waiting[-1], events.MouseMove):
            self._waiting.pop()
        self._waiting.append(event)

    def _too_early(self, event: events.Event) -> bool:
        """Return whether an event came before the present question was drawn."""
        screen = self._app.screen
        return _must_be_seen(screen) and event.time <= self._drawn.get(screen, float("inf"))

    def _release(self) -> None:
        """Send the next waiting event to the app again; if none waits, stop holding redraws back."""
        self._pace()
        if self._waiting:
            self._released = self._waiting.popleft()
            if not self._app.post_message(self._released):
                self._released = None
                self._waiting.clear()

    async def _settle(self) -> None:
        """Wait until no work is under way, then send the next event.

        A message passes from a widget to its parent in one turn of the event loop. After some turns with empty queues,
        only handlers that wait for something are left; a message sent to their widget waits for them, too.
        """
        try:
            patience, turns, seen = PATIENCE, 0, None
            while patience > 0 and self._app.is_running:
                turns += 1
                self._pace()
                for _ in range(HOPS):
                    await asyncio.sleep(0)
                now = (self._app.focused, *self._app.screen_stack) if self._app.screen_stack else ()
                if now == seen and self._quiet():
                    for pump in (self._app.screen, self._app) if now else ():
                        patience = await _through(pump, patience)
                    if now[1:] == tuple(self._app.screen_stack) and self._quiet() and not self._unfinished():
                        patience = await self._laid_out(patience)
                        break
                if turns > TURNS or self._unfinished():
                    patience -= 1
                    await asyncio.sleep(STEP_SECONDS)
                seen = now
        finally:
            self._settling = None
            self._release()

    def _pace(self) -> None:
        """Hold redraws back while keys wait, but draw a frame now and then: a frame takes longer than most keys."""
        new = time.monotonic() - self._frame < FRAME_SECONDS
        if self._waiting and new and self._app.screen in self._drawn:
            if self._held is None:
                self._held = ExitStack()
                self._held.enter_context(self._app.batch_update())
            return
        self._show_frame()
        if self._waiting and not self._frame_due and self._app.screen_stack:
            self._frame_due = True
            self._app.screen.call_after_refresh(self._framed)

    def _show_frame(self) -> None:
        """Stop holding redraws back."""
        if self._held is not None:
            self._held.close()
            self._held = None
            if self._app.screen_stack:
                self._app.screen.check_idle()  # it has not been asked to draw meanwhile

    async def _laid_out(self, patience: int) -> int:
        """Wait until the widget with the focus has a size: an option list without a size fails on Page Up."""
        focused = self._app.focused
        if focused is None or focused.size or not self._app.screen_stack:
            return patience
        self._show_frame()
        drawn = asyncio.Event()
        self._app.screen.call_after_refresh(drawn.set)
        while not drawn.is_set() and not focused.size and patience > 0 and self._app.is_running:
            patience -= 1
            await asyncio.sleep(STEP_SECONDS)
        return patience

    def _framed(self) -> None:
        self._frame, self._frame_due = time.monotonic(), False

    def _quiet(self) -> bool:
        """Return whether no message waits in the queues from the focused widget up to the app, where a key passes."""
        lowest = (self._app.focused or self._app.screen) if self._app.screen_stack else self._app
        return all(node.message_queue_size == 0 for node in lowest.ancestors_with_self)

    def _unfinished(self) -> bool:
        """Return whether work is under way that may still move the focus or show a screen."""
        workers = [worker for worker in self._app.workers if worker.group == TAKES_KEYBOARD]
        busy = sum(worker.state in {WorkerState.PENDING, WorkerState.RUNNING} for worker in workers)
        shown = self._app.screen_stack
        leaving = any(isinstance(node, Screen) and node not in shown for node in self._app._nodes)  # pyright: ignore[reportPrivateUsage]
        return self.acting > 0 or busy > self.asking or leaving or self._app.screen not in self._drawn


def _must_be_seen(screen: Screen[Any]) -> bool:
    return getattr(screen, "MUST_BE_SEEN", False)


async def _through(pump: MessagePump, patience: int) -> int:
    """Wait until a widget has handled all messages now in its queue; return the rest of the patience."""
    passed = asyncio.Event()
    if not pump.is_running or not pump.call_later(passed.set):
        return patience
    turns = 0
    while not passed.is_set() and patience > 0 and pump.is_running:
        turns += 1
        if turns > TURNS:
            patience -= 1
        await asyncio.sleep(STEP_SECONDS if turns > TURNS else 0)
    return patience


def focus_within(screen: Screen[Any], by: int) -> None:
    """Move the focus to the next field (1) or the previous one (-1), but not out of the pane or the form.

    A pane with the class ``-stacked`` is a part of a column, which the focus leaves for the next part.
    """
    focused = screen.focused
    ancestors = focused.ancestors if focused else ()
    pane = next((node for node in ancestors if node.has_class("pane") and not node.has_class("-stacked")), None)
    chain = [widget for widget in screen.focus_chain if pane is None or pane in widget.ancestors]
    if screen.focused not in chain:
        screen.focus_next()
        return
    at = chain.index(screen.focused) + by
    if 0 <= at < len(chain):
        screen.set_focus(chain[at])
