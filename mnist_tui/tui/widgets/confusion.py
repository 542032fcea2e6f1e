"""A live confusion matrix: counts with heat, rows the true class, columns the predicted one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import RenderResult
from textual.color import Color
from textual.content import Content
from textual.geometry import Size
from textual.style import Style
from textual.widget import Widget

from mnist_tui.runs import scores
from mnist_tui.runs.events import Matrix
from mnist_tui.tui.quantities import share

DIGITS = tuple(map(str, range(10)))
NARROWEST_CELL, WIDEST_CELL = 4, 8
MARGIN = 9
LONGEST_HEAD = 12
HEIGHT, HEIGHT_DOUBLED = 12, 22
"""Lines for heads, rows and caption, with one line a row and with two."""
ROOMY_SCREEN = 40
NOTHING = "no epoch has ended yet"


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


def sizes_for(width: int, height: int, names: Sequence[str]) -> Sizes:
    """The most generous layout that fits; the narrowest where none does."""
    longest = max(map(len, names), default=1)
    short = min(longest, 3) + 1
    margins = width >= short + 10 * (NARROWEST_CELL + 1) + MARGIN
    for head in (min(longest, LONGEST_HEAD) + 1, short):
        cell = (width - head - (MARGIN if margins else 0)) // 10
        if cell >= NARROWEST_CELL + (head > short):
            break
    lines = 2 if height >= HEIGHT_DOUBLED else 1
    return Sizes(head, max(NARROWEST_CELL, min(cell, WIDEST_CELL)), lines, margins)


def heads(names: Sequence[str], width: int) -> list[str]:
    """The names cut to `width`, at the end of a word where one is near; by number where two would look the same."""
    cut = [_cut(name, width) for name in names]
    return cut if len(set(cut)) == len(cut) else [str(index)[:width] for index in range(len(names))]


def _cut(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    word = re.match(r".{3,}(?=[ /_])", name[: width + 1])
    return (word[0] if word else name[:width]).rstrip()


def row_texts(counts: Sequence[int], cell: int) -> list[str]:
    """One row's cells: right-aligned with a space after, zero as a dot; a full cell never touches the next number."""
    texts: list[str] = []
    for count in counts:
        text = f"{count}" if count else "·"
        if len(text) < cell:
            touches = len(text) == cell - 1 and texts and not texts[-1].endswith(" ")
            text = f" {text}" if touches else f"{text.rjust(cell - 1)} "
        texts.append(text[:cell] if len(text) <= cell else "9" * (cell - 1) + "+")
    return texts


class ConfusionView(Widget):
    """The matrix of the newest epoch, with the number of images that it counts."""

    HELP = """
    **Confusion matrix.** Each row is a true class, each column what the network said; the diagonal is right.
    The darker or brighter an off-diagonal cell, the larger the share of its row's images that went wrong that way.
    All cells together are the images evaluated.
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

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "[b]confusion[/b]  true ↓  predicted →"
        self._matrix: Matrix | None = None
        self._names: Sequence[str] = DIGITS
        self._caption = NOTHING

    def show(self, matrix: Matrix | None, names: Sequence[str], caption: str) -> None:
        """Draws the matrix; `caption` says what was counted when, after the number of images."""
        caption = caption if matrix else NOTHING
        if matrix is self._matrix and tuple(names) == tuple(self._names) and caption == self._caption:
            return
        self._matrix, self._names, self._caption = matrix, tuple(names), caption
        self.refresh(layout=False)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The heads, ten rows and the caption; where there is room also precision, and two lines a row."""
        margins = sizes_for(width, 0, self._names).margins
        return (HEIGHT_DOUBLED if viewport.height >= ROOMY_SCREEN else HEIGHT) + margins

    def render(self) -> RenderResult:
        sizes = sizes_for(self.size.width, self.size.height, self._names)
        matrix = self._matrix or ((0,) * 10,) * 10
        recalls = scores.recalls(matrix) if sizes.margins and self._matrix else []
        lines = [self._head_line(sizes)]
        for index, row in enumerate(matrix):
            margin = f"{share(recalls[index], 1):>{MARGIN}}" if recalls else ""
            lines += self._row_lines(index, row, sizes, margin)
        if recalls and self.size.height > len(lines) + 1:
            lines.append(self._precision_line(matrix, sizes))
        lines.append(Content(self.caption))
        return Content("\n").join(lines)

    @property
    def caption(self) -> str:
        """``10,000 images evaluated after epoch 7``."""
        return f"{scores.total(self._matrix):,} images {self._caption}" if self._matrix else self._caption

    def _head_line(self, sizes: Sizes) -> Content:
        columns = "".join(f"{head.rjust(sizes.cell - 1)} " for head in heads(self._names, sizes.cell - 1))
        text = " " * sizes.head + columns + (f"{'recall':>{MARGIN}}" if sizes.margins else "")
        return Content.styled(text, self._style("confusion--head"))

    def _row_lines(self, index: int, row: Sequence[int], sizes: Sizes, margin: str) -> list[Content]:
        head = heads(self._names, sizes.head - 1)[index].ljust(sizes.head)
        styles = [self._cell_style(index, column, count, sum(row)) for column, count in enumerate(row)]
        texts = row_texts(row, sizes.cell)
        line = Content.assemble(
            Content.styled(head, self._style("confusion--head")),
            *(Content.styled(text, style) for text, style in zip(texts, styles, strict=True)),
            Content.styled(margin, self._style("confusion--head")),
        )
        blank = Content.assemble(" " * sizes.head, *(Content.styled(" " * sizes.cell, style) for style in styles))
        return [line, *[blank] * (sizes.lines - 1)]

    def _precision_line(self, matrix: Matrix, sizes: Sizes) -> Content:
        digits = 1 if sizes.cell >= 6 else 0
        cells = [f"{share(value, digits).removesuffix(' %'):>{sizes.cell - 1}} " for value in scores.precisions(matrix)]
        head = "" if sizes.head < 10 else "precision %"[: sizes.head - 1]
        tail = " prec. %" if not head else ""
        return Content.styled(head.ljust(sizes.head) + "".join(cells) + tail, self._style("confusion--head"))

    def _cell_style(self, true: int, predicted: int, count: int, total: int) -> Style:
        """Heat: the surface blended towards a token of the theme, by the share of the row."""
        right = true == predicted
        surface = self.background_colors[1]
        tone: Color = self.get_component_styles("confusion--right" if right else "confusion--wrong").color
        part = count / total if total else 0.0
        heat = (0.1 + 0.6 * part) if right else (0.12 + 0.6 * min(1.0, part * 8) ** 0.5)
        if not count:
            return self._style("confusion--head")
        if tone.ansi is not None or surface.ansi is not None:
            return Style(bold=right, reverse=not right and part >= 0.05)
        background = surface.blend(tone, heat, alpha=1.0)
        return Style(background=background, foreground=background.get_contrast_text(1.0), bold=right)

    def _style(self, component: str) -> Style:
        return self.get_visual_style(component)
