"""The curves of one run over its epochs (loss, accuracy, learning rate, images per second) with legend and keys."""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.timer import Timer

from mnist_tui.runs.state import LIVE, EpochRow, RunState
from mnist_tui.settings import Glyphs
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.plots.axes import AXIS_COLUMNS, EpochAxis, EpochWindow, Plane, Span, plane_of
from mnist_tui.tui.widgets.plots.plot import EpochView, Plot, view_keys
from mnist_tui.tui.widgets.plots.raster import Marks, Row, Stroke, cut_row, fitting_parts, row_length
from mnist_tui.tui.widgets.plots.series import (
    MEASURES,
    Curves,
    History,
    Measure,
    Metric,
    axis_of,
    curves_of,
    running_shown,
)
from mnist_tui.tui.widgets.run_status import in_training, phase_progress
from mnist_tui.wording import counted

LONG = ("training", "validation", "plain training")
SHORT = ("train", "val", "plain")
NAMELESS = ("", "", "")


@dataclass(frozen=True)
class Legend:
    """The texts in a curve's borders.

    Attributes:
        cursor: the selected epoch.
        span: a text about the epochs in view.
        augmented: whether training is measured on augmented images.
    """

    run: RunState
    measure: Measure
    history: History
    marks: Marks
    cursor: int | None = None
    log: bool = False
    span: str = ""
    augmented: bool = False
    note: str = ""

    @property
    def row(self) -> EpochRow | None:
        """Return the epoch whose values are shown: the selected one, else the newest; None if it has not ended."""
        rows = self.run.history
        if self.cursor is None:
            return rows[-1] if rows else None
        at = bisect_left(rows, self.cursor, key=lambda row: row.epoch)
        return rows[at] if at < len(rows) and rows[at].epoch == self.cursor else None

    def heading(self, width: int) -> Row:
        """Return the longest title that fits: the measure, and each series with its mark and its value at the epoch."""
        variants = (
            (LONG, False, True, True),
            (SHORT, False, True, True),
            (LONG, False, False, True),
            (SHORT, False, False, True),
            (SHORT, True, False, True),
            (SHORT, True, False, False),
        )
        headings = [self._heading(names, short=short, more=more, epoch=epoch) for names, short, more, epoch in variants]
        headings.append(self._heading(SHORT[:2], short=True, more=False, epoch=False))
        fitting = next((heading for heading in headings if row_length(heading) <= width), None)
        return fitting or cut_row(self._heading(NAMELESS, short=True, more=False), width)

    def is_named(self, width: int) -> bool:
        """Return whether a title of this width has room for the names of the series."""
        return row_length(self._heading(SHORT, short=True, more=False, epoch=False)) <= width

    def _heading(self, names: Sequence[str], *, short: bool, more: bool, epoch: bool = True) -> Row:
        gap = " " if short else "  "
        parts: list[tuple[str, str]] = [("title", (self.measure.short if short else self.measure.title).capitalize())]
        if self.log:
            parts.append(("muted", " (log)" if names is LONG else " log"))
        row, now = self.row, self.run.progress
        is_running = self.cursor is None and now is not None and self.measure.running and running_shown(self.run)
        if row is not None and self.cursor is not None and epoch:
            mark = self.marks.cursor
            parts.append(("cursor", f"{mark}{row.epoch}" if short else f"{gap}{mark} epoch {row.epoch:,}"))
        elif row is not None and names is LONG and self.cursor is None:
            parts.append(("muted", f"{gap}epoch {row.epoch:,}"))
        for series, name, mark, field in self._series(names, short=short):
            if row is None:
                break
            value = self.measure.written(getattr(row, field), short)
            parts.append((series, f"{gap}{mark}"))
            parts.append(("text", f"{name} {value}"))
            if more and series == "validation" and self.cursor is not None:
                parts.append(("muted", self._to_best(row)))
        if is_running and (more or row is None):
            value = self.measure.written(getattr(now, self.measure.running), short)
            parts += [("running", f"{gap}{self.marks.running}"), ("text", f" running mean {value}")]
        return tuple(parts)

    def _to_best(self, row: EpochRow) -> str:
        """Return how far a row's validation is from that of the best epoch; empty if the best is not known."""
        best, field = self.history.tracks["val_loss"].lowest, self.measure.fields[1]
        value = getattr(row, field)
        there = next(self.history.tracks[field].points_at([best[0]]), None) if best is not None else None
        if best is None or there is None or value is None:
            return ""
        if best[0] == row.epoch:
            return ", best epoch"
        return f", {self.measure.difference(value - there[1])} to best{'' if field == 'val_loss' else ' epoch'}"

    def _series(self, names: Sequence[str], *, short: bool = True) -> list[tuple[str, str, str, str]]:
        """Return tone, name (after a space), mark and field of each series with values; a single one has no name."""
        fields, marks = self.measure.fields, self.marks
        line = marks.line if marks.colours else marks.dashed
        samples = (line[:1], marks.validation, marks.plain) if short else (line, marks.marked, marks.plain)
        if self.augmented and names is LONG:
            names = (f"{LONG[0]} (augmented images)", *LONG[1:])
        spaced = [f" {name}" if name and len(fields) > 1 else "" for name in names]
        series = zip(("training", "validation", "plain"), spaced, samples, fields, strict=False)
        return [entry for entry in series if entry[0] != "plain" or self.history.tracks[entry[3]].xs]

    def names(self, width: int) -> Row:
        """Return the mark and the name of each series, as far as they fit."""
        named = (((tone, mark), ("muted", name)) for tone, name, mark, _ in self._series(SHORT))
        return fitting_parts(named, width, " ")

    def caption(self, width: int) -> Row:
        """Return a line with the view, best epoch, early stopping and extreme values, as far as they fit."""
        best, newest = self.history.tracks["val_loss"].lowest, self.run.history[-1:]
        parts: list[Row] = [(("muted", self.span),)] if self.span else []
        if best is not None:
            parts.append((("best", self.marks.best), ("muted", f" best epoch {best[0]:,.0f}")))
        if self.stopped is not None:
            parts.append((("best", self.marks.stopped), ("muted", f" early stopping after epoch {self.stopped:,}")))
        if self.note:
            parts.append((("muted", self.note),))
        if self.cursor is not None and newest:
            now: Row = (("muted", "now"),)
            for tone, name, mark, field in self._series(SHORT):
                value = self.measure.written(getattr(newest[0], field), True)
                now = (*now, (tone, f" {mark}"), ("muted", f"{name} {value}"))
            parts.append(now)
        series = self._series(SHORT)
        for tone, name, mark, field in sorted(series, key=lambda entry: entry[0] != "validation"):
            track = self.history.tracks[field]
            if track.lowest is not None:
                low, high = (self.measure.written(value, True) for value in (track.lowest[1], track.highest))
                parts.append(((tone, mark), ("muted", f"{name} min {low} max {high}")))
        return fitting_parts(parts, width, f" {self.marks.dot} ")

    @property
    def stopped(self) -> int | None:
        """Return the epoch after which early stopping ended the run."""
        early = self.run.ended is not None and self.run.ended.reason.startswith("early stopping")
        return self.run.history[-1].epoch if early and self.run.history else None


