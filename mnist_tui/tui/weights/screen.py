"""The screen of a run's weights and biases: distributions by layer and epoch, and pictures of the first layer."""

from __future__ import annotations

import math
from asyncio import to_thread
from collections.abc import Iterable, Sequence
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import getters, on, work
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Static

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import of
from mnist_tui.runs import control
from mnist_tui.runs.event_log import EpochReader
from mnist_tui.runs.events import WeightsSeen
from mnist_tui.runs.explanations import sign_of
from mnist_tui.settings import Glyphs
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.run_screen import RunScreen, run_keys
from mnist_tui.tui.terminal.keymap import bind, pane_keys, pane_title
from mnist_tui.tui.weights.distributions import DistributionView, EpochSpread, LayerTable, rows_of
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.run_status import StatusLine
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.true_pictures import DrawnPictures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_tui.runs.first_weights import FirstWeights
    from mnist_tui.tui.terminal.graphics import IndexedPicture


Palette = tuple[list[Color], list[Color]]
UPPER_HALF = "▀"
LEVELS = 16
"""Shades of each colour; a person cannot tell finer ones apart."""
GAP = 2
SMALL, LARGE = 8, 40
"""Weights along the longer edge of pictures that are drawn enlarged, and of those that are drawn at most halved."""
CHANNELS = ("red", "green", "blue")
FEW = 12
"""The automatic size is the largest that shows this many pictures at once."""
LEGEND = 26
"""Characters of the words for the two colours of weights."""
TINT = 0.4
"""The share of a stroke's shade that the background of its HOG cell has."""


def resampled(picture: NDArray[np.floating], width: int, height: int) -> NDArray[np.float64]:
    """Return a picture with `height` rows and `width` columns: means of neighbouring values, or repeated values.

    Args:
        picture: (rows, columns), or (rows, columns, channels).
    """
    import numpy as np

    values = picture.astype(float)
    for axis, count in enumerate((height, width)):
        size = values.shape[axis]
        starts = np.arange(count) * size // count
        if count >= size:
            values = values.take(starts, axis)
        else:
            lengths = np.diff(starts, append=size).reshape([-1, *[1] * (values.ndim - axis - 1)])
            values = np.add.reduceat(values, starts, axis) / lengths
    return values


