"""The web application of `serve`: the page, its files, the socket to the app, downloads; all below the token.

Everyone who reaches the page can start programs as the person who serves it. So every request is checked: for the
token, for the name that it was sent to (a page of another site can have its own name bound to this machine's address)
and for the page that sent it. The page loads nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import ipaddress
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote, urlsplit

import textual_serve
from aiohttp import WSCloseCode, web

from mnist_tui import PROGRAM
from mnist_tui.cli.output import print_note
from mnist_tui.cli.serve import LOOPBACK
from mnist_tui.cli.visits import LARGEST_MESSAGE, Delivery, Places, Visit
from mnist_tui.unexpected import logged

ANY_ADDRESS = ("0.0.0.0", "::", "")
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""The address holds the token: it is told to no other site, and no other site's page embeds what lies below it."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws://{host} wss://{host}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
"""For files that the app hands over: a report can hold what somebody else wrote, and must not drive the app."""
SCRIPT = "js/textual.js"
DOWNLOADS, DOWNLOADS_BELOW = "location.origin}/download/", "location.origin}${window.location.pathname}download/"
"""Where the script looks for a file that the app hands over, and where such files are: below the page's own address."""
HEARTBEAT_SECONDS = 15.0
GOODBYE_SECONDS = 1.0
"""How long a page may take to answer that its socket is closed."""
MOST_WAITING = 200
"""Sockets that wait for a place, beyond those that have one."""
COLUMNS, ROWS, FONT_SIZE = 80, 24, 16
SMALLEST_FONT, LARGEST_FONT = 6, 72


def served_names(host: str, names: Sequence[str] = ()) -> frozenset[str]:
    """The names that requests may be sent to.

    Args:
        host: the address listened on. names: further ones that a person has named.
    """
    found = {host, *names}
    if host in LOOPBACK or _is_loopback(host):
        found |= {*LOOPBACK}
    elif host in ANY_ADDRESS:
        found |= {*LOOPBACK, socket.gethostname(), socket.getfqdn()}
    return frozenset(name.lower().rstrip(".") for name in found if name)


def pages(command: Sequence[str], token: str | None, names: frozenset[str], visitors: int) -> web.Application:
    """The web application.

    Args:
        command: starts the app. token: None where none is asked for.
        names: that requests may be sent to, beside the address at which a request arrived.
        visitors: most apps at once.
    """
    made = _Pages(command, token, names, visitors)
    application = web.Application(middlewares=[made.check])
    application.on_shutdown.append(made.close)
    base = "/{token}" if token else ""
    application.add_routes(
        [
            web.get(f"{base}/", made.page),
            web.get(f"{base}/static/{{path:.+}}", made.file),
            web.get(f"{base}/ws", made.connect),
            web.get(f"{base}/download/{{key}}", made.download),
        ]
    )
    return application


