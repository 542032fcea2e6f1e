"""Where a training stands, as values: what a checkpoint keeps. No TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Position:
    """Whole epochs, steps of the next one, and what these steps have added up.

    Attributes:
        loss: summed over the epoch's images so far. correct, images: their numbers.
        seconds: spent in the epoch begun, pauses left out.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    correct: int = 0
    images: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class BestSoFar:
    """Early stopping's memory.

    Attributes:
        epoch: the best, from 1. value: the monitored value there. waited: epochs since without improvement.
        weights: in the model's order; empty where they are not to be restored.
    """

    epoch: int
    value: float
    waited: int = 0
    weights: Arrays = ()


@dataclass(frozen=True)
class Spent:
    """Seconds of all sessions up to a snapshot: of training, pauses left out, and altogether."""

    train: float = 0.0
    total: float = 0.0


@dataclass(frozen=True)
class TrainingSnapshot:
    """All of a training that must be kept to go on with it as if it had never stopped.

    The order of the images and the learning rates of the epochs to come follow from the experiment alone.

    Attributes:
        model: every variable, seeds' states included, in the model's order. optimizer: likewise.
        learning_rate: of the epoch begun; of the one before where none is.
        best: None without early stopping or before the first epoch's end.
        best_epoch, best_loss: the lowest validation loss so far; 0 and None before there is one.
        spent: what it took to get here.
    """

    position: Position
    model: Arrays
    model_names: tuple[str, ...]
    optimizer: Arrays
    optimizer_names: tuple[str, ...]
    learning_rate: float
    best: BestSoFar | None = None
    best_epoch: int = 0
    best_loss: float | None = None
    spent: Spent = Spent()
