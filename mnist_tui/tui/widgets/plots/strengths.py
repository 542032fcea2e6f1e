"""The plot of accuracy on corrupted images: a curve for each run over the strength of the corruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mnist_tui.experiment.corruptions import STRENGTHS
from mnist_tui.tui.widgets.plots.axes import plane_of
from mnist_tui.tui.widgets.plots.compared import LEAST_COLUMNS, LEAST_ROWS, MOST_SERIES, legend_rows, most_drawn
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import Marks, PlotPicture, Row
from mnist_tui.wording import percent

STRENGTH_ROOM = 14
"""Columns from which the last strength is labelled with its word."""
LEGEND_FROM = 9
"""Rows that the plot must have beside its legend; the table of the screen has the marks and the errors, too."""


@dataclass(frozen=True)
class StrengthSeries:
    """The accuracies of one run at the strengths 0 (no corruption) to 5, each from 0 to 1, with the run's label."""

    label: str
    accuracies: tuple[float, ...]

    @property
    def error(self) -> float:
        """The mean error over the strengths 1 to 5."""
        return 1 - sum(self.accuracies[1:]) / len(STRENGTHS)


def strength_picture(series: Sequence[StrengthSeries], size: tuple[int, int], marks: Marks) -> PlotPicture:
    """Draw the first MOST_SERIES series on axes from strength 0 to 5, and from 100 % down to the tens below all values.

    Args:
        size: columns and rows, including axes and labels.
    """
    last = len(STRENGTHS)
    curves = [
        [(float(strength), 100 * accuracy) for strength, accuracy in enumerate(one.accuracies)]
        for one in series[:MOST_SERIES]
    ]
    low = 10.0 * min(9, *(int(value) // 10 for curve in curves for _, value in curve))
    plane, axes = plane_of((0.0, float(last)), (low, 100.0), size, marks, unit=" %")
    lines = [plane.stroke(f"run{at}", points) for at, points in enumerate(curves)]
    points = [plane.stroke(f"run{at}", curve, marks.runs[at]) for at, curve in enumerate(curves)]
    end = f"strength {last}" if plane.columns >= STRENGTH_ROOM else str(last)
    names = [*map(str, range(last)), end]
    columns = ((plane.column(strength), name) for strength, name in enumerate(names))
    x_ticks = tuple((column, name) for column, name in columns if column is not None)
    return replace(axes, x_ticks=x_ticks, strokes=(*lines, *points))


class StrengthCurves(Plot):
    """The accuracies of several runs over the strength of a corruption."""

    HELP = """
    **Accuracy by strength.** Strength 0 is the test images as they are, 5 the strongest corruption. Each run has a mark
    and a colour; the legend names it with its mean error (1 − accuracy) over the strengths 1 to 5.
    """
    _shown: tuple[str, tuple[StrengthSeries, ...], str] = ("", (), "")

    def show(self, title: str, series: Sequence[StrengthSeries], nothing: str = "") -> None:
        """Draw the series; the text `nothing` stands there if there is none."""
        shown = title, tuple(series), nothing
        if shown != self._shown:
            self._shown = shown
            self.draw()

    def lines(self) -> list[Row]:
        width, height = self.inside
        title, series, nothing = self._shown
        heading: Row = (("title", f"Test accuracy: {title}"), ("muted", most_drawn(len(series))))
        if not series:
            return self.framed(heading, [(("muted", nothing),)])
        entries = ((at, one.label, f"mean error {percent(one.error)}") for at, one in enumerate(series[:MOST_SERIES]))
        legend = legend_rows(entries, self.marks, max(1, width))
        if height - len(legend) < LEGEND_FROM:
            legend = []
        rows = height - len(legend)
        if width < LEAST_COLUMNS or rows < LEAST_ROWS:
            return self.framed(heading, legend)
        return self.framed(heading, [*self.paint(strength_picture(series, (width, rows), self.marks)), *legend])
