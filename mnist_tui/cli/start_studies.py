"""The start of studies, with the options and checks that `sweep`, `reproduce` and `train` with seeds or folds share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from mnist_tui import PROGRAM
from mnist_tui.cli.experiment_options import Request
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import checked_whole, option
from mnist_tui.cli.output import print_note
from mnist_tui.data.errors import MissingDataError
from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset
from mnist_tui.runs.devices import usable_cores
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.start import StudyRequest, absolute, begin_study, check_resources, study_request

MOST_WORKERS = 1_000
PROCESSES_HELP = "Processes that train side by side; by default one for each GPU, else for each core."
Workers = Annotated[str | None, option("--workers", "N", PROCESSES_HELP, panel="Workers")]
THREADS_HELP = "Threads of one training; by default the workers share the cores."
Threads = Annotated[str | None, option("--threads", "N", THREADS_HELP, panel="Workers")]
SCHEDULER_HELP = "Train on an existing Dask cluster."
Scheduler = Annotated[str | None, option("--scheduler", "tcp://HOST:PORT", SCHEDULER_HELP, panel="Workers")]


def checked_workers(workers: str | None, threads: str | None, scheduler: str | None) -> dict[str, object]:
    """Return a study's fields workers, threads and scheduler, from the texts of the options of these names."""
    if workers is not None and scheduler is not None:
        raise RequestError("--workers does not go with --scheduler: that cluster has the workers that it has")
    return {
        "workers": checked_whole("--workers", workers, MOST_WORKERS),
        "threads": checked_whole("--threads", threads, usable_cores() if scheduler is None else MOST_WORKERS),
        "scheduler": scheduler,
    }


def requested_study(request: Request, preset: Preset, data_dir: Path | None, **fields: Any) -> StudyRequest:
    """Return the study that trains a preset with ``--seeds N`` or ``--folds K``.

    Args:
        fields: go to `studies.start.study_request`.
    """
    fields |= {"device": request.device, "data_dir": absolute(data_dir), "command": this_command()}
    return study_request(preset, request.seeds or 1, folds=request.folds, **fields)


def begin(
    runs_dir: Path,
    request: StudyRequest,
    *,
    new: bool = False,
    earlier: StudyFolder | None = None,
    hint: str = "; --new starts another",
) -> StudyFolder:
    """Begin a study, or resume an unfinished one with the same settings and print a note about that.

    Args:
        new: begin a new study in any case.
        earlier: the study to resume, if the caller knows it.
        hint: the end of the note.
    """
    folder, note = begin_study(runs_dir, request, new=new, earlier=earlier)
    if note:
        print_note(f"note: {note}{hint}")
    return folder


def check_supply(request: StudyRequest, presets: Iterable[Preset]) -> None:
    """Check that the scheduler, the GPU and the datasets of a study exist, before its folder is made.

    A dataset that is missing here is no error on an existing cluster, whose workers may have it.

    Raises:
        RequestError: the scheduler does not answer, or this machine does not have the requested GPU.
        DataError: a dataset is missing or cannot be used.
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
