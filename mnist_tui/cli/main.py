"""Gather the commands of `mnist-tui`; without a command it opens the app. `guide` prints the user's guide."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui import PROGRAM, __version__
from mnist_tui.cli import (
    compare,
    complexity,
    control,
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
from mnist_tui.cli.begin_study import seeds_of
from mnist_tui.cli.open_app import check_named_data
from mnist_tui.cli.options import (
    BenchCommand,
    BenchGroup,
    DataDir,
    RefreshOption,
    Request,
    RunsDir,
    among,
    data_folder,
    runs_folder,
    with_experiment,
)
from mnist_tui.cli.output import print_line, print_markdown
from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset
from mnist_tui.guide import TOPICS, page, title
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.start import begin_study

WITH_EXPERIMENT = ("train", "sweep", "complexity", "presets")
EXAMPLES = {
    "train": "Example: mnist-tui train --preset raw --hidden 200x100 --dropout 0.3 --epochs 10",
    "sweep": "Example: mnist-tui sweep --preset raw --validation 0.1 --over hidden=150,250 --over activation=tanh,relu",
    "complexity": "Examples: mnist-tui complexity --preset cnn --hidden 5, mnist-tui complexity raw hog cnn",
}
"""The last lines of a command's help, by its name."""

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
    edit: Annotated[bool, typer.Option("--edit", help="Open the preset in the editor instead of training it.")] = False,
    refresh: RefreshOption = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """A terminal lab bench for MNIST-class neural networks. Without a command: the app.

    With --preset the app goes straight to training; with --edit to the editor.
    """
    if ctx.invoked_subcommand is not None:
        own = [*(["--edit"] if edit else []), *(["--refresh"] if refresh else [])]
        _refuse_options_before(ctx.invoked_subcommand, [*request.flags, *own])
        return
    from mnist_tui.cli.open_app import open_bench, open_study

    preset = request.chosen() if request.flags or edit else None
    runs_dir, data_dir = runs_folder(ctx, runs_dir), data_folder(ctx, data_dir)
    if preset is not None and request.seeds is not None:
        if edit:
            raise RequestError("--seeds does not go with --edit, which opens one experiment")
        begin = _seeds_of(request, preset, runs_dir, data_dir)
        raise typer.Exit(
            open_study(begin, runs_dir=runs_dir, data_dir=data_dir, device=request.device, refresh=refresh)
        )
    raise typer.Exit(
        open_bench(preset, edit=edit, runs_dir=runs_dir, data_dir=data_dir, device=request.device, refresh=refresh)
    )


def _seeds_of(request: Request, preset: Preset, runs_dir: Path, data_dir: Path | None) -> Callable[[], StudyFolder]:
    """Return the function that begins the study of `--seeds`, or resumes the unfinished one that asks for the same."""
    asked = seeds_of(request, preset, data_dir=data_dir, allow_sample=True)
    if data_dir is not None:
        check_named_data(preset.experiment.dataset.name, data_dir)
    return lambda: begin_study(runs_dir, asked)[0]


def _refuse_options_before(command: str, flags: list[str]) -> None:
    if not flags:
        return
    for flag in ("--edit", "--refresh"):
        if flag in flags:
            raise RequestError(f"{flag} is for the app; leave it out before {command}, or leave {command} out")
    if command not in WITH_EXPERIMENT:
        raise RequestError(f"{flags[0]} does not go with {command}: `{PROGRAM} {command} --help` shows its options")
    raise RequestError(f"{flags[0]} belongs after its command: `{_in_order(command, sys.argv[1:])}`")


def _in_order(command: str, arguments: list[str]) -> str:
    """Return the command line with the options that stood before the command after it."""
    if command not in arguments:
        return f"{PROGRAM} {command} --preset NAME"
    at = arguments.index(command)
    return shlex.join([PROGRAM, *arguments[at:], *arguments[:at]])


def guide(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPIC]", help="The name of a page; without it the pages are listed.", autocompletion=among(TOPICS)
        ),
    ] = None,
) -> None:
    """Read a page of the user's guide, or list its pages."""
    if topic is None:
        width = max(map(len, TOPICS))
        for name in TOPICS:
            print_line(f"{name:<{width}}  {title(name)}")
        return
    print_markdown(page(topic))


TRAINING, LOOKING, COMPARING = "Train", "Look at runs", "Compare and vary"
TAKING_HOME, DATA, SYSTEM = "Take home", "Data and presets", "This machine and this program"
COMMANDS: dict[str, dict[str, Callable[..., None] | typer.Typer]] = {
    TRAINING: {"train": train.train, "resume": control.resume, "extend": control.extend, **control.COMMANDS},
    LOOKING: {
        "runs": runs.runs,
        "show": runs.show,
        "logs": runs.logs,
        "attach": runs.attach,
        "predict": predict.predict,
        "delete": runs.delete,
        "prune": runs.prune,
    },
    COMPARING: {
        "compare": compare.compare,
        "sweep": sweep.sweep,
        "studies": studies.app,
        "reproduce": reproduce.reproduce,
    },
    TAKING_HOME: {"report": export.report, "export": export.export, "complexity": complexity.complexity},
    DATA: {"presets": presets.app, "data": data.app},
    SYSTEM: {"doctor": doctor.doctor, "serve": serve.serve, "guide": guide},
}
"""Every command by its name, under the heading that the help gives it."""
for heading, group in COMMANDS.items():
    for name, command in group.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=heading)
        else:
            examples = EXAMPLES.get(name)
            app.command(name, cls=BenchCommand, rich_help_panel=heading, epilog=examples)(command)
