"""Grey and colour pictures in a terminal: a widget for one picture, and one for a grid of them.

They are drawn with two pixels in each character or, where the terminal has true pictures, as those. Grey pictures have
the theme's colours; those of colour pictures are their own, or shades of their brightness where there are no colours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Offset, Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.data.pictures import brightness, resampled, resized
from mnist_tui.experiment.shapes import DEFAULT_IMAGE
from mnist_tui.settings import Glyphs
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.true_pictures import DrawnPictures, TruePictures

if TYPE_CHECKING:
    from mnist_tui.experiment.spec import HogFeatures
    from mnist_tui.tui.terminal.graphics import IndexedPicture


LEVELS = 32
"""Shades that are drawn; a person cannot tell finer ones apart, and each pair of shades needs a style."""
KEPT = 256
"""Drawn pictures that are kept in memory, enough for a few pages."""
Pixels = NDArray[np.uint8]
"""A grey picture, uint8 ``(height, width)``, or one in colour, uint8 ``(height, width, 3)``."""
Size = tuple[int, int]
"""Height and width of a picture in pixels; drawn, two rows of pixels are one line."""
ENLARGED = 56
"""Pixels to which a small picture is enlarged at most; a larger one than half of this, at most twice."""
UPPER, LOWER = "▀", "▄"
SHADES, ASCII = " ░▒▓█", " .:-=+*#%@"
STROKES, ASCII_STROKES = "─╱│╲", "-/|\\"
LEAST_CELL, FAINT, STRONG = 2, 32, 160
"""Columns of the smallest HOG cell that is drawn as a stroke, and the strengths of strokes that are drawn and bold."""
LEAST_SHARP = 4
"""Pixels of the smallest HOG cell whose lines are drawn finer than the image's pixels in a true picture."""
SHARP, MIDDLE = 4, 2
"""Pixels of a true HOG picture for one pixel of the image, and from the middle of a cell in which its lines cross."""
EDGE_CONTRAST = 96
"""The difference in brightness (0 to 255) of a character's two pixels from which a half block replaces a shade."""


@dataclass(frozen=True)
class Ink:
    """The colours of the brightness 0 (paper) and 255 (ink), None for glyphs without colours, and the glyph set."""

    paper: Color | None = None
    ink: Color | None = None
    glyphs: Glyphs = "block"

    def line(self, rows: Pixels) -> list[Segment]:
        """Return the line of characters for one or two rows of a picture; below one row, there is paper."""
        if self.glyphs == "ascii" or self.paper is None or self.ink is None:
            upper, lower = _pair(brightness(rows), 0)
            pairs = zip(upper, lower, strict=True)
            return [Segment("".join(_glyph(*pair, ascii=self.glyphs == "ascii") for pair in pairs))]
        upper, lower = _pair(rows * (LEVELS / 256), None if rows.ndim == 3 else 0)
        return [
            Segment((" " if high == low else UPPER) * len(list(run)), _style(self.paper, self.ink, high, low))
            for (high, low), run in groupby(zip(upper, lower, strict=True))
        ]

    def lines(self, picture: Pixels) -> tuple[list[Segment], ...]:
        """Return the lines of a picture: one for every two rows."""
        return _lines(self, picture.tobytes(), picture.shape)

    def stroke_style(self, brightness: int) -> Style:
        """Return the style of a stroke with a brightness from 0 to 255."""
        if self.paper is None or self.ink is None:
            return Style(bold=brightness >= STRONG)
        level = brightness * LEVELS // 256 / (LEVELS - 1)
        return Style(color=self.paper.blend(self.ink, level).rich_color, bgcolor=self.paper.rich_color)


Shade = int | tuple[int, int, int] | None
"""A level from 0 to LEVELS - 1, three of them for red, green and blue, or None for the paper."""


