"""Paint strokes and axes as lines of characters with tones; no terminal is needed.

plotext builds the axes with ticks and labels, once for each set of ticks, because a build costs about a millisecond.
The curves, which change with every epoch, are drawn into that frame here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, reduce
from itertools import groupby, pairwise
from operator import or_
from typing import Any

import plotext as untyped_plotext

from mnist_tui.settings import Glyphs

QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
BRAILLE = 0x2800
BRAILLE_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
BLOCK_BITS = ((1, 4), (2, 8))
BOX_TO_ASCII = str.maketrans("│─┤├┬┴┼└┘┌┐", "|-+++++++++")


@dataclass(frozen=True)
class Marks:
    """The characters of a glyph set.

    Attributes:
        bits: the bit of each dot of a character, by column from the left and row from the top.
        line, dashed, marked: samples of a line, of a dashed line, and of a line with marks, for legends.
        validation, plain, running: marks of points: validation, plain training, running means.
        cursor, best, stopped: marks of the selected epoch, the best epoch and the last one before early stopping.
        rule: fills the rest of a heading.
        dot: separates the parts of a caption.
        band: fills the band around a mean; empty if the band is shaded dot by dot, or has a background of its own.
        runs: marks of runs that are drawn into the same plot.
        inks: the character of a tone's lines, where a character has a single dot; a line without one is `line`.
        colours: whether colours tell lines apart; else the line of training is dashed.
        tinted: whether a band is a background in a tint of its line's colour.
    """

    bits: tuple[tuple[int, ...], ...]
    line: str
    dashed: str
    marked: str
    validation: str
    plain: str
    running: str
    cursor: str
    best: str
    stopped: str
    rule: str
    dot: str
    band: str
    runs: str
    inks: Mapping[str, str] = field(default_factory=dict[str, str])
    colours: bool = True
    tinted: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Return the numbers of columns and rows of dots in a character."""
        return len(self.bits), len(self.bits[0])

    def character(self, bits: int, tone: str = "") -> str:
        """Return the character that has the dots whose bits are set, in a line of the given tone."""
        if len(self.bits[0]) == 4:
            return chr(BRAILLE + bits)
        return QUADRANTS[bits] if len(self.bits) == 2 else self.inks.get(tone, self.line[0])


_SHAPES = "●▲■◆○△□◇"
MARKS: dict[Glyphs, Marks] = {
    "braille": Marks(BRAILLE_BITS, "⠤⠒", "⠒⠂⠐⠒", "⠒◆", "◆", "○", "·", "│", "★", "■", "─", "·", "", _SHAPES),
    "block": Marks(BLOCK_BITS, "▄▀", "▀ ▀", "▀◆", "◆", "○", "·", "│", "★", "■", "─", "·", "░", _SHAPES),
    "ascii": Marks(
        ((1,),), "*", "*", "oO", "O", "x", ".", "|", "^", "#", "-", ";", ":", "o+x#%@&$", {"validation": "o"}
    ),
}


@cache
def marks_of(glyphs: Glyphs, colourless: bool = False, few_colours: bool = False) -> Marks:
    """Return the characters of a glyph set, for a terminal without colours or with only those of its own palette."""
    marks = MARKS[glyphs]
    return replace(marks, colours=not colourless, tinted=not few_colours and not marks.inks)


Dot = tuple[int, int]
Row = tuple[tuple[str, str], ...]
"""A line of characters: pairs of a tone and a text in it."""
Tick = tuple[int, str]
plotext: Any = untyped_plotext


DASH = 3
"""Dots of a dash, and of the gap after it."""


