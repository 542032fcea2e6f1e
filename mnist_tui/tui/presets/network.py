"""A network drawn as boxes from left to right, each with what the layer is and the size of its output."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from mnist_tui.experiment.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    LayerNormalization,
    MaxPooling2D,
    Residual,
    SeparableConv2D,
    SpatialDropout2D,
    ZeroPadding2D,
    in_words,
    sides,
)
from mnist_tui.experiment.shapes import Shape, hog_blocks, written
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.wording import counted, grouped

STYLES = ((" ─▶ ", 1), ("→", 0))
"""The arrow between two boxes and the blanks at both sides in a box: the second style is for little room."""
MOST_LINES = {"-tall": 21, "-medium": 6, "-short": 0}
"""The most lines of a drawing by the class of the window's height; a longer one is replaced by a line of text."""


@dataclass(frozen=True)
class NetworkBox:
    """A box of the drawing.

    Attributes:
        name: the kind of the layer.
        facts: what is written below the name, a line each.
        brief: the box in the line of text that replaces the drawing where there is no room.
        learns: whether the layer has weights.
    """

    name: str
    facts: tuple[str, ...]
    brief: str
    learns: bool = False

    @property
    def text_width(self) -> int:
        return max(map(len, (self.name, *self.facts)))


def boxes_of(experiment: Experiment) -> list[NetworkBox]:
    """Return the boxes of a network, from the image to the output.

    Layers that only add a fact, such as dropout, normalisation and flattening, stand in the box of the layer before
    them. A residual block is one box.
    """
    boxes = [_input_box(experiment)]
    for layer, shape in zip((*experiment.layers, experiment.output_layer), experiment.shapes()[1:], strict=True):
        if fact := _fact(layer, shape):
            boxes[-1] = _with(boxes[-1], fact)
        else:
            boxes.append(_layer_box(layer, grouped(written(shape))))
    boxes[-1] = replace(boxes[-1], name="output")
    return boxes


def _fact(layer: Layer, shape: Shape) -> str:
    """Return what a layer adds to the box of the layer before it; empty for a layer with a box of its own."""
    match layer:
        case Flatten():
            return f"flat {shape[0]:,}"
        case Dropout():
            return f"dropout {layer.rate:g}"
        case SpatialDropout2D():
            return f"sp. dropout {layer.rate:g}"
        case GaussianNoise():
            return f"noise {layer.stddev:g}"
        case BatchNormalization():
            return "batch norm."
        case LayerNormalization():
            return "layer norm."
        case Activation():
            return layer.activation
        case ZeroPadding2D():
            return f"zeros → {written(shape[:2])}"
        case _:
            return ""


def _input_box(experiment: Experiment) -> NetworkBox:
    features = experiment.features
    if isinstance(features, HogFeatures):
        blocks = written(hog_blocks(experiment.image_shape, features.pixels_per_cell, features.cells_per_block))
        inputs = f"{experiment.input_shape[0]:,}"
        orientations = features.cells_per_block**2 * features.orientations
        return NetworkBox("HOG", (f"{blocks}×{orientations}", f"flat {inputs}"), f"{inputs} HOG")
    height, width, channels = experiment.image_shape
    size = written((height, width) if channels == 1 else experiment.image_shape)
    flat = experiment.layers and isinstance(experiment.layers[0], Flatten)
    return NetworkBox("image", (size,), f"{math.prod(experiment.image_shape):,}" if flat else size)


def _with(box: NetworkBox, fact: str) -> NetworkBox:
    return replace(box, facts=(*box.facts, fact))


def _layer_box(layer: Layer, shape: str) -> NetworkBox:
    frozen = () if getattr(layer, "trainable", True) else ("frozen",)
    match layer:
        case Dense():
            units = f"{layer.units:,} {layer.activation}"
            return NetworkBox("dense", (units, *frozen), units, learns=True)
        case Conv2D() | SeparableConv2D():
            name = f"{'conv' if isinstance(layer, Conv2D) else 'sep. conv'} {sides(layer.kernel_size)}"
            filters = f"{layer.filters:,} {layer.activation}"
            return NetworkBox(name, (filters, *_step(layer), *frozen, shape), f"{name} {filters}", learns=True)
        case DepthwiseConv2D():
            name = f"dw. conv {sides(layer.kernel_size)}"
            facts = (layer.activation, *_step(layer), *frozen, shape)
            return NetworkBox(name, facts, f"{name} {layer.activation}", learns=True)
        case MaxPooling2D() | AveragePooling2D():
            name = f"{'pool' if isinstance(layer, MaxPooling2D) else 'mean'} {sides(layer.pool_size)}"
            return NetworkBox(name, (shape,), name)
        case GlobalMaxPooling2D():
            return NetworkBox("global pool", (shape,), "global pool")
        case GlobalAveragePooling2D():
            return NetworkBox("global mean", (shape,), "global mean")
        case Residual():
            inner = counted(len(layer.layers), "layer")
            return NetworkBox("residual", (f"+ {inner}", shape), f"residual of {inner}", learns=True)
        case _:
            return NetworkBox(layer.kind, (shape,), layer.kind)


