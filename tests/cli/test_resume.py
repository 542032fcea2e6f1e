"""`resume`: what it refuses at once, and one run stopped and resumed by the command line alone."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.cli.follow import EventPrinter, StopSignals, follow
from mnist_tui.cli.train import print_result
from mnist_tui.errors import RequestError
from mnist_tui.runs.control import send
from mnist_tui.runs.event_log import EventLog, EventTail
from mnist_tui.runs.events import Ended, EpochEnded, Resumed, RunStarted
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import find_run
from mnist_tui.runs.process_folder import Lock, Status, this_process
from mnist_tui.runs.state import RunState, reduce
from mnist_tui.runs.watch import RunWatch
from tests.cli.conftest import Command, sentence
from tests.cli.test_process import command, environment
from tests.cli.test_train import started
from tests.report.recorded import recorded_run
from tests.waiting import PATIENCE, wait_for


@pytest.fixture
def stopped(runs_dir: Path) -> RunFolder:
    """A run on the sample, which needs no data on this machine."""
    reason = "stopped after 3 of 9 epochs, and saved"
    return recorded_run(runs_dir, epochs=9, state="stopped", reason=reason, sample=True)


def test_a_run_that_came_to_its_own_end_is_refused(cli: Command, runs_dir: Path) -> None:
    recorded_run(runs_dir)
    assert "has finished: all 3 epochs done; only stopped" in sentence(cli("resume", "latest"))


def test_a_run_that_trains_is_refused_by_its_holders_name(cli: Command, stopped: RunFolder) -> None:
    stopped.write_status(this_process("running"))
    assert f"is running in process {os.getpid()} on" in sentence(cli("resume", stopped.id))


def test_the_loser_of_two_resumptions_changes_nothing(cli: Command, stopped: RunFolder) -> None:
    lock = Lock(stopped)
    before = {path.name: path.read_bytes() for path in stopped.path.iterdir() if path.is_file()}
    assert f"is being written by process {os.getpid()}" in sentence(cli("resume", stopped.id, "--device", "cpu"))
    lock.release()
    assert {path.name: path.read_bytes() for path in stopped.path.iterdir() if path.is_file()} == before


def test_a_device_that_is_not_known_is_refused(cli: Command, stopped: RunFolder) -> None:
    assert "--device tpu is not known" in sentence(cli("resume", stopped.id, "--device", "tpu"))


def test_what_was_told_before_is_not_told_again(stopped: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    watch = RunWatch(stopped)
    watch.skip_earlier()
    last = [event for event in EventTail(stopped.events_file).read_all() if isinstance(event, EpochEnded)][-1]
    log = EventLog(stopped.events_file)
    for event in (
        RunStarted(run=stopped.id, epochs=9, total=1, trainable=1),
        Resumed(from_epoch=2, step=59),
        replace(last, epoch=3, loss=0.5),
        replace(last, epoch=4, loss=0.4, learning_rate=0.0005),
        Ended(state="finished", reason="all 9 epochs done"),
    ):
        log.append(event)
    log.close()
    stopped.write_status(Status("finished"))
    printer = EventPrinter(sys.stdout, sys.stdout)
    state = follow(stopped, printer, StopSignals(printer.note), watch)
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "goes on after epoch 2 of 9 and step 59 of 118 of the next"
    assert [line[:25] for line in said[2:]] == ["epoch 3/9  loss 0.5000 (v", "epoch 4/9  loss 0.4000 (v"]
    assert "learning rate" not in said[2]
    assert "learning rate 0.0005" in said[3]
    assert [row.epoch for row in state.history] == [1, 2, 3, 4]


def test_a_refusal_by_the_worker_is_the_requests_and_names_the_run(stopped: RunFolder) -> None:
    ended = Ended(state="stopped", reason="as asked", refused="the data are other ones")
    state = reduce(RunState(), [ended])
    with pytest.raises(RequestError, match="was not resumed and is as it was: the data are other ones"):
        print_result(stopped, state, as_json=True)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_run_is_stopped_and_resumed_by_the_command_line(tmp_path: Path) -> None:
    with started(tmp_path, epochs=60) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("epoch")
        running = find_run(tmp_path / "runs", "latest")
        send(running, "pause")
        wait_for(lambda: running.state() == "paused")
        subprocess.run(command("stop", "latest"), env=environment(tmp_path), check=True, capture_output=True)
        process.communicate(timeout=PATIENCE)
    folder = find_run(tmp_path / "runs", "latest")
    assert folder.state() == "stopped"
    done = json.loads(folder.results_file.read_text())["epochs_run"]
    line = command("resume", "latest", "--json")
    resumed = subprocess.run(line, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    doc = json.loads(resumed.stdout)
    assert (doc["state"], [row["epoch"] for row in doc["epochs"]]) == ("finished", list(range(1, 61)))
    assert f"goes on after epoch {done} of 60" in resumed.stderr
    wait_for(lambda: folder.state() == "finished")
    again = subprocess.run(line, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "has finished" in again.stderr
