"""What the cells of a confusion matrix say, how strongly they are coloured, and how it fits its room. No terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from mnist_tui.runs import scores
from mnist_tui.runs.events import Matrix
from mnist_tui.wording import signed

View = Literal["counts", "percent", "errors"]
VIEWS: tuple[View, ...] = get_args(View)
VIEW_WORDS: dict[View, str] = {"counts": "images", "percent": "% of the true class", "errors": "wrong images only"}
Tone = Literal["right", "wrong", "none"]
NOTICEABLE = 0.05
"""Errors with at least this share of their row (or this change of it) are marked where there are no colours."""
GAIN = 8
"""Errors are rare, so a share of 1/8 already has the strongest colour."""
WORST = 5


@dataclass(frozen=True)
class Cell:
    """What one cell shows.

    Attributes:
        tone: right for the diagonal, wrong for errors; of a difference, right for better and wrong for worse.
        heat: 0 to 1, how far the tone covers the surface.
        strong: whether the cell is marked where there are no colours.
        worst: whether it is one of the worst confusions.
    """

    text: str
    tone: Tone = "none"
    heat: float = 0.0
    strong: bool = False
    worst: bool = False


EMPTY = Cell("·")


def cells_of(matrix: Matrix, view: View, width: int, base: Matrix | None = None) -> list[list[Cell]]:
    """Return the cells of a matrix, row by row.

    Args:
        width: characters that a cell has; decides about decimals.
        base: what is taken away; cells then say the difference, with its sign.
    """
    worst = {(pair.true, pair.predicted) for pair in scores.worst_confusions(matrix, "0123456789", WORST)}
    totals = [sum(row) for row in matrix]
    if base is None:
        return [
            [
                replace(_cell(true == column, view, (count, totals[true]), width), worst=(true, column) in worst)
                for column, count in enumerate(row)
            ]
            for true, row in enumerate(matrix)
        ]
    return [
        [
            _difference(true == column, view, (count, totals[true]), (base[true][column], sum(base[true])), width)
            for column, count in enumerate(row)
        ]
        for true, row in enumerate(matrix)
    ]


Part = tuple[int, int]
"""Images of a cell, and of its row."""


def _share(part: Part) -> float:
    return part[0] / part[1] if part[1] else 0.0


def _cell(right: bool, view: View, part: Part, width: int) -> Cell:
    if right and view == "errors":
        return Cell("")
    if not part[0]:
        return EMPTY
    share = _share(part)
    text = _percent(share, width) if view == "percent" else f"{part[0]}"
    if right:
        return Cell(text, "right", 0.1 + 0.6 * share, strong=True)
    return Cell(text, "wrong", _heat(share), strong=share >= NOTICEABLE)


def _difference(right: bool, view: View, new: Part, old: Part, width: int) -> Cell:
    if right and view == "errors":
        return Cell("")
    change = _share(new) - _share(old)
    digits = 1 if view == "percent" and width >= 6 else 0
    value = round(100 * change, digits) if view == "percent" else new[0] - old[0]
    if not value:
        return EMPTY
    tone: Tone = "right" if (value > 0) == right else "wrong"
    return Cell(signed(value, digits), tone, _heat(abs(change)), strong=tone == "wrong" and abs(change) >= NOTICEABLE)


def _heat(part: float) -> float:
    return 0.12 + 0.6 * min(1.0, part * GAIN) ** 0.5


def _percent(part: float, width: int) -> str:
    digits = 1 if width >= 6 else 0
    text = f"{100 * part:.{digits}f}"
    return f"<{'0.1' if digits else '1'}" if not float(text) else text


NARROWEST_CELL, WIDEST_CELL = 4, 10
MARGIN = 9
LONGEST_HEAD = 12
ABBREVIATED = 3
"""Names cut to so few letters have no ellipsis: it would take a third of them."""
HEIGHT, HEIGHT_DOUBLED = 12, 22
"""Lines of the whole matrix, with one line for each row and with two."""
HEIGHTS = (HEIGHT_DOUBLED, 33, 43)
"""Lines from which a row has two, three and four."""


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
        """Return the line of a row, from 0, that has its numbers."""
        return (self.lines - 1) // 2

    def cell_at(self, x: int, y: int) -> tuple[int, int] | None:
        """Return row and column of the cell at a point of the matrix; None for heads and margins."""
        row, column = (y - 1) // self.lines, (x - self.head) // self.cell
        return (row, column) if 0 <= row < 10 and 0 <= column < 10 else None


def sizes_for(width: int, height: int, names: Sequence[str], narrowest_with_margins: int = NARROWEST_CELL + 1) -> Sizes:
    """Return the largest layout that fits, or the narrowest if none does.

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
    """Return the names cut to `width`, at the end of a word or with …; numbers if two would look the same."""
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
    """Return the counts of one row, padded; zero as a dot."""
    return padded([f"{count}" if count else "·" for count in counts], cell)


def padded(row: Sequence[str], cell: int) -> list[str]:
    """Align texts to the right with a space after them, so that a full cell never touches the next number."""
    texts: list[str] = []
    for text in row:
        if len(text) < cell:
            touches = len(text) == cell - 1 and texts and not texts[-1].endswith(" ")
            texts.append(f" {text}" if touches else f"{text.rjust(cell - 1)} ")
        else:
            texts.append(text if len(text) == cell else "9" * (cell - 1) + "+")
    return texts


def bracketed(text: str) -> str:
    """Put a padded cell into brackets, so that the cursor is seen without colour."""
    if text.startswith(" "):
        text = f"[{text[1:]}"
    return f"{text[:-1]}]" if text.endswith(" ") else text
