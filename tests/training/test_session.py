"""A whole run in this process: from a folder with an experiment to its results."""

import json
import os
import zipfile
from typing import Any, TypeVar

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from mnist_tui.data.errors import MissingDataError
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import (
    CheckpointSaved,
    DataReady,
    Ended,
    EpochEnded,
    Event,
    ModelBuilt,
    Phase,
    Progress,
    RunStarted,
    Warned,
)
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.predictions import read_predictions
from mnist_tui.runs.state import RunState, reduce
from mnist_tui.training.session import Session
from tests.present import present
from tests.runs.epochs_of import epochs_of
from tests.training.support import FLATTEN, digits, experiment, new_run

Kind = TypeVar("Kind", bound=Event)

pytestmark = pytest.mark.slow

WITH_VALIDATION = experiment(
    dataset={"validation": 0.2, "limit": 500},
    features={"kind": "hog"},
    layers=[{"kind": "dense", "units": 20}, {"kind": "dropout"}],
    training={"epochs": 3},
)


def trained(folder):
    assert Session(folder, importing=False).train() == 0
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return trained(new_run(tmp_path_factory.mktemp("runs"), experiment()))


@pytest.fixture(scope="module")
def with_validation(tmp_path_factory):
    return trained(new_run(tmp_path_factory.mktemp("runs"), WITH_VALIDATION))


def events(folder: RunFolder, kind: type[Kind]) -> list[Kind]:
    return [event for event in EventTail(folder.events_file).read_all() if isinstance(event, kind)]


def test_a_runs_events_tell_its_story_in_order(finished):
    kinds = [type(event) for event in EventTail(finished.events_file).read_all()]
    milestones = [RunStarted, DataReady, ModelBuilt, Progress, EpochEnded, Ended]
    places = [kinds.index(kind) for kind in milestones]
    assert places == sorted(places)
    last_of = {kind: len(kinds) - kinds[::-1].index(kind) for kind in (EpochEnded, CheckpointSaved)}
    assert last_of[EpochEnded] < last_of[CheckpointSaved], "where training is slow there are more, between epochs too"
    assert kinds[0] is RunStarted
    assert kinds[-1] is Ended
    phases = list(dict.fromkeys(event.name for event in events(finished, Phase)))
    assert phases == ["reading", "verifying", "building", "compiling", "training", "evaluating", "saving"]
    state = reduce(RunState(), EventTail(finished.events_file).read_all())
    assert (state.state, len(state.history), finished.state()) == ("finished", 2, "finished")


def test_the_start_names_the_machine_and_the_versions(finished):
    (start,) = events(finished, RunStarted)
    assert (start.run, start.epochs, start.total) == (finished.id, 2, 784 * 20 + 20 + 200 + 10)
    assert set(start.platform) == {"os", "machine", "cpu", "cores", "memory", "python", "host", "versions"}
    assert {"tensorflow", "keras", "numpy", "scikit-learn"} <= set(start.platform["versions"])


