"""The two shapes that most of a report's contents have: labelled facts, and a table. Values, not yet Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mnist_tui.report import markdown
from mnist_tui.wording import listed

Facts = list[tuple[str, object]]
"""Labels and values, one line each; a value is plain text unless it is `markdown.Ready`."""


@dataclass(frozen=True)
class MarkdownTable:
    """A table.

    Attributes:
        rows: cells of plain text, or `markdown.Ready`.
        right: columns of numbers, aligned to the right, from 0.
    """

    headings: tuple[object, ...]
    rows: tuple[tuple[object, ...], ...]
    right: frozenset[int] = frozenset()


def table_in_markdown(grid: MarkdownTable) -> str:
    """The table in Markdown."""
    return markdown.table(grid.headings, grid.rows, grid.right)


def facts_in_markdown(facts: Facts) -> str:
    """Facts as a table of two columns without headings."""
    return markdown.table(("", ""), facts)


def value_in_words(value: Any) -> str:
    """An experiment's value in words: ``yes``, ``1e-07``, ``rmsprop``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def run_numbers(numbers: list[int]) -> str:
    """``1``, ``1 and 2``, ``1, 3 and 5–14``."""
    parts: list[str] = []
    for number in sorted(numbers):
        first, _, last = parts[-1].partition("–") if parts else ("", "", "")
        if parts and int(last or first) + 1 == number:
            parts[-1] = f"{first}–{number}"
        else:
            parts.append(str(number))
    return listed([text for part in parts for text in _range_ends(part)])


def _range_ends(part: str) -> list[str]:
    first, _, last = part.partition("–")
    return [first, last] if last and int(last) == int(first) + 1 else [part]
