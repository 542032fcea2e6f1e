"""Draw the test accuracies of several runs: against the number of parameters, and by seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures import drawing as draw
from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.runs.collection.seed_groups import SeedStatistics, summary
from mnist_tui.wording import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox


CAPACITY_LEFT, CAPACITY_TOP, CAPACITY_WIDTH, CAPACITY_HEIGHT, CAPACITY_FOOT = 15.0, 9.0, 138.0, 26.0, 11.0
MARKER = 1.8
"""Millimetres around a point that no label may enter."""
KINDS = {False: ("fully connected", "o", draw.BLUE), True: ("convolutional", "^", draw.VERMILION)}


@dataclass(frozen=True)
class CapacityPoint:
    """A model in the figure of accuracy against parameters.

    Attributes:
        label: the model's name.
        parameters: the number of all parameters, 1 or more.
        accuracy: the accuracy on the test images, 0 to 1; of several seeds the mean.
        interval: the 95 % interval of the accuracy; None for none.
    """

    label: str
    parameters: int
    accuracy: float
    interval: tuple[float, float] | None = None
    convolutional: bool = False

    @property
    def text(self) -> str:
        return draw.one_line(self.label, 32)

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval; the accuracy itself if there is no interval."""
        return self.interval or (self.accuracy, self.accuracy)

    @property
    def text_width(self) -> float:
        """The width of the text, in millimetres."""
        return draw.LETTER * draw.SMALL / draw.POINTS * len(self.text)


def capacity_figure(name: str, points: Sequence[CapacityPoint], of: str = "test") -> Drawing:
    """Draw models by their number of parameters (logarithmic) and their accuracy.

    Args:
        of: the images of the accuracy: ``test``, ``held-out``.
    """
    rows = tuple((p.label, p.parameters, p.accuracy, *p.ends, KINDS[p.convolutional][0]) for p in points)
    headings = ("model", "parameters", f"{of} accuracy (1 = all)", "95 % interval from", "to", "kind")
    data = FigureData(headings, rows)
    if not points:
        why = "No model's accuracy is known, so there is nothing to compare."
        return draw.without_data(name, "Accuracy and capacity.", why, data)
    bars = " Bars are 95 % intervals." if any(point.interval for point in points) else ""
    caption = f"{of.capitalize()} accuracy against the number of parameters (logarithmic axis).{bars}"
    listed = "; ".join(f"{p.label}: {counted(p.parameters, 'parameter')}, {percent(p.accuracy)}" for p in points)
    alt = f"Points of {counted(points, 'model')}. {listed}."
    size = (draw.PAGE, CAPACITY_TOP + CAPACITY_HEIGHT + CAPACITY_FOOT)
    return Drawing(name, caption, alt, data, size, partial(_paint_capacity, tuple(points), of))


