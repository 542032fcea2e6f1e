"""Draw the reliability diagram: how often networks are right, by how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from mnist_tui.report.figures import drawing as draw
from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.report.figures.epochs import LEGEND_COLUMNS, LEGEND_LABEL, RUN_STYLES
from mnist_tui.runs.statistics import Calibration
from mnist_tui.wording import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT, WIDTH, HEIGHT, FOOT = 15.0, 62.0, 26.0, 11.0
SECOND = LEFT + WIDTH + 19.0


def reliability_figure(name: str, networks: Sequence[tuple[str, Calibration]], images: str = "test images") -> Drawing:
    """Draw accuracy over probability in bins, and the share of the images in each bin.

    Args:
        networks: a label and a calibration for each network, at most as many as RUN_STYLES.
        images: the images in words.
    """
    headings = ("run", "probability above", "at most", "images", "mean probability", "accuracy (1 = all)")
    rows = tuple(
        (label, each.low, each.high, each.images, each.confidence, each.accuracy)
        for label, calibration in networks
        for each in calibration.bins
    )
    caption = (
        "Left: the share of right answers by the probability of the predicted class, in bins of equal width; on the "
        "dashed diagonal, a network is right as often as its probabilities say. Right: the share of the "
        f"{images} in each bin."
    )
    errors = "; ".join(f"{label}: calibration error {percent(calibration.error)}" for label, calibration in networks)
    top = math.ceil(len(networks) / LEGEND_COLUMNS) * draw.LINE + 4
    size = (draw.PAGE, top + HEIGHT + FOOT)
    paint = partial(_paint, tuple(networks), images, top)
    return Drawing(name, caption, f"{caption} {errors}.", FigureData(headings, rows), size, paint)


def _paint(networks: tuple[tuple[str, Calibration], ...], images: str, top: float, figure: Figure) -> None:
    reliability, shares = (draw.panel(figure, left, top, WIDTH, HEIGHT) for left in (LEFT, SECOND))
    reliability.plot([0, 1], [0, 1], color=draw.GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    for (label, calibration), style in zip(networks, RUN_STYLES, strict=False):
        full = [each for each in calibration.bins if each.images]
        total = sum(each.images for each in full)
        points = [(each.confidence, each.accuracy) for each in full]
        reliability.plot(*zip(*points, strict=True), label=draw.one_line(label, LEGEND_LABEL), **style)
        middles = [(each.low + each.high) / 2 for each in calibration.bins]
        shares.plot(middles, [each.images / total for each in calibration.bins], **style)
    for axes, words in ((reliability, "right answers (%)"), (shares, f"{images} (%)")):
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("probability of the predicted class (%)")
        axes.set_ylabel(words)
        draw.percentages(axes.xaxis)
        draw.percentages(axes.yaxis)
    draw.legend(figure, LEFT / draw.PAGE - 0.012, ncols=LEGEND_COLUMNS, borderaxespad=0.2, handlelength=3.2)
