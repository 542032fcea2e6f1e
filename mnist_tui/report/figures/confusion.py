"""A confusion matrix: a count in every cell, shaded by its share of the true class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.report.figures.style import (
    BLACK,
    BLUE,
    FAINT,
    GREY,
    LETTER,
    LINE,
    PAGE,
    SMALL,
    empty,
    one_line,
    panel,
    width_of,
)
from mnist_tui.runs.scores import accuracy, in_words, recalls, total, worst_confusions
from mnist_tui.wording import count, counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Matrix = Sequence[Sequence[int]]
CELL_HEIGHT, WIDEST_CELL = 7.0, 11.0
MATRIX_TOP, RECALL_WIDTH, SCALE_WIDTH = 5.0, 13.0, 17.0
"""Millimetres above the cells, and for recall and the scale of the shades at their right."""
TICK_LENGTH, LABEL_WIDTH = 1.5, 5.0
LETTERS_LEVEL = 6
"""Class names up to this long stand level below their columns; longer ones are turned."""
SLANT = 0.72
DARK = 0.6
"""From this tone on, numbers are white."""
FEW_SHARES = (0.0, 0.1, 0.5, 1.0)
SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


def confusion_figure(name: str, matrix: Matrix, class_names: Sequence[str], what: str) -> Drawing:
    """The matrix with the recall of each class beside it.

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
        why = f"No image was counted ({what}), so there is no confusion matrix to draw."
        return Drawing(name, f"Confusion matrix ({what}).", why, data, (PAGE, 30.0), empty(why))
    right = sum(row[index] for index, row in enumerate(counts))
    said = f"{count(right)} of {count(images)} right, {percent(share)}"
    worst = [in_words(one) for one in worst_confusions(counts, class_names, 3)]
    alt = f"Confusion matrix of {counted(counts, 'class')}, {what}: {said}. "
    alt += f"Most frequent confusions: {'; '.join(worst)}." if worst else "No image was confused."
    caption = (
        f"Confusion matrix ({what}): {said}. A row is a true class, a column a predicted one; "
        "shades are shares of the row, on a square root scale."
    )
    return Drawing(name, caption, alt, data, _matrix_size(names), _matrix_painter(counts, names))


def _names_height(names: Sequence[str]) -> float:
    """Millimetres that the names below the columns need."""
    widest = width_of(names)
    return LINE if max(map(len, names)) <= LETTERS_LEVEL else SLANT * widest + LINE / 2


def _cells_left(names: Sequence[str]) -> float:
    return LABEL_WIDTH + width_of(names) + TICK_LENGTH + LETTER


def _cells_width(names: Sequence[str]) -> float:
    """The width of all cells, in millimetres."""
    return min(WIDEST_CELL, (PAGE - _cells_left(names) - RECALL_WIDTH - SCALE_WIDTH) / len(names)) * len(names)


def _matrix_size(names: Sequence[str]) -> tuple[float, float]:
    height = MATRIX_TOP + CELL_HEIGHT * len(names) + TICK_LENGTH + _names_height(names) + LABEL_WIDTH
    return _cells_left(names) + _cells_width(names) + RECALL_WIDTH + SCALE_WIDTH, height


def _matrix_painter(counts: Matrix, names: Sequence[str]) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
        left, width, height = _cells_left(names), _cells_width(names), CELL_HEIGHT * len(names)
        axes = panel(figure, left, MATRIX_TOP, width, height)
        _draw_cells(axes, counts)
        _class_names(axes, names)
        _write_recalls(axes, counts)
        _shade_scale(
            panel(figure, left + width + RECALL_WIDTH + 3, MATRIX_TOP, 3.5, height),
            SHARES if len(names) > 5 else FEW_SHARES,
        )

    return paint


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
    """The share of each class that was recognised, right of its row."""
    right = len(counts) - 0.5 + 0.15
    axes.text(right, -0.65, "recall", fontsize=SMALL, color=GREY, va="bottom")
    for row, recall in enumerate(recalls(counts)):
        text = "–" if recall is None else f"{100 * recall:.1f} %"
        axes.text(right, row, text, fontsize=SMALL, va="center_baseline")


def _shade_scale(axes: Axes, shares: Sequence[float]) -> None:
    """What the shades mean."""
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
