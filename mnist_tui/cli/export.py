"""`export`: files taken from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import Run, RunsDir, among_several, chosen_run
from mnist_tui.cli.output import print_data, print_note
from mnist_tui.experiment.problem import RequestError
from mnist_tui.report.complexity.breakdown import ALSO
from mnist_tui.report.export import COMPLEXITY_FORMATS, HISTORY_FORMATS, WEIGHT_FORMATS, ExistsError, ExportError
from mnist_tui.report.export import export as export_items


def export(
    ctx: typer.Context,
    *,
    run: Run,
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
        typer.Option("-o", "--output", metavar="DIR", help="Folder to write to; the run's exports if absent."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Weights, complexity, history and a summary of a run; prints the paths of the files."""
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
    folder = chosen_run(ctx, run, runs_dir)
    try:
        paths = export_items(folder, items, output or folder.exports, overwrite=force, progress=_told)
    except ExistsError as error:
        raise RequestError(f"{error}; --force replaces, -o DIR writes elsewhere") from None
    except ExportError as error:
        if error.refused:
            raise
        raise WorkFailedError(str(error)) from None
    for path in paths:
        print_data(f"{path}\n")


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
