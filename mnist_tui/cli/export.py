"""`export` and `report`: write files about runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import (
    Force,
    Runs,
    RunsDir,
    among_several,
    complete_preset,
    complete_run_or_study,
    may_replace,
    option,
    runs_folder,
    runs_of,
)
from mnist_tui.cli.output import LiveLine, print_data, print_note
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.preset_files import names
from mnist_tui.paths import typed_path
from mnist_tui.report.complexity.breakdown import FORMAT_ALIASES
from mnist_tui.report.export import (
    CODE_FORMATS,
    COMPLEXITY_FORMATS,
    HISTORY_FORMATS,
    ExistsError,
    ExportError,
    export_preset,
)
from mnist_tui.report.export import export as export_items
from mnist_tui.report.parts import PARTS, named_parts
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import AmbiguousRunError
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from mnist_tui.wording import did_you_mean

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset


def complete_subject(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a run or of a study, or the name of a preset."""
    return [*complete_run_or_study(ctx, incomplete), *complete_preset(incomplete)]


def _formats(flag: str, metavar: str, what: str, names: Collection[str]) -> Any:
    return option(flag, metavar, f"{what}: {', '.join(names)}.", complete=among_several(names))


OUTPUT_HELP = (
    "Folder to write to (default: the run's exports; for a preset the present one). Each run of a study gets a folder "
    "in it."
)
SUBJECT_HELP = (
    "A run's or a study's id, a unique beginning of one, its folder, or latest; for --code alone a preset, too."
)


def export(
    ctx: typer.Context,
    *,
    run: Annotated[str, typer.Argument(metavar="RUN|STUDY|PRESET", help=SUBJECT_HELP, autocompletion=complete_subject)],
    weights: Annotated[
        str | None, _formats("--weights", "FORMAT[,FORMAT…]", "The model's weights", WEIGHT_FORMATS)
    ] = None,
    complexity: Annotated[
        str | None, _formats("--complexity", "FORMAT[,…]", "The layers' counts", COMPLEXITY_FORMATS)
    ] = None,
    summary: Annotated[bool, option("--summary", None, "A summary for a lab report, in Markdown.")] = False,
    history: Annotated[
        str | None, _formats("--history", "csv|tensorboard", "Every epoch's figures", HISTORY_FORMATS)
    ] = None,
    code: Annotated[
        str | None, _formats("--code", "keras|notebook", "The experiment as a program with plain Keras", CODE_FORMATS)
    ] = None,
    output: Annotated[Path | None, option("-o --output", "DIR", OUTPUT_HELP, parser=typed_path)] = None,
    force: Force = False,
    runs_dir: RunsDir = None,
) -> None:
    """Export weights, complexity, history, a summary and code of a run, or of each run of a study; print the paths."""
    items = [
        *_items("--weights", weights, {name: name for name in WEIGHT_FORMATS}),
        *_items("--complexity", complexity, COMPLEXITY_FORMATS | {"txt": COMPLEXITY_FORMATS[FORMAT_ALIASES["txt"]]}),
        *(["summary.md"] if summary else []),
        *_items("--history", history, HISTORY_FORMATS),
        *(programs := _items("--code", code, CODE_FORMATS)),
    ]
    if not items:
        raise RequestError(
            f"nothing to export: give --weights {','.join(WEIGHT_FORMATS)}, "
            f"--complexity {','.join(COMPLEXITY_FORMATS)}, --summary, --history {','.join(HISTORY_FORMATS)}, "
            f"--code {','.join(CODE_FORMATS)}"
        )
    if items == programs and (preset := _preset(run)) is not None:
        for path in _written(partial(export_preset, preset, programs, output or Path()), "-o DIR", overwrite=force):
            print_data(f"{path}\n")
        return
    folders = _runs(runs_folder(ctx, runs_dir), run, takes_presets=items == programs)
    if len(folders) > 1 and weights is not None:
        folders = _with_weights(folders)
    for folder in folders:
        out = folder.exports if output is None else output / folder.id if len(folders) > 1 else output
        write = partial(export_items, folder, items, out, progress=lambda what, *_: print_note(f"writing {what} …"))
        for path in _written(write, "-o DIR", overwrite=force):
            print_data(f"{path}\n")


def _preset(text: str) -> Preset | None:
    """Return the preset with this name or in this TOML file; None for another text, which may name a run or a study."""
    from mnist_tui.experiment.presets import find_preset

    return find_preset(text) if text in names() or text.endswith(".toml") else None


def _runs(runs_dir: Path, text: str, *, takes_presets: bool) -> list[RunFolder]:
    """Return the runs that a text names.

    Raises:
        RequestError: it names none, or a preset, which has nothing to export but code.
    """
    try:
        return runs_of(runs_dir, text)
    except RunError as error:
        if _preset(text) is not None:
            raise RequestError(
                f"{text} is a preset, of which only --code can be exported; for the rest name a run"
            ) from None
        if takes_presets and not isinstance(error, AmbiguousRunError):
            raise RequestError(
                f"{error}; {did_you_mean(text, names())}`mnist-tui presets list` shows the presets"
            ) from None
        raise


def _written(write: Callable[..., list[Path]], elsewhere: str, *, overwrite: bool) -> list[Path]:
    """Write files and return their paths; existing files are replaced only if `overwrite` is set or the user agrees.

    Args:
        write: writes with the argument `overwrite`.
        elsewhere: the option that writes to another place.
    """
    try:
        return write(overwrite=overwrite)
    except ExistsError as error:
        return _written(write, elsewhere, overwrite=True) if may_replace(str(error), elsewhere) else []
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
FILE_HELP = (
    "A file ending in .md, .tex, .html, .pdf or .docx; may be repeated. The figures of .md and .tex are put into a "
    "folder beside the file, NAME_files."
)
WITHOUT_HELP = f"Parts to leave out: {', '.join(PARTS)}."
FULL_HELP = "With the details of each run: experiment, epochs, checksums, platform, weights."
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
    full: Annotated[bool, option("--full", None, FULL_HELP)] = False,
    without: Annotated[str | None, option("--without", "PART[,…]", WITHOUT_HELP, complete=among_several(PARTS))] = None,
    force: Force = False,
    runs_dir: RunsDir = None,
) -> None:
    """Write a report about runs, ready to hand in; print the files' paths."""
    from mnist_tui.report.document import figure_folder, report_format, write_report

    if not outputs and figures is None:
        raise RequestError(
            "nowhere to write to: give -o report.pdf (or .md, .tex, .html, .docx), --figures DIR, or both"
        )
    left_out = () if without is None else named_parts(without)
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

    def write(*, overwrite: bool) -> list[Path]:
        with LiveLine(sys.stderr) as line:
            return write_report(
                list(chosen.values()),
                outputs or [],
                title=title,
                author=author,
                timestamp=moment,
                figures=figures,
                full=full,
                without=left_out,
                overwrite=overwrite,
                progress=lambda what, done, of: line.show(f"{what}: {done} of {of}") if sys.stderr.isatty() else None,
                warn=warnings.append,
            )

    paths = _written(write, "another -o", overwrite=force)
    for text in warnings:
        print_note(f"warning: {text}")
    for path in paths:
        print_data(f"{path}\n")
        if path != figures and report_format(path).beside:
            print_note(f"the figures of {path.name} are in {path.parent / figure_folder(path)}/")
