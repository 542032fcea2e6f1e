"""One square grey picture, two pixels a character, in half blocks of the theme's colours or in shades without any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from textual import getters
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.tui.widgets.pictures.ink import Ink

if TYPE_CHECKING:
    from mnist_tui.tui.app import BenchApp


class PixelView(Widget):
    """Shows uint8 ``(edge, edge)`` from the theme's paper to its ink; doubled, a pixel is drawn as four."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PixelView {
        background: $surface;
        color: $foreground;
    }
    """

    if TYPE_CHECKING:
        app = getters.app(BenchApp)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pixels: NDArray[np.uint8] = np.zeros((IMAGE_EDGE, IMAGE_EDGE), np.uint8)
        self.doubled = False

    def on_mount(self) -> None:
        self._fit()

    def show(self, pixels: NDArray[np.uint8]) -> None:
        """Shows a picture, its edge even."""
        resized = len(pixels) != len(self.pixels)
        self.pixels = pixels
        if resized:
            self._fit()
        self.refresh()

    def double(self, doubled: bool) -> None:
        """Draws every pixel as four, or no longer."""
        if doubled != self.doubled:
            self.doubled = doubled
            self._fit()

    @property
    def colours(self) -> tuple[Color, Color] | None:
        """Of 0 and of 255; None where there are to be none, or the theme leaves them to the terminal."""
        if self.app.no_color or self.app.native_ansi_color:
            return None
        paper, ink = self.background_colors[1], self.colors[3]
        return None if paper.ansi is not None or ink.ansi is not None else (paper, ink)

    def render_line(self, y: int) -> Strip:
        first, last = (y, y) if self.doubled else (2 * y, 2 * y + 1)
        if last >= len(self.pixels):
            return Strip.blank(self.size.width, self.rich_style)
        upper, lower = (self._row(row) for row in (first, last))
        ink = Ink(*(self.colours or (None, None)), glyphs=self.app.settings.glyphs)
        return Strip(ink.line(upper, lower), len(upper)).apply_style(self.rich_style)

    def _row(self, row: int) -> bytes:
        levels = self.pixels[row]
        return (np.repeat(levels, 2) if self.doubled else levels).tobytes()

    def _fit(self) -> None:
        edge = len(self.pixels) * (2 if self.doubled else 1)
        self.styles.width, self.styles.height = edge, edge // 2
