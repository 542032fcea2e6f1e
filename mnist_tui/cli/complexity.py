"""`complexity`: count inputs, weights and biases of one experiment, or of several models side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.experiment_options import Request, with_experiment
from mnist_tui.cli.options import (
    Force,
    RunsDir,
    among,
    complete_preset,
    complete_run_or_study,
    option,
    runs_folder,
    runs_of,
    write_output,
)
from mnist_tui.cli.output import print_text
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import find_preset
from mnist_tui.paths import typed_path
from mnist_tui.report.complexity.breakdown import FORMAT_ALIASES, FORMATS, complexity_in_format
from mnist_tui.report.complexity.comparison import NamedModel, compared_models, comparison_in_format
from mnist_tui.runs.collection.summaries import summary_of
from mnist_tui.runs.library import AmbiguousRunError
from mnist_tui.runs.origin import complexity_of
from mnist_tui.wording import listed


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
    write_output(output, text, "-o", force=force)


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
        if complexity_of(preset.experiment, folder.origin) is None:
            folder.check_trained_here("has no formulas of its layers")
        changed = request.changed(preset) if request.texts or request.sets else preset
        models.append(NamedModel(changed, summary_of(folder) if changed.experiment == preset.experiment else None))
    return models
