"""The programs train as Keras does: against a bare Keras loop with the same weights, order and dropout masks."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mnist_tui.data.augmentation import augmented
from mnist_tui.training.inputs import order
from tests.training.support import FLATTEN, digits, experiment

pytestmark = pytest.mark.slow

BATCH = 100
DENSE = [
    FLATTEN,
    {"kind": "dense", "units": 30, "activation": "tanh"},
    {"kind": "dropout", "rate": 0.5},
    {"kind": "dense", "units": 20, "activation": "tanh"},
    {"kind": "batch_normalization"},
]
"""Smooth throughout: the bias of a ReLU unit that every example activates has, before batch normalisation, a gradient
of 0, and Adam makes whole steps of what rounding leaves of it."""
CONVOLUTIONS = [
    {"kind": "conv2d", "filters": 5, "kernel_size": 5, "padding": "same", "activation": "tanh"},
    {"kind": "max_pooling2d"},
    {"kind": "dropout", "rate": 0.25},
    {"kind": "conv2d", "filters": 6, "activation": "tanh"},
    {"kind": "batch_normalization"},
    {"kind": "max_pooling2d", "pool_size": 3, "padding": "same"},
    FLATTEN,
]
OPTIMIZERS = {
    "sgd": {"name": "sgd", "learning_rate": 0.05},
    "rmsprop": {"name": "rmsprop", "learning_rate": 0.001},
    "adam": {"name": "adam", "learning_rate": 0.001},
}


AUGMENTATION = {"shift": 2, "rotation": 10, "zoom": 0.1, "elastic": 20, "noise": 0.05, "erasing": 0.3}


def of(layers, optimizer="rmsprop", **parts):
    doc = {"layers": layers, "training": {"batch_size": BATCH, "seed": 5}, **parts}
    return experiment(**doc).model_copy(update={"optimizer": experiment(optimizer=OPTIMIZERS[optimizer]).optimizer})


def program(spec, kind, optimizer=None):
    """The program over the digits, and its model and optimizer."""
    from mnist_tui.training import models
    from mnist_tui.training.device import Resident
    from mnist_tui.training.programs import LoopProgram

    model, optimizer = models.build(spec), optimizer or models.optimizer(spec)
    examples = Resident(digits().train_images, digits().train_labels)
    seed, augmentation = spec.training.seed, spec.augmentation
    made = LoopProgram(kind, model, optimizer, examples, batch_size=BATCH, seed=seed, augmentation=augmentation)
    made.begin_epoch(0, places(), float(optimizer.learning_rate))
    return made, model, optimizer


def places():
    return order(5, 0, len(digits().train_labels))


class BareKeras:
    """A loop as one writes it with Keras: layers called one by one, softmax, its loss, a tape, its optimizer."""

    def __init__(self, spec):
        from mnist_tui.training import models

        self.model, self.optimizer = models.build(spec), models.optimizer(spec)
        self.optimizer.build(self.model.trainable_variables)
        self.images, self.augmentation = digits().train_images, spec.augmentation

    def gradients(self, step):
        """Loss and gradients of one step, dropout by the mask that the program draws, images augmented by NumPy."""
        import keras
        import tensorflow as tf

        chosen = places()[step * BATCH : (step + 1) * BATCH]
        images = self.images[chosen]
        if self.augmentation is not None:
            images = augmented(images, self.augmentation, seed=5, epoch=0, step=step)
        with tf.GradientTape() as tape:
            values = images[..., None].astype("float32") / 255
            for position, layer in enumerate(self.model.layers):
                if isinstance(layer, keras.layers.Dropout):
                    values = values * self.mask(position, layer.rate, step, values.shape)
                else:
                    values = layer(values, training=True)
            losses: Any = keras.losses.sparse_categorical_crossentropy(digits().train_labels[chosen], values)
            loss: Any = tf.reduce_mean(losses)
        return float(loss), tape.gradient(loss, self.model.trainable_variables)

    def step(self, step):
        loss, gradients = self.gradients(step)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return loss

    @staticmethod
    def mask(position, rate, step, shape):
        import tensorflow as tf

        from mnist_tui.data.random_words import layer_keys
        from mnist_tui.training.forward import dropout_mask
        from mnist_tui.training.models import NOISE

        moment = tf.constant(0, tf.uint32), tf.constant(step, tf.uint32)
        kept = dropout_mask(layer_keys(5, position, NOISE), *moment, tuple(shape), rate)
        return tf.cast(kept, tf.float32) / (1 - rate)


@pytest.fixture(params=["xla", "graph"])
def kind(request):
    return request.param


@pytest.mark.parametrize("layers", [DENSE, CONVOLUTIONS], ids=["dense", "convolutions"])
def test_every_steps_loss_over_an_epoch_is_kerass(layers, kind):
    check_losses(of(layers), kind)


@pytest.mark.parametrize(("layers", "kind"), [(DENSE, "xla"), (CONVOLUTIONS, "graph")], ids=["dense", "convolutions"])
def test_every_steps_loss_over_an_epoch_of_augmented_images_is_that_of_keras_fed_with_the_same_images(layers, kind):
    check_losses(of(layers, augmentation=AUGMENTATION), kind)


def check_losses(spec, kind):
    from mnist_tui.training.programs import Sums

    ours, _, _ = program(spec, kind)
    theirs = BareKeras(spec)
    for step in range(15):
        sums = ours.run(step, step + 1, Sums())
        assert sums.images == (BATCH if step < 14 else 1437 - 14 * BATCH)
        assert sums.loss / sums.images == pytest.approx(theirs.step(step), abs=1e-3), f"step {step}"


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_convolution_before_pooling_is_kerass_whether_its_activation_falls_or_not(activation):
    from mnist_tui.training.programs import Sums

    convolution = {"kind": "conv2d", "filters": 4, "activation": activation, "bias_initializer": "random_normal"}
    spec = of([convolution, {"kind": "max_pooling2d"}, FLATTEN])
    ours, _, _ = program(spec, "graph")
    theirs = BareKeras(spec)
    losses = [ours.run(step, step + 1, Sums()).loss / BATCH for step in range(3)]
    assert losses == pytest.approx([theirs.step(step) for step in range(3)], abs=1e-5)


@pytest.fixture
def many_images(monkeypatch):
    """The digits count as so many images that parts of a graph program are compiled."""
    from mnist_tui.training import programs

    monkeypatch.setattr(programs, "MANY_IMAGES", 0)


def check_in_any_chunks(spec):
    """Checks a graph program's losses, step by step, and that all steps in one chunk give the same bits; the model."""
    from mnist_tui.training.programs import Sums

    ours, model, _ = program(spec, "graph")
    theirs = BareKeras(spec)
    losses = [ours.run(step, step + 1, Sums()).loss for step in range(15)]
    images = [BATCH] * 14 + [1437 - 14 * BATCH]
    assert losses == pytest.approx([theirs.step(step) * images[step] for step in range(15)], rel=1e-3)
    again, other, _ = program(spec, "graph")
    again.run(0, 15, Sums())
    assert [v.numpy().tobytes() for v in model.variables] == [v.numpy().tobytes() for v in other.variables]
    return model


