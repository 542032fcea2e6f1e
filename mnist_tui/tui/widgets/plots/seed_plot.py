"""Test accuracy by seed: a mark a seed and group, each group's mean as a line in a band one deviation to each side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mnist_tui.report.figures.drawing import drawable
from mnist_tui.tui.widgets.plots.chart import Plane
from mnist_tui.tui.widgets.plots.legend import ruled, side_by_side
from mnist_tui.tui.widgets.plots.marks import Marks
from mnist_tui.tui.widgets.plots.overlay import MOST_SERIES
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import PlotPicture, Row, Stroke, Tick, paint
from mnist_tui.tui.widgets.plots.scatter import LEAST_COLUMNS, LEAST_ROWS, at_row, limits_around
from mnist_tui.tui.widgets.plots.ticks import labels, ticks

SEED_ROOM = 5
"""Columns for a seed's label."""
SIDE_BY_SIDE = 0.6
"""Share of a seed's width that the marks of all groups take."""


@dataclass(frozen=True)
class SeedScores:
    """A group of seeds.

    Attributes:
        series: number of its mark and colour.
        label: what it is called in the legend.
        points: seed and test accuracy (0 to 1) of each run that counts, by seed.
        deviation: of the sample; None for one seed.
    """

    series: int
    label: str
    points: tuple[tuple[int, float], ...]
    mean: float
    deviation: float | None = None


def drawable_groups(groups: Sequence[SeedScores]) -> list[SeedScores]:
    """The groups whose mean has a place, with values that can be computed with."""
    found: list[SeedScores] = []
    for group in groups:
        points = [(seed, known) for seed, accuracy in group.points if (known := drawable(accuracy)) is not None]
        mean = drawable(group.mean)
        if mean is not None and points:
            found.append(replace(group, points=tuple(points), mean=mean, deviation=drawable(group.deviation)))
    return found


def by_seed(groups: Sequence[SeedScores], size: tuple[int, int], marks: Marks) -> PlotPicture:
    """Up to MOST_SERIES drawable groups over the seeds that any of them has, in so many columns and rows, axes included."""
    groups = groups[:MOST_SERIES]
    places = {seed: at for at, seed in enumerate(sorted({seed for group in groups for seed, _ in group.points}))}
    ends = [group.mean + side * (group.deviation or 0.0) for group in groups for side in (-1, 1)]
    heights = [100 * y for y in (*ends, *(y for group in groups for _, y in group.points))]
    y_limits, x_limits = limits_around(heights), (-0.5, len(places) - 0.5)
    rows = size[1] - 2
    values = ticks(y_limits, max(2, rows // 3))
    texts = labels(values, " %")
    columns = size[0] - 1 - max(map(len, texts))
    plane = Plane(x_limits, y_limits, columns, rows, marks.size)
    strokes = [_band(plane, group) for group in groups if group.deviation]
    strokes += [
        plane.stroke(f"run{group.series}", [(x_limits[0], 100 * group.mean), (x_limits[1], 100 * group.mean)])
        for group in groups
    ]
    for at, group in enumerate(groups):
        aside = SIDE_BY_SIDE * ((at + 0.5) / len(groups) - 0.5)
        points = [(places[seed] + aside, 100 * accuracy) for seed, accuracy in group.points]
        strokes.append(plane.stroke(f"run{group.series}", points, marks.runs[group.series]))
    y_ticks = tuple((at_row(value, y_limits, rows), text) for value, text in zip(values, texts, strict=True))
    return PlotPicture(columns, rows, _seed_ticks(plane, places), y_ticks, tuple(strokes))


def _band(plane: Plane, group: SeedScores) -> Stroke:
    low, high = (plane.dot(0.0, 100 * (group.mean + side * (group.deviation or 0.0)))[1] for side in (-1, 1))
    wide = plane.dots[0]
    dots = [dot for column in range(plane.columns) for dot in ((column * wide, low), (column * wide, high))]
    return Stroke(f"run{group.series}", tuple(dots), kind="band")


def _seed_ticks(plane: Plane, places: dict[int, int]) -> tuple[Tick, ...]:
    """As many seeds as there is room for, the last one always."""
    every = -(-len(places) * SEED_ROOM // max(1, plane.columns))
    shown = [(seed, at) for seed, at in places.items() if (len(places) - 1 - at) % every == 0]
    return tuple((column, str(seed)) for seed, at in shown if (column := plane.column(at)) is not None)


class SeedPlot(Plot):
    """The test accuracies of groups of seeds."""

    HELP = """
    **Accuracy by seed.** Each mark is one run on the test set; groups that are compared stand side by side at each
    seed. The line is a group's mean, the shaded band one standard deviation of the sample to each side.
    """
    can_focus = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._groups: tuple[SeedScores, ...] = ()

    def show(self, groups: Sequence[SeedScores]) -> None:
        """Draws these groups."""
        drawn = tuple(drawable_groups(groups))
        if drawn != self._groups:
            self._groups = drawn
            self.draw()

    def lines(self) -> list[Row]:
        width, height = self.size
        shown = self._groups[:MOST_SERIES]
        more = f", {MOST_SERIES} of {len(self._groups)} drawn" if len(self._groups) > MOST_SERIES else ""
        about = " line: mean, band: ± standard deviation"
        heading = ruled((("title", "test accuracy by seed"), ("muted", f"{about}{more}")), width, self.marks)
        if not shown:
            return [heading, (("muted", " no seed here has a test accuracy yet"),)][:height]
        entries = [self._entry(one) for one in shown]
        legend = side_by_side(entries, width)[: max(0, (height - 1) // 4)]
        rows = height - 1 - len(legend)
        if width < LEAST_COLUMNS or rows < LEAST_ROWS:
            return [heading, *legend][:height]
        return [heading, *paint(by_seed(shown, (width, rows), self.marks), self.marks), *legend]

    def _entry(self, one: SeedScores) -> Row:
        around = f" ± {100 * one.deviation:.2f}" if one.deviation is not None else ""
        text = f" {one.label} {100 * one.mean:.2f}{around} %, n = {len(one.points)}"
        return ((f"run{one.series}", self.marks.runs[one.series]), ("text", text))