@dataclass(frozen=True)
class Stroke:
    """A line, separate marks, or a band.

    Attributes:
        tone: the name of its colour.
        dots: column from the left and row from the bottom, counted in dots.
        mark: the character for each point; empty if the points are joined by a line.
        dashed: whether every second stretch of DASH dots of the line is left out.
        band: whether each two dots are the lower and the upper end of a shaded column of characters; lines are drawn
            over it.
    """

    tone: str
    dots: tuple[Dot, ...]
    mark: str = ""
    band: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class PlotPicture:
    """The visible content of a plot; two equal pictures look the same.

    Attributes:
        columns, rows: the size inside the axes, in characters.
        x_ticks, y_ticks: position in characters from the left or the bottom, and label.
        strokes: the strokes in the order of drawing; later ones cover earlier ones.
        cursor: the column of a vertical line, in characters.
        flags: column, character and tone of each mark on the epoch axis.
    """

    columns: int
    rows: int
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    strokes: tuple[Stroke, ...] = ()
    cursor: int | None = None
    flags: tuple[tuple[int, str, str], ...] = ()

    @property
    def margin(self) -> int:
        """Return the number of columns left of the plot, for labels and axis."""
        return max((len(label) for _, label in self.y_ticks), default=0) + 1


def paint(picture: PlotPicture, marks: Marks) -> list[Row]:
    """Return the lines of a plot from the top: its rows, the epoch axis, and the labels of that axis."""
    frame = _frame(picture.columns, picture.rows, picture.x_ticks, picture.y_ticks)
    if marks.rule == "-":
        frame = tuple(line.translate(BOX_TO_ASCII) for line in frame)
    margin = picture.margin
    canvas = PlotCanvas(picture.columns, picture.rows, marks, margin, frame)
    for stroke in picture.strokes:
        canvas.draw(stroke)
    if picture.cursor is not None:
        canvas.draw_cursor(picture.cursor)
    for column, mark, tone in picture.flags:
        canvas.characters[picture.rows][margin + column] = mark
        canvas.tones[picture.rows][margin + column] = tone
    return canvas.lines()


@lru_cache(64)
def _frame(columns: int, rows: int, x_ticks: tuple[Tick, ...], y_ticks: tuple[Tick, ...]) -> tuple[str, ...]:
    """Return the lines of an empty plot with its axes.

    plotext's time grows with the area, so each axis is built in a plot of the least width or height.
    """
    labels = max((len(label) for _, label in y_ticks), default=0)
    upright = _plotext_lines(2, rows, ((0, " "),), y_ticks)[:rows]
    level = _plotext_lines(columns, 2, x_ticks, ((0, " " * labels),) if labels else ())[2:]
    return (*(line.ljust(labels + 1 + columns) for line in upright), *level)


def _plotext_lines(columns: int, rows: int, x_ticks: tuple[Tick, ...], y_ticks: tuple[Tick, ...]) -> list[str]:
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(max((len(label) for _, label in y_ticks), default=0) + 1 + columns, rows + 2)
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    plotext.xlim(0, columns - 1)
    plotext.ylim(0, rows - 1)
    plotext.xticks([at for at, _ in x_ticks], [label for _, label in x_ticks])
    plotext.yticks([at for at, _ in y_ticks], [label for _, label in y_ticks])
    plotext.scatter([0], [0], marker=" ")
    return plotext.uncolorize(plotext.build()).splitlines()


