"""Orders: what commands and signals make of a worker's flags."""

import pytest

from mnist_tui.runs.control import Command, waiting_commands, write_command
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training.orders import Orders
from mnist_tui.training.reporter import LONG_SECONDS, pace
from tests.runs.commands import taken
from tests.waiting import PATIENCE, wait_for


@pytest.fixture
def left():
    return []


@pytest.fixture
def orders(left):
    return Orders(left.append)


def test_pause_and_continue_follow_each_other(orders):
    orders.obey(Command("pause"))
    assert orders.paused
    orders.obey(Command("continue"))
    assert not orders.paused


def test_commands_are_left_to_others_once_the_folder_is_no_longer_watched(orders, tmp_path):
    folder = RunFolder(tmp_path)
    folder.control.mkdir()
    orders.watch(folder)
    (folder.control / "1-pause.json").write_text('{"name": "pause"}')
    wait_for(lambda: orders.paused)
    orders.unwatch()
    (folder.control / "2-continue.json").write_text('{"name": "continue"}')
    orders.settle()
    assert [command.name for command in taken(folder)] == ["continue"]


def test_a_command_stays_in_the_folder_until_it_is_settled(orders, tmp_path):
    folder = RunFolder(tmp_path)
    write_command(folder, Command("pause"))
    write_command(folder, Command("extend", 2))
    write_command(folder, Command("checkpoint"))
    orders.watch(folder)
    orders.unwatch()
    assert orders.paused
    assert waiting_commands(folder) == [Command("pause"), Command("extend", 2), Command("checkpoint")]
    orders.settle("pause")
    orders.settle_commands(orders.extensions())
    assert waiting_commands(folder) == [Command("checkpoint")]
    assert orders.extensions() == []


def test_an_order_that_cannot_be_carried_out_does_not_end_the_listening(tmp_path):
    def cannot(_):
        raise OSError("the disk is full")

    folder, orders = RunFolder(tmp_path), Orders(cannot)
    orders.watch(folder)
    write_command(folder, Command("stop"))
    wait_for(lambda: orders.stopping)
    write_command(folder, Command("pause"))
    wait_for(lambda: orders.paused)
    orders.unwatch()


def test_a_checkpoint_is_asked_for_once(orders):
    orders.obey(Command("checkpoint"))
    assert len(orders.checkpoints()) == 1
    assert not orders.checkpoints()


def test_a_stop_with_nothing_to_save_leaves_at_once(orders, left):
    orders.obey(Command("stop"))
    assert left == ["stopped before training began"]


def test_a_stop_while_training_is_left_to_whoever_trains(orders, left):
    orders.start_training()
    orders.obey(Command("stop"))
    assert orders.stopping
    assert left == []


def test_the_first_signal_stops_and_saves_the_second_means_now(orders, left):
    orders.start_training()
    orders.signalled()
    assert (orders.stopping, left) == (True, [])
    orders.signalled()
    assert len(left) == 1
    assert "second signal" in left[0]


def test_a_wait_ends_with_the_next_order(orders):
    orders.obey(Command("pause"))
    orders.wait(PATIENCE)


def test_a_days_progress_events_stay_few():
    seconds, events = 0.0, 0
    while seconds < 24 * 3600:
        seconds += pace(seconds, 0.1)
        events += 1
    assert events < 20_000
    assert pace(5, 0.1) == 0.1
    assert pace(100, 0.1) == 1.0
    assert pace(1e6, 0.1) == LONG_SECONDS
