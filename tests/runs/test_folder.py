"""Run folders: made, found, told apart alive and dead, commanded, deleted."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from mnist_tui import processes
from mnist_tui.errors import RunError
from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs import control, deletion, library, process_folder
from mnist_tui.runs.collection.summaries import list_runs, summary_of
from mnist_tui.runs.deletion import find_waste, remove_waste
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import Ended, RunStarted
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import Lock, Status, this_process
from mnist_tui.runs.results import run_document
from mnist_tui.runs.start import check_resumable
from tests.runs.commands import taken
from tests.runs.sample_events import epoch
from tests.waiting import wait_for


def new_run(runs_dir: Path, preset: str = "raw", created: float = 1_700_000_000.0) -> RunFolder:
    return create(runs_dir, find_preset(preset), Launch(created=created, command=f"mnist-tui train --preset {preset}"))


def finished_run(runs_dir: Path, created: float = 1_700_000_000.0) -> RunFolder:
    run = new_run(runs_dir, created=created)
    log = EventLog(run.events_file)
    for event in (
        RunStarted(time=created, run=run.id, epochs=150, total=198_760, trainable=198_760),
        epoch(1),
        epoch(2),
        Ended(time=created + 9, state="finished", reason="all epochs", test_accuracy=0.97, macro_f1=0.969),
    ):
        log.append(event)
    log.close()
    run.write_status(Status("finished"))
    return run


@contextmanager
def holding(run: RunFolder):
    """Another process holds the run's lock."""
    lock = Lock(run)
    keeper = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock.fileno(),))
    lock.release()
    try:
        yield
    finally:
        keeper.communicate()


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_new_run_holds_its_whole_experiment_and_where_it_came_from(tmp_path):
    run = new_run(tmp_path, "hog")
    assert run.preset().experiment == find_preset("hog").experiment
    assert run.preset().name == "hog"
    assert run.preset().reference == find_preset("hog").reference
    assert run.launch().command == "mnist-tui train --preset hog"
    assert find_preset(str(run.experiment_file)).experiment == run.preset().experiment
    assert run.state() == "starting"


def test_a_run_is_listed_only_when_all_of_it_is_there(tmp_path, monkeypatch):
    write, seen = RunFolder.write_status, []

    def look_first(self, status):
        seen.append((library.run_folders(tmp_path), list_runs(tmp_path)))
        write(self, status)

    monkeypatch.setattr(RunFolder, "write_status", look_first)
    run = new_run(tmp_path)
    assert seen == [([], [])]
    assert library.run_folders(tmp_path) == [run]


def test_nothing_temporary_is_left(tmp_path):
    run = new_run(tmp_path)
    assert sorted(path.name for path in run.path.iterdir()) == [
        "control",
        "experiment.toml",
        "launch.json",
        "status.json",
    ]


@pytest.mark.parametrize("place", ["a file", "/proc/none"])
def test_a_runs_folder_that_cannot_be_written_is_a_sentence(tmp_path, place):
    target = tmp_path / "file"
    target.write_text("")
    with pytest.raises(RunError, match=r"cannot be written.*--runs-dir"):
        new_run(target if place == "a file" else Path(place))


def test_a_run_whose_worker_is_gone_is_crashed(tmp_path, dead_pid):
    run = new_run(tmp_path)
    run.write_status(this_process("running"))
    assert run.state() == "running"
    run.write_status(replace(this_process("running"), pid=dead_pid))
    assert run.state() == "crashed"


def test_a_process_that_got_the_workers_number_later_does_not_pass_for_it(tmp_path):
    run = new_run(tmp_path)
    run.write_status(replace(this_process("running"), process_start=this_process("running").process_start - 1000))
    assert run.state() == "crashed"
    run.write_status(replace(this_process("running"), system="another boot"))
    assert run.state() == "crashed"


def test_a_run_that_nobody_has_taken_on_lives_as_long_as_the_process_that_made_it(tmp_path, dead_pid):
    run = new_run(tmp_path)
    assert (run.status().pid, run.status().maker, run.state()) == (0, os.getpid(), "starting")
    run.write_status(replace(run.status(), maker=dead_pid))
    assert run.state() == "crashed"


def test_a_held_lock_means_alive_whatever_the_status_says_of_the_process(tmp_path, dead_pid):
    """So also for statuses of earlier versions, whose start of the process is wall time."""
    run = new_run(tmp_path)
    run.write_status(Status("running", dead_pid, 1_700_000_000.0, process_folder.socket.gethostname(), heartbeat=1.0))
    assert run.state() == "crashed"
    with holding(run):
        assert run.state() == "running"
        for refuse in (deletion.delete_run, check_resumable):
            with pytest.raises(RunError, match="is running"):
                refuse(run)
        assert not [found for found in find_waste(tmp_path) if found.run == run]
        run.write_status(Status("failed"))  # taken up again at this moment
        with pytest.raises(RunError, match="is being written by process"):
            deletion.delete_run(run)
    assert run.path.exists()


