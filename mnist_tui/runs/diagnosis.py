"""The diagnosis of a run: rules that explain its losses and accuracies in plain words.

Each rule is a function that returns a finding about a run and its experiment, or None, with an entry in RULES.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise, takewhile
from statistics import fmean, median, stdev
from typing import Literal

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.layers import BatchNormalization, Constant, Conv2D, Dense, Dropout, PlainInitializer, walk
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.advice import Action, Edit, Extend, Resume, Seeds, edit
from mnist_tui.runs.state import RESUMABLE, EpochRow, RunState
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
        actions: what the app can do about it, the best first.
    """

    kind: str
    severity: Severity
    headline: str
    evidence: str
    advice: str = ""
    since: int | None = None
    actions: tuple[Action, ...] = ()


def _change(before: float, after: float) -> str:
    """Return a relative change: ``+12 %`` or ``-3.4 %``."""
    share = 100 * (after - before) / before
    return f"{share:+.0f} %" if abs(share) >= 10 else f"{share:+.1f} %"


def _guessing(experiment: Experiment) -> float:
    """Return the loss of a network that gives each class the same probability: 2.303 for ten classes."""
    return math.log(experiment.classes)


AT_CHANCE = 0.02
"""An accuracy counts as chance up to this much above the share of the largest class."""
STUCK_EPOCHS = 3
ABOVE_GUESSING = 1.1
LEARNT = 0.1
"""With an accuracy so far above 1/classes a network has learnt something: a loss above guessing is no early epoch's."""
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
RISING = 0.25
STILL_FALLING = 0.002
"""Relative fall of the validation loss per epoch: 1 % in five epochs. Seeds differ by more than a smaller fall."""
LAST, LAST_FALL = 3, 0.06
"""A run still improves if the mean validation loss of so many epochs is lower by this share than of as many before."""
SLOW = 0.01
"""A validation loss that falls by less than this share an epoch still improves, but slowly."""
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
    advice = f"The learning rate {experiment.highest_rate:g} is too high: try a tenth of it."
    return Finding(
        "diverged", "problem", f"Diverged in epoch {since}", evidence, advice, since, _rate_times(experiment, 0.1)
    )


def stuck_at_chance(run: RunState, experiment: Experiment) -> Finding | None:
    """Find an accuracy that stays no better than guessing."""
    guessing = _guessing(experiment)

    def guesses(row: EpochRow) -> bool:
        if row.val_accuracy is None or row.loss is None:
            return False
        measured = row.val_loss if experiment.in_training_loss_only else row.loss
        return row.val_accuracy <= chance + AT_CHANCE and measured is not None and measured > 0.95 * guessing

    rows = run.history
    sizes = [sum(row) for row in run.confusion or ()]
    chance = max(sizes) / sum(sizes) if sum(sizes) else 1 / experiment.classes
    stuck = [*takewhile(guesses, reversed(rows))]
    if len(stuck) < STUCK_EPOCHS:
        return None
    first, last = stuck[-1], rows[-1]
    which, value = ("validation", last.val_loss) if experiment.in_training_loss_only else ("training", last.loss)
    evidence = (
        f"After epoch {last.epoch} the validation accuracy is {percent(last.val_accuracy)}, where always naming the "
        f"largest class gives {percent(chance)}, and the {which} loss {loss(value)}, where guessing gives "
        f"ln {experiment.classes} = {guessing:.3f}."
    )
    advice, actions = _way_out(experiment)
    return Finding(
        "stuck", "problem", f"Stuck at chance since epoch {first.epoch}", evidence, advice, first.epoch, actions
    )


