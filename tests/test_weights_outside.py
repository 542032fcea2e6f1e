"""Exported weights, loaded by the very programs of their MODEL.md, say what the run said of its test images."""

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_tui.data.datasets import load
from mnist_tui.experiment.complexity import weight_shapes
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.shapes import pixels_shape
from mnist_tui.experiment.spec import Experiment, with_part
from mnist_tui.report import export as exports
from mnist_tui.report.keras_program import training_program
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from tests.closeness import MOST, compared
from tests.own_data import write_folder
from tests.training.support import FLATTEN, digits, experiment, new_run

pytestmark = pytest.mark.slow

FILES = [form.file for form in WEIGHT_FORMATS.values()]

ADAM = {"name": "adam", "learning_rate": 0.01}
NORMALISED = {"kind": "batch_normalization", "epsilon": 0.01, "momentum": 0.5}


def dense(units: int, activation: str) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation}


def network(layers: list[dict[str, Any]], **changes: Any) -> Any:
    """Trained for a moment; every activation and every kind of layer is in one of them."""
    training = {"epochs": 4, "batch_size": 32}
    return experiment(layers=layers, optimizer=ADAM, training=training, **changes)


NETWORKS = {
    "raw": network([FLATTEN, dense(30, "tanh"), {"kind": "dropout", "rate": 0.2}, dense(20, "linear")]),
    "hog": network([dense(20, "sigmoid"), dense(20, "elu"), dense(15, "softmax")], features={"kind": "hog"}),
    "hog-blocks": network(
        [NORMALISED, dense(20, "softsign"), dense(20, "leaky_relu")],
        features={"kind": "hog", "pixels_per_cell": 7, "orientations": 9, "cells_per_block": 2},
    ),
    "cnn": network(
        [
            {"kind": "conv2d", "filters": 4, "kernel_size": 5, "strides": 2, "padding": "same", "activation": "relu"},
            {"kind": "max_pooling2d", "pool_size": 3, "strides": 2, "padding": "same"},
            {"kind": "conv2d", "filters": 6, "kernel_size": 3, "padding": "same", "activation": "softplus"},
            NORMALISED,
            {"kind": "conv2d", "filters": 5, "kernel_size": 2, "activation": "selu"},
            {"kind": "max_pooling2d", "pool_size": 2},
            FLATTEN,
            dense(25, "gelu"),
            dense(25, "silu"),
        ]
    ),
    "colour": network(
        [
            {"kind": "conv2d", "filters": 6, "kernel_size": 4, "strides": 3, "padding": "same", "activation": "relu"},
            {"kind": "max_pooling2d", "pool_size": 2, "padding": "same"},
            FLATTEN,
            dense(20, "tanh"),
        ],
        dataset={"name": "fruit", "classes": 4, "image": [20, 14, 3]},
    ),
    "colour-hog": network(
        [dense(30, "tanh")],
        dataset={"name": "fruit", "classes": 4, "image": [20, 14, 3]},
        features={"kind": "hog", "pixels_per_cell": 3, "cells_per_block": 2},
    ),
    "many": network([FLATTEN, dense(60, "tanh")], dataset={"name": "letters", "classes": 47, "image": [12, 17, 1]}),
}
NAMES = {"fruit": ("apple", "kiwi", "lemon", "plum"), "letters": tuple(f"letter {n}" for n in range(47))}
"""The classes of the folders of images that a test makes."""


@pytest.fixture(
    scope="module",
    params=[
        ("hog-blocks", "cnn", "colour"),
        pytest.param(("raw", "hog", "colour-hog", "many"), marks=pytest.mark.exhaustive),
    ],
    ids=" and ".join,
)
def taken_home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, RunFolder], Path]]:
    """A run of each of some networks, and the folder with all that was exported of it, by name."""
    from mnist_tui.training.session import Session

    runs, out = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("out")
    folders: dict[str, RunFolder] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "run_job", job_in_this_process)
        for name in request.param:
            folders[name] = new_run(runs, on_data(NETWORKS[name], tmp_path_factory))
            assert Session(folders[name], importing=False).train() == 0
            exports.export(folders[name], list(WEIGHT_FORMATS), out / name)
    yield folders, out


