"""The probabilities of the classes as bars, and the name of a class as large as it can be shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from mnist_tui.wording import DASH, percent

BIG_DIGITS = (
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00010 00100 01000 11111",
    "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)
"""The digits 0 to 9 in seven rows of five dots."""


def big_text(name: str, full: str) -> str:
    """Return the name of a class as large as it can be shown: a digit in seven lines, any other name as it is.

    Args:
        full: the character of a dot, which is two characters wide.
    """
    if name not in tuple("0123456789"):
        return name
    return "\n".join(row.replace("1", 2 * full).replace("0", "  ") for row in BIG_DIGITS[int(name)].split())


FIGURE = 8
LONGEST_NAME = 12
GAP = 2


class Probabilities(Widget):
    """A row for each class: its name, a bar and its probability; the most probable class is marked and bold."""

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
    _names: Sequence[str] = tuple(map(str, range(10)))
    _values: Sequence[float | None] = (None,) * 10
    _full = "█"

    def show(self, names: Sequence[str], values: Sequence[float | None], *, full: str = "█") -> None:
        """Show the probabilities of the named classes (None: unknown) as bars of the character `full`."""
        self._names, self._values, self._full = tuple(names), tuple(values), full
        self.refresh()

    def render(self) -> RenderResult:
        columns = -(-len(self._names) // max(1, self.size.height))
        rows = -(-len(self._names) // columns)
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
