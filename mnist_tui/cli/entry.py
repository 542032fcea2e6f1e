"""Start the program. The app without arguments, and `--version`, do without typer, to be quick."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line in `sys.argv` and exit with its code."""
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
    if not os.environ.get("HOME", "set"):  # an empty HOME means none, not the folder /
        del os.environ["HOME"]
    if len(sys.argv) == 1 and "_MNIST_TUI_COMPLETE" not in os.environ:  # a shell sets it to ask for completions
        sys.exit(guarded(_open_app))

    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.exit(guarded(output.print_version))

    from mnist_tui.cli.main import program

    program(sys.argv[1:])(prog_name=PROGRAM)


def _open_app() -> int:
    gc.disable()  # the app enables it later: garbage collection takes 7 % of the time to the first frame

    from mnist_tui.cli.open_app import open_app, usual_runs_dir

    return open_app(usual_runs_dir(warn=False))
