"""Grey pictures in a terminal, two pixels a character, in the theme's colours or in shades: one, or a grid of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import events, getters
from textual.color import Color
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.settings import Glyphs
from mnist_tui.tui.terminal.keymap import bind

if TYPE_CHECKING:
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
    """The colours and glyphs of pictures.

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
    """Return a square picture shrunk to `edge` pixels a side, each the mean of the area that it covers.

    It is as bright at its brightest as the picture.
    """
    if edge == len(picture):
        return picture
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


Size = Literal["automatic", "large", "medium", "small"]
EDGES: dict[Size, int] = {"large": IMAGE_EDGE, "medium": 20, "small": IMAGE_EDGE // 2}
"""Pixels along each side, from the largest size to the smallest; even, because a character shows two."""
GAP = 2
BESIDE = 1
CAPTION_LINES = 2
PLENTY = 9
"""The automatic size is the largest that shows at least this many pictures on a page."""


@dataclass(frozen=True, eq=False)
class Tile:
    """One place of the grid.

    Attributes:
        pictures: ``(28, 28)`` each, beside each other; None for one that is not there.
        caption: CAPTION_LINES lines, for the width that was asked for.
    """

    pictures: tuple[NDArray[np.uint8] | None, ...]
    caption: tuple[str, ...]


@dataclass(frozen=True)
class GridLayout:
    """The tiles that fit: `edge` pixels a side, columns and rows of tiles, width and height of a tile."""

    edge: int
    columns: int
    rows: int
    width: int
    height: int

    @property
    def page(self) -> int:
        return self.columns * self.rows


def layout_for(width: int, height: int, pictures: int, size: Size) -> GridLayout:
    """Return the layout for tiles of `pictures` each, in the wanted size or the next smaller one that fits.

    Automatically it is the largest size of which a page has plenty.
    """
    plans = [_plan(width, height, pictures, edge) for edge in EDGES.values()]
    wanted = plans if size == "automatic" else plans[list(EDGES).index(size) :]
    least = PLENTY if size == "automatic" else 1
    fitting = (plan for plan in wanted if plan.width <= width and plan.height <= height)
    return next((plan for plan in fitting if plan.page * pictures >= least), plans[-1])


def _plan(width: int, height: int, pictures: int, edge: int) -> GridLayout:
    tile_width, tile_height = pictures * (edge + BESIDE) - BESIDE, edge // 2 + CAPTION_LINES
    columns = max(1, (width + GAP) // (tile_width + GAP))
    rows = max(1, height // (tile_height + 1), (height + 1) // (tile_height + 1))
    return GridLayout(edge, columns, rows, tile_width, tile_height)


class PictureGrid(Widget, can_focus=True):
    """Show a page of pictures, one of which is selected. Posts `PictureSelected` when another one is."""

    HELP = """
    **Pictures.** The arrow keys select another picture, Page up and down turn the page, Home and End go to the first
    and the last; a click selects one, the wheel turns the page. Comma and full stop show the epoch before and after.
    """
    BINDINGS = [
        bind("gallery.previous", "left", "move(-1)", "Previous", "The picture before", hidden=True),
        bind("gallery.next", "right", "move(1)", "Next", "The next picture", hidden=True),
        bind("gallery.up", "up", "row(-1)", "Up", "Select the picture above", hidden=True),
        bind("gallery.down", "down", "row(1)", "Down", "Select the picture below", hidden=True),
        bind("gallery.page-up", "pageup", "page(-1)", "Page up", "The page before", hidden=True),
        bind("gallery.page-down", "pagedown,space", "page(1)", "Page", "The next page"),
        bind("gallery.first", "home", "to(0)", "First", "Select the first picture", hidden=True),
        bind("gallery.last", "end", "to(-1)", "Last", "Select the last picture", hidden=True),
    ]
    DEFAULT_CSS = """
    PictureGrid {
        height: 1fr;
        background: $background;
        color: $foreground;
    }
    """

    class PictureSelected(Message):
        """Posted when another picture is selected, or another page is shown."""

    selected = 0
    count = 0
    ink = Ink()
    _beside = 1
    _edge: Size = "automatic"
    _tile: Callable[[int, int], Tile] | None = None
    _lines: list[Strip] | None = None

    def show(
        self, count: int, tile: Callable[[int, int], Tile], *, selected: int, pictures: int, size: Size, ink: Ink
    ) -> None:
        """Show the page with the picture `selected` of `count`.

        Args:
            tile: gives the tile of an index, its caption for a width in characters.
            pictures: in each tile.
        """
        self.count, self._tile, self._beside, self._edge, self.ink = count, tile, pictures, size, ink
        self.selected = max(0, min(selected, count - 1))
        self._redraw()

    @property
    def plan(self) -> GridLayout:
        return layout_for(*self.size, self._beside, self._edge)

    @property
    def page(self) -> int:
        """Return the number of the page that is shown, from 0."""
        return self.selected // self.plan.page

    @property
    def pages(self) -> int:
        return -(-self.count // self.plan.page)

    @property
    def shown(self) -> range:
        """Return the indices of the pictures on the page."""
        first, page = self.page * self.plan.page, self.plan.page
        return range(first, min(self.count, first + page))

    def look_at(self, index: int) -> None:
        """Select a picture, or the nearest one that there is."""
        index = max(0, min(index, self.count - 1))
        if index != self.selected:
            self.selected = index
            self._redraw()

    def action_move(self, by: int) -> None:
        self.look_at(self.selected + by)

    def action_row(self, by: int) -> None:
        to = self.selected + by * self.plan.columns
        if to >= 0:
            self.look_at(to)

    def action_page(self, by: int) -> None:
        to = self.page + by
        if 0 <= to < self.pages:
            self.look_at(to * self.plan.page)

    def action_to(self, index: int) -> None:
        self.look_at(index if index >= 0 else self.count - 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_page(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_page(-1)

    def on_click(self, event: events.Click) -> None:
        plan, offset = self.plan, event.get_content_offset(self)
        if offset is None:
            return
        column, row = offset.x // (plan.width + GAP), offset.y // (plan.height + 1)
        index = self.shown.start + row * plan.columns + column
        if column < plan.columns and index in self.shown:
            self.look_at(index)

    def on_resize(self) -> None:
        self._redraw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._lines = None

    def _redraw(self) -> None:
        self._lines = None
        self.refresh()
        self.post_message(self.PictureSelected())

    def render_line(self, y: int) -> Strip:
        if self._lines is None:
            self._lines = self._drawn()
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)

    def _drawn(self) -> list[Strip]:
        if self._tile is None or not self.count:
            return []
        plan, base, shown = self.plan, self.rich_style, self.shown
        lines: list[Strip] = []
        for start in range(shown.start, shown.stop, plan.columns):
            indices = range(start, min(start + plan.columns, shown.stop))
            row = [self._tile_lines(self._tile(index, plan.width), plan, index == self.selected) for index in indices]
            for parts in zip(*row, strict=True):
                strip = Strip([segment for part in parts for segment in (*part, Segment(" " * GAP))])
                lines.append(strip.apply_style(base).adjust_cell_length(self.size.width, base))
            lines.append(Strip.blank(self.size.width, base))
        return lines

    def _tile_lines(self, tile: Tile, plan: GridLayout, selected: bool) -> list[list[Segment]]:
        """Return a tile's lines, all as wide as the layout says."""
        blank = [[Segment(" " * plan.edge)]] * (plan.edge // 2)
        pictures = [
            blank if picture is None else self.ink.lines(shrunk(picture, plan.edge)) for picture in tile.pictures
        ]
        lines = [
            [segment for part in parts for segment in (*part, Segment(" " * BESIDE))][:-1]
            for parts in zip(*pictures, strict=True)
        ]
        style = Style(reverse=True, bold=True) if selected else None
        return [*lines, *([Segment(line[: plan.width].ljust(plan.width), style)] for line in tile.caption)]
