"""Widgets of which only what has changed is sent to the terminal: plain text, tables, bars, and a base for drawings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Self

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events, getters
from textual.app import ComposeResult
from textual.containers import Grid
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget
from textual.widgets import Static

from mnist_tui.columns import Column, text_table
from mnist_tui.settings import BAR_FULL, BAR_HALF, BAR_REST, Glyphs

if TYPE_CHECKING:
    from mnist_tui.tui.bench import Bench


class Line(Static):
    """Plain text without markup.

    Of a new text only the characters that have changed are sent, and it causes a new layout only if it needs another
    size.

    Args:
        cut: whether a line that is too long ends in an ellipsis; else it is wrapped at words.
    """

    def __init__(self, text: str = "", *, cut: bool = False, id: str | None = None, classes: str | None = None) -> None:
        self._changed: list[Region] = []
        super().__init__(text, id=id, classes=classes, markup=False)
        self.text, self._shown = text, Content(text)
        if cut:
            self.styles.text_wrap, self.styles.text_overflow = "nowrap", "ellipsis"

    def say(self, text: str | Content) -> None:
        """Show another text, which may have styles."""
        content = Content(text) if isinstance(text, str) else text
        if content.is_same(self._shown):
            return
        self.text, self._shown = content.plain, content
        if not self.size:
            self.update(content)
            return
        before = self._needed_size()
        self._changed = changed_regions(self._drawn(self.visual), self._drawn(content))
        self.update(content, layout=False)
        self._changed = []
        if self._needed_size() != before:
            self.refresh(layout=True)

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        return super().refresh(*(regions or self._changed), repaint=repaint, layout=layout, recompose=recompose)

    def _drawn(self, text: Visual) -> list[Strip]:
        return Visual.to_strips(self, text, *self.content_size, self.visual_style, pad=True)

    def _needed_size(self) -> tuple[int, int]:
        size, width = self.container_size, self.styles.width
        needed = self.get_content_width(size, size) if width is not None and width.is_auto else 0
        return needed, self.get_content_height(size, size, self.content_size.width)


@dataclass(frozen=True)
class LinePart:
    """A part of a line: its text, its style, and the screen's action that a click on it runs; none if it is empty."""

    text: str
    style: str = ""
    action: str = ""


class PartsLine(Static):
    """A line of parts, of which some run an action of the screen when they are clicked."""

    DEFAULT_CSS = "PartsLine { height: 1; padding: 0 1; color: $text-muted; }"
    ALLOW_SELECT = False
    parts: tuple[LinePart, ...] = ()

    def show(self, parts: Sequence[LinePart]) -> None:
        """Show other parts."""
        if tuple(parts) != self.parts:
            self.parts = tuple(parts)
            self.update(Content.assemble(*((part.text, part.style) for part in parts)), layout=False)

    async def on_click(self, event: events.Click) -> None:
        offset, start = event.get_content_offset(self), 0
        for part in self.parts:
            end = start + cell_len(part.text)
            if offset is not None and start <= offset.x < end and part.action:
                await self.screen.run_action(part.action)
            start = end


class FactGrid(Grid):
    """Named facts; a name without a value is hidden."""

    DEFAULT_CSS = """
    FactGrid {
        grid-size: 2;
        grid-columns: 11 1fr;
        grid-rows: auto;
        grid-gutter: 0 1;
        height: auto;
        .facts--name { color: $text-muted; height: auto; }
        .facts--value { height: auto; }
    }
    """

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines = {name: (Line(name, classes="facts--name"), Line(classes="facts--value")) for name in names}

    def compose(self) -> ComposeResult:
        for pair in self._lines.values():
            yield from pair

    def show(self, facts: Mapping[str, str]) -> None:
        """Show values by their names."""
        for name, (label, value) in self._lines.items():
            text = facts.get(name, "")
            label.display = value.display = bool(text)
            value.say(text)


class TableView(Widget):
    """Rows of text below a header; columns are left out if there is no room.

    Args:
        total: whether the last row is a total, in bold type.
        below: a column whose text is written below its row if the column does not fit, and the columns of which one
            must have a value for that.
    """

    DEFAULT_CSS = "TableView { width: 1fr; height: auto; }"
    BOLD = "bold"
    """The style of the row in bold type."""
    rows: Sequence[Sequence[str]] = ()
    _bold: int | None = None

    def __init__(
        self, columns: Sequence[Column], *, total: bool = False, below: tuple[int, tuple[int, ...]] | None = None
    ) -> None:
        super().__init__()
        self._columns, self._total, self._below = columns, total, below

    def show(self, rows: Sequence[Sequence[str]], bold: int | None = None) -> None:
        """Show rows; the row with the index `bold` is in bold type."""
        bold = len(rows) - 1 if self._total else bold
        if (rows, bold) != (self.rows, self._bold):
            lines = len(self.lines(self.content_size.width))
            self.rows, self._bold = rows, bold
            self.refresh(layout=len(self.lines(self.content_size.width)) != lines)

    def lines(self, width: int) -> list[Content]:
        """Return the lines of the table for a width in characters."""
        if not self.rows:
            return []
        fitted = text_table(self._columns, self.rows, width)
        lines = [Content.styled(fitted.header, "bold $foreground-muted")]
        for at, (line, row) in enumerate(zip(fitted.lines, self.rows, strict=True)):
            lines.append(Content.styled(line, self.BOLD) if at == self._bold else Content(line))
            if text := self._text_below(row, fitted.shown):
                lines.append(Content.styled(f"  {text}", "$foreground-muted"))
        return lines

    def _text_below(self, row: Sequence[str], shown: Sequence[int]) -> str:
        if self._below is None or self._below[0] in shown:
            return ""
        column, counting = self._below
        return row[column] if any(row[at].strip("–") for at in counting) else ""

    def render(self) -> Content:
        return Content("\n").join(self.lines(self.content_size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width))


