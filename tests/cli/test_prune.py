"""`prune`: lists what came to nothing, deletes it when told to, and nothing else."""

import json
import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs import control
from mnist_tui.runs.deletion import find_waste, remove_waste
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import Lock, Status, this_process
from mnist_tui.studies.folder import PLACE
from tests.cli.conftest import Command, sentence
from tests.report.recorded import recorded_run
from tests.waiting import PATIENCE

HOUR = 3600.0


def made(runs_dir: Path, status: Status) -> RunFolder:
    folder = create(runs_dir, find_preset("raw"), Launch(created=time.time(), command="mnist-tui train"))
    folder.write_status(status)
    return folder


def ended(state: str, *, reason: str = "", ago: float = 0.0) -> Status:
    return Status(state, host=socket.gethostname(), heartbeat=time.time() - ago, reason=reason)


@pytest.fixture
def kept(runs_dir: Path) -> list[RunFolder]:
    """Runs that are worth keeping: finished, living, stopped, failed and crashed with something to go on from."""
    failed, crashed = made(runs_dir, ended("failed")), made(runs_dir, ended("running", ago=2 * HOUR))
    failed.model_file.write_bytes(b"model")
    crashed.checkpoint.mkdir()
    crashed.checkpoint_file.write_text("{}")
    unreadable = made(runs_dir, ended("failed"))
    unreadable.status_file.write_text("[")
    live, stopped = made(runs_dir, this_process("running")), made(runs_dir, ended("stopped"))
    return [recorded_run(runs_dir), live, stopped, failed, crashed, unreadable]


@pytest.fixture
def wasted(runs_dir: Path) -> list[RunFolder]:
    """Runs that are not."""
    failed, crashed = ended("failed"), ended("running", ago=2 * HOUR)
    return [made(runs_dir, status) for status in (failed, crashed, ended("stopped", reason="discarded"))]


def test_runs_that_came_to_nothing_are_listed_and_only_with_yes_deleted(
    cli: Command, kept: list[RunFolder], wasted: list[RunFolder]
) -> None:
    (wasted[0].path / "worker.log").write_bytes(b"x" * 5000)
    listed = json.loads(cli("prune", "--json").stdout)
    assert {one["run"] for one in listed} == {folder.id for folder in wasted}
    assert not any(one["deleted"] for one in listed)
    assert 5000 < next(one["bytes"] for one in listed if one["run"] == wasted[0].id) < 10_000
    result = cli("prune")
    assert "failed, left no model and no checkpoint" in result.stdout
    assert "discarded, but not deleted" in result.stdout
    assert "3 runs, " in result.stderr
    assert "nothing was deleted, the same command with --yes does it" in result.stderr
    assert all(folder.path.exists() for folder in wasted)
    result = cli("prune", "--yes")
    assert (result.exit_code, "deleted 3 runs" in result.stderr) == (0, True)
    assert not any(folder.path.exists() for folder in wasted)
    assert all(folder.path.exists() for folder in kept)
    assert "there is nothing to prune" in cli("prune").stderr


def test_a_crashed_run_that_was_to_be_discarded_goes_though_it_has_a_checkpoint(
    cli: Command, kept: list[RunFolder]
) -> None:
    crashed = kept[4]
    assert crashed.state() == "crashed"
    control.write_command(crashed, control.Command("discard"))
    assert cli("prune", "--yes").exit_code == 0
    assert [folder for folder in kept if not folder.path.exists()] == [crashed]


def test_stale_temporary_files_go_and_those_being_written_stay(cli: Command, runs_dir: Path) -> None:
    run, live = recorded_run(runs_dir), made(runs_dir, this_process("running"))
    run.exports.mkdir()
    (runs_dir / PLACE).mkdir()
    old = [run.path / ".tmp-a.json", run.exports / ".tmp-b", runs_dir / ".tmp-c", runs_dir / PLACE / ".tmp-f"]
    new = [run.path / ".tmp-d.json", live.path / ".tmp-e.npz"]
    for path in (*old, *new):
        path.mkdir() if path.name == ".tmp-b" else path.write_text("half")
    for path in (*old, new[1]):
        os.utime(path, (yesterday := time.time() - 25 * HOUR, yesterday))
    result = cli("prune", "--yes")
    assert "deleted 4 temporary files" in result.stderr
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in (*new, run.path, live.path))


def test_older_than_spares_what_is_young(cli: Command, runs_dir: Path) -> None:
    young, old = made(runs_dir, ended("failed")), made(runs_dir, ended("failed", ago=3 * 24 * HOUR))
    listed = json.loads(cli("prune", "--older-than", "2", "--json").stdout)
    assert [one["run"] for one in listed] == [old.id]
    assert young.path.exists()
    assert sentence(cli("prune", "--older-than", "-1")) == "--older-than must be a number of days, 0 or more (got -1)"


def test_a_run_that_someone_takes_up_at_this_moment_is_kept_and_said(cli: Command, wasted: list[RunFolder]) -> None:
    lock = Lock(wasted[0])
    result = cli("prune", "--yes")
    lock.release()
    assert result.exit_code == 1
    assert f"not deleted: run {wasted[0].id} is being written by process {os.getpid()}" in result.stderr
    assert [folder.path.exists() for folder in wasted] == [True, False, False]


def test_what_vanishes_while_it_is_looked_at_is_no_waste(runs_dir: Path) -> None:
    run = recorded_run(runs_dir)
    over, busy = threading.Event(), (runs_dir / ".tmp-summaries.json", run.path / ".tmp-status.json")

    def write() -> None:
        while not over.is_set():
            for path in busy:
                path.write_text("half")
                path.unlink()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        found = [one for _ in range(300) for one in find_waste(runs_dir)]
    finally:
        over.set()
        writer.join(PATIENCE)
    assert {one.path for one in found} <= set(busy)


def test_what_is_gone_before_it_is_deleted_is_not_said_to_be_kept(runs_dir: Path, wasted: list[RunFolder]) -> None:
    (runs_dir / ".tmp-half").mkdir()
    os.utime(runs_dir / ".tmp-half", (yesterday := time.time() - 25 * HOUR, yesterday))
    found = find_waste(runs_dir)
    assert len(found) == len(wasted) + 1
    shutil.rmtree(runs_dir)
    for one in found:
        remove_waste(one)


def test_a_run_whose_folder_is_damaged_keeps_no_other_from_being_found(
    cli: Command, runs_dir: Path, wasted: list[RunFolder]
) -> None:
    damaged = made(runs_dir, ended("failed"))
    damaged.status_file.write_text('{"unknown": 1}')
    found = json.loads(cli("prune", "--json").stdout)
    assert {one["run"] for one in found} == {folder.id for folder in wasted}
