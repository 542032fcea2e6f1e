"""The output layer solved: against numpy, through a real worker, stopped and resumed; frozen layers trained around."""

import time

import numpy as np
import pytest

from mnist_tui.data.datasets import validation_split
from mnist_tui.errors import RunError
from mnist_tui.report.contents.documents import run_summary
from mnist_tui.report.export import item_text
from mnist_tui.runs import control, start
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import Ended, EpochEnded, Paused, Phase, Resumed
from mnist_tui.runs.results import run_document
from tests.present import present
from tests.training.support import FLATTEN, Watch, digits, experiment, new_run, training
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

DRAWN = {"name": "random_normal", "stddev": 0.1}
RIDGES = (0.01, 1.0, 100.0)


def frozen(units, **changes):
    return {
        "kind": "dense",
        "units": units,
        "activation": "tanh",
        "kernel_initializer": DRAWN,
        "bias_initializer": DRAWN,
        "trainable": False,
        **changes,
    }


def closed_form(*layers, ridges=RIDGES, validation: float | str = 0.2, seed=3):
    return experiment(
        layers=[FLATTEN, *layers],
        dataset={"name": "digits", "validation": validation},
        training={"epochs": 1, "seed": seed},
    ).model_copy(update={"optimizer": ridge_of(ridges)})


def ridge_of(ridges):
    from mnist_tui.experiment.optimizers import Ridge

    return Ridge(ridges=ridges)


class Solved:
    """A closed form run to its end in this process, on the digits."""

    def __init__(self, of):
        from mnist_tui.training.closed_form import ClosedForm
        from mnist_tui.training.device import Resident
        from mnist_tui.training.evaluation import Scorer
        from mnist_tui.training.programs import network_of

        data, share = digits(), of.dataset.validation
        network, self.said = network_of(of, None), []
        self.model = network.model
        self.first = [weights.copy() for weights in self.model.get_weights()]
        count = len(data.train_labels)
        self.kept, self.aside = (np.arange(count), None) if share == "test" else validation_split(count, share, 3)
        train, held_out = (
            None if at is None else Resident(data.train_images[at], data.train_labels[at])
            for at in (self.kept, self.aside)
        )
        assert train is not None
        test = Resident(data.test_images, data.test_labels)
        self.course = ClosedForm(
            of,
            self.model,
            network.optimizer,
            Scorer(self.model, test, 784),
            held_out or test,
            time.perf_counter,
            train=train,
            held_out=held_out,
            threads=1,
            on_step=lambda *progress: self.said.append(progress),
        )
        (moment,) = [moment for moment in self.course.run() if moment is not None]
        assert isinstance(moment, EpochEnded)
        self.epoch = moment
        self.found = self.course.further_results()["closed_form"]

    @property
    def output(self):
        """Weights and biases of the output layer, the temperature taken back out."""
        kernel, bias = self.model.layers[-1].get_weights()
        return np.vstack([kernel, bias]) * self.found["temperature"]


def in_numpy(features, labels, ridge):
    """Ridge least squares with biases that are not penalised, by centring."""
    targets = np.eye(10)[labels]
    centred, mean = features - features.mean(axis=0), targets.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + ridge * np.eye(features.shape[1]), centred.T @ (targets - mean))
    return np.vstack([weights, mean - features.mean(axis=0) @ weights])


def scored(features, solution):
    return features @ solution[:-1] + solution[-1]


def test_an_extreme_learning_machine_is_numpys():
    solved = Solved(closed_form(frozen(60)))
    data = digits()
    kernel, bias = solved.first[:2]
    features = np.tanh(data.train_images.reshape(-1, 784).astype(np.float64) / 255 @ kernel + bias)
    part, aside, labels = features[solved.kept], features[solved.aside], data.train_labels

    accuracies = [
        np.mean(scored(aside, in_numpy(part, labels[solved.kept], ridge)).argmax(axis=1) == labels[solved.aside])
        for ridge in RIDGES
    ]
    assert [one["ridge"] for one in solved.found["validation"]] == list(RIDGES)
    assert [one["accuracy"] for one in solved.found["validation"]] == pytest.approx(accuracies)
    _, best = max(zip(accuracies, RIDGES, strict=True))
    assert solved.found["ridge"] == best
    assert np.allclose(solved.output, in_numpy(features, labels, best), rtol=1e-3, atol=1e-4)
    assert solved.found["images"] == len(labels)

    assert solved.epoch.val_accuracy == pytest.approx(max(accuracies))
    assert solved.epoch.learning_rate is None
    assert sum(map(sum, solved.epoch.confusion)) == len(present(solved.aside))
    assert all(np.array_equal(a, b) for a, b in zip(solved.model.get_weights()[:2], solved.first[:2], strict=True))
    done = [one[0] for one in solved.said if one[3] == "solving: normal equations"]
    assert done == sorted(done)
    assert done[-1] == len(labels)


