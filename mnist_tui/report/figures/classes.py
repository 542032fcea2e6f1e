"""Draw the results by class: the confusion matrix with the scores of the classes, and the misclassified images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures import drawing as draw
from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.runs.scores import Counts, accuracy, f1_scores, in_words, precisions, recalls, total, worst_confusions
from mnist_tui.wording import count, counted, percent

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from mnist_tui.runs.predictions import Predictions


CELL_HEIGHT, WIDEST_CELL = 4.2, 10.4
MATRIX_TOP, SCORE_WIDTH = 4.5, 13.5
"""Millimetres above the cells, and for each column of scores at their right."""
TICK_LENGTH, LABEL_WIDTH = 1.5, 5.0
SLANT = 0.72
FAINTEST, DARK = 0.15, 0.6
"""The shade of a single image where cells have no counts, and the one from which counts are white."""
SCORES = {"recall": recalls, "precision": precisions, "F1": f1_scores}
"""The scores of each class right of the matrix, each with the function that computes it from the counts."""
FEW_CLASSES, WIDE_CELL = 5, 60.0
"""The most classes whose cells have the count and its share, and the millimetres that such cells share."""
MOST_WITH_ZEROS = 10
"""The most classes whose empty cells have a 0."""
MOST_WITH_SCORES = 60
"""The most classes whose scores stand beside their rows; those of more would be too small to read."""
SMALLEST_LETTERS, SMALLEST_LABELS = 4.5, 3.5
"""Sizes of the smallest numbers in cells and of the smallest names of classes, in points."""
LEAST_ROW = 1.9
"""The smallest height of a row, in millimetres."""


@dataclass(frozen=True)
class MatrixMeasures:
    """The sizes of the parts of a confusion matrix on a page, in millimetres; of letters in points.

    Attributes:
        left: the edge of the cells.
        cell: width and height of a cell.
        numbers: the size of the counts in the cells; 0 if they have no room.
        labels: the size of the names of classes.
        turned: the degrees by which the names below the columns are turned: 0, 45 or 90.
        below: the height of these names.
        scores: the width of all scores.
    """

    left: float
    cell: tuple[float, float]
    numbers: float
    labels: float
    turned: int
    below: float
    scores: float


def matrix_measures(counts: Counts, names: Sequence[str]) -> MatrixMeasures:
    """Return the sizes with which a matrix fits the width of a page; cells without room for counts are shades only."""
    classes = len(names)
    scores = SCORE_WIDTH * len(SCORES) if classes <= MOST_WITH_SCORES else 0.0
    widest = WIDEST_CELL if classes > FEW_CLASSES else max(WIDEST_CELL, WIDE_CELL / classes)
    labels = draw.POINTS
    for labels in (draw.POINTS, 7.0, 6.0, 5.0, 4.5, 4.0, SMALLEST_LABELS):
        left = LABEL_WIDTH + draw.width_of(names) * labels / draw.POINTS + TICK_LENGTH + draw.LETTER
        width = min(widest, (draw.PAGE - left - scores) / classes)
        height = CELL_HEIGHT * (2 if classes <= FEW_CLASSES else 1)
        height = height if width >= CELL_HEIGHT else max(LEAST_ROW, width)
        if labels * draw.MILLIMETRES_PER_INCH / 72 <= min(width, height) * 1.05:
            break
    digits = max(len(f"{number:,}") for row in counts for number in row)
    fitting = (width - 0.6) / (digits * draw.LETTER / draw.POINTS)
    numbers = min(draw.SMALL, fitting, 1.1 * height * 72 / draw.MILLIMETRES_PER_INCH)
    names_width = draw.width_of(names) * labels / draw.POINTS
    turned = 0 if names_width <= width else 45 if width >= CELL_HEIGHT else 90
    below = {0: draw.LINE, 45: SLANT * names_width + draw.LINE / 2, 90: names_width + 1}[turned]
    numbers = numbers if numbers >= SMALLEST_LETTERS else 0.0
    return MatrixMeasures(left, (width, height), numbers, labels, turned, below, scores)


def confusion_figure(name: str, matrix: Counts, class_names: Sequence[str], what: str) -> Drawing:
    """Draw the confusion matrix: counts, shaded by their share of the true class, with recall, precision and F1.

    The cells of many classes are shades without counts; the scores of more than MOST_WITH_SCORES are left out.

    Args:
        matrix: counts; a row is a true class, a column a predicted one.
        what: the images counted, in words (``test images``, ``validation images, after epoch 7``).
    """
    counts = tuple(tuple(map(int, row)) for row in matrix)
    names = [draw.one_line(label, 18) for label in class_names]
    share, images = accuracy(counts), total(counts)
    data = FigureData(
        (
            "true class (rows) / predicted class (columns)",
            *class_names,
            *("images", "recall (1 = all)", "precision (1 = all)", "F1 (1 = best)"),
        ),
        tuple(
            (label, *row, sum(row), *scores)
            for label, row, *scores in zip(
                class_names, counts, *(score(counts) for score in SCORES.values()), strict=True
            )
        ),
    )
    if share is None:
        why = f"No image was counted ({what}), so there is no confusion matrix to draw."
        return draw.without_data(name, f"Confusion matrix ({what}).", why, data)
    right = sum(row[index] for index, row in enumerate(counts))
    result = f"{count(right)} of {count(images)} right, {percent(share)}"
    worst = [in_words(confusion) for confusion in worst_confusions(counts, class_names, 3)]
    confusions = f"Most frequent confusions: {'; '.join(worst)}." if worst else "No image was confused."
    alt = f"Confusion matrix of {counted(counts, 'class')}, {what}: {result}. {confusions}"
    measures = matrix_measures(counts, names)
    caption = f"Confusion matrix ({what}): {result}."
    cells = measures.cell[0] * len(names), measures.cell[1] * len(names)
    height = MATRIX_TOP + cells[1] + TICK_LENGTH + measures.below + LABEL_WIDTH
    size = (measures.left + cells[0] + measures.scores, height)
    return Drawing(name, caption, alt, data, size, partial(_paint_matrix, counts, names, measures))


def _paint_matrix(counts: Counts, names: Sequence[str], measures: MatrixMeasures, figure: Figure) -> None:
    width, height = (side * len(names) for side in measures.cell)
    axes = draw.panel(figure, measures.left, MATRIX_TOP, width, height)
    _draw_cells(axes, counts, measures)
    axes.set_yticks(range(len(names)), names, fontsize=measures.labels)
    turned: dict[int, dict[str, Any]] = {
        0: {},
        45: {"rotation": 45, "ha": "right", "rotation_mode": "anchor"},
        90: {"rotation": 90},
    }
    axes.set_xticks(range(len(names)), names, fontsize=measures.labels, **turned[measures.turned])
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class (images)" if measures.numbers else "predicted class")
    axes.set_ylabel("true class")
    if not measures.scores:
        return
    letters = min(draw.SMALL, measures.labels)
    for column, (score, of_classes) in enumerate(SCORES.items(), 1):
        edge = len(counts) - 0.5 + (column * SCORE_WIDTH - 1) * len(counts) / width
        heading = -0.5 - 0.66 / measures.cell[1]
        axes.text(edge, heading, score, fontsize=draw.SMALL, color=draw.GREY, va="bottom", ha="right")
        for row, value in enumerate(of_classes(counts)):
            text = percent(value, 1).removesuffix(" %")
            axes.text(edge, row, text, fontsize=letters, va="center_baseline", ha="right")


def _draw_cells(axes: Axes, counts: Counts, measures: MatrixMeasures) -> None:
    import numpy as np

    values = np.array(counts, float)
    shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    tones = np.sqrt(shares)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.set_aspect("auto")
    draw.frame(axes)
    if not measures.numbers:
        _draw_shades(axes, tones)
        return
    edges = np.arange(len(values) + 1) - 0.5
    _shade(axes, edges, edges, np.ma.masked_equal(tones, 0), edgecolors="white", linewidth=0.5)
    for row, column in np.ndindex(values.shape):
        number = counts[row][column]
        color = "white" if tones[row, column] >= DARK else draw.BLACK if number else draw.FAINT
        text = f"{number:,}" if number or len(values) <= MOST_WITH_ZEROS else ""
        if len(values) <= FEW_CLASSES:
            text += f"\n{percent(float(shares[row, column]), 1)}"
        va = "center" if "\n" in text else "center_baseline"
        axes.text(column, row, text, ha="center", va=va, color=color, fontsize=measures.numbers)


def _draw_shades(axes: Axes, tones: NDArray[np.float64]) -> None:
    """Fill the cells that are not empty, and draw thin lines between all: a small file also with many classes."""
    import numpy as np
    from matplotlib.collections import PolyCollection

    ends, between = (-0.5, len(tones) - 0.5), np.arange(1, len(tones)) - 0.5
    axes.hlines(between, *ends, color="#e4e4e4", linewidth=0.2)
    axes.vlines(between, *ends, color="#e4e4e4", linewidth=0.2)
    rows, columns = np.nonzero(tones)
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    squares = np.stack([columns, rows], axis=1)[:, None, :] + corners
    cells = PolyCollection(list(squares), cmap=_shades(), edgecolors="none")
    cells.set_array(FAINTEST + (1 - FAINTEST) * tones[rows, columns])
    cells.set_clim(0, 1)
    axes.add_collection(cells, autolim=False)


def _shade(axes: Axes, columns: ArrayLike, rows: ArrayLike, tones: ArrayLike, **how: Any) -> None:
    """Fill the cells between the edges of columns and rows; a tone is 0 (white) to 1 (darkest)."""
    axes.pcolormesh(columns, rows, tones, cmap=_shades(), vmin=0, vmax=1, **how)


def _shades() -> LinearSegmentedColormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shares", ["#ffffff", "#9ccbe8", draw.BLUE, "#003a5c"])


MISTAKE_COLUMNS, SIDE_BY_SIDE = 5, 2
"""The most images of a confusion, and the confusions beside each other."""
PICTURE_EDGE, PICTURE_SPACE = 12.0, 6 / 28
"""A picture's longer edge in millimetres, and the space right of it as a share of that."""
LEAST_PITCH = 9.0
"""Millimetres from one picture to the next, so that a probability has room below each."""
GREY_LEVELS = 16
MISTAKE_HEAD, MISTAKE_FOOT = draw.LINE + 1.0, draw.LINE + 1.0
"""Millimetres above a row for its confusion, and below it for probabilities."""


