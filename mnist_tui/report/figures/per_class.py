"""Precision, recall and F1 of each class, on one axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.report.figures.style import (
    BLACK,
    BLUE,
    FAINT,
    LETTER,
    PAGE,
    VERMILION,
    empty,
    finite,
    one_line,
    panel,
    percentages,
    share_limits,
    width_of,
)
from mnist_tui.wording import counted, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCORES_TOP, SCORES_LINE, SCORES_FOOT = 6.0, 5.0, 10.0
SCORE_MARKERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("precision", {"marker": "s", "color": BLUE}),
    ("recall", {"marker": "o", "color": VERMILION, "markerfacecolor": "white"}),
    ("f1", {"marker": "|", "color": BLACK, "markersize": 7, "markeredgewidth": 1.2}),
)


def class_score_figure(name: str, rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Three markers for each class.

    Args:
        rows: as `results.json` has them: class, precision, recall, f1 (0 to 1, or None) and support (images).
    """
    data = FigureData(
        ("class", "precision (1 = all)", "recall (1 = all)", "F1 (1 = best)", "images"),
        tuple((row["class"], row["precision"], row["recall"], row["f1"], row["support"]) for row in rows),
    )
    scored = [row for row in rows if finite(row["f1"])]
    if not scored:
        why = "No class has a score, so there is none to draw."
        return Drawing(name, "Scores of the classes.", why, data, (PAGE, 30.0), empty(why))
    best, worst = max(scored, key=lambda row: row["f1"]), min(scored, key=lambda row: row["f1"])
    alt = (
        f"Precision, recall and F1 of {counted(rows, 'class')}. Highest F1 {percent(best['f1'])} ({best['class']}), "
        f"lowest {percent(worst['f1'])} ({worst['class']})."
    )
    caption = (
        "Precision (of the images predicted as a class), recall (of the images of a class) and F1, on the test images."
    )
    height = SCORES_TOP + SCORES_LINE * len(rows) + SCORES_FOOT
    return Drawing(name, caption, alt, data, (PAGE, height), _score_painter(tuple(rows)))


def _score_painter(rows: Sequence[Mapping[str, Any]]) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
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

    return paint
