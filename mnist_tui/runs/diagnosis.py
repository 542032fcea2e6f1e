"""The diagnosis of a run: rules that explain its losses and accuracies in plain words.

Each rule is a function that returns a finding about a run and its experiment, or None, with an entry in RULES.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, takewhile
from statistics import fmean, median
from typing import Literal

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.layers import BatchNormalization, Constant, Conv2D, Dense, Dropout, PlainInitializer
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.state import EpochRow, RunState
from mnist_tui.wording import counted, loss, noun, percent

Severity = Literal["problem", "warning", "note", "good"]
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "note", "good")
"""From the worst: a problem spoils the run, a warning costs accuracy, a note explains, good is good news."""


@dataclass(frozen=True)
class Finding:
    """A diagnosis with its evidence.

    Attributes:
        kind: its short name: diverged, stuck, overfitting …
        headline: at most 48 characters, without a full stop.
        evidence: the figures that support it, with their epochs, in sentences.
        advice: recommendations, in sentences; empty where there is nothing to do.
        since: the first epoch for which it holds; None where that has no meaning.
    """

    kind: str
    severity: Severity
    headline: str
    evidence: str
    advice: str = ""
    since: int | None = None


def _change(before: float, after: float) -> str:
    """Return a relative change: ``+12 %`` or ``-3.4 %``."""
    share = 100 * (after - before) / before
    return f"{share:+.0f} %" if abs(share) >= 10 else f"{share:+.1f} %"


GUESSING = math.log(10)
"""The loss of a network that gives each of ten classes the same probability: 2.303."""
AT_CHANCE = 0.02
"""An accuracy counts as chance up to this much above the share of the largest class."""
STUCK_EPOCHS = 3
ABOVE_GUESSING = 1.1
LEARNT = 0.2
"""From this accuracy on, a network has learnt something, so that a loss above GUESSING is not due to an early epoch."""
RECENT = 10
JUMP, VAL_JUMP, LEAST_JUMP, FEWEST_JUMPS = 0.1, 0.2, 0.02, 3
"""Training loss is a mean over all images, so a rise of 10 % is not noise; validation loss varies by up to 10 %."""
SCATTER = 0.05
"""The largest normal scatter of the validation loss about its trend; with a good learning rate it is below 2 %."""
SLOW_EPOCHS, SLOW_FALL, LEAST_FALL = 5, 0.33, 0.01
"""With a good learning rate the loss falls by more than a third in five epochs; less than 1 % does not count."""
PATIENCE = 5
"""Epochs after the lowest validation loss before a rise counts as overfitting."""
MILD, GRAVE = 0.03, 0.1
RISING = 0.3
STILL_FALLING = 0.002
"""Relative fall of the validation loss per epoch: 1 % in five epochs. Seeds differ by more than a smaller fall."""
LAST, LAST_FALL = 3, 0.06
"""A run still improves if the mean validation loss of so many epochs is lower by this share than of as many before."""
SCHEDULE_OVER = 0.1
"""Once a schedule has lowered the learning rate below this share of the highest, more epochs change nothing."""


def diverged(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a loss that is no longer a finite number."""
    broken = next((row for row in run.history if row.loss is None or row.val_loss is None), None)
    if broken is None and run.state != "diverged":
        return None
    since = broken.epoch if broken is not None else len(run.history) + 1
    if broken is not None:
        which = "training" if broken.loss is None else "validation"
        evidence = f"The {which} loss of epoch {broken.epoch} is not a finite number."
    else:
        evidence = f"The run ended as diverged{f': {run.ended.reason}' if run.ended and run.ended.reason else ''}."
    before = [row for row in run.history if row.loss is not None and row.epoch < since]
    if before:
        evidence += f" The training loss of epoch {before[-1].epoch} was {loss(before[-1].loss)}."
    rate = learning_rate(run, experiment)
    advice = f"The learning rate is too high: try a tenth of it, --lr {rate / 10:.3g} instead of {rate:.3g}."
    return Finding("diverged", "problem", f"Diverged in epoch {since}", evidence, advice, since)


