"""The experiment as code trains as this program does: given the same first weights and order of the images."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.data.facts import resolved
from mnist_tui.experiment.layers import Dropout
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment, from_mapping
from mnist_tui.report.experiment_code import code_of_run
from mnist_tui.report.export import CODE_FORMATS
from mnist_tui.runs.events import EpochEnded
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training.inputs import order
from tests.training.sameness import events
from tests.training.support import FLATTEN, experiment, new_run

pytestmark = pytest.mark.slow

TOLERANCE = 1e-3
"""As for a step of the same training, `training/test_same_training`."""
HOG = experiment(
    features={"kind": "hog"},
    layers=[{"kind": "dense", "units": 20, "activation": "tanh"}],
    dataset={"limit": 900, "validation": 0.2},
    training={"label_smoothing": 0.1, "class_weights": "balanced", "warmup": 1, "epochs": 2},
)
RESIDUAL = experiment(
    layers=[
        {"kind": "conv2d", "filters": 4, "strides": 2, "padding": "same", "activation": "tanh", "l2": 0.001},
        {"kind": "residual", "layers": [{"kind": "conv2d", "filters": 8, "padding": "same", "activation": "linear"}]},
        {"kind": "batch_normalization"},
        {"kind": "average_pooling2d"},
        FLATTEN,
    ],
    dataset={"limit": 900},
    training={"schedule": {"kind": "plateau", "factor": 0.5, "patience": 1}},
)


def trained(of: Experiment, runs: Path) -> RunFolder:
    from mnist_tui.training.session import Session

    folder = new_run(runs, of)
    assert Session(folder, importing=False).train() == 0
    return folder


def run_outside(cells: list[str], folder: Path) -> dict[str, Any]:
    """The variables after pieces of code that ran one after the other, in a folder, where this program is missing."""
    plain, found = builtins.__import__, dict[str, Any]()

    def importing(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "mnist_tui":
            raise ImportError("the program imports this one")
        return plain(name, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtins, "__import__", importing)
        patch.setattr("sys.argv", ["experiment.py"])
        patch.setenv("MPLBACKEND", "agg")
        patch.chdir(folder)
        for cell in cells:
            exec(cell, found)
    found["plt"].close("all")
    return found


def pieces(code: str) -> list[str]:
    """The cells of code of a notebook; a script as one piece."""
    if not code.startswith("{"):
        return [code]
    return ["".join(cell["source"]) for cell in json.loads(code)["cells"] if cell["cell_type"] == "code"]


def on_digits(name: str) -> Experiment:
    """A preset on the digits, two epochs without random numbers besides those of the start and of the order."""
    texts = {"dataset": "digits", "epochs": "2", "batch-size": "100", "validation": "test"}
    of = apply_texts(find_preset(name).experiment, texts, resolve=resolved)
    kept = (layer.model_copy(update={"rate": 0.0}) if isinstance(layer, Dropout) else layer for layer in of.layers)
    return of.model_copy(update={"layers": tuple(kept)})


PRESETS = [
    pytest.param(name, form, marks=pytest.mark.exhaustive, id=f"{name} {form}")
    for name in ("raw", "hog", "cnn", "fashion", "emnist-convnet")
    for form in ("keras", "notebook")
]


@pytest.mark.parametrize(
    ("of", "form"),
    [pytest.param(HOG, "keras", id="hog script"), pytest.param(RESIDUAL, "notebook", id="residual notebook"), *PRESETS],
)
def test_the_first_epoch_of_the_code_is_that_of_the_run(
    of: Experiment | str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from mnist_tui.training import models

    of = on_digits(of) if isinstance(of, str) else of
    run = trained(of, tmp_path / "runs")
    first, seed, fit = models.build(of).get_weights(), of.training.seed, keras.Model.fit

    def fit_in_our_order(model: Any, inputs: Any, labels: Any, epochs: int, **options: Any) -> Any:
        model.set_weights(first)
        chosen = order(seed, 0, len(labels))
        return fit(model, inputs[chosen], labels[chosen], shuffle=False, epochs=1, **options)

    monkeypatch.setattr(keras.Model, "fit", fit_in_our_order)
    found = run_outside(pieces(code_of_run(run, CODE_FORMATS[form])), tmp_path)
    (ours, *_), history = events(run, EpochEnded), found["history"].history
    penalty = sum(map(float, found["model"].losses))  # Keras adds it to the loss of the validation, too
    assert history["loss"][0] == pytest.approx(ours.loss, abs=TOLERANCE)
    assert history["accuracy"][0] == pytest.approx(ours.accuracy, abs=TOLERANCE)
    assert history["val_loss"][0] - penalty == pytest.approx(ours.val_loss, abs=TOLERANCE)
    assert np.shape(found["predicted"]) == (360,)
    pictures = {"curves.png", "confusion_matrix.png"} if form == "keras" else set()
    assert {path.name for path in tmp_path.glob("*.png")} == pictures


def test_a_closed_form_is_solved_as_by_this_program(tmp_path: Path) -> None:
    doc = {"dataset": {"name": "digits", "validation": 0.2}, "layers": [FLATTEN], "optimizer": {"name": "ridge"}}
    run = trained(from_mapping(doc | {"training": {"epochs": 1}}), tmp_path / "runs")
    found = run_outside([code_of_run(run, CODE_FORMATS["keras"])], tmp_path)
    results = run.results() or {}
    assert found["ridge"] == results["closed_form"]["ridge"]
    assert found["accuracy"] == pytest.approx(results["test"]["accuracy"])


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["raw", "cnn", "augmented"])
def test_the_scripts_accuracy_lies_in_the_interval_of_our_seeds(name: str, tmp_path: Path) -> None:
    """The interval is that of one further seed: mean ± t · s · sqrt(1 + 1/n), 99.9 % (Student, 1908)."""
    from scipy.stats import t as student

    preset = {"raw": "raw", "cnn": "cnn", "augmented": "small-resnet"}[name]
    texts = {"dataset": "digits", "epochs": "8", "batch-size": "32", "validation": "test"}
    of = find_preset(preset).experiment
    runs = [trained(apply_texts(of, {**texts, "seed": str(seed)}), tmp_path / "runs") for seed in range(6)]
    accuracies = [(run.results() or {})["test"]["accuracy"] for run in runs]
    found = run_outside([code_of_run(runs[0], CODE_FORMATS["keras"])], tmp_path)
    reach = student.ppf(0.9995, len(accuracies) - 1) * np.std(accuracies, ddof=1) * np.sqrt(1 + 1 / len(accuracies))
    assert abs(found["accuracy"] - np.mean(accuracies)) <= reach, (found["accuracy"], accuracies)
