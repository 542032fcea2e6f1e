"""The networks side by side: capacity, cost, and accuracy for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.report.complexity.comparison import Model, capacity_points, comparison
from mnist_tui.report.contents.grid import Grid
from mnist_tui.report.contents.models import Model as Network
from mnist_tui.report.contents.overview import spreads
from mnist_tui.report.contents.sections import Section
from mnist_tui.report.figures.capacity import Point

ABREAST = 5
"""Models that fit beside each other on a page."""


@dataclass(frozen=True)
class Compared:
    """Networks side by side.

    Attributes:
        grids: a column a network, at most ABREAST each.
        words: what stands out, a paragraph a dataset.
        points: for a figure, by the title of the dataset that they were tested on; two or more of each.
    """

    grids: tuple[Grid, ...]
    words: tuple[str, ...]
    points: dict[str, list[Point]]


def compared(sections: Sequence[Section], models: Sequence[Network]) -> Compared:
    """At least two networks, each with the most accurate of the sections that trained it on the same data."""
    used = {number: model.number for model in models for number in model.runs}
    best: dict[tuple[int, str], Section] = {}
    for section in sections:
        key = used[section.runs[0].number], _dataset(section)
        if key not in best or _accuracy(section) > _accuracy(best[key]):
            best[key] = section
    sections = list(best.values())
    entries = _entries(sections)
    by_dataset: dict[str, list[Model]] = {}
    for section, entry in zip(sections, entries, strict=True):
        by_dataset.setdefault(_dataset(section), []).append(entry)
    alike = {title: models for title, models in by_dataset.items() if len(models) > 1}
    prefix = len(by_dataset) > 1
    words = [
        f"{f'On {title}: ' if prefix else ''}{' '.join(comparison(models).words)}" for title, models in alike.items()
    ]
    points = {title: capacity_points(models) for title, models in alike.items()}
    return Compared(
        _grids(entries),
        tuple(words or [" ".join(comparison(entries).words)]),
        {title: found for title, found in points.items() if len(found) > 1},
    )


def _entries(sections: Sequence[Section]) -> list[Model]:
    names = Counter(section.shown.evidence.summary.shown_name for section in sections)
    entries: list[Model] = []
    for section in sections:
        evidence, accuracy = section.shown.evidence, spreads(section)[0][0]
        name = evidence.summary.shown_name
        entries.append(
            Model(
                f"{name} ({section.numbers})" if names[name] > 1 else name,
                evidence.complexity,
                evidence.experiment,
                accuracy.mean if accuracy is not None else None,
                accuracy.std if accuracy is not None else None,
                accuracy.n if accuracy is not None else 0,
            )
        )
    return entries


def _accuracy(section: Section) -> float:
    found = spreads(section)[0][0]
    return found.mean if found is not None else -1.0


def _dataset(section: Section) -> str:
    evidence = section.shown.evidence
    data = evidence.document["dataset"]
    return str((data.get("title") or data["name"]) if data else evidence.experiment.dataset.name)


def _grids(entries: Sequence[Model]) -> tuple[Grid, ...]:
    """A property a row; the columns' own headings stand in the first."""
    whole = comparison(entries)
    grids: list[Grid] = []
    for start in range(0, len(entries), ABREAST):
        rows = whole.rows[start : start + ABREAST]
        body = [
            (heading, *cells) for heading, *cells in zip(whole.headings[1:], *(row[1:] for row in rows), strict=True)
        ]
        grids.append(
            Grid((whole.headings[0], *(row[0] for row in rows)), tuple(body), frozenset(range(1, len(rows) + 1)))
        )
    return tuple(grids)
