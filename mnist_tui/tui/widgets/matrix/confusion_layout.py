"""How a confusion matrix fits its room: widths, heads, padding. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NARROWEST_CELL, WIDEST_CELL = 4, 10
MARGIN = 9
LONGEST_HEAD = 12
ABBREVIATED = 3
"""Names cut to so few letters are abbreviations: an ellipsis would take a third of them."""
HEIGHT, HEIGHT_DOUBLED = 12, 22
"""Lines for heads, rows and caption, with one line a row and with two."""
HEIGHTS = (HEIGHT_DOUBLED, 33, 43)
"""From so many lines on a row has two, three and four."""


@dataclass(frozen=True)
class Sizes:
    """How a matrix fits its room, in characters.

    Attributes:
        head: width of the rows' heads, with the space after them.
        cell: width of a cell.
        lines: lines of a row.
        margins: whether recall and precision have room.
    """

    head: int
    cell: int
    lines: int
    margins: bool

    @property
    def middle(self) -> int:
        """The line of a row, from 0, that its numbers are on."""
        return (self.lines - 1) // 2

    def cell_at(self, x: int, y: int) -> tuple[int, int] | None:
        """The row and column of the cell at a point of the matrix; None for heads and margins."""
        row, column = (y - 1) // self.lines, (x - self.head) // self.cell
        return (row, column) if 0 <= row < 10 and 0 <= column < 10 else None


def sizes_for(width: int, height: int, names: Sequence[str], narrowest_with_margins: int = NARROWEST_CELL + 1) -> Sizes:
    """The most generous layout that fits; the narrowest where none does.

    Args:
        narrowest_with_margins: the cell's width below which the margins are left out.
    """
    longest = max(map(len, names), default=1)
    short = min(longest, 3) + 1
    margins = width >= short + 10 * narrowest_with_margins + MARGIN
    for head in (min(longest, LONGEST_HEAD) + 1, short):
        cell = (width - head - (MARGIN if margins else 0)) // 10
        if cell >= NARROWEST_CELL + (head > short):
            break
    lines = 1 + sum(height >= limit for limit in HEIGHTS)
    return Sizes(head, max(NARROWEST_CELL, min(cell, WIDEST_CELL)), lines, margins)


def heads(names: Sequence[str], width: int) -> list[str]:
    """The names cut to `width`, at the end of a word or with an ellipsis; by number where two would look the same."""
    cut = [_cut(name, width) for name in names]
    return cut if len(set(cut)) == len(cut) else [str(index)[:width] for index in range(len(names))]


def _cut(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    word = re.match(r".{3,}(?=[ /_])", name[: width + 1])
    if word:
        return word[0].rstrip()
    return f"{name[: width - 1]}…" if width > ABBREVIATED else name[:width]


def row_texts(counts: Sequence[int], cell: int) -> list[str]:
    """One row's counts, padded; zero as a dot."""
    return padded([f"{count}" if count else "·" for count in counts], cell)


def padded(row: Sequence[str], cell: int) -> list[str]:
    """Right-aligned with a space after; a full cell never touches the next number."""
    texts: list[str] = []
    for text in row:
        if len(text) < cell:
            touches = len(text) == cell - 1 and texts and not texts[-1].endswith(" ")
            texts.append(f" {text}" if touches else f"{text.rjust(cell - 1)} ")
        else:
            texts.append(text if len(text) == cell else "9" * (cell - 1) + "+")
    return texts


def bracketed(text: str) -> str:
    """A padded cell with brackets where it has spaces, so that a cursor is seen without colour."""
    if text.startswith(" "):
        text = f"[{text[1:]}"
    return f"{text[:-1]}]" if text.endswith(" ") else text
