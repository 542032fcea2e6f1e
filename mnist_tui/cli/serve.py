"""`serve`: show the app in web browsers, with one process of the app for each open page.

Everyone who can open the page can start programs as the user who serves it. So the server listens on loopback only by
default, each address contains a random token, and each request is checked (see `web`).
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui import PROGRAM, python_process
from mnist_tui.cli.options import DataDir, RunsDir, data_folder, option, runs_folder
from mnist_tui.cli.output import print_line, print_note
from mnist_tui.errors import RequestError

MISSING = f"serve needs textual-serve, which is not installed: `python -m pip install '{PROGRAM}[web]'` adds it"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CLOSING_SECONDS = 3.0
NAME_HELP = "Another host name by which browsers reach this machine; may be repeated."
VISITORS_HELP = "How many pages can use the app at once; others wait."


def serve(
    ctx: typer.Context,
    *,
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port; 0: a free one.")] = 8000,
    host: Annotated[str, option("--host", "H", "The address to listen on.")] = "127.0.0.1",
    token: Annotated[bool, option("--token/--no-token", None, "Ask for a token in the address.")] = True,
    names: Annotated[list[str] | None, option("--name", "NAME", NAME_HELP)] = None,
    visitors: Annotated[int, typer.Option("--visitors", metavar="N", min=1, help=VISITORS_HELP)] = 20,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Open the app in web browsers, at an address that is printed. Ctrl-C ends it; trainings go on."""
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

    def print_address(_: str) -> None:  # aiohttp calls it once pages are served and signals are handled
        print_note("Ctrl-C ends it; trainings go on")
        print_line(f"http://{shown}:{listening.getsockname()[1]}/{f'{secret}/' if secret else ''}")

    web.run_app(
        pages(child, secret, served_names(host, names or ()), visitors),
        sock=listening,
        print=print_address,
        shutdown_timeout=CLOSING_SECONDS,
        access_log=None,
    )


def warn(host: str, token: bool) -> None:
    """Print a warning if other machines can reach the address, and another one if it needs no token."""
    if host not in LOOPBACK:
        print_note(
            f"warning: other machines can reach {host}, and the network can read what is sent: anyone who learns the "
            "address can start programs as you"
        )
    if not token:
        print_note(
            "warning: without a token anyone who reaches the port, and every user of this machine, can start programs "
            "as you"
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise RequestError(f"cannot listen on {host} port {port} ({why}); --port 0 takes a free port") from None


def app_command(runs_dir: Path, data_dir: Path | None) -> list[str]:
    """Return the command line that starts the app for one page."""
    words = python_process.module("mnist_tui", "--runs-dir", str(runs_dir.absolute()))
    return [*words, "--data-dir", str(data_dir.absolute())] if data_dir else words
