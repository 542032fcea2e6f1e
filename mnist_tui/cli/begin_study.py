"""Begins the study that a command asks for, or continues the unfinished one that asks for the same."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mnist_tui import PROGRAM
from mnist_tui.cli.data_checks import check_data
from mnist_tui.cli.follow_study import follow_to_end
from mnist_tui.cli.options import Request
from mnist_tui.cli.output import print_note
from mnist_tui.cli.study_results import tell_detached
from mnist_tui.data.catalogue import MissingDataError
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.problem import RequestError
from mnist_tui.runs import devices
from mnist_tui.runs.devices import device_of, live_on
from mnist_tui.studies import scheduler_address, start
from mnist_tui.studies.folder import StudyFolder, create, same_study
from mnist_tui.studies.spec import Study, StudyBase, checked
from mnist_tui.studies.state import LIVE


@dataclass(frozen=True)
class Asked:
    """A study as a command asks for it, and the presets it starts from by name; nothing of it is on disk."""

    study: Study
    bases: Mapping[str, Preset]


def seeds_of(
    request: Request, preset: Preset, *, data_dir: Path | None, allow_sample: bool = False, threads: int | None = None
) -> Asked:
    """The study of kind seeds that ``--seeds`` asks for."""
    count = request.seeds or 1
    first = preset.experiment.training.seed
    study = checked(
        kind="seeds",
        title=f"{preset.name}, seed {first}" if count == 1 else f"{preset.name}, seeds {first} to {first + count - 1}",
        bases=(base_of(preset, count),),
        device=request.device,
        threads=threads,
        data_dir=absolute(data_dir),
        allow_sample=allow_sample,
        created=time.time(),
        command=this_command(),
    )
    return Asked(study, {study.bases[0].preset: preset})


def base_of(preset: Preset, seeds: int) -> StudyBase:
    """The experiment that trials start from, with so many seeds from its own on; its name can name a file."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", preset.name).lstrip("._-")[:100] or "preset"
    return StudyBase(preset=stem, first_seed=preset.experiment.training.seed, seeds=seeds)


def begun(runs_dir: Path, asked: Asked, *, new: bool = False) -> tuple[StudyFolder, str]:
    """Starts the study's process; an unfinished study that asks for the same goes on instead, unless `new`.

    Returns:
        The study's folder, and a sentence where it was there already; empty where it is new.

    Raises:
        RequestError: the extra is not installed, or the folder cannot be written.
    """
    start.require_extra()
    before = None if new else same_study(runs_dir, asked.study, asked.bases)
    if before is None:
        folder = create(runs_dir, asked.study, asked.bases)
        start.start(folder)
        return folder, ""
    if before.state() in LIVE:
        return before, f"study {before.id} asks for the same and is under way: this shows it; --new starts another"
    start.resume(before, asked.study)
    return before, f"study {before.id} asks for the same and is not finished: it goes on; --new starts another"


def check_supply(asked: Asked, presets: Iterable[Preset]) -> None:
    """Sees that the data of all trials, the scheduler and the GPU can be had, before anything is made.

    Raises:
        RequestError: the scheduler does not answer, or this machine lacks the GPU that is asked for.
        DataError: a dataset cannot be had. What is only missing here may be where an existing cluster's workers are.
    """
    study = asked.study
    if study.scheduler is not None:
        scheduler_address.check(study.scheduler)
    elif study.device.startswith("gpu"):
        check_gpu(study.device)
    data_dir = Path(study.data_dir) if study.data_dir else None
    for name in dict.fromkeys(preset.experiment.dataset.name for preset in presets):
        try:
            check_data(name, data_dir, allow_sample=study.allow_sample)
        except MissingDataError:
            if study.scheduler is None:
                raise
            print_note(f"note: {name} is not on this machine; the workers of the cluster must have it")


def check_gpu(device: str) -> None:
    """Sees that this machine has a GPU: without it every single trial would fail.

    Args:
        device: gpu, or gpu:N.

    Raises:
        RequestError: the driver shows none, or not so many.
    """
    there, index = devices.gpu_count(), int(device.partition(":")[2] or 0)
    if index < there:
        return
    if there:
        raise RequestError(f"--device {device}: this machine has gpu:0{f' to gpu:{there - 1}' if there > 1 else ''}")
    raise RequestError(
        f"--device {device}: no GPU is here that NVIDIA's driver shows; --device cpu trains without, and "
        f"`{PROGRAM} doctor` says more"
    )


def this_command() -> str:
    """The command line that this process was started with."""
    return shlex.join([PROGRAM, *sys.argv[1:]])


def absolute(path: Path | None) -> str | None:
    """A folder by its absolute path: a study outlives the present folder."""
    return str(path.absolute()) if path else None


LOOK_SECONDS = 1.0


def train_seeds(
    asked: Asked, runs_dir: Path, *, detach: bool, wait: bool, new: bool = False, as_json: bool = False
) -> None:
    """Trains the seeds and tells what they reached; with `detach` only begins.

    Raises:
        RequestError: it cannot be begun.
        WorkFailedError: none of the seeds came to anything.
    """
    if wait and detach:
        raise RequestError("--wait does not go with --detach here: the seeds are begun once the line has ended")
    check_supply(asked, asked.bases.values())
    if wait:
        _wait_in_line(runs_dir, asked.study.device)
    folder, told = begun(runs_dir, asked, new=new)
    if told:
        print_note(f"note: {told}")
    if detach:
        tell_detached(folder, as_json=as_json)
    else:
        follow_to_end(folder, as_json=as_json)


def _wait_in_line(runs_dir: Path, device: str) -> None:
    """Waits until no run of this machine trains on the device."""
    told = ""
    while live := live_on(runs_dir, device_of(device)):
        if live[0].id != told:
            told = live[0].id
            print_note(f"waiting for run {told} to end")
        time.sleep(LOOK_SECONDS)