def stuck_at_chance(run: RunState, experiment: Experiment) -> Finding | None:
    """Find an accuracy that stays no better than guessing."""

    def guesses(row: EpochRow) -> bool:
        if row.val_accuracy is None or row.loss is None:
            return False
        return row.val_accuracy <= chance + AT_CHANCE and row.loss > 0.95 * GUESSING

    rows = run.history
    sizes = [sum(row) for row in run.confusion or ()]
    chance = max(sizes) / sum(sizes) if sum(sizes) else 0.1
    stuck = [*takewhile(guesses, reversed(rows))]
    if len(stuck) < STUCK_EPOCHS:
        return None
    first, last = stuck[-1], rows[-1]
    evidence = (
        f"After epoch {last.epoch} the validation accuracy is {percent(last.val_accuracy)}, where always naming the "
        f"largest class gives {percent(chance)}, and the training loss {loss(last.loss)}, where guessing gives "
        f"ln 10 = {GUESSING:.3f}."
    )
    advice = _way_out(run, experiment)
    return Finding("stuck", "problem", f"Stuck at chance since epoch {first.epoch}", evidence, advice, first.epoch)


def _way_out(run: RunState, experiment: Experiment) -> str:
    layers = [layer for layer in experiment.layers if isinstance(layer, Dense | Conv2D)]
    for layer in layers:
        start = layer.kernel_initializer
        if isinstance(start, Constant) or (isinstance(start, PlainInitializer) and start.name in {"zeros", "ones"}):
            return (
                "Weights that all begin equal get equal gradients and stay equal: begin with "
                "--initializer glorot_uniform."
            )
    rate = learning_rate(run, experiment)
    deep = "" if len(layers) < 4 else " In a deep network, batch normalisation or relu instead of sigmoid helps, too."
    return f"Try a lower learning rate (--lr {rate / 10:.3g}), then a higher one ({rate * 10:.3g}).{deep}"


def _rises_in_words(rows: Sequence[EpochRow], losses: Sequence[float], rises: Sequence[int], share: float) -> str:
    """Return ``rose by more than 10 % 3 times …``; `rises` are the indices of the epochs in which the loss rose."""
    last = rises[-1]
    return (
        f"rose by more than {100 * share:.0f} % {len(rises)} times in the last {counted(rows, 'epoch')}, "
        f"last from {loss(losses[last - 1])} to {loss(losses[last])} in epoch {rows[last].epoch}."
    )


