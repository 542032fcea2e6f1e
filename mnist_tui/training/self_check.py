"""Compare the training of the starter presets on a device with plain Keras on the CPU, for `doctor --train`.

For each starter a plain Keras loop takes STEPS steps on the CPU. A program then takes the same steps on the device,
from the same weights, with the same order of the images and the same dropout masks, and the losses of all steps are
compared. On a GPU the compared program is the one that a run takes; on the CPU both kinds of program are compared.

This module is executed in a worker process, which prints its messages as lines of JSON (see `check_starters`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.datasets import load
from mnist_tui.data.errors import DataError, MissingDataError
from mnist_tui.data.hog import hog_batch
from mnist_tui.data.random_words import layer_keys
from mnist_tui.data.reading import Dataset
from mnist_tui.errors import RunError
from mnist_tui.experiment.preset_files import STARTERS, builtin_folder
from mnist_tui.experiment.presets import load_preset
from mnist_tui.experiment.spec import Experiment, HogFeatures, with_part
from mnist_tui.runs import devices
from mnist_tui.runs.processor import cpu_features, onednn
from mnist_tui.training import device, machine, models
from mnist_tui.training.backend import forget, keras, tf
from mnist_tui.training.device import Device, Resident
from mnist_tui.training.engine import CHUNK_SECONDS
from mnist_tui.training.evaluation import Scorer, finite
from mnist_tui.training.forward import dropout_mask
from mnist_tui.training.inputs import SAMPLE, Examples, order
from mnist_tui.training.models import NOISE
from mnist_tui.training.programs import GRAPH, XLA, LoopProgram, Network, Sums, kind_for

STRETCH = 5
"""After so many steps a program gets the weights and the optimizer's values of plain Keras again.

In networks with ReLU and max pooling, rounding now and then changes which unit is active or largest; the difference
then grows a thousandfold within a few steps (0.002 was measured after six, in a correct training). A program with
another mathematics differs from the second step on.
"""
STEPS = 21 * STRETCH
LOSS_TOLERANCE = 1e-3
"""The largest accepted difference between the mean losses of the same step, as in `test_same_training.py`."""
ACCURACY_TOLERANCE = 0.01
"""The largest accepted difference between the accuracies after the last step: 20 of 2,000 test images.

Rounding changes the class of an image only if its two most probable classes are almost equally probable.
"""
TRAIN_IMAGES, TEST_IMAGES = 10_000, 2_000
LARGEST_BATCH = 512
"""Starters with larger batches are checked with this batch size; plain Keras on two cores would need minutes."""
SPEED_SECONDS = 1.0
"""How long a program trains on, without comparison, to measure its speed and the load of the GPU."""
KERAS_DEVICE = "CPU:0"
KERAS_BLOCK = 500
"""The number of test images that plain Keras classifies at a time."""

Message = dict[str, Any]


@dataclass(frozen=True)
class CheckedTraining:
    """A training that is checked: an experiment and the images that it trains on."""

    experiment: Experiment
    train: Examples
    test: Examples

    @property
    def batch_size(self) -> int:
        return min(self.experiment.training.batch_size, len(self.train.labels))

    @property
    def epoch_steps(self) -> int:
        """The steps of an epoch; its last batch may be smaller."""
        return -(-len(self.train.labels) // self.batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the order of the training images in an epoch."""
        return order(self.experiment.training.seed, epoch, len(self.train.labels))


@dataclass(frozen=True)
class KerasSteps:
    """The steps that plain Keras took on the CPU.

    Attributes:
        losses: the mean loss of each step's batch.
        states: the values of the model's and then of the optimizer's variables at the beginning of each stretch.
        accuracy: the share of test images that the model classifies correctly after the last step.
        images_per_second: the speed, from the median time of a step.
        first_step_seconds: the time for building the model and taking the first step.
    """

    losses: tuple[float, ...]
    states: tuple[tuple[NDArray[Any], ...], ...]
    accuracy: float
    images_per_second: float
    first_step_seconds: float


