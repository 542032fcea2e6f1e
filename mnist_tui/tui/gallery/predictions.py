"""The predictions of a run's network for single images, and the images themselves."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from mnist_tui.data.catalogue import DataError, Location, Part, search
from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report.evidence import Predictions, read_predictions
from mnist_tui.runs.epoch_predictions import EpochPredictions, PredictionsReader
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.settings import Glyphs
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.widgets.confusion import heads
from mnist_tui.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Failure = str
"""The reason why something is missing, as a sentence."""


@dataclass(frozen=True, eq=False)
class ImagePredictions:
    """Predictions for images, image by image.

    Attributes:
        epoch: after which epoch; None for the final evaluation.
        what: which images: ``MNIST test images``.
        labels, classes: uint8 ``(n,)``, the true class and the most probable one.
        probabilities: float32 ``(n,)``, of the most probable class.
        numbers: int64 ``(n,)``, each image's number in its file, from 1.
        pixels: uint8 ``(m, 28, 28)``; rows: where in it an image is, -1 for an image that is missing.
        distributions: float32 ``(n, 10)``, if all ten probabilities are known.
        missing: why images are missing; empty if none is.
    """

    epoch: int | None
    what: str
    labels: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    numbers: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    distributions: NDArray[np.float32] | None = None
    missing: Failure = ""

    def picture(self, index: int) -> NDArray[np.uint8] | None:
        """Return an image, ``(28, 28)``; None if it is missing."""
        row = int(self.rows[index])
        return None if row < 0 else self.pixels[row]


class RunPredictions:
    """Reads the predictions and images of a run, and keeps what was read. Only one thread at a time may call it.

    Args:
        data_dirs: data folders to look in, after the run's own.
    """

    def __init__(self, folder: RunFolder, data_dirs: Iterable[Path | None] = (None,)) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self._data_dirs = tuple(data_dirs)
        self._file = PredictionsReader(folder.predicted_file)
        self._images: dict[bool, Images | Failure] = {}
        self._final: tuple[float, Predictions] | None = None

    def of_epoch(self, epoch: int, data: DataReady) -> ImagePredictions | Failure:
        """Return the predictions for the validation images after the nearest epoch that has some, or why none has."""
        kept = self._file.epochs()
        if not kept:
            return "this run keeps no predictions of single epochs"
        nearest = min(kept, key=lambda number: (abs(number - epoch), number))
        predictions = self._file.read(nearest)
        if predictions is None:
            return f"the predictions of epoch {nearest} cannot be read"
        return self._with_images(predictions, data, validation=bool(data.validation))

    def final(self, data: DataReady) -> ImagePredictions | Failure:
        """Return the predictions for the test images after training; or why they are not known."""
        final = self._read_final()
        if final is None:
            return "this run has no final evaluation"
        classes = final.probabilities.argmax(axis=1).astype("uint8")
        best = EpochPredictions(0, classes, final.probabilities.max(axis=1))
        found = self._with_images(best, data, validation=False)
        return found if isinstance(found, str) else replace(found, epoch=None, distributions=final.probabilities)

    def _with_images(
        self, predictions: EpochPredictions, data: DataReady, *, validation: bool
    ) -> ImagePredictions | Failure:
        """Add the images; if the data are gone, those that the run's folder keeps: the misclassified test images."""
        import numpy as np

        epoch, classes, probabilities = predictions.epoch, predictions.classes, predictions.probabilities
        images = self._read_images(data, validation=validation)
        if isinstance(images, Images):
            count = len(images.labels)
            if len(classes) != count:
                return f"there are predictions of {counted(classes, 'image')}, but {count:,} {images.what}"
            return ImagePredictions(
                epoch,
                images.what,
                images.labels,
                classes,
                probabilities,
                images.numbers,
                images.pixels,
                np.arange(count),
            )
        final = None if validation else self._read_final()
        if final is None or len(final.labels) != len(classes):
            return images
        rows = np.full(len(classes), -1, np.int64)
        rows[final.misclassified] = np.arange(len(final.misclassified))
        return ImagePredictions(
            epoch,
            f"{data.title} test images",
            final.labels,
            classes,
            probabilities,
            np.arange(1, len(classes) + 1),
            final.images,
            rows,
            missing=f"{images}; only the images that were wrong in the end are kept in the run's folder",
        )

    def _read_images(self, data: DataReady, *, validation: bool) -> Images | Failure:
        if validation not in self._images:
            read = validation_images if validation else test_images
            try:
                self._images[validation] = read(self.folder, data, self._data_dirs)
            except DataError as error:
                self._images[validation] = str(error)
        return self._images[validation]

    def _read_final(self) -> Predictions | None:
        """Return what `predictions.npz` says, read anew if it has changed."""
        path = self.folder.predictions_file
        try:
            changed = path.stat().st_mtime
        except OSError:
            return None
        if self._final is None or self._final[0] != changed:
            predictions = read_predictions(path)
            if predictions is None:
                return None
            self._final = (changed, predictions)
        return self._final[1]


