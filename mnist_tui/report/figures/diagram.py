"""Draw a network's architecture: from the image to the ten outputs, left to right, in as many rows as it takes.

Boxes are told apart by their forms, not by colours. All coordinates are millimetres, y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mnist_tui.experiment.complexity import Complexity, LayerComplexity
from mnist_tui.experiment.shapes import IMAGE_EDGE, Shape, hog_cells, written
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report.figures.drawing import BLACK, GREY, LETTER, PAGE, POINTS, SMALL, Drawing, FigureData, panel
from mnist_tui.wording import counted, grouped, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MARGIN, GAP, ARROW = 5.5, 2.5, 6.0
"""Millimetres left and right of a row, between two texts, and at least between two glyphs, for their arrow."""
PICTURE, TEXT_LINE, ROW_GAP = 18.0, SMALL * 25.4 / 72 * 1.22, 6.0
SMALL_LETTER = LETTER * SMALL / POINTS * 1.04
MOST_LETTERS = 18
"""The most letters on a line below a glyph."""
MOST_BOXES, FIRST_BOXES, LAST_BOXES = 28, 18, 8
"""Of more than the most boxes, only the first and the last are drawn."""
HEADINGS = ("layer", "type", "configuration", "inputs", "output", "parameters")


@dataclass(frozen=True)
class DiagramBox:
    """One box of the diagram.

    Attributes:
        kind: a layer's kind, or ``input``, ``hog``, ``output`` or ``more``.
        name: its heading.
        facts: configuration, output and parameters; a long one is broken into lines.
        shape: of its output for one image.
        cells: for ``hog``, the number of cells along an edge.
    """

    kind: str
    name: str
    facts: tuple[str, ...]
    shape: Shape
    cells: int = 0

    @property
    def title(self) -> list[str]:
        return _broken_into_lines(self.name, "_")

    @property
    def lines(self) -> list[str]:
        return [line for fact in self.facts for line in _broken_into_lines(fact, " ")]

    @property
    def width(self) -> float:
        """The millimetres that it takes in a row."""
        texts = max(SMALL_LETTER * max(map(len, self.lines), default=0), SMALL_LETTER * 1.1 * max(map(len, self.title)))
        return max(texts + GAP, self.picture_width + ARROW)

    @property
    def picture_width(self) -> float:
        return glyph_width(self.kind, self.shape)

    @property
    def height(self) -> float:
        return PICTURE + TEXT_LINE * (len(self.title) + len(self.lines))


def diagram_figure(name: str, experiment: Experiment, complexity: Complexity) -> Drawing:
    """Draw the architecture of an experiment's model.

    Args:
        name: the drawing's name.
        experiment: gives the features, which come first.
        complexity: the counts of its model.
    """
    nodes = _boxes(experiment, complexity)
    rows = divide_into_rows([node.width for node in nodes], PAGE - 2 * MARGIN)
    placed: list[list[DiagramBox]] = [[nodes[at] for at in row] for row in rows]
    heights = [max(node.height for node in row) for row in placed]
    data = FigureData(HEADINGS, tuple(_data_row(layer) for layer in complexity.layers))
    height = sum(heights) + ROW_GAP * (len(rows) - 1) + 1
    seen = "; ".join(": ".join([node.name, ", ".join(node.facts)]) for node in nodes)
    alt = f"Diagram of the network from its input to its output. {seen}."
    return Drawing(name, _caption(complexity, nodes), alt, data, (PAGE, height), partial(_paint, placed, heights))


def divide_into_rows(widths: Sequence[float], most: float) -> list[list[int]]:
    """Divide boxes into as few rows of at most `most` millimetres as possible, about equally wide.

    Returns:
        The indices of the boxes, row by row.
    """
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
    used = 0.0
    for at, width in enumerate(widths):
        if rows[-1] and used + width > most:
            rows.append([])
            used = 0.0
        rows[-1].append(at)
        used += width
    return rows


def _boxes(experiment: Experiment, complexity: Complexity) -> list[DiagramBox]:
    edge = IMAGE_EDGE
    nodes = [DiagramBox("input", "image", (f"{edge}×{edge} pixels",), (edge, edge, 1))]
    features = experiment.features
    if isinstance(features, HogFeatures):
        cells, block = hog_cells(features.pixels_per_cell), features.cells_per_block
        blocks = () if block == 1 else (f"{block}×{block} cells per block",)
        facts = (f"{cells}×{cells} cells", counted(features.orientations, "orientation"), *blocks)
        nodes.append(
            DiagramBox("hog", "HOG features", (*facts, f"→ {complexity.inputs:,}"), (complexity.inputs,), cells)
        )
    nodes += [_layer_box(layer) for layer in complexity.layers]
    if len(nodes) <= MOST_BOXES:
        return nodes
    left_out = len(nodes) - FIRST_BOXES - LAST_BOXES
    return [
        *nodes[:FIRST_BOXES],
        DiagramBox("more", "…", (f"{counted(left_out, 'layer')} more",), ()),
        *nodes[-LAST_BOXES:],
    ]


def _layer_box(layer: LayerComplexity) -> DiagramBox:
    kind = "output" if layer.name == "output" else layer.kind
    what, _, how = grouped(layer.configuration).partition(", ")
    facts = [part for part in (what, how) if part]
    if layer.kind != "dense":
        facts.append(f"→ {grouped(written(layer.output_shape))}")
    if layer.total:
        facts.append(counted(layer.total, "parameter"))
    return DiagramBox(kind, layer.name, tuple(facts), layer.output_shape)


def _data_row(layer: LayerComplexity) -> tuple[object, ...]:
    return (layer.name, layer.kind, layer.configuration, layer.inputs, written(layer.output_shape), layer.total)


def _caption(complexity: Complexity, nodes: Sequence[DiagramBox]) -> str:
    hidden = [layer for layer in complexity.layers[:-1] if layer.kind in ("dense", "conv2d")]
    convolutions = sum(layer.kind == "conv2d" for layer in hidden)
    dense = len(hidden) - convolutions
    said = [counted(convolutions, "convolution")] if convolutions else []
    said += [counted(dense, "dense hidden layer")] if dense else []
    between = listed([counted(complexity.inputs, "input"), *said, f"{complexity.outputs} outputs"])
    scale = "Planes and circles stand for channels and neurons; their number is not to scale."
    drawn = " Layers in the middle are left out." if any(node.kind == "more" for node in nodes) else ""
    return f"Architecture: {between}; {counted(complexity.total, 'parameter')}. {scale}{drawn}"


def _broken_into_lines(text: str, joint: str) -> list[str]:
    """Break a text behind `joint` into lines of at most WIDEST letters; a longer word stays whole."""
    if len(text) <= MOST_LETTERS:
        return [text]
    lines = [""]
    for word in text.replace(joint, f"{joint}\0").split("\0"):
        if lines[-1] and len((lines[-1] + word).rstrip()) > MOST_LETTERS:
            lines.append("")
        lines[-1] += word
    return [line.strip() for line in lines]


def _paint(rows: Sequence[Sequence[DiagramBox]], heights: Sequence[float], figure: Figure) -> None:
    height = sum(heights) + ROW_GAP * (len(rows) - 1) + 1
    axes = panel(figure, 0, 0, PAGE, height)
    axes.set_xlim(0, PAGE)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    top, entry = 0.5, None
    for row, tall in zip(rows, heights, strict=True):
        entry = _paint_row(axes, row, top, entry, alone=len(rows) == 1)
        top += tall + ROW_GAP


def _paint_row(
    axes: Axes, row: Sequence[DiagramBox], top: float, entry: tuple[float, float] | None, *, alone: bool
) -> tuple[float, float]:
    """Draw a row with its arrows, and return where its last glyph ends.

    Args:
        axes: in millimetres, y downwards.
        top: of the row.
        entry: where the row before ended.
        alone: whether it is the only row, which stands in the middle.
    """
    taken = sum(node.width for node in row)
    spread = min((PAGE - 2 * MARGIN - taken) / len(row), 4.0) if len(row) > 1 else 0.0
    left = (PAGE - taken - spread * len(row)) / 2 if alone else MARGIN
    middle, before = top + PICTURE / 2, entry
    for at, node in enumerate(row):
        width = node.width + spread
        centre = left + width / 2
        start, end = centre - node.picture_width / 2, centre + node.picture_width / 2
        paint_glyph(axes, node.kind, node.shape, centre, middle, cells=node.cells)
        if at == 0 and before is not None:
            _turn(axes, before, (start, middle), top - ROW_GAP / 2)
        elif before is not None:
            _arrow(axes, [before, (start, middle)])
        _write_texts(axes, node, centre, top + PICTURE)
        before, left = (end, middle), left + width
    assert before is not None
    return before


def _write_texts(axes: Axes, node: DiagramBox, centre: float, top: float) -> None:
    for number, line in enumerate([*node.title, *node.lines]):
        weight = "bold" if number < len(node.title) else "normal"
        axes.text(
            centre,
            top + number * TEXT_LINE,
            line,
            fontsize=SMALL,
            fontweight=weight,
            ha="center",
            va="top",
            color=BLACK,
        )


def _turn(axes: Axes, start: tuple[float, float], end: tuple[float, float], between: float) -> None:
    """Draw an arrow from the end of a row, through the space between, to the start of the next."""
    right, left = PAGE - 1.0, 1.0
    (x, y), (to_x, to_y) = start, end
    _arrow(axes, [(x, y), (right, y), (right, between), (left, between), (left, to_y), (to_x, to_y)])


def _arrow(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    *bends, last = points
    clear = 0.8
    first = (bends[0][0] + clear, bends[0][1])
    path = [first, *bends[1:], (last[0] - clear, last[1])]
    axes.plot([x for x, _ in path[:-1]], [y for _, y in path[:-1]], color=BLACK, linewidth=0.7, marker="")
    axes.annotate(
        "",
        path[-1],
        path[-2],
        arrowprops={
            "arrowstyle": "-|>,head_length=0.28,head_width=0.14",
            "linewidth": 0.7,
            "color": BLACK,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


LARGEST, SHIFT = 12.0, 0.75
"""Edge of an image of 28 pixels, and the distance between two planes of a stack."""
CIRCLE, PITCH, CIRCLES = 1.05, 2.6, 6
"""Radius of a neuron, the distance between two, and the most circles drawn for a layer."""
COLUMN = 4.0
BELL_EDGE = 9.0
PALE, LIGHT, WHITE = "#cfe6f4", "#f7d9a8", "#ffffff"
STROKES = 7
"""The most HOG cells drawn along an edge."""


def glyph_width(kind: str, shape: Shape) -> float:
    """Return the width of a box's picture."""
    return _glyph(kind).width(shape)


