"""The confusion matrix (rows are true classes, columns predicted ones): its cells, its layout and its widgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from textwrap import wrap
from typing import Literal, get_args

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
from mnist_tui.tui.widgets.text import DrawnWidget
from mnist_tui.wording import DASH, percent, signed

View = Literal["counts", "percent", "errors"]
VIEWS: tuple[View, ...] = get_args(View)
VIEW_WORDS: dict[View, str] = {"counts": "images", "percent": "% of the true class", "errors": "wrong images only"}
Tone = Literal["right", "wrong", "none"]
NOTICEABLE = 0.05
"""Errors with at least this share of their row (or this change of it) are marked if there are no colours."""
GAIN = 8
"""Errors are rare, so a share of 1/8 already has the strongest colour."""
WORST = 5
DIGITS = tuple("0123456789")


def class_names(run: RunState) -> tuple[str, ...]:
    """Return the names of a run's classes; the ten digits if the run has not read its data yet."""
    return run.data.class_names if run.data else DIGITS


@dataclass(frozen=True)
class Cell:
    """The text and the look of one cell.

    Attributes:
        tone: ``right`` on the diagonal, ``wrong`` for errors; in a difference ``right`` is better and ``wrong`` worse.
        heat: 0 to 1, the share of the tone's colour in the background.
        strong: whether the cell is marked if there are no colours.
        worst: whether the cell is one of the worst confusions.
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
        width: characters of a cell; percentages have a decimal from six on.
        base: counts to subtract; cells then show the difference, with its sign.
    """
    worst = {(pair.true, pair.predicted) for pair in worst_confusions(matrix, DIGITS, WORST)}
    digits = 1 if view == "percent" and width >= 6 else 0

    def cell(true: int, predicted: int) -> Cell:
        count, right = matrix[true][predicted], true == predicted
        share = count / (sum(matrix[true]) or 1)
        if right and view == "errors":
            return Cell("")
        if base is not None:
            change = share - base[true][predicted] / (sum(base[true]) or 1)
            value = round(100 * change, digits) if view == "percent" else count - base[true][predicted]
            better = (value > 0) == right
            tone: Tone = "right" if better else "wrong"
            noticeable = not better and abs(change) >= NOTICEABLE
            text = signed(value, digits).replace(",", "")  # as counts: a cell has no room for separators
            return Cell(text, tone, _heat(abs(change)), strong=noticeable) if value else EMPTY
        if not count:
            return EMPTY
        text = f"{100 * share:.{digits}f}" if view == "percent" else f"{count}"
        if not float(text):
            text = f"<{'0.1' if digits else '1'}"
        if right:
            return Cell(text, "right", 0.1 + 0.6 * share, strong=True)
        return Cell(text, "wrong", _heat(share), strong=share >= NOTICEABLE, worst=(true, predicted) in worst)

    return [[cell(true, predicted) for predicted in range(len(row))] for true, row in enumerate(matrix)]


def _heat(share: float) -> float:
    return 0.12 + 0.6 * min(1.0, share * GAIN) ** 0.5


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
    """The layout of a matrix: width of row heads and cells, height of a row, and whether recall and precision fit."""

    head: int
    cell: int
    lines: int
    margins: bool

    def cell_at(self, x: int, y: int) -> tuple[int, int] | None:
        """Return row and column of the cell at a point of the matrix; None for heads and margins."""
        row, column = (y - 1) // self.lines, (x - self.head) // self.cell
        return (row, column) if 0 <= row < 10 and 0 <= column < 10 else None


