"""Ten probabilities as labelled bars with percentages, in one column or in two."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from mnist_tui.wording import DASH, percent

FIGURE = 8
LONGEST_NAME = 12
GAP = 2


class Probabilities(Widget):
    """A row a class: its name, a bar, its probability; the winner is marked and bold."""

    HELP = """
    **Probabilities.** What the network's ten outputs (softmax) say of the picture; together they are 100 %. The most
    probable class is marked.
    """
    COMPONENT_CLASSES = {"probabilities--bar", "probabilities--winner"}
    DEFAULT_CSS = """
    Probabilities {
        height: 10;
        & > .probabilities--bar { color: $primary; }
        & > .probabilities--winner { color: $text-accent; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names: Sequence[str] = tuple(map(str, range(10)))
        self._values: Sequence[float | None] = (None,) * 10
        self._full = "█"

    def show(self, names: Sequence[str], values: Sequence[float | None], *, full: str = "█") -> None:
        """Shows ten probabilities; None where there is none."""
        self._names, self._values, self._full = tuple(names), tuple(values), full
        self.refresh()

    def render(self) -> RenderResult:
        rows = len(self._names) if self.size.height >= len(self._names) else -(-len(self._names) // 2)
        columns = -(-len(self._names) // rows)
        width = (self.size.width - GAP * (columns - 1)) // columns
        lines = [
            Content(" " * GAP).join(self._row(label, width) for label in range(line, len(self._names), rows))
            for line in range(rows)
        ]
        return Content("\n").join(lines)

    def _row(self, label: int, width: int) -> Content:
        value = self._values[label]
        longest = min(max(map(len, self._names)), LONGEST_NAME, max(1, width - FIGURE - 2))
        best = value is not None and value == max(each for each in self._values if each is not None)
        figure = (DASH if value is None else percent(value, 1)).rjust(FIGURE)
        room = max(0, width - longest - FIGURE - 3)
        filled = round((value or 0.0) * room)
        winner, bar = self.get_visual_style("probabilities--winner"), self.get_visual_style("probabilities--bar")
        name = f"{'>' if best else ' '}{self._names[label][:longest]:<{longest}} "
        return Content.assemble(
            Content.styled(name, winner) if best else name,
            Content.styled(self._full * filled + " " * (room - filled), bar),
            Content.styled(figure, winner) if best else figure,
        )