def on_data(of: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """The experiment on the data that it names: the digits, or a folder of images that is made here."""
    name = of.dataset.name
    if name not in NAMES:
        return of
    folder = write_folder(tmp_path_factory.mktemp(name) / name, of.image_shape, NAMES[name], train=40, test=6)
    return with_part(of, "dataset", name=str(folder))


def test_images(folder: RunFolder) -> NDArray[np.uint8]:
    return load(folder.preset().experiment.dataset.name).test_images


test_images.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


def job_in_this_process(job: str, folder: RunFolder, arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
    """The worker, in an interpreter that has TensorFlow already."""
    from mnist_tui.training.worker import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main(["--job", job, "--run", str(folder.path), *arguments])
    return subprocess.CompletedProcess([], code, said.getvalue().encode(), b"")


def test_every_formats_program_gives_the_runs_probabilities(
    taken_home: tuple[dict[str, RunFolder], Path], tmp_path: Path
) -> None:
    folders, out = taken_home
    pairs: list[str] = []
    for name, folder in folders.items():
        np.save(tmp_path / f"{name}.npy", test_images(folder))
        pairs += [str(tmp_path / f"{name}.npy"), str(out / name)]
    process = subprocess.run(
        [sys.executable, "-I", str(Path(__file__).with_name("outside.py")), str(tmp_path / "answers.npz"), *pairs],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    with np.load(tmp_path / "answers.npz") as archive:
        answers = {name: archive[name] for name in archive.files}
    assert set(answers) == {f"{name}/{file}" for name in folders for file in FILES}
    for name, folder in folders.items():
        with np.load(folder.predictions_file) as archive:
            wanted, labels = archive["probabilities"], archive["labels"]
        assert (wanted.argmax(1) == labels).mean() > 0.5, name
        for file in FILES:
            got = answers[f"{name}/{file}"]
            assert got.dtype == np.float32, file
            difference, others = compared(got, wanted)
            assert difference <= MOST, (name, file)
            assert others == 0, (name, file)


def test_arrays_have_the_names_and_shapes_that_the_card_gives_them(
    taken_home: tuple[dict[str, RunFolder], Path],
) -> None:
    from safetensors.numpy import load_file

    folders, out = taken_home
    for name in folders:
        of = NETWORKS[name]
        arrays = load_file(out / name / WEIGHT_FORMATS["safetensors"].file)
        assert {weight: array.shape for weight, array in arrays.items()} == weight_shapes(of)
        with np.load(out / name / WEIGHT_FORMATS["npz"].file, allow_pickle=False) as archive:
            assert {weight: archive[weight].shape for weight in archive.files} == weight_shapes(of)
            assert list(archive.files) == list(weight_shapes(of))


def test_keras_files_have_the_layers_names_that_the_card_gives_them(
    taken_home: tuple[dict[str, RunFolder], Path],
) -> None:
    import h5py

    folders, out = taken_home
    for name in folders:
        card = (out / name / "MODEL.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| (\S+/\S+) \| \((.*?),?\) \| (layers/\S+) \|$", card, re.MULTILINE)
        with h5py.File(out / name / WEIGHT_FORMATS["h5"].file) as file, np.load(out / name / "weights.npz") as arrays:
            assert [weight for weight, _, _ in rows] == arrays.files
            for weight, shape, inside in rows:
                np.testing.assert_array_equal(np.asarray(file[inside]), arrays[weight], err_msg=weight)
                assert ", ".join(map(str, arrays[weight].shape)) == shape


@pytest.mark.parametrize("name", NETWORKS)
def test_the_program_with_keras_alone_trains_the_same_network(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    from mnist_tui.training import models

    settings = ["training.early_stopping.patience=2", "training.epochs=2", "dataset.limit=200"]
    of = apply_texts(NETWORKS[name], {"schedule": "exp:1:0.5", "validation": "0.2"}, settings)
    if of.dataset.name in NAMES:
        shape = (200, *pixels_shape(of.image_shape))
        part = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), np.arange(200) % of.classes
        pair = part, part
    else:
        data = digits()
        pair = (data.train_images, data.train_labels), (data.test_images, data.test_labels)
    of = with_part(of, "dataset", name="mnist")
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: pair)
    values: dict[str, Any] = {}
    exec(training_program(of), values)
    wanted = models.compiled(models.build(of), models.optimizer(of))
    assert without_seeds(values["model"].get_config()["layers"]) == without_seeds(wanted.get_config()["layers"])
    ours, theirs = wanted.optimizer.get_config(), values["optimizer"].get_config()
    aside = {"learning_rate": 0, "name": ""}
    assert {**theirs, **aside} == {**ours, **aside}
    assert np.isclose(theirs["learning_rate"], of.learning_rate(1))
    loss, accuracy = map(float, re.findall(r"\[(\S+), (\S+)\]", capsys.readouterr().out)[-1])
    assert np.isfinite(loss)
    assert 0 <= accuracy <= 1


def test_the_program_with_keras_alone_changes_training_images_as_the_experiment_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import keras

    data = digits()
    pair = (data.train_images, data.train_labels), (data.test_images, data.test_labels)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: pair)
    changes = {"shift": "2", "rotation": "10", "zoom": "0.1", "shear": "5", "elastic": "34", "noise": "0.1"}
    settings = {**changes, "erasing": "0.5", "flip": "on", "limit": "32", "batch-size": "32", "epochs": "1"}
    values: dict[str, Any] = {}
    exec(training_program(apply_texts(NETWORKS["raw"], {"dataset": "mnist", **settings})), values)
    images = values["inputs"](data.test_images[:32])
    changed = [np.asarray(values["changes"](images, training=training)) for training in (False, True)]
    assert (changed[0] == images).all()
    assert all(np.abs(image - other).max() > 0.1 for image, other in zip(images, changed[1], strict=True))
    assert values["changes"].layers[-3].name.startswith("elastic")


def without_seeds(part: Any) -> Any:
    """A model's configuration without seeds and the input's own settings."""
    if isinstance(part, dict):
        return {key: without_seeds(value) for key, value in part.items() if key not in {"seed", "ragged", "sparse"}}
    if isinstance(part, list):
        return [
            without_seeds(each) for each in part if not isinstance(each, dict) or each.get("class_name") != "InputLayer"
        ]
    return part


def test_the_onnx_graph_takes_pixels_and_is_readable_by_older_programs(
    taken_home: tuple[dict[str, RunFolder], Path],
) -> None:
    import onnx

    folders, out = taken_home
    for name in folders:
        model = onnx.load(out / name / WEIGHT_FORMATS["onnx"].file)
        onnx.checker.check_model(model, full_check=True)
        assert {entry.domain: entry.version for entry in model.opset_import} == {"": 15}
        assert model.ir_version <= 8
        (images,) = model.graph.input
        assert images.name == "images"
        assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        shape = [0, *test_images(folders[name]).shape[1:]]
        assert [size.dim_value for size in images.type.tensor_type.shape.dim] == shape
        assert any(entry.key == "classes" for entry in model.metadata_props)


def test_writing_again_replaces_folders_too_and_leaves_nothing_else(
    taken_home: tuple[dict[str, RunFolder], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = next(iter(taken_home[0].values()))
    monkeypatch.setattr(exports, "run_job", job_in_this_process)
    for _ in range(2):
        exports.export(folder, ["csv", "savedmodel"], tmp_path, overwrite=True)
        (tmp_path / "savedmodel" / "old").touch()
    exports.export(folder, ["savedmodel"], tmp_path, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MODEL.md", "savedmodel", "weights-csv"]
    assert not (tmp_path / "savedmodel" / "old").exists()
    assert "### weights-csv" in (tmp_path / "MODEL.md").read_text(encoding="utf-8")
