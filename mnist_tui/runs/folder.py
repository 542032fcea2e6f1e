"""A run's folder: its layout, its status, its lock, and the truth about whether its worker still lives.

What the files hold is written by the worker (`training`); this file knows their names and how they are read.
"""

from __future__ import annotations

import calendar
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from mnist_tui import locks, processes
from mnist_tui.clocks import since_boot
from mnist_tui.experiment.presets import Preset, dump_preset, load_preset
from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import UnreadableFileError, open_regular, read_json, replacing_folder, write_json, write_text
from mnist_tui.locks import FileLock, HeldError
from mnist_tui.python_process import known_end, noted, telling, why_crashed
from mnist_tui.runs.own_files import refusal
from mnist_tui.runs.records import LARGEST, document, record
from mnist_tui.runs.state import LIVE

HEARTBEAT_SECONDS = 2.0
SILENT_SECONDS = 30.0
"""A worker on another host whose heartbeat has been seen unchanged for so long is taken for dead."""
LOCAL = frozenset(
    {
        "apfs",
        "bcachefs",
        "btrfs",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "hfs",
        "jfs",
        "overlay",
        "ramfs",
        "tmpfs",
        "xfs",
        "zfs",
    }
)
"""File systems that no other machine writes to: there, a lock that nobody holds means that nobody lives."""
LOOK_SECONDS = 0.2
STAMP = "%Y%m%d-%H%M%S"
"""How the names of runs and studies begin, in UTC."""
FAR_SECONDS = 26 * 3600
"""Names further in the future than this do not decide about the names of new runs; time zones and steps are nearer."""

LOG_BYTES = 65_536
LAST_LINES = 3
"""Of a log's end that are read."""
LOCK = ".lock"
POINTER = "checkpoint.json"
"""In `checkpoint`: what is there belongs to a checkpoint only if this names it."""


class RunError(RequestError):
    """A run that is not there or does not allow what was asked."""


class WrittenError(RunError):
    """A run or study that another process writes."""


class ForeignFilesError(RunError):
    """A run whose folder leads to files outside it, or holds something that is no file: nothing is written to it."""


Record = TypeVar("Record")


@dataclass(frozen=True)
class Status:
    """What `status.json` holds.

    Attributes:
        state: as the worker last wrote it; `RunFolder.state` corrects it for a worker that died.
        pid: the worker; 0 before there is one.
        process_start: when the worker started, or before there is one the process that made the run, as
            `processes.start_of` tells it.
        heartbeat: when the worker last showed life, in seconds since the epoch by its host's clock.
        system: the running system that `pid` belongs to, as `processes.system` tells it. Empty as earlier versions
            wrote it: then `process_start` is wall time, and only the lock tells whether the worker lives.
        maker: the process that made the run, before there is a worker.
        place: inode of the folder that this was written in, by which its copies are told apart; 0 if not known.
        more: keys of a later version, kept when the status is written again.
    """

    state: str
    pid: int = 0
    process_start: float = 0.0
    host: str = ""
    heartbeat: float = 0.0
    reason: str = ""
    system: str = ""
    maker: int = 0
    place: int = 0
    more: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)


