"""`mnist-tui lr-range`, with a real worker on the digits."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import psutil
import pytest

from mnist_tui.runs.rate_range import HIGHEST, LOWEST, RateTest
from mnist_tui.runs.worker_jobs import JobError
from tests.invoked import invoke
from tests.training.support import experiment

pytestmark = pytest.mark.slow


def test_the_command_suggests_a_rate_and_leaves_no_run(tmp_path: Path) -> None:
    arguments = ["lr-range", "--preset", "raw", "--dataset", "digits", "--batch-size", "50", "--json"]
    ended = invoke([*arguments, "--label-smoothing", "0.1"], {"MNIST_TUI_RUNS": str(tmp_path / "runs")})
    assert ended.exit_code == 0, ended.stderr
    doc = json.loads(ended.stdout)
    assert (doc["preset"], doc["epochs"], doc["steps"]) == ("raw", 4, 116)
    rates = [point["rate"] for point in doc["points"]]
    assert rates == sorted(rates) and rates[0] == pytest.approx(LOWEST) and rates[-1] <= HIGHEST * 1.001
    lowest = min(doc["points"], key=lambda point: point["smoothed"] or 1e9)
    assert doc["suggested"] == pytest.approx(lowest["rate"] / 10, rel=0.05)
    assert not (tmp_path / "runs").exists()


def test_a_test_that_is_closed_by_another_thread_ends_its_worker() -> None:
    with RateTest(experiment()) as test:
        worker = psutil.Process(test.pid)
        threading.Timer(0.5, test.close).start()
        with pytest.raises(JobError, match="was cancelled"):
            for _ in test:
                pass
    assert not worker.is_running()


def test_a_device_that_does_not_exist_is_refused() -> None:
    with (
        RateTest(experiment(), device="gpu:7") as test,
        pytest.raises(JobError, match="there is no gpu:7 here") as caught,
    ):
        list(test)
    assert caught.value.refused
