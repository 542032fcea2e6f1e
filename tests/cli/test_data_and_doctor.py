"""`data` and `doctor`."""

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_tui.cli.doctor import folders, kills_user_processes
from mnist_tui.data import feature_cache
from mnist_tui.data.feature_cache import FeatureKey
from mnist_tui.data.known import KNOWN
from tests.cli.conftest import Command, sentence


def test_status_names_every_dataset_and_what_brings_it(cli: Command, tmp_path: Path) -> None:
    listed = json.loads(cli("data", "status", "--json", MNIST_TUI_DATA=str(tmp_path)).stdout)
    states = {one["name"]: one["state"] for one in listed}
    assert states == dict.fromkeys(KNOWN, "missing") | {"digits": "bundled", "features": "none"}
    assert {one["name"]: one["licence"] for one in listed if one["name"] in KNOWN} == {
        name: known.licence for name, known in KNOWN.items()
    }
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


def write_images(folder: Path, shape: tuple[int, ...] = (40, 30)) -> Path:
    """A folder with two classes of four images each."""
    generator = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (folder / name).mkdir(parents=True)
        for place in range(4):
            Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(folder / name / f"{place}.png")
    return folder


def test_images_are_brought_to_a_size_that_can_be_trained_on(cli: Command, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "pets", (100, 80))
    (folder / "bee" / "copy.png").write_bytes((folder / "ant" / "0.png").read_bytes())
    refused = sentence(cli("train", "--preset", "raw", "--dataset", folder))
    assert "holds images of 100×80 pixels" in refused
    assert "mnist-tui data import" in refused
    made = cli("data", "import", folder, "--size", "16", "--invert")
    assert made.exit_code == 0, made.output
    assert made.stdout == (
        f"{folder}-16: 6 training images and 2 test images of 16 × 16 pixels in grey, 2 classes; train with --dataset "
        f"{folder}-16\n"
    )
    assert "left out: bee/copy.png has the pixels of ant/0.png" in made.stderr
    assert "There is no test set" in made.stderr
    counted = json.loads(cli("complexity", "--preset", "raw", "--dataset", f"{folder}-16", "--format", "json").stdout)
    assert (counted["inputs"], counted["outputs"]) == (256, 2)


def test_an_import_does_not_replace_a_folder_unasked(cli: Command, tmp_path: Path) -> None:
    folder, target = write_images(tmp_path / "pets"), tmp_path / "new"
    target.mkdir()
    (target / "kept.txt").touch()
    assert "exists; --force replaces, -o writes elsewhere" in sentence(cli("data", "import", folder, "-o", target))
    assert cli("data", "import", folder, "-o", target, "--force").exit_code == 0
    assert not (target / "kept.txt").exists()


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (["--size", "2"], "--size 2 is out of bounds; 4 to 64 pixels work"),
        (["--size", "large"], "--size large is not a size such as 28 or 32x24"),
        (["--gray", "--rgb"], "--gray and --rgb do not go together"),
    ],
)
def test_an_impossible_form_of_images_is_refused(cli: Command, tmp_path: Path, options: list[str], answer: str) -> None:
    assert answer in sentence(cli("data", "import", write_images(tmp_path / "pets"), *options))
    assert {path.name for path in tmp_path.iterdir()} <= {"pets", "home", "config", "runs"}


def test_an_image_folder_with_one_class_is_refused_before_a_run_begins(
    cli: Command, tmp_path: Path, runs_dir: Path
) -> None:
    folder = write_images(tmp_path / "pets", (20, 20))
    (folder / "bee").rename(tmp_path / "bee")
    assert "has only the class ant; 2 to 100 classes work" in sentence(
        cli("train", "--preset", "raw", "--dataset", folder)
    )
    assert not runs_dir.exists() or not any(runs_dir.iterdir())


def test_a_grey_network_for_images_in_colour_gets_their_channels(cli: Command, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "pets", (20, 20, 3))
    shown = cli("complexity", "--preset", "cnn", "--dataset", folder, "--format", "json")
    assert json.loads(shown.stdout)["inputs"] == 1200
    assert "images of" in sentence(
        cli("train", "--preset", "raw", "--dataset", folder, "--set", "dataset.image=[20,20,1]")
    )


def test_train_says_that_the_datasets_own_split_is_the_validation_data(cli: Command, tmp_path: Path) -> None:
    generator, parts = np.random.default_rng(0), dict[str, Any]()
    for split, number in (("train", 20), ("val", 10), ("test", 10)):
        parts[f"{split}_images"] = generator.integers(0, 256, (number, 8, 8), dtype=np.uint8)
        parts[f"{split}_labels"] = (np.arange(number) % 2).reshape(-1, 1)
    np.savez(tmp_path / "small.npz", **parts)
    started = cli("train", "--preset", "raw", "--epochs", "1", "--dataset", tmp_path / "small.npz", "--json")
    assert started.exit_code == 0, started.output
    assert "own validation split is the validation data; --validation test takes the test set" in started.stderr
    document = json.loads(started.stdout)
    assert (document["dataset"]["train"], document["dataset"]["validation"], document["dataset"]["test"]) == (
        20,
        10,
        10,
    )
    assert document["experiment"]["dataset"]["validation"] == "own"
