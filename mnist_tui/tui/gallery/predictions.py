"""The predictions of a run's network for single images, their order and their selection."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mnist_tui.data.errors import DataError
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.report.run_images import Images, are_photographs, test_images, validation_images
from mnist_tui.runs.epoch_predictions import EpochPredictions, PredictionsReader
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.predictions import Predictions, read_predictions
from mnist_tui.settings import Glyphs
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.selected_images import ImageSelection
from mnist_tui.tui.widgets.confusion_cells import heads
from mnist_tui.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_tui.tui.widgets.pixels import Picture


Failure = str
"""The reason why something is missing, as a sentence."""


def drawn_image(images: Images, index: int) -> NDArray[np.uint8] | None:
    """Return an image as it is drawn, a grey photograph in colours from black to white; None if it is missing."""
    from mnist_tui.tui.widgets.pixels import natural

    picture = images.picture(index)
    return natural(picture) if images.photographs and picture is not None else picture


@dataclass(frozen=True, eq=False)
class ImagePredictions:
    """Predictions for `n` images.

    Attributes:
        epoch: the epoch after which the network predicted them; None for the final evaluation.
        classes: uint8 ``(n,)``, the most probable class of each image.
        probabilities: float32 ``(n,)``, the probability of that class.
        distributions: float32 ``(n, classes)``, the probabilities of all classes; None if they were not recorded.
        missing: why images are missing; empty if none is.
    """

    epoch: int | None
    images: Images
    classes: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    distributions: NDArray[np.float32] | None = None
    missing: Failure = ""

    def has_same_answers(self, other: ImagePredictions) -> bool:
        """Whether both are predictions of one network for the same images, as far as can be seen."""
        import numpy as np

        same = self.images is other.images and np.array_equal(self.classes, other.classes)
        return same and bool(np.allclose(self.probabilities, other.probabilities, rtol=0, atol=1 / 255))

    def certainty(self, index: int) -> str:
        """Return the probability of the predicted class, such as ``91.3 %``; no decimals if known in 1/255 only."""
        return f"{100 * float(self.probabilities[index]):.{0 if self.distributions is None else 1}f} %"

    def recorded(self, index: int, classes: int) -> tuple[float | None, ...]:
        """Return the probability of each class for an image; None for a class of which it was not recorded."""
        if self.distributions is not None:
            return tuple(self.distributions[index].tolist())
        best, probability = int(self.classes[index]), float(self.probabilities[index])
        return tuple(probability if at == best else None for at in range(classes))

    def caption(self, index: int, names: tuple[str, ...], width: int, glyphs: Glyphs) -> tuple[str, str]:
        """Return two lines, cut to `width`: a mark for right or wrong, and both classes; probability and number."""
        true, predicted = int(self.images.labels[index]), int(self.classes[index])
        right, wrong, arrow = ("=", "x", ">") if glyphs == "ascii" else ("✓", "✗", "→")
        line = f"{right if true == predicted else wrong} {names[true]} read as {names[predicted]}"
        if len(line) > width:
            cut = heads(names, (width - 5) // 2)
            line = f"{line[0]} {cut[true]} {arrow} {cut[predicted]}"
        sure, number = self.certainty(index), int(self.images.numbers[index])
        long = f"{sure} sure, image {number:,}"
        return line, long if len(long) <= width else f"{sure} #{number}"

    def verdict(self, index: int, names: tuple[str, ...]) -> str:
        """Say whether a prediction is right: ``Wrong: the true class is 4, read as 9 with 91.3 %``."""
        true, predicted = int(self.images.labels[index]), int(self.classes[index])
        if true == predicted:
            return f"Right: {names[true]}, with {self.certainty(index)}"
        return f"Wrong: the true class is {names[true]}, read as {names[predicted]} with {self.certainty(index)}"

    def sentence(self, index: int, names: tuple[str, ...]) -> str:
        """Describe a prediction: ``image 1,234 of the MNIST test images: 4 read as 9, probability 91.3 %``."""
        images, true, predicted = self.images, int(self.images.labels[index]), int(self.classes[index])
        return (
            f"image {int(images.numbers[index]):,} of the {images.what}: {names[true]} read as {names[predicted]}, "
            f"probability {self.certainty(index)}"
        )


class RunPredictions:
    """Reads the predictions and images of a run, and keeps what was read. Only one thread at a time may call it."""

    def __init__(self, folder: RunFolder, data_dir: Path | None = None) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self._data_dir = data_dir
        self._file = PredictionsReader(folder.predicted_file)
        self._images: dict[bool, Images | Failure] = {}
        self._final: tuple[float, Predictions] | None = None

    def of_epoch(self, epoch: int, data: DataReady) -> ImagePredictions | Failure:
        """Return the predictions for the validation images after the nearest recorded epoch, or why there are none."""
        kept = self._file.epochs()
        if not kept:
            return "this run keeps no predictions of single epochs"
        nearest = min(kept, key=lambda number: (abs(number - epoch), number))
        predictions = self._file.read(nearest)
        if predictions is None:
            return f"the predictions of epoch {nearest} cannot be read"
        return self._with_images(predictions, data, validation=bool(data.validation))

    def final(self, data: DataReady) -> ImagePredictions | Failure:
        """Return the predictions of the final evaluation on the test images, or why there are none."""
        final = self._read_final_predictions(len(data.class_names))
        if final is None:
            return "this run has no final evaluation"
        classes = final.probabilities.argmax(axis=1).astype("uint8")
        best = EpochPredictions(0, classes, final.probabilities.max(axis=1))
        found = self._with_images(best, data, validation=False)
        return found if isinstance(found, str) else replace(found, epoch=None, distributions=final.probabilities)

    def _with_images(
        self, predictions: EpochPredictions, data: DataReady, *, validation: bool
    ) -> ImagePredictions | Failure:
        """Add the images; without the dataset, those that the run's folder keeps: the misclassified test images."""
        import numpy as np

        images, missing, total = self._read_images(data, validation=validation), "", len(predictions.classes)
        if isinstance(images, str):
            final = None if validation else self._read_final_predictions(len(data.class_names))
            if final is None or len(final.labels) != total:
                return images
            missing = f"{images}; only the images that were wrong in the end are kept in the run's folder"
            rows = np.full(total, -1, np.int64)
            rows[final.misclassified] = np.arange(len(final.misclassified))
            numbers = np.arange(1, total + 1)
            photographs = are_photographs(self.folder)
            what = f"{data.title} {data.evaluated}"
            images = Images(what, final.images, final.labels, numbers, rows, photographs)
        count = len(images.labels)
        if total != count:
            return f"there are predictions of {counted(total, 'image')}, but {count:,} {images.what}"
        return ImagePredictions(
            predictions.epoch, images, predictions.classes, predictions.probabilities, missing=missing
        )

    def _read_images(self, data: DataReady, *, validation: bool) -> Images | Failure:
        if validation not in self._images:
            read = validation_images if validation else test_images
            try:
                images = read(self.folder, data, self._data_dir)
                self._images[validation] = replace(images, photographs=are_photographs(self.folder))
            except DataError as error:
                self._images[validation] = str(error)
        return self._images[validation]

    def _read_final_predictions(self, classes: int) -> Predictions | None:
        path = self.folder.predictions_file
        try:
            changed = path.stat().st_mtime
        except OSError:
            return None
        if self._final is None or self._final[0] != changed:
            predictions = read_predictions(path, classes)
            if predictions is None:
                return None
            self._final = (changed, predictions)
        return self._final[1]


