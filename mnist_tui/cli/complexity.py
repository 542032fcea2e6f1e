"""`complexity`: experiments' counts by arithmetic, in the format that is asked for; several models side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.options import Request, RunsDir, chosen_run, complete_preset, complete_run, with_experiment
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.presets import Preset, PresetError, find_preset
from mnist_tui.experiment.problem import RequestError
from mnist_tui.report.complexity import comparison_tables
from mnist_tui.report.complexity.breakdown import FORMATS, in_format
from mnist_tui.report.complexity.comparison import Model
from mnist_tui.runs.collection.groups import grouped, spread
from mnist_tui.runs.collection.summaries import RunSummary, summary_of
from mnist_tui.runs.folder import RunError


def complete_model(ctx: typer.Context, incomplete: str) -> list[str]:
    """Presets and runs that begin so."""
    return [*complete_preset(incomplete), *complete_run(ctx, incomplete)]


Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        help="What to print; text is the answer in words.",
        autocompletion=lambda incomplete: [name for name in FORMATS if name.startswith(incomplete)],
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL…]",
        help="Presets, TOML files or runs, side by side; of runs their test accuracy too.",
        autocompletion=complete_model,
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Chosen:
    """A model that was named.

    Attributes:
        preset: with the parameters that were given.
        run: whose accuracy is the model's; None for a preset, and for a run whose experiment was changed.
    """

    preset: Preset
    run: RunSummary | None = None


@with_experiment
def complexity(
    ctx: typer.Context,
    *,
    request: Request,
    models: Models = None,
    form: Format = "table",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file instead of stdout.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Inputs, weights, biases and multiply-accumulates of every layer, before anything is trained.

    Several models (`complexity raw hog cnn`) are put side by side.
    """
    if form not in FORMATS:
        raise RequestError(f"--format {form} is not known; {', '.join(FORMATS)} are")
    named = [_chosen(ctx, request, name, runs_dir) for name in dict.fromkeys(models or ())]
    if request.preset is not None or not named:
        named.insert(0, Chosen(request.chosen()))
    compared = _models(named)
    if len(compared) == 1:
        preset = named[0].preset
        text = in_format(preset.experiment, form, title=preset.title or preset.name)
    else:
        text = comparison_tables.in_format(compared, form)
    _put(text, output)


def _chosen(ctx: typer.Context, request: Request, name: str, runs_dir: Path | None) -> Chosen:
    """The preset, the file or the run of that name."""
    try:
        return Chosen(request.changed(find_preset(name)))
    except PresetError as error:
        try:
            folder = chosen_run(ctx, name, runs_dir)
        except RunError:
            raise error from None
    preset = folder.preset()
    changed = request.changed(preset)
    return Chosen(changed, summary_of(folder) if changed.experiment == preset.experiment else None)


def _models(named: Sequence[Chosen]) -> list[Model]:
    """Models to compare, in the order they were named; runs that differ in nothing but their seed are one."""
    groups = {group.group: group for group in grouped(one.run for one in named if one.run is not None)}
    found: list[Model] = []
    for one in named:
        experiment, run = one.preset.experiment, one.run
        if run is None:
            found.append(Model(one.preset.name, of(experiment), experiment))
        elif (group := groups.pop(run.group, None)) is not None:
            over = spread(member.test_accuracy for member in group.scored or group.runs)
            others = f" and {len(group.runs) - 1} more" if len(group.runs) > 1 else ""
            name = (run.name or run.short) + others
            scored = (over.mean, over.std, over.n) if over else (None, None, 0)
            found.append(Model(name, of(experiment), experiment, *scored, dataset=run.dataset))
    return found


def _put(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    from mnist_tui.experiment.files import write_text

    try:
        write_text(output, text)
    except OSError as error:
        raise RequestError(f"{output} cannot be written: {error.strerror or error}") from None
    print(f"wrote {output}", file=sys.stderr)
