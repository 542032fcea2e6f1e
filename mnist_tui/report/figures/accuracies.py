"""Draw the test accuracies of several runs: against the number of parameters, and by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

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
        convolutional: whether it has convolutions.
    """

    label: str
    parameters: int
    accuracy: float
    deviation: float | None = None
    convolutional: bool = False


@dataclass(frozen=True)
class LabelBox:
    """A rectangle in millimetres; y points upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: LabelBox) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def lies_in(self, other: LabelBox) -> bool:
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )


def capacity_figure(name: str, points: Sequence[CapacityPoint]) -> Drawing:
    """Draw models by their number of parameters (logarithmic) and their test accuracy.

    Args:
        name: the drawing's name.
        points: models whose accuracy is known.
    """
    data = FigureData(
        CAPACITY_HEADINGS,
        tuple((p.label, p.parameters, p.accuracy, p.deviation, KINDS[p.convolutional][0]) for p in points),
    )
    if not points:
        return without_data(
            name, "Accuracy and capacity.", "No model's test accuracy is known, so there is nothing to compare.", data
        )
    several = any(point.deviation is not None for point in points)
    bars = " Bars are one standard deviation over the seeds." if several else ""
    caption = f"Test accuracy against the number of parameters, which is on a logarithmic axis.{bars}"
    listed = "; ".join(f"{p.label}: {counted(p.parameters, 'parameter')}, {percent(p.accuracy)}" for p in points)
    alt = f"Points of {counted(len(points), 'model')}. {listed}."
    return Drawing(
        name,
        caption,
        alt,
        data,
        (PAGE, CAPACITY_TOP + CAPACITY_HEIGHT + CAPACITY_FOOT),
        partial(_paint_capacity, tuple(points)),
    )


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
    points = len(taken)
    found: dict[int, LabelBox] = {}
    for at in sorted(range(points), key=lambda place: spots[place]):
        boxes = [box for box in _label_places(*spots[at], widths[at], height) if box.lies_in(frame)]
        free = (box for box in boxes if not any(box.meets(other) for other in taken))
        best = next(free, boxes[0] if boxes else next(_label_places(*spots[at], widths[at], height)))
        taken.append(best)
        found[at] = best
    return [found[at] for at in range(points)]


def _label_places(x: float, y: float, width: float, height: float) -> Iterator[LabelBox]:
    """Yield places for a label: right, left, above and below its point, then farther and farther away."""
    for step in range(16):
        off = MARKER + step * height * 0.8
        rise = step * height * 0.8
        lefts = (x + MARKER + 0.3, x - MARKER - 0.3 - width, x - width / 2)
        if step == 0:
            bottoms = (
                (lefts[0], y - height / 2),
                (lefts[1], y - height / 2),
                (lefts[2], y + off),
                (lefts[2], y - off - height),
            )
        else:
            bottoms = tuple((left, at) for left in lefts for at in (y + rise, y - rise - height))
        for left, bottom in bottoms:
            yield LabelBox(left, bottom, left + width, bottom + height)


def _paint_capacity(points: tuple[CapacityPoint, ...], figure: Figure) -> None:
    axes = panel(figure, CAPACITY_LEFT, CAPACITY_TOP, CAPACITY_WIDTH, CAPACITY_HEIGHT)
    _capacity_axes(axes, points)
    for convolutional, (label, marker, colour) in KINDS.items():
        group = [point for point in points if point.convolutional is convolutional]
        if group:
            axes.plot(
                [point.parameters for point in group],
                [point.accuracy for point in group],
                linestyle="",
                marker=marker,
                color=colour,
                markersize=5,
                label=label,
                zorder=3,
            )
    for point in points:
        if point.deviation is not None:
            axes.errorbar(
                point.parameters,
                point.accuracy,
                point.deviation,
                fmt="none",
                ecolor=BLACK,
                elinewidth=0.6,
                capsize=2,
                capthick=0.6,
                zorder=4,
            )
    figure.legend(loc="upper left", bbox_to_anchor=(CAPACITY_LEFT / PAGE, 1), ncols=2, handletextpad=0.4)
    _write_labels(axes, points)


def _capacity_axes(axes: Axes, points: Sequence[CapacityPoint]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    fewest, most = min(p.parameters for p in points), max(p.parameters for p in points)
    widest = max(_label_widths(points)) + 2 * MARKER
    before = math.log10(most / fewest) + math.log10(2)
    axes.set_xlim(fewest / 2, most * 10 ** (max(before, 1.0) * widest / (CAPACITY_WIDTH - widest)))
    lowest = min(p.accuracy - (p.deviation or 0) for p in points)
    highest = max(p.accuracy + (p.deviation or 0) for p in points)
    margin = max((highest - lowest) * 0.12, 0.001)
    axes.set_ylim(lowest - margin, highest + margin)
    decades = most / fewest > 100
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades else (1.0, 2.0, 5.0), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("parameters")
    axes.set_ylabel("test accuracy (%)")
    percentages(axes.yaxis)
    axes.grid()


def _label_texts(points: Sequence[CapacityPoint]) -> list[str]:
    return [one_line(point.label, 32) for point in points]


def _label_widths(points: Sequence[CapacityPoint]) -> list[float]:
    return [LETTER * SMALL / POINTS * len(text) for text in _label_texts(points)]


def _write_labels(axes: Axes, points: Sequence[CapacityPoint]) -> None:
    """Write the names beside the points; a name that is far from its point is joined to it by a line."""
    per_inch = axes.figure.dpi / 25.4
    origin = axes.bbox
    spots = [
        ((x - origin.x0) / per_inch, (y - origin.y0) / per_inch)
        for x, y in (axes.transData.transform((point.parameters, point.accuracy)) for point in points)
    ]
    texts, height = _label_texts(points), SMALL * 25.4 / 72 * 1.15
    boxes = place_labels(spots, _label_widths(points), height, LabelBox(0, 0, CAPACITY_WIDTH, CAPACITY_HEIGHT))
    for (x, y), box, text in zip(spots, boxes, texts, strict=True):
        aside = "left" if box.left >= x else "right" if box.right <= x else "center"
        edge = {"left": box.left, "right": box.right, "center": (box.left + box.right) / 2}[aside]
        middle = (box.bottom + box.top) / 2
        off = max(abs(middle - y) - height, 0)
        leader = (
            {"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2} if off > MARKER else None
        )
        axes.annotate(
            text,
            (x / CAPACITY_WIDTH, y / CAPACITY_HEIGHT),
            (edge / CAPACITY_WIDTH, middle / CAPACITY_HEIGHT),
            xycoords="axes fraction",
            textcoords="axes fraction",
            fontsize=SMALL,
            ha=aside,
            va="center",
            color=BLACK,
            arrowprops=leader,
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
    """The accuracies that the figure by seed shows.

    Attributes:
        ours, theirs: pairs of seed and test accuracy: ours, and the published ones.
        mean: the summary of ours.
        published: the summary of the published ones; None where there are none.
    """

    ours: tuple[tuple[int, float], ...]
    theirs: tuple[tuple[int, float], ...]
    mean: SeedStatistics
    published: SeedStatistics | None

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for seed, _ in (*self.ours, *self.theirs)}))


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
    ordered = sorted(values, key=lambda one: one[0] or 0)
    points = [(int(one[0] or 0), one[1]) for one in ordered]
    there = tuple((seed, accuracy) for seed, accuracy in points if accuracy is not None)
    theirs = tuple(enumerate(published))
    data = _seed_data(ordered, others, theirs)
    found = summary(accuracy for _, accuracy in there)
    if found is None:
        return without_data(
            name, "Test accuracy by seed.", "No seed has a test accuracy, so there is none to draw.", data
        )
    drawn = SeedAccuracies(there, theirs, found, summary(published))
    low, high = min(there, key=lambda one: one[1]), max(there, key=lambda one: one[1])
    what = f"Test accuracy of {counted(found.n, 'seed')}: {mean_in_words(found)}"
    beside = f"; diamonds and the dashed line: published, {mean_in_words(drawn.published)}" if drawn.published else ""
    band = ", the band one deviation to either side" if found.std is not None else ""
    caption = f"{what}; the line is the mean{band}{beside}."
    alt = f"{what}. Lowest {percent(low[1])} (seed {low[0]}), highest {percent(high[1])} (seed {high[0]})."
    alt += f" Published: {mean_in_words(drawn.published)}." if drawn.published else ""
    return Drawing(name, caption, alt, data, (PAGE, SEED_TOP + SEED_HEIGHT + SEED_FOOT), partial(_paint_seed, drawn))


def _seed_data(
    ordered: Sequence[tuple[float | None, ...]], others: Sequence[str], theirs: Sequence[tuple[int, float]]
) -> FigureData:
    headings, rows = ("seed", "test accuracy (1 = all)", *others), [(int(one[0] or 0), *one[1:]) for one in ordered]
    if not theirs:
        return FigureData(headings, tuple(rows))
    of_seed, ours = dict(theirs), {row[0] for row in rows}
    whole = [(*row, of_seed.get(int(row[0] or 0))) for row in rows]
    whole += [(seed, *[None] * (len(headings) - 1), value) for seed, value in theirs if seed not in ours]
    return FigureData((*headings, PUBLISHED_HEADING), tuple(whole))


def mean_in_words(found: SeedStatistics) -> str:
    """Return ``mean 98.35 %, deviation 0.07 percentage points (of the sample, n = 10)``."""
    if found.std is None:
        return percent(found.mean)
    return (
        f"mean {percent(found.mean)}, deviation {100 * found.std:.2f} percentage points (of the sample, n = {found.n})"
    )


def _paint_seed(drawn: SeedAccuracies, figure: Figure) -> None:
    axes = panel(figure, SEED_LEFT, SEED_TOP, PAGE - SEED_LEFT - SEED_RIGHT, SEED_HEIGHT)
    found, theirs = drawn.mean, drawn.published
    deviation = found.std or 0.0
    places = {seed: at for at, seed in enumerate(drawn.seeds)}
    ends = [found.mean - deviation, found.mean + deviation]
    axes.set_ylim(share_limits([value for _, value in (*drawn.ours, *drawn.theirs)] + ends, least=0.002))
    words = [(found.mean, f"mean {percent(found.mean)}", BLACK)]
    if deviation:
        axes.axhspan(*ends, facecolor="#e3eef5", edgecolor="none", zorder=0)
        for edge, sign in zip(ends, "−+", strict=True):
            axes.axhline(edge, color=GREY, linewidth=0.5, linestyle=(0, (1, 1.5)), zorder=1)
            words.append((edge, f"mean {sign} deviation", GREY))
    axes.axhline(found.mean, color=BLACK, linewidth=0.8, zorder=1)
    if theirs is not None:
        axes.axhline(theirs.mean, color=VERMILION, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        words.append((theirs.mean, f"published {percent(theirs.mean)}", VERMILION))
        axes.plot(
            [places[seed] + 0.28 for seed, _ in drawn.theirs],
            [value for _, value in drawn.theirs],
            linestyle="",
            marker="D",
            markerfacecolor="white",
            color=VERMILION,
            markersize=3.5,
        )
    axes.plot(
        [places[seed] for seed, _ in drawn.ours],
        [value for _, value in drawn.ours],
        linestyle="",
        marker="o",
        color=BLUE,
        markersize=4.5,
    )
    if len(drawn.ours) <= MOST_NUMBERED:
        for seed, accuracy in drawn.ours:
            axes.annotate(
                f"{100 * accuracy:.2f}",
                (places[seed], accuracy),
                (0, 4),
                textcoords="offset points",
                bbox=NUMBER_BACKGROUND,
                fontsize=SMALL,
                ha="center",
                va="bottom",
            )
    _write_right_of_axes(axes, words)
    axes.set_xlim(-0.6, len(places) - 0.4)
    every = -(-len(places) // 20)
    axes.set_xticks(list(places.values())[::every], [str(seed) for seed in places][::every])
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("seed")
    axes.set_ylabel("test accuracy (%)")
    percentages(axes.yaxis)


def _write_right_of_axes(axes: Axes, words: Sequence[tuple[float, str, str]]) -> None:
    """Write the words right of the axes at their heights, moved up where they would overlap the words below."""
    low, high = axes.get_ylim()
    least, free = WORD_HEIGHT / SEED_HEIGHT * (high - low), -1.0
    for height, text, colour in sorted(words):
        place = max(height, free)
        axes.annotate(
            text,
            (1, place),
            (3, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=SMALL,
            va="center",
            color=colour,
        )
        free = place + least
