"""Where runs lie when no option says so. No typer here: the app starts without it."""

from __future__ import annotations

import os
from pathlib import Path

from mnist_tui.cli.output import print_note
from mnist_tui.paths import typed_path
from mnist_tui.runs.library import default_runs_dir
from mnist_tui.tui.settings import remembered


def usual_runs_dir(*, tell: bool = True) -> Path:
    """``MNIST_TUI_RUNS``, else the settings file's, else the user's data folder.

    Args:
        tell: whether to say on stderr what in the settings cannot be used; runs are looked for elsewhere then.

    Raises:
        PathError: there is no such folder.
    """
    if os.environ.get("MNIST_TUI_RUNS", "").strip():
        return default_runs_dir()
    settings, problems = remembered()
    if tell:
        for problem in problems:
            print_note(f"warning: {problem}")
    return typed_path(settings.runs_dir) if settings.runs_dir else default_runs_dir()
