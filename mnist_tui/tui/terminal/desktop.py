"""Copy text to the clipboard of the user's terminal (OSC 52), and open files with the user's desktop.

A terminal does not report whether it accepted a text, so a copied text is also saved in a file, which a notice names.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import App

from mnist_tui.errors import RequestError
from mnist_tui.files import read_text, write_text
from mnist_tui.runs.folder import check_place_in_run

MOST = 74_994
"""The most bytes of base64 that xterm accepts; other terminals followed it."""
TMUX_SECONDS = 2.0
REFUSAL_SECONDS = 3.0
"""An opener that cannot open a file ends sooner than this; one that still runs has opened it."""
NOTICE_SECONDS = 10


def sequence(text: str) -> str:
    """Return the escape sequence that puts a text on the terminal's clipboard."""
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"


def through_tmux(inner: str) -> str:
    """Wrap a sequence so that tmux, if its allow-passthrough is on, passes it to the outer terminal."""
    return f"\x1bPtmux;{inner.replace(chr(27), chr(27) * 2)}\x1b\\"


def copy(app: App[Any], text: str, path: Path) -> None:
    """Copy a text and save it in a file; a notice reports both."""
    app.copy_to_clipboard(text)
    app.run_worker(partial(_save, app, text, path), thread=True, group="clipboard", exit_on_error=False)


def _save(app: App[Any], text: str, path: Path) -> None:
    """Save the text, in a thread: the check of the clipboard starts a tmux process."""
    saved, severity = f"saved to {path}", "information"
    try:
        check_place_in_run(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            is_saved = read_text(path) == text
        except OSError:
            is_saved = False
        if not is_saved:
            write_text(path, text)
    except RequestError as error:
        saved, severity = f"not saved: {error}", "warning"
    except OSError as error:
        saved, severity = f"not saved to {path} ({error.strerror or error})", "warning"
    problem = clipboard_problem(app, text)
    message = f"{problem or 'Copied'}; {saved}"
    app.call_from_thread(
        app.notify, message, title="Copy", severity="warning" if problem else severity, timeout=NOTICE_SECONDS
    )


def clipboard_problem(app: App[Any], text: str) -> str:
    """Return why a copied text may not reach the clipboard; empty if nothing is in the way. Blocks: it asks tmux."""
    if len(base64.b64encode(text.encode())) > MOST:
        return "Too long for many terminals' clipboards"
    inside_tmux = os.environ.get("TMUX") and not app.is_web
    if not inside_tmux or _tmux_option("-sv", "set-clipboard") == "on":
        return ""
    if _tmux_option("-Apv", "allow-passthrough") in {"on", "all"}:
        return ""
    return "The program tmux may keep the copy for itself: `tmux set -g set-clipboard on` lets it through"


def _tmux_option(flags: str, name: str) -> str:
    command = ["tmux", "show-options", flags, name]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=TMUX_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return shown.stdout.strip()


def opener() -> str | None:
    """Return the system's command that opens a file; None without a display for the user, as after a remote login."""
    if sys.platform == "darwin":
        return None if os.environ.get("SSH_CONNECTION") else shutil.which("open")
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return shutil.which("xdg-open") if has_display else None


def show(app: App[Any], path: Path, what: str) -> None:
    """Open a file, or show its path in a notice if it cannot be opened; a web page opens the file in the browser.

    Args:
        what: the title of the notices, such as ``Report``.
    """
    notify = partial(app.notify, title=what, timeout=NOTICE_SECONDS)
    if not app.is_web:
        app.run_worker(partial(_open, app, path, notify), thread=True, group="opener", exit_on_error=False)
        return
    try:
        app.deliver_binary(path, open_method="browser")
    except OSError as error:
        notify(f"The file {path} cannot be opened: {error.strerror or error}.", severity="warning")


def _open(app: App[Any], path: Path, notify: partial[None]) -> None:
    command, opened = opener(), False
    if command is not None:
        null = subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                [command, str(path)], stdin=null, stdout=null, stderr=null, start_new_session=True
            )
            opened = process.wait(REFUSAL_SECONDS) == 0
        except subprocess.TimeoutExpired:
            opened = True
        except OSError:
            pass
    message = f"The file {path.name} is opened." if opened else f"No program here opens it. It is saved as\n{path}"
    app.call_from_thread(notify, message)
