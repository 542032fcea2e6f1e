"""A layer's weights as small pictures side by side, one for each unit: one colour for positive, one for negative.

Without colours, or if a person prefers signs, ``+`` and ``#`` are weak and strong positive, ``-`` and ``=`` negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.message import Message
from textual.strip import Strip

from mnist_tui.tui.widgets.text import DrawnWidget

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_tui.runs.first_weights import FirstWeights


Palette = tuple[list[Color], list[Color]]
UPPER_HALF = "▀"
LEVELS = 16
"""Shades of each colour; a person cannot tell finer ones apart."""
WEAK, STRONG = 0.2, 0.6
"""Shares of the weight with the full shade, from which a weak and a strong sign are drawn."""
FEW = 6
"""The automatic size is the largest that shows this many pictures at once."""
GAP = 2


def resampled(picture: NDArray[np.floating], width: int, height: int) -> NDArray[np.float64]:
    """Return a picture with `height` rows and `width` columns: means of neighbouring values, or repeated values."""
    import numpy as np

    values = picture.astype(float)
    for axis, count in enumerate((height, width)):
        size = values.shape[axis]
        starts = np.arange(count) * size // count
        if count >= size:
            values = values.take(starts, axis)
        else:
            lengths = np.diff(starts, append=size)
            values = np.add.reduceat(values, starts, axis) / (lengths if axis else lengths[:, None])
    return values


def sign_of(weight: float, strong: float) -> str:
    """Return ``#`` or ``+`` for strong and weak positive weights, ``=`` or ``-`` for negative, a space near 0."""
    if math.isnan(weight):
        return "?"
    part = abs(weight) / strong if strong else 0.0
    if part < WEAK:
        return " "
    return ("#" if weight > 0 else "=") if part >= STRONG else ("+" if weight > 0 else "-")


