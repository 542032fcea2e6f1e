"""Plain text and bars that change: only what differs is sent to the terminal, and the layout stays where it can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import getters
from textual.app import ComposeResult
from textual.containers import Grid
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from mnist_tui.columns import Column, cut_end, text_table
from mnist_tui.settings import BAR_FULL, BAR_REST

if TYPE_CHECKING:
    from mnist_tui.tui.bench import Bench


class Line(Static):
    """Text without markup that changes seldom and can be selected with the mouse; see `LiveText` for the others.

    Args:
        fixed: whether the size does not depend on the text, so that a change needs no new layout.
    """

    def __init__(
        self, text: str = "", *, fixed: bool = False, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(text, id=id, classes=classes, markup=False)
        self.text, self._fixed = text, fixed

    def say(self, text: str) -> None:
        """Show another text."""
        if text != self.text:
            self.text = text
            self.update(text, layout=not self._fixed)


class FactGrid(Grid):
    """Show named facts; a name without a value is hidden."""

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

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
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
    """Show rows of text below a header; columns are left out if there is no room.

    Args:
        total: whether the last row is a total.
        below: a column that is written below its row if it does not fit, and the columns of which one must have a value
            for that.
    """

    DEFAULT_CSS = """
    TableView { width: 1fr; height: auto; }
    """
    rows: Sequence[Sequence[str]] = ()
    _bold: int | None = None

    def __init__(
        self, columns: Sequence[Column], *, total: bool = False, below: tuple[int, tuple[int, ...]] | None = None
    ) -> None:
        super().__init__()
        self._columns, self._total, self._below = columns, total, below

    def show(self, rows: Sequence[Sequence[str]], bold: int | None = None) -> None:
        """Show rows, one of them in bold type."""
        bold = len(rows) - 1 if self._total else bold
        if (rows, bold) != (self.rows, self._bold):
            lines = len(self.lines(self.content_size.width))
            self.rows, self._bold = rows, bold
            self.refresh(layout=len(self.lines(self.content_size.width)) != lines)

    def lines(self, width: int) -> list[Content]:
        """Return the lines for a width."""
        if not self.rows:
            return []
        fitted = text_table(self._columns, self.rows, width)
        lines = [Content.styled(fitted.header, "bold $foreground-muted")]
        for at, (line, row) in enumerate(zip(fitted.lines, self.rows, strict=True)):
            lines.append(Content.styled(line, "bold") if at == self._bold else Content(line))
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


class LiveText(Widget):
    """Lines of plain text that change often; as high as their number and, if its width is auto, as wide.

    Args:
        cut: whether a line that is too long ends in an ellipsis; else it is wrapped at words.
    """

    DEFAULT_CSS = """
    LiveText {
        width: 1fr;
        height: auto;
    }
    """

    def __init__(self, text: str = "", *, cut: bool = False, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.text = text
        self._cut = cut

    def say(self, text: str) -> None:
        """Show another text."""
        if text == self.text:
            return
        width = self.size.width
        auto = self.styles.width is not None and self.styles.width.is_auto
        old = _fitted(self.text, width, self._cut)
        other_width = auto and _longest(text) != _longest(self.text)
        self.text = text
        new = _fitted(text, width, self._cut)
        if not width or len(new) != len(old) or other_width:
            self.refresh(layout=True)
        elif new != old:
            changed = (y for y, (before, after) in enumerate(zip(old, new, strict=True)) if before != after)
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = _fitted(self.text, width, self._cut)
        return Strip([Segment((lines[y] if y < len(lines) else "").ljust(width), self.rich_style)])

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return _longest(self.text)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(_fitted(self.text, width, self._cut))


@lru_cache(maxsize=64)
def _fitted(text: str, width: int, cut: bool) -> list[str]:
    """Return the lines of a text at a width; lines that are too long are cut or wrapped."""
    lines = text.splitlines() or [""]
    if width < 1:
        return lines
    if cut:
        return [cut_end(line, width) for line in lines]
    return [part for line in lines for part in ([line] if len(line) <= width else wrap(line, width))]


def _longest(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


class Bar(Widget):
    """Show a share from 0 to 1 as a bar of one line."""

    COMPONENT_CLASSES = {"bar--full", "bar--rest"}
    DEFAULT_CSS = """
    Bar {
        width: 1fr;
        height: 1;
        & > .bar--full { color: $primary; }
        & > .bar--rest { color: $foreground 25%; }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(Bench)

    share = 0.0

    @property
    def full(self) -> int:
        return round(self.share * self.size.width)

    def show(self, share: float) -> None:
        """Fill the bar up to a share."""
        before = self.full
        self.share = max(0.0, min(1.0, share))
        if before != self.full:
            first, last = sorted((before, self.full))
            self.refresh(Region(first, 0, last - first, 1))

    def render_line(self, y: int) -> Strip:
        glyphs = self.app.settings.glyphs
        rest = self.size.width - self.full
        return Strip(
            [
                Segment(BAR_FULL[glyphs] * self.full, self.get_component_rich_style("bar--full")),
                Segment(BAR_REST[glyphs] * rest, self.get_component_rich_style("bar--rest")),
            ]
        )
