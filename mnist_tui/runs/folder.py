"""A run's folder: its layout, its status, its lock, and the truth about whether its worker still lives.

What the files hold is written by the worker (`training`); this file knows their names and how they are read.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from mnist_tui.experiment.presets import Preset, dump_preset, load_preset
from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import (
    UnreadableFileError,
    open_append,
    open_regular,
    read_json,
    replacing_folder,
    write_json,
    write_text,
)
from mnist_tui.runs.own_files import refusal
from mnist_tui.runs.records import document, record
from mnist_tui.runs.state import LIVE

HEARTBEAT_SECONDS = 2.0
SILENT_SECONDS = 30.0
"""After this long without a heartbeat a worker on another host is taken for dead."""
STARTING_SECONDS = 60.0
"""A run whose worker has not yet said who it is may be this old before it is taken for crashed."""

LOG_BYTES = 65_536
"""Of a log's end that are read."""
LOCK_TEXT = 200
"""Characters of a lock's file that are shown."""
POINTER = "checkpoint.json"
"""In `checkpoint`: what is there belongs to a checkpoint only if this names it."""


class RunError(RequestError):
    """A run that is not there or does not allow what was asked."""


class ForeignFilesError(RunError):
    """A run whose folder leads to files outside it, or holds something that is no file: nothing is written to it."""


Record = TypeVar("Record")


@dataclass(frozen=True)
class Status:
    """What `status.json` holds.

    Attributes:
        state: as the worker last wrote it; `RunFolder.state` corrects it for a worker that died.
        pid, process_start: the worker and its start time (seconds since the epoch, by psutil); 0 before there is one.
        heartbeat: when the worker last showed life.
        more: keys of a later version, kept when the status is written again.
    """

    state: str
    pid: int = 0
    process_start: float = 0.0
    host: str = ""
    heartbeat: float = 0.0
    reason: str = ""
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
        return self.path / ".lock"

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
        """The results document; None while there is none."""
        return _read_json(self.results_file) if self.results_file.exists() else None

    def status(self) -> Status:
        return read_record(self.status_file, Status)

    def write_status(self, status: Status) -> None:
        write_json(self.status_file, document(status))

    def state(self, now: float | None = None) -> str:
        """One of `state.STATES`; crashed where the status says that a worker lives and none does."""
        return true_state(self.status, LIVE, now)

    def last_log_lines(self, count: int = 12) -> list[str]:
        """The end of `worker.log`; empty where there is none."""
        return last_lines(self.log_file, count)


@dataclass(frozen=True)
class Launch:
    """How a run was asked for; what of it is not the experiment.

    Attributes:
        created: seconds since the epoch.
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
    more: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)


def create(runs_dir: Path, preset: Preset, launch: Launch) -> RunFolder:
    """Makes the folder of a new run, state starting.

    Raises:
        RunError: `runs_dir` cannot be written.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(launch.created))
    slug = re.sub(r"[^a-z0-9]+", "-", preset.name.lower()).strip("-")[:40] or "run"
    folder = RunFolder(runs_dir / f"{stamp}-{slug}-{secrets.token_hex(2)}")
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        with replacing_folder(folder.path) as path:  # a process that is killed here leaves no half of a run
            made = RunFolder(path)
            made.control.mkdir()
            write_text(made.experiment_file, dump_preset(replace(preset, origin="run")))
            made.write_launch(launch)
            made.write_status(Status("starting", host=socket.gethostname(), heartbeat=launch.created))
    except OSError as error:
        raise unwritable(runs_dir, error) from None
    return folder


def unwritable(runs_dir: Path, error: OSError) -> RunError:
    """What to say of a folder for runs that cannot be written."""
    return RunError(
        f"the runs folder {runs_dir} cannot be written ({error.strerror or error}); "
        "give a folder of yours with --runs-dir or MNIST_TUI_RUNS"
    )


def this_process(state: str) -> Status:
    """The status of a run whose worker is this process."""
    return status_of(os.getpid(), state)


def status_of(pid: int, state: str) -> Status:
    """The status of a run whose worker is that process of this host, as of now."""
    import psutil

    try:
        started = psutil.Process(pid).create_time()
    except psutil.Error:
        started = 0.0
    return Status(state, pid, started, socket.gethostname(), time.time())


def beaten(status: Status) -> Status:
    """The status with a fresh heartbeat."""
    return replace(status, heartbeat=time.time())


def is_alive(status: Status, now: float) -> bool:
    """Whether the worker that wrote `status` lives: by pid and start time on this host, else by its heartbeat."""
    import psutil

    if status.host != socket.gethostname():
        return now - status.heartbeat < SILENT_SECONDS
    if not status.pid:
        return now - status.heartbeat < STARTING_SECONDS
    try:
        process = psutil.Process(status.pid)
        same = abs(process.create_time() - status.process_start) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def true_state(read: Callable[[], Status], live: Container[str], now: float | None = None) -> str:
    """The state that a status tells; crashed where it is among `live` and its process does not live.

    Args:
        read: reads the status; called again before a crash is told, for a process that has just ended.
    """
    status = read()
    if status.state not in live or is_alive(status, time.time() if now is None else now):
        return status.state
    again = read()
    return "crashed" if again == status else again.state


def last_lines(log_file: Path, count: int) -> list[str]:
    """The end of a log; empty where there is none that can be read."""
    try:
        with open_regular(log_file) as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_BYTES))
            return log.read(LOG_BYTES).decode("utf-8", "replace").splitlines()[-count:]
    except OSError:
        return []


class Lock:
    """The right to write a run; held until the process ends or `release`.

    A process that starts another may hand it over with the open file: then it is the other's until that ends.

    Args:
        handed_over: the lock's open file, by its number, from the process that held it.

    Raises:
        ForeignFilesError: the folder leads outside itself.
        RunError: someone else holds it; the text names the holder.
    """

    def __init__(self, folder: RunFolder, handed_over: int | None = None) -> None:
        folder.check_own_files()
        try:
            self._file = os.fdopen(_lock_file(folder) if handed_over is None else handed_over, "a+")
        except OSError as error:
            raise RunError(f"{folder.lock_file} cannot be written: {error.strerror or error}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read(LOCK_TEXT).strip() or "another process"
            self._file.close()
            raise RunError(f"run {folder.id} is being written by {holder}") from None
        os.set_inheritable(self._file.fileno(), False)
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        self._file.flush()

    def fileno(self) -> int:
        """The open file's number, to be handed over."""
        return self._file.fileno()

    def release(self) -> None:
        """Gives the right up, unless it was handed over."""
        self._file.close()


def _lock_file(folder: RunFolder) -> int:
    with open_append(folder.lock_file) as file:
        return os.dup(file.fileno())


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
