"""The forward pass of a training step: the layers of a network, with random numbers that come from a counter.

Layers are Keras' own, with these differences: dropout and noise are functions of seed, epoch, step and position; a
convolution is pooled before bias and activation are applied, which gives the same values if the activation never falls,
for a quarter of the work; and on a CPU `pooled_convolution` computes some first convolutions, and `pooled_gradients`
the gradients of later ones.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from mnist_tui.data.random_words import WORDS, moment_keys, words_at
from mnist_tui.training import models, pooled_convolution, pooled_gradients
from mnist_tui.training.augmentation import TENSORFLOW
from mnist_tui.training.backend import keras, tf
from mnist_tui.training.device import network_inputs
from mnist_tui.training.pooled_convolution import PooledConvolution
from mnist_tui.training.pooled_gradients import PooledGradients

Keys = tuple[Any, Any]
"""Two 32-bit words: Python's integers, or uint32 scalars."""
Moment = tuple[Any, Any]
"""Epoch and step, uint32 scalars, counted from 0."""


def dropout_mask(keys: Keys, epoch: Any, step: Any, shape: tuple[int, ...], rate: float) -> Any:
    """Return the mask of the units that a dropout layer keeps in one step.

    The mask depends on its place alone, not on earlier random numbers, so that a resumed training has the same masks,
    as have CPU and GPU, graph and XLA. TensorFlow's own random kernels cost XLA on a CPU several times the whole step.

    Args:
        keys: the layer's keys.
        epoch, step: uint32 scalars, counted from 0.
        shape: the shape of the layer's input, the batch first.
        rate: the share of the units to drop.

    Returns:
        Boolean tensor of that shape. A unit is kept if the word (`data.random_words`) of its position, row-major, is at
        least ``rate · 2³²``.
    """
    return _kept(shape, rate)(*moment_keys(TENSORFLOW, keys, epoch, step))


@lru_cache(64)
def _kept(shape: tuple[int, ...], rate: float) -> Any:
    """Return the function that computes a dropout mask, compiled even if the code around it is not."""

    def mask(first: Any, second: Any) -> Any:
        positions = tf.cast(tf.range(int(np.prod(shape)), dtype=tf.int32), tf.uint32)
        words = words_at(TENSORFLOW, positions, (first, second))
        return tf.reshape(words >= tf.constant(int(rate * WORDS), tf.uint32), shape)

    return tf.function(mask, jit_compile=True, autograph=False)


def gaussian_noise(keys: Keys, epoch: Any, step: Any, shape: tuple[int, ...]) -> Any:
    """Return the standard normal numbers that a layer adds in one step, float32 of that shape.

    They depend on their place alone, as `dropout_mask`'s do: a number is computed from two words of the same hash by
    the method of Box and Muller (1958). CPU and GPU round logarithm and cosine differently.
    """
    return _normal(shape)(*moment_keys(TENSORFLOW, keys, epoch, step))


@lru_cache(64)
def _normal(shape: tuple[int, ...]) -> Any:
    """Return the function that computes normal numbers, compiled even if the code around it is not."""

    def numbers(first: Any, second: Any) -> Any:
        positions = tf.cast(tf.range(2 * int(np.prod(shape)), dtype=tf.int32), tf.uint32)
        words = words_at(TENSORFLOW, positions, (first, second))
        # 24 bits, which a float32 holds exactly, and the middle of each interval, so that no logarithm is of 0
        uniform = (tf.cast(TENSORFLOW.shifted_right(words, 8), tf.float32) + 0.5) * 2.0**-24
        radius, turn = tf.split(uniform, 2)
        return tf.reshape(tf.sqrt(-2.0 * tf.math.log(radius)) * tf.cos(2.0 * math.pi * turn), shape)

    return tf.function(numbers, jit_compile=True, autograph=False)


def _dropped(layer: Any, values: Any, keys: Keys, moment: Moment, shape: tuple[int, ...]) -> Any:
    if layer.rate == 0:
        return values
    kept = dropout_mask(keys, *moment, shape, layer.rate)
    return tf.where(kept, values / (1 - layer.rate), tf.zeros((), values.dtype))


def _noisy(layer: Any, values: Any, keys: Keys, moment: Moment) -> Any:
    if layer.stddev == 0:
        return values
    return values + tf.cast(layer.stddev * gaussian_noise(keys, *moment, tuple(values.shape)), values.dtype)


def _dropped_units(layer: Any, values: Any, keys: Keys, moment: Moment) -> Any:
    return _dropped(layer, values, keys, moment, tuple(values.shape))


def _dropped_channels(layer: Any, values: Any, keys: Keys, moment: Moment) -> Any:
    images, _, _, channels = values.shape
    return _dropped(layer, values, keys, moment, (images, 1, 1, channels))


