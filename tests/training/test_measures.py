"""What is measured beside a training: true by other means, and without a trace in what is trained."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnist_tui.data.datasets import validation_split
from mnist_tui.experiment.shapes import MAX_EPOCHS
from mnist_tui.experiment.spec import from_mapping, to_mapping
from mnist_tui.runs import epoch_predictions
from mnist_tui.runs.control import Command
from mnist_tui.runs.epoch_predictions import PredictionsReader
from mnist_tui.runs.event_log import EpochReader
from mnist_tui.runs.events import Paused, Warned, WeightsSeen
from mnist_tui.training import checkpoint
from tests.present import present
from tests.runs.epochs_of import epochs_of
from tests.training.sameness import events, figures, same_measures, same_snapshot
from tests.training.support import FLATTEN, digits, experiment, new_run
from tests.training.test_resume import ran, stop_after

pytestmark = pytest.mark.slow

LAYERS = [FLATTEN, {"kind": "dense", "units": 20}, {"kind": "dropout"}, {"kind": "batch_normalization"}]
PLAIN = experiment(layers=LAYERS, training={"epochs": 4, "plain_loss": True})


def without_plain(of):
    return of.model_copy(update={"training": of.training.model_copy(update={"plain_loss": False})})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = new_run(tmp_path_factory.mktemp("runs"), PLAIN)
    assert ran(folder) == 0
    return folder


def keras_model(folder):
    from mnist_tui.training.backend import keras

    return keras.models.load_model(folder.model_file)


def pixels(images):
    return images[..., None].astype(np.float32) / 255


def counts(labels, classes):
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (labels, classes), 1)
    return tuple(map(tuple, matrix.tolist()))


def test_each_epochs_matrix_is_the_count_of_its_predictions(run):
    there = PredictionsReader(run.predicted_file)
    assert there.epochs() == [1, 2, 3, 4]
    for epoch in epochs_of(run.events_file):
        assert counts(digits().test_labels, present(there.read(epoch.epoch)).classes) == epoch.confusion


def test_predictions_are_on_the_images_held_out_in_their_order(tmp_path):
    folder = new_run(tmp_path, experiment(dataset={"validation": 0.2}, training={"epochs": 2}))
    assert ran(folder) == 0
    _, aside = validation_split(len(digits().train_labels), 0.2, 3)
    there = PredictionsReader(folder.predicted_file)
    for epoch in epochs_of(folder.events_file):
        assert counts(digits().train_labels[aside], present(there.read(epoch.epoch)).classes) == epoch.confusion
    images = digits().train_images[aside]
    by_keras = keras_model(folder).predict(pixels(images), verbose=0)
    assert np.array_equal(present(there.read(2)).classes, by_keras.argmax(axis=1))


def test_the_last_predictions_are_those_of_keras_with_the_saved_model(run):
    by_keras = keras_model(run).predict(pixels(digits().test_images), verbose=0)
    last = present(PredictionsReader(run.predicted_file).read(4))
    assert np.array_equal(last.classes, by_keras.argmax(axis=1))
    assert np.abs(last.probabilities - by_keras.max(axis=1)).max() < 0.5 / 255 + 1e-5


def test_of_a_long_run_some_epochs_are_kept_and_always_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr(epoch_predictions, "EVERY_EPOCH", 4)
    folder = new_run(tmp_path, experiment(training={"epochs": 17, "batch_size": 1000}))
    assert ran(folder) == 0
    assert PredictionsReader(folder.predicted_file).epochs() == [1, 2, 3, 4, 6, 8, 12, 16, 17]


def test_a_run_whose_predictions_cannot_be_written_trains_on_and_says_so_once(tmp_path):
    folder = new_run(tmp_path, experiment(training={"epochs": 3}))
    folder.predicted_file.mkdir()
    assert ran(folder) == 0
    (warning,) = [event.text for event in events(folder, Warned) if "predictions" in event.text]
    assert "cannot be written (Is a directory); training goes on" in warning
    assert len(list(epochs_of(folder.events_file))) == 3


finite = st.floats(-1e6, 1e6, width=32)


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=9), elements=finite))
def test_a_distribution_is_numpys(values):
    from mnist_tui.training.measures import BINS, distribution

    found = present(distribution(values))
    expected, edges = np.histogram(values.astype(np.float64), BINS)
    assert found.counts == tuple(expected)
    assert (found.low, found.high) == (values.min(), values.max())
    if found.low < found.high:
        assert (edges[0], edges[-1]) == (found.low, found.high)
    exact = values.astype(np.float64)
    assert (found.mean, found.deviation) == pytest.approx((exact.mean(), exact.std()), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_have_no_distribution(value):
    from mnist_tui.training.measures import distribution

    assert distribution(np.array([1, value, 2], np.float32)) is None


def by_hand(array):
    from mnist_tui.training.measures import BINS

    counts, _ = np.histogram(array, BINS)
    return tuple(counts.tolist()), float(array.min()), float(array.max())


def test_weights_are_told_of_before_training_and_after_each_early_epoch_as_they_are(run):
    from mnist_tui.training import models

    told = EpochReader(run.events_file).all_weights()
    assert [each.epoch for each in told] == [0, 1, 2, 3, 4]
    for seen, model in ((told[0], models.build(PLAIN)), (told[4], keras_model(run))):
        assert [layer.name for layer in seen.layers] == ["dense_1", "batch_normalization_1", "output"]
        dense, normalised, output = (model.get_layer(layer.name) for layer in seen.layers)
        pairs = ((dense.kernel, dense.bias), (normalised.gamma, normalised.beta), (output.kernel, output.bias))
        for layer, arrays in zip(seen.layers, pairs, strict=True):
            for spread, array in zip(map(present, (layer.weights, layer.biases)), arrays, strict=True):
                assert (spread.counts, spread.low, spread.high) == by_hand(array.numpy().astype(np.float64))
    assert present(told[0].layers[0].biases).deviation == 0
    assert [layer.dead is None for layer in told[4].layers] == [False, True, True]


def test_weights_are_told_of_about_a_hundred_times_however_long_the_run():
    from mnist_tui.training.measures import is_reported

    early = [epoch for epoch in range(2001) if is_reported(epoch)]
    assert early[:21] == list(range(21))
    gaps = [after - before for before, after in pairwise(early)]
    assert gaps == sorted(gaps)
    assert 60 < len(early) < 80
    told = 0
    while told <= MAX_EPOCHS:
        assert is_reported(told)
        early, told = [*early, told], told + max(1, told // 10)
    assert len(set(early)) < 140


STACK = [
    {"kind": "conv2d", "filters": 6, "kernel_size": 3, "strides": 2},
    {"kind": "max_pooling2d"},
    {"kind": "batch_normalization"},
    FLATTEN,
    {"kind": "dense", "units": 30},
    {"kind": "dropout"},
    {"kind": "dense", "units": 12, "activation": "tanh"},
    {"kind": "dense", "units": 15},
]


def test_dead_units_are_those_that_keras_too_sees_silent_for_every_image():
    from mnist_tui.training import models
    from mnist_tui.training.backend import keras
    from mnist_tui.training.device import Resident
    from mnist_tui.training.measures import DeadUnits

    of = experiment(layers=STACK)
    model = models.build(of)
    rng = np.random.default_rng(1)
    for name in ("conv2d_1", "dense_1", "dense_3"):
        bias = model.get_layer(name).bias
        bias.assign(rng.normal(0, 0.4, bias.shape))
    model.get_layer("conv2d_1").bias.assign([-9, 0.1, -9, 0.1, 0.1, 0.1])
    model.get_layer("dense_3").bias.assign([-99.0] * 5 + [0.5] * 10)
    images = digits().test_images[:50]
    silent_for = Resident(images, digits().test_labels[:50])
    found = DeadUnits(model, silent_for, block=16).shares()
    assert list(found) == ["conv2d_1", "dense_1", "dense_3"]
    for name, share in found.items():
        outputs = keras.Model(model.inputs, model.get_layer(name).output).predict(pixels(images), verbose=0)
        assert share == pytest.approx((outputs == 0).all(axis=tuple(range(outputs.ndim - 1))).mean())
    assert found["conv2d_1"] == pytest.approx(2 / 6)
    assert found["dense_3"] >= 5 / 15
    assert DeadUnits(models.build(experiment()), silent_for, 16).shares() == {}


def test_weights_that_are_not_finite_are_told_of_as_none_and_say_nothing_of_dead_units():
    from mnist_tui.training import models
    from mnist_tui.training.device import Resident
    from mnist_tui.training.measures import DeadUnits, layers_of

    model = models.build(experiment(layers=[*LAYERS, {"kind": "dense", "units": 5}]))
    kernel = model.get_layer("dense_1").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    images = Resident(digits().test_images[:20], digits().test_labels[:20])
    dense, _, after, output = layers_of(model, DeadUnits(model, images, 20).shares())
    assert (dense.weights, dense.dead, after.dead) == (None, None, None)
    assert dense.biases is not None
    assert after.weights is not None
    assert output.weights is not None


def test_the_plain_loss_is_that_of_keras_on_the_part_of_the_images(run):
    from mnist_tui.training.measures import plain_count, spread

    part = spread(plain_count(1437, 360), 1437)
    assert len(part) == (3 * 1437 + 360) // 38
    images, labels = pixels(digits().train_images[part]), digits().train_labels[part]
    expected = keras_model(run).evaluate(images, labels, verbose=0)
    last = list(epochs_of(run.events_file))[-1]
    assert (last.plain_loss, last.plain_accuracy) == pytest.approx(expected, abs=1e-5)


def test_measuring_the_plain_loss_leaves_no_trace_in_what_is_trained(run, tmp_path):
    folder = new_run(tmp_path, without_plain(PLAIN))
    assert ran(folder) == 0
    assert same_snapshot(checkpoint.load(folder.checkpoint), checkpoint.load(run.checkpoint))
    silent = [replace(row, plain_loss=None, plain_accuracy=None) for row in epochs_of(run.events_file)]
    assert all(row.plain_loss is not None for row in epochs_of(run.events_file))
    assert figures(epochs_of(folder.events_file)) == figures(silent)
    assert same_measures(folder, run)


def test_the_part_is_spread_evenly_and_small_enough():
    from mnist_tui.training.measures import PLAIN_IMAGES, plain_count, spread

    assert plain_count(60_000, 10_000) == PLAIN_IMAGES
    for train, validation in ((1, 1), (10, 10_000), (1437, 360), (48_000, 12_000), (1_000_000, 10_000)):
        count = plain_count(train, validation)
        assert 1 <= count <= min(train, PLAIN_IMAGES)
        assert count == 1 or count <= (3 * train + validation) / 38
    assert spread(10, 3).tolist() == [0, 1, 2]
    part = spread(5000, 60_000)
    assert (part // 12).tolist() == list(range(5000)), "one of each twelve"
    assert np.bincount(part % 12, minlength=12).min() > 350, "and none is preferred among these"
    assert np.array_equal(part, spread(5000, 60_000))


def test_a_run_that_was_stopped_and_went_on_has_measured_the_same(run, tmp_path):
    folder = new_run(tmp_path, PLAIN)
    assert ran(folder, stop_after(2)) == 0
    assert PredictionsReader(folder.predicted_file).epochs() == [1, 2]
    assert ran(folder) == 0
    assert same_measures(folder, run)
    assert figures(epochs_of(folder.events_file)) == figures(epochs_of(run.events_file))


def test_where_there_is_no_time_for_it_only_the_first_weights_and_the_newest_epoch_are_measured(tmp_path, monkeypatch):
    from mnist_tui.training import measures

    monkeypatch.setattr(measures, "FREE_SECONDS", 0.0)
    monkeypatch.setattr(measures, "MOST_SHARE", 0.0)
    folder = new_run(tmp_path, experiment(training={"epochs": 5}))
    assert ran(folder) == 0
    assert [event.epoch for event in events(folder, WeightsSeen)] == [0, 5]
    assert PredictionsReader(folder.predicted_file).epochs() == [5]


def test_a_pause_is_a_moment_to_look_at_the_newest_epoch(tmp_path, monkeypatch):
    from mnist_tui.training import measures

    monkeypatch.setattr(measures, "FREE_SECONDS", 0.0)
    monkeypatch.setattr(measures, "MOST_SHARE", 0.0)
    folder = new_run(tmp_path, experiment(training={"epochs": 4}))

    def pause_after_two(session, event):
        if getattr(event, "epoch", 0) == 2 and event.type == "epoch":
            session.orders.obey(Command("pause"))
        if isinstance(event, Paused):
            session.orders.obey(Command("continue"))

    assert ran(folder, pause_after_two) == 0
    assert [event.epoch for event in events(folder, WeightsSeen)] == [0, 2, 4]
    assert PredictionsReader(folder.predicted_file).epochs() == [2, 4]


def test_an_experiment_saved_before_there_was_a_plain_loss_still_loads_without_one():
    doc = to_mapping(without_plain(PLAIN))
    del doc["training"]["plain_loss"]
    assert from_mapping(doc) == without_plain(PLAIN)
