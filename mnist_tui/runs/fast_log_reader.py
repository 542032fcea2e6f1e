"""Fast readers of a run's event log, which decode only the lines that are asked for.

`EpochReader` finds single epochs (confusion matrix, weights); `FiguresReader` reads the figures of all epochs without
their matrices, for lists and for curves of many runs, in a small part of the time of a whole replay.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from mnist_tui.files import open_regular
from mnist_tui.runs.event_log import LONGEST_LINE, as_object, decode, finite, whole_lines
from mnist_tui.runs.events import EpochEnded, Event, Resumed, WeightsSeen
from mnist_tui.runs.records import record
from mnist_tui.runs.state import EpochRow, RunState, reduce

EPOCH_LINE, WEIGHTS_LINE, RESUMED_LINE = (f'{{"type":"{kind}"'.encode() for kind in ("epoch", "weights", "resumed"))
NUMBER = re.compile(rb'"epoch":(\d{1,15})\b')


class EpochReader:
    """Finds an epoch's events in a log that may still be written; holds only their positions.

    For one thread at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0
        self._epochs: dict[int, int] = {}
        self._weights: dict[int, int] = {}

    def epoch(self, number: int) -> EpochEnded | None:
        """Return the epoch's figures and matrix; None where it has not ended."""
        self._scan()
        event = self._at(self._epochs.get(number))
        return event if isinstance(event, EpochEnded) else None

    def weights(self, number: int) -> WeightsSeen | None:
        """Return the newest recorded weights not after epoch `number`; None where there are none."""
        self._scan()
        told = [epoch for epoch in self._weights if epoch <= number]
        event = self._at(self._weights[max(told)]) if told else None
        return event if isinstance(event, WeightsSeen) else None

    def all_weights(self) -> list[WeightsSeen]:
        """Return all recorded weights, in order of their epochs."""
        self._scan()
        events = [self._at(self._weights[epoch]) for epoch in sorted(self._weights)]
        return [event for event in events if isinstance(event, WeightsSeen)]

    def _at(self, offset: int | None) -> Event | None:
        if offset is None:
            return None
        try:
            with open_regular(self.path) as log:
                log.seek(offset)
                return decode(log.readline(LONGEST_LINE))
        except OSError:
            return None

    def _scan(self) -> None:
        """Note the positions of new events; half a last line is left for later."""
        try:
            with open_regular(self.path) as log:
                if os.fstat(log.fileno()).st_size < self._end:
                    self._end, self._epochs, self._weights = 0, {}, {}
                log.seek(self._end)
                for line, length in whole_lines(log):
                    self._note(line, self._end)
                    self._end += length
        except OSError:
            return

    def _note(self, line: bytes, offset: int) -> None:
        number = NUMBER.search(line)
        if line.startswith(EPOCH_LINE) and number:
            self._epochs[int(number[1])] = offset
        elif line.startswith(WEIGHTS_LINE) and number:
            self._weights[int(number[1])] = offset
        elif line.startswith(RESUMED_LINE):
            event = decode(line)
            if isinstance(event, Resumed) and event.from_epoch is not None:
                kept = event.from_epoch
                self._epochs = {epoch: at for epoch, at in self._epochs.items() if epoch <= kept}
                self._weights = {epoch: at for epoch, at in self._weights.items() if epoch <= kept}


EPOCH = b'{"type":"epoch"'
SEEN = tuple(f'{{"type":"{kind}"'.encode() for kind in ("run_started", "data", "resumed", "extended", "ended"))
MATRIX = b',"confusion":'
MATRIX_END = b"]]"


class FiguresReader:
    """Follows a log for its epochs' figures and its end. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0
        self._state = RunState()
        self._rows: dict[int, EpochRow] = {}

    def look(self) -> RunState:
        """Return the run's state by its log as it is now; half a last line is left for later.

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
    """Return the row of an epoch's line, without decoding its matrix; None where the line is damaged."""
    begin = line.find(MATRIX)
    end = line.find(MATRIX_END, begin)
    if 0 < begin < end:
        line = line[:begin] + line[end + len(MATRIX_END) :]
    try:
        return record(EpochRow, finite(EpochEnded, as_object(line)))
    except ValueError:
        return None


def read_figures(log: Path) -> RunState:
    """Return all epochs' figures of a log, and how it ended."""
    return FiguresReader(log).look()