RUNNING_SECONDS = 1.0
"""Seconds between two redraws if only the running mean has changed."""
LEAST_COLUMNS, LEAST_ROWS = 16, 4

CURVE_HELP = """
    **A curve over the epochs.** One line is training, measured while the weights change and dropout is on, averaged
    over the epoch; with augmentation it is measured on the randomly changed images, so it may stay below the line of
    validation. The line with diamonds (at the best epoch, at the cursor and at its end) is validation, measured
    after the epoch; circles are plain training (with the setting *Plain loss*): measured
    like the validation, without dropout and augmentation. Early on and in long epochs, dots are
    the running mean inside the epoch. Nothing is smoothed. Where both lines run through one character, it has the
    colour of the line with more dots in it; without colours, the line of training is dashed. A value that was not
    finite leaves a gap, and so does one that is not above 0 where the axis is logarithmic.

    The best epoch (★) is the one with the lowest validation loss.

    `←` `→` and the mouse move the epoch cursor, `f` follows the newest again. `+` `-` and the wheel zoom, `[` `]`,
    shift and wheel, and the right mouse button pan; `0` or a double click shows all epochs. A zoomed view stays where
    it is; panned to its right end it follows the newest epoch. `l` changes to a logarithmic axis in the curves of all
    screens, `u` to the learning rate and the images per second.
    """


