"""The last look at what the screens draw: nothing in a text is obeyed by the terminal, whichever widget it is in."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from mnist_tui.shown_text import isolated, needs_care, visible_line

FILLING = " ─━═▔▁"


class SafeText(LineFilter):
    """Show control characters, and isolate words from right to left; a line stays as wide as it was.

    Control characters are of no width, what stands for them is: blanks or a border's line after the text give way,
    else its last letters.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line as they may be drawn."""
        if not any(needs_care(segment.text) for segment in segments):
            return segments
        made: list[Segment] = []
        excess = 0
        for text, style, control in segments:
            left = text
            if excess:
                left = text[min(excess, _filling(text)) :]
                excess -= len(text) - len(left)
                _shorten(made, excess)
                excess = 0
            if needs_care(left):
                seen = visible_line(left)
                excess = cell_len(seen) - cell_len(left)
                blanks = len(seen) - len(seen.rstrip(" "))
                left = seen[: len(seen) - min(excess, blanks)]
                excess -= len(seen) - len(left)
                left = isolated(left)
            made.append(Segment(left, style, control))
        _shorten(made, excess)
        return made


def _filling(text: str) -> int:
    """Return how many of the first characters are blanks, or a border's line, of which one stays."""
    first = text[:1]
    run = len(text) - len(text.lstrip(first)) if first and first in FILLING else 0
    return run if first == " " else max(0, run - 1)


def _shorten(made: list[Segment], excess: int) -> None:
    """Take that many cells from the end of the last segment."""
    if excess and made:
        text, style, control = made.pop()
        made.append(Segment(set_cell_size(text, max(0, cell_len(text) - excess)), style, control))