def test_results_agree_with_scikit_learn_over_the_saved_probabilities(finished):
    results = present(finished.results())
    with np.load(finished.predictions_file, allow_pickle=False) as saved:
        probabilities, labels = saved["probabilities"], saved["labels"]
        wrong, images = saved["misclassified"], saved["misclassified_images"]
    predicted = probabilities.argmax(axis=1)
    assert (probabilities.dtype, labels.dtype, images.dtype) == (np.float32, np.uint8, np.uint8)
    assert np.array_equal(labels, digits().test_labels)
    assert results["test"]["accuracy"] == pytest.approx((predicted == labels).mean())
    assert results["test"]["loss"] == pytest.approx(-np.log(probabilities[np.arange(360), labels]).mean(), abs=1e-4)
    assert results["test"]["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    table: Any = precision_recall_fscore_support(labels, predicted)
    for number, row in enumerate(results["test"]["per_class"]):
        assert row["class"] == str(number)
        assert [row[key] for key in ("precision", "recall", "f1", "support")] == pytest.approx(
            [column[number] for column in table]
        )
    matrix = np.array(results["confusion_matrix"])
    assert matrix.sum() == 360
    assert matrix.trace() / 360 == pytest.approx(results["test"]["accuracy"])
    assert np.array_equal(wrong, np.flatnonzero(predicted != labels))
    assert np.array_equal(images, digits().test_images[wrong])


def test_the_last_epochs_matrix_is_the_final_one_where_the_test_set_validates(finished):
    *_, last = epochs_of(finished.events_file)
    assert [list(row) for row in last.confusion] == finished.results()["confusion_matrix"]


def test_the_saved_model_alone_gets_the_reported_figures(finished):
    from mnist_tui.training.backend import keras

    model = keras.models.load_model(finished.model_file)
    results, data = finished.results(), digits()
    for part, images, labels in (
        ("test", data.test_images, data.test_labels),
        ("train", data.train_images, data.train_labels),
    ):
        loss, accuracy = model.evaluate(images[..., None].astype("float32") / 255, labels, verbose=0)
        assert (results[part]["loss"], results[part]["accuracy"]) == pytest.approx((loss, accuracy), abs=1e-5)


def test_results_say_what_was_used_and_how_long_it_took(finished):
    results = present(finished.results())
    assert (results["epochs_run"], results["weights_of_epoch"]) == (2, 2)
    assert results["parameters"] == {"total": 15910, "trainable": 15910}
    assert results["dataset"]["sample"] is True
    assert results["platform"]["device"] == "CPU:0"
    timings = results["timings"]
    assert set(timings) == {"data", "features", "build", "train", "evaluate", "total"}
    epochs = events(finished, EpochEnded)
    assert timings["train"] >= sum(epoch.seconds for epoch in epochs)
    assert timings["total"] >= timings["train"]


def test_a_share_of_the_first_images_validates(with_validation):
    (data,) = events(with_validation, DataReady)
    assert (data.train, data.validation, data.test, data.inputs) == (400, 100, 360, 392)
    for epoch in epochs_of(with_validation.events_file):
        assert sum(map(sum, epoch.confusion)) == 100
    dataset = with_validation.results()["dataset"]
    assert (dataset["train"], dataset["validation"], dataset["test"]) == (400, 100, 360)
    assert "features" in [event.name for event in events(with_validation, Phase)]
    predictions = read_predictions(with_validation.predictions_file)
    assert predictions is not None
    assert predictions.validation is not None
    probabilities, labels = predictions.validation
    *_, last = epochs_of(with_validation.events_file)
    assert (probabilities.argmax(axis=1) == labels).mean() == pytest.approx(last.val_accuracy)


def test_a_diverged_run_ends_with_results_and_null_for_what_is_no_number(tmp_path):
    of = experiment(
        layers=[FLATTEN, {"kind": "dense", "units": 20, "activation": "relu"}], optimizer={"learning_rate": 1e30}
    )
    folder = trained(new_run(tmp_path, of))
    assert folder.state() == "diverged"
    assert present(folder.results())["test"]["loss"] is None
    assert "NaN" not in folder.results_file.read_text()
    (end,) = events(folder, Ended)
    assert end.reason.startswith("the loss became")
    assert not folder.checkpoint.exists()


def test_early_stopping_on_the_test_set_warns_and_keeps_the_best_epochs_weights(tmp_path):
    stopping = {"patience": 1, "min_delta": 1000.0}
    folder = trained(new_run(tmp_path, experiment(training={"epochs": 9, "early_stopping": stopping})))
    results = present(folder.results())
    assert (results["state"], results["epochs_run"], results["weights_of_epoch"]) == ("finished", 2, 1)
    first, _ = epochs_of(folder.events_file)
    assert results["test"]["loss"] == pytest.approx(first.val_loss)
    assert "test set" in events(folder, Warned)[0].text


def without_mnist(monkeypatch):
    from mnist_tui.data import datasets

    real = datasets.load

    def load(name, *arguments, **options):
        if name != "digits":
            raise MissingDataError(f"{name} is not here")
        return real(name, *arguments, **options)

    monkeypatch.setattr(datasets, "load", load)


def test_the_sample_stands_in_for_mnist_only_out_loud(tmp_path, monkeypatch):
    without_mnist(monkeypatch)
    folder = trained(new_run(tmp_path, experiment(dataset={"name": "mnist"}), allow_sample=True))
    (data,) = events(folder, DataReady)
    assert (data.name, data.sample) == ("digits", True)
    assert "bundled sample" in events(folder, Warned)[0].text
    assert present(folder.results())["dataset"]["name"] == "digits"


@pytest.mark.parametrize(("name", "allow"), [("mnist", False), ("fashion-mnist", True)])
def test_nothing_else_is_ever_replaced_by_the_sample(tmp_path, monkeypatch, name, allow):
    without_mnist(monkeypatch)
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    folder = new_run(tmp_path, experiment(dataset={"name": name}), allow_sample=allow)
    Session(folder, importing=False).train()
    assert codes == [1]
    assert (folder.state(), folder.status().reason) == ("failed", f"{name} is not here")


def test_a_device_that_is_not_there_fails_with_a_sentence(tmp_path):
    folder = new_run(tmp_path, experiment(), device="gpu:7")
    assert Session(folder, importing=False).train() == 1
    (end,) = events(folder, Ended)
    assert (end.state, end.where) == ("failed", "")
    assert end.reason.startswith("there is no gpu:7 here")


def test_an_unforeseen_error_names_its_place_and_leaves_its_traceback_in_the_log(tmp_path, monkeypatch, capfd):
    from mnist_tui.training import models

    def broken(_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(models, "optimizer", broken)
    folder = new_run(tmp_path, experiment())
    assert Session(folder, importing=False).train() == 1
    (end,) = events(folder, Ended)
    assert end.reason == "ZeroDivisionError: a bug"
    assert end.where.startswith("mnist_tui/training/programs.py:")
    assert "Traceback" in capfd.readouterr().err


class TestExport:
    """Weights in every format, from a run's model or, after a crash, from its checkpoint."""

    def export(self, folder, formats, out, capfd):
        from mnist_tui.training.worker import main

        code = main(["--job", "export", "--run", str(folder.path), *formats, "--out", str(out)])
        printed = capfd.readouterr()
        return code, json.loads(printed.out.splitlines()[-1]) if code == 0 else printed.err

    def test_every_format_holds_the_models_weights(self, finished, tmp_path, capfd):
        from mnist_tui.training import models
        from mnist_tui.training.backend import keras

        code, paths = self.export(finished, ["keras", "h5", "npz"], tmp_path / "new" / "folder", capfd)
        assert code == 0
        assert [os.path.basename(path) for path in paths] == ["model.keras", "model.weights.h5", "weights.npz"]  # noqa: PTH119
        wanted = keras.models.load_model(finished.model_file).get_weights()
        from_h5 = models.build(experiment(training={"seed": 99}))
        from_h5.load_weights(paths[1])
        with np.load(paths[2], allow_pickle=False) as archive:
            assert archive.files == ["dense_1/kernel", "dense_1/bias", "output/kernel", "output/bias"]
            from_npz = [archive[name] for name in archive.files]
        for got in (keras.models.load_model(paths[0]).get_weights(), from_h5.get_weights(), from_npz):
            assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))

    def test_of_a_foreign_model_file_only_the_arrays_are_used(self, finished, tmp_path, capfd):
        from mnist_tui.training.backend import keras

        foreign = new_run(tmp_path, experiment())
        foreign.write_status(finished.status())
        with zipfile.ZipFile(finished.model_file) as own, zipfile.ZipFile(foreign.model_file, "w") as changed:
            for name in own.namelist():
                text = own.read(name)
                changed.writestr(name, text.replace(b'"Dense"', b'"Lambda"') if name == "config.json" else text)
            changed.writestr("assets/run_me.py", "raise SystemExit")
        with zipfile.ZipFile(foreign.model_file) as changed:
            assert b'"Lambda"' in changed.read("config.json")
        code, (path,) = self.export(foreign, ["keras"], tmp_path / "out", capfd)
        assert code == 0
        with zipfile.ZipFile(path) as written:
            assert b"Lambda" not in written.read("config.json")
            assert not any(name.startswith("assets/") for name in written.namelist())
        wanted, got = keras.models.load_model(finished.model_file), keras.models.load_model(path)
        assert all(np.array_equal(a, b) for a, b in zip(got.get_weights(), wanted.get_weights(), strict=True))
        states = [[value.numpy() for value in model.optimizer.variables] for model in (got, wanted)]
        assert all(np.array_equal(a, b) for a, b in zip(*states, strict=True)), "who trains it further goes on"

    def test_a_crashed_run_gives_its_newest_checkpoint(self, finished, tmp_path, capfd):
        from mnist_tui.runs.process_folder import Status
        from mnist_tui.training import checkpoint
        from mnist_tui.training.backend import keras

        crashed = new_run(tmp_path, experiment())
        checkpoint.save(crashed.checkpoint, checkpoint.load(finished.checkpoint))
        crashed.write_status(Status("running", pid=2**30, process_start=1.0, host=finished.status().host))
        assert crashed.state() == "crashed"
        code, (path,) = self.export(crashed, ["keras"], tmp_path / "out", capfd)
        assert code == 0
        wanted = keras.models.load_model(finished.model_file).get_weights()
        got = keras.models.load_model(path).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))

    def test_no_model_unknown_format_and_unwritable_folder_get_a_sentence(self, finished, tmp_path, capfd):
        fresh = new_run(tmp_path, experiment())
        assert self.export(fresh, ["npz"], tmp_path, capfd)[0] == 2
        code, message = self.export(finished, ["pickle"], tmp_path, capfd)
        assert (code, "pickle" in message and "keras, h5, npz" in message) == (2, True)
        (tmp_path / "file").touch()
        code, message = self.export(finished, ["keras"], tmp_path / "file", capfd)
        assert code == 2
        assert "cannot be written" in message
