"""The log of a run's events, one JSON object a line, append-only: the channel between a worker and every front end.

Values that are not finite are written as null, with their field's name in ``nonfinite``. `Tail` decodes every event;
`EpochReader` and `FiguresReader` decode only the lines that they need, which takes a small part of the time.
"""

from __future__ import annotations

import json
import math
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields, is_dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, cast

from mnist_tui.files import open_append, open_regular, parse_json
from mnist_tui.runs.events import EVENTS, EpochEnded, Event, Resumed, WeightsSeen
from mnist_tui.runs.records import record
from mnist_tui.runs.state import EpochRow, RunState, reduce

EventT = TypeVar("EventT", bound=Event)
Value = TypeVar("Value")
MAX_READ = 4_000_000
"""The most bytes that one look at a log reads, so that a screen's tick stays short."""
LONGEST_LINE = 2_000_000
"""Bytes of the longest line that is read; ours have a hundredth of that. Longer lines are skipped."""


def encode(event: Event) -> str:
    """Return an event as one line of JSON, without the line's end."""
    doc: dict[str, Any] = {"type": event.type}
    nonfinite: list[str] = []
    for entry in fields(event):
        value = getattr(event, entry.name)
        if isinstance(value, float) and not math.isfinite(value):
            nonfinite.append(entry.name)
            value = None
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            value = [asdict(part) for part in value]  # pyright: ignore[reportUnknownVariableType, reportArgumentType]
        doc[entry.name] = value
    if nonfinite:
        doc["nonfinite"] = nonfinite
    return json.dumps(doc, separators=(",", ":"), allow_nan=False)


def decode(line: str | bytes) -> Event | None:
    """Return the event on a line; None where this version does not know its kind or shape."""
    try:
        doc = as_object(line)
        kind = EVENTS[doc["type"]]
        return record(kind, finite(kind, doc))
    except (ValueError, KeyError, TypeError):
        return None


def as_object(line: str | bytes) -> dict[str, Any]:
    """Return the JSON object on a line.

    Raises:
        ValueError: the line is not a JSON object.
    """
    doc = parse_json(line)
    if not isinstance(doc, dict):
        raise ValueError("it does not hold a JSON object")
    return cast(dict[str, Any], doc)


def finite(kind: type[Event], doc: dict[str, Any]) -> dict[str, Any]:
    """Return the object with 0 for numbers that the event requires and that are not finite, such as a speed."""
    names = doc.get("nonfinite")
    if not isinstance(names, list):
        return doc
    plain = {entry.name for entry in fields(kind) if entry.type == "float"}
    return {**doc, **dict.fromkeys(plain.intersection(map(str, cast(list[Any], names))), 0.0)}


