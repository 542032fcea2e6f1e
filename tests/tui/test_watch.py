"""The watch: what it makes of a folder that someone else writes."""

from __future__ import annotations

import gc
import shutil
import threading
import tracemalloc
from typing import Any

from mnist_tui.runs.event_log import encode
from mnist_tui.runs.events import Warned
from mnist_tui.runs.state import LOADS, RUNNING_POINTS
from mnist_tui.runs.watch import CHECK_SECONDS, RunSnapshot, RunWatch
from mnist_tui.tui.feed import follow
from tests.waiting import PATIENCE


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float = CHECK_SECONDS) -> None:
        self.now += seconds


def test_a_look_tells_only_what_has_changed(record: Any) -> None:
    run = record().begin()
    watch = RunWatch(run.folder, Clock())
    first = watch.new_snapshot()
    assert first is not None
    assert first.state == "starting"
    assert watch.new_snapshot() is None
    run.epoch(1)
    second = watch.new_snapshot()
    assert second is not None
    assert [row.epoch for row in second.run.history] == [1]


def test_half_a_line_is_waited_for(record: Any) -> None:
    run = record().begin()
    watch = RunWatch(run.folder, Clock())
    watch.new_snapshot()
    line = encode(Warned(text="something to know", time=1.0)).encode() + b"\n"
    with run.folder.events_file.open("ab") as log:
        log.write(line[:20])
    assert watch.new_snapshot() is None
    with run.folder.events_file.open("ab") as log:
        log.write(line[20:])
    snapshot = watch.new_snapshot()
    assert snapshot is not None
    assert snapshot.run.warnings == ("something to know",)


def test_a_worker_that_died_is_crashed_with_the_end_of_its_log_and_revives_when_it_speaks(record: Any) -> None:
    run, clock = record().begin().epoch(1), Clock()
    watch = RunWatch(run.folder, clock)
    assert (watch.new_snapshot() or RunSnapshot(run.folder)).state == "running"
    run.folder.log_file.write_text("\n".join(f"line {number}" for number in range(100)))
    run.status("running", dead=True)
    assert watch.new_snapshot() is None, "the worker is looked for once a second, not at every look"
    clock.tick()
    crashed = watch.new_snapshot()
    assert crashed is not None
    assert crashed.state == "crashed"
    assert not crashed.live
    assert crashed.log[-1] == "line 99"
    assert len(crashed.log) == 12
    run.status("running").epoch(2)
    clock.tick()
    assert (watch.new_snapshot() or crashed).state == "running"


def test_a_run_that_ended_before_its_first_event_says_why(record: Any) -> None:
    run = record()
    status = run.folder.status()
    run.folder.write_status(type(status)("failed", reason="the folder is being written by process 7"))
    snapshot = RunWatch(run.folder, Clock()).new_snapshot()
    assert snapshot is not None
    assert (snapshot.state, snapshot.reason) == ("failed", "the folder is being written by process 7")


def test_an_end_in_the_log_goes_before_the_status(record: Any) -> None:
    run = record().begin().epoch(1)
    run.finish("finished", test_accuracy=0.9)
    run.status("running", dead=True)
    assert (RunWatch(run.folder, Clock()).new_snapshot() or RunSnapshot(run.folder)).state == "finished"


def test_a_folder_that_is_gone_is_said_to_be_gone(record: Any) -> None:
    run, clock = record().begin(), Clock()
    watch = RunWatch(run.folder, clock)
    watch.new_snapshot()
    shutil.rmtree(run.folder.path)
    clock.tick()
    snapshot = watch.new_snapshot()
    assert snapshot is not None
    assert snapshot.state == "crashed"
    assert "is gone" in snapshot.reason


def test_memory_stays_flat_over_thousands_of_epochs(record: Any) -> None:
    run = record(epochs=4000).begin()
    watch = RunWatch(run.folder, Clock())

    def grow(first: int, last: int) -> int:
        events: list[Any] = []
        for epoch in range(first, last):
            events += [
                run.progress(epoch, 60, 0.5),
                run.load(),
                run.ended_epoch(epoch, confusion=((epoch,) * 10,) * 10),
            ]
        run.write(*events)
        del events
        watch.new_snapshot()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = grow(1, 450)
        after = grow(450, 950)
    finally:
        tracemalloc.stop()
    snapshot = watch._snapshot()  # pyright: ignore[reportPrivateUsage]
    assert len(snapshot.run.history) == 949
    assert len(snapshot.run.running) <= RUNNING_POINTS
    assert len(snapshot.run.loads) <= LOADS
    assert after - before < 500_000, "five hundred epochs' rows, not their matrices"


def test_following_shows_every_change_until_it_is_stopped(record: Any) -> None:
    run, stop = record().begin(), threading.Event()
    shown: list[RunSnapshot] = []

    def show(snapshot: RunSnapshot) -> None:
        shown.append(snapshot)
        if snapshot.run.ended:
            stop.set()
        else:
            run.finish("stopped", "as asked")

    thread = threading.Thread(target=follow, args=(RunWatch(run.folder), show, stop))
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert [snapshot.state for snapshot in shown] == ["starting", "stopped"]
