"""`serve`: the app in a web browser, for those without a terminal. One process of the app for each page that is open.

Whoever reaches the page can start programs as the person who serves it: it is on loopback only, every address begins
with a random token, and every request is checked (`pages`).
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui import PROGRAM, python_process
from mnist_tui.cli.options import DataDir, RunsDir, data_folder, runs_folder
from mnist_tui.cli.output import print_line, print_note
from mnist_tui.experiment.problem import RequestError

MISSING = f"serve needs textual-serve, which is not installed: `python -m pip install '{PROGRAM}[web]'` adds it"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CLOSING_SECONDS = 3.0


def serve(
    ctx: typer.Context,
    *,
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option("--host", metavar="H", help="The address to listen on.")] = "127.0.0.1",
    token: Annotated[bool, typer.Option("--token/--no-token", help="Ask for a token in the address.")] = True,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="A further name that browsers reach it by; may be repeated."),
    ] = None,
    visitors: Annotated[
        int, typer.Option("--visitors", metavar="N", min=1, help="Pages with an app at once; further ones wait.")
    ] = 20,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """The app in a web browser, at an address that is printed. Ctrl-C ends it; trainings go on."""
    try:
        import textual_serve
        from aiohttp import web

        from mnist_tui.cli.web import pages, served_names
    except ImportError:
        raise RequestError(MISSING) from None
    del textual_serve
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
        pages(child, secret, served_names(host, names or ()), visitors),
        sock=listening,
        print=tell,
        shutdown_timeout=CLOSING_SECONDS,
        access_log=None,
    )


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


def app_command(runs_dir: Path, data_dir: Path | None) -> list[str]:
    """What starts the app for one page."""
    words = python_process.module("mnist_tui", "--runs-dir", str(runs_dir.absolute()))
    return [*words, "--data-dir", str(data_dir.absolute())] if data_dir else words
