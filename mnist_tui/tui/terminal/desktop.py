"""Hand text to the clipboard of the person's terminal (OSC 52), and files to the person's desktop.

A terminal never says whether it took a text, so a file always holds the text, too, and a notice names it."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import App

from mnist_tui.errors import RequestError
from mnist_tui.files import read_text, write_text
from mnist_tui.runs.folder import check_place_in_run

MOST = 74_994
"""Bytes of base64 that xterm takes, and others after it."""
TMUX_SECONDS = 2.0


def sequence(text: str) -> str:
    """The escape sequence that hands the text to the terminal."""
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"


def through_tmux(inner: str) -> str:
    """A sequence wrapped so that tmux hands it on to the terminal that it runs in, where allow-passthrough is on."""
    return f"\x1bPtmux;{inner.replace(chr(27), chr(27) * 2)}\x1b\\"


def copy(app: App[Any], text: str, path: Path) -> None:
    """Copies `text`, sees that the file `path` holds it, and says both in a notice."""
    app.copy_to_clipboard(text)
    app.run_worker(partial(_say, app, text, path), thread=True, group="clipboard", exit_on_error=False)


def _say(app: App[Any], text: str, path: Path) -> None:
    """In a thread: the file, and tmux, which is another process."""
    kept, severity = f"saved to {path}", "information"
    try:
        check_place_in_run(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _holds(path, text):
            write_text(path, text)
    except RequestError as error:
        kept, severity = f"not saved: {error}", "warning"
    except OSError as error:
        kept, severity = f"not saved to {path} ({error.strerror or error})", "warning"
    kept_away = hindrance(app, text)
    said = f"{kept_away or 'Copied'}; {kept}"
    app.call_from_thread(app.notify, said, title="Copy", severity="warning" if kept_away else severity, timeout=10)


def _holds(path: Path, text: str) -> bool:
    try:
        return read_text(path) == text
    except OSError:
        return False


def hindrance(app: App[Any], text: str) -> str:
    """What may keep a copied text from the clipboard, in a sentence; empty for nothing. For a thread: it asks tmux."""
    return _too_long(text) or (_tmux_hindrance() if os.environ.get("TMUX") and not app.is_web else "")


def _too_long(text: str) -> str:
    encoded = len(base64.b64encode(text.encode()))
    return "Too long for many terminals' clipboards" if encoded > MOST else ""


def _tmux_hindrance() -> str:
    """What keeps the copy inside tmux, in a sentence; nothing where its options let it through."""
    if _tmux_option("-sv", "set-clipboard") == "on" or _tmux_option("-Apv", "allow-passthrough") in {"on", "all"}:
        return ""
    return "tmux may keep the copy for itself: `tmux set -g set-clipboard on` lets it through"


def _tmux_option(flags: str, name: str) -> str:
    try:
        asked = subprocess.run(
            ["tmux", "show-options", flags, name], capture_output=True, text=True, timeout=TMUX_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip()


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
