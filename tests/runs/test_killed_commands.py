"""Commands killed before each of their effects: what is left can be gone on with, and nothing is obeyed twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnist_tui.files import TEMPORARY
from mnist_tui.locks import is_held
from mnist_tui.runs import control, start
from mnist_tui.runs.control import Command
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.state import LIVE
from mnist_tui.studies import start as studies
from mnist_tui.studies.folder import StudyFolder, study_folders
from mnist_tui.studies.state import LIVE as STUDY_LIVE
from tests import killed_commands

IDLE = """
import os, sys, time
while not os.path.exists({over!r}): time.sleep(0.02)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for attempts; the idle workers that are started in it end with the test."""
    over = tmp_path / "over"
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "idle_worker.py").write_text(IDLE.format(over=str(over)))
    monkeypatch.setenv("PYTHONPATH", str(modules))
    monkeypatch.setattr(start, "WORKER", "idle_worker")
    monkeypatch.setattr(studies, "RUNNER", "idle_worker")
    yield tmp_path / "attempts"
    over.touch()


def attempts(place: Path, case: str) -> list[Path]:
    """The folders of attempts that were killed, then that of the one that was not."""
    root = str(Path(killed_commands.__file__).parents[1])
    searched = os.pathsep.join([root, os.environ["PYTHONPATH"]])
    line = [sys.executable, killed_commands.__file__, case, str(place)]
    ended = subprocess.run(
        line, env={**os.environ, "PYTHONPATH": searched}, capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    count, code = map(int, ended.stdout.split())
    assert code == 0, ended.stderr
    assert count > 3
    return [place / str(number) for number in range(1, count + 1)]


def nothing_else(runs_dir: Path) -> bool:
    """Whether nothing lies there but runs, studies and what `prune` knows as temporary."""
    known = {run.id for run in run_folders(runs_dir)} | {"studies"}
    return all(path.name in known or path.name.startswith(TEMPORARY) for path in runs_dir.iterdir())


def one_run(runs_dir: Path) -> RunFolder:
    (run,) = run_folders(runs_dir)
    return run


def goes_on(run: RunFolder) -> None:
    """Has the run resumed, unless a worker has it, which has not had the time to say so."""
    if run.state() not in LIVE and not is_held(run.lock_file):
        start.resume(run)
        assert run.state() in LIVE
    assert run.launch().device == "cpu"
    assert run.preset().experiment.training.epochs


def test_train_leaves_no_run_or_one_that_can_be_resumed(place: Path) -> None:
    there = 0
    for runs_dir in attempts(place, "train"):
        assert nothing_else(runs_dir)
        for run in run_folders(runs_dir):
            there += 1
            goes_on(run)
    assert there > 1


@pytest.mark.parametrize("case", ["resume", "extend"])
def test_accepted_epochs_outlive_a_command_that_was_killed_and_are_not_asked_for_twice(place: Path, case: str) -> None:
    *killed, whole = attempts(place, case)
    more = [Command("extend", 3)] if case == "resume" else [Command("extend", 3), Command("extend", 2)]
    for runs_dir in killed:
        run = one_run(runs_dir)
        goes_on(run)
        assert control.waiting_commands(run) in (more, more[:1])
    assert control.waiting_commands(one_run(whole)) == more
    assert one_run(whole).state() in LIVE


def test_an_order_is_there_whole_or_not_at_all(place: Path) -> None:
    *killed, whole = attempts(place, "extend live")
    for runs_dir in killed:
        assert control.waiting_commands(one_run(runs_dir)) in ([], [Command("extend", 2)])
    assert control.waiting_commands(one_run(whole)) == [Command("extend", 2)]


@pytest.mark.parametrize("case", ["sweep", "resume a study"])
def test_a_study_whose_command_was_killed_is_not_there_or_can_be_resumed(place: Path, case: str) -> None:
    found: list[StudyFolder] = []
    for runs_dir in attempts(place, case):
        assert nothing_else(runs_dir)
        found += study_folders(runs_dir)
    assert len(found) > 1
    for folder in found:
        if folder.state() not in STUDY_LIVE and not is_held(folder.lock_file):
            studies.resume(folder)
            assert folder.state() in STUDY_LIVE
        assert folder.study().title == "a study"


def test_an_order_to_stop_a_study_is_there_whole_or_not_at_all(place: Path) -> None:
    *killed, whole = attempts(place, "stop a study")
    orders = [[command.name for command in control.waiting_commands(study_folders(one)[0])] for one in killed]
    assert all(names in ([], ["stop"]) for names in orders)
    assert [command.name for command in control.waiting_commands(study_folders(whole)[0])] == ["stop"]
