"""The web server of `serve`: one page with its files, a web socket for each visit, and downloads.

Each visit has its own process of the app, which ends with the web socket: the server closes its stdin, and kills a
process that does not end by itself. Between the two go the packets of Textual's web driver: one letter, the length in
four bytes, the contents.

Everyone who can open the page can start programs as the user who serves it. So each request is checked for the token,
for the host name in it (another site can bind its own name to this machine's address) and for the page that sent it.
The page loads nothing from other sites.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import ipaddress
import json
import os
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Literal, cast
from urllib.parse import quote, urlsplit

import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web
from textual_serve._binary_encode import load as unpacked

from mnist_tui import PROGRAM, python_process
from mnist_tui.cli.output import print_note
from mnist_tui.cli.serve import LOOPBACK
from mnist_tui.files import parse_json
from mnist_tui.tui.terminal.window import bounded
from mnist_tui.unexpected import logged

HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""The headers of every response: no other site gets the address, which contains the token, or may embed the page."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws://{host} wss://{host}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
"""The policy for files that the app delivers: the text of a report may come from anyone and must not run scripts."""
SCRIPT = "js/textual.js"
DOWNLOADS, DOWNLOADS_BELOW = "location.origin}/download/", "location.origin}${window.location.pathname}download/"
"""The address of downloads in Textual's script, and the text that replaces it: an address below the page's own."""
HEARTBEAT_SECONDS = 15.0
GOODBYE_SECONDS = 1.0
"""How long a page may take to confirm that its socket is closed."""
MOST_WAITING = 200
"""How many sockets may wait for a place."""
COLUMNS, ROWS, FONT_SIZE = 80, 24, 16
SMALLEST_FONT, LARGEST_FONT = 6, 72


def served_names(host: str, names: Sequence[str] = ()) -> frozenset[str]:
    """Return the host names that requests may be sent to.

    Args:
        host: the address that the server listens on.
        names: further names, from the command line.
    """
    own = {host, *names}
    with suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            own |= {*LOOPBACK}
    if host in ("0.0.0.0", "::", ""):
        own |= {*LOOPBACK, socket.gethostname(), socket.getfqdn()}
    return frozenset(name.lower().rstrip(".") for name in own if name)


def pages(command: Sequence[str], token: str | None, names: frozenset[str], visitors: int) -> web.Application:
    """Return the web application.

    Args:
        command: the command line that starts the app.
        token: the token that every address must contain; None for no token.
        names: the host names that requests may be sent to, besides the address at which a request arrives.
        visitors: how many apps may run at once; later visitors wait.
    """
    handlers = Pages(command, token, names, visitors)
    application = web.Application(middlewares=[handlers.check])
    application.on_shutdown.append(handlers.close)
    base = "/{token}" if token else ""
    application.add_routes(
        [
            web.get(f"{base}/", handlers.page),
            web.get(f"{base}/static/{{path:.+}}", handlers.file),
            web.get(f"{base}/ws", handlers.connect),
            web.get(f"{base}/download/{{key}}", handlers.download),
        ]
    )
    return application


class Pages:
    """The handlers of requests, and the visits that are open; the arguments are those of `pages`.

    Attributes:
        free: the places that are free.
        starting: limits how many apps start at once.
    """

    def __init__(self, command: Sequence[str], token: str | None, names: frozenset[str], visitors: int) -> None:
        self.command, self.visitors = command, visitors
        self.free = asyncio.Semaphore(visitors)
        self.starting = asyncio.Semaphore(os.cpu_count() or 1)
        self._token, self._names = token, names
        root = Path(textual_serve.__file__).with_name("static")
        self._files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        self._template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
        self._visits: set[Visit] = set()

    @web.middleware
    async def check(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Answer a request, but only if its token, host name and origin are right."""
        given = request.path.split("/")[1]
        if self._token and not hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode()):
            raise web.HTTPForbidden(text="the address needs the token that serve printed\n", headers=HEADERS)
        is_page = request.path == (f"/{self._token}/" if self._token else "/")
        if refusal := _refusal(request, self._names, is_page=is_page):
            raise web.HTTPForbidden(text=f"{refusal}\n", headers=HEADERS)
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:
            print_note(f"error: {logged(error)}")
            raise web.HTTPInternalServerError(text="something unexpected went wrong\n", headers=HEADERS) from None

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Answer with the HTML page."""
        path = request.path.rstrip("/")
        size = max(SMALLEST_FONT, min(_number(request.query.get("fontsize"), FONT_SIZE), LARGEST_FONT))
        values = {
            "name": PROGRAM,
            "static": f"{path}/static/",
            "socket": f"{'wss' if request.secure else 'ws'}://{request.host}{path}/ws",
            "font_size": str(size),
        }
        text = self._template.substitute({name: html.escape(value) for name, value in values.items()})
        headers = {**HEADERS, "Content-Security-Policy": POLICY.format(host=request.host)}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Answer with a file of Textual's that the page loads."""
        name = request.match_info["path"]
        if name not in self._files:
            raise web.HTTPNotFound(headers=HEADERS)
        if name == SCRIPT:
            script = self._files[name].read_text(encoding="utf-8").replace(DOWNLOADS, DOWNLOADS_BELOW)
            return web.Response(text=script, content_type="text/javascript", headers=HEADERS)
        return web.FileResponse(self._files[name], headers=HEADERS)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Start an app for a page, and connect the two until either ends."""
        if len(self._visits) >= self.visitors + MOST_WAITING:
            raise web.HTTPServiceUnavailable(text="too many visitors wait already\n", headers=HEADERS)
        opened = web.WebSocketResponse(
            timeout=GOODBYE_SECONDS, heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_MESSAGE
        )
        size = _number(request.query.get("width"), COLUMNS), _number(request.query.get("height"), ROWS)
        visit = Visit(self, opened, size)
        self._visits.add(visit)
        try:
            await opened.prepare(request)
            await visit.run()
        finally:
            self._visits.discard(visit)
        return opened

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Answer with a file that an app delivers; each file is answered once."""
        key = request.match_info["key"]
        delivery = next((visit.deliveries[key] for visit in self._visits if key in visit.deliveries), None)
        if delivery is None or delivery.fetched:
            raise web.HTTPNotFound(text="there is no such file, or it was fetched already\n", headers=HEADERS)
        delivery.fetched = True
        response = web.StreamResponse(headers={**HEADERS, **delivery.headers})
        await response.prepare(request)
        async for part in delivery.parts():
            await response.write(part)
        await response.write_eof()
        return response

    async def close(self, _: web.Application) -> None:
        """Close all web sockets, which ends their apps."""
        closings = [
            visit.socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server ends") for visit in self._visits
        ]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*closings, return_exceptions=True), GOODBYE_SECONDS)