class DrawnWidget(Widget):
    """A widget that draws all its lines at once and sends only the characters that have changed.

    A subclass returns its lines from `strips`, with their background, and calls `draw` after a change. Nothing is drawn
    while it is hidden.
    """

    ALLOW_SELECT = False
    redraws = 0
    _strips: Sequence[Strip] | None = None
    _visible = True

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._looked_up: dict[str, Style] = {}

    if TYPE_CHECKING:
        app = getters.app(Bench)

    def strips(self) -> Sequence[Strip]:
        """Return the lines as they should be now, from the top; what they leave of the widget is blank."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw all lines, and ask for a repaint of the characters that differ from those before."""
        if not self._visible or not self.size.area:
            return
        self.redraws += 1
        before, self._strips = self._strips or (), self.strips()
        if len(before) != len(self._strips):
            self.refresh()
            return
        if regions := changed_regions(before, self._strips):
            self.refresh(*regions)

    def component_style(self, name: str) -> Style:
        """Return the style of a component class; Textual would look it up anew each time."""
        if name not in self._looked_up:
            self._looked_up[name] = self.get_component_rich_style(name)
        return self._looked_up[name]

    def render_line(self, y: int) -> Strip:
        if self._strips is None:
            self._strips = self.strips()
        strip = self._strips[y] if y < len(self._strips) else Strip([])
        width = self.size.width
        return strip if strip.cell_length == width else strip.adjust_cell_length(width, self.rich_style)

    def on_resize(self) -> None:
        self.draw()

    def on_show(self) -> None:
        self._visible = True
        self.draw()

    def on_hide(self) -> None:
        self._visible = False

    def notify_style_update(self) -> None:
        """Draw all lines again when they are next shown: colours may have changed with the theme."""
        super().notify_style_update()
        self._looked_up = {}
        self._strips = None
        self.refresh()


def changed_regions(before: Sequence[Strip], after: Sequence[Strip]) -> list[Region]:
    """Return the parts of a widget whose characters or styles differ, one for each line that has changed."""
    spans = (changed(old, new) for old, new in zip_longest(before, after, fillvalue=Strip([])))
    return [Region(span[0], y, span[1] - span[0], 1) for y, span in enumerate(spans) if span is not None]


def changed(before: Strip, after: Strip) -> tuple[int, int] | None:
    """Return the first column where two lines differ in character or style, and the one after the last; None if none.

    Lines with characters of two columns (Chinese, emoji) count as changed as a whole.
    """
    if before == after:
        return None
    if any(strip.cell_length != len(strip.text) for strip in (before, after)):
        return 0, max(before.cell_length, after.cell_length)
    old, new = ([(part.style, letter) for part in strip for letter in part.text] for strip in (before, after))
    places = [at for at, (one, other) in enumerate(zip_longest(old, new)) if one != other]
    return (places[0], places[-1] + 1) if places else None


def bar_texts(share: float, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """Return the filled part of a bar and the rest, for a share from 0 to 1, to half a character."""
    halves = round(2 * max(0.0, min(1.0, share)) * width)
    full = BAR_FULL[glyphs] * (halves // 2) + BAR_HALF[glyphs] * (halves % 2)
    return full, BAR_REST[glyphs] * (width - len(full))


class Bar(DrawnWidget):
    """A share from 0 to 1 as a bar of one line."""

    COMPONENT_CLASSES = {"bar--full", "bar--rest"}
    DEFAULT_CSS = """
    Bar {
        width: 1fr;
        height: 1;
        & > .bar--full { color: $primary; }
        & > .bar--rest { color: $foreground 25%; }
    }
    """

    share = 0.0

    def show(self, share: float) -> None:
        """Fill the bar up to a share."""
        self.share = max(0.0, min(1.0, share))
        self.draw()

    def strips(self) -> list[Strip]:
        return [Strip(self._parts(self.size.width))]

    def _parts(self, width: int) -> list[Segment]:
        texts = zip(("full", "rest"), bar_texts(self.share, width, self.app.settings.glyphs), strict=True)
        return [Segment(text, self.component_style(f"bar--{part}")) for part, text in texts]
