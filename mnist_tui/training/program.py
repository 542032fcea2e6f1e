"""The training program: a chunk of steps as one call to the device.

There are two kinds, with the same mathematics. ``xla`` compiles the whole loop: several times as fast for dense
networks, and for everything on a GPU. ``graph`` leaves each operation to TensorFlow's kernels: XLA's convolutions on a
CPU are several times slower than those of oneDNN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.layers import Conv2D
from mnist_tui.experiment.spec import Experiment
from mnist_tui.training.backend import tf
from mnist_tui.training.device import Resident
from mnist_tui.training.step import Feed, TrainingStep, dropout_keys, fused

XLA, GRAPH = "xla", "graph"


@dataclass(frozen=True)
class Sums:
    """Sums over steps: the loss, the correctly classified images, and all images."""

    loss: float = 0.0
    correct: int = 0
    images: int = 0


def kind_for(experiment: Experiment, on_gpu: bool) -> str:
    """Return the kind of program for a network and a device: ``xla`` or ``graph``."""
    if experiment.training.program != "auto":
        return experiment.training.program
    convolves = any(isinstance(layer, Conv2D) for layer in experiment.layers)
    return GRAPH if convolves and not on_gpu else XLA


class LoopProgram:
    """Run training steps as a loop on the device, compiled once for full batches and once for the last, smaller one.

    Args:
        kind: ``xla`` or ``graph``, also its name.
        model, optimizer: Keras' own; the optimizer is built here.
        examples: the training examples.
        batch_size: images a step; the last step of an epoch takes what is left.
        seed: of the dropout masks.
    """

    def __init__(
        self, kind: str, model: Any, optimizer: Any, examples: Resident, *, batch_size: int, seed: int
    ) -> None:
        self.name = kind
        self._model, self._optimizer = model, optimizer
        self._batch = min(batch_size, examples.count)
        optimizer.build(model.trainable_variables)
        update = fused(optimizer, model.trainable_variables) if kind == GRAPH else None
        self._step = TrainingStep(model, optimizer, update)
        self._loops: dict[int, Any] = {}
        self.use_examples(examples, seed)

    def use_examples(self, examples: Resident, seed: int) -> None:
        """Train on these examples (at least one batch) from now on, with the masks of that seed, from epoch 0."""
        self._count, self._full = examples.count, examples.count // self._batch
        self._feed: Feed | None = Feed(examples.rows, examples.labels, dropout_keys(self._model, seed))
        self.begin_epoch(0, np.arange(examples.count), float(self._optimizer.learning_rate))
        # no steps: this traces and compiles what is not yet
        self._call(self._batch, 0, 0, tf.zeros((2,), tf.float64))

    def release_examples(self) -> None:
        """Release the examples until `use_examples` is called."""
        self._feed = None

    def begin_epoch(self, epoch: int, order: NDArray[np.integer], learning_rate: float) -> None:
        """Set the epoch (from 0), the order of the images and the learning rate for the next steps."""
        self._epoch = tf.constant(epoch, tf.int32)
        self._order = tf.constant(order, tf.int32)
        self._optimizer.learning_rate = learning_rate

    def run(self, first: int, last: int, before: Sums) -> Sums:
        """Run the epoch's steps from `first` (counted from 0) up to but not including `last`.

        Returns:
            `before` with what these steps add, one step after the other: the same to the bit however an epoch's steps
            are divided among calls.
        """
        totals = tf.constant((before.loss, before.correct), tf.float64)
        if first < self._full:
            totals = self._call(self._batch, first, min(last, self._full), totals)
        if last > self._full:
            totals = self._call(self._count % self._batch, self._full, last, totals)
        loss, correct = totals.numpy().tolist()
        images = min(last * self._batch, self._count) - first * self._batch
        return Sums(loss, round(correct), before.images + images)

    def _call(self, rows: int, first: int, last: int, totals: Any) -> Any:
        if rows not in self._loops:
            self._loops[rows] = self._loop(rows)
        loop = self._loops[rows]
        return loop(
            self._feed, (self._order, self._epoch), tf.constant(first, tf.int32), tf.constant(last, tf.int32), totals
        )

    def _loop(self, rows: int) -> Any:
        """Return the loop over steps of `rows` images each; the compiler needs a fixed length."""

        def steps(feed: Feed, plan: tuple[Any, Any], first: Any, last: Any, totals: Any) -> Any:
            order, epoch = plan

            def is_left(step: Any, _totals: Any) -> Any:
                return step < last

            def body(step: Any, totals: Any) -> Any:
                places = tf.slice(order, (step * self._batch,), (rows,))
                return step + 1, totals + tf.stack(self._step(feed, places, epoch, step))

            return tf.while_loop(is_left, body, (first, totals), parallel_iterations=1)[1]

        return tf.function(steps, jit_compile=self.name == XLA, autograph=False)
