"""Where `mnist-tui` begins. Without arguments it is the app, at once: typer is not even imported."""

from __future__ import annotations

import gc
import os
import sys

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import guarded

COMPLETING = "_MNIST_TUI_COMPLETE"
"""Set by a shell that asks for completions."""


def main() -> None:
    """The entry point."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    if len(sys.argv) == 1 and COMPLETING not in os.environ:
        sys.exit(guarded(_bench))

    from mnist_tui.cli.main import app

    app(prog_name=PROGRAM)


def _bench() -> int:
    """The app. Garbage is left until it has settled, which turns collecting on: 7 % of the time to the first frame."""
    gc.disable()

    from mnist_tui.cli.launch import open_bench
    from mnist_tui.cli.places import usual_runs_dir

    return open_bench(None, edit=False, runs_dir=usual_runs_dir(), data_dir=None)
