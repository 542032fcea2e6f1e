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
    checked_whole,
    chosen_run,
    complete_device,
    data_folder,
    run_or_study,
    runs_folder,
)
from mnist_tui.cli.output import print_note
from mnist_tui.cli.train import start_and_follow
from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import MAX_EPOCHS
from mnist_tui.runs import start as run_start
from mnist_tui.runs.control import CommandName, send
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.start import check_extendable, check_resumable
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.watch import RunWatch
from mnist_tui.studies import start as study_start
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.wording import counted


def _command(name: CommandName, note: str, doc: str) -> Callable[..., None]:
    def command(ctx: typer.Context, run: Run, runs_dir: RunsDir = None) -> None:
        folder = chosen_run(ctx, run, runs_dir)
        send(folder, name)
        print_note(f"run {folder.id} {note}")

    command.__doc__ = doc
    return command


COMMANDS: dict[str, Callable[..., None]] = {
    "pause": _command("pause", "will pause; `mnist-tui continue` lets it go on", "Let a run's training wait."),
    "continue": _command("continue", "goes on", "Let a paused run's training go on."),
    "step": _command(
        "step", "will pause after the epoch it is in, or its next", "Train one epoch, or the rest of one, and pause."
    ),
    "stop": _command("stop", "will stop and save", "Stop a run's training, evaluate and save it."),
    "checkpoint": _command("checkpoint", "will save a checkpoint", "Have a run save a checkpoint now."),
}


Detach = Annotated[bool, typer.Option("--detach", help="Return at once; training goes on.")]
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
    detach: Detach = False,
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
        study_start.require_extra()
        wait_until_known(folder)
        study_start.resume(folder)
        follow_to_end(folder, as_json=as_json, detach=detach)
        return
    wait_until_known(folder)
    check_resumable(folder)
    _go_on(folder, run_start.resume, device, data_folder(ctx, data_dir), detach=detach, as_json=as_json)


def extend(
    ctx: typer.Context,
    *,
    run: Run,
    more: Annotated[str, typer.Option("--epochs", metavar="N", help="How many epochs more (N ≥ 1).")],
    detach: Detach = False,
    as_json: Json = False,
    device: Device = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train N epochs more: a run that trains goes on for longer, one that has ended goes on from its checkpoint."""
    folder = chosen_run(ctx, run, runs_dir)
    epochs = checked_whole("--epochs", more, MAX_EPOCHS) or 1
    check_extendable(folder)
    wait_until_known(folder)
    if folder.state() in LIVE:
        run_start.extend(folder, epochs)
        print_note(f"run {folder.id} will train {counted(epochs, 'epoch')} more")
        return
    begin = partial(run_start.extend, epochs=epochs)
    _go_on(folder, begin, device, data_folder(ctx, data_dir), detach=detach, as_json=as_json)


def _go_on(
    folder: RunFolder,
    begin: Callable[..., object],
    device: str | None,
    data_dir: Path | None,
    *,
    detach: bool,
    as_json: bool,
) -> None:
    """Check the run's data, start a worker with `begin` and follow the run to its end; with `detach`, return at once.

    The worker checks that the data are the same as before.
    """
    device = None if device is None else checked_device(device)
    watch = RunWatch(folder)
    before, launch = watch.skip_earlier(), folder.launch()
    sample = launch.allow_sample if before.data is None else before.data.sample
    where = data_dir or (Path(launch.data_dir) if launch.data_dir else None)
    check_data(folder.preset().experiment.dataset.name, where, allow_sample=sample)

    def started() -> RunFolder:
        begin(folder, device=device, data_dir=data_dir)
        return folder

    start_and_follow(started, detach=detach, as_json=as_json, watch=watch)