def _way_out(experiment: Experiment) -> tuple[str, tuple[Edit, ...]]:
    """Return advice and actions for a network that does not learn."""
    layers = [layer for layer in walk(experiment.layers) if isinstance(layer, Dense | Conv2D)]
    for layer in layers:
        start = layer.kernel_initializer
        if isinstance(start, Constant) or (isinstance(start, PlainInitializer) and start.name in {"zeros", "ones"}):
            advice = "Weights that all begin equal get equal gradients and stay equal: begin with random ones."
            return advice, edit(experiment, ("initializer", "glorot_uniform"))
    deep = "" if len(layers) < 4 else " In a deep network, batch normalisation or relu instead of sigmoid helps, too."
    advice = f"Try a lower learning rate than {experiment.highest_rate:g}, then a higher one.{deep}"
    return advice, _rate_times(experiment, 0.1, 10)


def _rate_times(experiment: Experiment, *factors: float) -> tuple[Edit, ...]:
    """Return an edit of the learning rate for each factor: the rate that the experiment begins with, times it."""
    rates = (float(f"{experiment.highest_rate * factor:.2g}") for factor in factors)
    return tuple(action for rate in rates for action in edit(experiment, ("lr", f"{rate:g}")))


def _rises_in_words(rows: Sequence[EpochRow], losses: Sequence[float], rises: Sequence[int], share: float) -> str:
    """Return ``rose by more than 10 % 3 times …``; `rises` are the indices of the epochs in which the loss rose."""
    last = rises[-1]
    return (
        f"rose by more than {100 * share:.0f} % {len(rises)} times in the last {counted(rows, 'epoch')}, "
        f"last from {loss(losses[last - 1])} to {loss(losses[last])} in epoch {rows[last].epoch}."
    )


