"""The worst confusions as pictures: which images, and how sure the network was of the wrong class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.report.figures.style import GREY, LINE, PAGE, SMALL, empty, one_line, panel
from mnist_tui.runs.scores import Confusion, in_words
from mnist_tui.wording import count, counted, percent

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

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
    """The confusions with the most images, each with the images that the network was surest of.

    Args:
        images: uint8 ``(n, 28, 28)``, the misclassified ones, light on black.
        labels, predicted: ``(n,)``, their true and their predicted classes.
        probabilities: ``(n,)`` of the predicted class, or ``(n, classes)``.
        totals: for each class, how many images of it were looked at; where given, shares are told.
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
        why = "No image was misclassified, so there is none to show."
        return Drawing(name, "Misclassified images.", why, data, (PAGE, 30.0), empty(why))
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
    return Drawing(name, caption, alt, data, (PAGE, height), _mistake_painter(rows))


def _picture_strip(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures in a row, an empty space right of each, in the grey levels that print tells apart."""
    import numpy as np

    spaced = np.pad(images, ((0, 0), (0, 0), (0, PICTURE_SPACE)))
    levels = np.rint(spaced / 255.0 * (GREY_LEVELS - 1)) * (255 / (GREY_LEVELS - 1))
    return np.hstack(list(np.rint(levels).astype(np.uint8)))


def _confusion_in_words(confusion: Confusion) -> str:
    """``4 read as 9: 31 of 982, 3.2 %``; without the total where it is not known."""
    if confusion.total:
        return in_words(confusion)
    return f"{confusion.true_name} read as {confusion.predicted_name}: {counted(confusion.count, 'image')}"


def _mistake_painter(rows: Sequence[_ConfusionRow]) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
        for number, row in enumerate(rows):
            top = number * (MISTAKE_HEAD + PICTURE_EDGE + MISTAKE_FOOT)
            _draw_pictures(
                panel(figure, 0.5, top + MISTAKE_HEAD, len(row.probabilities) * PICTURE_PITCH, PICTURE_EDGE), row
            )

    return paint


def _draw_pictures(axes: Axes, row: _ConfusionRow) -> None:
    """Dark on white, as ink on paper is; each picture in a frame, its probability below it."""
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
