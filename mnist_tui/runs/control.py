"""Commands to a worker, through its run's folder: any front end, any login, any number of them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from mnist_tui.files import write_json
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.state import LIVE

CommandName = Literal["pause", "continue", "step", "stop", "checkpoint", "extend", "discard"]
COMMANDS: tuple[CommandName, ...] = get_args(CommandName)
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
    """Leaves a command, whether there is a worker or not; its file, which is there until it is taken."""
    path = folder.control / f"{time.time_ns():020d}-{command.name}.json"
    write_json(path, asdict(command))
    return path


def withdraw(path: Path) -> bool:
    """Takes a command back; whether nobody had taken it."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def take(folder: RunFolder) -> list[Command]:
    """The commands that wait, oldest first; each is given once. For the worker alone."""
    commands: list[Command] = []
    for path in sorted(folder.control.glob("*.json")):
        if path.name.startswith("."):
            continue
        try:
            doc = json.loads(path.read_text(encoding="utf-8"))
            command = Command(doc["name"], int(doc.get("epochs", 0)))
        except (OSError, ValueError, KeyError, TypeError):
            command = None
        if withdraw(path) and command is not None and command.name in COMMANDS:
            commands.append(command)
    return commands
