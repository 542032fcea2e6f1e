"""`explain`: a network looked into from the command line, by a real process that answers without TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_tui.data.reading import read_digits
from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.explanations import METHODS
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import Kind, Origin, OriginSource
from tests.cli.conftest import Command, sentence
from tests.own_data import write_folder
from tests.report.recorded import recorded_run

EXPLAINING = Path(__file__).parents[1] / "tui" / "explaining.py"


@pytest.fixture(autouse=True)
def _answering(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_job: str, folder: RunFolder, errors: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(EXPLAINING), str(folder.path)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr("mnist_tui.runs.worker_jobs.start_model_process", start)


@pytest.fixture
def run(runs_dir: Path) -> RunFolder:
    return recorded_run(runs_dir, find_preset("cnn"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "digit.png"
    Image.fromarray(read_digits()["test_images"][0]).save(path)
    return path


def test_a_map_is_printed_in_signs_or_as_json_or_drawn(cli: Command, run: RunFolder, image: Path, tmp_path: Path):
    pixels = read_digits()["test_images"][0] / 255
    printed = cli("explain", run.id, image, "--no-centre")
    assert printed.exit_code == 0
    lines = printed.stdout.splitlines()
    assert len(lines) == 14
    assert lines[0] == "-"
    assert "#" in printed.stdout
    assert "the most probable class is 3, with 90.0 %" in printed.stderr

    doc = json.loads(
        cli("explain", run.id, image, "--no-centre", "--method", "saliency", "--class", "7", "--json").stdout
    )
    assert (doc["run"], doc["method"], doc["class"], doc["layer"]) == (run.id, "saliency", "7", None)
    assert np.allclose(doc["map"], pixels, atol=1e-6)
    assert doc["probabilities"]["3"] == 0.9

    file = tmp_path / "map.png"
    drawn = cli("explain", run.id, image, "--method", "gradcam", "--layer", "conv2d_1", "-o", file)
    assert (drawn.exit_code, drawn.stdout) == (0, "")
    assert f"wrote {file}" in drawn.stderr
    with Image.open(file) as picture:
        assert picture.width > picture.height > 100
    assert "exists" in sentence(cli("explain", run.id, image, "-o", file))


def test_activations_and_nearest_images_are_tables(cli: Command, run: RunFolder, image: Path, tmp_path: Path):
    table = cli("explain", run.id, image, "--method", "activations").stdout.splitlines()
    assert [line.split()[0] for line in table[2:]][:2] == ["conv2d_1", "max_pooling2d_1"]
    doc = json.loads(cli("explain", run.id, image, "--method", "activations", "--layer", "output", "--json").stdout)
    assert doc["layers"] == [{"name": "output", "shape": [10], "values": [1.0] * 10}]
    near = cli("explain", run.id, image, "--method", "nearest")
    assert near.stdout.splitlines()[2].split() == ["1", "0", "0"]
    assert "60,000 training images were compared by the outputs of dense_1" in near.stderr
    for method in ("activations", "nearest"):
        file = tmp_path / f"{method}.svg"
        assert cli("explain", run.id, image, "--method", method, "-o", file).exit_code == 0
        assert file.stat().st_size > 1000


def test_wrong_requests_are_answered_in_a_sentence(
    cli: Command, run: RunFolder, image: Path, runs_dir: Path, tmp_path: Path
):
    (folder := tmp_path / "folder.png").mkdir()
    for words, why in (
        ([], "in quotes for the shell: '#7'"),
        (["nowhere.png"], "there is no file nowhere.png"),
        (["#x"], "#x is not the number of a test image"),
        ([image, "--method", "grad-cam"], "did you mean gradcam?"),
        ([image, "--method", "gradcam", "--layer", "dense_1"], "there is no layer 'dense_1' for Grad-CAM"),
        ([image, "--layer", "dense_1"], "the method occlusion has no layer to choose"),
        ([image, "--class", "ten"], "there is no class 'ten'"),
        ([image, "--class", "3", "--method", "nearest"], "leave --class out"),
        (["7"], "test image 7 is written '#7', with the quotes"),
        ([image, "-o", "map.txt"], "should end in .png, .svg or .pdf"),
        ([image, "-o", "nowhere/map.png"], "there is no folder nowhere"),
        ([image, "-o", folder], "folder.png is a folder; name a file, such as"),
    ):
        assert why in sentence(cli("explain", run.id, *words))
    plain = recorded_run(runs_dir, created=1.0)
    assert "Grad-CAM needs a convolutional layer" in sentence(cli("explain", plain.id, image, "--method", "gradcam"))
    kinds: tuple[tuple[Kind, str], ...] = (
        ("ensemble", "look inside its members, which are a and b"),
        ("imported", "imported from a"),
    )
    for kind, why in kinds:
        origin = Origin(kind, (OriginSource("a"), OriginSource("b")), "mnist")
        plain.origin_file.write_text(json.dumps(origin.to_document()))
        assert why in sentence(cli("explain", plain.id, image))


STARTERS = {"raw": ("raw",), "hog": ("hog",), "cnn": ("cnn",), "fashion": ("fashion",), "letters": ("cnn", "--dataset")}


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("name", STARTERS)
def test_each_method_looks_into_a_real_run_as_json_and_as_a_picture(name: str, tmp_path: Path, real_data: Path):
    """The letters are 47 classes of pictures, as many as in EMNIST Balanced."""
    letters = write_folder(tmp_path / "letters", (28, 28, 1), [f"letter {at}" for at in range(47)])
    preset, *dataset = STARTERS[name]
    options = ["--runs-dir", str(tmp_path / "runs"), "--data-dir", str(real_data)]

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mnist_tui", *map(str, words), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    limit = [] if dataset else ["--limit", 5000]
    trained = run("train", "--preset", preset, *dataset, *[letters][: len(dataset)], "--epochs", 1, *limit, "--json")
    assert trained.returncode == 0, trained.stderr
    kinds = [layer["kind"] for layer in json.loads(trained.stdout)["experiment"]["layers"]]
    classes = 47 if dataset else 10
    for method in METHODS:
        file = tmp_path / f"{method}.png"
        asked = run("explain", "latest", "#7", "--method", method, "--json", "-o", file)
        if method == "gradcam" and "conv2d" not in kinds:
            assert (asked.returncode, asked.stdout, file.exists()) == (2, "", False)
            assert asked.stderr.startswith("error: Grad-CAM needs a convolutional layer")
            continue
        assert asked.returncode == 0, asked.stderr
        doc = json.loads(asked.stdout)
        assert (doc["method"], len(doc["probabilities"])) == (method, classes)
        assert sum(doc["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        if METHODS[method].is_map:
            assert np.shape(doc["map"]) == (28, 28)
            assert np.ptp(doc["map"]) > 0
        elif method == "activations":
            assert doc["layers"][-1]["shape"] == [classes]
        else:
            distances = [each["distance"] for each in doc["images"]]
            assert distances == sorted(distances)
        with Image.open(file) as picture:
            assert min(picture.size) > 100