def test_a_copy_of_a_live_runs_folder_is_not_alive(tmp_path):
    run = new_run(tmp_path)
    run.write_status(this_process("running"))
    with holding(run):
        copy = RunFolder(shutil.copytree(run.path, tmp_path / f"{run.id}-copy"))
        moved = RunFolder(run.path.rename(tmp_path / "moved"))
        assert (moved.state(), copy.state()) == ("running", "crashed")
    deletion.delete_run(copy)
    assert moved.path.exists()


def test_on_another_host_a_heartbeat_that_is_seen_to_stand_still_tells(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(process_folder, "LOCAL", frozenset())
    run = new_run(tmp_path)
    for beat in (5.0, 6.0):  # times of another clock, long ago
        run.write_status(Status("running", 1, 1.0, "elsewhere", heartbeat=beat, system="elsewhere/1"))
        assert run.state() == "running"
        now[0] += processes.SILENT_SECONDS - 1
        assert run.state() == "running"
    now[0] += 1
    assert run.state() == "crashed"


def test_on_another_host_but_a_disk_of_this_one_a_free_lock_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(process_folder, "LOCAL", {part.fstype for part in psutil.disk_partitions(all=True)})
    run = new_run(tmp_path)
    run.write_status(Status("running", 1, 1.0, "a container of an hour ago", heartbeat=time.time(), system="other/1"))
    assert run.state() == "crashed"
    with holding(run):
        assert run.state() == "running"


def test_a_zombie_is_not_alive(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    run = new_run(tmp_path)
    status = process_folder.status_of(process.pid, "running")
    info = psutil.Process(process.pid)
    wait_for(lambda: info.status() == psutil.STATUS_ZOMBIE)
    assert not process_folder.is_alive(run.path, status)
    process.wait()


@pytest.mark.parametrize("step", [-3600, 3600])
def test_names_keep_the_order_of_making_where_the_clock_is_set(tmp_path, step):
    made = [new_run(tmp_path, created=created) for created in (1_700_000_000.0, 1_700_000_000.0 + step)]
    made += [new_run(tmp_path, preset, created=1_700_000_002.0 + step) for preset in ("raw", "hog")]
    assert library.run_folders(tmp_path)[0] in made[2:]
    assert [run.id[:15] for run in made] == sorted(run.id[:15] for run in made)
    assert library.find_run(tmp_path, "latest") in made[2:]
    assert made[0].id.startswith("20231114-221320-raw-")  # UTC
    times = [summary_of(run).started for run in made]
    assert times == sorted(times)


def test_a_name_of_the_far_future_does_not_decide_about_new_ones(tmp_path):
    new_run(tmp_path, created=4_000_000_000.0)
    assert new_run(tmp_path).id.startswith("20231114-221320-raw-")


def test_a_killed_deletion_leaves_nothing_that_is_listed_and_prune_finds_it(tmp_path):
    run, other = finished_run(tmp_path), finished_run(tmp_path, 1_700_000_100.0)
    code = (
        "import os, shutil, sys\nfrom pathlib import Path\nfrom mnist_tui.runs import deletion\n"
        "from mnist_tui.runs.folder import RunFolder\n"
        "shutil.rmtree = lambda path: os._exit(9)\n"
        "deletion.delete_run(RunFolder(Path(sys.argv[1])))\n"
    )
    assert subprocess.run([sys.executable, "-c", code, run.path], check=False).returncode == 9
    assert library.run_folders(tmp_path) == [other]
    (left,) = find_waste(tmp_path)
    assert run.id in left.path.name
    assert (left.path / "experiment.toml").exists()
    remove_waste(left)
    assert [path.name for path in tmp_path.iterdir()] == [other.id]


def test_a_run_has_one_writer_and_the_second_is_told_who(tmp_path):
    run = new_run(tmp_path)
    first = Lock(run)
    with pytest.raises(RunError, match=f"process {os.getpid()} on"):
        Lock(run)
    first.release()
    Lock(run).release()


def test_a_lock_that_was_handed_over_outlives_the_one_who_had_it(tmp_path):
    run = new_run(tmp_path)
    lock = Lock(run)
    keeper = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock.fileno(),))
    lock.release()
    with pytest.raises(RunError, match="is being written by process"):
        Lock(run)
    keeper.communicate()
    Lock(run).release()


