"""`mnist-tui robustness` with a real worker, and `mnist-tui ensemble`, on networks for pixels and for HOG features.

The oracles classify the images themselves, and average the saved probabilities.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from mnist_tui.data.corruptions import at_strength
from mnist_tui.data.hog import hog_batch
from mnist_tui.errors import RunError
from mnist_tui.runs.ensembles import combined
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.predictions import read_predictions
from mnist_tui.runs.robustness import robustness_of
from mnist_tui.runs.statistics import saved_statistics, statistics_of_predictions
from mnist_tui.training.classifiers import classifier_of
from mnist_tui.training.export import export
from mnist_tui.training.session import Session
from tests.invoked import invoke
from tests.present import present
from tests.training.support import digits, experiment, new_run

pytestmark = pytest.mark.slow

HOG = {"features": {"kind": "hog", "pixels_per_cell": 7}, "layers": [{"kind": "dense", "units": 16}]}
BRIEF = {"training": {"epochs": 1}}


def trained(runs_dir: Path, **changes) -> Any:
    folder = new_run(runs_dir, experiment(**changes))
    assert Session(folder, importing=False).train() == 0
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    place = tmp_path_factory.mktemp("runs")
    return [trained(place, **BRIEF), trained(place, **BRIEF, **HOG)]


def places(runs: list[Any]) -> dict[str, str]:
    return {"MNIST_TUI_RUNS": str(runs[0].path.parent)}


def accuracy(folder: Any, name: str, strength: int) -> float:
    import keras

    data, spec = digits(), folder.preset().experiment.features
    images = at_strength(data.test_images, name, strength)
    inputs = hog_batch(images, **spec.settings) if spec.kind == "hog" else images[..., None] / 255
    model: Any = keras.models.load_model(folder.model_file)
    predicted = model.predict(inputs, verbose=0).argmax(axis=1)
    return float((predicted == data.test_labels).mean())


def test_runs_on_pixels_and_on_hog_features_are_measured_once_and_kept(runs, tmp_path):
    ids = [run.id for run in runs]
    asked = ["robustness", *ids, "--corrupt", "noise,contrast", "--baseline", ids[1]]
    first = invoke([*asked, "--json"], places(runs))
    assert first.exit_code == 0, first.stderr
    assert "classifying images: noise …" in first.stderr
    document = json.loads(first.stdout)
    for folder, run in zip(runs, document["runs"], strict=True):
        assert (run["run"], run["images"]) == (folder.id, 360)
        assert run["clean"] == pytest.approx(folder.results()["test"]["accuracy"])
        noise = run["corruptions"][0]
        assert noise["accuracies"][3] == pytest.approx(accuracy(folder, "noise", 4))
    assert document["runs"][1]["relative_error"] == 1
    table = tmp_path / "accuracies.csv"
    again = invoke([*asked, "-o", str(table)], places(runs))
    assert again.exit_code == 0
    assert "starting TensorFlow" not in again.stderr
    assert "over 2 corruptions in 5 strengths; " in again.stdout
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 2 * (1 + 2 * 5)
    kept: Any = robustness_of(runs[0])
    by_noise = [float(row["accuracy"]) for row in rows if (row["run"], row["corruption"]) == (ids[0], "noise")]
    assert by_noise == list(kept.accuracies["noise"])
    assert np.diff(by_noise).max() < 0.05


def test_what_cannot_be_measured_is_said_in_a_sentence(tmp_path):
    folder = new_run(tmp_path / "runs", experiment())
    own = {"MNIST_TUI_RUNS": str(tmp_path / "runs")}
    for arguments, said in (
        ([folder.id], "its robustness can be measured once it has ended"),
        ([folder.id, "--corrupt", "blurr"], "did you mean blur?"),
        (["nothing"], "there is no run 'nothing'"),
    ):
        ended = invoke(["robustness", *arguments], own)
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert said in ended.stderr


def saved(folder: Any) -> np.ndarray:
    return np.load(folder.predictions_file)["probabilities"]


def test_an_ensemble_is_scored_classifies_and_is_exported_as_one_graph(runs, tmp_path, monkeypatch):
    """The worker runs in this process."""
    monkeypatch.setattr(
        "mnist_tui.runs.evaluations.start_worker", lambda folder, _: Session(folder, importing=False).train()
    )
    ended = invoke(["ensemble", *(run.id for run in runs), "--name", "both", "--json"], places(runs))
    assert ended.exit_code == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert document["statistics"]["accuracy"] == document["test"]["accuracy"]
    folder: Any = RunFolder(runs[0].path.parent / document["run"])
    for run in (folder, *runs):
        kept = present(saved_statistics(run.results()))
        assert kept == statistics_of_predictions(present(read_predictions(run.predictions_file)), kept.no_temperature)
    mean = np.mean([saved(run) for run in runs], axis=0)
    assert np.allclose(saved(folder), mean, atol=1e-7)
    right = mean.argmax(axis=1) == digits().test_labels
    assert document["test"]["accuracy"] == pytest.approx(right.mean())
    assert document["parameters"]["total"] == sum(run.results()["parameters"]["total"] for run in runs)
    for member in document["members"]:
        own = saved(RunFolder(runs[0].path.parent / member["run"])).argmax(axis=1) == digits().test_labels
        assert member["gain"] == pytest.approx(right.mean() - own.mean())
        assert member["test"]["only_first"] == (right & ~own).sum()
    images = digits().test_images[:40]
    assert np.abs(classifier_of(folder).probabilities(images) - mean[:40]).max() < 1e-5
    export(folder, ["onnx"], tmp_path / "out")
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    (probabilities,) = session.run(["probabilities"], {"images": images})
    assert np.abs(probabilities - mean[:40]).max() < 1e-5
    with pytest.raises(RunError, match="so csv cannot hold it; onnx, tflite and savedmodel can"):
        export(folder, ["csv"], tmp_path / "out")


def test_the_graph_of_a_vote_gives_the_votes_of_the_program_with_every_kind_of_tie(tmp_path):
    """Each network looks its probabilities up by the first pixel; sixteenths make ties of votes and of means."""
    import tensorflow as tf

    from mnist_tui.training.export import averaged, write_onnx

    tables = np.random.default_rng(3).multinomial(16, [1 / 4] * 4, size=(3, 256)).astype(np.float32) / 16

    def network(table: np.ndarray) -> Any:
        module: Any = tf.Module()
        module.predict = tf.function(
            lambda images: {"probabilities": tf.gather(table, tf.cast(images[:, 0, 0], tf.int32))},
            input_signature=[tf.TensorSpec((None, 2, 2), tf.uint8, name="images")],
        )
        return module

    images = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 2, 2))
    for members in (tables[:2], tables):
        whole = averaged([network(table) for table in members], "vote")
        source: Any = SimpleNamespace(whole=whole, classes='["a", "b", "c", "d"]')
        write_onnx(source, tmp_path / "vote.onnx")
        session = onnxruntime.InferenceSession(tmp_path / "vote.onnx")
        (votes,) = session.run(["probabilities"], {"images": images})
        np.testing.assert_array_equal(votes, combined(list(members), "vote"))
