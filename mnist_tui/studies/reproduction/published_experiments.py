"""The published experiments of the sources, and the rule by which a published accuracy counts as reproduced."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import Literal

from mnist_tui.errors import RequestError
from mnist_tui.experiment.layers import Dense
from mnist_tui.experiment.presets import Preset, Reference, builtin_folder, list_presets, mathematics
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.collection.seed_groups import SeedStatistics

ALL = "all"


@dataclass(frozen=True)
class PublishedExperiment:
    """An experiment that a source published.

    Attributes:
        presets: at least one, each with a reference; several where the source lists the same training more than once.
    """

    presets: tuple[Preset, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(preset.name for preset in self.presets)

    @property
    def preset(self) -> Preset:
        """The preset that is trained here."""
        return self.presets[0]

    @cached_property
    def mathematics(self) -> Experiment:
        """The experiment without its seed; the runs that count have the same."""
        return mathematics(self.preset.experiment)

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(preset.reference for preset in self.presets if preset.reference is not None)

    @property
    def accuracy(self) -> float | None:
        """The published test accuracy; the mean where several presets are the same training."""
        return _mean(reference.accuracy for reference in self.references)

    @property
    def loss(self) -> float | None:
        """The published test loss; the mean where several presets are the same training."""
        return _mean(reference.loss for reference in self.references)

    @property
    def readings(self) -> tuple[str, ...]:
        """The details that the source leaves open and the presets assume, each once."""
        return tuple(dict.fromkeys(text for reference in self.references for text in reference.readings))

    @cached_property
    def rule(self) -> AgreementRule:
        return rule_of(self.preset.experiment, max(reference.seeds for reference in self.references))


@dataclass(frozen=True)
class PublishedSource:
    """A source and those of its experiments that were chosen; its name is that of the folder of its presets."""

    name: str
    title: str
    experiments: tuple[PublishedExperiment, ...]


def sources() -> tuple[PublishedSource, ...]:
    """Return all sources, in the order of their presets."""
    root = builtin_folder()
    folders: dict[str, list[Preset]] = {}
    titles: dict[str, str] = {}
    for preset in list_presets():
        if preset.origin == "built-in" and preset.reference and preset.path and preset.path.parent != root:
            name = preset.path.parent.name
            folders.setdefault(name, []).append(preset)
            titles.setdefault(name, preset.reference.source)
    return tuple(PublishedSource(name, titles[name], pooled(presets)) for name, presets in folders.items())


def pooled(presets: Iterable[Preset]) -> tuple[PublishedExperiment, ...]:
    """Take the presets of a source together where they are the same training; a mean over seeds stays alone."""
    found: dict[tuple[Experiment, int], list[Preset]] = {}
    for preset in presets:
        seeds = preset.reference.seeds if preset.reference else 1
        found.setdefault((mathematics(preset.experiment), seeds), []).append(preset)
    return tuple(PublishedExperiment(tuple(members)) for members in found.values())


def choose(words: Sequence[str], among: Sequence[PublishedSource]) -> tuple[PublishedSource, ...]:
    """Return the experiments that words name: folders of presets, ids, or ``all``; every one for no words.

    Raises:
        RequestError: a word names none; the error suggests the nearest ones.
    """
    if not words:
        return tuple(among)
    wanted = set[str]().union(*(_named(word, among) for word in words))
    parts = (
        replace(source, experiments=tuple(one for one in source.experiments if wanted.intersection(one.ids)))
        for source in among
    )
    return tuple(source for source in parts if source.experiments)


def _named(word: str, among: Sequence[PublishedSource]) -> set[str]:
    low = word.lower()
    ids_of = {source: {name for published in source.experiments for name in published.ids} for source in among}
    ids = set[str]().union(*ids_of.values())
    if low == ALL:
        return ids
    if low in ids:
        return {low}
    for source in among:
        if low in (source.name.lower(), source.title.lower()):
            return ids_of[source]
    names = [source.name for source in among]
    near = difflib.get_close_matches(low, [*names, *sorted(ids)], n=3, cutoff=0.4)
    offer = f"did you mean {' or '.join(near)}? There" if near else "there"
    raise RequestError(f"{word} is neither a source nor an experiment of one; {offer} are {', '.join(names)} and {ALL}")


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


Kind = Literal["one", "several", "linear", "machine"]
Word = Literal["agrees", "misses", "not comparable", "not run"]

LEAST_MARGIN = 0.005
"""Of one published training; 0.5 points."""
DEVIATIONS = 2
"""The margin of one published training is at least so many of our sample standard deviations."""
MEANS_MARGIN = 0.002
LINEAR_MARGIN = 0.003
ROUNDING = 1e-9
"""Accuracies are whole images of 10,000; a difference this close to the margin counts as equal to it."""


@dataclass(frozen=True)
class AgreementRule:
    """The rule by which a published accuracy is compared with ours.

    Attributes:
        kind: one: a single published training. several: a mean over seeds. linear: the linear classifier. machine:
            the extreme learning machine.
        seeds: how many of our seeds it needs, from 0 on.
    """

    kind: Kind
    seeds: int

    def margin(self, ours: SeedStatistics) -> float | None:
        """Return how far the accuracies may differ; None where ours may be higher by any amount, but not lower."""
        if self.kind == "one":
            return max(LEAST_MARGIN, DEVIATIONS * (ours.std or 0.0))
        return {"several": MEANS_MARGIN, "linear": LINEAR_MARGIN}.get(self.kind)


@dataclass(frozen=True)
class Verdict:
    """The result of comparing a published accuracy with ours.

    Attributes:
        provisional: whether there are fewer seeds than the rule needs.
        difference: ours − published, from −1 to 1; None where one of them is missing.
        margin: the largest difference that agrees; None where there is none.
    """

    word: Word
    provisional: bool = False
    difference: float | None = None
    margin: float | None = None


def rule_of(experiment: Experiment, published_seeds: int) -> AgreementRule:
    """Return the rule for an experiment whose published accuracy is the mean of so many trainings."""
    if not experiment.trains_in_epochs:
        frozen = any(isinstance(layer, Dense) for layer in experiment.layers)
        return AgreementRule("machine", 5) if frozen else AgreementRule("linear", 1)
    return AgreementRule("several", published_seeds) if published_seeds > 1 else AgreementRule("one", 5)


def verdict(rule: AgreementRule, published: float | None, ours: SeedStatistics | None) -> Verdict:
    """Compare a published accuracy with ours, over the seeds that were trained; None for no seed."""
    if ours is None:
        return Verdict("not run")
    provisional = ours.n < rule.seeds
    if published is None:
        return Verdict("not comparable", provisional)
    difference, margin = ours.mean - published, rule.margin(ours)
    within = difference >= -ROUNDING if margin is None else abs(difference) <= margin + ROUNDING
    return Verdict("agrees" if within else "misses", provisional, difference, margin)


def rule_in_words() -> tuple[str, ...]:
    """Return the rule in sentences, one for each case."""
    points = f"{100 * LEAST_MARGIN:g}"
    return (
        f"A result published from one run agrees if it differs from our five-seed mean by at most {points} "
        f"points or {DEVIATIONS} of our sample standard deviations, whichever is more. If a source lists the same run "
        "several times, the mean of its figures is compared.",
        f"A published mean over ten seeds agrees if our ten-seed mean lies within ± {100 * MEANS_MARGIN:g} points "
        "of it.",
        f"The linear classifier agrees within ± {100 * LINEAR_MARGIN:g} points, in one run: its solution is exact.",
        "The extreme learning machine agrees if our five-seed mean is at or above the published accuracy: the "
        "source does not give the size of its hidden layer.",
        "A verdict from fewer seeds is provisional. If no accuracy was published, the verdict is: not comparable.",
    )
