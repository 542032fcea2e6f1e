"""Cite works in a report, and list the cited ones in the order of their numbers; `references.toml` has all works."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mnist_tui.report.markdown import MarkdownText, escaped

BIBLIOGRAPHY = Path(__file__).parents[1] / "references.toml"


@dataclass(frozen=True)
class Work:
    """A work that reports can cite.

    Attributes:
        authors: their names in one text; empty if they are not known.
        venue: the journal, conference or publisher, with volume and pages.
        year: None if it is not known.
        doi, url: where the work is; empty if it has none.
        source: whether it is one of the five reports, whose authors and years are not all known.
    """

    authors: str
    title: str
    venue: str
    year: int | None = None
    doi: str = ""
    url: str = ""
    source: bool = False

    @property
    def short(self) -> str:
        """The authors and the year: ``Zeiler, 2012``, ``Ioffe and Szegedy, 2015``, ``Duchi et al., 2011``."""
        names = [re.sub(r"^(\S+\. )+", "", author) for author in re.split(", | and ", self.authors)]
        authors = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        return f"{authors.replace(' and others', ' et al.')}, {self.year}"

    @property
    def text(self) -> MarkdownText:
        """The work's entry in a list of references, in Markdown."""
        title = f"*{escaped(self.title)}*{'' if self.title.endswith('?') else '.'}"
        place = escaped(", ".join(str(part) for part in (self.venue, self.year) if part))
        link = f"<{self.url}>" if self.url else ""
        if self.doi:
            link = f"[doi:{escaped(self.doi)}](https://doi.org/{self.doi})"
        authors = f"{escaped(self.authors)}." if self.authors else ""
        return MarkdownText(" ".join(filter(None, (authors, title, f"{place}.", link))))


@cache
def bibliography() -> dict[str, Work]:
    """Return all works by their keys."""
    return {key: Work(**fields) for key, fields in tomllib.loads(BIBLIOGRAPHY.read_text(encoding="utf-8")).items()}


Cite = Callable[..., MarkdownText]
"""Cites works by their keys: `Citations` by numbers, `by_name` by authors and year."""


def by_name(*keys: str) -> MarkdownText:
    """Cite works where there is no list of references: ``(Duchi et al., 2011)``."""
    return MarkdownText(f"({'; '.join(escaped(bibliography()[key].short) for key in keys)})")


@dataclass(frozen=True)
class CitedWork:
    """A work with its number in the report's list of references."""

    number: int
    key: str
    text: MarkdownText


class Citations:
    """The citations of one report; works have the numbers from 1 in the order in which they are first cited."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, *keys: str) -> MarkdownText:
        """Cite one or several works; return their numbers as links to the list of references: ``[3], [4]``.

        Raises:
            KeyError: `references.toml` has no work with this key.
        """
        return MarkdownText(", ".join(map(self._link, keys)))

    def source(self, reference: Mapping[str, Any]) -> MarkdownText:
        """Cite the source of a preset's published figures; empty if the bibliography does not have the source."""
        keys = (key for key, work in bibliography().items() if work.title == reference.get("source"))
        return MarkdownText(", ".join(map(self._link, keys)))

    def references(self) -> list[CitedWork]:
        """Return the works that have been cited until now, in the order of their numbers."""
        return [CitedWork(number, key, bibliography()[key].text) for key, number in self._numbers.items()]

    def _link(self, key: str) -> str:
        if key not in bibliography():
            raise KeyError(key)
        number = self._numbers.setdefault(key, len(self._numbers) + 1)
        return f"[[{number}]](#ref-{key})"
