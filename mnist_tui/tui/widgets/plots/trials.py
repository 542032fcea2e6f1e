"""Plots of a study's trials, one of which is chosen: a small curve for each, or all as lines across the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from textual import events
from textual.message import Message

from mnist_tui.columns import cut_end
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import Dot, Marks, PlotCanvas, Row, Stroke, joined, ruled


class TrialPlot(Plot):
    """Show a plot of trials, one of which is chosen.

    Attributes:
        chosen: the key of the chosen trial; empty for none.
    """

    can_focus = True
    DEFAULT_CSS = """
    TrialPlot:focus { background: $surface; }
    """
    BINDINGS: ClassVar = [
        bind("trials.up", "up,k", "row(-1)", "Up", "The trial above", hidden=True),
        bind("trials.down", "down,j", "row(1)", "Down", "The trial below", hidden=True),
        bind("trials.left", "left", "step(-1)", "Left", "The trial at the left", hidden=True),
        bind("trials.right", "right", "step(1)", "Right", "The trial at the right", hidden=True),
    ]

    @dataclass
    class TrialStep(Message):
        """Posted to choose the trial `by` places further in the list."""

        by: int

    @dataclass
    class TrialPointed(Message):
        """Posted when a person points at a trial."""

        key: str

    chosen = ""

    @property
    def across(self) -> int:
        """Return how many trials stand side by side: the step of the up and down keys."""
        return 1

    def key_at(self, x: int, y: int) -> str | None:
        """Return the key of the trial at a place in characters; None if there is none."""
        raise NotImplementedError

    def action_step(self, by: int) -> None:
        self.post_message(self.TrialStep(by))

    def action_row(self, by: int) -> None:
        self.action_step(by * self.across)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        key = self.key_at(offset.x, offset.y) if offset is not None else None
        if key is not None:
            self.post_message(self.TrialPointed(key))


WIDTH, HEIGHT = 22, 6
"""Characters of a panel at least, its title and the gap at its right included."""
GAP = 2


@dataclass(frozen=True)
class Panel:
    """The small plot of one trial.

    Attributes:
        title: its number and score.
        about: its values, if there is room.
        points: epoch and value, rising epochs; values as on the axis.
    """

    key: str
    title: str
    about: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Frame:
    """The axes that all panels share."""

    title: str
    low: float
    high: float
    epochs: int
    unit: str = ""

    @property
    def words(self) -> str:
        last = f"epochs 1 to {self.epochs:,}" if self.epochs > 1 else "epoch 1"
        return f"{self.low:.4g}{self.unit} to {self.high:.4g}{self.unit}, {last}, all alike"


@dataclass(frozen=True)
class PanelGrid:
    """The number of panels side by side and below each other, and the size of each in characters."""

    across: int
    down: int
    width: int
    height: int

    @property
    def count(self) -> int:
        return self.across * self.down


def grid_of(count: int, size: tuple[int, int]) -> PanelGrid:
    """Return the grid with the largest panels that shows `count` of them, or as many as there is room for."""
    across, down = max(1, size[0] // WIDTH), max(1, size[1] // HEIGHT)
    while across > 1 and (across - 1) * down >= count:
        across -= 1
    while down > 1 and (down - 1) * across >= count:
        down -= 1
    return PanelGrid(across, down, size[0] // across, size[1] // down)


def panel_lines(panel: Panel, frame: Frame, size: tuple[int, int], marks: Marks, *, chosen: bool) -> list[Row]:
    """Return the lines of one panel, exactly as large as `size`."""
    width, height = size
    title = f"{'>' if chosen else ' '}{panel.title}"[: width - GAP]
    room = max(0, width - GAP - len(title) - 1)
    about = f" {cut_end(panel.about, max(1, room))}".ljust(width - len(title))
    heading: Row = (("validation" if chosen else "title", title), ("muted", about))
    columns, rows = width - GAP - 1, height - 1
    wide, high = marks.size
    canvas = PlotCanvas(columns, rows, marks)
    canvas.draw(Stroke("axis", ((0, 0), (columns * wide - 1, 0))))
    if panel.points:
        right, top = columns * wide - 1, rows * high - 1
        span, rise = max(1, frame.epochs - 1), (frame.high - frame.low) or 1.0
        dots = tuple(
            (round((x - 1) / span * right), max(0, min(top, round((y - frame.low) / rise * top))))
            for x, y in panel.points
        )
        colour, mark = ("validation", marks.validation) if chosen else ("training", marks.plain)
        canvas.draw(Stroke(colour, dots))
        x, y = dots[-1]
        canvas.put(min(x // wide, columns - 1), y // high, mark, colour)
    return [heading, *((*line, ("text", " " * GAP)) for line in canvas.lines())]


class MultiplesPlot(TrialPlot):
    """Show the validation curves of a study's trials, one panel for each."""

    HELP = """
    **Small multiples.** Each panel is a trial's validation curve; all have the same axes, which the heading names. `>`
    marks the chosen one. The arrow keys choose another, in the order of the list; a click chooses, too. What does not
    fit is on further pages: the page with the chosen trial is shown.
    """

    _panels: tuple[Panel, ...] = ()
    _frame = Frame("", 0.0, 1.0, 1)

    def show(self, panels: Sequence[Panel], frame: Frame, chosen: str) -> None:
        """Draw these trials in their order."""
        new = (tuple(panels), frame, chosen)
        if new != (self._panels, self._frame, self.chosen):
            self._panels, self._frame, self.chosen = new
            self.draw()

    @property
    def _grid(self) -> PanelGrid:
        return grid_of(len(self._panels), (self.size.width, max(1, self.size.height - 1)))

    @property
    def across(self) -> int:
        return self._grid.across

    @property
    def _first(self) -> int:
        """Return the place of the first panel on the page with the chosen trial."""
        at = next((at for at, panel in enumerate(self._panels) if panel.key == self.chosen), 0)
        return at // self._grid.count * self._grid.count

    def lines(self) -> list[Row]:
        width, height = self.size
        grid, first, marks = self._grid, self._first, self.marks
        seen = self._panels[first : first + grid.count]
        words = f" {marks.dot} {self._frame.words}" if seen else ""
        if len(seen) < len(self._panels):
            words += f" {marks.dot} {first + 1} to {first + len(seen)} of {len(self._panels):,}"
        heading = ruled((("title", self._frame.title), ("muted", words)), width, marks)
        if not seen:
            return [heading, (("muted", " no trial has ended an epoch yet"),)][:height]
        if grid.width < WIDTH // 2 or grid.height < 3:
            return [heading]
        lines: list[Row] = [heading]
        for begin in range(0, len(seen), grid.across):
            drawn = [
                panel_lines(panel, self._frame, (grid.width, grid.height), marks, chosen=panel.key == self.chosen)
                for panel in seen[begin : begin + grid.across]
            ]
            lines += [tuple(part for row in rows for part in row) for rows in zip(*drawn, strict=True)]
        return lines[:height]

    def key_at(self, x: int, y: int) -> str | None:
        grid = self._grid
        at = self._first + (y - 1) // grid.height * grid.across + min(x // grid.width, grid.across - 1)
        return self._panels[at].key if y >= 1 and at < len(self._panels) else None


