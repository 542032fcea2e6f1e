"""A table of many rows that draws only the visible ones, so that a thousand rows cost no more than twenty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mnist_tui.columns import fit
from mnist_tui.shown_text import visible_line
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.terminal.themes import RUN_TOKENS
from mnist_tui.wording import shortened

GAP = 2
MARKS = 3
"""Columns at the left, for `>` at the cursor and `*` at marked rows, and a blank."""
WIDEST, WIDEST_CUT = 60, 120
"""The most characters of a column, and of one that is cut where there is no room for it."""
ACCURACIES = {"accuracy", "f1", "val_accuracy", "test_accuracy", "macro_f1"}
LARGEST_FIRST = ACCURACIES | {"epochs", "parameters", "time", "started"}
"""Keys of columns whose largest value comes first when a table is first sorted by them."""
TONES = {
    **dict.fromkeys(("paused", "stopping"), "row-table--paused"),
    **dict.fromkeys(("failed", "crashed", "diverged", "damaged", "broken"), "row-table--bad"),
    **dict.fromkeys(("stopped", "pruned"), "row-table--stopped"),
    **dict.fromkeys(("starting", "waiting"), "row-table--starting"),
    "running": "row-table--live",
    "finished": "row-table--good",
}
RowT = TypeVar("RowT")


@dataclass(frozen=True)
class RowColumn:
    """A column of a `RowTable`, like `mnist_tui.columns.Column`.

    Attributes:
        toned: whether the cells have their row's tone.
        middle: whether a text that is too long loses its middle, as names often differ at their ends.
        tone: the component class of its head; empty for that of all heads.
    """

    key: str
    title: str
    right: bool = False
    need: int = 0
    least: int = 0
    toned: bool = False
    middle: bool = False
    tone: str = ""


@dataclass(frozen=True)
class RowOrder:
    """The column by which the rows of a table are sorted, and whether its largest value comes first."""

    column: str
    descending: bool = False

    def by(self, column: str) -> RowOrder:
        """Return the order by a column, reversed if it is the present one."""
        return RowOrder(column, not self.descending if column == self.column else column in LARGEST_FIRST)

    def next(self, columns: Sequence[RowColumn]) -> RowOrder:
        """Return the order by the column after the present one."""
        keys = [column.key for column in columns]
        at = keys.index(self.column) if self.column in keys else -1
        return self.by(keys[(at + 1) % len(keys)])


def sorted_rows(rows: Iterable[RowT], key: Callable[[RowT], Any], descending: bool) -> list[RowT]:
    """Return rows sorted by a key. Rows without a value (None) come last; equal rows keep their order."""
    keyed = [(key(row), row) for row in rows]
    with_value = sorted((pair for pair in keyed if pair[0] is not None), key=itemgetter(0), reverse=descending)
    return [row for _, row in with_value] + [row for value, row in keyed if value is None]


def run_tone(number: int) -> str:
    """Return the component class of a cell in the colour of a compared run, counted from 0; empty beyond the last."""
    return f"row-table--run{number}" if number < len(RUN_TOKENS) else ""


def tone(state: str) -> str:
    """Return the component class of a cell with the state of a run, a trial or a study."""
    return TONES.get(state, "row-table--odd")


@dataclass(frozen=True)
class TableRow:
    """A row of a `RowTable`: a text for each column; its tone is a component class such as ``row-table--good``.

    A heading has two texts, at the left and at the right of its line.

    Attributes:
        tones: the component classes of single cells, by the keys of their columns.
    """

    key: str
    cells: tuple[str, ...]
    marked: bool = False
    tone: str = ""
    tones: Mapping[str, str] = field(default_factory=dict[str, str])
    heading: bool = False


class RowTable(ScrollView, can_focus=True):
    """A table whose rows have a cursor and marks, and whose column heads can be clicked.

    A table with `can_focus` False is only read: it has no cursor and ignores clicks.
    """

    HELP = """
    **The list.** Arrow keys, page up and down, home and end move; a click chooses, a second one opens. A click at the
    left edge marks, one on a head sorts by it.
    """
    COMPONENT_CLASSES = {
        "row-table--head",
        "row-table--heading",
        "row-table--cursor",
        "row-table--marked",
        "row-table--good",
        "row-table--live",
        "row-table--paused",
        "row-table--starting",
        "row-table--stopped",
        "row-table--odd",
        "row-table--bad",
        *map(run_tone, range(len(RUN_TOKENS))),
    }
    DEFAULT_CSS = """
    RowTable {
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & > .row-table--head { color: $foreground-muted; text-style: bold; background: $panel; }
        & > .row-table--heading { color: $text-primary; text-style: bold; }
        & > .row-table--cursor { background: $block-cursor-blurred-background; text-style: bold; }
        &:focus > .row-table--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        & > .row-table--marked { text-style: bold; color: $text-accent; }
        & > .row-table--good { color: $state-finished; }
        & > .row-table--live { color: $state-running; text-style: bold; }
        & > .row-table--paused { color: $state-paused; text-style: bold; }
        & > .row-table--starting { color: $state-starting; }
        & > .row-table--stopped { color: $state-stopped; }
        & > .row-table--odd { color: $text-warning; }
        & > .row-table--bad { color: $state-failed; }
    }
    """ + "\n".join(f"RowTable > .row-table--run{at} {{ color: ${token}; }}" for at, token in enumerate(RUN_TOKENS))
    BINDINGS = [
        bind("table.up", "up,k", "move(-1)", "Up", "The row above", hidden=True),
        bind("table.down", "down,j", "move(1)", "Down", "The row below", hidden=True),
        bind("table.page-up", "pageup", "page(-1)", "Page up", "A page up", hidden=True),
        bind("table.page-down", "pagedown", "page(1)", "Page down", "A page down", hidden=True),
        bind("table.first", "home", "to(0)", "First", "The first row", hidden=True),
        bind("table.last", "end", "to(-1)", "Last", "The last row", hidden=True),
    ]

    class CursorMoved(Message):
        """Posted when the cursor is on another row."""

    class Opened(Message):
        """Posted when a row is clicked twice."""

    class Marked(Message):
        """Posted when the place for a row's mark is clicked."""

    @dataclass
    class HeadClicked(Message):
        """Posted when a column's head is clicked."""

        column: str

    _columns: Sequence[RowColumn] = ()
    _rows: Sequence[TableRow] = ()
    _wanted: Sequence[int] = ()
    _order = RowOrder("")
    _cursor = 0
    _moved = False

    @property
    def chosen(self) -> str | None:
        """Return the key of the row under the cursor; None if there are no rows."""
        return self._rows[self._cursor].key if self._rows else None

    @property
    def keys(self) -> list[str]:
        """Return the keys of all rows, in order."""
        return [row.key for row in self._rows]

    @property
    def fitting_columns(self) -> set[str]:
        """Return the keys of the columns for which there is room."""
        return {self._columns[at].key for at, _ in self._fitted()}

    def show(
        self,
        columns: Sequence[RowColumn],
        rows: Sequence[TableRow],
        order: RowOrder = RowOrder(""),
        *,
        more: bool = False,
    ) -> None:
        """Show these rows; the cursor stays on its row if the row is still there.

        Args:
            order: the order of the rows, which an arrow in the head of its column shows.
            more: whether further rows will follow; a cursor that nobody has moved then stays in the first line.
        """
        if (columns, rows, order) == (self._columns, self._rows, self._order):
            return
        chosen, place = self.chosen, self._cursor
        self._columns, self._rows, self._order = columns, rows, order
        self._wanted = [self._width_of(at, column) for at, column in enumerate(columns)]
        keys = self.keys
        waits = more and not self._moved
        self._cursor = keys.index(chosen) if chosen in keys and not waits else max(0, min(place, len(rows) - 1))
        self.virtual_size = Size(0, len(rows) + 1)
        self._into_view()
        self.refresh()
        if self.chosen != chosen:
            self.post_message(self.CursorMoved())

    def choose(self, key: str) -> None:
        """Move the cursor to the row with this key, if there is one."""
        if key in self.keys:
            self._move_to(self.keys.index(key))

    def _width_of(self, at: int, column: RowColumn) -> int:
        texts = (row.cells[at] for row in self._rows if not row.heading)
        longest = max((cell_len(visible_line(text)) for text in texts), default=0)
        most = WIDEST_CUT if column.least else WIDEST
        return min(most, max(longest, len(self._title(column)))) if longest or not self._rows else 0

    def action_move(self, by: int) -> None:
        self._move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        self._move_to(self._cursor + by * max(1, self.size.height - 2))

    def action_to(self, row: int) -> None:
        self._move_to(row if row >= 0 else len(self._rows) - 1)

    def _move_to(self, row: int) -> None:
        row = max(0, min(row, len(self._rows) - 1))
        self._moved = True
        if row != self._cursor:
            self._cursor = row
            self._into_view()
            self.refresh()
            self.post_message(self.CursorMoved())

    def _into_view(self) -> None:
        first, seen = round(self.scroll_y), max(1, self.size.height - 1)
        if not first <= self._cursor < first + seen:
            self.scroll_to(y=self._cursor if self._cursor < first else self._cursor - seen + 1, animate=False)

    def on_resize(self) -> None:
        self._into_view()

    def on_click(self, event: events.Click) -> None:
        if not self.can_focus:
            return
        if event.y == 0:
            left = MARKS
            for at, width in self._fitted():
                if left <= event.x < left + width + GAP:
                    self.post_message(self.HeadClicked(self._columns[at].key))
                left += width + GAP
            return
        row = round(self.scroll_y) + event.y - 1
        if row >= len(self._rows):
            return
        self._move_to(row)
        if event.x < MARKS or event.ctrl:
            self.post_message(self.Marked())
        elif event.chain == 2:
            self.post_message(self.Opened())

    def _fitted(self) -> list[tuple[int, int]]:
        return list(fit(self._columns, self._wanted, self.scrollable_content_region.width - MARKS, GAP).items())

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y == 0 and not self._rows and not self._order.column:
            return Strip.blank(width, self.rich_style)
        if y == 0:
            style = self.get_component_rich_style("row-table--head")
            segments = [Segment(" " * MARKS, style)]
            for at, size in self._fitted():
                column = self._columns[at]
                own = style + self.get_component_rich_style(column.tone, partial=True) if column.tone else style
                segments.append(Segment(_cell(self._title(column), size, column.right) + " " * GAP, own))
            return Strip(segments).adjust_cell_length(width, style)
        at = round(self.scroll_y) + y - 1
        if at >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return self._line(self._rows[at], at == self._cursor and self.can_focus, width)

    def _title(self, column: RowColumn) -> str:
        arrow = " ▼" if self._order.descending else " ▲"
        return f"{column.title}{arrow if column.key == self._order.column else ''}"

    def _line(self, row: TableRow, cursor: bool, width: int) -> Strip:
        plain = self.rich_style
        marked = self.get_component_rich_style("row-table--marked", partial=True)
        under = self.get_component_rich_style("row-table--cursor") if cursor else None

        def style(own: Style | None) -> Style:
            return under or (plain if own is None else plain + own)

        segments = [Segment(f"{'>' if cursor else ' '}{'*' if row.marked else ' '} ", style(marked))]
        if row.heading:
            left, right = row.cells
            text = _cell(left, max(0, width - MARKS - 1 - cell_len(right)), False, middle=True)
            heading = self.get_component_rich_style("row-table--heading", partial=True)
            return Strip([*segments, Segment(f"{text} {right}", style(heading))]).adjust_cell_length(width)
        tone = self.get_component_rich_style(row.tone, partial=True) if row.tone else None
        for at, size in self._fitted():
            column = self._columns[at]
            own = tone if column.toned else marked if row.marked else None
            if name := row.tones.get(column.key):
                own = self.get_component_rich_style(name, partial=True)
            segments.append(Segment(_cell(row.cells[at], size, column.right, column.middle) + " " * GAP, style(own)))
        return Strip(segments).adjust_cell_length(width, style(None))


def _cell(text: str, width: int, right: bool, middle: bool = False) -> str:
    text = visible_line(text)
    if middle and len(text) == cell_len(text):
        text = shortened(text, width)
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    space = " " * (width - length)
    return space + text if right else text + space
