"""One training step: gather, forward, loss, gradient, update. Traced into a program, never run by itself.

Layers, loss and optimizer are Keras' own, with three differences: dropout draws its mask by counter; the loss takes
the output layer's logits, as Keras' own training does; and a convolution is pooled before bias and activation are
applied, which gives the same values where the activation never falls, for a quarter of the work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mnist_tui.training.backend import keras, tf
from mnist_tui.training.device import Resident
from mnist_tui.training.models import NOISE

Keys = tuple[Any, Any]
"""Two words: Python's integers, or uint32 scalars."""
WORDS = 2**32


def layer_keys(seed: int, layer: int, use: int) -> tuple[int, int]:
    """Return two 32-bit keys for one use of random numbers in a layer, independent of all others (SeedSequence)."""
    first, second = np.random.SeedSequence([seed, layer, use]).generate_state(2).tolist()
    return first, second


def dropout_mask(keys: Keys, epoch: Any, step: Any, shape: tuple[int, ...], rate: float) -> Any:
    """Return which units a dropout layer keeps in one step.

    The mask is a function of where it is used, and of nothing that was drawn before: a resumed training draws what it
    would have drawn, and CPU and GPU, graph and XLA draw the same. The words come from the integer hash triple32
    (C. Wellons, "Prospecting for Hash Functions", 2018), three multiplications that the compiler merges into the loop
    around them; TensorFlow's own random kernels cost XLA on a CPU several times the whole step.

    Args:
        keys: the layer's.
        epoch, step: uint32 scalars, counted from 0.
        shape: of the layer's input, the batch first.
        rate: share of the units to drop.

    Returns:
        Boolean tensor of that shape. A unit is kept where its word is at least ``rate · 2³²``; the word of position
        p (row-major) is triple32 of ``p + a``, its second key b taken in after the first round; a and b are the
        layer's keys with epoch and step folded in.
    """
    first, second = (_folded(key, epoch, step) for key in keys)
    return _kept(shape, rate)(first, second)


@lru_cache(64)
def _kept(shape: tuple[int, ...], rate: float) -> Any:
    """Return the function that samples a dropout mask, compiled even if the code around it is not."""

    def draw(first: Any, second: Any) -> Any:
        positions = tf.range(int(np.prod(shape)), dtype=tf.int32)
        words = _mixed(tf.cast(positions, tf.uint32) + first, second)
        return tf.reshape(words >= _word(int(rate * WORDS)), shape)

    return tf.function(draw, jit_compile=True, autograph=False)


def _folded(key: Any, epoch: Any, step: Any) -> Any:
    return _mixed(_mixed(tf.convert_to_tensor(key, tf.uint32) + epoch) + step)


def _mixed(word: Any, key: Any = None) -> Any:
    word = _shift_xor(word, 17) * _word(0xED5AD4BB)
    if key is not None:
        word = tf.bitwise.bitwise_xor(word, key)
    word = _shift_xor(word, 11) * _word(0xAC4C1B51)
    word = _shift_xor(word, 15) * _word(0x31848BAB)
    return _shift_xor(word, 14)


def _shift_xor(word: Any, bits: int) -> Any:
    return tf.bitwise.bitwise_xor(word, tf.bitwise.right_shift(word, _word(bits)))


def _word(value: int) -> Any:
    return tf.constant(value, tf.uint32)


Update = Callable[[list[Any]], None]


def fused(optimizer: Any, variables: list[Any]) -> Update:
    """Return a function that applies the gradients of `variables`, in their order, as `optimizer.apply` does.

    It is for graph programs, where it takes one kernel for each variable instead of several passes. Plain RMSprop and
    Adam have kernels in TensorFlow that work on the variables of Keras' optimizer and agree with Keras but for
    rounding. Every other update is Keras' own, compiled by XLA.

    Args:
        optimizer: Keras' own, built for `variables`.
    """
    kind = type(optimizer)
    if kind is keras.optimizers.RMSprop and not optimizer.centered:
        return _rmsprop(optimizer, variables)
    if kind is keras.optimizers.Adam and not optimizer.amsgrad:
        return _adam(optimizer, variables)

    def by_keras(gradients: list[Any]) -> None:
        optimizer.apply(gradients, variables)

    return tf.function(by_keras, jit_compile=True, autograph=False)


def _rmsprop(optimizer: Any, variables: list[Any]) -> Update:
    squares = optimizer._velocities
    # The kernel takes a momentum in any case; Keras keeps one only where it is not 0.
    momenta = optimizer._momentums if optimizer.momentum else [keras.Variable(tf.zeros(v.shape)) for v in variables]

    def apply(gradients: list[Any]) -> None:
        rate = tf.convert_to_tensor(optimizer.learning_rate)
        optimizer.iterations.assign_add(1)
        for variable, gradient, square, momentum in zip(variables, gradients, squares, momenta, strict=True):
            tf.raw_ops.ResourceApplyRMSProp(
                var=_handle(variable),
                ms=_handle(square),
                mom=_handle(momentum),
                lr=rate,
                rho=optimizer.rho,
                momentum=optimizer.momentum,
                epsilon=optimizer.epsilon,
                grad=gradient,
            )

    return apply