def paint_glyph(axes: Axes, kind: str, shape: Shape, x: float, y: float, *, cells: int = 0) -> None:
    """Draw a box's picture around the point (x, y).

    Args:
        axes: in millimetres, y downwards.
        kind: of a layer, or ``input``, ``hog``, ``output``, ``more``.
        shape: of the layer's output for one image.
        x, y: the picture's middle.
        cells: for ``hog``, along an edge.
    """
    if kind == "hog":
        _strokes(axes, x, y, cells)
    else:
        _glyph(kind).paint(axes, shape, x, y)


def _edge(shape: Shape) -> float:
    return LARGEST * math.sqrt(shape[0] / IMAGE_EDGE)


def _planes(shape: Shape) -> int:
    """Return the number of planes drawn for the channels: more for more channels, at most 8."""
    return min(1 + round(math.log2(shape[2])), 8)


def _stack(axes: Axes, shape: Shape, x: float, y: float, *, convolution: bool) -> None:
    """Draw planes one behind the other: filled and with a window for a convolution, white for pooling."""
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
    """Draw a square of cells, and return its left and upper edge."""
    left, top, step = x - LARGEST / 2, y - LARGEST / 2, LARGEST / cells
    _square(axes, left, top, LARGEST, WHITE)
    for line in range(1, cells):
        axes.plot([left + line * step] * 2, [top, top + LARGEST], color=GREY, linewidth=0.3, marker="")
        axes.plot([left, left + LARGEST], [top + line * step] * 2, color=GREY, linewidth=0.3, marker="")
    return left, top


