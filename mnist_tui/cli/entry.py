"""Start the program. Without arguments the app opens at once: typer is not even imported."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line in `sys.argv`, and exit."""
    # The folder of the command's script (such as ~/.local/bin) holds other scripts, which must not be imported.
    if not sys.flags.safe_path and sys.path and sys.path[0] == os.path.dirname(os.path.realpath(sys.argv[0])):  # noqa: PTH120
        del sys.path[0]
    try:
        __import__("fcntl")
    except ImportError:
        from mnist_tui.cli.output import print_note

        print_note("error: mnist-tui needs Unix file locks, which this system does not have; on Windows it runs in WSL")
        sys.exit(2)

    from mnist_tui import PROGRAM
    from mnist_tui.cli import output
    from mnist_tui.cli.errors import guarded

    output.prepare_streams()
    if not os.environ.get("HOME", "set"):  # empty: not set, rather than a home at /
        del os.environ["HOME"]
    if len(sys.argv) == 1 and "_MNIST_TUI_COMPLETE" not in os.environ:  # a shell that asks for completions sets it
        sys.exit(guarded(_open_app))

    from mnist_tui.cli.main import app

    app(prog_name=PROGRAM)


def _open_app() -> int:
    """Open the app. It turns the garbage collector on once it has settled: 7 % of the time to the first frame."""
    gc.disable()

    from mnist_tui.cli.open_app import open_app, usual_runs_dir

    return open_app(usual_runs_dir(tell=False))
