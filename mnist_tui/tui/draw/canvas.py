"""The widgets of the draw screen: the canvas, the network's input, and the probabilities of the classes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events, getters
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from mnist_tui.experiment.shapes import DEFAULT_IMAGE, Shape, pixels_shape
from mnist_tui.tui.draw.model_reader import NetworkInput
from mnist_tui.tui.terminal.keymap import bind, pane_title
from mnist_tui.tui.widgets.pixels import Pixels, PixelView, Size, colours_of, size_in
from mnist_tui.wording import counted

Pen = Literal["up", "draws", "erases"]
MARKS: dict[Pen, str] = {"up": "+", "draws": "o", "erases": "x"}
WAYS = (("up", -1, 0, "up"), ("down", 1, 0, "down"), ("left", 0, -1, "to the left"), ("right", 0, 1, "to the right"))

Spot = tuple[float, float]
"""Row and column, in pixels; the middle of a pixel has whole numbers."""

BRUSH_REACH, LEAST_REACH = 2.0, 1.0
"""Pixels from a stroke's middle line to its edge: strokes are 3 pixels wide, with as much ink as MNIST's, and wider in
larger pictures."""
ERASER_MORE = 0.5


def blank(image: Shape = DEFAULT_IMAGE) -> Pixels:
    """Return a black picture of an image's height, width and channels."""
    return np.zeros(pixels_shape(image), np.uint8)


def drawn(pixels: Pixels, start: Spot, end: Spot) -> Pixels:
    """Return the picture with a straight white stroke added; where strokes cross, the lighter value counts."""
    return np.maximum(pixels, _stroke(pixels, start, end))


def erased(pixels: Pixels, start: Spot, end: Spot) -> Pixels:
    """Return the picture with a straight stroke erased."""
    return np.minimum(pixels, 255 - _stroke(pixels, start, end, ERASER_MORE))


def _stroke(pixels: Pixels, start: Spot, end: Spot, wider: float = 0.0) -> Pixels:
    """Return the opacity of a stroke at each pixel, uint8: it falls from 255 to 0 at the stroke's edge.

    The result has one channel, ``(height, width)``, or ``(height, width, 1)`` for a picture in colour.
    """
    rows, columns = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]]
    reach = max(LEAST_REACH, BRUSH_REACH * max(pixels.shape[:2]) / DEFAULT_IMAGE[0]) + wider
    down, right = end[0] - start[0], end[1] - start[1]
    length = down * down + right * right
    along = ((rows - start[0]) * down + (columns - start[1]) * right) / length if length else np.zeros(rows.shape)
    along = np.clip(along, 0, 1)
    distances = np.hypot(rows - start[0] - along * down, columns - start[1] - along * right)
    opacity = np.rint(np.clip(reach - distances, 0, 1) * 255).astype(np.uint8)
    return opacity if pixels.ndim == 2 else opacity[..., np.newaxis]


