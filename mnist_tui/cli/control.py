"""`pause`, `continue`, `step`, `stop`, `checkpoint`: commands to a run's worker, from any terminal."""

from __future__ import annotations

from collections.abc import Callable

import typer

from mnist_tui.cli.options import Run, RunsDir, chosen_run
from mnist_tui.cli.output import print_note
from mnist_tui.runs.control import CommandName, send


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
