"""The accuracies of one experiment's seeds: each a point, their mean a line, their deviation a band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mnist_tui.report.figures.drawing import Drawing, Table
from mnist_tui.report.figures.style import BLACK, BLUE, GREY, PAGE, SMALL, empty, panel, percentages, share_limits
from mnist_tui.report.wording import counted, percent
from mnist_tui.runs.collection.groups import Spread, spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT, TOP, HEIGHT, FOOT = 14.0, 4.0, 42.0, 11.0
PLATE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
"""What keeps a number apart from a line behind it."""
WRITTEN = 14
"""Up to so many seeds, each point has its number beside it."""


def seeds(name: str, values: Sequence[tuple[float | None, ...]], others: Sequence[str] = ()) -> Drawing:
    """Test accuracy by seed.

    Args:
        values: for each seed its number, its test accuracy (0 to 1; None is left out of the drawing) and, for the data
            beside the figure, any number of other scores.
        others: the headings of those.
    """
    ordered = sorted(values, key=lambda one: one[0] or 0)
    data = Table(("seed", "test accuracy (1 = all)", *others), tuple((int(one[0] or 0), *one[1:]) for one in ordered))
    points = [(int(one[0] or 0), one[1]) for one in ordered]
    there = [(seed, accuracy) for seed, accuracy in points if accuracy is not None]
    found = spread(accuracy for _, accuracy in there)
    if found is None:
        why = "No seed has a test accuracy, so there is none to draw."
        return Drawing(name, "Test accuracy by seed.", why, data, (PAGE, 30.0), empty(why))
    low, high = min(there, key=lambda one: one[1]), max(there, key=lambda one: one[1])
    what = f"Test accuracy of {counted(found.n, 'seed')}: {in_words(found)}"
    caption = (
        f"{what}; the line is the mean{', the band one deviation to either side' if found.std is not None else ''}."
    )
    alt = f"{what}. Lowest {percent(low[1])} (seed {low[0]}), highest {percent(high[1])} (seed {high[0]})."
    return Drawing(name, caption, alt, data, (PAGE, TOP + HEIGHT + FOOT), _painter(there, found))


def in_words(found: Spread) -> str:
    """``mean 98.35 %, deviation 0.07 percentage points (of the sample, n = 10)``."""
    if found.std is None:
        return percent(found.mean)
    return (
        f"mean {percent(found.mean)}, deviation {100 * found.std:.2f} percentage points (of the sample, n = {found.n})"
    )


def _painter(points: Sequence[tuple[int, float]], found: Spread) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
        axes = panel(figure, LEFT, TOP, PAGE - LEFT - 26, HEIGHT)
        places = range(len(points))
        deviation = found.std or 0.0
        values = [accuracy for _, accuracy in points]
        if deviation:
            axes.axhspan(
                found.mean - deviation, found.mean + deviation, facecolor="#e3eef5", edgecolor="none", zorder=0
            )
            for edge, sign in ((found.mean - deviation, "−"), (found.mean + deviation, "+")):
                axes.axhline(edge, color=GREY, linewidth=0.5, linestyle=(0, (1, 1.5)), zorder=1)
                axes.annotate(f"mean {sign} deviation", (1, edge), (3, 0), xycoords=("axes fraction", "data"),
                              textcoords="offset points", fontsize=SMALL, va="center", color=GREY)  # fmt: skip
        axes.axhline(found.mean, color=BLACK, linewidth=0.8, zorder=1)
        axes.annotate(f"mean {percent(found.mean)}", (1, found.mean), (3, 0), xycoords=("axes fraction", "data"),
                      textcoords="offset points", fontsize=SMALL, va="center")  # fmt: skip
        axes.plot(places, values, linestyle="", marker="o", color=BLUE, markersize=4.5)
        if len(points) <= WRITTEN:
            for place, accuracy in zip(places, values, strict=True):
                axes.annotate(f"{100 * accuracy:.2f}", (place, accuracy), (0, 4), textcoords="offset points",
                              bbox=PLATE, fontsize=SMALL, ha="center", va="bottom")  # fmt: skip
        axes.set_xlim(-0.6, len(points) - 0.4)
        axes.set_ylim(share_limits([*values, found.mean - deviation, found.mean + deviation], least=0.002))
        every = -(-len(points) // 20)
        axes.set_xticks(places[::every], [str(seed) for seed, _ in points][::every])
        axes.tick_params(axis="x", length=0)
        axes.set_xlabel("seed")
        axes.set_ylabel("test accuracy (%)")
        percentages(axes.yaxis)

    return paint
