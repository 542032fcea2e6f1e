"""Grey pictures in a terminal, two pixels in each character: a widget for one picture, and one for a grid of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
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
from mnist_tui.tui.widgets.text import DrawnWidget

if TYPE_CHECKING:
    from mnist_tui.experiment.spec import HogFeatures
    from mnist_tui.tui.bench import Bench


LEVELS = 32
"""Shades that are drawn; a person cannot tell finer ones apart, and each pair of shades needs a style."""
KEPT = 256
"""Drawn pictures that are kept in memory, enough for a few pages."""
UPPER, LOWER = "▀", "▄"
SHADES, ASCII = " ░▒▓█", " .:-=+*#%@"
STROKES, ASCII_STROKES = "─╱│╲", "-/|\\"
LEAST_CELL, FAINT, STRONG = 4, 32, 160
"""Columns of the smallest HOG cell that is drawn as a stroke, and the strengths of strokes that are drawn and bold."""
EDGE_CONTRAST = 96
"""The difference in brightness (0 to 255) of a character's two pixels from which a half block replaces a shade."""


@dataclass(frozen=True)
class Ink:
    """The colours of the brightness 0 (paper) and 255 (ink), None for glyphs without colours, and the glyph set."""

    paper: Color | None = None
    ink: Color | None = None
    glyphs: Glyphs = "block"

    def line(self, upper: bytes, lower: bytes) -> list[Segment]:
        """Return one line of characters for two rows of brightness values (0 to 255)."""
        if self.glyphs == "ascii" or self.paper is None or self.ink is None:
            pairs = zip(upper, lower, strict=True)
            return [Segment("".join(_glyph(*pair, ascii=self.glyphs == "ascii") for pair in pairs))]
        pairs = ((high * LEVELS // 256, low * LEVELS // 256) for high, low in zip(upper, lower, strict=True))
        return [
            Segment((" " if levels[0] == levels[1] else UPPER) * len(list(run)), _style(self.paper, self.ink, *levels))
            for levels, run in groupby(pairs)
        ]

    def lines(self, picture: NDArray[np.uint8]) -> tuple[list[Segment], ...]:
        """Return the lines of a picture with an even number of rows: half as many as it has rows."""
        return _lines(self, picture.tobytes(), picture.shape[1])

    def stroke_style(self, brightness: int) -> Style:
        """Return the style of a stroke with a brightness from 0 to 255."""
        if self.paper is None or self.ink is None:
            return Style(bold=brightness >= STRONG)
        level = brightness * LEVELS // 256 / (LEVELS - 1)
        return Style(color=self.paper.blend(self.ink, level).rich_color, bgcolor=self.paper.rich_color)


@lru_cache(maxsize=KEPT)
def _lines(ink: Ink, pixels: bytes, width: int) -> tuple[list[Segment], ...]:
    rows = [pixels[at : at + width] for at in range(0, len(pixels), width)]
    return tuple(ink.line(*pair) for pair in zip(rows[::2], rows[1::2], strict=True))


@dataclass(frozen=True, eq=False)
class HogPicture:
    """The HOG features of an image: a stroke along the strongest edge of each cell, or pixels if cells are small.

    Attributes:
        pixels: the picture of all cell histograms, uint8 ``(28, 28)``.
        directions, strengths: as `data.hog.strongest_edges` returns them.
        side: the side of a cell in pixels.
    """

    pixels: NDArray[np.uint8]
    directions: NDArray[np.uint8]
    strengths: NDArray[np.uint8]
    side: int

    def lines(self, ink: Ink, edge: int) -> tuple[list[Segment], ...]:
        """Return the lines of the picture: `edge` columns, and half as many lines."""
        if self.side * edge < LEAST_CELL * len(self.pixels):
            return ink.lines(shrunk(self.pixels, edge))
        glyphs = ASCII_STROKES if ink.glyphs == "ascii" else STROKES
        grid: list[list[tuple[str, int]]] = [[(" ", 0)] * edge for _ in range(edge // 2)]
        for row, column in np.argwhere(self.strengths >= FAINT).tolist():
            direction, strength = int(self.directions[row, column]), int(self.strengths[row, column])
            for line, place in self._places(row, column, direction, edge):
                grid[line][place] = (glyphs[direction], strength)
        return tuple(
            [
                Segment("".join(glyph for glyph, _ in run), ink.stroke_style(strength))
                for strength, group in groupby(line, key=itemgetter(1))
                if (run := list(group))
            ]
            for line in grid
        )

    def _places(self, row: int, column: int, direction: int, edge: int) -> list[tuple[int, int]]:
        """Return line and column of the characters of one cell's stroke."""
        scale = self.side * edge / len(self.pixels)
        lines = range(int(row * scale / 2), max(int(row * scale / 2) + 1, int((row + 1) * scale / 2)))
        columns = range(int(column * scale), int((column + 1) * scale))
        middle, count = columns[len(columns) // 2], len(lines)
        if direction == 0:
            return [(lines[count // 2], place) for place in columns[:-1] or columns]
        lean = {1: -1, 2: 0, 3: 1}[direction]
        return [(line, middle + lean * (at - count // 2)) for at, line in enumerate(lines)]


def hog_picture_of(image: NDArray[np.uint8], features: HogFeatures) -> HogPicture:
    """Return the HOG features of an image, uint8 ``(28, 28)``, as a picture. Slow for small cells: call in a thread."""
    from mnist_tui.data.hog import hog_picture, strongest_edges

    options = {"orientations": features.orientations, "pixels_per_cell": features.pixels_per_cell}
    return HogPicture(hog_picture(image, **options), *strongest_edges(image, **options), features.pixels_per_cell)


Picture = NDArray[np.uint8] | HogPicture


def shrunk(picture: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """Return a square picture shrunk to `edge` pixels a side: means of areas, scaled to the greatest brightness."""
    if edge == len(picture):
        return picture
    bounds = np.linspace(0, len(picture), edge + 1)
    starts = np.arange(len(picture))
    upper, lower = np.minimum(bounds[1:, None], starts + 1), np.maximum(bounds[:-1, None], starts)
    shares = np.clip(upper - lower, 0, None) * edge / len(picture)
    means = shares @ picture @ shares.T
    return np.rint(means * (picture.max() / max(means.max(), 1))).astype(np.uint8)


def _glyph(upper: int, lower: int, *, ascii: bool) -> str:
    if not ascii and abs(upper - lower) >= EDGE_CONTRAST:
        return UPPER if upper > lower else LOWER
    shades = ASCII if ascii else SHADES
    return shades[(upper + lower) // 2 * len(shades) // 256]


@lru_cache(maxsize=4 * LEVELS * LEVELS)
def _style(paper: Color, ink: Color, upper: int, lower: int) -> Style:
    high, low = (paper.blend(ink, level / (LEVELS - 1)).rich_color for level in (upper, lower))
    return Style(color=high, bgcolor=low)


def colours_of(widget: Widget) -> tuple[Color, Color] | None:
    """Return the colours of a widget's background and text; None if there are none or the terminal chooses them."""
    paper, ink = widget.background_colors[1], widget.colors[3]
    plain = widget.app.no_color or widget.app.native_ansi_color or paper.ansi is not None or ink.ansi is not None
    return None if plain else (paper, ink)


class PixelView(Widget):
    """A square picture in the theme's colours; doubled, each pixel is drawn as four.

    Attributes:
        pixels: the picture, uint8.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = "PixelView { background: $surface; color: $foreground; }"

    if TYPE_CHECKING:
        app = getters.app(Bench)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pixels: NDArray[np.uint8] = np.zeros((IMAGE_EDGE, IMAGE_EDGE), np.uint8)
        self.doubled = False
        self._hog: HogPicture | None = None

    def on_mount(self) -> None:
        self._fit()

    def show(self, picture: Picture) -> None:
        """Show pixels with an even number of rows, or a HOG picture."""
        self._hog = picture if isinstance(picture, HogPicture) else None
        pixels = picture.pixels if isinstance(picture, HogPicture) else picture
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

    def render_line(self, y: int) -> Strip:
        if self._hog is not None and not self.doubled and y < len(self.pixels) // 2:
            ink = Ink(*(colours_of(self) or (None, None)), glyphs=self.app.settings.glyphs)
            return Strip(self._hog.lines(ink, len(self.pixels))[y], len(self.pixels)).apply_style(self.rich_style)
        rows = self.pixels[y : y + 1].repeat(2, axis=0) if self.doubled else self.pixels[2 * y : 2 * y + 2]
        if len(rows) < 2:
            return Strip.blank(self.size.width, self.rich_style)
        upper, lower = (row.repeat(2 if self.doubled else 1).tobytes() for row in rows)
        ink = Ink(*(colours_of(self) or (None, None)), glyphs=self.app.settings.glyphs)
        return Strip(ink.line(upper, lower), len(upper)).apply_style(self.rich_style)

    def _fit(self) -> None:
        edge = len(self.pixels) * (2 if self.doubled else 1)
        self.styles.width, self.styles.height = edge, edge // 2


PictureSize = Literal["automatic", "large", "medium", "small"]
EDGES: dict[PictureSize, int] = {"large": IMAGE_EDGE, "medium": 20, "small": IMAGE_EDGE // 2}
"""Pixels along each side, from the largest size to the smallest; even, because a character shows two."""
GAP, BESIDE = 2, 1
"""Columns between two tiles, and between two pictures of a tile."""
CAPTION_LINES = 2
PLENTY = 9
"""The automatic size is the largest that shows at least this many pictures on a page."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Pictures ``(28, 28)`` side by side, None for one that is missing, with a caption of CAPTION_LINES lines."""

    pictures: tuple[Picture | None, ...]
    caption: tuple[str, ...]


@dataclass(frozen=True)
class GridLayout:
    """The layout of a page: pixels along a picture's edge, columns and rows of tiles, size of a tile in characters."""

    edge: int
    columns: int
    rows: int
    width: int
    height: int

    @property
    def page(self) -> int:
        """Return the number of tiles on a page."""
        return self.columns * self.rows


def layout_for(width: int, height: int, pictures: int, size: PictureSize) -> GridLayout:
    """Return the layout of tiles with `pictures` each, in the requested size or the next smaller one that fits.

    The size ``automatic`` is the largest with at least PLENTY pictures on a page.
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


class PictureGrid(DrawnWidget, can_focus=True):
    """A page of pictures, one of which is selected. Selecting another one posts `PictureSelected`."""

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
        bind("gallery.page-down", "pagedown,space", "page(1)", "Page", "The next page", hidden=True),
        bind("gallery.first", "home", "to(0)", "First", "Select the first picture", hidden=True),
        bind("gallery.last", "end", "to(-1)", "Last", "Select the last picture", hidden=True),
    ]
    DEFAULT_CSS = "PictureGrid { height: 1fr; background: $background; color: $foreground; }"

    class PictureSelected(Message):
        """Posted when another picture is selected, or another page is shown."""

    class PictureOpened(Message):
        """Posted when a picture is clicked twice."""

    selected = 0
    count = 0
    _pictures = 1
    _picture_size: PictureSize = "automatic"
    _tile: Callable[[int, int], Tile] | None = None

    def show(
        self, count: int, tile: Callable[[int, int], Tile], *, selected: int, pictures: int, size: PictureSize
    ) -> None:
        """Show the page that has the tile with the index `selected`, of `count` tiles.

        Args:
            tile: returns the tile of an index; its second argument is the width of the caption in characters.
            pictures: the number of pictures in each tile.
        """
        self.count, self._tile, self._pictures, self._picture_size = count, tile, pictures, size
        self.selected = max(0, min(selected, count - 1))
        self._redraw()

    @property
    def plan(self) -> GridLayout:
        return layout_for(*self.size, self._pictures, self._picture_size)

    @property
    def page(self) -> int:
        """Return the number of the page that is shown, from 0."""
        return self.selected // self.plan.page

    @property
    def pages(self) -> int:
        return -(-self.count // self.plan.page)

    @property
    def shown(self) -> range:
        """Return the indices of the tiles on the page."""
        first, page = self.page * self.plan.page, self.plan.page
        return range(first, min(self.count, first + page))

    def look_at(self, index: int) -> None:
        """Select a picture by its index; the first or the last one if there is no such index."""
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
            if event.chain == 2:
                self.post_message(self.PictureOpened())

    def on_resize(self) -> None:
        self.post_message(self.PictureSelected())

    def _redraw(self) -> None:
        self.draw()
        self.post_message(self.PictureSelected())

    def strips(self) -> list[Strip]:
        if self._tile is None or not self.count:
            return []
        plan, shown = self.plan, self.shown
        ink = Ink(*(colours_of(self) or (None, None)), glyphs=self.app.settings.glyphs)
        lines: list[Strip] = []
        for start in range(shown.start, shown.stop, plan.columns):
            indices = range(start, min(start + plan.columns, shown.stop))
            tiles = ((self._tile(index, plan.width), index == self.selected) for index in indices)
            row = [_tile_lines(tile, plan, ink, selected=selected) for tile, selected in tiles]
            for parts in zip(*row, strict=True):
                lines.append(Strip([segment for part in parts for segment in (*part, Segment(" " * GAP))]))
            lines.append(Strip([]))
        return [line.apply_style(self.rich_style) for line in lines]


def _tile_lines(tile: Tile, plan: GridLayout, ink: Ink, *, selected: bool) -> list[list[Segment]]:
    blank = [[Segment(" " * plan.edge)]] * (plan.edge // 2)
    pictures = [blank if picture is None else _picture_lines(picture, ink, plan.edge) for picture in tile.pictures]
    lines = [
        [segment for part in parts for segment in (*part, Segment(" " * BESIDE))][:-1]
        for parts in zip(*pictures, strict=True)
    ]
    style = Style(reverse=True, bold=True) if selected else None
    return [*lines, *([Segment(line[: plan.width].ljust(plan.width), style)] for line in tile.caption)]


def _picture_lines(picture: Picture, ink: Ink, edge: int) -> Sequence[list[Segment]]:
    return picture.lines(ink, edge) if isinstance(picture, HogPicture) else ink.lines(shrunk(picture, edge))
