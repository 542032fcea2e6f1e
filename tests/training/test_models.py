"""Experiment → Keras model and optimizer."""

import json
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.layers import INITIALIZERS
from mnist_tui.experiment.optimizers import GRADIENT_OPTIMIZERS
from tests.experiment.strategies import experiments
from tests.training.support import FLATTEN, digits, experiment

pytestmark = pytest.mark.slow

EVERY_LAYER = [
    {"kind": "conv2d", "filters": 3, "kernel_size": 3},
    {"kind": "batch_normalization"},
    {"kind": "max_pooling2d"},
    FLATTEN,
    {"kind": "dense", "units": 7, "kernel_initializer": {"name": "random_normal", "stddev": 0.2}},
    {"kind": "dropout", "rate": 0.3},
    {"kind": "dense", "units": 5, "activation": "leaky_relu", "bias_initializer": "ones"},
]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(experiments())
def test_keras_counts_what_arithmetic_counts(random):
    from mnist_tui.training import models

    model, counted = models.build(random), of(random)
    assert model.count_params() == counted.total
    assert [(layer.name, layer.count_params()) for layer in model.layers] == [
        (layer.name, layer.total) for layer in counted.layers
    ]
    assert [layer.output.shape[1:] for layer in model.layers] == [layer.output_shape for layer in counted.layers]
    assert models.check_counts(model, random) == counted


def test_a_disagreement_about_the_count_is_not_passed_over():
    from mnist_tui.training import models

    with pytest.raises(AssertionError, match="Keras counts"):
        models.check_counts(models.build(experiment()), experiment(layers=[FLATTEN]))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_seed_means_the_same_weights_again(name):
    from mnist_tui.training import models

    layers = [FLATTEN, *({"kind": "dense", "units": 6, "kernel_initializer": name} for _ in range(2))]
    one, again = (models.build(experiment(layers=layers)).get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    if name not in ("zeros", "ones", "constant"):
        other = models.build(experiment(layers=layers, training={"seed": 4})).get_weights()
        assert not np.array_equal(one[0], other[0])


def test_layers_do_not_share_their_random_numbers():
    from mnist_tui.training import models

    same = {"kind": "dense", "units": 10, "kernel_initializer": "random_normal"}
    model = models.build(experiment(layers=[FLATTEN, same, same, same]))
    second, third = (model.get_layer(name).get_weights()[0] for name in ("dense_2", "dense_3"))
    assert not np.allclose(second, third)


def test_an_initialisers_arguments_reach_keras():
    from mnist_tui.training import models

    model = models.build(experiment(layers=EVERY_LAYER))
    kernel, bias = model.get_layer("dense_1").get_weights()
    assert kernel.std() == pytest.approx(0.2, abs=0.01)
    assert not bias.any()
    assert model.get_layer("dense_2").get_weights()[1].tolist() == [1.0] * 5


@pytest.mark.parametrize("name", GRADIENT_OPTIMIZERS)
def test_every_optimizer_gets_all_its_arguments(name):
    from mnist_tui.training import models

    spec = GRADIENT_OPTIMIZERS[name](learning_rate=0.0123)
    config = models.optimizer(experiment().model_copy(update={"optimizer": spec})).get_config()
    assert config["name"] == name
    for key, value in spec.model_dump(exclude={"name"}).items():
        assert config[key] == pytest.approx(value), key


def test_a_saved_model_needs_nothing_of_this_project(tmp_path):
    from mnist_tui.training import models
    from mnist_tui.training.backend import keras

    of_all = experiment(layers=EVERY_LAYER)
    model = models.compiled(models.build(of_all), models.optimizer(of_all))
    path = tmp_path / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        modules = _values_of("module", json.loads(archive.read("config.json")))
    assert {module.split(".")[0] for module in modules if module} <= {"keras", "builtins"}
    loaded = keras.models.load_model(path)
    images = digits().test_images[:5, ..., None].astype("float32") / 255
    assert np.array_equal(loaded(images), model(images))
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True))


PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_all_layers_but_the_output_compute_in_the_precision_and_all_weights_stay_float32(precision):
    from mnist_tui.training import models

    model = models.build(experiment(layers=EVERY_LAYER, training={"precision": precision}))
    computed = precision.removeprefix("mixed_")
    *hidden, output = model.layers
    assert {layer.compute_dtype for layer in hidden} == {computed}
    assert (output.compute_dtype, model.outputs[0].dtype) == ("float32", "float32")
    assert {weight.dtype for weight in model.weights} == {"float32"}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_model_of_each_precision_learns_and_its_file_loads_in_bare_keras(precision, tmp_path):
    from mnist_tui.training import models
    from mnist_tui.training.backend import keras

    of = experiment(
        layers=EVERY_LAYER, optimizer={"name": "adam", "learning_rate": 0.01}, training={"precision": precision}
    )
    model = models.compiled(models.build(of), models.optimizer(of))
    data = digits()
    images = data.train_images[:512, ..., None].astype("float32") / 255
    history = model.fit(images, data.train_labels[:512], batch_size=32, epochs=4, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]
    assert {weight.dtype for weight in model.get_weights()} == {np.dtype("float32")}
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    assert [layer.compute_dtype for layer in loaded.layers] == [layer.compute_dtype for layer in model.layers]
    probabilities = loaded.predict(images[:9], verbose=0)
    assert probabilities.dtype == np.float32
    assert np.array_equal(probabilities, model.predict(images[:9], verbose=0))
    loaded.fit(images[:64], data.train_labels[:64], epochs=1, verbose=0)


def test_only_float16_scales_its_loss_and_the_learning_rate_is_still_the_optimizers():
    from mnist_tui.training import models
    from mnist_tui.training.backend import keras

    used = {name: models.optimizer(experiment(training={"precision": name})) for name in PRECISIONS}
    scaled = used["mixed_float16"]
    assert [isinstance(each, keras.optimizers.LossScaleOptimizer) for each in used.values()] == [False, True, False]
    scaled.learning_rate = 0.25
    assert float(scaled.inner_optimizer.learning_rate) == 0.25


def _values_of(key, doc):
    if isinstance(doc, list):
        return [value for part in doc for value in _values_of(key, part)]
    if not isinstance(doc, dict):
        return []
    return [doc[key] for _ in range(key in doc)] + [value for part in doc.values() for value in _values_of(key, part)]
