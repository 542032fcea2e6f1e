"""Exported weights, loaded by the very programs of their MODEL.md, say what the run said of its test images."""

import contextlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.experiment.complexity import weight_shapes
from mnist_tui.report import export as exports
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from tests.closeness import MOST, compared
from tests.training.support import FLATTEN, digits, experiment, new_run

pytestmark = pytest.mark.slow

FILES = [form.file for form in WEIGHT_FORMATS.values()]

ADAM = {"name": "adam", "learning_rate": 0.01}
NORMALISED = {"kind": "batch_normalization", "epsilon": 0.01, "momentum": 0.5}


def dense(units: int, activation: str) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation}


def network(layers: list[dict[str, Any]], **features: Any) -> Any:
    """Trained for a moment; every activation and every kind of layer is in one of them."""
    training = {"epochs": 4, "batch_size": 32}
    return experiment(features=features or {"kind": "raw"}, layers=layers, optimizer=ADAM, training=training)


NETWORKS = {
    "raw": network([FLATTEN, dense(30, "tanh"), {"kind": "dropout", "rate": 0.2}, dense(20, "linear")]),
    "hog": network([dense(20, "sigmoid"), dense(20, "elu"), dense(15, "softmax")], kind="hog"),
    "hog-blocks": network(
        [NORMALISED, dense(20, "softsign"), dense(20, "leaky_relu")],
        kind="hog",
        pixels_per_cell=7,
        orientations=9,
        cells_per_block=2,
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
}


@pytest.fixture(
    scope="module",
    params=[("hog-blocks", "cnn"), pytest.param(("raw", "hog"), marks=pytest.mark.exhaustive)],
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
            folders[name] = new_run(runs, NETWORKS[name])
            assert Session(folders[name], importing=False).train() == 0
            exports.export(folders[name], list(WEIGHT_FORMATS), out / name)
    yield folders, out


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
    np.save(tmp_path / "images.npy", digits().test_images)
    process = subprocess.run(
        [
            sys.executable,
            "-I",
            str(Path(__file__).with_name("outside.py")),
            str(tmp_path / "images.npy"),
            str(tmp_path / "answers.npz"),
            *(str(out / name) for name in folders),
        ],
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
        assert [size.dim_value for size in images.type.tensor_type.shape.dim] == [0, 28, 28]
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
