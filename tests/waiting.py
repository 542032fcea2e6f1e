"""How tests wait: for a condition, as long as it takes, so that a busy machine makes them slower and never red."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual._context import active_app
from textual._wait import wait_for_idle
from textual.app import App
from textual.message_pump import MessagePump
from textual.worker import WorkerState

PATIENCE, APP_PATIENCE = 600.0, 120.0
"""Seconds after which a condition is taken for one that never comes: of other processes, and of an app in this one.

They end a test that hangs; they measure nothing.
"""
LOOK_SECONDS = 0.02
AT_WORK = (WorkerState.PENDING, WorkerState.RUNNING)


def wait_for(condition: Callable[[], Any], said: Callable[[], Any] = str) -> Any:
    """Return what `condition` returns once that is true.

    Args:
        condition: asked again and again.
        said: what a failure is explained by; called only then.
    """
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"nothing came within {PATIENCE:g} s\n{said()}"
        time.sleep(LOOK_SECONDS)
    return found


async def until(condition: Callable[[], Any], said: Callable[[], Any] = str) -> Any:
    """Wait as `wait_for` does, while the event loop goes on."""
    end = time.monotonic() + APP_PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"nothing came within {APP_PATIENCE:g} s\n{said()}"
        await asyncio.sleep(LOOK_SECONDS)
    return found


async def settled(app: App[Any]) -> None:
    """Wait until every message has been handled and the screen is drawn.

    Textual's own `wait_for_idle` compares the process's CPU time with the clock: a process that gets no core looks
    idle to it. Threads cannot be asked whether they are done; where one is at work, Textual's guess is taken besides.
    """
    quiet = 0
    while quiet < 3 and app.is_running and not app._exit:
        quiet = 0 if _is_busy(app) else quiet + 1
        await asyncio.sleep(0 if quiet else 0.001)
    if any(
        worker.state in (WorkerState.PENDING, WorkerState.RUNNING) and worker._thread_worker for worker in app.workers
    ):
        await wait_for_idle(0)


def _is_busy(app: App[Any]) -> bool:
    """Whether a widget has a message that was not yet handled, a key waits, or the screen waits to be drawn."""
    keyboard = getattr(app, "keyboard", None)
    if keyboard is not None and app.screen_stack and not keyboard.settled:
        return True
    if any(pump._running and not _waits_for_messages(pump) for pump in (app, *app._registry)):
        return True
    screen = app.screen_stack[-1] if app.screen_stack else None
    if screen is None:
        return False
    waits = screen._layout_required or screen._scroll_required or screen._repaint_required or screen._dirty_widgets
    return bool(waits or screen._recompose_required or screen._callbacks)


def _waits_for_messages(pump: MessagePump) -> bool:
    queue = pump._message_queue
    return queue.empty() and bool(queue.ready_event._waiters)


async def wait_for_idle_app(min_sleep: float = 0, max_sleep: float = 1) -> None:
    """Stand in for Textual's `wait_for_idle`."""
    if (app := active_app.get(None)) is not None:
        await settled(app)
    else:
        await wait_for_idle(min_sleep, max_sleep)
