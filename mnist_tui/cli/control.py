"""Commands to one run: `pause`, `continue`, `step`, `stop`, `checkpoint`, `resume` and `extend`, from any terminal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.follow import wait_until_known
from mnist_tui.cli.follow_study import follow_to_end
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import (
    DataDir,
    Json,
    Run,
    RunOrStudy,
    RunsDir,
    checked_device,
    chosen_run,
    complete_device,
    data_folder,
    runs_folder,
)
from mnist_tui.cli.output import print_note
from mnist_tui.cli.run_or_study import run_or_study
from mnist_tui.cli.study_results import tell_detached as tell_study_detached
from mnist_tui.cli.train import start_and_follow
from mnist_tui.errors import RequestError
from mnist_tui.experiment.fields import whole
from mnist_tui.experiment.spec import MAX_EPOCHS
from mnist_tui.runs import start as run_start
from mnist_tui.runs.control import CommandName, send
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.start import check_extendable, check_resumable
from mnist_tui.runs.state import LIVE, RunState
from mnist_tui.runs.watch import RunWatch
from mnist_tui.studies import start as study_start
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.wording import counted


def _command(name: CommandName, told: str, doc: str) -> Callable[..., None]:
    def command(ctx: typer.Context, run: Run, runs_dir: RunsDir = None) -> None:
        folder = chosen_run(ctx, run, runs_dir)
        send(folder, name)
        print_note(told.format(run=folder.id))

    command.__doc__ = doc
    return command


COMMANDS: dict[str, Callable[..., None]] = {
    "pause": _command(
        "pause", "run {run} will pause; `mnist-tui continue` lets it go on", "Let a run's training wait."
    ),
    "continue": _command("continue", "run {run} goes on", "Let a paused run's training go on."),
    "step": _command(
        "step",
        "run {run} will pause after the epoch it is in, or its next",
        "Train one epoch, or the rest of one, and pause.",
    ),
    "stop": _command("stop", "run {run} will stop and save", "Stop a run's training, evaluate and save it."),
    "checkpoint": _command("checkpoint", "run {run} will save a checkpoint", "Have a run save a checkpoint now."),
}


Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|gpu[:N]",
        help="Where to train; as before where it is not given.",
        autocompletion=complete_device,
    ),
]


def resume(
    ctx: typer.Context,
    *,
    run: RunOrStudy,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; training goes on.")] = False,
    as_json: Json = False,
    device: Device = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Go on with a run that was stopped, failed or crashed, from its checkpoint, or with what is missing of a study.

    Ctrl-C and SIGTERM stop and save.
    """
    folder = run_or_study(runs_folder(ctx, runs_dir), run)
    if isinstance(folder, StudyFolder):
        if device is not None or data_dir is not None:
            raise RequestError(f"study {folder.id} goes on where it was: leave --device and --data-dir out")
        resume_study(folder, detach=detach, as_json=as_json)
        return
    wait_until_known(folder)
    check_resumable(folder)
    asked, place = _device(device), data_folder(ctx, data_dir)
    begin = partial(run_start.resume, folder, device=asked, data_dir=place)
    _go_on(folder, begin, place, detach=detach, as_json=as_json)


def resume_study(folder: StudyFolder, *, detach: bool, as_json: bool) -> None:
    """Train what is missing of a study; failed trials are trained again.

    Raises:
        RequestError: it is under way, nothing is missing, or the extra is not installed.
        WorkFailedError: it failed, or none of its trials came to anything.
    """
    study_start.require_extra()
    wait_until_known(folder)
    study_start.resume(folder)
    if detach:
        tell_study_detached(folder, as_json=as_json)
    else:
        follow_to_end(folder, as_json=as_json)


def extend(
    ctx: typer.Context,
    *,
    run: Run,
    more: Annotated[str, typer.Option("--epochs", metavar="N", help="How many epochs more (N ≥ 1).")],
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; training goes on.")] = False,
    as_json: Json = False,
    device: Device = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train N epochs more: a run that trains goes on for longer, one that has ended goes on from its checkpoint."""
    folder = chosen_run(ctx, run, runs_dir)
    epochs = _whole(more)
    check_extendable(folder)
    wait_until_known(folder)
    if folder.state() in LIVE:
        run_start.extend(folder, epochs)
        print_note(f"run {folder.id} will train {counted(epochs, 'epoch')} more")
        return
    asked, place = _device(device), data_folder(ctx, data_dir)
    _go_on(
        folder,
        lambda: run_start.extend(folder, epochs, device=asked, data_dir=place),
        place,
        detach=detach,
        as_json=as_json,
    )


def _whole(text: str) -> int:
    try:
        return whole(text, 1, MAX_EPOCHS)
    except ValueError as error:
        raise RequestError(f"--epochs {text} {error}") from None


def _device(text: str | None) -> str | None:
    return None if text is None else checked_device(text)


def _go_on(
    folder: RunFolder, begin: Callable[[], object], data_dir: Path | None, *, detach: bool, as_json: bool
) -> None:
    """Start a worker and follow the run to its end; with `detach`, return at once."""
    watch = RunWatch(folder)
    _check_data(folder, watch.skip_earlier(), data_dir)

    def started() -> RunFolder:
        begin()
        return folder

    start_and_follow(started, detach=detach, as_json=as_json, watch=watch)


def _check_data(folder: RunFolder, before: RunState, data_dir: Path | None) -> None:
    """Check that the data can be read; the worker checks that they are the same as before."""
    launch = folder.launch()
    sample = launch.allow_sample if before.data is None else before.data.sample
    where = data_dir or launch.data_dir
    check_data(folder.preset().experiment.dataset.name, Path(where) if where else None, allow_sample=sample)
