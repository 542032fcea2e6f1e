"""The main job headless, on the real data: what `train --json` reports is what a bare Keras script gets."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-m", "mnist_tui"]
LIMITS = {"raw": 60_000, "hog": 60_000, "cnn": 12_000, "fashion": 12_000}
DATASETS = {"raw": "mnist", "hog": "mnist", "cnn": "mnist", "fashion": "fashion-mnist"}


def run_json(*arguments: str) -> dict[str, Any]:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_images(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read by hand, so that no reader of ours vouches for itself."""
    images = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28), np.frombuffer(labels, np.uint8, offset=8)


test_images.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


def inputs_of(images: np.ndarray, features: dict[str, Any]) -> np.ndarray:
    """What enters the network, by scikit-image's own HOG."""
    if features["kind"] == "raw":
        return (images / 255.0).astype(np.float32)[..., None]
    from skimage.feature import hog

    cell, block = (features["pixels_per_cell"],) * 2, (features["cells_per_block"],) * 2
    return np.stack(
        [hog(i, features["orientations"], cell, block, block_norm="L2-Hys", feature_vector=True) for i in images]
    ).astype(np.float32)


@pytest.mark.parametrize(
    "preset",
    [
        "hog",
        pytest.param("fashion", marks=pytest.mark.exhaustive),
        pytest.param("raw", marks=pytest.mark.exhaustive),
        pytest.param("cnn", marks=pytest.mark.exhaustive),
    ],
)
def test_a_starters_report_is_what_bare_keras_gets_from_its_exported_weights(
    preset: str, real_data: Path, tmp_path: Path
):
    import keras

    doc = run_json("train", "--preset", preset, "--epochs", "1", "--limit", str(LIMITS[preset]), "--json")
    assert (doc["state"], len(doc["epochs"])) == ("finished", 1)
    assert doc["dataset"]["name"] == DATASETS[preset]
    assert (doc["dataset"]["train"], doc["dataset"]["test"]) == (LIMITS[preset], 10_000)
    assert doc["reference"] is None
    matrix = np.array(doc["confusion_matrix"])
    assert matrix.sum() == 10_000
    assert np.trace(matrix) / 10_000 == pytest.approx(doc["test"]["accuracy"], abs=1e-9)

    subprocess.run(
        [*COMMAND, "export", doc["run"], "--weights", "keras,h5,npz", "-o", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    images, labels = test_images(real_data / DATASETS[preset])
    inputs = inputs_of(images, doc["experiment"]["features"])
    model: Any = keras.models.load_model(next(tmp_path.glob("*.keras")), compile=False)
    probabilities = model.predict(inputs, batch_size=1000, verbose=0)
    right = int((probabilities.argmax(1) == labels).sum())
    assert abs(right - round(doc["test"]["accuracy"] * 10_000)) <= 1
    loss = float(-np.log(np.clip(probabilities[np.arange(10_000), labels], 1e-7, 1)).mean())
    assert loss == pytest.approx(doc["test"]["loss"], abs=1e-4)

    again: Any = keras.models.clone_model(model)
    again.load_weights(next(tmp_path.glob("*.weights.h5")))
    assert np.allclose(again.predict(inputs[:500], verbose=0), probabilities[:500], atol=1e-5)
    saved = np.load(next(tmp_path.glob("*.npz")), allow_pickle=False)
    assert sum(saved[name].size for name in saved.files) == doc["parameters"]["total"]
