"""Initial weights from another run or a Keras file: equally named and shaped layers take them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import from_mapping, to_mapping
from mnist_tui.files import write_json
from mnist_tui.runs import first_weights, start_weights
from tests.training.support import FLATTEN, experiment, new_run

pytestmark = pytest.mark.slow

BASE = [FLATTEN, {"kind": "dense", "units": 8}, {"kind": "batch_normalization"}]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, list[Any]]]:
    """A runs folder with one run that has a model, the run's id, and the model's weights by layer."""
    from mnist_tui.training import models

    runs_dir = tmp_path_factory.mktemp("runs")
    spec = experiment(layers=BASE)
    model = models.build(spec)
    folder = new_run(runs_dir, spec)
    model.save(folder.model_file)
    return runs_dir, folder.id, {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def starting(run: str, *layers: dict[str, Any]) -> Any:
    return experiment(layers=[*BASE, *layers], start={"run": run}, training={"seed": 9})


def test_equally_named_and_shaped_layers_take_the_weights_and_the_others_are_named(runs: Any) -> None:
    runs_dir, run, weights = runs
    taken = start_weights.read(starting(run, {"kind": "dense", "units": 5}), runs_dir)
    assert taken.in_words == (
        f"the weights of 2 layers (dense_1 and batch_normalization_1) are those of run {run}; "
        "dense_2 and output have random ones"
    )
    for layer, arrays in taken.layers.items():
        for ours, theirs in zip(arrays, weights[layer], strict=True):
            assert (ours == theirs).all()


def test_a_keras_file_of_any_place_gives_its_weights(runs: Any) -> None:
    runs_dir, run, weights = runs
    taken = start_weights.read(starting(str(runs_dir / run / "model.keras")), Path("/nowhere"))
    assert list(taken.layers) == list(weights)
    assert taken.source == "model.keras"


def checkpoint(runs_dir: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """A run whose checkpoint has these arrays, by ``layer/weight``; returns its folder."""
    folder = new_run(runs_dir, experiment(layers=BASE))
    folder.checkpoint.mkdir(exist_ok=True)
    entries: dict[str, Any] = {f"model-{number:05d}": array for number, array in enumerate(arrays.values())}
    np.savez(folder.checkpoint / "a.npz", **entries)
    document = {"arrays": "a.npz", "position": {"epoch": 1, "step": 0}, "model": [f"m/{name}" for name in arrays]}
    write_json(folder.checkpoint_file, document)
    return folder


def test_only_the_fitting_arrays_of_a_checkpoint_are_read_and_again_if_they_were_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, bias = np.ones((784, 8), np.float32), np.zeros(8, np.float32)
    folder = checkpoint(tmp_path, {"dense_1/kernel": kernel, "dense_1/bias": bias, "other/kernel": np.ones((9, 9))})
    read, asked = first_weights.read_arrays, list[list[str]]()

    def replaced_once(path: Path, names: list[str]) -> Any:
        asked.append(names)
        if len(asked) == 1:
            raise FileNotFoundError(path)
        return read(path, names)

    monkeypatch.setattr(first_weights, "read_arrays", replaced_once)
    taken = start_weights.read(starting(folder.id), tmp_path)
    assert asked == [["model-00000", "model-00001"]] * 2
    assert list(taken.layers) == ["dense_1"]
    assert (taken.layers["dense_1"][0] == kernel).all() and (taken.layers["dense_1"][1] == bias).all()


def test_a_checkpoint_that_nothing_fits_is_refused_with_its_shapes(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, {"other/kernel": np.ones((9, 8))})
    with pytest.raises(RequestError, match=f"no layer of run {folder.id} has the name .*: it has other 9×8; this"):
        start_weights.read(starting(folder.id), tmp_path)


def test_a_keras_file_much_larger_than_the_network_is_not_read(runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runs_dir, run, _ = runs
    most: list[int] = []
    monkeypatch.setattr(first_weights, "most_bytes", lambda parameters: most.append(parameters) or 1_000)
    with pytest.raises(RequestError, match="its weights are larger than 1,000 bytes"):
        start_weights.read(starting(str(runs_dir / run / "model.keras")), runs_dir)
    assert most == [784 * 8 + 8 + 4 * 8 + 8 * 10 + 10]


def test_a_run_begins_with_the_whole_id_and_its_worker_takes_the_weights(runs: Any, monkeypatch: Any) -> None:
    from mnist_tui.training import job, models

    runs_dir, run, weights = runs
    spec = start_weights.resolved(starting("latest"), runs_dir)
    assert spec.start is not None and spec.start.run == run
    assert from_mapping(to_mapping(spec)) == spec
    folder = new_run(runs_dir, spec)
    started: Any = job.TrainingJob.__new__(job.TrainingJob)
    started._model, started._experiment, started._folder = models.build(spec), spec, folder
    started._session = type("Session", (), {"before": type("Before", (), {"model": None})})()
    assert started._take_start_weights().startswith(
        "the weights of 3 layers (dense_1, batch_normalization_1 and output)"
    )
    for layer in started._model.layers:
        for ours, theirs in zip(layer.get_weights(), weights.get(layer.name, []), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("run", "said"),
    [("nothing", "there is no run 'nothing'"), ("missing.keras", "missing.keras cannot be read as a Keras model")],
)
def test_a_run_or_a_file_that_is_not_there_is_refused(run: str, said: str, runs: Any) -> None:
    with pytest.raises(RequestError, match=said):
        start_weights.resolved(starting(run), runs[0])


def test_a_network_that_nothing_fits_is_refused_with_the_shapes_of_both(runs: Any) -> None:
    runs_dir, run, _ = runs
    spec = experiment(layers=[FLATTEN, {"kind": "dense", "units": 7}], start={"run": run})
    with pytest.raises(RequestError) as refused:
        start_weights.resolved(spec, runs_dir)
    assert str(refused.value) == (
        f"no layer of run {run} has the name and the shapes of a layer of this network: it has batch_normalization_1 "
        "8 and 8 and 8 and 8, dense_1 784×8 and 8 and output 8×10 and 10; "
        "this network has dense_1 784×7 and 7 and output 7×10 and 10"
    )


def test_a_file_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.keras").write_bytes(b"not an archive")
    with pytest.raises(RequestError, match="cannot be read as a Keras model"):
        start_weights.read(starting(str(tmp_path / "other.keras")), tmp_path)
