"""The data that a study's process and its workers send each other, and the run folder that is filled from them.

A packed run folder holds plain files only: no links, no paths that lead outside it, nothing that is executed.
"""

from __future__ import annotations

import hashlib
import io
import os
import socket
import stat
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path, PurePosixPath

from mnist_tui import clocks
from mnist_tui.data.catalogue import KNOWN, find
from mnist_tui.data.labels import NAME_FILES
from mnist_tui.errors import RunError
from mnist_tui.files import TEMPORARY, move, open_append, replacing_folder, temporary_prefix
from mnist_tui.runs import control
from mnist_tui.runs.control import Command
from mnist_tui.runs.event_log import EventLog, decode, encode, write_whole
from mnist_tui.runs.events import Ended, Event, Extended, Resumed
from mnist_tui.runs.folder import POINTER, RunFolder
from mnist_tui.runs.process_folder import Lock, Status
from mnist_tui.runs.state import LIVE, RunState, reduce
from mnist_tui.studies.folder import StatusWriter
from mnist_tui.wording import counted

MOST_BYTES = 2**31
"""The largest run folder that is unpacked."""
MOST_FILES = 10_000
NOT_PACKED = frozenset({".lock", "control", "launch.json", "status.json"})
"""Files of which the study's process and the worker each write their own."""
MOVED_LAST = ("results.json", POINTER)
"""Files that are moved last into a run's folder: if they exist there, all others do."""
COMPRESSED = frozenset({".jsonl", ".json", ".toml", ".log"})
DatasetFiles = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class DatasetBundle:
    """The files of a dataset on the study's machine, which can be sent to a worker that lacks them.

    Attributes:
        name: the dataset's name in the experiment; for a user's own folder its path on the study's machine.
        folder: the name of the folder with the files.
        sha256: of the files' names and bytes.
        paths: of the files, on the study's machine.
        place: the folder below which the files have their names.
    """

    name: str
    folder: str
    sha256: str
    paths: tuple[Path, ...] = field(compare=False)
    place: Path = field(compare=False)

    @property
    def known(self) -> bool:
        """Whether the name means the same data on every machine."""
        return self.name in KNOWN

    def read(self) -> DatasetFiles:
        """Return the names and bytes of the files as they are now."""
        return tuple(_named(self.paths, self.place))


@dataclass(frozen=True)
class TrialRequest:
    """Everything that a worker needs in order to train a run.

    Attributes:
        study: an id that separates this study's trials from those of other studies on the same workers.
        experiment: the bytes of `experiment.toml`.
        launch: the bytes of `launch.json`.
        remote: whether the worker may be on another machine, where the paths of the study's machine do not exist.
        dataset: the run's dataset on the study's machine; None where it need not be sent.
    """

    run: str
    study: str
    experiment: bytes
    launch: bytes
    remote: bool
    dataset: DatasetBundle | None = None


@dataclass(frozen=True)
class TrialFiles:
    """The files and the state of a run that has ended, sent back by its worker.

    Attributes:
        attempt_id: the attempt that wrote the files.
        state: the state in which the run ended; empty where its process was lost.
        reason: why it ended.
        packed: the run's folder, packed by `pack`.
    """

    attempt_id: str
    state: str
    reason: str
    packed: bytes


def pack(folder: Path) -> bytes:
    """Return a run's folder as a ZIP archive, without the files in `NOT_PACKED` and temporary files."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if name.parts[0] in NOT_PACKED or any(part.startswith(TEMPORARY) for part in name.parts):
                continue
            if path.is_file() and not path.is_symlink():
                how = zipfile.ZIP_DEFLATED if path.suffix in COMPRESSED else zipfile.ZIP_STORED
                archive.write(path, name.as_posix(), compress_type=how, compresslevel=1)
    return into.getvalue()


def unpack(packed: bytes, into: Path, most_bytes: int = MOST_BYTES) -> list[PurePosixPath]:
    """Write the files of a packed folder into an empty folder, and return their names, relative to `into`.

    Raises:
        RunError: `packed` is damaged or too large, or holds anything but files that belong below `into`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > most_bytes:
                limit = counted(most_bytes, "byte")
                raise RunError(f"the run folder that the worker sent is larger than {limit}")
            names = [PurePosixPath(entry.filename) for entry in entries]
            for entry, name in zip(entries, names, strict=True):
                kind = stat.S_IFMT(entry.external_attr >> 16)
                inside = name.parts and not name.is_absolute() and ".." not in name.parts and "\\" not in entry.filename
                if not inside or kind not in (0, stat.S_IFREG) or entry.is_dir() or name.parts[0] in NOT_PACKED:
                    what = f"{entry.filename!r}, which does not belong there"
                    raise RunError(f"the run folder that the worker sent holds {what}")
            for entry, name in zip(entries, names, strict=True):
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    file.write(archive.read(entry))
    except (zipfile.BadZipFile, EOFError, FileExistsError, NotImplementedError, RuntimeError) as error:
        raise RunError(f"the run folder that the worker sent is damaged: {error}") from None
    return names


@cache
def find_dataset_bundle(name: str, data_dir: Path | None) -> DatasetBundle | None:
    """Return a dataset that can be sent to workers; None if it comes with the program or is not on this machine.

    Raises:
        DataError: there is no dataset of that name, or `data_dir` is not a folder.
    """
    location = find(name, data_dir)
    if location is None or location.kind == "bundled" or location.missing:
        return None
    paths, folder, place = location.files, name, location.folder or Path()
    if name not in KNOWN:
        folder = place.resolve().name
        paths = (*paths, *(place / each for each in NAME_FILES if (place / each).is_file()))
    return DatasetBundle(name, folder or "data", digest(_named(paths, place)), paths, place)


