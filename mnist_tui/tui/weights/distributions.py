"""The distribution of a layer's weights or biases over the epochs, and a table of all layers with their statistics."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from mnist_tui.columns import Column
from mnist_tui.report.figures.drawing import drawable
from mnist_tui.runs.events import Distribution, LayerWeights
from mnist_tui.settings import Glyphs
from mnist_tui.tui.widgets.plots.axes import epoch_ticks, labels, ticks
from mnist_tui.tui.widgets.text import DrawnWidget, TableView
from mnist_tui.wording import percent, signed

Pen = tuple[str, Style]
BANDS = ((0.0, 1.0), (0.05, 0.95), (0.25, 0.75), (0.5, 0.5))
"""Lower and upper quantiles of the bands, from the widest; the last one is the median."""
BAND_GLYPHS: dict[Glyphs, str] = {"braille": " ·░▒█", "block": " ·░▒█", "ascii": " .:=#"}
"""The characters of the bands without colours, after the blank for no band."""
BAND_TONES = (0.0, 0.14, 0.32, 0.58, 1.0)
"""The share of the full colour in each band."""
UPPER_HALF = "▀"
EIGHTHS = " ▏▎▍▌▋▊▉█"
LABEL = 9
BARS, FEWEST_COLUMNS, GAP = 22, 24, 2
PERCENT = 7
LINES_PER_TICK = 4
SMALLEST = 1e-12
"""Values that differ by no more than this count as equal."""
FIGURES = ("low", "high", "mean", "deviation")
LARGEST = 1e100
"""Larger values are cut to this one, because differences are divided by numbers as small as SMALLEST."""
CURSOR_TINT = 0.25
"""The share of the text's colour in the background under the selected epoch."""
WIDEST = 4.0
"""Standard deviations on both sides of the mean that the axis shows; its two end lines hold all values beyond."""


@dataclass(frozen=True)
class EpochSpread:
    """The distribution of one array after an epoch."""

    epoch: int
    spread: Distribution


@dataclass(frozen=True)
class ValueAxis:
    """A value axis of so many lines, from `high` at the top to `low`.

    Attributes:
        beyond: whether the lowest line also holds values below `low`, and the highest line values above `high`.
    """

    low: float
    high: float
    lines: int
    beyond: tuple[bool, bool] = (False, False)

    @property
    def step(self) -> float:
        """Return the difference of values between two lines."""
        return (self.high - self.low) / self.lines

    def line_of(self, value: float) -> int:
        """Return the line, from the top, in which a value lies."""
        return max(0, min(self.lines - 1, int((self.high - value) / self.step)))


def drawable_spreads(spreads: Sequence[EpochSpread]) -> tuple[EpochSpread, ...]:
    """Return the distributions whose statistics are all finite, cut to values that are safe to compute with."""
    kept: list[EpochSpread] = []
    for one in spreads:
        figures = {name: drawable(getattr(one.spread, name)) for name in FIGURES}
        bounded = {name: min(max(value, -LARGEST), LARGEST) for name, value in figures.items() if value is not None}
        if len(bounded) == len(FIGURES):
            kept.append(replace(one, spread=replace(one.spread, **bounded)))
    return tuple(kept)


def value_axis(epochs: Sequence[EpochSpread], lines: int) -> ValueAxis:
    """Return an axis for all epochs; a few outliers do not widen it so far that the other values share one line."""
    spreads = [one.spread for one in epochs]
    least, most = min(spread.low for spread in spreads), max(spread.high for spread in spreads)
    low = max(least, min(spread.mean - WIDEST * spread.deviation for spread in spreads))
    high = min(most, max(spread.mean + WIDEST * spread.deviation for spread in spreads))
    if not low < high:
        low, high = least, most
    if high - low <= SMALLEST:
        margin = abs(low) / 10 if abs(low) > SMALLEST else 0.01
        low, high = low - margin, high + margin
    return ValueAxis(low, high, max(1, lines), (least < low, most > high))


def shares(spread: Distribution, axis: ValueAxis) -> list[float]:
    """Return the share of the values in each line, from the top; a bin that covers several lines is divided evenly."""
    lines, total = [0.0] * axis.lines, sum(spread.counts)
    if total and spread.high - spread.low <= SMALLEST * max(1.0, axis.step):
        lines[axis.line_of(spread.low)] = 1.0
        return lines
    width = (spread.high - spread.low) / len(spread.counts)
    for number, count in enumerate(spread.counts):
        if count:
            upper = (axis.high - (spread.low + number * width)) / axis.step
            _divide(lines, upper - width / axis.step, upper, count / total)
    return lines


