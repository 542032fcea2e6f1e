"""The diagnosis of a run: the list of all rules, what they find, and the rules that are not about the loss curves.

A new rule is a function of a run and its experiment, and an entry in RULES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.layers import BatchNormalization, Dropout
from mnist_tui.experiment.spec import Experiment, is_closed_form
from mnist_tui.runs.diagnosis.curve_rules import (
    diverged,
    jumping_validation_loss,
    last_epoch,
    learning_rate,
    overfitting,
    rate_too_high,
    rate_too_low,
    stuck_at_chance,
    unconverged,
)
from mnist_tui.runs.diagnosis.finding import SEVERITIES, Finding, loss
from mnist_tui.runs.state import EpochRow, RunState
from mnist_tui.wording import counted, percent

FEWEST_EPOCHS = 3
"""With fewer epochs a curve's direction cannot be distinguished from chance."""
HEADLINE_WIDTH = 60


@dataclass(frozen=True)
class Rule:
    """A rule of the diagnosis.

    Attributes:
        find: returns a finding about a run, or None.
        unless: kinds of earlier findings that make it pointless.
    """

    find: Callable[[RunState, Experiment], Finding | None]
    unless: frozenset[str] = frozenset()


def diagnose(run: RunState, experiment: Experiment) -> tuple[Finding, ...]:
    """Return what the RULES find about a run, live or ended, worst first; never empty.

    Args:
        run: as the reducer has it.
        experiment: what it trains.
    """
    if is_closed_form(experiment):
        return (solved(run),)
    found: list[Finding] = []
    for rule in RULES:
        if rule.unless.isdisjoint(each.kind for each in found):
            finding = rule.find(run, experiment)
            found += [finding] if finding is not None else []
    if not any(finding.severity in {"problem", "warning", "good"} for finding in found):
        found.append(_too_early(run) if len(run.history) < FEWEST_EPOCHS else _all_well(run))
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def headlines(findings: tuple[Finding, ...]) -> list[str]:
    """Return a line for each finding, of at most 60 columns: ``warning: Overfitting since epoch 12``."""
    return [f"{finding.severity}: {finding.headline}"[:HEADLINE_WIDTH] for finding in findings]


def stopped(run: RunState, experiment: Experiment) -> Finding | None:
    """A run that was stopped before its last planned epoch."""
    if run.state != "stopped" or len(run.history) >= run.epochs:
        return None
    done, left = len(run.history), run.epochs - len(run.history)
    evidence = f"It ended after {counted(done, 'epoch')} of {run.epochs}; early stopping did not end it."
    advice = f"mnist-tui resume {run.run or 'RUN'} trains the other {left}."
    return Finding("stopped", "note", "Stopped before its end", evidence, advice)


def _too_early(run: RunState) -> Finding:
    done = len(run.history)
    epochs = "no epoch has ended" if not done else f"{done} epoch{'s have' if done > 1 else ' has'} ended"
    if run.live:
        advice = f"After epoch {FEWEST_EPOCHS} there is something to say."
    else:
        advice = f"Train for {FEWEST_EPOCHS} epochs or more: --epochs {max(10, FEWEST_EPOCHS)}."
    return Finding("too-early", "note", "Too few epochs to say", f"So far {epochs}.", advice)


def _all_well(run: RunState) -> Finding:
    last, best = run.history[-1], run.best
    assert last.val_loss is not None and best is not None and best.val_loss is not None
    evidence = f"After epoch {last.epoch} the validation loss is {loss(last.val_loss)}"
    evidence += f" and the validation accuracy {percent(last.val_accuracy)}" if last.val_accuracy is not None else ""
    evidence += f"; the lowest loss was {loss(best.val_loss)}, after epoch {best.epoch}." if best is not last else "."
    return Finding("well", "good", "All well: no rule found anything", evidence)


DEAD_SHARE, MOSTLY_DEAD = 0.2, 0.5
"""Healthy networks lose a few per cent of their ReLUs, and one filter of nine is already 11 %."""
EPOCHS_FOR_CLASSES = 2
"""After its first epoch a network may not predict every class yet."""
FEWEST_IMAGES = 10
"""For a class with fewer images it means nothing that none was predicted."""


