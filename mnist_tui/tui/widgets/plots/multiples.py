"""Small multiples: the validation curve of every trial in a small plot of its own, all with the same axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.tui.widgets.plots.legend import ruled
from mnist_tui.tui.widgets.plots.marks import Marks
from mnist_tui.tui.widgets.plots.raster import Row, Stroke
from mnist_tui.tui.widgets.plots.trial_plot import TrialPlot, blank

WIDTH, HEIGHT = 22, 6
"""Characters of a panel at least, its title and the gap at its right included."""
GAP = 2


@dataclass(frozen=True)
class Panel:
    """One trial.

    Attributes:
        title: its number and score; `about`: its values, where there is room.
        points: epoch and value, rising epochs; values as on the axis.
    """

    key: str
    title: str
    about: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Frame:
    """The axes that all panels share, and how they are told."""

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
    """How panels are laid out in so many characters."""

    across: int
    down: int
    width: int
    height: int

    @property
    def count(self) -> int:
        return self.across * self.down

    def page(self, at: int) -> int:
        """The first panel of the page that has the one at a place."""
        return at // self.count * self.count


def grid_of(count: int, size: tuple[int, int]) -> PanelGrid:
    """The grid with the largest panels that shows `count` of them, else as many as there is room for."""
    across, down = max(1, size[0] // WIDTH), max(1, size[1] // HEIGHT)
    while across > 1 and (across - 1) * down >= count:
        across -= 1
    while down > 1 and (down - 1) * across >= count:
        down -= 1
    return PanelGrid(across, down, size[0] // across, size[1] // down)


def panel_lines(panel: Panel, frame: Frame, size: tuple[int, int], marks: Marks, *, chosen: bool) -> list[Row]:
    """One panel, exactly as large as `size`."""
    width, height = size
    inner = width - GAP
    tone = "validation" if chosen else "title"
    title = f"{'>' if chosen else ' '}{panel.title}"
    room = max(0, inner - len(title) - 1)
    about = f" {panel.about if len(panel.about) <= room else panel.about[: max(0, room - 1)] + '…'}"
    heading: Row = ((tone, title[:inner]), ("muted", about.ljust(width - len(title[:inner]))))
    columns, rows = inner - 1, height - 1
    canvas = blank(columns, rows, marks)
    wide, high = marks.size
    bottom = ((0, 0), (columns * wide - 1, 0))
    canvas.draw(Stroke("axis", bottom))
    if panel.points:
        span = max(1, frame.epochs - 1)
        rise = (frame.high - frame.low) or 1.0
        dots = tuple(
            (
                round((x - 1) / span * (columns * wide - 1)),
                max(0, min(rows * high - 1, round((y - frame.low) / rise * (rows * high - 1)))),
            )
            for x, y in panel.points
        )
        colour, mark = ("validation", marks.validation) if chosen else ("training", marks.plain)
        canvas.draw(Stroke(colour, dots))
        x, y = dots[-1]
        last = (min(x // wide, columns - 1) * wide, y // high * high)
        canvas.draw(Stroke(colour, (last,), mark))
    return [heading, *((*line, ("text", " " * GAP)) for line in canvas.lines())]


class MultiplesPlot(TrialPlot):
    """The validation curves of a study's trials, one panel each."""

    HELP = """
    **Small multiples.** Each panel is a trial's validation curve; all have the same axes, told in the heading. `>` is
    before the chosen one. The arrow keys choose another, in the order of the list; a click chooses, too. What does not
    fit is on further pages: the page with the chosen trial is shown.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._panels: tuple[Panel, ...] = ()
        self._frame = Frame("", 0.0, 1.0, 1)

    def show(self, panels: Sequence[Panel], frame: Frame, chosen: str) -> None:
        """Draws these trials, in their order."""
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
        """The place of the first panel that is seen."""
        at = next((at for at, panel in enumerate(self._panels) if panel.key == self.chosen), 0)
        return self._grid.page(at)

    def lines(self) -> list[Row]:
        width, height = self.size
        grid, first, marks = self._grid, self._first, self.marks
        seen = self._panels[first : first + grid.count]
        pages = f" {marks.dot} {first + 1} to {first + len(seen)} of {len(self._panels):,}"
        more = pages if len(seen) < len(self._panels) else ""
        words = f" {marks.dot} {self._frame.words}{more}" if seen else ""
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