def curve_strokes(curves: Curves, plane: Plane, marks: Marks) -> tuple[Stroke, ...]:
    """Return the strokes of the curves, from back to front."""
    dashed = not marks.colours and not marks.inks
    strokes = (
        plane.stroke("running", curves.running, marks.running),
        *(plane.stroke("training", part, dashed=dashed) for part in curves.training),
        plane.stroke("plain", curves.plain, marks.plain),
        *(plane.stroke("validation", part) for part in curves.validation),
        plane.stroke("validation", curves.highlights, marks.validation),
    )
    return tuple(stroke for stroke in strokes if stroke.dots)


def with_note(row: Row, note: Row) -> Row:
    """Return a row with a note in the middle of its longest blank, if there is room for it."""
    text, length = "".join(part for _, part in row), row_length(note)
    blank = max(re.finditer(" +", text), key=lambda found: len(found[0]), default=None)
    if blank is None or len(blank[0]) < length + 4:
        return row
    tone, at = row[0][0], blank.start() + (len(blank[0]) - length) // 2
    return ((tone, text[:at]), *note, (tone, text[at + length :]))


SIGNS, ASCII_SIGNS = ("✓", "●", "○"), ("+", ">", "-")
"""The signs of a step that is done, that is under way, and that follows."""
OF_DATA = {"downloading", "reading", "verifying", "features"}
OF_NETWORK = {"importing", "building", "compiling"}


def preparations(run: RunState, glyphs: Glyphs) -> list[str]:
    """Return the steps to the first epoch of a live run, one a line: what is ready, what is under way, what follows.

    A run that is not trained has the steps to its evaluation instead.
    """
    if run.state not in LIVE:
        return []
    data, model, phase, origin = run.data, run.model, run.phase, run.origin
    now, doing = "", ""
    if phase is not None and not in_training(run):
        now, doing = phase.name, phase_progress(phase)
    if origin is None:
        steps = [
            ("data", now in OF_DATA, data and f"{data.title}, {counted(data.train, 'image')}"),
            ("network", now in OF_NETWORK, model and f"{counted(model.total, 'parameter')}, on {model.device}"),
            ("first epoch", phase is not None and not now, None),
        ]
    else:
        doing = doing.removeprefix("evaluating: ")  # the step's name says it
        has_network = origin.kind != "ensemble" and not origin.predictions_only
        is_built, is_evaluated = now in {"evaluating", "saving"}, now == "saving"
        steps = [
            ("data", now in OF_DATA, data and f"{data.title}, {counted(data.test, 'test image')}"),
            *([("network", now in OF_NETWORK, "" if is_built else None)] if has_network else []),
            ("evaluation", now == "evaluating", "" if is_evaluated else None),
        ]
    done, under_way, follows = ASCII_SIGNS if glyphs == "ascii" else SIGNS
    lines: list[str] = []
    for name, is_now, ready in steps:
        sign, text = (under_way, doing) if is_now else (done, ready) if ready is not None else (follows, "")
        lines.append(f"{sign} {name}{': ' if text else ''}{text}")
    if now and not any(is_now for _, is_now, _ in steps):
        lines.append(f"{under_way} {doing}")  # waiting for a device, for instance
    if phase is None and run.state == "starting":
        lines.insert(0, f"{under_way} starting the process that {'trains' if origin is None else 'evaluates'}")
    return [*lines, ""]