def _adam(optimizer: Any, variables: list[Any]) -> Update:
    means, squares = optimizer._momentums, optimizer._velocities

    def apply(gradients: list[Any]) -> None:
        rate = tf.convert_to_tensor(optimizer.learning_rate)
        optimizer.iterations.assign_add(1)
        steps = tf.cast(optimizer.iterations, tf.float32)
        decayed = tf.pow(optimizer.beta_1, steps), tf.pow(optimizer.beta_2, steps)
        for variable, gradient, mean, square in zip(variables, gradients, means, squares, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=_handle(variable),
                m=_handle(mean),
                v=_handle(square),
                beta1_power=decayed[0],
                beta2_power=decayed[1],
                lr=rate,
                beta1=optimizer.beta_1,
                beta2=optimizer.beta_2,
                epsilon=optimizer.epsilon,
                grad=gradient,
            )

    return apply


def _handle(variable: Any) -> Any:
    """Return the handle of TensorFlow's variable behind Keras' one."""
    return variable.value.handle


RISING = frozenset({"linear", "relu", "sigmoid", "tanh", "softplus", "elu", "selu", "leaky_relu"})
"""Activations that never fall, by Keras' names."""
MASKS: dict[Any, Callable[[tuple[int, ...]], tuple[int, ...]]] = {keras.layers.Dropout: lambda shape: shape}
"""For each Keras layer that drops values while it trains: from the shape of its input, the batch first, to that of its
mask."""


class Feed(NamedTuple):
    """The inputs of a compiled program: all the examples, as in `Resident`, and keys for the dropout masks."""

    rows: Any
    labels: Any
    keys: Any


class TrainingStep:
    """A step of the optimizer on some of the examples.

    Args:
        model, optimizer: Keras' own, the optimizer built.
        update: what applies the gradients; Keras' own `apply` where it is None.
    """

    def __init__(self, model: Any, optimizer: Any, update: Update | None = None) -> None:
        self._model, self._optimizer = model, optimizer
        self._update = update or (lambda gradients: optimizer.apply(gradients, model.trainable_variables))

    def __call__(self, feed: Feed, places: Any, epoch: Any, step: Any) -> tuple[Any, Any]:
        """Take the step.

        Args:
            places: which examples, int32 of a length known when tracing.
            epoch, step: int32 scalars, counted from 0, that the masks are drawn for.

        Returns:
            The loss before the step and the hits, both summed over the examples, float64.
        """
        inputs = Resident.inputs(tf.gather(feed.rows, places))
        labels = tf.gather(feed.labels, places)
        with tf.GradientTape() as tape:
            logits = self.logits(inputs, feed.keys, epoch, step)
            losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
            loss = tf.reduce_mean(losses)
            if hasattr(self._optimizer, "scale_loss"):
                loss = self._optimizer.scale_loss(loss)
        self._update(tape.gradient(loss, self._model.trainable_variables))
        hits = tf.argmax(logits, axis=1, output_type=tf.int32) == labels
        return tf.cast(tf.reduce_sum(losses), tf.float64), tf.reduce_sum(tf.cast(hits, tf.float64))

    def logits(self, inputs: Any, keys: Any, epoch: Any, step: Any) -> Any:
        """Return the outputs before softmax, float32 ``(rows, 10)``, dropout on, with the masks of that step."""
        *layers, output = self._model.layers
        values, convolved = inputs, None
        for position, (layer, following) in enumerate(pairwise((*layers, output))):
            if type(layer) in MASKS:
                values = _dropped(layer, values, (keys[position, 0], keys[position, 1]), epoch, step)
            elif _pooled_first(layer, following):
                values, convolved = _convolved(layer, values), layer
            elif convolved is not None:
                values, convolved = convolved.activation(layer(values) + _cast(convolved.bias, convolved)), None
            else:
                if hasattr(layer, "seed_generator"):
                    kind = type(layer).__name__
                    raise TypeError(f"{kind} draws random numbers while it trains: step.MASKS must say which")
                values = layer(values, training=True)
        return tf.matmul(tf.cast(values, tf.float32), output.kernel) + output.bias


def dropout_keys(model: Any, seed: int) -> Any:
    """Return the keys of each layer for one seed, uint32 ``(layers, 2)``."""
    keys = [layer_keys(seed, position, NOISE) for position in range(len(model.layers))]
    return tf.constant(np.array(keys, np.uint32))


def _dropped(layer: Any, values: Any, keys: Keys, epoch: Any, step: Any) -> Any:
    rate = layer.rate
    if rate == 0:
        return values
    moment = tf.cast(epoch, tf.uint32), tf.cast(step, tf.uint32)
    kept = dropout_mask(keys, *moment, MASKS[type(layer)](tuple(values.shape)), rate)
    return tf.where(kept, values / (1 - rate), tf.zeros((), values.dtype))


def _pooled_first(layer: Any, following: Any) -> bool:
    """Return whether the layer is a convolution that can be pooled before its bias and activation."""
    convolves = isinstance(layer, keras.layers.Conv2D) and isinstance(following, keras.layers.MaxPooling2D)
    return convolves and layer.activation.__name__ in RISING


def _convolved(layer: Any, values: Any) -> Any:
    """Return the convolution without bias and activation, in the layer's precision."""
    return layer.convolution_op(tf.cast(values, layer.compute_dtype), _cast(layer.kernel, layer))


def _cast(variable: Any, layer: Any) -> Any:
    return tf.cast(variable, layer.compute_dtype)