def sizes_of(edge: int) -> list[tuple[int, int]]:
    """Return the sizes (columns, lines) for drawing pictures of `edge` times `edge` weights, largest first."""
    if edge > 8:
        return [(2 * edge, edge), (edge, -(-edge // 2)), (-(-edge // 2), -(-edge // 4))]
    return [(2 * scale * edge, scale * edge) for scale in (4, 3, 2, 1)]


class WeightPictures(DrawnWidget):
    """Show a page of pictures of weights: as many as fit, from the unit with the index `first` on."""

    HELP = """
    **First-layer weights.** One picture a neuron or filter, its weights where the pixels are that they weigh. One
    colour is positive, the other negative; `s` shows signs instead: `+` and `#` positive, `-` and `=` negative, a space
    near 0. `z` changes the size, Page Up and Page Down or the wheel turn pages.
    """
    COMPONENT_CLASSES = {"picture--positive", "picture--negative", "picture--caption"}
    DEFAULT_CSS = """
    WeightPictures {
        height: 1fr;
        & > .picture--positive { color: $primary; }
        & > .picture--negative { color: $accent; }
        & > .picture--caption { color: $text-muted; }
    }
    """

    first = 0
    _weights: FirstWeights | None = None
    _nothing = ""
    _size_at: int | None = None

    def __init__(self, *, signs: bool) -> None:
        super().__init__()
        self.signs = signs

    class Fitted(Message):
        """Posted when the pictures are drawn in another size."""

    def on_resize(self) -> None:
        self.post_message(self.Fitted())

    def show(self, weights: FirstWeights | None, nothing: str = "") -> None:
        """Draw the weights, or the text `nothing` if there are none."""
        if weights is not self._weights or nothing != self._nothing:
            self._weights, self._nothing = weights, nothing
            self.first = min(self.first, max(0, self.count - 1))
            self.draw()

    @property
    def count(self) -> int:
        return 0 if self._weights is None else len(self._weights.pictures)

    @property
    def picture_size(self) -> tuple[int, int]:
        """Return columns and lines of a picture: the chosen size, else the largest that shows FEW pictures at once."""
        sizes = sizes_of(0 if self._weights is None else self._weights.pictures.shape[2])
        if self._size_at is not None:
            return sizes[self._size_at % len(sizes)]
        enough = min(FEW, self.count)
        return next((size for size in sizes if self._fitting(size) >= enough), sizes[-1])

    @property
    def shown(self) -> int:
        """Return how many pictures fit at once."""
        return max(1, self._fitting(self.picture_size))

    def _fitting(self, size: tuple[int, int]) -> int:
        return ((self.size.width + GAP) // (size[0] + GAP)) * (self.size.height // (size[1] + 1))

    def resize(self) -> None:
        """Change to the next smaller size; after the smallest comes the largest."""
        if self._weights is not None:
            sizes = sizes_of(self._weights.pictures.shape[2])
            self._size_at = (sizes.index(self.picture_size) + 1) % len(sizes)
            self.draw()

    def turn(self, pages: int) -> None:
        """Go forward by a number of pages, at most to the last one; backward if it is negative."""
        last = max(0, (self.count - 1) // self.shown * self.shown)
        self.first = max(0, min(self.first // self.shown * self.shown + pages * self.shown, last))
        self.draw()

    def on_mouse_scroll_down(self) -> None:
        self.turn(1)

    def on_mouse_scroll_up(self) -> None:
        self.turn(-1)

    def strips(self) -> list[Strip]:
        if self._weights is None:
            return [Strip([Segment(self._nothing)])]
        width, height = self.picture_size
        across = max(1, (self.size.width + GAP) // (width + GAP))
        numbers = range(self.first, min(self.count, self.first + self.shown))
        lines: list[list[Segment]] = []
        for begin in range(0, len(numbers), across):
            row = numbers[begin : begin + across]
            lines += self._row([self._weights.pictures[number] for number in row], width, height)
            caption = "".join(f"{number + 1}".center(width + GAP) for number in row)
            lines.append([Segment(caption, self.get_component_rich_style("picture--caption"))])
        return list(map(Strip, lines))

    def _row(self, pictures: Iterable[NDArray[np.float32]], width: int, height: int) -> list[list[Segment]]:
        lines: list[list[Segment]] = [[] for _ in range(height)]
        palette, strong = self._palette, self._weights.strong if self._weights else 0.0
        for picture in pictures:
            if palette is None:
                rows = resampled(picture, width, height).tolist()
                drawn = [[Segment("".join(sign_of(weight, strong) for weight in row))] for row in rows]
            else:
                drawn = _half_block_lines(resampled(picture, width, 2 * height), palette, strong)
            for line, segments in zip(lines, drawn, strict=True):
                line += [*segments, Segment(" " * GAP)]
        return lines

    @property
    def _palette(self) -> Palette | None:
        """Return shades of positive and negative, from weak to strong; None if signs are drawn."""
        positive = self.get_component_styles("picture--positive").color
        negative = self.get_component_styles("picture--negative").color
        ground = self.background_colors[1]
        if self.signs or any(color.ansi is not None for color in (positive, negative, ground)):
            return None
        shares = [level / (LEVELS - 1) for level in range(LEVELS)]
        return [ground.blend(positive, share) for share in shares], [ground.blend(negative, share) for share in shares]


def _half_block_lines(picture: NDArray[np.float64], palette: Palette, strong: float) -> list[list[Segment]]:
    import numpy as np

    shares = np.nan_to_num(np.abs(picture) / strong).clip(0, 1) if strong else np.zeros_like(picture)
    levels = np.rint(np.copysign(shares * (LEVELS - 1), picture)).astype(int).tolist()
    return [
        [
            Segment(UPPER_HALF * len(list(run)), Style(color=_shade(high, palette), bgcolor=_shade(low, palette)))
            for (high, low), run in groupby(zip(upper, lower, strict=True))
        ]
        for upper, lower in zip(levels[::2], levels[1::2], strict=True)
    ]


def _shade(level: int, palette: Palette) -> RichColor:
    return palette[level < 0][abs(level)].rich_color
