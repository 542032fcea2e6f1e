"""Why training loss may lie above validation loss: how the two are measured, with the figures that prove it.

Training loss is the mean over an epoch's batches, with dropout on and while the weights still improve; validation
loss is measured after the epoch, with dropout off. Nothing about generalisation follows from their order.
"""

from __future__ import annotations

from mnist_tui.experiment.layers import BatchNormalization, Dropout
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.diagnosis.finding import Finding, loss
from mnist_tui.runs.state import EpochRow, RunState

ABOUT_EQUAL = 1.05
"""Losses on different images that differ by less than 5 % are called equal."""
SWITCH_ON = (
    "--set training.plain_loss=true measures the training loss without dropout after each epoch and shows it beside "
    "the others; the training itself stays the same."
)


def loss_gap(run: RunState, experiment: Experiment) -> Finding | None:
    """Explains the newest epoch's training loss where it is above the validation loss."""
    row = run.history[-1] if run.history else None
    if row is None or row.loss is None or row.val_loss is None or row.loss <= row.val_loss:
        return None
    evidence = (
        f"After epoch {row.epoch} the training loss is {loss(row.loss)}, the validation loss {loss(row.val_loss)}. "
        f"{_why(experiment)}"
    )
    since = next((earlier.epoch for earlier in run.history if _above(earlier)), row.epoch)
    headline = "Why training loss is above validation loss"
    if row.plain_loss is None:
        return Finding("loss-gap", "note", headline, f"{evidence} {_between(run)}".rstrip(), SWITCH_ON, since)
    return Finding("loss-gap", "note", headline, f"{evidence} {_proof(row, row.plain_loss, row.val_loss)}", "", since)


def _above(row: EpochRow) -> bool:
    return row.loss is not None and row.val_loss is not None and row.loss > row.val_loss


def _why(experiment: Experiment) -> str:
    rates = {layer.rate for layer in experiment.layers if isinstance(layer, Dropout) and layer.rate > 0}
    mean = "is the mean over an epoch in which the weights still improve"
    if rates:
        rate = f" (rate {next(iter(rates)):g})" if len(rates) == 1 else ""
        return (
            f"That is how they are measured: training loss is taken with dropout{rate} on, and {mean}; validation "
            "loss is measured after the epoch, with dropout off."
        )
    batches = " and normalises by each batch's own statistics" if _normalises(experiment) else ""
    return (
        f"This network has no dropout: training loss {mean}{batches}; validation loss is measured after it, with the "
        "better weights."
    )


def _normalises(experiment: Experiment) -> bool:
    return any(isinstance(layer, BatchNormalization) for layer in experiment.layers)


def _between(run: RunState) -> str:
    """The averaging seen in the figures, where the epoch's mean lies between the losses before and after it."""
    if len(run.history) < 2:
        return ""
    before, row = run.history[-2], run.history[-1]
    if before.val_loss is None or row.loss is None or row.val_loss is None:
        return ""
    if not row.val_loss < row.loss < before.val_loss:
        return ""
    return (
        f"The validation loss was {loss(before.val_loss)} before the epoch and {loss(row.val_loss)} after it; the "
        "training loss lies between them."
    )


def _proof(row: EpochRow, plain: float, validation: float) -> str:
    measured = (
        f"Measured alike (after epoch {row.epoch}, dropout off, on a part of the training images) the training loss is "
        f"{loss(plain)}"
    )
    if plain <= validation:
        return f"{measured}: below the validation loss, as one expects. The gap comes from the measuring alone."
    if plain <= validation * ABOUT_EQUAL:
        return f"{measured}: about the validation loss. The gap comes from the measuring alone."
    return (
        f"{measured}: still above the validation loss, so the measuring explains only a part. The rest is that these "
        "training images are harder for the network than the validation images."
    )
