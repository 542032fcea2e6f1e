"""Draw the results by class: the confusion matrix, the scores of the classes, and the misclassified images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures.drawing import (
    BLACK,
    BLUE,
    FAINT,
    GREY,
    LETTER,
    LINE,
    PAGE,
    SMALL,
    VERMILION,
    Drawing,
    FigureData,
    finite,
    one_line,
    panel,
    percentages,
    share_limits,
    width_of,
    without_data,
)
from mnist_tui.runs.scores import Confusion, accuracy, in_words, recalls, total, worst_confusions
from mnist_tui.wording import count, counted, percent

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray


Matrix = Sequence[Sequence[int]]
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


def confusion_figure(name: str, matrix: Matrix, class_names: Sequence[str], what: str) -> Drawing:
    """Draw the confusion matrix: counts, shaded by their share of the true class, with the recall of each class.

    Args:
        matrix: counts, rows the true class and columns the predicted one.
        class_names: one for each row.
        what: the images counted (``test images``, ``validation images, after epoch 7``).
    """
    counts = tuple(tuple(map(int, row)) for row in matrix)
    names = [one_line(label, 18) for label in class_names]
    share, images = accuracy(counts), total(counts)
    data = FigureData(
        ("true class (rows) / predicted class (columns)", *class_names, "images", "recall (1 = all)"),
        tuple(
            (label, *row, sum(row), recall)
            for label, row, recall in zip(class_names, counts, recalls(counts), strict=True)
        ),
    )
    if share is None:
        return without_data(
            name,
            f"Confusion matrix ({what}).",
            f"No image was counted ({what}), so there is no confusion matrix to draw.",
            data,
        )
    right = sum(row[index] for index, row in enumerate(counts))
    said = f"{count(right)} of {count(images)} right, {percent(share)}"
    worst = [in_words(one) for one in worst_confusions(counts, class_names, 3)]
    alt = f"Confusion matrix of {counted(counts, 'class')}, {what}: {said}. "
    alt += f"Most frequent confusions: {'; '.join(worst)}." if worst else "No image was confused."
    caption = (
        f"Confusion matrix ({what}): {said}. A row is a true class, a column a predicted one; "
        "shades are shares of the row, on a square root scale."
    )
    return Drawing(name, caption, alt, data, _matrix_size(names), partial(_paint_matrix, counts, names))


def _names_height(names: Sequence[str]) -> float:
    widest = width_of(names)
    return LINE if max(map(len, names)) <= LETTERS_LEVEL else SLANT * widest + LINE / 2


def _cells_left(names: Sequence[str]) -> float:
    return LABEL_WIDTH + width_of(names) + TICK_LENGTH + LETTER


def _cells_width(names: Sequence[str]) -> float:
    return min(WIDEST_CELL, (PAGE - _cells_left(names) - RECALL_WIDTH - SCALE_WIDTH) / len(names)) * len(names)


def _matrix_size(names: Sequence[str]) -> tuple[float, float]:
    height = MATRIX_TOP + CELL_HEIGHT * len(names) + TICK_LENGTH + _names_height(names) + LABEL_WIDTH
    return _cells_left(names) + _cells_width(names) + RECALL_WIDTH + SCALE_WIDTH, height


def _paint_matrix(counts: Matrix, names: Sequence[str], figure: Figure) -> None:
    left, width, height = _cells_left(names), _cells_width(names), CELL_HEIGHT * len(names)
    axes = panel(figure, left, MATRIX_TOP, width, height)
    _draw_cells(axes, counts)
    _class_names(axes, names)
    _write_recalls(axes, counts)
    _shade_scale(
        panel(figure, left + width + RECALL_WIDTH + 3, MATRIX_TOP, 3.5, height),
        SHARES if len(names) > 5 else FEW_SHARES,
    )


def _draw_cells(axes: Axes, counts: Matrix) -> None:
    import numpy as np

    values = np.array(counts, float)
    tones = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1))
    size = len(values)
    edges = np.arange(size + 1) - 0.5
    axes.pcolormesh(
        edges, edges, np.ma.masked_equal(tones, 0), cmap=_shades(), vmin=0, vmax=1, edgecolors="white", linewidth=0.5
    )
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_aspect("auto")
    for row, column in np.ndindex(values.shape):
        number = counts[row][column]
        dark = tones[row, column] >= DARK
        color = "white" if dark else BLACK if number else FAINT
        axes.text(
            column,
            row,
            f"{number:,}" if number else "0",
            ha="center",
            va="center_baseline",
            color=color,
            fontsize=SMALL,
        )
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=GREY)


def _class_names(axes: Axes, names: Sequence[str]) -> None:
    level = max(map(len, names)) <= LETTERS_LEVEL
    axes.set_yticks(range(len(names)), names)
    if level:
        axes.set_xticks(range(len(names)), names)
    else:
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class (images)")
    axes.set_ylabel("true class")


def _write_recalls(axes: Axes, counts: Matrix) -> None:
    right = len(counts) - 0.5 + 0.15
    axes.text(right, -0.65, "recall", fontsize=SMALL, color=GREY, va="bottom")
    for row, recall in enumerate(recalls(counts)):
        text = "–" if recall is None else f"{100 * recall:.1f} %"
        axes.text(right, row, text, fontsize=SMALL, va="center_baseline")


def _shade_scale(axes: Axes, shares: Sequence[float]) -> None:
    import numpy as np

    steps = 32
    edges = np.linspace(0, 1, steps + 1)
    axes.pcolormesh(
        [0, 1],
        edges,
        ((edges[:-1] + edges[1:]) / 2)[:, None],
        cmap=_shades(),
        vmin=0,
        vmax=1,
        edgecolors="face",
        linewidth=0.3,
    )
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks([share**0.5 for share in shares], [f"{100 * share:g} %" for share in shares], fontsize=SMALL)
    axes.set_title("of the row", pad=5, fontsize=SMALL, fontweight="normal", color=GREY)
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=GREY)


def _shades() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shares", ["#ffffff", "#9ccbe8", BLUE, "#003a5c"])


SCORES_TOP, SCORES_LINE, SCORES_FOOT = 6.0, 5.0, 10.0
SCORE_MARKERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("precision", {"marker": "s", "color": BLUE}),
    ("recall", {"marker": "o", "color": VERMILION, "markerfacecolor": "white"}),
    ("f1", {"marker": "|", "color": BLACK, "markersize": 7, "markeredgewidth": 1.2}),
)


def class_score_figure(name: str, rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Draw precision, recall and F1 of each class as three markers on one axis.

    Args:
        rows: as in `results.json`: class, precision, recall, f1 (0 to 1, or None) and support (images).
    """
    data = FigureData(
        ("class", "precision (1 = all)", "recall (1 = all)", "F1 (1 = best)", "images"),
        tuple((row["class"], row["precision"], row["recall"], row["f1"], row["support"]) for row in rows),
    )
    scored = [row for row in rows if finite(row["f1"])]
    if not scored:
        return without_data(name, "Scores of the classes.", "No class has a score, so there is none to draw.", data)
    best, worst = max(scored, key=lambda row: row["f1"]), min(scored, key=lambda row: row["f1"])
    alt = (
        f"Precision, recall and F1 of {counted(rows, 'class')}. Highest F1 {percent(best['f1'])} ({best['class']}), "
        f"lowest {percent(worst['f1'])} ({worst['class']})."
    )
    caption = (
        "Precision (of the images predicted as a class), recall (of the images of a class) and F1, on the test images."
    )
    height = SCORES_TOP + SCORES_LINE * len(rows) + SCORES_FOOT
    return Drawing(name, caption, alt, data, (PAGE, height), partial(_paint_score, tuple(rows)))


