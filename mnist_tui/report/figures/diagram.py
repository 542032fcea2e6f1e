"""Draw a network's architecture from the image to the outputs, from left to right, in as many rows as necessary.

Layers differ by the forms of their glyphs, not by colours. All coordinates are millimetres, y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mnist_tui.experiment.complexity import Complexity, LayerComplexity
from mnist_tui.experiment.layers import Conv2D, Layer, in_words
from mnist_tui.experiment.shapes import DEFAULT_IMAGE, Shape, hog_cells, written
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report.figures.drawing import BLACK, GREY, LETTER, PAGE, POINTS, SMALL, Drawing, FigureData, panel
from mnist_tui.wording import counted, grouped, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MARGIN, GAP, ARROW = 5.5, 2.5, 6.0
"""Millimetres left and right of a row, between two texts, and at least between two glyphs, for the arrow."""
PICTURE, TEXT_LINE, ROW_GAP = 18.0, SMALL * 25.4 / 72 * 1.22, 6.0
SMALL_LETTER = LETTER * SMALL / POINTS * 1.04
MOST_LETTERS = 18
"""The most characters on a line below a glyph."""
MOST_BOXES, FIRST_BOXES, LAST_BOXES = 28, 18, 8
"""If a network has more than MOST_BOXES boxes, only its first and its last boxes are drawn."""
Point = tuple[float, float]
HEADINGS = ("layer", "type", "configuration", "inputs", "output", "parameters")


@dataclass(frozen=True)
class DiagramBox:
    """One box of the diagram: a glyph with texts below.

    Attributes:
        kind: one of GLYPHS.
        name: the heading below the glyph.
        facts: configuration, output and parameters, each on lines of its own.
        shape: the shape of the layer's output for one image.
        cells: for ``hog``, the number of cells along the shorter edge.
        skips_from: for the end of a residual block, the name of the box whose output is added.
    """

    kind: str
    name: str
    facts: tuple[str, ...]
    shape: Shape
    cells: int = 0
    skips_from: str = ""

    @property
    def title(self) -> list[str]:
        return _broken_into_lines(self.name, "_")

    @property
    def lines(self) -> list[str]:
        return [line for fact in self.facts for line in _broken_into_lines(fact, " ")]

    @property
    def width(self) -> float:
        """The millimetres that the box needs in a row."""
        texts = max(SMALL_LETTER * max(map(len, self.lines), default=0), SMALL_LETTER * 1.1 * max(map(len, self.title)))
        return max(texts + GAP, self.picture_width + ARROW)

    @property
    def picture_width(self) -> float:
        width = GLYPHS[self.kind].width
        return width(self.shape) if callable(width) else width

    @property
    def height(self) -> float:
        return PICTURE + TEXT_LINE * (len(self.title) + len(self.lines))


def diagram_figure(name: str, experiment: Experiment, complexity: Complexity) -> Drawing:
    """Draw the architecture of an experiment's model, from the image and its features on."""
    boxes = _boxes(experiment, complexity)
    rows = [[boxes[at] for at in row] for row in divide_into_rows([box.width for box in boxes], PAGE - 2 * MARGIN)]
    heights = [max(box.height for box in row) for row in rows]
    data = FigureData(
        HEADINGS,
        tuple(
            (layer.name, layer.kind, layer.configuration, layer.inputs, written(layer.output_shape), layer.total)
            for layer in complexity.layers
        ),
    )
    height = sum(heights) + ROW_GAP * (len(rows) - 1) + 1
    facts = "; ".join(": ".join([box.name, ", ".join(box.facts)]) for box in boxes)
    alt = f"Diagram of the network from its input to its output. {facts}."
    return Drawing(name, _caption(complexity, boxes), alt, data, (PAGE, height), partial(_paint, rows, heights, height))


def divide_into_rows(widths: Sequence[float], most: float) -> list[list[int]]:
    """Return the indices of boxes by row: as few rows as possible, about equally wide, at most `most` millimetres."""
    rows = _fill_rows(widths, most)
    limit = max(sum(widths) / len(rows), *widths)
    while limit < most:
        tried = _fill_rows(widths, limit)
        if len(tried) == len(rows):
            return tried
        limit += 1
    return rows


def _fill_rows(widths: Sequence[float], most: float) -> list[list[int]]:
    rows: list[list[int]] = [[]]
    for at, width in enumerate(widths):
        if rows[-1] and sum(widths[before] for before in rows[-1]) + width > most:
            rows.append([])
        rows[-1].append(at)
    return rows


