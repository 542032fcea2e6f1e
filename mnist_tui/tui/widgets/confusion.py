"""The confusion matrix (rows are true classes, columns predicted ones): what its cells say, the widgets, the worst."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap
from typing import Literal, get_args

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.runs import scores
from mnist_tui.runs.events import Matrix
from mnist_tui.runs.scores import Confusion, in_words, worst_confusions
from mnist_tui.runs.state import RunState
from mnist_tui.tui.terminal.keymap import bind
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
DIGITS = tuple(map(str, range(10)))


def class_names(run: RunState) -> tuple[str, ...]:
    """Return the names of a run's classes; the digits before it has read its data."""
    return run.data.class_names if run.data else DIGITS


@dataclass(frozen=True)
class Cell:
    """The text and the look of one cell.

    Attributes:
        tone: right for the diagonal, wrong for errors; of a difference, right for better and wrong for worse.
        heat: 0 to 1, how far the tone covers the surface.
        strong: whether the cell is marked if there are no colours.
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
        base: is subtracted; cells then show the difference, with its sign.
    """
    worst = {(pair.true, pair.predicted) for pair in worst_confusions(matrix, DIGITS, WORST)} if base is None else set()
    return [
        [
            _cell(
                view,
                width,
                (count, sum(row)),
                None if base is None else (base[true][predicted], sum(base[true])),
                right=true == predicted,
                worst=(true, predicted) in worst,
            )
            for predicted, count in enumerate(row)
        ]
        for true, row in enumerate(matrix)
    ]


def _cell(
    view: View, width: int, now: tuple[int, int], base: tuple[int, int] | None, *, right: bool, worst: bool
) -> Cell:
    """Return a cell for the images in it and those in its row, or for their difference from `base`."""
    if right and view == "errors":
        return Cell("")
    digits = 1 if view == "percent" and width >= 6 else 0
    share = _share(now)
    if base is not None:
        change = share - _share(base)
        value = round(100 * change, digits) if view == "percent" else now[0] - base[0]
        if not value:
            return EMPTY
        better = (value > 0) == right
        noticeable = not better and abs(change) >= NOTICEABLE
        return Cell(signed(value, digits), "right" if better else "wrong", _heat(abs(change)), strong=noticeable)
    if not now[0]:
        return EMPTY
    text = f"{100 * share:.{digits}f}" if view == "percent" else f"{now[0]}"
    if not float(text):
        text = f"<{'0.1' if digits else '1'}"
    if right:
        return Cell(text, "right", 0.1 + 0.6 * share, strong=True, worst=worst)
    return Cell(text, "wrong", _heat(share), strong=share >= NOTICEABLE, worst=worst)