def _paint_score(rows: Sequence[Mapping[str, Any]], figure: Figure) -> None:
    names = [one_line(row["class"]) for row in rows]
    left = width_of(names) + 4 * LETTER
    axes = panel(figure, left, SCORES_TOP, PAGE - left - 3, SCORES_LINE * len(rows))
    shown: list[float] = []
    for score, look in SCORE_MARKERS:
        there = [(place, row[score]) for place, row in enumerate(rows) if finite(row[score])]
        shown += [value for _, value in there]
        axes.plot(
            [value for _, value in there],
            [place for place, _ in there],
            linestyle="",
            label=score.replace("f1", "F1"),
            clip_on=False,
            **look,
        )
    axes.hlines(range(len(rows)), 0, 1, color=FAINT, linewidth=0.5, zorder=0, transform=axes.get_yaxis_transform())
    axes.set_xlim(share_limits(shown))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("score (%)")
    percentages(axes.xaxis, 8)
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(left / PAGE - 0.01, 1),
        ncols=3,
        borderaxespad=0.1,
        handlelength=1.2,
        columnspacing=1.6,
    )


MISTAKE_ROWS, MISTAKE_COLUMNS = 5, 10
PICTURE_EDGE, PICTURE_PIXELS, PICTURE_SPACE = 13.0, 28, 6
"""A picture's edge in millimetres and in pixels, and the pixels of the space right of it."""
PICTURE_PITCH = PICTURE_EDGE * (PICTURE_PIXELS + PICTURE_SPACE) / PICTURE_PIXELS
GREY_LEVELS = 16
MISTAKE_HEAD, MISTAKE_FOOT = LINE + 1.0, LINE + 1.0
"""Millimetres above a row for its confusion, and below it for probabilities."""


@dataclass(frozen=True)
class _ConfusionRow:
    """One confusion: its words, and its pictures side by side.

    Attributes:
        strip: uint8, 28 rows; light on black.
        probabilities: of the wrong class, one for each picture.
    """

    words: str
    strip: NDArray[np.uint8]
    probabilities: tuple[float, ...]