@dataclass(frozen=True)
class RunFolder:
    """One run's folder. Cheap to make; nothing is read before it is asked for."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def experiment_file(self) -> Path:
        return self.path / "experiment.toml"

    @property
    def status_file(self) -> Path:
        return self.path / "status.json"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint"

    @property
    def checkpoint_file(self) -> Path:
        """There where the run has a checkpoint."""
        return self.checkpoint / POINTER

    @property
    def results_file(self) -> Path:
        return self.path / "results.json"

    @property
    def predictions_file(self) -> Path:
        return self.path / "predictions.npz"

    @property
    def predicted_file(self) -> Path:
        return self.path / "predicted.bin"

    @property
    def model_file(self) -> Path:
        return self.path / "model.keras"

    @property
    def log_file(self) -> Path:
        return self.path / "worker.log"

    @property
    def label_file(self) -> Path:
        return self.path / "label.json"

    @property
    def lock_file(self) -> Path:
        return self.path / LOCK

    @property
    def exports(self) -> Path:
        return self.path / "exports"

    def check_own_files(self) -> None:
        """Refuse a folder that leads outside itself; to be called where a run is taken for writing or deleting.

        Raises:
            ForeignFilesError: something in it is a link, a pipe or a device; the text names it.
        """
        if why := refusal(self.path):
            raise ForeignFilesError(why)

    def preset(self) -> Preset:
        """The experiment with the preset's name, and the reference where it still applies."""
        return load_preset(self.experiment_file, follow_links=False)

    def launch(self) -> Launch:
        """How the run was asked for."""
        return read_record(self.path / "launch.json", Launch)

    def write_launch(self, launch: Launch) -> None:
        write_json(self.path / "launch.json", document(launch))

    def results(self) -> dict[str, Any] | None:
        """The results document; None while there is none.

        Raises:
            RunError: it cannot be read, or a part of it is not what it should be.
        """
        from mnist_tui.runs.results import check_results

        if not os.path.lexists(self.results_file):
            return None
        doc = _read_json(self.results_file)
        try:
            check_results(doc)
        except ValueError as error:
            raise RunError(f"{self.results_file} cannot be read: {error}") from None
        return doc

    def status(self) -> Status:
        return read_record(self.status_file, Status)

    def write_status(self, status: Status) -> None:
        write_status(self.status_file, status)

    def state(self) -> str:
        """One of `state.STATES`; crashed where the status says that a worker lives and none does."""
        return true_state(self.path, self.status, LIVE)

    def is_known(self) -> bool:
        """Whether it is known if the worker lives: not, for a time, of one on another machine that holds no lock."""
        return is_known(self.path, self.status(), LIVE)

    def wait_until_known(self, patience: float = SILENT_SECONDS) -> None:
        """Waits until it is known whether the worker lives: long only for one on another machine without a lock."""
        wait_until_known(self.path, self.status, LIVE, patience)

    def last_log_lines(self, count: int = 12) -> list[str]:
        """The end of `worker.log`, without what TensorFlow prints at every start; empty where there is none."""
        return last_lines(self.log_file, count)

    def known_end(self) -> str:
        """How the worker of a crashed run ended, where that is known; else empty."""
        return known_end(self._last_words())

    def why_crashed(self) -> str:
        """The same, or what may have been; and what it printed last."""
        return why_crashed(self._last_words())

    def _last_words(self) -> list[str]:
        with suppress(RunError):
            noted(self.status().pid)
        return self.last_log_lines(LAST_LINES)


@dataclass(frozen=True)
class Launch:
    """How a run was asked for; what of it is not the experiment.

    Attributes:
        created: seconds since the epoch.
        since_boot: the same moment in seconds since the boot, which never steps: the order of runs in line. 0 in runs
            of earlier versions.
        command: the command line that runs it again.
        device: auto, cpu or gpu[:N].
        data_dir: where to look for data first, or None.
        allow_sample: whether the bundled digits may stand in for data that cannot be had.
        wait: whether to stand in line behind the earlier runs on the same device (`queue`).
        threads: over which TensorFlow spreads one operation on the CPU, which decides a result's last bits; None for
            one a usable core.
        study: id of the study that the run is a trial of; empty for a run of its own.
        more: keys of a later version, kept when the file is written again.
    """

    created: float
    command: str
    device: str = "auto"
    data_dir: str | None = None
    allow_sample: bool = False
    wait: bool = False
    threads: int | None = None
    study: str = ""
    since_boot: float = 0.0
    more: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)


def create(runs_dir: Path, preset: Preset, launch: Launch) -> RunFolder:
    """Makes the folder of a new run, state starting.

    Raises:
        RunError: `runs_dir` cannot be written.
    """
    stamp = new_stamp(runs_dir, launch.created)
    slug = re.sub(r"[^a-z0-9]+", "-", preset.name.lower()).strip("-")[:40] or "run"
    folder = RunFolder(runs_dir / f"{stamp}-{slug}-{secrets.token_hex(2)}")
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        with replacing_folder(folder.path) as path:  # a process that is killed here leaves no half of a run
            made = RunFolder(path)
            made.control.mkdir()
            write_text(made.experiment_file, dump_preset(replace(preset, origin="run")))
            made.write_launch(launch if launch.since_boot else replace(launch, since_boot=since_boot()))
            made.write_status(made_here())
    except OSError as error:
        raise unwritable(runs_dir, error) from None
    return folder