def test_without_held_out_images_nothing_is_chosen_and_the_test_images_set_no_temperature():
    solved = Solved(closed_form(ridges=(10.0,), validation="test"))
    data = digits()
    features = data.train_images.reshape(-1, 784).astype(np.float64) / 255
    assert np.allclose(solved.output, in_numpy(features, data.train_labels, 10.0), rtol=1e-3, atol=1e-4)
    assert (solved.found["validation"], solved.found["tempered_on"]) == ([], "training")
    assert sum(map(sum, solved.epoch.confusion)) == len(data.test_labels)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    one, again, other = (Solved(closed_form(frozen(40), seed=seed)) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one.model.get_weights(), again.model.get_weights(), strict=True))
    assert one.found == again.found
    assert not np.array_equal(one.output, other.output)


@pytest.mark.exhaustive
def test_a_worker_that_is_stopped_while_solving_leaves_nothing_and_solves_when_resumed(tmp_path):
    of = closed_form(frozen(1200), ridges=tuple(float(ridge) for ridge in range(1, 21)))
    folder = new_run(tmp_path, of)
    start.start_worker(folder)
    watch = Watch(folder)
    wait_for(lambda: any(phase.name == "solving" for phase in watch.all(Phase)))
    control.send(folder, "pause")
    watch.wait(Paused)
    control.send(folder, "stop")
    ended = watch.wait_for_end()
    assert (ended.state, ended.reason) == ("stopped", "stopped before the output layer was solved")
    assert folder.results() is None
    assert not folder.model_file.exists()
    with pytest.raises(RunError, match="solved in closed form, once: more epochs would change nothing"):
        start.extend(folder, 3)

    wait_for(lambda: _resumed(folder))
    wait_for(lambda: len(watch.all(Ended)) == 2 and folder.state() == "finished")
    assert (watch.all(Resumed)[-1].from_epoch, watch.all(Resumed)[-1].step) == (0, 0)
    results, (epoch,) = present(folder.results()), watch.all(EpochEnded)
    found = results["closed_form"]
    assert len(found["validation"]) == 20
    assert results["reason"] == (
        f"solved over 1,437 images with ridge {found['ridge']:g}, the best of 20 on the validation images"
    )
    assert (results["epochs_run"], results["weights_of_epoch"]) == (1, 1)
    assert results["parameters"] == {"total": 1200 * 785 + 12_010, "trainable": 12_010}
    assert results["test"]["accuracy"] > 0.85
    assert folder.predictions_file.exists()
    assert run_document(folder)["closed_form"] == found
    (row,) = replayed(folder.events_file).history
    assert (row.val_accuracy, row.learning_rate) == (epoch.val_accuracy, None)
    assert item_text(folder, "history.csv").splitlines()[1].split(",")[5] == ""
    told = run_summary(folder)
    assert f"{found['ridge']:g}, best of 20 on validation images" in told
    assert "Learning rate" not in told

    from mnist_tui.training.backend import keras
    from mnist_tui.training.export import export

    model = keras.models.load_model(folder.model_file)
    images = digits().test_images[..., None].astype(np.float32) / 255
    with np.load(folder.predictions_file) as kept:
        assert np.allclose(model.predict(images, verbose=0), kept["probabilities"], atol=1e-5)
    assert sum(weight.shape.num_elements() for weight in model.non_trainable_weights) == 1200 * 785
    export(folder, ["npz"], tmp_path / "out")
    (npz,) = (tmp_path / "out").glob("*.npz")
    with np.load(npz) as weights:
        assert weights["output/kernel"].shape == (1200, 10)


def _resumed(folder):
    """Whether the run is resumed: the worker that has ended may hold it for a moment."""
    try:
        start.resume(folder)
    except RunError as error:
        assert "is being written by" in str(error)
        return False
    return True


@pytest.mark.parametrize("program", ["graph", pytest.param("xla", marks=pytest.mark.exhaustive)])
def test_a_frozen_layer_stays_as_it_was_while_others_train(program):
    of = experiment(layers=[FLATTEN, frozen(20), {"kind": "dense", "units": 15}], training={"program": program})
    run = training(of)
    first = [weights.copy() for weights in run.model.get_weights()]
    assert sum(weight.shape.num_elements() for weight in run.model.non_trainable_weights) == 785 * 20
    losses = [present(moment.loss) for moment in run.run() if isinstance(moment, EpochEnded)]
    now = run.model.get_weights()
    same = [np.array_equal(before, after) for before, after in zip(first, now, strict=True)]
    assert same == [True, True, False, False, False, False]
    assert losses[-1] < losses[0]
    again = training(of)
    again.restore(run.snapshot())
    assert all(np.array_equal(a, b) for a, b in zip(again.model.get_weights(), now, strict=True))
