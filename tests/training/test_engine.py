"""The epoch loop, against a bare Keras loop over the same batches."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mnist_tui.runs.events import EpochEnded, Progress
from mnist_tui.training.inputs import order
from tests.present import present
from tests.training.support import FLATTEN, digits, experiment, training

pytestmark = pytest.mark.slow

CONV = [
    {"kind": "conv2d", "filters": 4, "kernel_size": 3, "strides": 2},
    {"kind": "batch_normalization"},
    {"kind": "max_pooling2d"},
    FLATTEN,
]


def epochs_of(moments):
    return [moment for moment in moments if isinstance(moment, EpochEnded)]


def by_bare_keras(of, epochs):
    """(loss, accuracy, validation loss, validation accuracy) of each epoch, by `train_on_batch` and `evaluate`."""
    from mnist_tui.training import models

    data, batch = digits(), of.training.batch_size
    model = models.compiled(models.build(of), models.optimizer(of))
    images, test = (x[..., None].astype("float32") / 255 for x in (data.train_images, data.test_images))
    figures = []
    for epoch in range(epochs):
        model.optimizer.learning_rate = of.learning_rate(epoch)
        places = order(of.training.seed, epoch, len(images))
        sums = np.zeros(2)
        for first in range(0, len(places), batch):
            chosen = places[first : first + batch]
            model.reset_metrics()
            sums += np.array(model.train_on_batch(images[chosen], data.train_labels[chosen])) * len(chosen)
        figures.append((*sums / len(images), *model.evaluate(test, data.test_labels, verbose=0)))
    return figures


@pytest.mark.parametrize(
    "of",
    [
        experiment(),
        experiment(layers=CONV, optimizer={"name": "adamw", "learning_rate": 0.002}),
        experiment(
            optimizer={"name": "rmsprop", "learning_rate": 0.01, "momentum": 0.5, "centered": True},
            training={"schedule": {"kind": "exp", "start": 1, "rate": 0.7}},
        ),
    ],
    ids=["dense-sgd", "conv-adamw", "dense-rmsprop-exp"],
)
def test_two_epochs_equal_a_bare_keras_loop(of):
    ours = epochs_of(training(of).run())
    theirs = by_bare_keras(of, 2)
    figures = [(row.loss, row.accuracy, row.val_loss, row.val_accuracy) for row in ours]
    assert np.allclose(np.array(figures, float), theirs, atol=1e-4), (figures, theirs)
    assert [row.learning_rate for row in ours] == [of.learning_rate(0), of.learning_rate(1)]


def test_the_last_partial_batch_is_trained_and_counted():
    partial = training(experiment(dataset={"limit": 5}, training={"batch_size": 4, "epochs": 1}))
    assert partial.steps == 2
    from mnist_tui.training.programs import Sums

    assert partial.program.run(0, 2, Sums()).images == 5
    assert partial.program.run(1, 2, Sums()).images == 1


def test_a_batch_may_be_larger_than_the_training_set():
    (epoch,) = epochs_of(training(experiment(training={"batch_size": 10_000_000, "epochs": 1})).run())
    assert math.isfinite(present(epoch.loss))


def test_progress_moves_on_and_ends_with_the_epochs_own_figures():
    moments = list(training(experiment(training={"batch_size": 2, "epochs": 1})).run())
    progress = [moment for moment in moments if isinstance(moment, Progress)]
    assert progress[0].step == 1
    assert all(one.step < next_.step for one, next_ in pairwise(progress))
    assert progress[-1].step == progress[-1].steps == math.ceil(1437 / 2)
    (epoch,) = epochs_of(moments)
    assert (progress[-1].loss, progress[-1].accuracy) == (epoch.loss, epoch.accuracy)
    assert max(moment.images_per_second for moment in progress) > 0


def test_confusion_counts_every_validation_image_once_and_agrees_with_the_accuracy():
    for epoch in epochs_of(training(experiment()).run()):
        counts = np.array(epoch.confusion)
        assert counts.sum() == 360
        assert counts.sum(axis=1).tolist() == np.bincount(digits().test_labels).tolist()
        assert counts.trace() / 360 == epoch.val_accuracy


def test_hog_features_train_too():
    from mnist_tui.data.hog import hog_batch
    from mnist_tui.training.device import Resident

    features = hog_batch(digits().test_images[:7])
    resident = Resident(features, digits().test_labels[:7])
    assert np.array_equal(resident.inputs(resident.rows), features)


def test_pixels_come_back_from_the_device_as_they_went_there():
    from mnist_tui.training.device import Resident

    resident = Resident(digits().test_images, digits().test_labels)
    expected = digits().test_images[..., None].astype(np.float32) / np.float32(255)
    assert np.array_equal(resident.inputs(resident.rows), expected)


def wild(activation, learning_rate):
    layers = [FLATTEN, {"kind": "dense", "units": 20, "activation": activation}]
    return experiment(layers=layers, optimizer={"learning_rate": learning_rate}, training={"epochs": 50})


def test_a_loss_that_is_no_number_ends_training_at_its_chunk():
    run = training(wild("relu", 1e30))
    moments = list(run.run())
    assert run.outcome.state == "diverged"
    assert "not a number" in run.outcome.reason or "infinite" in run.outcome.reason
    assert isinstance(moments[-1], Progress)
    assert not math.isfinite(present(moments[-1].loss))


def test_saturated_units_diverge_without_ever_reaching_nan():
    run = training(wild("tanh", 1e6))
    (epoch,) = epochs_of(run.run())
    assert run.outcome.state == "diverged"
    assert "100 · ln 10" in run.outcome.reason
    assert math.isfinite(present(epoch.loss))
    assert present(epoch.loss) > 100 * math.log(10)


def test_a_large_penalty_alone_is_not_called_diverged():
    layers = [FLATTEN, {"kind": "dense", "units": 20, "l1": 1.0}]
    run = training(experiment(layers=layers, optimizer={"learning_rate": 1e-6}, training={"epochs": 1}))
    (epoch,) = epochs_of(run.run())
    assert present(epoch.loss) > 100 * math.log(10)
    assert run.outcome.state == "finished"


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_early_stopping_waits_its_patience_and_restores_the_best_weights(monitor):
    stopping = {"patience": 2, "min_delta": 1000.0, "monitor": monitor}
    run = training(experiment(training={"epochs": 30, "early_stopping": stopping}))
    after_first: list[Any] = []
    for moment in run.run():
        if isinstance(moment, EpochEnded) and moment.epoch == 1:
            after_first = run.model.get_weights()
    assert run.position.epoch == 3
    assert run.outcome.state == "finished"
    assert "early stopping" in run.outcome.reason
    assert not np.array_equal(run.model.get_weights()[0], after_first[0])
    assert run.restore_best() == 1
    assert all(np.array_equal(a, b) for a, b in zip(run.model.get_weights(), after_first, strict=True))


def test_early_stopping_goes_on_while_the_loss_improves():
    run = training(experiment(training={"epochs": 3, "early_stopping": {"patience": 1}}))
    assert len(epochs_of(run.run())) == 3
    assert run.outcome.reason == "all 3 epochs done"


def test_without_early_stopping_no_weights_are_restored():
    run = training(experiment(training={"epochs": 1}))
    list(run.run())
    assert run.restore_best() == 0
    assert run.best_epoch == 1


def test_a_seed_means_the_same_training_again():
    dropped = experiment(layers=[FLATTEN, {"kind": "dense", "units": 20}, {"kind": "dropout", "rate": 0.5}])
    one, again = (epochs_of(training(dropped).run())[-1] for _ in range(2))
    assert (one.loss, one.val_loss) == pytest.approx((again.loss, again.val_loss), abs=1e-5)
