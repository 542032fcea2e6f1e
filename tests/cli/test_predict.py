"""`predict`: image files read by a run's model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from mnist_tui.cli import predict
from mnist_tui.data.reading import read_digits
from mnist_tui.runs.folder import RunFolder
from tests.cli.conftest import Command, sentence
from tests.report.recorded import recorded_run


@pytest.fixture
def run(runs_dir: Path) -> RunFolder:
    return recorded_run(runs_dir)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "digit.png"
    Image.fromarray(255 - read_digits()["test_images"][0]).resize((200, 200)).save(path)
    return path


def test_an_image_that_is_not_there_or_none_is_a_wrong_request(cli: Command, run: RunFolder, image: Path):
    text = image.with_name("notes.txt")
    text.write_text("no image")
    assert "there is no file nowhere.png" in sentence(cli("predict", run.id, image, "nowhere.png"))
    assert f"{text} is not an image" in sentence(cli("predict", run.id, text))
    assert "IMAGE" in sentence(cli("predict", run.id))


def test_a_run_that_is_not_there_is_a_wrong_request(cli: Command, run: RunFolder, image: Path):
    assert "there is no run 'other'" in sentence(cli("predict", "other", image))


class Answering:
    """A model of many classes that is surest of the class 7, then of 3."""

    def __init__(self, _folder: RunFolder) -> None:
        pass

    def wait_ready(self) -> SimpleNamespace:
        return SimpleNamespace(words="the model", weights="model", epoch=3)

    def ask(self, frames: list[bytes]) -> SimpleNamespace:
        values = [0.0] * 47
        values[7], values[3] = 0.75, 0.25
        return SimpleNamespace(probabilities=[tuple(values)] * len(frames))

    def close(self) -> None:
        pass


def test_of_many_classes_the_most_probable_are_shown_and_colours_are_said_to_turn_grey(
    cli: Command, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(predict, "Predictor", Answering)
    monkeypatch.setattr(predict, "class_names", lambda _: tuple(f"k{at:02}" for at in range(47)))
    path = tmp_path / "red.png"
    Image.new("RGB", (20, 14), (200, 30, 30)).save(path)
    done = cli("predict", run.id, path)
    assert f"{path} is in colour; the network takes grey images" in done.stderr
    row = done.stdout.splitlines()[-1]
    assert row.split()[1:4] == ["k07", "75.00", "%"]
    assert "k03 25.00 %, k00 0.00 %, k01 0.00 %, k02 0.00 %" in row
    assert "k05" not in row
    assert len(json.loads(cli("predict", run.id, path, "--json").stdout)["predictions"][0]["probabilities"]) == 47


@pytest.mark.exhaustive
@pytest.mark.slow
def test_images_are_read_by_a_real_run(tmp_path: Path, image: Path):
    options = ["--runs-dir", str(tmp_path / "runs")]
    command = [sys.executable, "-m", "mnist_tui"]
    trained = [*command, "train", "--preset", "raw", "--dataset", "digits", "--epochs", "20", "--json", *options]
    run = json.loads(subprocess.run(trained, capture_output=True, check=True).stdout)["run"]
    nothing = tmp_path / "nothing.png"
    Image.new("L", (40, 40), 255).save(nothing)

    asked = [*command, "predict", "latest", str(image), str(nothing), *options]
    done = subprocess.run([*asked, "--json"], capture_output=True, text=True, check=True)
    doc = json.loads(done.stdout)
    assert (doc["run"], doc["weights"], doc["centred"]) == (run, "model", True)
    first, second = doc["predictions"]
    true = int(read_digits()["test_labels"][0])
    assert (first["file"], first["class"], first["label"]) == (str(image), str(true), true)
    assert list(first["probabilities"]) == list("0123456789")
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert first["probability"] == max(first["probabilities"].values())
    assert second["file"] == str(nothing)
    assert f"{nothing} shows nothing" in done.stderr

    table = subprocess.run([*asked, "--no-centre"], capture_output=True, text=True, check=True)
    lines = table.stdout.splitlines()
    assert lines[0].split()[:3] == ["file", "class", "probability"]
    assert lines[2].split()[:2] == [str(image), str(true)]
    assert "fitted into 28×28" in table.stderr

    folder = tmp_path / "runs" / run
    (folder / "model.keras").unlink()
    shutil.rmtree(folder / "checkpoint")
    refused = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "has no model: it is finished and left no checkpoint" in refused.stderr
    assert "Traceback" not in refused.stderr