def _named(paths: Iterable[Path], place: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name below a folder and the bytes of each file."""
    for path in paths:
        yield path.relative_to(place).as_posix(), path.read_bytes()


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    """Return the SHA-256 of the files' names and bytes, in their order."""
    total = hashlib.sha256()
    for name, content in files:
        total.update(f"{len(name)} {name} {len(content)} ".encode())
        total.update(content)
    return total.hexdigest()


def store_dataset(dataset: DatasetBundle, files: DatasetFiles, cache: Path) -> None:
    """Store a dataset's files once, in ``cache/SHA256/FOLDER``. Raises ValueError where they have another SHA-256."""
    if digest(files) != dataset.sha256 or not all(_is_inside(name) for name, _ in files):
        raise ValueError(f"the files of {dataset.folder} arrived damaged")
    target = cache / dataset.sha256
    if target.exists():
        return
    cache.mkdir(parents=True, exist_ok=True)
    with replacing_folder(target) as temporary:
        inner = temporary / dataset.folder
        inner.mkdir()
        for name, content in files:
            (inner / name).parent.mkdir(parents=True, exist_ok=True)
            (inner / name).write_bytes(content)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


class RunMirror:
    """The folder of a run on the study's machine while a worker trains the run elsewhere. Holds the run's lock.

    Events are appended as they arrive, and the other files are moved in at the end. The log is only ever appended to,
    so that a front end that follows the log misses nothing and reads nothing twice.

    Attributes:
        attempts: how often a worker has begun the run.

    Raises:
        RunError: another process writes the run.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.attempts = 0
        self._lock = Lock(folder)
        self._attempt_id = ""
        self._received = 0
        self._state = RunState()
        EventLog(folder.events_file).close()  # completes the last line
        self._log = open_append(folder.events_file)
        self._write_status = StatusWriter(folder)
        self._write_status("starting")

    def start_attempt(self, attempt_id: str) -> list[Event]:
        """Begin a new attempt; if the log has events already, append and return an event that makes them void."""
        self.attempts += 1
        self._attempt_id, self._received = attempt_id, 0
        if not os.fstat(self._log.fileno()).st_size:
            return []
        return self._append_own(Resumed(from_epoch=0, step=0))

    def append_events(self, attempt_id: str, offset: int, lines: bytes) -> list[Event]:
        """Append new events of the current attempt to the run's log, and return them.

        Events already received, events of an earlier attempt and the final event (which is written once the files are
        here) are skipped.

        Args:
            offset: the position of `lines` in the attempt's log, in bytes.
            lines: whole lines of that log.
        """
        if attempt_id != self._attempt_id or offset > self._received:
            return []
        new = lines[self._received - offset :].splitlines(keepends=True)
        end = next((index for index, line in enumerate(new) if isinstance(decode(line), Ended)), len(new))
        fresh = b"".join(new[:end])
        self._received += len(fresh)
        return self._append(fresh)

    def receive_files(self, files: TrialFiles) -> list[Event]:
        """Move in the files of a run that has ended, append and return its remaining events, and write its status.

        Raises:
            RunError: the files are damaged.
            OSError: the run's folder cannot be written.
        """
        events = [] if files.attempt_id == self._attempt_id else self.start_attempt(files.attempt_id)
        rest = b""
        with tempfile.TemporaryDirectory(prefix=temporary_prefix(), dir=self.folder.path) as aside:
            for name in sorted(unpack(files.packed, Path(aside)), key=lambda name: (name.name in MOVED_LAST, name)):
                if str(name) == self.folder.events_file.name:
                    rest = (Path(aside) / name).read_bytes()[self._received :]
                    continue
                target = self.folder.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                move(Path(aside) / name, target)
        events += self._append(rest[: rest.rfind(b"\n") + 1])
        if not files.state:
            return events + self.give_up(files.reason)
        self._end(files.state, files.reason)
        return events

    def give_up(self, reason: str, state: str = "failed") -> list[Event]:
        """End the run without its worker's files; append and return the event of its end."""
        events = self._append_own(Ended(state=state, reason=reason))
        self._end(state, reason)
        return events

    def beat(self) -> None:
        """Write the run's status if the state has changed or a heartbeat is due."""
        self._write_status(self._state.state if self._state.state in LIVE else "running")

    def release(self) -> None:
        """Close the log and release the run's lock."""
        self._log.close()
        self._lock.release()

    def _append_own(self, event: Event) -> list[Event]:
        # not before the worker's events, whose clock may differ
        event = replace(event, time=max(clocks.now(), self._state.updated or 0.0))
        return self._append(encode(event).encode() + b"\n")

    def _append(self, lines: bytes) -> list[Event]:
        if not lines:
            return []
        write_whole(self._log, lines)
        events = [event for event in map(decode, lines.splitlines()) if event is not None]
        self._state = reduce(self._state, events)
        for event in events:
            if isinstance(event, Extended):
                control.settle(self.folder, [Command("extend", id=each) for each in event.commands])
        return events

    def _end(self, state: str, reason: str) -> None:
        # no process id: the process that answered for the run lives on, but no longer for this run
        self.folder.write_status(Status(state, host=socket.gethostname(), heartbeat=time.time(), reason=reason))
        void = [command for command in control.waiting_commands(self.folder) if command.name != "extend"]
        control.settle(self.folder, void)
        self.release()
