"""The plot of a learning-rate range test: the loss against the learning rate, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mnist_tui.report.figures.drawing import drawable
from mnist_tui.runs.rate_range import HIGHEST, LOWEST, RatePoint, RateRange, suggested
from mnist_tui.tui.widgets.plots.axes import log_ticks, plane_of
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import MARKS, Marks, PlotPicture, Row, cut_row, fitting_parts, paint
from mnist_tui.wording import loss

LEAST_COLUMNS, LEAST_ROWS = 24, 5
LABEL_ROOM = 8
"""Columns between two labels of learning rates."""
HEADROOM = 1.5
"""The axis ends at so many times the first loss, or at the highest smoothed loss below that: what explodes is cut."""
SPAN = math.log10(LOWEST), math.log10(HIGHEST)


def rate_picture(points: Sequence[RatePoint], size: tuple[int, int], marks: Marks, rate: float | None) -> PlotPicture:
    """Draw the losses as dots, the smoothed loss as a line, and a vertical line at a rate, if it is given.

    Args:
        points: at least one has a finite loss.
        size: columns and rows, with axes and labels.
    """
    raw = [(math.log10(point.rate), y) for point in points if (y := drawable(point.loss)) is not None]
    means = [(math.log10(point.rate), y) for point in points if (y := drawable(point.smoothed)) is not None]
    heights = [y for _, y in (means or raw)]
    top = min(max(heights), HEADROOM * heights[0]) if heights[0] > 0 else max(heights)
    low = min(y for _, y in (*raw, *means))
    plane, axes = plane_of(SPAN, (max(0.0, low - 0.1 * (top - low)), top * 1.02 or 1.0), size, marks)
    strokes = (
        plane.stroke("muted", [(x, y) for x, y in raw if y <= plane.y[1]], marks.running),
        plane.stroke("training", [(x, y) for x, y in means if y <= plane.y[1]]),
    )
    columns = (
        (plane.column(math.log10(value)), f"{value:g}")
        for value in log_ticks(plane.x, max(2, plane.columns // LABEL_ROOM))
    )
    x_ticks = tuple((column, text) for column, text in columns if column is not None)
    cursor = None if rate is None else plane.column(math.log10(rate))
    return replace(axes, x_ticks=x_ticks, strokes=tuple(each for each in strokes if each.dots), cursor=cursor)


def plain_plot(points: Sequence[RatePoint], size: tuple[int, int], rate: float | None) -> list[str]:
    """Return the plot as lines without colours; none if no loss is finite, or if there is no room."""
    if size[0] < LEAST_COLUMNS or not any(drawable(point.loss) is not None for point in points):
        return []
    marks = MARKS["braille"]
    return ["".join(text for _, text in row).rstrip() for row in paint(rate_picture(points, size, marks, rate), marks)]


class RateCurve(Plot):
    """The loss by learning rate of a range test, while it is measured and afterwards."""

    HELP = """
    **Loss by learning rate.** Each dot is the mean loss of some steps with about that learning rate; the line is the
    smoothed loss. When the test has ended, a vertical line stands at the suggested rate.
    """
    _state = RateRange()

    def show(self, state: RateRange) -> None:
        if state != self._state:
            self._state = state
            self.draw()

    def lines(self) -> list[Row]:
        """Return a heading, the plot and its legend; the dialog's frame is around them."""
        width, height = self.size.width, self.size.height - 2
        state, points = self._state, self._state.points
        rate = suggested(points).rate if state.ended else None
        heading: Row = (("title", "Loss by learning rate"), ("muted", self._so_far(state, rate)))
        if not any(drawable(point.loss) is not None for point in points):
            return [heading, (("muted", "The curve appears here."),)]
        if width < LEAST_COLUMNS or height < LEAST_ROWS:
            return [heading]
        marks = self.marks
        legend = fitting_parts(
            [(("muted", f"{marks.running} mean of some steps"),), (("training", marks.line), ("muted", " smoothed"))],
            width,
            "  ",
        )
        picture = rate_picture(points, (width, height), marks, rate)
        return [heading, *self.paint(picture), cut_row(legend, width)]

    def _so_far(self, state: RateRange, rate: float | None) -> str:
        """Return the suggested rate, or the present rate and its loss."""
        if rate is not None:
            return f"  {self.marks.cursor} suggested {rate:g}"
        if state.ended or not state.points:
            return ""
        return f"  now rate {state.points[-1].rate:.2g}, loss {loss(state.points[-1].smoothed)}"
