"""A run on its way through a cluster, and what becomes known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from mnist_tui.runs.control import Command, Inbox
from mnist_tui.runs.events import Event
from mnist_tui.studies.bundle import DatasetBundle
from mnist_tui.studies.home import RunMirror


@dataclass(frozen=True)
class TrialNews:
    """What became known of a run; home's folder has it already.

    Attributes:
        kind: begun (a worker takes it on); event; ended (its folder is home); lost (given up, `reason` says why).
        worker: its address; empty where none has the run.
        attempt: from 1, a worker's death apart.
    """

    run: str
    kind: Literal["begun", "event", "ended", "lost"]
    worker: str = ""
    attempt: int = 0
    event: Event | None = None
    reason: str = ""


@dataclass
class PendingTrial:
    """A run on its way: waiting for a worker, or on one.

    Attributes:
        inbox: the commands in home's folder.
        commands: what came out of it; each attempt at the run is told of all, for it begins anew.
        waiting: commands for the first worker that takes the run on.
    """

    home: RunMirror
    future: Any
    data: DatasetBundle | None
    worker: str = ""
    waiting: list[Command] = field(default_factory=list[Command])
    commands: list[Command] = field(default_factory=list[Command])
    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.home.folder)

    def is_left_in_folder(self, command: Command) -> bool:
        """Whether a command came out of home's folder."""
        return any(command is each for each in self.commands)
