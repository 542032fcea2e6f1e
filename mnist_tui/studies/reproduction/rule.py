"""When a published accuracy counts as reproduced: the rule, in numbers and in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mnist_tui.experiment.layers import Dense
from mnist_tui.experiment.spec import Experiment, is_closed_form
from mnist_tui.runs.collection.seed_groups import SeedStatistics

Kind = Literal["one", "several", "linear", "machine"]
Word = Literal["agrees", "misses", "not comparable", "not run"]

LEAST_MARGIN = 0.005
"""Of one published training; 0.5 points."""
DEVIATIONS = 2
"""Sample deviations of ours that the margin of one published training is at least."""
MEANS_MARGIN = 0.002
LINEAR_MARGIN = 0.003
ROUNDING = 1e-9
"""Accuracies are whole images of 10,000; what is nearer to a border than this lies on it, which is within."""


@dataclass(frozen=True)
class AgreementRule:
    """How a published accuracy is held against ours.

    Attributes:
        kind: one: a single published training. several: a mean over seeds. linear: the linear classifier. machine:
            the extreme learning machine.
        seeds: of ours that it wants, from 0 on.
    """

    kind: Kind
    seeds: int

    def margin(self, ours: SeedStatistics) -> float | None:
        """How far the accuracies may lie apart; None where ours may lie above by anything, and not below."""
        match self.kind:
            case "one":
                return max(LEAST_MARGIN, DEVIATIONS * (ours.std or 0.0))
            case "several":
                return MEANS_MARGIN
            case "linear":
                return LINEAR_MARGIN
            case "machine":
                return None


@dataclass(frozen=True)
class Verdict:
    """What the rule says.

    Attributes:
        provisional: there are fewer seeds than the rule wants.
        difference: ours − published, from −1 to 1; None where one of them is not there.
        margin: that it may have; None where there is none.
    """

    word: Word
    provisional: bool = False
    difference: float | None = None
    margin: float | None = None


def rule_of(experiment: Experiment, published_seeds: int) -> AgreementRule:
    """The rule for an experiment whose published accuracy is the mean of so many trainings."""
    if is_closed_form(experiment):
        frozen = any(isinstance(layer, Dense) for layer in experiment.layers)
        return AgreementRule("machine", 5) if frozen else AgreementRule("linear", 1)
    return AgreementRule("several", published_seeds) if published_seeds > 1 else AgreementRule("one", 5)


def verdict(rule: AgreementRule, published: float | None, ours: SeedStatistics | None) -> Verdict:
    """Holds a published accuracy against ours.

    Args:
        ours: the test accuracy over the seeds that were run; None for none.
    """
    if ours is None:
        return Verdict("not run")
    provisional = ours.n < rule.seeds
    if published is None:
        return Verdict("not comparable", provisional)
    difference, margin = ours.mean - published, rule.margin(ours)
    within = difference >= -ROUNDING if margin is None else abs(difference) <= margin + ROUNDING
    return Verdict("agrees" if within else "misses", provisional, difference, margin)


def in_words() -> tuple[str, ...]:
    """The rule, a sentence a case."""
    points = f"{100 * LEAST_MARGIN:g}"
    return (
        f"One published training agrees where its accuracy lies within our five-seed mean ± the larger of {points} "
        f"points and {DEVIATIONS} sample standard deviations of ours; a training that the source lists more than once "
        "is compared as one, by the mean of its figures.",
        f"A published mean over ten seeds agrees where our ten-seed mean lies within ± {100 * MEANS_MARGIN:g} points "
        "of it.",
        f"The linear classifier agrees within ± {100 * LINEAR_MARGIN:g} points, in one run: its solution is exact.",
        "The extreme learning machine agrees where our five-seed mean is at or above the published accuracy: the "
        "source does not give the size of its hidden layer.",
        "A verdict from fewer seeds is provisional. Where no accuracy was published there is none: not comparable.",
    )
