"""Who may resume a run, and that of two only one does."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from mnist_tui import python_process
from mnist_tui.errors import RunError
from mnist_tui.runs import start
from mnist_tui.runs.control import Command, waiting_commands, write_command
from mnist_tui.runs.process_folder import Lock, Status, this_process
from mnist_tui.runs.start import check_resumable, extend, resume
from tests.runs.commands import taken
from tests.runs.test_folder import new_run
from tests.waiting import PATIENCE, wait_for


def crashed_run(runs_dir):
    run = new_run(runs_dir)
    run.write_status(replace(this_process("running"), process_start=1.0))
    assert run.state() == "crashed"
    return run


def finished_run(runs_dir):
    run = new_run(runs_dir)
    run.checkpoint.mkdir()
    run.checkpoint_file.write_text("{}")
    run.write_status(Status("finished", reason="all epochs done"))
    return run


@pytest.fixture
def idle_worker(tmp_path, monkeypatch):
    """In the worker's place a module that holds what it was given until its stdin or its parent ends."""
    (tmp_path / "idle_worker.py").write_text("import sys, time\nprint(*sys.argv[1:], flush=True)\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(start, "WORKER", "idle_worker")


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_what_was_stopped_or_failed_can_be_resumed(tmp_path, state):
    run = new_run(tmp_path)
    run.write_status(Status(state))
    check_resumable(run)


def test_a_crashed_run_can_be_resumed(tmp_path):
    check_resumable(crashed_run(tmp_path))


@pytest.mark.parametrize("state", ["finished", "diverged"])
def test_a_run_that_came_to_its_own_end_is_not_resumed_and_says_why(tmp_path, state):
    run = new_run(tmp_path)
    run.write_status(Status(state, reason="the reason"))
    with pytest.raises(RunError, match=f"has {state}: the reason; only stopped, failed and crashed"):
        resume(run)
    assert run.status() == Status(state, reason="the reason")


def test_a_run_that_trains_is_not_resumed_and_its_holder_is_named(tmp_path):
    run = new_run(tmp_path)
    run.write_status(this_process("running"))
    with pytest.raises(RunError, match=f"is running in process {os.getpid()} on {socket.gethostname()}"):
        resume(run)


def test_a_run_that_another_resumes_at_this_moment_is_left_alone(tmp_path):
    run = crashed_run(tmp_path)
    lock, before = Lock(run), run.status()
    with pytest.raises(RunError, match=f"is being written by process {os.getpid()}"):
        resume(run)
    lock.release()
    assert run.status() == before
    assert not run.log_file.exists()


@pytest.mark.usefixtures("idle_worker")
def test_of_many_resumptions_at_once_one_gets_the_run(tmp_path):
    run = crashed_run(tmp_path / "runs")
    resume_it = f"""
import sys
sys.stdin.readline()
from pathlib import Path
from mnist_tui.runs import start
start.WORKER = "idle_worker"
from mnist_tui.errors import RunError
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.start import resume
try:
    resume(RunFolder(Path({str(run.path)!r})))
except RunError as error:
    sys.exit(str(error))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", resume_it], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(4)
    ]
    for rival in rivals:
        assert rival.stdin is not None
        rival.stdin.write("\n")
        rival.stdin.flush()
    said = [rival.communicate()[1] for rival in rivals]
    status = run.status()
    worker = launcher_process(status.pid)
    try:
        assert sorted(rival.returncode for rival in rivals) == [0, 1, 1, 1], said
        assert all("process" in text for text in said if text)
        assert status.state == "starting"
        assert run.state() == "starting"
        assert sum(line.startswith("--run") for line in run.log_file.read_text().splitlines()) <= 1
        with pytest.raises(RunError, match="is being written by"):
            Lock(run)
    finally:
        worker.kill()


def launcher_process(pid):
    import psutil

    return psutil.Process(pid)


@pytest.mark.usefixtures("idle_worker")
def test_commands_that_nobody_obeyed_and_half_files_are_gone_and_the_launch_is_as_asked(tmp_path):
    run = crashed_run(tmp_path / "runs")
    (run.control / "1-stop.json").write_text('{"name": "stop"}')
    (run.path / ".tmp-half.keras").write_bytes(b"half")
    (run.path / ".tmp-folder" / "within").mkdir(parents=True)
    before = run.launch()
    resume(run, device="cpu")
    worker = launcher_process(run.status().pid)
    try:
        assert run.state() == "starting"
        assert list(run.control.iterdir()) == []
        assert not list(run.path.glob(".tmp-*"))
        assert run.launch() == replace(before, device="cpu")
    finally:
        worker.kill()


@pytest.mark.usefixtures("idle_worker")
def test_more_epochs_that_a_worker_no_longer_heard_of_as_it_ended_get_a_worker_of_their_own(tmp_path):
    run = finished_run(tmp_path / "runs")
    run.write_status(this_process("running"))
    lock = Lock(run)

    def end():
        wait_for(lambda: list(run.control.glob("*-extend.json")))
        run.write_status(Status("finished", reason="all epochs done"))
        time.sleep(0.05)
        lock.release()

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    assert extend(run, 3)
    ending.join(PATIENCE)
    worker = launcher_process(run.status().pid)
    try:
        assert worker.pid != os.getpid()
        assert run.state() == "starting"
        assert taken(run) == [Command("extend", 3)]
    finally:
        worker.kill()


@pytest.mark.usefixtures("idle_worker")
def test_a_worker_that_ends_before_it_can_be_told_of_more_epochs_is_followed_by_another(tmp_path, monkeypatch):
    run = finished_run(tmp_path / "runs")
    over = run.status()
    run.write_status(this_process("running"))

    def write_late(folder, command):
        if folder.state() == "running":
            folder.write_status(over)
        return write_command(folder, command)

    monkeypatch.setattr(start, "write_command", write_late)
    assert extend(run, 3)
    worker = launcher_process(run.status().pid)
    try:
        assert taken(run) == [Command("extend", 3)]
    finally:
        worker.kill()


@pytest.mark.usefixtures("idle_worker")
def test_more_epochs_that_another_asked_for_as_the_worker_ended_are_trained_too(tmp_path):
    run = finished_run(tmp_path / "runs")
    write_command(run, Command("stop"))
    write_command(run, Command("extend", 2))
    assert extend(run, 3)
    worker = launcher_process(run.status().pid)
    try:
        assert taken(run) == [Command("extend", 2), Command("extend", 3)]
    finally:
        worker.kill()


def test_more_epochs_that_the_worker_takes_are_its_own_affair(tmp_path):
    run = new_run(tmp_path)
    run.write_status(this_process("running"))
    found = []

    def work():
        wait_for(lambda: found.extend(taken(run)) or found)
        run.write_status(Status("finished"))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    assert not extend(run, 3)
    worker.join(PATIENCE)
    assert found == [Command("extend", 3)]
    assert run.status() == Status("finished")


def test_more_epochs_are_accepted_by_a_worker_that_is_busy_and_wait_in_its_folder(tmp_path):
    run = new_run(tmp_path)
    run.write_status(this_process("starting"))
    assert not extend(run, 3)
    assert waiting_commands(run) == [Command("extend", 3)]


@pytest.mark.usefixtures("idle_worker")
def test_accepted_epochs_and_checkpoints_outlive_their_worker_and_a_resume_replaces_the_rest(tmp_path):
    run = crashed_run(tmp_path / "runs")
    for command in (Command("extend", 3), Command("pause"), Command("checkpoint"), Command("stop"), Command("discard")):
        write_command(run, command)
    resume(run)
    launcher_process(run.status().pid).kill()
    assert waiting_commands(run) == [Command("extend", 3), Command("checkpoint")]


@pytest.mark.usefixtures("idle_worker")
def test_a_finished_run_that_still_owes_epochs_can_be_resumed(tmp_path):
    run = finished_run(tmp_path / "runs")
    write_command(run, Command("extend", 3))
    resume(run)
    launcher_process(run.status().pid).kill()
    assert waiting_commands(run) == [Command("extend", 3)]


@pytest.mark.parametrize("begin", [resume, lambda run: extend(run, 3)], ids=["resume", "extend"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("write", ["write_launch", "write_status", "log_file"])
def test_a_folder_that_cannot_be_written_is_a_sentence_and_leaves_no_worker_and_no_command(
    tmp_path, monkeypatch, begin, number, write
):
    run, started = crashed_run(tmp_path / "runs"), []
    before = run.launch(), run.status()
    monkeypatch.setattr(python_process, "start", lambda *a, **k: started.append(sleeper()) or started[-1])

    def fails(*_):
        raise OSError(number, os.strerror(number), "there")

    monkeypatch.setattr(type(run), write, property(fails) if write == "log_file" else fails, raising=False)
    monkeypatch.setattr(type(run), "launch", lambda _: replace(before[0], wait=True))
    with pytest.raises(RunError, match=r"(cannot go on|no worker can be started).*: (the disk is|you may not write)"):
        begin(run)
    assert [process.wait(PATIENCE) for process in started] == [-signal.SIGKILL] * len(started)
    assert waiting_commands(run) == []
    Lock(run).release()


def sleeper():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
