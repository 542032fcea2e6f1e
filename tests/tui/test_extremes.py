"""Every chart takes every value: all finite ones, denormal and huge, what is not finite, and none at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from mnist_tui.report.figures.drawing import LARGEST_DRAWABLE, SMALLEST_DRAWABLE, drawable
from mnist_tui.runs.events import Distribution
from mnist_tui.runs.state import EpochRow, RunningPoint, RunState
from mnist_tui.studies.state import StudyState, TrialRow
from mnist_tui.studies.trial_table import TableShape
from mnist_tui.tui.studies import plots
from mnist_tui.tui.weights.distributions import EpochSpread, drawable_spreads, shares, value_axis
from mnist_tui.tui.widgets.plots.axes import plane_of
from mnist_tui.tui.widgets.plots.compared import (
    OverlaidSeries,
    ScatterPoint,
    SeedScores,
    by_seed,
    drawable_groups,
    drawable_points,
    overlay,
    scatter,
)
from mnist_tui.tui.widgets.plots.curves import Legend, curve_strokes
from mnist_tui.tui.widgets.plots.raster import MARKS, Marks, Row, paint
from mnist_tui.tui.widgets.plots.series import MEASURES, History, Metric, curves_of
from mnist_tui.tui.widgets.plots.trials import layout_of, line_cells, panel_lines, parallel_rows, score_picture

TINY, HUGE = 5e-324, 1.7976931348623157e308
EDGES = [0.0, -0.0, TINY, -TINY, 1e-323, 1e-300, 1.5e-300, 1e300, HUGE, -HUGE, math.inf, -math.inf, math.nan, 1.0]
ANY = some.sampled_from(EDGES) | some.floats()
MAYBE = some.none() | ANY
VALUES = some.lists(MAYBE, min_size=1, max_size=9)
MARK_SETS = some.sampled_from(list(MARKS.values()))
WIDTH, HEIGHT = 44, 14


def fit(lines: Sequence[Row], width: int = WIDTH, height: int = HEIGHT) -> None:
    """Assert that the lines have the size of the plot."""
    assert len(lines) == height
    assert {sum(len(text) for _, text in line) for line in lines} == {width}


@given(ANY)
@example(10**400)
@example(-(10**400))
def test_a_drawable_value_is_finite_and_its_square_root_and_logarithm_exist(value: float) -> None:
    found = drawable(value)
    assert (found is None) == (isinstance(value, float) and not math.isfinite(value))
    assert found is None or found == 0 or SMALLEST_DRAWABLE <= abs(found) <= LARGEST_DRAWABLE


def run_of(values: Sequence[float | None]) -> RunState:
    rows = tuple(
        EpochRow(at, value, value, values[-at], values[-at], value, 1.0, 0.0 if value is None else value, value, value)
        for at, value in enumerate(values, 1)
    )
    running = tuple(RunningPoint(len(values) + at / 20, value, value) for at, value in enumerate(values, 1))
    return RunState(state="running", epochs=len(values) + 1, history=rows, running=running)


@pytest.mark.parametrize("metric", MEASURES)
@given(values=VALUES, log=some.booleans(), marks=MARK_SETS)
@example(values=[0.0, 1e-323], log=False, marks=MARKS["braille"])
@example(values=[TINY, 0.0], log=True, marks=MARKS["braille"])
@example(values=[-HUGE, HUGE, 1.0], log=False, marks=MARKS["ascii"])
def test_a_curve_takes_any_values(metric: Metric, values: list[float | None], log: bool, marks: Marks) -> None:
    run, measure = run_of(values), MEASURES[metric]
    log = log and measure.log
    history = History(metric)
    history.update(run.history)
    curves = curves_of(run, metric, WIDTH - 8, HEIGHT - 2, log=log, history=history)
    plane, axes = plane_of(curves.x_limits, curves.y_limits, (WIDTH, HEIGHT), marks, unit=measure.unit, log=log)
    strokes = curve_strokes(curves, plane, marks)
    rows = plane.rows * plane.dots[1]
    assert all(-1 <= y <= rows for stroke in strokes for _, y in stroke.dots)
    fit(paint(replace(axes, strokes=strokes), marks))
    legend = Legend(run, measure, history, marks)
    assert len("".join(text for _, text in legend.heading(WIDTH))) <= WIDTH
    assert len("".join(text for _, text in legend.caption(WIDTH))) <= WIDTH


@given(some.lists(some.tuples(VALUES, MAYBE), min_size=1, max_size=4), some.booleans(), MARK_SETS)
def test_overlaid_runs_take_any_values_and_deviations(
    runs: list[tuple[list[float | None], float | None]], log: bool, marks: Marks
) -> None:
    series = [
        OverlaidSeries("run", tuple((float(x), y) for x, y in enumerate(ys, 1)), (spread,) * len(ys) if at % 2 else ())
        for at, (ys, spread) in enumerate(runs)
    ]
    _, picture = overlay(series, (WIDTH, HEIGHT), marks, MEASURES["accuracy"], span=(0.0, 9.0), log=log)
    fit(paint(picture, marks))


@given(some.lists(some.tuples(ANY, ANY, MAYBE), min_size=1, max_size=5))
@example([(0.0, 0.5, None)])
@example([(1e-300, 1.0, None), (1.5e-300, 1.0000000000000002, HUGE)])
def test_runs_by_size_and_by_seed_take_any_values(values: list[tuple[float, float, float | None]]) -> None:
    marks = MARKS["braille"]
    points = drawable_points([ScatterPoint(at, x, y, spread) for at, (x, y, spread) in enumerate(values)])
    if points:
        fit(paint(scatter(points, (WIDTH, HEIGHT), marks), marks))
    groups = drawable_groups(
        [SeedScores(at, "group", ((0, x), (1, y)), y, spread) for at, (x, y, spread) in enumerate(values)]
    )
    if groups:
        fit(paint(by_seed(groups, (WIDTH, HEIGHT), marks), marks))


def trials_of(values: Sequence[float | None]) -> tuple[TrialRow, ...]:
    return tuple(
        TrialRow(
            number=at,
            base="raw",
            values=(("lr", repr(value)),),
            seed=at,
            state="finished",
            epochs=2,
            epoch=2,
            curve=tuple((epoch, one) for epoch, one in enumerate(values, 1) if one is not None),
            score=value,
            val_accuracy=value,
            val_loss=value,
        )
        for at, value in enumerate(values, 1)
    )


@given(some.lists(MAYBE, min_size=1, max_size=12), some.sampled_from(["val_accuracy", "val_loss"]))
def test_the_plots_of_a_study_take_any_values(values: list[float | None], metric: str) -> None:
    marks, trials = MARKS["braille"], trials_of(values)
    shape = TableShape(metric, ("lr",), bases=False, seeds=True)
    axes, strands = plots.parallel(trials, shape)
    assert all(height is None or 0 <= height <= 1 for strand in strands for height in strand.heights)
    layout = layout_of(axes, (WIDTH, HEIGHT), marks)
    fit(parallel_rows(axes, strands, layout, line_cells(strands, layout), chosen="1", best="1"))
    axis, scores = plots.by_parameter(trials, shape, "lr")
    if axis is not None:
        _, picture = score_picture(axis, scores, (WIDTH, HEIGHT), marks, chosen="1", best="1")
        fit(paint(picture, marks))
    panels, frame = plots.multiples(trials, StudyState(rows=trials, metric=metric), shape)
    assert frame.words
    for panel in panels:
        fit(panel_lines(panel, frame, (22, 6), marks, chosen=True), 22, 6)
    series = plots.seeds(trials, "1")
    _, picture = overlay(series, (WIDTH, HEIGHT), marks, MEASURES["loss"], span=(0.0, 9.0))
    fit(paint(picture, marks))


@given(some.lists(some.tuples(ANY, ANY, ANY, ANY), min_size=1, max_size=4))
def test_the_distribution_of_weights_takes_any_values(values: list[tuple[float, float, float, float]]) -> None:
    told = tuple(
        EpochSpread(epoch, Distribution(low=low, high=high, counts=(1, 0, 3, 2), mean=mean, deviation=abs(deviation)))
        for epoch, (one, other, mean, deviation) in enumerate(values)
        for low, high in [(min(one, other), max(one, other))]
    )
    told = drawable_spreads(told)
    if not told:
        return
    axis = value_axis(told, 8)
    assert axis.low < axis.high
    for one in told:
        found = shares(one.spread, axis)
        assert len(found) == axis.lines
        assert all(0 <= share <= 1.000001 for share in found)