@dataclass(frozen=True)
class ProgramCheck:
    """The result of comparing a program with plain Keras.

    Attributes:
        program: ``xla`` or ``graph``.
        of_run: whether a run on the device takes this kind of program.
        agrees: whether the differences of loss and accuracy are within the tolerances.
        loss_difference: the largest difference between the losses of the same step; None if a loss is not finite.
        without_tf32: the same with TensorFloat-32 off; None if it was not needed. It is measured on a GPU if the
            differences are too large, and `agrees` is then its result.
        accuracy: the share of test images that the program's model classifies correctly after the last step.
        images_per_second: the speed of training.
        first_step_seconds: the time for building the model, compiling the program and taking the first step.
        memory: in bytes, on a GPU the most that TensorFlow used there, on a CPU the memory of the whole process.
        gpu_utilization, gpu_power: the GPU's load in per cent and its power in watts at the end of the measurement of
            the speed, as NVML reports them; None on a CPU, or if NVML does not report them.
    """

    program: str
    of_run: bool
    agrees: bool
    loss_difference: float | None
    without_tf32: float | None
    accuracy: float
    images_per_second: float
    first_step_seconds: float
    memory: int
    gpu_utilization: float | None
    gpu_power: float | None


def check_starters(requested: str, data_dir: Path | None, report: Callable[[Message], None]) -> None:
    """Check each starter preset on a device.

    Args:
        requested: auto (the first GPU, else the CPU), cpu, gpu or gpu:N.
        data_dir: the folder with datasets; None for the usual places. Nothing is downloaded: where a dataset is
            missing, the bundled digits take its place.
        report: receives the messages. Each is a dictionary with one entry: first ``device`` (a description of the
            device and of how it computes) and ``tolerances`` (for loss and accuracy), then for each starter several
            times ``progress`` (a text), and once ``starter`` (its results).

    Raises:
        DeviceError: the device does not exist.
        RunError: files in a folder that the user named cannot be used.
    """
    chosen = device.choose(requested)
    report({"device": _described(chosen)})
    report({"tolerances": {"loss": LOSS_TOLERANCE, "accuracy": ACCURACY_TOLERANCE}})
    meter = machine.LoadMeter()
    for name in STARTERS:
        report({"progress": f"{name}: reading the data"})
        training, dataset = starter(name, data_dir)
        device.set_determinism(chosen, training.experiment.training.deterministic)
        report({"progress": f"{name}: {STEPS} steps of plain Keras on the CPU"})
        expected = KerasLoop(training).run()
        checks = list[ProgramCheck]()
        for kind in _kinds(training.experiment, chosen):
            report({"progress": f"{name}: the same steps with the program {kind} on {chosen.name}"})
            checks.append(check_program(training, kind, chosen, expected, meter))
        report({"starter": _results(name, dataset, training, expected, checks)})
        forget()


def _described(chosen: Device) -> Message:
    nvml = devices.nvml() if chosen.is_gpu else None
    driver = nvml.nvmlSystemGetDriverVersion() if nvml else None
    versions = machine.versions()
    return {
        "name": chosen.name,
        "hardware": chosen.hardware,
        "driver": driver.decode() if isinstance(driver, bytes) else driver,
        "threads": device.threads(),
        "cpu_features": cpu_features(),
        "onednn": onednn(),
        "tf32": device.tf32(chosen),
        "tensorflow": versions.get("tensorflow"),
        "keras": versions.get("keras"),
    }


def _results(
    name: str, dataset: Dataset, training: CheckedTraining, expected: KerasSteps, checks: list[ProgramCheck]
) -> Message:
    settings = training.experiment.training
    return {
        "preset": name,
        "dataset": dataset.title,
        "sample": dataset.sample,
        "images": len(training.train.labels),
        "test_images": len(training.test.labels),
        "batch_size": training.batch_size,
        "steps": STEPS,
        "precision": settings.precision,
        "deterministic": settings.deterministic,
        "keras": {
            "accuracy": expected.accuracy,
            "images_per_second": expected.images_per_second,
            "first_step_seconds": expected.first_step_seconds,
        },
        "programs": [asdict(check) for check in checks],
    }


def _kinds(experiment: Experiment, chosen: Device) -> list[str]:
    """Return the kinds of programs to check, first that of a run."""
    own = kind_for(experiment, chosen.is_gpu)
    return [own] if chosen.is_gpu else sorted((XLA, GRAPH), key=lambda kind: kind != own)