def _boxes(experiment: Experiment, complexity: Complexity) -> list[DiagramBox]:
    image, features = experiment.image_shape, experiment.features
    colours = ("3 colours",) if image[2] > 1 else ()
    boxes = [DiagramBox("input", "image", (f"{_shape(image[:2])} pixels", *colours), image)]
    if isinstance(features, HogFeatures):
        cells, block = hog_cells(image, features.pixels_per_cell), features.cells_per_block
        blocks = () if block == 1 else (f"{block} × {block} cells per block",)
        facts = (f"{_shape(cells)} cells", counted(features.orientations, "orientation"), *blocks)
        output = f"→ {complexity.inputs:,}"
        boxes.append(DiagramBox("hog", "HOG features", (*facts, output), (complexity.inputs,), min(cells)))
    boxes += _layer_boxes(complexity, boxes[-1].name)
    if len(boxes) <= MOST_BOXES:
        return boxes
    left_out = counted(len(boxes) - FIRST_BOXES - LAST_BOXES, "layer")
    return [*boxes[:FIRST_BOXES], DiagramBox("more", "…", (f"{left_out} more",), ()), *boxes[-LAST_BOXES:]]


def _layer_boxes(complexity: Complexity, before: str) -> Iterator[DiagramBox]:
    """Yield a box for each layer; that of a residual block's end has the facts of the convolution beside the block.

    Args:
        before: the name of the box before the first layer.
    """
    layers = complexity.layers
    ends = [layer for layer in layers if layer.kind == "residual"]
    beside = {end.sources[1] for end in ends if layers[end.sources[1]].name == f"{end.name}_shortcut"}
    for at, layer in enumerate(layers):
        if at in beside:
            continue
        if layer.kind != "residual":
            yield _layer_box(layer)
            continue
        through = layers[layer.sources[1]] if layer.sources[1] in beside else None
        source = through.sources[0] if through else layer.sources[1]
        name = layers[source].name if source >= 0 else before
        parts = (_beside_in_words(through.layer), counted(through.total, "parameter")) if through else ()
        facts = (f"+ {name}", *parts, f"→ {_shape(layer.output_shape)}")
        yield DiagramBox("residual", layer.name, facts, layer.output_shape, skips_from=name)


def _beside_in_words(layer: Layer) -> str:
    if not isinstance(layer, Conv2D):
        return "through a dense layer"
    return f"through 1 × 1{f', step {in_words(layer.strides)}' if layer.strides != 1 else ''}"


def _shape(shape: Shape) -> str:
    """Return a shape as texts of the report have it: ``28 × 28 × 9``."""
    return grouped(written(shape)).replace("×", " × ")


def _layer_box(layer: LayerComplexity) -> DiagramBox:
    kind = "output" if layer.name == "output" else layer.kind
    what, _, how = grouped(layer.configuration).replace("×", " × ").partition(", ")
    shape = f"→ {_shape(layer.output_shape)}" if layer.kind != "dense" else ""
    parameters = counted(layer.total, "parameter") if layer.total else ""
    return DiagramBox(kind, layer.name, tuple(filter(None, (what, how, shape, parameters))), layer.output_shape)


def _caption(complexity: Complexity, boxes: Sequence[DiagramBox]) -> str:
    kinds = [layer.kind for layer in complexity.layers[:-1]]
    convolutions = sum(kinds.count(kind) for kind in ("conv2d", "depthwise_conv2d", "separable_conv2d"))
    numbers = {"convolution": convolutions, "dense hidden layer": kinds.count("dense")}
    hidden = [counted(number, what) for what, number in numbers.items() if number]
    between = listed([counted(complexity.inputs, "input"), *hidden, f"{complexity.outputs} outputs"])
    drawn = " Layers in the middle are left out." if any(box.kind == "more" for box in boxes) else ""
    return f"{between}; {counted(complexity.total, 'parameter')}.{drawn}"


def _broken_into_lines(text: str, joint: str) -> list[str]:
    """Break a text after `joint` into lines of at most MOST_LETTERS characters; a longer word stays whole."""
    if len(text) <= MOST_LETTERS:
        return [text]
    lines = [""]
    for word in text.replace(joint, f"{joint}\0").split("\0"):
        if lines[-1] and len((lines[-1] + word).rstrip()) > MOST_LETTERS:
            lines.append("")
        lines[-1] += word
    return [line.strip() for line in lines]


