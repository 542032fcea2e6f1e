"""`reproduce`: trains the sources' experiments where runs are missing, and sets what they published beside ours."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_tui.cli.begin_study import begin, check_supply, this_command
from mnist_tui.cli.follow_study import check_outcome, shown_to_end
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
from mnist_tui.cli.study_results import print_detached
from mnist_tui.errors import RequestError
from mnist_tui.paths import typed_path
from mnist_tui.runs.devices import usable_cores
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import checked
from mnist_tui.studies.start import StudyRequest, absolute, require_extra
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mnist_tui.studies.reproduction.published_experiments import PublishedSource
    from mnist_tui.studies.reproduction.table import MissingSeeds, MissingTrainings, ReproductionTable

MANY_WORKERS = 1_000


def complete_named(incomplete: str) -> list[str]:
    """Return the names of sources and experiments that begin so."""
    from mnist_tui.studies.reproduction.published_experiments import ALL, sources

    every = sources()
    names = [ALL, *(one.name for one in every), *(name for one in every for sub in one.experiments for name in sub.ids)]
    return [name for name in names if name.startswith(incomplete)]


@dataclass(frozen=True)
class Selection:
    """Which published experiments a command is about, and how many seeds of each."""

    runs_dir: Path
    every: tuple[PublishedSource, ...]
    sources: tuple[PublishedSource, ...]
    seeds: int | None

    def table(self) -> ReproductionTable:
        """Return the table of the runs that there are now."""
        from mnist_tui.studies.reproduction.finished_runs import find_runs
        from mnist_tui.studies.reproduction.table import build_table, read_explanations

        wanted = [published.mathematics for source in self.every for published in source.experiments]
        found = find_runs(self.runs_dir, wanted)
        return build_table(self.sources, found, among=self.every, seeds=self.seeds, explanations=read_explanations())


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
        typer.Option("--seeds", metavar="N", help="Seeds 0 to N − 1 of each; as many as its verdict wants without it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, and train nothing.")] = False,
    from_runs: Annotated[bool, typer.Option("--from-runs", help="Train nothing: the table of what is there.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Train also what is there already.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE.md", parser=typed_path, help="Write the table, as Markdown, here."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="auto|cpu|gpu[:N]", help="Where to train.", show_default=True)
    ] = "auto",
    workers: Annotated[
        str | None,
        typer.Option("--workers", metavar="N", help="Processes that train side by side; one a GPU, or a core."),
    ] = None,
    threads: Annotated[
        str | None,
        typer.Option("--threads", metavar="N", help="Threads of one training; the cores shared among the workers."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="tcp://HOST:PORT", help="Train on a Dask cluster that is there."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Print the study's id at once; it goes on by itself.")
    ] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train the sources' experiments, where runs are missing, and print what they published beside ours.

    Ctrl-C and SIGTERM stop and save; the same command again goes on with what is missing.
    """
    from mnist_tui.studies.reproduction.published_experiments import choose, sources
    from mnist_tui.studies.reproduction.table import missing_seeds, missing_trainings

    _check_together(named, dry_run=dry_run, from_runs=from_runs, again=again, detach=detach, output=output)
    if workers is not None and scheduler is not None:
        raise RequestError("--workers does not go with --scheduler: that cluster has the workers that it has")
    every = sources()
    look = Selection(
        runs_folder(ctx, runs_dir), every, choose(named or [], every), checked_whole("--seeds", seeds, MAX_SEEDS)
    )
    table = look.table()
    if from_runs:
        _tell(table, output, as_json=as_json)
        return
    ask: dict[str, object] = {
        "title": f"reproduction of {_called(named or [], look)}",
        "device": checked_device(device),
        "threads": checked_whole("--threads", threads, usable_cores() if scheduler is None else MANY_WORKERS),
        "workers": checked_whole("--workers", workers, MANY_WORKERS),
        "scheduler": scheduler,
        "data_dir": absolute(data_folder(ctx, data_dir)),
    }
    parts = missing_seeds(table.rows, again=again)
    _tell_plan(table, parts, dry_run=dry_run, as_json=as_json)
    if dry_run:
        return
    if not parts:
        _tell(table, output, as_json=as_json)
        return
    folder = _begun(look.runs_dir, ask, missing_trainings(parts))
    if detach:
        print_detached(folder, as_json=as_json)
        return
    _followed(folder, look, output, as_json=as_json)


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
            "--dry-run says how long it takes, --from-runs shows what is there"
        )
    if output is None:
        return
    if dry_run or detach:
        raise RequestError(
            f"-o does not go with {'--dry-run' if dry_run else '--detach'}: nothing has come out of it by then; "
            "--from-runs -o FILE.md writes the table at any time"
        )
    if output.suffix.lower() != ".md":
        raise RequestError(f"-o {output} is no Markdown file; one ending in .md is written")
    if not output.absolute().parent.is_dir():
        raise RequestError(f"-o {output}: there is no folder {output.absolute().parent}")


def _called(named: list[str], look: Selection) -> str:
    count = sum(len(source.experiments) for source in look.sources)
    return " ".join(named) if len(named) <= 2 else counted(count, "experiment")


def _begun(runs_dir: Path, ask: dict[str, object], missing: MissingTrainings) -> StudyFolder:
    """Begin the study that trains what is missing, or resume the one that already does."""
    from mnist_tui.studies.reproduction.table import find_unfinished

    require_extra()
    study = checked(kind="reproduction", bases=missing.bases, created=time.time(), command=this_command(), **ask)
    request = StudyRequest(study, missing.presets)
    earlier = find_unfinished(runs_dir, study, missing.trainings)
    check_supply(request, missing.presets.values())
    return begin(runs_dir, request, earlier=earlier)


def _followed(folder: StudyFolder, look: Selection, output: Path | None, *, as_json: bool) -> None:
    """Show the study until it has ended, then print the table.

    Raises:
        WorkFailedError: it failed, its process died, or none of its trials finished.
        LeftError: a second signal came before it had stopped.
    """
    state = shown_to_end(folder)
    _tell(look.table(), output, as_json=as_json, study=folder.id)
    check_outcome(folder, state)


def _tell_plan(table: ReproductionTable, parts: Sequence[MissingSeeds], *, dry_run: bool, as_json: bool) -> None:
    if dry_run and as_json:
        from mnist_tui.cli.reproduction_table import plan_document

        print_json(plan_document(table, parts))
        return
    from mnist_tui.cli.reproduction_table import plan

    for line in plan(table, parts):
        print_line(line, sys.stdout if dry_run else sys.stderr)


def _tell(table: ReproductionTable, output: Path | None, *, as_json: bool, study: str = "") -> None:
    from mnist_tui.cli import reproduction_table as results
    from mnist_tui.files import write_text

    if output is not None:
        try:
            write_text(output, results.as_markdown(table, output))
        except OSError as error:
            raise RequestError(f"{output} cannot be written: {error.strerror or error}") from None
        print_note(f"the table is in {output}")
    if as_json:
        print_json({"study": study or None, **results.document(table)})
    else:
        print_text(results.as_text(table, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
