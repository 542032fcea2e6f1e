"""Start, resume and stop studies. Each study has a process of its own, which outlives the one that started it."""

from __future__ import annotations

import asyncio
import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mnist_tui import PROGRAM
from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset, dump_preset
from mnist_tui.files import discard, replacing_folder, why_unwritten, write_text
from mnist_tui.runs import control, devices
from mnist_tui.runs.control import Command
from mnist_tui.runs.folder import unwritable
from mnist_tui.runs.naming import new_name
from mnist_tui.runs.process_folder import Lock, WrittenError, status_of_new_folder
from mnist_tui.studies.folder import PLACE, StudyError, StudyFolder, study_folders
from mnist_tui.studies.spec import Study, SweepAxis, checked
from mnist_tui.studies.state import LIVE, replayed
from mnist_tui.wording import counted, listed, noun

RUNNER = "mnist_tui.studies.runner"
PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.05
EXTRA = {"distributed": "dask.distributed", "optuna": "optuna"}
"""Modules that the extra `study` installs, and their names."""


@dataclass(frozen=True)
class StudyRequest:
    """A study that is not on disk yet, with the experiment of each of its bases by the base's name."""

    study: Study
    bases: Mapping[str, Preset]


def study_request(
    preset: Preset, seeds: int, axes: Sequence[SweepAxis] = (), *, folds: int | None = None, **settings: Any
) -> StudyRequest:
    """Return the request for a sweep over some axes; without axes, for a study that varies only the seed or the fold.

    Args:
        seeds: the number of consecutive seeds of each trial, from the preset's own seed on.
        folds: the number of folds of a cross-validation of each trial; None for none.
        settings: further fields of `Study`.

    Raises:
        SpecError: a value is not valid.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", preset.name).lstrip("._-")[:100] or "preset"
    first = preset.experiment.training.seed
    if axes:
        kind, title = "sweep", f"{preset.name} over {listed([axis.name for axis in axes])}"
        title += f", {folds} folds" if folds else ""
    elif folds:
        kind, title = "folds", f"{preset.name}, {folds} folds"
    else:
        numbers = f"seed {first}" if seeds == 1 else f"seeds {first} to {first + seeds - 1}"
        kind, title = "seeds", f"{preset.name}, {numbers}"
    base = {"preset": name, "first_seed": first, "seeds": seeds, "folds": folds}
    study = checked(kind=kind, title=title, bases=(base,), axes=tuple(axes), created=time.time(), **settings)
    return StudyRequest(study, {name: preset})


def absolute(path: Path | None) -> str | None:
    """Return a folder's absolute path: the study's process may have another current directory."""
    return str(path.absolute()) if path else None


def begin_study(
    runs_dir: Path,
    request: StudyRequest,
    *,
    new: bool = False,
    earlier: StudyFolder | None = None,
    command_of: Callable[[StudyFolder], str] | None = None,
) -> tuple[StudyFolder, str]:
    """Start a study, or resume an unfinished study with the same settings.

    Args:
        new: start a new study in any case.
        earlier: the study to resume, where the caller knows it.
        command_of: returns the command line that makes the study again, given its folder; None to keep the request's.

    Returns:
        The study's folder, and a sentence that says if the study existed already (empty for a new study).

    Raises:
        RequestError: the extra `study` is not installed, the scheduler or the GPU is missing, no process can be
            started, or the folder cannot be written.
    """
    require_extra()
    study = request.study
    if earlier is None and not new:
        earlier = find_same_study(runs_dir, request)
    if earlier is not None and earlier.state() in LIVE:
        return earlier, f"study {earlier.id} has the same settings and is already running: it is shown here"
    if earlier is not None:
        resume(earlier, study)
        return earlier, f"study {earlier.id} has the same settings and is not finished: it is resumed"
    check_resources(study)
    folder = create_study(runs_dir, request)
    if command_of is not None:
        folder.write_study(study.model_copy(update={"command": command_of(folder)}))
    start(folder)
    return folder, ""


def require_extra() -> None:
    """Raise RequestError, with the command to install it, where a library that studies need is missing."""
    missing = [title for module, title in EXTRA.items() if find_spec(module) is None]
    if missing:
        raise RequestError(
            f"studies need {listed(missing)}, which {noun(missing, 'is', 'are')} not installed: "
            "pip install 'mnist-tui[study]'"
        )


def check_resources(study: Study) -> None:
    """Raise RequestError where the study's scheduler does not answer, or this machine lacks the requested GPU."""
    if study.scheduler is not None:
        check_scheduler(study.scheduler)
    elif study.device.startswith("gpu"):
        gpus, index = devices.gpu_count(), int(study.device.partition(":")[2] or 0)
        if gpus and index >= gpus:
            has = f"gpu:0{f' to gpu:{gpus - 1}' if gpus > 1 else ''}"
            raise RequestError(f"--device {study.device}: this machine has {has}")
        if not gpus:
            raise RequestError(
                f"--device {study.device}: NVIDIA's driver shows no GPU on this machine; --device cpu trains without, "
                f"and `{PROGRAM} doctor` says more"
            )


