"""The validation and test images of a run with their true classes, found again by the checksums that it recorded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_tui.data.catalogue import Part
from mnist_tui.data.errors import DataError
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.corruptions import parse
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.predictions import read_predictions
from mnist_tui.runs.worker_jobs import data_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their true classes.

    Attributes:
        what: a name for all images, such as ``MNIST test images``.
        pixels: uint8 ``(m, height, width)``, or ``(m, height, width, 3)`` for colour images.
        labels: uint8 ``(n,)``, the true classes.
        numbers: int64 ``(n,)``, each image's number in the dataset's file, from 1.
        rows: int64 ``(n,)``, each image's index in `pixels`, -1 for a missing image; None if all are there, in order.
        photographs: whether grey images are photographs, which are drawn from black to white, and not strokes on black.
    """

    what: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    rows: NDArray[np.int64] | None = None
    photographs: bool = False

    def picture(self, index: int) -> NDArray[np.uint8] | None:
        """Return an image; None if it is missing."""
        row = index if self.rows is None else int(self.rows[index])
        return None if row < 0 else self.pixels[row]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of each image in pixels."""
        return self.pixels.shape[1], self.pixels.shape[2]


@dataclass(frozen=True)
class WrongImage:
    """An image of the final evaluation that the network classifies wrongly.

    Attributes:
        number: its number in the dataset's file, from 1.
        true, predicted: the numbers of the classes.
        probability: the probability of the predicted class, 0 to 1.
    """

    number: int
    true: int
    predicted: int
    probability: float


def wrong_images(folder: RunFolder, data_dir: Path | None = None) -> list[WrongImage]:
    """Return the misclassified images of a run's final evaluation, the most certain prediction first.

    The data are read only for a fold of a cross-validation, whose images are not all those of their file.

    Args:
        data_dir: as for `validation_images`.

    Raises:
        RunError: the run has no final predictions.
        DataError: the images of a fold cannot be found any more.
    """
    data, found = data_of(folder), read_predictions(folder.predictions_file)
    if data is None or found is None:
        raise RunError(f"run {folder.id} has no predictions for the test images: it is {folder.state()}")
    is_fold = folder.preset().experiment.dataset.fold is not None
    numbers = test_images(folder, data, data_dir).numbers if is_fold else range(1, len(found.labels) + 1)
    predicted, sure = found.probabilities.argmax(axis=1), found.probabilities.max(axis=1)
    wrong = (
        WrongImage(int(numbers[at]), int(found.labels[at]), int(predicted[at]), float(sure[at]))
        for at in (predicted != found.labels).nonzero()[0]
    )
    return sorted(wrong, key=lambda image: -image.probability)


def validation_images(folder: RunFolder, data: DataReady, data_dir: Path | None = None) -> Images:
    """Return the validation images of a run, in the order of its predictions.

    Args:
        data: the facts that the run recorded about its data.
        data_dir: the data folder to search after the run's own; None for the usual places.

    Raises:
        DataError: The images cannot be found any more, or other images than those recorded were found.
    """
    if not data.validation:
        return test_images(folder, data, data_dir)
    import numpy as np

    from mnist_tui.data.datasets import validation_split

    experiment = _experiment(folder)
    limit, share = experiment.dataset.limit, experiment.dataset.validation
    if share == "own":
        parts = ("validation_images", "validation_labels")
        pixels, labels = _read_parts(experiment, folder, data, data_dir, parts)
        return Images(f"{data.title} validation images", pixels, labels, np.arange(1, len(labels) + 1))
    pixels, labels = _read_parts(experiment, folder, data, data_dir, ("train_images", "train_labels"))
    held_out = None
    if isinstance(share, float):
        with suppress(ValueError):
            _, held_out = validation_split(len(labels[:limit]), share, experiment.training.seed)
    if held_out is None or len(held_out) != data.validation:
        raise DataError(f"experiment.toml of {folder.id} does not say which training images were held out")
    return Images(f"held-out {data.title} training images", pixels[held_out], labels[held_out], held_out + 1)


def test_images(folder: RunFolder, data: DataReady, data_dir: Path | None = None) -> Images:
    """Return the images of a run's final evaluation; arguments and errors are those of `validation_images`.

    They are the test images, or in a cross-validation the training images of the fold that is held out.
    """
    import numpy as np

    from mnist_tui.data.corruptions import corrupted
    from mnist_tui.data.datasets import fold_split

    experiment = _experiment(folder)
    if (fold := experiment.dataset.fold) is not None:
        parts = ("train_images", "train_labels")
        pixels, labels = _read_parts(experiment, folder, data, data_dir, parts)
        _, held_out = fold_split(labels[: experiment.dataset.limit], fold.number, fold.of, experiment.training.seed)
        if len(held_out) != data.test:
            raise DataError(f"experiment.toml of {folder.id} does not say which training images were held out")
        return Images(f"{data.title} {data.evaluated}", pixels[held_out], labels[held_out], held_out + 1)
    pixels, labels = _read_parts(experiment, folder, data, data_dir, ("test_images", "test_labels"))
    if corrupt := _corruption(folder):
        pixels = corrupted(pixels, parse(corrupt))
    return Images(f"{data.title} test images", pixels, labels, np.arange(1, len(labels) + 1))


def _corruption(folder: RunFolder) -> str:
    """Return the corruption of a run's test images; empty for none."""
    try:
        origin = folder.origin
    except RequestError as error:
        raise DataError(str(error)) from None
    return origin.corrupt if origin is not None else ""


def are_photographs(folder: RunFolder) -> bool:
    """Return whether a run's images are photographs, and not light strokes on black."""
    from mnist_tui.data.pictures import reading_of

    with suppress(DataError):
        experiment = _experiment(folder)
        return reading_of(experiment.image_shape, experiment.dataset.name) != "strokes"
    return False


def _experiment(folder: RunFolder) -> Experiment:
    try:
        return folder.preset().experiment
    except RequestError as error:
        raise DataError(str(error)) from None


def _read_parts(
    experiment: Experiment, folder: RunFolder, data: DataReady, data_dir: Path | None, parts: tuple[Part, Part]
) -> list[NDArray[np.uint8]]:
    from mnist_tui.data.recorded import recorded_parts

    what = f"{data.title}, {data.source}"
    name = data.name_or_path(experiment.dataset.name)
    return recorded_parts(name, parts, data.sha256, folder.data_places(data_dir), what)
