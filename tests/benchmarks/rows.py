"""The networks that the engine is measured on, and what it must reach there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

from mnist_tui.experiment.augmentation import Augmentation
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment, from_mapping, revalidated

EPOCHS = 1_000_000
"""More than a benchmark asks for: it ends the training, not the experiment."""
HEAVY_LIMIT = 20_050
"""Training images of the heavy networks, so that an epoch stays affordable; the last batch is a partial one."""


@dataclass(frozen=True)
class Row:
    """A network and a batch size.

    Attributes:
        name: what `--rows` takes.
        floor: least ratio to bare Keras `fit`.
        peer_floor: least ratio to JAX or PyTorch, where one is a peer.
        starter: whether evaluation and checkpoints have a most share, too.
    """

    name: str
    title: str
    experiment: Experiment
    floor: float
    peer_floor: float | None = None
    starter: bool = False


def rows() -> tuple[Row, ...]:
    """All of them, in the order of the table."""
    return (
        Row("raw128", "784-250(tanh, dropout)-10 RMSprop, 128", _starter("raw", batch_size=128), 3.5, 1.0),
        Row("raw", "the same, 4,096 (starter raw)", _starter("raw"), 1.5, 0.9, starter=True),
        Row("relu32", "784-512(relu, dropout)-10 Adam, 32", _wide(), 4.0, 1.0),
        Row("hog", "HOG 392-200(sigmoid, dropout)-10, 512 (starter hog)", _starter("hog"), 2.0, 1.0, starter=True),
        Row("cnn", "CNN 9/9/16 RMSprop, 256 (starter cnn)", _starter("cnn"), 1.4, 1.4, starter=True),
        Row("augmented", "the same with shift, rotation and zoom of the images", _augmented(), 1.3),
        Row("normalised", f"CNN 16-32-64 with BN, Adam, 128 ({HEAVY_LIMIT:,} images)", _normalised(), 1.05),
        Row("residual", f"two residual blocks of 16 filters, Adam, 128 ({HEAVY_LIMIT:,} images)", _residual(), 1.05),
        Row("fashion", "Fashion CNN 9-100, 4,096 (starter fashion)", _starter("fashion"), 1.8, 1.0, starter=True),
        Row("textbook", "CNN 32-64 of keras.io, Adam, 128", _textbook(), 1.3, 1.0),
        Row("cnn128", f"CNN 32-64-128 Adam, 128 ({HEAVY_LIMIT:,} images)", _convolutions(), 1.5, 1.0),
        Row("deep", f"2048-1024-256-128-64 BN, dropout, Adam, 100 ({HEAVY_LIMIT:,} images)", _deep(), 1.1),
    )


def _starter(name: str, **training: Any) -> Experiment:
    experiment = find_preset(name).experiment
    steps = experiment.training.model_copy(update={"epochs": EPOCHS, **training})
    return revalidated(experiment.model_copy(update={"training": steps}))


def _augmented() -> Experiment:
    settings = Augmentation(shift=2, rotation=10, zoom=0.1)
    return revalidated(_starter("cnn").model_copy(update={"augmentation": settings}))


def _normalised() -> Experiment:
    blocks = [
        [
            {"kind": "conv2d", "filters": count, "kernel_size": 3},
            {"kind": "batch_normalization"},
            {"kind": "max_pooling2d"},
        ]
        for count in (16, 32)
    ]
    return _of([*chain(*blocks), {"kind": "flatten"}, _dense(64)], batch_size=128, limit=HEAVY_LIMIT)


def _residual() -> Experiment:
    convolution = {"kind": "conv2d", "filters": 16, "kernel_size": 3, "padding": "same"}
    block = {"kind": "residual", "layers": [convolution, {"kind": "batch_normalization"}, convolution]}
    pooled = {"kind": "max_pooling2d"}
    return _of([convolution, pooled, block, pooled, block, {"kind": "global_average_pooling2d"}], 128, HEAVY_LIMIT)


def _wide() -> Experiment:
    return _of([{"kind": "flatten"}, _dense(512), _dropout()], batch_size=32)


def _textbook() -> Experiment:
    pooled = {"kind": "max_pooling2d"}
    filters = [{"kind": "conv2d", "filters": count, "kernel_size": 3} for count in (32, 64)]
    return _of([filters[0], pooled, filters[1], pooled, {"kind": "flatten"}, _dropout()], batch_size=128)


def _convolutions() -> Experiment:
    filters = [{"kind": "conv2d", "filters": count, "kernel_size": 3} for count in (32, 64)]
    pooled = [{"kind": "max_pooling2d"}, _dropout(0.25), {"kind": "flatten"}]
    return _of([*filters, *pooled, _dense(128), _dropout()], batch_size=128, limit=HEAVY_LIMIT)


def _deep() -> Experiment:
    layers: list[dict[str, Any]] = [{"kind": "flatten"}]
    for units, deviation in ((2048, 0.05), (1024, 0.031), (256, 0.044), (128, 0.088), (64, 0.125)):
        initializer = {"name": "random_normal", "stddev": deviation}
        layers += [_dense(units, kernel_initializer=initializer), {"kind": "batch_normalization"}, _dropout()]
    return _of(layers, batch_size=100, limit=HEAVY_LIMIT)


def _of(layers: list[dict[str, Any]], batch_size: int, limit: int | None = None) -> Experiment:
    dataset = {"name": "mnist", **({"limit": limit} if limit else {})}
    training = {"batch_size": batch_size, "epochs": EPOCHS}
    return from_mapping({"dataset": dataset, "layers": layers, "optimizer": {"name": "adam"}, "training": training})


def _dense(units: int, **initializers: Any) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": "relu", **initializers}


def _dropout(rate: float = 0.5) -> dict[str, Any]:
    return {"kind": "dropout", "rate": rate}
