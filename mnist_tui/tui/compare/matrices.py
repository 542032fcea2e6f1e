"""The confusion matrices of compared runs with one cursor, their differences, and a table of their worst confusions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events, getters, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.message import Message

from mnist_tui.runs.events import Matrix
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.scores import accuracy, worst_confusions
from mnist_tui.tui.bench import Bench
from mnist_tui.tui.terminal.keymap import key_of, pane_title
from mnist_tui.tui.widgets.confusion import AXES, CellMatrix, ConfusionView
from mnist_tui.tui.widgets.confusion_cells import FEW, WORST
from mnist_tui.tui.widgets.row_table import RowColumn, RowTable, TableRow, run_tone
from mnist_tui.tui.widgets.text import Line, LinePart, PartsLine
from mnist_tui.wording import DASH, percent, shortened, signed

MOST_MATRICES = 4
"""The most series whose matrices are shown; of more, those of the first ones."""
LISTED = 12
"""The most confusions in the table."""
COLUMNS = {"-huge": 3, "-wide": 2}
"""Matrices side by side in windows of each width; in narrower ones, one is shown at a time."""
TABLE_LINES = {"-tall": 8, "-medium": 5}
"""Lines of the table below the matrices, in windows of each height; there is none in a lower window."""

LEAST_LABEL, SHORT_LABEL = 6, 20
"""The fewest characters of a label among the names of the pages, and the most if each page has one."""
MATRIX_LINES = 16
"""Lines of a matrix of few classes with its frame, its precisions, its caption and a legend."""


@dataclass(frozen=True)
class NewestMatrix:
    """The newest matrix of a series: that of its newest epoch or, without epochs, that of the final evaluation.

    Attributes:
        mark, label: those of the series.
        names: the names of its classes.
        matrix: None if there is none yet.
        when: after which epoch, or in what evaluation, the images were classified.
    """

    mark: str
    label: str
    folder: RunFolder
    names: tuple[str, ...]
    matrix: Matrix | None
    when: str

    def can_be_subtracted_from(self, other: NewestMatrix) -> bool:
        """Return whether both have a matrix, of the same classes."""
        return self.matrix is not None and other.matrix is not None and self.names == other.names


@dataclass(frozen=True)
class MatrixPanel:
    """A matrix on screen: the number of its series, and of the series whose matrix is subtracted; None for none."""

    at: int
    base: int | None = None


class ComparedMatrices(Container):
    """The matrices side by side; in a small window one at a time. Opening a cell posts `CellOpened`."""

    HELP = f"""{CellMatrix.HELP}
    All matrices have one cursor. The difference has the first run's counts subtracted, cell by cell: blue is better,
    orange worse. `v` shows the differences, or the next matrix where there is room for one only; `n` selects the next
    of the worst confusions, which the table lists for all runs.
    """
    DEFAULT_CSS = """
    ComparedMatrices {
        #pages { display: none; height: 1; }
        #grid { height: 1fr; layout: grid; grid-gutter: 0 1; }
        CellMatrix { height: 1fr; }
        #common { height: 1fr; RowTable { height: 1fr; } }
        #common-cell { display: none; height: 1; padding: 0 1; text-style: bold; }
    }
    """

    @dataclass
    class CellOpened(Message):
        """Posted when a cell is opened: show the images of a true and a predicted class of a run."""

        folder: RunFolder
        cell: tuple[int, int]

    app = getters.app(Bench)
    pages = getters.query_one("#pages", PartsLine)
    grid = getters.query_one("#grid", Container)
    common = getters.query_one("#common", Vertical)
    table = getters.query_one("#confusions", RowTable)
    words = getters.query_one("#common-cell", Line)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._series: tuple[NewestMatrix, ...] = ()
        self._page = 0
        self._cell: tuple[int, int] | None = None

    def compose(self) -> ComposeResult:
        yield PartsLine(id="pages")
        with Container(id="grid"):
            for number in range(MOST_MATRICES):
                yield CellMatrix(id=f"matrix-{number}", in_page=True)
            with Vertical(id="common", classes="pane -stacked") as pane:
                pane.border_title = pane_title("Worst confusions")
                yield RowTable(id="confusions")
        yield Line(id="common-cell", cut=True)

    @property
    def matrices(self) -> list[CellMatrix]:
        """The matrices that are shown."""
        return [view for view in self.query(CellMatrix) if view.display]

    @property
    def panels(self) -> list[tuple[str, tuple[MatrixPanel, ...]]]:
        """The pages that `v` shows in turn: a name, and the matrices of the page."""
        series, columns = self._series, self._columns
        counts = [MatrixPanel(at) for at in range(len(series))]
        changes = [MatrixPanel(at, 0) for at in range(1, len(series)) if series[0].can_be_subtracted_from(series[at])]
        marks = [each.mark for each in series]
        if columns == 1:
            of_change = [(f"{marks[panel.at]} − {marks[0]}", (panel,)) for panel in changes]
            if len(changes) == 1:
                of_change = [("Difference", (changes[0],))]
            return [*((marks[panel.at], (panel,)) for panel in counts), *of_change]
        if len(series) == 2 and (columns > 2 or self._has("-tall")):
            return [("counts", (*counts, *changes))]
        pages = [("counts", tuple(counts))]
        if changes:
            pages.append((f"difference from {marks[0]}", (*counts[: len(series) > 2], *changes)))
        return pages

    @property
    def _columns(self) -> int:
        return next((columns for name, columns in COLUMNS.items() if self._has(name)), 1)

    def _has(self, name: str) -> bool:
        return self.screen.has_class(name)

    def show(self, series: Sequence[NewestMatrix]) -> None:
        """Show the matrices of the first MOST_MATRICES series; at first, the cursor is on the worst confusion."""
        self._series = tuple(series[:MOST_MATRICES])
        if self._cell is None:
            worst = self._worst()
            self._cell = worst[0] if worst else None
        self.draw()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.draw)

    def action_turn(self, by: int) -> None:
        self.turn_to((self._page + by) % max(1, len(self.panels)))

    def turn_to(self, page: int) -> None:
        """Show a page, counted from 0."""
        self._page = page
        self.draw()
        self.focus_matrix()

    def focus_matrix(self) -> None:
        if self.matrices and self.screen.focused not in self.matrices:
            self.matrices[0].focus()

    def next_worst(self) -> None:
        """Select the next of the listed confusions."""
        worst = self._worst()
        if worst:
            at = worst.index(self._cell) + 1 if self._cell in worst else 0
            self.look_at(worst[at % len(worst)])

    def look_at(self, cell: tuple[int, int]) -> None:
        """Move the cursor of all matrices that have the cell, and of the table."""
        self._cell = cell
        for view in self.matrices:
            if view.cell != cell and max(cell) < len(view.shown.names):
                view.look_at(cell)
        self._show_table()

    def draw(self) -> None:
        """Show the matrices of the present page, the names of all pages and the table."""
        if not self.is_attached or not self._series:
            return
        pages = self.panels
        self._page = min(self._page, len(pages) - 1)
        panels = pages[self._page][1]
        for number, view in enumerate(self.query(CellMatrix)):
            view.display = number < len(panels)
            if view.display:
                self._show_matrix(view, panels[number])
        self._show_pages([name for name, _ in pages])
        self._arrange(len(panels))
        self._show_table()

    def _show_matrix(self, view: CellMatrix, panel: MatrixPanel) -> None:
        own, base = self._series[panel.at], None if panel.base is None else self._series[panel.base]
        room = max(10, self.size.width // self._columns - len(AXES) - 12)
        view.entitle(f"{own.mark} − {base.mark}" if base else f"{own.mark} {shortened(own.label, room)}")
        matrix, before = own.matrix, base.matrix if base else None
        right = f": {percent(accuracy(matrix), 2)} right" if matrix else ""
        caption = f"{own.when}{right}" if matrix else ""
        if matrix and base and before:
            caption = f"evaluated: {own.mark} {own.when}, {base.mark} {base.when}"
        same = not (matrix and before) or [sum(row) for row in matrix] == [sum(row) for row in before]
        view.show(matrix, own.names, caption, view="counts" if same else "percent", base=before)
        if self._cell is not None and max(self._cell) < len(own.names) and view.cell != self._cell:
            view.look_at(self._cell)

    def _show_pages(self, names: Sequence[str]) -> None:
        self.pages.display = len(names) > 1
        key = key_of("compare.differences", type(self.screen), self.app.settings.keys)
        parts = [LinePart(f" {key} ", "$accent", "screen.matrix_page(1)")]
        if self._columns == 1:
            others = sum(len(name) + 3 for at, name in enumerate(names) if at != self._page)
            room = self.size.width - len(parts[0].text)
            labels = [f"{each.mark} {shortened(each.label, SHORT_LABEL)}" for each in self._series]
            whole = [*labels, *names[len(labels) :]]
            if sum(len(name) + 3 for name in whole) <= room:
                names = whole
            else:
                names = list(names)
                names[self._page] = self._full_name(room - others - 5)
        for at, name in enumerate(names):
            style = "bold $background on $primary" if at == self._page else ""
            parts += [LinePart(f" {name} ", style, f"screen.to_matrix_page({at})"), LinePart(" ")]
        self.pages.show(parts)

    def _full_name(self, room: int) -> str:
        """Return the name of the present page, which has one matrix, with the labels of the series."""
        (panel,) = self.panels[self._page][1]
        own, base = self._series[panel.at], None if panel.base is None else self._series[panel.base]
        if base is None:
            return f"{own.mark} {shortened(own.label, max(LEAST_LABEL, room - 2))}"
        each = max(LEAST_LABEL, (room - len("x  minus x ")) // 2)
        return f"{own.mark} {shortened(own.label, each)} minus {base.mark} {shortened(base.label, each)}"

    def _arrange(self, panels: int) -> None:
        """Give the table the place after the matrices, or lines of its own below them."""
        columns = self._columns
        lines = next((lines for name, lines in TABLE_LINES.items() if self._has(name)), 0)
        is_alone = panels % columns == 0
        rows = -(-panels // columns)
        self.common.display = bool(lines)
        self.words.display = not lines
        grid, span = self.grid.styles, columns if is_alone else 1
        if self.common.styles.column_span != span:
            self.common.styles.column_span = span
        heights = ["1fr"] * rows
        if rows > 1 and len(self._series) == 2:
            heights[-1] = str(MATRIX_LINES)
        if is_alone and lines:
            heights.append(str(lines))
            if rows == 1 and self._has("-medium") and self.grid.size.height > MATRIX_LINES + lines and self._is_few:
                heights = [str(MATRIX_LINES), "1fr"]
        grid.grid_size_columns, grid.grid_rows = columns, " ".join(heights)

    @property
    def _is_few(self) -> bool:
        return all(len(each.names) <= FEW for each in self._series)

    def _worst(self) -> list[tuple[int, int]]:
        """Return the cells of the worst confusions of all runs with the first one's classes, the largest first."""
        largest: dict[tuple[int, int], int] = {}
        for each in self._alike():
            for pair in worst_confusions(each.matrix, each.names, WORST) if each.matrix else ():
                cell = pair.true, pair.predicted
                largest[cell] = max(pair.count, largest.get(cell, 0))
        return sorted(largest, key=lambda cell: (-largest[cell], cell))[:LISTED]

    def _alike(self) -> list[NewestMatrix]:
        return [each for each in self._series if each.names == self._series[0].names]

    def _show_table(self) -> None:
        worst, series = self._worst(), self._series
        chosen = self._cell if self._cell is not None and max(self._cell) < len(series[0].names) else None
        cells = worst if chosen is None or chosen in worst else [chosen, *worst]
        has_change = len(series) == 2 and series[0].can_be_subtracted_from(series[1])
        columns = [
            RowColumn("confusion", "True read as predicted"),
            *(RowColumn(f"{at}", each.mark, right=True, tone=run_tone(at)) for at, each in enumerate(series)),
        ]
        if has_change:
            columns.append(RowColumn("change", f"{series[1].mark} − {series[0].mark}", right=True))
        tones = {f"{at}": run_tone(at) for at in range(len(series))}
        rows = [TableRow(_key(cell), self._row(cell, has_change), tones=tones) for cell in cells]
        self.table.show(columns, rows)
        if chosen is not None:
            self.table.choose(_key(chosen))
            name, *counts = self._row(chosen, has_change)
            heads = [column.title for column in columns[1:]]
            pairs = [f"{head} {text}" for head, text in zip(heads, counts, strict=True)]
            self.words.say("   ".join([name, *pairs]))

    def _row(self, cell: tuple[int, int], has_change: bool) -> tuple[str, ...]:
        true, predicted = cell
        names, texts, counts = self._series[0].names, list[str](), list[int]()
        for each in self._series:
            matrix = each.matrix
            if matrix is None or each.names != names:
                texts.append(DASH)
                continue
            counts.append(matrix[true][predicted])
            texts.append(f"{counts[-1]:,}  {percent(counts[-1] / (sum(matrix[true]) or 1), 1)}")
        change = [signed(counts[1] - counts[0], 0)] if has_change else []
        return f"{names[true]} read as {names[predicted]}", *texts, *change

    @on(CellMatrix.CellSelected)
    def _cell_selected(self, message: CellMatrix.CellSelected) -> None:
        message.stop()
        focused = next((view for view in self.matrices if view.has_focus), None)
        if focused is not None and focused.cell != self._cell:
            self.look_at(focused.cell)

    @on(RowTable.CursorMoved)
    def _row_chosen(self, message: RowTable.CursorMoved) -> None:
        message.stop()
        if self.table.has_focus and self.table.chosen:
            self.look_at(_cell(self.table.chosen))

    @on(RowTable.Opened)
    def _row_opened(self, message: RowTable.Opened) -> None:
        message.stop()
        self._open(self._series[0], self._cell)

    @on(ConfusionView.CellChosen)
    def _cell_chosen(self, message: ConfusionView.CellChosen) -> None:
        message.stop()
        focused = next((at for at, view in enumerate(self.matrices) if view.has_focus), 0)
        self.look_at((message.true, message.predicted))
        self._open(self._series[self.panels[self._page][1][focused].at], (message.true, message.predicted))

    def _open(self, of: NewestMatrix, cell: tuple[int, int] | None) -> None:
        if cell is not None:
            self.post_message(self.CellOpened(of.folder, cell))


def _key(cell: tuple[int, int]) -> str:
    return f"{cell[0]},{cell[1]}"


def _cell(key: str) -> tuple[int, int]:
    true, predicted = key.split(",")
    return int(true), int(predicted)
