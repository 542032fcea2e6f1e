"""Opens a file with what the person's desktop has for it, where there is a desktop."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import App

REFUSAL_SECONDS = 3.0
"""An opener that cannot open says so sooner than this; one that still runs has opened."""
NOTICE_SECONDS = 10


def opener() -> str | None:
    """The system's command that opens a file; None where nothing could be seen of it (a login from elsewhere)."""
    if sys.platform == "darwin":
        return None if os.environ.get("SSH_CONNECTION") else shutil.which("open")
    seen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return shutil.which("xdg-open") if seen else None


def open_file(path: Path) -> bool:
    """Whether the file was opened. Waits for the opener's refusal, so for a thread."""
    command = opener()
    if command is None:
        return False
    try:
        started = subprocess.Popen(
            [command, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        return started.wait(REFUSAL_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return True


def show(app: App[Any], path: Path, what: str) -> None:
    """Opens the file, or says where it is; a visitor of the web page gets it into the browser.

    Args:
        what: the file is, as the notices' title.
    """
    tell = partial(app.notify, title=what, timeout=NOTICE_SECONDS)
    if not app.is_web:
        app.run_worker(partial(_show, app, path, tell), thread=True, group="opener", exit_on_error=False)
        return
    try:
        app.deliver_binary(path, open_method="browser")
    except OSError as error:
        tell(f"{path} cannot be opened: {error.strerror or error}", severity="warning")


def _show(app: App[Any], path: Path, tell: Callable[[str], None]) -> None:
    said = f"{path.name} is opened" if open_file(path) else f"There is no desktop here that opens it; it is {path}"
    app.call_from_thread(tell, said)
