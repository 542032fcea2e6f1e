"""Runs a command line in this process; the commands are built once, which takes longer than most of them run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from mnist_tui import PROGRAM
from mnist_tui.cli.main import program

APP = program([])
COMMANDS = get_command(APP)


def invoke(words: Sequence[str], environment: Mapping[str, str] | None = None) -> Result:
    """What became of a command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [PROGRAM, *words])
        patch.setattr("typer.testing._get_command", lambda _: COMMANDS)
        return CliRunner().invoke(APP, list(words), prog_name=PROGRAM, env=environment)
