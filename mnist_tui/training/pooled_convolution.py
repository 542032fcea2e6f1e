"""A network's first convolution, with few filters and max pooling after it, computed for a CPU.

TensorFlow's kernels compute 16 filters side by side, or 8, so that 9 filters cost as much as 16; and what they write
for each pixel, the pooling reads again. Here XLA computes one image beside the other: a loop over all images of the
batch adds the products of a filter at the four places of a pooling window, and only the largest of the four sums is
written. On two cores with AVX-512 the first block of the starter `cnn` takes 5.1 instead of 8.0 ms of processor time
for 256 images, forward and back.

The values and gradients are those of Keras' layers except for rounding. Of equal values in a window the first gets the
gradient, as in TensorFlow's pooling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mnist_tui.experiment.shapes import Shape
from mnist_tui.training.backend import tf
from mnist_tui.training.device import network_inputs, scaled

MOST_FILTERS, LARGEST_KERNEL = 16, 5
"""With more filters TensorFlow's kernels are as fast; a larger kernel makes a loop that is slow to compile."""
RISING = frozenset({"linear", "relu", "sigmoid", "tanh", "softplus", "elu", "selu", "leaky_relu"})
"""Activations that never fall, by Keras' names: they may be applied after the pooling."""
NOWHERE = 4.0
"""Instead of a place in the window, 0 to 3: ReLU gives 0 there, so that nothing gets the gradient."""


def covers(convolution: Any, pooling: Any) -> bool:
    """Return whether `PooledConvolution` computes these first two Keras layers of a network, built, faster than Keras.

    Args:
        convolution, pooling: a `Conv2D` with an activation that never falls, and a `MaxPooling2D`.
    """
    height, width, channels = convolution.kernel.shape[:3]
    few = channels == 1 and convolution.filters <= MOST_FILTERS and height == width <= LARGEST_KERNEL
    return few and is_plain(convolution, pooling) and convolution.use_bias and pooling.pool_size == (2, 2)


def is_plain(convolution: Any, pooling: Any) -> bool:
    """Return whether two Keras layers are an ordinary convolution in float32 and a pooling of windows side by side."""
    dense = convolution.strides == convolution.dilation_rate == (1, 1) and convolution.groups == 1
    side_by_side = pooling.pool_size == pooling.strides and pooling.padding == "valid"
    return dense and side_by_side and convolution.compute_dtype == "float32"


class PooledConvolution:
    """A convolution and a pooling that `covers` accepts, and the convolution's bias, for a batch of images.

    Args:
        layer: Keras' convolution, built.
        image: the height, the width and the channels of an image.
    """

    def __init__(self, layer: Any, image: Shape) -> None:
        self._layer, self._image = layer, image
        self._kernel = layer.kernel_size[0]
        self._before = (self._kernel - 1) // 2 if layer.padding == "same" else 0
        lost = 0 if layer.padding == "same" else self._kernel - 1
        self._windows = [(edge - lost) // 2 for edge in image[:2]]
        self._edges = [2 * windows + self._kernel - 1 for windows in self._windows]
        self._is_relu = layer.activation.__name__ == "relu"
        self._largest = _compiled(self._largest_of_windows)
        self._transposed = _compiled(tf.transpose)
        self._sent_back = _compiled(self._gradients_of_sums)

    def __call__(self, rows: Any) -> Any:
        """Return the pooled and activated values, float32 ``(rows, height, width, filters)``.

        Args:
            rows: pixels, uint8 ``(rows, height · width)``; their number is known during tracing.
        """
        weights = tf.convert_to_tensor(self._layer.kernel), tf.convert_to_tensor(self._layer.bias)
        values = tf.custom_gradient(lambda kernel, bias: self._computed(rows, kernel, bias))(*weights)
        return values if self._is_relu else self._layer.activation(values)

    def _computed(self, rows: Any, kernel: Any, bias: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
        # the transpositions are compiled apart: with the loop, XLA would lay out everything as the result is; and
        # TensorFlow's own is up to six times slower for large batches
        found = self._largest(self._transposed(rows), kernel, bias)
        values, places = (
            self._transposed(tf.reshape(part, (-1, rows.shape[0])))
            for part in (tf.math.real(found), tf.math.imag(found))
        )

        def gradients(upstream: Any) -> tuple[Any, Any]:
            images, of_sums, of_bias = self._sent_back(rows, places, upstream)
            of_kernel = tf.raw_ops.Conv2DBackpropFilter(
                input=images, filter_sizes=kernel.shape, out_backprop=of_sums, strides=[1, 1, 1, 1], padding="VALID"
            )
            return of_kernel, of_bias

        return tf.reshape(values, (-1, *self._windows, self._layer.filters)), gradients

    def _framed(self, images: Any, axis: int) -> Any:
        """Return the pixels that reach a whole window, and zeros around them; `axis` and the next are the image's."""
        padding = [(0, 0)] * images.shape.rank
        for at, edge in enumerate(self._edges):
            padding[axis + at] = self._before, max(0, edge - self._before - self._image[at])
        return tf.pad(images, padding)[(slice(None),) * axis + tuple(map(slice, self._edges))]

    def _largest_of_windows(self, columns: Any, kernel: Any, bias: Any) -> Any:
        """Return each window's largest sum with bias, or its ReLU, as real part, and its place as imaginary part.

        A compiled loop has one output: two loops would compute everything twice.

        Args:
            columns: pixels, uint8 ``(height · width, rows)``.

        Returns:
            complex64 ``(height, width, filters, rows)``.
        """
        images = self._framed(tf.reshape(scaled(columns), (*self._image[:2], -1)), 0)
        down, across = (2 * windows - 1 for windows in self._windows)
        sums = [tf.zeros(())] * 4
        for place in range(4):
            for y in range(self._kernel):
                for x in range(self._kernel):
                    top, left = place // 2 + y, place % 2 + x
                    pixels = images[top : top + down : 2, left : left + across : 2, tf.newaxis, :]
                    product = pixels * kernel[y, x, 0, :, tf.newaxis]
                    sums[place] = product if x == y == 0 else sums[place] + product
        largest, places = sums[0], tf.zeros_like(sums[0])
        for place in range(1, 4):
            is_larger = sums[place] > largest
            largest = tf.where(is_larger, sums[place], largest)
            places = tf.where(is_larger, float(place), places)
        largest += bias[:, tf.newaxis]
        if self._is_relu:
            places = tf.where(largest > 0, places, NOWHERE)
            largest = tf.nn.relu(largest)
        return tf.complex(largest, places)

    def _gradients_of_sums(self, rows: Any, places: Any, upstream: Any) -> tuple[Any, Any, Any]:
        """Return the images, and the gradients of the convolution before pooling and of the bias."""
        count, height, width, filters = upstream.shape
        spread = count, height, 1, width, 1, filters
        window = tf.reshape(tf.range(4.0), (2, 1, 2, 1))
        of_sums = tf.where(tf.reshape(places, spread) == window, tf.reshape(upstream, spread), 0.0)
        of_bias = tf.reduce_sum(tf.where(tf.reshape(places, upstream.shape) == NOWHERE, 0.0, upstream), (0, 1, 2))
        images = self._framed(network_inputs(rows, self._image), 1)
        return images, tf.reshape(of_sums, (count, 2 * height, 2 * width, filters)), of_bias


def _compiled(function: Any) -> Any:
    return tf.function(function, jit_compile=True, autograph=False)
