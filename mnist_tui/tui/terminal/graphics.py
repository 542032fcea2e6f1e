"""True pictures in the terminal: whether it has them, and how they are sent to it.

Kitty's pictures are shown by characters, each of which stands for a part of a picture, so that they move, are covered
and vanish as text does. A Sixel picture is painted over characters after each frame that has drawn them.

Nothing heavy is imported until a picture is sent.

References:
    https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
    DEC STD 070, chapter 9 (Sixel graphics)
"""

from __future__ import annotations

import base64
import fcntl
import os
import random
import re
import struct
import termios
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.errors import NoWidget
from textual.geometry import Offset, Region
from textual.widget import Widget

from mnist_tui.tui.terminal.desktop import through_tmux
from mnist_tui.tui.terminal.driver import AnswerParser, TerminalAnswer

if TYPE_CHECKING:
    from PIL import Image
    from textual.app import App

    from mnist_tui.settings import Settings
    from mnist_tui.tui.terminal.window import Window

PictureProtocol = Literal["blocks", "kitty", "sixel"]

QUERY = "\x1b[>0q\x1b[16t\x1b[c"
"""The queries for the terminal's name, the size of a character in pixels, and the terminal's attributes."""
SIXEL_ATTRIBUTE = 4
KITTY_WITH_PLACEHOLDERS = (0, 28)
"""The first version of Kitty that shows pictures by characters."""
USUAL_CELL = (10, 20)
"""Width and height of a character in pixels, if the terminal does not say them."""
SIXEL_STEPS = 14
"""Steps between the first and the last colour of a Sixel picture: a terminal may have only 16 colours at once."""
DEFINED = re.compile(r"#(\d+);2;\d+;\d+;\d+")
"""A definition of a colour, which does not choose it for painting in xterm."""
CHUNK = 4096
"""The most characters of base64 in one of Kitty's sequences."""
KEPT_BYTES = 128 * 1024**2
"""Kitty stores 320 MiB of pictures; a 4K screen shows 33 MiB at most."""
PLACEHOLDER = "\U0010eeee"
MARKS = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352\u0357\u035b\u0363"
    "\u0364\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f\u0483\u0484\u0485\u0486\u0487\u0592"
    "\u0593\u0594\u0595\u0597\u0598\u0599\u059c\u059d\u059e\u059f\u05a0\u05a1\u05a8\u05a9\u05ab\u05ac\u05af\u05c4"
    "\u0610\u0611\u0612\u0613\u0614\u0615\u0616\u0617\u0657\u0658"
)
"""The combining characters that stand for the numbers of rows and columns, from 0; a longer picture is not sent."""


@dataclass(frozen=True)
class IndexedPicture:
    """A picture of `width` times `height` indices into a palette of at most 256 colours, each of three bytes.

    Attributes:
        gradual: whether neighbours in the palette are similar colours.
    """

    indices: bytes
    width: int
    height: int
    palette: bytes
    gradual: bool = True

    def scaled(self, width: int, height: int) -> Image.Image:
        """Return the picture with each pixel as a block, without mixing colours."""
        from PIL import Image

        picture = Image.frombytes("P", (self.width, self.height), self.indices)
        picture.putpalette(self.palette)
        return picture.resize((width, height), Image.Resampling.NEAREST)


def coloured(pixels: bytes, width: int, height: int) -> IndexedPicture:
    """Return a colour picture of three bytes a pixel, with the 256 colours that are nearest to its own."""
    from PIL import Image

    picture = Image.frombytes("RGB", (width, height), pixels).quantize(256, dither=Image.Dither.NONE)
    return IndexedPicture(picture.tobytes(), width, height, bytes(picture.getpalette() or ()), gradual=False)


@dataclass(frozen=True)
class PlacedPicture:
    """A picture and the characters of a widget that it covers."""

    picture: IndexedPicture
    region: Region


@dataclass
class TouchedPictures:
    """The pictures of a widget, and the parts of it that the next frame draws."""

    pictures: Sequence[PlacedPicture]
    parts: list[Region]


