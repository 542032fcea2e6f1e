"""More epochs than were planned: the experiment's file, the engine and the events change together."""

from __future__ import annotations

from mnist_tui.experiment.presets import dump_preset, edited
from mnist_tui.experiment.spec import MAX_EPOCHS, CosineSchedule, Experiment
from mnist_tui.files import write_text
from mnist_tui.runs.events import Extended, Warned
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training.engine import Training
from mnist_tui.training.reporter import Reporter
from mnist_tui.training.schedule import learning_rate


def extend(folder: RunFolder, training: Training, reporter: Reporter, more: int) -> None:
    """Plans `more` epochs, from those planned on; from the last epoch done where training had come to its end.

    The run's `experiment.toml` becomes the experiment with the new total, so that the folder runs again by itself.
    """
    before = training.experiment
    over = training.outcome is not None
    epochs = min((training.position.epoch if over else before.training.epochs) + more, MAX_EPOCHS)
    plan = before.training.model_copy(update={"epochs": epochs})
    after = before.model_copy(update={"training": plan})
    write_text(folder.experiment_file, dump_preset(edited(folder.preset(), after)))
    training.extend(after)
    reporter.emit(Extended(epochs=epochs))
    begun = training.position.epoch + (training.position.step > 0)
    if text := stretched(before, after, begun):
        reporter.emit(Warned(text=text))


def changes_rates(experiment: Experiment) -> bool:
    """Whether the learning rates depend on how many epochs are planned."""
    return isinstance(experiment.training.schedule, CosineSchedule)


def stretched(before: Experiment, after: Experiment, begun: int) -> str:
    """What another total does to a schedule that depends on it; empty for all others.

    Args:
        begun: epochs done or begun, whose learning rates stay.
    """
    if not changes_rates(after) or before.training.epochs == after.training.epochs:
        return ""
    rate = learning_rate(after, begun)
    last = learning_rate(before, begun - 1) if begun else rate
    return (
        f"the cosine schedule spans all epochs: stretched from {before.training.epochs} to {after.training.epochs}, "
        f"it goes on in epoch {begun + 1} with learning rate {rate:.4g} after {last:.4g}; "
        f"{after.training.epochs} epochs planned from the start would have been another training"
    )
