"""Programs that train chunks of steps, and the networks they train: model, optimizer and programs of a structure.

A step gathers its examples, computes forward pass (`forward`), loss and gradient, and updates the weights. The loss
takes the output layer's logits, as in Keras' own training; the optimizer is Keras' own.

A program trains a chunk of steps in one call to the device. There are two kinds, with the same mathematics: ``xla``
compiles the whole loop, which is several times as fast for dense networks, and for all networks on a GPU; ``graph``
leaves each operation to TensorFlow's kernels, because XLA's convolutions on a CPU are several times slower.

XLA needs half a second or more to compile a program, and TensorFlow never frees one (8 MB for a dense network). A
process that trains run after run therefore uses the same variables and programs again for networks that differ only in
seed, initial weights and learning rate, which are not compiled.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.augmentation import Augmenter, keys_of
from mnist_tui.data.random_words import layer_keys
from mnist_tui.experiment.augmentation import Augmentation
from mnist_tui.experiment.layers import Conv2D, Dense, DepthwiseConv2D, Dropout, Flatten, SeparableConv2D, walk
from mnist_tui.experiment.spec import Experiment
from mnist_tui.training import models
from mnist_tui.training.augmentation import TENSORFLOW, TENSORFLOW_IN_XLA
from mnist_tui.training.backend import keras, tf
from mnist_tui.training.device import Resident
from mnist_tui.training.evaluation import Scorer
from mnist_tui.training.forward import ForwardPass, PooledLayers, penalty_of
from mnist_tui.training.inputs import DatasetCache
from mnist_tui.training.losses import cross_entropies
from mnist_tui.training.models import NOISE

Update = Callable[[list[Any]], None]


def fused(optimizer: Any, variables: list[Any]) -> Update:
    """Return a function for graph programs that applies gradients as `optimizer.apply` does, but faster.

    Plain RMSprop and Adam have kernels in TensorFlow that work on the variables of Keras' optimizer, agree with Keras
    except for rounding, and need one pass over a variable instead of several. Every other update is Keras' own,
    compiled by XLA, also that of variables with constraints.

    Args:
        optimizer: Keras' optimizer, built for `variables`.
        variables: the variables that the gradients belong to, in the same order.
    """
    kind, kernels = type(optimizer), None
    # the kernels know no constraints
    if not any(variable.constraint is not None for variable in variables):
        if kind is keras.optimizers.RMSprop and not optimizer.centered:
            kernels = _rmsprop(optimizer, variables)
        elif kind is keras.optimizers.Adam and not optimizer.amsgrad:
            kernels = _adam(optimizer, variables)
    if kernels is not None:
        # Keras' own way, which returns the gradients as they are if the optimizer does not clip
        return lambda gradients: kernels(optimizer._clip_gradients(gradients))

    def by_keras(gradients: list[Any]) -> None:
        optimizer.apply(gradients, variables)

    return tf.function(by_keras, jit_compile=True, autograph=False)


def _rmsprop(optimizer: Any, variables: list[Any]) -> Update:
    squares = optimizer._velocities
    # the kernel needs a momentum in any case; Keras has one only if it is not 0
    momenta = optimizer._momentums if optimizer.momentum else [keras.Variable(tf.zeros(v.shape)) for v in variables]

    def apply(gradients: list[Any]) -> None:
        rate = tf.convert_to_tensor(optimizer.learning_rate)
        optimizer.iterations.assign_add(1)
        for variable, gradient, square, momentum in zip(variables, gradients, squares, momenta, strict=True):
            tf.raw_ops.ResourceApplyRMSProp(
                **_handles(var=variable, ms=square, mom=momentum),
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
                **_handles(var=variable, m=mean, v=square),
                beta1_power=decayed[0],
                beta2_power=decayed[1],
                lr=rate,
                beta1=optimizer.beta_1,
                beta2=optimizer.beta_2,
                epsilon=optimizer.epsilon,
                grad=gradient,
            )

    return apply


def _handles(**variables: Any) -> dict[str, Any]:
    """Return the handles of TensorFlow's variables behind Keras' variables."""
    return {name: variable.value.handle for name, variable in variables.items()}


class Feed(NamedTuple):
    """The inputs of a compiled program.

    Attributes:
        rows, labels: all examples, as in `Resident`.
        keys: two mask keys a layer, ``(layers, 2)``.
        augmentation: the keys of `data.augmentation`, ``(3, 2)``.
        weights: the weight of each class in the loss, float32 ``(classes,)``; None if all count alike.
    """

    rows: Any
    labels: Any
    keys: Any
    augmentation: Any
    weights: Any = None


class TrainingStep:
    """A step of the optimizer on some of the examples, to be traced into a program.

    Args:
        model, optimizer: Keras' objects; the optimizer is built.
        update: applies the gradients; None for Keras' own `apply`.
        pooled: computes some of the layers in usual steps.
        augmenter: changes the images; None for images as they are.
        smoothing: the share of each label that is spread over all classes; None for none.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        update: Update | None = None,
        pooled: PooledLayers | None = None,
        augmenter: Augmenter | None = None,
        *,
        smoothing: float | None = None,
    ) -> None:
        self._model, self._optimizer, self._pooled, self._augmenter = model, optimizer, pooled, augmenter
        self._smoothing, self._forward = smoothing, ForwardPass(model)
        self._update = update or (lambda gradients: optimizer.apply(gradients, model.trainable_variables))

    def __call__(self, feed: Feed, places: Any, epoch: Any, step: Any, *, is_usual: bool) -> tuple[Any, Any]:
        """Take the step.

        Args:
            places: the indices of the examples, int32, of a length that is known during tracing.
            epoch, step: int32 scalars, counted from 0, for random numbers.
            is_usual: whether there are many steps like this one, so that compiling parts of it is worth the time.

        Returns:
            The loss before the step and the number of hits, both summed over the examples, float64.
        """
        rows = tf.gather(feed.rows, places)
        labels = tf.gather(feed.labels, places)
        if self._augmenter is not None:
            rows = self._augmenter(rows, feed.augmentation, tf.cast(epoch, tf.uint32), tf.cast(step, tf.uint32))
        with tf.GradientTape() as tape:
            logits = self._forward(rows, self._pooled if is_usual else None, feed.keys, epoch, step)
            losses = cross_entropies(labels, logits, self._smoothing, from_logits=True)
            if feed.weights is not None:
                losses *= tf.gather(feed.weights, labels)
            loss, penalty = tf.reduce_mean(losses), penalty_of(self._model)
            if penalty is not None:
                loss, losses = loss + penalty, losses + penalty
            if hasattr(self._optimizer, "scale_loss"):
                loss = self._optimizer.scale_loss(loss)
        self._update(tape.gradient(loss, self._model.trainable_variables))
        hits = tf.argmax(logits, axis=1, output_type=tf.int32) == labels
        return tf.cast(tf.reduce_sum(losses), tf.float64), tf.reduce_sum(tf.cast(hits, tf.float64))


