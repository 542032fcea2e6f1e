"""Commands to a worker, through its run's folder: any front end, any login, any number of them."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from mnist_tui.files import read_json, write_json
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.records import record
from mnist_tui.runs.state import LIVE

CommandName = Literal["pause", "continue", "step", "stop", "checkpoint", "extend", "discard"]
COMMANDS: tuple[CommandName, ...] = get_args(CommandName)
COMMAND_BYTES = 10_000
"""The largest file that is read as a command."""
DISCARDED = "discarded"
"""The reason of a run that was ended by discard."""


@dataclass(frozen=True)
class Command:
    """What a front end asks of a worker.

    Attributes:
        name: pause; continue; step (to the end of the epoch that is next or begun, then pause); stop (and save);
            checkpoint (now); extend; discard (end at once and save nothing).
        epochs: how many more are planned from now on, for extend.
    """

    name: CommandName
    epochs: int = 0


def send(folder: RunFolder, name: CommandName, epochs: int = 0) -> None:
    """Leaves a command for the run's worker.

    Raises:
        RunError: the run has no worker that could obey.
    """
    state = folder.state()
    if state not in LIVE:
        raise RunError(f"run {folder.id} is {state}: there is no worker to {name} it")
    leave(folder, Command(name, epochs))


def leave(folder: RunFolder, command: Command) -> Path:
    """Leaves a command, whether there is a worker or not; its file, which is there until it is taken.

    Raises:
        ForeignFilesError: the folder leads outside itself.
    """
    folder.check_own_files()
    waiting = [int(path.name[:20]) for path in folder.control.glob("[0-9]*.json") if path.name[:20].isdecimal()]
    order = max([time.time_ns(), *(number + 1 for number in waiting)])  # also after the clock was set back
    path = folder.control / f"{order:020d}-{command.name}.json"
    write_json(path, asdict(command))
    return path


def withdraw(path: Path) -> bool:
    """Takes a command back; whether nobody had taken it."""
    try:
        path.unlink()
    except OSError:  # it has gone, is a folder, or may not be removed
        return False
    return True


def take(folder: RunFolder) -> list[Command]:
    """The commands that wait, oldest first; each is given once. For the worker alone.

    A file that is no command is removed where that is possible, and is in no other command's way.
    """
    commands: list[Command] = []
    for path in waiting(folder):
        try:
            command = record(Command, read_json(path, COMMAND_BYTES))
        except (OSError, ValueError):
            command = None
        if withdraw(path) and command is not None and command.name in COMMANDS:
            commands.append(command)
    return commands


def waiting(folder: RunFolder) -> list[Path]:
    """The files of the commands that wait, oldest first; none where `control` is a link or may not be read."""
    if folder.control.is_symlink():
        return []
    try:
        return sorted(path for path in folder.control.glob("*.json") if path.name[0] != ".")
    except OSError:
        return []
