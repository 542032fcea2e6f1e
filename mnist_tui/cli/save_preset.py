"""`presets save`, apart from the other commands of presets, which list them without the experiment's options."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mnist_tui.cli.experiment_options import Request, with_experiment
from mnist_tui.cli.options import option
from mnist_tui.cli.output import print_data
from mnist_tui.errors import RequestError
from mnist_tui.experiment.preset_files import user_folder
from mnist_tui.experiment.presets import save_preset


@with_experiment
def save(
    request: Request,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the preset.")],
    force: Annotated[bool, option("--force", None, "Replace your preset of that name.")] = False,
) -> None:
    """Save an experiment as a preset of your own."""
    request.one_seed("a preset is one experiment")
    preset = request.chosen()
    taken = user_folder() / f"{name}.toml"
    if os.path.lexists(taken) and not force:
        raise RequestError(f"there is a preset {name!r} of yours already ({taken}); --force replaces it")
    print_data(f"{save_preset(preset, name, overwrite=force)}\n")
