"""Starts the app: whether there is a terminal for it, whether its folders and data will do, and what it opens with."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mnist_tui.cli.options import Request, data_folder, runs_folder
from mnist_tui.cli.supply import check_named_data
from mnist_tui.experiment.problem import RequestError
from mnist_tui.runs.folder import RunError, RunFolder

if TYPE_CHECKING:
    from mnist_tui.tui.app import AppOptions


def launch_bench(
    ctx: typer.Context, request: Request, *, edit: bool, data_dir: Path | None, runs_dir: Path | None
) -> None:
    """The app on its presets, in the editor or training, as the options say.

    Raises:
        RequestError: the options do not go together, there is no terminal, or a folder or data cannot be used.
    """
    preset = request.chosen() if request.flags or edit else None
    runs, data = runs_folder(ctx, runs_dir), data_folder(ctx, data_dir)
    require_terminal()
    require_writable(runs)
    if preset is not None and data is not None:
        check_named_data(preset.experiment.dataset.name, data)

    from mnist_tui.tui.app import AppOptions

    action = "browse" if preset is None else "edit" if edit else "train"
    _run(AppOptions(preset=preset, action=action, run=None, runs_dir=runs, data_dir=data, device=request.device))


def launch_watching(run: RunFolder) -> None:
    """The app on the training screen of a run."""
    require_terminal()

    from mnist_tui.tui.app import AppOptions

    _run(AppOptions(preset=None, action="watch", run=run, runs_dir=run.path.parent, data_dir=None, device="auto"))


def _run(options: AppOptions) -> None:
    from mnist_tui.tui.app import BenchApp

    bench = BenchApp(options)
    bench.run()
    raise typer.Exit(bench.return_code or 0)


def require_terminal() -> None:
    """Refuses to draw where nobody could see it.

    Raises:
        RequestError: stdout or stdin is no terminal, or one that cannot place characters.
    """
    if os.environ.get("TEXTUAL_DRIVER"):
        return
    instead = "for training without screens there is `mnist-tui train --preset NAME`"
    if not sys.stdout.isatty():
        raise RequestError(f"the app needs a terminal and stdout is none; {instead}")
    if not sys.stdin.isatty():
        raise RequestError(f"the app needs a terminal and stdin is none; {instead}")
    term = os.environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        named = f"TERM={term}" if term else "TERM is not set, which"
        raise RequestError(
            f"{named} names no terminal that can draw screens; set TERM (xterm-256color, say), or {instead}"
        )


def require_writable(runs_dir: Path) -> None:
    """Makes the folder of the runs, and sees that files can be made in it.

    Raises:
        RunError: they cannot.
    """
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=runs_dir):
            pass
    except OSError as error:
        raise RunError(
            f"the runs folder {runs_dir} cannot be written ({error.strerror or error}); "
            "give a folder of yours with --runs-dir or MNIST_TUI_RUNS"
        ) from None
