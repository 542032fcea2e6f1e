"""Begin studies: `sweep` and `reproduce`, with the options and checks that they share with `train --seeds`."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import (
    DEVICES,
    MAX_SEEDS,
    AllowSample,
    DataDir,
    Detach,
    Json,
    Request,
    RunsDir,
    among,
    checked_device,
    checked_whole,
    complete_device,
    data_folder,
    option,
    runs_folder,
    with_experiment,
)
from mnist_tui.cli.output import print_json, print_line, print_note, print_text, stdout_width
from mnist_tui.cli.studies import check_outcome, follow_to_end, shown_to_end
from mnist_tui.data.catalogue import MissingDataError
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.presets import Preset
from mnist_tui.files import write_text
from mnist_tui.paths import typed_path
from mnist_tui.runs.devices import usable_cores
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import MANY_TRIALS, METRICS, SEARCH_KINDS, SEARCH_TRIALS, checked
from mnist_tui.studies.start import StudyRequest, absolute, begin_study, check_resources, require_extra, study_request
from mnist_tui.studies.trials import count_trials, parse_over, plan_trials
from mnist_tui.wording import counted, listed

if TYPE_CHECKING:
    from mnist_tui.studies.reproduction.table import ReproductionTable


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
    """Return the study that trains a preset with ``--seeds N``; `fields` go to `studies.start.study_request`."""
    fields |= {"device": request.device, "data_dir": absolute(data_dir), "command": this_command()}
    return study_request(preset, request.seeds or 1, **fields)


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


def complete_named(incomplete: str) -> list[str]:
    """Complete the name of a source, the id of a published experiment, or ``all``."""
    from mnist_tui.studies.reproduction.published_experiments import ALL, sources

    published = sources()
    ids = [name for source in published for experiment in source.experiments for name in experiment.ids]
    return among([ALL, *(source.name for source in published), *ids])(incomplete)


NAMED_HELP = "A source (efc2, labo04 …), an experiment's id, or all; `mnist-tui presets list` shows them."
SEEDS_HELP = "Train with seeds 0 to N − 1 (default: enough to compare)."


def reproduce(
    ctx: typer.Context,
    *,
    named: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE|ID]…", help=NAMED_HELP, autocompletion=complete_named)
    ] = None,
    seeds: Annotated[str | None, option("--seeds", "N", SEEDS_HELP)] = None,
    dry_run: Annotated[bool, option("--dry-run", None, "Print what would be trained, and train nothing.")] = False,
    from_runs: Annotated[bool, option("--from-runs", None, "Train nothing; print the table of existing runs.")] = False,
    again: Annotated[bool, option("--again", None, "Train again what was trained already.")] = False,
    output: Annotated[
        Path | None, option("-o --output", "FILE.md", "Write the table, as Markdown, here.", parser=typed_path)
    ] = None,
    device: Annotated[str, option("--device", DEVICES, "Where to train.", complete=complete_device)] = "auto",
    workers: Workers = None,
    threads: Threads = None,
    scheduler: Scheduler = None,
    detach: Detach = False,
    as_json: Json = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train the published experiments that have no run yet, and compare the published scores with ours.

    Ctrl-C and SIGTERM stop and save; the same command again trains what is missing.
    """
    from mnist_tui.cli.reproduction_table import plan, plan_document
    from mnist_tui.studies.reproduction import table as tables
    from mnist_tui.studies.reproduction.published_experiments import choose, sources

    _check_together(named, dry_run=dry_run, from_runs=from_runs, again=again, detach=detach, output=output)
    fields = checked_workers(workers, threads, scheduler)
    fields |= {"device": checked_device(device), "data_dir": absolute(data_folder(ctx, data_dir))}
    words, published, runs = named or [], sources(), runs_folder(ctx, runs_dir)
    chosen = choose(words, published)
    number = checked_whole("--seeds", seeds, MAX_SEEDS)

    def read_table() -> ReproductionTable:
        experiments = [experiment.mathematics for source in published for experiment in source.experiments]
        found, explanations = tables.find_runs(runs, experiments), tables.read_explanations()
        return tables.build_table(chosen, found, among=published, seeds=number, explanations=explanations)

    table = read_table()
    parts = () if from_runs else tables.missing_seeds(table.rows, again=again)
    if dry_run and as_json:
        print_json(plan_document(table, parts))
        return
    for line in () if from_runs else plan(table, parts):
        print_line(line, sys.stdout if dry_run else sys.stderr)
    if dry_run:
        return
    if not parts:
        _print_table(table, output, as_json=as_json)
        return
    experiments = counted(sum(len(source.experiments) for source in chosen), "experiment")
    title = f"reproduction of {' '.join(words) if len(words) <= 2 else experiments}"
    require_extra()
    missing = tables.missing_trainings(parts)
    fields |= {"kind": "reproduction", "title": title, "bases": missing.bases}
    study = checked(created=time.time(), command=this_command(), **fields)
    earlier = tables.find_unfinished(runs, study, missing.trainings)
    request = StudyRequest(study, missing.presets)
    check_supply(request, missing.presets.values())
    folder = begin(runs, request, earlier=earlier, hint="")
    if detach:
        follow_to_end(folder, as_json=as_json, detach=True)
        return
    state = shown_to_end(folder)
    _print_table(read_table(), output, as_json=as_json, study=folder.id)
    check_outcome(folder, state)


def _check_together(
    named: list[str] | None, *, dry_run: bool, from_runs: bool, again: bool, detach: bool, output: Path | None
) -> None:
    given = {"--from-runs": from_runs, "--dry-run": dry_run, "--detach": detach, "--again": again}
    for first, others in (("--from-runs", ("--dry-run", "--detach", "--again")), ("--dry-run", ("--detach",))):
        for other in others:
            if given[first] and given[other]:
                raise RequestError(f"{first} does not go with {other}")
    if not named and not from_runs and not dry_run:
        raise RequestError(
            "name what to reproduce: a source (efc2, labo04 …), an experiment's id, or all; "
            "--dry-run says how long it takes, --from-runs shows the results so far"
        )
    if output is None:
        return
    if dry_run or detach:
        raise RequestError(
            f"-o does not go with {'--dry-run' if dry_run else '--detach'}: it has no results by then; "
            "--from-runs -o FILE.md writes the table at any time"
        )
    if output.suffix.lower() != ".md":
        raise RequestError(f"-o {output} is not a Markdown file: its name must end in .md")
    if not output.absolute().parent.is_dir():
        raise RequestError(f"-o {output}: there is no folder {output.absolute().parent}")


def _print_table(table: ReproductionTable, output: Path | None, *, as_json: bool, study: str = "") -> None:
    from mnist_tui.cli.reproduction_table import as_markdown, as_text, document

    if output is not None:
        try:
            write_text(output, as_markdown(table, output))
        except OSError as error:
            raise RequestError(f"{output} cannot be written: {error.strerror or error}") from None
        print_note(f"the table is in {output}")
    if as_json:
        print_json({"study": study or None, **document(table)})
    else:
        print_text(as_text(table, stdout_width()))
