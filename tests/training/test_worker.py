"""Real workers: commands, signals, standby, death."""

import gzip
import os
import signal
import subprocess
import sys

import psutil
import pytest

from mnist_tui.data.catalogue import FILE_NAMES
from mnist_tui.errors import RunError
from mnist_tui.runs import control, start
from mnist_tui.runs.events import CheckpointSaved, DeviceLoad, EpochEnded, Paused, Phase, Progress, Resumed, RunStarted
from mnist_tui.runs.process_folder import Lock
from mnist_tui.training import checkpoint
from tests.present import present
from tests.training.support import Watch, experiment, new_run
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

ENDLESS = experiment(training={"epochs": 1_000_000, "batch_size": 7})


@pytest.fixture
def started():
    """Starts workers; those that a test leaves alive are killed."""
    pids = []

    def begin(folder, standby=None):
        start.start_worker(folder, standby)
        watch = Watch(folder)
        watch.wait(RunStarted)
        pids.append(folder.status().pid)
        return watch

    yield begin
    for pid in pids:
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)


def gone(pid):
    def over():
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return wait_for(over)


def test_a_standby_worker_pauses_goes_on_saves_and_stops(tmp_path, started):
    folder = new_run(tmp_path, ENDLESS)
    watch = started(folder, start.Standby())
    watch.wait(EpochEnded, 2)
    assert folder.state() == "running"
    with pytest.raises(RunError, match="is being written by process"):
        Lock(folder)

    control.send(folder, "pause")
    paused = watch.wait(Paused)
    watch.wait(CheckpointSaved)
    wait_for(lambda: folder.state() == "paused")
    position = checkpoint.load(folder.checkpoint).position
    assert (position.epoch + 1, position.step) == (paused.epoch, paused.step)
    steps = len(watch.all(Progress))
    control.send(folder, "checkpoint")
    watch.wait(CheckpointSaved, len(watch.all(CheckpointSaved)) + 1)
    watch.wait(DeviceLoad, len(watch.all(DeviceLoad)) + 2)
    assert len(watch.all(Progress)) == steps

    control.send(folder, "continue")
    resumed = watch.wait(Resumed)
    watch.wait(EpochEnded, len(watch.all(EpochEnded)) + 1)
    assert folder.state() == "running"
    pause = resumed.time - paused.time
    before, around = (epoch for epoch in watch.all(EpochEnded) if epoch.epoch in (paused.epoch - 1, paused.epoch))
    assert around.seconds < around.time - before.time - 0.9 * pause, "a pause is no part of an epoch's time"
    saved = len(watch.all(CheckpointSaved))
    control.send(folder, "checkpoint")
    watch.wait(CheckpointSaved, saved + 1)

    control.send(folder, "stop")
    end = watch.wait_for_end()
    assert (end.state, folder.state()) == ("stopped", "stopped")
    results = present(folder.results())
    assert results["state"] == "stopped"
    assert results["epochs_run"] == len(watch.all(EpochEnded))
    assert results["timings"]["train"] < results["timings"]["total"] - pause
    assert sum(map(sum, results["confusion_matrix"])) == 360
    assert folder.model_file.exists()
    assert folder.predictions_file.exists()
    gone(folder.status().pid)


def test_a_worker_survives_the_terminal_and_saves_on_sigterm(tmp_path, started):
    folder = new_run(tmp_path, ENDLESS)
    watch = started(folder)
    pid = folder.status().pid
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGHUP)
    watch.wait(Progress)
    os.kill(pid, signal.SIGHUP)
    watch.wait(EpochEnded, len(watch.all(EpochEnded)) + 1)
    assert watch.all(Phase)[0].name == "importing"

    os.kill(pid, signal.SIGTERM)
    end = watch.wait_for_end()
    assert end.state == "stopped"
    assert end.reason.startswith("stopped")
    assert end.reason.endswith("and saved")
    assert end.test_accuracy == present(folder.results())["test"]["accuracy"]
    assert folder.model_file.exists()
    assert checkpoint.load(folder.checkpoint).position.epoch == present(folder.results())["epochs_run"]
    gone(pid)


def test_a_killed_worker_leaves_a_crashed_run(tmp_path, started):
    folder = new_run(tmp_path, ENDLESS)
    started(folder)
    assert folder.state() == "starting"
    os.kill(folder.status().pid, signal.SIGKILL)
    wait_for(lambda: folder.state() == "crashed")


@pytest.mark.parametrize("how", ["command", "signal"])
def test_a_stop_before_training_has_begun_ends_the_run_at_once(tmp_path, started, how):
    folder = new_run(tmp_path, ENDLESS)
    watch = started(folder)
    if how == "command":
        control.send(folder, "stop")
    else:
        os.kill(folder.status().pid, signal.SIGTERM)
    end = watch.wait_for_end()
    assert (end.state, end.reason) == ("stopped", "stopped before training began")
    assert folder.state() == "stopped"
    assert folder.results() is None


def test_a_worker_on_standby_ends_with_its_stdin():
    standby = start.Standby()
    pid = standby.pid
    assert standby.waiting
    standby.dismiss()
    gone(pid)


def test_damaged_data_fails_with_the_readers_sentence_before_tensorflow_is_there(tmp_path, started):
    damaged = tmp_path / "data" / "mnist"
    damaged.mkdir(parents=True)
    for name in FILE_NAMES.values():
        (damaged / f"{name}.gz").write_bytes(gzip.compress(b"\0\0\x08\x03 not many images")[:-6])
    folder = new_run(tmp_path / "runs", experiment(dataset={"name": "mnist"}), data_dir=str(tmp_path / "data"))
    end = started(folder).wait_for_end()
    assert end.state == "failed"
    assert FILE_NAMES["train_images"] in end.reason
    assert folder.status().reason == end.reason
    assert not any("Traceback" in line for line in folder.last_log_lines(100))


def test_a_second_worker_is_refused(tmp_path):
    folder = new_run(tmp_path, ENDLESS)
    lock = Lock(folder)
    command = [sys.executable, "-m", start.WORKER, "--run", str(folder.path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    lock.release()
    assert refused.returncode == 2
    assert f"is being written by process {os.getpid()}" in refused.stderr
    assert not folder.events_file.exists()
