"""A network's first convolution and its pooling, computed for a CPU, are Keras' layers, Keras being the oracle."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow

IMAGES = 6


def layers_of(image=(28, 28, 1), **convolution):
    import keras

    made = [keras.Input(image), keras.layers.Conv2D(**convolution), keras.layers.MaxPooling2D()]
    return keras.Sequential(made).layers


def pixels(seed=0, values=256, count=784):
    """Images of which half the pixels are 0, uint8 ``(6, count)``, the others multiples of 255 / (values - 1)."""
    random = np.random.default_rng(seed)
    levels = random.integers(0, values, (IMAGES, count)) * (255 // (values - 1))
    return (levels * random.integers(0, 2, levels.shape)).astype(np.uint8)


def both(layers, rows):
    """Output, and gradients of kernel and bias, of ours and of Keras' layers."""
    import tensorflow as tf

    from mnist_tui.training.device import network_inputs
    from mnist_tui.training.pooled_convolution import PooledConvolution

    convolution, pooling = layers
    image = convolution.input.shape[1:]
    weights = [weight.value for weight in convolution.trainable_weights]
    upstream = tf.random.stateless_normal((IMAGES, *pooling.output.shape[1:]), seed=(1, 2))

    def figures(forward):
        def step():
            with tf.GradientTape() as tape:
                values = forward(tf.constant(rows))
            return [values, *tape.gradient([values], weights, output_gradients=[upstream])]

        return [each.numpy() for each in tf.function(step, autograph=False)()]

    def by_keras(given):
        return pooling(convolution(network_inputs(given, image)))

    return figures(PooledConvolution(convolution, image)), figures(by_keras)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "activation"), [(3, "tanh"), (4, "relu"), (5, "linear")])
def test_values_and_gradients_are_kerass(padding, kernel, activation):
    layers = layers_of(
        filters=5, kernel_size=kernel, padding=padding, activation=activation, bias_initializer="random_normal"
    )
    for ours, theirs in zip(*both(layers, pixels()), strict=True):
        assert np.linalg.norm(ours - theirs) <= 1e-5 * np.linalg.norm(theirs)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("image", [(20, 13, 1), (7, 64, 1)])
def test_images_of_other_sizes_give_kerass_values_too(padding, image):
    layers = layers_of(image, filters=4, kernel_size=3, padding=padding, activation="relu")
    for ours, theirs in zip(*both(layers, pixels(count=image[0] * image[1])), strict=True):
        assert np.linalg.norm(ours - theirs) <= 1e-5 * np.linalg.norm(theirs)


def test_of_equal_values_in_a_window_the_first_gets_the_gradient():
    layers = layers_of(filters=3, kernel_size=3, activation="relu", bias_initializer="ones")
    random = np.random.default_rng(3)
    # small whole numbers add up without rounding, so that different patches often give equal sums
    layers[0].kernel.assign(random.integers(-1, 2, (3, 3, 1, 3)))
    for ours, theirs in zip(*both(layers, pixels(values=2)), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({}, True),
        ({"filters": 17}, False),
        ({"kernel_size": 6}, False),
        ({"strides": 2}, False),
        ({"dtype": "mixed_float16"}, False),
        ({"image": (20, 30, 1)}, True),
        ({"image": (20, 30, 3)}, False),
        ({"kernel_size": (3, 5)}, False),
    ],
)
def test_it_covers_few_filters_and_small_kernels(layers, expected):
    from mnist_tui.training.pooled_convolution import covers

    assert covers(*layers_of(**{"filters": 9, "kernel_size": 5, "activation": "relu", **layers})) is expected


@pytest.mark.parametrize("pooling", [{"pool_size": 3}, {"strides": 1}, {"padding": "same"}])
def test_it_covers_no_other_pooling(pooling):
    import keras

    from mnist_tui.training.pooled_convolution import covers

    convolution, _ = layers_of(filters=4, kernel_size=3)
    assert not covers(convolution, keras.layers.MaxPooling2D(**pooling))


def test_only_the_beginning_of_a_network_whose_activation_never_falls_is_computed_so():
    import keras
    from keras.layers import Conv2D, Dropout, MaxPooling2D

    from mnist_tui.training.forward import PooledLayers

    def first(*layers):
        return PooledLayers.of(keras.Sequential([keras.Input((28, 28, 1)), *layers])).first

    assert first(Conv2D(4, 3, activation="relu"), MaxPooling2D()) is not None
    assert first(Conv2D(4, 3, activation="gelu"), MaxPooling2D()) is None
    assert first(Conv2D(4, 3)) is None
    assert first(Conv2D(4, 3), Conv2D(4, 3), MaxPooling2D()) is None
    assert first(Dropout(0.5), Conv2D(4, 3), MaxPooling2D()) is None
