"""A network's architecture as a drawing: from the image to the ten outputs, left to right, in as many rows as it takes.

What is drawn for a layer is `diagram_glyphs`' job; where it stands and what is said of it is told here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_tui.experiment.complexity import Complexity, LayerComplexity
from mnist_tui.experiment.shapes import IMAGE_EDGE, Shape, hog_cells, written
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report.complexity.words import with_separators
from mnist_tui.report.figures import diagram_glyphs
from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.report.figures.style import BLACK, LETTER, PAGE, POINTS, SMALL, panel
from mnist_tui.wording import counted, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN, GAP, ARROW = 5.5, 2.5, 6.0
"""Millimetres left and right of a row, between two texts, and between two glyphs for their arrow at least."""
PICTURE, TEXT_LINE, ROW_GAP = 18.0, SMALL * 25.4 / 72 * 1.22, 6.0
SMALL_LETTER = LETTER * SMALL / POINTS * 1.04
WIDEST = 18
"""Letters on a line below a glyph, before it is broken."""
MOST, FIRST, LAST = 28, 18, 8
"""A network of more boxes is drawn by its first and its last."""
HEADINGS = ("layer", "type", "configuration", "inputs", "output", "parameters")


@dataclass(frozen=True)
class DiagramBox:
    """One box of the diagram.

    Attributes:
        kind: what is drawn: a layer's kind, ``input``, ``hog``, ``output`` or ``more``.
        name: its heading.
        facts: configuration, output and parameters, each a line or, broken, more.
        shape: of its output for one image.
        cells: for ``hog``, along an edge.
    """

    kind: str
    name: str
    facts: tuple[str, ...]
    shape: Shape
    cells: int = 0

    @property
    def title(self) -> list[str]:
        return _broken(self.name, "_")

    @property
    def lines(self) -> list[str]:
        return [line for fact in self.facts for line in _broken(fact, " ")]

    @property
    def width(self) -> float:
        """Millimetres that it takes in a row."""
        texts = max(SMALL_LETTER * max(map(len, self.lines), default=0), SMALL_LETTER * 1.1 * max(map(len, self.title)))
        return max(texts + GAP, self.picture_width + ARROW)

    @property
    def picture_width(self) -> float:
        return diagram_glyphs.glyph_width(self.kind, self.shape)

    @property
    def height(self) -> float:
        return PICTURE + TEXT_LINE * (len(self.title) + len(self.lines))


def diagram_figure(name: str, experiment: Experiment, complexity: Complexity) -> Drawing:
    """The architecture of an experiment's model.

    Args:
        name: the drawing's name.
        experiment: whose features come first.
        complexity: of its model.
    """
    nodes = _boxes(experiment, complexity)
    rows = divide_into_rows([node.width for node in nodes], PAGE - 2 * MARGIN)
    placed: list[list[DiagramBox]] = [[nodes[at] for at in row] for row in rows]
    heights = [max(node.height for node in row) for row in placed]
    data = FigureData(HEADINGS, tuple(_data(layer) for layer in complexity.layers))
    height = sum(heights) + ROW_GAP * (len(rows) - 1) + 1
    seen = "; ".join(": ".join([node.name, ", ".join(node.facts)]) for node in nodes)
    alt = f"Diagram of the network from its input to its output. {seen}."
    return Drawing(name, _caption(complexity, nodes), alt, data, (PAGE, height), _painter(placed, heights))


def divide_into_rows(widths: Sequence[float], most: float) -> list[list[int]]:
    """Places of boxes in rows no wider than `most`: as few rows as can be, and those about equally wide."""
    rows = _filled(widths, most)
    limit = max(sum(widths) / len(rows), *widths)
    while limit < most:
        tried = _filled(widths, limit)
        if len(tried) == len(rows):
            return tried
        limit += 1
    return rows


def _filled(widths: Sequence[float], most: float) -> list[list[int]]:
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
    if len(nodes) <= MOST:
        return nodes
    left_out = len(nodes) - FIRST - LAST
    return [*nodes[:FIRST], DiagramBox("more", "…", (f"{counted(left_out, 'layer')} more",), ()), *nodes[-LAST:]]


def _layer_box(layer: LayerComplexity) -> DiagramBox:
    kind = "output" if layer.name == "output" else layer.kind
    what, _, how = with_separators(layer.configuration).partition(", ")
    facts = [part for part in (what, how) if part]
    if layer.kind != "dense":
        facts.append(f"→ {with_separators(written(layer.output_shape))}")
    if layer.total:
        facts.append(counted(layer.total, "parameter"))
    return DiagramBox(kind, layer.name, tuple(facts), layer.output_shape)


def _data(layer: LayerComplexity) -> tuple[object, ...]:
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


def _broken(text: str, joint: str) -> list[str]:
    """The text in lines of WIDEST letters at most, broken behind `joint`; a longer word stays whole."""
    if len(text) <= WIDEST:
        return [text]
    lines = [""]
    for word in text.replace(joint, f"{joint}\0").split("\0"):
        if lines[-1] and len((lines[-1] + word).rstrip()) > WIDEST:
            lines.append("")
        lines[-1] += word
    return [line.strip() for line in lines]


def _painter(rows: Sequence[Sequence[DiagramBox]], heights: Sequence[float]) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
        height = sum(heights) + ROW_GAP * (len(rows) - 1) + 1
        axes = panel(figure, 0, 0, PAGE, height)
        axes.set_xlim(0, PAGE)
        axes.set_ylim(height, 0)
        axes.set_axis_off()
        top, entry = 0.5, None
        for row, tall in zip(rows, heights, strict=True):
            entry = _paint_row(axes, row, top, entry, alone=len(rows) == 1)
            top += tall + ROW_GAP

    return paint


def _paint_row(
    axes: Axes, row: Sequence[DiagramBox], top: float, entry: tuple[float, float] | None, *, alone: bool
) -> tuple[float, float]:
    """Draws a row, its arrows included, and says where the row's last glyph ends.

    Args:
        axes: in millimetres, y downwards.
        top: of the row.
        entry: where the row before ended.
        alone: a row that has the page to itself stands in its middle.
    """
    taken = sum(node.width for node in row)
    spread = min((PAGE - 2 * MARGIN - taken) / len(row), 4.0) if len(row) > 1 else 0.0
    left = (PAGE - taken - spread * len(row)) / 2 if alone else MARGIN
    middle, before = top + PICTURE / 2, entry
    for at, node in enumerate(row):
        width = node.width + spread
        centre = left + width / 2
        start, end = centre - node.picture_width / 2, centre + node.picture_width / 2
        diagram_glyphs.paint_glyph(axes, node.kind, node.shape, centre, middle, cells=node.cells)
        if at == 0 and before is not None:
            _turn(axes, before, (start, middle), top - ROW_GAP / 2)
        elif before is not None:
            _arrow(axes, [before, (start, middle)])
        _caption_of(axes, node, centre, top + PICTURE)
        before, left = (end, middle), left + width
    assert before is not None
    return before


def _caption_of(axes: Axes, node: DiagramBox, centre: float, top: float) -> None:
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
    """An arrow from the end of a row, through the space between, to the beginning of the next."""
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
