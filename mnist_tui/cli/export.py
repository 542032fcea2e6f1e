"""`export`: files taken from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import RunOrStudy, RunsDir, among_several, runs_folder
from mnist_tui.cli.output import print_data, print_note
from mnist_tui.cli.run_or_study import runs_of
from mnist_tui.experiment.problem import RequestError
from mnist_tui.paths import typed_path
from mnist_tui.report.complexity.breakdown import ALSO
from mnist_tui.report.export import COMPLEXITY_FORMATS, HISTORY_FORMATS, WEIGHT_FORMATS, ExistsError, ExportError
from mnist_tui.report.export import export as export_items
from mnist_tui.runs.folder import RunFolder


def export(
    ctx: typer.Context,
    *,
    run: RunOrStudy,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="FORMAT[,FORMAT…]",
            help=f"The model's weights: {', '.join(WEIGHT_FORMATS)}.",
            autocompletion=among_several(WEIGHT_FORMATS),
        ),
    ] = None,
    complexity: Annotated[
        str | None,
        typer.Option(
            "--complexity",
            metavar="FORMAT[,…]",
            help=f"The layers' counts: {', '.join(COMPLEXITY_FORMATS)}.",
            autocompletion=among_several(COMPLEXITY_FORMATS),
        ),
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="A summary for a lab report, in Markdown.")] = False,
    history: Annotated[
        str | None,
        typer.Option(
            "--history",
            metavar="csv",
            help="Every epoch's figures: csv.",
            autocompletion=among_several(HISTORY_FORMATS),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            parser=typed_path,
            help="Folder to write to; the run's exports if absent. Each run of a study gets a folder in it.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Weights, complexity, history and a summary of a run, or of each run of a study; prints the paths of the files."""
    items = [
        *_items("--weights", weights, {name: name for name in WEIGHT_FORMATS}),
        *_items("--complexity", complexity, COMPLEXITY_FORMATS | {"txt": COMPLEXITY_FORMATS[ALSO["txt"]]}),
        *(["summary.md"] if summary else []),
        *_items("--history", history, {name: f"history.{name}" for name in HISTORY_FORMATS}),
    ]
    if not items:
        raise RequestError(
            f"say what to export: --weights {','.join(WEIGHT_FORMATS)}, --complexity {','.join(COMPLEXITY_FORMATS)}, "
            "--summary, --history csv"
        )
    folders = runs_of(runs_folder(ctx, runs_dir), run)
    if len(folders) > 1 and weights is not None:
        folders = _with_weights(folders)
    for folder in folders:
        out = output or folder.exports
        try:
            paths = export_items(
                folder, items, out / folder.id if output and len(folders) > 1 else out, overwrite=force, progress=_told
            )
        except ExistsError as error:
            raise RequestError(f"{error}; --force replaces, -o DIR writes elsewhere") from None
        except ExportError as error:
            if error.refused:
                raise
            raise WorkFailedError(str(error)) from None
        for path in paths:
            print_data(f"{path}\n")


def _with_weights(folders: list[RunFolder]) -> list[RunFolder]:
    """Those of several runs that have weights; the others, and why they are left out, are named on stderr.

    Raises:
        RequestError: none has.
    """
    there = [folder for folder in folders if folder.model_file.exists() or folder.checkpoint.exists()]
    for folder in folders:
        if folder not in there:
            print_note(f"note: run {folder.id} is left out: it is {folder.state()} and has no weights")
    if not there:
        raise RequestError(f"none of the {len(folders)} runs has weights")
    return there


def _told(what: str, done: int, of: int) -> None:
    print_note(f"writing {what} …")


def _items(flag: str, text: str | None, known: dict[str, str]) -> list[str]:
    """The items that a list of formats names."""
    if text is None:
        return []
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        what = f"has no format {unknown[0]!r}" if unknown else "names no format"
        raise RequestError(f"{flag} {what}; {', '.join(known)} {'is' if len(known) == 1 else 'are'}")
    return [known[name] for name in dict.fromkeys(names)]
