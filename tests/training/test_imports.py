"""Models and predictions made elsewhere become runs: plain Keras and onnxruntime, asked alone, are the oracles."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mnist_tui.data.datasets import load
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.spec import DatasetSpec
from mnist_tui.runs import evaluations
from mnist_tui.runs.collection.summaries import summary_of
from mnist_tui.runs.evaluations import refusal, start_evaluated, start_imported
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.worker_jobs import class_names
from mnist_tui.training.classifiers import classifier_of
from mnist_tui.training.imported_models import check_configuration
from mnist_tui.training.inputs import DatasetCache
from mnist_tui.training.session import Session
from tests.present import present
from tests.training.support import digits

pytestmark = pytest.mark.slow
DIGITS = DatasetSpec(name="digits")
IMAGES = digits().test_images


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker of a new run works in this process, which has TensorFlow already, instead of one of its own."""

    def work(folder: RunFolder, _: object) -> None:
        Session(folder, importing=False, cache=DatasetCache()).train()

    monkeypatch.setattr(evaluations, "start_worker", work)


@pytest.fixture(scope="module")
def keras() -> Any:
    from mnist_tui.training.backend import keras

    return keras


@pytest.fixture(scope="module")
def scripted(keras: Any) -> Any:
    """A network as a bare script trains it: nothing of this program but the images."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(4, 5, strides=3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(digits().train_images[..., None] / 255.0, digits().train_labels, epochs=2, verbose=0)
    return model


def imported(runs_dir: Path, file: Path, **more: Any) -> RunFolder:
    folder = start_imported(runs_dir, file, DIGITS, **more)
    assert folder.state() == "finished", replayed(folder.events_file).ended
    return folder


def refused(runs_dir: Path, file: Path, **more: Any) -> str:
    try:
        folder = start_imported(runs_dir, file, DIGITS, **more)
    except RequestError as error:  # refused before there is a run
        return str(error)
    reason = refusal(folder, replayed(folder.events_file))
    assert not folder.path.exists()
    return reason


def predicted(folder: RunFolder) -> np.ndarray:
    with np.load(folder.predictions_file, allow_pickle=False) as saved:
        return saved["probabilities"]


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_network_of_a_bare_script_has_its_own_predictions_image_by_image(
    tmp_path: Path, scripted: Any, ending: str
) -> None:
    scripted.save(tmp_path / f"theirs{ending}")
    theirs = scripted.predict(IMAGES[..., None] / 255.0, verbose=0)

    folder = imported(tmp_path / "runs", tmp_path / f"theirs{ending}", name="of a script")

    assert np.allclose(predicted(folder), theirs, atol=1e-5)
    assert np.array_equal(predicted(folder).argmax(axis=1), theirs.argmax(axis=1))
    right = int((theirs.argmax(axis=1) == digits().test_labels).sum())
    assert present(folder.results())["test"]["accuracy"] == right / len(IMAGES)
    summary, origin = summary_of(folder), present(folder.origin)
    assert (summary.name, summary.differs) == ("of a script", f"imported: theirs{ending}")
    assert summary.parameters == scripted.count_params()
    assert json.loads(folder.events_file.read_text().splitlines()[0])["total"] == 0, "not known before it is loaded"
    kinds = [layer.kind for layer in present(origin.network)]
    assert kinds == ["Conv2D", "BatchNormalization", "Flatten", "Dense"]
    assert origin.notes == (
        "The model takes images as (n, 28, 28, 1) with values from 0 to 1 (the default; --scale 255 gives 0 to 255).",
        "Its outputs are probabilities: each image's sum to 1.",
    )


def test_an_imported_network_classifies_drawings_and_other_data(tmp_path: Path, scripted: Any) -> None:
    scripted.save(tmp_path / "theirs.keras")
    folder = imported(tmp_path / "runs", tmp_path / "theirs.keras")

    other = start_evaluated(folder, "digits", corrupt="contrast:5")

    theirs = scripted.predict(IMAGES[:3, ..., None] / 255.0, verbose=0)
    assert np.allclose(classifier_of(folder).probabilities(IMAGES[:3]), theirs, atol=1e-5)
    assert present(other.origin).network == present(folder.origin).network
    assert (summary_of(other).differs, class_names(other)) == (
        "evaluated on digits with contrast 5",
        tuple("0123456789"),
    )


@pytest.mark.parametrize(
    ("shape", "arranged"),
    [
        ((28, 28), lambda images: images),
        ((784,), lambda images: images.reshape(-1, 784)),
        ((1, 28, 28), lambda images: images[:, None]),
    ],
)
def test_every_layout_of_inputs_is_found_and_logits_become_probabilities(
    tmp_path: Path, keras: Any, shape: tuple[int, ...], arranged: Callable[[np.ndarray], np.ndarray]
) -> None:
    model = keras.Sequential([keras.layers.Input(shape), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.save(tmp_path / "logits.keras")

    folder = imported(tmp_path / "runs", tmp_path / "logits.keras")

    logits = model.predict(arranged(IMAGES) / 255.0, verbose=0)
    theirs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(predicted(folder), theirs, atol=1e-5)
    assert np.allclose(classifier_of(folder).probabilities(IMAGES[:2]), theirs[:2], atol=1e-5)
    assert "softmax is applied" in present(folder.origin).notes[-1]


@pytest.mark.parametrize(("scale", "factor"), [("", 1.0), ("255", 1.0), ("1", 1 / 255)])
def test_a_model_with_a_rescaling_layer_gets_pixels_up_to_255_unless_told_otherwise(
    tmp_path: Path, keras: Any, scale: str, factor: float
) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((28, 28)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10, activation="softmax")]
    )
    model.save(tmp_path / "scaling.keras")

    folder = imported(tmp_path / "runs", tmp_path / "scaling.keras", scale=scale)

    assert np.allclose(predicted(folder), model.predict(IMAGES * factor, verbose=0), atol=1e-5)


@pytest.mark.parametrize("batch", [None, 7])
def test_an_onnx_network_has_onnxruntimes_outputs(tmp_path: Path, batch: int | None) -> None:
    weights = np.random.default_rng(0).normal(0, 0.05, (784, 10)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["logits"], name="dense"),
        ],
        "theirs",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 10])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(model, tmp_path / "theirs.onnx")

    folder = imported(tmp_path / "runs", tmp_path / "theirs.onnx")

    logits = (IMAGES.reshape(-1, 784) / np.float32(255)) @ weights
    assert np.allclose(predicted(folder), np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), atol=1e-5)
    assert (summary_of(folder).parameters, present(present(folder.origin).network)[1].name) == (7840, "dense")


def test_predictions_make_a_run_without_a_model(tmp_path: Path) -> None:
    labels = np.where(np.arange(360) % 4, digits().test_labels, (digits().test_labels + 1) % 10)
    np.savez(tmp_path / "answers.npz", predictions=labels)

    folder = imported(tmp_path / "runs", tmp_path / "answers.npz")

    results = present(folder.results())
    assert (results["test"]["accuracy"], results["test"]["loss"]) == (0.75, None)
    assert (summary_of(folder).parameters, present(folder.origin).labels_only) == (None, True)
    with pytest.raises(RequestError, match="holds only predictions"):
        start_evaluated(folder, "digits")


def test_what_a_file_lacks_is_said_and_no_run_is_left(tmp_path: Path, keras: Any, scripted: Any) -> None:
    layers, runs_dir = keras.layers, tmp_path / "runs"
    made = {
        "lambda": [layers.Input((28, 28)), layers.Lambda(lambda x: x, name="mine"), layers.Flatten(), layers.Dense(10)],
        "small": [layers.Input((8, 8)), layers.Flatten(), layers.Dense(10)],
        "few": [layers.Input((28, 28)), layers.Flatten(), layers.Dense(7)],
    }
    for name, stack in made.items():
        keras.Sequential(stack).save(tmp_path / f"{name}.keras")
    keras.Sequential(made["lambda"]).save(tmp_path / "lambda.h5")
    scripted.save_weights(tmp_path / "only.weights.h5")
    for name in ("torn.keras", "torn.h5", "torn.onnx"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 and then nothing")
    (tmp_path / "empty.onnx").touch()
    scripted.save(tmp_path / "archive.keras")
    (tmp_path / "archive.keras").rename(tmp_path / "archive.h5")
    scripted.save(tmp_path / "hdf5.h5")
    (tmp_path / "hdf5.h5").rename(tmp_path / "hdf5.keras")

    said = {
        file.name: refused(runs_dir, file)
        for file in sorted(tmp_path.iterdir())
        if file.suffix in (".keras", ".h5", ".onnx")
    }

    assert "layer 'mine' is a Lambda layer, which holds code" in said["lambda.keras"]
    assert "layer 'mine' is a Lambda layer, which holds code" in said["lambda.h5"]
    assert "takes inputs of the shape (n, 8, 8), which are not images of 28×28×1" in said["small.keras"]
    assert "it has 7 outputs, but the dataset has 10 classes" in said["few.keras"]
    assert "only weights were saved" in said["only.weights.h5"]
    assert "it is no ONNX model, or the file is cut off or damaged" in said["torn.onnx"]
    assert "it holds no network" in said["empty.onnx"]
    assert "it is an archive, not an HDF5 file; the name of a Keras archive must end in .keras" in said["archive.h5"]
    assert "it is not an archive of Keras, although its name ends in .keras" in said["hdf5.keras"]
    assert all(line.startswith(f"{name} cannot be ") and "\n" not in line for name, line in said.items())
    assert list(runs_dir.iterdir()) == []


@pytest.mark.parametrize("name", ["missing.keras", "model.pkl", "folder.npz"])
def test_what_is_no_file_to_import_is_refused_before_a_run_is_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "model.pkl").touch()

    with pytest.raises(RequestError, match=r"there is no file|must end in|is a folder"):
        start_imported(tmp_path / "runs", tmp_path / name, DIGITS)

    assert not (tmp_path / "runs").exists()


def gadget(**of_layer: Any) -> dict[str, Any]:
    layer = {"class_name": "Dense", "module": "keras.layers", "config": {"name": "hidden", "units": 3}, **of_layer}
    return {"class_name": "Sequential", "module": "keras", "config": {"name": "net", "layers": [layer]}}


@pytest.mark.parametrize(
    ("of_layer", "why"),
    [
        ({"module": "os", "class_name": "system"}, "class os.system"),
        ({"module": "keras.utils", "class_name": "function", "config": "get_file"}, "class keras.utils.function"),
        ({"class_name": "TorchModuleWrapper"}, "layer 'hidden' is a TorchModuleWrapper, which holds code"),
        ({"class_name": "TextVectorization"}, "layer 'hidden' is a TextVectorization, which may read other files"),
        (
            {"config": {"name": "hidden", "activation": {"class_name": "__lambda__", "config": {"code": "4wE="}}}},
            "layer 'hidden' is a Lambda layer",
        ),
    ],
)
def test_a_configuration_that_would_run_or_read_something_is_refused(of_layer: dict[str, Any], why: str) -> None:
    check_configuration(gadget())

    with pytest.raises(RunError, match=why):
        check_configuration(gadget(**of_layer))


def test_arrays_in_another_file_are_refused(tmp_path: Path, scripted: Any) -> None:
    scripted.save(tmp_path / "own.h5")
    with h5py.File(tmp_path / "own.h5", "r+") as file:
        file["stolen"] = h5py.ExternalLink("/etc/passwd", "/")
    scripted.save(tmp_path / "own.keras")
    with h5py.File(tmp_path / "inner.h5", "w") as inner:
        inner["stolen"] = h5py.ExternalLink("/etc/passwd", "/")
    with zipfile.ZipFile(tmp_path / "own.keras") as archive:
        configuration = json.loads(archive.read("config.json"))
    with zipfile.ZipFile(tmp_path / "zipped.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(configuration))
        archive.write(tmp_path / "inner.h5", "model.weights.h5")

    for name in ("own.h5", "zipped.keras"):
        assert "stolen lies in another file" in refused(tmp_path / "runs", tmp_path / name)


def test_a_file_that_is_hdf5_and_an_archive_is_checked_as_keras_reads_it(tmp_path: Path, scripted: Any) -> None:
    scripted.save(tmp_path / "harmless.h5")
    with zipfile.ZipFile(tmp_path / "both.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(gadget(class_name="Lambda")))
    archived = (tmp_path / "both.keras").read_bytes()
    (tmp_path / "both.keras").write_bytes((tmp_path / "harmless.h5").read_bytes() + archived)

    assert "a Lambda layer, which holds code" in refused(tmp_path / "runs", tmp_path / "both.keras")


def test_the_dataset_decides_what_is_imported(tmp_path: Path) -> None:
    np.savez(tmp_path / "short.npz", probabilities=np.full((359, 10), 0.1))

    assert refused(tmp_path / "runs", tmp_path / "short.npz").startswith(
        "there are 359 predictions for 360 test images"
    )
    assert len(load("digits").test_labels) == 360
