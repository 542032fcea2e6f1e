"""Run folders and studies that earlier versions wrote open, resume, report and compare in this one.

`tests/written_by/VERSION` holds what a version wrote: a study of two finished runs, and a run stopped in epoch 2 of 20.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mnist_tui.runs.library import find_run
from mnist_tui.runs.start import check_extendable, check_resumable
from tests.cli.conftest import Command

WRITTEN = Path(__file__).parent.parent / "written_by"


@pytest.fixture(params=sorted(folder.name for folder in WRITTEN.iterdir()))
def written(request: pytest.FixtureRequest, runs_dir: Path) -> Path:
    """A folder of runs as that version left it."""
    shutil.copytree(WRITTEN / request.param, runs_dir)
    return runs_dir


def by_state(cli: Command, state: str) -> list[str]:
    return [row["run"] for row in json.loads(cli("runs", "--json").stdout) if row["state"] == state]


def test_every_run_is_listed_shown_and_compared(cli: Command, written: Path) -> None:
    finished, (stopped,) = by_state(cli, "finished"), by_state(cli, "stopped")
    assert len(finished) == 2
    for run in (*finished, stopped):
        shown = json.loads(cli("show", run, "--json").stdout)
        assert shown["run"] == run
        assert shown["parameters"]["total"] == 2_395
        assert len(shown["confusion_matrix"]) == 10
    compared = json.loads(cli("compare", *finished, "--json").stdout)
    assert compared["groups"][0]["seeds"] == [0, 1]


def test_the_study_shows_its_trials(cli: Command, written: Path) -> None:
    shown = json.loads(cli("studies", "show", "latest", "--json").stdout)
    assert shown["state"] == "finished"
    assert len(shown["trials"]) == 2


def test_a_report_is_written_of_all(cli: Command, written: Path, tmp_path: Path) -> None:
    runs = by_state(cli, "finished") + by_state(cli, "stopped")
    assert cli("report", *runs, "-o", tmp_path / "report.md").exit_code == 0
    text = (tmp_path / "report.md").read_text()
    assert "16.94 %" in text  # the stopped run's test accuracy
    assert "7.50 %" in text  # the mean of the two finished ones: 3.33 and 11.67 %


def test_the_stopped_run_can_be_resumed_and_the_finished_ones_extended(cli: Command, written: Path) -> None:
    (stopped,) = by_state(cli, "stopped")
    check_resumable(find_run(written, stopped))
    for run in by_state(cli, "finished"):
        check_extendable(find_run(written, run))


@pytest.mark.slow
def test_the_stopped_run_is_trained_to_its_end(cli: Command, written: Path) -> None:
    (stopped,) = by_state(cli, "stopped")
    done = cli("resume", stopped, "--json")
    assert done.exit_code == 0, done.stderr
    assert [row["epoch"] for row in json.loads(done.stdout)["epochs"]] == list(range(1, 21))