class _Pages:
    """The handlers of requests, and who is connected."""

    def __init__(self, command: Sequence[str], token: str | None, names: frozenset[str], visitors: int) -> None:
        self._command, self._token, self._names = command, token, names
        self._files = _files()
        self._template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
        self._places = Places(visitors)
        self._sockets: set[web.WebSocketResponse] = set()
        self._deliveries: dict[str, Delivery] = {}

    @web.middleware
    async def check(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Answer a request that may be answered."""
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
        """Answer with the page."""
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
        """Answer with a file that the page loads."""
        name = request.match_info["path"]
        if name not in self._files:
            raise web.HTTPNotFound(headers=HEADERS)
        if name == SCRIPT:
            script = self._files[name].read_text(encoding="utf-8").replace(DOWNLOADS, DOWNLOADS_BELOW)
            return web.Response(text=script, content_type="text/javascript", headers=HEADERS)
        return web.FileResponse(self._files[name], headers=HEADERS)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Connect a page with an app of its own, until one of the two ends."""
        if len(self._sockets) >= self._places.count + MOST_WAITING:
            raise web.HTTPServiceUnavailable(text="too many visitors wait already\n", headers=HEADERS)
        opened = web.WebSocketResponse(
            timeout=GOODBYE_SECONDS, heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_MESSAGE
        )
        keys: list[str] = []

        def deliver(delivery: Delivery) -> None:
            keys.append(delivery.key)
            self._deliveries[delivery.key] = delivery

        self._sockets.add(opened)
        try:
            await opened.prepare(request)
            size = _number(request.query.get("width"), COLUMNS), _number(request.query.get("height"), ROWS)
            await Visit(self._command, opened, size, self._places, deliver).run()
        finally:
            self._sockets.discard(opened)
            for key in keys:
                self._deliveries.pop(key, None)
        return opened

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Answer with a file that an app hands over, once."""
        delivery = self._deliveries.pop(request.match_info["key"], None)
        if delivery is None:
            raise web.HTTPNotFound(text="there is no such file, or it was fetched already\n", headers=HEADERS)
        response = web.StreamResponse(headers={**HEADERS, **_delivered_as(delivery)})
        await response.prepare(request)
        async for part in delivery.parts():
            await response.write(part)
        await response.write_eof()
        return response

    async def close(self, application: web.Application) -> None:
        """Say goodbye to every page, whose app then ends."""
        del application
        ends = [opened.close(code=WSCloseCode.GOING_AWAY, message=b"the server ends") for opened in self._sockets]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*ends, return_exceptions=True), GOODBYE_SECONDS)


def _refusal(request: web.Request, names: frozenset[str], *, is_page: bool) -> str:
    """Why a request is not answered, in a sentence; empty where it is."""
    hosts = request.headers.getall("Host", [])
    name = _name(hosts[0]) if len(hosts) == 1 else None
    if name is None or not (name in names or name == _arrived_at(request)):
        known = ", ".join(sorted(names))
        return f"this page is served as {known}; `{PROGRAM} serve --name NAME` serves it by another name too"
    origin = request.headers.get("Origin")
    if origin is not None:
        scheme, _, place = origin.partition("://")
        if scheme not in ("http", "https") or place.lower() != hosts[0].lower():
            return "another site's page may not use this one"
    if not is_page and request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return "another site's page may not use this one"
    return ""


def _name(host: str) -> str | None:
    """The name of a `Host` header, without its port; None where it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        if parts.netloc != host or "@" in host or parts.path or parts.query or parts.fragment:
            return None
        parts.port  # noqa: B018 (raises where it is none)
    except ValueError:
        return None
    return (parts.hostname or "").rstrip(".") or None


def _arrived_at(request: web.Request) -> str | None:
    """The address of this machine that a request's connection was made to.

    A page of another site is reached by a name, never by this machine's number.
    """
    own = request.transport.get_extra_info("sockname") if request.transport else None
    return own[0].partition("%")[0].lower() if own else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _files() -> dict[str, Path]:
    """The files of the page's terminal, by their paths below `static/`: textual-serve's."""
    root = Path(textual_serve.__file__).with_name("static")
    return {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}


def _delivered_as(delivery: Delivery) -> dict[str, str]:
    """The headers of a file that the app hands over."""
    known = delivery.mime_type if delivery.mime_type.isascii() and delivery.mime_type.isprintable() else ""
    kind = known or "application/octet-stream"
    coded = f"; charset={delivery.encoding}" if delivery.encoding.replace("-", "").isalnum() else ""
    how = "inline" if delivery.inline else "attachment"
    headers = {
        "Content-Type": kind + coded,
        "Content-Disposition": f"{how}; filename*=UTF-8''{quote(delivery.file_name, safe='', errors='replace')}",
    }
    return headers if kind == "application/pdf" else {**headers, "Content-Security-Policy": SANDBOX}


def _number(text: str | None, default: int) -> int:
    return int(text) if text and len(text) <= 9 and text.isascii() and text.isdigit() else default
