"""Draw the test accuracies of several runs: against the number of parameters, and by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures.drawing import (
    BLACK,
    BLUE,
    GREY,
    LETTER,
    PAGE,
    POINTS,
    SMALL,
    VERMILION,
    Drawing,
    FigureData,
    annotate,
    draw_markers,
    one_line,
    panel,
    percentages,
    share_limits,
    without_data,
)
from mnist_tui.runs.collection.seed_groups import SeedStatistics, summary
from mnist_tui.wording import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


CAPACITY_LEFT, CAPACITY_TOP, CAPACITY_WIDTH, CAPACITY_HEIGHT, CAPACITY_FOOT = 15.0, 9.0, 138.0, 66.0, 11.0
MARKER = 1.8
"""Millimetres around a point that no label may enter."""
KINDS = {False: ("fully connected", "o", BLUE), True: ("convolutional", "^", VERMILION)}
CAPACITY_HEADINGS = ("model", "parameters", "test accuracy (1 = all)", "standard deviation over seeds", "kind")


@dataclass(frozen=True)
class CapacityPoint:
    """A model in the figure of accuracy against parameters.

    Attributes:
        label: the model's name.
        parameters: the number of all parameters, 1 or more.
        accuracy: on the test images, 0 to 1; the mean where there are several seeds.
        deviation: standard deviation over the seeds; None for one run.
    """

    label: str
    parameters: int
    accuracy: float
    deviation: float | None = None
    convolutional: bool = False

    @property
    def text(self) -> str:
        return one_line(self.label, 32)

    @property
    def text_width(self) -> float:
        """The width of the text, in millimetres."""
        return LETTER * SMALL / POINTS * len(self.text)


@dataclass(frozen=True)
class LabelBox:
    """A rectangle in millimetres; y points upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: LabelBox) -> bool:
        return max(self.left, other.left) < min(self.right, other.right) and (
            max(self.bottom, other.bottom) < min(self.top, other.top)
        )

    def lies_in(self, other: LabelBox) -> bool:
        across = other.left <= self.left and self.right <= other.right
        return across and other.bottom <= self.bottom and self.top <= other.top


def capacity_figure(name: str, points: Sequence[CapacityPoint]) -> Drawing:
    """Draw models by their number of parameters (logarithmic) and their test accuracy."""
    rows = tuple((p.label, p.parameters, p.accuracy, p.deviation, KINDS[p.convolutional][0]) for p in points)
    data = FigureData(CAPACITY_HEADINGS, rows)
    if not points:
        why = "No model's test accuracy is known, so there is nothing to compare."
        return without_data(name, "Accuracy and capacity.", why, data)
    several = any(point.deviation is not None for point in points)
    bars = " Bars are one standard deviation over the seeds." if several else ""
    caption = f"Test accuracy against the number of parameters, which is on a logarithmic axis.{bars}"
    listed = "; ".join(f"{p.label}: {counted(p.parameters, 'parameter')}, {percent(p.accuracy)}" for p in points)
    alt = f"Points of {counted(points, 'model')}. {listed}."
    size = (PAGE, CAPACITY_TOP + CAPACITY_HEIGHT + CAPACITY_FOOT)
    return Drawing(name, caption, alt, data, size, partial(_paint_capacity, tuple(points)))


