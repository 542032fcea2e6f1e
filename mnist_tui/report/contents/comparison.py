"""The networks side by side: capacity, cost, and accuracy for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from mnist_tui.report.complexity.comparison import capacity_points, compare_models, transposed
from mnist_tui.report.complexity.model import FINISHED, ComparedModel, name_with_marks
from mnist_tui.report.contents.dataset import dataset_title
from mnist_tui.report.contents.grid import MarkdownTable
from mnist_tui.report.contents.models import Network as Network
from mnist_tui.report.contents.overview import score_spreads
from mnist_tui.report.contents.sections import ReportSection
from mnist_tui.report.figures.capacity import CapacityPoint


@dataclass(frozen=True)
class NetworkComparison:
    """Networks side by side.

    Attributes:
        grids: a column a network, at most `comparison.ABREAST` each.
        words: what stands out, a paragraph a dataset.
        points: for a figure, by the title of the dataset that they were tested on; two or more of each.
    """

    grids: tuple[MarkdownTable, ...]
    words: tuple[str, ...]
    points: dict[str, list[CapacityPoint]]


def compare_networks(sections: Sequence[ReportSection], models: Sequence[Network]) -> NetworkComparison:
    """At least two networks, each with the most accurate of the sections that trained it on the same data."""
    used = {number: model.number for model in models for number in model.runs}
    titles = _titles(sections)
    best: dict[tuple[int, str], ReportSection] = {}
    for section in sections:
        key = used[section.runs[0].number], titles[section.anchor]
        if key not in best or _accuracy(section) > _accuracy(best[key]):
            best[key] = section
    sections = list(best.values())
    entries = _entries(sections, titles)
    by_dataset: dict[str, list[ComparedModel]] = {}
    for entry in entries:
        by_dataset.setdefault(entry.data, []).append(entry)
    alike = {title: models for title, models in by_dataset.items() if len(models) > 1}
    prefix = len(by_dataset) > 1
    words = [
        f"{f'On {title}: ' if prefix else ''}{' '.join(compare_models(models).words)}"
        for title, models in alike.items()
    ]
    points = {title: capacity_points(models) for title, models in alike.items()}
    return NetworkComparison(
        _grids(entries),
        tuple(words or [" ".join(compare_models(entries).words)]),
        {title: found for title, found in points.items() if len(found) > 1},
    )


def _entries(sections: Sequence[ReportSection], titles: Mapping[str, str]) -> list[ComparedModel]:
    names = Counter(section.shown.evidence.summary.shown_name for section in sections)
    entries: list[ComparedModel] = []
    for section in sections:
        evidence, accuracy = section.shown.evidence, score_spreads(section)[0][0]
        name = evidence.summary.shown_name
        entries.append(
            ComparedModel(
                name_with_marks(name, section.numbers if names[name] > 1 else "", state=_state(section)),
                evidence.complexity,
                evidence.experiment,
                accuracy.mean if accuracy is not None else None,
                accuracy.std if accuracy is not None else None,
                accuracy.n if accuracy is not None else 0,
                titles[section.anchor],
                accuracy.interval if accuracy is not None else None,
            )
        )
    return entries


def _accuracy(section: ReportSection) -> float:
    found = score_spreads(section)[0][0]
    return found.mean if found is not None else -1.0


def _state(section: ReportSection) -> str:
    """The state of the runs that the accuracy is of; of a group only finished ones count."""
    return section.shown.evidence.state.state if section.group is None else FINISHED


def _titles(sections: Sequence[ReportSection]) -> dict[str, str]:
    """Each section's data by title; where a run never got to its data, by that of another run that was to have them."""
    told = {section.anchor: section.shown.evidence.document["dataset"] for section in sections}
    names = {section.anchor: section.shown.evidence.experiment.dataset.name for section in sections}
    known = {names[anchor]: dataset_title(data) for anchor, data in told.items() if data}
    return {
        anchor: dataset_title(data) if data else known.get(names[anchor], PurePath(names[anchor]).name)
        for anchor, data in told.items()
    }


def _grids(entries: Sequence[ComparedModel]) -> tuple[MarkdownTable, ...]:
    """A property a row; the columns' own headings stand in the first."""
    return tuple(
        MarkdownTable(names, tuple(rows), frozenset(range(1, len(names))))
        for names, *rows in transposed(compare_models(entries))
    )
