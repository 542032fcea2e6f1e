"""Begin studies from the command line: the options that they share, checks beforehand, and `train --seeds`."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import Request, checked_whole
from mnist_tui.cli.output import print_note
from mnist_tui.cli.studies import follow_to_end
from mnist_tui.data.catalogue import MissingDataError
from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset
from mnist_tui.runs.devices import device_of, live_on, usable_cores
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import checked
from mnist_tui.studies.start import StudyRequest, absolute, base_of, begin_study, check_resources, seeds_title

LOOK_SECONDS = 1.0
NEW_HINT = "; --new starts another"
MOST_WORKERS = 1_000


def option_in(
    panel: str, flag: str, metavar: str | None, text: str, complete: Callable[[str], list[str]] | None = None
) -> Any:
    """Declare an option in a panel of the help."""
    return typer.Option(flag, metavar=metavar, help=text, rich_help_panel=panel, autocompletion=complete)


PROCESSES_HELP = "Processes that train side by side; by default one for each GPU, else for each core."
Workers = Annotated[str | None, option_in("Workers", "--workers", "N", PROCESSES_HELP)]
THREADS_HELP = "Threads of one training; by default the workers share the cores."
Threads = Annotated[str | None, option_in("Workers", "--threads", "N", THREADS_HELP)]
SCHEDULER_HELP = "Train on an existing Dask cluster."
Scheduler = Annotated[str | None, option_in("Workers", "--scheduler", "tcp://HOST:PORT", SCHEDULER_HELP)]
Detach = Annotated[bool, typer.Option("--detach", help="Print the study's id at once; it goes on in the background.")]


def checked_workers(workers: str | None, threads: str | None, scheduler: str | None) -> dict[str, object]:
    """Return the fields of a study that say where it trains, from the texts of the options."""
    if workers is not None and scheduler is not None:
        raise RequestError("--workers does not go with --scheduler: that cluster has the workers that it has")
    return {
        "workers": checked_whole("--workers", workers, MOST_WORKERS),
        "threads": checked_whole("--threads", threads, usable_cores() if scheduler is None else MOST_WORKERS),
        "scheduler": scheduler,
    }


def seeds_of(
    request: Request, preset: Preset, *, data_dir: Path | None, allow_sample: bool = False, threads: int | None = None
) -> StudyRequest:
    """Return the study of kind seeds that ``--seeds`` asks for."""
    seeds = request.seeds or 1
    study = checked(
        kind="seeds",
        title=seeds_title(preset, seeds),
        bases=(base_of(preset, seeds),),
        device=request.device,
        threads=threads,
        data_dir=absolute(data_dir),
        allow_sample=allow_sample,
        created=time.time(),
        command=this_command(),
    )
    return StudyRequest(study, {study.bases[0].preset: preset})


def begin(
    runs_dir: Path, request: StudyRequest, *, new: bool = False, earlier: StudyFolder | None = None, hint: str = ""
) -> StudyFolder:
    """Begin a study, or resume an unfinished one with the same settings and print a note that says so.

    Args:
        hint: the end of that note: how to begin a new study instead.
    """
    folder, note = begin_study(runs_dir, request, new=new, earlier=earlier)
    if note:
        print_note(f"note: {note}{hint}")
    return folder


def check_supply(request: StudyRequest, presets: Iterable[Preset]) -> None:
    """Check that the scheduler, the GPU and the data of all trials exist, before anything is made.

    Raises:
        RequestError: the scheduler does not answer, or this machine lacks the GPU that is asked for.
        DataError: a dataset cannot be had. On an existing cluster a dataset that is only missing here is no error, for
            the workers may have it.
    """
    study = request.study
    check_resources(study)
    data_dir = Path(study.data_dir) if study.data_dir else None
    for name in dict.fromkeys(preset.experiment.dataset.name for preset in presets):
        try:
            check_data(name, data_dir, allow_sample=study.allow_sample)
        except MissingDataError:
            if study.scheduler is None:
                raise
            print_note(f"note: {name} is not on this machine; the workers of the cluster must have it")


def this_command() -> str:
    """Return the command line that this process was started with."""
    return shlex.join([PROGRAM, *sys.argv[1:]])


def train_seeds(
    request: StudyRequest, runs_dir: Path, *, detach: bool, wait: bool, new: bool = False, as_json: bool = False
) -> None:
    """Train the seeds and print their results; with `detach` only begin.

    Raises:
        RequestError: it cannot be begun.
        WorkFailedError: no seed finished.
    """
    if wait and detach:
        raise RequestError("--wait does not go with --detach here: the seeds are begun once the line has ended")
    check_supply(request, request.bases.values())
    if wait:
        _wait_in_line(runs_dir, request.study.device)
    folder = begin(runs_dir, request, new=new, hint=NEW_HINT)
    follow_to_end(folder, as_json=as_json, detach=detach)


def _wait_in_line(runs_dir: Path, device: str) -> None:
    """Wait until no run of this machine trains on the device."""
    waited_for = ""
    while live := live_on(runs_dir, device_of(device)):
        if live[0].id != waited_for:
            waited_for = live[0].id
            print_note(f"waiting for run {waited_for} to end")
        time.sleep(LOOK_SECONDS)
