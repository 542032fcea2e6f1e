"""Augmentation on the device: `data.augmentation` computed by TensorFlow inside a training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mnist_tui.data.random_words import ArrayLibrary
from mnist_tui.training.backend import tf


def _cast(values: Any, kind: Any) -> Any:
    return tf.constant(values, kind) if isinstance(values, int) else tf.cast(values, kind)


TENSORFLOW = ArrayLibrary(
    same=tf,
    cast=_cast,
    upto=lambda count: tf.range(count, dtype=tf.int32),
    shifted_right=lambda values, bits: tf.bitwise.right_shift(values, tf.constant(bits, tf.uint32)),
    log=tf.math.log,
    take=tf.gather,
    compiled=lambda function: tf.function(function, jit_compile=True, autograph=False),
    apart=lambda step, function, like: function(),
)


def _as_branch(step: Any, function: Callable[[], Any], like: Any) -> Any:
    return tf.cond(step < tf.constant(tf.uint32.max, tf.uint32), function, lambda: like)


TENSORFLOW_IN_XLA = replace(TENSORFLOW, apart=_as_branch)
"""For programs that XLA compiles as a whole for a CPU.

XLA would merge the reading of pixels with all that comes before and compute that again for every pixel, in twice the
time; it does not merge it into a branch of a condition that only holds when the program runs.
"""
