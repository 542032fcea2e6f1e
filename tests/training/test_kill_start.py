"""Kills in the first seconds, of workers, of studies' processes and of commands: what was accepted is done, once."""

from __future__ import annotations

import random
import signal
import subprocess
from contextlib import suppress

import psutil
import pytest

from mnist_tui.errors import RunError
from mnist_tui.runs import control
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.state import LIVE, RESUMABLE
from mnist_tui.studies.folder import find_study
from mnist_tui.studies.state import LIVE as STUDY_LIVE
from mnist_tui.studies.state import replayed
from tests.cli.test_process import command, environment
from tests.present import present
from tests.training.sameness import same_run
from tests.training.support import FLATTEN, end_trainings, experiment, new_run
from tests.training.test_extend import planned
from tests.training.test_kill import resumed_to_its_end, undisturbed, worker
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

THREE = experiment(layers=[FLATTEN, {"kind": "dense", "units": 20}, {"kind": "dropout"}], training={"epochs": 3})
START_SECONDS = 8.0
"""Of the processor's time that a worker needs for its imports and the start of its training, roughly."""
COMMAND_SECONDS = 1.5
SMALL = ("--preset", "raw", "--dataset", "digits", "--epochs", "2", "--hidden", "3", "--device", "cpu")


def spent(process):
    """The processor's time that a process has had; infinite once it has ended."""
    with suppress(psutil.Error):
        if process.status() != psutil.STATUS_ZOMBIE:
            times = process.cpu_times()
            return times.user + times.system
    return float("inf")


def killed_after(pid, seconds):
    """Kills a process once it has had so much of the processor's time."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        wait_for(lambda: spent(process) > seconds)
        process.kill()


def test_epochs_that_were_accepted_are_trained_once_though_ten_workers_die(tmp_path):
    rng, folder, accepted, kills = random.Random("the first seconds"), new_run(tmp_path, THREE), 0, 0
    while kills < 10:
        process = worker(folder)
        wait_for(lambda process=process: process.poll() is not None or folder.status().pid == process.pid)
        with suppress(RunError):  # it has ended already
            control.send(folder, "extend", 1)
            accepted += 1
        killed_after(process.pid, rng.uniform(0.0, START_SECONDS))
        code = process.wait()
        assert code in (0, -signal.SIGKILL), folder.last_log_lines(30)
        kills += code != 0
        wait_for(lambda: folder.state() not in LIVE)
    if folder.state() in RESUMABLE or control.waiting_commands(folder, "extend"):
        resumed_to_its_end(folder)
    alone = undisturbed(tmp_path, planned(THREE, 3 + accepted))
    wait_for(lambda: alone.state() == "finished")
    print(f"{kills} workers killed in their first seconds, {accepted} epochs accepted meanwhile")
    assert accepted > 5
    assert control.waiting_commands(folder) == []
    assert same_run(folder, alone)


def started(tmp_path, *arguments):
    return subprocess.Popen(
        command(*arguments), env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def told(tmp_path, *arguments):
    return subprocess.run(command(*arguments), env=environment(tmp_path), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["train", "resume", "extend"])
def test_a_command_killed_in_its_first_seconds_leaves_a_run_that_comes_to_its_end(tmp_path, name):
    rng = random.Random(name)
    runs_dir = tmp_path / "runs"
    lines = {
        "train": ["train", *SMALL],
        "resume": ["resume", "latest"],
        "extend": ["extend", "latest", "--epochs", "1"],
    }
    for _ in range(4):
        if name != "train":
            before = told(tmp_path, "train", *SMALL)
            assert before.returncode == 0, before.stderr
            if name == "resume":
                control.write_command(run_folders(runs_dir)[0], control.Command("extend", 1))
        process = started(tmp_path, *lines[name])
        killed_after(process.pid, rng.uniform(0.0, COMMAND_SECONDS))
        process.wait()
        for run in run_folders(runs_dir):
            wait_for(lambda run=run: run.state() not in LIVE)
            if run.state() in RESUMABLE or control.waiting_commands(run, "extend"):
                ended = told(tmp_path, "resume", run.id)
                assert ended.returncode == 0, ended.stderr
            assert run.state() == "finished"
            assert control.waiting_commands(run) == []
            epochs = run.preset().experiment.training.epochs
            assert present(run.results())["epochs_run"] == epochs
            assert epochs in ((2,) if name == "train" else (3,) if name == "resume" else (2, 3))


def test_a_sweep_whose_processes_are_killed_in_their_first_seconds_trains_each_trial_once(tmp_path):
    rng, runs_dir = random.Random("sweep"), tmp_path / "runs"
    begun = told(tmp_path, "sweep", *SMALL, "--over", "hidden=3,4", "--workers", "1", "--detach")
    assert begun.returncode == 0, begun.stderr
    folder = find_study(runs_dir, "latest")
    try:
        for stop in (False, True, False):
            if stop:
                assert told(tmp_path, "studies", "stop", folder.id).returncode == 0
            killed_after(folder.status().pid, rng.uniform(0.0, START_SECONDS))
            wait_for(lambda: folder.state() not in STUDY_LIVE)
            if all(row.settled for row in replayed(folder.events_file).rows) and folder.state() == "finished":
                break
            assert told(tmp_path, "resume", folder.id, "--detach").returncode == 0
        wait_for(lambda: folder.state() not in STUDY_LIVE)
        assert folder.state() == "finished"
    finally:
        end_trainings(runs_dir)
    rows = replayed(folder.events_file).rows
    assert [row.state for row in rows] == ["finished", "finished"]
    assert {run.id for run in run_folders(runs_dir)} == {row.run for row in rows}
    assert control.waiting_commands(folder) == []
