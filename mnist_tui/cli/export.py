"""`export` and `report`: write files about runs."""

from __future__ import annotations

import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import Force, RunOrStudy, Runs, RunsDir, among_several, option, runs_folder, runs_of
from mnist_tui.cli.output import LiveLine, print_data, print_note
from mnist_tui.errors import RequestError
from mnist_tui.paths import typed_path
from mnist_tui.report.complexity.breakdown import FORMAT_ALIASES
from mnist_tui.report.export import COMPLEXITY_FORMATS, HISTORY_FORMATS, ExistsError, ExportError
from mnist_tui.report.export import export as export_items
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS


def _formats(flag: str, metavar: str, what: str, names: Collection[str]) -> Any:
    return option(flag, metavar, f"{what}: {', '.join(names)}.", complete=among_several(names))


OUTPUT_HELP = "Folder to write to (default: the run's exports). Each run of a study gets a folder in it."


def export(
    ctx: typer.Context,
    *,
    run: RunOrStudy,
    weights: Annotated[
        str | None, _formats("--weights", "FORMAT[,FORMAT…]", "The model's weights", WEIGHT_FORMATS)
    ] = None,
    complexity: Annotated[
        str | None, _formats("--complexity", "FORMAT[,…]", "The layers' counts", COMPLEXITY_FORMATS)
    ] = None,
    summary: Annotated[bool, option("--summary", None, "A summary for a lab report, in Markdown.")] = False,
    history: Annotated[str | None, _formats("--history", "csv", "Every epoch's figures", HISTORY_FORMATS)] = None,
    output: Annotated[Path | None, option("-o --output", "DIR", OUTPUT_HELP, parser=typed_path)] = None,
    force: Force = False,
    runs_dir: RunsDir = None,
) -> None:
    """Export weights, complexity, history and a summary of a run, or of each run of a study; print the files' paths."""
    items = [
        *_items("--weights", weights, {name: name for name in WEIGHT_FORMATS}),
        *_items("--complexity", complexity, COMPLEXITY_FORMATS | {"txt": COMPLEXITY_FORMATS[FORMAT_ALIASES["txt"]]}),
        *(["summary.md"] if summary else []),
        *_items("--history", history, {name: f"history.{name}" for name in HISTORY_FORMATS}),
    ]
    if not items:
        raise RequestError(
            f"nothing to export: give --weights {','.join(WEIGHT_FORMATS)}, "
            f"--complexity {','.join(COMPLEXITY_FORMATS)}, --summary, --history csv"
        )
    folders = runs_of(runs_folder(ctx, runs_dir), run)
    if len(folders) > 1 and weights is not None:
        folders = _with_weights(folders)
    for folder in folders:
        out = folder.exports if output is None else output / folder.id if len(folders) > 1 else output
        with _failures("-o DIR"):
            paths = export_items(
                folder, items, out, overwrite=force, progress=lambda what, *_: print_note(f"writing {what} …")
            )
        for path in paths:
            print_data(f"{path}\n")


@contextmanager
def _failures(elsewhere: str) -> Generator[None]:
    """Raise the errors of an export as a wrong request, with advice about existing files, or as failed work.

    Args:
        elsewhere: the option that writes to another place.
    """
    try:
        yield
    except ExistsError as error:
        raise RequestError(f"{error}; --force replaces, {elsewhere} writes elsewhere") from None
    except ExportError as error:
        if error.refused:
            raise
        raise WorkFailedError(str(error)) from None


def _with_weights(folders: list[RunFolder]) -> list[RunFolder]:
    """Return the runs that have weights, with a note about each other run; raise RequestError if no run has any."""
    usable = [folder for folder in folders if folder.model_file.exists() or folder.checkpoint.exists()]
    for folder in folders:
        if folder not in usable:
            print_note(f"note: run {folder.id} is left out: it is {folder.state()} and has no weights")
    if not usable:
        raise RequestError(f"none of the {len(folders)} runs has weights")
    return usable


def _items(flag: str, text: str | None, known: dict[str, str]) -> list[str]:
    if text is None:
        return []
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        what = f"has no format {unknown[0]!r}" if unknown else "names no format"
        raise RequestError(f"{flag} {what}; {', '.join(known)} {'is' if len(known) == 1 else 'are'}")
    return [known[name] for name in dict.fromkeys(names)]


FIGURES_HELP = "Folder for every figure as svg, pdf and png, with its data as csv."
FILE_HELP = "A file ending in .md, .tex, .html, .pdf or .docx; may be repeated."
TIME_HELP = "The report's date, such as 2026-03-01T14:05; UTC if without a zone."


def report(
    ctx: typer.Context,
    *,
    runs: Runs,
    outputs: Annotated[list[Path] | None, option("-o --output", "FILE", FILE_HELP, parser=typed_path)] = None,
    title: Annotated[str, option("--title", "TEXT", "The report's title.")] = "",
    author: Annotated[str, option("--author", "TEXT", "The author's name.")] = "",
    timestamp: Annotated[str | None, option("--timestamp", "ISO", TIME_HELP)] = None,
    figures: Annotated[Path | None, option("--figures", "DIR", FIGURES_HELP, parser=typed_path)] = None,
    force: Force = False,
    runs_dir: RunsDir = None,
) -> None:
    """Write a report about runs, ready to hand in; print the files' paths."""
    from mnist_tui.report.document import write_report

    if not outputs and figures is None:
        raise RequestError(
            "nowhere to write to: give -o report.pdf (or .md, .tex, .html, .docx), --figures DIR, or both"
        )
    folder = runs_folder(ctx, runs_dir)
    chosen = {run.path.resolve(): run for text in runs for run in runs_of(folder, text)}
    try:
        moment = None if timestamp is None else datetime.fromisoformat(timestamp)
        moment = moment and (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        raise RequestError(
            f"--timestamp {timestamp} is not a time such as 2026-03-01T14:05 or 2026-03-01T14:05+01:00"
        ) from None
    warnings: list[str] = []
    with LiveLine(sys.stderr) as line, _failures("another -o"):
        paths = write_report(
            list(chosen.values()),
            outputs or [],
            title=title,
            author=author,
            timestamp=moment,
            figures=figures,
            overwrite=force,
            progress=lambda what, done, of: line.show(f"{what}: {done} of {of}") if sys.stderr.isatty() else None,
            warn=warnings.append,
        )
    for text in warnings:
        print_note(f"warning: {text}")
    for path in paths:
        print_data(f"{path}\n")
