"""Augmentation on the device: the same images as NumPy computes, in both kinds of programs; nothing else is changed."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_tui.data.augmentation import Augmenter, augmented, keys_of
from mnist_tui.experiment.augmentation import Augmentation
from tests.training.support import experiment, training

pytestmark = pytest.mark.slow

EVERYTHING = Augmentation(
    shift=2, rotation=15, zoom=0.1, shear=10, elastic=34, noise=0.1, erasing=0.5, erasing_area=0.2, flip=True
)


def images_of(shape):
    return np.random.default_rng(1).integers(0, 256, (50, *shape), np.uint8)


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 14, 3)], ids=["grey", "colour"])
def test_the_device_changes_images_as_numpy_does_but_for_rounding(shape, compiled):
    import tensorflow as tf

    from mnist_tui.training.augmentation import TENSORFLOW, TENSORFLOW_IN_XLA

    images = images_of(shape)
    augmenter = Augmenter(EVERYTHING, shape, TENSORFLOW_IN_XLA if compiled else TENSORFLOW)
    inside = tf.function(augmenter.__call__, jit_compile=compiled, autograph=False)
    moment = tf.constant(70_000, tf.uint32), tf.constant(468, tf.uint32)
    rows = inside(tf.constant(images.reshape(50, -1)), tf.constant(keys_of(3)), *moment).numpy()
    apart = np.abs(
        rows.reshape(images.shape).astype(int) - augmented(images, EVERYTHING, seed=3, epoch=70_000, step=468)
    )
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.001


def test_validation_and_the_plain_loss_are_measured_on_images_as_they_are():
    """No step changes the weights: a learning rate of nearly 0."""
    still = {"optimizer": {"name": "sgd", "learning_rate": 1e-30}, "training": {"epochs": 1, "plain_loss": True}}
    plain, changed = (
        list(training(experiment(**still, **more)).run())[-1]
        for more in ({}, {"augmentation": {"shift": 4, "noise": 0.5}})
    )
    assert (changed.val_loss, changed.confusion) == (plain.val_loss, plain.confusion)
    assert abs(changed.loss - plain.loss) > 0.01


def test_networks_are_used_again_only_for_the_same_augmentation():
    from mnist_tui.training.programs import structure

    assert structure(experiment()) == structure(experiment(training={"seed": 9}))
    assert structure(experiment()) != structure(experiment(augmentation={"shift": 2}))
