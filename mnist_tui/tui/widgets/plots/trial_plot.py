"""What plots of many trials share: one of them is chosen, by the arrow keys, by the mouse, and from outside."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.message import Message

from mnist_tui.tui.widgets.plots.marks import Marks
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import PlotCanvas, PlotPicture, Stroke


class TrialPlot(Plot):
    """A plot of trials of which one is chosen.

    Attributes:
        chosen: the key of the chosen trial; empty for none.
    """

    can_focus = True
    DEFAULT_CSS = """
    TrialPlot:focus { background: $surface; }
    """
    BINDINGS: ClassVar = [
        Binding("up,k", "step('up')", "Up", tooltip="The trial above", id="trials.up", show=False),
        Binding("down,j", "step('down')", "Down", tooltip="The trial below", id="trials.down", show=False),
        Binding("left", "step('left')", "Left", tooltip="The trial at the left", id="trials.left", show=False),
        Binding("right", "step('right')", "Right", tooltip="The trial at the right", id="trials.right", show=False),
    ]

    class TrialStep(Message):
        """Someone wants the trial so many places further in the list's order."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class TrialPointed(Message):
        """Someone points at a trial."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.chosen = ""

    @property
    def across(self) -> int:
        """Trials beside each other: how far up and down go."""
        return 1

    def key_at(self, x: int, y: int) -> str | None:
        """The trial that is drawn at a place, in characters; None where none is."""
        raise NotImplementedError

    def action_step(self, way: str) -> None:
        by = {"up": -self.across, "down": self.across, "left": -1, "right": 1}[way]
        self.post_message(self.TrialStep(by))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        key = self.key_at(offset.x, offset.y) if offset is not None else None
        if key is not None:
            self.post_message(self.TrialPointed(key))


def blank(columns: int, rows: int, marks: Marks) -> PlotCanvas:
    """A canvas without axes; strokes are placed in dots from its lower left corner."""
    picture = PlotPicture(columns, rows, (), ())
    return PlotCanvas([[" "] * (picture.margin + columns) for _ in range(rows)], picture, marks)


def write_text(canvas: PlotCanvas, tone: str, column: int, row: int, words: str) -> None:
    """Words from a character's place on; what does not fit is left out."""
    wide, high = canvas.marks.size
    for at, character in enumerate(words):
        canvas.draw(Stroke(tone, (((column + at) * wide, row * high),), character))