_kept: weakref.WeakKeyDictionary[RunFeed, RunPredictions] = weakref.WeakKeyDictionary()


def predictions_of(feed: RunFeed, data_dir: Path | None) -> RunPredictions:
    """Return the predictions of a feed's run, the same ones as long as the feed lives."""
    if feed not in _kept:
        _kept[feed] = RunPredictions(feed.folder, (data_dir,))
    return _kept[feed]


ImageOrder = Literal["worst", "surest", "doubtful", "number"]
ORDERS: tuple[ImageOrder, ...] = get_args(ImageOrder)
ORDER_WORDS: dict[ImageOrder, str] = {
    "worst": "worst first",
    "surest": "surest first",
    "doubtful": "most doubtful first",
    "number": "by number",
}


@dataclass(frozen=True)
class ImageFilter:
    """Selects images by true class, predicted class, and whether they are wrong; None and False select all."""

    true: int | None = None
    predicted: int | None = None
    errors: bool = False

    def words(self, names: tuple[str, ...]) -> str:
        """Return ``4 read as 9``, ``wrong images read as Shirt`` or ``all images``."""
        if self.true is not None and self.predicted is not None:
            return f"{names[self.true]} read as {names[self.predicted]}"
        what = "wrong images" if self.errors else "all images" if self == ImageFilter() else "images"
        of = f" of {names[self.true]}" if self.true is not None else ""
        read = f" read as {names[self.predicted]}" if self.predicted is not None else ""
        return f"{what}{of}{read}"


def picked(predictions: ImagePredictions, chosen: ImageFilter, order: ImageOrder) -> NDArray[np.int64]:
    """Return the indices of the selected images in order; ties go by index.

    ``worst`` has the wrong ones first, the surest of them before the others, then the right ones, the most doubtful
    before the others.
    """
    import numpy as np

    wrong = predictions.classes != predictions.labels
    mask = np.ones(len(predictions.labels), bool)
    if chosen.true is not None:
        mask &= predictions.labels == chosen.true
    if chosen.predicted is not None:
        mask &= predictions.classes == chosen.predicted
    if chosen.errors:
        mask &= wrong
    indices = np.flatnonzero(mask)
    sure = predictions.probabilities[indices]
    keys = {
        "worst": np.where(wrong[indices], -sure, 1 + sure),
        "surest": -sure,
        "doubtful": sure,
        "number": predictions.numbers[indices],
    }
    return indices[np.argsort(keys[order], kind="stable")]


KEPT = 2000


class HogDrawings:
    """Drawings of what a HOG experiment sees of images, kept by set of images and index."""

    def __init__(self, features: HogFeatures) -> None:
        self._features = features
        self._drawn: dict[tuple[str, int], NDArray[np.uint8]] = {}

    def get(self, predictions: ImagePredictions, index: int) -> NDArray[np.uint8] | None:
        """Return an image's drawing, ``(28, 28)``; None while there is none."""
        return self._drawn.get((predictions.what, index))

    def draw(self, predictions: ImagePredictions, indices: Iterable[int]) -> bool:
        """Draw those that are not drawn yet, and return whether there were any."""
        from mnist_tui.data.hog import hog_picture

        wanted = [index for index in indices if (predictions.what, index) not in self._drawn]
        pictures = {index: picture for index in wanted if (picture := predictions.picture(index)) is not None}
        if len(self._drawn) > KEPT:
            self._drawn = {}
        for index, picture in pictures.items():
            self._drawn[predictions.what, index] = hog_picture(
                picture, orientations=self._features.orientations, pixels_per_cell=self._features.pixels_per_cell
            )
        return bool(pictures)


BAR = 12


def epoch_words(epoch: int | None) -> str:
    """Return ``after epoch 7`` or ``final evaluation``."""
    return f"after epoch {epoch}" if epoch is not None else "final evaluation"


def certainty(predictions: ImagePredictions, index: int) -> str:
    """Return ``91.3 %``; without decimals if it was kept in steps of 1/255."""
    return f"{100 * float(predictions.probabilities[index]):.{0 if predictions.distributions is None else 1}f} %"