def _step(layer: Conv2D | DepthwiseConv2D | SeparableConv2D) -> tuple[str, ...]:
    return () if layer.strides == 1 else (f"step {in_words(layer.strides)}",)


class NetworkDrawing(Widget):
    """The drawing of a network in as many rows as its width needs; one line of text where there is too little room."""

    DEFAULT_CSS = "NetworkDrawing { width: 1fr; height: auto; }"
    _boxes: Sequence[NetworkBox] = ()

    def show(self, boxes: Sequence[NetworkBox]) -> None:
        """Draw these boxes."""
        if boxes != self._boxes:
            before = len(self.lines(self.content_size.width))
            self._boxes = boxes
            self.refresh(layout=len(self.lines(self.content_size.width)) != before)

    def lines(self, width: int) -> list[Content]:
        """Return the lines of the drawing for a width in characters."""
        most = next((lines for height, lines in MOST_LINES.items() if self.screen.has_class(height)), 0)
        drawings = [drawn(self._boxes, width, arrow, blanks) for arrow, blanks in STYLES]
        fitting = [lines for lines in drawings if len(lines) <= most and all(len(line) <= width for line in lines)]
        return min(fitting, key=len) if fitting else list(_brief(self._boxes, width))

    def render(self) -> Content:
        return Content("\n").join(self.lines(self.content_size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width))


def drawn(boxes: Sequence[NetworkBox], width: int, arrow: str, blanks: int) -> list[Content]:
    """Return the lines of a drawing whose boxes stand beside each other in rows of at most `width` characters.

    Args:
        arrow: stands before each box but the first.
        blanks: the number of blanks between a box's border and its text, at each side.
    """
    rows, used = [list[NetworkBox]()], 0
    for box in boxes:
        needed = box.text_width + 2 * blanks + 2 + (len(arrow) if box is not boxes[0] else 0)
        if rows[-1] and used + needed > width:
            rows.append([])
            used = 0
        rows[-1].append(box)
        used += needed
    return [line for row in rows for line in _row(row, arrow, blanks, first=row is rows[0])]


def _row(row: Sequence[NetworkBox], arrow: str, blanks: int, *, first: bool) -> Iterator[Content]:
    height = max((len(box.facts) for box in row), default=0) + 1
    columns = [list(_box(box, height, blanks)) for box in row]
    for line in range(height + 2):
        between = Content.styled(arrow, "$text-muted") if line == (height + 1) // 2 else Content(" " * len(arrow))
        parts = ((between if at or not first else Content(""), column[line]) for at, column in enumerate(columns))
        yield Content.assemble(*(part for pair in parts for part in pair))


def _box(box: NetworkBox, height: int, blanks: int) -> Iterator[Content]:
    """Yield the lines of a box whose inside has `height` lines."""
    inner, frame = box.text_width + 2 * blanks, "$primary" if box.learns else "$border-blurred"
    texts = [Content.styled(f"{box.name:^{inner}}", "bold"), *(Content(f"{fact:^{inner}}") for fact in box.facts)]
    yield Content.styled(f"╭{'─' * inner}╮", frame)
    for line in range(height):
        text = texts[line] if line < len(texts) else Content(" " * inner)
        yield Content.assemble(("│", frame), text, ("│", frame))
    yield Content.styled(f"╰{'─' * inner}╯", frame)


def _brief(boxes: Sequence[NetworkBox], width: int) -> Iterator[Content]:
    """Yield the lines of text that replace the drawing: ``784 → 250 tanh → 10 softmax``."""
    line = ""
    for box in boxes:
        text = box.brief if box is boxes[0] else f" → {box.brief}"
        if line and len(line) + len(text) > width:
            yield Content(line)
            line = ""
        line += text
    yield Content(line)
