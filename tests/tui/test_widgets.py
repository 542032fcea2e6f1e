"""What the widgets draw, from values: curves, confusion cells, progress and device in words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.runs.events import Phase
from mnist_tui.runs.state import EpochRow, RunningPoint, RunState, reduce
from mnist_tui.tui.widgets import load, progress, series
from mnist_tui.tui.widgets.confusion import heads, row_texts, sizes_for

finite = st.floats(0, 1e6, allow_nan=False)


def row(epoch: int, loss: float | None, val_loss: float | None = 1.0) -> EpochRow:
    return EpochRow(epoch, loss, 0.5, val_loss, 0.5, 0.001, 1.0, 100.0)


def history(losses: list[float | None]) -> RunState:
    rows = tuple(row(number, loss) for number, loss in enumerate(losses, 1))
    return RunState(state="running", epochs=max(1, len(losses)), history=rows)


@given(st.lists(finite, min_size=1, max_size=2000), st.integers(2, 100))
def test_a_decimated_curve_is_short_and_keeps_ends_and_extremes(values: list[float], columns: int) -> None:
    points = tuple((float(x), y) for x, y in enumerate(values, 1))
    kept = series.decimate(points, (0.0, float(len(values))), columns)
    assert len(kept) <= 4 * (columns + 1)
    assert set(kept) <= set(points)
    assert list(kept) == sorted(kept)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert {min(values), max(values)} <= {y for _, y in kept}


@given(st.lists(st.one_of(st.none(), finite), max_size=60))
def test_values_that_were_not_finite_are_gaps_and_no_axis_minds_them(losses: list[float | None]) -> None:
    curves = series.curves_of(history(losses), "loss", 200, 10)
    assert [y for part in curves.training for _, y in part] == [loss for loss in losses if loss is not None]
    for part in curves.training:
        xs = [x for x, _ in part]
        assert xs == list(range(int(xs[0]), int(xs[0]) + len(xs))), "a line never crosses a gap"
    assert all(map(math.isfinite, (*curves.x_limits, *curves.y_limits)))
    assert curves.y_limits[0] < curves.y_limits[1]


@given(finite, st.floats(1e-6, 1e6), st.integers(2, 12))
def test_ticks_are_round_inside_the_limits_and_told_apart(low: float, span: float, count: int) -> None:
    values = series.ticks((low, low + span), count)
    assert 1 <= len(values) <= max(count, 12)
    assert all(low - 1e-6 * span <= value <= low + span * (1 + 1e-6) for value in values)
    if span > 1e-3 * max(1.0, low):
        assert len(set(series.labels(values))) == len(values)


@pytest.mark.parametrize(
    ("epoch", "planned", "end"), [(1, 100, 2), (8, 20, 10), (30, 100, 50), (99, 100, 100), (7, 7, 7)]
)
def test_the_epoch_axis_grows_with_the_training_up_to_the_planned_epochs(epoch: int, planned: int, end: int) -> None:
    run = replace(history([1.0] * epoch), epochs=planned)
    assert series.curves_of(run, "loss", 60, 10).x_limits == (0.0, float(end))


def test_the_epoch_axis_names_its_end_and_has_room_for_every_number() -> None:
    assert series.epoch_ticks(10.0, 60) == [0, 5, 10]
    assert series.epoch_ticks(100.0, 26) == [0, 100]
    assert series.epoch_ticks(1.0, 26) == [0, 1]


def test_running_means_are_drawn_from_the_first_step_and_only_for_the_present_epoch_later() -> None:
    points = tuple(RunningPoint(at / 4, 1.0, 0.5) for at in range(1, 20))
    young = RunState(state="running", epochs=10, running=points[:3])
    assert [x for part in series.curves_of(young, "loss", 60, 10).running for x, _ in part] == [0.25, 0.5, 0.75]
    old = replace(history([1.0] * 4), running=points, epochs=10)
    assert [x for part in series.curves_of(old, "loss", 60, 10).running for x, _ in part] == [4.25, 4.5, 4.75]


def test_accuracy_is_drawn_in_percent() -> None:
    curves = series.curves_of(history([1.0]), "accuracy", 60, 10)
    assert curves.training == (((1.0, 50.0),),)


@given(st.lists(st.integers(0, 999), min_size=9, max_size=9), st.integers(0, 9), st.integers(0, 1999))
def test_no_two_numbers_of_a_row_touch_in_the_narrowest_cells(others: list[int], place: int, right: int) -> None:
    others = [count if sum(others) < 2000 else count % 100 for count in others]
    counts = [*others[:place], right, *others[place:]]
    texts = row_texts(counts, 4)
    if right < 1000 or sum(count >= 100 for count in others) < 2:
        assert [0 if word == "·" else int(word) for word in "".join(texts).split()] == counts
    assert {len(text) for text in texts} == {4}


def test_class_names_are_cut_at_words_and_stay_distinct() -> None:
    names = KNOWN["fashion-mnist"].class_names
    assert heads(names, 3) == ["T-s", "Tro", "Pul", "Dre", "Coa", "San", "Shi", "Sne", "Bag", "Ank"]
    assert heads(names, 7)[0::9] == ["T-shirt", "Ankle"]
    assert heads([f"class {digit}" for digit in range(10)], 3) == [str(digit) for digit in range(10)]


@pytest.mark.parametrize("names", [KNOWN["mnist"].class_names, KNOWN["fashion-mnist"].class_names])
@pytest.mark.parametrize("width", range(44, 130))
def test_a_matrix_never_is_wider_than_its_room(names: tuple[str, ...], width: int) -> None:
    sizes = sizes_for(width, 30, names)
    assert sizes.head + 10 * sizes.cell + (9 if sizes.margins else 0) <= width


def test_the_pace_line_names_every_number(record: Any) -> None:
    run = record().begin().epoch(1).epoch(2)
    run.write(run.progress(3, 60, 0.4))
    state = _state(run)
    text = progress.pace_text(state, "running", (state.started or 0) + 75)
    assert text == "learning rate 0.001 · 61,234 images/s · ETA 34 s · elapsed 1 min 15 s"


def test_pauses_are_not_in_the_elapsed_time() -> None:
    run = RunState(started=100.0, paused_since=150.0, paused_seconds=10.0, state="paused")
    assert progress.elapsed(run, 500.0, live=True) == 40.0
    assert progress.elapsed(replace(run, paused_since=None, updated=200.0, state="stopped"), 500.0, live=False) == 90.0


@pytest.mark.parametrize(
    ("phase", "text", "numbers"),
    [
        (Phase(name="importing", text="TensorFlow"), "importing TensorFlow", "importing"),
        (
            Phase(name="reading", done=2e5, total=1.13e7, unit="bytes", text="reading x.gz"),
            "reading x.gz",
            "0.2 of 11.3 MB",
        ),
        (
            Phase(name="features", done=1000, total=70000, unit="images"),
            "extracting features",
            "1,000 of 70,000 images",
        ),
    ],
)
def test_phases_are_told_in_words_and_with_units(phase: Phase, text: str, numbers: str) -> None:
    assert progress.phase_text(phase) == text
    assert progress.phase_numbers(phase) == numbers


def test_a_gpu_is_told_with_what_nvml_knows_of_it(record: Any) -> None:
    run = record().begin(gpu=True)
    line = load.device_lines(_state(run))[0]
    assert line == "GPU 0 NVIDIA H200: 43 % busy, 12.9 of 149.3 GB, 54 °C, 312 W"


def test_a_gpu_that_tells_nothing_is_said_to(record: Any) -> None:
    gpu = replace(record().load(gpu=True).gpus[0], utilization=None, memory_used=None, temperature=None, power=None)
    assert load.gpu_line(gpu) == "GPU 0 NVIDIA H200: NVML tells nothing"


def _state(run: Any) -> RunState:
    from mnist_tui.runs.events import EventTail

    return reduce(RunState(), EventTail(run.folder.events_file).read_all())
