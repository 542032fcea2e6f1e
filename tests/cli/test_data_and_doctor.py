"""`data` and `doctor`."""

import errno
import fcntl
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mnist_tui.cli.doctor import folders, kills_user_processes
from mnist_tui.data import feature_cache
from mnist_tui.data.feature_cache import FeatureKey
from tests.cli.conftest import Command, sentence


def test_status_names_every_dataset_and_what_brings_it(cli: Command, tmp_path: Path) -> None:
    listed = json.loads(cli("data", "status", "--json", MNIST_TUI_DATA=str(tmp_path)).stdout)
    states = {one["name"]: one["state"] for one in listed}
    assert states == {"mnist": "missing", "fashion-mnist": "missing", "digits": "bundled", "features": "none"}
    assert "`mnist-tui data get mnist`" in cli("data", "status", MNIST_TUI_DATA=str(tmp_path)).stdout


def test_import_of_a_folder_without_data_is_refused(cli: Command, tmp_path: Path) -> None:
    assert "holds no dataset" in sentence(cli("data", "import", tmp_path))


def test_clear_without_a_cache_frees_nothing(cli: Command) -> None:
    assert cli("data", "clear").stdout == "there was nothing to delete\n"


def test_features_kept_are_told_of_and_cleared(cli: Command, tmp_path: Path) -> None:
    key = FeatureKey("0" * 64, count=300, orientations=8, pixels_per_cell=4, cells_per_block=1)
    assert feature_cache.store(key, np.ones((300, 392), np.float32))
    size = key.file.stat().st_size
    (listed,) = (one for one in json.loads(cli("data", "status", "--json").stdout) if one["name"] == "features")
    assert (listed["state"], listed["files"], listed["bytes"]) == ("kept", 1, size)
    assert listed["source"] == str(key.file.parent)
    (line,) = (line for line in cli("data", "status").stdout.splitlines() if "HOG features" in line)
    assert "1 file" in line
    assert "474.5 kB" in line
    assert cli("data", "clear").stdout == "freed 474.5 kB\n"
    assert feature_cache.load(key) is None
    assert cli("data", "clear").stdout == "there was nothing to delete\n"


def test_doctor_says_what_works_and_what_to_do_about_the_rest(cli: Command, tmp_path: Path) -> None:
    environment = {"MNIST_TUI_DATA": str(tmp_path), "TERM": "dumb"}
    result = cli("doctor", "--quick", "--json", **environment)
    assert result.exit_code == 0, result.output
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert {
        "Python",
        "tensorflow",
        "GPU",
        "terminal",
        "glyphs",
        "runs folder",
        "locks",
        "data cache",
        "logout",
    } <= checks.keys()
    assert checks["MNIST"]["state"] == "attention"
    assert "data import DIR" in checks["MNIST"]["advice"]
    text = cli("doctor", "--quick", **environment).stdout
    assert "✓ Python" in text
    assert "! MNIST" in text


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_doctor_tries_locks_in_the_runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    found = {check.name: check for check in folders(lambda: tmp_path / "runs")}
    assert (found["locks"].state, found["locks"].advice) == ("works", "")

    def flock(handle: object, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    found = {check.name: check for check in folders(lambda: tmp_path / "runs")}
    assert found["locks"].state == "attention"
    assert f"has no locks ({os.strerror(number)})" in found["locks"].finding
    assert "--runs-dir" in found["locks"].advice


def test_doctor_fails_where_nothing_could_be_trained(cli: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = cli("doctor", "--quick", "--json", "--runs-dir", tmp_path / "file")
    assert result.exit_code == 1
    doc = json.loads(result.stdout)
    assert doc["works"] is False
    assert [check["name"] for check in doc["checks"] if check["state"] == "broken"] == ["runs folder"]


@pytest.mark.parametrize(
    ("main", "dropped_in", "kills"),
    [
        ("", "", False),
        ("#KillUserProcesses=yes", "", False),
        ("[Login]\nKillUserProcesses=yes\n", "", True),
        ("KillUserProcesses=yes", "KillUserProcesses=no", False),
    ],
)
def test_logind_files_are_read_as_logind_reads_them(tmp_path: Path, main: str, dropped_in: str, kills: bool) -> None:
    folder = tmp_path / "logind.conf.d"
    folder.mkdir()
    (tmp_path / "logind.conf").write_text(main, encoding="utf-8")
    (folder / "10.conf").write_text(dropped_in, encoding="utf-8")
    assert kills_user_processes((tmp_path / "logind.conf", folder, tmp_path / "nowhere")) is kills
