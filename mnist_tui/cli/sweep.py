"""The command `sweep`, with options and checks that it shares with other commands that begin studies."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import (
    AllowSample,
    DataDir,
    Detach,
    Json,
    Request,
    RunsDir,
    among,
    checked_whole,
    data_folder,
    option,
    runs_folder,
    with_experiment,
)
from mnist_tui.cli.output import print_note
from mnist_tui.cli.studies import follow_to_end
from mnist_tui.data.catalogue import MissingDataError
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.presets import Preset
from mnist_tui.runs.devices import usable_cores
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import SEARCH_TRIALS, checked
from mnist_tui.studies.start import StudyRequest, absolute, base_of, begin_study, check_resources, seeds_title
from mnist_tui.studies.trials import count_trials, parse_over, plan_trials
from mnist_tui.wording import counted, listed

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


def seeds_of(
    request: Request, preset: Preset, data_dir: Path | None, *, allow_sample: bool, threads: int | None = None
) -> StudyRequest:
    """Return the study that ``--seeds N`` requests: one preset, trained with N seeds."""
    title = seeds_title(preset, request.seeds or 1)
    return _study_of(request, preset, data_dir, kind="seeds", title=title, allow_sample=allow_sample, threads=threads)


def _study_of(request: Request, preset: Preset, data_dir: Path | None, **fields: Any) -> StudyRequest:
    """Return a study of one preset, with further fields of `studies.spec.Study`."""
    base = base_of(preset, request.seeds or 1)
    fields |= {"bases": (base,), "device": request.device, "data_dir": absolute(data_dir)}
    return StudyRequest(checked(created=time.time(), command=this_command(), **fields), {base.preset: preset})


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


KINDS = ("grid", "random", "tpe")
METRICS = ("val_accuracy", "val_loss")
MANY = 1_000
"""More trials than this are trained only with --yes."""
OVER_HELP = (
    "An option's name without hyphens, or a key such as optimizer.epsilon, and the values to try: "
    "hidden=150,250,200x100. For random and tpe also a range: lr=0.0001..0.01:log, hidden=50..400. May be repeated."
)
complete_over = among(f"{parameter.name}=" for parameter in PARAMETERS)
Over = Annotated[list[str] | None, option("--over", "NAME=V1,V2…", OVER_HELP, panel="Sweep", complete=complete_over)]
SEARCH_HELP = "Every combination, random ones, or those that Optuna's TPE proposes."
Kind = Annotated[str, option("--search", "|".join(KINDS), SEARCH_HELP, panel="Sweep", complete=among(KINDS))]
METRIC_HELP = "The score by which trials are compared."
Metric = Annotated[str, option("--metric", "|".join(METRICS), METRIC_HELP, panel="Sweep", complete=among(METRICS))]
TRIALS_HELP = f"How many combinations random or tpe may try; {SEARCH_TRIALS} by default."
Trials = Annotated[str | None, option("--trials", "N", TRIALS_HELP, panel="Sweep")]
PRUNE_HELP = "Stop trials early that do worse than the others."
Prune = Annotated[bool, option("--prune/--no-prune", None, PRUNE_HELP, panel="Sweep")]
NEW_HELP = "Begin a new study even if an unfinished one is the same."


@with_experiment
def sweep(
    ctx: typer.Context,
    *,
    request: Request,
    over: Over = None,
    search: Kind = "grid",
    trials: Trials = None,
    prune: Prune = True,
    metric: Metric = "val_accuracy",
    workers: Workers = None,
    threads: Threads = None,
    scheduler: Scheduler = None,
    new: Annotated[bool, option("--new", None, NEW_HELP)] = False,
    yes: Annotated[bool, option("--yes -y", None, f"Allow more than {MANY:,} trials.")] = False,
    detach: Detach = False,
    as_json: Json = False,
    allow_sample: AllowSample = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train every combination of the values that --over names, or a sample of them. Ctrl-C and SIGTERM stop and save.

    The same command again trains what is missing of an unfinished sweep.
    """
    preset = request.chosen()
    if not over:
        raise RequestError(
            "a sweep needs something to vary: --over hidden=150,250 (an option or a key, and its values); "
            "for seeds alone there is `mnist-tui train --seeds N`"
        )
    axes = tuple(parse_over(text) for text in over)
    study = _study_of(
        request,
        preset,
        data_folder(ctx, data_dir),
        kind="sweep",
        title=f"{preset.name} over {listed([axis.name for axis in axes])}",
        axes=axes,
        search=_search(search, trials, metric, seed=preset.experiment.training.seed, prune=prune),
        allow_sample=allow_sample,
        **checked_workers(workers, threads, scheduler),
    )
    check_supply(study, _known_presets(study, yes=yes))
    follow_to_end(begin(runs_folder(ctx, runs_dir), study, new=new), as_json=as_json, detach=detach)


def _search(kind: str, trials: str | None, metric: str, *, seed: int, prune: bool) -> dict[str, object]:
    if kind not in KINDS:
        raise RequestError(f"--search {kind} is not known; choose {listed(KINDS, 'or')}")
    if metric not in METRICS:
        raise RequestError(f"--metric {metric} is not known; choose {listed(METRICS, 'or')}")
    number = checked_whole("--trials", trials, 100_000)
    if kind == "grid" and number is not None:
        raise RequestError(
            f"--trials {number} does not go with a grid, which trains every combination; "
            "--search random or tpe takes it"
        )
    return {"kind": kind, "trials": number, "seed": seed, "prune": prune, "metric": metric}


def _known_presets(request: StudyRequest, *, yes: bool) -> list[Preset]:
    """Return the presets that are known before the start: those of all trials of a grid, the base of a search.

    Raises:
        RequestError: a combination is not valid, or there are more than MANY trials without ``--yes``.
    """
    trials = count_trials(request.study)
    if trials > MANY and not yes:
        raise RequestError(f"these are {counted(trials, 'trial')}; --yes trains more than {MANY:,}")
    return [trial.preset for trial in plan_trials(request.study, request.bases)] or list(request.bases.values())
