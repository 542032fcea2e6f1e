"""Where runs lie when no option says so. No typer here: the app starts without it."""

from __future__ import annotations

import os
from pathlib import Path

from mnist_tui.runs.library import default_runs_dir
from mnist_tui.tui.settings import remembered


def usual_runs_dir() -> Path:
    """``MNIST_TUI_RUNS``, else the settings file's, else the user's data folder."""
    if os.environ.get("MNIST_TUI_RUNS"):
        return default_runs_dir()
    named = remembered()[0].runs_dir
    return Path(named).expanduser() if named else default_runs_dir()