def _pair(rows: NDArray[Any], nothing: Shade) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return whole values for each pixel of two rows; `nothing` for those of the second one if it is missing."""
    values: list[list[Any]] = [list(map(tuple, row)) if rows.ndim == 3 else row for row in rows.astype(int).tolist()]
    return values[0], values[1] if len(values) == 2 else [nothing] * len(values[0])


@lru_cache(maxsize=KEPT)
def _lines(ink: Ink, pixels: bytes, shape: tuple[int, ...]) -> tuple[list[Segment], ...]:
    picture = np.frombuffer(pixels, np.uint8).reshape(shape)
    return tuple(ink.line(picture[row : row + 2]) for row in range(0, len(picture), 2))


@dataclass(frozen=True, eq=False)
class HogPicture:
    """The HOG features of an image: a stroke along the strongest edge of each cell, or pixels if cells are small.

    Attributes:
        image: the image, grey or in colour.
        features: the features' parameters.
        pixels: the grey picture of all cell histograms, as large as the image.
        directions, strengths: as `data.hog.strongest_edges` returns them.
    """

    image: Pixels
    features: HogFeatures
    pixels: Pixels
    directions: NDArray[np.uint8]
    strengths: NDArray[np.uint8]

    @property
    def side(self) -> int:
        """Return the side of a cell in pixels of the image."""
        return self.features.pixels_per_cell

    @cached_property
    def sharp(self) -> NDArray[np.uint8]:
        """The true picture of all cell histograms, SHARP times as large as the image; `pixels` if cells are small.

        The strongest line has the brightness 255, not the point where many lines cross.
        """
        if self.side < LEAST_SHARP:  # hundreds of cells would take too long to draw, and look the same
            return self.pixels
        from mnist_tui.data.hog import hog_picture

        options = {"orientations": self.features.orientations, "pixels_per_cell": self.side}
        picture = hog_picture(self.image, **options, scale=SHARP)
        side = self.side * SHARP
        rows, columns = (np.abs(np.arange(count) % side - side // 2) <= MIDDLE for count in picture.shape)
        strongest = picture[~(rows[:, None] & columns)].max(initial=1)
        return np.minimum(np.rint(picture * (255 / strongest)), 255).astype(np.uint8)

    def lines(self, ink: Ink, size: Size) -> tuple[list[Segment], ...]:
        """Return the lines of the picture in a size in pixels."""
        scale = size[1] / self.pixels.shape[1]
        if self.side * scale < LEAST_CELL:
            return ink.lines(scaled(self.pixels, size))
        glyphs = strokes_of(ink.glyphs)
        height = -(-size[0] // 2)
        grid: list[list[tuple[str, int]]] = [[(" ", 0)] * size[1] for _ in range(height)]
        for row, column in np.argwhere(self.strengths >= FAINT).tolist():
            direction, strength = int(self.directions[row, column]), int(self.strengths[row, column])
            for line, place in stroke_places(row, column, direction, self.side * scale):
                grid[min(line, height - 1)][place] = (glyphs[direction], strength)
        return tuple(
            [
                Segment("".join(glyph for glyph, _ in run), ink.stroke_style(strength))
                for strength, group in groupby(line, key=itemgetter(1))
                if (run := list(group))
            ]
            for line in grid
        )


def strokes_of(glyphs: Glyphs) -> str:
    """Return the characters of strokes in the order of the directions of `data.hog.strongest_edges`."""
    return ASCII_STROKES if glyphs == "ascii" else STROKES


def stroke_places(row: int, column: int, direction: int, side: float) -> list[tuple[int, int]]:
    """Return line and column of the characters of one cell's stroke; the cell has `side` columns."""
    lines = range(int(row * side / 2), max(int(row * side / 2) + 1, int((row + 1) * side / 2)))
    columns = range(int(column * side), int((column + 1) * side))
    middle, count = columns[(len(columns) - 1) // 2], len(lines)
    if direction == 0:
        return [(lines[count // 2], place) for place in columns[:-1] or columns]
    lean = {1: -1, 2: 0, 3: 1}[direction]
    return [(line, middle + lean * (at - count // 2)) for at, line in enumerate(lines)]


def hog_picture_of(image: Pixels, features: HogFeatures) -> HogPicture:
    """Return the HOG features of an image as a picture. Slow for small cells: call in a thread."""
    from mnist_tui.data.hog import hog_picture, strongest_edges

    options = {"orientations": features.orientations, "pixels_per_cell": features.pixels_per_cell}
    return HogPicture(image, features, hog_picture(image, **options), *strongest_edges(image, **options))


Picture = Pixels | HogPicture


def indexed(picture: Picture, colours: tuple[Color, Color]) -> IndexedPicture:
    """Return a picture as a true one, if it is grey from the colour of the brightness 0 to that of 255."""
    from mnist_tui.tui.terminal.graphics import IndexedPicture, coloured

    pixels = picture.sharp if isinstance(picture, HogPicture) else picture
    if pixels.ndim == 3:
        return coloured(pixels.tobytes(), pixels.shape[1], pixels.shape[0])
    return IndexedPicture(pixels.tobytes(), pixels.shape[1], pixels.shape[0], _palette(*colours))


@lru_cache(maxsize=4)
def _palette(paper: Color, ink: Color) -> bytes:
    return bytes(part for level in range(256) for part in paper.blend(ink, level / 255).rgb)


def size_in(shape: Size, columns: int, lines: int) -> Size:
    """Return the size in which a picture is drawn in a room of so many characters.

    It is the largest whole multiple of the picture's that fits, up to ENLARGED pixels or twice the picture; in a room
    that is too small for the picture, a smaller one of the same proportions.
    """
    height, width = shape
    times = min(columns // width, 2 * lines // height, max(2, ENLARGED // max(shape)))
    if times < 1:
        return _smaller(shape, min(columns / width, 2 * lines / height))
    return times * height, times * width


def _smaller(shape: Size, share: float) -> Size:
    return max(1, int(shape[0] * share + 1e-6)), max(1, int(shape[1] * share + 1e-6))


def scaled(picture: Pixels, size: Size) -> Pixels:
    """Return a picture in another size: in a whole multiple its pixels are repeated, else areas are averaged.

    A grey picture that is made smaller keeps its greatest brightness, so that thin strokes do not fade.
    """
    height, width = picture.shape[:2]
    if size[0] % height == 0 and size[1] % width == 0:
        return picture.repeat(size[0] // height, axis=0).repeat(size[1] // width, axis=1)
    if picture.ndim == 3 or size[0] > height:
        return resized(picture, *size)
    means = resampled(picture, *size)
    return np.rint(means * (picture.max() / max(means.max(), 1))).astype(np.uint8)


def natural(pixels: Pixels) -> Pixels:
    """Return a grey picture in colours from black to white, so that no photograph becomes a negative."""
    return pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)


def _glyph(upper: int, lower: int, *, ascii: bool) -> str:
    if not ascii and abs(upper - lower) >= EDGE_CONTRAST:
        return UPPER if upper > lower else LOWER
    shades = ASCII if ascii else SHADES
    return shades[(upper + lower) // 2 * len(shades) // 256]


@lru_cache(maxsize=4 * LEVELS * LEVELS)
def _style(paper: Color, ink: Color, upper: Shade, lower: Shade) -> Style:
    high, low = (_colour(paper, ink, shade).rich_color for shade in (upper, lower))
    return Style(color=high, bgcolor=low)


def _colour(paper: Color, ink: Color, shade: Shade) -> Color:
    if isinstance(shade, tuple):
        red, green, blue = (round(part * 255 / (LEVELS - 1)) for part in shade)
        return Color(red, green, blue)
    return paper if shade is None else paper.blend(ink, shade / (LEVELS - 1))


def colours_of(widget: Widget) -> tuple[Color, Color] | None:
    """Return the colours of a widget's background and text; None if there are none or the terminal chooses them."""
    paper, ink = widget.background_colors[1], widget.colors[3]
    plain = widget.app.no_color or widget.app.native_ansi_color or paper.ansi is not None or ink.ansi is not None
    return None if plain else (paper, ink)


class PixelView(TruePictures):
    """A grey picture in the theme's colours, or one in its own colours.

    Attributes:
        pixels: the picture.
        photograph: whether a grey picture is drawn from black to white, instead of in the theme's colours.
    """

    ALLOW_SELECT = False
    photograph = False
    DEFAULT_CSS = "PixelView { background: $surface; color: $foreground; }"
    _true: Sequence[list[Segment]] | None = None
    _scaled: Pixels | None = None

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pixels: Pixels = np.zeros(DEFAULT_IMAGE[:2], np.uint8)
        self._extent: Size = DEFAULT_IMAGE[:2]
        self._hog: HogPicture | None = None

    def on_mount(self) -> None:
        self._fit()

    @property
    def drawn_size(self) -> Size:
        """The size in pixels in which the picture is drawn."""
        return self._extent

    def show(self, picture: Picture, size: Size | None = None) -> None:
        """Show a picture in a size in pixels; None for its own."""
        self._hog = picture if isinstance(picture, HogPicture) else None
        self.pixels = picture.pixels if isinstance(picture, HogPicture) else picture
        self._take(size or self.pixels.shape[:2])
        self.draw_anew()

    def draw_in(self, size: Size) -> None:
        """Draw the picture in another size in pixels."""
        if size != self._extent:
            self._take(size)
            self.draw_anew()

    def _take(self, size: Size) -> None:
        if size != self._extent:
            self._extent = size
            self._fit()

    def draw_anew(self) -> None:
        self._true = self._scaled = None
        super().draw_anew()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._true = None

    def render_line(self, y: int) -> Strip:
        blank = Strip.blank(self.size.width, self.rich_style)
        if (lines := self._true_lines()) is not None:
            return Strip(lines[y], self._extent[1]).apply_style(self.rich_style) if y < len(lines) else blank
        ink = Ink(*(colours_of(self) or (None, None)), glyphs=self.app.settings.glyphs)
        if self._hog is not None:
            lines = self._hog.lines(ink, self._extent)
            return Strip(lines[y], self._extent[1]).apply_style(self.rich_style) if y < len(lines) else blank
        if self._scaled is None:
            self._scaled = scaled(self._coloured(), self._extent)
        rows = self._scaled[2 * y : 2 * y + 2]
        return Strip(ink.line(rows), self._extent[1]).apply_style(self.rich_style) if len(rows) else blank

    def _true_lines(self) -> Sequence[list[Segment]] | None:
        """Return the lines under the true picture; None if it is drawn as blocks."""
        if self._true is None or self.protocol == "blocks":
            colours = colours_of(self)
            if self.begin_drawing() == "blocks" or colours is None:
                return None
            picture = indexed(self._coloured() if self._hog is None else self._hog, colours)
            self._true = self.true_lines(picture, Region(0, 0, self._extent[1], -(-self._extent[0] // 2)))
        return self._true

    def _coloured(self) -> Pixels:
        return natural(self.pixels) if self.photograph else self.pixels

    def _fit(self) -> None:
        self.styles.height, self.styles.width = -(-self._extent[0] // 2), self._extent[1]


PictureSize = Literal["automatic", "large", "medium", "small"]
PICTURE_SIZES: tuple[PictureSize, ...] = ("automatic", "large", "medium", "small")
USUAL, SMALLEST = DEFAULT_IMAGE[0], 16
"""Pixels near which smaller pictures are enlarged in the size ``large``, and of the longer edge in ``small``."""
GAP, BESIDE = 2, 1
"""Columns between two tiles, and between two pictures of a tile."""
CAPTION_LINES, CAPTION_WIDTH = 2, 14
PLENTY = 9
"""The automatic size is the largest that shows at least this many pictures on a page."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Pictures side by side, None for one that is missing, with the lines of its caption."""

    pictures: tuple[Picture | None, ...]
    caption: tuple[str, ...]


@dataclass(frozen=True)
class GridLayout:
    """The layout of a page: size of a picture in pixels, columns and rows of tiles, size of a tile in characters."""

    picture: Size
    columns: int
    rows: int
    width: int
    height: int

    @property
    def page(self) -> int:
        """Return the number of tiles on a page."""
        return self.columns * self.rows

    @property
    def columns_wide(self) -> int:
        """Return the columns of characters that all tiles side by side take."""
        return self.columns * (self.width + GAP) - GAP


def picture_sizes(shape: Size) -> tuple[Size, ...]:
    """Return a picture's size in pixels when it is large, medium and small.

    A large one is as large as the picture, or near USUAL pixels for a smaller one; a small one has at most half of
    that, and about SMALLEST pixels.
    """
    longest = max(shape)
    times = max(1, round(USUAL / longest))
    least = 1 / max(2, -(-times * longest // SMALLEST))
    if times > 1:
        multiples = times, max(1, round(times * math.sqrt(least))), max(1, int(times * least))
        return tuple((each * shape[0], each * shape[1]) for each in multiples)
    middle = 2 * round(longest * math.sqrt(least) / 2) / longest  # whole lines for a square picture
    return shape, _smaller(shape, middle), _smaller(shape, least)


def layout_for(
    width: int,
    height: int,
    pictures: int,
    size: PictureSize,
    shape: Size,
    *,
    captions: int = CAPTION_LINES,
    plenty: int = PLENTY,
) -> GridLayout:
    """Return the layout of tiles with `pictures` each, in the requested size or the next smaller one that fits.

    Args:
        size: ``automatic`` is the largest with at least `plenty` pictures on a page.
        shape: height and width of a picture in pixels.
        captions: lines of a caption.
    """
    plans = [_plan(width, height, pictures, each, captions) for each in picture_sizes(shape)]
    wanted = plans if size == "automatic" else plans[PICTURE_SIZES.index(size) - 1 :]
    least = plenty if size == "automatic" else 1
    fitting = (plan for plan in wanted if plan.width <= width and plan.height <= height)
    return next((plan for plan in fitting if plan.page * pictures >= least), plans[-1])


def _plan(width: int, height: int, pictures: int, picture: Size, captions: int) -> GridLayout:
    tile_width = max(pictures * (picture[1] + BESIDE) - BESIDE, CAPTION_WIDTH)
    tile_height = -(-picture[0] // 2) + captions
    columns = max(1, (width + GAP) // (tile_width + GAP))
    rows = max(1, height // (tile_height + 1), (height + 1) // (tile_height + 1))
    return GridLayout(picture, columns, rows, tile_width, tile_height)


class PictureGrid(DrawnPictures, can_focus=True):
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
    COMPONENT_CLASSES = {"pictures--chosen", "pictures--hog"}
    DEFAULT_CSS = """
    PictureGrid {
        height: 1fr;
        background: $background;
        color: $foreground;
        & > .pictures--hog { background: $surface; }
        & > .pictures--chosen {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: bold;
        }
    }
    """

    class PictureSelected(Message):
        """Posted when another picture is selected, or another page is shown."""

    class PictureOpened(Message):
        """Posted when a picture is clicked twice."""

    SELECTS = True
    """Whether the selected picture looks different from the others."""
    selected = 0
    count = 0
    plenty = PLENTY
    _pictures = 1
    _shape: Size = DEFAULT_IMAGE[:2]
    _captions = CAPTION_LINES
    _picture_size: PictureSize = "automatic"
    _tile: Callable[[int, int], Tile] | None = None

    def show(
        self,
        count: int,
        tile: Callable[[int, int], Tile],
        *,
        selected: int,
        pictures: int,
        size: PictureSize,
        shape: Size = DEFAULT_IMAGE[:2],
        captions: int = CAPTION_LINES,
    ) -> None:
        """Show the page that has the tile with the index `selected`, of `count` tiles.

        Args:
            tile: returns the tile of an index; its second argument is the width of the caption in characters.
            pictures: the number of pictures in each tile.
            shape: height and width of each picture in pixels.
            captions: lines of a caption.
        """
        self._shape, self._captions = shape, captions
        self.count, self._tile, self._pictures, self._picture_size = count, tile, pictures, size
        self.selected = max(0, min(selected, count - 1))
        self._redraw()

    @property
    def plan(self) -> GridLayout:
        return self.plan_in(self.size.width)

    def plan_in(self, width: int) -> GridLayout:
        """Return the layout that the page would have in another width."""
        choice = self._pictures, self._picture_size, self._shape
        return layout_for(width, self.size.height, *choice, captions=self._captions, plenty=self.plenty)

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
        self.begin_drawing()
        if self._tile is None or not self.count:
            return []
        plan, shown = self.plan, self.shown
        lines: list[Strip] = []
        for start in range(shown.start, shown.stop, plan.columns):
            indices = range(start, min(start + plan.columns, shown.stop))
            places = (Offset(column * (plan.width + GAP), len(lines)) for column in range(plan.columns))
            row = [
                self._tile_lines(self._tile(index, plan.width), place, selected=self.SELECTS and index == self.selected)
                for index, place in zip(indices, places, strict=False)
            ]
            for parts in zip(*row, strict=True):
                lines.append(Strip([segment for part in parts for segment in (*part, Segment(" " * GAP))]))
            lines.append(Strip([]))
        return [line.apply_style(self.rich_style) for line in lines]

    def _tile_lines(self, tile: Tile, place: Offset, *, selected: bool) -> list[list[Segment]]:
        plan = self.plan
        height, width = plan.height - self._captions, plan.picture[1]
        regions = [Region(place.x + at * (width + BESIDE), place.y, width, height) for at in range(len(tile.pictures))]
        pictures = [self._picture_lines(*pair) for pair in zip(tile.pictures, regions, strict=True)]
        rest = Segment(" " * (plan.width - len(pictures) * (width + BESIDE) + BESIDE))
        lines = [
            [*[segment for part in parts for segment in (*part, Segment(" " * BESIDE))][:-1], rest]
            for parts in zip(*pictures, strict=True)
        ]
        style = None
        if selected:
            plain = colours_of(self) is None
            style = Style(reverse=True, bold=True) if plain else self.component_style("pictures--chosen")
        return [*lines, *([Segment(line[: plan.width].ljust(plan.width), style)] for line in tile.caption)]

    def _picture_lines(self, picture: Picture | None, region: Region) -> Sequence[list[Segment]]:
        colours, size = colours_of(self), self.plan.picture
        if picture is None:
            return [[Segment(" " * region.width)]] * region.height
        if isinstance(picture, HogPicture) and colours is not None:
            colours = self.get_visual_style("pictures--hog").background or colours[0], colours[1]
        if self.drawn_with != "blocks" and colours is not None:
            return self.true_lines(indexed(picture, colours), region)
        ink = Ink(*(colours or (None, None)), glyphs=self.app.settings.glyphs)
        return picture.lines(ink, size) if isinstance(picture, HogPicture) else ink.lines(scaled(picture, size))