def _divide(lines: list[float], begin: float, end: float, share: float) -> None:
    """Add a share that is spread evenly from `begin` to `end`; the part outside all lines goes to the end lines."""
    count, whole = len(lines), end - begin
    if whole <= 0:  # too narrow for so far away
        lines[0 if end < count else -1] += share
        return
    lines[0] += share * max(0.0, min(end, 0) - begin) / whole
    lines[-1] += share * max(0.0, end - max(begin, count)) / whole
    for line in range(max(0, int(begin)), min(count, int(end) + 1)):
        lines[line] += share * max(0.0, min(end, line + 1) - max(begin, line)) / whole


def bands(spread: Distribution, axis: ValueAxis) -> list[int]:
    """Return for each half of a line, from the top, the number of its narrowest band: 0 for none, 4 for the median."""
    halves = ValueAxis(axis.low, axis.high, 2 * axis.lines)
    numbers = [0] * halves.lines
    for number, (lower, upper) in enumerate(BANDS, 1):
        first, last = halves.line_of(spread.quantile(upper)), halves.line_of(spread.quantile(lower))
        numbers[first : last + 1] = [number] * (last + 1 - first)
    return numbers


def epoch_columns(first: int, last: int, width: int) -> list[int]:
    """Return the epoch of each column: each epoch has several columns, or, if there are too many, a part is chosen."""
    count = last - first + 1
    if count <= width:
        return [first + column * count // width for column in range(width)]
    return [first + round(column * (count - 1) / max(1, width - 1)) for column in range(width)]


class DistributionView(DrawnWidget):
    """The distribution of a layer's weights or biases over all epochs, and that of one epoch as bars."""

    HELP = """
    **Distribution.** Epochs go to the right, values upwards. The bright line is the median; the bands around it hold
    half of the values (25 to 75 %), 90 % (5 to 95 %), and all of them. The bars at the right are the selected epoch. A
    click on a column selects its epoch.
    """
    COMPONENT_CLASSES = {"spread--density", "spread--bar", "spread--label"}
    DEFAULT_CSS = """
    DistributionView {
        height: 1fr;
        min-height: 6;
        & > .spread--density { color: $primary; }
        & > .spread--bar { color: $accent; }
        & > .spread--label { color: $text-muted; }
    }
    """

    @dataclass
    class EpochPicked(Message):
        """Posted when a column is clicked."""

        epoch: int

    _spreads: tuple[EpochSpread, ...] = ()
    _epoch = 0
    _nothing = ""

    @property
    def glyphs(self) -> Glyphs:
        return self.app.settings.glyphs

    def show(self, spreads: Sequence[EpochSpread], epoch: int, nothing: str = "") -> None:
        """Draw distributions in the order of their epochs, and the one at `epoch` as bars; or the text `nothing`."""
        shown = (drawable_spreads(spreads), epoch, nothing)
        if shown != (self._spreads, self._epoch, self._nothing):
            self._spreads, self._epoch, self._nothing = shown
            self.draw()

    @property
    def selected(self) -> EpochSpread | None:
        """Return the newest distribution at the selected epoch or before it."""
        return self._spreads[self._place(self._epoch)] if self._spreads else None

    def _place(self, epoch: int) -> int:
        return max(0, bisect_right(self._spreads, epoch, key=lambda one: one.epoch) - 1)

    @property
    def sentence(self) -> str:
        """Return in words what is drawn; empty if nothing is."""
        return middle_half(self._spreads, self.selected) if self.selected else ""

    @property
    def _columns(self) -> list[int]:
        bars = BARS if self.size.width >= LABEL + FEWEST_COLUMNS + GAP + BARS else BARS // 2
        first, last = self._spreads[0].epoch, self._spreads[-1].epoch
        return epoch_columns(first, last, max(1, self.size.width - LABEL - GAP - bars))

    def on_click(self, event: events.Click) -> None:
        if self._spreads and 0 <= event.x - LABEL < len(columns := self._columns):
            self.post_message(self.EpochPicked(columns[event.x - LABEL]))

    def strips(self) -> list[Strip]:
        selected = self.selected
        if selected is None:
            return [Strip([Segment(self._nothing, self.rich_style)])]
        columns = self._columns
        axis = value_axis(self._spreads, self.size.height - 2)
        cursor = _columns_of(columns, self._epoch)
        places = [self._place(epoch) for epoch in columns]
        numbers = {place: bands(self._spreads[place].spread, axis) for place in set(places)}
        pens, marked = self._pens(), self._pens(marked=True)
        begin, end = cursor if cursor[1] - cursor[0] < len(columns) else (0, 0)
        bars = shares(selected.spread, axis)
        beside = self._labels(axis)
        lines = [self._legend_line(len(columns), selected.epoch)]
        for line in range(axis.lines):
            halves = [tuple(numbers[place][2 * line : 2 * line + 2]) for place in places]
            row = [(marked if begin <= at < end else pens)[pair] for at, pair in enumerate(halves)]
            shaded = [Segment(glyph * len(list(run)), style) for (glyph, style), run in groupby(row)]
            lines.append([self._label(beside[line]), *shaded, Segment(" " * GAP), *self._bar(bars, line, len(columns))])
        return [Strip(line).apply_style(self.rich_style) for line in (*lines, self._epochs_line(columns, cursor))]

    def _legend_line(self, columns: int, epoch: int) -> list[Segment]:
        label, pens = self.component_style("spread--label"), self._pens()
        names = ("all", "90 %", "half of the values", "median")
        if sum(len(name) + 4 for name in names) > columns:
            names = ("all", "90 %", "half", "median")
        keys = [Segment("value".rjust(LABEL - 2) + "  ", label)]
        room = columns
        for number, name in reversed(tuple(enumerate(names, 1))):
            if len(name) + 4 <= room:
                glyph, style = pens[number, number]
                keys += [Segment(2 * glyph, style), Segment(f" {name} ", label)]
                room -= len(name) + 4
        when = f"epoch {epoch}" if epoch else "before training"
        beside = self.size.width - LABEL - GAP - columns
        title = next((text for text in (f"% of values, {when}", when) if len(text) <= beside), "")
        return [*keys, Segment(" " * (room + GAP) + title, label)]

    def _labels(self, axis: ValueAxis) -> list[str]:
        """Return the values beside the lines: round ones, and at the end lines those beyond which the axis is cut."""
        texts = [""] * axis.lines
        values = ticks((axis.low, axis.high), max(2, axis.lines // LINES_PER_TICK))
        for value, text in zip(values, labels(values), strict=True):
            texts[axis.line_of(value)] = text
        for line, sign, value, is_beyond in (
            (0, ">", axis.high, axis.beyond[1]),
            (axis.lines - 1, "<", axis.low, axis.beyond[0]),
        ):
            if is_beyond:
                texts[line] = f"{sign}{value:#.2g}"
        return texts

    def _label(self, text: str) -> Segment:
        tick = ("+" if self.glyphs == "ascii" else "┤") if text else ("|" if self.glyphs == "ascii" else "│")
        written = text[: LABEL - 2].replace("-", "−")
        return Segment(f"{written:>{LABEL - 2}} {tick}", self.component_style("spread--label"))

    def _bar(self, bars: list[float], line: int, columns: int) -> list[Segment]:
        share, room = bars[line], self.size.width - LABEL - GAP - columns - PERCENT
        text = _bar_text(share, max(bars) or 1.0, room, self.glyphs)
        percentage = f"{100 * share:.1f} %"[:PERCENT].rjust(PERCENT) if share >= 0.0005 else ""
        bar, label = (self.component_style(f"spread--{name}") for name in ("bar", "label"))
        return [Segment(text.ljust(room), bar), Segment(percentage, label)]

    def _pens(self, *, marked: bool = False) -> dict[tuple[int, ...], Pen]:
        """Return the glyph and the style for each pair of bands in the upper and the lower half of a character.

        Args:
            marked: whether the pens are for the columns of the epoch cursor, which have another background; without
                colours they are bold there, and a line stands for places without values.
        """
        levels = range(len(BAND_TONES))
        pairs = [(upper, lower) for upper in levels for lower in levels]
        tone, ground = self.get_component_styles("spread--density").color, self.background_colors[1]
        if self.app.no_color or self.glyphs == "ascii" or tone.ansi is not None or ground.ansi is not None:
            line = "|" if self.glyphs == "ascii" else "│"
            glyphs = (line if marked else " ", *BAND_GLYPHS[self.glyphs][1:])
            return {pair: (glyphs[max(pair)], Style(bold=marked)) for pair in pairs}
        under = ground.blend(self.colors[3], CURSOR_TINT) if marked else ground
        colours = [under.blend(tone, share).rich_color for share in BAND_TONES]
        return {
            (upper, lower): (" " if upper == lower else UPPER_HALF, Style(color=colours[upper], bgcolor=colours[lower]))
            for upper, lower in pairs
        }

    def _epochs_line(self, columns: Sequence[int], cursor: tuple[int, int]) -> list[Segment]:
        width, line = len(columns), [" "] * len(columns)
        middle, text = (cursor[0] + cursor[1] - 1) // 2, f"{'^' if self.glyphs == 'ascii' else '▲'} {self._epoch}"
        begin = max(0, min(middle, width - len(text)))
        taken = range(begin - 1, begin + len(text) + 1)
        for epoch in (*epoch_ticks((columns[0], columns[-1]), width), columns[0]):
            first, last = _columns_of(columns, epoch)
            at = max(0, min((first + last - 1) // 2, width - len(f"{epoch}")))
            place = range(at, at + len(f"{epoch}"))
            if not any(column in taken or line[column] != " " for column in place):
                line[place.start : place.stop] = f"{epoch}"
        line[begin : begin + len(text)] = text
        label = self.component_style("spread--label")
        return [Segment("epoch".rjust(LABEL - 2) + "  ", label), Segment("".join(line)[:width], label)]


def middle_half(spreads: Sequence[EpochSpread], selected: EpochSpread) -> str:
    """Return between which values half of all lie at the selected epoch, and between which they lay before training.

    Args:
        spreads: in the order of their epochs; what was before training is named only if it was recorded.
    """

    def quartiles(one: EpochSpread) -> str:
        if one.spread.low == one.spread.high == 0:
            return "all 0"
        return " to ".join(f"{one.spread.quantile(share):+#.2g}".replace("-", "−") for share in BANDS[2])

    first = spreads[0]
    before = "" if first.epoch or first is selected else f"; before training: {quartiles(first)}"
    return f"Half of the values: {quartiles(selected)}{before}."


def _columns_of(columns: Sequence[int], epoch: int) -> tuple[int, int]:
    """Return the first column of an epoch, and the column after its last one."""
    last = bisect_right(columns, epoch)
    shown = columns[max(0, last - 1)]
    return columns.index(shown), max(last, 1)


def _bar_text(share: float, most: float, room: int, glyphs: Glyphs) -> str:
    if glyphs == "ascii":
        return "#" * max(1 if share > 0 else 0, round(share / most * room))
    whole, rest = divmod(round(share / most * max(room, 1) * 8), 8)
    text = "█" * whole + (EIGHTHS[rest] if rest else "")
    return text or (EIGHTHS[1] if share > 0 else "")


COLUMNS = (
    Column(""),
    Column("Layer"),
    Column("Values", right=True, need=2),
    Column("Mean", right=True, need=4),
    Column("Deviation", right=True, need=5),
    Column("Deviation before", right=True, need=1),
    Column("Smallest", right=True, need=3),
    Column("Largest", right=True, need=3),
    Column("Dead units", right=True, need=6),
)


def rows_of(
    layers: Sequence[LayerWeights], at_first: Sequence[LayerWeights], biases: bool, units: dict[str, int], chosen: int
) -> list[list[str]]:
    """Return the cells of the table of layers.

    Args:
        layers: the distributions at the selected epoch.
        at_first: the distributions before training; empty if they were not recorded.
        units: the number of units of each layer, by its name.
        chosen: the index of the selected layer.
    """

    def spread_of(layer: LayerWeights) -> Distribution | None:
        return layer.biases if biases else layer.weights

    before = {layer.name: first.deviation for layer in at_first if (first := spread_of(layer)) is not None}
    rows: list[list[str]] = []
    for at, layer in enumerate(layers):
        spread = spread_of(layer)
        figures = ["–"] * 6
        if spread is not None:
            figures = [
                f"{sum(spread.counts):,}",
                signed(spread.mean, 4),
                f"{spread.deviation:.4f}",
                f"{before[layer.name]:.4f}" if layer.name in before else "–",
                signed(spread.low, 3),
                signed(spread.high, 3),
            ]
        rows.append([">" if at == chosen else " ", layer.name, *figures, dead_units(layer, units.get(layer.name))])
    return rows


def dead_units(layer: LayerWeights, units: int | None) -> str:
    """Return ``3 of 250, 1.2 %``; empty for a layer without ReLUs."""
    if layer.dead is None:
        return ""
    return f"{round(layer.dead * units):,} of {units:,}, {percent(layer.dead, 1)}" if units else percent(layer.dead, 1)


class LayerTable(TableView):
    """Statistics of each layer's weights or biases; columns are left out if there is no room."""

    HELP = """
    **Layers.** Number, mean, standard deviation and range of a layer's weights or biases at the epoch that is looked
    at; *deviation before* is that before training. Dead units are ReLUs whose output was zero for every image
    looked at. The arrow keys or a click choose a layer.
    """

    BOLD = "bold $block-cursor-foreground on $block-cursor-background"

    @dataclass
    class LayerPicked(Message):
        """Posted when a layer's line is clicked."""

        at: int

    def __init__(self) -> None:
        super().__init__(COLUMNS)

    def on_click(self, event: events.Click) -> None:
        if 0 < event.y <= len(self.rows):
            self.post_message(self.LayerPicked(event.y - 1))
