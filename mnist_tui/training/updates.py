"""The optimizer's update inside a graph program: one kernel for each variable instead of several passes over it.

RMSprop and Adam, plain, have kernels of TensorFlow's own, that work on the variables of Keras' optimizer; what Keras
computes and what they compute is the same but for rounding. Every other update is Keras' own, compiled by XLA.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mnist_tui.training.backend import keras, tf

Update = Callable[[list[Any]], None]


def fused(optimizer: Any, variables: list[Any]) -> Update:
    """What applies the gradients of `variables`, in their order, as `optimizer.apply` does.

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
    """TensorFlow's variable behind Keras'."""
    return variable.value.handle
