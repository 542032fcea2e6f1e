"""A visit to the page that `serve` serves: a web socket, and the process of the app that it drives.

What a page sends is checked here. The process ends with its socket: its stdin is closed, which makes it leave, and it
is killed where it does not. Packets are those of Textual's web driver: a letter, four bytes of length, the contents.
"""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from aiohttp import WSCloseCode, WSMsgType, web
from textual_serve._binary_encode import load as unpacked

from mnist_tui import python_process
from mnist_tui.cli.output import print_note
from mnist_tui.files import parse_json
from mnist_tui.tui.terminal.page_size import bounded

DRIVER = "mnist_tui.tui.terminal.web_driver:PageDriver"
LARGEST_MESSAGE = 1_000_000
"""Bytes of one message of a page."""
MOST_UNREAD = 2_000_000
"""Bytes of input that wait for an app which does not read them, before its page is given up."""
CHUNK_BYTES = 64 * 1024
DELIVERY_SECONDS = 10.0
STARTING_SECONDS = 60.0
LEAVING_SECONDS = 5.0
"""How long an app may take to leave once its page has gone."""
SIGN_OF_LIFE = b"__GANGLION__\n"
"""What Textual's web driver writes before its packets."""
MOST_LINES_BEFORE = 10
FULL = "All places are taken: this server shows the app to {count} visitors at once.\r\nWaiting for a place …\r\n"
NOT_STARTED = "The app did not start. The terminal in which the server runs says why.\r\n"


class MalformedMessageError(Exception):
    """A page sent what no page of ours sends; its text says what."""


@dataclass(frozen=True)
class Delivery:
    """A file that an app hands to its page.

    Attributes:
        key: the app's name for it. name: what the app wants to be told back with each request for a part.
        inline: whether the browser shows it; else it is saved.
    """

    visit: Visit
    key: str
    name: str | None
    file_name: str
    mime_type: str
    encoding: str
    inline: bool
    chunks: asyncio.Queue[bytes]

    async def parts(self) -> AsyncIterator[bytes]:
        """The file's contents, part by part; ends early where the app does not go on."""
        while True:
            self.visit.send_meta(
                {"type": "deliver_chunk_request", "key": self.key, "size": CHUNK_BYTES, "name": self.name}
            )
            try:
                chunk = await asyncio.wait_for(self.chunks.get(), DELIVERY_SECONDS)
            except TimeoutError:
                return
            if not chunk:
                return
            yield chunk


class Places:
    """How many apps run at once, and how many of them start at once.

    Args:
        visitors: most apps at once; who comes later waits.
    """

    def __init__(self, visitors: int) -> None:
        self.count = visitors
        self.free = asyncio.Semaphore(visitors)
        self.starting = asyncio.Semaphore(os.cpu_count() or 1)