class PlotCanvas:
    """The characters of a plot while it is drawn, and the tone of each.

    Args:
        columns, rows: the size of the plot, in characters.
        margin: columns left of the plot.
        frame: lines with axes to draw into; None for no axes.
    """

    def __init__(
        self, columns: int, rows: int, marks: Marks, margin: int = 1, frame: Sequence[str] | None = None
    ) -> None:
        self.columns, self.rows, self.marks, self.margin = columns, rows, marks, margin
        self.characters = [list(line) for line in frame or [" " * (margin + columns)] * rows]
        self.tones = [["axis"] * len(line) for line in self.characters]
        self._lines: dict[Dot, dict[str, int]] = {}
        self._shades: dict[str, dict[Dot, int]] = {}
        self._behind: set[Dot] = set()
        self._grounds: dict[Dot, str] = {}
        self._halves: dict[Dot, str] = {}

    def draw(self, stroke: Stroke) -> None:
        """Draw a stroke; its parts outside the plot are left out."""
        if stroke.band:
            self._draw_band(stroke)
        elif stroke.mark:
            wide, high = self.marks.size
            for x, y in stroke.dots:
                self.put(x // wide, y // high, stroke.mark, stroke.tone)
        else:
            self._draw_line(stroke)

    def draw_cursor(self, column: int) -> None:
        """Draw a vertical line through a column; it covers bands and nothing else."""
        for row in range(self.rows):
            if self.characters[self.rows - 1 - row][self.margin + column] == " " or (column, row) in self._behind:
                self.put(column, row, self.marks.cursor, "cursor")

    def lines(self) -> list[Row]:
        """Return the lines from the top; neighbouring characters of one tone are joined."""
        for (column, row), ground in self._grounds.items():
            tones = self.tones[self.rows - 1 - row]
            tones[self.margin + column] += f"/{ground}"
        self._grounds = {}
        return [
            tuple(
                (tone, "".join(character for _, character in group))
                for tone, group in groupby(zip(tones, line, strict=True), lambda cell: cell[0])
            )
            for tones, line in zip(self.tones, self.characters, strict=True)
        ]

    def put(self, column: int, row: int, text: str, tone: str) -> None:
        """Write characters from a place on, counted from the lower left; nothing is written outside the plot."""
        line, left = self.rows - 1 - row, self.margin
        if 0 <= row < self.rows:
            for at, character in enumerate(text, column):
                if 0 <= at < self.columns:
                    self.characters[line][left + at], self.tones[line][left + at] = character, tone
                    if (at, row) in self._behind:
                        self._behind.discard((at, row))
                        if (tint := self._halves.pop((at, row), None)) is not None:
                            self._grounds[at, row] = tint

    def _draw_line(self, stroke: Stroke) -> None:
        """Join the dots by lines; a character that lines of several tones cross shows the dots of all of them."""
        tone = stroke.tone
        shades = {} if self.marks.band else self._shades.get(tone, {})
        for cell, bits in self._bits_of(stroke).items():
            own = self._lines.setdefault(cell, {})
            own[tone] = own.get(tone, 0) | bits
            shown = tone if len(own) == 1 else shared_tone(own, cell[0])
            dots = reduce(or_, own.values()) | shades.get(cell, 0)
            self.put(*cell, self.marks.character(dots, shown), shown)

    def _bits_of(self, stroke: Stroke) -> dict[Dot, int]:
        """Return the bits of a line's dots by column and row of characters."""
        (wide, high), bits = self.marks.size, self.marks.bits
        dots = joined(stroke.dots)
        if stroke.dashed:
            dots = (dot for at, dot in enumerate(dots) if at // DASH % 2 == 0)
        found: dict[Dot, int] = {}
        for x, y in dots:
            cell = (x // wide, y // high)
            found[cell] = found.get(cell, 0) | bits[x % wide][high - 1 - y % high]
        return found

    def _draw_band(self, stroke: Stroke) -> None:
        """Shade a band: as a background, else with the marks' character for it, else with dots."""
        (wide, high), tint = self.marks.size, stroke.tone.replace("run", "band")
        shades = self._shades.setdefault(stroke.tone, {})
        for (x, lower), (_, upper) in zip(stroke.dots[::2], stroke.dots[1::2], strict=True):
            low, top, column = max(0, lower), min(self.rows * high - 1, upper), x // wide
            if self.marks.tinted:
                self._tint(column, low * 2 // high, top * 2 // high, tint)
                continue
            for y in range(low, top + 1):
                if y in {low, top} or y % 2 == 0:
                    cell = (column, y // high)
                    shades[cell] = shades.get(cell, 0) | self.marks.bits[0][high - 1 - y % high]
        for cell, bits in shades.items():
            self.put(*cell, self.marks.band or self.marks.character(bits), stroke.tone)
            self._behind.add(cell)

    def _tint(self, column: int, low: int, top: int, tint: str) -> None:
        """Give a column of characters a background from one half of a row to another, counted from the bottom."""
        for row in range(low // 2, top // 2 + 1) if 0 <= column < self.columns else ():
            cell = (column, row)
            if low <= 2 * row and 2 * row + 1 <= top:
                self._grounds[cell] = tint
            else:
                self.put(column, row, "▄" if low <= 2 * row else "▀", tint)
                self._halves[cell] = tint
                self._behind.add(cell)


def shared_tone(lines: Mapping[str, int], column: int) -> str:
    """Return the tone of a character in which lines of several tones have dots.

    It is the tone that has the most dots there. Tones that have equally many take turns from column to column, so that
    two lines that lie on each other are both seen.

    Args:
        lines: the bits of the dots of each tone.
    """
    most = max(map(int.bit_count, lines.values()))
    rivals = [tone for tone, bits in lines.items() if bits.bit_count() == most]
    return rivals[column % len(rivals)]


def joined(dots: tuple[Dot, ...]) -> Iterable[Dot]:
    """Yield every dot on the lines between the points."""
    yield from dots[:1]
    for (x0, y0), (x1, y1) in pairwise(dots):
        steps = max(abs(x1 - x0), abs(y1 - y0))
        for step in range(1, steps + 1):
            yield x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps)


def row_length(row: Row) -> int:
    return sum(len(text) for _, text in row)


def framed(
    title: Row,
    body: Sequence[Row],
    size: tuple[int, int],
    marks: Marks,
    *,
    side: int = 0,
    lower: tuple[Row, Row] = ((), ()),
) -> list[Row]:
    """Return a body in a round frame, or below a line, that fills `size` (columns, rows).

    Args:
        title: the text in the upper border.
        side: the columns of the frame at each side, with its padding; 0 for a line above the body and no frame.
        lower: the texts at the left and at the right end of the lower border; without a frame, the second one stands
            at the right end of the line above the body.
    """
    width, height = size
    if not side:
        left = 2 if row_length(title) <= width - 4 else 0
        words, keys = cut_row(title, width - left), lower[1]
        rest = width - left - row_length(words) - 2 - row_length(keys)
        tail = (("rule", f" {marks.rule * rest} "), *keys) if keys else (("rule", f" {marks.rule * (rest + 1)}"),)
        upper = (("rule", (marks.rule + " ") * (left > 0)), *words, *(tail if rest >= 0 else ()))
        return [upper, *body][:height]
    corners = "++++" if marks.rule == "-" else "╭╮╰╯"
    inside, padding = width - 2 * side, " " * (side - 1)
    rows = [cut_row(row, inside) for row in [*body, *[()] * height][: height - 2]]
    edge = ("rule", marks.cursor)
    return [
        _border((title, ()), width, marks, corners[:2]),
        *((edge, ("text", padding), *row, ("text", padding + " " * (inside - row_length(row))), edge) for row in rows),
        _border(lower, width, marks, corners[2:]),
    ]


def _border(texts: tuple[Row, Row], width: int, marks: Marks, corners: str) -> Row:
    """Return a border with texts at its left and its right end."""
    (left, right), space = texts, (("rule", " "),)
    left = (*space, *cut_row(left, width - 4), *space) if left else ()
    right = (*space, *right, *space) if right else ()
    rest = width - 2 - row_length(left) - row_length(right)
    lead, tail = int(rest > 0), int(rest > 1)
    return (
        ("rule", corners[0] + marks.rule * lead),
        *left,
        ("rule", marks.rule * (rest - lead - tail)),
        *right,
        ("rule", marks.rule * tail + corners[1]),
    )


def fitting_parts(parts: Iterable[Row], width: int, between: str) -> Row:
    """Join the parts that fit into `width`; a part that does not fit is left out, and the next one is tried."""
    kept: Row = ()
    for part in parts:
        more = (*kept, ("muted", between), *part) if kept else part
        if row_length(more) <= width:
            kept = more
    return kept


def cut_row(row: Row, width: int) -> Row:
    """Return the first `width` characters of a row."""
    kept: list[tuple[str, str]] = []
    for tone, text in row:
        if width > 0:
            kept.append((tone, text[:width]))
        width -= len(text)
    return tuple(kept)


def side_by_side(entries: Sequence[Row], width: int) -> list[Row]:
    """Arrange entries in as many columns as fit, each as wide as its longest entry and a gap of two columns."""
    entries = [cut_row(entry, width) for entry in entries]
    for across in range(len(entries), 0, -1):
        widths = [max(map(row_length, entries[at::across])) + 2 for at in range(across)]
        if sum(widths) - 2 <= width or across == 1:
            return [
                tuple(
                    part
                    for entry, widest in zip(entries[first:], widths, strict=False)
                    for part in (*entry, ("text", " " * (widest - row_length(entry))))
                )
                for first in range(0, len(entries), across)
            ]
    return []