def place_labels(
    spots: Sequence[tuple[float, float]], widths: Sequence[float], height: float, frame: LabelBox
) -> list[LabelBox]:
    """Place each label near its point, so that it meets neither another label nor a point where there is room.

    Args:
        spots: the points in millimetres, y upwards.
        widths: of the labels, in millimetres.
        height: of a label, in millimetres.
        frame: the rectangle that the labels stay in.
    """
    taken = [LabelBox(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in spots]
    placed: dict[int, LabelBox] = {}
    for at in sorted(range(len(spots)), key=lambda at: spots[at]):
        places = list(_label_places(*spots[at], widths[at], height))
        inside = [box for box in places if box.lies_in(frame)]
        free = (box for box in inside if not any(box.meets(other) for other in taken))
        placed[at] = next(free, (inside or places)[0])
        taken.append(placed[at])
    return [placed[at] for at in range(len(spots))]


def _label_places(x: float, y: float, width: float, height: float) -> Iterator[LabelBox]:
    """Yield places for a label: right, left, above and below its point, then farther and farther away."""
    right, left, centred = x + MARKER + 0.3, x - MARKER - 0.3 - width, x - width / 2
    beside, above, below = y - height / 2, y + MARKER, y - MARKER - height
    corners = [(right, beside), (left, beside), (centred, above), (centred, below)]
    for step in range(1, 16):
        rise = step * height * 0.8
        corners += [(side, at) for side in (right, left, centred) for at in (y + rise, y - rise - height)]
    for side, bottom in corners:
        yield LabelBox(side, bottom, side + width, bottom + height)


def _paint_capacity(points: tuple[CapacityPoint, ...], figure: Figure) -> None:
    axes = panel(figure, CAPACITY_LEFT, CAPACITY_TOP, CAPACITY_WIDTH, CAPACITY_HEIGHT)
    _capacity_axes(axes, points)
    for convolutional, (label, marker, colour) in KINDS.items():
        group = [(point.parameters, point.accuracy) for point in points if point.convolutional is convolutional]
        if group:
            draw_markers(axes, group, marker, color=colour, markersize=5, label=label, zorder=3)
    for p in points:
        if p.deviation is not None:
            bar: dict[str, Any] = {"ecolor": BLACK, "elinewidth": 0.6, "capthick": 0.6}
            axes.errorbar(p.parameters, p.accuracy, p.deviation, fmt="none", zorder=4, **bar)
    figure.legend(loc="upper left", bbox_to_anchor=(CAPACITY_LEFT / PAGE, 1), ncols=2, handletextpad=0.4)
    _write_labels(axes, points)


def _capacity_axes(axes: Axes, points: Sequence[CapacityPoint]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    fewest, most = min(p.parameters for p in points), max(p.parameters for p in points)
    widest = max(point.text_width for point in points) + 2 * MARKER
    before = math.log10(most / fewest) + math.log10(2)
    axes.set_xlim(fewest / 2, most * 10 ** (max(before, 1.0) * widest / (CAPACITY_WIDTH - widest)))
    lowest = min(p.accuracy - (p.deviation or 0) for p in points)
    highest = max(p.accuracy + (p.deviation or 0) for p in points)
    margin = max((highest - lowest) * 0.12, 0.001)
    axes.set_ylim(lowest - margin, highest + margin)
    decades = most / fewest > 100
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades else (1.0, 2.0, 5.0), numticks=12))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("parameters")
    axes.set_ylabel("test accuracy (%)")
    percentages(axes.yaxis)
    axes.grid()


def _write_labels(axes: Axes, points: Sequence[CapacityPoint]) -> None:
    """Write the names beside the points; a name that is far from its point is joined to it by a line."""
    scale = axes.figure.dpi / 25.4
    places = axes.transData.transform([(point.parameters, point.accuracy) for point in points])
    spots = [((x - axes.bbox.x0) / scale, (y - axes.bbox.y0) / scale) for x, y in places]
    widths, height = [point.text_width for point in points], SMALL * 25.4 / 72 * 1.15
    boxes = place_labels(spots, widths, height, LabelBox(0, 0, CAPACITY_WIDTH, CAPACITY_HEIGHT))
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
    for (x, y), box, point in zip(spots, boxes, points, strict=True):
        side = "left" if box.left >= x else "right" if box.right <= x else "center"
        edge = {"left": box.left, "right": box.right, "center": (box.left + box.right) / 2}[side]
        middle = (box.bottom + box.top) / 2
        axes.annotate(
            point.text,
            (x / CAPACITY_WIDTH, y / CAPACITY_HEIGHT),
            (edge / CAPACITY_WIDTH, middle / CAPACITY_HEIGHT),
            xycoords="axes fraction",
            textcoords="axes fraction",
            fontsize=SMALL,
            ha=side,
            va="center",
            color=BLACK,
            arrowprops=line if abs(middle - y) - height > MARKER else None,
            zorder=4,
        )


SEED_LEFT, SEED_TOP, SEED_HEIGHT, SEED_FOOT = 14.0, 4.0, 42.0, 11.0
SEED_RIGHT = 32.0
"""Room for the words beside the lines."""
NUMBER_BACKGROUND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
"""The background of a number, which keeps it apart from a line behind it."""
MOST_NUMBERED = 14
"""Up to this number of seeds, each point has its value beside it."""
WORD_HEIGHT = 3.2
"""Millimetres between the words of two lines."""
PUBLISHED_HEADING = "published test accuracy (1 = all)"


@dataclass(frozen=True)
class SeedAccuracies:
    """The accuracies that the figure by seed shows, as pairs of seed and test accuracy: ours, and the published ones.

    The published summary is None where there are none.
    """

    ours: tuple[tuple[int, float], ...]
    theirs: tuple[tuple[int, float], ...]
    mean: SeedStatistics
    published: SeedStatistics | None


