"""The worst confusions in words; a click looks at one."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from mnist_tui.runs.events import Matrix
from mnist_tui.runs.scores import Confusion, in_words, worst_confusions
from mnist_tui.tui.widgets.matrix.confusion_cells import WORST
from mnist_tui.wording import signed

GAP = 2


class WorstConfusions(Widget):
    """The worst confusions of a matrix, a line each; two beside each other where that saves lines."""

    HELP = "**Worst confusions.** Those with the most images, largest first. `n` or a click looks at one in the matrix."
    DEFAULT_CSS = """
    WorstConfusions {
        height: auto;
        border-top: solid $primary-muted;
        border-title-color: $foreground;
    }
    """

    class ConfusionChosen(Message):
        """One was clicked."""

        def __init__(self, confusion: Confusion) -> None:
            super().__init__()
            self.confusion = confusion

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "[b]worst confusions[/b]"
        self.confusions: list[Confusion] = []
        self._lines: list[str] = []

    def show(self, matrix: Matrix | None, names: Sequence[str], base: Matrix | None) -> None:
        """Words the worst confusions of `matrix`, with their change since `base` where there is one."""
        self.confusions = worst_confusions(matrix, names, WORST) if matrix else []
        lines = [in_words(pair) + _change(pair, base) for pair in self.confusions]
        if not lines:
            lines = ["no image was confused" if matrix else "no epoch has ended yet"]
        if lines != self._lines:
            self._lines = lines
            self.refresh(layout=True)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows(width))

    def render(self) -> RenderResult:
        columns = self._columns(self.size.width)
        wide = self.size.width // columns
        rows = self._rows(self.size.width)
        return Content("\n").join(Content("".join(text.ljust(wide) for _, text in row).rstrip()) for row in rows)

    def on_click(self, event: events.Click) -> None:
        offset, rows = event.get_content_offset(self), self._rows(self.size.width)
        if offset is None or offset.y >= len(rows):
            return
        row = rows[offset.y]
        at, _ = row[min(len(row) - 1, offset.x * self._columns(self.size.width) // self.size.width)]
        if at < len(self.confusions):
            self.post_message(self.ConfusionChosen(self.confusions[at]))

    def _columns(self, width: int) -> int:
        longest = max(map(len, self._lines), default=0)
        return 2 if len(self._lines) > 1 and 2 * (longest + GAP) - GAP <= width else 1

    def _rows(self, width: int) -> list[list[tuple[int, str]]]:
        """The lines as they stand, each part with the number of its confusion; long ones go on in the next line."""
        if self._columns(width) == 1:
            return [[(at, part)] for at, line in enumerate(self._lines) for part in wrap(line, max(width, 10))]
        numbered = list(enumerate(self._lines))
        return [numbered[at : at + 2] for at in range(0, len(numbered), 2)]


def _change(pair: Confusion, base: Matrix | None) -> str:
    return f" ({signed(pair.count - base[pair.true][pair.predicted], 0)})" if base else ""