def mistake_figure(  # noqa: PLR0917
    name: str,
    images: NDArray[np.uint8],
    labels: ArrayLike,
    predicted: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    *,
    totals: Sequence[int] | None = None,
) -> Drawing:
    """Draw the most frequent confusions, each with the images that the network was surest of.

    Args:
        images: uint8 ``(n, 28, 28)``, the misclassified images, light on black.
        labels, predicted: int ``(n,)``, their true and their predicted classes.
        probabilities: float ``(n,)`` of the predicted class, or ``(n, classes)``.
        totals: the number of images of each class; where given, shares are told.
    """
    import numpy as np

    true, said = np.asarray(labels, int), np.asarray(predicted, int)
    certainty = np.asarray(probabilities, float)
    if certainty.ndim == 2:
        certainty = certainty[np.arange(len(said)), said]
    wrong = true != said
    images, true, said, certainty = images[wrong], true[wrong], said[wrong], certainty[wrong]
    order = np.argsort(-np.nan_to_num(certainty), kind="stable")
    pairs, numbers = np.unique(np.stack([true, said]), axis=1, return_counts=True)
    found = sorted(
        (
            Confusion(int(t), int(p), str(class_names[t]), str(class_names[p]), int(n), totals[t] if totals else 0)
            for t, p, n in zip(*pairs, numbers, strict=True)
        ),
        key=lambda one: (-one.count, -one.share, one.true, one.predicted),
    )
    data = FigureData(
        ("true class", "predicted class", "images confused", "images of the true class"),
        tuple((one.true_name, one.predicted_name, one.count, one.total or None) for one in found),
    )
    if not found:
        return without_data(
            name, "Misclassified images.", "No image was misclassified, so there is none to show.", data
        )
    rows: list[_ConfusionRow] = []
    for one in found[:MISTAKE_ROWS]:
        places = [place for place in order if true[place] == one.true and said[place] == one.predicted][
            :MISTAKE_COLUMNS
        ]
        rows.append(
            _ConfusionRow(
                _confusion_in_words(one), _picture_strip(images[places]), tuple(map(float, certainty[places]))
            )
        )
    worst = "; ".join(_confusion_in_words(one) for one in found[:3])
    surest = float(certainty[order[0]])
    alt = (
        f"Pictures of misclassified images, {count(len(true))} in all. Most frequent: {worst}. "
        f"The surest mistake has a probability of {percent(surest)}."
    )
    shown = f"The {len(rows)} most frequent confusions" if len(found) > len(rows) else "All confusions"
    caption = (
        f"{shown}, with up to {MISTAKE_COLUMNS} images each, those first that the network was surest of; "
        "below an image the probability that it gave the wrong class."
    )
    height = len(rows) * (MISTAKE_HEAD + PICTURE_EDGE + MISTAKE_FOOT)
    return Drawing(name, caption, alt, data, (PAGE, height), partial(_paint_mistake, rows))


def _picture_strip(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put pictures in a row, a space right of each, in the grey levels that print tells apart."""
    import numpy as np

    spaced = np.pad(images, ((0, 0), (0, 0), (0, PICTURE_SPACE)))
    levels = np.rint(spaced / 255.0 * (GREY_LEVELS - 1)) * (255 / (GREY_LEVELS - 1))
    return np.hstack(list(np.rint(levels).astype(np.uint8)))


def _confusion_in_words(confusion: Confusion) -> str:
    """Return ``4 read as 9: 31 of 982, 3.2 %``; without the total where it is not known."""
    if confusion.total:
        return in_words(confusion)
    return f"{confusion.true_name} read as {confusion.predicted_name}: {counted(confusion.count, 'image')}"


def _paint_mistake(rows: Sequence[_ConfusionRow], figure: Figure) -> None:
    for number, row in enumerate(rows):
        top = number * (MISTAKE_HEAD + PICTURE_EDGE + MISTAKE_FOOT)
        _draw_pictures(
            panel(figure, 0.5, top + MISTAKE_HEAD, len(row.probabilities) * PICTURE_PITCH, PICTURE_EDGE), row
        )


def _draw_pictures(axes: Axes, row: _ConfusionRow) -> None:
    """Draw the pictures dark on white, like ink on paper, each in a frame with its probability below it."""
    from matplotlib.patches import Rectangle

    count = len(row.probabilities)
    axes.imshow(
        row.strip,
        cmap="gray_r",
        vmin=0,
        vmax=255,
        interpolation="none",
        extent=(0, count * PICTURE_PITCH, 0, PICTURE_EDGE),
        aspect="auto",
    )
    for place, probability in enumerate(row.probabilities):
        left = place * PICTURE_PITCH
        axes.add_patch(
            Rectangle((left, 0), PICTURE_EDGE, PICTURE_EDGE, fill=False, edgecolor=GREY, linewidth=0.4, clip_on=False)
        )
        axes.text(left + PICTURE_EDGE / 2, -0.8, percent(probability), ha="center", va="top", fontsize=SMALL)
    axes.set_xlim(0, count * PICTURE_PITCH)
    axes.set_ylim(0, PICTURE_EDGE)
    axes.set_axis_off()
    axes.text(0, PICTURE_EDGE + 1, one_line(row.words, 90), va="bottom")