def seed_figure(
    name: str,
    values: Sequence[tuple[float | None, ...]],
    others: Sequence[str] = (),
    *,
    published: Sequence[float] = (),
) -> Drawing:
    """Draw the test accuracy by seed: a point each, their mean a line, their standard deviation a band.

    Args:
        values: for each seed its number, its test accuracy (0 to 1; None is left out of the drawing) and, for the data
            beside the figure, any number of other scores.
        others: the headings of the other scores.
        published: the source's test accuracies of seed 0, 1, …
    """
    rows = [(int(value[0] or 0), *value[1:]) for value in sorted(values, key=lambda value: value[0] or 0)]
    ours = tuple((row[0], accuracy) for row in rows if (accuracy := row[1]) is not None)
    theirs = tuple(enumerate(published))
    data = _seed_data(rows, others, theirs)
    mean = summary(accuracy for _, accuracy in ours)
    if mean is None:
        why = "No seed has a test accuracy, so there is none to draw."
        return without_data(name, "Test accuracy by seed.", why, data)
    accuracies = SeedAccuracies(ours, theirs, mean, summary(published))
    low, high = min(ours, key=lambda pair: pair[1]), max(ours, key=lambda pair: pair[1])
    what = f"Test accuracy of {counted(mean.n, 'seed')}: {mean_in_words(mean)}"
    band = ", the band one standard deviation to either side" if mean.std is not None else ""
    caption = f"{what}; the line is the mean{band}"
    alt = f"{what}. Lowest {percent(low[1])} (seed {low[0]}), highest {percent(high[1])} (seed {high[0]})."
    if accuracies.published:
        published_mean = mean_in_words(accuracies.published)
        caption += f"; diamonds and the dashed line: published, {published_mean}"
        alt += f" Published: {published_mean}."
    size = (PAGE, SEED_TOP + SEED_HEIGHT + SEED_FOOT)
    return Drawing(name, f"{caption}.", alt, data, size, partial(_paint_seed, accuracies))


def _seed_data(
    rows: Sequence[tuple[float | None, ...]], others: Sequence[str], theirs: Sequence[tuple[int, float]]
) -> FigureData:
    headings = ("seed", "test accuracy (1 = all)", *others)
    if not theirs:
        return FigureData(headings, tuple(rows))
    of_seed, ours = dict(theirs), {row[0] for row in rows}
    whole = [(*row, of_seed.get(int(row[0] or 0))) for row in rows]
    whole += [(seed, *[None] * (len(headings) - 1), value) for seed, value in theirs if seed not in ours]
    return FigureData((*headings, PUBLISHED_HEADING), tuple(whole))


def mean_in_words(accuracy: SeedStatistics) -> str:
    """Return ``mean 98.35 %, standard deviation 0.07 percentage points (of the sample, n = 10)``."""
    if accuracy.std is None:
        return percent(accuracy.mean)
    deviation = f"{100 * accuracy.std:.2f} percentage points (of the sample, n = {accuracy.n})"
    return f"mean {percent(accuracy.mean)}, standard deviation {deviation}"


def _paint_seed(accuracies: SeedAccuracies, figure: Figure) -> None:
    axes = panel(figure, SEED_LEFT, SEED_TOP, PAGE - SEED_LEFT - SEED_RIGHT, SEED_HEIGHT)
    mean, deviation, theirs = accuracies.mean.mean, accuracies.mean.std or 0.0, accuracies.published
    both = (*accuracies.ours, *accuracies.theirs)
    place = {seed: at for at, seed in enumerate(sorted({seed for seed, _ in both}))}
    ends = [mean - deviation, mean + deviation]
    axes.set_ylim(share_limits([value for _, value in both] + ends, least=0.002))
    words = [(mean, f"mean {percent(mean)}", BLACK)]
    if deviation:
        axes.axhspan(*ends, facecolor="#e3eef5", edgecolor="none", zorder=0)
        for edge, sign in zip(ends, "−+", strict=True):
            axes.axhline(edge, color=GREY, linewidth=0.5, linestyle=(0, (1, 1.5)), zorder=1)
            words.append((edge, f"mean {sign} deviation", GREY))
    axes.axhline(mean, color=BLACK, linewidth=0.8, zorder=1)
    if theirs is not None:
        axes.axhline(theirs.mean, color=VERMILION, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        words.append((theirs.mean, f"published {percent(theirs.mean)}", VERMILION))
        beside = [(place[seed] + 0.28, value) for seed, value in accuracies.theirs]
        draw_markers(axes, beside, "D", markerfacecolor="white", color=VERMILION, markersize=3.5)
    points = [(place[seed], value) for seed, value in accuracies.ours]
    draw_markers(axes, points, "o", color=BLUE, markersize=4.5)
    if len(points) <= MOST_NUMBERED:
        for point in points:
            text = f"{100 * point[1]:.2f}"
            annotate(axes, text, point, (0, 4), bbox=NUMBER_BACKGROUND, ha="center", va="bottom")
    _write_right_of_axes(axes, words)
    axes.set_xlim(-0.6, len(place) - 0.4)
    every = -(-len(place) // 20)
    axes.set_xticks(list(place.values())[::every], [str(seed) for seed in place][::every])
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("seed")
    axes.set_ylabel("test accuracy (%)")
    percentages(axes.yaxis)


def _write_right_of_axes(axes: Axes, words: Sequence[tuple[float, str, str]]) -> None:
    """Write the words right of the axes at their heights, moved up where they would overlap the words below."""
    low, high = axes.get_ylim()
    free = -1.0
    for height, text, colour in sorted(words):
        place = max(height, free)
        annotate(axes, text, (1, place), (3, 0), xycoords=("axes fraction", "data"), va="center", color=colour)
        free = place + WORD_HEIGHT / SEED_HEIGHT * (high - low)
