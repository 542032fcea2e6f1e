"""`reproduce`: train published experiments that have no run yet, and compare the published scores with ours."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
from mnist_tui.cli.studies import check_outcome, print_begun_study, shown_to_end
from mnist_tui.cli.sweep import Scheduler, Threads, Workers, begin, check_supply, checked_workers, this_command
from mnist_tui.errors import RequestError
from mnist_tui.files import write_text
from mnist_tui.paths import typed_path
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import checked
from mnist_tui.studies.start import StudyRequest, absolute, require_extra
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.studies.reproduction.table import MissingTrainings, ReproductionTable


def complete_named(incomplete: str) -> list[str]:
    """Complete the name of a source, the id of a published experiment, or ``all``."""
    from mnist_tui.studies.reproduction.published_experiments import ALL, sources

    every = sources()
    ids = [name for source in every for experiment in source.experiments for name in experiment.ids]
    return among([ALL, *(source.name for source in every), *ids])(incomplete)


NAMED_HELP = "A source (efc2, labo04 …), an experiment's id, or all; `mnist-tui presets list` shows them."
SEEDS_HELP = "Train with seeds 0 to N − 1 (default: enough to compare)."


def reproduce(
    ctx: typer.Context,
    *,
    named: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE|ID]…", help=NAMED_HELP, autocompletion=complete_named)
    ] = None,
    seeds: Annotated[str | None, option("--seeds", "N", SEEDS_HELP)] = None,
    dry_run: Annotated[bool, option("--dry-run", None, "Say what would be trained, and train nothing.")] = False,
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
    """Train the sources' experiments where runs are missing, and compare the published figures with ours.

    Ctrl-C and SIGTERM stop and save; the same command again trains what is missing.
    """
    from mnist_tui.cli.reproduction_table import plan, plan_document
    from mnist_tui.studies.reproduction.published_experiments import choose, sources
    from mnist_tui.studies.reproduction.table import (
        build_table,
        find_runs,
        missing_seeds,
        missing_trainings,
        read_explanations,
    )

    _check_together(named, dry_run=dry_run, from_runs=from_runs, again=again, detach=detach, output=output)
    fields = checked_workers(workers, threads, scheduler)
    fields |= {"device": checked_device(device), "data_dir": absolute(data_folder(ctx, data_dir))}
    words, every, place = named or [], sources(), runs_folder(ctx, runs_dir)
    chosen = choose(words, every)
    number = checked_whole("--seeds", seeds, MAX_SEEDS)

    def read_table() -> ReproductionTable:
        found = find_runs(place, [experiment.mathematics for source in every for experiment in source.experiments])
        return build_table(chosen, found, among=every, seeds=number, explanations=read_explanations())

    table = read_table()
    parts = () if from_runs else missing_seeds(table.rows, again=again)
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
    fields["title"] = f"reproduction of {' '.join(words) if len(words) <= 2 else experiments}"
    folder = _begin(place, fields, missing_trainings(parts))
    if detach:
        print_begun_study(folder, as_json=as_json)
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


def _begin(runs_dir: Path, fields: dict[str, object], missing: MissingTrainings) -> StudyFolder:
    """Begin a study of the missing trainings, or resume the unfinished study that has exactly these."""
    from mnist_tui.studies.reproduction.table import find_unfinished

    require_extra()
    study = checked(kind="reproduction", bases=missing.bases, created=time.time(), command=this_command(), **fields)
    request = StudyRequest(study, missing.presets)
    earlier = find_unfinished(runs_dir, study, missing.trainings)
    check_supply(request, missing.presets.values())
    return begin(runs_dir, request, earlier=earlier, hint="")


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
