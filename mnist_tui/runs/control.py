"""Commands from any front end to the worker of a run or the process of a study.

A command is a file in the folder's `control/`. It is on the disk before the front end is answered, and stays there
until its effect is on the disk as well, so that no killed process loses it. A worker carries out each file once.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from mnist_tui.experiment.shapes import MAX_EPOCHS
from mnist_tui.files import UnreadableFileError, read_json, why_unwritten, write_json
from mnist_tui.runs.process_folder import ProcessFolder
from mnist_tui.runs.records import record

CommandName = Literal["pause", "continue", "step", "stop", "checkpoint", "extend", "discard"]
COMMANDS: tuple[CommandName, ...] = get_args(CommandName)
LASTING: tuple[CommandName, ...] = ("extend", "checkpoint")
"""Commands that the next worker carries out if this one dies before it has; resuming a run cancels all others."""
DISCARDED = "discarded"
"""The reason in the status of a run that the command discard has ended."""
SUFFIX = ".json"
COMMAND_BYTES = 10_000
"""The largest file that is read as a command; our own have less than a hundred bytes."""


@dataclass(frozen=True)
class Command:
    """A command to a worker.

    Attributes:
        name: pause; continue; step (train to the end of an epoch, then pause); stop (and save); checkpoint (save one
            now); extend (add epochs); discard (end at once and save nothing).
        epochs: the number of epochs to add, for extend.
        id: the name of the command's file, without the suffix; empty before it is written.
    """

    name: CommandName
    epochs: int = 0
    id: str = field(default="", compare=False)


def send(folder: ProcessFolder, name: CommandName, epochs: int = 0) -> None:
    """Write a command to a live process; raises a RequestError if there is none, or the folder cannot be written."""
    state = folder.state()
    if state not in folder.live:
        raise folder.error(f"{folder.kind} {folder.id} is {state}: there is no worker to {name} it")
    write_command(folder, Command(name, epochs))


def write_command(folder: ProcessFolder, command: Command) -> Path:
    """Write a command, whether or not a process lives, and return its file once it is on the disk.

    Raises:
        RequestError: the folder contains a link, a pipe or a device, or cannot be written.
    """
    folder.check_own_files()
    name = command.id or f"{_next_number(folder.control):020d}-{os.urandom(3).hex()}-{command.name}"
    path = folder.control / f"{name}{SUFFIX}"
    try:
        folder.control.mkdir(exist_ok=True)
        write_json(path, {"name": command.name, "epochs": command.epochs}, durable=True)
    except OSError as error:
        raise folder.error(f"{folder.id} did not get the command {command.name}: {why_unwritten(error)}") from None
    return path


def withdraw(path: Path) -> bool:
    """Delete a command's file; return whether it still existed and could be deleted."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def waiting_commands(folder: ProcessFolder, *names: CommandName) -> list[Command]:
    """Return the commands that no process has carried out yet, oldest first; if `names` are given, only those."""
    commands: list[Command] = []
    with suppress(OSError):
        for path in _entries(folder.control):
            with suppress(OSError):
                command = _read(path)
                if command is not None and (not names or command.name in names):
                    commands.append(command)
    return commands


def is_waiting(folder: ProcessFolder, command: Command) -> bool:
    """Return whether a command's file still exists: it was neither settled nor withdrawn."""
    return (folder.control / f"{command.id}{SUFFIX}").exists()


def settle(folder: ProcessFolder, commands: Iterable[Command]) -> None:
    """Delete the files of commands whose effect is on the disk, or that no longer apply."""
    for command in commands if not folder.control.is_symlink() else ():
        with suppress(OSError):  # an `Inbox` does not return it again
            (folder.control / f"{command.id}{SUFFIX}").unlink(missing_ok=True)


class Inbox:
    """Reads the commands to this process. Each is returned once; its file stays until `settle`.

    Damaged commands, links and pipes are deleted if possible: links and pipes would stop every write to the folder.
    """

    def __init__(self, folder: ProcessFolder) -> None:
        self._folder = folder
        self._known: set[str] = set()

    def new_commands(self) -> list[Command]:
        """Return the commands that were written since the last call, oldest first."""
        try:
            paths = _entries(self._folder.control)
        except OSError:
            return []
        self._known &= {path.name for path in paths}
        commands: list[Command] = []
        for path in paths:
            if path.name in self._known:
                continue
            try:
                command = _read(path)
            except OSError:
                continue
            self._known.add(path.name)
            if command is not None:
                commands.append(command)
            elif path.suffix == SUFFIX or _is_special(path):
                withdraw(path)
        return commands


def _entries(control: Path) -> list[Path]:
    """Return the files in `control`, oldest first, without temporary ones; none where `control` is a link."""
    if control.is_symlink():
        return []
    try:
        with os.scandir(control) as entries:
            names = [entry.name for entry in entries if entry.name[0] != "."]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [control / name for name in sorted(names, key=lambda name: (_number(name), name))]


def _read(path: Path) -> Command | None:
    """Return the command in a file, or None; raises an OSError if the file cannot be read at this moment."""
    try:
        command = replace(record(Command, read_json(path, COMMAND_BYTES)), id=path.stem)
    except (UnreadableFileError, PermissionError, FileNotFoundError, ValueError):
        return None
    return command if path.suffix == SUFFIX and 0 <= command.epochs <= MAX_EPOCHS else None


def _is_special(path: Path) -> bool:
    with suppress(OSError):
        mode = path.lstat().st_mode
        return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
    return False  # it has been removed


def _number(name: str) -> int:
    digits = re.match(r"[0-9]{1,40}", name)
    return int(digits[0]) if digits else 0


def _next_number(control: Path) -> int:
    """Return the time in nanoseconds or, if the clock was set back, a number after the highest one in use."""
    last = 0
    with suppress(OSError):
        last = max((_number(path.name) for path in _entries(control)), default=0)
    return max(time.time_ns(), last + 1)