def find_same_study(runs_dir: Path, request: StudyRequest) -> StudyFolder | None:
    """Return the newest unfinished study with the same settings; its workers and its scheduler may be others.

    Studies that cannot be read are skipped.
    """

    def settings(study: Study) -> Study:
        return study.model_copy(update={"created": 0.0, "command": "", "title": "", "workers": None, "scheduler": None})

    experiments = {name: preset.experiment for name, preset in request.bases.items()}
    for folder in study_folders(runs_dir):
        with suppress(RequestError):
            if folder.state() == "finished" or settings(folder.study()) != settings(request.study):
                continue
            if {name: preset.experiment for name, preset in folder.bases().items()} == experiments:
                return folder
    return None


def create_study(runs_dir: Path, request: StudyRequest) -> StudyFolder:
    """Make the folder of a new study, in the state starting. Raises RunError where `runs_dir` cannot be written."""
    study, place = request.study, runs_dir / PLACE
    folder = StudyFolder(place / new_name(place, study.created, study.title, study.kind))
    try:
        folder.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing_folder(folder.path) as path:  # a process that is killed here leaves no half of a study
            new = StudyFolder(path)
            new.control.mkdir()
            new.presets.mkdir()
            for base in study.bases:
                text = dump_preset(replace(request.bases[base.preset], origin="run"))
                write_text(new.presets / f"{base.preset}.toml", text)
            new.write_status(status_of_new_folder())
            new.write_study(study)
    except OSError as error:
        raise unwritable(runs_dir, error) from None
    return folder


def start(folder: StudyFolder) -> None:
    """Start the process of a new study. If that fails, remove the study's folder.

    Raises:
        RequestError: the extra `study` is not installed, no process can be started, or the folder cannot be written.
    """
    try:
        require_extra()
        folder.start_process(RUNNER, str(folder.path.absolute()))
    except (RequestError, OSError) as error:
        with suppress(OSError):  # it has not begun, and nobody knows of it
            discard(folder.path)
        if isinstance(error, OSError):
            raise StudyError(f"study {folder.id} cannot be started: {why_unwritten(error)}") from None
        raise


def stop(folder: StudyFolder) -> bool:
    """Tell a study to stop: no further trial begins, and the running trials stop and count as missing.

    Returns:
        Whether the study was stopping already: then it ends at once, without waiting for its trials.

    Raises:
        StudyError: the study has no process that could stop.
    """
    state = folder.state()
    if state not in LIVE:
        raise StudyError(f"study {folder.id} is {state}: there is nothing to stop")
    control.write_command(folder, Command("stop"))
    return state == "stopping"


def resume(folder: StudyFolder, study: Study | None = None) -> None:
    """Start a new process that trains the missing trials of a study: those that are waiting, stopped or failed.

    If two processes resume a study at once, one of them finds the study's lock taken and changes nothing.

    Args:
        study: a new request for the same study, whose workers and scheduler replace those of the earlier request.

    Raises:
        StudyError: the study is running, no trial is missing, or the study's folder cannot be written.
        RequestError: the extra `study` is not installed, or the scheduler does not answer.
    """
    require_extra()
    _check_resumable(folder)
    kept = folder.study()
    if (scheduler := (study or kept).scheduler) is not None:
        check_scheduler(scheduler)
    try:
        lock = lock_study(folder, lambda: folder.state() in LIVE)
        try:
            _check_resumable(folder)
            if study is not None:
                folder.write_study(kept.model_copy(update={"workers": study.workers, "scheduler": study.scheduler}))
            control.settle(folder, control.waiting_commands(folder))  # commands to stop, which this replaces
            folder.start_process(RUNNER, str(folder.path.absolute()), lock=lock)
        finally:
            lock.release()
    except OSError as error:
        raise StudyError(f"study {folder.id} cannot be resumed: {why_unwritten(error)}") from None


def _check_resumable(folder: StudyFolder) -> None:
    state = folder.state()
    if state in LIVE:
        raise StudyError(f"study {folder.id} is {state}; `mnist-tui attach {folder.id}` shows it")
    logged = replayed(folder.events_file)
    if state == "finished" and all(row.settled for row in logged.rows):
        raise StudyError(f"all {counted(logged.rows, 'trial')} of study {folder.id} are done; nothing is missing")


