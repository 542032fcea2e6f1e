"""`extend`, `step`, `delete --stop` and `train --wait`: what they say and refuse, and one line of runs for real."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.runs import control
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import find_run, run_folders
from mnist_tui.runs.process_folder import this_process
from tests.cli.conftest import Command, sentence
from tests.cli.test_process import command, environment
from tests.cli.test_train import started
from tests.report.recorded import recorded_run
from tests.runs.commands import taken
from tests.waiting import PATIENCE, wait_for


@pytest.fixture
def live(runs_dir: Path) -> RunFolder:
    """A run whose worker is this process."""
    folder = recorded_run(runs_dir, epochs=9, state="stopped", sample=True)
    folder.write_launch(replace(folder.launch(), device="cpu"))
    folder.write_status(this_process("running"))
    return folder


def test_one_epoch_is_asked_of_the_worker(cli: Command, live: RunFolder) -> None:
    result = cli("step", "latest")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "will pause after the epoch it is in, or its next" in result.stderr
    assert taken(live) == [control.Command("step")]


def test_a_run_that_trains_is_told_of_more_epochs(cli: Command, live: RunFolder) -> None:
    result = cli("extend", live.id, "--epochs", "3")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"run {live.id} will train 3 epochs more" in result.stderr
    assert taken(live) == [control.Command("extend", 3)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "0"], "--epochs 0 is out of bounds; "),
        (["--epochs", "many"], "--epochs many is not a whole number; "),
        ([], "missing option '--epochs'"),
    ],
)
def test_a_number_of_epochs_is_needed(cli: Command, live: RunFolder, arguments: list[str], said: str) -> None:
    assert said in sentence(cli("extend", live.id, *arguments))
    assert taken(live) == []


def test_a_run_that_diverged_is_refused_with_the_reason(cli: Command, runs_dir: Path) -> None:
    recorded_run(runs_dir, state="diverged", reason="the loss became infinite")
    assert "has diverged: the loss became infinite; more epochs" in sentence(cli("extend", "latest", "--epochs", "3"))


def test_a_finished_run_without_a_checkpoint_is_refused(cli: Command, runs_dir: Path) -> None:
    recorded_run(runs_dir)
    assert "left no checkpoint to go on from" in sentence(cli("extend", "latest", "--epochs", "3"))


def test_delete_refuses_a_run_that_trains_and_deletes_one_that_has_ended_with_stop(
    cli: Command, runs_dir: Path, live: RunFolder
) -> None:
    assert "stop it first" in sentence(cli("delete", live.id, "-y"))
    ended = recorded_run(runs_dir)
    assert cli("delete", ended.id, "--stop", "-y").exit_code == 0
    assert not ended.path.exists()
    assert live.path.exists()


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_run_in_line_is_discarded_another_begins_and_is_extended_after_its_end(tmp_path: Path) -> None:
    env = environment(tmp_path)

    def told(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(*words), env=env, check=True, capture_output=True, text=True)

    train = ["train", "--preset", "raw", "--dataset", "digits", "--hidden", "8", "--epochs", "2", "--device", "cpu"]
    with started(tmp_path, epochs=100_000) as first:
        assert first.stdout is not None
        assert first.stdout.readline().startswith("epoch")
        (running,) = run_folders(tmp_path / "runs")
        waiting = [told(*train, "--wait", "--detach").stdout.strip() for _ in range(2)]
        folders = [find_run(tmp_path / "runs", name) for name in waiting]
        for place, folder in enumerate(folders, 1):
            wait_for(lambda folder=folder: replayed(folder.events_file).phase is not None)
            phase = replayed(folder.events_file).phase
            assert phase is not None
            assert phase.text == f"waiting for run {running.id} to end; place {place} in line"
        assert "--wait this run waits until it ends" in told(*train, "--detach", "--epochs", "1").stderr
        told("delete", waiting[0], "--stop", "--yes")
        assert not folders[0].path.exists()
        told("stop", running.id)
        first.communicate(timeout=PATIENCE)
    wait_for(lambda: folders[1].state() == "finished")
    extended = told("extend", waiting[1], "--epochs", "1", "--json")
    doc = json.loads(extended.stdout)
    assert (doc["state"], [row["epoch"] for row in doc["epochs"]]) == ("finished", [1, 2, 3])
    assert doc["experiment"]["training"]["epochs"] == 3
    assert "goes on after epoch 2 of " in extended.stderr
    assert "extended: 3 epochs are planned now" in extended.stderr
    assert os.path.exists(folders[1].model_file)  # noqa: PTH110
