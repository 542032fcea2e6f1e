"""The confusion matrix in full: with a cell cursor for the arrow keys."""

from __future__ import annotations

from textual.binding import Binding
from textual.message import Message

from mnist_tui.tui.widgets.matrix.confusion import ConfusionView
from mnist_tui.tui.widgets.matrix.confusion_layout import NARROWEST_CELL


class CellMatrix(ConfusionView, can_focus=True):
    """A matrix in which one cell is looked at. Posts `CellSelected`; Enter posts `CellChosen` as a click does."""

    HELP = f"""{ConfusionView.HELP}
    The arrow keys move the cell that is looked at, shown in brackets; Enter or a click opens its images. Comma and full
    stop look at the epoch before and after, `<` and `>` ten epochs away.
    """
    BINDINGS = [
        Binding("up", "move(-1, 0)", "Up", tooltip="Look at the cell above", id="matrix.up", show=False),
        Binding("down", "move(1, 0)", "Down", tooltip="Look at the cell below", id="matrix.down", show=False),
        Binding("left", "move(0, -1)", "Left", tooltip="Look at the cell to the left", id="matrix.left", show=False),
        Binding("right", "move(0, 1)", "Right", tooltip="Look at the cell to the right", id="matrix.right", show=False),
        Binding("enter", "choose", "Images", tooltip="Open the images of the cell looked at", id="matrix.images"),
    ]
    NARROWEST_WITH_MARGINS = NARROWEST_CELL

    class CellSelected(Message):
        """Another cell is looked at."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = self.cell = (0, 0)

    def look_at(self, cell: tuple[int, int]) -> None:
        """Moves the cursor to a cell, given as true class and predicted class."""
        self.cursor = self.cell = cell
        self.draw()
        self.post_message(self.CellSelected())

    def action_move(self, down: int, right: int) -> None:
        true, predicted = self.cell
        self.look_at(((true + down) % 10, (predicted + right) % 10))

    def action_choose(self) -> None:
        if self.shown.matrix:
            self.post_message(self.CellChosen(*self.cell))
