"""Accuracies by seed: a point each, their mean a line, their deviation a band; the published ones beside ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.report.figures.style import (
    BLACK,
    BLUE,
    GREY,
    PAGE,
    SMALL,
    VERMILION,
    empty,
    panel,
    percentages,
    share_limits,
)
from mnist_tui.runs.collection.seed_groups import SeedStatistics, summary
from mnist_tui.wording import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEED_LEFT, SEED_TOP, SEED_HEIGHT, SEED_FOOT = 14.0, 4.0, 42.0, 11.0
SEED_RIGHT = 32.0
"""Room for the words beside the lines."""
NUMBER_BACKGROUND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
"""What keeps a number apart from a line behind it."""
MOST_NUMBERED = 14
"""Up to so many seeds, each point has its number beside it."""
WORD_HEIGHT = 3.2
"""Millimetres between the words of two lines."""
PUBLISHED_HEADING = "published test accuracy (1 = all)"


@dataclass(frozen=True)
class SeedAccuracies:
    """What is drawn, by seed.

    Attributes:
        ours, theirs: seed and test accuracy.
        mean, published: over ours and theirs; `published` is None where the source has none.
    """

    ours: tuple[tuple[int, float], ...]
    theirs: tuple[tuple[int, float], ...]
    mean: SeedStatistics
    published: SeedStatistics | None

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for seed, _ in (*self.ours, *self.theirs)}))


def seed_figure(
    name: str,
    values: Sequence[tuple[float | None, ...]],
    others: Sequence[str] = (),
    *,
    published: Sequence[float] = (),
) -> Drawing:
    """Test accuracy by seed.

    Args:
        values: for each seed its number, its test accuracy (0 to 1; None is left out of the drawing) and, for the data
            beside the figure, any number of other scores.
        others: the headings of those.
        published: the source's test accuracies, of seed 0, 1, …
    """
    ordered = sorted(values, key=lambda one: one[0] or 0)
    points = [(int(one[0] or 0), one[1]) for one in ordered]
    there = tuple((seed, accuracy) for seed, accuracy in points if accuracy is not None)
    theirs = tuple(enumerate(published))
    data = _seed_data(ordered, others, theirs)
    found = summary(accuracy for _, accuracy in there)
    if found is None:
        why = "No seed has a test accuracy, so there is none to draw."
        return Drawing(name, "Test accuracy by seed.", why, data, (PAGE, 30.0), empty(why))
    drawn = SeedAccuracies(there, theirs, found, summary(published))
    low, high = min(there, key=lambda one: one[1]), max(there, key=lambda one: one[1])
    what = f"Test accuracy of {counted(found.n, 'seed')}: {mean_in_words(found)}"
    beside = f"; diamonds and the dashed line: published, {mean_in_words(drawn.published)}" if drawn.published else ""
    band = ", the band one deviation to either side" if found.std is not None else ""
    caption = f"{what}; the line is the mean{band}{beside}."
    alt = f"{what}. Lowest {percent(low[1])} (seed {low[0]}), highest {percent(high[1])} (seed {high[0]})."
    alt += f" Published: {mean_in_words(drawn.published)}." if drawn.published else ""
    return Drawing(name, caption, alt, data, (PAGE, SEED_TOP + SEED_HEIGHT + SEED_FOOT), _seed_painter(drawn))


def _seed_data(
    ordered: Sequence[tuple[float | None, ...]], others: Sequence[str], theirs: Sequence[tuple[int, float]]
) -> FigureData:
    """The numbers beside the figure; a column of published ones where there are some."""
    headings, rows = ("seed", "test accuracy (1 = all)", *others), [(int(one[0] or 0), *one[1:]) for one in ordered]
    if not theirs:
        return FigureData(headings, tuple(rows))
    of_seed, ours = dict(theirs), {row[0] for row in rows}
    whole = [(*row, of_seed.get(int(row[0] or 0))) for row in rows]
    whole += [(seed, *[None] * (len(headings) - 1), value) for seed, value in theirs if seed not in ours]
    return FigureData((*headings, PUBLISHED_HEADING), tuple(whole))


def mean_in_words(found: SeedStatistics) -> str:
    """``mean 98.35 %, deviation 0.07 percentage points (of the sample, n = 10)``."""
    if found.std is None:
        return percent(found.mean)
    return (
        f"mean {percent(found.mean)}, deviation {100 * found.std:.2f} percentage points (of the sample, n = {found.n})"
    )


def _seed_painter(drawn: SeedAccuracies) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
        axes = panel(figure, SEED_LEFT, SEED_TOP, PAGE - SEED_LEFT - SEED_RIGHT, SEED_HEIGHT)
        found, theirs = drawn.mean, drawn.published
        deviation = found.std or 0.0
        places = {seed: at for at, seed in enumerate(drawn.seeds)}
        ends = [found.mean - deviation, found.mean + deviation]
        axes.set_ylim(share_limits([value for _, value in (*drawn.ours, *drawn.theirs)] + ends, least=0.002))
        words = [(found.mean, f"mean {percent(found.mean)}", BLACK)]
        if deviation:
            axes.axhspan(*ends, facecolor="#e3eef5", edgecolor="none", zorder=0)
            for edge, sign in zip(ends, "−+", strict=True):
                axes.axhline(edge, color=GREY, linewidth=0.5, linestyle=(0, (1, 1.5)), zorder=1)
                words.append((edge, f"mean {sign} deviation", GREY))
        axes.axhline(found.mean, color=BLACK, linewidth=0.8, zorder=1)
        if theirs is not None:
            axes.axhline(theirs.mean, color=VERMILION, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
            words.append((theirs.mean, f"published {percent(theirs.mean)}", VERMILION))
            axes.plot(
                [places[seed] + 0.28 for seed, _ in drawn.theirs],
                [value for _, value in drawn.theirs],
                linestyle="",
                marker="D",
                markerfacecolor="white",
                color=VERMILION,
                markersize=3.5,
            )
        axes.plot(
            [places[seed] for seed, _ in drawn.ours],
            [value for _, value in drawn.ours],
            linestyle="",
            marker="o",
            color=BLUE,
            markersize=4.5,
        )
        if len(drawn.ours) <= MOST_NUMBERED:
            for seed, accuracy in drawn.ours:
                axes.annotate(
                    f"{100 * accuracy:.2f}",
                    (places[seed], accuracy),
                    (0, 4),
                    textcoords="offset points",
                    bbox=NUMBER_BACKGROUND,
                    fontsize=SMALL,
                    ha="center",
                    va="bottom",
                )
        _write_beside(axes, words)
        axes.set_xlim(-0.6, len(places) - 0.4)
        every = -(-len(places) // 20)
        axes.set_xticks(list(places.values())[::every], [str(seed) for seed in places][::every])
        axes.tick_params(axis="x", length=0)
        axes.set_xlabel("seed")
        axes.set_ylabel("test accuracy (%)")
        percentages(axes.yaxis)

    return paint


def _write_beside(axes: Axes, words: Sequence[tuple[float, str, str]]) -> None:
    """The words at their heights right of the axes, moved up where they would lie on the ones below."""
    low, high = axes.get_ylim()
    least, free = WORD_HEIGHT / SEED_HEIGHT * (high - low), -1.0
    for height, text, colour in sorted(words):
        place = max(height, free)
        axes.annotate(
            text,
            (1, place),
            (3, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=SMALL,
            va="center",
            color=colour,
        )
        free = place + least