def rate_too_high(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a training loss that jumps up, or that is above guessing although the network predicts classes well."""
    rows, losses, _ = _finite(run, RECENT)
    if len(rows) < STUCK_EPOCHS:
        return None
    accuracy, guessing = rows[-1].val_accuracy or 0.0, _guessing(experiment)
    rises = jumps(losses, JUMP, LEAST_JUMP)
    has_learnt = accuracy > 1 / experiment.classes + LEARNT
    if losses[-1] > ABOVE_GUESSING * guessing and has_learnt and not experiment.in_training_loss_only:
        evidence = (
            f"After epoch {rows[-1].epoch} the training loss is {loss(losses[-1])}, above the {guessing:.3f} of "
            f"guessing, though {percent(accuracy)} of the validation images are right: the weights are so large that "
            "every mistake is made with certainty."
        )
        below = [row.epoch for row in run.history if row.loss is not None and row.loss <= guessing]
        since = below[-1] + 1 if below else 1
    elif len(rises) >= FEWEST_JUMPS:
        evidence = f"The training loss {_rises_in_words(rows, losses, rises, JUMP)}"
        since = rows[rises[0]].epoch
    else:
        return None
    advice = f"Try a third and a tenth of the learning rate {experiment.highest_rate:g}."
    actions = _rate_times(experiment, 1 / 3, 0.1)
    return Finding("rate-too-high", "problem", "Learning rate too high: lower it", evidence, advice, since, actions)


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
    evidence = (
        f"The training loss fell steadily but only from {loss(losses[0])} in epoch {rows[0].epoch} to "
        f"{loss(losses[-1])} in epoch {rows[-1].epoch} ({_change(losses[0], losses[-1])}), and does not level off."
    )
    advice = f"Try ten times the learning rate {experiment.highest_rate:g}; where the loss then jumps, a third of that."
    headline, actions = "Still improving, but slowly: raise the rate", _rate_times(experiment, 10, 10 / 3)
    return Finding("rate-too-low", "warning", headline, evidence, advice, rows[0].epoch, actions)


def jumping_validation_loss(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a validation loss that jumps or scatters: the steps have become too long."""
    rows, _, values = _finite(run, RECENT)
    rises = jumps(values, VAL_JUMP, LEAST_JUMP)
    scatter = noise(values)
    if len(rises) >= FEWEST_JUMPS:
        evidence = f"It {_rises_in_words(rows, values, rises, VAL_JUMP)}"
    elif len(rows) == RECENT and scatter > max(SCATTER * fmean(values), LEAST_JUMP / 2):
        outlier = outlying_end(run, experiment) is not None
        usual = _finite(_without_last(run), RECENT)[2] if outlier else values
        over = f"the {RECENT} epochs before the last one" if outlier else f"the last {RECENT} epochs"
        evidence = (
            f"Over {over} it scatters around a smooth curve by {loss(noise(usual))} (standard deviation), "
            f"{percent(noise(usual) / fmean(usual), 0)} of its mean."
        )
    else:
        return None
    advice = f"Let the learning rate fall over the epochs, or lower it from {experiment.highest_rate:g}."
    actions = (*edit(experiment, ("schedule", "cosine")), *_rate_times(experiment, 1 / 3))
    since = rows[rises[0]].epoch if rises else rows[0].epoch
    evidence += " Neighbouring epochs differ by chance, too."
    headline = "Validation loss jumps: lower the learning rate"
    return Finding("jumping", "warning", headline, evidence, advice, since, actions)


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
    outlier = outlying_end(run, experiment) is not None
    told = slice(-1 - RECENT, -1) if outlier else slice(-window, None)
    best, last, usual_loss = rows[low], rows[-1], median(values[told])
    if outlier:
        since = f"its median over the {RECENT} epochs before the last one is {loss(usual_loss)}"
    else:
        since = (
            f"it is {loss(values[-1])} after epoch {last.epoch}, with a median of {loss(usual_loss)} over the last "
            f"{counted(window, 'epoch')}"
        )
    evidence = (
        f"The validation loss was lowest after epoch {best.epoch} ({loss(values[low])}); {since} "
        f"({_change(values[low], usual_loss)}), while the training loss fell from {loss(training)} to "
        f"{loss(losses[-1])}."
    )
    accuracies = [row.val_accuracy for row in rows[told] if row.val_accuracy is not None]
    if best.val_accuracy is not None and accuracies:
        usual = median(accuracies)
        evidence += (
            f" The validation accuracy was {percent(best.val_accuracy)} after epoch {best.epoch}; its median over "
            f"these {counted(len(accuracies), 'epoch')} is {percent(usual)}"
        )
        evidence += "."
        if usual >= best.val_accuracy:
            evidence += " Loss and accuracy disagree: the number of mistakes has not grown, but the mean loss has."
    if outlier and overfitting(_without_last(run), experiment) is None:
        evidence += " Without the last epoch, no overfitting would be found."
    severity = "warning" if recent > (1 + GRAVE) * lowest else "note"
    headline, (advice, actions) = f"Overfitting since epoch {best.epoch}", _against_overfitting(experiment)
    return Finding("overfitting", severity, headline, evidence, advice, best.epoch, actions)


def _against_overfitting(experiment: Experiment) -> tuple[str, tuple[Edit, ...]]:
    """Return advice and actions for a network that learns its training images by heart."""
    rate = max((layer.rate for layer in experiment.layers_of(Dropout)), default=0.0)
    early = () if experiment.training.early_stopping else _stopping_early(experiment, 5)
    stop = "Stop early, which keeps the best epoch's weights; or try " if early else "Try "
    drop = f"more dropout than {rate:g}" if rate else "dropout"
    images = ", or all training images" if experiment.dataset.limit else ""
    actions = (
        *early,
        *edit(experiment, ("dropout", f"{min(0.8, rate + 0.2):g}" if rate else "0.5")),
        *edit(experiment, ("limit", "none"), about="all training images"),
    )
    return f"{stop}{drop}, or fewer neurons{images}.", actions


def _stopping_early(experiment: Experiment, patience: int) -> tuple[Edit, ...]:
    """Return the edit that adds early stopping, and holds out validation images where the test set served for it."""
    held_out = (("validation", "0.2"),) if experiment.dataset.validation == "test" else ()
    about = f"early stopping after {counted(patience, 'epoch')} without improvement"
    if held_out:
        about += ", and validation images held out"
    return edit(experiment, ("patience", str(patience)), *held_out, about=about)


@dataclass(frozen=True)
class Improvement:
    """A validation loss that still falls at the end of a history.

    Attributes:
        window: the number of last epochs whose mean loss is compared with that of as many epochs before.
        fallen: the relative fall of the loss, as a share.
        gained: the rise of the mean validation accuracy over the same epochs, as a share; None if it is not known.
    """

    window: int
    fallen: float
    gained: float | None

    @property
    def slow(self) -> bool:
        """Whether the loss falls by less than SLOW of itself an epoch."""
        return self.fallen < SLOW * self.window


def improvement(run: RunState) -> Improvement | None:
    """Return by how much the validation loss still falls at the end of a history; None if it does not."""
    rows, _, values = _finite(run)
    window, fallen = _plain_fall(values) or ((0, 0.0) if _schedule_over(rows) else _slow_fall(values))
    if not fallen:
        return None
    accuracies = [row.val_accuracy for row in rows[-2 * window :] if row.val_accuracy is not None]
    whole = len(accuracies) == 2 * window
    return Improvement(window, fallen, fmean(accuracies[window:]) - fmean(accuracies[:window]) if whole else None)


def _schedule_over(rows: Sequence[EpochRow]) -> bool:
    rates = [row.learning_rate or 0.0 for row in rows]
    return bool(rates) and rates[-1] < SCHEDULE_OVER * max(rates)


def improving(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a validation loss that still falls: good during a run, a note at its end."""
    found = improvement(run)
    if found is None:
        return None
    rows, _, values = _finite(run)
    window, fallen, last = found.window, found.fallen, rows[-1]
    evidence = (
        f"The mean validation loss of epochs {rows[-window].epoch} to {last.epoch} is {loss(fmean(values[-window:]))}, "
        f"{percent(fallen, 1)} lower than that of the {counted(window, 'epoch')} before."
    )
    if window == 1:
        evidence = (
            f"The validation loss of epoch {last.epoch} is {loss(values[-1])}, {percent(fallen, 1)} lower than after "
            "the epoch before."
        )
    if run.live:
        return Finding("improving", "good", "Still improving: keep going", evidence)
    if run.state in RESUMABLE and len(rows) < run.epochs:
        return _interrupted(run, "while still improving", evidence)
    if _schedule_over(rows):
        longer = edit(experiment, ("epochs", str(2 * len(rows))))
        advice = "The learning rate's schedule has ended; a new run with more epochs has a longer one."
        return Finding("improving", "good", "Still improving when its schedule ended", evidence, advice, None, longer)
    advice = "The loss has not levelled off, so more epochs probably lower it further."
    actions = (Extend(max(10, len(rows) // 2)),)
    return Finding("improving", "note", "Still improving: train longer", evidence, advice, None, actions)


def _plain_fall(values: list[float]) -> tuple[int, float] | None:
    """Return the window and the fall of a loss that plainly still falls, its best epoch in the window; else None.

    The window is the last LAST epochs, fewer in a short run; the fall is that of its mean from the window before.
    """
    window = min(LAST, len(values) // 2)
    if len(values) < FEWEST_EPOCHS or min(values[-window:]) > min(values):
        return None
    before = fmean(values[-2 * window : -window])
    fallen = 1 - fmean(values[-window:]) / before if before > 0 else 0.0
    return (window, fallen) if fallen >= LAST_FALL else None


def _slow_fall(values: list[float]) -> tuple[int, float]:
    """Return the window and the fall, beyond noise, of a loss that still falls little by little; (0, 0.0) if not."""
    window = max(2, min(20, len(values) // 5))
    if len(values) < 2 * window:
        return 0, 0.0
    fallen = fall(values, window)
    is_lowest = min(values[-PATIENCE:]) <= min(values) + 2 * noise(values[-4 * window :])
    return (window, fallen) if is_lowest and fallen >= STILL_FALLING * window else (0, 0.0)


def _without_last(run: RunState) -> RunState:
    return replace(run, history=run.history[:-1])


def _finite(run: RunState, last: int = 0) -> tuple[list[EpochRow], list[float], list[float]]:
    """Return the rows whose losses are finite, with their training and validation losses; 0 for `last` means all."""
    finite = [(row, row.loss, row.val_loss) for row in run.history if row.loss is not None and row.val_loss is not None]
    recent = finite[-last:]
    return [row for row, _, _ in recent], [loss for _, loss, _ in recent], [loss for _, _, loss in recent]


OUTLYING, LEAST_DROP = 4, 0.002
"""The drop of an outlier in standard deviations of the epochs before it, and in validation accuracy (0.2 points)."""


@dataclass(frozen=True)
class OutlyingEnd:
    """A last epoch whose validation accuracy is far below that of the epochs before it.

    Attributes:
        accuracy: the validation accuracy after the last epoch, as a share.
        usual: the median of the validation accuracies of the RECENT epochs before it, as a share.
        deviation: the standard deviation of these, as a share.
    """

    epoch: int
    accuracy: float
    usual: float
    deviation: float


def outlying_end(run: RunState, experiment: Experiment) -> OutlyingEnd | None:
    """Return the last epoch of a run if it is an outlier and its weights are kept; else None."""
    rows = [(row.epoch, row.val_accuracy) for row in run.history if row.val_accuracy is not None]
    if not _keeps_last_weights(run, experiment) or len(rows) <= RECENT:
        return None
    (epoch, accuracy), before = rows[-1], [accuracy for _, accuracy in rows[-1 - RECENT : -1]]
    usual, deviation = median(before), stdev(before)
    if usual - accuracy < max(OUTLYING * deviation, LEAST_DROP):
        return None
    return OutlyingEnd(epoch, accuracy, usual, deviation)


def _keeps_last_weights(run: RunState, experiment: Experiment) -> bool:
    stopping = experiment.training.early_stopping
    return not run.live and not (stopping is not None and stopping.restore_best_weights)


def last_outlier(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a run that ended in an epoch which is an outlier, so that its scores are not those of the training."""
    end = outlying_end(run, experiment)
    if end is None:
        return None
    evidence = (
        f"After the last epoch, {end.epoch}, the validation accuracy is {percent(end.accuracy)}; the median of the "
        f"{RECENT} epochs before it is {percent(end.usual)}, with a standard deviation of "
        f"{100 * end.deviation:.2f} points. The run keeps the weights of this last epoch, so its scores are lower than "
        "those of most epochs before."
    )
    advice, actions = _better_end(experiment)
    return Finding("last-outlier", "warning", "The last epoch is an outlier", evidence, advice, None, actions)


WORSE, LEAST = 1.25, 0.01
"""The ratio and the difference to the lowest validation loss; converged trainings end within 10 % of it."""


def last_epoch(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a run that ended with a validation loss well above its lowest one, but keeps the last weights."""
    best = run.best
    if best is None or not _keeps_last_weights(run, experiment):
        return None
    last, lowest = run.history[-1], best.val_loss
    if last.val_loss is None or lowest is None or last.val_loss < max(WORSE * lowest, lowest + LEAST):
        return None
    evidence = (
        f"After the last epoch, {last.epoch}, the validation loss is {loss(last.val_loss)}; the lowest was "
        f"{loss(best.val_loss)}, after epoch {best.epoch}."
    )
    if last.val_accuracy is not None and best.val_accuracy is not None:
        evidence += (
            f" The validation accuracy was {percent(best.val_accuracy)} after that epoch and is "
            f"{percent(last.val_accuracy)} now."
        )
    advice, actions = _better_end(experiment)
    return Finding("last-epoch", "warning", "The last epoch is not a good one", evidence, advice, None, actions)


def _better_end(experiment: Experiment) -> tuple[str, tuple[Edit, ...]]:
    """Return advice and actions for a run whose last epoch is worse than others."""
    restore = ("training.early_stopping.restore_best_weights", "true")
    kept = edit(experiment, restore, about="the best epoch's weights kept")
    early = kept if experiment.training.early_stopping else _stopping_early(experiment, 10)
    advice = "Have the best epoch's weights kept, or let the learning rate fall over the epochs."
    return advice, (*early, *edit(experiment, ("schedule", "cosine")))


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


def diagnose(run: RunState, experiment: Experiment, state: str = "") -> tuple[Finding, ...]:
    """Return the findings about a live or ended run: first the verdict, then the others, the worst first.

    Args:
        state: the run's state by its folder, if it is known; unlike `run.state` it can be crashed.
    """
    if not experiment.trains_in_epochs:
        return (_solved(run),)
    if state and state != run.state:
        run = replace(run, state=state)
    findings: list[Finding] = []
    for rule, unless in RULES.items():
        excluded = not unless.isdisjoint(finding.kind for finding in findings)
        if not excluded and (finding := rule(run, experiment)) is not None:
            findings.append(finding)
    if all(finding.kind in EXPLANATIONS for finding in findings):
        findings.append(_too_early(run) if len(run.history) < FEWEST_EPOCHS else _converged(run))
    return tuple(sorted(findings, key=lambda each: (each.kind in EXPLANATIONS, SEVERITIES.index(each.severity))))


def stopped(run: RunState, experiment: Experiment) -> Finding | None:
    """Find a run that ended before its last planned epoch, and not by early stopping."""
    if run.state not in RESUMABLE or len(run.history) >= run.epochs:
        return None
    done = len(run.history)
    other = "; early stopping did not end it" if experiment.training.early_stopping else ""
    evidence = f"It ended {run.reached} of {run.epochs:,}{other}."
    return _interrupted(run, f"{run.reached} of {run.epochs:,}" if done else run.reached, evidence)


def _interrupted(run: RunState, when: str, evidence: str) -> Finding:
    left = run.epochs - len(run.history)
    first = "remove the cause, then " if run.state == "failed" else ""
    headline = f"{run.state.capitalize()} {when}: {first}resume it"
    how = f"{first}resume it".capitalize()
    advice = f"{how}: it goes on where it was saved last; {left} of {counted(run.epochs, 'epoch')} remain."
    return Finding("stopped", "note", headline, evidence, advice, None, (Resume(left),))


def _too_early(run: RunState) -> Finding:
    done = len(run.history)
    epochs = f"{counted(done, 'epoch')} {noun(done, 'has', 'have')} ended" if done else "no epoch has ended"
    advice = f"A diagnosis needs at least {counted(FEWEST_EPOCHS, 'epoch')}."
    actions = (Extend(10 - done),) if run.state == "finished" else ()
    return Finding("too-early", "note", "Too few epochs to say", f"So far {epochs}.", advice, None, actions)


FEW_EPOCHS = 20
"""A loss that has levelled off over fewer epochs may fall again in a longer training."""


def _converged(run: RunState) -> Finding:
    last, best = run.history[-1], run.best
    assert best is not None
    evidence = f"After epoch {last.epoch} the validation loss is {loss(last.val_loss)}"
    evidence += f" and the validation accuracy {percent(last.val_accuracy)}" if last.val_accuracy is not None else ""
    evidence += f"; the lowest loss was {loss(best.val_loss)}, after epoch {best.epoch}." if best is not last else "."
    evidence += " It no longer falls by more than its noise, and no rule found a fault."
    if run.live:
        return Finding("converged", "good", "Converged for now: the loss has levelled off", evidence)
    advice = "A single training is partly chance; several seeds give its mean and spread."
    if run.epochs <= len(run.history) < FEW_EPOCHS:
        headline = f"Levelled off after {counted(len(run.history), 'epoch')}"
        advice = f"So few epochs do not show whether the loss falls further: more of them do. {advice}"
        return Finding("converged", "good", headline, evidence, advice, None, (Extend(FEW_EPOCHS), Seeds(5)))
    return Finding("converged", "good", "Converged: more epochs change little", evidence, advice, None, (Seeds(5),))


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
    advice = "A dead unit gets no gradient. Lower the learning rate, or take an activation without a flat side."
    actions = (*_rate_times(experiment, 0.1), *edit(experiment, ("activation", "leaky_relu")))
    severity = "problem" if max(share for _, share in dead) >= MOSTLY_DEAD else "warning"
    where = counted(dead, "layer") if len(dead) > 1 else dead[0][0]
    return Finding("dead-units", severity, f"Dead ReLUs in {where}", evidence, advice, seen.epoch, actions)


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
    longer = (Extend(max(10, len(run.history) // 2)),) if run.state == "finished" else ()
    actions = (*longer, *_rate_times(experiment, 1 / 3))
    headline = f"{which} never predicted"
    return Finding("never-predicted", "warning", headline, evidence, advice, None, actions)


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
    "To compare like with like, train again with one more curve: the plain loss, which is the loss on training images, "
    "measured after each epoch as the validation loss is. The training itself stays the same."
)
ONLY_IN_TRAINING = {
    "class weights": " The training loss also counts each image by the weight of its class; the validation loss counts "
    "all images alike.",
    "penalties": " The training loss also contains the penalties of the weights, the validation loss does not.",
}


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
    evidence += "".join(ONLY_IN_TRAINING[name] for name in experiment.in_training_loss_only)
    advice, more = SWITCH_ON, _between(run)
    actions = edit(experiment, ("plain-loss", "on"), about="the plain loss, too")
    if row.plain_loss is not None:
        advice, more, actions = "", _proof(row, row.plain_loss, row.val_loss), ()
    headline = "Why training loss is above validation loss"
    return Finding("loss-gap", "note", headline, f"{evidence} {more}".rstrip(), advice, None, actions)


def _why_gap(experiment: Experiment) -> str:
    rates = {layer.rate for layer in experiment.layers_of(Dropout) if layer.rate > 0}
    if experiment.augmentation is not None:
        on, off = ("with dropout on and ", " with dropout off and") if rates else ("", "")
        return (
            f"That is how they are measured: training loss is taken {on}on randomly changed images, which are harder, "
            "and is the mean over an epoch in which the weights still improve; validation loss is measured after the "
            f"epoch,{off} on images as they are."
        )
    mean = "is the mean over an epoch in which the weights still improve"
    if rates:
        rate = f" (rate {next(iter(rates)):g})" if len(rates) == 1 else ""
        return (
            f"That is how they are measured: training loss is taken with dropout{rate} on, and {mean}; validation "
            "loss is measured after the epoch, with dropout off."
        )
    normalises = bool(experiment.layers_of(BatchNormalization))
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
        f"Measured alike, after epoch {row.epoch}, on a part of the training images (the plain loss), the training "
        f"loss is {loss(plain)}"
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
EXPLANATIONS = frozenset({"loss-gap"})
"""Kinds of findings that explain a figure and are no verdict on the run."""
RULES: dict[Callable[[RunState, Experiment], Finding | None], frozenset[str]] = {
    diverged: frozenset(),
    rate_too_low: SPOILT,
    stuck_at_chance: SPOILT,
    rate_too_high: SPOILT,
    last_outlier: SPOILT,
    jumping_validation_loss: SPOILT,
    overfitting: SPOILT,
    improving: SPOILT | {"overfitting"},
    last_epoch: SPOILT | {"last-outlier", "jumping", "overfitting", "improving", "stopped"},
    never_predicted: SPOILT,
    loss_gap: SPOILT,
    dead_units: frozenset(),
    stopped: frozenset({"stopped"}),
}
"""All rules in the order of their application, each with the kinds of earlier findings that make it pointless."""