XLA, GRAPH = "xla", "graph"
MANY_IMAGES = 10_000
"""From that many training images on, compiling parts of a graph program (0.5 s) saves more within some epochs."""


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
    kinds = Conv2D | DepthwiseConv2D | SeparableConv2D
    convolves = any(isinstance(layer, kinds) for layer in walk(experiment.layers))
    return GRAPH if convolves and not on_gpu else XLA


class LoopProgram:
    """A loop of training steps on the device, compiled once for full batches and once for the last, smaller batch.

    Args:
        kind: ``xla`` or ``graph``.
        model, optimizer: Keras' objects; the optimizer is built here.
        examples: the training examples.
        batch_size: the images of a step; the last step of an epoch has the remaining ones.
        seed: the seed of the dropout masks and of the augmentation.
        augmentation: the changes of the images, which must be pixels; None for images as they are.
        smoothing: the share of each label that is spread over all classes; None for none.
        weights: the weight of each class in the loss; None if all count alike.
    """

    def __init__(
        self,
        kind: str,
        model: Any,
        optimizer: Any,
        examples: Resident,
        *,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
        smoothing: float | None = None,
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        self.name = kind
        self._model, self._optimizer = model, optimizer
        self._batch = min(batch_size, examples.count)
        optimizer.build(model.trainable_variables)
        on_cpu = "CPU" in examples.rows.device
        update = fused(optimizer, model.trainable_variables) if kind == GRAPH else None
        pooled = PooledLayers.of(model) if kind == GRAPH and on_cpu else None
        library = TENSORFLOW_IN_XLA if kind == XLA and on_cpu else TENSORFLOW
        augmenter = Augmenter(augmentation, examples.shape, library) if augmentation is not None else None
        self._step = TrainingStep(model, optimizer, update, pooled, augmenter, smoothing=smoothing)
        self._loops: dict[int, Any] = {}
        self.use_examples(examples, seed, weights)

    def use_examples(self, examples: Resident, seed: int, weights: NDArray[np.float32] | None = None) -> None:
        """Train on these examples (at least one batch) with the random numbers of this seed, from epoch 0 on.

        Args:
            weights: the weight of each class in the loss; None if all count alike.
        """
        self._count, self._full = examples.count, examples.count // self._batch
        keys = [layer_keys(seed, position, NOISE) for position in range(len(models.layers_of(self._model)))]
        self._feed: Feed | None = Feed(
            examples.rows,
            examples.labels,
            tf.constant(np.array(keys, np.uint32)),
            tf.constant(keys_of(seed)),
            None if weights is None else tf.constant(weights),
        )
        self.begin_epoch(0, np.arange(examples.count), float(self._optimizer.learning_rate))
        # no steps are run, but the loop is traced and compiled if it is new
        self._call(self._batch, 0, 0, tf.zeros((2,), tf.float64))

    def release_examples(self) -> None:
        """Release the examples until `use_examples` is called."""
        self._feed = None

    def begin_epoch(self, epoch: int, order: NDArray[np.integer], learning_rate: float | NDArray[np.floating]) -> None:
        """Set the epoch (from 0), the order of the images and the learning rate for the next steps.

        Args:
            learning_rate: the rate of the whole epoch, or ``(steps,)``, that of each step of the epoch.
        """
        self._epoch = tf.constant(epoch, tf.int32)
        self._order = tf.constant(order, tf.int32)
        self._rates = None
        if isinstance(learning_rate, np.ndarray):
            self._rates = tf.constant(learning_rate, tf.float32)
        else:
            self._optimizer.learning_rate = learning_rate

    def run(self, first: int, last: int, before: Sums) -> Sums:
        """Run the epoch's steps from `first` (counted from 0) up to but not including `last`.

        Returns:
            `before` plus the sums of these steps, added step by step, so that every division of an epoch's steps into
            calls gives the same bits.
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
        bounds = tf.constant(first, tf.int32), tf.constant(last, tf.int32)
        return self._loops[rows](self._feed, (self._order, self._epoch, self._rates), *bounds, totals)

    def _loop(self, rows: int) -> Any:
        """Return the loop over steps of `rows` images, a number that the compiler must know."""

        def steps(feed: Feed, plan: tuple[Any, Any, Any], first: Any, last: Any, totals: Any) -> Any:
            order, epoch, rates = plan
            is_usual = rows == self._batch and feed.rows.shape[0] >= MANY_IMAGES

            def body(step: Any, totals: Any) -> Any:
                if rates is not None:
                    self._optimizer.learning_rate = rates[step]
                places = tf.slice(order, (step * self._batch,), (rows,))
                return step + 1, totals + tf.stack(self._step(feed, places, epoch, step, is_usual=is_usual))

            return tf.while_loop(lambda step, _: step < last, body, (first, totals), parallel_iterations=1)[1]

        return tf.function(steps, jit_compile=self.name == XLA, autograph=False)


NOT_COMPILED = (*models.INITIALIZERS, "seed")
"""Attributes of a Keras layer that decide only values, not what is compiled."""


class Network:
    """An experiment's Keras model and optimizer (built by the first program), and the programs that train the model."""

    def __init__(self, experiment: Experiment) -> None:
        self.model, self.optimizer = models.build(experiment), models.optimizer(experiment)
        self._augmentation, self._smoothing = experiment.augmentation, experiment.training.label_smoothing
        self._programs: dict[tuple[str, int], LoopProgram] = {}
        self._unused: list[NDArray[Any]] = []

    def program(
        self, kind: str, examples: Resident, *, batch_size: int, seed: int, weights: NDArray[np.float32] | None = None
    ) -> LoopProgram:
        """Return the program that trains on these examples, new or from an earlier run; arguments of LoopProgram."""
        key = kind, min(batch_size, examples.count)
        if program := self._programs.get(key):
            program.use_examples(examples, seed, weights)
        else:
            program = LoopProgram(
                kind,
                self.model,
                self.optimizer,
                examples,
                batch_size=batch_size,
                seed=seed,
                augmentation=self._augmentation,
                smoothing=self._smoothing,
                weights=weights,
            )
            self._programs[key] = program
        self._unused = self._unused or [np.array(each.numpy()) for each in self.optimizer.variables]
        return program

    def release_examples(self) -> None:
        """Release the examples, which the next run does not share."""
        for program in self._programs.values():
            program.release_examples()

    def restart_as(self, experiment: Experiment) -> None:
        """Become the untrained network of another experiment of the same structure."""
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
    """Return the experiment's network: new, or one of the same structure from an earlier run.

    Args:
        cache: the networks of earlier runs; None if the process trains one run.
    """
    if cache is None or not experiment.trains_in_epochs:
        return Network(experiment)
    key = structure(experiment)
    network: Network | None = cache.get(key)
    if network is None:
        network = Network(experiment)
    else:
        network.restart_as(experiment)
    parameters = int(network.model.count_params())
    # about the bytes of the parameters, of two optimizer slots for each, and of the first values of both slots
    cache.put(key, network, 5 * 4 * parameters)
    return network


def structure(experiment: Experiment) -> str:
    """Return as text the part of an experiment that decides what is compiled."""
    doc = experiment.model_dump(mode="json", include={"features", "augmentation", "layers", "output", "optimizer"})
    _remove_not_compiled([*doc["layers"], doc["output"]])
    doc["optimizer"].pop("learning_rate", None)
    training = experiment.training
    shape = experiment.image_shape, experiment.classes
    compiled = [doc, shape, training.precision, training.deterministic, training.label_smoothing]
    return json.dumps(compiled, sort_keys=True)


def _remove_not_compiled(layers: list[dict[str, Any]]) -> None:
    for layer in layers:
        for name in NOT_COMPILED:
            layer.pop(name, None)
        _remove_not_compiled(layer.get("layers", []))


def warm() -> None:
    """Import everything for a run, and train a tiny network for a step, because first times are slow.

    If there are GPUs nothing is trained: that would start them all before the run has chosen one.
    """
    import_module("mnist_tui.training.job")
    if tf.config.list_physical_devices("GPU"):
        return
    experiment = Experiment(layers=(Flatten(), Dense(units=2), Dropout()))
    examples = Resident(np.zeros((4, 28, 28), np.uint8), np.zeros(4, np.uint8))
    for kind in (XLA, GRAPH):
        model, optimizer = models.build(experiment), models.optimizer(experiment)
        LoopProgram(kind, model, optimizer, examples, batch_size=2, seed=0).run(0, 1, Sums())
    Scorer(model, examples, 784).score_all(examples, lambda _: None)
