"""`reproduce`: train published experiments and compare the scores with the published ones."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_tui.cli.follow_study import check_outcome, follow_to_end, shown_to_end
from mnist_tui.cli.options import (
    DEVICES,
    MAX_SEEDS,
    DataDir,
    Detach,
    Json,
    RunsDir,
    among,
    checked_device,
    checked_whole,
    complete_device,
    data_folder,
    option,
    runs_folder,
)
from mnist_tui.cli.output import print_json, print_line, print_note, print_text, stdout_width
from mnist_tui.cli.start_studies import Scheduler, Threads, Workers, begin, check_supply, checked_workers, this_command
from mnist_tui.errors import RequestError
from mnist_tui.files import write_text
from mnist_tui.paths import typed_path
from mnist_tui.studies.spec import checked
from mnist_tui.studies.start import StudyRequest, absolute, require_extra
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.studies.reproduction.table import ReproductionTable


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
