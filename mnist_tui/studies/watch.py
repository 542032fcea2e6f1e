"""A study as front ends see it: what its log tells, set right by what its process and its runs really are."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from mnist_tui.runs.event_log import MAX_READ
from mnist_tui.studies.events import StudyTail
from mnist_tui.studies.state import ENDED, LIVE, Reducer, StudyState, TrialRow

if TYPE_CHECKING:
    from mnist_tui.studies.folder import StudyFolder


DIED = "the study's process died while it was trained"
GONE = "its run was deleted"


def read_study(folder: StudyFolder) -> StudyState:
    """The study as it is now.

    Raises:
        StudyError: it cannot be read.
    """
    watch = StudyWatch(folder)
    while watch.look():
        pass
    return watch.state


class StudyWatch:
    """Follows a study: each look reads what has come since the last one.

    Attributes:
        state: the study as it was last seen.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.state = StudyState(id=folder.id)
        self._tail = StudyTail(folder.events_file)
        self._reducer = Reducer(self.state)
        self._told = self.state
        self._seen = ("", -1, "")

    def look(self, limit: int = MAX_READ) -> bool:
        """Reads at most `limit` bytes; whether `state` has changed.

        Raises:
            StudyError: the study cannot be read.
        """
        events = self._tail.read(limit)
        for event in events:
            self._reducer.add(event)
        standing, status = self.folder.state(), self.folder.status()
        seen = (standing, _changed(self.folder), status.reason)
        if not events and seen == self._seen:
            return False
        self._seen = seen
        if events:
            self._told = self._reducer.state()
        state = _set_right(self._told, standing, status.reason, self.folder)
        changed, self.state = state != self.state, state
        return changed or bool(events)


def _changed(folder: StudyFolder) -> int:
    """When a run came or went, in nanoseconds since the Unix epoch."""
    try:
        return folder.runs_dir.stat().st_mtime_ns
    except OSError:
        return 0


def _set_right(state: StudyState, standing: str, reason: str, folder: StudyFolder) -> StudyState:
    """With what only the folders can tell: a process that died, runs that were deleted."""
    try:
        there = {entry.name for entry in os.scandir(folder.runs_dir)}
    except OSError:
        there = set[str]()
    rows = tuple(_gone(row) if row.run and row.run not in there and row.state in ENDED else row for row in state.rows)
    if standing in LIVE and state.state not in LIVE:  # a new process has not told of itself yet
        return replace(state, id=folder.id, state=standing, rows=rows, reason="", ended=None)
    if standing in LIVE or state.state not in LIVE:
        return replace(state, id=folder.id, rows=rows)
    died = standing == "crashed"
    rows = tuple(replace(row, state="stopped", reason=DIED) if row.state == "running" else row for row in rows)
    workers = tuple(replace(worker, run="") for worker in state.workers) if not died else ()
    said = reason or (DIED if died else "")
    return replace(state, id=folder.id, state=standing, rows=rows, workers=workers, reason=said)


def _gone(row: TrialRow) -> TrialRow:
    return replace(row, deleted=True, reason="; ".join(filter(None, (row.reason, GONE))))