def dead_units(run: RunState, experiment: Experiment) -> Finding | None:
    """ReLUs whose output is zero for every image looked at: they get no gradient and stay so."""
    seen = run.weights
    if seen is None or seen.epoch < 1:
        return None
    dead = [(layer.name, layer.dead) for layer in seen.layers if layer.dead is not None and layer.dead >= DEAD_SHARE]
    if not dead:
        return None
    units = {layer.name: layer.output_shape[-1] for layer in of(experiment).layers}
    told = [f"{round(share * units[name])} of {units[name]} units of {name} ({percent(share)})" for name, share in dead]
    worst = max(share for _, share in dead)
    many = counted(dead, "layer") if len(dead) > 1 else dead[0][0]
    lower = learning_rate(run, experiment) / 10
    return Finding(
        "dead-units",
        "problem" if worst >= MOSTLY_DEAD else "warning",
        f"Dead ReLUs in {many}",
        f"After epoch {seen.epoch} the output is zero for every image looked at: {'; '.join(told)}.",
        f"A dead unit gets no gradient. Lower the learning rate (--lr {lower:.3g}), or take an "
        "activation without a flat side (leaky_relu, elu).",
        seen.epoch,
    )


def never_predicted(run: RunState, experiment: Experiment) -> Finding | None:
    """Classes that the network never predicts."""
    matrix = run.confusion
    if matrix is None or len(run.history) < EPOCHS_FOR_CLASSES:
        return None
    columns = [sum(row[at] for row in matrix) for at in range(len(matrix))]
    missing = [at for at, count in enumerate(columns) if not count and sum(matrix[at]) >= FEWEST_IMAGES]
    if not missing:
        return None
    names = run.data.class_names if run.data is not None else tuple(map(str, range(len(matrix))))
    told = "; ".join(f"{names[at]}: 0 of {sum(columns):,}, though {sum(matrix[at]):,} are" for at in missing)
    which = f"Class {names[missing[0]]} is" if len(missing) == 1 else f"{counted(missing, 'class')} are"
    return Finding(
        "never-predicted",
        "warning",
        f"{which} never predicted",
        f"Validation images predicted as the class after epoch {run.confusion_epoch}: {told}.",
        "Look at the images of its row in the matrix. Train longer; if that changes nothing, lower the learning rate "
        "or check that the training images hold the class often enough.",
        run.confusion_epoch,
    )


def solved(run: RunState) -> Finding:
    """Return the accuracy on training and validation images of a closed-form solution."""
    row = run.history[-1] if run.history else None
    if row is None or row.accuracy is None or row.val_accuracy is None:
        return Finding("closed-form", "note", "Not solved yet", "The output layer is solved in closed form, at once.")
    evidence = (
        "The output layer is the least-squares solution: there is no course of training to judge. "
        f"{percent(row.accuracy)} of the training and {percent(row.val_accuracy)} of the validation images are right."
    )
    advice = "What it can learn is set by what enters it: try more hidden neurons, or other features."
    return Finding("closed-form", "note", "Solved in closed form", evidence, advice)


ABOUT_EQUAL = 1.05
"""Losses on different images that differ by less than 5 % are called equal."""
SWITCH_ON = (
    "--set training.plain_loss=true measures the training loss without dropout after each epoch and shows it beside "
    "the others; the training itself stays the same."
)


def loss_gap(run: RunState, experiment: Experiment) -> Finding | None:
    """Explain the newest epoch's training loss where it is above the validation loss.

    Training loss is the mean over an epoch's batches, with dropout on and while the weights still improve; validation
    loss is measured after the epoch, with dropout off. Nothing about generalisation follows from their order.
    """
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
    """Return a note that an epoch's training loss is a mean over the epoch, between the losses at its start and end."""
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


SPOILT = frozenset({"diverged", "rate-too-low", "stuck", "rate-too-high"})
"""Kinds of findings after which nothing finer can be said of the curves."""
CURVES = SPOILT | {"jumping", "overfitting", "improving", "unconverged"}
RULES = (
    Rule(diverged),
    Rule(rate_too_low, unless=SPOILT),
    Rule(stuck_at_chance, unless=SPOILT),
    Rule(rate_too_high, unless=SPOILT),
    Rule(jumping_validation_loss, unless=SPOILT),
    Rule(overfitting, unless=SPOILT),
    Rule(unconverged, unless=SPOILT | {"overfitting"}),
    Rule(last_epoch, unless=CURVES),
    Rule(never_predicted, unless=SPOILT),
    Rule(loss_gap, unless=SPOILT),
    Rule(dead_units),
    Rule(stopped, unless=frozenset({"unconverged"})),
)
"""All rules, in the order in which they are asked."""
