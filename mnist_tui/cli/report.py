"""`report`: runs written up as one document, in as many formats as are asked for."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import RunsDir, complete_run_or_study, runs_folder
from mnist_tui.cli.output import LiveLine, print_data, print_note
from mnist_tui.cli.run_or_study import runs_of
from mnist_tui.experiment.problem import RequestError
from mnist_tui.paths import typed_path
from mnist_tui.report.export import ExistsError, ExportError


def report(
    ctx: typer.Context,
    *,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|STUDY…",
            help="Runs: ids, folders, latest, a group of seeds, or a study for its runs.",
            autocompletion=complete_run_or_study,
        ),
    ],
    outputs: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            parser=typed_path,
            help="A file ending in .md, .tex, .html, .pdf or .docx; may be repeated.",
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="The report's title.")] = "",
    author: Annotated[str, typer.Option("--author", metavar="TEXT", help="Who hands it in.")] = "",
    timestamp: Annotated[
        str | None,
        typer.Option(
            "--timestamp", metavar="ISO", help="When it was made, such as 2026-03-01T14:05; without a zone in UTC."
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            parser=typed_path,
            help="Every figure on its own too: svg, pdf, png, its data as csv.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """A report over runs, ready to be handed in; prints the paths of the files."""
    from mnist_tui.report.document import write_report

    if not outputs and figures is None:
        raise RequestError("say where to: -o report.pdf (or .md, .tex, .html, .docx), --figures DIR, or both")
    folder = runs_folder(ctx, runs_dir)
    named = [run for text in runs for run in runs_of(folder, text)]
    chosen = list({run.path.resolve(): run for run in named}.values())
    warnings: list[str] = []
    try:
        paths = write_report(
            chosen,
            outputs or [],
            title=title,
            author=author,
            timestamp=_moment(timestamp),
            figures=figures,
            overwrite=force,
            progress=_told,
            warn=warnings.append,
        )
    except ExistsError as error:
        raise RequestError(f"{error}; --force replaces, another -o writes elsewhere") from None
    except ExportError as error:
        if error.refused:
            raise
        raise WorkFailedError(str(error)) from None
    finally:
        _wipe()
    for text in warnings:
        print_note(f"warning: {text}")
    for path in paths:
        print_data(f"{path}\n")


def _moment(text: str | None) -> datetime | None:
    from mnist_tui.report.formats.front import instant

    try:
        return None if text is None else instant(text)
    except (ValueError, OverflowError):
        raise RequestError(
            f"--timestamp {text} is no time; 2026-03-01T14:05 is one, and 2026-03-01T14:05+01:00"
        ) from None


def _told(what: str, done: int, of: int) -> None:
    if sys.stderr.isatty():
        LiveLine(sys.stderr).show(f"{what}: {done} of {of}")


def _wipe() -> None:
    if sys.stderr.isatty():
        LiveLine(sys.stderr).show("")