def lock_study(
    folder: StudyFolder, is_taken: Callable[[], bool] = lambda: False, patience: float = PATIENCE_SECONDS
) -> Lock:
    """Acquire the lock of a study. Raises StudyError where another process keeps it.

    The study's last process may be ending just now. This function waits for it up to `patience` seconds, unless
    `is_taken` returns that another process trains the study.
    """
    end = time.monotonic() + patience
    while True:
        try:
            return Lock(folder)
        except WrittenError:
            if time.monotonic() >= end or is_taken():
                raise StudyError(f"study {folder.id} is being run by another process") from None
            time.sleep(LOOK_SECONDS)


REACH_SECONDS = 5.0
"""The most seconds for a connection to the scheduler, and then for its answer."""
LARGEST_GREETING = 1 << 20
"""Bytes. A Dask server's greeting begins with its length; the first bytes of another protocol make a larger number."""
ADDRESS_FORM = "a Dask scheduler's address is tcp://HOST:PORT, such as tcp://10.0.0.5:8786"
SCHEDULER_HINT = "`dask scheduler` starts one, and its first lines show its address (tcp://HOST:8786)"


def check_scheduler(address: str) -> None:
    """Check within seconds that a Dask scheduler answers at an address.

    Dask's own client waits for minutes for a program that accepts its connection and is not a scheduler.

    Raises:
        RequestError: the address is not valid, nothing answers there, or another kind of program does.
    """
    host, port = parse_scheduler_address(address)
    reached: queue.SimpleQueue[str] = queue.SimpleQueue()
    # in a thread that nobody waits for, because a name server that is silent cannot be given a limit
    greets = address.startswith("tcp")
    threading.Thread(target=lambda: reached.put(_why_unreachable(host, port, greets=greets)), daemon=True).start()
    try:
        why = reached.get(timeout=2 * REACH_SECONDS + 1)
    except queue.Empty:
        why = f"no answer within {2 * REACH_SECONDS:g} s"
    if why:
        raise RequestError(f"no scheduler answers at {address} ({why}); {SCHEDULER_HINT}")
    kind = _server_kind(address)
    if kind != "Scheduler":
        raise RequestError(f"what answers at {address} is not a Dask scheduler but {kind}; {SCHEDULER_HINT}")


def parse_scheduler_address(address: str) -> tuple[str, int]:
    """Return the host and the port of ``tcp://HOST:PORT``; raise RequestError if the address has another form."""
    with suppress(ValueError):
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
        if parts.scheme in ("tcp", "tls") and host and port and not parts.path.strip("/") and not parts.query:
            return host, port
    raise RequestError(f"--scheduler {address} is not a valid address; {ADDRESS_FORM}")


def _why_unreachable(host: str, port: int, *, greets: bool) -> str:
    """Return why no Dask server can be reached; empty if one can. With TLS (not `greets`) its greeting is not read."""
    try:
        with socket.create_connection((host, port), timeout=REACH_SECONDS) as connection:
            greeting = connection.recv(8, socket.MSG_WAITALL) if greets else bytes(8)
    except TimeoutError:
        return f"no answer within {REACH_SECONDS:g} s"
    except (OSError, UnicodeError) as error:
        return getattr(error, "strerror", None) or str(error)
    is_dask = len(greeting) == 8 and int.from_bytes(greeting, "little") <= LARGEST_GREETING
    return "" if is_dask else "another program listens there"


def _server_kind(address: str) -> str:
    """Return the kind of server at an address: Dask's word for a scheduler, else a description."""
    from distributed.comm.core import connect  # before the time is measured: this takes seconds on a busy machine
    from distributed.security import Security

    async def read_identity() -> Any:
        security: Any = Security()
        comm: Any = await connect(address, timeout=REACH_SECONDS, **security.get_connection_args("client"))
        try:
            await comm.write({"op": "identity", "reply": True})
            return await comm.read()
        finally:
            comm.abort()

    try:
        identity = asyncio.run(asyncio.wait_for(read_identity(), REACH_SECONDS))
    except TimeoutError:
        return f"something that does not answer within {REACH_SECONDS:g} s"
    except Exception as error:  # whatever Dask raises at an answer that is none of its protocol's
        return f"something else ({first_line(error)})"
    kind = identity.get("type") if isinstance(identity, dict) else None
    return kind if kind == "Scheduler" else f"a Dask {kind.lower()}" if isinstance(kind, str) else "something else"


def first_line(error: Exception) -> str:
    """Return the first line of an error's text; the error's class where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