def _paint(rows: Sequence[Sequence[DiagramBox]], heights: Sequence[float], height: float, figure: Figure) -> None:
    axes = panel(figure, 0, 0, PAGE, height)
    axes.set_xlim(0, PAGE)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    top, end = 0.5, None
    for row, tall in zip(rows, heights, strict=True):
        end = _paint_row(axes, row, top, end, alone=len(rows) == 1)
        top += tall + ROW_GAP


def _paint_row(axes: Axes, row: Sequence[DiagramBox], top: float, before: Point | None, *, alone: bool) -> Point:
    """Draw a row with its arrows, and return the right end of its last glyph.

    Args:
        top: the top of the row.
        before: the end of the row before, which an arrow connects with this row; None for the first row.
        alone: whether this is the only row, which is then centred.
    """
    needed = sum(box.width for box in row)
    spread = min((PAGE - 2 * MARGIN - needed) / len(row), 4.0) if len(row) > 1 else 0.0
    left = (PAGE - needed - spread * len(row)) / 2 if alone else MARGIN
    middle, end = top + PICTURE / 2, before
    ends: dict[str, Point] = {}
    for at, box in enumerate(row):
        width = box.width + spread
        centre = left + width / 2
        start = (centre - box.picture_width / 2, middle)
        GLYPHS[box.kind].paint(axes, box, centre, middle)
        if end is not None:
            between, right = top - ROW_GAP / 2, PAGE - 1.0
            turn = [(right, end[1]), (right, between), (1.0, between), (1.0, middle)] if at == 0 else []
            _arrow(axes, [end, *turn, start])
        for number, line in enumerate([*box.title, *box.lines]):
            weight, height = "bold" if number < len(box.title) else "normal", top + PICTURE + number * TEXT_LINE
            axes.text(centre, height, line, fontsize=SMALL, fontweight=weight, ha="center", va="top", color=BLACK)
        if source := ends.get(box.skips_from):
            _skip(axes, source, (centre, middle), top)
        end, left = (centre + box.picture_width / 2, middle), left + width
        ends[box.name] = end
    assert end is not None
    return end


def _arrow(axes: Axes, points: Sequence[Point]) -> None:
    clear = 0.8
    (x, y), *bends, (to_x, to_y) = points
    path = [(x + clear, y), *bends, (to_x - clear, to_y)]
    _line(axes, path[:-1], width=0.7)
    _head(axes, path)


def _head(axes: Axes, path: Sequence[Point]) -> None:
    head = {"arrowstyle": "-|>,head_length=0.28,head_width=0.14", "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", path[-1], path[-2], arrowprops={**head, "linewidth": 0.7, "color": BLACK})


def _skip(axes: Axes, start: Point, end: Point, top: float) -> None:
    """Draw the arrow from the end of a glyph over the boxes of a residual block down to the addition."""
    x, above = start[0] + 1.6, top - 0.4
    path = [(x, start[1]), (x, above), (end[0], above), (end[0], end[1] - PLUS - 0.3)]
    _line(axes, path[:-1], width=0.7)
    _head(axes, path)


def _line(axes: Axes, points: Sequence[Point], *, width: float, color: str = BLACK) -> None:
    axes.plot([x for x, _ in points], [y for _, y in points], color=color, linewidth=width, marker="")


LARGEST, SHIFT = 12.0, 0.75
"""The edge of an image of 28 pixels or more, and the distance between two planes of a stack."""
CIRCLE, PITCH, CIRCLES = 1.05, 2.6, 6
"""The radius of a neuron's circle, the distance between two circles, and the most circles drawn for a layer."""
COLUMN = 4.0
BELL_EDGE = 9.0
PALE, LIGHT, WHITE = "#cfe6f4", "#f7d9a8", "#ffffff"
PLUS = 2.4
"""The radius of the circle of an addition."""
STROKES = 7
"""The most HOG cells drawn along an edge."""


def _edge(shape: Shape) -> float:
    return LARGEST * math.sqrt(min(max(shape[:2]) / DEFAULT_IMAGE[0], 1))


def _stack_width(shape: Shape) -> float:
    return _edge(shape) + (_planes(shape) - 1) * SHIFT


def _planes(shape: Shape) -> int:
    return min(1 + round(math.log2(shape[2])), 8)


