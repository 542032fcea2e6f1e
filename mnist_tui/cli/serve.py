"""`serve`: the app in a web browser, for those without a terminal. One process of the app for each page that is open.

Whoever reaches the page can start programs as the person who serves it: it is on loopback only, and every address
begins with a random token that every request is checked for.
"""

from __future__ import annotations

import hmac
import secrets
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.options import DataDir, RunsDir, data_folder, runs_folder
from mnist_tui.cli.output import print_line, print_note
from mnist_tui.experiment.problem import RequestError

if TYPE_CHECKING:
    from aiohttp import web

MISSING = f"serve needs textual-serve, which is not installed: `python -m pip install '{PROGRAM}[web]'` adds it"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: ws: wss:; frame-ancestors 'none'",
}
"""The address holds the token: it is told to no other site, and nothing is loaded from one."""
SCRIPT = "textual.js"
DOWNLOADS, DOWNLOADS_BELOW = "location.origin}/download/", "location.origin}${window.location.pathname}download/"
"""Where the script looks for a file that the app hands over, and where such files are: below the page's own address."""
CLOSING_SECONDS = 3.0


def serve(
    ctx: typer.Context,
    *,
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option("--host", metavar="H", help="The address to listen on.")] = "127.0.0.1",
    token: Annotated[bool, typer.Option("--token/--no-token", help="Ask for a token in the address.")] = True,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """The app in a web browser, at an address that is printed. Ctrl-C ends it; trainings go on."""
    try:
        from aiohttp import web
        from textual_serve import server
    except ImportError:
        raise RequestError(MISSING) from None
    del server
    secret = secrets.token_urlsafe(24) if token else None
    listening = _listen(host, port)
    warn(host, token)
    shown = f"[{host}]" if ":" in host else host
    child = app_command(runs_folder(ctx, runs_dir), data_folder(ctx, data_dir))

    def tell(ready: str) -> None:
        """Called once pages are served and signals are heard."""
        del ready
        print_note("Ctrl-C ends it; trainings go on")
        print_line(f"http://{shown}:{listening.getsockname()[1]}/{f'{secret}/' if secret else ''}")

    web.run_app(
        pages(child, secret), sock=listening, print=tell, shutdown_timeout=CLOSING_SECONDS, access_log=None
    )  # fmt: skip


def warn(host: str, token: bool) -> None:
    """Says on stderr what an address beyond loopback, or one without a token, opens."""
    if host not in LOOPBACK:
        print_note(
            f"warning: {host} can be reached from other machines, and what is sent can be read on the way: anyone who "
            "learns the address can start programs as you"
        )
    if not token:
        print_note(
            "warning: without a token anyone who reaches the port, every user of this machine too, can start programs "
            "as you"
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise RequestError(f"{host} port {port} cannot be listened on ({why}); --port 0 takes a free one") from None


def app_command(runs_dir: Path, data_dir: Path | None) -> str:
    """The shell's line that starts the app for one page."""
    words = [sys.executable, "-m", "mnist_tui", "--runs-dir", str(runs_dir)]
    return shlex.join([*words, "--data-dir", str(data_dir)] if data_dir else words)


def pages(command: str, token: str | None) -> web.Application:
    """The web application: page, its files, the socket to the app, downloads; all below the token.

    Args:
        command: starts the app. token: None where none is asked for.
    """
    import aiohttp_jinja2
    import jinja2
    from aiohttp import web
    from textual_serve.server import Server

    server = Server(command, title=PROGRAM)
    files = Path(server.statics_path).resolve()
    base = "/{token}" if token else ""

    @web.middleware
    async def checked(request: web.Request, handler: Any) -> web.StreamResponse:
        given = request.path.split("/")[1]
        if token and not hmac.compare_digest(given.encode(), token.encode()):
            raise web.HTTPForbidden(text="the address needs the token that serve printed\n", headers=HEADERS)
        if not _same_site(request):
            raise web.HTTPForbidden(text="another site's page may not use this one\n", headers=HEADERS)
        return await handler(request)

    async def page(request: web.Request) -> web.StreamResponse:
        here = f"{request.host}{request.path.rstrip('/')}"
        context = {
            "font_size": _number(request.query.get("fontsize"), 16),
            "app_websocket_url": f"{'wss' if request.secure else 'ws'}://{here}/ws",
            "config": {"static": {"url": f"{request.path.rstrip('/')}/static/"}},
            "application": {"name": PROGRAM},
        }
        response = aiohttp_jinja2.render_template("app_index.html", request, context)
        response.headers.update(HEADERS)
        return response

    async def file(request: web.Request) -> web.StreamResponse:
        path = (files / request.match_info["path"]).resolve()
        if not path.is_relative_to(files) or not path.is_file():
            raise web.HTTPNotFound
        if path.name == SCRIPT:
            script = path.read_text(encoding="utf-8").replace(DOWNLOADS, DOWNLOADS_BELOW)
            return web.Response(text=script, content_type="text/javascript", headers=HEADERS)
        return web.FileResponse(path, headers=HEADERS)

    application = web.Application(middlewares=[checked])
    aiohttp_jinja2.setup(application, loader=jinja2.FileSystemLoader(server.templates_path))
    application.add_routes(
        [
            web.get(f"{base}/", page),
            web.get(f"{base}/static/{{path:.+}}", file),
            web.get(f"{base}/ws", server.handle_websocket),
            web.get(f"{base}/download/{{key}}", server.handle_download),
        ]
    )
    return application


def _same_site(request: web.Request) -> bool:
    """Whether the request was not made by a page of another site: browsers say whose page asks for a socket."""
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == request.host


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else default