def check_place_in_run(path: Path) -> None:
    """Refuse to write a file where it would be part of a run's folder that leads outside itself.

    Raises:
        ForeignFilesError: it would.
    """
    for place in list(path.absolute().parents)[:3]:
        if os.path.lexists(place / "experiment.toml"):
            RunFolder(place).check_own_files()


def unwritable(runs_dir: Path, error: OSError) -> RunError:
    """What to say of a folder for runs that cannot be written."""
    return RunError(
        f"the runs folder {runs_dir} cannot be written ({error.strerror or error}); "
        "give a folder of yours with --runs-dir or MNIST_TUI_RUNS"
    )


def new_stamp(place: Path, created: float) -> str:
    """The beginning of a new name in `place`: the time in UTC, but never before that of the newest name there.

    So names keep the order in which they were made where the clock was set back, or earlier versions wrote local time.
    """
    from mnist_tui.runs.naming import newest_first

    for name in newest_first(place):
        with suppress(ValueError):
            newest = calendar.timegm(time.strptime(name[:15], STAMP))
            if newest <= created:
                break
            if newest - created < FAR_SECONDS:
                return time.strftime(STAMP, time.gmtime(newest + 1))
    return time.strftime(STAMP, time.gmtime(created))


def made_at(run: str, launch: Launch) -> float:
    """When a run was made, in seconds since the epoch: what lists are sorted by.

    It keeps the order of the names where the clock was set back between two runs. Names of earlier versions are in
    local time and do not count.
    """
    if launch.since_boot:
        with suppress(ValueError):
            named = calendar.timegm(time.strptime(run[:15], STAMP))
            if named - launch.created < FAR_SECONDS:
                return max(launch.created, float(named))
    return launch.created


def write_status(file: Path, status: Status) -> None:
    """Replaces a `status.json`, with the place that it is written in where it names a process."""
    if status.pid or status.maker:
        status = replace(status, place=_inode(file.parent))
    write_json(file, document(status))


def made_here() -> Status:
    """The status of what this process has just made, which no worker has taken on yet."""
    return replace(this_process("starting"), pid=0, maker=os.getpid())


def this_process(state: str) -> Status:
    """The status of a run whose worker is this process."""
    return status_of(os.getpid(), state)


def status_of(pid: int, state: str) -> Status:
    """The status of a run whose worker is that process of this system, as of now."""
    return Status(state, pid, processes.start_of(pid), socket.gethostname(), time.time(), system=processes.system())


def beaten(status: Status) -> Status:
    """The status with a fresh heartbeat."""
    return replace(status, heartbeat=time.time())


def is_here(status: Status) -> bool:
    """Whether the process that a status names is, or was, one of this machine."""
    return _same_boot(status) or status.host == socket.gethostname()


def is_worker(path: Path, status: Status) -> bool:
    """Whether the process that a status names certainly lives on this system, and writes in the folder at `path`."""
    pid = status.pid or status.maker
    if status.system != processes.system() or not processes.is_running(pid, status.process_start):
        return False
    return not status.place or status.place == _inode(path)


def is_alive(path: Path, status: Status) -> bool:
    """Whether the process that wrote `status` in the folder at `path` lives.

    Where that cannot be known, by its heartbeat: dead is one that was seen unchanged for SILENT_SECONDS.
    """
    alive = _known_alive(path, status)
    return processes.unchanged_seconds(str(path), status) < SILENT_SECONDS if alive is None else alive


def _known_alive(path: Path, status: Status) -> bool | None:
    """Whether a process lives, where that can be known; None for one of another machine that holds no lock.

    By its number and start, where it is one of this system. Else by the folder's lock: one that is held means alive.
    Else it is dead, if it was one of this machine, or its folder lies on a file system of this machine alone.
    """
    if is_worker(path, status) or locks.is_held(path / LOCK):
        return True
    if status.system == processes.system() or (is_here(status) and not _same_boot(status)):
        return False
    return False if status.state != "starting" and _is_local(path) else None


