"""Checkpoints beside the training: when, how often, and what a full disk does. No TensorFlow."""

import errno
import threading
from typing import TypeVar

import pytest

from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import CheckpointSaved, Event, Warned
from mnist_tui.training import checkpoint
from mnist_tui.training.checkpoint import LEAST_SECONDS, MOST_SHARE, CheckpointWriter
from mnist_tui.training.reporter import Reporter
from tests.training.support import experiment, new_run
from tests.training.test_checkpoint import snapshot
from tests.waiting import PATIENCE, wait_for

Kind = TypeVar("Kind", bound=Event)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Bench:
    """A writer with a clock of the test's own; `epoch` is what the next snapshot says."""

    def __init__(self, tmp_path):
        self.folder, self.clock, self.epoch = new_run(tmp_path, experiment()), Clock(), 1
        self.reporter = Reporter(self.folder)
        self.writer = CheckpointWriter(self.folder, self.reporter, lambda: snapshot(self.epoch), self.clock)

    def events(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in EventTail(self.folder.events_file).read_all() if isinstance(event, kind)]

    def saved(self):
        return [event.epoch for event in self.events(CheckpointSaved)]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture
def gate(monkeypatch):
    """Holds the writing thread before it writes until it is set."""
    opened, save = threading.Event(), checkpoint.save

    def held(*arguments):
        assert opened.wait(PATIENCE)
        save(*arguments)

    monkeypatch.setattr(checkpoint, "save", held)
    return opened


def test_nobody_asked_so_at_most_one_in_some_seconds(bench):
    bench.writer.save_if_due()
    assert bench.saved() == []
    bench.clock.now = LEAST_SECONDS
    bench.writer.save_if_due()
    wait_for(lambda: bench.saved() == [1])
    bench.clock.now += LEAST_SECONDS - 0.01
    bench.writer.save_if_due()
    assert bench.writer.save() == ""
    assert bench.saved() == [1, 1], "one asked for, none in between"


def test_dear_checkpoints_are_rarer(bench, monkeypatch):
    monkeypatch.setattr("time.thread_time", iter([0.0, 0.6, 1.0, 1.0]).__next__)
    assert bench.writer.save() == ""
    assert bench.writer.seconds >= 0.6 / MOST_SHARE
    bench.clock.now += 0.6 / MOST_SHARE - 1
    bench.writer.save_if_due()
    assert bench.writer.save() == ""
    assert bench.saved() == [1, 1], "two asked for, none in between"


def test_training_does_not_wait_and_the_event_comes_once_the_file_is_complete(bench, gate):
    bench.clock.now = LEAST_SECONDS
    bench.writer.save_if_due()
    assert not checkpoint.exists(bench.folder.checkpoint)
    assert bench.saved() == []
    gate.set()
    wait_for(bench.saved)
    assert checkpoint.load(bench.folder.checkpoint).position.epoch == 1


def test_one_that_is_due_is_left_out_and_one_asked_for_waits_while_another_is_being_written(bench, gate):
    bench.clock.now = LEAST_SECONDS
    bench.writer.save_if_due()
    bench.epoch, bench.clock.now = 2, 2 * LEAST_SECONDS
    bench.writer.save_if_due()
    gate.set()
    bench.epoch = 3
    assert bench.writer.save() == ""
    assert checkpoint.load(bench.folder.checkpoint).position.epoch == 3
    assert bench.saved() == [1, 3]


def test_a_full_disk_is_told_once_and_ends_nothing(bench, monkeypatch):
    assert bench.writer.save() == ""
    attempts: list[int] = []

    def full(*_, **__):
        attempts.append(len(attempts))
        raise OSError(errno.ENOSPC, "No space left on device")

    def tried_twice():
        bench.clock.now += LEAST_SECONDS
        bench.writer.save_if_due()
        return len(attempts) >= 2

    with monkeypatch.context() as patched:
        patched.setattr("numpy.savez", full)
        wait_for(tried_twice)
        bench.epoch = 9
        assert bench.writer.save() == "No space left on device"
        due, asked = bench.events(Warned)
        assert "No space left on device" in due.text
        assert "the one before is still there" in due.text
        assert "asked for" in asked.text
    assert checkpoint.load(bench.folder.checkpoint).position.epoch == 1
    assert len(list(bench.folder.checkpoint.iterdir())) == 2
    assert bench.writer.save() == ""
    assert checkpoint.load(bench.folder.checkpoint).position.epoch == 9
