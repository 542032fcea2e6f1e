"""The predict job: a real worker answers for a real run; Keras, loading the same file alone, is the oracle."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from skimage.feature import hog

from mnist_tui.data.datasets import load
from mnist_tui.data.facts import resolved
from mnist_tui.runs import start
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import Status
from mnist_tui.runs.worker_jobs import PredictionError, Predictor, class_names, has_model
from mnist_tui.training.predictor import answer
from mnist_tui.training.session import Session
from tests.own_data import write_folder
from tests.training.support import experiment, new_run
from tests.waiting import wait_for

HOG = {"features": {"kind": "hog", "pixels_per_cell": 7, "orientations": 6}, "layers": [{"kind": "dense", "units": 8}]}


def packed(*images: bytes) -> bytes:
    return json.dumps({"images": [base64.b64encode(image).decode() for image in images]}).encode()


def by_ink(images: np.ndarray) -> np.ndarray:
    """Stands for a network: the share of each tenth of an image's ink; not finite where there is none."""
    ink = images.reshape(len(images), -1)[:, :780].reshape(len(images), 10, 78).sum(axis=2, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        return ink / ink.sum(axis=1, keepdims=True)


def test_every_image_of_a_request_gets_ten_probabilities():
    light = bytes([255]) * 78 + bytes(706)
    said = answer(packed(light, light), by_ink, (28, 28))
    assert said["probabilities"] == [[1.0, *[0.0] * 9]] * 2
    assert said["milliseconds"] >= 0


def test_what_is_not_finite_is_null():
    said = answer(packed(bytes(784)), by_ink, (28, 28))
    assert json.loads(json.dumps(said, allow_nan=False))["probabilities"] == [[None] * 10]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"nonsense", "a request is"),
        (b'{"images": ["%%%"]}', "its bytes in base64"),
        (b'["images"]', "a request is"),
        (b'{"images": []}', "1 to 10,000 images, not 0"),
        (packed(bytes(783)), "784 bytes, not 783"),
    ],
)
def test_what_is_no_request_is_answered_by_an_error(line: bytes, why: str):
    assert why in answer(line, by_ink, (28, 28))["error"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run on HOG features of colour images that are not square, in four classes."""
    fruit = write_folder(tmp_path_factory.mktemp("fruit"), (20, 14, 3), ["apple", "kiwi", "lemon", "plum"], test=10)
    of = resolved(experiment(**HOG, dataset={"name": str(fruit)}, training={"epochs": 3}))
    folder = new_run(tmp_path_factory.mktemp("runs"), of)
    assert Session(folder, importing=False).train() == 0
    return folder


def test_images(run: RunFolder) -> np.ndarray:
    return load(run.preset().experiment.dataset.name).test_images


test_images.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


@pytest.mark.slow
def test_answers_are_kerass_on_scikit_images_features(run: RunFolder):
    import keras

    images = test_images(run)
    with closing(Predictor(run)) as predictor:
        loaded = predictor.wait_ready()
        assert (loaded.weights, loaded.words) == ("model", "the run's model")
        together = predictor.ask([image.tobytes() for image in images])
        alone = [predictor.ask([image.tobytes()]).probabilities[0] for image in images[:3]]
        pid = predictor.pid
    features = [
        hog(image, 6, (7, 7), (1, 1), block_norm="L2-Hys", feature_vector=True, channel_axis=-1).astype(np.float32)
        for image in images
    ]
    model: Any = keras.models.load_model(run.model_file, compile=False)
    expected = model.predict(np.stack(features), verbose=0)
    assert np.allclose(np.array(together.probabilities, float), expected, atol=1e-5)
    assert np.allclose(np.array(alone, float), expected[:3], atol=1e-5)
    assert np.allclose(np.load(run.predictions_file)["probabilities"], expected, atol=1e-5)
    wait_for(lambda: not psutil.pid_exists(pid))


@pytest.mark.slow
def test_a_crashed_run_answers_by_its_checkpoint_and_a_kill_is_told(run: RunFolder, tmp_path: Path):
    crashed = RunFolder(shutil.copytree(run.path, tmp_path / "crashed"))
    crashed.write_status(Status("crashed"))
    with closing(Predictor(crashed)) as predictor:
        loaded = predictor.wait_ready()
        assert (loaded.weights, loaded.words) == ("checkpoint", "its checkpoint of epoch 3")
        image = test_images(run)[0].tobytes()
        expected = np.load(run.predictions_file)["probabilities"][0]
        assert np.allclose(np.array(predictor.ask([image]).probabilities[0], float), expected, atol=1e-5)
        with pytest.raises(PredictionError, match="20×14×3 = 840 bytes"):
            predictor.ask([b"short"])
        assert predictor.alive
        os.kill(predictor.pid, signal.SIGKILL)
        with pytest.raises(PredictionError, match="was killed") as caught:
            predictor.ask([image])
        assert not caught.value.refused


@pytest.mark.exhaustive
@pytest.mark.slow
def test_runs_without_weights_or_with_broken_ones_are_refused_in_a_sentence(run: RunFolder, tmp_path: Path):
    empty = new_run(tmp_path, experiment(**HOG))
    broken = RunFolder(shutil.copytree(run.path, tmp_path / "broken"))
    broken.model_file.write_bytes(b"no model")
    for folder, why in ((empty, "has saved nothing yet"), (broken, "cannot be read")):
        with closing(Predictor(folder)) as predictor, pytest.raises(PredictionError, match=why) as caught:
            predictor.wait_ready()
        assert caught.value.refused
        assert "\n" not in str(caught.value)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_stdout_carries_answers_alone_and_the_end_of_stdin_ends_it(run: RunFolder):
    command = [sys.executable, "-m", start.WORKER, "--job", "predict", "--run", str(run.path)]
    image = test_images(run)[0].tobytes()
    done = subprocess.run(command, input=packed(image) + b"\nnonsense\n", capture_output=True, check=True)
    ready, probabilities, error = map(json.loads, done.stdout.splitlines())
    assert ready["ready"]
    assert sum(probabilities["probabilities"][0]) == pytest.approx(1, abs=1e-5)
    assert error.keys() == {"error"}
    early = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert early.stdout == b""


@pytest.mark.slow
def test_classes_and_models_are_found_in_the_folder(run: RunFolder, tmp_path: Path):
    assert class_names(run) == ("apple", "kiwi", "lemon", "plum")
    assert has_model(run)
    assert not has_model(new_run(tmp_path, experiment()))
