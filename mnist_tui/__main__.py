"""Run ``python -m mnist_tui``, which is the same as the command ``mnist-tui``."""

import os
import sys


def _forget_current_folder() -> None:
    """Remove the folder that `python -m` puts first in `sys.path`: a `random.py` there must not be imported.

    If the package itself is in this folder (a checkout that is not installed), the folder goes to the end.
    """
    try:
        here = os.getcwd()  # noqa: PTH109 - before pathlib is loaded
    except FileNotFoundError:  # the folder has been deleted
        return
    if sys.flags.safe_path or not sys.path or sys.path[0] != here:
        return
    current = sys.path.pop(0)
    if current == os.path.dirname(os.path.dirname(os.path.abspath(__file__))):  # noqa: PTH100, PTH120
        sys.path.append(current)


if __name__ == "__main__":
    _forget_current_folder()

    from mnist_tui.cli.entry import main

    main()
