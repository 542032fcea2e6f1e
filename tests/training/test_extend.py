"""More epochs than were planned, one epoch at a time, and the wait in line: real trainings on the bundled digits."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import time

import psutil
import pytest

from mnist_tui.experiment.spec import from_mapping, to_mapping
from mnist_tui.runs import control, start
from mnist_tui.runs.control import Command
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import (
    CheckpointSaved,
    Ended,
    EpochEnded,
    Extended,
    Paused,
    Phase,
    Progress,
    Resumed,
    RunStarted,
    Warned,
)
from mnist_tui.runs.folder import Launch
from mnist_tui.runs.process_folder import Lock, status_of, this_process
from mnist_tui.training import checkpoint, session
from mnist_tui.training.orders import Orders
from mnist_tui.tui.feed import RunFeed
from tests.present import present
from tests.runs.epochs_of import epochs_of
from tests.training.sameness import events, same_run
from tests.training.support import FLATTEN, Watch, experiment, new_run
from tests.training.test_resume import ADAM, FOUR, STOPPING, Killed, ran
from tests.waiting import wait_for

pytestmark = pytest.mark.slow


def planned(of, epochs):
    doc = to_mapping(of)
    return from_mapping({**doc, "training": {**doc["training"], "epochs": epochs}})


def extended(folder, epochs, on_event=None):
    """One session that finds the command waiting, as a new worker does; its exit code."""
    control.write_command(folder, control.Command("extend", epochs))
    return ran(folder, on_event)


def at(kind, do, **values):
    def look(session, event):
        if isinstance(event, kind) and all(getattr(event, key) == value for key, value in values.items()):
            do(session)

    return look


ADAM_FIVE = planned(
    from_mapping(
        {**to_mapping(ADAM), "training": {**to_mapping(ADAM)["training"], "early_stopping": {"patience": 20}}}
    ),
    5,
)


@pytest.mark.parametrize(
    "five",
    [planned(FOUR, 5), pytest.param(ADAM_FIVE, marks=pytest.mark.exhaustive)],
    ids=["sgd", "adam, norm, schedule, best weights"],
)
def test_three_epochs_and_two_more_are_five_to_the_byte(tmp_path, five):
    straight, folder = new_run(tmp_path, five), new_run(tmp_path, planned(five, 3))
    assert ran(straight) == 0
    assert ran(folder) == 0
    assert (folder.state(), replayed(folder.events_file).epochs) == ("finished", 3)
    assert extended(folder, 2) == 0
    assert same_run(folder, straight)
    assert folder.preset().experiment == five
    state = replayed(folder.events_file)
    assert (state.state, state.epochs, [row.epoch for row in state.history]) == ("finished", 5, [1, 2, 3, 4, 5])
    assert folder.status().reason == "all 5 epochs done"
    assert [event.epochs for event in events(folder, RunStarted)] == [3, 3]


@pytest.mark.exhaustive
def test_a_stopped_run_is_extended_beyond_its_plan(tmp_path):
    straight, folder = new_run(tmp_path, planned(FOUR, 6)), new_run(tmp_path, FOUR)
    assert ran(straight) == 0
    assert ran(folder, at(EpochEnded, lambda session: session.orders.obey(Command("stop")), epoch=2)) == 0
    assert folder.state() == "stopped"
    assert extended(folder, 2) == 0
    assert same_run(folder, straight)


def test_a_run_that_trains_is_extended_at_once_and_paused_too(tmp_path):
    straight, folder = new_run(tmp_path, planned(FOUR, 6)), new_run(tmp_path, planned(FOUR, 2))
    assert ran(straight) == 0
    more = control.Command("extend", 2)

    def look(session, event):
        match event:
            case EpochEnded(epoch=2):
                session.orders.obey(more)
            case EpochEnded(epoch=3):
                session.orders.obey(Command("pause"))
            case Paused():
                session.orders.obey(more)
                session.orders.obey(Command("continue"))
            case _:
                pass

    assert ran(folder, look) == 0
    assert [event.epochs for event in events(folder, Extended)] == [4, 6]
    assert same_run(folder, straight)
    assert folder.preset().experiment == straight.preset().experiment
    assert not events(folder, Warned)


@pytest.mark.exhaustive
def test_early_stopping_that_ended_a_run_waits_anew(tmp_path):
    folder = new_run(tmp_path, STOPPING)
    assert ran(folder) == 0
    done = len(list(epochs_of(folder.events_file)))
    assert done < 30
    assert "early stopping" in folder.status().reason
    assert extended(folder, 2) == 0
    assert len(list(epochs_of(folder.events_file))) == done + 2
    assert folder.preset().experiment.training.epochs == done + 2
    assert folder.status().reason == f"all {done + 2} epochs done"


@pytest.mark.exhaustive
def test_a_cosine_schedule_is_stretched_and_says_so(tmp_path):
    folder = new_run(tmp_path, experiment(training={"epochs": 2, "schedule": {"kind": "cosine"}}))
    assert ran(folder) == 0
    assert extended(folder, 2) == 0
    (warning,) = [event.text for event in events(folder, Warned)]
    assert "stretched from 2 to 4, it goes on in epoch 3 with learning rate 0.05 after 0.05" in warning
    rates = [row.learning_rate for row in epochs_of(folder.events_file)]
    assert rates == pytest.approx([0.1, 0.05, 0.05, 0.1 * 0.5 * (1 - 2**-0.5)])


def test_more_epochs_that_come_while_it_is_evaluated_are_the_next_workers(tmp_path, monkeypatch):
    folder, followed = new_run(tmp_path, experiment()), []
    monkeypatch.setattr(session, "continue_if_extended", lambda run, _: followed.append(control.waiting_commands(run)))
    ask = at(Phase, lambda _: control.send(folder, "extend", 3), name="saving")
    assert ran(folder, ask) == 0
    assert (folder.state(), folder.preset().experiment.training.epochs) == ("finished", 2)
    assert followed == [[control.Command("extend", 3)]]
    assert ran(folder) == 0
    assert (folder.preset().experiment.training.epochs, followed[1:]) == (5, [[]])
    assert [event.epoch for event in events(folder, EpochEnded)] == [1, 2, 3, 4, 5]


def killed_when_building(folder, monkeypatch):
    del monkeypatch
    assert ran(folder, at(Phase, kill, name="building")) is None


def killed_between_the_event_and_the_plan(folder, monkeypatch):
    del monkeypatch
    assert ran(folder, at(Extended, kill)) is None
    assert folder.preset().experiment.training.epochs == 3, "the event is there, the plan is not"


def killed_between_the_plan_and_the_commands_end(folder, monkeypatch):
    def dies(orders, commands):
        del orders
        if any(command.name == "extend" for command in commands):
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Orders, "settle_commands", dies)
        assert ran(folder) is None
    assert folder.preset().experiment.training.epochs == 5


def kill(_):
    raise Killed


@pytest.mark.parametrize(
    "death",
    [killed_when_building, killed_between_the_event_and_the_plan, killed_between_the_plan_and_the_commands_end],
    ids=lambda death: death.__name__,
)
def test_accepted_epochs_are_trained_once_whenever_a_worker_dies(tmp_path, monkeypatch, death):
    of = experiment(layers=[FLATTEN], training={"epochs": 3, "batch_size": 500})
    folder = new_run(tmp_path, of)
    folder.write_status(this_process("starting"))
    control.send(folder, "extend", 2)
    death(folder, monkeypatch)
    assert control.waiting_commands(folder, "extend") == [control.Command("extend", 2)]
    assert ran(folder) == 0
    assert control.waiting_commands(folder) == []
    assert [event.epochs for event in events(folder, Extended)] == [5]
    assert folder.status().reason == "all 5 epochs done"
    assert folder.preset().experiment.training.epochs == 5


def test_a_checkpoint_that_was_asked_for_is_written_by_the_next_worker(tmp_path, monkeypatch):
    monkeypatch.setattr("mnist_tui.training.checkpoint.LEAST_SECONDS", 1e6)
    folder = new_run(tmp_path, experiment(layers=[FLATTEN], training={"epochs": 3, "batch_size": 500}))
    control.write_command(folder, control.Command("checkpoint"))
    assert ran(folder, at(Phase, kill, name="building")) is None
    assert control.waiting_commands(folder) == [control.Command("checkpoint")]
    assert ran(folder) == 0
    saved = [(event.epoch, event.step) for event in events(folder, CheckpointSaved)]
    assert len(saved) == 2, "the one that was asked for, and the last"
    assert control.waiting_commands(folder) == []


def test_an_extension_that_cannot_be_written_is_told_and_does_not_come_back(tmp_path, monkeypatch):
    folder = new_run(tmp_path, experiment(layers=[FLATTEN], training={"epochs": 2, "batch_size": 500}))

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "there")

    monkeypatch.setattr("mnist_tui.training.extension.dump_preset", full)
    assert extended(folder, 2) == 0
    (warning,) = events(folder, Warned)
    assert warning.text.startswith("the run was not extended: the disk is full")
    assert (control.waiting_commands(folder), folder.preset().experiment.training.epochs) == ([], 2)


@pytest.mark.exhaustive
def test_more_epochs_that_come_as_early_stopping_ends_a_run_are_trained(tmp_path):
    straight, folder = new_run(tmp_path, STOPPING), new_run(tmp_path, STOPPING)
    assert ran(straight) == 0
    done = len(list(epochs_of(straight.events_file)))
    more = control.Command("extend", 2)
    assert ran(folder, at(EpochEnded, lambda session: session.orders.obey(more), epoch=done)) == 0
    assert folder.status().reason == f"all {done + 2} epochs done"
    assert not [event for event in events(folder, Warned) if "asked for" in event.text]
    assert extended(straight, 2) == 0
    assert same_run(folder, straight)


@pytest.mark.exhaustive
def test_a_cosine_schedule_stretched_in_mid_epoch_is_resumed_to_the_byte(tmp_path, monkeypatch):
    monkeypatch.setattr("mnist_tui.training.engine.CHUNK_SECONDS", 0.0)
    of = experiment(training={"epochs": 3, "batch_size": 50, "schedule": {"kind": "cosine"}})
    straight, folder, early = (new_run(tmp_path, of) for _ in range(3))
    for run, killed_at in ((straight, None), (folder, 50), (early, 42)):
        calls = itertools.count()

        def extensions(orders, calls=calls, killed_at=killed_at):
            del orders
            call = next(calls)
            if call == killed_at:
                raise Killed
            return [control.Command("extend", 2)] if call == 40 else []

        with monkeypatch.context() as patch:
            patch.setattr(Orders, "extensions", extensions)
            assert ran(run) == (0 if killed_at is None else None)
    position = checkpoint.load(folder.checkpoint).position
    assert (position.epoch, 0 < position.step < 29) == (1, True), "it was extended in its second epoch"
    assert [event.epochs for event in events(straight, Extended)] == [5]
    for run in (folder, early):
        assert ran(run) == 0
        assert same_run(run, straight)


def test_a_run_that_cannot_go_on_keeps_its_end_and_its_plan(tmp_path, monkeypatch):
    folder = new_run(tmp_path, experiment())
    assert ran(folder) == 0
    before = folder.results(), folder.preset(), replayed(folder.events_file).history
    folder.write_launch(Launch(time.time(), "", device="gpu:7"))
    assert extended(folder, 3) == 1
    state = replayed(folder.events_file)
    assert (state.state, folder.state()) == ("finished", "finished")
    assert state.ended is not None
    assert state.ended.refused.startswith("there is no gpu:7 here")
    assert (folder.results(), folder.preset(), state.history) == before
    assert control.waiting_commands(folder) == [], "what was refused does not come back"


def test_one_epoch_at_a_time_and_no_pause_after_the_last(tmp_path):
    straight, folder = new_run(tmp_path, FOUR), new_run(tmp_path, FOUR)
    assert ran(straight) == 0

    def step(session, event):
        if isinstance(event, Paused) or (isinstance(event, Phase) and event.name == "training"):
            session.orders.obey(Command("step"))

    assert ran(folder, step) == 0
    assert [(event.epoch, event.step) for event in events(folder, Paused)] == [(2, 0), (3, 0), (4, 0)]
    assert same_run(folder, straight)


@pytest.fixture
def workers():
    """Starts workers; those that a test leaves alive are killed."""
    pids = []

    def start_worker(folder, begin=start.start_worker):
        begin(folder)
        pids.append(folder.status().pid)
        return Watch(folder)

    yield start_worker
    for pid in pids:
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)


class Viewer:
    """What a feed tells; in the place of a screen."""

    def __init__(self, folder):
        self.feed = RunFeed(folder)
        self.feed.join(self)  # pyright: ignore[reportArgumentType]

    def post_message(self, message):
        del message

    @property
    def run(self):
        return self.feed.snapshot.run


@pytest.mark.exhaustive
def test_two_viewers_of_one_run_see_each_others_commands(tmp_path, workers):
    folder = new_run(tmp_path, experiment(training={"epochs": 900_000, "batch_size": 7}))
    watch = workers(folder)
    watch.wait(EpochEnded)
    one, other = Viewer(folder), Viewer(folder)

    def both_see(what):
        wait_for(lambda: what(one.run) and what(other.run))

    control.send(one.feed.folder, "pause")
    both_see(lambda run: run.state == "paused")
    control.send(other.feed.folder, "step")
    stepped = watch.wait(Paused, 2)
    assert (stepped.epoch, stepped.step) == (watch.all(Paused)[0].epoch + 1, 0)
    both_see(lambda run: run.state == "paused" and len(run.history) == stepped.epoch - 1)
    control.send(one.feed.folder, "extend", 5)
    both_see(lambda run: run.epochs == 900_005)
    control.send(other.feed.folder, "continue")
    both_see(lambda run: run.state == "running")
    control.send(one.feed.folder, "stop")
    both_see(lambda run: run.state == "stopped")
    assert one.run.history == other.run.history
    pauses = [end.time - begin.time for begin, end in zip(watch.all(Paused), watch.all(Resumed), strict=True)]
    assert one.run.paused_seconds == pytest.approx(sum(pauses), abs=0.01)


@pytest.mark.exhaustive
def test_a_run_waits_in_line_and_begins_when_the_one_before_has_ended(tmp_path, workers):
    first = new_run(tmp_path, experiment(training={"epochs": 1_000_000, "batch_size": 7}), device="cpu")
    lock = Lock(first)
    first.write_status(status_of(os.getpid(), "running"))
    second = new_run(tmp_path, experiment(), device="cpu", wait=True)
    third = new_run(tmp_path, experiment(), device="cpu", wait=True)
    seconds = workers(second)
    assert seconds.wait(Phase).text == f"waiting for run {first.id} to end; place 1 in line"
    thirds = workers(third)
    assert thirds.wait(Phase).text == f"waiting for run {first.id} to end; place 2 in line"
    loaded = {path.path for path in psutil.Process(third.status().pid).memory_maps()}
    assert not any("tensorflow" in path for path in loaded)
    time_in_line = time.time() - seconds.all(Phase)[0].time
    control.send(third, "stop")
    assert thirds.wait_for_end().reason == "stopped before training began"
    first.write_status(status_of(os.getpid(), "stopped"))
    lock.release()
    phase = wait_for(lambda: next((event for event in seconds.all(Phase) if event.name != "waiting"), None))
    assert phase.name in {"importing", "reading"}
    assert seconds.wait_for_end().state == "finished"
    state = replayed(second.events_file)
    assert state.paused_seconds > time_in_line
    took = present(state.updated) - present(state.started)
    assert present(second.results())["timings"]["total"] < took - time_in_line


def test_a_worker_that_died_is_in_nobodys_way(tmp_path, workers):
    first = new_run(tmp_path, experiment(training={"epochs": 1_000_000}), device="cpu", wait=True)
    blocker = new_run(tmp_path, experiment(), device="cpu")
    blocker.write_launch(Launch(0.0, "", device="cpu"))
    blocker.write_status(status_of(os.getpid(), "running"))
    firsts = workers(first)
    firsts.wait(Phase)
    second = new_run(tmp_path, experiment(), device="cpu", wait=True)
    seconds = workers(second)
    assert "place 2 in line" in seconds.wait(Phase).text
    os.kill(first.status().pid, signal.SIGKILL)
    wait_for(lambda: "place 1 in line" in seconds.all(Phase)[-1].text)


@pytest.mark.exhaustive
def test_a_finished_run_is_extended_by_a_worker_of_its_own(tmp_path, workers):
    folder = new_run(tmp_path, experiment(layers=[FLATTEN], training={"epochs": 2}))
    workers(folder).wait_for_end()
    wait_for(lambda: not psutil.pid_exists(folder.status().pid))
    watch = workers(folder, lambda run: start.extend(run, 1))
    watch.wait(Extended)
    wait_for(lambda: folder.state() == "finished")
    assert [event.epoch for event in events(folder, EpochEnded)] == [1, 2, 3]
    assert [event.state for event in events(folder, Ended)] == ["finished", "finished"]
    assert events(folder, Progress)
