"""The widgets of the confusion matrix: rows are true classes, columns predicted ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from textwrap import wrap

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import RenderResult
from textual.color import Color
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.runs import scores
from mnist_tui.runs.events import Matrix
from mnist_tui.runs.scores import Confusion, in_words, worst_confusions
from mnist_tui.runs.state import RunState
from mnist_tui.tui.terminal.keymap import bind, pane_title
from mnist_tui.tui.widgets.confusion_cells import (
    FEW,
    LONGEST_HEAD,
    MARGIN,
    NARROWEST_CELL,
    WORST,
    Cell,
    MatrixLayout,
    Room,
    View,
    bracketed,
    cell_maker,
    centred,
    heads,
    layout_for,
    left_aligned,
    padded,
    right_aligned,
    row_heads,
    score_shade,
    shades_of,
)
from mnist_tui.tui.widgets.text import DrawnWidget, bar_texts
from mnist_tui.wording import DASH, percent, signed

VIEW_WORDS: dict[View, str] = {"counts": "counts", "percent": "% of the true class", "errors": "wrong only"}
DIGITS = tuple("0123456789")


def class_names(run: RunState, classes: int = len(DIGITS)) -> tuple[str, ...]:
    """Return the names of a run's classes; their numbers if the log does not have the run's data.

    Args:
        classes: how many there are, if the log does not have a matrix either.
    """
    return run.data.class_names if run.data else tuple(map(str, range(len(run.confusion or ()) or classes)))


HEIGHT, HEIGHT_DOUBLED, HEIGHT_OF_SHADES, HEIGHT_IN_PAGE = 12, 22, 28, 56
"""The most lines that a matrix asks for: on a low screen; with numbers and with shades on a high one; in a page."""
ROOMY_SCREEN = 40
"""Lines of a terminal from which a row has two lines."""
HEATS = 12
"""Steps of heat: few, so that a cell is drawn again only if the change can be seen."""
NOTHING = "The matrix appears after the first epoch."
NOT_EVALUATED = "The matrix appears after the evaluation."
"""What stands in place of the matrix of a run that is not trained."""
AXES = "true ↓ predicted →"
ENTITLED = 16
"""Columns of a title besides its note."""
PRECISION = ("precision", "prec.", "prec", "pr.")
"""The label of the line of precisions, the longest first."""


@dataclass(frozen=True)
class ShadeColours:
    """The colours of shades in the present theme: looking them up for each cell would take long."""

    surface: Color
    text: Color
    line: Color
    right: Color
    wrong: Color


@dataclass(frozen=True)
class Shown:
    """The whole content of a matrix widget; see `ConfusionView.show`."""

    matrix: Matrix | None = None
    names: tuple[str, ...] = DIGITS
    caption: str = "reading …"
    view: View = "counts"
    base: Matrix | None = None


class ConfusionView(DrawnWidget):
    """A confusion matrix and the number of its images. A click on a cell posts `CellChosen`."""

    HELP = """
    **Confusion matrix.** Each row is a true class, each column what the network said; the diagonal is right.
    The darker or brighter an off-diagonal cell, the larger the share of its row's images that went wrong that way.
    All cells together are the images evaluated. The five worst confusions are underlined. Recall is the share of a
    class's images that were recognised, precision the share of right ones among the images predicted as that class.
    Many classes have shades instead of numbers; the right edge is then the recall of each class, the lower edge the
    precision: the stronger the colour, the lower the score. In a small pane a point is several classes, as the line
    below says.
    """
    COMPONENT_CLASSES = {"confusion--right", "confusion--wrong", "confusion--head"}
    DEFAULT_CSS = """
    ConfusionView {
        height: auto;
        & > .confusion--right { color: $primary; }
        & > .confusion--wrong { color: $accent; }
        & > .confusion--head { color: $text-muted; }
    }
    """
    NARROWEST_WITH_MARGINS = NARROWEST_CELL + 1
    SCROLLS = False
    shown = Shown()
    cursor: tuple[int, int] | None = None
    start = (0, 0)
    """The first row and the first column that are shown."""
    zoomed = False

    @dataclass
    class CellChosen(Message):
        """Posted when a cell is clicked or opened with Enter, with its class numbers."""

        true: int
        predicted: int

    _note = ""
    _found_colours: ShadeColours | None = None

    def __init__(self, key: str = "", *, id: str | None = None, in_page: bool = False) -> None:
        """Initialise the matrix.

        Args:
            key: the key that leads to it in full, for the title.
            in_page: whether it stands in a page that scrolls, so that many classes may take many lines.
        """
        super().__init__(classes="pane -stacked", id=id)
        self._key, self._in_page = key, in_page
        self._name = "Confusion"
        self._entitle()

    def show(
        self,
        matrix: Matrix | None,
        names: Sequence[str],
        caption: str,
        *,
        view: View = "counts",
        base: Matrix | None = None,
        waiting: str = NOTHING,
    ) -> None:
        """Show a matrix, or its change from `base`; the caption (``evaluated after epoch 7``) follows the count.

        Args:
            waiting: what stands in place of the matrix while there is none.
        """
        shown = Shown(matrix, tuple(names), caption if matrix else waiting, view, base)
        if shown != self.shown:
            is_other_size = len(shown.names) != len(self.shown.names)
            self.shown = shown
            if is_other_size:
                self.refresh(layout=True)
            self.draw()

    def entitle(self, name: str) -> None:
        """Use another name than "Confusion" in the title."""
        if name != self._name:
            self._name, self._note = name, ""
            self._entitle()

    def _entitle(self) -> None:
        is_all = self.has_shades and self.shown.view != "errors"
        what = f"{'change of ' if self.shown.base else ''}{'shares' if is_all else VIEW_WORDS[self.shown.view]}"
        is_named = self.shown.base or not (is_all or self.shown.view == "counts")
        part = self._part_shown()
        note = f"{what}, {AXES}{part}" if is_named else f"{AXES}{part}"
        if part and len(note) > self.size.width - ENTITLED:
            note = f"{AXES}{part}"
        if note != self._note:
            self._note = note
            self.border_title = pane_title(self._name, self._key, note)

    def _part_shown(self) -> str:
        """Return how many rows and columns are shown, if not all are."""
        layout = self.layout_now if self.size.area else None
        if layout is None or layout.is_whole:
            return ""
        if layout.columns == layout.classes:
            return f", {layout.rows} of {layout.classes} rows"
        return f", {layout.rows} × {layout.columns} of {layout.classes} × {layout.classes}"

    def draw(self) -> None:
        super().draw()
        self._entitle()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines of headings, rows, precision and caption; on a high screen rows may have two lines."""
        is_high = viewport.height >= ROOMY_SCREEN
        if len(self.shown.names) <= FEW:
            margins = self.layout_in(width, 0).margin > 0
            return (HEIGHT_DOUBLED if is_high else HEIGHT) + margins
        most = HEIGHT_IN_PAGE if self._in_page else HEIGHT_OF_SHADES if is_high else HEIGHT + 1
        layout = self.layout_in(width, most)
        return layout.heading + layout.row_lines + (layout.margin > 0) + 2

    @property
    def has_shades(self) -> bool:
        """Whether cells are shades instead of numbers; False before the first layout."""
        return self.size.area > 0 and not self.layout_now.numbers

    @property
    def layout_now(self) -> MatrixLayout:
        """The layout for the present size."""
        return self.layout_in(*self.size)

    def layout_in(self, width: int, height: int) -> MatrixLayout:
        """Return the layout for a size."""
        matrix, base = self.shown.matrix, self.shown.base
        most = max(map(sum, matrix), default=0) if matrix else 0
        digits = len(str(most)) + (base is not None)
        halves = not (self._is_plain or self.app.settings.glyphs == "ascii")
        room = Room(width, height, digits, halves, self.SCROLLS, self.zoomed, self.NARROWEST_WITH_MARGINS)
        return layout_for(room, self.shown.names)

    @property
    def _is_plain(self) -> bool:
        """Whether there are no colours for shades: characters are the shades then."""
        colours = self._colours
        return self.app.no_color or colours.right.ansi is not None or colours.surface.ansi is not None

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        cells = self.layout_now.cells_at(*offset, self.start) if offset is not None else []
        if cells and self.shown.matrix:
            event.stop()
            self.cells_clicked(cells)

    def cells_clicked(self, cells: Sequence[tuple[int, int]]) -> None:
        """Open the images of a point: of its largest confusion, if it shows several cells."""
        matrix = self.shown.matrix
        if matrix:
            cell = max(cells, key=lambda at: (at[0] != at[1] and matrix[at[0]][at[1]] > 0, matrix[at[0]][at[1]]))
            self.post_message(self.CellChosen(*cell))

    def strips(self) -> list[Strip]:
        if self.shown.matrix is None:
            return [Strip([Segment(f" {self.caption}", self._muted)])]
        layout = self.layout_now
        self._keep_in_view(layout)
        matrix = self.shown.matrix
        lines = [*self._heading(layout), *(self._number_rows if layout.numbers else self._shade_rows)(layout, matrix)]
        lines = self._with_lists(lines, layout)
        if layout.margin and self.shown.matrix and self.size.height > len(lines) + 1:
            lines.append(self._precision_line(layout, matrix))
        lines.append(Strip([Segment(self.caption, self.rich_style)]))
        for legend in self._legends(layout):
            if self.size.height > len(lines):
                lines.append(legend)
        return lines

    def _with_lists(self, lines: list[Strip], layout: MatrixLayout) -> list[Strip]:
        """Add lists at the right of the lines, if there is room: what the cursor's row and column consist of."""
        left = layout.head + layout.columns * layout.cell + layout.margin + LISTS_GAP
        width = min(LISTS_WIDEST, self.size.width - left)
        if layout.numbers or self.cursor is None or not self.shown.matrix or width < LISTS_LEAST:
            return lines
        true, predicted = self.cursor
        names, each = self.shown.names, (len(lines) - 1) // 2
        row, column = self.shown.matrix[true], [counts[predicted] for counts in self.shown.matrix]
        lists = [
            *self._list(f"{names[true]} is read as", row, predicted, width, each),
            *[Strip([])] * (len(lines) % 2),
            *self._list(f"what is read as {names[predicted]}", column, true, width, each),
        ]
        return [
            Strip([*line.adjust_cell_length(left, self._muted), *beside])
            for line, beside in zip_longest(lines, lists[: len(lines)], fillvalue=Strip([]))
        ]

    def _list(self, title: str, counts: Sequence[int], marked: int, width: int, lines: int) -> list[Strip]:
        """Return a title and the classes with the largest of some counts, each with its number, its share and a bar."""
        whole = sum(counts) or 1
        order = [at for at in sorted(range(len(counts)), key=lambda at: -counts[at]) if counts[at]][: lines - 2]
        names = [self.shown.names[at] for at in order]
        longest = min(max(map(cell_len, names), default=0), LONGEST_HEAD)
        digits = max((len(f"{counts[at]:,}") for at in order), default=0)
        room = max(0, width - longest - digits - LIST_SHARE)
        strips = [Strip([Segment(left_aligned(title, width), self.rich_style + Style(bold=True))])]
        for at, name in zip(order, heads(names, longest), strict=True):
            text = f"{left_aligned(name, longest)} {counts[at]:>{digits},} {percent(counts[at] / whole, 1):>7} "
            full, _ = bar_texts(counts[at] / whole, room, self.app.settings.glyphs)
            style = self.rich_style + Style(bold=True, reverse=True) if at == marked else self.rich_style
            strips.append(Strip([Segment(text, style), Segment(full, self._muted)]))
        return [*strips, *[Strip([])] * (lines - len(strips))]

    def _keep_in_view(self, layout: MatrixLayout) -> None:
        """Move the shown part of a matrix as little as possible, so that the cursor is in it."""
        places = []
        for start, shown, at in zip(self.start, (layout.rows, layout.columns), self.cursor or (0, 0), strict=True):
            edge = min(2, (shown - 1) // 2)
            first = min(max(start, at + edge + 1 - shown), at - edge)
            places.append(max(0, min(first, layout.classes - shown)) if layout.together == 1 else 0)
        self.start = places[0], places[1]

    def _window(self, layout: MatrixLayout) -> tuple[range, range]:
        top, left = self.start
        return range(top, top + layout.rows), range(left, left + layout.columns)

    def _legends(self, layout: MatrixLayout) -> Iterator[Strip]:
        """Yield lines that say what colours, edges and points are, the most important first."""
        if self.shown.base is not None:
            yield self._legend_of_changes(layout)
        elif not layout.numbers and self.shown.matrix:
            yield self._legend_of_shades(layout)

    def _legend_of_changes(self, layout: MatrixLayout) -> Strip:
        if not layout.numbers and self._is_plain:
            text = "+ better, - worse; # and = by 5 points or more"
            return Strip([Segment(text, self._muted)])
        better, worse = (self._cell_style(Cell("", tone, 0.5)) for tone in ("right", "wrong"))
        parts = [Segment(" better ", better), Segment(" ", self._muted), Segment(" worse ", worse)]
        margins = "  recall, precision: change in points" if layout.numbers else ""
        return Strip([*parts, Segment(margins, self._muted)])

    def _legend_of_shades(self, layout: MatrixLayout) -> Strip:
        parts: list[Segment] = []
        if layout.together > 1:
            parts.append(Segment(f"a point: {layout.together} × {layout.together} classes  ", self._muted))
        for name, cells in (
            ("right", [Cell("", "right", 0.1 + 0.6 * share, strong=True) for share in (0, 0.5, 1)]),
            ("wrong", [Cell("", "wrong", 0.12 + 0.6 * share**0.5) for share in (0, 0.4, 1)]),
        ):
            parts += [Segment(f"{name} ", self._muted)]
            parts += [Segment(self._shade_text(cell, 2), self._shade_style(cell)) for cell in cells]
            parts += [Segment("  ", self._muted)]
        edges = "edges: recall, precision" if layout.halves else "lower edge: precision"
        text = edges if layout.margin else ""
        return Strip([*parts, Segment(text, self._muted)])

    @property
    def caption(self) -> str:
        """Return the line below the matrix, for example ``10,000 images evaluated after epoch 7``."""
        matrix = self.shown.matrix
        return f"{scores.total(matrix):,} images {self.shown.caption}" if matrix else self.shown.caption

    def _heading(self, layout: MatrixLayout) -> list[Strip]:
        names, cell, (_, columns) = self.shown.names[:: layout.together], layout.cell, self._window(layout)
        marked = self.cursor[1] if self.cursor is not None and layout.cell < NARROWEST_CELL else None
        rows: list[list[str]]
        if cell >= NARROWEST_CELL:
            width = cell - 1
            texts = [str(at)[:width] for at in range(len(names))] if layout.numbered else heads(names, width)
            rows = [[f"{right_aligned(texts[at], width)} " for at in columns]]
        elif layout.numbered and layout.heading == 2:
            tens = [f"{at // 10}" if at >= 10 and (at % 10 == 0 or at == columns[0]) else "" for at in columns]
            rows = [[left_aligned(text, cell) for text in tens], [left_aligned(f"{at % 10}", cell) for at in columns]]
        else:
            texts = [str(at) for at in range(len(names))] if layout.numbered else list(names)
            is_too_long = any(len(texts[at]) > cell for at in columns)
            rows = [[left_aligned("" if is_too_long else texts[at], cell) for at in columns]]
        strips: list[Strip] = []
        for at, row in enumerate(rows):
            is_last = at == len(rows) - 1
            tail = "recall".rjust(layout.margin) if is_last and layout.margin >= len(" recall") else ""
            styles = [self._muted + Style(reverse=True) if column == marked else self._muted for column in columns]
            cells = [Segment(text, style) for text, style in zip(row, styles, strict=True)]
            corner = Segment(" " * layout.head, self._muted)
            strips.append(Strip([corner, *cells, Segment(tail, self._muted)]).simplify())
        return strips

    def _percentages(
        self, of: Callable[[Matrix], Sequence[float | None]], matrix: Matrix, digits: int = 1
    ) -> list[str]:
        if self.shown.base is None:
            return [percent(value, digits) for value in of(matrix)]
        pairs = zip(of(matrix), of(self.shown.base), strict=True)
        return [DASH if now is None or old is None else f"{signed(100 * (now - old), digits)}" for now, old in pairs]

    def _number_rows(self, layout: MatrixLayout, matrix: Matrix) -> list[Strip]:
        rows, columns = self._window(layout)
        cell = cell_maker(matrix, self.shown.view, layout.cell, self.shown.base)
        names = row_heads(self.shown.names, layout.head - 1, layout.numbered)
        recalls = self._percentages(scores.recalls, matrix)
        lines: list[Strip] = []
        for true in rows:
            cells = [cell(true, predicted) for predicted in columns]
            margin = f"{recalls[true]:>{MARGIN}}" if layout.margin and self.shown.matrix else ""
            lines += self._row_lines(f"{names[true]} ", true, cells, layout, margin)
        return lines

    def _row_lines(self, head: str, true: int, row: Sequence[Cell], layout: MatrixLayout, margin: str) -> list[Strip]:
        muted = self._muted
        has_shares = layout.has_shares and self.shown.base is None
        styles = [self._cell_style(cell) for cell in row]
        aligned = centred if has_shares else padded
        texts, shares = (aligned(texts, layout.cell) for texts in ([c.text for c in row], [c.below for c in row]))
        below = [Segment(text, style + Style(bold=False)) for text, style in zip(shares, styles, strict=True)]
        plain = list(styles)
        if self.cursor is not None and self.cursor[0] == true:
            at = self.cursor[1] - self.start[1]
            texts[at], styles[at] = bracketed(texts[at]), styles[at] + Style(bold=True, reverse=True)
        parts = [part for cell in zip(texts, styles, row, strict=True) for part in _cell_parts(*cell)]
        if has_shares:
            styles = plain
        blanks = [Segment(" " * layout.head, muted), *(Segment(" " * layout.cell, style) for style in styles)]
        lines = [Strip(blanks).simplify()] * layout.lines  # each segment costs some forty bytes
        middle = (layout.lines - 1) // 2
        lines[middle] = Strip([Segment(head, muted), *parts, Segment(margin, muted)]).simplify()
        if has_shares:
            lines[middle + 1] = Strip([Segment(" " * layout.head, muted), *below]).simplify()
        return lines

    def _shade_rows(self, layout: MatrixLayout, matrix: Matrix) -> list[Strip]:
        rows, columns = self._window(layout)
        shades = shades_of(matrix, self.shown.view, self.shown.base, layout.together)
        recalls = scores.recalls(matrix) if layout.margin and self.shown.matrix and layout.together == 1 else []
        if not layout.halves:
            lines: list[Strip] = []
            texts = [f"{percent(value, 1):>{layout.margin}}" for value in recalls]
            for true in rows:
                parts = [self._shade(shades[true][predicted], true, predicted, layout.cell) for predicted in columns]
                head = Segment(*self._row_head(layout, true))
                tail = [Segment(texts[true], self._muted)] if texts else []
                below = Strip([Segment(" " * layout.head, self._muted), *parts]).simplify()
                lines += [Strip([head, *parts, *tail]).simplify(), *[below] * (layout.lines - 1)]
            return lines
        return [
            self._half_line(layout, shades, recalls, upper, upper + 1 if upper + 1 in rows else None)
            for upper in rows[::2]
        ]

    def _half_line(
        self,
        layout: MatrixLayout,
        shades: Sequence[Sequence[Cell]],
        recalls: Sequence[float | None],
        upper: int,
        lower: int | None,
    ) -> Strip:
        """Return a line with two rows of shades."""
        parts, surface = list[Segment](), self._colours.surface
        for predicted in self._window(layout)[1]:
            colours = [
                surface if true is None else self._shade_colour(shades[true][predicted], true, predicted)
                for true in (upper, lower)
            ]
            parts.append(_half(colours[0], colours[1], 1))
        if recalls:
            edge = [
                surface if true is None else self._shade_colour(score_shade(recalls[true])) for true in (upper, lower)
            ]
            parts += [Segment(" ", self._muted), _half(edge[0], edge[1], 2)]
        head, style = self._row_head(layout, upper, lower)
        return Strip([Segment(head, style), *parts]).simplify()

    def _row_head(self, layout: MatrixLayout, true: int, lower: int | None = None) -> tuple[str, Style]:
        """Return the head of a row, or of two rows in one line, and its style: marked if the cursor is in it."""
        names, width = self.shown.names[:: layout.together], layout.head - 1
        at = self.cursor[0] if self.cursor is not None else None
        is_marked = at is not None and at in (true, lower)
        style = self._muted + Style(reverse=True) if is_marked else self._muted
        longest = max(map(len, names))
        if lower is not None and not layout.numbered and 2 * longest + 1 <= width:
            return left_aligned(f"{left_aligned(names[true], longest)} {names[lower]}", width) + " ", style
        shown = at if is_marked and at is not None else true
        return row_heads(names, width, layout.numbered)[shown] + " ", style

    def _shade(self, cell: Cell, true: int, predicted: int, width: int) -> Segment:
        if self.cursor == (true, predicted):
            text = "[]" if width >= 2 else "+"
            return Segment(text.center(width), self.rich_style + Style(bold=True, reverse=True))
        if self._is_plain:
            text = self._shade_text(cell, width)
            is_in_line = self.cursor is not None and (true == self.cursor[0] or predicted == self.cursor[1])
            return Segment("." * width if is_in_line and not text.strip() else text, self._shade_style(cell))
        colour = self._shade_colour(cell, true, predicted)
        return Segment(" " * width, Style(bgcolor=colour.rich_color))

    def _shade_text(self, cell: Cell, width: int) -> str:
        """Return a shade as characters; blanks where colours are the shades."""
        if not self._is_plain or cell.tone == "none":
            return " " * width
        if self.shown.base is not None:
            small, large = ("-", "=") if cell.tone == "wrong" else ("+", "#")
            return (large if cell.heat >= CHANGED else small) * width
        characters = ASCII_SHADES if self.app.settings.glyphs == "ascii" else SHADES
        return characters[min(len(characters) - 1, int(cell.heat / 0.73 * len(characters)))] * width

    def _shade_style(self, cell: Cell) -> Style:
        if not self._is_plain:
            return Style(bgcolor=self._shade_colour(cell).rich_color)
        return self.rich_style + Style(bold=cell.tone == "right")

    def _shade_colour(self, cell: Cell, true: int = -1, predicted: int = -1) -> Color:
        """Return the colour of a shade; row and column of the cursor are a little brighter where they are blank."""
        colours, cursor = self._colours, self.cursor
        if cursor is not None and (true == cursor[0] or predicted == cursor[1]):
            if cursor == (true, predicted):
                return colours.text
            if cell.tone == "none":
                return colours.line
        if cell.tone == "none":
            return colours.surface
        colour = colours.right if cell.tone == "right" else colours.wrong
        return _heated(colours.surface, colour, round(cell.heat * HEATS) / HEATS)

    @property
    def _colours(self) -> ShadeColours:
        if self._found_colours is None:
            surface, text = self.background_colors[1], self.colors[3]
            tones = (self.get_component_styles(f"confusion--{tone}").color for tone in ("right", "wrong"))
            self._found_colours = ShadeColours(surface, text, surface.blend(text, 0.14, alpha=1.0), *tones)
        return self._found_colours

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._found_colours = None

    def _precision_line(self, layout: MatrixLayout, matrix: Matrix) -> Strip:
        _, columns = self._window(layout)
        if not layout.numbers:
            values = scores.precisions(matrix)
            if layout.together > 1:
                return Strip([])
            label = next((text for text in PRECISION if len(text) < layout.head), "")
            head = Segment(left_aligned(label, layout.head), self._muted)
            return Strip([head, *(self._edge(values[at], layout.cell) for at in columns)]).simplify()
        digits = 1 if layout.cell >= 6 else 0
        values = [value.split(" ")[0] for value in self._percentages(scores.precisions, matrix, digits)]
        texts = padded([values[at] for at in columns], layout.cell)
        head, tail = (PRECISION[0], "") if layout.head > len(PRECISION[0]) else ("", " prec.")
        text = f"{head.ljust(layout.head)}{''.join(texts)}{tail}{'' if self.shown.base else ' %'}"
        return Strip([Segment(text, self._muted)])

    def _edge(self, precision: float | None, width: int) -> Segment:
        """Return the shade of a precision below its column; without colours its tenths, ``9`` for 90 % and more."""
        if self._is_plain:
            text = " " if precision is None else str(min(9, int(10 * precision)))
            return Segment(text.ljust(width), self._muted)
        colour = self._shade_colour(score_shade(precision))
        if self.app.settings.glyphs == "ascii":
            return Segment(" " * width, Style(bgcolor=colour.rich_color))
        return _half(self._colours.surface, colour, width)

    def _cell_style(self, cell: Cell) -> Style:
        if cell.tone == "none":
            return self._muted
        right, surface = cell.tone == "right", self.background_colors[1]
        colour = self.get_component_styles(f"confusion--{cell.tone}").color
        if colour.ansi is not None or surface.ansi is not None:
            return self.rich_style + Style(bold=right, reverse=not right and cell.strong)
        return _blended(surface, colour, round(cell.heat * HEATS) / HEATS, right)

    @property
    def _muted(self) -> Style:
        return self.component_style("confusion--head")


LISTS_GAP, LISTS_LEAST, LISTS_WIDEST, LIST_SHARE = 3, 24, 56, 10
"""Columns left of the lists beside shades, of narrow and of wide lists, and of a share with its blanks."""
SHADES, ASCII_SHADES = "░░▒▓█", ".:+*#"
CHANGED = 0.12 + 0.6 * (0.05 * 8) ** 0.5
"""The heat of a change of five points."""


@lru_cache(256)
def _heated(surface: Color, colour: Color, heat: float) -> Color:
    return surface.blend(colour, heat, alpha=1.0)


@lru_cache(256)
def _blended(surface: Color, colour: Color, heat: float, bold: bool) -> Style:
    background = _heated(surface, colour, heat)
    return Style(color=background.get_contrast_text(1.0).rich_color, bgcolor=background.rich_color, bold=bold)


def _half(upper: Color, lower: Color, width: int) -> Segment:
    """Return characters whose upper and lower halves have these colours."""
    style = _halves(upper, lower)
    return Segment((" " if style.color is None else "▀") * width, style)


@lru_cache(1024)
def _halves(upper: Color, lower: Color) -> Style:
    """Return the style of two halves; without a colour of its own for the upper one if they are equal."""
    return Style(color=None if upper == lower else upper.rich_color, bgcolor=lower.rich_color)


def _cell_parts(text: str, style: Style, cell: Cell) -> list[Segment]:
    start = text.find(cell.text)
    if not cell.worst or start < 0:
        return [Segment(text, style)]
    end = start + len(cell.text)
    underlined = style + Style(underline=True)
    return [Segment(text[:start], style), Segment(text[start:end], underlined), Segment(text[end:], style)]


class CellMatrix(ConfusionView, can_focus=True):
    """A matrix with a cell cursor. Moving the cursor posts `CellSelected`; Enter and a click post `CellChosen`.

    Where cells are shades, a click selects a cell, and a second click on it opens it.
    """

    HELP = f"""{ConfusionView.HELP}
    The arrow keys select a cell, shown in brackets or in white; Page up, Page down, Home and End go far. Enter or a
    click opens its images; where cells are shades, the first click selects. `z` shows the numbers around the cell.
    Comma and full stop show the epoch before and after, `<` and `>` ten epochs away.
    """
    BINDINGS = [
        bind("matrix.up", "up", "move(-1, 0)", "Up", "Select the cell above", hidden=True),
        bind("matrix.down", "down", "move(1, 0)", "Down", "Select the cell below", hidden=True),
        bind("matrix.left", "left", "move(0, -1)", "Left", "Select the cell to the left", hidden=True),
        bind("matrix.right", "right", "move(0, 1)", "Right", "Select the cell to the right", hidden=True),
        bind("matrix.page-up", "pageup", "page(-1)", "Page up", "Select a cell ten rows above", hidden=True),
        bind("matrix.page-down", "pagedown", "page(1)", "Page down", "Select a cell ten rows below", hidden=True),
        bind("matrix.row-start", "home", "column(0)", "Start", "Select the first cell of the row", hidden=True),
        bind("matrix.row-end", "end", "column(-1)", "End", "Select the last cell of the row", hidden=True),
        bind("matrix.images", "enter", "choose", "Images", "Open the images of the selected cell"),
    ]
    NARROWEST_WITH_MARGINS = NARROWEST_CELL
    SCROLLS = True
    cursor = cell = (0, 0)

    class CellSelected(Message):
        """Posted when the cursor is on another cell."""

    def look_at(self, cell: tuple[int, int]) -> None:
        """Move the cursor to a cell, given as true class and predicted class."""
        self.cursor = self.cell = cell
        self.draw()
        self.post_message(self.CellSelected())

    def zoom(self, zoomed: bool) -> None:
        """Show the numbers around the cursor, or the whole matrix again."""
        self.zoomed = zoomed
        layout = self.layout_now
        self.start = self.cell[0] - layout.rows // 2, self.cell[1] - layout.columns // 2
        self._entitle()
        self.draw()

    def cells_clicked(self, cells: Sequence[tuple[int, int]]) -> None:
        if self.layout_now.numbers or self.cell in cells:
            self.post_message(self.CellChosen(*(self.cell if self.cell in cells else cells[0])))
        elif matrix := self.shown.matrix:
            self.look_at(max(cells, key=lambda at: (at[0] != at[1] and matrix[at[0]][at[1]] > 0, matrix[at[0]][at[1]])))

    def action_move(self, down: int, right: int) -> None:
        (true, predicted), classes = self.cell, len(self.shown.names)
        self.look_at(((true + down) % classes, (predicted + right) % classes))

    def action_page(self, by: int) -> None:
        """Go ten rows up or down, at most to the first or the last one."""
        true, predicted = self.cell
        self.look_at((max(0, min(true + PAGE * by, len(self.shown.names) - 1)), predicted))

    def action_column(self, at: int) -> None:
        """Go to the first (0) or the last (-1) column."""
        self.look_at((self.cell[0], at % len(self.shown.names)))

    def action_choose(self) -> None:
        if self.shown.matrix:
            self.post_message(self.CellChosen(*self.cell))


def aligned(confusions: Sequence[Confusion]) -> list[str]:
    """Return each confusion in words, with blanks so that counts and shares stand below each other."""
    parts = [re.split(r"(?<=:) | of (?=[\d,]+, )|(?<=\d), (?=[\d.]+ %)", in_words(pair)) for pair in confusions]
    if any(len(each) != 4 for each in parts):
        return [in_words(pair) for pair in confusions]
    name, count, total, share = ([max(map(cell_len, column)) for column in zip(*parts, strict=True)]) or [0] * 4
    return [
        f"{left_aligned(each[0], name)} {each[1]:>{count}} of {each[2]:>{total}}, {each[3]:>{share}}" for each in parts
    ]


PAGE = 10
"""The rows that Page up and Page down pass over."""
GAP = 4


class WorstConfusions(Widget):
    """The worst confusions of a matrix as sentences, one or two in each line."""

    HELP = "**Worst confusions.** Those with the most images, largest first. `n` or a click selects one in the matrix."
    DEFAULT_CSS = """
    WorstConfusions { height: auto; }
    """

    @dataclass
    class ConfusionChosen(Message):
        """Posted when a confusion is clicked."""

        confusion: Confusion

    confusions: Sequence[Confusion] = ()
    _lines: Sequence[str] = ()

    def __init__(self, key: str = "") -> None:
        """Initialise the list; `key` selects the next confusion."""
        super().__init__(classes="pane -stacked")
        self.border_title = pane_title("Worst confusions", key)

    def show(self, matrix: Matrix | None, names: Sequence[str], base: Matrix | None) -> None:
        """List the worst confusions of `matrix`, with their change from `base` if there is one."""
        self.confusions = worst_confusions(matrix, names, WORST) if matrix else []
        changes = [
            f" ({signed(pair.count - base[pair.true][pair.predicted], 0)})" if base else "" for pair in self.confusions
        ]
        lines = [f"{text}{change}" for text, change in zip(aligned(self.confusions), changes, strict=True)]
        if not lines:
            lines = ["No image was confused." if matrix else "No epoch has ended yet."]
        if lines != self._lines:
            self._lines = lines
            self.refresh(layout=True)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows(width))

    def render(self) -> RenderResult:
        rows, width = self._rows(self.size.width), self.size.width
        return Content("\n").join(
            Content("".join(text.ljust(width // len(rows[0])) for _, text in row).rstrip()) for row in rows
        )

    def on_click(self, event: events.Click) -> None:
        offset, rows = event.get_content_offset(self), self._rows(self.size.width)
        if offset is None or offset.y >= len(rows):
            return
        row = rows[offset.y]
        at, _ = row[min(len(row) - 1, offset.x * len(rows[0]) // self.size.width)]
        if at < len(self.confusions):
            self.post_message(self.ConfusionChosen(self.confusions[at]))

    def _rows(self, width: int) -> list[list[tuple[int, str]]]:
        """Return the texts of each line, each with the index of its confusion; texts that are too long are wrapped."""
        numbered = list(enumerate(self._lines))
        longest = max(map(len, self._lines), default=0)
        if len(numbered) > 1 and 2 * longest + GAP <= width:
            return [numbered[at : at + 2] for at in range(0, len(numbered), 2)]
        return [[(at, part)] for at, line in numbered for part in wrap(line, max(width, 10))]