def starter(name: str, data_dir: Path | None) -> tuple[CheckedTraining, Dataset]:
    """Return the training of a built-in starter preset, with some of the images and a limited batch size."""
    experiment = load_preset(builtin_folder() / f"{name}.toml").experiment
    batch_size = min(experiment.training.batch_size, LARGEST_BATCH)
    experiment = with_part(experiment, "training", batch_size=batch_size)
    dataset = _dataset(experiment.dataset.name, data_dir)
    train, test = dataset.train_images[:TRAIN_IMAGES], dataset.test_images[:TEST_IMAGES]
    labels, test_labels = dataset.train_labels[:TRAIN_IMAGES], dataset.test_labels[:TEST_IMAGES]
    features = experiment.features
    if isinstance(features, HogFeatures):
        train, test = hog_batch(train, **features.settings), hog_batch(test, **features.settings)
    return CheckedTraining(experiment, Examples(train, labels), Examples(test, test_labels)), dataset


@lru_cache(1)
def _dataset(name: str, data_dir: Path | None) -> Dataset:
    """Return a dataset that is on this machine, else the bundled digits."""
    try:
        return load(name, data_dir, download=False)
    except MissingDataError:
        return load(SAMPLE)
    except DataError as error:
        raise RunError(str(error)) from None


class KerasLoop:
    """A training loop as one writes it with Keras: layers called one by one, a tape, Keras' loss and optimizer.

    It computes on the CPU, without compiled functions. Of the project's programs it uses only the dropout masks.
    """

    def __init__(self, training: CheckedTraining) -> None:
        self._training, self._began = training, time.perf_counter()
        with tf.device(KERAS_DEVICE):
            self.model, self.optimizer = models.build(training.experiment), models.optimizer(training.experiment)
            self.optimizer.build(self.model.trainable_variables)
        self._inputs = self._scaled(training.train)

    def run(self) -> KerasSteps:
        """Take STEPS steps and classify the test images."""
        training = self._training
        losses, states, times = list[float](), list[tuple[NDArray[Any], ...]](), list[float]()
        for number in range(STEPS):
            if number % STRETCH == 0:
                variables = (*self.model.variables, *self.optimizer.variables)
                states.append(tuple(np.array(variable.numpy()) for variable in variables))
            epoch, step = divmod(number, training.epoch_steps)
            began = time.perf_counter() if number else self._began
            places = training.order(epoch)[step * training.batch_size :][: training.batch_size]
            with tf.device(KERAS_DEVICE):
                losses.append(self._step(epoch, step, places))
            times.append(time.perf_counter() - began)
        images_per_second = training.batch_size / float(np.median(times))
        return KerasSteps(tuple(losses), tuple(states), self._accuracy(), images_per_second, times[0])

    def _step(self, epoch: int, step: int, places: NDArray[np.integer]) -> float:
        """Take a step on the images at these places; return the mean loss before it."""
        self.optimizer.learning_rate = self._training.experiment.learning_rate(epoch)
        with tf.GradientTape() as tape:
            values = self._inputs[places]
            for position, layer in enumerate(self.model.layers):
                if isinstance(layer, keras.layers.Dropout):
                    values = values * self._mask(position, layer.rate, epoch, step, tuple(values.shape))
                else:
                    values = layer(values, training=True)
            losses = keras.losses.sparse_categorical_crossentropy(self._training.train.labels[places], values)
            loss = tf.reduce_mean(losses)
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return float(loss)

    def _mask(self, position: int, rate: float, epoch: int, step: int, shape: tuple[int, ...]) -> Any:
        keys = layer_keys(self._training.experiment.training.seed, position, NOISE)
        kept = dropout_mask(keys, tf.constant(epoch, tf.uint32), tf.constant(step, tf.uint32), shape, rate)
        return tf.cast(kept, tf.float32) / (1 - rate)

    def _accuracy(self) -> float:
        inputs, labels = self._scaled(self._training.test), self._training.test.labels
        with tf.device(KERAS_DEVICE):
            blocks = (inputs[first : first + KERAS_BLOCK] for first in range(0, len(labels), KERAS_BLOCK))
            predicted = np.concatenate([self.model(block, training=False).numpy().argmax(axis=1) for block in blocks])
        return float((predicted == labels).mean())

    @staticmethod
    def _scaled(examples: Examples) -> NDArray[Any]:
        """Return the network's inputs: pixels in 0..1 with a channel, or features as they are."""
        features = examples.features
        return features[..., None].astype(np.float32) / np.float32(255) if features.dtype == np.uint8 else features