def _refusal(request: web.Request, names: frozenset[str], *, is_page: bool) -> str:
    """Return a sentence that says why a request is refused; empty if it is accepted."""
    hosts = request.headers.getall("Host", [])
    name = _name(hosts[0]) if len(hosts) == 1 else None
    own = request.transport.get_extra_info("sockname") if request.transport else None
    # Another site's page has that site's name in its requests, never the address of this machine.
    if name is None or not (name in names or (own and name == own[0].partition("%")[0].lower())):
        served = ", ".join(sorted(names))
        return f"this page is served as {served}; `{PROGRAM} serve --name NAME` serves it by another name too"
    origin = request.headers.get("Origin")
    if origin is not None:
        scheme, _, place = origin.partition("://")
        if scheme not in ("http", "https") or place.lower() != hosts[0].lower():
            return "another site's page may not use this one"
    if not is_page and request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return "another site's page may not use this one"
    return ""


def _name(host: str) -> str | None:
    """Return the name in a `Host` header without its port; None if the header is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        if parts.netloc != host or "@" in host or parts.path or parts.query or parts.fragment:
            return None
        parts.port  # noqa: B018 (raises ValueError if it is not a number)
    except ValueError:
        return None
    return (parts.hostname or "").rstrip(".") or None


def _delivery_headers(message: dict[str, Any]) -> dict[str, str]:
    kind, encoding = message["mime_type"] or "", message["encoding"] or ""
    if not kind or not kind.isascii() or not kind.isprintable():
        kind = "application/octet-stream"
    coded = f"; charset={encoding}" if encoding.replace("-", "").isalnum() else ""
    how = "inline" if message["open_method"] == "browser" else "attachment"
    file_name = quote(Path(message["path"]).name, safe="", errors="replace")
    headers = {"Content-Type": kind + coded, "Content-Disposition": f"{how}; filename*=UTF-8''{file_name}"}
    return headers if kind == "application/pdf" else {**headers, "Content-Security-Policy": SANDBOX}


def _number(text: str | None, default: int) -> int:
    return int(text) if text and len(text) <= 9 and text.isascii() and text.isdigit() else default


DRIVER = "mnist_tui.tui.terminal.web_driver:PageDriver"
LARGEST_MESSAGE = 1_000_000
"""The most bytes of one message of a page."""
MOST_UNREAD = 2_000_000
"""The most bytes of input that may wait for an app that does not read; the page is closed if there are more."""
CHUNK_BYTES = 64 * 1024
DELIVERY_SECONDS = 10.0
STARTING_SECONDS = 60.0
LEAVING_SECONDS = 5.0
"""How long an app may take to end after its page was closed."""
SIGN_OF_LIFE = b"__GANGLION__\n"
"""The line that Textual's web driver writes before its packets."""
MOST_LINES_BEFORE = 10
FULL = "All places are taken: this server shows the app to {count} visitors at once.\r\nWaiting for a place …\r\n"
NOT_STARTED = "The app did not start. The terminal in which the server runs says why.\r\n"


