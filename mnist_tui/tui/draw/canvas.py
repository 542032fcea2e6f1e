"""The widgets of the draw screen: the canvas, the network's input, and the probabilities of the classes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import events, getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip

from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.tui.draw.model_reader import NetworkInput
from mnist_tui.tui.terminal.keymap import bind, pane_title
from mnist_tui.tui.widgets.pixels import PixelView, colours_of
from mnist_tui.wording import counted

Pen = Literal["up", "draws", "erases"]
MARKS: dict[Pen, str] = {"up": "+", "draws": "o", "erases": "x"}
WAYS = (("up", -1, 0, "up"), ("down", 1, 0, "down"), ("left", 0, -1, "to the left"), ("right", 0, 1, "to the right"))

Pixels = NDArray[np.uint8]
Spot = tuple[float, float]
"""Row and column, in pixels; the middle of a pixel has whole numbers."""

BRUSH_REACH = 2.0
"""Pixels from a stroke's middle line to its edge: strokes are 3 pixels wide, with as much ink as MNIST's."""
ERASER_REACH = 2.5


def blank() -> Pixels:
    """Return a black picture, uint8 ``(28, 28)``."""
    return np.zeros((IMAGE_EDGE, IMAGE_EDGE), np.uint8)


def drawn(pixels: Pixels, start: Spot, end: Spot) -> Pixels:
    """Return the picture with a straight stroke added; where strokes cross, the lighter value counts."""
    return np.maximum(pixels, _stroke(start, end, BRUSH_REACH))


def erased(pixels: Pixels, start: Spot, end: Spot) -> Pixels:
    """Return the picture with a straight stroke erased."""
    return np.minimum(pixels, 255 - _stroke(start, end, ERASER_REACH))


def _stroke(start: Spot, end: Spot, reach: float) -> Pixels:
    """Return the opacity of a stroke at each pixel, uint8 ``(28, 28)``: it falls from 255 to 0 at the stroke's edge."""
    rows, columns = np.mgrid[0:IMAGE_EDGE, 0:IMAGE_EDGE]
    down, right = end[0] - start[0], end[1] - start[1]
    length = down * down + right * right
    along = ((rows - start[0]) * down + (columns - start[1]) * right) / length if length else np.zeros(rows.shape)
    along = np.clip(along, 0, 1)
    distances = np.hypot(rows - start[0] - along * down, columns - start[1] - along * right)
    return np.rint(np.clip(reach - distances, 0, 1) * 255).astype(np.uint8)


class DrawingCanvas(PixelView, can_focus=True):
    """A canvas on which a person draws with the mouse or the keys, with undo."""

    HELP = """
    **The canvas.** The left mouse button draws, the right one (or Shift or Ctrl with the left one) erases. By keys: the
    arrows move the pen (with Shift by four pixels), Space puts it down and lifts it, `x` makes it erase. `u` takes the
    last stroke back, Delete clears.
    """
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
        self.at = (IMAGE_EDGE // 2, IMAGE_EDGE // 2)
        self._before = deque[Pixels](maxlen=100)
        self._mouse: tuple[Spot, Pen] | None = None
        self._by_keys = True

    def put(self, pixels: Pixels) -> None:
        """Show another picture, uint8 ``(28, 28)``; undo brings the present one back."""
        self._before.append(self.pixels)
        self._replace(pixels)

    def action_move(self, down: int, right: int) -> None:
        start = self.at
        last = IMAGE_EDGE - 1
        self.at = (min(max(start[0] + down, 0), last), min(max(start[1] + right, 0), last))
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
        self._replace(blank())

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
        row = float(event.y) if self.doubled else 2 * event.y + 0.5
        column = (event.x - 0.5) / 2 if self.doubled else float(event.x)
        last = IMAGE_EDGE - 1
        self.at = (min(max(round(row), 0), last), min(max(round(column), 0), last))
        return (row, column)

    def _stroke(self, start: Spot, end: Spot, pen: Pen) -> None:
        if pen == "up":
            self.refresh()
            self.post_message(self.DrawingChanged(picture=False))
        else:
            self._replace((drawn if pen == "draws" else erased)(self.pixels, start, end))

    def _replace(self, pixels: Pixels) -> None:
        self.show(pixels)
        self.post_message(self.DrawingChanged(picture=True))

    def on_focus(self) -> None:
        self.refresh()

    on_blur = on_focus

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        row, column = self.at
        width = 2 if self.doubled else 1
        if not (self.has_focus and self._by_keys) or y != (row if self.doubled else row // 2):
            return strip
        segment = Segment(MARKS[self.pen] * width, self._mark_style(row, column))
        before, under, after = strip.divide([column * width, (column + 1) * width, strip.cell_length])
        return Strip([*before, segment, *after], before.cell_length + under.cell_length + after.cell_length)

    def _mark_style(self, row: int, column: int) -> Style:
        colours = colours_of(self)
        if colours is None or self.app.settings.glyphs == "ascii":
            return self.rich_style + Style(reverse=True)
        paper, ink = colours
        under = paper.blend(ink, int(self.pixels[row, column]) / 255)
        return Style(color=under.get_contrast_text(1.0).rich_color, bgcolor=under.rich_color, bold=True)


class SeenPane(Vertical):
    """The pane with the network's input, as a HOG picture if the network has HOG features, or as pixels."""

    picture = getters.query_one(PixelView)
    as_hog = True
    _input: NetworkInput | None = None
    _large = False

    def compose(self) -> ComposeResult:
        yield PixelView()

    def show(self, network_input: NetworkInput, *, centred: bool) -> None:
        """Show an input; `centred` says whether the drawing was centred first."""
        self._input = network_input
        self.border_subtitle = "centred like MNIST" if centred else "as drawn"
        self._draw()

    def enlarge(self, large: bool) -> None:
        """Show the picture twice as large, or in its normal size."""
        self._large = large
        self._draw()

    def toggle(self) -> None:
        """Switch between the HOG picture and the pixels."""
        self.as_hog = not self.as_hog
        self._draw()

    def _draw(self) -> None:
        if self._input is None:
            return
        hog = (self._input.fine_hog if self._large else self._input.hog) if self.as_hog else None
        self.border_title = pane_title("Input", note="pixels" if hog is None else "HOG")
        self.picture.double(self._large and hog is None)
        self.picture.show(self._input.pixels if hog is None else hog)
