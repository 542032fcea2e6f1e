"""The options of `mnist-tui` without a command, and the app that they open."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.experiment_options import Request, with_experiment
from mnist_tui.cli.open_app import open_app
from mnist_tui.cli.options import DataDir, RefreshOption, RunsDir, data_folder, option, runs_folder
from mnist_tui.cli.output import print_version
from mnist_tui.errors import RequestError

WITH_EXPERIMENT = ("train", "sweep", "complexity", "presets")
"""The commands that take options of an experiment."""


def _version(wanted: bool) -> None:
    if wanted:
        print_version()
        raise typer.Exit


@with_experiment
def bench(
    ctx: typer.Context,
    *,
    request: Request,
    edit: Annotated[bool, option("--edit", None, "Open the preset in the editor instead of training it.")] = False,
    refresh: RefreshOption = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A terminal lab bench for MNIST-class neural networks. Without a command: the app.

    With --preset the app goes straight to training; with --edit to the editor.
    """
    if ctx.invoked_subcommand is not None:
        of_app = [*(["--edit"] if edit else []), *(["--refresh"] if refresh else [])]
        if flags := [*request.flags, *of_app]:
            _refuse_options_before(ctx.invoked_subcommand, flags)
        return
    preset = request.chosen() if request.flags or edit else None
    runs_dir, data_dir = runs_folder(ctx, runs_dir), data_folder(ctx, data_dir)
    begin = None
    if preset is not None and request.makes_study:
        if edit:
            raise RequestError(f"{request.flags[-1]} does not go with --edit, which opens one experiment")
        from mnist_tui.cli.start_studies import requested_study
        from mnist_tui.studies.start import begin_study

        study = requested_study(request, preset, data_dir, allow_sample=True)
        begin = lambda: begin_study(runs_dir, study)[0]  # noqa: E731
    code = open_app(
        runs_dir, preset=preset, edit=edit, begin=begin, data_dir=data_dir, device=request.device, refresh=refresh
    )
    raise typer.Exit(code)


def _refuse_options_before(command: str, flags: list[str]) -> None:
    for flag in ("--edit", "--refresh"):
        if flag in flags:
            raise RequestError(f"{flag} is for the app; leave it out before {command}, or leave {command} out")
    if command not in WITH_EXPERIMENT:
        raise RequestError(f"{flags[0]} does not go with {command}: `{PROGRAM} {command} --help` shows its options")
    arguments = sys.argv[1:]
    in_order = f"{PROGRAM} {command} --preset NAME"
    if command in arguments:
        position = arguments.index(command)
        in_order = shlex.join([PROGRAM, *arguments[position:], *arguments[:position]])
    raise RequestError(f"{flags[0]} belongs after its command: `{in_order}`")
