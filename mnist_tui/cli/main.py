"""Put together the commands of `mnist-tui`, which opens the app without a command, and define the command `guide`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from mnist_tui import PROGRAM, __version__
from mnist_tui.cli import (
    compare,
    complexity,
    data,
    doctor,
    export,
    predict,
    presets,
    reproduce,
    runs,
    serve,
    studies,
    sweep,
    train,
)
from mnist_tui.cli.open_app import open_app
from mnist_tui.cli.options import (
    BenchCommand,
    BenchGroup,
    DataDir,
    RefreshOption,
    Request,
    RunsDir,
    among,
    data_folder,
    option,
    runs_folder,
    with_experiment,
)
from mnist_tui.cli.output import print_line, print_markdown
from mnist_tui.cli.start_studies import requested_study
from mnist_tui.errors import RequestError
from mnist_tui.guide import TOPICS, page, title
from mnist_tui.studies.start import begin_study

WITH_EXPERIMENT = ("train", "sweep", "complexity", "presets")
EXAMPLES = {
    "train": "Example: mnist-tui train --preset raw --hidden 200x100 --dropout 0.3 --epochs 10",
    "sweep": "Example: mnist-tui sweep --preset raw --validation 0.1 --over hidden=150,250 --over activation=tanh,relu",
    "complexity": "Examples: mnist-tui complexity --preset cnn --hidden 5, mnist-tui complexity raw hog cnn",
    "doctor": "Examples: mnist-tui doctor, mnist-tui doctor --train --device gpu",
}
"""The last line of a command's help, by the command's name."""

app = typer.Typer(
    name=PROGRAM,
    cls=BenchGroup,
    help="A terminal lab bench for MNIST-class neural networks. Without a command: the app.",
    epilog="Examples:\n\n"
    "mnist-tui: the app, on its list of presets\n\n"
    "mnist-tui --preset hog --ppc 7: the app, training\n\n"
    "mnist-tui train --preset raw --epochs 10: without screens\n\n"
    "Exit codes: 0 done, 1 the work failed, 2 the request was wrong.",
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print_line(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
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
    study = None
    if preset is not None and request.seeds is not None:
        if edit:
            raise RequestError("--seeds does not go with --edit, which opens one experiment")
        study = requested_study(request, preset, data_dir, allow_sample=True)
    code = open_app(
        runs_dir,
        preset=preset,
        edit=edit,
        begin=(lambda: begin_study(runs_dir, study)[0]) if study else None,
        data_dir=data_dir,
        device=request.device,
        refresh=refresh,
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


TOPIC_HELP = "The page; without it, list all."
Topic = Annotated[str | None, typer.Argument(metavar="[TOPIC]", help=TOPIC_HELP, autocompletion=among(TOPICS))]


def guide(topic: Topic = None) -> None:
    """Read a page of the user's guide, or list its pages."""
    if topic is not None:
        print_markdown(page(topic))
        return
    width = max(map(len, TOPICS))
    for name in TOPICS:
        print_line(f"{name:<{width}}  {title(name)}")


COMMANDS: dict[str, list[Callable[..., None] | typer.Typer]] = {
    "Train": [train.train, train.resume, train.extend, *train.CONTROLS],
    "Look at runs": [runs.runs, runs.show, runs.logs, runs.attach, predict.predict, runs.delete, runs.prune],
    "Compare and vary": [compare.compare, sweep.sweep, studies.app, reproduce.reproduce],
    "Export": [export.report, export.export, complexity.complexity],
    "Data and presets": [presets.app, data.app],
    "This machine and this program": [doctor.doctor, serve.serve, guide],
}
"""All commands, by the heading under which the help lists them."""
for heading, commands in COMMANDS.items():
    for command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, rich_help_panel=heading)
        else:
            examples = EXAMPLES.get(command.__name__)
            app.command(cls=BenchCommand, rich_help_panel=heading, epilog=examples)(command)
