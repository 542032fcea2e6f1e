"""A run over its epochs: loss, accuracy, learning rate or speed; training as a line, validation as marks."""

from __future__ import annotations

import time
from dataclasses import replace

from textual.timer import Timer

from mnist_tui.runs.state import RunState
from mnist_tui.tui.widgets.plots.chart import AXIS_COLUMNS, curve_strokes, plane_of
from mnist_tui.tui.widgets.plots.legend import Legend
from mnist_tui.tui.widgets.plots.marks import Marks
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import PlotPicture, Row, paint
from mnist_tui.tui.widgets.plots.series import (
    MEASURES,
    Curves,
    Metric,
    axis_of,
    curves_of,
    history_of,
    points_at,
    running_shown,
)
from mnist_tui.tui.widgets.plots.tracks import Point
from mnist_tui.tui.widgets.plots.zoom import EpochWindow

RUNNING_SECONDS = 1.0
"""Between two redraws of which nothing but the running mean is new."""
CAPTION_ROWS = 9
LEAST_ROWS = 5
LEAST_COLUMNS = 16

CURVE_HELP = """
    **A curve over the epochs.** One line is training, measured while the weights change and dropout is on, averaged
    over the epoch. The line with diamonds (at the best epoch, at the cursor and at its end) is validation, measured
    after the epoch; circles are training without dropout, where it is measured. Early on and in long epochs, dots are
    the running mean inside the epoch, and the line in front of them its exponential average; values of whole epochs are
    never smoothed. A value that was not finite leaves a gap, and so does one that is not above 0 where the axis is
    logarithmic.

    `←` `→` and the mouse move the epoch cursor, `f` follows the newest again. `+` `-` and the wheel zoom, `[` `]`,
    shift and wheel, and the right mouse button pan; `0` or a double click shows all epochs. A zoomed view stays where
    it is; panned to its right end it follows the newest epoch. `l` changes to a logarithmic axis, `u` to the learning
    rate and the images per second.
    """


class Curve(Plot):
    """One measure over the epochs.

    Attributes:
        window: the epochs in view.
        logarithmic: whether the axis is logarithmic, where the measure has such an axis.
    """

    HELP = CURVE_HELP
    DEFAULT_CSS = """
    Curve.-other { display: none; }
    """

    def __init__(self, metric: Metric, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.metric: Metric = metric
        self.window = EpochWindow()
        self.logarithmic = False
        self._run = RunState()
        self._read = False
        self._cursor: int | None = None
        self._history = history_of(metric)
        self._picture: tuple[PlotPicture, Marks] | None = None
        self._painted: list[Row] = []
        self._drawn = 0.0
        self._later: Timer | None = None

    def show(self, run: RunState, cursor: int | None = None) -> None:
        """Draws the run as it is now; nothing where nothing of it concerns this curve.

        Args:
            cursor: the epoch looked at; None for the newest, without a line.
        """
        before, self._run = self._run, run
        first, self._read = not self._read, True
        moved, self._cursor = cursor != self._cursor, cursor
        other = self._picture is not None and self._picture[1] is not self.marks
        new = run.history is not before.history or run.epochs != before.epochs or run.ended != before.ended
        if first or new or moved or other:
            self.draw()
        elif run.running is not before.running and (running_shown(run) or self._picture is None):
            self._draw_running()

    def draw(self) -> None:
        self._drawn = time.monotonic()
        if self._later is not None:
            self._later.stop()
            self._later = None
        super().draw()

    def _draw_running(self) -> None:
        """At once, or as soon as a second has passed since the last time."""
        wait = self._drawn + RUNNING_SECONDS - time.monotonic()
        if wait <= 0 or self._picture is None:
            self.draw()
        elif self._later is None:
            self._later = self.set_timer(wait, self.draw)

    def lines(self) -> list[Row]:
        width, height = self.size
        measure = MEASURES[self.metric]
        self._history.take(self._run.history)
        window = self.window.limits(axis_of(self._run))
        legend = Legend(
            self._run, measure, self._history, self.marks, self._cursor, self._logarithmic, self._span(window)
        )
        heading = legend.heading(width)
        if width < LEAST_COLUMNS or height < LEAST_ROWS:
            return [heading]
        captions = [legend.caption(width)] if height >= CAPTION_ROWS else []
        rows = height - 1 - len(captions)
        curves = curves_of(
            self._run,
            self.metric,
            width - AXIS_COLUMNS,
            rows - 2,
            span=window,
            log=self._logarithmic,
            history=self._history,
        )
        if curves.empty:
            self.plane, self._picture = None, None
            return [heading, (("muted", ""),), (("muted", f" {self._waiting()}"),)]
        return [heading, *self._plotted(curves, (width, rows), legend.stopped), *captions]

    def _marked(self, curves: Curves) -> list[Point]:
        """The points of the validation that are marked: at the best epoch, at the cursor and at the end."""
        measure = MEASURES[self.metric]
        if len(measure.fields) < 2:
            return []
        track, best = self._history.tracks[measure.fields[1]], self._history.tracks["val_loss"].lowest
        epochs = [track.xs[-1]] if track.xs else []
        epochs += [best[0]] if best is not None else []
        epochs += [float(self._cursor)] if self._cursor is not None else []
        return points_at(track, epochs, curves.x_limits, factor=measure.factor, log=self._logarithmic)

    @property
    def _logarithmic(self) -> bool:
        return self.logarithmic and MEASURES[self.metric].log

    def _span(self, window: tuple[float, float]) -> str:
        """The view in words, where it is not all."""
        if self.window.span is None:
            return ""
        of = f"epochs {window[0]:.3g} to {window[1]:.3g} of {axis_of(self._run).end:.0f}"
        return f"{of}, follows" if self.window.follows else of

    def _waiting(self) -> str:
        if not self._read:
            return "reading …"
        measure = MEASURES[self.metric]
        if self._run.history and self.window.span is not None:
            return "nothing in view; 0 shows all epochs"
        if self._run.history or (self._run.progress is not None and measure.running):
            return f"no finite {measure.title} to draw"
        return "waits for the first steps" if measure.running else "waits for the first epoch"

    def _plotted(self, curves: Curves, size: tuple[int, int], stopped: int | None) -> list[Row]:
        """The plot's lines; painted anew only where they would not look as they do."""
        measure, marks = MEASURES[self.metric], self.marks
        plane, axes = plane_of(curves.x_limits, curves.y_limits, size, marks, unit=measure.unit, log=self._logarithmic)
        best = self._history.tracks["val_loss"].lowest
        flags = [(best[0], marks.best)] if best is not None else []
        flags += [(float(stopped), marks.stopped)] if stopped is not None else []
        placed = ((plane.column(epoch), mark, "best") for epoch, mark in flags)
        picture = replace(
            axes,
            strokes=curve_strokes(curves, plane, marks, self._marked(curves)),
            cursor=None if self._cursor is None else plane.column(self._cursor),
            flags=tuple((column, mark, tone) for column, mark, tone in placed if column is not None),
        )
        self.plane, self.margin = plane, picture.margin
        if (picture, marks) != self._picture:
            self._picture, self._painted = (picture, marks), paint(picture, marks)
        return self._painted
