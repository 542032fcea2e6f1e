"""A confusion matrix: counts, shares, errors or differences with heat; rows the true class, columns the predicted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events
from textual.app import RenderResult
from textual.color import Color
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from mnist_tui.report.wording import DASH
from mnist_tui.runs import scores
from mnist_tui.runs.events import Matrix
from mnist_tui.tui.quantities import share
from mnist_tui.tui.widgets.matrix.confusion_cells import VIEW_WORDS, Cell, View, cells_of, signed
from mnist_tui.tui.widgets.matrix.confusion_layout import (
    HEIGHT,
    HEIGHT_DOUBLED,
    MARGIN,
    NARROWEST_CELL,
    Sizes,
    bracketed,
    heads,
    padded,
    row_texts,
    sizes_for,
)

__all__ = ["DIGITS", "ConfusionView", "heads", "row_texts", "sizes_for"]

DIGITS = tuple(map(str, range(10)))
ROOMY_SCREEN = 40
NOTHING = "no epoch has ended yet"


@dataclass(frozen=True)
class Shown:
    """What a matrix widget shows.

    Attributes:
        caption: what was counted when, after the number of images.
        base: what is taken away from the matrix, for a difference.
    """

    matrix: Matrix | None = None
    names: tuple[str, ...] = DIGITS
    caption: str = NOTHING
    view: View = "counts"
    base: Matrix | None = None


class ConfusionView(Widget):
    """A matrix with the number of images that it counts. Posts `Chosen` where a cell is clicked."""

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

    class Chosen(Message):
        """A cell was chosen: class numbers."""

        def __init__(self, true: int, predicted: int) -> None:
            super().__init__()
            self.true, self.predicted = true, predicted

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shown = Shown()
        self.cursor: tuple[int, int] | None = None
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
        """Draws the matrix, or what it is more and less than `base`.

        Args:
            caption: what was counted when, after the number of images.
        """
        shown = Shown(matrix, tuple(names), caption if matrix else NOTHING, view, base)
        if shown != self.shown:
            self.shown = shown
            self._entitle()
            self.refresh(layout=False)

    def _entitle(self) -> None:
        words = f"{'change of ' if self.shown.base else ''}{VIEW_WORDS[self.shown.view]}"
        plain = self.shown.view == "counts" and not self.shown.base
        self.border_title = f"[b]confusion[/b]{'' if plain else f', {words}'}  true ↓  predicted →"

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The heads, ten rows and the caption; where there is room also precision, and two lines a row."""
        margins = self._sizes(width, 0).margins
        return (HEIGHT_DOUBLED if viewport.height >= ROOMY_SCREEN else HEIGHT) + margins

    def _sizes(self, width: int, height: int) -> Sizes:
        return sizes_for(width, height, self.shown.names, self.NARROWEST_WITH_MARGINS)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        cell = self._sizes(*self.size).cell_at(*offset) if offset is not None else None
        if cell is not None and self.shown.matrix:
            event.stop()
            self.post_message(self.Chosen(*cell))

    def render(self) -> RenderResult:
        sizes = self._sizes(*self.size)
        matrix = self.shown.matrix or ((0,) * 10,) * 10
        margins = sizes.margins and bool(self.shown.matrix)
        lines = [self._head_line(sizes)]
        recalls = self._ratios(scores.recalls, matrix)
        for index, row in enumerate(cells_of(matrix, self.shown.view, sizes.cell, self.shown.base)):
            lines += self._row_lines(index, row, sizes, f"{recalls[index]:>{MARGIN}}" if margins else "")
        if margins and self.size.height > len(lines) + 1:
            lines.append(self._precision_line(matrix, sizes))
        lines.append(Content(self.caption))
        return Content("\n").join(lines)

    @property
    def caption(self) -> str:
        """``10,000 images evaluated after epoch 7``."""
        matrix = self.shown.matrix
        return f"{scores.total(matrix):,} images {self.shown.caption}" if matrix else self.shown.caption

    def _ratios(self, of: Callable[[Matrix], Sequence[float | None]], matrix: Matrix, digits: int = 1) -> list[str]:
        """Recalls or precisions in percent; their change in percentage points (pp) where there is a base."""
        if self.shown.base is None:
            return [share(value, digits) for value in of(matrix)]
        pairs = zip(of(matrix), of(self.shown.base), strict=True)
        return [DASH if new is None or old is None else f"{signed(100 * (new - old), digits)} pp" for new, old in pairs]

    def _head_line(self, sizes: Sizes) -> Content:
        columns = "".join(f"{head.rjust(sizes.cell - 1)} " for head in heads(self.shown.names, sizes.cell - 1))
        text = " " * sizes.head + columns + (f"{'recall':>{MARGIN}}" if sizes.margins else "")
        return Content.styled(text, self._style("confusion--head"))

    def _row_lines(self, index: int, row: Sequence[Cell], sizes: Sizes, margin: str) -> list[Content]:
        muted = self._style("confusion--head")
        head = heads(self.shown.names, sizes.head - 1)[index].ljust(sizes.head)
        styles = [self._cell_style(cell) for cell in row]
        texts = padded([cell.text for cell in row], sizes.cell)
        if self.cursor is not None and self.cursor[0] == index:
            at = self.cursor[1]
            texts[at], styles[at] = bracketed(texts[at]), styles[at] + Style(bold=True, reverse=True)
        line = Content.assemble(
            Content.styled(head, muted),
            *(self._cell_text(*parts) for parts in zip(texts, styles, row, strict=True)),
            Content.styled(margin, muted),
        )
        blank = Content.assemble(" " * sizes.head, *(Content.styled(" " * sizes.cell, style) for style in styles))
        return [*[blank] * sizes.middle, line, *[blank] * (sizes.lines - 1 - sizes.middle)]

    def _cell_text(self, text: str, style: Style, cell: Cell) -> Content:
        """The number underlined where the confusion is one of the worst."""
        content = Content.styled(text, style)
        start = text.find(cell.text)
        return content.stylize("underline", start, start + len(cell.text)) if cell.worst and start >= 0 else content

    def _precision_line(self, matrix: Matrix, sizes: Sizes) -> Content:
        digits = 1 if sizes.cell >= 6 else 0
        texts = padded([value.split(" ")[0] for value in self._ratios(scores.precisions, matrix, digits)], sizes.cell)
        unit = "pp" if self.shown.base else "%"
        head = "precision" if sizes.head > len("precision") else ""
        tail = f" {unit}" if head else f" prec. {unit}"
        return Content.styled(head.ljust(sizes.head) + "".join(texts) + tail, self._style("confusion--head"))

    def _cell_style(self, cell: Cell) -> Style:
        """Heat: the surface blended towards a token of the theme; bold and reverse where there are no colours."""
        if cell.tone == "none":
            return self._style("confusion--head")
        right = cell.tone == "right"
        surface = self.background_colors[1]
        tone: Color = self.get_component_styles(f"confusion--{cell.tone}").color
        if tone.ansi is not None or surface.ansi is not None:
            return Style(bold=right, reverse=not right and cell.strong)
        background = surface.blend(tone, cell.heat, alpha=1.0)
        return Style(background=background, foreground=background.get_contrast_text(1.0), bold=right)

    def _style(self, component: str) -> Style:
        return self.get_visual_style(component)
