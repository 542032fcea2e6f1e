"""Plots of a study's trials, one of which is selected.

Small multiples of the trials' curves, parallel coordinates, and the score against a single parameter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean
from types import MappingProxyType
from typing import ClassVar

from textual import events
from textual.message import Message

from mnist_tui.columns import cut_end
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.plots.axes import Plane, Span, plane_of
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import (
    Dot,
    Marks,
    PlotCanvas,
    PlotPicture,
    Row,
    Stroke,
    Tick,
    fitting_parts,
    joined,
)


def trial_marks(chosen: str, best: str, marks: Marks) -> list[tuple[str, str, str]]:
    """Return the key, the tone and the mark of the best trial and of the chosen one, which is drawn in front.

    A chosen trial that is the best one is drawn once, with the mark of the best one in the colour of the chosen one.
    """
    if chosen == best:
        return [(chosen, "validation", marks.best)]
    return [(best, "best", marks.best), (chosen, "validation", marks.validation)]


def mark_legend(chosen: str, best: str, marks: Marks) -> list[Row]:
    """Return the words for the marks of the chosen and of the best trial."""
    if chosen and chosen == best:
        return [(("validation", marks.best), ("muted", " chosen, the best"))]
    return [
        *([(("validation", marks.validation), ("muted", " chosen"))] if chosen else []),
        *([(("best", marks.best), ("muted", " best"))] if best else []),
    ]


TRIAL_KEYS = [("left,right", "trial"), ("plot", "another plot")]


class TrialPlot(Plot):
    """A plot of trials, one of which is chosen with the keys or the mouse; `chosen` is its key, empty for none."""

    can_focus = True
    BINDINGS: ClassVar = [
        bind("trials.up", "up,k", "row(-1)", "Up", "The trial above", hidden=True),
        bind("trials.down", "down,j", "row(1)", "Down", "The trial below", hidden=True),
        bind("trials.left", "left", "step(-1)", "Left", "The trial at the left", hidden=True),
        bind("trials.right", "right", "step(1)", "Right", "The trial at the right", hidden=True),
    ]

    @dataclass
    class TrialStep(Message):
        """Posted when a key chooses the trial that is `by` places further down the list."""

        by: int

    @dataclass
    class TrialPointed(Message):
        """Posted when a trial is clicked."""

        key: str

    chosen = ""

    @property
    def across(self) -> int:
        """Return the number of trials side by side, by which the up and down keys move."""
        return 1

    def key_at(self, x: int, y: int) -> str | None:
        """Return the key of the trial that is drawn at a column and a row inside the frame; None if there is none."""
        raise NotImplementedError

    def action_step(self, by: int) -> None:
        self.post_message(self.TrialStep(by))

    def action_row(self, by: int) -> None:
        self.action_step(by * self.across)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        key = self.key_at(offset.x - self.side, offset.y - 1) if offset is not None else None
        if key is not None:
            self.post_message(self.TrialPointed(key))


WIDTH, HEIGHT = 22, 6
"""The least size of a panel in characters, including its title and the gap at its right."""
GAP = 2


@dataclass(frozen=True)
class Panel:
    """A trial's small plot: number and score as its title, a text about its parameters, and its value by epoch."""

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
    """The number of panels in a row (`across`) and in a column (`down`), and the size of each in characters."""

    across: int
    down: int
    width: int
    height: int

    @property
    def count(self) -> int:
        return self.across * self.down


