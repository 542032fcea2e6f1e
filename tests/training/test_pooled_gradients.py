"""The gradients that our own loops compute of a convolution before max pooling are those of Keras, the oracle."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def layers_of(image, *, pool=2, **convolution):
    """A convolution without bias, and its pooling, for images of this shape."""
    import keras

    made = [keras.Input(image), keras.layers.Conv2D(**convolution, use_bias=False), keras.layers.MaxPooling2D(pool)]
    return keras.Sequential(made).layers


def both(layers, images, live=0.6):
    """Values, and gradients of images and kernel, of ours and of Keras' layers; `live` of the upstream are not 0."""
    import tensorflow as tf

    from mnist_tui.training.pooled_gradients import PooledGradients

    convolution, pooling = layers
    random = np.random.default_rng(1)
    upstream = random.standard_normal((len(images), *pooling.output.shape[1:])).astype(np.float32)
    upstream *= random.random(upstream.shape) < live

    def figures(forward):
        def step():
            inputs = tf.constant(images)
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                values = forward(inputs)
            of = [inputs, convolution.kernel.value]
            return [values, *tape.gradient([values], of, output_gradients=[tf.constant(upstream)])]

        return [each.numpy() for each in tf.function(step, autograph=False)()]

    return figures(PooledGradients(convolution, pooling)), figures(lambda inputs: pooling(convolution(inputs)))


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("image", "filters", "kernel", "pool"),
    [
        ((12, 12, 32), 64, 3, 2),
        ((13, 9, 5), 7, 3, 2),
        ((8, 8, 16), 4, 5, 2),
        ((9, 10, 70), 3, (2, 4), 3),
        ((7, 12, 1), 2, 4, (1, 3)),
        ((6, 5, 3), 70, (3, 1), (2, 1)),
    ],
    ids=str,
)
def test_values_and_gradients_are_kerass(image, filters, kernel, pool, padding):
    layers = layers_of(image, filters=filters, kernel_size=kernel, padding=padding, pool=pool)
    for ours, theirs in zip(*both(layers, normal(5, *image)), strict=True):
        assert np.linalg.norm(ours - theirs) <= 1e-5 * np.linalg.norm(theirs)


def test_of_equal_sums_in_a_window_the_first_gets_the_gradient():
    layers = layers_of((10, 10, 2), filters=6, kernel_size=3)
    random = np.random.default_rng(3)
    # small whole numbers add up without rounding, so that different patches often give equal sums
    layers[0].kernel.assign(random.integers(-1, 2, (3, 3, 2, 6)))
    images = random.integers(0, 2, (4, 10, 10, 2)).astype(np.float32)
    for ours, theirs in zip(*both(layers, images), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("live", [0.0, 1.0])
def test_gradients_of_which_none_or_all_are_zero_are_kerass(live):
    layers = layers_of((10, 10, 8), filters=8, kernel_size=3)
    for ours, theirs in zip(*both(layers, normal(3, 10, 10, 8), live), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_every_number_of_threads_gives_the_gradients_and_the_same_bits_each_time(threads):
    from mnist_tui.training.gradient_kernel import gradients

    arrays = normal(5, 8, 8, 4), normal(3, 3, 4, 6), normal(5, 6, 6, 6), normal(5, 3, 3, 6)
    one = gradients(*arrays, window=(2, 2), padding=(0, 0), threads=1)
    found = [gradients(*arrays, window=(2, 2), padding=(0, 0), threads=threads) for _ in range(2)]
    assert [each.tobytes() for each in found[0]] == [each.tobytes() for each in found[1]]
    for ours, expected in zip(found[0], one, strict=True):
        assert np.allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_a_gradient_that_is_no_number_makes_the_kernels_gradient_none():
    from mnist_tui.training.gradient_kernel import gradients

    upstream = normal(1, 3, 3, 6)
    upstream[0, 1, 1, 2] = np.nan
    _, of_kernel = gradients(
        normal(1, 8, 8, 4), normal(3, 3, 4, 6), normal(1, 6, 6, 6), upstream, window=(2, 2), padding=(0, 0), threads=1
    )
    assert np.isnan(of_kernel[..., 2]).all()
    assert np.isfinite(np.delete(of_kernel, 2, axis=-1)).all()


@pytest.mark.parametrize(
    ("convolution", "expected"),
    [
        ({}, True),
        ({"filters": 16}, False),
        ({"kernel_size": 1}, False),
        ({"strides": 2}, False),
        ({"dilation_rate": 2}, False),
        ({"groups": 2}, False),
        ({"dtype": "mixed_float16"}, False),
        ({"kernel_size": (2, 5), "padding": "same"}, True),
        ({"pool": 3}, True),
        ({"pool": 1}, False),
    ],
)
def test_it_covers_plain_convolutions_of_many_channels_and_filters(convolution, expected):
    from mnist_tui.training.pooled_gradients import covers

    assert covers(*layers_of((28, 28, 32), **{"filters": 64, "kernel_size": 3, **convolution})) is expected


def test_every_such_convolution_but_the_first_of_a_network_is_computed_so():
    import keras
    from keras.layers import Conv2D, MaxPooling2D

    from mnist_tui.training.forward import PooledLayers

    layers = [Conv2D(64, 3, activation="relu"), MaxPooling2D(), Conv2D(64, 3), Conv2D(64, 3), MaxPooling2D()]
    model = keras.Sequential([keras.Input((28, 28, 32)), *layers])
    assert set(PooledLayers.of(model).gradients) == {3}


PROGRAM = """
import numpy as np
from mnist_tui.training.gradient_kernel import gradients
ones = [np.ones(shape, np.float32) for shape in ((1, 4, 4, 1), (3, 3, 1, 1), (1, 2, 2, 1), (1, 1, 1, 1))]
print(gradients(*ones, window=(2, 2), padding=(0, 0), threads=1)[1].sum())
"""


def test_the_loops_are_compiled_whatever_became_of_those_that_were_kept(tmp_path):
    caches = tmp_path / "caches"

    def run(**environment):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "XDG_CACHE_HOME": str(caches), **environment},
        )
        assert (done.returncode, done.stdout) == (0, "9.0\n"), done.stderr

    run(NUMBA_DISABLE_JIT="1")
    files = list(caches.rglob("*.nb?"))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:300])
    run()
    run(XDG_CACHE_HOME=str(files[0]))
