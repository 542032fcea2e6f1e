"""Fit the columns of a table on a screen or in a command's output into a width: omit some, and cut long texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

GAP = 2
"""The number of blanks between two columns of a `text_table`."""
NARROWEST = 4
"""The smallest width to which a text is cut."""


class Flexible(Protocol):
    """A column that `fit` can omit or narrow; the attributes are those of `Column`."""

    @property
    def need(self) -> int: ...

    @property
    def least(self) -> int: ...


@dataclass(frozen=True)
class Column:
    """A column of a table of text.

    Attributes:
        right: whether the cells are aligned to the right, as numbers are.
        need: columns with a lower need are omitted first; columns with 0 are never omitted.
        least: the width to which texts are cut (with …) before any column is omitted; they are cut further if no more
            columns can be omitted. 0 if texts are never cut.
        whole: whether a cut text ends with a whole part before a comma, or with a whole word.
    """

    title: str
    right: bool = False
    need: int = 0
    least: int = 0
    whole: bool = False


@dataclass(frozen=True)
class FittedTable:
    """The lines of a table, and the numbers of the columns that they show, from 0."""

    header: str
    lines: tuple[str, ...]
    shown: tuple[int, ...]


def fit(columns: Sequence[Flexible], wanted: Sequence[int], width: int, gap: int) -> dict[int, int]:
    """Return the width of each shown column by its number (from 0), in order.

    Columns are omitted, those with the lowest need first, until cutting the others to their `least` is enough. Then
    texts are cut, the widest column first; if even that is not enough, down to NARROWEST.

    Args:
        wanted: the width that each column needs; a column with 0 has no text and is omitted.
        width: the available width.
        gap: the width between two columns.
    """
    shown = {at: size for at, size in enumerate(wanted) if size}

    def excess() -> int:
        return max(0, sum(shown.values()) + gap * (len(shown) - 1) - width)

    def slack() -> int:
        return sum(max(0, size - columns[at].least) for at, size in shown.items() if columns[at].least)

    while excess() > slack() and (spare := [at for at in shown if columns[at].need]):
        del shown[min(spare, key=lambda at: columns[at].need)]
    flexible = sorted((at for at in shown if columns[at].least), key=lambda at: -shown[at])
    for at in flexible:
        shown[at] -= min(excess(), max(0, shown[at] - columns[at].least))
    while excess() and (widest := max((shown[at] for at in flexible), default=0)) > NARROWEST:
        shown[next(at for at in flexible if shown[at] == widest)] -= 1
    return shown


def text_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> FittedTable:
    """Return the rows as lines of at most `width` characters; a column without any text is omitted."""
    widths = [max(map(len, (column.title, *cells))) for column, *cells in zip(columns, *rows, strict=True)]
    shown = fit(columns, [size if any(row[at] for row in rows) else 0 for at, size in enumerate(widths)], width, GAP)

    def line(cells: Sequence[str]) -> str:
        texts = (
            ((cut_words if columns[at].whole else cut_end)(cells[at], size), size, columns[at].right)
            for at, size in shown.items()
        )
        return (" " * GAP).join(f"{text:{'>' if right else '<'}{size}}" for text, size, right in texts).rstrip()

    return FittedTable(line([column.title for column in columns]), tuple(line(row) for row in rows), tuple(shown))


def cut_end(text: str, width: int) -> str:
    """Return a text cut to `width` characters, with an ellipsis at its end if it was longer."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def cut_words(text: str, width: int) -> str:
    """Return a text cut to `width` characters after a comma, or after a word, with an ellipsis if it was longer.

    It is cut within a word if it would lose half of its characters otherwise.
    """
    cut = text[: width - 1]
    if len(text) <= width or text[width - 1] in ", ":
        return cut_end(text, width)
    ends = (cut.rfind(between) + len(between) for between in (", ", " ") if between in cut)
    return f"{cut[: next((end for end in ends if end > width // 2), width)]}…"
