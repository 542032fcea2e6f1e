"""A table as lines of text in a given width: columns that do not fit are left out, least needed first. Text only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GAP, NARROWEST = 2, 4


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        right: whether its cells stand at the right, as numbers do.
        need: columns of lower need are left out first; those of 0 stay, whatever the width.
        least: cells may be cut with … to this width before a column is left out, further where none can be; 0: never.
    """

    title: str
    right: bool = False
    need: int = 0
    least: int = 0


@dataclass(frozen=True)
class Table:
    """The lines, and which columns (by place) they show."""

    header: str
    lines: tuple[str, ...]
    shown: tuple[int, ...]


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Table:
    """The rows in `width` columns of text; a column without any text is left out."""
    shown = [at for at in range(len(columns)) if any(row[at] for row in rows)]
    widths = {at: max(len(columns[at].title), *(len(row[at]) for row in rows)) for at in shown}

    def excess() -> int:
        return sum(widths[at] for at in shown) + GAP * (len(shown) - 1) - width

    def slack() -> int:
        return sum(max(0, widths[at] - columns[at].least) for at in shown if columns[at].least)

    while excess() > slack() and (spare := [at for at in shown if columns[at].need]):
        shown.remove(min(spare, key=lambda at: columns[at].need))
    for least in (0, NARROWEST):
        for at in shown:
            if columns[at].least:
                widths[at] -= min(max(0, excess()), max(0, widths[at] - (least or columns[at].least)))

    def line(cells: Sequence[str]) -> str:
        return (" " * GAP).join(_cell(cells[at], widths[at], columns[at].right) for at in shown).rstrip()

    return Table(line([column.title for column in columns]), tuple(line(row) for row in rows), tuple(shown))


def _cell(text: str, width: int, right: bool) -> str:
    if len(text) > width:
        text = text[: width - 1] + "…"
    return text.rjust(width) if right else text.ljust(width)