@pytest.mark.usefixtures("many_images")
def test_a_first_convolution_computed_for_a_cpu_trains_as_kerass_in_any_chunks():
    from mnist_tui.training.pooled_convolution import covers

    layers = [{"kind": "conv2d", "filters": 9, "kernel_size": 5, "padding": "same"}, *CONVOLUTIONS[1:]]
    spec = of(layers, augmentation=AUGMENTATION)
    assert covers(*check_in_any_chunks(spec).layers[:2])


@pytest.mark.usefixtures("many_images")
def test_a_network_that_begins_with_a_residual_block_trains_with_its_first_convolution_computed_for_a_cpu():
    from mnist_tui.training.forward import PooledLayers
    from mnist_tui.training.programs import Sums

    spec = of([{"kind": "residual", "layers": [{**CONVOLUTIONS[0], "activation": "relu"}, CONVOLUTIONS[1]]}, FLATTEN])
    ours, model, _ = program(spec, "graph")
    assert PooledLayers.of(model).first is not None
    by_xla, _, _ = program(spec, "xla")
    for step in range(3):
        assert ours.run(step, step + 1, Sums()).loss == pytest.approx(by_xla.run(step, step + 1, Sums()).loss, rel=1e-4)


@pytest.mark.usefixtures("many_images")
def test_convolutions_whose_gradients_are_computed_by_our_own_loops_train_as_kerass(monkeypatch):
    from mnist_tui.training import pooled_gradients
    from mnist_tui.training.forward import PooledLayers

    monkeypatch.setattr(pooled_gradients, "LEAST_PAIRS", 0)
    spec = of([*CONVOLUTIONS[:2], *CONVOLUTIONS[:2], FLATTEN], "adam")
    assert set(PooledLayers.of(check_in_any_chunks(spec)).gradients) == {2}


