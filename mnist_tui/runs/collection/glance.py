"""A log's figures without its matrices, for lists and for curves of many runs: a small part of a whole replay's time.

The reducer makes the state here too; only the lines that change nothing in what is looked at are not decoded.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from mnist_tui.files import open_regular
from mnist_tui.runs.event_log import as_object, decode, finite, whole_lines
from mnist_tui.runs.events import EpochEnded, Resumed
from mnist_tui.runs.records import record
from mnist_tui.runs.state import EpochRow, RunState, reduce

EPOCH = b'{"type":"epoch"'
SEEN = tuple(f'{{"type":"{kind}"'.encode() for kind in ("run_started", "data", "resumed", "extended", "ended"))
MATRIX = b',"confusion":'
MATRIX_END = b"]]"


class LogGlance:
    """Follows a log for its epochs' figures and its end. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0
        self._state = RunState()
        self._rows: dict[int, EpochRow] = {}

    def look(self) -> RunState:
        """The run as its log tells it now; a torn last line is left for later.

        Returns:
            The reducer's state without running means, matrix, weights, device and pauses.
        """
        try:
            with open_regular(self.path) as log:
                if os.fstat(log.fileno()).st_size < self._end:
                    self._end, self._state, self._rows = 0, RunState(), {}
                log.seek(self._end)
                for line, length in whole_lines(log):
                    self._end += length
                    self._take(line)
        except OSError:
            pass
        return replace(self._state, history=tuple(self._rows.values()))

    def _take(self, line: bytes) -> None:
        if line.startswith(EPOCH):
            row = _row(line)
            if row is not None:
                self._rows[row.epoch] = row
        elif line.startswith(SEEN):
            event = decode(line)
            if event is None:
                return
            self._state = reduce(self._state, [event])
            if isinstance(event, Resumed) and event.from_epoch is not None:
                kept = event.from_epoch
                self._rows = {epoch: row for epoch, row in self._rows.items() if epoch <= kept}


def _row(line: bytes) -> EpochRow | None:
    """The row of an epoch's line, its matrix cut out undecoded; None where the line is none."""
    begin = line.find(MATRIX)
    end = line.find(MATRIX_END, begin)
    if 0 < begin < end:
        line = line[:begin] + line[end + len(MATRIX_END) :]
    try:
        return record(EpochRow, finite(EpochEnded, as_object(line)))
    except ValueError:
        return None


def figures(log: Path) -> RunState:
    """All epochs' figures of a log, and how it ended."""
    return LogGlance(log).look()
