"""Measurements during a training that do not change it: predictions epoch by epoch, and the weights' distributions.

All measurements together may take 2 % of the training's time, which limits their number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.runs import epoch_predictions
from mnist_tui.runs.events import Distribution, EpochEnded, LayerWeights, Warned, WeightsSeen
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training.backend import keras, tf
from mnist_tui.training.checkpoint import Position
from mnist_tui.training.device import Resident
from mnist_tui.training.models import each_output, with_sources
from mnist_tui.training.reporter import Reporter

BINS = 32


def is_reported(epoch: int) -> bool:
    """Return whether the weights after an epoch are reported: every epoch up to 20, then at growing intervals."""
    reported = 0
    while reported < epoch:
        reported += max(1, reported // 10)
    return reported == epoch


def layers_of(model: Any, dead: dict[str, float]) -> tuple[LayerWeights, ...]:
    """Return the distribution of each layer's weights and biases; a normalisation's are its scale and offset.

    Args:
        model: a Keras model.
        dead: the result of `DeadUnits.shares`.
    """
    layers: list[LayerWeights] = []
    sound = True
    for layer in model.layers:
        if not layer.weights:
            continue
        normalises = isinstance(layer, (keras.layers.BatchNormalization, keras.layers.LayerNormalization))
        kernels, vectors = ([layer.gamma], [layer.beta]) if normalises else _kernels_and_biases(layer)
        weights, biases = (
            distribution(np.concatenate([each.numpy().ravel() for each in parameters])) if parameters else None
            for parameters in (kernels, vectors)
        )
        # TensorFlow's fused kernels turn a relu's NaN into 0, so from here on zeros do not mean dead units
        sound = sound and weights is not None and (biases is not None or not vectors)
        share = dead.get(layer.name) if sound else None
        layers.append(LayerWeights(name=layer.name, weights=weights, biases=biases, dead=share))
    return tuple(layers)


def _kernels_and_biases(layer: Any) -> tuple[list[Any], list[Any]]:
    biases = [weight for weight in layer.weights if weight.name == "bias"]
    return [weight for weight in layer.weights if weight.name != "bias"], biases


def distribution(values: NDArray[Any]) -> Distribution | None:
    """Return the histogram of an array's values over BINS bins; None if a value is not finite.

    If all values are equal, the width is 0 and they are counted in the middle bin, as `numpy.histogram` does.
    """
    flat = values.ravel().astype(np.float64)
    low, high = float(flat.min()), float(flat.max())
    if not np.isfinite((low, high)).all():
        return None
    counts, _ = np.histogram(flat, BINS, (low, high))
    return Distribution(
        low=low, high=high, counts=tuple(counts.tolist()), mean=float(flat.mean()), deviation=float(flat.std())
    )


class DeadUnits:
    """A search for the units of a model's relu layers that are 0 everywhere in all of some images.

    Args:
        model: a Keras model.
        block: the number of images that are computed together.
    """

    def __init__(self, model: Any, images: Resident, block: int) -> None:
        self._layers, self._images, self._block = with_sources(model), images, block
        activations = {layer.name: getattr(layer, "activation", None) for layer in model.layers if layer.weights}
        self._relu = [name for name, function in activations.items() if getattr(function, "__name__", "") == "relu"]
        if self._relu:
            self._outputs = tf.function(self._active_units, autograph=False).get_concrete_function(images.row_spec)

    def shares(self) -> dict[str, float]:
        """Return the share of dead units (neurons or filters) of each relu layer, by the layer's name."""
        if not self._relu:
            return {}
        rows, block = self._images.rows, self._block
        blocks = [self._outputs(rows[first : first + block]) for first in range(0, self._images.count, block)]
        return {
            name: float(1 - np.any([each.numpy() for each in active], axis=0).mean())
            for name, *active in zip(self._relu, *blocks, strict=True)
        }

    def _active_units(self, rows: Any) -> list[Any]:
        """Return for each relu layer whether each unit is not 0 for some image."""
        outputs = each_output(self._layers, self._images.inputs(rows), training=False)
        return [
            tf.reduce_any(values != 0, axis=range(len(values.shape) - 1))
            for (layer, _), values in zip(self._layers, outputs, strict=True)
            if layer.name in self._relu
        ]