def mistake_figure(
    name: str, predictions: Predictions, class_names: Sequence[str], most: int, *, strokes: bool
) -> Drawing:
    """Draw the `most` most frequent confusions, each with the misclassified images that the network was surest of.

    Args:
        strokes: whether grey images show light strokes on black, which are drawn like ink on paper.
    """
    import numpy as np

    probabilities = predictions.probabilities[predictions.misclassified]
    true, wrong = predictions.labels[predictions.misclassified], probabilities.argmax(axis=1)
    certainty = probabilities.max(axis=1)
    confused = true != wrong
    images, true, wrong, certainty = predictions.images[confused], true[confused], wrong[confused], certainty[confused]
    order = np.argsort(-np.nan_to_num(certainty), kind="stable")
    counts = np.zeros((len(class_names), len(class_names)), int)
    np.add.at(counts, (true, wrong), 1)
    np.fill_diagonal(counts, np.bincount(predictions.labels, minlength=len(counts)) - counts.sum(axis=1))
    confusions = worst_confusions(counts.tolist(), class_names, counts.size)
    headings = ("true class", "predicted class", "images confused", "images of the true class")
    data = FigureData(headings, tuple((c.true_name, c.predicted_name, c.count, c.total) for c in confusions))
    if not confusions:
        why = "No image was misclassified, so there is none to show."
        return draw.without_data(name, "Misclassified images.", why, data)
    rows: list[tuple[str, NDArray[np.uint8], list[float]]] = []
    for confusion in confusions[:most]:
        pair = (confusion.true, confusion.predicted)
        places = [at for at in order if (true[at], wrong[at]) == pair][:MISTAKE_COLUMNS]
        rows.append(
            (in_words(confusion), _picture_strip(images[places], 0 if strokes else 255), certainty[places].tolist())
        )
    worst = "; ".join(words for words, _, _ in rows[:3])
    alt = (
        f"Pictures of misclassified images, {count(len(true))} in all. Most frequent: {worst}. "
        f"The surest mistake has a probability of {_probability(float(certainty[order[0]]))}."
    )
    shown = f"Images of the {len(rows)} most frequent confusions" if len(confusions) > len(rows) else "All confusions"
    edges = _picture_edges(images.shape[1:3])
    height = math.ceil(len(rows) / SIDE_BY_SIDE) * (MISTAKE_HEAD + edges[0] + MISTAKE_FOOT)
    paint = partial(_paint_mistakes, rows, edges, "gray_r" if strokes else "gray")
    return Drawing(name, f"{shown}.", alt, data, (draw.PAGE, height), paint)


