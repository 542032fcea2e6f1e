"""The pictures of a diagram's boxes: planes for images, circles for neurons. Told apart by their forms, not colours.

All coordinates are millimetres, y downwards, of axes that are scaled so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mnist_tui.experiment.shapes import IMAGE_EDGE, Shape
from mnist_tui.report.figures.style import BLACK, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST, SHIFT = 12.0, 0.75
"""Edge of an image of 28 pixels, and the distance between two planes of a stack."""
CIRCLE, PITCH, CIRCLES = 1.05, 2.6, 6
"""Radius of a neuron, distance between two, and how many of a layer are drawn at most."""
COLUMN = 4.0
BELL_EDGE = 9.0
PALE, LIGHT, WHITE = "#cfe6f4", "#f7d9a8", "#ffffff"
STROKES = 7
"""HOG cells along an edge that are drawn at most."""


def glyph_width(kind: str, shape: Shape) -> float:
    """Width of a box's picture."""
    match kind:
        case "conv2d" | "max_pooling2d":
            return _edge(shape) + (_planes(shape) - 1) * SHIFT
        case "input" | "hog":
            return LARGEST
        case "batch_normalization":
            return BELL_EDGE
        case _:
            return COLUMN


def paint_glyph(axes: Axes, kind: str, shape: Shape, x: float, y: float, *, cells: int = 0) -> None:
    """Draws a box's picture around the point (x, y); `cells` is for ``hog``."""
    match kind:
        case "input":
            _grid(axes, x, y, 7)
        case "hog":
            _strokes(axes, x, y, cells)
        case "conv2d" | "max_pooling2d":
            _stack(axes, shape, x, y, convolution=kind == "conv2d")
        case "batch_normalization":
            _bell(axes, x, y)
        case "flatten":
            _bar(axes, x, y)
        case "dropout":
            _neurons(axes, CIRCLES, x, y, dropped=True)
        case "more":
            axes.text(x, y, "…", ha="center", va="center", color=BLACK)
        case _:
            _neurons(axes, shape[0], x, y)


def _edge(shape: Shape) -> float:
    return LARGEST * math.sqrt(shape[0] / IMAGE_EDGE)


def _planes(shape: Shape) -> int:
    """Planes drawn for a number of channels: more for more, but few."""
    return min(1 + round(math.log2(shape[2])), 8)


def _stack(axes: Axes, shape: Shape, x: float, y: float, *, convolution: bool) -> None:
    """Planes one behind the other; a convolution's are filled and show its window, a pooling's are white."""
    edge, planes = _edge(shape), _planes(shape)
    whole = edge + (planes - 1) * SHIFT
    left, top = x - whole / 2, y + whole / 2 - edge
    for behind in reversed(range(planes)):
        corner = (left + behind * SHIFT, top - behind * SHIFT)
        _square(axes, *corner, edge, PALE if convolution else WHITE)
    if convolution:
        _square(axes, left + edge * 0.15, top + edge * 0.15, edge * 0.35, WHITE)
    else:
        middle = edge / 2
        axes.plot([left + middle] * 2, [top, top + edge], color=GREY, linewidth=0.5, marker="")
        axes.plot([left, left + edge], [top + middle] * 2, color=GREY, linewidth=0.5, marker="")


def _grid(axes: Axes, x: float, y: float, cells: int) -> tuple[float, float]:
    """A square of cells; its left and upper edge."""
    left, top, step = x - LARGEST / 2, y - LARGEST / 2, LARGEST / cells
    _square(axes, left, top, LARGEST, WHITE)
    for line in range(1, cells):
        axes.plot([left + line * step] * 2, [top, top + LARGEST], color=GREY, linewidth=0.3, marker="")
        axes.plot([left, left + LARGEST], [top + line * step] * 2, color=GREY, linewidth=0.3, marker="")
    return left, top


def _strokes(axes: Axes, x: float, y: float, cells: int) -> None:
    """A stroke in each cell, across its gradient."""
    drawn = max(min(cells, STROKES), 1)
    left, top = _grid(axes, x, y, drawn)
    step = LARGEST / drawn
    for row in range(drawn):
        for column in range(drawn):
            angle = math.pi * (row * 3 + column * 2) / 8
            dx, dy = 0.36 * step * math.cos(angle), 0.36 * step * math.sin(angle)
            cx, cy = left + (column + 0.5) * step, top + (row + 0.5) * step
            axes.plot([cx - dx, cx + dx], [cy - dy, cy + dy], color=BLACK, linewidth=0.8, marker="")


def _neurons(axes: Axes, units: int, x: float, y: float, *, dropped: bool = False) -> None:
    """A column of circles; of many, a gap with dots stands for the rest. Every other one of a dropout is crossed."""
    from matplotlib.patches import Circle

    many = units > CIRCLES
    places = [at for at in range(CIRCLES) if not (many and at == CIRCLES // 2)] if many else list(range(units))
    first = y - (min(units, CIRCLES) - 1) * PITCH / 2
    for at in places:
        centre = (x, first + at * PITCH)
        crossed = dropped and at % 2 == 1
        style = (0, (1.5, 1)) if crossed else "-"
        fill = WHITE if dropped else LIGHT
        axes.add_patch(Circle(centre, CIRCLE, facecolor=fill, edgecolor=BLACK, linewidth=0.6, linestyle=style))
        if crossed:
            arm = CIRCLE * 0.7
            for slope in (arm, -arm):
                ends = ([x - arm, x + arm], [centre[1] - slope, centre[1] + slope])
                axes.plot(*ends, color=BLACK, linewidth=0.6, marker="")
    if many:
        middle = first + CIRCLES // 2 * PITCH
        for dot in (-0.7, 0, 0.7):
            axes.add_patch(Circle((x, middle + dot), 0.18, facecolor=BLACK, edgecolor=BLACK, linewidth=0))


def _bar(axes: Axes, x: float, y: float) -> None:
    """A vector: a narrow bar of cells."""
    cells, wide, tall = 9, 1.7, PITCH * CIRCLES
    for at in range(cells):
        _rectangle(axes, x - wide / 2, y - tall / 2 + at * tall / cells, wide, tall / cells, fill=WHITE)


def _bell(axes: Axes, x: float, y: float) -> None:
    """The normal distribution in a frame."""
    _square(axes, x - BELL_EDGE / 2, y - BELL_EDGE / 2, BELL_EDGE, WHITE)
    steps = [-3 + 6 * at / 40 for at in range(41)]
    axes.plot(
        [x + step / 3 * BELL_EDGE * 0.42 for step in steps],
        [y + BELL_EDGE * 0.36 - BELL_EDGE * 0.7 * math.exp(-step * step / 2) for step in steps],
        color=BLACK,
        linewidth=0.8,
        marker="",
    )


def _square(axes: Axes, left: float, top: float, edge: float, fill: str) -> None:
    _rectangle(axes, left, top, edge, edge, fill=fill)


def _rectangle(axes: Axes, left: float, top: float, wide: float, tall: float, *, fill: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((left, top), wide, tall, facecolor=fill, edgecolor=BLACK, linewidth=0.6))
