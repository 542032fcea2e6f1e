"""What the screen shows of a network: a map over an image, pictures side by side, and bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.cells import set_cell_size
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip

from mnist_tui.data.pictures import brightness
from mnist_tui.runs.explanations import over, shares, sign_of
from mnist_tui.tui.widgets.pixels import PictureGrid, Pixels, PixelView, Size, colours_of
from mnist_tui.tui.widgets.text import DrawnWidget, bar_texts
from mnist_tui.wording import percent


class HeatView(PixelView):
    """A map over its image: one colour for positive values, another for negative ones.

    Without colours the map is drawn alone: in shades or, if values can be negative, with signs.
    """

    COMPONENT_CLASSES = {"heat--positive", "heat--negative"}
    DEFAULT_CSS = """
    HeatView {
        background: $surface;
        color: $foreground;
        & > .heat--positive { color: $accent; }
        & > .heat--negative { color: $primary; }
    }
    """
    _map: NDArray[np.float32] | None = None
    _signed = False

    def show_map(self, image: Pixels, values: NDArray[np.float32], size: Size, *, signed: bool) -> None:
        """Show a map, float32 ``(height, width)``, over its image, in a size in pixels.

        Args:
            signed: whether values of the map's method can be negative.
        """
        self._map, self._signed = shares(values), signed
        self.show(image, size)

    @property
    def plain(self) -> bool:
        """Whether the map is drawn without colours."""
        return colours_of(self) is None or self.app.settings.glyphs == "ascii"

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._scaled = None

    def _coloured(self) -> Pixels:
        colours = colours_of(self)
        if self._map is None:
            return super()._coloured()
        if self.plain or colours is None:
            return np.rint(255 * np.abs(self._map)).astype(np.uint8)
        positive, negative = (self.get_component_styles(f"heat--{name}").color.rgb for name in ("positive", "negative"))
        paper, ink = (colour.rgb for colour in colours)
        levels = brightness(self.pixels)
        return over(levels, self._map, paper=paper, ink=ink, positive=positive, negative=negative)

    def render_line(self, y: int) -> Strip:
        if self._map is None or not (self.plain and self._signed):
            return super().render_line(y)
        rows = _resized(self._map, self.drawn_size)[2 * y : 2 * y + 2]
        signs = "".join(sign_of(value, 1.0) for value in rows.mean(axis=0).tolist()) if len(rows) else ""
        return Strip([Segment(signs.ljust(self.size.width))]).apply_style(self.rich_style)


def _resized(values: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Return a map in another size: the nearest value for each place."""
    rows, columns = (np.arange(new) * old // new for new, old in zip(size, values.shape, strict=True))
    return values[rows][:, columns]


class MapGrid(PictureGrid, can_focus=False):
    """Pictures side by side, none of them selected: feature maps, or training images."""

    SELECTS = False
    key: object = None
    """What is shown; the page stays as long as that stays."""
    HELP = ""


def maps_as_pictures(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the feature maps of a layer, float32 ``(height, width, n)``, as uint8 ``(n, height, width)``.

    All maps have one scale: 0 is the layer's least value, or 0 if none is negative, and 255 its largest.
    """
    low, high = min(float(maps.min()), 0.0), float(maps.max())
    scaled = (np.moveaxis(maps, -1, 0) - low) / max(high - low, 1e-12)
    return np.rint(255 * np.nan_to_num(scaled.clip(0, 1))).astype(np.uint8)


BAR_LEAST, NUMBER, GAP = 6, 8, 2
"""Columns of the shortest bar, of a value, and between two columns of bars."""
WIDEST, LONGEST = 34, 12
"""Columns of a bar with its texts at most, and of the longest name."""


class ActivationBars(DrawnWidget):
    """A page of bars: a unit's name, a bar as long as its output is far from 0, and the output."""

    COMPONENT_CLASSES = {"activations--positive", "activations--negative", "activations--rest"}
    DEFAULT_CSS = """
    ActivationBars {
        height: 1fr;
        & > .activations--positive { color: $primary; }
        & > .activations--negative { color: $accent; }
        & > .activations--rest { color: $foreground 20%; }
    }
    """
    first = 0
    key: object = None
    """What is shown; the page stays as long as that stays."""
    _names: Sequence[str] = ()
    _values: NDArray[np.float32] = np.zeros(0, np.float32)
    _percentages = False

    class PageChanged(Message):
        """Posted when another page is shown, or another number of units fits on it."""

    def show(self, names: Sequence[str], values: NDArray[np.float32], *, percentages: bool = False) -> None:
        """Show the outputs of a layer, float32 ``(units,)``, from the first unit on; probabilities as percentages."""
        self._names, self._values, self.first, self._percentages = names, values, 0, percentages
        self.draw()

    @property
    def count(self) -> int:
        return len(self._values)

    @property
    def shown(self) -> range:
        """The indices of the units on the page."""
        return range(self.first, min(self.count, self.first + self._columns * max(1, self.size.height)))

    @property
    def _name_width(self) -> int:
        return min(LONGEST, max(map(len, self._names), default=1))

    @property
    def _columns(self) -> int:
        least = self._name_width + BAR_LEAST + NUMBER + 1 + GAP
        needed = -(-self.count // max(1, self.size.height))
        return max(1, min((self.size.width + GAP) // least, needed))

    def turn(self, pages: int) -> None:
        """Go forward by a number of pages, at most to the last one; backward if it is negative."""
        page = self._columns * max(1, self.size.height)
        last = max(0, (self.count - 1) // page * page)
        self.first = max(0, min(self.first // page * page + pages * page, last))
        self.draw()
        self.post_message(self.PageChanged())

    def on_resize(self) -> None:
        self.turn(0)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.turn(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.turn(-1)

    def strips(self) -> list[Strip]:
        if not self.count:
            return []
        columns, height = self._columns, max(1, self.size.height)
        width = min(WIDEST, (self.size.width - GAP * (columns - 1)) // columns)
        strongest = float(np.abs(self._values).max()) or 1.0
        gap = Segment(" " * GAP, self.rich_style)
        rows = [self.shown[line::height] for line in range(min(height, len(self.shown)))]
        return [Strip([part for unit in row for part in (*self._bar(unit, width, strongest), gap)]) for row in rows]

    def _number(self, value: float, strongest: float) -> str:
        if self._percentages:
            return percent(value, 1)
        return f"{value:.3f}" if strongest < 100 else f"{value:.4g}"

    def _bar(self, unit: int, width: int, strongest: float) -> list[Segment]:
        value, name = float(self._values[unit]), self._names[unit]
        room = max(1, width - self._name_width - NUMBER - 1)
        full, rest = bar_texts(abs(value) / strongest, room, self.app.settings.glyphs)
        style = self.component_style(f"activations--{'negative' if value < 0 else 'positive'}")
        shown = set_cell_size(name, self._name_width) if not name.isdecimal() else name.rjust(self._name_width)
        return [
            Segment(f"{shown} ", self.rich_style),
            Segment(full, style),
            Segment(rest, self.component_style("activations--rest")),
            Segment(self._number(value, strongest).rjust(NUMBER), self.rich_style),
        ]