def whole_lines(log: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the whole lines of a log from its present position on, each with its length in the file.

    A line that is longer than LONGEST_LINE comes as an empty one of its length.
    """
    while line := log.readline(LONGEST_LINE):
        length = len(line)
        while not line.endswith(b"\n") and length % LONGEST_LINE == 0:
            line = log.readline(LONGEST_LINE)
            length += len(line)
            if not line:
                return
        if not line.endswith(b"\n"):
            return
        yield (line if length <= LONGEST_LINE else b"", length)


class Tail(Generic[EventT]):
    """Follows a log that another process writes. Half a last line is left until the rest has arrived.

    Args:
        decode: returns the event on a line; None for a line to be skipped.
    """

    def __init__(self, path: Path, decode: Callable[[bytes], EventT | None]) -> None:
        self.path = path
        self._decode = decode
        self._offset = 0
        self._rest = b""

    def read(self, limit: int = MAX_READ) -> list[EventT]:
        """Return the events that have arrived since the last call, from at most `limit` bytes."""
        try:
            with open_regular(self.path) as log:
                if os.fstat(log.fileno()).st_size < self._offset:
                    self._offset, self._rest = 0, b""
                log.seek(self._offset)
                new = log.read(limit)
        except OSError:
            return []
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            self._rest = b"{"  # no event: what is left of the line does not become one either
        return [event for event in map(self._decode, lines) if event is not None]

    def read_all(self) -> list[EventT]:
        """Return all events up to the log's present end."""
        events: list[EventT] = []
        while new := self.read():
            events += new
        return events


class EventTail(Tail[Event]):
    """Follows a run's log."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, decode)


def replayed(log: Path) -> RunState:
    """Return the state after all events of a log, read from its beginning."""
    return reduce(RunState(), EventTail(log).read_all())


def write_whole(log: FileIO, lines: bytes) -> None:
    """Append lines in one call; a disk that is nearly full takes a part, and the next call raises an error."""
    rest = memoryview(lines)
    while rest:
        rest = rest[log.write(rest) :]


class EventLog:
    """Appends to an event log; each line is written whole, in one call. For the run's one writer only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_append(path)
        size = os.fstat(self._file.fileno()).st_size
        if size and os.pread(self._file.fileno(), 1, size - 1) != b"\n":  # a killed writer has left half a line
            write_whole(self._file, b"\n")

    def append(self, event: Event) -> None:
        write_whole(self._file, encode(event).encode() + b"\n")

    def sync(self) -> None:
        """Wait until all that was appended is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


EPOCH_LINE, WEIGHTS_LINE, RESUMED_LINE = (f'{{"type":"{kind}"'.encode() for kind in ("epoch", "weights", "resumed"))
NUMBER = re.compile(rb'"epoch":(\d{1,15})\b')


class _LineReader(ABC):
    """Reads the new lines of a log that may still be written. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0

    def _new_lines(self) -> Iterator[tuple[bytes, int]]:
        """Yield the whole lines since the last call, each with its position; half a last line is left for later."""
        try:
            with open_regular(self.path) as log:
                if os.fstat(log.fileno()).st_size < self._end:
                    self._end = 0
                    self._forget()
                log.seek(self._end)
                for line, length in whole_lines(log):
                    self._end += length
                    yield line, self._end - length
        except OSError:
            return

    @abstractmethod
    def _forget(self) -> None:
        """Forget all that was read, because the log begins anew."""


class EpochReader(_LineReader):
    """Finds the events of single epochs; holds only their positions."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._forget()

    def _forget(self) -> None:
        self._epochs: dict[int, int] = {}
        self._weights: dict[int, int] = {}

    def epoch(self, number: int) -> EpochEnded | None:
        """Return the epoch's figures and matrix; None where it has not ended."""
        self._scan()
        event = self._event_at(self._epochs[number]) if number in self._epochs else None
        return event if isinstance(event, EpochEnded) else None

    def weights(self, number: int) -> WeightsSeen | None:
        """Return the newest recorded weights not after epoch `number`; None where there are none."""
        self._scan()
        recorded = [epoch for epoch in self._weights if epoch <= number]
        event = self._event_at(self._weights[max(recorded)]) if recorded else None
        return event if isinstance(event, WeightsSeen) else None

    def all_weights(self) -> list[WeightsSeen]:
        """Return all recorded weights, in order of their epochs."""
        self._scan()
        events = [self._event_at(self._weights[epoch]) for epoch in sorted(self._weights)]
        return [event for event in events if isinstance(event, WeightsSeen)]

    def _event_at(self, position: int) -> Event | None:
        try:
            with open_regular(self.path) as log:
                log.seek(position)
                return decode(log.readline(LONGEST_LINE))
        except OSError:
            return None

    def _scan(self) -> None:
        for line, position in self._new_lines():
            number = NUMBER.search(line)
            if line.startswith(EPOCH_LINE) and number:
                self._epochs[int(number[1])] = position
            elif line.startswith(WEIGHTS_LINE) and number:
                self._weights[int(number[1])] = position
            elif line.startswith(RESUMED_LINE):
                event = decode(line)
                if isinstance(event, Resumed):
                    self._epochs, self._weights = _kept(self._epochs, event), _kept(self._weights, event)


def _kept(by_epoch: dict[int, Value], resumed: Resumed) -> dict[int, Value]:
    """Return the entries of the epochs that a resumed run keeps."""
    last = resumed.from_epoch
    return by_epoch if last is None else {epoch: value for epoch, value in by_epoch.items() if epoch <= last}


FIGURE_LINES = tuple(f'{{"type":"{kind}"'.encode() for kind in ("run_started", "data", "resumed", "extended", "ended"))
MATRIX = b',"confusion":'
MATRIX_END = b"]]"


class FiguresReader(_LineReader):
    """Follows a log for its epochs' figures and its end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._forget()

    def _forget(self) -> None:
        self._state = RunState()
        self._rows: dict[int, EpochRow] = {}

    def look(self) -> RunState:
        """Return the run's state by its log as it is now.

        Returns:
            The reducer's state without running means, matrix, weights, device and pauses.
        """
        for line, _ in self._new_lines():
            if line.startswith(EPOCH_LINE):
                if (row := _row(line)) is not None:
                    self._rows[row.epoch] = row
            elif line.startswith(FIGURE_LINES) and (event := decode(line)) is not None:
                self._state = reduce(self._state, [event])
                if isinstance(event, Resumed):
                    self._rows = _kept(self._rows, event)
        return replace(self._state, history=tuple(self._rows.values()))


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
