"""Train more epochs than planned: change the experiment's file, the trainer and the events together."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import dump_preset, edited
from mnist_tui.experiment.shapes import MAX_EPOCHS
from mnist_tui.experiment.spec import Experiment, with_part
from mnist_tui.files import replacing, sync
from mnist_tui.runs import control
from mnist_tui.runs.control import Command
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import Extended, Warned
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training.reporter import Reporter
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.training.trainer import Trainer


def extend(folder: RunFolder, training: Trainer, reporter: Reporter, commands: Sequence[Command]) -> None:
    """Add the epochs that the commands request to the planned epochs, or to the trained epochs if training had ended.

    The event that names the commands is written first, then `experiment.toml` with the new total. If the process is
    killed between the two, `recover` writes `experiment.toml`.

    Raises:
        RequestError: the experiment does not train in epochs.
        OSError: a file cannot be written; nothing is changed.
    """
    before = training.experiment
    if not before.trains_in_epochs:
        raise RequestError("its output layer is solved in closed form, once: more epochs would change nothing")
    planned = before.training.epochs if training.outcome is None else training.position.epoch
    epochs = min(planned + sum(command.epochs for command in commands), MAX_EPOCHS)
    after = with_part(before, "training", epochs=epochs)
    with _replaced(folder, after):
        reporter.emit(Extended(epochs=epochs, commands=tuple(command.id for command in commands if command.id)))
        reporter.sync()
        training.extend(after)
    begun = training.position.epoch + (training.position.step > 0)
    if text := stretched(before, after, begun):
        reporter.emit(Warned(text=text))


def recover(folder: RunFolder) -> None:
    """Finish an extension that is in the log but not in `experiment.toml`, because an earlier worker was killed.

    Raises:
        PresetError: `experiment.toml` cannot be read.
        OSError: `experiment.toml` cannot be written.
    """
    waiting = control.waiting_commands(folder, "extend")
    if not waiting:
        return
    extensions = [event for event in EventTail(folder.events_file).read_all() if isinstance(event, Extended)]
    obeyed = [command for command in waiting if any(command.id in event.commands for event in extensions)]
    if obeyed:
        experiment, epochs = folder.preset().experiment, extensions[-1].epochs
        if experiment.training.epochs != epochs:
            with _replaced(folder, with_part(experiment, "training", epochs=epochs)):
                pass
        control.settle(folder, obeyed)


@contextmanager
def _replaced(folder: RunFolder, experiment: Experiment) -> Generator[None]:
    """Replace the run's `experiment.toml` after the block, unless it raises an error.

    A longer training can become the source's experiment, to whose published figures it is then compared. With early
    stopping, or a schedule that spans all epochs, it cannot: planned from the start it would have been another one.
    """
    preset, training = edited(folder.preset(), experiment), experiment.training
    if training.early_stopping is not None or training.schedule.SPANS_EPOCHS:
        preset = replace(preset, reference=None)
    with replacing(folder.experiment_file) as temporary:
        temporary.write_text(dump_preset(preset), encoding="utf-8")
        sync(temporary)
        yield
    sync(folder.path)


def stretched(before: Experiment, after: Experiment, begun: int) -> str:
    """Return a warning that another number of epochs changes the schedule; empty if it does not.

    Args:
        begun: the number of epochs done or begun, whose learning rates do not change.
    """
    if not after.training.schedule.SPANS_EPOCHS or before.training.epochs == after.training.epochs:
        return ""
    rate = after.learning_rate(begun)
    last = before.learning_rate(begun - 1) if begun else rate
    return (
        f"the {after.training.schedule.kind} schedule spans all epochs: stretched from {before.training.epochs} to "
        f"{after.training.epochs}, "
        f"it goes on in epoch {begun + 1} with learning rate {rate:.4g} after {last:.4g}; "
        f"{counted(after.training.epochs, 'epoch')} planned from the start would have been another training"
    )
