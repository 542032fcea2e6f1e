"""The curves of the training screen under keys and mouse, on recorded runs."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown, MouseScrollUp
from textual.geometry import Region

from mnist_tui.runs.state import EpochRow, RunState
from mnist_tui.tui.widgets.controls import SidePanel
from mnist_tui.tui.widgets.plots.compared import OverlaidCurves, OverlaidSeries
from mnist_tui.tui.widgets.plots.curves import Curve, CurvePlots
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.plots.raster import BRAILLE, BRAILLE_BITS
from tests.tui.sizes import at_sizes


@pytest.fixture
def trained(record: Any) -> Any:
    """A run of 40 epochs, 30 of them done."""
    run = record(epochs=40).begin()
    for epoch in range(1, 31):
        run.epoch(epoch, steps=False)
    return run


def rows(count: int) -> tuple[EpochRow, ...]:
    return tuple(EpochRow(n, 2.0 / n, 1 - 0.5 / n, 3.0 / n, 0.9, 0.001, 0.5, 6e4) for n in range(1, count + 1))


def drawn_lines(plot: Plot) -> list[str]:
    return ["".join(part.text for part in strip) for strip in plot.render_lines(Region(0, 0, *plot.size))]


def curve_lines(app: Any) -> str:
    """What the left side of the screen shows."""
    return "\n".join(line for curve in app.screen.query_one(CurvePlots).curves for line in drawn_lines(curve))


async def test_the_arrow_keys_read_every_value_at_an_epoch_and_follow_lets_go(
    trained: Any, app_on: Any, shows: Any
) -> None:
    app = app_on(trained.folder)
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "evaluated after epoch 30", "epoch 30  ⠤⠒ training")
        await pilot.press("left", "left")
        await shows(pilot, "│ epoch 28", "evaluated after epoch 28", "val 0.1067, +0.0022 to best")
        await pilot.press("home")
        await shows(pilot, "│ epoch 1", "evaluated after epoch 1")
        await pilot.press("left")
        await shows(pilot, "│ epoch 1")
        await pilot.press("f")
        text = await shows(pilot, "evaluated after epoch 30")
        assert "│ epoch" not in text


async def test_home_and_end_move_the_cursor_also_while_the_details_have_the_focus(
    trained: Any, app_on: Any, shows: Any, until: Any
) -> None:
    app = app_on(trained.folder)
    async with app.run_test(size=(80, 16)) as pilot:
        await shows(pilot, "running")
        details = app.screen.query_one("#details", SidePanel)
        await pilot.press("v")
        await until(pilot, lambda: details.max_scroll_y > 1)
        details.focus()
        await pilot.press("down", "down", "home")
        await until(pilot, lambda: app.screen.feed.cursor == 1)
        assert details.scroll_offset.y == 2
        await pilot.press("end")
        await until(pilot, lambda: app.screen.feed.cursor is None)


async def test_a_click_looks_at_an_epoch_and_dragging_takes_the_cursor_along(
    trained: Any, app_on: Any, shows: Any, until: Any
) -> None:
    app = app_on(trained.folder)
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "evaluated after epoch 30")
        curve = app.screen.query_one("#loss", Curve)
        at = {epoch: (curve.margin + curve.plane.column(epoch), 8) for epoch in (10, 20)}
        await pilot.mouse_down(curve, offset=at[20])
        await shows(pilot, "evaluated after epoch 20")
        await pilot.hover(curve, offset=at[10])
        await shows(pilot, "evaluated after epoch 10")
        await pilot.mouse_up(curve, offset=at[10])
        await pilot.hover(curve, offset=at[20])
        await pilot.pause()
        assert app.screen.feed.epoch == 10, "the button is up"


async def test_a_zoomed_view_stays_while_the_training_goes_on(
    trained: Any, app_on: Any, shows: Any, until: Any
) -> None:
    app = app_on(trained.folder)
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "evaluated after epoch 30")
        plots = app.screen.query_one(CurvePlots)
        await pilot.press("plus", "plus", "left_square_bracket")
        await shows(pilot, "epochs ", " of 40")
        view = [curve.plane.x for curve in plots.curves]
        assert view[0] == view[1], "both curves show the same epochs"
        assert view[0][1] - view[0][0] < 20
        for epoch in range(31, 36):
            trained.epoch(epoch, steps=False)
            await shows(pilot, f"evaluated after epoch {epoch}")
        assert [curve.plane.x for curve in plots.curves] == view
        for _ in range(10):
            await pilot.press("right_square_bracket")
        await shows(pilot, "follows")
        trained.epoch(36, steps=False)
        await shows(pilot, "evaluated after epoch 36")
        assert plots.curves[0].plane.x[0] <= 36 <= plots.curves[0].plane.x[1]
        await pilot.press("0")
        await until(pilot, lambda: plots.curves[0].plane.x == (0.0, 40.0))


async def test_wheel_and_double_click_do_what_the_keys_do(trained: Any, app_on: Any, shows: Any, until: Any) -> None:
    app = app_on(trained.folder)
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "evaluated after epoch 30")
        plots = app.screen.query_one(CurvePlots)
        curve = app.screen.query_one("#accuracy", Curve)
        x = curve.margin + curve.plane.column(10)

        async def wheel(kind: Any, *, shift: bool = False) -> None:
            await pilot._post_mouse_events([kind], curve, (x, 9), button=0, shift=shift)

        for _ in range(4):
            await wheel(MouseScrollUp)
        await until(pilot, lambda: plots.window.span is not None)
        start, end = plots.window.span
        assert end - start < 20
        assert abs(curve.plane.at(x - curve.margin) - 10) < 0.6, "what is under the pointer stays there"
        await wheel(MouseScrollDown, shift=True)
        await until(pilot, lambda: plots.window.span[0] > start)
        assert plots.window.span[1] - plots.window.span[0] == pytest.approx(end - start)
        await pilot.click(curve, offset=(x, 9), times=2)
        await until(pilot, lambda: plots.window.span is None)


async def test_other_curves_and_a_logarithmic_axis(trained: Any, app_on: Any, shows: Any, until: Any) -> None:
    app = app_on(trained.folder)
    async with app.run_test(size=(140, 45)) as pilot:
        text = await shows(pilot, "Loss  epoch 30", "l log scale: off", "Accuracy")
        assert "(log)" not in text
        await pilot.press("l")
        await shows(pilot, "Loss (log)", "0.1┤", "l log scale: on", "Accuracy")
        await pilot.press("u")
        text = await shows(pilot, "Learning rate (log)", "Images/s", "61,234")
        assert "Accuracy  epoch" not in text
        await pilot.press("l", "u")
        await shows(pilot, "Loss  epoch 30")


@at_sizes((80, 24), (60, 20), (140, 45), (200, 50))
async def test_plain_training_is_a_third_series(size: tuple[int, int], record: Any, app_on: Any, shows: Any) -> None:
    run = record().begin()
    for epoch in range(1, 8):
        run.epoch(epoch, steps=False, plain_loss=0.5 / epoch, plain_accuracy=0.99)
    async with app_on(run.folder).run_test(size=size) as pilot:
        text = await shows(pilot, "○", "epoch 10")
        if size[0] > 60:
            assert "plain" in text or size[0] == 80
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_the_glyphs_of_the_settings_are_used(trained: Any, app_on: Any, shows: Any, until: Any) -> None:
    app = app_on(trained.folder)
    app.settings = replace(app.settings, glyphs="ascii")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "evaluated after epoch 30")
        assert curve_lines(app).isascii()
        app.settings = replace(app.settings, glyphs="block")
        here = app.screen
        await pilot.press("f12")
        await until(pilot, lambda: app.screen is not here)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is here and "◆" in curve_lines(app))


async def test_a_gap_is_left_where_the_loss_was_not_finite(record: Any, app_on: Any, shows: Any) -> None:
    run = record(epochs=30).begin()
    for epoch in range(1, 31):
        run.epoch(epoch, steps=False, finite=not 12 <= epoch <= 18)
    app = app_on(run.folder)
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "evaluated after epoch 30")
        curve = app.screen.query_one("#loss", Curve)
        lines = [line[curve.margin :] for line in drawn_lines(curve)]
        gap = range(curve.plane.column(12), curve.plane.column(17))
        assert all(line[column] == " " for line in lines[1 : 1 + curve.plane.rows] for column in gap)
        await pilot.press(*["left"] * 15)
        await shows(pilot, "│ epoch 15", "training not finite")


async def test_the_best_epoch_is_named_once_however_often_a_curve_is_drawn(
    trained: Any, app_on: Any, shows: Any
) -> None:
    async with app_on(trained.folder).run_test(size=(60, 20)) as pilot:
        await shows(pilot, "★ best epoch")
        curve = pilot.app.screen.query_one(CurvePlots).curves[0]
        curve.draw()
        curve.draw()
        assert "\n".join(drawn_lines(curve)).count("best epoch") == 1


class Bare(App[None]):
    """Curves without a screen of a run."""

    def compose(self) -> ComposeResult:
        yield CurvePlots()


async def test_nothing_is_drawn_where_nothing_has_changed_and_only_what_has() -> None:
    app = Bare()
    async with app.run_test(size=(60, 26)):
        plots = app.query_one(CurvePlots)
        run = RunState(state="running", epochs=50, history=rows(22))
        plots.show(run)
        curve = plots.curves[0]
        drawn = curve.redraws
        plots.show(replace(run, updated=5.0))
        assert curve.redraws == drawn
        app.screen._on_timer_update()
        curve._exchange_repaint_regions()
        plots.show(replace(run, history=rows(23)))
        regions = curve._exchange_repaint_regions()
        assert 0 < sum(region.area for region in regions) < curve.size.area / 3
        assert [other.redraws for other in plots.query(Curve) if other not in plots.curves] == [0, 0], (
            "not while hidden"
        )


def dots_of(line: str) -> dict[int, set[int]]:
    """The dots of a line of braille characters: for each column of dots with dots in it their rows, from the top."""
    found: dict[int, set[int]] = {}
    for at, character in enumerate(line):
        for column, bits in enumerate(BRAILLE_BITS):
            lit = {
                row for row, bit in enumerate(bits) if ord(character) >= BRAILLE and (ord(character) - BRAILLE) & bit
            }
            if lit:
                found[2 * at + column] = lit
    return found


async def test_the_dots_of_validation_lie_within_half_a_row_of_dots_of_their_values() -> None:
    """In 200 random runs: a dot at every epoch, and between two epochs no dot beyond their values."""
    random, app = Random(4), Bare()
    async with app.run_test(size=(100, 40)):
        plots = app.query_one(CurvePlots)
        curve = plots.curves[0]
        for _ in range(200):
            count, top = random.randint(2, 14), 10 ** random.uniform(-2, 2)
            values = [top * random.random() ** random.randint(1, 4) for _ in range(count)]
            history = tuple(replace(row, loss=None, val_loss=y) for row, y in zip(rows(count), values, strict=True))
            plots.show(RunState(state="running", epochs=count, history=history))
            assert curve.plane is not None
            heights = list(map(math.log10, values)) if curve.is_logarithmic else values
            plane, lit, marked = curve.plane, dict[int, set[int]](), set[int]()
            for row, line in enumerate(drawn_lines(curve)[1 : 1 + plane.rows]):
                inside = line[curve.margin : curve.margin + plane.columns]
                marked |= {2 * at + side for at, mark in enumerate(inside) if mark == "◆" for side in (0, 1)}
                for column, dots in dots_of(inside).items():
                    lit.setdefault(column, set()).update(4 * row + dot for dot in dots)
            dot = (plane.y[1] - plane.y[0]) / (4 * plane.rows - 1)
            half = dot * (0.5 + 1e-6)
            last = 2 * plane.columns - 1
            places = [math.floor(0.5 + last * epoch / plane.x[1]) for epoch in range(1, count + 1)]
            for place, height in zip(places, heights, strict=True):
                seen = [plane.y[1] - at * dot for at in lit.get(place, ())]
                assert place in marked or any(abs(y - height) <= half for y in seen)
            for (left, right), ends in zip(pairwise(places), pairwise(heights), strict=True):
                seen = [plane.y[1] - at * dot for place in range(left + 1, right) for at in lit.get(place, ())]
                assert all(min(ends) - half <= y <= max(ends) + half for y in seen)


async def test_curves_with_no_room_say_what_they_are_and_no_more() -> None:
    app = Bare()
    async with app.run_test(size=(14, 6)):
        plots = app.query_one(CurvePlots)
        plots.show(RunState(state="running", epochs=5, history=rows(3)))
        assert "Loss" in curve_lines(app)


async def test_overlaid_runs_zoom_and_name_each_run_with_its_value() -> None:
    class Over(App[None]):
        def compose(self) -> ComposeResult:
            yield OverlaidCurves("loss")

    app = Over()
    async with app.run_test(size=(100, 30)) as pilot:
        plot = app.query_one(OverlaidCurves)
        series = [
            OverlaidSeries("raw", tuple((float(x), 2.0 / x) for x in range(1, 41))),
            OverlaidSeries("hog, 3 seeds", tuple((float(x), 1.0 / x) for x in range(1, 41)), (0.125,) * 40),
        ]
        plot.show(series)
        await pilot.pause()

        def text() -> str:
            return "\n".join(drawn_lines(plot))

        assert "Validation loss" in text()
        assert "● raw 0.050" in text()
        assert "▲ hog, 3 seeds 0.025 ± 0.125" in text()
        grounds = {
            part.style and part.style.bgcolor for strip in plot.render_lines(Region(0, 0, *plot.size)) for part in strip
        }
        assert len(grounds - {None}) == 2, "the plot's background, and the band's tint"
        plot.focus()
        await pilot.press("plus", "plus")
        assert plot.plane is not None
        assert plot.plane.x[1] - plot.plane.x[0] < 20
        await pilot.press("0", "l")
        assert plot.plane.x == (0.0, 40.0)
        assert "(log)" in text()
        await pilot.press("l")
        assert "(log)" not in text()
        plot.show(series, cursor=10)
        assert "● raw 0.200" in text()
        plot.show([])
        assert "no epoch of these runs has ended" in text()
        plot.show([replace(series[0], label=f"run {number}") for number in range(1, 13)])
        await pilot.pause()
        assert "8 of 12 drawn" in text()
        assert "run 8" in text()
        assert "run 9" not in text()