def check_program(
    training: CheckedTraining, kind: str, chosen: Device, expected: KerasSteps, meter: machine.LoadMeter
) -> ProgramCheck:
    """Compare a program's steps on the device with those of plain Keras.

    If they differ too much while TensorFloat-32 is on, which rounds the factors of products to 10 bits, they are
    compared once more without it.
    """
    check = _compared(training, kind, chosen, expected, meter)
    if check.agrees or not device.tf32(chosen):
        return check
    with _without_tf32():
        again = _compared(training, kind, chosen, expected, meter)
    return replace(check, agrees=again.agrees, without_tf32=again.loss_difference)


@contextmanager
def _without_tf32() -> Generator[None]:
    switch = tf.config.experimental.enable_tensor_float_32_execution
    switch(False)
    try:
        yield
    finally:
        switch(True)


def _compared(
    training: CheckedTraining, kind: str, chosen: Device, expected: KerasSteps, meter: machine.LoadMeter
) -> ProgramCheck:
    if chosen.is_gpu:
        tf.config.experimental.reset_memory_stats("GPU:0")  # TensorFlow's number for the only GPU that it sees
    experiment, began = training.experiment, time.perf_counter()
    network, examples = Network(experiment), Resident(training.train.features, training.train.labels)
    seed = experiment.training.seed
    program = network.program(kind, examples, batch_size=training.batch_size, seed=seed)
    program.begin_epoch(0, training.order(0), experiment.learning_rate(0))
    program.run(0, 1, Sums())
    first_step_seconds = time.perf_counter() - began
    losses = _losses(program, network, training, expected)
    loss_difference = float(np.abs(np.subtract(losses, expected.losses)).max())  # nan if one of them is nan
    test = Resident(training.test.features, training.test.labels)
    scorer = Scorer(network.model, test, max(int(np.prod(shape)) for shape in experiment.shapes()))
    accuracy = scorer.score_all(test, lambda _: None)[0].accuracy
    images_per_second = _speed(program, training.epoch_steps)
    load = meter.read()
    gpu = next((gpu for gpu in load.gpus if chosen.name == f"GPU:{gpu.index}"), None)
    close = abs(accuracy - expected.accuracy) <= ACCURACY_TOLERANCE
    return ProgramCheck(
        program=kind,
        of_run=kind == kind_for(experiment, chosen.is_gpu),
        agrees=loss_difference <= LOSS_TOLERANCE and close,
        loss_difference=finite(loss_difference),
        without_tf32=None,
        accuracy=accuracy,
        images_per_second=images_per_second,
        first_step_seconds=first_step_seconds,
        memory=tf.config.experimental.get_memory_info("GPU:0")["peak"] if chosen.is_gpu else load.worker_memory,
        gpu_utilization=gpu.utilization if gpu else None,
        gpu_power=gpu.power if gpu else None,
    )


def _losses(program: LoopProgram, network: Network, training: CheckedTraining, expected: KerasSteps) -> list[float]:
    """Return the mean loss of each step, with plain Keras' values at the beginning of each stretch."""
    losses = list[float]()
    for number in range(STEPS):
        epoch, step = divmod(number, training.epoch_steps)
        if number % STRETCH == 0:
            variables = (*network.model.variables, *network.optimizer.variables)
            for variable, value in zip(variables, expected.states[number // STRETCH], strict=True):
                variable.assign(value)
        if number % STRETCH == 0 or step == 0:
            program.begin_epoch(epoch, training.order(epoch), training.experiment.learning_rate(epoch))
        sums = program.run(step, step + 1, Sums())
        losses.append(sums.loss / sums.images)
    return losses


def _speed(program: LoopProgram, epoch_steps: int) -> float:
    """Return the images a second of a program that takes several steps in one call, as in a run."""
    began, images, first, chunk = time.perf_counter(), 0, 0, 1
    while (now := time.perf_counter()) < began + SPEED_SECONDS:
        last = min(first + chunk, epoch_steps)
        images += program.run(first, last, Sums()).images
        if time.perf_counter() - now < CHUNK_SECONDS:
            chunk = min(2 * chunk, epoch_steps)
        first = last % epoch_steps
    return images / (now - began)