RANDOM: dict[Any, Callable[[Any, Any, Keys, Moment], Any]] = {
    keras.layers.Dropout: _dropped_units,
    keras.layers.SpatialDropout2D: _dropped_channels,
    keras.layers.GaussianNoise: _noisy,
}
"""The Keras layers that draw random numbers in training: functions of layer, input, keys, epoch and step."""


@dataclass(frozen=True)
class PooledLayers:
    """The convolutions of a network with max pooling after them that are computed for a CPU.

    Attributes:
        first: computes the first two layers; None if TensorFlow's kernels do.
        gradients: compute convolution and pooling, by the convolution's position.
    """

    first: PooledConvolution | None
    gradients: dict[int, PooledGradients]

    @classmethod
    def of(cls, model: Any) -> PooledLayers:
        """Return those of a model that `models.build` has made."""
        layers = models.with_sources(model)
        positions = pooled_first(layers)
        first, gradients = None, {}
        for position in sorted(positions):
            convolution, pooling = (layer for layer, _ in layers[position : position + 2])
            if position == 0 and pooled_convolution.covers(convolution, pooling):
                first = PooledConvolution(convolution, model.input_shape[1:])
            elif position > 0 and pooled_gradients.covers(convolution, pooling):
                gradients[position] = PooledGradients(convolution, pooling)
        return cls(first, gradients)


class ForwardPass:
    """The layers of a model in training, to be traced into a program.

    Args:
        model: a model that `models.build` has made.
    """

    def __init__(self, model: Any) -> None:
        self._layers, self._shape = models.with_sources(model), model.input_shape[1:]
        self._pooled_first = pooled_first(self._layers)

    def __call__(self, rows: Any, pooled: PooledLayers | None, keys: Any, epoch: Any, step: Any) -> Any:
        """Return the outputs before softmax, float32 ``(rows, classes)``.

        Args:
            rows: examples, as in `Resident`.
            pooled: computes the layers that it has; None if Keras' layers compute all.
            keys: two keys for the random numbers of each layer, ``(layers, 2)``.
            epoch, step: int32 scalars, counted from 0, for the random numbers.
        """
        moment = tf.cast(epoch, tf.uint32), tf.cast(step, tf.uint32)
        # the images are needed beside `first` where a residual block begins the network; if not, they are not computed
        outputs = {-1: network_inputs(rows, self._shape)}
        if pooled is not None and pooled.first is not None:
            outputs[1] = pooled.first(rows)
        gradients = pooled.gradients if pooled is not None else {}
        *hidden, (output, _) = self._layers
        for position, (layer, sources) in enumerate(hidden):
            if position in outputs or position + 1 in outputs:
                continue
            values = outputs[sources[0]]
            if draw := RANDOM.get(type(layer)):
                values = draw(layer, values, (keys[position, 0], keys[position, 1]), moment)
            elif position in gradients:
                values = gradients[position](values)
            elif position in self._pooled_first:
                values = layer.convolution_op(tf.cast(values, layer.compute_dtype), _cast(layer.kernel, layer))
            elif position - 1 in self._pooled_first:
                convolved = hidden[position - 1][0]
                values = values if position - 1 in gradients else layer(values)
                values = values + _cast(convolved.bias, convolved) if convolved.use_bias else values
                values = convolved.activation(values)
            else:
                if hasattr(layer, "seed_generator"):
                    kind = type(layer).__name__
                    raise TypeError(f"{kind} draws random numbers while it trains: forward.RANDOM must say which")
                values = layer([outputs[each] for each in sources] if len(sources) > 1 else values, training=True)
            outputs[position] = values
        values = outputs[len(hidden) - 1]
        return tf.matmul(tf.cast(values, tf.float32), output.kernel) + output.bias


def pooled_first(layers: Sequence[models.Sourced]) -> frozenset[int]:
    """Return the positions of the convolutions that may be pooled before bias and activation are applied."""
    users = Counter(source for _, sources in layers for source in sources)
    return frozenset(
        position
        for position, ((layer, _), (following, sources)) in enumerate(pairwise(layers))
        if isinstance(layer, keras.layers.Conv2D)
        and isinstance(following, keras.layers.MaxPooling2D)
        and layer.activation.__name__ in pooled_convolution.RISING
        and sources == (position,)
        and users[position] == 1
    )


def _cast(variable: Any, layer: Any) -> Any:
    return tf.cast(variable, layer.compute_dtype)


def penalty_of(model: Any) -> Any:
    """Return the sum of the penalties of a model's trained weights (L1, L2), as `model.losses`; None if there are none.

    It is part of the loss that is trained and of the training loss that is reported, as in Keras' `fit`.
    """
    weights = [each for each in model.trainable_variables if each.regularizer is not None]
    return tf.add_n([weight.regularizer(weight) for weight in weights]) if weights else None