FINAL = 0
"""Stands for the final evaluation among epochs, which are counted from 1."""


def predictions_after(
    source: RunPredictions, epoch: int, data: DataReady, *, ended: bool
) -> ImagePredictions | Failure:
    """Return the predictions of an epoch or of the final evaluation (FINAL); this reads files: call it in a thread.

    Args:
        ended: whether the run has ended. Then its final predictions stand for those of an epoch that has none, and
            an epoch with the same predictions as the final evaluation gets its probabilities of all classes.
    """
    with source.lock:
        predictions = source.final(data) if epoch == FINAL else source.of_epoch(epoch, data)
        final = source.final(data) if ended and epoch != FINAL else None
        if isinstance(final, ImagePredictions):
            if isinstance(predictions, str):
                why = f"{predictions}: this is the final evaluation. {final.missing}".strip()
                return replace(final, missing=why)
            if predictions.has_same_answers(final):
                return replace(predictions, probabilities=final.probabilities, distributions=final.distributions)
        return predictions


_kept: weakref.WeakKeyDictionary[RunFeed, RunPredictions] = weakref.WeakKeyDictionary()


def predictions_of(feed: RunFeed, data_dir: Path | None) -> RunPredictions:
    """Return the predictions of a feed's run; all calls for one feed return the same object."""
    if feed not in _kept:
        _kept[feed] = RunPredictions(feed.folder, data_dir)
    return _kept[feed]