class DrawingCanvas(PixelView, can_focus=True):
    """A canvas on which a person draws with the mouse or the keys, with undo."""

    HELP = """
    **The canvas.** The left mouse button draws, the right one (or Shift or Ctrl with the left one) erases. By keys: the
    arrows move the pen (with Shift by four pixels), Space puts it down and lifts it, `x` makes it erase. `u` takes the
    last stroke back, Delete clears.
    """
    TRUE_PICTURES = False  # one would be sent anew with every movement of the mouse, and its pixels are these blocks
    BINDINGS = [
        *(
            bind(
                f"draw.{prefix}{way}",
                f"{modifier}{way}",
                f"move({step * down}, {step * right})",
                f"{prefix}{way}".replace("-", " ").capitalize(),
                f"Move the pen {words} by {counted(step, 'pixel')}",
                hidden=True,
            )
            for prefix, modifier, step in (("", "", 1), ("far-", "shift+", 4))
            for way, down, right, words in WAYS
        ),
        bind("draw.pen", "space", "pen('draws')", "Pen", "Put the pen down, or lift it"),
        bind("draw.erase", "x", "pen('erases')", "Erase", "Let the pen erase, or lift it", hidden=True),
        bind("draw.undo", "u,ctrl+z", "undo", "Undo", "Take the last stroke back", hidden=True),
        bind("draw.clear", "delete,backspace", "clear", "Clear", "Clear the canvas"),
    ]

    @dataclass
    class DrawingChanged(Message):
        """Posted when the pen has moved or changed; `picture` says whether the picture has changed, too."""

        picture: bool

    def __init__(self) -> None:
        super().__init__()
        self.pen: Pen = "up"
        self.at = (DEFAULT_IMAGE[0] // 2, DEFAULT_IMAGE[1] // 2)
        self._before = deque[Pixels](maxlen=100)
        self._mouse: tuple[Spot, Pen] | None = None
        self._by_keys = True

    def begin(self, image: Shape) -> None:
        """Show a blank picture of an image's height, width and channels, unless the present one has them."""
        if self.pixels.shape != pixels_shape(image):
            self._before.clear()
            self.at, self.pen = (image[0] // 2, image[1] // 2), "up"
            self._replace(blank(image))

    def put(self, pixels: Pixels) -> None:
        """Show another picture of the same shape; undo brings the present one back."""
        self._before.append(self.pixels)
        self._replace(pixels)

    def action_move(self, down: int, right: int) -> None:
        start = self.at
        self.at = self._inside(start[0] + down, start[1] + right)
        self._by_keys = True
        self._stroke(start, self.at, self.pen)

    def action_pen(self, pen: Pen) -> None:
        """Put the pen down to draw or to erase; if it does that already, lift it."""
        self.pen = "up" if self.pen == pen else pen
        self._by_keys = True
        if self.pen != "up":
            self._before.append(self.pixels)
        self._stroke(self.at, self.at, self.pen)

    def action_undo(self) -> None:
        if self._before:
            self._replace(self._before.pop())

    def action_clear(self) -> None:
        self.pen = "up"
        if self.pixels.any():
            self._before.append(self.pixels)
        self._replace(np.zeros_like(self.pixels))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        self.focus()
        self.capture_mouse()
        right_button = 3
        erases = event.button == right_button or event.shift or event.ctrl
        spot = self._spot(event)
        self._mouse = (spot, "erases" if erases else "draws")
        self.pen, self._by_keys = "up", False
        self._before.append(self.pixels)
        self._stroke(spot, spot, self._mouse[1])

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._mouse is not None:
            (start, pen), spot = self._mouse, self._spot(event)
            self._mouse = (spot, pen)
            self._stroke(start, spot, pen)

    def on_mouse_up(self) -> None:
        self._mouse = None
        self.release_mouse()

    def _spot(self, event: events.MouseEvent) -> Spot:
        """Return the mouse's position in pixels; if a character shows two pixels, the position between them."""
        row = (2 * event.y + 1) / self._times - 0.5
        column = (event.x + 0.5) / self._times - 0.5
        self.at = self._inside(round(row), round(column))
        return (row, column)

    def _inside(self, row: int, column: int) -> Size:
        height, width = self.pixels.shape[:2]
        return min(max(row, 0), height - 1), min(max(column, 0), width - 1)

    @property
    def _times(self) -> int:
        """Columns for each pixel."""
        return max(1, self.drawn_size[1] // self.pixels.shape[1])

    @property
    def pen_cell(self) -> Region:
        """The characters of the pen's place."""
        times, (row, column) = self._times, self.at
        return Region(column * times, (row * times + times // 2) // 2, times, 1)

    def _stroke(self, start: Spot, end: Spot, pen: Pen) -> None:
        if pen == "up":
            self.refresh()
            self.post_message(self.DrawingChanged(picture=False))
        else:
            self._replace((drawn if pen == "draws" else erased)(self.pixels, start, end))

    def _replace(self, pixels: Pixels) -> None:
        self.show(pixels, self.drawn_size if pixels.shape == self.pixels.shape else None)
        self.post_message(self.DrawingChanged(picture=True))

    def on_focus(self) -> None:
        self.refresh()

    on_blur = on_focus

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        cell = self.pen_cell
        if not (self.has_focus and self._by_keys) or y != cell.y:
            return strip
        segment = Segment(MARKS[self.pen] * cell.width, self._mark_style(*self.at))
        before, under, after = strip.divide([cell.x, cell.right, strip.cell_length])
        return Strip([*before, segment, *after], before.cell_length + under.cell_length + after.cell_length)

    def _mark_style(self, row: int, column: int) -> Style:
        colours = colours_of(self)
        if colours is None or self.app.settings.glyphs == "ascii":
            return self.rich_style + Style(reverse=True)
        paper, ink = colours
        pixel = self.pixels[row, column]
        if self.photograph or self.pixels.ndim == 3:
            under = Color(*np.broadcast_to(pixel, 3).tolist())
        else:
            under = paper.blend(ink, int(pixel) / 255)
        return Style(color=under.get_contrast_text(1.0).rich_color, bgcolor=under.rich_color, bold=True)


class SeenPane(Vertical):
    """The pane with the network's input, as a HOG picture if the network has HOG features, or as pixels."""

    picture = getters.query_one(PixelView)
    as_hog = True
    _input: NetworkInput | None = None
    _room: Size = DEFAULT_IMAGE[:2]

    def compose(self) -> ComposeResult:
        yield PixelView()

    def show(self, network_input: NetworkInput, *, centred: bool) -> None:
        """Show an input; `centred` says whether the drawing was centred first."""
        self._input = network_input
        self.border_subtitle = "centred like MNIST" if centred else "as drawn"
        self._draw()

    def fit(self, columns: int, lines: int) -> None:
        """Show the picture as large as it fits into so many characters."""
        self._room = columns, lines
        self._draw()

    def toggle(self) -> None:
        """Switch between the HOG picture and the pixels."""
        self.as_hog = not self.as_hog
        self._draw()

    def _draw(self) -> None:
        if self._input is None:
            return
        size = size_in(self._input.pixels.shape[:2], *self._room)
        hog = self._input.hog if self.as_hog else None
        self.border_title = pane_title("Input", note="pixels" if hog is None else "HOG")
        self.picture.show(self._input.pixels if hog is None else hog, size)
