"""Draw what a network does with an image: maps over images, activations, and the nearest training images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mnist_tui.data.pictures import brightness
from mnist_tui.report.figures import drawing as draw
from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.runs.explanations import METHODS, HeatMap, NearestImages, Rgb, over, strongest
from mnist_tui.wording import listed

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

EDGE, GAP = 55.0, 8.0
"""Millimetres of a large picture's longer edge, and between two pictures."""
SCALE = 3.0
"""Millimetres of the width of a scale of colours."""
SMALL_EDGE, SMALL_PITCH = 15.0, 18.0
"""Millimetres of a small picture's longer edge, and from one to the next."""
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _over(image: NDArray[np.uint8], values: NDArray[np.float32], *, strokes: bool) -> NDArray[np.uint8]:
    paper, ink = (WHITE, BLACK) if strokes else (BLACK, WHITE)
    colours = {"positive": _rgb(draw.VERMILION), "negative": _rgb(draw.BLUE)}
    return over(brightness(image), values, paper=paper, ink=ink, **colours)


def _place(
    figure: Figure, picture: NDArray[np.uint8], left: float, top: float, edge: float, *, strokes: bool = False
) -> None:
    """Place a picture with a frame; grey levels are drawn like ink on paper, or from black to white."""
    height, width = (side * edge / max(picture.shape[:2]) for side in picture.shape[:2])
    axes = draw.panel(figure, left, top, width, height)
    axes.imshow(picture, cmap="gray_r" if strokes else "gray", vmin=0, vmax=255, interpolation="none", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    draw.frame(axes)


def map_figure(name: str, image: NDArray[np.uint8], answer: HeatMap, class_name: str, *, strokes: bool) -> Drawing:
    """Draw an image and, beside it, a map over it with its scale.

    Args:
        image: uint8 ``(height, width)``, or ``(height, width, 3)`` in colour.
        class_name: the class that is explained.
        strokes: whether the image shows light strokes on black, which are drawn like ink on paper.
    """
    method, most = METHODS[answer.method], strongest(answer.values)
    what = f"{method.title} for class {class_name}{f', layer {answer.layer}' if answer.layer else ''}"
    data = FigureData(("row", "column", "value"), tuple(_cells(answer.values)))
    caption = f"{what}. {method.shows}{f' ({method.paper})' if method.paper else ''}."
    height = EDGE * image.shape[0] / max(image.shape[:2])
    size = (2 * EDGE + 2 * GAP + SCALE + 24.0, height + 2 * draw.LINE)
    alt = f"{what}: the strongest value is {most:.3g}."
    return Drawing(name, caption, alt, data, size, partial(_paint_map, image, answer, what, strokes))


def _paint_map(image: NDArray[np.uint8], answer: HeatMap, what: str, strokes: bool, figure: Figure) -> None:
    import numpy as np

    method, most, top = METHODS[answer.method], strongest(answer.values), draw.LINE + 1.0
    draw.write(figure, 0.5, 0.5, what)
    _place(figure, image, 0.5, top, EDGE, strokes=strokes)
    _place(figure, _over(image, answer.values, strokes=strokes), EDGE + GAP, top, EDGE)
    height = EDGE * image.shape[0] / max(image.shape[:2])
    axes = draw.panel(figure, 2 * EDGE + 2 * GAP, top, SCALE, height)
    low = -most if method.signed else 0.0
    steps = np.linspace(most, low, 200, dtype=np.float32)[:, np.newaxis]
    blank = np.zeros(steps.shape, np.uint8)
    if most:
        colours = _over(blank, steps, strokes=strokes)
        axes.imshow(colours, extent=(0, 1, low, most), aspect="auto", interpolation="none")
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    units = {"occlusion": "fall of the probability (1 = all)", "gradcam": "Grad-CAM (score)"}
    axes.set_ylabel(units.get(answer.method, "|gradient| (score per pixel range)"))
    draw.frame(axes)


def _cells(values: NDArray[np.float32]) -> list[tuple[object, ...]]:
    return [(row, column, float(value)) for row, line in enumerate(values) for column, value in enumerate(line)]


def activation_figure(name: str, layer: str, values: NDArray[np.float32], units: Sequence[str]) -> Drawing:
    """Draw the outputs of a layer for an image: feature maps as pictures with one scale, other outputs as bars.

    Args:
        values: float32 ``(height, width, channels)`` or ``(units,)``.
        units: the names of the channels or units.
    """
    low, high = float(values.min()), float(values.max())
    what = f"Outputs of layer {layer}"
    alt = f"{what}, {len(units)} of them, from {low:.3g} to {high:.3g}."
    if values.ndim == 3:
        data = FigureData(
            ("channel", "least", "mean", "most"),
            tuple(
                (unit, float(values[..., at].min()), float(values[..., at].mean()), float(values[..., at].max()))
                for at, unit in enumerate(units)
            ),
        )
        columns = min(len(units), 8)
        pitch = SMALL_PITCH + draw.LINE
        size = (columns * SMALL_PITCH + 2.0, draw.LINE + math.ceil(len(units) / columns) * pitch)
        return Drawing(name, f"{what}.", alt, data, size, partial(_paint_maps, what, values, units, columns))
    data = FigureData(("unit", "output"), tuple(zip(units, map(float, values), strict=True)))
    return Drawing(name, f"{what}.", alt, data, (draw.PAGE, 60.0), partial(_paint_bars, what, values, units))


def _paint_maps(what: str, values: NDArray[np.float32], units: Sequence[str], columns: int, figure: Figure) -> None:
    import numpy as np

    low, high = min(float(values.min()), 0.0), float(values.max())
    draw.write(figure, 0.5, 0.5, f"{what}: white is {low:.3g}, black {high:.3g}")
    for at, unit in enumerate(units):
        row, column = divmod(at, columns)
        levels = np.rint(255 * (values[..., at] - low) / max(high - low, 1e-12)).astype(np.uint8)
        top, left = draw.LINE + 1 + row * (SMALL_PITCH + draw.LINE), 0.5 + column * SMALL_PITCH
        _place(figure, levels, left, top, SMALL_EDGE, strokes=True)
        draw.write(figure, left, top + SMALL_EDGE + 0.5, unit, fontsize=draw.SMALL)


def _paint_bars(what: str, values: NDArray[np.float32], units: Sequence[str], figure: Figure) -> None:
    draw.write(figure, 0.5, 0.5, what)
    axes = draw.panel(figure, 14.0, draw.LINE + 2, draw.PAGE - 16, 40.0)
    axes.bar(range(len(values)), values, color=[draw.BLUE if value >= 0 else draw.VERMILION for value in values])
    axes.set_ylabel("output")
    axes.set_xlim(-1, len(values))
    if len(units) <= 30 and not all(unit.isdecimal() for unit in units):
        axes.set_xticks(range(len(units)), [draw.one_line(unit, 10) for unit in units], rotation=45, ha="right")
    else:
        axes.set_xlabel("unit")


def nearest_figure(
    name: str, image: NDArray[np.uint8], answer: NearestImages, names: Sequence[str], *, strokes: bool
) -> Drawing:
    """Draw an image and its nearest training images, each with its class and its distance."""
    what = f"The nearest of {answer.count:,} training images by the outputs of {answer.layer} (Euclidean distance)"
    rows = tuple((each.number, names[each.label], each.distance) for each in answer.images)
    data = FigureData(("number", "class", "Euclidean distance"), rows)
    classes = ", ".join(names[each.label] for each in answer.images[:8])
    size = (9 * SMALL_PITCH + 2.0, draw.LINE + math.ceil(len(rows) / 8) * (SMALL_PITCH + draw.LINE))
    labels = [f"{draw.one_line(names[each.label], 6)}, {each.distance:.3g}" for each in answer.images]
    pictures = [image, *(each.pixels for each in answer.images)]
    paint = partial(_paint_nearest, what, pictures, ["the image", *labels], strokes)
    return Drawing(name, f"{what}.", f"{what}; their classes are {classes}.", data, size, paint)


def _paint_nearest(
    what: str, pictures: Sequence[NDArray[np.uint8]], labels: Sequence[str], strokes: bool, figure: Figure
) -> None:
    """Paint the image at the left, and the others in rows beside it."""
    draw.write(figure, 0.5, 0.5, what)
    for at, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        row, column = divmod(max(at - 1, 0), 8)
        left = 0.5 + (column + (at > 0)) * SMALL_PITCH
        top = draw.LINE + 1 + row * (SMALL_PITCH + draw.LINE)
        _place(figure, picture, left, top, SMALL_EDGE, strokes=strokes)
        draw.write(figure, left, top + SMALL_EDGE + 0.5, label, fontsize=draw.SMALL)


@dataclass(frozen=True, eq=False)
class ExplainedMistake:
    """A misclassified image, and maps for its true class and the one that it was predicted as.

    Attributes:
        pixels: uint8 ``(height, width)``, or ``(height, width, 3)`` in colour.
        true, predicted: the names of the classes.
        maps: the maps for the true and for the predicted class.
    """

    pixels: NDArray[np.uint8]
    true: str
    predicted: str
    maps: tuple[HeatMap, HeatMap]


@dataclass(frozen=True, eq=False)
class ExplainedRun:
    """Misclassified images of a run, each with its maps.

    Attributes:
        name: ``Run 1``.
        strokes: whether the images show light strokes on black.
    """

    name: str
    mistakes: tuple[ExplainedMistake, ...]
    strokes: bool


ACROSS = 3
"""The misclassified images beside each other in a report."""
REPORT_EDGE = 11.0
LEFT = 11.0
"""Millimetres of a picture's longer edge there, and of the names of runs."""


def mistakes_figure(name: str, runs: Sequence[ExplainedRun]) -> Drawing:
    """Draw misclassified images of runs, each with its maps for the true class and for the predicted one."""
    rows = tuple(
        (run.name, each.true, each.predicted, each.maps[0].method, *(strongest(one.values) for one in each.maps))
        for run in runs
        for each in run.mistakes
    )
    headings = ("run", "true class", "predicted class", "method", "strongest for the true", "for the predicted")
    pairs = "; ".join(f"{run}: {true} read as {predicted} ({method})" for run, true, predicted, method, *_ in rows)
    methods = listed(list(dict.fromkeys(METHODS[str(row[3])].title for row in rows)))
    caption = f"{methods} for misclassified images: the image, then the map for its true and for the predicted class."
    lines = sum(math.ceil(len(run.mistakes) / ACROSS) for run in runs)
    size = (draw.PAGE, lines * (REPORT_EDGE + 2 * draw.LINE + 0.5))
    return Drawing(name, caption, f"{caption} {pairs}.", FigureData(headings, rows), size, partial(_paint_runs, runs))


def _paint_runs(runs: Sequence[ExplainedRun], figure: Figure) -> None:
    line = 0
    for run in runs:
        for at, each in enumerate(run.mistakes):
            row, column = divmod(at, ACROSS)
            top = (line + row) * (REPORT_EDGE + 2 * draw.LINE + 0.5) + draw.LINE
            if column == row == 0:
                draw.write(figure, 0, top, run.name)
            left = LEFT + column * (draw.PAGE - LEFT) / ACROSS
            draw.write(figure, left, top - draw.LINE, draw.one_line(f"{each.true} read as {each.predicted}", 28))
            pictures = [each.pixels, *(_over(each.pixels, one.values, strokes=run.strokes) for one in each.maps)]
            texts = ("image", f"for {draw.one_line(each.true, 7)}", f"for {draw.one_line(each.predicted, 7)}")
            for place, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
                start = left + place * (REPORT_EDGE + 1.5)
                _place(figure, picture, start, top, REPORT_EDGE, strokes=run.strokes)
                draw.write(figure, start, top + REPORT_EDGE + 0.3, text, fontsize=draw.SMALL)
        line += math.ceil(len(run.mistakes) / ACROSS)
