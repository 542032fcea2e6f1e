"""The learning rate and the order of the images of an epoch, as formulas. No TensorFlow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.spec import Experiment


def learning_rate(experiment: Experiment, epoch: int) -> float:
    """Return the learning rate of an epoch (counted from 0), as the experiment's schedule has it."""
    assert not isinstance(experiment.optimizer, Ridge), "a closed form has no learning rate"
    training = experiment.training
    return training.schedule.rate_of(experiment.optimizer.learning_rate, epoch, training.epochs)


def order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Return the order in which an epoch visits the training images: a permutation of ``range(count)``.

    It depends on seed and epoch (from 0) alone, not on what was drawn before (Philox; Salmon et al., 2011): a resumed
    training sees the same batches.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
    return generator.permutation(count).astype(np.int64, copy=False)


def steps_of(count: int, batch_size: int) -> int:
    """Return the number of steps of an epoch; the last step takes the images that are left."""
    return -(-count // batch_size)
