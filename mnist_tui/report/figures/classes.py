"""Draw the results by class: the confusion matrix, the scores of the classes, and the misclassified images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures import drawing as draw
from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.runs.scores import Counts, accuracy, in_words, recalls, total, worst_confusions
from mnist_tui.wording import count, counted, percent

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from mnist_tui.report.evidence import Predictions


CELL_HEIGHT, WIDEST_CELL = 7.0, 11.0
MATRIX_TOP, RECALL_WIDTH, SCALE_WIDTH = 5.0, 13.0, 17.0
"""Millimetres above the cells, and for recall and the scale of the shades at their right."""
TICK_LENGTH, LABEL_WIDTH = 1.5, 5.0
LETTERS_LEVEL = 6
"""The most letters of class names that stand level below their columns; longer ones are turned."""
SLANT = 0.72
DARK = 0.6
"""From this shade on, numbers are white."""
FEW_SHARES = (0.0, 0.1, 0.5, 1.0)
SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


def confusion_figure(name: str, matrix: Counts, class_names: Sequence[str], what: str) -> Drawing:
    """Draw the confusion matrix: counts, shaded by their share of the true class, with the recall of each class.

    Args:
        matrix: counts; a row is a true class, a column a predicted one.
        what: the images counted, in words (``test images``, ``validation images, after epoch 7``).
    """
    counts = tuple(tuple(map(int, row)) for row in matrix)
    names = [draw.one_line(label, 18) for label in class_names]
    share, images = accuracy(counts), total(counts)
    data = FigureData(
        ("true class (rows) / predicted class (columns)", *class_names, "images", "recall (1 = all)"),
        tuple(
            (label, *row, sum(row), recall)
            for label, row, recall in zip(class_names, counts, recalls(counts), strict=True)
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
    caption = (
        f"Confusion matrix ({what}): {result}. A row is a true class, a column a predicted one; "
        "shades are shares of the row, on a square root scale."
    )
    left = LABEL_WIDTH + draw.width_of(names) + TICK_LENGTH + draw.LETTER
    cell = min(WIDEST_CELL, (draw.PAGE - left - RECALL_WIDTH - SCALE_WIDTH) / len(names))
    cells = (left, cell * len(names), CELL_HEIGHT * len(names))
    below = draw.LINE if max(map(len, names)) <= LETTERS_LEVEL else SLANT * draw.width_of(names) + draw.LINE / 2
    height = MATRIX_TOP + cells[2] + TICK_LENGTH + below + LABEL_WIDTH
    size = (left + cells[1] + RECALL_WIDTH + SCALE_WIDTH, height)
    return Drawing(name, caption, alt, data, size, partial(_paint_matrix, counts, names, cells))


def _paint_matrix(counts: Counts, names: Sequence[str], cells: tuple[float, float, float], figure: Figure) -> None:
    """Paint the matrix; `cells` are the left edge, width and height of all cells together, in millimetres."""
    left, width, height = cells
    axes = draw.panel(figure, left, MATRIX_TOP, width, height)
    _draw_cells(axes, counts)
    axes.set_yticks(range(len(names)), names)
    turned: dict[str, Any] = (
        {} if max(map(len, names)) <= LETTERS_LEVEL else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    )
    axes.set_xticks(range(len(names)), names, **turned)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class (images)")
    axes.set_ylabel("true class")
    edge = len(counts) - 0.5 + 0.15
    axes.text(edge, -0.65, "recall", fontsize=draw.SMALL, color=draw.GREY, va="bottom")
    for row, recall in enumerate(recalls(counts)):
        axes.text(edge, row, percent(recall, 1), fontsize=draw.SMALL, va="center_baseline")
    scale = draw.panel(figure, left + width + RECALL_WIDTH + 3, MATRIX_TOP, 3.5, height)
    _shade_scale(scale, SHARES if len(names) > 5 else FEW_SHARES)


def _draw_cells(axes: Axes, counts: Counts) -> None:
    import numpy as np

    values = np.array(counts, float)
    tones = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1))
    edges = np.arange(len(values) + 1) - 0.5
    _shade(axes, edges, edges, np.ma.masked_equal(tones, 0), edgecolors="white", linewidth=0.5)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_aspect("auto")
    for row, column in np.ndindex(values.shape):
        number = counts[row][column]
        color = "white" if tones[row, column] >= DARK else draw.BLACK if number else draw.FAINT
        axes.text(column, row, f"{number:,}", ha="center", va="center_baseline", color=color, fontsize=draw.SMALL)
    draw.frame(axes)


def _shade_scale(axes: Axes, shares: Sequence[float]) -> None:
    import numpy as np

    edges = np.linspace(0, 1, 33)
    _shade(axes, [0, 1], edges, ((edges[:-1] + edges[1:]) / 2)[:, None], edgecolors="face", linewidth=0.3)
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks([share**0.5 for share in shares], [f"{100 * share:g} %" for share in shares], fontsize=draw.SMALL)
    axes.set_title("of the row", pad=5, fontsize=draw.SMALL, fontweight="normal", color=draw.GREY)
    draw.frame(axes)


def _shade(axes: Axes, columns: ArrayLike, rows: ArrayLike, tones: ArrayLike, **how: Any) -> None:
    """Fill the cells between the edges of columns and rows; a tone is 0 (white) to 1 (darkest)."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("shares", ["#ffffff", "#9ccbe8", draw.BLUE, "#003a5c"])
    axes.pcolormesh(columns, rows, tones, cmap=shades, vmin=0, vmax=1, **how)