def picture_caption(
    predictions: ImagePredictions, index: int, names: tuple[str, ...], width: int, glyphs: Glyphs
) -> tuple[str, str]:
    """Return two lines of at most `width` characters: mark, true class, predicted class; certainty, number."""
    true, predicted = int(predictions.labels[index]), int(predictions.classes[index])
    right, wrong, arrow = ("=", "x", ">") if glyphs == "ascii" else ("✓", "✗", "→")
    line = f"{right if true == predicted else wrong} {names[true]} read as {names[predicted]}"
    if len(line) > width:
        cut = heads(names, (width - 5) // 2)
        line = f"{line[0]} {cut[true]} {arrow} {cut[predicted]}"
    return line, f"{certainty(predictions, index)} #{int(predictions.numbers[index])}"


def prediction_sentence(predictions: ImagePredictions, index: int, names: tuple[str, ...]) -> str:
    """Return ``image 1,234 of the MNIST test images: 4 read as 9, probability 91.3 %``."""
    true, predicted = names[int(predictions.labels[index])], names[int(predictions.classes[index])]
    return (
        f"image {int(predictions.numbers[index]):,} of the {predictions.what}: {true} read as {predicted}, "
        f"probability {certainty(predictions, index)}"
    )


def probability_lines(predictions: ImagePredictions, index: int, names: tuple[str, ...], glyphs: Glyphs) -> list[str]:
    """Return a line for each class with its probability, largest first; empty if only the largest is known."""
    if predictions.distributions is None:
        return []
    shares = predictions.distributions[index].tolist()
    wide = max(map(len, names))
    fill = "#" if glyphs == "ascii" else "█"
    order = sorted(range(len(shares)), key=lambda at: -shares[at])
    return [f"{names[at]:>{wide}} {fill * round(BAR * shares[at]):{BAR}} {100 * shares[at]:5.1f} %" for at in order]


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their true classes.

    Attributes:
        what: ``MNIST test images``.
        pixels: uint8 ``(n, 28, 28)``.
        labels: uint8 ``(n,)``.
        numbers: int64 ``(n,)``, where in the dataset's file each stands, from 1.
    """

    what: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    numbers: NDArray[np.int64]


def validation_images(folder: RunFolder, data: DataReady, data_dirs: Iterable[Path | None] = (None,)) -> Images:
    """Return the images that each epoch of a run was validated on, in the order of its predictions.

    Args:
        data: what the run recorded of its data.
        data_dirs: data folders to look in, after the run's own; None for the usual places.

    Raises:
        DataError: they are not there any more, or are others than those recorded.
    """
    if not data.validation:
        return test_images(folder, data, data_dirs)
    from mnist_tui.data.datasets import validation_split

    experiment = _experiment(folder)
    limit, share = experiment.dataset.limit, experiment.dataset.validation
    pixels, labels = _parts(experiment, folder, data, data_dirs, ("train_images", "train_labels"))
    held_out = None
    if share != "test":
        with suppress(ValueError):
            _, held_out = validation_split(len(labels[:limit]), share, experiment.training.seed)
    if held_out is None or len(held_out) != data.validation:
        raise DataError(f"experiment.toml of {folder.id} does not say which training images were held out")
    return Images(f"held-out {data.title} training images", pixels[held_out], labels[held_out], held_out + 1)


def test_images(folder: RunFolder, data: DataReady, data_dirs: Iterable[Path | None] = (None,)) -> Images:
    """Return the images of a run's final evaluation; arguments and errors as for `validation_images`."""
    import numpy as np

    pixels, labels = _parts(_experiment(folder), folder, data, data_dirs, ("test_images", "test_labels"))
    return Images(f"{data.title} test images", pixels, labels, np.arange(1, len(labels) + 1))


def _experiment(folder: RunFolder) -> Experiment:
    try:
        return folder.preset().experiment
    except RequestError as error:
        raise DataError(str(error)) from None


def _parts(
    experiment: Experiment,
    folder: RunFolder,
    data: DataReady,
    data_dirs: Iterable[Path | None],
    parts: tuple[Part, Part],
) -> list[NDArray[np.uint8]]:
    """Return images and labels from the first place whose checksums are the recorded ones."""
    from mnist_tui.data.reading import read_parts

    why = f"the run's data ({data.title}, {data.source}) are not on this machine any more"
    for location in _locations("digits" if data.sample else experiment.dataset.name, folder, data_dirs):
        try:
            contents = read_parts(location, parts)
        except (DataError, OSError) as error:
            why = str(error)
            continue
        if all(data.sha256.get(part) == found.sha256 for part, found in zip(parts, contents, strict=True)):
            return [found.values for found in contents]
        why = f"the files in {location.source} are not those that this run had: their SHA-256 differ"
    raise DataError(why)


def _locations(name: str, folder: RunFolder, data_dirs: Iterable[Path | None]) -> Iterator[Location]:
    """Yield the places where the whole dataset is, the run's own first."""
    with suppress(RequestError, TypeError):
        own = folder.launch().data_dir
        data_dirs = (Path(own) if own else None, *data_dirs)
    for data_dir in dict.fromkeys((*data_dirs, None)):
        with suppress(DataError):
            yield from (location for location in search(name, data_dir) if not location.missing)
