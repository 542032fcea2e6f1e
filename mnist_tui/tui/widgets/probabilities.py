"""The probabilities of the classes as bars, and the name of a class as large as it can be shown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from textual.app import RenderResult
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from mnist_tui.runs.scores import MOST_IN_ORDER
from mnist_tui.settings import Glyphs
from mnist_tui.tui.widgets.text import bar_texts
from mnist_tui.wording import DASH, counted, percent

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


def most_probable(values: Sequence[float | None], most: int, true: int | None = None) -> list[int]:
    """Return the numbers of the most probable classes, the most probable first; of two or more one is the true one."""
    order = sorted(range(len(values)), key=lambda at: -(values[at] or 0.0))
    return order[:most] if true is None or true in order[:most] or most < 2 else [*order[: most - 1], true]


def others_line(values: Sequence[float | None], shown: Sequence[int]) -> str:
    """Describe the classes that are not shown: ``37 others 1.2 %``; empty if all are shown."""
    rest = [value or 0.0 for at, value in enumerate(values) if at not in shown]
    return f"{counted(rest, 'other')} {percent(sum(rest), 1)}" if rest else ""


TRUE_MARK = " true"
"""What follows the probability of the true class."""
FIGURE = 8
LEAST = 0.0005
"""A probability that is shown as 0.0 %."""
LONGEST_NAME = 12
GAP = 2
LOW, MOST_COLUMNS = 5, 3
"""The lines up to which the most probable classes stand in columns, and the most columns."""


class Probabilities(Widget):
    """A row for each class: its name, a bar and its probability; the most probable class is marked and bold."""

    HELP = """
    **Probabilities.** What the network's outputs (softmax) say of the picture, one for each class; together they are
    100 %. The most probable class is marked. Of more than twenty classes, the most probable ones are listed.
    """
    COMPONENT_CLASSES = {
        "probabilities--bar",
        "probabilities--rest",
        "probabilities--winner",
        "probabilities--true",
        "probabilities--least",
    }
    DEFAULT_CSS = """
    Probabilities {
        height: auto;
        max-height: 10;
        & > .probabilities--bar { color: $primary; }
        & > .probabilities--rest { color: $foreground 20%; }
        & > .probabilities--winner { color: $accent; text-style: bold; }
        & > .probabilities--true { color: $success; text-style: bold; }
        & > .probabilities--least { color: $text-muted; }
    }
    """
    _names: Sequence[str] = tuple(map(str, range(10)))
    _values: Sequence[float | None] = (None,) * 10
    _glyphs: Glyphs = "braille"
    _true: int | None = None

    def show(
        self,
        names: Sequence[str],
        values: Sequence[float | None],
        *,
        glyphs: Glyphs = "braille",
        true: int | None = None,
    ) -> None:
        """Show the probabilities of the named classes (None: unknown) as bars.

        Args:
            true: the class of the picture, if it is known; its row says so.
        """
        others = len(names) != len(self._names)
        self._names, self._values, self._glyphs, self._true = tuple(names), tuple(values), glyphs, true
        self.refresh(layout=others)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._names)

    def render(self) -> RenderResult:
        classes, height = len(self._names), max(1, self.size.height)
        if height == 1 and (line := self._line()) and line.cell_length <= self.size.width:
            return line
        columns = -(-classes // height)
        fitting = max(1, (self.size.width + GAP) // (self._longest + FIGURE + 2 + GAP))
        if classes <= MOST_IN_ORDER and columns <= fitting:
            return self._rows(range(classes), columns)
        columns = min(fitting, MOST_COLUMNS) if height <= LOW else 1
        shown = most_probable(self._values, max(1, height - 1) * columns, self._true)
        rest = others_line(self._values, shown) if any(self._values) else ""
        return Content("\n").join([self._rows(shown, columns), Content(rest)])

    def _line(self) -> Content | None:
        """Return the most probable class and the true one in a line; None if there are no probabilities."""
        if self._true is None or not any(self._values):
            return None
        best, *others = most_probable(self._values, 2, self._true)
        figures = {label: percent(self._values[label], 1) for label in (best, self._true)}
        winner, true = (self.get_visual_style(f"probabilities--{part}") for part in ("winner", "true"))
        parts = [Content.styled(f">{self._names[best]}  {figures[best]}", winner)]
        parts += [Content(f"  {self._names[self._true]}  {figures[self._true]}")] if self._true in others else []
        return Content("").join([*parts, Content.styled(TRUE_MARK, true)])

    @property
    def _longest(self) -> int:
        return min(max(map(cell_len, self._names)), LONGEST_NAME)

    def _rows(self, labels: Sequence[int], columns: int) -> Content:
        """Return rows of classes in columns, from top to bottom and then from left to right."""
        rows = -(-len(labels) // columns)
        width = (self.size.width - GAP * (columns - 1)) // columns
        return Content("\n").join(
            Content(" " * GAP).join(self._row(label, width) for label in labels[line::rows]) for line in range(rows)
        )

    def _row(self, label: int, width: int) -> Content:
        value = self._values[label]
        mark = "" if self._true is None else TRUE_MARK if label == self._true else " " * len(TRUE_MARK)
        width -= len(mark)
        longest = min(self._longest, max(1, width - FIGURE - 2))
        best = value is not None and value == max(each for each in self._values if each is not None)
        figure = (percent(value, 1) if value is not None else DASH if any(self._values) else "").rjust(FIGURE)
        room = max(0, width - longest - FIGURE - 3)
        full, rest = bar_texts(value or 0.0, room, self._glyphs)
        winner, bar, track, true, least = (
            self.get_visual_style(f"probabilities--{part}") for part in ("winner", "bar", "rest", "true", "least")
        )
        name = f"{'>' if best else ' '}{set_cell_size(self._names[label], longest)} "
        text = winner if best else least if value is not None and value < LEAST else ""
        return Content.assemble(
            Content.styled(name, winner if best else true if label == self._true else text),
            Content.styled(full, winner if best else bar),
            Content.styled(rest, track),
            Content.styled(figure, text),
            Content.styled(mark, true),
        )