SCORES_TOP, SCORES_LINE, SCORES_FOOT = 6.0, 5.0, 10.0
SCORE_MARKERS: dict[str, dict[str, Any]] = {
    "precision": {"marker": "s", "color": draw.BLUE},
    "recall": {"marker": "o", "color": draw.VERMILION, "markerfacecolor": "white"},
    "f1": {"marker": "|", "color": draw.BLACK, "markersize": 7, "markeredgewidth": 1.2},
}


def class_score_figure(name: str, rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Draw precision, recall and F1 of each class as three markers on one axis.

    Args:
        rows: one for each class, as in `results.json`: class, precision, recall, f1 (0 to 1, or None) and support
            (number of images).
    """
    headings = ("class", "precision (1 = all)", "recall (1 = all)", "F1 (1 = best)", "images")
    keys = ("class", "precision", "recall", "f1", "support")
    data = FigureData(headings, tuple(tuple(row[key] for key in keys) for row in rows))
    scored = [row for row in rows if draw.finite(row["f1"])]
    if not scored:
        return draw.without_data(
            name, "Scores of the classes.", "No class has a score, so there is none to draw.", data
        )
    best, worst = max(scored, key=lambda row: row["f1"]), min(scored, key=lambda row: row["f1"])
    alt = (
        f"Precision, recall and F1 of {counted(rows, 'class')}. Highest F1 {percent(best['f1'])} ({best['class']}), "
        f"lowest {percent(worst['f1'])} ({worst['class']})."
    )
    caption = (
        "Precision (of the images predicted as a class), recall (of the images of a class) and F1, on the test images."
    )
    height = SCORES_TOP + SCORES_LINE * len(rows) + SCORES_FOOT
    return Drawing(name, caption, alt, data, (draw.PAGE, height), partial(_paint_score, tuple(rows)))


def _paint_score(rows: Sequence[Mapping[str, Any]], figure: Figure) -> None:
    names = [draw.one_line(row["class"]) for row in rows]
    left = draw.width_of(names) + 4 * draw.LETTER
    axes = draw.panel(figure, left, SCORES_TOP, draw.PAGE - left - 3, SCORES_LINE * len(rows))
    shown: list[float] = []
    for score, how in SCORE_MARKERS.items():
        points = [(row[score], place) for place, row in enumerate(rows) if draw.finite(row[score])]
        shown += [value for value, _ in points]
        draw.draw_markers(axes, points, label=score.replace("f1", "F1"), clip_on=False, **how)
    axes.hlines(range(len(rows)), 0, 1, color=draw.FAINT, linewidth=0.5, zorder=0, transform=axes.get_yaxis_transform())
    axes.set_xlim(draw.share_limits(shown))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("score (%)")
    draw.percentages(axes.xaxis, 8)
    draw.legend(figure, left / draw.PAGE - 0.01, ncols=3, borderaxespad=0.1, handlelength=1.2, columnspacing=1.6)


MISTAKE_ROWS, MISTAKE_COLUMNS = 5, 10
PICTURE_EDGE, PICTURE_PIXELS, PICTURE_SPACE = 13.0, 28, 6
"""A picture's edge in millimetres and in pixels, and the pixels of the space right of it."""
PICTURE_PITCH = PICTURE_EDGE * (PICTURE_PIXELS + PICTURE_SPACE) / PICTURE_PIXELS
GREY_LEVELS = 16
MISTAKE_HEAD, MISTAKE_FOOT = draw.LINE + 1.0, draw.LINE + 1.0
"""Millimetres above a row for its confusion, and below it for probabilities."""


def mistake_figure(name: str, predictions: Predictions, class_names: Sequence[str]) -> Drawing:
    """Draw the most frequent confusions, each with the misclassified images that the network was surest of."""
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
    for confusion in confusions[:MISTAKE_ROWS]:
        pair = (confusion.true, confusion.predicted)
        places = [at for at in order if (true[at], wrong[at]) == pair][:MISTAKE_COLUMNS]
        rows.append((in_words(confusion), _picture_strip(images[places]), certainty[places].tolist()))
    worst = "; ".join(words for words, _, _ in rows[:3])
    alt = (
        f"Pictures of misclassified images, {count(len(true))} in all. Most frequent: {worst}. "
        f"The surest mistake has a probability of {percent(float(certainty[order[0]]))}."
    )
    shown = f"The {len(rows)} most frequent confusions" if len(confusions) > len(rows) else "All confusions"
    caption = (
        f"{shown}, with up to {MISTAKE_COLUMNS} images each, those first that the network was surest of; "
        "below an image the probability that it gave the wrong class."
    )
    height = len(rows) * (MISTAKE_HEAD + PICTURE_EDGE + MISTAKE_FOOT)
    return Drawing(name, caption, alt, data, (draw.PAGE, height), partial(_paint_mistakes, rows))


def _picture_strip(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Join pictures into one row, with a space right of each, in grey levels that print can distinguish."""
    import numpy as np

    spaced = np.pad(images, ((0, 0), (0, 0), (0, PICTURE_SPACE)))
    levels = np.rint(spaced / 255.0 * (GREY_LEVELS - 1)) * (255 / (GREY_LEVELS - 1))
    return np.hstack(list(np.rint(levels).astype(np.uint8)))


def _paint_mistakes(rows: Sequence[tuple[str, NDArray[np.uint8], list[float]]], figure: Figure) -> None:
    """Paint the pictures dark on white, like ink on paper, each in a frame with its probability below.

    Args:
        rows: a confusion's words, its pictures side by side in an image of 28 rows, and each picture's probability.
    """
    from matplotlib.patches import Rectangle

    for number, (words, strip, probabilities) in enumerate(rows):
        top = number * (MISTAKE_HEAD + PICTURE_EDGE + MISTAKE_FOOT) + MISTAKE_HEAD
        width = len(probabilities) * PICTURE_PITCH
        axes = draw.panel(figure, 0.5, top, width, PICTURE_EDGE)
        extent = (0, width, 0, PICTURE_EDGE)
        axes.imshow(strip, cmap="gray_r", vmin=0, vmax=255, interpolation="none", extent=extent, aspect="auto")
        for place, probability in enumerate(probabilities):
            left = place * PICTURE_PITCH
            edges = Rectangle((left, 0), PICTURE_EDGE, PICTURE_EDGE, fill=False, edgecolor=draw.GREY, linewidth=0.4)
            edges.set_clip_on(False)
            axes.add_patch(edges)
            axes.text(left + PICTURE_EDGE / 2, -0.8, percent(probability), ha="center", va="top", fontsize=draw.SMALL)
        axes.set_xlim(0, width)
        axes.set_ylim(0, PICTURE_EDGE)
        axes.set_axis_off()
        axes.text(0, PICTURE_EDGE + 1, draw.one_line(words, 90), va="bottom")
