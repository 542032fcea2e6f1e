"""The study's process, for real: trials on a cluster of its own, killed in the middle and continued."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import psutil
import pytest

from mnist_tui.runs.library import run_folders
from mnist_tui.studies import start
from mnist_tui.studies.folder import StudyError, StudyFolder
from mnist_tui.studies.state import LIVE, StudyState
from mnist_tui.studies.watch import read_study
from tests.studies.made import base, folder, study
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow


def until_over(made: StudyFolder) -> StudyState:
    wait_for(lambda: made.state() not in LIVE)
    return read_study(made)


def processes_of(made: StudyFolder) -> list[psutil.Process]:
    """Those whose command line names the study, and what they started."""
    found = [
        process for process in psutil.process_iter(["cmdline"]) if str(made.path) in (process.info["cmdline"] or [])
    ]
    return [each for process in found for each in (process, *children_of(process))]


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """Return what it started, recursively; nothing if it ended since it was found."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def test_a_sweep_whose_process_is_killed_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6", workers=1, threads=1, seeds=2), {"raw": base(epochs="2", limit="200")})
    start.start(made)
    wait_for(lambda: read_study(made).count("finished") >= 1)
    with pytest.raises(StudyError, match="is running"):
        start.resume(made)
    processes = processes_of(made)
    os.kill(made.status().pid, signal.SIGKILL)
    wait_for(lambda: made.state() == "crashed")
    before = [row for row in read_study(made).rows if row.state == "finished"]
    assert "running" not in {row.state for row in read_study(made).rows}
    wait_for(lambda: not any(map(alive, processes)))
    start.resume(made)
    state = until_over(made)
    assert (state.state, state.reason) == ("finished", "4 of 4 trials finished")
    assert [row for row in state.rows if row in before] == before
    assert sorted(row.run for row in state.rows) == sorted(run.id for run in run_folders(tmp_path))
    for row in state.rows:
        run = made.run(row.run)
        results = run.results()
        assert run.state() == "finished" and run.model_file.exists() and run.launch().study == made.id
        assert results is not None and results["test"]["accuracy"] == row.test_accuracy
        assert (row.score, len(row.curve), run.launch().threads) == (row.val_accuracy, 2, 1)
    wait_for(lambda: not processes_of(made))


@pytest.mark.parametrize("signal_number", [None, signal.SIGTERM])
def test_a_study_whose_cluster_is_not_up_yet_stops_soon(tmp_path: Path, signal_number: int | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        made = folder(tmp_path, study("hidden=5,6", scheduler=address))
        start.start(made)
        silent.settimeout(PATIENCE)
        connected, _ = silent.accept()
        with connected:
            if signal_number is None:
                start.stop(made)
            else:
                os.kill(made.status().pid, signal_number)
            state = until_over(made)
    assert (state.state, state.reason) == ("stopped", "stopped before its workers were up")
    wait_for(lambda: not processes_of(made))


@pytest.mark.exhaustive
def test_a_scheduler_that_does_not_answer_ends_the_study_with_a_sentence(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6", scheduler="tcp://127.0.0.1:1"))
    start.start(made)
    state = until_over(made)
    assert state.state == "failed" and "tcp://127.0.0.1:1" in state.reason
    assert "Traceback" not in made.log_file.read_text()


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
