"""What is measured beside a training and changes nothing in it: predictions epoch by epoch, and the weights' spread.

How often is a matter of time: all of it together may take a fiftieth of the training's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.runs import epoch_predictions
from mnist_tui.runs.events import EpochEnded, Warned, WeightsSeen
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training.reporter import Reporter
from mnist_tui.training.resident import Resident
from mnist_tui.training.snapshot import Position
from mnist_tui.training.weights_seen import DeadUnits, is_told, layers_of

MOST_SHARE = 0.02
"""Of the training's time."""
FREE_SECONDS = 1.0
"""That may be spent in any case, so that a training of moments is seen too."""
LOOKED_AT = 1000
"""Validation images that decide which units are dead."""
PLAIN_IMAGES = 5000
PLAIN_PART = 38
"""An epoch's work, in forward passes, over that of the plain loss; a pass costs more alone than in a step."""


def spread(count: int, total: int) -> NDArray[np.integer]:
    """The indices of `count` of `total` rows, in order, always the same; all where there are no more.

    One is drawn from each of `count` equal parts: data may be sorted, and MNIST's training images come from two groups
    of writers in turn, of which one is twice as hard.
    """
    count = min(count, total)
    bounds = np.arange(count + 1) * total // count
    return bounds[:-1] + (np.random.Generator(np.random.PCG64(0)).random(count) * np.diff(bounds)).astype(np.int64)


def plain_count(train: int, validation: int) -> int:
    """Training images that the plain loss is measured on, so that it takes at most 5 % of an epoch of so many images.

    A training step costs about three forward passes an image, validation one.
    """
    return min(train, PLAIN_IMAGES, max(1, (3 * train + validation) // PLAIN_PART))


class Measures:
    """One run's measurements.

    Args:
        folder: the run's, whose lock the caller holds.
        reporter: told of the weights, and of a file that cannot be written.
        model: Keras' own.
        images: some validation images, for dead units. block: how many of them are looked at together.
    """

    def __init__(self, folder: RunFolder, reporter: Reporter, model: Any, images: Resident, block: int) -> None:
        self._file, self._reporter = folder.predicted_file, reporter
        self._model, self._dead = model, DeadUnits(model, images, block)
        self._trained = self._spent = 0.0
        self._told = -1
        self._waiting: tuple[int, NDArray[Any]] | None = None
        self._writable = True

    def begin(self, position: Position) -> None:
        """Takes up a training at `position`; what an earlier session measured beyond is dropped."""
        self._write(lambda: epoch_predictions.go_on_after(self._file, position.epoch))
        if (position.epoch, position.step) == (0, 0):
            self._tell(0)

    def predicted(self, ended: EpochEnded, blocks: Sequence[Any]) -> None:
        """Keeps an epoch's predictions, if it is one that is kept. Before the epoch is told of.

        Args:
            blocks: probabilities of the validation images, in order: tensors ``(rows, 10)``.
        """
        self._trained += ended.seconds
        with self._timed():
            self._waiting = ended.epoch, np.concatenate([block.numpy() for block in blocks])
            if epoch_predictions.is_kept(ended.epoch) and self._affordable:
                self._keep()

    def weights(self, epoch: int) -> None:
        """Tells of the weights after an epoch, if it is one that is told of. Once the epoch itself has been."""
        if is_told(epoch) and self._affordable:
            self._tell(epoch)

    def catch_up(self, position: Position) -> None:
        """Keeps and tells of the newest epoch whatever it is: training pauses or ends at `position`."""
        with self._timed():
            self._keep()
        if position.step == 0 and position.epoch != self._told:
            self._tell(position.epoch)

    @property
    def _affordable(self) -> bool:
        return self._spent <= FREE_SECONDS + MOST_SHARE * self._trained

    def _keep(self) -> None:
        if self._waiting is not None:
            epoch, probabilities = self._waiting
            self._write(lambda: epoch_predictions.append(self._file, epoch, probabilities))
            self._waiting = None

    def _tell(self, epoch: int) -> None:
        with self._timed():
            layers = layers_of(self._model, self._dead.shares())
            self._reporter.emit(WeightsSeen(epoch=epoch, layers=layers))
            self._told = epoch

    def _write(self, write: Callable[[], None]) -> None:
        """Predictions that cannot be written are no reason to end a training."""
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
