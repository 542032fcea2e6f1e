"""Begin, resume and stop studies. A study is trained by a process of its own, which outlives whoever started it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from mnist_tui import PROGRAM
from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset, dump_preset
from mnist_tui.files import discard, replacing_folder, why_unwritten, write_text
from mnist_tui.runs import control, devices
from mnist_tui.runs.control import Command
from mnist_tui.runs.folder import unwritable
from mnist_tui.runs.naming import new_name
from mnist_tui.runs.process_folder import Lock, WrittenError, status_of_new_folder
from mnist_tui.studies import scheduler_address
from mnist_tui.studies.folder import PLACE, StudyError, StudyFolder, study_folders
from mnist_tui.studies.spec import Study, StudyBase
from mnist_tui.studies.state import LIVE, replayed
from mnist_tui.wording import counted, listed, noun

RUNNER = "mnist_tui.studies.runner"
PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.05
EXTRA = {"distributed": "dask.distributed", "optuna": "optuna"}
"""Modules that the extra `study` installs, and their names."""


@dataclass(frozen=True)
class StudyRequest:
    """A requested study that is not on disk, with the experiment of each of its bases, by the base's name."""

    study: Study
    bases: Mapping[str, Preset]


def base_of(preset: Preset, seeds: int) -> StudyBase:
    """Return the base of a study that trains a preset with so many seeds, from the preset's own seed on."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", preset.name).lstrip("._-")[:100] or "preset"
    return StudyBase(preset=name, first_seed=preset.experiment.training.seed, seeds=seeds)


def seeds_title(preset: Preset, seeds: int) -> str:
    """Return the title of a study of seeds alone: ``raw, seeds 0 to 4``."""
    first = preset.experiment.training.seed
    return f"{preset.name}, seed {first}" if seeds == 1 else f"{preset.name}, seeds {first} to {first + seeds - 1}"


def absolute(path: Path | None) -> str | None:
    """Return a folder's absolute path: a study outlives the current directory of whoever started it."""
    return str(path.absolute()) if path else None


def begin_study(
    runs_dir: Path,
    request: StudyRequest,
    *,
    new: bool = False,
    earlier: StudyFolder | None = None,
    command_of: Callable[[StudyFolder], str] | None = None,
) -> tuple[StudyFolder, str]:
    """Start the process of a study; an unfinished study with the same settings is resumed instead.

    Args:
        new: start a new study in any case.
        earlier: the study to resume, where the caller knows it.
        command_of: returns the command line that makes the study again, given its folder; without it the study's own.

    Returns:
        The study's folder, and a sentence where the study existed already; empty where it is new.

    Raises:
        RequestError: the extra is not installed, the scheduler or the GPU is missing, no process can be started, or the
            folder cannot be written.
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
    """Raise RequestError where a library that studies need is not installed; its text has the command to install it."""
    missing = [title for module, title in EXTRA.items() if find_spec(module) is None]
    if missing:
        raise RequestError(
            f"studies need {listed(missing)}, which {noun(missing, 'is', 'are')} not installed: "
            "pip install 'mnist-tui[study]'"
        )


def check_resources(study: Study) -> None:
    """Raise RequestError where the scheduler does not answer or this machine lacks the GPU: every trial would fail."""
    if study.scheduler is not None:
        scheduler_address.check_scheduler(study.scheduler)
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
    """Return the newest unfinished study with the same settings; where its trials are trained does not matter.

    Studies that cannot be read are passed over.
    """

    def essence(study: Study) -> Study:
        return study.model_copy(update={"created": 0.0, "command": "", "title": "", "workers": None, "scheduler": None})

    experiments = {name: preset.experiment for name, preset in request.bases.items()}
    for folder in study_folders(runs_dir):
        with suppress(RequestError):
            if folder.state() == "finished" or essence(folder.study()) != essence(request.study):
                continue
            if {name: preset.experiment for name, preset in folder.bases().items()} == experiments:
                return folder
    return None


def create_study(runs_dir: Path, request: StudyRequest) -> StudyFolder:
    """Make the folder of a new study, in the state starting. Raises RunError where `runs_dir` cannot be written."""
    study = request.study
    place = runs_dir / PLACE
    folder = StudyFolder(place / new_name(place, study.created, study.title, study.kind))
    try:
        folder.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing_folder(folder.path) as path:  # a process that is killed here leaves no half of a study
            made = StudyFolder(path)
            made.control.mkdir()
            made.presets.mkdir()
            for base in study.bases:
                text = dump_preset(replace(request.bases[base.preset], origin="run"))
                write_text(made.presets / f"{base.preset}.toml", text)
            made.write_status(status_of_new_folder())
            made.write_study(study)
    except OSError as error:
        raise unwritable(runs_dir, error) from None
    return folder


def start(folder: StudyFolder) -> None:
    """Start the process of a new study.

    Raises:
        RequestError: the extra is not installed, no process can be started, or the study's folder cannot be written;
            then the folder is removed.
    """
    try:
        require_extra()
        _start_process(folder)
    except RequestError:
        with suppress(OSError):  # it has not begun, and nobody knows of it
            discard(folder.path)
        raise


def _start_process(folder: StudyFolder, lock: Lock | None = None) -> None:
    try:
        folder.start_process(RUNNER, str(folder.path.absolute()), lock=lock)
    except OSError as error:
        raise StudyError(f"study {folder.id} cannot be started: {why_unwritten(error)}") from None


def stop(folder: StudyFolder) -> bool:
    """Tell a study to stop: no further trial begins, and the running ones stop and count as missing.

    Returns:
        Whether it was stopping already: then it ends at once, and waits for no trial.

    Raises:
        StudyError: it has no process that could stop.
    """
    state = folder.state()
    if state not in LIVE:
        raise StudyError(f"study {folder.id} is {state}: there is nothing to stop")
    control.write_command(folder, Command("stop"))
    return state == "stopping"


def resume(folder: StudyFolder, study: Study | None = None) -> None:
    """Start a new process that trains what is missing: trials that are waiting, stopped or failed.

    Where two processes resume a study at once, one finds its lock taken and has changed nothing.

    Args:
        study: the same study, asked for again; its trials are trained where this one says.

    Raises:
        StudyError: its process lives, nothing is missing, or its folder cannot be written.
        RequestError: the extra is not installed, or no scheduler answers where its trials are to be trained.
    """
    require_extra()
    _check_resumable(folder)
    kept = folder.study()
    scheduler = (study or kept).scheduler
    if scheduler is not None:
        scheduler_address.check_scheduler(scheduler)
    try:
        lock = lock_study(folder, lambda: folder.state() in LIVE)
        try:
            _check_resumable(folder)
            if study is not None:
                folder.write_study(kept.model_copy(update={"workers": study.workers, "scheduler": study.scheduler}))
            control.settle(folder, control.waiting_commands(folder))  # commands to stop, which this replaces
            _start_process(folder, lock)
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
    """Take the lock of a study; wait up to `patience` seconds for its last process to end, unless `is_taken`.

    Raises:
        StudyError: another process has the lock.
    """
    end = time.monotonic() + patience
    while True:
        try:
            return Lock(folder)
        except WrittenError:
            if time.monotonic() >= end or is_taken():
                raise StudyError(f"study {folder.id} is being run by another process") from None
            time.sleep(LOOK_SECONDS)
