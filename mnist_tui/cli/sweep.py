"""`sweep`: begin a study of trainings that differ in chosen parameters, and follow it."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from mnist_tui.cli.begin_study import (
    NEW_HINT,
    Detach,
    Scheduler,
    Threads,
    Workers,
    begin,
    check_supply,
    checked_workers,
    option_in,
    this_command,
)
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
from mnist_tui.cli.studies import follow_to_end
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.presets import Preset
from mnist_tui.studies.spec import SEARCH_TRIALS, SweepAxis, checked
from mnist_tui.studies.start import StudyRequest, absolute, base_of
from mnist_tui.studies.trials import count_trials, parse_over, plan_trials
from mnist_tui.wording import counted, listed

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
