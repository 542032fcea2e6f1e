"""Networks ready to be trained: model, optimizer and compiled programs, which a process uses again in later runs.

XLA takes half a second and more to compile a program, and TensorFlow never frees one (8 MB for a dense network). A
process that trains run after run therefore trains networks that differ in nothing that is compiled, seed, initial
weights and learning rate, in the same variables by the same programs.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.layers import Dense, Dropout, Flatten
from mnist_tui.experiment.spec import Experiment
from mnist_tui.training import device, models
from mnist_tui.training.device import Resident
from mnist_tui.training.evaluation import Scorer
from mnist_tui.training.inputs import DatasetCache
from mnist_tui.training.program import GRAPH, XLA, LoopProgram, Sums

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