def is_known(path: Path, status: Status, live: Container[str]) -> bool:
    """Whether it is known if the process of a status lives, or it has been silent until it counts as dead."""
    return status.state not in live or _known_alive(path, status) is not None or not is_alive(path, status)


def wait_until_known(path: Path, read: Callable[[], Status], live: Container[str], patience: float) -> None:
    """Waits until it is known whether the process of a status lives: until its heartbeat changes or was silent.

    That can be long only for one of another machine that holds no lock.

    Args:
        patience: seconds after which a silent one is taken for dead.
    """
    first, end = read(), time.monotonic() + patience
    while not is_known(path, first, live):
        if read() != first or time.monotonic() > end:
            return
        time.sleep(LOOK_SECONDS)


def true_state(path: Path, read: Callable[[], Status], live: Container[str]) -> str:
    """The state that a status tells; crashed where it is among `live` and its process does not live.

    Args:
        path: the folder of the status.
        read: reads the status; called again before a crash is told, for a process that has just ended.
    """
    status = read()
    if status.state not in live or is_alive(path, status):
        return status.state
    again = read()
    return "crashed" if again == status else again.state


def _same_boot(status: Status) -> bool:
    return bool(status.system) and status.system.partition("/")[0] == processes.system().partition("/")[0]


def _inode(path: Path) -> int:
    """What tells a folder from its copies, as a number that JSON keeps exactly; 0 where it cannot be seen."""
    try:
        return path.stat().st_ino % LARGEST
    except OSError:
        return 0


def _is_local(path: Path) -> bool:
    """Whether a folder lies on a file system that is known to be this machine's own."""
    import psutil

    here, kind, length = path.resolve(), "", -1
    for part in psutil.disk_partitions(all=True):
        mount = Path(part.mountpoint)
        if here.is_relative_to(mount) and len(mount.parts) >= length:
            kind, length = part.fstype, len(mount.parts)
    return kind in LOCAL


def last_lines(log_file: Path, count: int) -> list[str]:
    """The end of a log without what every process prints at its start; empty where there is none that can be read."""
    try:
        with open_regular(log_file) as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_BYTES))
            return telling(log.read(LOG_BYTES).decode("utf-8", "replace").splitlines())[-count:]
    except OSError:
        return []


class Lock:
    """The right to write a run; held until the process ends or `release`.

    A process that starts another may hand it over with the open file: then it is the other's until that ends.

    Args:
        handed_over: the lock's open file, by its number, from the process that held it.

    Raises:
        ForeignFilesError: the folder leads outside itself.
        WrittenError: someone else holds it; the text names the holder.
        RunError: the run's folder is gone or cannot be written.
    """

    def __init__(self, folder: RunFolder, handed_over: int | None = None) -> None:
        folder.check_own_files()
        try:
            self._lock = FileLock(folder.lock_file, handed_over)
        except HeldError as error:
            raise WrittenError(f"run {folder.id} is being written by {error.strerror}") from None
        except FileNotFoundError:
            raise RunError(f"run {folder.id} is not there any more") from None
        except OSError as error:
            raise RunError(f"{folder.lock_file} cannot be written: {error.strerror or error}") from None

    def fileno(self) -> int:
        """The open file's number, to be handed over."""
        return self._lock.fileno()

    def hand_over(self, pid: int) -> None:
        """Names the process that was started with the open file; from now on the lock is that one's."""
        self._lock.hand_over(pid)

    def release(self) -> None:
        """Gives the right up, unless it was handed over."""
        self._lock.release()


def read_record(path: Path, kind: type[Record]) -> Record:
    """Read a JSON file of a run as a dataclass.

    Raises:
        RunError: it is not there or damaged; the text says why.
    """
    doc = _read_json(path)
    try:
        return record(kind, doc)
    except ValueError as error:
        raise RunError(f"{path} cannot be read: {error}") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        doc = read_json(path)
    except FileNotFoundError:
        raise RunError(f"{path} cannot be read: it is not there") from None
    except UnreadableFileError as error:
        raise RunError(f"{path} cannot be read: it {error.strerror}") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from None
    if not isinstance(doc, dict):
        raise RunError(f"{path} cannot be read: it does not hold a JSON object")
    return doc  # pyright: ignore[reportUnknownVariableType]
