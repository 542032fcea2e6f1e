"""Commands to a worker, through its run's folder: any front end, any login, any number of them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Literal, get_args

from mnist_tui.experiment.files import write_json
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.state import LIVE

CommandName = Literal["pause", "continue", "stop", "checkpoint"]
COMMANDS: tuple[CommandName, ...] = get_args(CommandName)


@dataclass(frozen=True)
class Command:
    """What a front end asks of a worker.

    Attributes:
        name: pause, continue, stop (and save), or checkpoint (now).
    """

    name: CommandName


def send(folder: RunFolder, name: CommandName) -> None:
    """Leaves a command for the run's worker.

    Raises:
        RunError: the run has no worker that could obey.
    """
    state = folder.state()
    if state not in LIVE:
        raise RunError(f"run {folder.id} is {state}: there is no worker to {name} it")
    write_json(folder.control / f"{time.time_ns():020d}-{name}.json", {"name": name})


def take(folder: RunFolder) -> list[Command]:
    """The commands that wait, oldest first; each is given once. For the worker alone."""
    commands: list[Command] = []
    for path in sorted(folder.control.glob("*.json")):
        if path.name.startswith("."):
            continue
        try:
            name = json.loads(path.read_text(encoding="utf-8"))["name"]
        except (OSError, ValueError, KeyError, TypeError):
            name = None
        path.unlink(missing_ok=True)
        if name in COMMANDS:
            commands.append(Command(name))
    return commands