def _picture_edges(shape: Sequence[int]) -> tuple[float, float, float]:
    """Return height and width of a picture in millimetres, and the width with the space right of it."""
    height, width = shape
    pixel = PICTURE_EDGE / max(shape)
    return height * pixel, width * pixel, (width + _space(shape)) * pixel


def _space(shape: Sequence[int]) -> int:
    """Return the pixels of the space right of a picture."""
    longest = max(shape)
    return math.ceil(max(PICTURE_SPACE * longest, LEAST_PITCH / PICTURE_EDGE * longest - shape[1]))


def _probability(value: float) -> str:
    """Return a probability in whole per cent; ``> 99 %`` for one that would be rounded to 100 %."""
    text = percent(value, 0)
    return "> 99 %" if text == percent(1, 0) else text


def _picture_strip(images: NDArray[np.uint8], blank: int) -> NDArray[np.uint8]:
    """Join pictures into one row, with a space right of each; grey ones in levels that print can distinguish."""
    import numpy as np

    space = (0, 0), (0, 0), (0, _space(images.shape[1:3]))
    if images.ndim == 4:
        return np.hstack(list(np.pad(images, (*space, (0, 0)), constant_values=blank)))
    levels = np.rint(images / 255.0 * (GREY_LEVELS - 1)) * (255 / (GREY_LEVELS - 1))
    return np.hstack(list(np.pad(np.rint(levels).astype(np.uint8), space, constant_values=blank)))