def sizes_for(width: int, height: int, names: Sequence[str], narrowest_with_margins: int = NARROWEST_CELL + 1) -> Sizes:
    """Return the largest layout that fits, or the narrowest if none does.

    Args:
        narrowest_with_margins: the least width of a cell if recall and precision are shown, too.
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


ROOMY_SCREEN = 40
"""Lines of a terminal from which a row has two lines."""
HEATS = 12
"""Steps of heat: few, so that a cell is drawn again only if the change can be seen."""
NOTHING = "no epoch has ended yet"
AXES = "true ↓ predicted →"


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
    class's images that were recognised, precision the share of right ones among those read as it.
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
    shown = Shown()
    cursor: tuple[int, int] | None = None

    @dataclass
    class CellChosen(Message):
        """Posted when a cell is clicked or opened with Enter, with its class numbers."""

        true: int
        predicted: int

    _note = ""

    def __init__(self, key: str = "", *, id: str | None = None) -> None:
        """Initialise the matrix; `key` is the key that leads to it in full, for the title."""
        super().__init__(classes="pane -stacked", id=id)
        self._key = key
        self._entitle()

    def show(
        self,
        matrix: Matrix | None,
        names: Sequence[str],
        caption: str,
        *,
        view: View = "counts",
        base: Matrix | None = None,
    ) -> None:
        """Show a matrix, or its change from `base`; the caption (``evaluated after epoch 7``) follows the count."""
        shown = Shown(matrix, tuple(names), caption if matrix else NOTHING, view, base)
        if shown != self.shown:
            self.shown = shown
            self._entitle()
            self.draw()

    def _entitle(self) -> None:
        what = f"{'change of ' if self.shown.base else ''}{VIEW_WORDS[self.shown.view]}"
        note = f"{what}, {AXES}" if self.shown.base or self.shown.view != "counts" else AXES
        if note != self._note:
            self._note = note
            self.border_title = pane_title("Confusion", self._key, note)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines of headings, ten rows and a caption; on a high screen with precision and two lines a row."""
        margins = self._sizes(width, 0).margins
        return (HEIGHT_DOUBLED if viewport.height >= ROOMY_SCREEN else HEIGHT) + margins

    def _sizes(self, width: int, height: int) -> Sizes:
        return sizes_for(width, height, self.shown.names, self.NARROWEST_WITH_MARGINS)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        cell = self._sizes(*self.size).cell_at(*offset) if offset is not None else None
        if cell is not None and self.shown.matrix:
            event.stop()
            self.post_message(self.CellChosen(*cell))

    def strips(self) -> list[Strip]:
        sizes = self._sizes(*self.size)
        matrix = self.shown.matrix or ((0,) * 10,) * 10
        margins = sizes.margins and bool(self.shown.matrix)
        columns = "".join(f"{head.rjust(sizes.cell - 1)} " for head in heads(self.shown.names, sizes.cell - 1))
        heading = " " * sizes.head + columns + (f"{'recall':>{MARGIN}}" if sizes.margins else "")
        lines = [Strip([Segment(heading, self._muted)])]
        recalls = self._percentages(scores.recalls, matrix)
        for index, row in enumerate(cells_of(matrix, self.shown.view, sizes.cell, self.shown.base)):
            lines += self._row_lines(index, row, sizes, f"{recalls[index]:>{MARGIN}}" if margins else "")
        if margins and self.size.height > len(lines) + 1:
            lines.append(self._precision_line(matrix, sizes))
        lines.append(Strip([Segment(self.caption, self.rich_style)]))
        return lines

    @property
    def caption(self) -> str:
        """Return the line below the matrix, for example ``10,000 images evaluated after epoch 7``."""
        matrix = self.shown.matrix
        return f"{scores.total(matrix):,} images {self.shown.caption}" if matrix else self.shown.caption

    def _percentages(
        self, of: Callable[[Matrix], Sequence[float | None]], matrix: Matrix, digits: int = 1
    ) -> list[str]:
        if self.shown.base is None:
            return [percent(value, digits) for value in of(matrix)]
        pairs = zip(of(matrix), of(self.shown.base), strict=True)
        return [DASH if now is None or old is None else f"{signed(100 * (now - old), digits)} pp" for now, old in pairs]

    def _row_lines(self, index: int, row: Sequence[Cell], sizes: Sizes, margin: str) -> list[Strip]:
        muted = self._muted
        head = heads(self.shown.names, sizes.head - 1)[index].ljust(sizes.head)
        styles = [self._cell_style(cell) for cell in row]
        texts = padded([cell.text for cell in row], sizes.cell)
        if self.cursor is not None and self.cursor[0] == index:
            at = self.cursor[1]
            texts[at], styles[at] = bracketed(texts[at]), styles[at] + Style(bold=True, reverse=True)
        parts = [part for cell in zip(texts, styles, row, strict=True) for part in _cell_parts(*cell)]
        blanks = [Segment(" " * sizes.head, muted), *(Segment(" " * sizes.cell, style) for style in styles)]
        lines = [Strip(blanks).simplify()] * sizes.lines  # each segment costs some forty bytes
        lines[(sizes.lines - 1) // 2] = Strip([Segment(head, muted), *parts, Segment(margin, muted)]).simplify()
        return lines

    def _precision_line(self, matrix: Matrix, sizes: Sizes) -> Strip:
        digits = 1 if sizes.cell >= 6 else 0
        texts = padded(
            [value.split(" ")[0] for value in self._percentages(scores.precisions, matrix, digits)], sizes.cell
        )
        head, tail = ("precision", "") if sizes.head > len("precision") else ("", " prec.")
        text = f"{head.ljust(sizes.head)}{''.join(texts)}{tail} {'pp' if self.shown.base else '%'}"
        return Strip([Segment(text, self._muted)])

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


@lru_cache(256)
def _blended(surface: Color, colour: Color, heat: float, bold: bool) -> Style:
    background = surface.blend(colour, heat, alpha=1.0)
    return Style(color=background.get_contrast_text(1.0).rich_color, bgcolor=background.rich_color, bold=bold)


def _cell_parts(text: str, style: Style, cell: Cell) -> list[Segment]:
    start = text.find(cell.text)
    if not cell.worst or start < 0:
        return [Segment(text, style)]
    end = start + len(cell.text)
    underlined = style + Style(underline=True)
    return [Segment(text[:start], style), Segment(text[start:end], underlined), Segment(text[end:], style)]


class CellMatrix(ConfusionView, can_focus=True):
    """A matrix with a cell cursor. Moving the cursor posts `CellSelected`; Enter and a click post `CellChosen`."""

    HELP = f"""{ConfusionView.HELP}
    The arrow keys select a cell, shown in brackets; Enter or a click opens its images. Comma and full stop show the
    epoch before and after, `<` and `>` ten epochs away.
    """
    BINDINGS = [
        bind("matrix.up", "up", "move(-1, 0)", "Up", "Select the cell above", hidden=True),
        bind("matrix.down", "down", "move(1, 0)", "Down", "Select the cell below", hidden=True),
        bind("matrix.left", "left", "move(0, -1)", "Left", "Select the cell to the left", hidden=True),
        bind("matrix.right", "right", "move(0, 1)", "Right", "Select the cell to the right", hidden=True),
        bind("matrix.images", "enter", "choose", "Images", "Open the images of the selected cell"),
    ]
    NARROWEST_WITH_MARGINS = NARROWEST_CELL
    cursor = cell = (0, 0)

    class CellSelected(Message):
        """Posted when the cursor is on another cell."""

    def look_at(self, cell: tuple[int, int]) -> None:
        """Move the cursor to a cell, given as true class and predicted class."""
        self.cursor = self.cell = cell
        self.draw()
        self.post_message(self.CellSelected())

    def action_move(self, down: int, right: int) -> None:
        true, predicted = self.cell
        self.look_at(((true + down) % 10, (predicted + right) % 10))

    def action_choose(self) -> None:
        if self.shown.matrix:
            self.post_message(self.CellChosen(*self.cell))


GAP = 2


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

    def __init__(self, key: str) -> None:
        """Initialise the list; `key` selects the next confusion."""
        super().__init__(classes="pane -stacked")
        self.border_title = pane_title("Worst confusions", key)

    def show(self, matrix: Matrix | None, names: Sequence[str], base: Matrix | None) -> None:
        """List the worst confusions of `matrix`, with their change from `base` if there is one."""
        self.confusions = worst_confusions(matrix, names, WORST) if matrix else []
        lines = [
            in_words(pair) + (f" ({signed(pair.count - base[pair.true][pair.predicted], 0)})" if base else "")
            for pair in self.confusions
        ]
        if not lines:
            lines = ["no image was confused" if matrix else NOTHING]
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
