"""The experiments that sources published, and the rules by which a published accuracy counts as reproduced."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import Literal

from mnist_tui.errors import RequestError
from mnist_tui.experiment.layers import Dense
from mnist_tui.experiment.preset_files import builtin_folder
from mnist_tui.experiment.preset_index import folder_title
from mnist_tui.experiment.presets import Preset, Reference, list_presets, mathematics
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.collection.seed_groups import SeedStatistics

ALL = "all"


@dataclass(frozen=True)
class PublishedExperiment:
    """An experiment that a source published.

    Attributes:
        presets: one or more, each with a reference; several where the source lists the same training several times.
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
        """The experiment without its seed. A run counts for the published experiment if it has the same."""
        return mathematics(self.preset.experiment)

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(preset.reference for preset in self.presets if preset.reference is not None)

    @property
    def accuracy(self) -> float | None:
        """The published test accuracy; the mean where several presets are the same training."""
        return _mean("accuracy", self.references)

    @property
    def loss(self) -> float | None:
        """The published test loss; the mean where several presets are the same training."""
        return _mean("loss", self.references)

    @property
    def readings(self) -> tuple[str, ...]:
        """The details that the source does not give, as the presets assume them; each once."""
        return tuple(dict.fromkeys(text for reference in self.references for text in reference.readings))

    @cached_property
    def rule(self) -> AgreementRule:
        return rule_of(self.preset.experiment, max(reference.seeds for reference in self.references))


@dataclass(frozen=True)
class PublishedSource:
    """A source of published experiments, all of them or a choice; its name is the name of its folder of presets."""

    name: str
    title: str
    experiments: tuple[PublishedExperiment, ...]


def sources() -> tuple[PublishedSource, ...]:
    """Return all sources with all their experiments, in the order of their presets."""
    root = builtin_folder()
    folders: dict[str, list[Preset]] = {}
    titles: dict[str, set[str]] = {}
    for preset in list_presets():
        if preset.origin == "built-in" and preset.reference and preset.path and preset.path.parent != root:
            name = preset.path.parent.name
            folders.setdefault(name, []).append(preset)
            titles.setdefault(name, set()).add(preset.reference.source)
    return tuple(
        PublishedSource(name, folder_title(name, titles[name]), pooled(presets)) for name, presets in folders.items()
    )


def pooled(presets: Iterable[Preset]) -> tuple[PublishedExperiment, ...]:
    """Return the experiments of a source's presets. Presets of the same training with as many seeds are one."""
    groups: dict[tuple[Experiment, int], list[Preset]] = {}
    for preset in presets:
        seeds = preset.reference.seeds if preset.reference else 1
        groups.setdefault((mathematics(preset.experiment), seeds), []).append(preset)
    return tuple(PublishedExperiment(tuple(members)) for members in groups.values())


def choose(words: Sequence[str], among: Sequence[PublishedSource]) -> tuple[PublishedSource, ...]:
    """Return the experiments that words name, by source; all experiments where there are no words.

    Args:
        words: names or titles of sources, ids of experiments, or ``all``.

    Raises:
        RequestError: a word names no experiment; the error suggests similar words.
    """
    ids_of = {source.name: {name for member in source.experiments for name in member.ids} for source in among}
    ids = set[str]().union(*ids_of.values())
    named = {ALL: ids, **{source.title.lower(): ids_of[source.name] for source in among}}
    named |= {name.lower(): members for name, members in ids_of.items()} | {name: {name} for name in ids}
    wanted = set[str]() if words else ids
    for word in words:
        if (low := word.lower()) not in named:
            near = difflib.get_close_matches(low, [*ids_of, *sorted(ids)], n=3, cutoff=0.4)
            offer = f"did you mean {' or '.join(near)}? There" if near else "there"
            raise RequestError(
                f"{word} is neither a source nor an experiment of one; {offer} are {', '.join(ids_of)} and {ALL}"
            )
        wanted |= named[low]
    parts = (
        replace(source, experiments=tuple(each for each in source.experiments if wanted.intersection(each.ids)))
        for source in among
    )
    return tuple(source for source in parts if source.experiments)


def _mean(field: str, references: Iterable[Reference]) -> float | None:
    values = [value for reference in references if (value := getattr(reference, field)) is not None]
    return fmean(values) if values else None


LEAST_MARGIN = 0.005
"""The least margin for one published training: 0.5 points."""
DEVIATIONS = 2
"""The margin for one published training is at least this number of our sample standard deviations."""
MEANS_MARGIN = 0.002
LINEAR_MARGIN = 0.003
ROUNDING = 1e-9
"""Accuracies are multiples of 1/10,000; a difference that is so close to the margin counts as equal to it."""


@dataclass(frozen=True)
class AgreementRule:
    """The rule by which a published accuracy is compared with ours.

    Attributes:
        kind: one (a single published training), several (a published mean over seeds), linear (the linear classifier)
            or machine (the extreme learning machine).
        seeds: the number of our seeds that the rule needs, from seed 0 on.
    """

    kind: Literal["one", "several", "linear", "machine"]
    seeds: int

    def margin(self, ours: SeedStatistics) -> float | None:
        """Return the largest difference that agrees, from 0 to 1; None if ours may be higher by any amount."""
        if self.kind == "one":
            return max(LEAST_MARGIN, DEVIATIONS * (ours.std or 0.0))
        return {"several": MEANS_MARGIN, "linear": LINEAR_MARGIN}.get(self.kind)


@dataclass(frozen=True)
class Verdict:
    """The result of comparing a published accuracy with ours.

    Attributes:
        provisional: whether we have fewer seeds than the rule needs.
        difference: our accuracy minus the published one, from −1 to 1; None where one of the two is missing.
        margin: the largest difference that agrees; None where any higher accuracy agrees.
    """

    word: Literal["agrees", "misses", "not comparable", "not run"]
    provisional: bool = False
    difference: float | None = None
    margin: float | None = None


def rule_of(experiment: Experiment, published_seeds: int) -> AgreementRule:
    """Return the rule for an experiment whose published accuracy is the mean over `published_seeds` trainings."""
    if not experiment.trains_in_epochs:
        frozen = any(isinstance(layer, Dense) for layer in experiment.layers)
        return AgreementRule("machine", 5) if frozen else AgreementRule("linear", 1)
    return AgreementRule("several", published_seeds) if published_seeds > 1 else AgreementRule("one", 5)


def verdict(rule: AgreementRule, published: float | None, ours: SeedStatistics | None) -> Verdict:
    """Compare a published accuracy with ours.

    Args:
        published: None where the source gives no accuracy.
        ours: the statistics over the seeds that were trained; None where there are none.
    """
    if ours is None:
        return Verdict("not run")
    provisional = ours.n < rule.seeds
    if published is None:
        return Verdict("not comparable", provisional)
    difference, margin = ours.mean - published, rule.margin(ours)
    within = difference >= -ROUNDING if margin is None else abs(difference) <= margin + ROUNDING
    return Verdict("agrees" if within else "misses", provisional, difference, margin)


def rule_in_words() -> tuple[str, ...]:
    """Return the rules in sentences, one for each kind, and one about missing seeds and accuracies."""
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