class Graphics:
    """The pictures on the app's terminal.

    Args:
        app: the app, whose colours count.
        window: its terminal.
        settings: returns the present settings.
        changed: is called when pictures are drawn in another way from now on.
    """

    def __init__(
        self, app: App[Any], window: Window, settings: Callable[[], Settings], changed: Callable[[], None]
    ) -> None:
        self._app, self._window, self._settings, self._changed = app, window, settings, changed
        self._found: PictureProtocol = "blocks"
        self._asked = False
        self._cell: tuple[int, int] | None = None
        self._images: OrderedDict[tuple[IndexedPicture, int, int], tuple[int, int]] = OrderedDict()
        """The number of each picture that Kitty stores, and its size in bytes; the one drawn last is the last."""
        self._next = random.randrange(1 << 16, 1 << 23)
        self._touched: dict[Widget, TouchedPictures] = {}

    @property
    def protocol(self) -> PictureProtocol:
        """How pictures are drawn on this terminal: blocks until it has answered, and where it cannot do better.

        The first use sends the query if the setting is automatic.
        """
        app, settings = self._app, self._settings()
        wanted = settings.pictures
        few_colours = app.no_color or app.native_ansi_color or app.console.color_system != "truecolor"
        if wanted == "blocks" or not self._window.is_terminal or settings.glyphs == "ascii" or few_colours:
            return "blocks"
        if wanted == "auto":
            if _in_multiplexer():
                return "blocks"
            self._ask()
            return self._found
        return wanted

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            AnswerParser.asked_at = monotonic()
            self._window.write(QUERY)

    def add_answer(self, answer: TerminalAnswer) -> None:
        """Note an answer of the terminal."""
        before = self._found
        if answer.cell is not None and all(answer.cell):
            self._cell = answer.cell
        if answer.name is not None and _shows_by_characters(answer.name):
            self._found = "kitty"
        elif SIXEL_ATTRIBUTE in answer.attributes and self._found == "blocks":
            self._found = "sixel"
        if self._found != before:
            self._changed()

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height of a character in pixels."""
        with suppress(OSError):
            packed = fcntl.ioctl(2, termios.TIOCGWINSZ, bytes(8))
            rows, columns, width, height = struct.unpack("HHHH", packed)
            if rows and columns and width >= columns and height >= rows:
                return width // columns, height // rows
        return self._cell or USUAL_CELL

    def lines(self, picture: IndexedPicture, columns: int, rows: int, paper: Color) -> list[list[Segment]]:
        """Return the lines of characters under a picture: those that Kitty shows it by, or blanks for Sixel."""
        if self.protocol == "sixel":
            return [[Segment(" " * columns, Style(bgcolor=paper))]] * rows
        number = self._number(picture, columns, rows)
        style = Style(color=Color.from_rgb(number >> 16, number >> 8 & 255, number & 255), bgcolor=paper)
        return [
            [Segment("".join(f"{PLACEHOLDER}{MARKS[row]}{MARKS[column]}" for column in range(columns)), style)]
            for row in range(rows)
        ]

    def _number(self, picture: IndexedPicture, columns: int, rows: int) -> int:
        """Return Kitty's number of a picture of a size in characters; send the picture if it is new."""
        key = (picture, columns, rows)
        if key in self._images:
            self._images.move_to_end(key)
            return self._images[key][0]
        self._next += 1
        factor = max(1, round(columns * self.cell[0] / picture.width))
        scaled = picture.scaled(picture.width * factor, picture.height * factor)
        for sequence in _kitty_sequences(scaled, self._next, columns, rows):
            self._write(sequence)
        self._images[key] = self._next, 4 * scaled.width * scaled.height
        while sum(size for _, size in self._images.values()) > KEPT_BYTES:
            _, (oldest, _) = self._images.popitem(last=False)
            self._delete(oldest)
        return self._next

    def close(self) -> None:
        """Delete all pictures that Kitty stores."""
        for number, _ in self._images.values():
            self._delete(number)
        self._images.clear()

    def _delete(self, number: int) -> None:
        self._write(f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\")

    def _write(self, sequence: str) -> None:
        self._window.write(through_tmux(sequence) if os.environ.get("TMUX") else sequence)

    def touch(self, widget: Widget, pictures: Sequence[PlacedPicture], part: Region) -> None:
        """Note that the next frame draws a part of a widget with Sixel pictures."""
        touched = self._touched.setdefault(widget, TouchedPictures(pictures, []))
        touched.pictures = pictures
        touched.parts.append(part)

    def paint(self) -> None:
        """Paint the Sixel pictures over the characters that have just been drawn, but not over what lies above."""
        touched, self._touched = self._touched, {}
        for widget, drawn in touched.items():
            if widget.is_attached and widget.screen.is_active:
                for placed, part, where in _visible_parts(widget, drawn):
                    self._paint(placed, part, where)

    def _paint(self, placed: PlacedPicture, part: Region, where: Offset) -> None:
        """Paint a part of a picture, in characters from its corner, at a place on the screen."""
        sequence = _sixels(placed.picture, placed.region.width, placed.region.height, part, self.cell)
        self._window.write(f"\x1b7\x1b[{where.y + 1};{where.x + 1}H{sequence}\x1b8")


def _in_multiplexer() -> bool:
    """Return whether tmux or screen lies between the app and the terminal."""
    return bool(os.environ.get("TMUX") or os.environ.get("STY")) or os.environ.get("TERM", "").startswith(
        ("tmux", "screen")
    )


def _shows_by_characters(name: str) -> bool:
    """Return whether a terminal of this name and version shows Kitty's pictures by characters."""
    kitty = re.match(r"kitty\((\d+)\.(\d+)", name)
    return name.lower().startswith("ghostty") or (
        kitty is not None and (int(kitty[1]), int(kitty[2])) >= KITTY_WITH_PLACEHOLDERS
    )


def _kitty_sequences(picture: Image.Image, number: int, columns: int, rows: int) -> Iterator[str]:
    """Yield the sequences that send a picture as PNG and create its placement for characters."""
    from io import BytesIO

    file = BytesIO()
    picture.save(file, format="png")
    payload = base64.b64encode(file.getvalue()).decode()
    options = f"a=T,U=1,i={number},f=100,c={columns},r={rows},q=2,"
    for start in range(0, len(payload), CHUNK):
        more = int(start + CHUNK < len(payload))
        yield f"\x1b_G{options if start == 0 else 'q=2,'}m={more};{payload[start : start + CHUNK]}\x1b\\"


@lru_cache(maxsize=256)
def _sixels(picture: IndexedPicture, columns: int, rows: int, part: Region, cell: tuple[int, int]) -> str:
    """Return the sequence that paints a part of a picture, both in characters."""
    from textual_image._sixel import image_to_sixels  # the modules with public names ask the terminal when imported

    width, height = cell
    few = bytes(round(round(level * SIXEL_STEPS / 254) * 254 / SIXEL_STEPS) for level in range(256))
    if picture.gradual:
        picture = replace(picture, indices=picture.indices.translate(few))
    scaled = picture.scaled(columns * width, rows * height)
    if not picture.gradual:
        scaled = scaled.convert("RGB").quantize(SIXEL_STEPS + 1)
    box = (part.x * width, part.y * height, part.right * width, part.bottom * height)
    return DEFINED.sub(r"\g<0>#\1", image_to_sixels(scaled.crop(box)))


def _visible_parts(widget: Widget, drawn: TouchedPictures) -> Iterator[tuple[PlacedPicture, Region, Offset]]:
    """Yield the parts of pictures to paint, with their places on the screen; what covers a picture is cut out.

    Nothing is painted in the last line, where a terminal might scroll.
    """
    screen = widget.screen
    try:
        geometry = screen.find_widget(widget)
    except NoWidget:
        return
    window = geometry.visible_region.intersection(Region(0, 0, screen.size.width, screen.size.height - 1))
    above: list[Region] = []
    for other, (region, clip) in screen._compositor.visible_widgets.items():  # pyright: ignore[reportPrivateUsage]
        shown = region.intersection(clip)
        if shown.overlaps(window) and screen.find_widget(other).order > geometry.order:
            above.append(shown)
    touched = [part.translate(geometry.region.offset) for part in drawn.parts]
    for placed in drawn.pictures:
        whole = placed.region.translate(widget.content_region.offset)
        if not any(whole.overlaps(part) for part in touched):
            continue
        parts = [whole.intersection(window)]
        for hole in above:
            parts = [rest for part in parts for rest in _without(part, hole)]
        for part in parts:
            if part.area:
                yield placed, part.translate(-whole.offset), part.offset


def _without(region: Region, hole: Region) -> list[Region]:
    """Return a region as regions that do not overlap the hole."""
    cut = region.intersection(hole)
    if not cut.area:
        return [region]
    return [
        Region(region.x, region.y, region.width, cut.y - region.y),
        Region(region.x, cut.bottom, region.width, region.bottom - cut.bottom),
        Region(region.x, cut.y, cut.x - region.x, cut.height),
        Region(cut.right, cut.y, region.right - cut.right, cut.height),
    ]