def _paint_mistakes(
    rows: Sequence[tuple[str, NDArray[np.uint8], list[float]]],
    edges: tuple[float, float, float],
    shades: str,
    figure: Figure,
) -> None:
    """Paint the pictures, each in a frame with its probability below.

    Args:
        rows: a confusion's words, its pictures side by side in one image, and each picture's probability.
        edges: a picture's height, width and distance to the next in millimetres.
        shades: matplotlib's colours for grey levels.
    """
    from matplotlib.patches import Rectangle

    tall, wide, pitch = edges
    for number, (words, strip, probabilities) in enumerate(rows):
        row, column = divmod(number, SIDE_BY_SIDE)
        top = row * (MISTAKE_HEAD + tall + MISTAKE_FOOT) + MISTAKE_HEAD
        left, width = 0.5 + column * draw.PAGE / SIDE_BY_SIDE, len(probabilities) * pitch
        axes = draw.panel(figure, left, top, width, tall)
        extent = (0, width, 0, tall)
        axes.imshow(strip, cmap=shades, vmin=0, vmax=255, interpolation="none", extent=extent, aspect="auto")
        for place, probability in enumerate(probabilities):
            start = place * pitch
            frame = Rectangle((start, 0), wide, tall, fill=False, edgecolor=draw.GREY, linewidth=0.4)
            frame.set_clip_on(False)
            axes.add_patch(frame)
            axes.text(start + wide / 2, -0.8, _probability(probability), ha="center", va="top", fontsize=draw.SMALL)
        axes.set_xlim(0, width)
        axes.set_ylim(0, tall)
        axes.set_axis_off()
        axes.text(0, tall + 1, draw.one_line(words, 52), va="bottom")