MOST_LINES = 200
"""Lines that are drawn; more would be a solid block, and take long."""
LEAST_PARALLEL_COLUMNS, LEAST_PARALLEL_ROWS = 24, 7


@dataclass(frozen=True)
class ParallelAxis:
    """One axis of the parallel coordinates.

    Attributes:
        ticks: heights from 0, at the bottom, to 1, each with its label.
    """

    title: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class TrialLine:
    """The line of one trial.

    Attributes:
        heights: its height on each axis, 0 to 1; None if it has none yet.
    """

    key: str
    heights: tuple[float | None, ...]


@dataclass(frozen=True)
class Layout:
    """The columns of the axes, evenly spread over a plot of `columns` and `rows`."""

    columns: int
    rows: int
    places: tuple[int, ...]
    marks: Marks

    def dot(self, axis: int, height: float) -> Dot:
        """Return the dot of a height on an axis."""
        wide, high = self.marks.size
        return self.places[axis] * wide, round(height * (self.rows * high - 1))


def layout_of(axes: Sequence[ParallelAxis], size: tuple[int, int], marks: Marks) -> Layout:
    """Return the layout of axes in `size` columns and rows."""
    places = tuple(round((size[0] - 2) * at / max(1, len(axes) - 1)) for at in range(len(axes)))
    return Layout(size[0] - 1, size[1], places, marks)