def _strokes(axes: Axes, x: float, y: float, cells: int) -> None:
    """Draw a stroke in each cell, at a right angle to its gradient."""
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
    """Draw a column of circles; of many, dots stand for the rest, and for dropout every second one is crossed out."""
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
    """Draw a vector as a narrow bar of cells."""
    cells, wide, tall = 9, 1.7, PITCH * CIRCLES
    for at in range(cells):
        _rectangle(axes, x - wide / 2, y - tall / 2 + at * tall / cells, wide, tall / cells, fill=WHITE)


def _bell(axes: Axes, x: float, y: float) -> None:
    """Draw a normal distribution in a frame, for batch normalisation."""
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


def _stack_width(shape: Shape) -> float:
    return _edge(shape) + (_planes(shape) - 1) * SHIFT


def _wide(width: float) -> Callable[[Shape], float]:
    return lambda shape: width


@dataclass(frozen=True)
class Glyph:
    """How a kind of box is drawn.

    Attributes:
        width: of the picture, from the shape of the layer's output.
        paint: draws it on axes around a point, from that shape.
    """

    width: Callable[[Shape], float]
    paint: Callable[[Axes, Shape, float, float], object]


GLYPHS: dict[str, Glyph] = {
    "dense": Glyph(_wide(COLUMN), lambda axes, shape, x, y: _neurons(axes, shape[0], x, y)),
    "dropout": Glyph(_wide(COLUMN), lambda axes, _, x, y: _neurons(axes, CIRCLES, x, y, dropped=True)),
    "batch_normalization": Glyph(_wide(BELL_EDGE), lambda axes, _, x, y: _bell(axes, x, y)),
    "conv2d": Glyph(_stack_width, lambda axes, shape, x, y: _stack(axes, shape, x, y, convolution=True)),
    "max_pooling2d": Glyph(_stack_width, lambda axes, shape, x, y: _stack(axes, shape, x, y, convolution=False)),
    "flatten": Glyph(_wide(COLUMN), lambda axes, _, x, y: _bar(axes, x, y)),
}
"""The picture of each layer kind."""
_OTHERS: dict[str, Glyph] = {
    "output": GLYPHS["dense"],
    "input": Glyph(_wide(LARGEST), lambda axes, _, x, y: _grid(axes, x, y, 7)),
    "hog": Glyph(_wide(LARGEST), lambda *_: None),
    "more": Glyph(_wide(COLUMN), lambda axes, _, x, y: axes.text(x, y, "…", ha="center", va="center", color=BLACK)),
}


def _glyph(kind: str) -> Glyph:
    return GLYPHS[kind] if kind in GLYPHS else _OTHERS[kind]
