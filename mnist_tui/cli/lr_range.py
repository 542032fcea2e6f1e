"""`lr-range`: test the learning rates for an experiment, and suggest one."""

from __future__ import annotations

from dataclasses import asdict

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.experiment_options import Request, with_experiment
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import AllowSample, DataDir, Json, data_folder
from mnist_tui.cli.output import print_json, print_line, print_note, stdout_width, wrapped
from mnist_tui.experiment.presets import Preset
from mnist_tui.runs.rate_range import RateRange, RateTest, check
from mnist_tui.runs.worker_jobs import JobError

WIDEST, ROWS = 100, 16


@with_experiment
def lr_range(
    ctx: typer.Context,
    *,
    request: Request,
    as_json: Json = False,
    allow_sample: AllowSample = False,
    data_dir: DataDir = None,
) -> None:
    """Train briefly while the learning rate rises, and suggest a rate from the curve of the loss. No run is made."""
    request.one_seed("one network is trained, with the seed of --seed")
    preset = request.chosen()
    check(preset.experiment)
    data = data_folder(ctx, data_dir)
    check_data(preset.experiment.dataset.name, data, allow_sample=allow_sample)
    state = RateRange()
    try:
        with RateTest(preset.experiment, device=request.device, data_dir=data, allow_sample=allow_sample) as test:
            for now in test:
                if now.phase != state.phase and now.phase:
                    print_note(f"{now.phase} …")
                elif now.steps and not state.steps:
                    print_note(f"training on {now.title} …")
                state = now
    except JobError as error:
        if error.refused:
            raise
        raise WorkFailedError(str(error)) from None
    if as_json:
        print_json(_document(preset, state))
    else:
        _print_text(preset, state)


def _document(preset: Preset, state: RateRange) -> dict[str, object]:
    suggestion = state.suggestion
    return {
        "preset": preset.name,
        "dataset": state.dataset,
        "epochs": state.epochs,
        "steps": state.steps,
        "points": [asdict(point) for point in state.points],
        "suggested": suggestion.rate,
        "reason": suggestion.reason,
    }


def _print_text(preset: Preset, state: RateRange) -> None:
    from mnist_tui.tui.widgets.plots.rates import plain_plot

    width, suggestion = stdout_width(), state.suggestion
    print_line(f"Loss by learning rate: {preset.name}, {state.title}")
    for line in plain_plot(state.points, (min(width or WIDEST, WIDEST), ROWS), suggestion.rate):
        print_line(line)
    print_line(wrapped(suggestion.reason, width))
    if suggestion.rate is not None:
        print_line(f"Suggested learning rate: {suggestion.rate:g} (--lr {suggestion.rate:g})")