ImageOrder = Literal["worst", "surest", "doubtful", "number"]
ORDER_WORDS: dict[ImageOrder, str] = {
    "worst": "worst first",
    "surest": "surest first",
    "doubtful": "most doubtful first",
    "number": "by number",
}
ORDERS = tuple(ORDER_WORDS)


@dataclass(frozen=True)
class ImageFilter:
    """Selects images by true and predicted class, by errors, and of a selection; None and False select all."""

    true: int | None = None
    predicted: int | None = None
    errors: bool = False
    only: ImageSelection | None = None

    def words(self, names: tuple[str, ...]) -> str:
        """Describe the images by names of classes, for example ``4 read as 9`` or ``wrong images read as Shirt``."""
        if self.only is not None:
            others = replace(self, only=None)
            return self.only.words + (f", {others.words(names)}" if others != ImageFilter() else "")
        if self.true is not None and self.predicted is not None:
            return f"{names[self.true]} read as {names[self.predicted]}"
        what = "wrong images" if self.errors else "all images" if self == ImageFilter() else "images"
        of = f" of {names[self.true]}" if self.true is not None else ""
        read = f" read as {names[self.predicted]}" if self.predicted is not None else ""
        return f"{what}{of}{read}"


def picked(predictions: ImagePredictions, chosen: ImageFilter, order: ImageOrder) -> NDArray[np.int64]:
    """Return the indices of the selected images in order; images that are equal in it are in the order of the index.

    The order ``worst`` begins with the misclassified images, the most certain first; then come the right ones, the
    least certain first.
    """
    import numpy as np

    labels, classes = predictions.images.labels, predictions.classes
    wrong = classes != labels
    mask = wrong if chosen.errors else np.ones(len(labels), bool)
    if chosen.true is not None:
        mask = mask & (labels == chosen.true)
    if chosen.predicted is not None:
        mask = mask & (classes == chosen.predicted)
    if chosen.only is not None:
        mask = mask & np.isin(np.arange(len(labels)), chosen.only.indices)
    indices = np.flatnonzero(mask)
    sure = predictions.probabilities[indices]
    keys = {
        "worst": np.where(wrong[indices], -sure, 1 + sure),
        "surest": -sure,
        "doubtful": sure,
        "number": predictions.images.numbers[indices],
    }
    return indices[np.argsort(keys[order], kind="stable")]


KEPT = 2000
"""HOG pictures that are kept in memory."""


class HogDrawings:
    """Pictures of the HOG features of images, kept by the name of the set of images and the index."""

    def __init__(self, features: HogFeatures) -> None:
        self._features = features
        self._drawn: dict[tuple[str, int], Picture] = {}

    def get(self, images: Images, index: int) -> Picture | None:
        """Return the HOG picture of an image; None if it is not drawn yet."""
        return self._drawn.get((images.what, index))

    def draw(self, images: Images, indices: Iterable[int]) -> bool:
        """Draw the pictures that have not been drawn yet; return whether there were any."""
        from mnist_tui.tui.widgets.pixels import hog_picture_of

        wanted = [index for index in indices if (images.what, index) not in self._drawn]
        pictures = {index: picture for index in wanted if (picture := images.picture(index)) is not None}
        if len(self._drawn) > KEPT:
            self._drawn = {}
        for index, picture in pictures.items():
            self._drawn[images.what, index] = hog_picture_of(picture, self._features)
        return bool(pictures)
