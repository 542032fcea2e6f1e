"""Events for tests, which name only the values that they are about."""

from __future__ import annotations

from typing import Any

from mnist_tui.runs.events import DataReady, EpochEnded, Progress

MATRIX = tuple(tuple(95 if row == column else 1 for column in range(10)) for row in range(10))


def epoch(number: int = 1, **values: Any) -> EpochEnded:
    """The end of an epoch."""
    usual: dict[str, Any] = {
        "time": 2.0,
        "loss": 0.1,
        "accuracy": 0.9,
        "val_loss": 0.2,
        "val_accuracy": 0.8,
        "learning_rate": 1e-3,
        "seconds": 1.5,
        "images_per_second": 4e4,
        "confusion": MATRIX,
    }
    return EpochEnded(epoch=number, **{**usual, **values})


def progress(step: int = 1, **values: Any) -> Progress:
    """A moment inside the first epoch."""
    usual: dict[str, Any] = {
        "time": 1.0,
        "epoch": 1,
        "steps": 9,
        "images_per_second": 1e4,
        "loss": 0.5,
        "accuracy": 0.9,
    }
    return Progress(step=step, **{**usual, **values})


def data_ready(**values: Any) -> DataReady:
    """MNIST, its test set as validation data."""
    usual: dict[str, Any] = {
        "name": "mnist",
        "title": "MNIST",
        "class_names": tuple("0123456789"),
        "sha256": {},
        "source": "a folder",
        "sample": False,
        "verified": True,
        "train": 60_000,
        "validation": 0,
        "test": 10_000,
        "inputs": 784,
    }
    return DataReady(**{**usual, **values})