def rate_too_high(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a training loss that jumps up, or that is above GUESSING although the network predicts classes well."""
    rows, losses, _ = _finite(run, RECENT)
    if len(rows) < STUCK_EPOCHS:
        return None
    accuracy = rows[-1].val_accuracy or 0.0
    rises = jumps(losses, JUMP, LEAST_JUMP)
    if losses[-1] > ABOVE_GUESSING * GUESSING and accuracy > LEARNT:
        evidence = (
            f"After epoch {rows[-1].epoch} the training loss is {loss(losses[-1])}, above the {GUESSING:.3f} of "
            f"guessing, though {percent(accuracy)} of the validation images are right: the weights are so large that "
            "every mistake is made with certainty."
        )
        below = [row.epoch for row in run.history if row.loss is not None and row.loss <= GUESSING]
        since = below[-1] + 1 if below else 1
    elif len(rises) >= FEWEST_JUMPS:
        evidence = f"The training loss {_rises_in_words(rows, losses, rises, JUMP)}"
        since = rows[rises[0]].epoch
    else:
        return None
    rate = learning_rate(run, experiment)
    advice = f"Try a third and a tenth of it: --lr {rate / 3:.2g}, --lr {rate / 10:.2g} instead of {rate:.3g}."
    return Finding("rate-too-high", "problem", "Learning rate too high", evidence, advice, since)


def rate_too_low(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a training loss that falls steadily but slowly, and no slower than at the beginning: the steps are small."""
    rows, losses, _ = _finite(run)
    if len(rows) < SLOW_EPOCHS or (rows[-1].val_accuracy or 0.0) >= 0.9:
        return None
    whole = 1 - losses[-1] / losses[0]
    third = max(1, len(losses) // 3)
    begin, end = (losses[0] - losses[third]) / third, (losses[-1 - third] - losses[-1]) / third
    if not LEAST_FALL < whole < SLOW_FALL or trend(losses) > -0.9 or end < 0.3 * begin:
        return None
    rate = learning_rate(run, experiment)
    evidence = (
        f"The training loss fell steadily but only from {loss(losses[0])} in epoch {rows[0].epoch} to "
        f"{loss(losses[-1])} in epoch {rows[-1].epoch} ({_change(losses[0], losses[-1])}), and does not level off."
    )
    advice = f"Try ten times the learning rate, --lr {rate * 10:.3g}; where the loss then jumps, a third of that."
    return Finding("rate-too-low", "warning", "Learning rate probably too low", evidence, advice, rows[0].epoch)


def jumping_validation_loss(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a validation loss that jumps or scatters: the steps have become too long."""
    rows, _, values = _finite(run, RECENT)
    rises = jumps(values, VAL_JUMP, LEAST_JUMP)
    scatter = noise(values)
    if len(rises) >= FEWEST_JUMPS:
        evidence = f"It {_rises_in_words(rows, values, rises, VAL_JUMP)}"
    elif len(rows) == RECENT and scatter > max(SCATTER * fmean(values), LEAST_JUMP / 2):
        evidence = (
            f"Over the last {RECENT} epochs it scatters by {loss(scatter)} (standard deviation) about its own trend, "
            f"{percent(scatter / fmean(values))} of its mean."
        )
    else:
        return None
    rate = learning_rate(run, experiment)
    advice = f"Let the learning rate fall (--schedule cosine), or lower it: --lr {rate / 3:.2g} instead of {rate:.3g}."
    since = rows[rises[0]].epoch if rises else rows[0].epoch
    evidence += " The figures of a single epoch are partly luck."
    return Finding("jumping", "warning", "Validation loss jumps", evidence, advice, since)


def overfitting(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a validation loss that has risen since its minimum by more than its noise, while the training loss fell."""
    rows, losses, values = _finite(run)
    low = min(range(len(values)), key=values.__getitem__, default=0)
    after = rows[low + 1 :]
    if len(after) < PATIENCE:
        return None
    window = max(3, len(after) // 4)
    lowest, recent = fmean(values[max(0, low - 1) : low + 2]), fmean(values[-window:])
    error = noise(values[low:]) * (1 / window + 1 / 3) ** 0.5
    training, now = losses[low], fmean(losses[-window:])
    if recent - lowest <= max(MILD * lowest, 3 * error) or trend(values[low:]) < RISING or now >= 0.98 * training:
        return None
    best, last = rows[low], rows[-1]
    evidence = (
        f"The validation loss was lowest after epoch {best.epoch} ({loss(values[low])}) and is {loss(values[-1])} "
        f"after epoch {last.epoch} ({_change(values[low], values[-1])}), while the training loss fell from "
        f"{loss(training)} to {loss(losses[-1])}."
    )
    if best.val_accuracy is not None and last.val_accuracy is not None:
        evidence += f" Validation accuracy: {percent(best.val_accuracy)} then, {percent(last.val_accuracy)} now"
        more = last.val_accuracy < best.val_accuracy
        evidence += "." if more else ": the number of mistakes has not grown, but the loss of each has."
    rates = [layer.rate for layer in experiment.layers if layer.kind == "dropout"]
    stop = "" if experiment.training.early_stopping else "Stop early (--patience 5 --validation 0.2). "
    drop = f"More dropout than {max(rates):g}" if any(rates) else "Dropout (--dropout 0.5)"
    images = " All training images (--limit none)." if experiment.dataset.limit else ""
    advice = f"{stop}{drop}, or fewer neurons.{images}"
    severity = "warning" if recent > (1 + GRAVE) * lowest else "note"
    return Finding("overfitting", severity, f"Overfitting since epoch {best.epoch}", evidence, advice, best.epoch)


def unconverged(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a validation loss that still falls by more than its noise: good during a run, a warning at its end."""
    rows, _, values = _finite(run)
    rates = [row.learning_rate or 0.0 for row in rows]
    plainly = _falls_plainly(values)
    over = bool(rates) and rates[-1] < SCHEDULE_OVER * max(rates)
    if len(rows) < 4 or (over and not plainly):
        return None
    window = LAST if plainly else max(2, min(20, len(values) // 5))
    fallen = 1 - fmean(values[-window:]) / fmean(values[-2 * window : -window]) if plainly else fall(values, window)
    if not plainly and (fallen < STILL_FALLING * window or min(values) < min(values[-PATIENCE:])):
        return None
    last = rows[-1]
    evidence = (
        f"The mean validation loss of epochs {rows[-window].epoch} to {last.epoch} is {loss(fmean(values[-window:]))}, "
        f"{percent(fallen)} lower than of the {counted(window, 'epoch')} before."
    )
    if run.live:
        return Finding("improving", "good", "Still improving", evidence)
    if over:
        advice = "The learning rate's schedule has ended; a new run with more epochs has a longer one."
        return Finding("improving", "good", "Still improving when its schedule ended", evidence, advice)
    if run.state == "stopped" and len(rows) < run.epochs:
        headline, rest = "Stopped while still improving", counted(run.epochs - len(rows), "epoch")
        advice = f"Go on with it: mnist-tui resume {run.run or 'RUN'} trains the other {rest} of {run.epochs}."
    else:
        headline = "Not yet converged: still improving"
        advice = f"Train longer: mnist-tui extend {run.run or 'RUN'} --epochs {max(10, len(rows) // 2)}."
    return Finding("unconverged", "warning", headline, evidence, advice)


def _falls_plainly(values: list[float]) -> bool:
    """Return whether the last epochs are far better than the epochs before, and the last one is the best."""
    if len(values) < 2 * LAST or values[-1] > min(values):
        return False
    before = fmean(values[-2 * LAST : -LAST])
    return before > 0 and 1 - fmean(values[-LAST:]) / before >= LAST_FALL


def _finite(run: RunState, last: int = 0) -> tuple[list[EpochRow], list[float], list[float]]:
    """Return the rows whose losses are finite, with their training and validation losses; 0 for `last` means all."""
    finite = [(row, row.loss, row.val_loss) for row in run.history if row.loss is not None and row.val_loss is not None]
    recent = finite[-last:]
    return [row for row, _, _ in recent], [loss for _, loss, _ in recent], [loss for _, _, loss in recent]


def learning_rate(run: RunState, experiment: Experiment) -> float:
    """Return the newest epoch's learning rate; before the first epoch has ended, the initial one."""
    newest = run.history[-1].learning_rate if run.history else None
    return experiment.learning_rate(0) if newest is None else newest


WORSE, LEAST = 1.25, 0.01
"""The ratio and the difference to the lowest validation loss; converged trainings end within 10 % of it."""


def last_epoch(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a run that ended with a validation loss well above its lowest one, but keeps the last weights."""
    best, stopping = run.best, experiment.training.early_stopping
    if run.live or best is None or (stopping is not None and stopping.restore_best_weights):
        return None
    last, lowest = run.history[-1], best.val_loss
    if last.val_loss is None or lowest is None or last.val_loss < max(WORSE * lowest, lowest + LEAST):
        return None
    evidence = (
        f"After the last epoch, {last.epoch}, the validation loss is {loss(last.val_loss)}; the lowest was "
        f"{loss(best.val_loss)}, after epoch {best.epoch}."
    )
    if last.val_accuracy is not None and best.val_accuracy is not None:
        evidence += f" Validation accuracy: {percent(best.val_accuracy)} then, {percent(last.val_accuracy)} now."
    restore = "--set training.early_stopping.restore_best_weights=true"
    keeps = restore if stopping is not None else "--patience 10 --validation 0.2"
    advice = f"Have the best epoch's weights kept ({keeps}), or let the learning rate fall (--schedule cosine)."
    return Finding("last-epoch", "warning", "The last epoch is not a good one", evidence, advice, last.epoch)


MOST_POINTS = 60
"""The most points, at equal distances, that `trend` compares; the number of pairs grows with the square."""


def noise(values: Sequence[float]) -> float:
    """Return the standard deviation of values about their curve, from second differences (0 for a straight line).

    The median of the absolute second differences is used, so that a jump or two change nothing. For independent normal
    errors with deviation s, second differences have the deviation s·√6, and the median is 0.6745 of that.
    """
    bends = [abs(a - 2 * b + c) for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return median(bends) / (0.6745 * 6**0.5) if bends else 0.0


def trend(values: Sequence[float]) -> float:
    """Return Kendall's tau of values against time (Mann, 1945): 1 if they always rise, -1 if they always fall."""
    step = -(-len(values) // MOST_POINTS)
    pairs = list(combinations(values[::-1][:: max(1, step)][::-1], 2))
    return fmean((later > earlier) - (later < earlier) for earlier, later in pairs) if pairs else 0.0


def fall(values: Sequence[float], window: int) -> float:
    """Return the relative fall of the mean of the last `window` values, compared with the `window` values before.

    A difference within three standard errors is noise and counts as 0; the noise is measured over twice as many values.
    """
    before, last = fmean(values[-2 * window : -window]), fmean(values[-window:])
    error = noise(values[-4 * window :]) * (2 / window) ** 0.5
    return (before - last) / before if before > 0 and abs(before - last) > 3 * error else 0.0


def jumps(values: Sequence[float], share: float, least: float) -> list[int]:
    """Return the indices of values that exceed the previous value by more than `share` of it and more than `least`."""
    return [
        place
        for place, (earlier, later) in enumerate(pairwise(values), start=1)
        if later > earlier * (1 + share) and later - earlier > least
    ]


FEWEST_EPOCHS = 3
"""With fewer epochs a curve's direction cannot be distinguished from chance."""


def diagnose(run: RunState, experiment: Experiment) -> tuple[Finding, ...]:
    """Return the findings about a live or ended run, the worst first; there is always at least one."""
    if not experiment.trains_in_epochs:
        return (_solved(run),)
    findings: list[Finding] = []
    for rule, unless in RULES.items():
        excluded = not unless.isdisjoint(finding.kind for finding in findings)
        if not excluded and (finding := rule(run, experiment)) is not None:
            findings.append(finding)
    if not any(finding.severity in {"problem", "warning", "good"} for finding in findings):
        findings.append(_too_early(run) if len(run.history) < FEWEST_EPOCHS else _all_well(run))
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def headlines(findings: tuple[Finding, ...]) -> list[str]:
    """Return a line of at most 60 characters for each finding: ``warning: Overfitting since epoch 12``."""
    return [f"{finding.severity}: {finding.headline}"[:60] for finding in findings]


def stopped(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a run that was stopped before its last planned epoch."""
    if run.state != "stopped" or len(run.history) >= run.epochs:
        return None
    done, left = len(run.history), run.epochs - len(run.history)
    evidence = f"It ended after {counted(done, 'epoch')} of {run.epochs}; early stopping did not end it."
    advice = f"mnist-tui resume {run.run or 'RUN'} trains the other {left}."
    return Finding("stopped", "note", "Stopped before its end", evidence, advice)


def _too_early(run: RunState) -> Finding:
    done = len(run.history)
    epochs = f"{counted(done, 'epoch')} {noun(done, 'has', 'have')} ended" if done else "no epoch has ended"
    longer = f"Train for {FEWEST_EPOCHS} epochs or more: --epochs 10."
    advice = f"A diagnosis needs at least {FEWEST_EPOCHS} epochs." if run.live else longer
    return Finding("too-early", "note", "Too few epochs to say", f"So far {epochs}.", advice)


def _all_well(run: RunState) -> Finding:
    last, best = run.history[-1], run.best
    assert best is not None
    evidence = f"After epoch {last.epoch} the validation loss is {loss(last.val_loss)}"
    evidence += f" and the validation accuracy {percent(last.val_accuracy)}" if last.val_accuracy is not None else ""
    evidence += f"; the lowest loss was {loss(best.val_loss)}, after epoch {best.epoch}." if best is not last else "."
    return Finding("well", "good", "All well: no rule found anything", evidence)


DEAD_SHARE, MOSTLY_DEAD = 0.2, 0.5
"""Healthy networks lose a few per cent of their ReLUs; one dead filter of nine is already 11 %."""
EPOCHS_FOR_CLASSES = 2
"""After its first epoch a network may not predict every class yet."""
FEWEST_IMAGES = 10
"""A class with fewer images may by chance never be predicted."""


def dead_units(run: RunState, experiment: Experiment) -> Finding | None:
    """Find ReLUs whose output is zero for every examined image: they get no gradient and stay dead."""
    seen = run.weights
    if seen is None or seen.epoch < 1:
        return None
    dead = [(layer.name, layer.dead) for layer in seen.layers if layer.dead is not None and layer.dead >= DEAD_SHARE]
    if not dead:
        return None
    units = {layer.name: layer.output_shape[-1] for layer in of(experiment).layers}
    parts = [f"{share * units[name]:.0f} of {units[name]} units of {name} ({percent(share)})" for name, share in dead]
    evidence = f"After epoch {seen.epoch} the output is zero for every image looked at: {'; '.join(parts)}."
    advice = (
        f"A dead unit gets no gradient. Lower the learning rate (--lr {learning_rate(run, experiment) / 10:.3g}), or "
        "take an activation without a flat side (leaky_relu, elu)."
    )
    severity = "problem" if max(share for _, share in dead) >= MOSTLY_DEAD else "warning"
    where = counted(dead, "layer") if len(dead) > 1 else dead[0][0]
    return Finding("dead-units", severity, f"Dead ReLUs in {where}", evidence, advice, seen.epoch)


def never_predicted(run: RunState, experiment: Experiment) -> Finding | None:
    """Find classes that the network never predicts."""
    matrix = run.confusion
    if matrix is None or len(run.history) < EPOCHS_FOR_CLASSES:
        return None
    columns = [sum(row[at] for row in matrix) for at in range(len(matrix))]
    missing = [at for at, count in enumerate(columns) if not count and sum(matrix[at]) >= FEWEST_IMAGES]
    if not missing:
        return None
    names = run.data.class_names if run.data is not None else tuple(map(str, range(len(matrix))))
    parts = "; ".join(f"{names[at]}: 0 of {sum(columns):,}, though {sum(matrix[at]):,} are" for at in missing)
    which = f"Class {names[missing[0]]} is" if len(missing) == 1 else f"{counted(missing, 'class')} are"
    evidence = f"Validation images predicted as the class after epoch {run.confusion_epoch}: {parts}."
    advice = (
        "Look at the images of its row in the matrix. Train longer; if that changes nothing, lower the learning rate "
        "or check that the training images hold the class often enough."
    )
    return Finding("never-predicted", "warning", f"{which} never predicted", evidence, advice, run.confusion_epoch)


def _solved(run: RunState) -> Finding:
    row = run.history[-1] if run.history else None
    if row is None or row.accuracy is None or row.val_accuracy is None:
        return Finding("closed-form", "note", "Not solved yet", "The output layer is solved in closed form, at once.")
    evidence = (
        "The output layer is the least-squares solution: there is no course of training to judge. "
        f"{percent(row.accuracy)} of the training and {percent(row.val_accuracy)} of the validation images are right."
    )
    advice = "Its size and its input limit what it can learn: try more hidden neurons, or other features."
    return Finding("closed-form", "note", "Solved in closed form", evidence, advice)


ABOUT_EQUAL = 1.05
"""Losses on different images that differ by less than 5 % are called equal."""
SWITCH_ON = (
    "--set training.plain_loss=true measures the training loss without dropout after each epoch and shows it beside "
    "the others; the training itself stays the same."
)


def loss_gap(run: RunState, experiment: Experiment) -> Finding | None:
    """Explain a training loss that is above the validation loss in the newest epoch.

    Training loss is the mean over an epoch's batches, with dropout on and while the weights still improve; validation
    loss is measured after the epoch, with dropout off. So their order says nothing about generalisation.
    """
    row = run.history[-1] if run.history else None
    if row is None or row.loss is None or row.val_loss is None or row.loss <= row.val_loss:
        return None
    evidence = (
        f"After epoch {row.epoch} the training loss is {loss(row.loss)}, the validation loss {loss(row.val_loss)}. "
        f"{_why_gap(experiment)}"
    )
    since = next(each.epoch for each, own, validation in zip(*_finite(run), strict=True) if own > validation)
    advice, more = SWITCH_ON, _between(run)
    if row.plain_loss is not None:
        advice, more = "", _proof(row, row.plain_loss, row.val_loss)
    headline = "Why training loss is above validation loss"
    return Finding("loss-gap", "note", headline, f"{evidence} {more}".rstrip(), advice, since)


def _why_gap(experiment: Experiment) -> str:
    rates = {layer.rate for layer in experiment.layers if isinstance(layer, Dropout) and layer.rate > 0}
    mean = "is the mean over an epoch in which the weights still improve"
    if rates:
        rate = f" (rate {next(iter(rates)):g})" if len(rates) == 1 else ""
        return (
            f"That is how they are measured: training loss is taken with dropout{rate} on, and {mean}; validation "
            "loss is measured after the epoch, with dropout off."
        )
    normalises = any(isinstance(layer, BatchNormalization) for layer in experiment.layers)
    batches = " and normalises by each batch's own statistics" if normalises else ""
    return (
        f"This network has no dropout: training loss {mean}{batches}; validation loss is measured after it, with the "
        "better weights."
    )


def _between(run: RunState) -> str:
    """Return a note that the newest training loss, a mean over its epoch, lies between the losses at start and end."""
    rows, losses, values = _finite(run, 2)
    if len(rows) < 2 or rows[0] is not run.history[-2] or not values[1] < losses[1] < values[0]:
        return ""
    return (
        f"The validation loss was {loss(values[0])} before the epoch and {loss(values[1])} after it; the training loss "
        "lies between them."
    )


def _proof(row: EpochRow, plain: float, validation: float) -> str:
    measured = (
        f"Measured alike (after epoch {row.epoch}, dropout off, on a part of the training images) the training loss is "
        f"{loss(plain)}"
    )
    if plain <= validation * ABOUT_EQUAL:
        relation = "below the validation loss, as one expects" if plain <= validation else "about the validation loss"
        return f"{measured}: {relation}. The gap comes from the measuring alone."
    return (
        f"{measured}: still above the validation loss, so the measuring explains only a part. The rest is that these "
        "training images are harder for the network than the validation images."
    )


SPOILT = frozenset({"diverged", "rate-too-low", "stuck", "rate-too-high"})
"""Kinds of findings after which the curves allow no finer diagnosis."""
RULES: dict[Callable[[RunState, Experiment], Finding | None], frozenset[str]] = {
    diverged: frozenset(),
    rate_too_low: SPOILT,
    stuck_at_chance: SPOILT,
    rate_too_high: SPOILT,
    jumping_validation_loss: SPOILT,
    overfitting: SPOILT,
    unconverged: SPOILT | {"overfitting"},
    last_epoch: SPOILT | {"jumping", "overfitting", "improving", "unconverged"},
    never_predicted: SPOILT,
    loss_gap: SPOILT,
    dead_units: frozenset(),
    stopped: frozenset({"unconverged"}),
}
"""All rules in the order of their application, each with the kinds of earlier findings that make it pointless."""
