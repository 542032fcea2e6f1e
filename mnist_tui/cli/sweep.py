"""`sweep`, and the options and checks that it shares with the other commands that begin studies."""

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
from mnist_tui.cli.options import (
    AllowSample,
    DataDir,
    Json,
    Request,
    RunsDir,
    among,
    checked_whole,
    data_folder,
    runs_folder,
    with_experiment,
)
from mnist_tui.cli.output import print_note
from mnist_tui.cli.studies import follow_to_end
from mnist_tui.data.catalogue import MissingDataError
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.presets import Preset
from mnist_tui.runs.devices import device_of, live_on, usable_cores
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import SEARCH_TRIALS, SweepAxis, checked
from mnist_tui.studies.start import StudyRequest, absolute, base_of, begin_study, check_resources, seeds_title
from mnist_tui.studies.trials import count_trials, parse_over, plan_trials
from mnist_tui.wording import counted, listed

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


KINDS = ("grid", "random", "tpe")
METRICS = ("val_accuracy", "val_loss")
MANY = 1_000
"""More trials than this are trained only with --yes."""


def complete_over(incomplete: str) -> list[str]:
    return [f"{parameter.name}=" for parameter in PARAMETERS if parameter.name.startswith(incomplete)]


OVER_HELP = (
    "An option's name without hyphens, or a key such as optimizer.epsilon, and the values to try: "
    "hidden=150,250,200x100. For random and tpe also a range: lr=0.0001..0.01:log, hidden=50..400. May be repeated."
)
Over = Annotated[list[str] | None, option_in("Sweep", "--over", "NAME=V1,V2…", OVER_HELP, complete_over)]
SEARCH_HELP = "Every combination, random ones, or those that Optuna's TPE proposes."
Kind = Annotated[str, option_in("Sweep", "--search", "|".join(KINDS), SEARCH_HELP, among(KINDS))]
METRIC_HELP = "The score by which trials are compared."
Metric = Annotated[str, option_in("Sweep", "--metric", "|".join(METRICS), METRIC_HELP, among(METRICS))]
TRIALS_HELP = f"How many combinations random or tpe may try; {SEARCH_TRIALS} by default."
Trials = Annotated[str | None, option_in("Sweep", "--trials", "N", TRIALS_HELP)]
PRUNE_HELP = "Stop trials early that do worse than the others."
Prune = Annotated[bool, option_in("Sweep", "--prune/--no-prune", None, PRUNE_HELP)]
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
    new: Annotated[bool, typer.Option("--new", help=NEW_HELP)] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=f"Allow more than {MANY:,} trials.")] = False,
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
    axes = _axes(over)
    study = checked(
        kind="sweep",
        title=f"{preset.name} over {listed([axis.name for axis in axes])}",
        bases=(base_of(preset, request.seeds or 1),),
        axes=axes,
        search=_search(search, trials, metric, seed=preset.experiment.training.seed, prune=prune),
        device=request.device,
        data_dir=absolute(data_folder(ctx, data_dir)),
        allow_sample=allow_sample,
        created=time.time(),
        command=this_command(),
        **checked_workers(workers, threads, scheduler),
    )
    study_request = StudyRequest(study, {study.bases[0].preset: preset})
    check_supply(study_request, _known_presets(study_request, yes=yes))
    folder = begin(runs_folder(ctx, runs_dir), study_request, new=new, hint=NEW_HINT)
    follow_to_end(folder, as_json=as_json, detach=detach)


def _axes(over: list[str] | None) -> tuple[SweepAxis, ...]:
    if not over:
        raise RequestError(
            "a sweep needs something to vary: --over hidden=150,250 (an option or a key, and its values); "
            "for seeds alone there is `mnist-tui train --seeds N`"
        )
    return tuple(parse_over(text) for text in over)


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
    """Return every preset that is known to be trained: all of a grid, the first one of a search.

    Raises:
        RequestError: a combination is not valid, or there are very many.
    """
    trials = count_trials(request.study)
    if trials > MANY and not yes:
        raise RequestError(f"these are {counted(trials, 'trial')}; --yes trains more than {MANY:,}")
    return [trial.preset for trial in plan_trials(request.study, request.bases)] or list(request.bases.values())
