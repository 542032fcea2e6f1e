"""Plain text that is laid out again only if it has changed: a line, named facts, and a table that fits its width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Grid
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static

from mnist_tui.columns import Column, text_table


class Line(Static):
    """Text without markup.

    Args:
        fixed: whether the size does not depend on the text, so that a change needs no new layout.
    """

    def __init__(
        self, text: str = "", *, fixed: bool = False, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(text, id=id, classes=classes, markup=False)
        self._said, self._fixed = text, fixed

    def say(self, text: str) -> None:
        """Show a text."""
        if text != self._said:
            self._said = text
            self.update(text, layout=not self._fixed)


class FactGrid(Grid):
    """Shows named facts; a name without a value is hidden.

    Args:
        names: all names, in their order.
    """

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
        self._names = tuple(names)
        self._values = {name: Line(classes="facts--value") for name in names}
        self._labels = {name: Line(name, classes="facts--name") for name in names}

    def compose(self) -> ComposeResult:
        for name in self._names:
            yield self._labels[name]
            yield self._values[name]

    def show(self, facts: Mapping[str, str]) -> None:
        """Show values by their names."""
        for name in self._names:
            text = facts.get(name, "")
            self._labels[name].display = self._values[name].display = bool(text)
            self._values[name].say(text)


Rows = Sequence[Sequence[str]]


class TableView(Widget):
    """Shows rows of text below a header.

    Args:
        columns: the columns, if there is room for them.
        total: whether the last row is a total.
        below: a column that is written below its row if it does not fit, and the columns of which one must have a value
            for that.
    """

    DEFAULT_CSS = """
    TableView { width: 1fr; height: auto; }
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        total: bool = False,
        below: tuple[int, tuple[int, ...]] | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._columns, self._total, self._below = columns, total, below
        self._rows: Rows = ()

    def show(self, rows: Rows) -> None:
        """Show rows."""
        if rows != self._rows:
            lines = len(self.lines(self.content_size.width))
            self._rows = rows
            self.refresh(layout=len(self.lines(self.content_size.width)) != lines)

    def lines(self, width: int) -> list[Content]:
        """Return the lines for a width."""
        if not self._rows:
            return []
        fitted = text_table(self._columns, self._rows, width)
        lines = [Content.styled(fitted.header, "bold $foreground-muted")]
        for at, (line, row) in enumerate(zip(fitted.lines, self._rows, strict=True)):
            last = self._total and at == len(self._rows) - 1
            lines.append(Content.styled(line, "bold") if last else Content(line))
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