MOST_SHARE, FREE_SECONDS = 0.02, 1.0
"""The largest share of the training's time for the measurements, and some seconds that they may take in any case."""
DEAD_UNIT_IMAGES = 1000
"""The number of validation images that decide which units are dead."""
PLAIN_IMAGES, PLAIN_PART = 5000, 38
"""The most images for the plain loss, and the least ratio of an epoch's forward passes to those of the plain loss; a
pass costs more alone than in a step."""


def spread(count: int, total: int) -> NDArray[np.integer]:
    """Return the indices of `count` rows of `total`, in order and always the same; all if there are fewer.

    Each index is random within one of `count` equal parts, because data may be sorted, and MNIST's training images
    alternate between two groups of writers, one of which is twice as hard.
    """
    count = min(count, total)
    bounds = np.arange(count + 1) * total // count
    return bounds[:-1] + (np.random.Generator(np.random.PCG64(0)).random(count) * np.diff(bounds)).astype(np.int64)


def plain_count(train: int, validation: int) -> int:
    """Return the number of training images for the plain loss, so that it takes at most 5 % of an epoch.

    A training step costs about three forward passes for each image, validation one.
    """
    return min(train, PLAIN_IMAGES, max(1, (3 * train + validation) // PLAIN_PART))


class Measures:
    """The measurements of one run, which are written and reported.

    Args:
        folder: the run's folder, whose lock the caller holds.
        model: a Keras model.
        images: some validation images, to find dead units.
        block: the number of images that are computed together.
    """

    def __init__(self, folder: RunFolder, reporter: Reporter, model: Any, images: Resident, block: int) -> None:
        self._file, self._reporter = folder.predicted_file, reporter
        self._model, self._dead = model, DeadUnits(model, images, block)
        self._trained = self._spent = 0.0
        self._reported = -1
        self._waiting: tuple[int, NDArray[Any]] | None = None
        self._writable = True

    def begin(self, position: Position) -> None:
        """Start to measure at a position, and delete later predictions of an earlier session."""
        self._write(lambda: epoch_predictions.continue_after(self._file, position.epoch))
        if (position.epoch, position.step) == (0, 0):
            self._report(0)

    def predicted(self, ended: EpochEnded, blocks: Sequence[Any]) -> None:
        """Write an epoch's predictions if they are to be kept, before the epoch's event is written.

        Args:
            blocks: the probabilities of the validation images, in order: tensors ``(rows, classes)``.
        """
        self._trained += ended.seconds
        with self._timed():
            self._waiting = ended.epoch, np.concatenate([block.numpy() for block in blocks])
            if epoch_predictions.is_kept(ended.epoch) and self._affordable:
                self._keep()

    def weights(self, epoch: int) -> None:
        """Report the weights after an epoch if they are to be reported, after the epoch's event is written."""
        if is_reported(epoch) and self._affordable:
            self._report(epoch)

    def catch_up(self, position: Position) -> None:
        """Write and report the newest epoch in any case, because training pauses or ends at `position`."""
        with self._timed():
            self._keep()
        if position.step == 0 and position.epoch != self._reported:
            self._report(position.epoch)

    @property
    def _affordable(self) -> bool:
        return self._spent <= FREE_SECONDS + MOST_SHARE * self._trained

    def _keep(self) -> None:
        if self._waiting is not None:
            epoch, probabilities = self._waiting
            self._write(lambda: epoch_predictions.append(self._file, epoch, probabilities))
            self._waiting = None

    def _report(self, epoch: int) -> None:
        with self._timed():
            layers = layers_of(self._model, self._dead.shares())
            self._reporter.emit(WeightsSeen(epoch=epoch, layers=layers))
            self._reported = epoch

    def _write(self, write: Callable[[], None]) -> None:
        """Call `write`; after an error warn and write no more, because it must not end the training."""
        if not self._writable:
            return
        try:
            write()
        except OSError as error:
            self._writable = False
            why = error.strerror or str(error)
            text = f"the predictions on the validation images cannot be written ({why}); training goes on without them"
            self._reporter.emit(Warned(text=text))

    @contextmanager
    def _timed(self) -> Generator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._spent += time.perf_counter() - began