def test_commands_arrive_once_and_in_order(tmp_path):
    run = new_run(tmp_path)
    run.write_status(this_process("running"))
    for name in ("pause", "checkpoint", "continue", "stop"):
        control.send(run, name)
    (run.control / "99-odd.json").write_text("{")
    assert [command.name for command in taken(run)] == ["pause", "checkpoint", "continue", "stop"]
    assert taken(run) == []


def test_a_run_without_a_worker_takes_no_commands(tmp_path):
    with pytest.raises(RunError, match="is finished: there is no worker to pause it"):
        control.send(finished_run(tmp_path), "pause")


def test_runs_are_found_by_id_beginning_ending_folder_and_latest(tmp_path):
    old, new = finished_run(tmp_path, 1_700_000_000.0), finished_run(tmp_path, 1_700_100_000.0)
    assert library.find_run(tmp_path, "latest") == new
    assert library.find_run(tmp_path, old.id).path == old.path
    assert library.find_run(tmp_path, new.id[:12]) == new
    assert library.find_run(tmp_path, str(old.path)).path == old.path
    with pytest.raises(RunError, match="beginning of 2 runs"):
        library.find_run(tmp_path, "2023")
    with pytest.raises(RunError, match="there is no run 'zzz'"):
        library.find_run(tmp_path, "zzz")
    with pytest.raises(RunError, match="there are no runs in"):
        library.find_run(tmp_path / "empty", "latest")
    with pytest.raises(RunError, match="there is no run 'zzz': there are no runs in"):
        library.find_run(tmp_path / "empty", "zzz")


def test_a_list_of_runs_passes_over_what_is_no_run_and_tells_what_is_damaged(tmp_path):
    run = finished_run(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "experiment.toml").write_text("broken = ")
    damaged, summary = sorted(list_runs(tmp_path), key=lambda found: found.epochs_done)
    assert (damaged.run, damaged.state) == ("half", "damaged")
    assert (summary.run, summary.state, summary.epochs_done, summary.test_accuracy) == (run.id, "finished", 2, 0.97)


def test_results_of_an_earlier_end_are_not_those_of_a_run_that_goes_on_or_crashed_then(tmp_path):
    run = finished_run(tmp_path)
    test = {"accuracy": 0.5, "loss": 1.0, "macro_f1": 0.5, "per_class": []}
    run.results_file.write_text(json.dumps({"state": "stopped", "test": test}))
    log = EventLog(run.events_file)
    log.append(Ended(time=1.0, state="stopped", reason="as asked"))
    assert run_document(run)["test"] == test
    log.append(RunStarted(time=2.0, run=run.id, epochs=150, total=1, trainable=1))
    assert run_document(run)["test"] is None
    log.append(Ended(time=3.0, state="failed", reason="a bug", where="job.py:1"))
    log.close()
    assert run_document(run)["test"] is None


def test_a_live_run_is_not_deleted(tmp_path):
    run = finished_run(tmp_path)
    run.write_status(this_process("running"))
    with pytest.raises(RunError, match="stop it first"):
        deletion.delete_run(run)
    run.write_status(Status("finished"))
    deletion.delete_run(run)
    assert not run.path.exists()


def test_the_document_of_an_unfinished_run_has_nulls_and_no_nan(tmp_path):
    doc = run_document(new_run(tmp_path))
    assert (doc["preset"], doc["test"], doc["confusion_matrix"], doc["epochs"]) == ("raw", None, None, [])
    assert doc["reference"]["accuracy"] == 0.9762
    assert doc["parameters"] == {"total": 198_760, "trainable": 198_760}


@pytest.mark.parametrize("word", ["silent", "beats"])
def test_a_worker_on_another_machine_is_watched_until_it_is_known_whether_it_lives(tmp_path, monkeypatch, word):
    now, run = [0.0], new_run(tmp_path)
    status = Status("running", 1, 1.0, "elsewhere", system="elsewhere/1")

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if word == "beats" and now[0] > 3:
            run.write_status(replace(status, heartbeat=now[0]))

    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    monkeypatch.setattr(processes, "time", clock)
    monkeypatch.setattr(process_folder, "time", clock)
    monkeypatch.setattr(process_folder, "LOCAL", frozenset())
    run.write_status(status)
    assert not run.is_known()
    run.wait_until_known()
    assert run.state() == ("crashed" if word == "silent" else "running")
    assert run.is_known() == (word == "silent")


def test_a_worker_of_this_machine_is_never_waited_for(tmp_path, monkeypatch):
    run = new_run(tmp_path)
    clock = SimpleNamespace(monotonic=lambda: 0.0, sleep=pytest.fail, time=time.time)
    monkeypatch.setattr(process_folder, "time", clock)
    for status in (this_process("running"), replace(this_process("running"), process_start=1.0), Status("finished")):
        run.write_status(status)
        run.wait_until_known()
