"""`reproduce`: train the sources' experiments where runs are missing, and compare what they published with ours."""

from __future__ import annotations

import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_tui.cli.options import (
    MAX_SEEDS,
    DataDir,
    Json,
    RunsDir,
    checked_device,
    checked_whole,
    data_folder,
    runs_folder,
)
from mnist_tui.cli.output import print_json, print_line, print_note, print_text
from mnist_tui.cli.studies import check_outcome, shown_to_end
from mnist_tui.cli.study_results import print_detached
from mnist_tui.cli.sweep import Detach, Scheduler, Threads, Workers, begin, check_supply, checked_workers, this_command
from mnist_tui.errors import RequestError
from mnist_tui.files import write_text
from mnist_tui.paths import typed_path
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import checked
from mnist_tui.studies.start import StudyRequest, absolute, require_extra
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mnist_tui.studies.reproduction.published_experiments import PublishedSource
    from mnist_tui.studies.reproduction.table import MissingTrainings, ReproductionTable


def complete_named(incomplete: str) -> list[str]:
    from mnist_tui.studies.reproduction.published_experiments import ALL, sources

    every = sources()
    names = [ALL, *(one.name for one in every), *(name for one in every for sub in one.experiments for name in sub.ids)]
    return [name for name in names if name.startswith(incomplete)]


def reproduce(
    ctx: typer.Context,
    *,
    named: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE|ID]…",
            help="A source (efc2, labo04 …), an experiment's id, or all; `mnist-tui presets list` shows them.",
            autocompletion=complete_named,
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", metavar="N", help="Train with seeds 0 to N − 1 (default: enough to compare)."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, and train nothing.")] = False,
    from_runs: Annotated[
        bool, typer.Option("--from-runs", help="Train nothing; print the table of existing runs.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Train again what was trained already.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE.md", parser=typed_path, help="Write the table, as Markdown, here."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="auto|cpu|gpu[:N]", help="Where to train.", show_default=True)
    ] = "auto",
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
    from mnist_tui.studies.reproduction.table import missing_seeds, missing_trainings

    _check_together(named, dry_run=dry_run, from_runs=from_runs, again=again, detach=detach, output=output)
    fields = checked_workers(workers, threads, scheduler)
    fields |= {"device": checked_device(device), "data_dir": absolute(data_folder(ctx, data_dir))}
    words, every, place = named or [], sources(), runs_folder(ctx, runs_dir)
    chosen = choose(words, every)
    read_table = partial(_read_table, place, every, chosen, checked_whole("--seeds", seeds, MAX_SEEDS))
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
        print_detached(folder, as_json=as_json)
        return
    state = shown_to_end(folder)
    _print_table(read_table(), output, as_json=as_json, study=folder.id)
    check_outcome(folder, state)


def _read_table(
    runs_dir: Path, every: Sequence[PublishedSource], chosen: Sequence[PublishedSource], seeds: int | None
) -> ReproductionTable:
    from mnist_tui.studies.reproduction.table import build_table, find_runs, read_explanations

    found = find_runs(runs_dir, [published.mathematics for source in every for published in source.experiments])
    return build_table(chosen, found, among=every, seeds=seeds, explanations=read_explanations())


def _check_together(
    named: list[str] | None, *, dry_run: bool, from_runs: bool, again: bool, detach: bool, output: Path | None
) -> None:
    given = {"--from-runs": from_runs, "--dry-run": dry_run, "--detach": detach, "--again": again}
    for one, other in (
        ("--from-runs", "--dry-run"),
        ("--from-runs", "--detach"),
        ("--from-runs", "--again"),
        ("--dry-run", "--detach"),
    ):
        if given[one] and given[other]:
            raise RequestError(f"{one} does not go with {other}")
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
    """Begin the study that trains what is missing, or resume the one that already does."""
    from mnist_tui.studies.reproduction.table import find_unfinished

    require_extra()
    study = checked(kind="reproduction", bases=missing.bases, created=time.time(), command=this_command(), **fields)
    request = StudyRequest(study, missing.presets)
    earlier = find_unfinished(runs_dir, study, missing.trainings)
    check_supply(request, missing.presets.values())
    return begin(runs_dir, request, earlier=earlier)


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
        print_text(as_text(table, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
