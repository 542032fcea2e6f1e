"""The experiments of the sources, each once however often its source lists it, and the words that choose among them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from mnist_tui.experiment.presets import Preset, Reference, builtin_folder, list_presets, mathematics
from mnist_tui.experiment.problem import RequestError
from mnist_tui.experiment.spec import Experiment
from mnist_tui.studies.reproduction.rule import AgreementRule, rule_of

ALL = "all"


@dataclass(frozen=True)
class PublishedExperiment:
    """An experiment of a source.

    Attributes:
        presets: at least one, each with a reference; several where the source lists the same training more than once.
    """

    presets: tuple[Preset, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(preset.name for preset in self.presets)

    @property
    def preset(self) -> Preset:
        """The one that is run."""
        return self.presets[0]

    @cached_property
    def mathematics(self) -> Experiment:
        """What the runs that count have in common."""
        return mathematics(self.preset.experiment)

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(preset.reference for preset in self.presets if preset.reference is not None)

    @property
    def accuracy(self) -> float | None:
        """The published test accuracy, the mean of the pooled ones."""
        return _mean(reference.accuracy for reference in self.references)

    @property
    def loss(self) -> float | None:
        """The published test loss, the mean of the pooled ones."""
        return _mean(reference.loss for reference in self.references)

    @property
    def readings(self) -> tuple[str, ...]:
        """What had to be read into the source, each once."""
        return tuple(dict.fromkeys(said for reference in self.references for said in reference.readings))

    @cached_property
    def rule(self) -> AgreementRule:
        return rule_of(self.preset.experiment, max(reference.seeds for reference in self.references))


@dataclass(frozen=True)
class PublishedSource:
    """A source and the experiments of it that are meant.

    Attributes:
        name: of the presets' folder; what a command takes.
    """

    name: str
    title: str
    subjects: tuple[PublishedExperiment, ...]


def sources() -> tuple[PublishedSource, ...]:
    """All of them, in the order of the presets."""
    root = builtin_folder()
    folders: dict[str, list[Preset]] = {}
    for preset in list_presets():
        if preset.origin == "built-in" and preset.reference and preset.path and preset.path.parent != root:
            folders.setdefault(preset.path.parent.name, []).append(preset)
    return tuple(PublishedSource(name, _title(presets), pooled(presets)) for name, presets in folders.items())


def pooled(presets: Iterable[Preset]) -> tuple[PublishedExperiment, ...]:
    """The presets of a source, those of the same training together; a mean over seeds stands alone."""
    found: dict[tuple[Experiment, int], list[Preset]] = {}
    for preset in presets:
        seeds = preset.reference.seeds if preset.reference else 1
        found.setdefault((mathematics(preset.experiment), seeds), []).append(preset)
    return tuple(PublishedExperiment(tuple(members)) for members in found.values())


def chosen(words: Sequence[str], among: Sequence[PublishedSource]) -> tuple[PublishedSource, ...]:
    """The experiments that words name: folders of the presets, ids, or ``all``; every one for no words.

    Raises:
        RequestError: a word names none; the nearest ones are offered.
    """
    if not words:
        return tuple(among)
    wanted: set[str] = set()
    for word in words:
        wanted |= _named(word, among)
    parts = (
        replace(source, subjects=tuple(one for one in source.subjects if wanted.intersection(one.ids)))
        for source in among
    )
    return tuple(source for source in parts if source.subjects)


def _named(word: str, among: Sequence[PublishedSource]) -> set[str]:
    low = word.lower()
    ids = {name for source in among for subject in source.subjects for name in subject.ids}
    if low == ALL:
        return ids
    if low in ids:
        return {low}
    for source in among:
        if low in (source.name.lower(), source.title.lower()):
            return {name for subject in source.subjects for name in subject.ids}
    names = [source.name for source in among]
    near = difflib.get_close_matches(low, [*names, *sorted(ids)], n=3, cutoff=0.4)
    offer = f"did you mean {' or '.join(near)}? There" if near else "there"
    raise RequestError(f"{word} is no source and no experiment of one; {offer} are {', '.join(names)} and {ALL}")


def _title(presets: Sequence[Preset]) -> str:
    return next(preset.reference.source for preset in presets if preset.reference is not None)


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there else None