class MalformedMessageError(Exception):
    """A page sent a message that our page never sends; the error's text says what is wrong."""


@dataclass
class Delivery:
    """A file that an app sends in parts to the browser that shows it.

    Attributes:
        key: the app's key for the file.
        name: a name that the app expects in each request for a part.
        encoding: the encoding of a text file, whose parts arrive as text; empty for a file of bytes.
        headers: the headers of the response with the file.
        fetched: whether the browser has requested the file.
    """

    visit: Visit
    key: str
    name: str | None
    encoding: str
    headers: dict[str, str]
    chunks: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue[bytes])
    fetched: bool = False

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the file's contents in parts; end early if the app sends no part for DELIVERY_SECONDS."""
        request = {"type": "deliver_chunk_request", "key": self.key, "size": CHUNK_BYTES, "name": self.name}
        with suppress(TimeoutError):
            while True:
                self.visit.send_meta(request)
                chunk = await asyncio.wait_for(self.chunks.get(), DELIVERY_SECONDS)
                if not chunk:
                    return
                yield chunk


class Visit:
    """An open page and its app; `size` is the columns and rows of the page's terminal."""

    def __init__(self, pages: Pages, socket: web.WebSocketResponse, size: tuple[int, int]) -> None:
        self._pages, self.socket = pages, socket
        self._size = bounded(*size)
        self._process: Process | None = None
        self.deliveries: dict[str, Delivery] = {}

    async def run(self) -> None:
        """Show the app on the page until one of them ends."""
        shown, wrong = asyncio.create_task(self._show()), ""
        try:
            async for message in self.socket:
                if message.type is WSMsgType.TEXT:
                    await self._handle_page_message(message.data)
        except MalformedMessageError as error:
            wrong = str(error)
        finally:
            shown.cancel()
            with suppress(asyncio.CancelledError):
                await shown
        if wrong:
            await self.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=wrong.encode())

    def send_meta(self, message: Mapping[str, object]) -> None:
        """Send the app a message other than input."""
        self._send(b"M", json.dumps(message).encode())

    async def _show(self) -> None:
        """Wait for a free place, start the app, and relay its output to the page."""
        if self._pages.free.locked():
            await self._write(FULL.format(count=self._pages.visitors))
        async with self._pages.free:
            try:
                async with self._pages.starting:
                    stdout = await self._start()
                if stdout is None:
                    await self._write(NOT_STARTED)
                else:
                    await self._relay(stdout)
                await self.socket.close()
            finally:
                await self._end_process()

    async def _start(self) -> asyncio.StreamReader | None:
        """Start the app and return its stdout once it is ready to draw; None if it ends or hangs before that."""
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
            self._process = await asyncio.create_subprocess_exec(
                *self._pages.command, stdin=PIPE, stdout=PIPE, env=variables
            )
        except OSError as error:
            print_note(f"error: the app of a page cannot be started: {error}")
            return None
        stdout = cast(asyncio.StreamReader, self._process.stdout)
        with suppress(TimeoutError, ValueError):
            async with asyncio.timeout(STARTING_SECONDS):
                for _ in range(MOST_LINES_BEFORE):
                    if await stdout.readline() == SIGN_OF_LIFE:
                        self._send_size()  # it may have changed meanwhile
                        return stdout
        return None

    async def _relay(self, stdout: asyncio.StreamReader) -> None:
        """Send the app's output to the page until one of them ends."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, length = await stdout.readexactly(1), int.from_bytes(await stdout.readexactly(4), "big")
                contents = await stdout.readexactly(length)
                if kind == b"D":
                    await self.socket.send_bytes(contents)
                elif kind == b"M" and await self._handle_app_message(json.loads(contents)):
                    return
                elif kind == b"P":
                    self._pass_chunk_on(unpacked(contents))

    async def _handle_app_message(self, message: dict[str, Any]) -> bool:
        """Handle a message of the app other than output; return whether the app exits."""
        kind = message.get("type")
        if kind == "open_url":
            await self.socket.send_json(["open_url", {"url": message["url"], "new_tab": message["new_tab"]}])
        elif kind == "deliver_file_start":
            key, encoding = str(message["key"]), message["encoding"] or ""
            self.deliveries[key] = Delivery(self, key, message.get("name"), encoding, _delivery_headers(message))
            await self.socket.send_json(["deliver_file_start", key])
        return kind == "exit"

    def _pass_chunk_on(self, message: Any) -> None:
        match message:
            case ("deliver_chunk", str(key), bytes() | str() as chunk) if key in self.deliveries:
                delivery = self.deliveries[key]
                coding = delivery.encoding or "utf-8"
                delivery.chunks.put_nowait(chunk.encode(coding) if isinstance(chunk, str) else chunk)
            case _:
                pass

    async def _handle_page_message(self, text: str) -> None:
        """Handle a message of the page.

        Raises:
            MalformedMessageError: our page never sends such a message.
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
                self._send_size()
            case ["ping", str(sent)]:
                await self.socket.send_json(["pong", sent])
            case ["blur" | "focus" as what, *_]:
                self.send_meta({"type": what})
            case _:
                raise MalformedMessageError("the page never sends such a message")

    def _send_size(self) -> None:
        self.send_meta({"type": "resize", "width": self._size[0], "height": self._size[1]})

    def _send(self, kind: Literal[b"D", b"M"], contents: bytes) -> None:
        """Send the app a packet, which is dropped if the app does not run.

        Raises:
            MalformedMessageError: more than MOST_UNREAD bytes wait for the app.
        """
        if self._process is None or self._process.stdin is None or self._process.stdin.is_closing():
            return
        self._process.stdin.write(kind + len(contents).to_bytes(4, "big") + contents)
        if self._process.stdin.transport.get_write_buffer_size() > MOST_UNREAD:
            raise MalformedMessageError("the app does not read what is sent")

    async def _write(self, text: str) -> None:
        with suppress(ConnectionError):
            await self.socket.send_bytes(text.encode())

    async def _end_process(self) -> None:
        """Close the stdin of the app, which makes it leave, and kill its process if that takes too long."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        for delivery in self.deliveries.values():
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