def line_cells(strands: Sequence[TrialLine], layout: Layout) -> dict[Dot, str]:
    """Return the lines of all trials as characters by column and row, which stay when another trial is chosen."""
    (wide, high), bits = layout.marks.size, layout.marks.bits
    cells: dict[Dot, int] = {}
    for piece in dict.fromkeys(piece for strand in strands for piece in _pieces(layout, strand)):
        for x, y in joined(piece):
            cell = (x // wide, y // high)
            cells[cell] = cells.get(cell, 0) | bits[x % wide][high - 1 - y % high]
    return {cell: layout.marks.character(dots) for cell, dots in cells.items()}


def parallel_rows(
    axes: Sequence[ParallelAxis],
    strands: Sequence[TrialLine],
    layout: Layout,
    behind: dict[Dot, str],
    *,
    chosen: str = "",
    best: str = "",
) -> list[Row]:
    """Return the axes with all lines; in front the best trial, then the chosen one, marked at every axis.

    Args:
        behind: the `line_cells` of the strands.
    """
    marks = layout.marks
    canvas = PlotCanvas(layout.columns, layout.rows, marks)
    for (column, row), character in behind.items():
        canvas.put(column, row, character, "running")
    for place in layout.places:
        for row in range(layout.rows):
            canvas.put(place, row, marks.cursor, "axis")
    by_key = {strand.key: strand for strand in strands}
    for key, tone, mark in ((best, "best", marks.best), (chosen, "validation", marks.validation)):
        if key in by_key:
            _draw_in_front(canvas, layout, by_key[key], tone, mark)
    _write_labels(canvas, layout, axes)
    return canvas.lines()


def _pieces(layout: Layout, strand: TrialLine) -> list[tuple[Dot, Dot]]:
    return [
        (layout.dot(at, left), layout.dot(at + 1, right))
        for at, (left, right) in enumerate(pairwise(strand.heights))
        if left is not None and right is not None
    ]


def _draw_in_front(canvas: PlotCanvas, layout: Layout, strand: TrialLine, tone: str, mark: str) -> None:
    """Draw a line in its own tone, with a mark in every second column so that it stands out without colour."""
    wide, high = layout.marks.size
    for (x0, y0), (x1, y1) in _pieces(layout, strand):
        canvas.draw(Stroke(tone, ((x0, y0), (x1, y1))))
        between = range(x0 + 2 * wide, x1 - wide, 2 * wide)
        dots = tuple((x, round(y0 + (y1 - y0) * (x - x0) / (x1 - x0)) // high * high) for x in between)
        canvas.draw(Stroke(tone, dots, layout.marks.running))
    ends = tuple(layout.dot(at, height) for at, height in enumerate(strand.heights) if height is not None)
    canvas.draw(Stroke(tone, ends, mark))


def _write_labels(canvas: PlotCanvas, layout: Layout, axes: Sequence[ParallelAxis]) -> None:
    for at, axis in enumerate(axes):
        last = at == len(axes) - 1
        room = (layout.places[at + 1] - layout.places[at] if not last else layout.columns) - 3
        taken: set[int] = set()
        for height, words in axis.ticks:
            row = layout.dot(at, height)[1] // layout.marks.size[1]
            if row not in taken:
                taken.add(row)
                cut = cut_end(words, max(1, room))
                canvas.put(layout.places[at] - 1 - len(cut) if last else layout.places[at] + 2, row, cut, "text")


def title_row(axes: Sequence[ParallelAxis], layout: Layout) -> Row:
    """Return the names of the axes, each above its own."""
    line = ""
    for axis, place, following in zip(axes, layout.places, layout.places[1:], strict=False):
        room = following - place - 1
        title = axis.title if len(axis.title) < room else f"{axis.title[: max(0, room - 2)]}…"
        line = f"{line.ljust(place + 1)}{title}"
    width = layout.columns + 1
    last = axes[-1].title[: max(0, width - len(line) - 1)]
    return (("title", f"{line.ljust(width - len(last))}{last}"),)


class ParallelPlot(TrialPlot):
    """Show a study's trials in parallel coordinates."""

    HELP = """
    **Parallel coordinates.** Each line is a trial: it crosses every parameter's axis at its value and ends at its
    validation score, the best at the top. The chosen trial's line carries ◆, the best one's ★. The arrow keys choose
    another trial, in the order of the list; a click on a line chooses it.
    """

    _axes: tuple[ParallelAxis, ...] = ()
    _strands: tuple[TrialLine, ...] = ()
    _best = ""
    _all = 0
    _behind: tuple[tuple[TrialLine, ...], Layout, dict[Dot, str]] | None = None

    def show(self, axes: Sequence[ParallelAxis], strands: Sequence[TrialLine], chosen: str, best: str) -> None:
        """Draw the first MOST_LINES of these trials, and the chosen one.

        Args:
            strands: best first.
            chosen, best: keys; empty for none.
        """
        kept = [strand for at, strand in enumerate(strands) if at < MOST_LINES or strand.key in {chosen, best}]
        new = (tuple(axes), tuple(kept), chosen, best, len(strands))
        if new != (self._axes, self._strands, self.chosen, self._best, self._all):
            self._axes, self._strands, self.chosen, self._best, self._all = new
            self.draw()

    def lines(self) -> list[Row]:
        width, height = self.size
        marks = self.marks
        more = f" {marks.dot} best {MOST_LINES} of {self._all:,} lines" if self._all > MOST_LINES else ""
        best = f" {marks.best} best" if self._best else ""
        legend = f" {marks.dot} {marks.validation} chosen{best}{more}"
        heading = ruled((("title", "parameters and score"), ("muted", legend)), width, marks)
        if len(self._axes) < 2:
            return [heading, (("muted", " no parameter is varied"),)][:height]
        if width < LEAST_PARALLEL_COLUMNS or height < LEAST_PARALLEL_ROWS:
            return [heading]
        layout = layout_of(self._axes, (width, height - 2), marks)
        if self._behind is None or self._behind[:2] != (self._strands, layout):
            self._behind = (self._strands, layout, line_cells(self._strands, layout))
        body = parallel_rows(self._axes, self._strands, layout, self._behind[2], chosen=self.chosen, best=self._best)
        return [heading, title_row(self._axes, layout), *body]

    def key_at(self, x: int, y: int) -> str | None:
        """Return the trial whose line is nearest to a place, on the axis nearest to it."""
        rows = self.size.height - 2
        if len(self._axes) < 2 or y < 2 or rows < 1:
            return None
        layout = layout_of(self._axes, (self.size.width, rows), self.marks)
        axis = min(range(len(self._axes)), key=lambda at: abs(layout.places[at] + 1 - x))
        height = 1 - (y - 2 + 0.5) / rows
        places = [(at, strand.key) for strand in self._strands if (at := strand.heights[axis]) is not None]
        return min(((abs(at - height), key) for at, key in places), default=(0.0, None))[1]