class Visit:
    """One page that is open.

    Args:
        command: starts the app.
        size: columns and rows of the page's terminal.
        deliver: told of each file that the app hands over.
    """

    def __init__(
        self,
        command: Sequence[str],
        socket: web.WebSocketResponse,
        size: tuple[int, int],
        places: Places,
        deliver: Callable[[Delivery], None],
    ) -> None:
        self._command, self._socket, self._places, self._deliver = command, socket, places, deliver
        self._size = bounded(*size)
        self._process: Process | None = None
        self._deliveries: dict[str, Delivery] = {}

    async def run(self) -> None:
        """Show the app on the page until one of the two ends."""
        shown, wrong = asyncio.create_task(self._show()), ""
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(message.data)
        except MalformedMessageError as error:
            wrong = str(error)
        finally:
            shown.cancel()
            with suppress(asyncio.CancelledError):
                await shown
        if wrong:
            await self._socket.close(code=WSCloseCode.POLICY_VIOLATION, message=wrong.encode())

    def send_meta(self, message: dict[str, object]) -> None:
        """Send the app a message that is not input."""
        self._send(b"M", json.dumps(message).encode())

    async def _show(self) -> None:
        """Wait for a place, start the app, and relay what it draws."""
        if self._places.free.locked():
            await self._write(FULL.format(count=self._places.count))
        async with self._places.free:
            try:
                async with self._places.starting:
                    stdout = await self._start()
                if stdout is None:
                    await self._write(NOT_STARTED)
                else:
                    await self._relay(stdout)
                await self._socket.close()
            finally:
                await self._end_process()

    async def _start(self) -> asyncio.StreamReader | None:
        """The app's stdout, once it is ready to draw; None where it ends before."""
        columns, rows = self._size
        variables = python_process.environment(
            {
                "TEXTUAL_DRIVER": DRIVER,
                "TEXTUAL_FPS": "60",
                "TEXTUAL_COLOR_SYSTEM": "truecolor",
                "TERM_PROGRAM": "textual",
                "COLUMNS": str(columns),
                "ROWS": str(rows),
            }
        )
        try:
            self._process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, env=variables)
        except OSError as error:
            print_note(f"error: the app of a page cannot be started: {error}")
            return None
        stdout = cast(asyncio.StreamReader, self._process.stdout)
        with suppress(TimeoutError, ValueError):
            async with asyncio.timeout(STARTING_SECONDS):
                for _ in range(MOST_LINES_BEFORE):
                    if await stdout.readline() == SIGN_OF_LIFE:
                        self._resize(*self._size)  # it may have changed meanwhile
                        return stdout
        return None

    async def _relay(self, stdout: asyncio.StreamReader) -> None:
        """Send the page what the app writes, until either ends."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, length = await stdout.readexactly(1), int.from_bytes(await stdout.readexactly(4), "big")
                contents = await stdout.readexactly(length)
                if kind == b"D":
                    await self._socket.send_bytes(contents)
                elif kind == b"M" and await self._told(json.loads(contents)):
                    return
                elif kind == b"P":
                    self._came(unpacked(contents))

    async def _told(self, message: dict[str, Any]) -> bool:
        """Handle a message of the app that is not drawing; whether it was its last."""
        match message.get("type"):
            case "exit":
                return True
            case "open_url":
                await self._socket.send_json(["open_url", {"url": message["url"], "new_tab": message["new_tab"]}])
            case "deliver_file_start":
                key = str(message["key"])
                self._deliveries[key] = Delivery(
                    self,
                    key,
                    message.get("name"),
                    Path(message["path"]).name,
                    message["mime_type"] or "",
                    message["encoding"] or "",
                    message["open_method"] == "browser",
                    asyncio.Queue(),
                )
                self._deliver(self._deliveries[key])
                await self._socket.send_json(["deliver_file_start", key])
            case _:
                pass
        return False

    def _came(self, message: Any) -> None:
        """Pass a part of a file on to the download that asked for it."""
        match message:
            case ("deliver_chunk", str(key), bytes() | str() as chunk) if key in self._deliveries:
                delivery = self._deliveries[key]
                coding = delivery.encoding or "utf-8"
                delivery.chunks.put_nowait(chunk.encode(coding) if isinstance(chunk, str) else chunk)
            case _:
                pass

    async def _take(self, text: str) -> None:
        """Handle a message of the page.

        Raises:
            MalformedMessageError: it is none that a page sends.
        """
        try:
            message = parse_json(text)
        except ValueError:
            raise MalformedMessageError("a message is not JSON") from None
        match message:
            case ["stdin", str(keys)]:
                self._send(b"D", keys.encode("utf-8", "replace"))
            case ["resize", {"width": int(columns), "height": int(rows)}]:
                self._size = bounded(columns, rows)
                self._resize(*self._size)
            case ["ping", str(sent)]:
                await self._socket.send_json(["pong", sent])
            case ["blur" | "focus" as what, *_]:
                self.send_meta({"type": what})
            case _:
                raise MalformedMessageError("a message is none that the page sends")

    def _resize(self, columns: int, rows: int) -> None:
        self.send_meta({"type": "resize", "width": columns, "height": rows})

    def _send(self, kind: Literal[b"D", b"M"], contents: bytes) -> None:
        """Give the app a packet; dropped where it has not started or has ended.

        Raises:
            MalformedMessageError: the app does not read, and too much waits for it already.
        """
        if self._process is None or self._process.stdin is None or self._process.stdin.is_closing():
            return
        self._process.stdin.write(kind + len(contents).to_bytes(4, "big") + contents)
        if self._process.stdin.transport.get_write_buffer_size() > MOST_UNREAD:
            raise MalformedMessageError("the app does not read what is sent")

    async def _write(self, text: str) -> None:
        with suppress(ConnectionError):
            await self._socket.send_bytes(text.encode())

    async def _end_process(self) -> None:
        """End the app's process: its stdin is closed, which makes it leave; it is killed where it does not in time."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        for delivery in self._deliveries.values():
            delivery.chunks.put_nowait(b"")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(LEAVING_SECONDS):
                while await process.stdout.read(CHUNK_BYTES):
                    pass  # an app that could not write would not leave
                await process.wait()
        except (TimeoutError, asyncio.CancelledError):
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