class Curve(Plot):
    """One measure of a run over its epochs; the axis may be logarithmic if the measure allows it.

    Attributes:
        augmented: whether training is measured on augmented images.
        note: words about the values, for the lower border; empty for none.
    """

    HELP = CURVE_HELP
    DEFAULT_CSS = "Curve.-other { display: none; }"

    window = EpochWindow()
    augmented = False
    _run = RunState()
    _read = False
    _scale = False
    _cursor: int | None = None
    _drawn = 0.0
    _later: Timer | None = None

    def __init__(self, metric: Metric, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.metric: Metric = metric
        self.note = ""
        self._history = History(metric)

    def show(self, run: RunState, cursor: int | None = None) -> None:
        """Draw the run, unless nothing has changed; a line marks the selected epoch (None: the newest, no line)."""
        before, self._run = self._run, run
        first, self._read = not self._read, True
        moved, self._cursor = cursor != self._cursor, cursor
        other_marks = self.painted is not None and self.painted[1] is not self.marks
        new = run.history is not before.history or run.epochs != before.epochs or run.ended != before.ended
        other_scale = self._scale != self.log_scale
        prepares = self.painted is None and run.phase is not before.phase
        if first or new or moved or other_marks or other_scale or prepares:
            self.draw()
        elif run.running is not before.running and (running_shown(run) or self.painted is None):
            self._draw_running()

    def draw(self) -> None:
        self._drawn = time.monotonic()
        if self._later is not None:
            self._later.stop()
            self._later = None
        super().draw()

    def _draw_running(self) -> None:
        """Draw now if the last drawing is RUNNING_SECONDS old, else at that time."""
        wait = self._drawn + RUNNING_SECONDS - time.monotonic()
        if wait <= 0 or self.painted is None:
            self.draw()
        elif self._later is None:
            self._later = self.set_timer(wait, self.draw)

    def lines(self) -> list[Row]:
        columns, rows = self.inside
        self._history.update(self._run.history)
        self._scale = self.log_scale
        measure, log = MEASURES[self.metric], self.is_logarithmic
        window = self.window.limits(axis_of(self._run))
        span, note = self._span(window), self.note
        legend = Legend(self._run, measure, self._history, self.marks, self._cursor, log, span, self.augmented, note)
        title = legend.heading(self.title_room)
        if columns < LEAST_COLUMNS or rows < LEAST_ROWS:
            return self.framed(title, ())
        curves = curves_of(
            self._run,
            self.metric,
            columns - AXIS_COLUMNS,
            rows - 2,
            span=window,
            log=log,
            cursor=self._cursor,
            history=self._history,
        )
        if curves.empty:
            self.plane = self.painted = None
            margin = "" if self.side else " "
            lines = [part for line in self._waiting() for part in wrap(line, columns - len(margin)) or [""]]
            return self.framed(title, [(), *((("muted", f"{margin}{line}"),) for line in lines)])
        keys = [("log", f"log scale: {'on' if log else 'off'}")] if measure.log else []
        keys += [("in,out", "zoom"), ("earlier,later", "epoch")]
        caption = legend.caption
        if not legend.is_named(self.title_room):
            caption, keys = legend.names, keys[:1]
        return self.framed(title, self._plotted(curves, self.inside, legend.stopped), caption, keys)

    def _plotted(self, curves: Curves, size: tuple[int, int], stopped: int | None) -> list[Row]:
        measure, marks, log = MEASURES[self.metric], self.marks, self.is_logarithmic
        plane, axes = plane_of(curves.x_limits, curves.y_limits, size, marks, unit=measure.unit, log=log)
        best = self._history.tracks["val_loss"].lowest
        flags = [(best[0], marks.best)] if best is not None else []
        flags += [(float(stopped), marks.stopped)] if stopped is not None else []
        self.plane = plane
        rows = self.paint(
            replace(
                axes,
                strokes=curve_strokes(curves, plane, marks),
                cursor=None if self._cursor is None else plane.column(self._cursor),
                flags=tuple((x, mark, "best") for at, mark in flags if (x := plane.column(at)) is not None),
            )
        )
        if best is not None and not self.side:  # else the lower border says it
            return [*rows[:-1], with_note(rows[-1], (("best", marks.best), ("muted", " best epoch")))]
        return rows

    @property
    def is_logarithmic(self) -> bool:
        """Return whether the axis is logarithmic."""
        return MEASURES[self.metric].log and self.log_scale

    def _span(self, window: Span) -> str:
        if self.window.span is None:
            return ""
        end = axis_of(self._run).end
        return f"epochs {window[0]:.3g} to {window[1]:.3g} of {end:.0f}{', follows' if self.window.follows else ''}"

    def _waiting(self) -> list[str]:
        """Return lines in place of the curve, of the loss also what the worker does before the first step."""
        if not self._read:
            return ["reading …"]
        measure, run = MEASURES[self.metric], self._run
        if run.history and self.window.span is not None:
            return ["nothing in view; 0 shows all epochs"]
        if run.history or (run.progress is not None and measure.running):
            return [f"no finite {measure.title} to draw"]
        begun = preparations(run, self.app.settings.glyphs) if self.metric == "loss" else []
        if run.origin is not None:
            return [*begun, "There is no curve: nothing is trained."]
        if run.state not in LIVE:
            return ["no step was trained" if measure.running else "no epoch has ended"]
        when = "during the first epoch" if measure.running else "after the first epoch"
        return [*begun, f"The curve begins {when}."]


PAIRS: tuple[tuple[Metric, Metric], ...] = (("loss", "accuracy"), ("learning_rate", "images_per_second"))


def curve_keys(section: str) -> list[Binding]:
    """Return keys for a screen whose `action_plot` calls `CurvePlots.action_view`; their ids begin with `section`."""
    other = "Learning rate and speed, and back"
    return [
        *view_keys(section, "plot"),
        bind(f"{section}.other", "u", "plot('other')", "Other curves", other, hidden=True),
    ]


class CurvePlots(Vertical, EpochView):
    """Two curves of a run at a time, with the same epochs in view.

    Args:
        loss_note: what the losses are computed with, for the lower border of their curve; empty for the plain loss.
    """

    DEFAULT_CSS = "CurvePlots { width: 1fr; height: 1fr; }"

    _shown = 0
    _run = RunState()
    _cursor: int | None = None

    def __init__(self, loss_note: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._loss_note = loss_note

    def compose(self) -> ComposeResult:
        for number, pair in enumerate(PAIRS):
            for metric in pair:
                curve = Curve(metric, id=metric.replace("_", "-"))
                curve.note = self._loss_note if metric == "loss" else ""
                curve.set_class(number != self._shown, "-other")
                yield curve

    def show(self, run: RunState, cursor: int | None = None, *, augmented: bool = False) -> None:
        """Draw the run; the view moves if the cursor has left it.

        Args:
            augmented: whether training is measured on augmented images.
        """
        moved, self._run, self._cursor = cursor != self._cursor, run, cursor
        if moved:
            self.look_at(self.window.following() if cursor is None else self.window.showing(cursor, self.axis))
        for curve in self.query(Curve):
            curve.augmented = augmented
        for curve in self.curves:
            curve.show(run, cursor)

    @property
    def curves(self) -> list[Curve]:
        """Return the curves that are visible."""
        return [curve for curve in self.query(Curve) if not curve.has_class("-other")]

    @property
    def axis(self) -> EpochAxis:
        return axis_of(self._run)

    @property
    def anchors(self) -> Sequence[float]:
        newest = self.axis.newest
        return [newest] if self._cursor is None else [self._cursor, newest]

    def action_view(self, what: str) -> None:
        if what == "other":
            self._shown = (self._shown + 1) % len(PAIRS)
            for curve in self.query(Curve):
                curve.set_class(curve.metric not in PAIRS[self._shown], "-other")
                curve.show(self._run, self._cursor)
            return
        super().action_view(what)
        if what == "log" and not any(MEASURES[curve.metric].log for curve in self.curves):
            self.notify("Neither of these has a logarithmic axis.")

    def draw(self) -> None:
        for curve in self.query(Curve):
            curve.window = self.window
            curve.draw()
