"""`export`, `report` and `complexity`: write files about runs and models."""

from __future__ import annotations

import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import (
    Force,
    Request,
    RunOrStudy,
    Runs,
    RunsDir,
    among,
    among_several,
    complete_preset,
    complete_run_or_study,
    option,
    runs_folder,
    runs_of,
    with_experiment,
)
from mnist_tui.cli.output import LiveLine, print_data, print_note, print_text
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.presets import PresetError, find_preset
from mnist_tui.files import write_text
from mnist_tui.paths import typed_path
from mnist_tui.report.complexity.breakdown import FORMAT_ALIASES, FORMATS, complexity_in_format
from mnist_tui.report.complexity.comparison import NamedModel, compared_models, comparison_in_format
from mnist_tui.report.export import COMPLEXITY_FORMATS, HISTORY_FORMATS, NO_ROOM, ExistsError, ExportError
from mnist_tui.report.export import export as export_items
from mnist_tui.runs.collection.summaries import summary_of
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import AmbiguousRunError
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from mnist_tui.wording import listed


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


def complete_model(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a preset, or the id of a run or of a study."""
    return [*complete_preset(incomplete), *complete_run_or_study(ctx, incomplete)]


MODELS_HELP = "Presets, TOML files and runs to show side by side, a study for its runs; runs with their test accuracy."
FORMAT_HELP = "The format to print; text: in words."


@with_experiment
def complexity(
    ctx: typer.Context,
    *,
    request: Request,
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL…]", help=MODELS_HELP, autocompletion=complete_model, show_default=False),
    ] = None,
    form: Annotated[str, option("--format", "|".join(FORMATS), FORMAT_HELP, complete=among(FORMATS))] = "table",
    output: Annotated[
        Path | None, option("-o --output", "FILE", "Write to a file instead of stdout.", parser=typed_path)
    ] = None,
    force: Force = False,
    runs_dir: RunsDir = None,
) -> None:
    """Count the inputs, weights, biases and multiply-accumulates of every layer, before anything is trained.

    Several models (`complexity raw hog cnn`) are shown side by side.
    """
    request.one_seed("the counts are the same for every seed")
    form = FORMAT_ALIASES.get(form, form)
    if form not in FORMATS:
        raise RequestError(f"--format {form} is not known; it is {listed(FORMATS, 'or')}")
    named = [model for name in dict.fromkeys(models or ()) for model in _models(ctx, request, name, runs_dir)]
    if request.preset is not None or not named:
        named.insert(0, NamedModel(request.chosen()))
    compared = compared_models(named)
    if len(compared) == 1:
        preset = named[0].preset
        text = complexity_in_format(preset.experiment, form, title=preset.title or preset.name)
    else:
        text = comparison_in_format(compared, form)
    if output is None:
        print_text(text)
        return
    try:
        if output.exists() and not force:
            raise RequestError(f"{ExistsError([output])}; --force replaces, another -o writes elsewhere")
        write_text(output, text)
    except OSError as error:
        problem = f"{output} cannot be written: {error.strerror or error}"
        raise (WorkFailedError if error.errno in NO_ROOM else RequestError)(problem) from None
    print_note(f"wrote {output}")


def _models(ctx: typer.Context, request: Request, name: str, runs_dir: Path | None) -> list[NamedModel]:
    """Return the models that a name means: a preset, a TOML file, a run, or the runs of a study or group of seeds."""
    try:
        return [NamedModel(request.changed(find_preset(name)))]
    except PresetError as error:
        try:
            folders = runs_of(runs_folder(ctx, runs_dir), name)
        except AmbiguousRunError:
            raise
        except RunError:
            raise error from None
    models: list[NamedModel] = []
    for folder in folders:
        preset = folder.preset()
        changed = request.changed(preset)
        models.append(NamedModel(changed, summary_of(folder) if changed.experiment == preset.experiment else None))
    return models
