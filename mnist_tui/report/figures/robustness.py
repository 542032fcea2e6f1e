"""Draw the accuracy of networks on corrupted test images: a small panel for each corruption, over its strength."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from mnist_tui.experiment.corruptions import CORRUPTIONS, STRENGTHS
from mnist_tui.report.figures import drawing as draw
from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.report.figures.epochs import LEGEND_COLUMNS, LEGEND_LABEL, RUN_STYLES
from mnist_tui.runs.robustness import Robustness
from mnist_tui.wording import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT, WIDTH, HEIGHT, BETWEEN, TITLE, FOOT = 12.0, 33.0, 19.0, 3.5, 4.5, 9.0
COLUMNS = 4


def robustness_figure(name: str, networks: Sequence[tuple[str, Robustness]]) -> Drawing:
    """Draw accuracy over strength, a panel for each corruption and a line for each network.

    Args:
        networks: a label and what was measured for each network, at most as many as RUN_STYLES.
    """
    headings = ("run", "corruption", "strength", "accuracy (1 = all)")
    rows = tuple(
        (label, corruption, strength, accuracy)
        for label, found in networks
        for corruption in found.names
        for strength, accuracy in enumerate(found.curve(corruption))
    )
    caption = "Accuracy on the test images, corrupted at strengths from 0 (none) to 5."
    errors = "; ".join(f"{label}: mean error {percent(found.mean_error())}" for label, found in networks)
    names = [name for name in CORRUPTIONS if any(name in found.accuracies for _, found in networks)]
    lines = -(-len(names) // COLUMNS)
    top = math.ceil(len(networks) / LEGEND_COLUMNS) * draw.LINE + 2 if len(networks) > 1 else 0.0
    size = (draw.PAGE, top + lines * (TITLE + HEIGHT) + FOOT)
    paint = partial(_paint, tuple(networks), tuple(names), top)
    return Drawing(name, caption, f"{caption} {errors}.", FigureData(headings, rows), size, paint)


def _paint(networks: tuple[tuple[str, Robustness], ...], names: tuple[str, ...], top: float, figure: Figure) -> None:
    from matplotlib.lines import Line2D

    for at, name in enumerate(names):
        row, column = divmod(at, COLUMNS)
        left, upper = LEFT + column * (WIDTH + BETWEEN), top + TITLE + row * (TITLE + HEIGHT)
        axes = draw.panel(figure, left, upper, WIDTH, HEIGHT)
        for (_, found), style in zip(networks, RUN_STYLES, strict=False):
            if name in found.accuracies:
                (line,) = axes.plot(range(len(STRENGTHS) + 1), found.curve(name), **style)
                line.set_markersize(2.5)
        axes.set_ylim(-0.03, 1.03)
        axes.set_title(name, fontweight="normal", loc="left", pad=2)
        axes.set_xticks(range(len(STRENGTHS) + 1))
        draw.percentages(axes.yaxis, 3)
        if column == 0:
            axes.set_ylabel("accuracy (%)")
        else:
            axes.set_yticklabels([])
        if at + COLUMNS >= len(names):
            axes.set_xlabel("strength")
        else:
            axes.set_xticklabels([])
    if len(networks) > 1:
        pairs = zip(networks, RUN_STYLES, strict=False)
        lines = [Line2D([], [], label=draw.one_line(label, LEGEND_LABEL), **style) for (label, _), style in pairs]
        spaces = {"borderaxespad": 0.2, "handlelength": 3.2, "columnspacing": 1.6, "borderpad": 0.1}
        draw.legend(figure, LEFT / draw.PAGE - 0.012, handles=lines, ncols=LEGEND_COLUMNS, **spaces)
