"""`sweep`: train combinations of parameter values as one study."""

from __future__ import annotations

from typing import Annotated

import typer

from mnist_tui.cli.experiment_options import Request, with_experiment
from mnist_tui.cli.follow_study import follow_to_end
from mnist_tui.cli.options import (
    AllowSample,
    DataDir,
    Detach,
    Json,
    RunsDir,
    among,
    checked_whole,
    data_folder,
    option,
    runs_folder,
)
from mnist_tui.cli.start_studies import (
    Scheduler,
    Threads,
    Workers,
    begin,
    check_supply,
    checked_workers,
    requested_study,
)
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.studies.spec import MANY_TRIALS, METRICS, SEARCH_KINDS, SEARCH_TRIALS
from mnist_tui.studies.trials import count_trials, parse_over, plan_trials
from mnist_tui.wording import counted, listed

OVER_HELP = (
    "An option's name without hyphens, or a key such as optimizer.epsilon, and the values to try: "
    "hidden=150,250,200x100. For random and tpe also a range: lr=0.0001..0.01:log, hidden=50..400. May be repeated."
)
complete_over = among(f"{parameter.name}=" for parameter in PARAMETERS)
Over = Annotated[list[str] | None, option("--over", "NAME=V1,V2…", OVER_HELP, panel="Sweep", complete=complete_over)]
SEARCH_HELP = "Train every combination (grid), random ones, or those that Optuna's TPE sampler proposes."
Kind = Annotated[
    str, option("--search", "|".join(SEARCH_KINDS), SEARCH_HELP, panel="Sweep", complete=among(SEARCH_KINDS))
]
METRIC_HELP = "The score by which trials are compared."
Metric = Annotated[str, option("--metric", "|".join(METRICS), METRIC_HELP, panel="Sweep", complete=among(METRICS))]
TRIALS_HELP = f"How many combinations random or tpe may try; {SEARCH_TRIALS} by default."
Trials = Annotated[str | None, option("--trials", "N", TRIALS_HELP, panel="Sweep")]
PRUNE_HELP = "Stop trials early that do worse than the others."
Prune = Annotated[bool, option("--prune/--no-prune", None, PRUNE_HELP, panel="Sweep")]


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
    new: Annotated[bool, option("--new", None, "Begin a new study even if an unfinished one is the same.")] = False,
    yes: Annotated[bool, option("--yes -y", None, f"Allow more than {MANY_TRIALS:,} trials.")] = False,
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
    study = requested_study(
        request,
        preset,
        data_folder(ctx, data_dir),
        axes=[parse_over(text) for text in over],
        search=_search(search, trials, metric, seed=preset.experiment.training.seed, prune=prune),
        allow_sample=allow_sample,
        **checked_workers(workers, threads, scheduler),
    )
    number = count_trials(study.study)
    if number > MANY_TRIALS and not yes:
        raise RequestError(f"these are {counted(number, 'trial')}; --yes trains more than {MANY_TRIALS:,}")
    known = [trial.preset for trial in plan_trials(study.study, study.bases)]  # empty for a search
    check_supply(study, known or [preset])
    follow_to_end(begin(runs_folder(ctx, runs_dir), study, new=new), as_json=as_json, detach=detach)


def _search(kind: str, trials: str | None, metric: str, *, seed: int, prune: bool) -> dict[str, object]:
    if kind not in SEARCH_KINDS:
        raise RequestError(f"--search {kind} is not known; choose {listed(SEARCH_KINDS, 'or')}")
    if metric not in METRICS:
        raise RequestError(f"--metric {metric} is not known; choose {listed(METRICS, 'or')}")
    number = checked_whole("--trials", trials, 100_000)
    if kind == "grid" and number is not None:
        raise RequestError(
            f"--trials {number} does not go with a grid, which trains every combination; "
            "--search random or tpe takes it"
        )
    return {"kind": kind, "trials": number, "seed": seed, "prune": prune, "metric": metric}
