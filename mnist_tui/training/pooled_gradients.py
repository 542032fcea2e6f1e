"""The gradients of a convolution and the max pooling after it, computed for a CPU.

Of the four sums in a pooling window of 2 × 2 only the largest has a gradient. TensorFlow's kernels multiply the zeros
of the other three all the same, and they compute 16 filters side by side, or 8, so that 9 cost as much as 16. Here
compiled loops (`gradient_kernel`) add up only the products that are not 0. For 128 images and a convolution of 26 × 26
pixels, 32 channels and 64 filters the gradients take 9 instead of 34 ms with AVX2 on two cores, and 8 instead of 15 ms
with AVX-512.

The gradients are those of Keras' layers except for rounding. Of equal values in a window the first gets the gradient,
as in TensorFlow's pooling.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mnist_tui.training.backend import tf
from mnist_tui.training.device import threads
from mnist_tui.training.pooled_convolution import is_plain

LEAST_PAIRS = 1_500
"""The least product of channels and filters. Below it TensorFlow's kernels make a step as fast, because they compute
both gradients at the same time."""


def covers(convolution: Any, pooling: Any) -> bool:
    """Return whether `PooledGradients` computes the gradients of these two Keras layers, built, faster than TensorFlow.

    Args:
        convolution, pooling: a `Conv2D`, not of the images themselves, whose gradient nobody needs, and a
            `MaxPooling2D`.
    """
    rows, columns, channels, filters = convolution.kernel.shape
    many = channels * filters >= LEAST_PAIRS and rows * columns > 1 and pooling.pool_size != (1, 1)
    return many and is_plain(convolution, pooling)


class PooledGradients:
    """A convolution, without bias and activation, and a max pooling, which `covers` accepts; the gradients are ours.

    Args:
        convolution, pooling: Keras' layers, built.
    """

    def __init__(self, convolution: Any, pooling: Any) -> None:
        self._layer, self._pool = convolution, pooling.pool_size

    def __call__(self, images: Any) -> Any:
        """Return the pooled sums, float32 ``(images, rows, columns, filters)``, of float32 images with channels."""
        return tf.custom_gradient(self._pooled)(images, tf.convert_to_tensor(self._layer.kernel))

    def _pooled(self, images: Any, kernel: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
        # Numba is imported only for a network that needs it, and before the first step
        from mnist_tui.training import gradient_kernel

        rows, columns = self._layer.kernel_size
        padding = ((rows - 1) // 2, (columns - 1) // 2) if self._layer.padding == "same" else (0, 0)
        computed = partial(gradient_kernel.gradients, window=self._pool, padding=padding, threads=threads())
        sums = tf.nn.conv2d(images, kernel, 1, self._layer.padding.upper())

        def gradients(upstream: Any) -> tuple[Any, Any]:
            inputs = [images, kernel, sums, upstream]
            of_images, of_kernel = tf.numpy_function(computed, inputs, [tf.float32, tf.float32], stateful=False)
            return tf.ensure_shape(of_images, images.shape), tf.ensure_shape(of_kernel, kernel.shape)

        return tf.nn.max_pool2d(sums, self._pool, self._pool, "VALID"), gradients
