"""The driver of an app that is shown on a web page: Textual's packets on stdin and stdout, which the server holds.

The app ends with its connection: stdin ends when the visitor leaves and when the server dies, also of SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from textual import messages
from textual.app import App
from textual.drivers.web_driver import WebDriver

from mnist_tui.tui.terminal.window import bounded

LEAVING_SECONDS = 10.0
"""The time that the app has to leave after its connection has ended; then its process is ended."""


class PageDriver(WebDriver):
    """Textual's web driver, but the app ends with its connection, and its size is bounded."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        width, height = self._size or (80, 24)
        self._size = bounded(int(width), int(height))
        self._loop = asyncio.get_running_loop()
        self._write = self._write_if_connected

    def run_input_thread(self) -> None:
        """Handle input until the connection ends, then make the app leave."""
        super().run_input_thread()
        cut_off = threading.Timer(LEAVING_SECONDS, os._exit, [1])
        cut_off.daemon = True
        cut_off.start()
        if not self.exit_event.is_set() and not self._loop.is_closed():
            leaving = self._app._post_message(messages.ExitApp())  # pyright: ignore[reportPrivateUsage]
            asyncio.run_coroutine_threadsafe(leaving, self._loop)

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """Handle a packet other than input, with the size that a page sends cut to the bounds."""
        if packet_type == "resize":
            columns, rows = payload.get("width"), payload.get("height")
            if not isinstance(columns, int) or not isinstance(rows, int):
                return
            width, height = bounded(columns, rows)
            payload = {**payload, "width": width, "height": height}
        super().on_meta(packet_type, payload)

    def _write_if_connected(self, data: bytes, /) -> int:
        """Write to the server; ignore errors, since the end of stdin ends the app if the server is gone."""
        try:
            return os.write(self.fileno, data)
        except OSError:
            return len(data)
