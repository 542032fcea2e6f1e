"""Accuracy against the number of parameters: what a model's capacity buys, each model named where it stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.report.figures.style import (
    BLACK,
    BLUE,
    GREY,
    LETTER,
    PAGE,
    POINTS,
    SMALL,
    VERMILION,
    empty,
    one_line,
    panel,
    percentages,
)
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
    """A model in the figure.

    Attributes:
        label: someone's name for it.
        parameters: all of them, from 1.
        accuracy: share of the test images, 0 to 1; the mean where there are several seeds.
        deviation: over the seeds; None for one run.
        convolutional: whether it has convolutions.
    """

    label: str
    parameters: int
    accuracy: float
    deviation: float | None = None
    convolutional: bool = False


@dataclass(frozen=True)
class LabelBox:
    """A rectangle in millimetres, `top` above `bottom` with y upwards."""

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
    """Models by their parameters (logarithmic) and test accuracy.

    Args:
        name: the drawing's name.
        points: of models whose accuracy is known.
    """
    data = FigureData(
        CAPACITY_HEADINGS,
        tuple((p.label, p.parameters, p.accuracy, p.deviation, KINDS[p.convolutional][0]) for p in points),
    )
    if not points:
        why = "No model's test accuracy is known, so there is nothing to compare."
        return Drawing(name, "Accuracy and capacity.", why, data, (PAGE, 30.0), empty(why))
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
        _capacity_painter(tuple(points)),
    )


def place_labels(
    spots: Sequence[tuple[float, float]], widths: Sequence[float], height: float, frame: LabelBox
) -> list[LabelBox]:
    """A box for each label, near its point, meeting neither another label nor a point where there is room.

    Args:
        spots: the points, millimetres, y upwards.
        widths: of the labels.
        height: of a label.
        frame: that they stay in.
    """
    taken = [LabelBox(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in spots]
    points = len(taken)
    found: dict[int, LabelBox] = {}
    for at in sorted(range(points), key=lambda place: spots[place]):
        boxes = [box for box in _around(*spots[at], widths[at], height) if box.lies_in(frame)]
        free = (box for box in boxes if not any(box.meets(other) for other in taken))
        best = next(free, boxes[0] if boxes else next(_around(*spots[at], widths[at], height)))
        taken.append(best)
        found[at] = best
    return [found[at] for at in range(points)]


def _around(x: float, y: float, width: float, height: float) -> Iterator[LabelBox]:
    """Places for a label: right, left, above and below its point, then farther and farther off."""
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


def _capacity_painter(points: tuple[CapacityPoint, ...]) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
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

    return paint


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
    """Names beside the points; one that stands off is led to its point by a line."""
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
