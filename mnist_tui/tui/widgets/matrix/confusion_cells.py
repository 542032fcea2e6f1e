"""What the cells of a confusion matrix say in each view, and how strongly. Pure; colours are the widget's."""

from __future__ import annotations

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
"""Share of a row from which an error is marked without colour; for a difference, change of the share."""
GAIN = 8
"""Errors are rare: a share of one eighth is drawn as strongly as any."""
WORST = 5


@dataclass(frozen=True)
class Cell:
    """One cell.

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
    """The cells, row by row.

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
"""So many images of so many."""


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