def grid_of(count: int, size: tuple[int, int]) -> PanelGrid:
    """Return the grid that shows `count` panels as large as possible, or as many of them as there is room for."""
    across, down = max(1, size[0] // WIDTH), max(1, size[1] // HEIGHT)
    while across > 1 and (across - 1) * down >= count:
        across -= 1
    while down > 1 and (down - 1) * across >= count:
        down -= 1
    return PanelGrid(across, down, size[0] // across, size[1] // down)


def panel_lines(panel: Panel, frame: Frame, size: tuple[int, int], marks: Marks, *, chosen: bool) -> list[Row]:
    """Return the lines of one panel, which have exactly the `size` (columns, rows)."""
    width, height = size
    title = f"{'>' if chosen else ' '}{panel.title}"[: width - GAP]
    room = max(0, width - GAP - len(title) - 1)
    about = f" {cut_end(panel.about, max(1, room))}".ljust(width - len(title))
    heading: Row = (("validation" if chosen else "title", title), ("muted", about))
    columns, rows = width - GAP - 1, height - 1
    canvas = PlotCanvas(columns, rows, marks)
    canvas.draw(Stroke("axis", ((0, 0), (columns * marks.size[0] - 1, 0))))
    plane = Plane((1, max(2, frame.epochs)), (frame.low, frame.high), columns, rows, marks.size)
    points = [(x, min(max(y, frame.low), frame.high)) for x, y in panel.points]
    tone, mark = ("validation", marks.validation) if chosen else ("training", marks.plain)
    canvas.draw(plane.stroke(tone, points))
    canvas.draw(plane.stroke(tone, points[-1:], mark))
    return [heading, *((*line, ("text", " " * GAP)) for line in canvas.lines())]


class MultiplesPlot(TrialPlot):
    """The validation curves of a study's trials, one panel for each."""

    HELP = """
    **Small multiples.** Each panel is a trial's validation curve; all have the same axes, which the heading names. `>`
    marks the chosen one. The arrow keys choose another, in the order of the list; a click chooses, too. What does not
    fit is on further pages: the page with the chosen trial is shown.
    """

    _panels: tuple[Panel, ...] = ()
    _frame = Frame("", 0.0, 1.0, 1)

    def show(self, panels: Sequence[Panel], frame: Frame, chosen: str) -> None:
        """Draw a panel for each trial, in the given order."""
        new = (tuple(panels), frame, chosen)
        if new != (self._panels, self._frame, self.chosen):
            self._panels, self._frame, self.chosen = new
            self.draw()

    @property
    def _grid(self) -> PanelGrid:
        return grid_of(len(self._panels), (max(1, self.inside[0]), max(1, self.inside[1])))

    @property
    def across(self) -> int:
        return self._grid.across

    @property
    def _first_on_page(self) -> int:
        at = next((at for at, panel in enumerate(self._panels) if panel.key == self.chosen), 0)
        return at // self._grid.count * self._grid.count

    def lines(self) -> list[Row]:
        grid, first, marks = self._grid, self._first_on_page, self.marks
        seen = self._panels[first : first + grid.count]
        words = f" {marks.dot} {self._frame.words}" if seen else ""
        if len(seen) < len(self._panels):
            words += f" {marks.dot} {first + 1} to {first + len(seen)} of {len(self._panels):,}"
        title: Row = (("title", self._frame.title.capitalize()), ("muted", words))
        if not seen:
            return self.framed(title, [(("muted", "no trial has ended an epoch yet"),)])
        if grid.width < WIDTH // 2 or grid.height < 3:
            return self.framed(title, ())
        lines: list[Row] = []
        for begin in range(0, len(seen), grid.across):
            drawn = [
                panel_lines(panel, self._frame, (grid.width, grid.height), marks, chosen=panel.key == self.chosen)
                for panel in seen[begin : begin + grid.across]
            ]
            lines += [tuple(part for row in rows for part in row) for rows in zip(*drawn, strict=True)]
        return self.framed(title, lines, keys=TRIAL_KEYS)

    def key_at(self, x: int, y: int) -> str | None:
        grid = self._grid
        across = min(max(0, x) // grid.width, grid.across - 1)
        at = self._first_on_page + y // grid.height * grid.across + across
        return self._panels[at].key if 0 <= y < grid.height * grid.down and at < len(self._panels) else None


FEWEST_COLOURED = 8
"""The number of trials from which the best quarter of the lines has a colour."""
MOST_LINES = 200
"""Lines that are drawn; more would take long and be a solid block."""
LEAST_PARALLEL_COLUMNS, LEAST_PARALLEL_ROWS = 24, 6


@dataclass(frozen=True)
class ParallelAxis:
    """An axis of parallel coordinates, with the heights (0 at the bottom, 1 at the top) and labels of its ticks."""

    title: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class TrialLine:
    """The line of one trial; its height on each axis is from 0 to 1, or None if it has no value there yet."""

    key: str
    heights: tuple[float | None, ...]


@dataclass(frozen=True)
class Layout:
    """The columns of the axes, at equal distances, in a plot of `columns` times `rows` characters."""

    columns: int
    rows: int
    places: tuple[int, ...]
    marks: Marks

    def dot(self, axis: int, height: float) -> Dot:
        """Return the dot of a height on an axis."""
        wide, high = self.marks.size
        return self.places[axis] * wide, round(height * (self.rows * high - 1))


def layout_of(axes: Sequence[ParallelAxis], size: tuple[int, int], marks: Marks) -> Layout:
    """Return the layout of axes in a plot of `size` (columns, rows)."""
    places = tuple(round((size[0] - 2) * at / max(1, len(axes) - 1)) for at in range(len(axes)))
    return Layout(size[0] - 1, size[1], places, marks)


def line_cells(strands: Sequence[TrialLine], layout: Layout) -> dict[Dot, str]:
    """Return the characters of all trials' lines by column and row; they do not depend on the chosen trial."""
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
    good: Mapping[Dot, str] = MappingProxyType({}),
    *,
    chosen: str = "",
    best: str = "",
) -> list[Row]:
    """Return the lines of a plot with its axes and all trials; in front the best trial, then the chosen one.

    Args:
        behind: the result of `line_cells` for the strands.
        good: that for the strands that are drawn in a colour before the others.
        chosen, best: the keys of the two trials, which are marked at every axis; empty for none.
    """
    marks = layout.marks
    canvas = PlotCanvas(layout.columns, layout.rows, marks)
    for (column, row), character in behind.items():
        canvas.put(column, row, character, "running")
    for (column, row), character in good.items():
        canvas.put(column, row, character, "training")
    for place in layout.places:
        for row in range(layout.rows):
            canvas.put(place, row, marks.cursor, "axis")
    by_key = {strand.key: strand for strand in strands}
    for key, tone, mark in trial_marks(chosen, best, marks):
        if key in by_key:
            _draw_in_front(canvas, layout, by_key[key], tone, mark)
    _write_labels(canvas, layout, axes)
    return canvas.lines()


def best_quarter(strands: Sequence[TrialLine]) -> tuple[TrialLine, ...]:
    """Return the quarter of the trials with the best scores; none of fewer than FEWEST_COLOURED trials with a score."""
    scored = [(height, strand) for strand in strands if (height := strand.heights[-1]) is not None]
    scored.sort(key=lambda pair: -pair[0])
    return tuple(strand for _, strand in scored[: len(scored) // 4]) if len(scored) >= FEWEST_COLOURED else ()


def _pieces(layout: Layout, strand: TrialLine) -> list[tuple[Dot, Dot]]:
    return [
        (layout.dot(at, left), layout.dot(at + 1, right))
        for at, (left, right) in enumerate(pairwise(strand.heights))
        if left is not None and right is not None
    ]


def _draw_in_front(canvas: PlotCanvas, layout: Layout, strand: TrialLine, tone: str, mark: str) -> None:
    """Draw a line in its own tone, with a mark in every second column, so that it can be seen without colour."""
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
        first_in_row: dict[int, str] = {}
        for height, words in axis.ticks:
            first_in_row.setdefault(layout.dot(at, height)[1] // layout.marks.size[1], cut_end(words, max(1, room)))
        for row, words in first_in_row.items():
            canvas.put(layout.places[at] - 2 - len(words) if last else layout.places[at] + 1, row, f" {words} ", "text")


def title_row(axes: Sequence[ParallelAxis], layout: Layout) -> Row:
    """Return a line with the name of each axis above it."""
    line = ""
    for axis, place, following in zip(axes, layout.places, layout.places[1:], strict=False):
        room = following - place - 1
        title = axis.title if len(axis.title) < room else f"{axis.title[: max(0, room - 2)]}…"
        line = f"{line.ljust(place + 1)}{title}"
    width = layout.columns + 1
    last = axes[-1].title[: max(0, width - len(line) - 1)]
    return (("title", f"{line.ljust(width - len(last))}{last}"),)


class ParallelPlot(TrialPlot):
    """A study's trials in parallel coordinates."""

    HELP = """
    **Parallel coordinates.** Each line is a trial: it crosses every parameter's axis at its value and ends at its
    validation score, the best at the top; the best quarter of many lines has a colour. The chosen trial's line carries
    ◆, the best one's ★. The arrow keys choose another trial, in the order of the list; a click on a line chooses it.
    """

    _axes: tuple[ParallelAxis, ...] = ()
    _strands: tuple[TrialLine, ...] = ()
    _best = ""
    _all = 0
    _behind: tuple[tuple[TrialLine, ...], Layout, dict[Dot, str], dict[Dot, str]] | None = None

    def show(self, axes: Sequence[ParallelAxis], strands: Sequence[TrialLine], chosen: str, best: str) -> None:
        """Draw the first MOST_LINES trials, best first, and always those with the keys `chosen` and `best`."""
        kept = [strand for at, strand in enumerate(strands) if at < MOST_LINES or strand.key in {chosen, best}]
        new = (tuple(axes), tuple(kept), chosen, best, len(strands))
        if new != (self._axes, self._strands, self.chosen, self._best, self._all):
            self._axes, self._strands, self.chosen, self._best, self._all = new
            self.draw()

    def lines(self) -> list[Row]:
        width, height = self.inside
        marks = self.marks
        more = f" {marks.dot} best {MOST_LINES} of {self._all:,} lines" if self._all > MOST_LINES else ""
        legend = mark_legend(self.chosen, self._best, marks)
        title: Row = (("title", "Parameters and score"), ("muted", more))
        if len(self._axes) < 2:
            return self.framed(title, [(("muted", "no parameter is varied"),)])
        if width < LEAST_PARALLEL_COLUMNS or height < LEAST_PARALLEL_ROWS:
            return self.framed(title, ())
        layout = layout_of(self._axes, (width, height - 1), marks)
        if self._behind is None or self._behind[:2] != (self._strands, layout):
            good = line_cells(best_quarter(self._strands), layout)
            self._behind = (self._strands, layout, line_cells(self._strands, layout), good)
        if self._behind[3]:
            legend = [(("training", marks.line), ("muted", " best quarter")), *legend]
        body = parallel_rows(self._axes, self._strands, layout, *self._behind[2:], chosen=self.chosen, best=self._best)
        body = [title_row(self._axes, layout), *body]
        return self.framed(title, body, lambda room: fitting_parts(legend, room, "  "), TRIAL_KEYS)

    def key_at(self, x: int, y: int) -> str | None:
        """Return the trial whose line is the nearest to a place, measured on the axis nearest to that place."""
        rows = self.inside[1] - 1
        if len(self._axes) < 2 or not 1 <= y <= rows:
            return None
        layout = layout_of(self._axes, (self.inside[0], rows), self.marks)
        axis = min(range(len(self._axes)), key=lambda at: abs(layout.places[at] + 1 - x))
        height = 1 - (y - 1 + 0.5) / rows
        places = [(at, strand.key) for strand in self._strands if (at := strand.heights[axis]) is not None]
        return min(((abs(at - height), key) for at, key in places), default=(0.0, None))[1]


@dataclass(frozen=True)
class TrialScore:
    """A trial in a plot of the score against a parameter: its places on the lower and on the left axis."""

    key: str
    x: float
    y: float


@dataclass(frozen=True)
class ScoreAxes:
    """The axes of a plot of the score against a parameter.

    Attributes:
        title, note: the score and the parameter, and a remark about the axis.
        x, y: the ends of the axes.
        ticks: the places and the labels of the lower axis, from the left.
        numbers: whether the values of the parameter are numbers, whose means are joined by a line.
        means: whether the means are drawn: not if the trials of one value differ in other parameters, too.
        unit: follows the numbers of the left axis.
    """

    title: str
    note: str
    x: Span
    y: Span
    ticks: tuple[tuple[float, str], ...]
    numbers: bool
    means: bool = True
    unit: str = ""


SHORTEST_LABEL = 6
"""Characters of a label below which labels are left out rather than shortened."""
MEAN_WIDTH = 0.6
"""Width of the line at the mean of a category, as a share of the distance between two categories."""
LEAST_SCORE_COLUMNS, LEAST_SCORE_ROWS = 24, 5


def score_picture(
    axes: ScoreAxes,
    scores: Sequence[TrialScore],
    size: tuple[int, int],
    marks: Marks,
    *,
    chosen: str = "",
    best: str = "",
) -> tuple[Plane, PlotPicture]:
    """Draw the scores into a plot of `size` (columns, rows), with the mean at each value of the parameter.

    Args:
        chosen, best: the keys of the two trials that are marked; empty for none.
    """
    plane, picture = plane_of(axes.x, axes.y, size, marks, unit=axes.unit)
    at: dict[float, list[float]] = {}
    for score in scores:
        at.setdefault(score.x, []).append(score.y)
    means = [(x, fmean(ys)) for x, ys in sorted(at.items())]
    lines = (
        []
        if not axes.means
        else [means]
        if axes.numbers
        else [[(x - MEAN_WIDTH / 2, y), (x + MEAN_WIDTH / 2, y)] for x, y in means]
    )
    strokes = [plane.stroke("training", line) for line in lines]
    strokes.append(plane.stroke("text", [(score.x, score.y) for score in scores], marks.plain))
    for key, tone, mark in trial_marks(chosen, best, marks):
        strokes.append(plane.stroke(tone, [(score.x, score.y) for score in scores if score.key == key], mark))
    return plane, replace(picture, x_ticks=labels_that_fit(plane, axes.ticks), strokes=tuple(strokes))


def labels_that_fit(plane: Plane, ticks: Sequence[tuple[float, str]]) -> tuple[Tick, ...]:
    """Return the labels with their columns; a label that would touch another one is shortened or left out."""
    columns = [plane.column(x) or 0 for x, _ in ticks]
    apart = min((right - left for left, right in pairwise(columns)), default=plane.columns)
    longest = max((len(text) for _, text in ticks), default=0)
    every = 1 if apart > SHORTEST_LABEL else -(-(min(longest, SHORTEST_LABEL) + 1) // max(1, apart))
    shown = list(zip(columns, ticks, strict=True))[::every]
    return tuple((column, cut_end(text, max(1, every * apart - 1))) for column, (_, text) in shown)


class ScorePlot(TrialPlot):
    """The scores of a study's trials against the one parameter in which they differ."""

    HELP = """
    **Score against parameter.** Each circle is a trial, at its value of the parameter and its validation score; the
    line goes through the means of the seeds. Where the values are no numbers, a short line stands at each mean. The
    axis of values that grow by factors, such as 50, 100, 200, is logarithmic. The chosen trial is ◆, the best one ★.
    The arrow keys choose another trial, in the order of the list; a click chooses the nearest.
    """

    _axes: ScoreAxes | None = None
    _scores: tuple[TrialScore, ...] = ()
    _best = ""
    _plane: Plane | None = None

    def show(self, axes: ScoreAxes | None, scores: Sequence[TrialScore], chosen: str, best: str) -> None:
        """Draw the scores; no axes if no trial has a score yet."""
        new = (axes, tuple(scores), chosen, best)
        if new != (self._axes, self._scores, self.chosen, self._best):
            self._axes, self._scores, self.chosen, self._best = new
            self.draw()

    def lines(self) -> list[Row]:
        (width, height), marks, axes = self.inside, self.marks, self._axes
        if axes is None:
            self._plane = None
            return self.framed((("title", "Score"),), [(("muted", "no trial has a score yet"),)])
        title: Row = (("title", axes.title), ("muted", axes.note))
        if width < LEAST_SCORE_COLUMNS or height < LEAST_SCORE_ROWS:
            return self.framed(title, ())
        self._plane, picture = score_picture(
            axes, self._scores, self.inside, marks, chosen=self.chosen, best=self._best
        )
        legend: list[Row] = [
            (("text", marks.plain), ("muted", " trial")),
            *([(("training", marks.line), ("muted", " mean"))] if axes.means else []),
            *mark_legend(self.chosen, self._best, marks),
        ]
        return self.framed(title, self.paint(picture), lambda room: fitting_parts(legend, room, "  "), TRIAL_KEYS)

    def key_at(self, x: int, y: int) -> str | None:
        if self._plane is None or not self._scores:
            return None
        return nearest(self._plane, self._scores, x - (self.margin - self.side), y)


def nearest(plane: Plane, scores: Sequence[TrialScore], column: int, row: int) -> str | None:
    """Return the key of the trial nearest to a column and a row, from the upper left corner inside the axes."""
    wide, high = plane.dots

    def distance(score: TrialScore) -> float:
        x, y = plane.dot(score.x, score.y)
        return math.hypot(x / wide - column, 2 * (y / high - (plane.rows - 1 - row)))

    return min(scores, key=distance).key if scores else None
