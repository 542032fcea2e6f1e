"""Networks ready to be trained: model, optimizer and the compiled programs, which a process uses again in later runs.

A program trains a chunk of steps as one call to the device. There are two kinds, with the same mathematics: ``xla``
compiles the whole loop, which is several times as fast for dense networks, and for everything on a GPU; ``graph``
leaves each operation to TensorFlow's kernels, because XLA's convolutions on a CPU are several times slower.

XLA takes half a second and more to compile a program, and TensorFlow never frees one (8 MB for a dense network). A
process that trains run after run therefore trains networks that differ in nothing that is compiled, seed, initial
weights and learning rate, in the same variables by the same programs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.layers import Conv2D, Dense, Dropout, Flatten
from mnist_tui.experiment.spec import Experiment
from mnist_tui.training import device, models
from mnist_tui.training.backend import tf
from mnist_tui.training.device import Resident
from mnist_tui.training.evaluation import Scorer
from mnist_tui.training.inputs import DatasetCache
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


NOT_COMPILED = ("kernel_initializer", "bias_initializer", "seed")
"""Attributes of a layer that decide values only, by Keras' names."""


class Network:
    """An experiment's model and optimizer (Keras' own; built by the first program), and the programs that train it."""

    def __init__(self, experiment: Experiment) -> None:
        self.model, self.optimizer = models.build(experiment), models.optimizer(experiment)
        self._programs: dict[tuple[str, int], LoopProgram] = {}
        self._unused: list[NDArray[Any]] = []

    @property
    def size(self) -> int:
        """About how many bytes it holds: parameters, two optimizer slots for each, and both slots' first values."""
        return 5 * 4 * int(self.model.count_params())

    def program(self, kind: str, examples: Resident, *, batch_size: int, seed: int) -> LoopProgram:
        """Return the program that trains on these examples, compiled or from an earlier run."""
        key = kind, min(batch_size, examples.count)
        program = self._programs.get(key)
        if program is not None:
            program.use_examples(examples, seed)
        else:
            program = LoopProgram(kind, self.model, self.optimizer, examples, batch_size=batch_size, seed=seed)
            self._programs[key] = program
        self._unused = self._unused or [np.array(each.numpy()) for each in self.optimizer.variables]
        return program

    def release_examples(self) -> None:
        """Release the examples; each run has its own."""
        for program in self._programs.values():
            program.release_examples()

    def restart_as(self, experiment: Experiment) -> None:
        """Start again as the network of another experiment of the same structure."""
        fresh = models.build(experiment)
        for variable, value in zip(self.model.variables, fresh.variables, strict=True):
            variable.assign(value)
        for layer, other in zip(self.model.layers, fresh.layers, strict=True):
            for name in NOT_COMPILED:
                if hasattr(other, name):
                    setattr(layer, name, getattr(other, name))
        if self._unused:
            for variable, value in zip(self.optimizer.variables, self._unused, strict=True):
                variable.assign(value)
        self.optimizer.learning_rate = experiment.learning_rate(0)


def network_of(experiment: Experiment, cache: DatasetCache | None) -> Network:
    """Return the experiment's network, new or one of the same structure from an earlier run.

    Args:
        cache: where the process keeps networks; None where it trains one run.
    """
    if cache is None or not experiment.trains_in_epochs:
        return Network(experiment)
    key = structure(experiment)
    network: Network | None = cache.get(key)
    if network is None:
        network = Network(experiment)
    else:
        network.restart_as(experiment)
    cache.put(key, network, network.size)
    return network


def release_examples(cache: DatasetCache) -> None:
    """Release the examples of every network in the cache."""
    for value in cache.values():
        if isinstance(value, Network):
            value.release_examples()


def structure(experiment: Experiment) -> str:
    """Return everything in an experiment that decides what is compiled, as text."""
    doc = experiment.model_dump(mode="json", include={"features", "layers", "optimizer"})
    for layer in doc["layers"]:
        for name in NOT_COMPILED:
            layer.pop(name, None)
    doc["optimizer"].pop("learning_rate", None)
    training = experiment.training
    return json.dumps([doc, training.precision, training.deterministic], sort_keys=True)


def warm() -> None:
    """Import all that a run imports, and train a tiny network for a step: the first times are slow.

    Where there are GPUs it trains nothing: that would start them all before the run has chosen among them.
    """
    import_module("mnist_tui.training.job")
    if device.has_gpus():
        return
    experiment = Experiment(layers=(Flatten(), Dense(units=2), Dropout()))
    examples = Resident(np.zeros((4, 28, 28), np.uint8), np.zeros(4, np.uint8))
    for kind in (XLA, GRAPH):
        model, optimizer = models.build(experiment), models.optimizer(experiment)
        LoopProgram(kind, model, optimizer, examples, batch_size=2, seed=0).run(0, 1, Sums())
    Scorer(model, examples, 784).score_all(examples, lambda _: None)