@pytest.mark.parametrize(
    "step", [pytest.param(0, marks=pytest.mark.exhaustive), 14], ids=["whole batch", "partial batch"]
)
@pytest.mark.parametrize("layers", [DENSE, CONVOLUTIONS], ids=["dense", "convolutions"])
def test_the_gradients_of_a_step_are_kerass(layers, step, kind):
    import keras

    from mnist_tui.training.programs import Sums

    class Recorder(keras.optimizers.SGD):
        """Keeps the gradients where its momentum would be, and changes nothing."""

        def apply(self, grads, trainable_variables=None):
            for slot, gradient in zip(self.momentums, grads, strict=True):
                slot.assign(gradient)

    spec = of(layers)
    recorder = Recorder(momentum=0.9)
    ours, _, _ = program(spec, kind, recorder)
    ours.run(step, step + 1, Sums())
    _, expected = BareKeras(spec).gradients(step)
    mine, others = (np.concatenate([np.ravel(g) for g in each]) for each in (recorder.momentums, expected))
    assert np.linalg.norm(mine - others) <= 1e-5 * np.linalg.norm(others)


@pytest.mark.parametrize(
    "step", [pytest.param(0, marks=pytest.mark.exhaustive), 14], ids=["whole batch", "partial batch"]
)
@pytest.mark.parametrize(("name", "within"), [("sgd", 1e-6), ("rmsprop", 1e-6), ("adam", 0.02 * 0.001)])
def test_the_weights_after_a_step_are_kerass(name, within, step, kind):
    from mnist_tui.training.programs import Sums

    spec = of(DENSE, name)
    ours, model, _ = program(spec, kind)
    ours.run(step, step + 1, Sums())
    theirs = BareKeras(spec)
    theirs.step(step)
    for mine, other in zip(model.weights, theirs.model.weights, strict=True):
        assert np.abs(mine.numpy() - other.numpy()).max() <= within, mine.path


def test_the_same_steps_in_other_chunks_end_the_same_to_the_bit(kind):
    from mnist_tui.training.programs import Sums

    ends = []
    for chunks in ([0, 15], [0, 1, 2, 9, 14, 15]):
        ours, model, optimizer = program(of(DENSE), kind)
        sums = Sums()
        for first, last in pairwise(chunks):
            sums = ours.run(first, last, sums)
        ends.append((sums, [v.numpy().tobytes() for v in (*model.variables, *optimizer.variables)]))
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "optimizer",
    [
        "rmsprop",
        "adam",
        "sgd",
        *(
            pytest.param(name, marks=pytest.mark.exhaustive)
            for name in ("adamw", "nadam", "adamax", "adagrad", "adadelta", "lion")
        ),
    ],
)
def test_every_optimizer_trains_in_either_program_alike(optimizer):
    from mnist_tui.training.programs import Sums

    small = [FLATTEN, {"kind": "dense", "units": 8}, {"kind": "dropout"}]
    spec = experiment(layers=small, optimizer={"name": optimizer}, training={"batch_size": BATCH, "seed": 5})
    losses = [program(spec, kind)[0].run(0, 15, Sums()).loss for kind in ("xla", "graph")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_learns_and_keeps_its_variables_in_float32(precision, kind):
    from mnist_tui.training.programs import Sums

    spec = of(DENSE, "adam")
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"precision": precision})})
    ours, model, _ = program(spec, kind)
    first = ours.run(0, 15, Sums()).loss
    last = [ours.run(0, 15, Sums()).loss for _ in range(4)][-1]
    assert last < 0.6 * first
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