def place_labels(
    spots: Sequence[tuple[float, float]], widths: Sequence[float], height: float, frame: Bbox
) -> list[Bbox]:
    """Return a rectangle for each label, near its point; if there is room, it covers no other label and no point.

    Args:
        spots: the points in millimetres, y upwards.
        widths: the widths of the labels, in millimetres.
        height: the height of every label, in millimetres.
        frame: the rectangle that the labels stay in, in millimetres.
    """
    from matplotlib.transforms import Bbox

    occupied = [Bbox.from_extents(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in spots]
    placed: dict[int, Bbox] = {}
    for at in sorted(range(len(spots)), key=lambda at: spots[at]):
        corners = _label_corners(*spots[at], widths[at], height)
        places = [Bbox.from_bounds(left, bottom, widths[at], height) for left, bottom in corners]
        inside = [box for box in places if all(frame.contains(*corner) for corner in (box.min, box.max))]
        free = (box for box in inside if not any(map(box.fully_overlaps, occupied)))
        placed[at] = next(free, (inside or places)[0])
        occupied.append(placed[at])
    return [placed[at] for at in range(len(spots))]


def _label_corners(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    """Return lower left corners for a label: right, left, above and below its point, then farther and farther away."""
    right, left, centred = x + MARKER + 0.3, x - MARKER - 0.3 - width, x - width / 2
    beside, above, below = y - height / 2, y + MARKER, y - MARKER - height
    corners = [(right, beside), (left, beside), (centred, above), (centred, below)]
    for step in range(1, 16):
        rise = step * height * 0.8
        corners += [(side, at) for side in (right, left, centred) for at in (y + rise, y - rise - height)]
    return corners


def _paint_capacity(points: tuple[CapacityPoint, ...], of: str, figure: Figure) -> None:
    axes = draw.panel(figure, CAPACITY_LEFT, CAPACITY_TOP, CAPACITY_WIDTH, CAPACITY_HEIGHT)
    _capacity_axes(axes, points)
    axes.set_ylabel(f"{of} accuracy (%)")
    for convolutional, (label, marker, colour) in KINDS.items():
        group = [(point.parameters, point.accuracy) for point in points if point.convolutional is convolutional]
        if group:
            draw.draw_markers(axes, group, marker, color=colour, markersize=5, label=label, zorder=3)
    for p in points:
        if p.interval is not None:
            bar: dict[str, Any] = {"ecolor": draw.BLACK, "elinewidth": 0.6, "capthick": 0.6, "capsize": 1.5}
            beyond = [[max(p.accuracy - p.ends[0], 0)], [max(p.ends[1] - p.accuracy, 0)]]
            axes.errorbar(p.parameters, p.accuracy, beyond, fmt="none", zorder=4, **bar)
    draw.legend(figure, CAPACITY_LEFT / draw.PAGE, ncols=2, handletextpad=0.4)
    _write_labels(axes, points)


def _capacity_axes(axes: Axes, points: Sequence[CapacityPoint]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    fewest, most = min(p.parameters for p in points), max(p.parameters for p in points)
    widest = max(point.text_width for point in points) + 2 * MARKER
    before = math.log10(most / fewest) + math.log10(2)
    axes.set_xlim(fewest / 2, most * 10 ** (max(before, 1.0) * widest / (CAPACITY_WIDTH - widest)))
    lowest, highest = min(p.ends[0] for p in points), max(p.ends[1] for p in points)
    margin = max((highest - lowest) * 0.12, 0.001)
    axes.set_ylim(lowest - margin, highest + margin)
    decades = most / fewest > 100
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades else (1.0, 2.0, 5.0), numticks=12))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("parameters")
    draw.percentages(axes.yaxis)
    axes.grid()


def _write_labels(axes: Axes, points: Sequence[CapacityPoint]) -> None:
    """Write the models' names beside their points; a line joins a point with a name that is far from it."""
    from matplotlib.transforms import Bbox

    scale = axes.figure.dpi / 25.4
    places = axes.transData.transform([(point.parameters, point.accuracy) for point in points])
    spots = [((x - axes.bbox.x0) / scale, (y - axes.bbox.y0) / scale) for x, y in places]
    widths, height = [point.text_width for point in points], draw.SMALL * 25.4 / 72 * 1.15
    boxes = place_labels(spots, widths, height, Bbox.from_bounds(0, 0, CAPACITY_WIDTH, CAPACITY_HEIGHT))
    line = {"arrowstyle": "-", "color": draw.GREY, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
    for (x, y), box, point in zip(spots, boxes, points, strict=True):
        side = "left" if box.xmin >= x else "right" if box.xmax <= x else "center"
        edge = {"left": box.xmin, "right": box.xmax, "center": (box.xmin + box.xmax) / 2}[side]
        middle = (box.ymin + box.ymax) / 2
        axes.annotate(
            point.text,
            (x / CAPACITY_WIDTH, y / CAPACITY_HEIGHT),
            (edge / CAPACITY_WIDTH, middle / CAPACITY_HEIGHT),
            xycoords="axes fraction",
            textcoords="axes fraction",
            fontsize=draw.SMALL,
            ha=side,
            va="center",
            color=draw.BLACK,
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
Accuracies = tuple[tuple[int, float], ...]
"""Seeds, each with its test accuracy from 0 to 1."""


def seed_figure(
    name: str,
    values: Sequence[tuple[float | None, ...]],
    others: Sequence[str] = (),
    *,
    published: Sequence[float] = (),
    what: str = "seed",
) -> Drawing:
    """Draw the accuracy of each seed or fold as a point, the mean as a line, and the standard deviation as a band.

    Args:
        values: for each seed its number, its test accuracy (0 to 1; None is not drawn) and any number of other
            scores, which are only in the data beside the figure.
        others: the headings of the other scores.
        published: the source's test accuracies of the seeds 0, 1, …
        what: ``seed`` or ``fold``.
    """
    of = "held-out" if what == "fold" else "test"
    rows = [(int(value[0] or 0), *value[1:]) for value in sorted(values, key=lambda value: value[0] or 0)]
    ours = tuple((row[0], accuracy) for row in rows if (accuracy := row[1]) is not None)
    theirs = tuple(enumerate(published))
    data = _seed_data(rows, others, theirs, (what, of))
    mean = summary(accuracy for _, accuracy in ours)
    if mean is None:
        why = f"No {what} has an accuracy, so there is none to draw."
        return draw.without_data(name, f"{of.capitalize()} accuracy by {what}.", why, data)
    published_scores = summary(published)
    low, high = min(ours, key=lambda pair: pair[1]), max(ours, key=lambda pair: pair[1])
    said = f"{of.capitalize()} accuracy of {counted(mean.n, what)}: {mean_in_words(mean)}"
    band = ", the band one standard deviation to either side" if mean.std is not None else ""
    caption = f"{said}; the line is the mean{band}"
    alt = f"{said}. Lowest {percent(low[1])} ({what} {low[0]}), highest {percent(high[1])} ({what} {high[0]})."
    if published_scores is not None:
        published_mean = mean_in_words(published_scores)
        caption += f"; diamonds and the dashed line: published, {published_mean}"
        alt += f" Published: {published_mean}."
    size = (draw.PAGE, SEED_TOP + SEED_HEIGHT + SEED_FOOT)
    paint = partial(_paint_seeds, ours, theirs, (mean, published_scores), (what, of))
    return Drawing(name, f"{caption}.", alt, data, size, paint)


def _seed_data(
    rows: Sequence[tuple[float | None, ...]],
    others: Sequence[str],
    theirs: Sequence[tuple[int, float]],
    words: tuple[str, str],
) -> FigureData:
    headings = (words[0], f"{words[1]} accuracy (1 = all)", *others)
    if not theirs:
        return FigureData(headings, tuple(rows))
    of_seed, ours = dict(theirs), {row[0] for row in rows}
    whole = [(*row, of_seed.get(int(row[0] or 0))) for row in rows]
    whole += [(seed, *[None] * (len(headings) - 1), value) for seed, value in theirs if seed not in ours]
    return FigureData((*headings, PUBLISHED_HEADING), tuple(whole))


def mean_in_words(accuracy: SeedStatistics) -> str:
    """Describe a mean: ``mean 98.35 %, standard deviation 0.07 percentage points (of the sample, n = 10)``."""
    if accuracy.std is None:
        return percent(accuracy.mean)
    deviation = f"{100 * accuracy.std:.2f} percentage points (of the sample, n = {accuracy.n})"
    return f"mean {percent(accuracy.mean)}, standard deviation {deviation}"


def _paint_seeds(
    ours: Accuracies,
    theirs: Accuracies,
    both_scores: tuple[SeedStatistics, SeedStatistics | None],
    words_of: tuple[str, str],
    figure: Figure,
) -> None:
    scores, published = both_scores
    axes = draw.panel(figure, SEED_LEFT, SEED_TOP, draw.PAGE - SEED_LEFT - SEED_RIGHT, SEED_HEIGHT)
    mean, deviation, both = scores.mean, scores.std or 0.0, (*ours, *theirs)
    place = {seed: at for at, seed in enumerate(sorted({seed for seed, _ in both}))}
    ends = [mean - deviation, mean + deviation]
    axes.set_ylim(draw.share_limits([value for _, value in both] + ends, least=0.002))
    words = [(mean, f"mean {percent(mean)}", draw.BLACK)]
    if deviation:
        axes.axhspan(*ends, facecolor="#e3eef5", edgecolor="none", zorder=0)
        for edge, sign in zip(ends, "−+", strict=True):
            axes.axhline(edge, color=draw.GREY, linewidth=0.5, linestyle=(0, (1, 1.5)), zorder=1)
            words.append((edge, f"mean {sign} deviation", draw.GREY))
    axes.axhline(mean, color=draw.BLACK, linewidth=0.8, zorder=1)
    if published is not None:
        axes.axhline(published.mean, color=draw.VERMILION, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        words.append((published.mean, f"published {percent(published.mean)}", draw.VERMILION))
        beside = [(place[seed] + 0.28, value) for seed, value in theirs]
        draw.draw_markers(axes, beside, "D", markerfacecolor="white", color=draw.VERMILION, markersize=3.5)
    points = [(place[seed], value) for seed, value in ours]
    draw.draw_markers(axes, points, "o", color=draw.BLUE, markersize=4.5)
    if len(points) <= MOST_NUMBERED:
        for point in points:
            text = f"{100 * point[1]:.2f}"
            draw.annotate(axes, text, point, (0, 4), bbox=NUMBER_BACKGROUND, ha="center", va="bottom")
    _write_right_of_axes(axes, words)
    axes.set_xlim(-0.6, len(place) - 0.4)
    every = -(-len(place) // 20)
    axes.set_xticks(list(place.values())[::every], [str(seed) for seed in place][::every])
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel(words_of[0])
    axes.set_ylabel(f"{words_of[1]} accuracy (%)")
    draw.percentages(axes.yaxis)


def _write_right_of_axes(axes: Axes, words: Sequence[tuple[float, str, str]]) -> None:
    """Write words on the right of the axes at their heights, moved up if they would overlap the words below."""
    low, high = axes.get_ylim()
    free = -1.0
    for height, text, colour in sorted(words):
        place = max(height, free)
        draw.annotate(axes, text, (1, place), (3, 0), xycoords=("axes fraction", "data"), va="center", color=colour)
        free = place + WORD_HEIGHT / SEED_HEIGHT * (high - low)
