"""The reducer: events in, the one state that every front end shows out."""

from dataclasses import replace

import pytest

from mnist_tui.runs.events import Ended, ModelBuilt, Paused, Phase, Resumed, RunStarted, Warned
from mnist_tui.runs.state import LOADS, RUNNING_POINTS, RunState, reduce
from tests.present import present
from tests.runs.sample_events import data_ready, epoch, progress

STARTED = RunStarted(time=100.0, run="r", epochs=10, total=5, trainable=5)
DATA = data_ready(time=101.0)


def test_a_run_goes_from_starting_over_running_to_its_end():
    state = reduce(RunState(), [STARTED, Phase(time=100.5, name="reading"), DATA])
    assert (state.state, present(state.phase).name, state.epochs) == ("starting", "reading", 10)
    state = reduce(state, [ModelBuilt(device="CPU:0", device_name="x", program="graph", total=5, trainable=5, steps=9)])
    state = reduce(state, [progress(3), epoch(1)])
    assert (state.state, len(state.history), state.confusion_epoch) == ("running", 1, 1)
    state = reduce(state, [Ended(time=200.0, state="finished", reason="all epochs", test_accuracy=0.9)])
    assert (state.state, state.live, present(state.ended).test_accuracy) == ("finished", False, 0.9)


def test_events_one_by_one_or_all_at_once_make_the_same_state():
    events = [
        STARTED,
        DATA,
        progress(1),
        epoch(1),
        Warned(text="w"),
        Paused(time=3.0, epoch=1, step=0),
        Resumed(time=5.0),
    ]
    one_by_one = RunState()
    for event in events:
        one_by_one = reduce(one_by_one, [event])
    assert one_by_one == reduce(RunState(), events)


def test_a_pause_is_counted_and_progress_that_was_under_way_does_not_end_it():
    state = reduce(RunState(), [STARTED, Paused(time=10.0, epoch=1, step=3), progress(3)])
    assert (state.state, state.paused_since) == ("paused", 10.0)
    state = reduce(state, [Resumed(time=14.5)])
    assert (state.state, state.paused_seconds, state.paused_since) == ("running", 4.5, None)


def test_resumption_from_a_checkpoint_drops_what_lies_beyond():
    events = [
        STARTED,
        *(epoch(number) for number in range(1, 6)),
        replace(progress(3), epoch=6),
        Resumed(time=9.0, from_epoch=3),
    ]
    state = reduce(RunState(), events)
    assert [row.epoch for row in state.history] == [1, 2, 3]
    assert state.progress is None
    assert all(point.at <= 3 for point in state.running)


def test_a_checkpoint_in_mid_epoch_keeps_the_running_line_up_to_its_step():
    model = ModelBuilt(device="CPU:0", device_name="x", program="graph", total=5, trainable=5, steps=9)
    points = [replace(progress(step), epoch=2) for step in range(1, 9)]
    state = reduce(RunState(), [STARTED, model, epoch(1), *points, epoch(2), Resumed(time=9.0, from_epoch=1, step=4)])
    assert [point.at for point in state.running] == [1 + step / 9 for step in (1, 2, 3, 4)]
    assert [row.epoch for row in state.history] == [1]
    assert (state.confusion, state.confusion_epoch) == (None, 0)
    state = reduce(state, [replace(progress(5), epoch=2), epoch(2)])
    assert [row.epoch for row in state.history] == [1, 2]


def test_a_second_worker_keeps_the_history_and_the_time_between_the_two_is_a_pause():
    first = [STARTED, replace(epoch(1), time=110.0), Paused(time=112.0, epoch=2, step=1)]
    state = reduce(RunState(), [*first, replace(STARTED, time=500.0)])
    assert (state.state, state.started, state.paused_seconds, state.paused_since) == ("starting", 100.0, 388.0, None)
    assert [row.epoch for row in state.history] == [1]
    state = reduce(RunState(), [*first[:2], replace(STARTED, time=500.0), Resumed(time=505.0, from_epoch=1)])
    assert (state.state, state.paused_seconds) == ("running", 390.0)


def test_a_resumed_run_has_not_ended_and_the_time_left_counts_from_its_checkpoint():
    rows = [replace(epoch(n), seconds=2.0) for n in range(1, 7)]
    stopped = Ended(time=150.0, state="stopped", reason="as asked", test_accuracy=0.9)
    state = reduce(RunState(), [STARTED, *rows, stopped, replace(STARTED, time=200.0)])
    assert (state.ended, state.live) == (None, True)
    state = reduce(state, [Resumed(time=201.0, from_epoch=4, step=0)])
    assert state.seconds_left == pytest.approx(6 * 2.0)


def test_a_warning_that_is_repeated_stands_once():
    state = reduce(RunState(), [Warned(text="a"), Warned(text="b"), Warned(text="a")])
    assert state.warnings == ("a", "b")


def test_what_is_kept_of_a_long_run_is_bounded():
    events = [replace(progress(1), epoch=number) for number in range(1, 2000)]
    state = reduce(RunState(), events)
    assert len(state.running) == RUNNING_POINTS
    assert LOADS < 1000


def test_the_time_left_follows_the_last_epochs_and_leaves_compilation_out():
    rows = [replace(epoch(1), seconds=60.0), *(replace(epoch(n), seconds=2.0) for n in (2, 3, 4))]
    state = reduce(RunState(), [STARTED, *rows])
    assert state.seconds_left == pytest.approx(6 * 2.0)
    half = progress(5, epoch=5, steps=10)
    assert reduce(state, [half]).seconds_left == pytest.approx(5.5 * 2.0)


def test_before_the_first_epoch_ends_the_pace_of_images_tells():
    half = progress(5, steps=10, images_per_second=30_000.0)
    assert reduce(RunState(), [STARTED, DATA, half]).seconds_left == pytest.approx(9.5 * 2.0)


def test_the_best_epoch_ignores_losses_that_are_not_numbers():
    rows = [replace(epoch(1), val_loss=0.5), replace(epoch(2), val_loss=0.3), replace(epoch(3), val_loss=None)]
    assert present(reduce(RunState(), rows).best).epoch == 2
