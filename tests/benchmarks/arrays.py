"""An experiment's data as a notebook has them: float32 arrays; and a stand-in where the real images are not here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.datasets import load
from mnist_tui.data.errors import DataError
from mnist_tui.data.hog import hog_batch
from mnist_tui.data.idx import idx_header
from mnist_tui.data.known import FILE_NAMES, Part
from mnist_tui.experiment.spec import Experiment, HogFeatures

TRAIN_IMAGES, TEST_IMAGES = 60_000, 10_000


@dataclass(frozen=True)
class Arrays:
    """Features float32, ``(n, 28, 28, 1)`` in 0..1 or ``(n, length)``; labels int32 ``(n,)``."""

    train: NDArray[np.float32]
    labels: NDArray[np.int32]
    test: NDArray[np.float32]
    test_labels: NDArray[np.int32]


def arrays(experiment: Experiment) -> Arrays:
    """The training images (the first of them, where the experiment has a limit) and the test images.

    Raises:
        DataError: the dataset is not on this machine.
    """
    dataset = load(experiment.dataset.name, download=False)
    limit = experiment.dataset.limit
    return Arrays(
        _features(experiment, dataset.train_images[:limit]),
        dataset.train_labels[:limit].astype(np.int32),
        _features(experiment, dataset.test_images),
        dataset.test_labels.astype(np.int32),
    )


def _features(experiment: Experiment, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    spec: Any = experiment.features
    if isinstance(spec, HogFeatures):
        return hog_batch(
            images,
            orientations=spec.orientations,
            pixels_per_cell=spec.pixels_per_cell,
            cells_per_block=spec.cells_per_block,
        ).astype(np.float32, copy=False)
    pixels = images.astype(np.float32)[..., np.newaxis]
    pixels /= 255
    return pixels


def with_data(experiment: Experiment, folder: Path) -> tuple[Experiment, str]:
    """The experiment on data that are here, and the data's name.

    Args:
        folder: where the bundled digits, repeated to MNIST's numbers, are written if they have to stand in.
    """
    try:
        return experiment, load(experiment.dataset.name, download=False).title
    except DataError:
        pass
    place = folder / "digits-repeated"
    if not place.exists():
        _repeat_digits(place)
    dataset = experiment.dataset.model_copy(update={"name": str(place)})
    return experiment.model_copy(update={"dataset": dataset}), "bundled digits, repeated"


def _repeat_digits(place: Path) -> None:
    digits = load("digits")
    place.mkdir()
    parts: dict[Part, NDArray[np.uint8]] = {
        "train_images": np.resize(digits.train_images, (TRAIN_IMAGES, 28, 28)),
        "train_labels": np.resize(digits.train_labels, TRAIN_IMAGES),
        "test_images": np.resize(digits.test_images, (TEST_IMAGES, 28, 28)),
        "test_labels": np.resize(digits.test_labels, TEST_IMAGES),
    }
    for part, values in parts.items():
        (place / FILE_NAMES[part]).write_bytes(idx_header(values) + values.tobytes())
