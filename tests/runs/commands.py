"""What waits in a run's folder for its worker, as tests look at it."""

from __future__ import annotations

from mnist_tui.runs.control import Command, settle, waiting_commands
from mnist_tui.runs.folder import RunFolder


def taken(folder: RunFolder) -> list[Command]:
    """The commands that wait, oldest first; they are gone then."""
    commands = waiting_commands(folder)
    settle(folder, commands)
    return commands
