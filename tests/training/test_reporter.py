"""What a worker tells of, while the system clock is set back and forth."""

import random
import time

from mnist_tui.runs.event_log import EventTail, replayed
from mnist_tui.runs.events import Ended, Paused, Resumed
from mnist_tui.training.reporter import Reporter
from tests.training.support import experiment, new_run


def test_times_of_events_do_not_go_back_and_durations_stay_where_the_clock_steps(tmp_path, monkeypatch):
    folder, rng, now = new_run(tmp_path, experiment()), random.Random(1), time.time()
    monkeypatch.setattr("time.time", lambda: now + rng.uniform(-3600, 3600))
    for _ in range(5):  # workers, one after another
        reporter = Reporter(folder, replayed(folder.events_file).updated or 0.0)
        for event in (Paused(epoch=1, step=1), Resumed(), Paused(epoch=1, step=2), Resumed()):
            reporter.emit(event)
        reporter.phase("reading")
        reporter.end(Ended(state="stopped", reason="as asked"))
        assert replayed(folder.events_file).paused_seconds < 60
    times = [event.time for event in EventTail(folder.events_file).read_all()]
    assert len(times) == 30
    assert times == sorted(times)