def _stack(axes: Axes, shape: Shape, x: float, y: float, *, convolution: bool) -> None:
    """Draw planes behind each other: filled and with a window for a convolution, white for pooling."""
    edge, whole = _edge(shape), _stack_width(shape)
    left, top = x - whole / 2, y + whole / 2 - edge
    for behind in reversed(range(_planes(shape))):
        _rectangle(axes, left + behind * SHIFT, top - behind * SHIFT, edge, edge, fill=PALE if convolution else WHITE)
    if convolution:
        _rectangle(axes, left + edge * 0.15, top + edge * 0.15, edge * 0.35, edge * 0.35, fill=WHITE)
    else:
        _cross(axes, left, top, edge, edge / 2, width=0.5)


def _cross(axes: Axes, left: float, top: float, edge: float, at: float, *, width: float) -> None:
    """Draw a vertical and a horizontal line through a square, both at the distance `at` from its upper left corner."""
    _line(axes, [(left + at, top), (left + at, top + edge)], width=width, color=GREY)
    _line(axes, [(left, top + at), (left + edge, top + at)], width=width, color=GREY)


def _grid(axes: Axes, x: float, y: float, cells: int) -> None:
    left, top = x - LARGEST / 2, y - LARGEST / 2
    _rectangle(axes, left, top, LARGEST, LARGEST, fill=WHITE)
    for line in range(1, cells):
        _cross(axes, left, top, LARGEST, line * (LARGEST / cells), width=0.3)


def _strokes(axes: Axes, x: float, y: float, cells: int) -> None:
    """Draw a square of HOG cells with a stroke in each one, for the direction of its edges."""
    drawn = max(min(cells, STROKES), 1)
    _grid(axes, x, y, drawn)
    left, top, step = x - LARGEST / 2, y - LARGEST / 2, LARGEST / drawn
    for row in range(drawn):
        for column in range(drawn):
            angle = math.pi * (row * 3 + column * 2) / 8
            dx, dy = 0.36 * step * math.cos(angle), 0.36 * step * math.sin(angle)
            cx, cy = left + (column + 0.5) * step, top + (row + 0.5) * step
            _line(axes, [(cx - dx, cy - dy), (cx + dx, cy + dy)], width=0.8)


def _neurons(axes: Axes, units: int, x: float, y: float, *, dropped: bool = False) -> None:
    """Draw a column of circles: dots stand for those beyond CIRCLES, and dropout crosses out every second circle."""
    from matplotlib.patches import Circle

    many, drawn = units > CIRCLES, min(units, CIRCLES)
    first = y - (drawn - 1) * PITCH / 2
    for at in range(drawn):
        if many and at == CIRCLES // 2:
            continue
        middle, crossed = first + at * PITCH, dropped and at % 2 == 1
        style, fill = (0, (1.5, 1)) if crossed else "-", WHITE if dropped else LIGHT
        axes.add_patch(Circle((x, middle), CIRCLE, facecolor=fill, edgecolor=BLACK, linewidth=0.6, linestyle=style))
        if crossed:
            arm = CIRCLE * 0.7
            for slope in (arm, -arm):
                _line(axes, [(x - arm, middle - slope), (x + arm, middle + slope)], width=0.6)
    if many:
        middle = first + CIRCLES // 2 * PITCH
        for dot in (-0.7, 0, 0.7):
            axes.add_patch(Circle((x, middle + dot), 0.18, facecolor=BLACK, edgecolor=BLACK, linewidth=0))


def _bar(axes: Axes, x: float, y: float) -> None:
    cells, wide, tall = 9, 1.7, PITCH * CIRCLES
    for at in range(cells):
        _rectangle(axes, x - wide / 2, y - tall / 2 + at * tall / cells, wide, tall / cells, fill=WHITE)


def _curve(axes: Axes, x: float, y: float, points: Sequence[Point]) -> None:
    """Draw a curve in a square frame; its points lie in -1..1, y upwards."""
    edge = BELL_EDGE
    _rectangle(axes, x - edge / 2, y - edge / 2, edge, edge, fill=WHITE)
    _line(axes, [(x + across * edge * 0.42, y - up * edge * 0.36) for across, up in points], width=0.8)


BELL = [(z / 3, 1.95 * math.exp(-z * z / 2) - 1) for z in (-3 + 6 * at / 40 for at in range(41))]
BEND = [(-1.0, -0.6), (0.0, -0.6), (1.0, 0.9)]
NOISE = [(-1 + at / 8, (0.1, -0.5, 0.7, -0.2, 0.4, -0.8, 0.9, -0.4, 0.2)[at * 4 % 9]) for at in range(17)]
"""A normal distribution, a ReLU, and random numbers."""


