"""The widgets of the draw screen: the canvas, the network's input, and the probabilities of the classes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import events, getters
from textual.app import ComposeResult, RenderResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.tui.draw.model_reader import NetworkInput
from mnist_tui.tui.terminal.keymap import bind, pane_title
from mnist_tui.tui.widgets.pixels import PixelView, colours_of
from mnist_tui.wording import DASH, counted, percent

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


BIG_DIGITS = (
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00010 00100 01000 11111",
    "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)
"""The digits 0 to 9 in seven rows of five dots."""


def big_text(name: str, full: str) -> str:
    """Return the name of a class as large as it can be shown: a digit in seven lines, any other name as it is.

    Args:
        full: the character of a dot, which is two characters wide.
    """
    if name not in tuple("0123456789"):
        return name
    return "\n".join(row.replace("1", 2 * full).replace("0", "  ") for row in BIG_DIGITS[int(name)].split())


FIGURE = 8
LONGEST_NAME = 12
GAP = 2


class Probabilities(Widget):
    """A row for each class: its name, a bar and its probability; the most probable class is marked and bold."""

    HELP = """
    **Probabilities.** What the network's ten outputs (softmax) say of the picture; together they are 100 %. The most
    probable class is marked.
    """
    COMPONENT_CLASSES = {"probabilities--bar", "probabilities--winner"}
    _names: Sequence[str] = tuple(map(str, range(10)))
    _values: Sequence[float | None] = (None,) * 10
    _full = "█"

    def show(self, names: Sequence[str], values: Sequence[float | None], *, full: str = "█") -> None:
        """Show the probabilities of the named classes (None: unknown) as bars of the character `full`."""
        self._names, self._values, self._full = tuple(names), tuple(values), full
        self.refresh()

    def render(self) -> RenderResult:
        rows = len(self._names) if self.size.height >= len(self._names) else -(-len(self._names) // 2)
        columns = -(-len(self._names) // rows)
        width = (self.size.width - GAP * (columns - 1)) // columns
        lines = [
            Content(" " * GAP).join(self._row(label, width) for label in range(line, len(self._names), rows))
            for line in range(rows)
        ]
        return Content("\n").join(lines)

    def _row(self, label: int, width: int) -> Content:
        value = self._values[label]
        longest = min(max(map(len, self._names)), LONGEST_NAME, max(1, width - FIGURE - 2))
        best = value is not None and value == max(each for each in self._values if each is not None)
        figure = (DASH if value is None else percent(value, 1)).rjust(FIGURE)
        room = max(0, width - longest - FIGURE - 3)
        filled = round((value or 0.0) * room)
        winner, bar = self.get_visual_style("probabilities--winner"), self.get_visual_style("probabilities--bar")
        name = f"{'>' if best else ' '}{self._names[label][:longest]:<{longest}} "
        return Content.assemble(
            Content.styled(name, winner) if best else name,
            Content.styled(self._full * filled + " " * (room - filled), bar),
            Content.styled(figure, winner) if best else figure,
        )