def _share(counts: tuple[int, int]) -> float:
    return counts[0] / counts[1] if counts[1] else 0.0


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
    """The layout of a matrix, in characters.

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


Line = tuple[Segment, ...]
ROOMY_SCREEN = 40
HEATS = 12
"""Steps of heat: few, so that a cell is drawn again only if the change can be seen."""
NOTHING = "no epoch has ended yet"


@dataclass(frozen=True)
class Shown:
    """The whole content of a matrix widget; see `ConfusionView.show`."""

    matrix: Matrix | None = None
    names: tuple[str, ...] = DIGITS
    caption: str = "reading …"
    view: View = "counts"
    base: Matrix | None = None


class ConfusionView(Widget):
    """Show a confusion matrix and the number of its images. Posts `CellChosen` when a cell is clicked."""

    HELP = """
    **Confusion matrix.** Each row is a true class, each column what the network said; the diagonal is right.
    The darker or brighter an off-diagonal cell, the larger the share of its row's images that went wrong that way.
    All cells together are the images evaluated. The five worst confusions are underlined. Recall is the share of a
    class's images that were recognised, precision the share of right ones among those read as it.
    """
    COMPONENT_CLASSES = {"confusion--right", "confusion--wrong", "confusion--head"}
    DEFAULT_CSS = """
    ConfusionView {
        border-top: solid $primary-muted;
        border-title-color: $foreground;
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
        """Posted when a cell is chosen, with its class numbers."""

        true: int
        predicted: int

    _title = ""
    _lines: Sequence[Line] = ()

    def __init__(self) -> None:
        super().__init__()
        self._styles: dict[tuple[Tone, float, bool], Style] = {}
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
        """Show a matrix, or its difference from `base`.

        Args:
            caption: follows the number of images: ``evaluated after epoch 7``.
        """
        shown = Shown(matrix, tuple(names), caption if matrix else NOTHING, view, base)
        if shown != self.shown:
            self.shown = shown
            self._entitle()
            self.draw()

    def _entitle(self) -> None:
        title = "  true ↓  predicted →"
        if self.shown.base or self.shown.view != "counts":
            title = f", {'change of ' if self.shown.base else ''}{VIEW_WORDS[self.shown.view]}{title}"
        if title != self._title:
            self._title = title
            self.border_title = Content.assemble(("confusion", "bold"), title)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the height: headings, ten rows and a caption; if there is room, precision and rows of two lines."""
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

    def draw(self) -> None:
        """Draw the matrix, and ask the terminal only for the lines that have changed.

        A stretch of a line that Textual sends begins at the widget's edge, so one a line is the cheapest.
        """
        if not self.size.area:
            return
        before, self._lines = self._lines, self._drawn()
        if len(before) != len(self._lines):
            self.refresh()
            return
        ends = (differs_until(old, new) for old, new in zip(before, self._lines, strict=True))
        regions = [Region(0, y, end, 1) for y, end in enumerate(ends) if end]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        if not self._lines and self.size.area:
            self._lines = self._drawn()
        line = self._lines[y] if y < len(self._lines) else ()
        return Strip(line).adjust_cell_length(self.size.width, self.rich_style)

    def on_resize(self) -> None:
        self.draw()

    def notify_style_update(self) -> None:
        """Draw every line again, because the theme has changed."""
        super().notify_style_update()
        self._styles.clear()
        self._lines = ()
        self.refresh()

    def _drawn(self) -> list[Line]:
        sizes = self._sizes(*self.size)
        matrix = self.shown.matrix or ((0,) * 10,) * 10
        margins = sizes.margins and bool(self.shown.matrix)
        lines = [self._head_line(sizes)]
        recalls = self._ratios(scores.recalls, matrix)
        for index, row in enumerate(cells_of(matrix, self.shown.view, sizes.cell, self.shown.base)):
            lines += self._row_lines(index, row, sizes, f"{recalls[index]:>{MARGIN}}" if margins else "")
        if margins and self.size.height > len(lines) + 1:
            lines.append(self._precision_line(matrix, sizes))
        lines.append((Segment(self.caption, self.rich_style),))
        return lines

    @property
    def caption(self) -> str:
        """Return ``10,000 images evaluated after epoch 7``."""
        matrix = self.shown.matrix
        return f"{scores.total(matrix):,} images {self.shown.caption}" if matrix else self.shown.caption

    def _ratios(self, of: Callable[[Matrix], Sequence[float | None]], matrix: Matrix, digits: int = 1) -> list[str]:
        """Return recalls or precisions in percent, or their change in percentage points (pp) if there is a base."""
        if self.shown.base is None:
            return [percent(value, digits) for value in of(matrix)]
        pairs = zip(of(matrix), of(self.shown.base), strict=True)
        return [DASH if now is None or old is None else f"{signed(100 * (now - old), digits)} pp" for now, old in pairs]

    def _head_line(self, sizes: Sizes) -> Line:
        columns = "".join(f"{head.rjust(sizes.cell - 1)} " for head in heads(self.shown.names, sizes.cell - 1))
        text = " " * sizes.head + columns + (f"{'recall':>{MARGIN}}" if sizes.margins else "")
        return (Segment(text, self._muted),)

    def _row_lines(self, index: int, row: Sequence[Cell], sizes: Sizes, margin: str) -> list[Line]:
        muted = self._muted
        head = heads(self.shown.names, sizes.head - 1)[index].ljust(sizes.head)
        styles = [self._cell_style(cell) for cell in row]
        texts = padded([cell.text for cell in row], sizes.cell)
        if self.cursor is not None and self.cursor[0] == index:
            at = self.cursor[1]
            texts[at], styles[at] = bracketed(texts[at]), styles[at] + Style(bold=True, reverse=True)
        parts = [part for cell in zip(texts, styles, row, strict=True) for part in _cell_parts(*cell)]
        blanks = [Segment(" " * sizes.head, muted), *(Segment(" " * sizes.cell, style) for style in styles)]
        lines: list[Line] = [tuple(Segment.simplify(blanks))] * sizes.lines  # each segment costs some forty bytes
        lines[(sizes.lines - 1) // 2] = tuple(Segment.simplify([Segment(head, muted), *parts, Segment(margin, muted)]))
        return lines

    def _precision_line(self, matrix: Matrix, sizes: Sizes) -> Line:
        digits = 1 if sizes.cell >= 6 else 0
        texts = padded([value.split(" ")[0] for value in self._ratios(scores.precisions, matrix, digits)], sizes.cell)
        head, tail = ("precision", "") if sizes.head > len("precision") else ("", " prec.")
        text = f"{head.ljust(sizes.head)}{''.join(texts)}{tail} {'pp' if self.shown.base else '%'}"
        return (Segment(text, self._muted),)

    def _cell_style(self, cell: Cell) -> Style:
        """Return a style by heat: the surface blended with a theme colour; bold and reverse without colours."""
        key = (cell.tone, round(cell.heat * HEATS) / HEATS, cell.strong)
        if key not in self._styles:
            self._styles[key] = self._heat_style(cell.tone, key[1], cell.strong)
        return self._styles[key]

    def _heat_style(self, tone: Tone, heat: float, strong: bool) -> Style:
        if tone == "none":
            return self._muted
        right = tone == "right"
        surface = self.background_colors[1]
        colour = self.get_component_styles(f"confusion--{tone}").color
        if colour.ansi is not None or surface.ansi is not None:
            return self.rich_style + Style(bold=right, reverse=not right and strong)
        background = surface.blend(colour, heat, alpha=1.0)
        text = background.get_contrast_text(1.0)
        return Style(color=text.rich_color, bgcolor=background.rich_color, bold=right)

    @property
    def _muted(self) -> Style:
        return self.get_component_rich_style("confusion--head")


def _cell_parts(text: str, style: Style, cell: Cell) -> list[Segment]:
    start = text.find(cell.text)
    if not cell.worst or start < 0:
        return [Segment(text, style)]
    end = start + len(cell.text)
    underlined = style + Style(underline=True)
    return [Segment(text[:start], style), Segment(text[start:end], underlined), Segment(text[end:], style)]


def differs_until(before: Line, after: Line) -> int:
    """Return the place after the last character that differs in text or style; 0 if none does."""
    if before == after:
        return 0
    old, new = ([(part.style, letter) for part in line for letter in part.text] for line in (before, after))
    return max((place + 1 for place, (one, other) in enumerate(zip_longest(old, new)) if one != other), default=0)


class CellMatrix(ConfusionView, can_focus=True):
    """Show a matrix with a cell cursor. Moving the cursor posts `CellSelected`; Enter and a click post `CellChosen`."""

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
    """List the worst confusions of a matrix, one a line, or two a line if there is room."""

    HELP = "**Worst confusions.** Those with the most images, largest first. `n` or a click selects one in the matrix."
    DEFAULT_CSS = """
    WorstConfusions {
        height: auto;
        border-top: solid $primary-muted;
        border-title-color: $foreground;
    }
    """

    @dataclass
    class ConfusionChosen(Message):
        """Posted when a confusion is clicked."""

        confusion: Confusion

    BORDER_TITLE = "[b]worst confusions[/b]"
    confusions: Sequence[Confusion] = ()
    _lines: Sequence[str] = ()

    def show(self, matrix: Matrix | None, names: Sequence[str], base: Matrix | None) -> None:
        """List the worst confusions of `matrix`, with their change since `base` if there is one."""
        self.confusions = worst_confusions(matrix, names, WORST) if matrix else []
        lines = [
            in_words(pair) + (f" ({signed(pair.count - base[pair.true][pair.predicted], 0)})" if base else "")
            for pair in self.confusions
        ]
        if not lines:
            lines = ["no image was confused" if matrix else "no epoch has ended yet"]
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
        """Return lines of one part or two, each with the number of its confusion; long ones are wrapped."""
        numbered = list(enumerate(self._lines))
        longest = max(map(len, self._lines), default=0)
        if len(numbered) > 1 and 2 * longest + GAP <= width:
            return [numbered[at : at + 2] for at in range(0, len(numbered), 2)]
        return [[(at, part)] for at, line in numbered for part in wrap(line, max(width, 10))]