def _frames(axes: Axes, shape: Shape, x: float, y: float) -> None:
    """Draw an image with zeros around it: a square in a larger one."""
    edge = _edge(shape)
    _rectangle(axes, x - edge / 2, y - edge / 2, edge, edge, fill=WHITE)
    _rectangle(axes, x - edge * 0.36, y - edge * 0.36, edge * 0.72, edge * 0.72, fill=PALE)


def _dropped_planes(axes: Axes, shape: Shape, x: float, y: float) -> None:
    """Draw planes behind each other, every second one crossed out."""
    edge, whole = _edge(shape), _stack_width(shape)
    left, top = x - whole / 2, y + whole / 2 - edge
    for behind in reversed(range(_planes(shape))):
        at, over = left + behind * SHIFT, top - behind * SHIFT
        _rectangle(axes, at, over, edge, edge, fill=WHITE)
        if behind % 2 == 0:
            _line(axes, [(at, over), (at + edge, over + edge)], width=0.6)
            _line(axes, [(at, over + edge), (at + edge, over)], width=0.6)


def _plus(axes: Axes, x: float, y: float) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle((x, y), PLUS, facecolor=WHITE, edgecolor=BLACK, linewidth=0.8))
    for across, down in ((PLUS * 0.6, 0.0), (0.0, PLUS * 0.6)):
        _line(axes, [(x - across, y - down), (x + across, y + down)], width=0.9)


def _rectangle(axes: Axes, left: float, top: float, wide: float, tall: float, *, fill: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((left, top), wide, tall, facecolor=fill, edgecolor=BLACK, linewidth=0.6))


@dataclass(frozen=True)
class Glyph:
    """The picture of one kind of box.

    Attributes:
        width: the picture's width in millimetres, or a function that returns it for the shape of the layer's output.
        paint: draws the picture of a box around a point.
    """

    width: float | Callable[[Shape], float]
    paint: Callable[[Axes, DiagramBox, float, float], object]


CONVOLUTION = Glyph(_stack_width, lambda axes, box, x, y: _stack(axes, box.shape, x, y, convolution=True))
POOLING = Glyph(_stack_width, lambda axes, box, x, y: _stack(axes, box.shape, x, y, convolution=False))
VECTOR = Glyph(COLUMN, lambda axes, _, x, y: _bar(axes, x, y))


def _curve_glyph(points: Sequence[Point]) -> Glyph:
    return Glyph(BELL_EDGE, lambda axes, _, x, y: _curve(axes, x, y, points))


GLYPHS: dict[str, Glyph] = {
    "dense": Glyph(COLUMN, lambda axes, box, x, y: _neurons(axes, box.shape[0], x, y)),
    "dropout": Glyph(COLUMN, lambda axes, _, x, y: _neurons(axes, CIRCLES, x, y, dropped=True)),
    "spatial_dropout2d": Glyph(_stack_width, lambda axes, box, x, y: _dropped_planes(axes, box.shape, x, y)),
    "gaussian_noise": _curve_glyph(NOISE),
    "batch_normalization": _curve_glyph(BELL),
    "layer_normalization": _curve_glyph(BELL),
    "activation": _curve_glyph(BEND),
    "conv2d": CONVOLUTION,
    "depthwise_conv2d": CONVOLUTION,
    "separable_conv2d": CONVOLUTION,
    "max_pooling2d": POOLING,
    "average_pooling2d": POOLING,
    "global_average_pooling2d": VECTOR,
    "global_max_pooling2d": VECTOR,
    "zero_padding2d": Glyph(_edge, lambda axes, box, x, y: _frames(axes, box.shape, x, y)),
    "flatten": VECTOR,
    "residual": Glyph(2 * PLUS, lambda axes, _, x, y: _plus(axes, x, y)),
    "output": Glyph(COLUMN, lambda axes, box, x, y: _neurons(axes, box.shape[0], x, y)),
    "input": Glyph(LARGEST, lambda axes, _, x, y: _grid(axes, x, y, 7)),
    "hog": Glyph(LARGEST, lambda axes, box, x, y: _strokes(axes, x, y, box.cells)),
    "more": Glyph(COLUMN, lambda axes, _, x, y: axes.text(x, y, "…", ha="center", va="center", color=BLACK)),
}
"""The glyph of each layer kind, of the output, and of boxes that are not layers: image, features, layers left out."""
