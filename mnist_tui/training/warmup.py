"""What a worker on standby does ahead, so that a run need not: the slow first times of TensorFlow and Keras."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from mnist_tui.experiment.layers import Dense, Dropout, Flatten
from mnist_tui.experiment.spec import Experiment
from mnist_tui.training import device, models
from mnist_tui.training.program import GRAPH, XLA, LoopProgram, Sums
from mnist_tui.training.resident import Resident
from mnist_tui.training.scorer import Scorer


def warm() -> None:
    """Imports all that a run imports, and trains a tiny network for a step.

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
    for _ in Scorer(model, examples, 784).blocks(examples):
        pass
