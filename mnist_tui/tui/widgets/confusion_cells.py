"""The cells of a confusion matrix on screen as values: their texts and shades, and the layout for the room there is.

Up to `FEW` classes always have numbers. More classes have numbers where they fit; else each cell is a shade, of two
columns, of one column, or of half a line. Where not even shades fit, a part of the matrix is shown, or several classes
are drawn as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

from rich.cells import cell_len, set_cell_size

from mnist_tui.runs.events import Matrix
from mnist_tui.runs.scores import worst_confusions
from mnist_tui.wording import signed

View = Literal["counts", "percent", "errors"]
VIEWS: tuple[View, ...] = get_args(View)
Tone = Literal["right", "wrong", "none"]
NOTICEABLE = 0.05
"""Errors with at least this share of their row (or this change of it) are marked if there are no colours."""
GAIN = 8
"""Errors are rare, so a share of 1/8 already has the strongest colour."""
WORST = 5
FEW = 10
"""The most classes whose matrix has numbers in any room."""


@dataclass(frozen=True)
class Cell:
    """The text and the look of one cell.

    Attributes:
        tone: ``right`` on the diagonal, ``wrong`` for errors; in a difference ``right`` is better and ``wrong`` worse.
        heat: 0 to 1, the share of the tone's colour in the background.
        strong: whether the cell is marked if there are no colours.
        worst: whether the cell is one of the worst confusions.
        below: a second text, for cells of several lines.
    """

    text: str
    tone: Tone = "none"
    heat: float = 0.0
    strong: bool = False
    worst: bool = False
    below: str = ""


EMPTY = Cell("·")


def cell_maker(matrix: Matrix, view: View, width: int, base: Matrix | None = None) -> Callable[[int, int], Cell]:
    """Return a function that makes the cell of a true and a predicted class.

    Args:
        width: characters of a cell; percentages have a decimal from six on, counts separators of thousands if all
            of them have room for it.
        base: counts to subtract; cells then show the difference, with its sign.
    """
    worst = _worst_cells(matrix)
    sums, base_sums = _row_sums(matrix), _row_sums(base or ())
    digits = 1 if view == "percent" and width >= 6 else 0
    most = max(map(max, (*matrix, *(base or ()))), default=0)
    separated = width > len(f"{most:,}") + (base is not None)

    def fitted(text: str) -> str:
        return text if separated else text.replace(",", "")

    def cell(true: int, predicted: int) -> Cell:
        count, right = matrix[true][predicted], true == predicted
        share = count / (sums[true] or 1)
        if right and view == "errors":
            return Cell("")
        if base is not None:
            change = share - base[true][predicted] / (base_sums[true] or 1)
            value = round(100 * change, digits) if view == "percent" else count - base[true][predicted]
            better = (value > 0) == right
            tone: Tone = "right" if better else "wrong"
            noticeable = not better and abs(change) >= NOTICEABLE
            return Cell(fitted(signed(value, digits)), tone, _heat(abs(change)), strong=noticeable) if value else EMPTY
        if not count:
            return EMPTY
        percentage, number = f"{100 * share:.{digits}f}", fitted(f"{count:,}")
        if not float(percentage):
            percentage = f"<{'0.1' if digits else '1'}"
        text, below = (percentage, number) if view == "percent" else (number, f"{100 * share:.1f} %")
        if right:
            return Cell(text, "right", 0.1 + 0.6 * share, strong=True, below=below)
        is_worst = (true, predicted) in worst
        return Cell(text, "wrong", _heat(share), strong=share >= NOTICEABLE, worst=is_worst, below=below)

    return cell


def cells_of(matrix: Matrix, view: View, width: int, base: Matrix | None = None) -> list[list[Cell]]:
    """Return the cells of a whole matrix, row by row; the arguments are those of `cell_maker`."""
    cell = cell_maker(matrix, view, width, base)
    return [[cell(true, predicted) for predicted in range(len(row))] for true, row in enumerate(matrix)]


@lru_cache(8)
def _worst_cells(matrix: Matrix) -> frozenset[tuple[int, int]]:
    numbers = tuple(map(str, range(len(matrix))))
    return frozenset((pair.true, pair.predicted) for pair in worst_confusions(matrix, numbers, WORST))


@lru_cache(16)
def _row_sums(matrix: Matrix) -> tuple[int, ...]:
    return tuple(map(sum, matrix))


def _heat(share: float) -> float:
    return 0.12 + 0.6 * min(1.0, share * GAIN) ** 0.5


BLANK = Cell("")
Shades = tuple[tuple[Cell, ...], ...]


@lru_cache(8)
def shades_of(matrix: Matrix, view: View, base: Matrix | None = None, together: int = 1) -> Shades:
    """Return a matrix as cells without text, row by row.

    Args:
        together: so many classes are drawn as one: a block of cells has the look of its strongest cell; on the diagonal
            that of its right answers.
    """
    cell = cell_maker(matrix, view, WIDEST_CELL, base)
    starts = range(0, len(matrix), together)

    def strongest(top: int, left: int) -> Cell:
        rows, columns = (range(at, min(at + together, len(matrix))) for at in (top, left))
        cells = [cell(row, column) for row in rows for column in columns if top != left or row == column]
        best = max(cells, key=lambda each: each.heat)
        return replace(best, text="", below="", worst=False) if best.tone != "none" else BLANK

    return tuple(tuple(strongest(top, left) for left in starts) for top in starts)


def score_shade(value: float | None) -> Cell:
    """Return the shade of a recall or a precision: the stronger, the lower it is; blank for 1 and for None."""
    if value is None or value >= 1:
        return BLANK
    return Cell("", "wrong", 0.12 + 0.6 * (1 - value) ** 0.5, strong=value < 0.8)


NARROWEST_CELL, WIDEST_CELL = 4, 10
MARGIN, SHADES_MARGIN, HALVES_MARGIN = 9, 7, 3
"""Columns right of the cells: for recall in numbers, beside shades, and as shades of half a line."""
LONGEST_HEAD = 12
ABBREVIATED = 3
"""Names cut to so few letters have no ellipsis: it would take a third of them."""
MOST_LINES = 4
WIDE_CELLS = 6
LINES_WITH_SHARES, CELL_WITH_SHARES = 3, 8
"""The lines and columns of a cell from which it has a second text, ``100.0 %``, with up to `WIDE_CELLS` classes."""


@dataclass(frozen=True)
class Room:
    """What a layout has to fit into.

    Attributes:
        digits: the digits of the largest number, with its sign.
        halves: whether half a line can have a colour of its own.
        scrolled: whether a part of the matrix is shown where the whole does not fit; else classes are drawn together.
        zoomed: whether cells have numbers, although they do not all fit.
        narrowest_with_margins: the least width of a cell of up to `FEW` classes if recall and precision are shown, too.
    """

    width: int
    height: int
    digits: int = 4
    halves: bool = True
    scrolled: bool = False
    zoomed: bool = False
    narrowest_with_margins: int = NARROWEST_CELL + 1


@dataclass(frozen=True)
class MatrixLayout:
    """The layout of a matrix.

    Attributes:
        classes: the number of rows and columns of the whole matrix.
        rows, columns: how many of them are shown at a time.
        head, heading: columns of the row heads, and lines of the column heads.
        cell, lines: columns and lines of a cell.
        halves: whether each line has two rows of cells.
        numbers: whether cells have texts; else they are shades.
        margin: the columns right of the cells for recall, 0 if neither recall nor precision is shown.
        together: how many classes are drawn as one.
        numbered: whether columns have the numbers of classes as heads, and rows the number before the name.
    """

    classes: int
    rows: int
    columns: int
    head: int
    cell: int
    lines: int = 1
    heading: int = 1
    halves: bool = False
    numbers: bool = True
    margin: int = 0
    together: int = 1
    numbered: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all rows and columns are shown."""
        return self.rows * self.together >= self.classes and self.columns * self.together >= self.classes

    @property
    def has_shares(self) -> bool:
        """Whether there is room for a second text in a cell, below the first."""
        return self.lines >= LINES_WITH_SHARES and self.cell >= CELL_WITH_SHARES and self.classes <= WIDE_CELLS

    @property
    def row_lines(self) -> int:
        """The lines of all rows together."""
        return -(-self.rows // 2) if self.halves else self.rows * self.lines

    def cells_at(self, x: int, y: int, start: tuple[int, int] = (0, 0)) -> list[tuple[int, int]]:
        """Return the cells (true and predicted class) at a point of the matrix; none for heads and margins.

        Args:
            start: the first row and the first column that are shown.
        """
        line, column = y - self.heading, (x - self.head) // self.cell
        if not (0 <= line < self.row_lines and 0 <= column < self.columns):
            return []
        rows = (2 * line, 2 * line + 1) if self.halves else (line // self.lines,)
        trues = [true for row in rows if row < self.rows for true in self._classes(start[0] + row)]
        return [(true, predicted) for true in trues for predicted in self._classes(start[1] + column)]

    def _classes(self, at: int) -> range:
        return range(at * self.together, min((at + 1) * self.together, self.classes))


@lru_cache(32)
def layout_for(room: Room, names: tuple[str, ...]) -> MatrixLayout:
    """Return the layout with the most to read that fits; if none fits, the smallest."""
    classes = len(names)
    if classes <= FEW:
        return _few_classes(room, names)
    if room.zoomed:
        return _zoomed(room, names)
    for layout in (_numbers(room, names), *_shades(room, names, classes)):
        if layout is not None:
            return layout
    if room.scrolled:
        return _part(room, names)
    for together in range(2, classes):
        first = names[::together]
        for layout in _shades(room, first, len(first)):
            if layout is not None:
                return replace(layout, classes=classes, together=together, numbered=False, heading=1, margin=0)
    return MatrixLayout(classes, 1, 1, 0, 1, numbers=False, together=classes)


def _few_classes(room: Room, names: Sequence[str]) -> MatrixLayout:
    classes, width = len(names), room.width
    longest = max(map(cell_len, names), default=1)
    short = min(longest, 3) + 1
    margin = MARGIN if width >= short + classes * room.narrowest_with_margins + MARGIN else 0
    high = (room.height - 3) // classes
    is_wide = classes <= WIDE_CELLS
    wanted = CELL_WITH_SHARES if is_wide and high >= LINES_WITH_SHARES else NARROWEST_CELL + 1
    longer = min(longest, LONGEST_HEAD if not is_wide else 2 * LONGEST_HEAD) + 1
    tried = [(longer, wanted), (min(longest, LONGEST_HEAD) + 1, wanted), (longer, NARROWEST_CELL + 1)]
    head = next((head for head, least in tried if width - head - margin >= classes * least), short)
    widest = max(WIDEST_CELL, 64 // classes)
    cell = max(NARROWEST_CELL, min((width - head - margin) // classes, widest))
    most = max(MOST_LINES, 24 // classes)
    lines = min(high, most) if high > 2 else 1 + (room.height >= 2 * classes + 2)
    numbered = _numbered(names, cell - 1)
    if numbered and head == short:
        head = max(short, min(width - classes * cell - margin, longest + 3, LONGEST_HEAD))
    return MatrixLayout(classes, classes, classes, head, cell, lines, margin=margin, numbered=numbered)


def _numbered(names: Sequence[str], width: int) -> bool:
    """Return whether the names, cut to a width, cannot be told apart."""
    return len(set(_cut_all(names, width))) < len(names)


def _number_width(classes: int) -> int:
    return len(str(classes - 1))


def _heads_width(names: Sequence[str], numbered: bool) -> int:
    """Return the columns that the row heads would like to have, with a blank after them."""
    return min(max(map(cell_len, names)), LONGEST_HEAD) + 1 + (_number_width(len(names)) + 1 if numbered else 0)


def _numbers(room: Room, names: Sequence[str]) -> MatrixLayout | None:
    """Return a layout of the whole matrix with numbers, if there is room."""
    classes, least = len(names), max(NARROWEST_CELL, room.digits + 1)
    high = (room.height - 2) // classes
    if not high:
        return None
    for cell in range(WIDEST_CELL, least - 1, -1):
        numbered = _numbered(names, cell - 1)
        wanted = _heads_width(names, numbered)
        for head, margin in ((wanted, MARGIN), (min(wanted, 5), MARGIN), (min(wanted, 5), 0)):
            if head + classes * cell + margin <= room.width:
                lines = min(high, MOST_LINES)
                return MatrixLayout(classes, classes, classes, head, cell, lines, margin=margin, numbered=numbered)
    return None


def _zoomed(room: Room, names: Sequence[str]) -> MatrixLayout:
    classes, cell = len(names), max(NARROWEST_CELL + 1, room.digits + 2)
    numbered = _numbered(names, cell - 1)
    head = min(_heads_width(names, numbered), max(5, room.width // 4))
    columns = min(classes, max(1, (room.width - head - MARGIN) // cell))
    rows = min(classes, max(1, room.height - 3))
    lines = max(1, min(MOST_LINES, (room.height - 3) // rows))
    return MatrixLayout(classes, rows, columns, head, cell, lines, margin=MARGIN, numbered=numbered)


def _heading(names: Sequence[str], cell: int) -> tuple[bool, int]:
    """Return whether the columns of shades have numbers as heads, and the lines that they take."""
    if max(map(cell_len, names)) <= max(1, cell - 1):
        return False, 1
    return True, 1 if cell > _number_width(len(names)) else 2


def _shades(room: Room, names: Sequence[str], classes: int) -> Iterator[MatrixLayout | None]:
    """Yield the layouts of the whole matrix as shades, the largest first; None for those for which there is no room."""
    yield _whole_lines(room, names, classes, 2)
    yield _half_lines(room, names, classes) if room.halves else None
    yield _whole_lines(room, names, classes, 1)


def _whole_lines(room: Room, names: Sequence[str], classes: int, least: int) -> MatrixLayout | None:
    for margin in (SHADES_MARGIN, 0):
        for cell in range(2 * MOST_LINES, least - 1, -1):
            numbered, heading = _heading(names, cell)
            lines = min((room.height - heading - 1) // classes, max(1, cell // 2))
            wanted = _heads_width(names, numbered)
            for head in range(wanted, _least_head(names, numbered) - 1, -1):
                if lines and cell <= 2 * lines and head + classes * cell + margin <= room.width:
                    layout = MatrixLayout(classes, classes, classes, head, cell, lines, heading, margin=margin)
                    return replace(layout, numbers=False, numbered=numbered)
    return None


def _half_lines(room: Room, names: Sequence[str], classes: int) -> MatrixLayout | None:
    for margin in (HALVES_MARGIN, 0):
        numbered, heading = _heading(names, 1)
        wanted = _pair_width(names, numbered)
        for head in range(wanted, _least_head(names, numbered) - 1, -1):
            if head + classes + margin <= room.width and heading + 1 + -(-classes // 2) <= room.height:
                layout = MatrixLayout(classes, classes, classes, head, 1, 1, heading, margin=margin)
                return replace(layout, numbers=False, halves=True, numbered=numbered)
    return None


def _least_head(names: Sequence[str], numbered: bool) -> int:
    return _number_width(len(names)) + 1 if numbered else min(max(map(cell_len, names)), ABBREVIATED) + 1


SHORT_HEAD = 9
SHORT_NAME = 3
"""The longest names of which a line with two rows has both."""


def _pair_width(names: Sequence[str], numbered: bool) -> int:
    longest = max(map(cell_len, names))
    return 2 * longest + 2 if longest <= SHORT_NAME and not numbered else _heads_width(names, numbered)


def _part(room: Room, names: Sequence[str]) -> MatrixLayout:
    """Return the layout of a part of a matrix as shades."""
    classes, halves = len(names), room.halves
    cell = 1 if halves or 2 * classes > room.width else 2
    numbered, heading = _heading(names, cell)
    wanted = _pair_width(names, numbered) if halves else _heads_width(names, numbered)
    margin = HALVES_MARGIN if halves else SHADES_MARGIN
    spare = room.width - margin - classes * cell
    head = min(wanted, max(_least_head(names, numbered), spare if spare > 0 else SHORT_HEAD))
    columns = min(classes, max(1, (room.width - head - margin) // cell))
    lines = max(1, room.height - heading - 2)
    rows = min(classes, 2 * lines if halves else lines)
    layout = MatrixLayout(classes, rows, columns, head, cell, 1, heading, margin=margin)
    return replace(layout, numbers=False, halves=halves, numbered=numbered)


def heads(names: Sequence[str], width: int) -> list[str]:
    """Return the names cut to `width` columns, at the end of a word or with …; numbers if two would look the same."""
    cut = _cut_all(names, width)
    return cut if len(set(cut)) == len(cut) else [str(index)[:width] for index in range(len(names))]


def row_heads(names: Sequence[str], width: int, numbered: bool) -> list[str]:
    """Return the names cut to `width` columns and filled up with blanks; if `numbered`, each after its number.

    Where numbers would leave no room to tell the names apart, but the names alone can be told apart, they stand alone.
    """
    digits = _number_width(len(names))
    room = max(0, width - digits - 1)
    if not numbered or (_numbered(names, room) and not _numbered(names, width)):
        return [left_aligned(head, width) for head in heads(names, width)]
    return [left_aligned(f"{at:>{digits}} {name}", width) for at, name in enumerate(_cut_all(names, room))]


@lru_cache(32)
def _cut_names(names: tuple[str, ...], width: int) -> list[str]:
    cut = [cut_name(name, width) for name in names]
    if len(set(cut)) == len(cut):
        return cut
    first, last = min(names), max(names)
    common = next((at for at, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), len(first))
    return [_without_start(name, common, width) for name in names] if common else cut


def _without_start(name: str, common: int, width: int) -> str:
    """Return a name in at most `width` columns, cut from the front if it is the start that all names have."""
    end = name[common:]
    if cell_len(name) <= width or cell_len(end) > width:
        return cut_name(name, width)
    return f"…{end}" if cell_len(end) < width and width > ABBREVIATED else end


def _cut_all(names: Sequence[str], width: int) -> list[str]:
    return _cut_names(tuple(names), width)


def cut_name(name: str, width: int) -> str:
    """Return a name in at most `width` columns, cut at the end of a word or with …."""
    if cell_len(name) <= width:
        return name
    if width <= 0:
        return ""
    fitting = set_cell_size(name, width).rstrip() if cell_len(name) != len(name) else name[:width]
    word = re.match(r".{3,}(?=[ /_])", name[: len(fitting) + 1])
    if word:
        return word[0].rstrip()
    return f"{set_cell_size(name, width - 1).rstrip()}…" if width > ABBREVIATED else fitting


def left_aligned(text: str, width: int) -> str:
    """Return a text of exactly `width` columns, with blanks after it."""
    return set_cell_size(text, width)


def right_aligned(text: str, width: int) -> str:
    """Return a text of exactly `width` columns, with blanks before it."""
    return " " * (width - cell_len(text)) + text if cell_len(text) <= width else set_cell_size(text, width)


def centred(row: Sequence[str], cell: int) -> list[str]:
    """Centre texts in their cells."""
    return [text.center(cell) for text in row]


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
    """Put a padded cell into brackets, so that the cursor can be seen without colour."""
    if text.startswith(" "):
        text = f"[{text[1:]}"
    return f"{text[:-1]}]" if text.endswith(" ") else text
