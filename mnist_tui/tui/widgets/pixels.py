"""Grey pictures in a terminal: two pixels a character, in the theme's colours, or in shades without any."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import getters
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.settings import Glyphs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_tui.tui.bench import Bench


LEVELS = 32
"""Shades that are drawn; finer ones cannot be told apart, and each pair of shades needs a style."""
KEPT = 256
"""Drawn pictures that are kept in memory: those of a few pages."""
UPPER, LOWER = "▀", "▄"
SHADES, ASCII = " ░▒▓█", " .:-=+*#%@"
EDGE_CONTRAST = 96
"""If two pixels of a character differ by so much brightness, a half block is used instead of a shade."""


@dataclass(frozen=True)
class Ink:
    """How pictures are drawn.

    Attributes:
        paper, ink: the colours of 0 and of 255; None for shades that need no colours.
        glyphs: the user's glyph set.
    """

    paper: Color | None = None
    ink: Color | None = None
    glyphs: Glyphs = "block"

    def line(self, upper: bytes, lower: bytes) -> list[Segment]:
        """Return one line of characters for two rows of brightness values (0 to 255)."""
        if self.glyphs == "ascii" or self.paper is None or self.ink is None:
            glyph = _ascii if self.glyphs == "ascii" else _shade
            return [Segment("".join(glyph(*pair) for pair in zip(upper, lower, strict=True)))]
        pairs = ((high * LEVELS // 256, low * LEVELS // 256) for high, low in zip(upper, lower, strict=True))
        return [
            Segment((" " if levels[0] == levels[1] else UPPER) * len(list(run)), _style(self.paper, self.ink, *levels))
            for levels, run in groupby(pairs)
        ]

    def lines(self, picture: NDArray[np.uint8]) -> tuple[list[Segment], ...]:
        """Return the lines of a picture with an even number of rows: half as many as it has rows."""
        return _lines(self, picture.tobytes(), picture.shape[1])


@lru_cache(maxsize=KEPT)
def _lines(ink: Ink, pixels: bytes, width: int) -> tuple[list[Segment], ...]:
    rows = [pixels[at : at + width] for at in range(0, len(pixels), width)]
    return tuple(ink.line(*pair) for pair in zip(rows[::2], rows[1::2], strict=True))


def shrunk(picture: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """Return a square picture with fewer pixels: means over the areas they cover, as bright at its brightest."""
    import numpy as np

    bounds = np.linspace(0, len(picture), edge + 1)
    starts = np.arange(len(picture))
    upper, lower = np.minimum(bounds[1:, None], starts + 1), np.maximum(bounds[:-1, None], starts)
    shares = np.clip(upper - lower, 0, None) * edge / len(picture)
    means = shares @ picture @ shares.T
    return np.rint(means * (picture.max() / max(means.max(), 1))).astype(np.uint8)


def _shade(upper: int, lower: int) -> str:
    if upper - lower >= EDGE_CONTRAST:
        return UPPER
    if lower - upper >= EDGE_CONTRAST:
        return LOWER
    return SHADES[(upper + lower) // 2 * len(SHADES) // 256]


def _ascii(upper: int, lower: int) -> str:
    return ASCII[(upper + lower) // 2 * len(ASCII) // 256]


@lru_cache(maxsize=4 * LEVELS * LEVELS)
def _style(paper: Color, ink: Color, upper: int, lower: int) -> Style:
    high, low = (paper.blend(ink, level / (LEVELS - 1)).rich_color for level in (upper, lower))
    return Style(color=high, bgcolor=low)


class PixelView(Widget):
    """Show a square picture (uint8) in the theme's colours; doubled, each pixel is drawn as four."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PixelView {
        background: $surface;
        color: $foreground;
    }
    """

    if TYPE_CHECKING:
        app = getters.app(Bench)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pixels: NDArray[np.uint8] = np.zeros((IMAGE_EDGE, IMAGE_EDGE), np.uint8)
        self.doubled = False

    def on_mount(self) -> None:
        self._fit()

    def show(self, pixels: NDArray[np.uint8]) -> None:
        """Show a picture with an even number of rows."""
        resized = len(pixels) != len(self.pixels)
        self.pixels = pixels
        if resized:
            self._fit()
        self.refresh()

    def double(self, doubled: bool) -> None:
        """Draw every pixel as four, or as one again."""
        if doubled != self.doubled:
            self.doubled = doubled
            self._fit()

    @property
    def colours(self) -> tuple[Color, Color] | None:
        """Return the colours of 0 and 255; None if the theme leaves colours to the terminal, or there are none."""
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
