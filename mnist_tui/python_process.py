"""How this program starts Python processes of its own: their command, environment and working directory.

Files of a person's (`random.py`, `keras.py`, a folder `mnist_tui`) are never imported by them: Python leaves the
current folder out of its path (`-P`), and they run in a folder that holds nothing of a person's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

WORKING_DIRECTORY = os.path.abspath(os.sep)  # noqa: PTH100
"""Of every process that outlives a command: it is never deleted or unmounted, and nobody keeps modules there."""
START = str(Path(__file__).with_name("start.py"))
SEARCHED = "PYTHONPATH"
PLACES = (
    "HOME",
    "KERAS_HOME",
    "MNIST_TUI_CONFIG",
    "MNIST_TUI_DATA",
    "MNIST_TUI_RUNS",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
)
"""Variables that name a file or a folder, perhaps from the folder in which the command was given."""


def python(*arguments: str) -> list[str]:
    """The command of a Python process that does not import from the current folder."""
    return [sys.executable, "-P", *arguments]


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package (`mnist_tui.training.worker`) as a program.

    It needs neither a working directory nor a PYTHONPATH to find this copy of the package.
    """
    return python(START, name, *arguments)


def environment(own: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of such a process: this process's, fit for another working directory, then its `own`.

    Relative folders in it are made absolute. An empty entry of PYTHONPATH, which means the current folder, is dropped.
    """
    there = dict(os.environ)
    for name in PLACES:
        if there.get(name, "").strip() and not there[name].startswith("~"):
            there[name] = _absolute(there[name])
    searched = [_absolute(folder) for folder in there.pop(SEARCHED, "").split(os.pathsep) if folder]
    if searched:
        there[SEARCHED] = os.pathsep.join(searched)
    return {**there, "PYTHONSAFEPATH": "1", **(own or {})}


def _absolute(text: str) -> str:
    try:
        return str(Path(text).absolute())
    except FileNotFoundError:  # the current folder is gone
        return text
