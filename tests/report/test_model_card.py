"""The card beside exported weights, without TensorFlow."""

import ast
import re
import resource
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.experiment.optimizers import SCHEDULE_KINDS
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import Preset, find_preset, load_preset
from mnist_tui.experiment.spec import from_mapping, with_part
from mnist_tui.report import export as exports
from mnist_tui.report.export import ExistsError, ExportError, export
from mnist_tui.report.keras_program import RATES, training_program
from mnist_tui.report.model_card import card, example_program
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS
from tests.report.recorded import copying_job, recorded_run
from tests.training.support import digits

ODD = r"50% \alpha & <b>x</b> $1 #_{}~^ | `c`"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr(exports, "run_job", copying_job)
    return recorded_run(tmp_path / "runs")


@contextmanager
def short_files() -> Generator[None]:
    """No file may grow beyond 500 bytes, as on a disk that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def written(folder: RunFolder, out: Path, formats: list[str]) -> str:
    """The model card of files that are only placeholders."""
    out.mkdir(exist_ok=True)
    for name in formats:
        (out / WEIGHT_FORMATS[name].file).write_bytes(f"the {name} of {folder.id}".encode())
    text = card(folder, formats, out)
    (out / CARD).write_text(text, encoding="utf-8")
    return text


def test_the_card_has_the_facts_that_a_stranger_needs(run: RunFolder, tmp_path: Path) -> None:
    export(run, ["keras"], tmp_path / "out")
    text = (tmp_path / "out" / CARD).read_text(encoding="utf-8")
    for said in (
        run.id,
        "(n, 28, 28)",
        "float32 of shape (n, 28, 28, 1)",
        "0 (background) to 1",
        "98.00 %",
        "0.0700",
        "MNIST, 60,000 images",
        "198,760",
        "| model.keras | 9 bytes |",
    ):
        assert said in text, said
    assert "> **" not in text


def test_the_card_says_how_the_network_was_trained_and_how_to_train_it_again(run: RunFolder, tmp_path: Path) -> None:
    export(run, ["keras"], tmp_path / "out")
    text = (tmp_path / "out" / CARD).read_text(encoding="utf-8")
    for said in (
        "| Optimizer | rmsprop: learning_rate 0.001, rho 0.9, momentum 0, epsilon 1e-07, centered no |",
        "| Epochs | 3, weights of epoch 3 |",
        "| Batch size | 4,096 images |",
        "| Seed | 0 |",
        "tensorflow 2.21.0, keras 3.12.0",
        f"| Data, train images | SHA-256 {KNOWN['mnist'].sha256['train_images']} |",
        "mnist-tui train --preset experiment.toml",
    ):
        assert said in text, said
    toml = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]
    (tmp_path / "experiment.toml").write_text(toml, encoding="utf-8")
    assert load_preset(tmp_path / "experiment.toml").experiment == run.preset().experiment


def test_the_names_of_layers_inside_keras_files_stand_beside_ours(run: RunFolder, tmp_path: Path) -> None:
    text = written(run, tmp_path / "out", ["npz", "h5"])
    assert "| dense_1/kernel | (784, 250) | layers/dense/vars/0 |" in text
    assert "| output/bias | (10,) | layers/dense_1/vars/1 |" in text


def test_hog_is_named_by_scikit_images_own_call(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "runs", find_preset("hog"))
    text = written(folder, tmp_path / "out", ["npz", "onnx"])
    call = (
        "hog(image, orientations=8, pixels_per_cell=(4, 4), cells_per_block=(1, 1), "
        'block_norm="L2-Hys", feature_vector=True)'
    )
    assert f"```python\n{call}\n```" in text
    assert "The features are computed inside." in text
    assert "float32 of shape (n, 392)" in text
    assert "| dense_1/kernel | (392, 200) |" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sample": True, "title": "Digits"}, "bundled digits sample"),
        ({"state": "stopped", "reason": "asked for"}, "The run is stopped: asked for."),
        ({"state": "failed", "reason": "a bug"}, "not evaluated"),
    ],
)
def test_reasons_for_distrust_are_at_the_head_of_the_card(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    text = written(recorded_run(tmp_path / "runs", **changes), tmp_path / "out", ["npz"])
    (head, _) = text.split("## Input")
    assert any(said in line for line in head.splitlines() if line.startswith("> **"))


def test_text_of_the_user_is_text(tmp_path: Path) -> None:
    preset = replace(find_preset("raw"), title=ODD)
    folder = recorded_run(tmp_path / "runs", preset, class_names=(ODD, *"123456789"))
    text = written(folder, tmp_path / "out", ["npz"])
    assert "<b>" not in re.sub(r"```.*?```", "", text, flags=re.DOTALL).replace("\\<b", "")
    assert "\\| \\`c\\`" in text


def test_earlier_files_of_the_same_weights_are_described_again(run: RunFolder, tmp_path: Path) -> None:
    written(run, tmp_path / "out", ["npz", "onnx"])
    (tmp_path / "out" / WEIGHT_FORMATS["onnx"].file).write_bytes(b"of another run")
    text = written(run, tmp_path / "out", ["h5"])
    assert "### model.weights.h5" in text
    assert "### weights.npz" in text
    assert "### model.onnx" not in text


def test_after_more_epochs_older_files_are_not_described(run: RunFolder, tmp_path: Path) -> None:
    written(run, tmp_path / "out", ["npz"])
    run.model_file.write_bytes(b"trained further")
    assert "### weights.npz" not in written(run, tmp_path / "out", ["h5"])


def test_the_card_of_another_run_is_not_replaced_unasked(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / CARD).write_text("# Mine", encoding="utf-8")
    with pytest.raises(ExistsError) as caught:
        export(run, ["keras"], tmp_path)
    assert caught.value.paths == (tmp_path / CARD,)
    assert not (tmp_path / WEIGHT_FORMATS["keras"].file).exists()
    export(run, ["history.csv"], tmp_path)
    export(run, ["keras"], tmp_path, overwrite=True)
    assert run.id in (tmp_path / CARD).read_text(encoding="utf-8")


def test_a_missing_extra_is_named_before_any_work(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "find_spec", lambda name: None if name == "tf2onnx" else object())
    with pytest.raises(ExportError, match=r"onnx needs tf2onnx, not installed here; pip install 'mnist-tui\[onnx\]'"):
        export(run, ["keras", "onnx"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing_half_written(run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with short_files(), pytest.raises(ExportError, match="out cannot be written: File too large"):
        export(run, ["keras"], out)
    assert sorted(path.name for path in out.iterdir()) == ["model.keras"]
    assert (out / "model.keras").read_bytes() == run.model_file.read_bytes()


def test_the_program_with_keras_alone_has_the_settings_of_the_training() -> None:
    experiment = apply_texts(find_preset("hog").experiment, {"schedule": "cosine", "patience": "3", "limit": "500"})
    code = training_program(experiment)
    ast.parse(code)
    for said in (
        "keras.datasets.mnist",
        "epochs=100",
        "batch_size=512",
        "rho=0.9",
        "patience=3",
        "[:500]",
        "hog(image",
    ):
        assert said in code, said
    assert "rate * 0.5 * (1 + math.cos(math.pi * epoch / 100))" in code
    assert max(map(len, code.splitlines())) <= 140
    assert training_program(find_preset("efc2-elm").experiment) == ""
    assert set(RATES) == set(SCHEDULE_KINDS)
    own = with_part(experiment, "dataset", name="x\nimport os")
    assert "import os" not in training_program(own)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "rate"),
    [
        ({"schedule": "plateau:0.5:1:100", "warmup": "1"}, 0.5),
        ({"schedule": "one-cycle", "warmup": "1", "label-smoothing": "0.1", "class-weights": "balanced"}, 0.0001),
        ({"schedule": "step:1:0.5", "clipnorm": "1", "class-weights": "8:2"}, 0.25),
        ({"schedule": "cosine", "warmup": "2", "label-smoothing": "0.1"}, 1.0),
    ],
)
def test_the_program_with_keras_alone_ends_with_the_learning_rate_of_the_training(
    texts: dict[str, str], rate: float, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = apply_texts(find_preset("raw").experiment, {**texts, "epochs": "3", "batch-size": "50", "hidden": "9"})
    data = digits()
    images = (data.train_images[:100], data.train_labels[:100]), (data.test_images[:50], data.test_labels[:50])
    values: dict[str, Any] = {"digits": images}
    exec(training_program(experiment).replace("keras.datasets.mnist.load_data()", "digits"), values)
    assert capsys.readouterr().out
    assert float(values["optimizer"].learning_rate) == pytest.approx(rate * 0.001, rel=1e-4)


@pytest.mark.parametrize("name", list(WEIGHT_FORMATS))
def test_every_program_is_python_for_any_network(name: str) -> None:
    for layers in ([], [{"kind": "flatten"}, {"kind": "dense", "units": 7, "activation": "gelu"}]):
        features = {"kind": "hog"} if not layers else {"kind": "raw"}
        experiment = from_mapping({"features": features, "layers": layers})
        code = example_program(WEIGHT_FORMATS[name], Preset("p", experiment, origin="run").experiment).code
        stored = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
        assert {"images", "probabilities"} <= stored
        assert max(map(len, code.splitlines())) <= 120


def test_class_weights_in_the_program_are_those_of_the_named_classes() -> None:
    weighted = from_mapping({"layers": [{"kind": "flatten"}], "training": {"class_weights": {"bee": 2.0, "ant": 3.0}}})
    names = ["ant", "bee", *"cdefghij"]
    assert "class_weight = {0: 3.0, 1: 2.0}" in training_program(weighted, names)
