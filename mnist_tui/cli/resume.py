"""`resume`: going on with a run that was stopped, failed or crashed, without screens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.follow import StopSignals, follow, standard
from mnist_tui.cli.options import DataDir, Json, Run, RunsDir, checked_device, chosen_run, data_folder
from mnist_tui.cli.supply import check_data
from mnist_tui.cli.train import tell_detached, tell_outcome
from mnist_tui.runs.events import EventTail
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.resumption import check_resumable
from mnist_tui.runs.resumption import resume as begin
from mnist_tui.runs.state import RunState, reduce


def resume(
    ctx: typer.Context,
    *,
    run: Run,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; training goes on.")] = False,
    as_json: Json = False,
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="auto|cpu|gpu[:N]", help="Where to train; as before where it is not given."),
    ] = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Go on with a run that was stopped, failed or crashed, from its checkpoint. Ctrl-C and SIGTERM stop and save."""
    folder = chosen_run(ctx, run, runs_dir)
    check_resumable(folder)
    asked = None if device is None else checked_device(device)
    data = data_folder(ctx, data_dir)
    place = str(data.expanduser().absolute()) if data else None
    tail = EventTail(folder.events_file)
    before = reduce(RunState(), tail.read_all())
    _check_data(folder, before, place)
    if detach:
        begin(folder, device=asked, data_dir=place)
        tell_detached(folder, as_json=as_json)
        return
    teller = standard(as_json)
    with StopSignals(teller.say) as signals:
        begin(folder, device=asked, data_dir=place)
        state = follow(folder, teller, signals, tail, replace(before, state="starting", ended=None))
    teller.end()
    tell_outcome(folder, state, as_json=as_json)


def _check_data(folder: RunFolder, before: RunState, data_dir: str | None) -> None:
    """Sees that the data can be had; that they are the same ones the worker sees to."""
    launch = folder.launch()
    sample = launch.allow_sample if before.data is None else before.data.sample
    where = data_dir or launch.data_dir
    check_data(folder.preset().experiment.dataset.name, Path(where) if where else None, allow_sample=sample)
