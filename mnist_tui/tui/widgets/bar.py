"""A bar of one line that fills up; drawn anew only where its length differs, for it moves often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import getters
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.settings import Glyphs

if TYPE_CHECKING:
    from mnist_tui.tui.app import BenchApp

FULL: dict[Glyphs, str] = {"braille": "━", "block": "━", "ascii": "="}
REST: dict[Glyphs, str] = {"braille": "─", "block": "─", "ascii": "-"}


class Bar(Widget):
    """A share from 0 to 1."""

    COMPONENT_CLASSES = {"bar--full", "bar--rest"}
    DEFAULT_CSS = """
    Bar {
        width: 1fr;
        height: 1;
        & > .bar--full { color: $primary; }
        & > .bar--rest { color: $foreground 25%; }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(BenchApp)

    share = 0.0

    @property
    def full(self) -> int:
        """Characters that are full."""
        return round(self.share * self.size.width)

    def show(self, share: float) -> None:
        """Fills the bar so far."""
        before = self.full
        self.share = max(0.0, min(1.0, share))
        if before != self.full:
            first, last = sorted((before, self.full))
            self.refresh(Region(first, 0, last - first, 1))

    def render_line(self, y: int) -> Strip:
        glyphs = self.app.settings.glyphs
        rest = self.size.width - self.full
        return Strip(
            [
                Segment(FULL[glyphs] * self.full, self.get_component_rich_style("bar--full")),
                Segment(REST[glyphs] * rest, self.get_component_rich_style("bar--rest")),
            ]
        )
