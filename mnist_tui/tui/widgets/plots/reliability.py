"""The reliability diagram: how often a network is right, by how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap

from mnist_tui.runs.statistics import Calibration, ReliabilityBin
from mnist_tui.tui.widgets.plots.axes import plane_of, ticks
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import Marks, PlotPicture, Row, fitting_parts, row_length
from mnist_tui.wording import capitalized

LEAST_COLUMNS, LEAST_ROWS = 24, 6
NOTED_COLUMNS = 40
"""Columns from which the legend has whole words and wide gaps."""
AXES = (
    "y: share of right answers, x: probability of the answer",
    "y: share right, x: probability of the answer",
    "y: share right, x: probability",
    "right over probability",
)
"""What the axes are, in words; the first one for which there is room is in the title."""
LABEL_ROOM = 8
"""Columns between two labels of probabilities."""
FEW = 10
"""The share of right answers of fewer images is marked as uncertain."""
WHOLE = (0.0, 100.0)


def reliability_picture(bins: Sequence[ReliabilityBin], size: tuple[int, int], marks: Marks) -> PlotPicture:
    """Draw the accuracy of each bin over its mean probability, in per cent, and the diagonal of a calibrated network.

    Args:
        size: columns and rows, with axes and labels.
    """
    plane, axes = plane_of(WHOLE, WHOLE, size, marks, unit=" %")
    points = [
        (100 * each.confidence, 100 * each.accuracy, each.images < FEW)
        for each in bins
        if each.confidence is not None and each.accuracy is not None
    ]
    many, few = ([(x, y) for x, y, is_few in points if is_few == wanted] for wanted in (False, True))
    strokes = (
        plane.stroke("muted", [(0, 0), (100, 100)], dashed=True),
        plane.stroke("training", [(x, y) for x, y, _ in points]),
        plane.stroke("training", many, marks.runs[0]),
        plane.stroke("muted", few, marks.plain),
    )
    columns = ((plane.column(value), f"{value:g} %") for value in ticks(WHOLE, max(2, plane.columns // LABEL_ROOM)))
    x_ticks = tuple((column, text) for column, text in columns if column is not None)
    return replace(axes, x_ticks=x_ticks, strokes=tuple(each for each in strokes if each.dots))


class ReliabilityPlot(Plot):
    """The reliability diagram of a network."""

    HELP = """
    **Reliability.** The test images are divided by the probability of the predicted class. Each mark is one part: its
    mean probability from left to right, and the share of right answers from bottom to top; a hollow mark has fewer than
    ten images. On the dashed diagonal a network is right as often as its probabilities say; below it, it is too sure.
    """
    _calibration: Calibration | None = None
    _missing = ""

    def show(self, calibration: Calibration | None, missing: str = "") -> None:
        """Show the bins of a calibration, or a text that says what is missing."""
        if (calibration, missing) != (self._calibration, self._missing):
            self._calibration, self._missing = calibration, missing
            self.draw()

    def lines(self) -> list[Row]:
        width, height = self.inside
        title = ("title", "Reliability")
        if self._calibration is None:
            why = wrap(capitalized(self._missing), max(1, width))
            return self.framed((title,), [(("muted", line),) for line in why])
        room = self.title_room - row_length((title,)) - 4
        axes = next((text for text in AXES if len(text) <= room), "")
        heading: Row = (title, ("muted", f"  {axes}")) if axes else (title,)
        if width < LEAST_COLUMNS or height < LEAST_ROWS:
            return self.framed(heading, ())
        marks = self.marks
        is_wide = width >= NOTED_COLUMNS
        legend = [
            (("training", marks.runs[0]), ("muted", " share right" if is_wide else " right")),
            (("muted", f"{marks.dashed} ideal"),),
            (("muted", f"{marks.plain} {'under ' if is_wide else '<'}{FEW} images"),),
        ]
        picture = reliability_picture(self._calibration.bins, (width, height), marks)
        return self.framed(
            heading, self.paint(picture), lambda room: fitting_parts(legend, room, "  " if is_wide else " ")
        )
