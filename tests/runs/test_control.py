"""Commands, extension, discarding, and the line for a device: what each allows, refuses and leaves behind."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from mnist_tui.errors import RunError
from mnist_tui.runs import control, devices, start
from mnist_tui.runs.control import Command, CommandName, Inbox
from mnist_tui.runs.deletion import discard_run
from mnist_tui.runs.devices import GpuMemory
from mnist_tui.runs.events import Ended, EpochEnded, Extended, Paused, Phase, Progress, Resumed, RunStarted
from mnist_tui.runs.process_folder import Lock, Status, status_of, this_process
from mnist_tui.runs.start import extend, resume
from mnist_tui.runs.state import RunState, reduce
from tests.runs.commands import taken
from tests.runs.sample_events import epoch
from tests.runs.test_folder import new_run
from tests.waiting import wait_for


def live_run(runs_dir, created, *, state="running", **launch):
    run = new_run(runs_dir, created=created)
    run.write_launch(replace(run.launch(), **{"device": "cpu", **launch}))
    run.write_status(this_process(state))
    return run


def ended_run(runs_dir, state, *, checkpoint=True):
    run = new_run(runs_dir)
    run.write_status(Status(state, reason="the reason"))
    if checkpoint:
        run.checkpoint.mkdir()
        (run.checkpoint / "checkpoint.json").write_text("{}")
    return run


def raising(number):
    def fails(*_, **__):
        raise OSError(number, os.strerror(number), "there")

    return fails


def nested(path):
    path.write_text('{"name": ' + "[" * 3000 + "]" * 3000 + "}")


def infinite(path):
    path.write_text('{"name": "extend", "epochs": 1e999}')


def many_digits(path):
    path.write_text('{"name": "extend", "epochs": ' + "9" * 5000 + "}")


def too_many(path):
    path.write_text('{"name": "extend", "epochs": 1000001}')


def a_word(path):
    path.write_text('{"name": "extend", "epochs": "many"}')


def unknown(path):
    path.write_text('{"name": "explode"}')


def empty(path):
    path.write_text("")


def torn(path):
    path.write_text("{")


def a_list(path):
    path.write_text("[]")


def a_folder(path):
    path.mkdir()
    (path / "within").write_text("x")


def a_pipe(path):
    os.mkfifo(path)


def a_link(path):
    target = path.parent.parent / "elsewhere.json"
    target.write_text('{"name": "stop"}')
    path.symlink_to(target)


def a_dead_link(path):
    path.symlink_to("nowhere")


def huge(path):
    with path.open("wb") as file:
        file.truncate(10**10)


def utf16(path):
    path.write_text('{"name": "stop"}', encoding="utf-16")


def bytes_of_no_text(path):
    path.write_bytes(b"\xff\x00" * 10)


CRAFTED = [
    nested,
    infinite,
    many_digits,
    too_many,
    a_word,
    unknown,
    empty,
    torn,
    a_list,
    a_folder,
    a_pipe,
    a_link,
    a_dead_link,
    huge,
    utf16,
    bytes_of_no_text,
]


@pytest.fixture
def handed_over(monkeypatch):
    """The runs that a new worker would have gone on with, and their commands then."""
    runs = []
    monkeypatch.setattr("mnist_tui.runs.start.start_next_worker", lambda run, lock: runs.append(taken(run)))
    return runs


class TestCommands:
    def test_they_come_in_order_with_their_numbers_and_once(self, tmp_path):
        run = live_run(tmp_path, 1.0)
        control.send(run, "step")
        control.send(run, "extend", 7)
        assert taken(run) == [Command("step"), Command("extend", 7)]
        assert taken(run) == []

    def test_an_inbox_gives_each_once_and_its_file_stays_until_it_is_settled(self, tmp_path):
        run = live_run(tmp_path, 1.0)
        inbox = Inbox(run)
        control.send(run, "extend", 2)
        control.send(run, "extend", 3)
        first, second = inbox.new_commands()
        assert (first.epochs, second.epochs, inbox.new_commands()) == (2, 3, [])
        control.settle(run, [first])
        assert [command.id for command in control.waiting_commands(run)] == [second.id]
        assert [command.id for command in Inbox(run).new_commands()] == [second.id], "the next worker finds it"

    def test_a_clock_that_is_set_back_changes_no_order(self, tmp_path, monkeypatch):
        run = live_run(tmp_path, 1.0)
        control.send(run, "pause")
        monkeypatch.setattr("time.time_ns", lambda: 5)
        control.send(run, "step")
        control.send(run, "stop")
        assert [command.name for command in Inbox(run).new_commands()] == ["pause", "step", "stop"]

    def test_a_folder_that_cannot_be_read_for_a_moment_has_nothing_obeyed_twice(self, tmp_path, monkeypatch):
        run = live_run(tmp_path, 1.0)
        inbox = Inbox(run)
        control.send(run, "extend", 2)
        assert len(inbox.new_commands()) == 1
        with monkeypatch.context() as patched:
            patched.setattr(os, "scandir", raising(errno.EIO))
            assert inbox.new_commands() == []
        assert inbox.new_commands() == []

    @pytest.mark.parametrize("name", ["1-x.json", "99999999999999999999999-extend.json"])
    @pytest.mark.parametrize("make", CRAFTED, ids=lambda make: make.__name__)
    def test_what_is_no_command_is_passed_over_and_blocks_none(self, tmp_path, make, name):
        run = live_run(tmp_path, 1.0)
        make(run.control / name)
        inbox = Inbox(run)
        assert inbox.new_commands() == []
        control.send(run, "extend", 7)
        assert inbox.new_commands() == [Command("extend", 7)]
        control.settle(run, control.waiting_commands(run))
        assert inbox.new_commands() == []
        left = [path for path in run.control.iterdir() if not path.is_dir()]
        assert left == []

    def test_a_control_folder_that_is_a_link_is_neither_read_nor_written(self, tmp_path):
        run, elsewhere = live_run(tmp_path / "runs", 1.0), tmp_path / "elsewhere"
        run.control.rmdir()
        elsewhere.mkdir()
        (elsewhere / "1-stop.json").write_text('{"name": "stop"}')
        run.control.symlink_to(elsewhere)
        assert Inbox(run).new_commands() == []
        with pytest.raises(RunError, match="its control is a symbolic link"):
            control.send(run, "stop")
        assert [path.name for path in elsewhere.iterdir()] == ["1-stop.json"]

    @pytest.mark.parametrize(
        ("number", "said"),
        [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "the disk is read-only"), (errno.EACCES, "you may not")],
    )
    def test_a_command_that_cannot_be_written_is_refused_with_the_reason(self, tmp_path, monkeypatch, number, said):
        run = live_run(tmp_path, 1.0)
        monkeypatch.setattr("mnist_tui.files.tempfile.mkstemp", raising(number))
        with pytest.raises(RunError, match=f"did not get the command pause: {said}"):
            control.send(run, "pause")


class TestExtension:
    def test_a_live_run_is_told(self, tmp_path, handed_over):
        run = live_run(tmp_path, 1.0)
        assert extend(run, 3) is False
        assert taken(run) == [Command("extend", 3)]
        assert handed_over == []

    @pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
    def test_a_new_worker_finds_nothing_but_that_command(self, tmp_path, handed_over, state):
        run = ended_run(tmp_path, state)
        (run.control / "1-stop.json").write_text('{"name": "stop"}')
        assert extend(run, 3) is True
        assert handed_over == [[Command("extend", 3)]]
        Lock(run).release()

    def test_a_run_that_diverged_is_not_extended_and_says_why(self, tmp_path, handed_over):
        run = ended_run(tmp_path, "diverged")
        with pytest.raises(RunError, match="has diverged: the reason; more epochs would not mend its weights"):
            extend(run, 3)
        assert handed_over == []

    def test_a_finished_run_without_a_checkpoint_is_not_begun_anew(self, tmp_path, handed_over):
        run = ended_run(tmp_path, "finished", checkpoint=False)
        with pytest.raises(RunError, match="has finished and left no checkpoint to go on from"):
            extend(run, 3)
        assert handed_over == []

    @pytest.mark.parametrize("epochs", [0, -1, 1_000_001])
    def test_a_number_that_is_none_is_refused(self, tmp_path, epochs):
        with pytest.raises(RunError, match=r"must be from 1 to 1,000,000 \(got"):
            extend(live_run(tmp_path, 1.0), epochs)

    def test_the_loser_of_two_changes_nothing(self, tmp_path, handed_over):
        run = ended_run(tmp_path, "finished")
        lock = Lock(run)
        with pytest.raises(RunError, match=f"is being written by process {os.getpid()}"):
            extend(run, 3)
        lock.release()
        assert (taken(run), handed_over) == ([], [])

    def test_the_plan_and_the_time_left_follow_at_once(self):
        began = [RunStarted(time=0, run="r", epochs=2, total=1, trainable=1), replace(epoch(1), seconds=10.0)]
        state = reduce(RunState(), began)
        assert state.seconds_left == pytest.approx(10)
        state = reduce(state, [Extended(epochs=5)])
        assert (state.epochs, state.seconds_left) == (5, pytest.approx(40))


class TestDiscard:
    def test_a_run_that_has_ended_is_deleted(self, tmp_path):
        run = ended_run(tmp_path, "finished")
        discard_run(run)
        assert not run.path.exists()

    def test_a_worker_that_has_just_ended_the_run_is_waited_for(self, tmp_path):
        run = ended_run(tmp_path, "failed")
        holds = "import fcntl, sys, time\nfcntl.flock(file := open(sys.argv[1]), 2); print(flush=True); time.sleep(0.2)"
        with subprocess.Popen([sys.executable, "-c", holds, run.lock_file], stdout=subprocess.PIPE) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            discard_run(run)
        assert not run.path.exists()

    def test_a_worker_that_does_not_answer_keeps_its_run(self, tmp_path):
        run = live_run(tmp_path, 1.0)
        with pytest.raises(RunError, match=f"does not answer: its process {os.getpid()} on .* nothing was deleted"):
            discard_run(run, patience=0.1)
        assert run.path.exists()
        assert taken(run) == []

    def test_a_suspended_worker_that_wakes_later_finds_no_order_to_end(self, tmp_path):
        run, sleeper = new_run(tmp_path), subprocess.Popen(["sleep", "60"])
        run.write_status(status_of(sleeper.pid, "running"))
        sleeper.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(RunError, match=rf"it is suspended \(`kill -CONT {sleeper.pid}`.*nothing was deleted"):
                discard_run(run, patience=0.1)
        finally:
            sleeper.kill()
            sleeper.wait()
        assert taken(run) == []

    def test_a_command_follows_those_before_it_where_the_clock_was_set_back(self, tmp_path, monkeypatch):
        run = live_run(tmp_path, 1.0)
        order: list[tuple[int, CommandName]] = [(9_000, "pause"), (5_000, "checkpoint"), (1_000, "continue")]
        for now, name in order:
            monkeypatch.setattr(control.time, "time_ns", lambda now=now: now)
            control.send(run, name)
        assert [command.name for command in taken(run)] == ["pause", "checkpoint", "continue"]

    def test_the_folder_is_gone_only_after_the_worker(self, tmp_path, monkeypatch):
        (tmp_path / "obedient_worker.py").write_text(
            "import sys, time\n"
            "from pathlib import Path\n"
            "from mnist_tui.runs import control\n"
            "from mnist_tui.runs.folder import RunFolder, this_process\n"
            "run = RunFolder(Path(sys.argv[2]))\n"
            "while not control.waiting_commands(run, 'discard'): time.sleep(0.01)\n"
            "run.write_status(this_process('stopped'))\n"
            "time.sleep(0.3)\n"
            "(run.path / 'last.txt').write_text('still writing')\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(start, "WORKER", "obedient_worker")
        run = new_run(tmp_path / "runs")
        start.start_worker(run)
        discard_run(run)
        assert not run.path.exists()


class TestLine:
    def test_the_earlier_live_runs_on_the_device_are_waited_for_in_their_order(self, tmp_path):
        trains = live_run(tmp_path, 10.0)
        before = live_run(tmp_path, 20.0, state="starting", wait=True)
        mine = live_run(tmp_path, 30.0, state="starting", wait=True)
        live_run(tmp_path, 40.0, state="starting", wait=True)
        live_run(tmp_path, 5.0, device="gpu:1")
        new_run(tmp_path, created=6.0).write_status(Status("finished"))
        new_run(tmp_path, created=7.0).write_status(replace(this_process("running"), process_start=1.0))
        new_run(tmp_path, created=8.0).write_status(replace(this_process("running"), host="elsewhere"))
        ahead = devices.ahead_of(mine, mine.launch())
        assert ahead.runs == (trains, before)
        assert ahead.text == f"waiting for run {trains.id} to end; place 2 in line"
        trains.write_status(Status("finished"))
        ahead = devices.ahead_of(mine, mine.launch(), ahead.runs)
        assert ahead.text == f"waiting for run {before.id} to end; place 2 in line"
        before.write_status(this_process("running"))
        assert devices.ahead_of(mine, mine.launch()).text == f"waiting for run {before.id} to end; place 1 in line"
        before.write_status(Status("stopped"))
        assert not devices.ahead_of(mine, mine.launch())

    def test_a_run_made_after_the_clock_was_set_back_stands_behind_those_before_it(self, tmp_path):
        first, mine = live_run(tmp_path, 4000.0), live_run(tmp_path, 400.0, state="starting", wait=True)
        assert devices.ahead_of(mine, mine.launch()).runs == (first,)
        assert not devices.ahead_of(first, first.launch())

    def test_of_two_made_at_the_same_moment_one_goes_first(self, tmp_path):
        runs = [live_run(tmp_path, 10.0, state="starting", wait=True) for _ in range(2)]
        ahead = [len(devices.ahead_of(run, run.launch()).runs) for run in runs]
        assert sorted(ahead) == [0, 1]

    def test_a_run_that_goes_on_does_not_stand_in_line_again(self, tmp_path, handed_over):
        run = ended_run(tmp_path, "stopped")
        run.write_launch(replace(run.launch(), wait=True))
        resume(run)
        assert handed_over == [[]]
        assert run.launch().wait is False

    def test_the_time_in_line_is_a_pause(self):
        start = RunStarted(time=100, run="r", epochs=2, total=1, trainable=1)
        waiting = [Phase(time=101, name="waiting", text="place 2"), Phase(time=130, name="waiting", text="place 1")]
        state = reduce(RunState(), [start, *waiting])
        assert (state.state, state.paused_since) == ("starting", 101)
        state = reduce(state, [Phase(time=161, name="importing")])
        assert (state.paused_seconds, state.paused_since) == (60, None)
        assert reduce(state, [Phase(time=170, name="reading")]).paused_seconds == 60
        ended = reduce(RunState(), [start, *waiting, Ended(time=150, state="stopped", reason="")])
        assert ended.paused_since is None


class TestBusy:
    @pytest.fixture
    def gpu(self, monkeypatch):
        """One GPU of 8 GiB; what it gives is its memory in use, in GiB."""
        used = [0.0]
        monkeypatch.setattr("mnist_tui.runs.devices.gpu_count", lambda: 1)
        memory = lambda index: GpuMemory(int(used[0] * 2**30), 8 * 2**30)  # noqa: E731
        monkeypatch.setattr("mnist_tui.runs.devices.gpu_memory", memory)
        return used

    def test_a_free_device_is_not_busy(self, tmp_path):
        assert devices.busy(tmp_path / "nowhere", "cpu") is None
        live_run(tmp_path, 1.0, device="gpu:1")
        assert devices.busy(tmp_path, "cpu") is None

    def test_runs_of_ours_are_named(self, tmp_path):
        first = live_run(tmp_path, 1.0)
        busy = devices.busy(tmp_path, "cpu")
        assert busy == devices.Busy(f"Run {first.id} is on the CPU already.", line=True)
        live_run(tmp_path, 2.0)
        busy = devices.busy(tmp_path, "cpu")
        assert busy is not None
        assert busy.text == f"Run {first.id} and 1 more are on the CPU already."

    def test_auto_is_the_first_gpu_where_there_is_one(self, tmp_path, gpu):
        run = live_run(tmp_path, 1.0, device="auto")
        for asked in ("auto", "gpu", "gpu:0"):
            busy = devices.busy(tmp_path, asked)
            assert busy is not None
            assert busy.text == f"Run {run.id} is on GPU 0 already."
        assert devices.busy(tmp_path, "cpu") is None
        assert devices.busy(tmp_path, "gpu:1") is None

    def test_a_gpu_that_others_have_more_than_half_of_is_told_of_and_has_no_line(self, tmp_path, gpu):
        gpu[0] = 4.0
        assert devices.busy(tmp_path, "auto") is None
        gpu[0] = 4.5
        busy = devices.busy(tmp_path, "auto")
        assert busy == devices.Busy(
            "Others use 4.5 of 8.0 GiB of the memory of GPU 0; a run may find too little.", False
        )


def test_a_pause_is_in_no_time(tmp_path):
    """Neither in what is left nor in what an epoch took: a day's pause after ten seconds of training."""
    day = 86_400.0
    events = [
        RunStarted(time=0, run="r", epochs=4, total=1, trainable=1),
        replace(epoch(1), time=10.0, seconds=10.0),
        Progress(time=15.0, epoch=2, step=5, steps=10, images_per_second=1, loss=1, accuracy=1),
        Paused(time=15.0, epoch=2, step=5),
        Resumed(time=15.0 + day),
        replace(epoch(2), time=20.0 + day, seconds=10.0),
    ]
    assert reduce(RunState(), events[:4]).seconds_left == pytest.approx(25)
    state = reduce(RunState(), events)
    assert (state.seconds_left, state.paused_seconds) == (pytest.approx(20), day)
    assert all(isinstance(event, EpochEnded) for event in (events[1], events[-1]))


def test_a_worker_killed_while_it_waits_is_seen(tmp_path):
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    run, mine = live_run(tmp_path, 1.0), live_run(tmp_path, 2.0, state="starting", wait=True)
    run.write_status(status_of(sleeper.pid, "running"))
    assert devices.ahead_of(mine, mine.launch()).runs == (run,)
    os.kill(sleeper.pid, signal.SIGKILL)
    wait_for(lambda: not devices.ahead_of(mine, mine.launch()))
    sleeper.wait()
