"""The log of a run's events, through which a worker informs the front ends: a JSON object on each line.

Lines are only appended. A value that is not finite is written as null, with its field's name in ``nonfinite``. `Tail`
decodes every event; `EpochReader` and `FiguresReader` decode only the lines that they need, which is much faster.
"""

from __future__ import annotations

import json
import math
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
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
"""The most bytes that are read from a log at once, so that a screen is never blocked for long."""
LONGEST_LINE = 2_000_000
"""Longer lines, in bytes, are skipped; our own have at most a hundredth of that."""


def encode(event: Event) -> str:
    """Return an event as a line of JSON, without the newline."""
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
    """Return the event on a line; None if this version does not know its type, or a field is missing or wrong."""
    return decode_as(EVENTS, line)


def decode_as(kinds: Mapping[str, type[EventT]], line: str | bytes) -> EventT | None:
    """Return the event on a line as `decode` does, of one of the classes `kinds`, by their `type`."""
    try:
        doc = as_object(line)
        kind = kinds[doc["type"]]
        return record(kind, finite(kind, doc))
    except (ValueError, KeyError, TypeError):
        return None


def as_object(line: str | bytes) -> dict[str, Any]:
    """Return the JSON object on a line; raises a ValueError if the line is not one."""
    doc = parse_json(line)
    if not isinstance(doc, dict):
        raise ValueError("it does not hold a JSON object")
    return cast(dict[str, Any], doc)


def finite(kind: type[Event], doc: dict[str, Any]) -> dict[str, Any]:
    """Return an event's JSON object with 0 for each required number that was not finite, such as a speed."""
    names = doc.get("nonfinite")
    if not isinstance(names, list):
        return doc
    plain = {entry.name for entry in fields(kind) if entry.type == "float"}
    return {**doc, **dict.fromkeys(plain.intersection(map(str, cast(list[Any], names))), 0.0)}


def whole_lines(log: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the complete lines of a log from its present position on, each with its length in bytes.

    A line that is longer than LONGEST_LINE is replaced by an empty line; the length is that of the original.
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
    """Reads the new events of a log that another process writes. An incomplete last line waits until it is complete.

    Args:
        decode: returns the event on a line; None for a line that is to be skipped.
    """

    def __init__(self, path: Path, decode: Callable[[bytes], EventT | None]) -> None:
        self.path = path
        self._decode = decode
        self._offset = 0
        self._rest = b""

    def read(self, limit: int = MAX_READ) -> list[EventT]:
        """Return the events that were written since the last call, from at most `limit` bytes."""
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
            self._rest = b"{"  # so that the rest of this line is not decoded as an event either
        return [event for event in map(self._decode, lines) if event is not None]

    def read_all(self) -> list[EventT]:
        """Return all new events up to the present end of the log."""
        events: list[EventT] = []
        while new := self.read():
            events += new
        return events


class EventTail(Tail[Event]):
    """Reads the new events of a run's log."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, decode)


def replayed(log: Path) -> RunState:
    """Return the state of a run after all events of its log."""
    return reduce(RunState(), EventTail(log).read_all())


def write_whole(log: FileIO, lines: bytes) -> None:
    """Append complete lines. A nearly full disk takes only a part of them; writing the rest then raises an OSError."""
    rest = memoryview(lines)
    while rest:
        rest = rest[log.write(rest) :]


class EventLog:
    """Appends events to a log, each line in one call. Only the process that holds the run's lock may use it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_append(path)
        size = os.fstat(self._file.fileno()).st_size
        if size and os.pread(self._file.fileno(), 1, size - 1) != b"\n":  # a killed writer left an incomplete line
            write_whole(self._file, b"\n")

    def append(self, event: Event) -> None:
        write_whole(self._file, encode(event).encode() + b"\n")

    def sync(self) -> None:
        """Wait until all appended events are on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


EPOCH_LINE, WEIGHTS_LINE, RESUMED_LINE = (f'{{"type":"{kind}"'.encode() for kind in ("epoch", "weights", "resumed"))
NUMBER = re.compile(rb'"epoch":(\d{1,15})\b')


class _LineReader(ABC):
    """The base of readers that decode only some lines of a growing log. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0
        self._forget()

    def _new_lines(self) -> Iterator[tuple[bytes, int]]:
        """Yield the complete lines since the last call, each with its position in the file."""
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
        """Forget everything that was read, because the log has become shorter: it begins anew."""


class EpochReader(_LineReader):
    """Finds the events of single epochs in a log; keeps only their positions in memory."""

    def _forget(self) -> None:
        self._epochs: dict[int, int] = {}
        self._weights: dict[int, int] = {}

    def epoch(self, number: int) -> EpochEnded | None:
        """Return the event with an epoch's figures and matrix; None where the epoch has not ended."""
        self._scan()
        return self._event_at(self._epochs[number], EpochEnded) if number in self._epochs else None

    def weights(self, number: int) -> WeightsSeen | None:
        """Return the newest weights that were recorded up to epoch `number`; None where there are none."""
        self._scan()
        recorded = [epoch for epoch in self._weights if epoch <= number]
        return self._event_at(self._weights[max(recorded)], WeightsSeen) if recorded else None

    def all_weights(self) -> list[WeightsSeen]:
        """Return all recorded weights, in order of their epochs."""
        self._scan()
        events = (self._event_at(self._weights[epoch], WeightsSeen) for epoch in sorted(self._weights))
        return [event for event in events if event is not None]

    def _event_at(self, position: int, kind: type[EventT]) -> EventT | None:
        try:
            with open_regular(self.path) as log:
                log.seek(position)
                event = decode(log.readline(LONGEST_LINE))
        except OSError:
            return None
        return event if isinstance(event, kind) else None

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
    last = resumed.from_epoch
    return by_epoch if last is None else {epoch: value for epoch, value in by_epoch.items() if epoch <= last}


FIGURE_LINES = tuple(f'{{"type":"{kind}"'.encode() for kind in ("run_started", "data", "resumed", "extended", "ended"))
MATRIX = b',"confusion":'
MATRIX_END = b"]]"


class FiguresReader(_LineReader):
    """Reads the figures of the epochs and the end of a run from a log."""

    def _forget(self) -> None:
        self._state = RunState()
        self._rows: dict[int, EpochRow] = {}

    def state(self) -> RunState:
        """Return the run's state by its log as it is now, without running means, matrix, weights, loads and pauses."""
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
    """Return the row of an epoch's line, without decoding the matrix; None if the line is damaged."""
    begin = line.find(MATRIX)
    end = line.find(MATRIX_END, begin)
    if 0 < begin < end:
        line = line[:begin] + line[end + len(MATRIX_END) :]
    try:
        return record(EpochRow, finite(EpochEnded, as_object(line)))
    except ValueError:
        return None