def sizes_of(rows: int, columns: int) -> list[tuple[int, int]]:
    """Return the sizes (columns, lines) for drawing pictures of so many weights, largest first."""
    if max(rows, columns) <= SMALL:
        return [(2 * scale * columns, scale * rows) for scale in (4, 3, 2, 1)]
    parts = (1, 2, 4) if max(rows, columns) <= LARGE else (1, 2, 4, 8)
    return [(-(-2 * columns // part), -(-rows // part)) for part in parts]


class WeightPictures(DrawnPictures):
    """A page of pictures of weights: as many as fit, from the unit with the index `first` on."""

    HELP = """
    **First-layer weights.** One picture a neuron or filter, its weights where the pixels are that they weigh. One
    colour is positive, the other negative; `s` shows signs instead: `+` and `#` positive, `-` and `=` negative, a space
    near 0. The weights of red, green and blue have one picture together, in which middle grey is 0; as signs, each
    colour has its own. Of HOG features, each cell has its largest weight: a stroke in the direction of the edge that it
    weighs, in the colour of its sign. `z` changes the size, Page Up and Page Down or the wheel turn pages.
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
    def apart(self) -> int:
        """Return how many pictures each unit has: one, or one for each colour if signs are drawn."""
        return len(CHANNELS) if self.in_colour and self._palette is None else 1

    @property
    def in_colour(self) -> bool:
        """Whether the weights are those of red, green and blue."""
        return self._weights is not None and self._weights.pictures.ndim == 4 and not self._weights.is_hog

    @property
    def count(self) -> int:
        return 0 if self._weights is None else len(self._weights.pictures) * self.apart

    def _picture(self, number: int) -> NDArray[np.float32]:
        assert self._weights is not None
        unit, channel = divmod(number, self.apart)
        picture = self._weights.pictures[unit]
        return picture if self.apart == 1 else picture[..., channel]

    def _caption(self, number: int, width: int) -> str:
        unit, channel = divmod(number, self.apart)
        name = f"{unit + 1}" if self.apart == 1 else f"{unit + 1} {CHANNELS[channel]}"
        return name if len(name) <= width else f"{unit + 1}{CHANNELS[channel][0]}"

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        return sizes_of(0, 0) if self._weights is None else sizes_of(*self._weights.pictures.shape[1:3])

    @property
    def picture_size(self) -> tuple[int, int]:
        """Return columns and lines of a picture: the chosen size, else the largest that shows FEW pictures at once."""
        sizes = self._sizes
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
            self._size_at = (self._sizes.index(self.picture_size) + 1) % len(self._sizes)
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
        self.begin_drawing()
        if self._weights is None:
            return [Strip([Segment(line, self.rich_style)]) for line in wrap(self._nothing, max(1, self.size.width))]
        width, height = self.picture_size
        across = max(1, (self.size.width + GAP) // (width + GAP))
        numbers = range(self.first, min(self.count, self.first + self.shown))
        lines: list[list[Segment]] = []
        for begin in range(0, len(numbers), across):
            row = numbers[begin : begin + across]
            pictures = [self._picture(number) for number in row]
            regions = [Region(at * (width + GAP), len(lines), width, height) for at in range(len(row))]
            lines += self._row(zip(pictures, regions, strict=True), width, height)
            caption = "".join(self._caption(number, width).center(width) + " " * GAP for number in row)
            lines.append([Segment(caption, self.component_style("picture--caption"))])
        return [Strip(line).apply_style(self.rich_style) for line in lines]

    def _row(
        self, pictures: Iterable[tuple[NDArray[np.float32], Region]], width: int, height: int
    ) -> list[list[Segment]]:
        lines: list[list[Segment]] = [[] for _ in range(height)]
        palette, strong = self._palette, self._weights.strong if self._weights else 0.0
        for picture, region in pictures:
            if self._weights is not None and self._weights.is_hog:
                drawn = _stroke_lines(picture, (width, height), palette, strong, glyphs=self.app.settings.glyphs)
            elif palette is None:
                rows = resampled(picture, width, height).tolist()
                drawn = [[Segment("".join(sign_of(weight, strong) for weight in row))] for row in rows]
            elif self.drawn_with != "blocks":
                indexed = _coloured if picture.ndim == 3 else _indexed
                drawn = self.true_lines(indexed(picture, palette, strong), region)
            elif picture.ndim == 3:
                drawn = _colour_lines(resampled(picture, width, 2 * height), palette, strong)
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


def _stroke_lines(
    picture: NDArray[np.floating], size: tuple[int, int], palette: Palette | None, strong: float, *, glyphs: Glyphs
) -> list[list[Segment]]:
    """Return the lines of a picture of HOG weights: in each cell a stroke along the edge with the largest weight.

    Args:
        picture: (cells down, cells across, orientations). In less lines than cells, means of neighbouring cells.
        size: columns and lines.
        palette: None for bold strokes for strong weights, reversed ones for negative weights and no colours.
    """
    import numpy as np

    from mnist_tui.data.hog import edge_directions
    from mnist_tui.tui.widgets.pixels import stroke_places, strokes_of

    (width, height), (down, across, orientations) = size, picture.shape
    if height < down:
        down, across = height, max(1, width // 2)
        picture = resampled(picture, across, down)
    strokes, side = strokes_of(glyphs), 2 * (height // down)
    largest = np.abs(picture).argmax(axis=2)
    weights = np.nan_to_num(np.take_along_axis(picture, largest[..., None], axis=2)[..., 0])
    directions = edge_directions(orientations)[largest]
    grid = [[(" ", Style())] * width for _ in range(height)]
    for row, column in np.ndindex(down, across):
        weight, direction = float(weights[row, column]), int(directions[row, column])
        sign = sign_of(weight, strong)
        if palette is None:
            style = Style(reverse=sign in {"-", "="}, bold=sign in {"#", "="})
        else:
            level = round(min(1.0, abs(weight) / strong if strong else 0.0) * (LEVELS - 1))
            shades = palette[weight < 0]
            paper = shades[round(TINT * level)].rich_color
            style = Style(color=shades[level].rich_color, bgcolor=paper, bold=True)
        for line in range(row * side // 2, (row + 1) * side // 2):
            grid[line][column * side : (column + 1) * side] = [(" ", style)] * side
        if sign != " ":
            for line, place in stroke_places(row, column, direction, side):
                grid[line][place] = (strokes[direction], style)
    return [[Segment(glyph, style) for glyph, style in line] for line in grid]


def _indexed(picture: NDArray[np.floating], palette: Palette, strong: float) -> IndexedPicture:
    """Return weights as a true picture: the palette leads from negative ones over 0 in its middle to positive ones."""
    import numpy as np

    from mnist_tui.tui.terminal.graphics import IndexedPicture

    (ground, *_, positive), (*_, negative) = palette
    colours = [ground.blend(negative if at < 127 else positive, abs(at - 127) / 127) for at in range(255)]
    shares = np.nan_to_num(picture / strong).clip(-1, 1) if strong else np.zeros_like(picture)
    indices = np.rint(127 + 127 * shares).astype(np.uint8)
    channels = bytes(part for colour in (*colours, positive) for part in colour.rgb)
    return IndexedPicture(indices.tobytes(), indices.shape[1], indices.shape[0], channels)


def _colours_of(picture: NDArray[np.floating], strong: float) -> NDArray[np.uint8]:
    """Return weights of red, green and blue as colours: middle grey for 0, lighter for positive ones."""
    import numpy as np

    shares = np.nan_to_num(picture / strong).clip(-1, 1) if strong else np.zeros_like(picture)
    return np.rint(127.5 + 127.5 * shares).astype(np.uint8)


def _colour_lines(picture: NDArray[np.float64], palette: Palette, strong: float) -> Sequence[list[Segment]]:
    from mnist_tui.tui.widgets.pixels import Ink

    (paper, *_, ink), _ = palette
    return Ink(paper, ink).lines(_colours_of(picture, strong))


def _coloured(picture: NDArray[np.floating], palette: Palette, strong: float) -> IndexedPicture:
    from mnist_tui.tui.terminal.graphics import coloured

    return coloured(_colours_of(picture, strong).tobytes(), picture.shape[1], picture.shape[0])


def _shade(level: int, palette: Palette) -> RichColor:
    return palette[level < 0][abs(level)].rich_color


READING = "reading …"


class WeightsScreen(RunScreen):
    """The screen of a run's weights and biases."""

    GUIDE = "screens#weights-diagnosis-results"
    CSS_PATH = "weights.tcss"
    HELP = """
    **Weights.** The weights (`b`: the biases) of a layer over the whole training: their median, and the bands that hold
    half of them, 90 %, and all. The bars and the table show the selected epoch.
    `p` shows the first layer's weights as pictures, from the model or the newest checkpoint.
    """
    BINDINGS = [
        bind("weights.layer-before", "up,k", "layer(-1)", "Layer", "The layer before", display="↑↓"),
        bind("weights.layer-after", "down,j", "layer(1)", "Next layer", "The next layer", hidden=True),
        bind("weights.biases", "b", "kind('biases')", "Biases", "The biases instead of the weights"),
        bind("weights.weights", "b", "kind('weights')", "Weights", "The weights instead of the biases"),
        bind("weights.pictures", "p", "pictures(True)", "Pictures", "The first layer's weights as pictures"),
        bind("weights.distributions", "p", "pictures(False)", "Spread", "How the values are spread"),
        bind("weights.page-up", "pageup", "turn(-1)", "Page", "The pictures before", display="PgUp/Dn"),
        bind("weights.page-down", "pagedown", "turn(1)", "Next page", "The next pictures", hidden=True),
        bind("weights.signs", "s", "signs", "Signs", "Signs instead of colours, and back"),
        bind("weights.size", "z", "resize", "Size", "Another size of the pictures"),
        bind("weights.renew", "r", "renew", "Renew", "Newer pictures: asks a live run for a checkpoint"),
        *run_keys("weights", "matrix", "gallery", "diagnosis"),
        bind("weights.back", "escape,w", "back", "Back", "Back to where you were"),
    ]

    status = getters.query_one(StatusLine)
    view = getters.query_one(DistributionView)
    table = getters.query_one(LayerTable)
    pictures = getters.query_one(WeightPictures)
    about = getters.query_one("#about", Static)

    def __init__(self, feed: RunFeed) -> None:
        super().__init__(feed)
        self._file = EpochReader(feed.folder.events_file)
        self._recorded: tuple[WeightsSeen, ...] = ()
        self._read_for: WeightsSeen | None = None
        self._read_once = self._reading = False
        self._chosen = 0
        self._kind = "weights"
        self._first: FirstWeights | None = None
        self._first_why = READING
        self._first_of: object = None
        self._layers = {layer.name: layer for layer in of(self.experiment).layers} if self.experiment else {}

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine(self.feed.title, self.feed.folder.id)
        with Vertical(id="values", classes="pane -stacked") as pane:
            yield Static("", id="about", markup=False)
            yield DistributionView()
            yield WeightPictures(signs=self.app.no_color or self.app.settings.glyphs == "ascii")
        with Vertical(id="layers", classes="pane -stacked") as pane:
            pane.border_title = pane_title("Layers")
            yield LayerTable()
        yield KeyFooter()

    @on(WeightPictures.Fitted)
    def _update_range(self) -> None:
        """Update the range of neurons in view, which is known only after the pictures have got their size."""
        if self._picturing:
            self.about.update(self._about_pictures())

    @property
    def _picturing(self) -> bool:
        return self.has_class("-pictures")

    def draw(self) -> None:
        self.status.show(self.snapshot.state, self.feed.title)
        newest = self.snapshot.run.weights
        if not self._reading and (newest is not self._read_for or not self._read_once):
            self._reading, self._read_for = True, newest
            self._read()
        if self._picturing:
            self._draw_pictures()
        else:
            self._draw_distributions()

    def _draw_pictures(self) -> None:
        newest = (self.snapshot.run.checkpoint, self.snapshot.state)
        if newest != self._first_of:
            self._first_of = newest
            self._read_first()
        self._entitle("Weights of the first layer")
        self.pictures.show(self._first, self._first_why)
        self.about.update(self._about_pictures())

    def _draw_distributions(self) -> None:
        epoch, what = self.feed.epoch, self._kind
        seen = next((event for event in reversed(self._recorded) if event.epoch <= epoch), None)
        if seen is None:
            nothing = "No weights have been recorded yet." if self.snapshot.live else "This run recorded no weights."
            self.view.show((), 0, nothing if self._read_once else READING)
            self.about.update("")
            self._entitle(self._kind.capitalize())
            self.table.show([])
            return
        self._chosen = max(0, min(self._chosen, len(seen.layers) - 1))
        layer = seen.layers[self._chosen].name
        spreads = [
            EpochSpread(event.epoch, spread)
            for event in self._recorded
            for part in event.layers
            if part.name == layer and (spread := part.biases if what == "biases" else part.weights) is not None
        ]
        self.view.show(spreads, epoch, f"{layer} has no {what} that could be drawn")
        self.about.update(self.view.sentence)
        known = self._layers.get(layer)
        configuration = f", {known.configuration}" if known is not None and known.configuration else ""
        after = "before training" if seen.epoch == 0 else f"after epoch {seen.epoch}"
        older = f" (the newest recorded at epoch {epoch})" if seen.epoch != epoch else ""
        self._entitle(f"{what.capitalize()} of {layer}", f"{configuration.removeprefix(', ')}  {after}{older}")
        at_first = self._recorded[0].layers if self._recorded[0].epoch == 0 else ()
        units = {name: known.output_shape[-1] for name, known in self._layers.items()}
        self.table.show(rows_of(seen.layers, at_first, what == "biases", units, self._chosen), self._chosen)
        self.query_one("#layers").scroll_to_region(Region(0, self._chosen + 1, 1, 1), animate=False)

    def _entitle(self, name: str, note: str = "") -> None:
        pane = self.query_one("#values")
        pane.border_title = pane_title(name, note=note)
        pane.border_subtitle = "" if self._picturing else pane_keys({"← →": "epoch"})

    def _about_pictures(self) -> Content:
        first = self._first
        if first is None:
            return Content("")
        pictures, count = self.pictures, len(first.pictures)
        begin = pictures.first // pictures.apart + 1
        end = -(-min(pictures.count, pictures.first + pictures.shown) // pictures.apart)
        epoch = "" if math.isnan(first.epoch) else f", after epoch {first.epoch:g}"
        source = "" if first.source == self.feed.folder.model_file.name else f" ({first.source})"
        edges = " Each cell has the edge with the largest weight." if first.is_hog else ""
        name = f"{first.layer}: {first.units} {begin} to {end} of {count}{epoch}{source}.{edges}"
        colours = f"Full colour from ±{first.strong:.3g} on: "
        is_long = len(name) + len(colours) + LEGEND > self.about.size.width
        what = ("\n" if is_long else " ").join((name, colours))
        if pictures.signs and first.is_hog:
            return Content(f"{what.replace('Full colour', 'Bold')}plain strokes positive, reversed ones negative")
        if pictures.signs:
            return Content(f"{what}+ # positive, - = negative")
        if pictures.in_colour:
            return Content(f"{what}in each of red, green and blue, grey is 0, lighter positive, darker negative")
        return Content.assemble(what, ("██", "$primary"), " positive, ", ("██", "$accent"), " negative")

    @work(exit_on_error=False, group="weights")
    async def _read(self) -> None:
        self._recorded = await to_thread(lambda: tuple(self._file.all_weights()))
        self._reading, self._read_once = False, True
        self._changed_view()

    @work(exit_on_error=False, group="first", exclusive=True)
    async def _read_first(self) -> None:
        self._first, self._first_why = await to_thread(self._read_first_weights)
        self._changed_view()

    def _read_first_weights(self) -> tuple[FirstWeights | None, str]:
        from mnist_tui.runs.first_weights import first_weights

        if self.experiment is None:
            return None, "experiment.toml cannot be read"
        try:
            return first_weights(self.feed.folder, self.experiment), ""
        except RunError as error:
            return None, str(error)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "layer":
                return not self._picturing
            case "kind":
                return not self._picturing and parameters != (self._kind,)
            case "pictures":
                return parameters != (self._picturing,)
            case "turn":
                return self._picturing and self.pictures.shown < self.pictures.count
            case "signs" | "resize":
                return self._picturing and self._first is not None
            case "renew":
                return self._picturing
            case _:
                return True

    def _changed_view(self) -> None:
        self._dirty = True
        self.redraw()
        self.refresh_bindings()

    def action_layer(self, by: int) -> None:
        self._chosen = max(0, self._chosen + by)
        self._changed_view()

    @on(LayerTable.LayerPicked)
    def _picked(self, message: LayerTable.LayerPicked) -> None:
        self._chosen = message.at
        self._changed_view()

    @on(DistributionView.EpochPicked)
    def _look_at_picked(self, message: DistributionView.EpochPicked) -> None:
        self.look_at(message.epoch)

    def action_kind(self, kind: str) -> None:
        self._kind = kind
        self._changed_view()

    def action_pictures(self, pictures: bool) -> None:
        self.set_class(pictures, "-pictures")
        self._changed_view()

    def action_turn(self, pages: int) -> None:
        self.pictures.turn(pages)
        self._changed_view()

    def action_signs(self) -> None:
        self.pictures.signs = not self.pictures.signs
        self.pictures.turn(0)
        self._changed_view()

    def action_resize(self) -> None:
        self.pictures.resize()
        self._changed_view()

    def action_renew(self) -> None:
        """Ask a live run for a checkpoint, whose weights are then shown."""
        if self.snapshot.live:
            try:
                control.send(self.feed.folder, "checkpoint")
                self.notify("A checkpoint was asked for; the pictures follow.")
            except (RunError, OSError) as error:
                self.notify(str(error), severity="error")
        self._first_of = None
        self._changed_view()
