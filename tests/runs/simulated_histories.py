"""Histories of trainings that are drawn from models of learning, each named by what was simulated.

Losses follow a law of learning (exponential or a power of the epoch) down to a floor, with noise that is correlated
from one epoch to the next, as that of Keras' runs is. With dropout the training loss lies above the validation loss.
Nothing here knows the thresholds of the rules of the diagnosis.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

from mnist_tui.experiment.layers import Dense, Dropout, Flatten
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment, with_part
from mnist_tui.runs.state import EpochRow, RunState

Simulation = Literal["converged", "improving", "overfitting", "stopped", "diverged"]
RAW = find_preset("raw").experiment


@dataclass(frozen=True)
class Simulated:
    """A run, its experiment, and the name of what was simulated."""

    name: Simulation
    run: RunState
    experiment: Experiment


def simulate(name: Simulation, seed: int) -> Simulated:
    """Return a history of the kind `name`."""
    rng = random.Random(f"{name} {seed}")
    dropout = rng.random() < 0.5
    rate = 10 ** rng.uniform(-4, -2)
    rates = (lambda share: rate) if rng.random() < 0.6 else (lambda share: rate * (1 - 0.7 * share))
    match name:
        case "converged":
            epochs = rng.randint(15, 150)
            values = _learning(rng, epochs, pace=epochs / rng.uniform(10, 25))
        case "improving":
            epochs = rng.randint(3, 100)
            values = _learning(rng, epochs, pace=epochs / rng.uniform(0.6, 2.5))
        case "overfitting":
            epochs = rng.randint(20, 150)
            values = _learning(rng, epochs, pace=epochs / rng.uniform(10, 25))
            low, rise = round(epochs * rng.uniform(0.2, 0.5)), rng.uniform(0.15, 1.5)
            values = [v * (1 + rise * max(0, at - low) / (epochs - low)) for at, v in enumerate(values)]
        case "stopped":
            epochs = rng.randint(1, 100)
            values = _learning(rng, epochs, pace=epochs / rng.uniform(0.6, 25))
        case "diverged":
            epochs = rng.randint(1, 60)
            values = _learning(rng, epochs, pace=epochs / rng.uniform(0.6, 25))
    if name == "overfitting":
        learnt = epochs / rng.uniform(1, 4)
        losses = [values[0] * math.exp(-at / learnt) + 1e-3 for at in range(epochs)]
    else:
        share = rng.uniform(1.05, 2.0) if dropout else rng.uniform(0.5, 1.0)
        losses = [value * share for value in values]
    noise = rng.uniform(0.002, 0.03)
    losses, values = _noisy(rng, losses, noise / 3), _noisy(rng, values, noise)
    rows: list[EpochRow] = []
    for at, (loss, value) in enumerate(zip(losses, values, strict=True)):
        lost = name == "diverged" and at == epochs - 1
        accuracy = min(0.999, max(0.1, 1 - 0.3 * value + rng.gauss(0, 0.001)))
        own, val = (None, None) if lost else (loss, value)
        rows.append(EpochRow(at + 1, own, accuracy, val, accuracy, rates(at / epochs), 1.0, 6e4))
    state = {"stopped": "stopped", "diverged": "diverged"}.get(name, rng.choice(["running", "finished"]))
    unended = name in ("stopped", "diverged") or state == "running"
    planned = epochs + rng.randint(1, 100) if unended else epochs
    run = RunState(run="r", state=state, epochs=planned, history=tuple(rows))
    layers = (Flatten(), Dense(units=100), *([Dropout(rate=0.3)] if dropout else []))
    experiment = with_part(RAW.model_copy(update={"layers": layers}), "optimizer", learning_rate=rate)
    return Simulated(name, run, experiment)


def _learning(rng: random.Random, epochs: int, *, pace: float) -> list[float]:
    """Return a loss after each epoch that falls from a start to a floor, by a factor of e within `pace` epochs.

    Some curves also have a second, quicker part, as most losses fall steeply at first.
    """
    floor, start = rng.uniform(0.02, 0.3), rng.uniform(0.4, 1.6)
    quick = rng.choice((0.0, rng.uniform(0.2, 1.0)))
    return [floor + start * math.exp(-at / pace) + quick * math.exp(-3 * at / pace) for at in range(epochs)]


def _noisy(rng: random.Random, values: list[float], share: float) -> list[float]:
    """Return the values with relative noise of the standard deviation `share`, correlated from epoch to epoch."""
    correlation, error, noisy = rng.uniform(0, 0.5), 0.0, list[float]()
    for value in values:
        error = correlation * error + (1 - correlation**2) ** 0.5 * rng.gauss(0, share)
        noisy.append(value * (1 + error))
    return noisy
