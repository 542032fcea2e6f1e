"""What curves show of a run, from values: points, gaps, limits, axes, views, legends, characters."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.strip import Strip

from mnist_tui.report.figures.drawing import drawable
from mnist_tui.runs.events import Ended
from mnist_tui.runs.state import EpochRow, RunningPoint, RunState
from mnist_tui.tui.widgets.plots import axes, compared, curves, raster, series
from mnist_tui.tui.widgets.plots.axes import EpochAxis, EpochWindow
from mnist_tui.tui.widgets.plots.curves import curve_strokes
from mnist_tui.tui.widgets.plots.raster import MARKS
from mnist_tui.tui.widgets.text import changed

LOSS = series.MEASURES["loss"]
finite = st.floats(0, 1e6, allow_nan=False).map(lambda value: drawable(value) or 0.0)


def row(epoch: int, loss: float | None, val_loss: float | None = 1.0, seconds: float = 1.0) -> EpochRow:
    return EpochRow(epoch, loss, 0.5, val_loss, 0.5, 0.001, seconds, 100.0)


def history(losses: list[float | None], seconds: float = 1.0) -> RunState:
    rows = tuple(row(number, loss, seconds=seconds) for number, loss in enumerate(losses, 1))
    return RunState(state="running", epochs=max(1, len(losses)), history=rows)


def text_of(line: raster.Row) -> str:
    return "".join(text for _, text in line)


@given(st.lists(finite, min_size=1, max_size=2000), st.integers(2, 100))
def test_a_decimated_curve_is_short_and_keeps_ends_and_extremes(values: list[float], columns: int) -> None:
    points = tuple((float(x), y) for x, y in enumerate(values, 1))
    (kept,) = series.line(series.track_of(points), 0.0, float(len(values)), columns)
    assert len(kept) <= 4 * (columns + 1)
    assert set(kept) <= set(points)
    assert list(kept) == sorted(kept)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert {min(values), max(values)} <= {y for _, y in kept}


@given(st.lists(finite, min_size=2, max_size=300), st.floats(1, 150), st.floats(1, 100))
def test_a_line_in_a_part_of_the_epochs_ends_on_the_edges(values: list[float], start: float, width: float) -> None:
    end = start + width
    parts = series.line(series.track_of(enumerate(values, 1)), start, end, 300)
    xs = [x for part in parts for x, _ in part]
    assert all(start <= x <= end for x in xs)
    if start < len(values):
        assert xs[0] == pytest.approx(start)
        assert xs[-1] == pytest.approx(min(end, len(values)))
    else:
        assert [x for x in xs if x > len(values)] == []


@given(st.lists(st.one_of(st.none(), finite), max_size=60))
def test_values_that_were_not_finite_are_gaps_and_no_axis_minds_them(losses: list[float | None]) -> None:
    curves = series.curves_of(history(losses), "loss", 200, 10)
    assert [y for part in curves.training for _, y in part] == [loss for loss in losses if loss is not None]
    for part in curves.training:
        xs = [x for x, _ in part]
        assert xs == list(range(int(xs[0]), int(xs[0]) + len(xs))), "a line never crosses a gap"
    assert all(map(math.isfinite, (*curves.x_limits, *curves.y_limits)))
    assert curves.y_limits[0] < curves.y_limits[1]


@given(st.lists(st.one_of(st.none(), st.just(0.0), finite), max_size=60))
def test_on_a_logarithmic_axis_lie_the_powers_of_ten_of_what_is_above_zero(losses: list[float | None]) -> None:
    curves = series.curves_of(history(losses), "loss", 200, 10, log=True)
    wanted = [math.log10(loss) for loss in losses if loss]
    assert [y for part in curves.training for _, y in part] == pytest.approx(wanted)
    assert all(curves.y_limits[0] <= y <= curves.y_limits[1] for y in wanted)


@given(st.lists(st.one_of(st.none(), finite), min_size=1, max_size=60), st.data())
def test_a_history_that_grew_is_the_same_as_one_read_at_once(losses: list[float | None], data: st.DataObject) -> None:
    run = history(losses)
    run = replace(run, history=tuple(replace(one, val_loss=one.loss) for one in run.history))
    kept = series.History("loss")
    ends = data.draw(st.lists(st.integers(0, len(losses)), max_size=5))
    for end in [*sorted(ends), len(losses)]:
        kept.update(run.history[:end])
    assert kept.tracks["loss"] == series.track_of((one.epoch, one.loss) for one in run.history)
    best = run.best
    assert kept.tracks["val_loss"].lowest == (None if best is None else (best.epoch, best.val_loss))


def test_a_history_that_a_resumption_cut_is_read_anew() -> None:
    run = history([5.0, 4.0, 3.0, 2.0])
    kept = series.History("loss")
    kept.update(run.history)
    kept.update((*run.history[:2], row(3, 9.0), row(4, 8.0), row(5, 7.0)))
    assert kept.tracks["loss"].ys == [5.0, 4.0, 9.0, 8.0, 7.0]


def test_a_redraw_of_ten_thousand_epochs_reads_only_the_new_one() -> None:
    class Counted(tuple[EpochRow, ...]):
        def __iter__(self) -> Any:
            raise AssertionError("all rows were walked")

    run = history([1.0 + 1 / epoch for epoch in range(1, 10_001)])
    kept = series.History("loss")
    kept.update(run.history[:-1])
    curves = series.curves_of(replace(run, history=Counted(run.history)), "loss", 52, 10, history=kept)
    assert curves.training[0][-1] == (10_000.0, run.history[-1].loss)
    assert sum(map(len, curves.training)) <= 4 * 53


@given(finite, st.floats(1e-6, 1e6), st.integers(2, 12))
def test_ticks_are_round_inside_the_limits_and_told_apart(low: float, span: float, count: int) -> None:
    values = axes.ticks((low, low + span), count)
    assert 1 <= len(values) <= max(count, 12)
    assert all(low - 1e-6 * span <= value <= low + span * (1 + 1e-6) for value in values)
    if span > 1e-3 * max(1.0, low):
        assert len(set(axes.labels(values))) == len(values)


@given(st.floats(-8, 6), st.floats(0.01, 10), st.integers(2, 12))
def test_logarithmic_ticks_lie_inside_the_limits(low: float, span: float, count: int) -> None:
    values = axes.log_ticks((low, low + span), count)
    assert values
    assert all(low - 1e-6 <= math.log10(value) <= low + span + 1e-6 for value in values)
    assert values == sorted(set(values))


@pytest.mark.parametrize(
    ("limits", "count", "values"),
    [((-2, 0), 4, [0.01, 0.1, 1]), ((-1, 0.2), 3, [0.1, 0.3, 1]), ((-0.1, 0.95), 6, [1, 2, 5])],
)
def test_logarithmic_ticks_are_round(limits: tuple[float, float], count: int, values: list[float]) -> None:
    assert axes.log_ticks(limits, count) == pytest.approx(values)


@pytest.mark.parametrize(
    ("epoch", "planned", "end"), [(1, 100, 5), (1, 3, 3), (8, 20, 10), (30, 100, 50), (99, 100, 100), (7, 7, 7)]
)
def test_the_epoch_axis_grows_with_the_training_up_to_the_planned_epochs(epoch: int, planned: int, end: int) -> None:
    run = replace(history([1.0] * epoch), epochs=planned)
    assert series.curves_of(run, "loss", 60, 10).x_limits == (0.0, float(end))


def test_the_epoch_axis_names_its_end_and_has_room_for_every_number() -> None:
    assert axes.epoch_ticks((0.0, 10.0), 60) == [0, 5, 10]
    assert axes.epoch_ticks((0.0, 100.0), 26) == [0, 100]
    assert axes.epoch_ticks((0.0, 1.0), 26) == [0, 1]
    assert axes.epoch_ticks((20.4, 30.6), 60) == [22, 24, 26, 30]


def test_running_means_are_drawn_from_the_first_step_and_later_in_long_epochs_only() -> None:
    points = tuple(RunningPoint(at / 4, 1.0, 0.5) for at in range(1, 20))
    young = RunState(state="running", epochs=10, running=points[:3])
    assert [x for x, _ in series.curves_of(young, "loss", 60, 10).running] == [0.25, 0.5, 0.75]
    slow = replace(history([1.0] * 4, seconds=30.0), running=points, epochs=10)
    assert [x for x, _ in series.curves_of(slow, "loss", 60, 10).running] == [4.25, 4.5, 4.75]
    quick = replace(history([1.0] * 4, seconds=0.5), running=points, epochs=10)
    assert series.curves_of(quick, "loss", 60, 10).running == ()


def test_accuracy_is_drawn_in_percent() -> None:
    curves = series.curves_of(history([1.0]), "accuracy", 60, 10)
    assert curves.training == (((1.0, 50.0),),)


epoch_axes = st.builds(lambda newest, more: EpochAxis(newest + more, newest), st.floats(2, 10_000), st.floats(0, 100))
moves = st.lists(
    st.one_of(
        st.tuples(st.just("zoom"), st.floats(0.1, 10), st.floats(0, 1)),
        st.tuples(st.just("pan"), st.floats(-3, 3), st.just(0.0)),
    ),
    max_size=8,
)


@given(epoch_axes, moves)
def test_a_view_never_leaves_the_axis_and_what_was_zoomed_to_stays_in_place(
    axis: EpochAxis, wanted: list[tuple[str, float, float]]
) -> None:
    window = EpochWindow()
    for what, amount, share in wanted:
        start, end = window.limits(axis)
        if what == "pan":
            window = window.panned(amount, axis)
            assert window.limits(axis)[1] - window.limits(axis)[0] == pytest.approx(end - start)
        else:
            window = window.zoomed(amount, start + share * (end - start), axis)
        now = window.limits(axis)
        assert -1e-6 <= now[0] < now[1] <= axis.end * (1 + 1e-6)
        if what == "zoom" and amount < 1 and not window.follows:
            at = start + share * (end - start)
            assert now[0] - 1e-6 <= at <= now[1] + 1e-6


def test_a_zoomed_view_stays_while_the_training_goes_on_and_one_panned_to_the_newest_follows() -> None:
    early, late = EpochAxis(50.0, 40.0), EpochAxis(150.0, 101.0)
    zoomed = EpochWindow().zoomed(0.2, 20.0, early)
    assert zoomed.limits(early) == zoomed.limits(late) == (16.0, 26.0)
    following = zoomed.panned(5.0, early)
    assert following.follows
    assert following.limits(late) == (91.0, 101.0)
    assert following.panned(-1.0, late).limits(EpochAxis(200.0, 160.0)) == (81.0, 91.0), "panned back it stays again"
    assert EpochWindow().limits(late) == (0.0, 150.0), "all epochs are all epochs"


def test_a_view_moves_just_so_far_that_the_cursor_is_seen() -> None:
    axis = EpochAxis(100.0, 100.0)
    window = EpochWindow((20.0, 30.0))
    assert window.showing(25.0, axis) is window
    assert window.showing(31.0, axis).limits(axis) == (21.0, 31.0)
    assert window.showing(5.0, axis).limits(axis) == (5.0, 15.0)


def words(run: RunState, metric: series.Metric = "loss", cursor: int | None = None) -> curves.Legend:
    kept = series.History(metric)
    kept.update(run.history)
    return curves.Legend(run, series.MEASURES[metric], kept, MARKS["braille"], cursor)


def test_the_heading_tells_every_series_at_the_epoch_looked_at() -> None:
    rows = tuple(replace(row(n, 2.0 / n, 3.0 / n), plain_loss=1.0 / n) for n in range(1, 11))
    run = RunState(history=rows, epochs=10)
    assert "epoch 10" in text_of(words(run).heading(100))
    text = text_of(words(run, cursor=4).heading(120))
    assert "│ epoch 4" in text
    for part in ("training 0.5000", "validation 0.7500, +0.4500 to best", "plain training 0.2500"):
        assert part in text
    assert "plain" not in text_of(words(history([1.0])).heading(100)), "it is not told where it is not measured"


def test_a_narrow_heading_keeps_the_names_of_both_curves() -> None:
    rows = tuple(replace(row(n, 2.0 / n, 3.0 / n), plain_loss=1.0 / n) for n in range(1, 11))
    legend = replace(words(RunState(history=rows, epochs=10)), log=True)
    assert text_of(legend.heading(36)) == "Loss log ⠤ train 0.200 ◆ val 0.300"


@given(st.integers(10, 160), st.sampled_from([None, 3]))
def test_a_heading_and_a_caption_fit_their_width(width: int, cursor: int | None) -> None:
    found = words(history([3.0, 2.0, 1.0]), cursor=cursor)
    assert len(text_of(found.heading(width))) <= width
    assert len(text_of(found.caption(width))) <= width
    named = text_of(found.heading(width)) + text_of(found.names(width))
    if width >= 14:
        assert "train" in named
        assert "val" in named


def test_the_caption_tells_best_epoch_early_end_and_smallest_and_largest() -> None:
    rows = tuple(row(n, 1.0 / n, abs(n - 4) + 0.5) for n in range(1, 7))
    ended = Ended(state="finished", reason="early stopping: the loss has not improved for 2 epochs since epoch 4")
    text = text_of(words(RunState(history=rows, epochs=20, ended=ended)).caption(150))
    assert "★ best epoch 4" in text
    assert "■ early stopping after epoch 6" in text
    assert "train min 0.167 max 1.000" in text
    assert "val min 0.500 max 3.500" in text
    short = text_of(words(RunState(history=rows, epochs=20)).caption(44))
    assert "val min 0.500 max 3.500" in short
    assert "train" not in short
    assert "early" not in text_of(words(RunState(history=rows, epochs=20)).caption(150))


@pytest.mark.parametrize("glyphs", ["braille", "block", "ascii"])
def test_a_line_goes_through_its_points_in_every_glyph_set(glyphs: str) -> None:
    marks = MARKS[glyphs]  # pyright: ignore[reportArgumentType]
    wide, high = marks.size
    picture = raster.PlotPicture(
        20,
        6,
        ((0, "0"), (19, "epoch 5")),
        ((0, "0.0"), (5, "1.0")),
        (raster.Stroke("training", ((0, 0), (20 * wide - 1, 6 * high - 1))),),
        cursor=3,
        flags=((7, marks.best, "best"),),
    )
    lines = [text_of(line) for line in raster.paint(picture, marks)]
    assert [len(line) for line in lines] == [24] * 8
    assert lines[0].startswith("1.0")
    assert lines[5].startswith("0.0")
    assert lines[-1].rstrip().endswith("epoch 5")
    assert lines[6][picture.margin + 7] == marks.best
    drawn = [(y, x) for y in range(6) for x in range(20) if lines[y][4 + x] not in f" {marks.cursor}"]
    assert {x for _, x in drawn} == set(range(20)), "no hole"
    assert (5, 0) in drawn
    assert (0, 19) in drawn
    if glyphs == "ascii":
        assert all(line.isascii() for line in lines)


def test_the_ends_of_an_axis_move_seldom_while_a_loss_falls() -> None:
    losses = [2.0 * math.exp(-epoch / 5) + 0.1 for epoch in range(1, 41)]
    limits = [series.y_limits(losses[:count]) for count in range(2, 41)]
    assert len(set(limits)) <= 12
    assert all(low <= min(losses[:count]) and high >= losses[0] for count, (low, high) in enumerate(limits, 2))
    assert limits[-1] == pytest.approx((0.0, 1.8))


def crossing(*strokes: raster.Stroke, marks: raster.Marks = MARKS["braille"]) -> list[raster.Row]:
    """The rows of a plot of ten columns with these strokes, without the axis."""
    picture = raster.PlotPicture(10, 2, ((0, "0"),), ((0, "0"),), strokes)
    return [tuple((tone, text) for tone, text in line if tone != "axis") for line in raster.paint(picture, marks)]


def test_two_lines_in_one_character_are_both_seen() -> None:
    low, high = raster.Stroke("run0", ((0, 0), (19, 0))), raster.Stroke("run1", ((0, 3), (19, 3)))
    assert text_of(crossing(low, high)[1]) == "⣉" * 10


@pytest.mark.parametrize("glyphs", MARKS)
def test_lines_on_each_other_take_turns_and_a_character_has_the_colour_of_most_of_its_dots(glyphs: Any) -> None:
    marks = MARKS[glyphs]
    wide, high = marks.size
    level = tuple((x, 0) for x in (0, 10 * wide - 1))
    row = crossing(raster.Stroke("training", level), raster.Stroke("validation", level), marks=marks)[1]
    assert [tone for tone, _ in row] == ["training", "validation"] * 5
    if high > 1:
        steep = raster.Stroke("training", ((0, 0), (0, 2 * high - 1)))
        assert crossing(steep, raster.Stroke("validation", ((0, 0), (1, 0))), marks=marks)[1][0][0] == "training"


@pytest.mark.parametrize("glyphs", MARKS)
def test_without_colours_the_line_of_training_is_told_from_that_of_validation(glyphs: Any) -> None:
    marks = raster.marks_of(glyphs, colourless=True)
    run = replace(history([1.0] * 20), history=tuple(row(n, 1.0, 2.0) for n in range(1, 21)))
    found = series.curves_of(run, "loss", 60, 10)
    plane, axis = axes.plane_of(found.x_limits, found.y_limits, (70, 12), marks)
    lines = raster.paint(replace(axis, strokes=curve_strokes(found, plane, marks)), marks)
    drawn = {tone: {text for line in lines for one, text in line if one == tone} for tone in ("training", "validation")}
    shapes = {tone: "".join(texts) for tone, texts in drawn.items()}
    assert set(shapes["training"]) - set(shapes["validation"]) - {" "} or "  " in shapes["training"]


@given(st.lists(st.sampled_from("ab "), max_size=30), st.lists(st.sampled_from("ab "), max_size=30))
def test_what_changed_in_a_line_is_found(before: list[str], after: list[str]) -> None:
    span = changed(*(Strip([Segment("".join(line))]) for line in (before, after)))
    if span is None:
        assert before == after
    else:
        first, last = span
        assert before[:first] == after[:first]
        assert before[last:] == after[last:]


@pytest.mark.parametrize("glyphs", MARKS)
def test_overlaid_runs_have_marks_of_their_own_and_a_group_has_a_band(glyphs: Any) -> None:
    marks = MARKS[glyphs]
    runs = [
        compared.OverlaidSeries(
            f"run {n}", tuple((float(x), 1.0 + n + 1 / x) for x in range(1, 51)), (0.4,) * 50 * (n == 0)
        )
        for n in range(8)
    ]
    _, picture = compared.overlay(runs, (90, 30), marks, LOSS, span=(0.0, 50.0))
    text = "\n".join(text_of(line) for line in raster.paint(picture, marks))
    for mark in marks.runs:
        assert mark in text
    band = marks.band or "⡂"
    assert text.count(band) > 20
    _, alone = compared.overlay(runs[1:2], (90, 30), marks, LOSS, span=(0.0, 50.0))
    assert band not in "".join(text_of(line) for line in raster.paint(alone, marks))


@given(st.integers(0, 3), st.integers(4, 22), st.integers(0, 23))
def test_a_tinted_band_covers_what_it_should_to_half_a_row_and_lines_are_seen_on_it(
    low: int, top: int, at: int
) -> None:
    marks = raster.marks_of("braille")
    band = raster.Stroke("run0", tuple((x, y) for x in range(0, 20, 2) for y in (low, top)), band=True)
    line = raster.Stroke("run1", ((0, at), (19, at)))
    picture = raster.PlotPicture(10, 6, ((0, "0"),), ((0, "0"),), (band, line))
    for number, drawn in enumerate(raster.paint(picture, marks)[:6]):
        tone, text = drawn[-1]
        row = 5 - number
        lower, upper = low * 2 // 4 <= 2 * row <= top * 2 // 4, low * 2 // 4 <= 2 * row + 1 <= top * 2 // 4
        if at // 4 == row:
            assert tone == ("run1/band0" if lower or upper else "run1")
            assert set(text) <= {chr(raster.BRAILLE + sum(column[3 - at % 4] for column in raster.BRAILLE_BITS))}
        else:
            assert tone == ("axis/band0" if lower and upper else "band0" if lower or upper else "axis")
            assert text.endswith("▄" if lower and not upper else "▀" if upper and not lower else " ")


def test_a_band_no_higher_than_a_character_is_seen_beside_its_line() -> None:
    marks = MARKS["braille"]
    line, band = raster.Stroke("run0", ((0, 1), (19, 1))), raster.Stroke("run0", ((0, 0), (0, 3)), band=True)
    picture = raster.PlotPicture(10, 2, ((0, "0"),), ((0, "0"),), (band, line))
    painted = text_of(raster.paint(picture, marks)[1])
    assert painted[picture.margin :].startswith("⡧⠤")


@given(
    st.lists(st.tuples(st.lists(st.one_of(st.none(), finite), max_size=40), st.booleans()), max_size=10), st.booleans()
)
def test_any_runs_can_be_overlaid(runs: list[tuple[list[float | None], bool]], log: bool) -> None:
    given_runs = [
        compared.OverlaidSeries(
            "run", tuple((float(x), y) for x, y in enumerate(ys, 1)), (0.5,) * len(ys) if band else ()
        )
        for ys, band in runs
    ]
    _, picture = compared.overlay(given_runs, (60, 14), MARKS["ascii"], LOSS, span=(0.0, 40.0), log=log)
    lines = [text_of(line) for line in raster.paint(picture, MARKS["ascii"])]
    assert {len(line) for line in lines} == {60}
    assert len(lines) == 14


@given(st.integers(8, 40), st.floats(0, 90), st.floats(1, 10))
def test_a_label_stands_in_the_row_of_the_marks_of_its_value(height: int, low: float, span: float) -> None:
    plane, picture = axes.plane_of((1.0, 20.0), (low, low + span), (60, height), MARKS["braille"])
    values = axes.ticks((low, low + span), max(2, (height - 2) // 2 if height - 2 < 12 else (height - 2) // 3))
    for (at, _), value in zip(picture.y_ticks, values, strict=False):
        assert plane.dot(5.0, value)[1] // plane.dots[1] == at


@given(st.integers(1, 20_000), st.floats(0, 1), st.integers(30, 150))
def test_every_label_of_the_epoch_axis_is_seen(epochs: int, start: float, width: int) -> None:
    _, picture = axes.plane_of((start * (epochs - 1), epochs + 0.2), (0.0, 1.0), (width, 10), MARKS["braille"])
    seen = text_of(raster.paint(picture, MARKS["braille"])[-1])
    assert seen.split() == " ".join(label for _, label in picture.x_ticks).split()
