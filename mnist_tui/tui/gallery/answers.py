"""What a run's network said of which images: of an epoch, or in the final evaluation. Reads files: for a thread."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from mnist_tui.data.catalogue import DataError
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.report.evidence import read_predictions
from mnist_tui.runs.epoch_predictions import EpochPredictions, PredictionsReader
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.settings import Glyphs
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.gallery.images import Images, test_images, validation_images
from mnist_tui.tui.widgets.confusion import heads
from mnist_tui.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Failure = str
"""Why something is not there, as a sentence."""
FINAL_KEYS = ("probabilities", "labels", "misclassified", "misclassified_images")


@dataclass(frozen=True, eq=False)
class Answers:
    """Predictions on images, image by image.

    Attributes:
        epoch: after which epoch; None for the final evaluation.
        what: which images: ``MNIST test images``.
        labels, classes: uint8 ``(n,)``, the true class and the most probable one.
        probabilities: float32 ``(n,)``, of the most probable class.
        numbers: int64 ``(n,)``, each image's number in its file, from 1.
        distributions: float32 ``(n, 10)`` where all ten probabilities are known.
        pixels: uint8 ``(m, 28, 28)``; rows: where in it an image is, -1 for an image that is not there.
        missing: why images are not there; empty where all are.
    """

    epoch: int | None
    what: str
    labels: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    numbers: NDArray[np.int64]
    distributions: NDArray[np.float32] | None
    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    missing: Failure = ""

    def picture(self, index: int) -> NDArray[np.uint8] | None:
        """An image, ``(28, 28)``; None where it is not there."""
        row = int(self.rows[index])
        return None if row < 0 else self.pixels[row]


class RunAnswers:
    """A run's answers; what was read is kept. Its methods may be called by any one thread at a time.

    Args:
        data_dirs: data folders to look in, after the run's own.
    """

    def __init__(self, folder: RunFolder, data_dirs: Iterable[Path | None] = (None,)) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self._data_dirs = tuple(data_dirs)
        self._file = PredictionsReader(folder.predicted_file)
        self._images: dict[str, Images | Failure] = {}
        self._final: tuple[float, dict[str, NDArray[Any]]] | None = None

    def of_epoch(self, epoch: int, data: DataReady) -> Answers | Failure:
        """What the network said of the validation images after an epoch, or after the nearest whose answers were kept.

        Returns:
            The answers, whose `epoch` says after which; or why there are none.
        """
        kept = self._file.epochs()
        if not kept:
            return "this run keeps no predictions of single epochs"
        nearest = min(kept, key=lambda number: (abs(number - epoch), number))
        found = self._file.read(nearest)
        if found is None:
            return f"the predictions of epoch {nearest} cannot be read"
        images = self._validation(data)
        if isinstance(images, Images):
            return _of_epoch(found, images)
        if data.validation or (final := self._predictions()) is None:
            return images
        return _without_images(found, final, data, images)

    def final(self, data: DataReady) -> Answers | Failure:
        """What the network said of the test images after training; or why that is not known."""
        final = self._predictions()
        if final is None:
            return "this run has no final evaluation"
        distributions = final["probabilities"]
        found = EpochPredictions(0, distributions.argmax(axis=1).astype("uint8"), distributions.max(axis=1))
        images = self._test(data)
        if isinstance(images, Images):
            answers = _of_epoch(found, images)
        else:
            answers = _without_images(found, final, data, images)
        if not isinstance(answers, Answers):
            return answers
        return replace(answers, epoch=None, distributions=distributions)

    def _validation(self, data: DataReady) -> Images | Failure:
        return self._read("validation" if data.validation else "test", validation_images, data)

    def _test(self, data: DataReady) -> Images | Failure:
        return self._read("test", test_images, data)

    def _read(
        self, part: str, read: Callable[[RunFolder, DataReady, Iterable[Path | None]], Images], data: DataReady
    ) -> Images | Failure:
        if part not in self._images:
            try:
                self._images[part] = read(self.folder, data, self._data_dirs)
            except DataError as error:
                self._images[part] = str(error)
        return self._images[part]

    def _predictions(self) -> dict[str, NDArray[Any]] | None:
        """`predictions.npz`, read anew where it has changed."""
        path = self.folder.predictions_file
        try:
            changed = path.stat().st_mtime
            if self._final is None or self._final[0] != changed:
                found = read_predictions(path)
                if found is None:
                    return None
                arrays = (found.probabilities, found.labels, found.misclassified, found.images)
                self._final = (changed, dict(zip(FINAL_KEYS, arrays, strict=True)))
        except OSError:
            return None
        return self._final[1]


_kept: weakref.WeakKeyDictionary[RunFeed, RunAnswers] = weakref.WeakKeyDictionary()


def answers_of(feed: RunFeed, data_dir: Path | None) -> RunAnswers:
    """The answers of a feed's run, the same ones as long as the feed lives."""
    if feed not in _kept:
        _kept[feed] = RunAnswers(feed.folder, (data_dir,))
    return _kept[feed]


def _of_epoch(found: EpochPredictions, images: Images) -> Answers | Failure:
    import numpy as np

    if len(found.classes) != len(images.labels):
        return f"there are predictions of {counted(found.classes, 'image')}, but {len(images.labels):,} {images.what}"
    rows = np.arange(len(images.labels))
    return Answers(
        found.epoch,
        images.what,
        images.labels,
        found.classes,
        found.probabilities,
        images.numbers,
        None,
        images.pixels,
        rows,
    )


def _without_images(
    found: EpochPredictions, final: dict[str, NDArray[Any]], data: DataReady, why: Failure
) -> Answers | Failure:
    """Answers on the test images where the data are gone: the run's folder keeps those misclassified in the end."""
    import numpy as np

    labels = final["labels"]
    if len(labels) != len(found.classes):
        return why
    rows = np.full(len(labels), -1, np.int64)
    rows[final["misclassified"]] = np.arange(len(final["misclassified"]))
    return Answers(
        found.epoch,
        f"{data.title} test images",
        labels,
        found.classes,
        found.probabilities,
        np.arange(1, len(labels) + 1),
        None,
        final["misclassified_images"],
        rows,
        f"{why}; only the images that were wrong in the end are kept in the run's folder",
    )


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
    """Which images: those of a true class, read as a class, wrong ones; None and False do not choose."""

    true: int | None = None
    predicted: int | None = None
    errors: bool = False

    def words(self, names: tuple[str, ...]) -> str:
        """``4 read as 9``, ``wrong images read as Shirt``, ``all images``."""
        if self.true is not None and self.predicted is not None:
            return f"{names[self.true]} read as {names[self.predicted]}"
        what = "wrong images" if self.errors else "all images" if self == ImageFilter() else "images"
        of = f" of {names[self.true]}" if self.true is not None else ""
        read = f" read as {names[self.predicted]}" if self.predicted is not None else ""
        return f"{what}{of}{read}"


def picked(answers: Answers, chosen: ImageFilter, order: ImageOrder) -> NDArray[np.int64]:
    """Indices of the images, in order; ties go by index.

    ``worst`` has the wrong ones first, the surest of them before the others, then the right ones, the most doubtful
    before the others.
    """
    import numpy as np

    wrong = answers.classes != answers.labels
    mask = np.ones(len(answers.labels), bool)
    if chosen.true is not None:
        mask &= answers.labels == chosen.true
    if chosen.predicted is not None:
        mask &= answers.classes == chosen.predicted
    if chosen.errors:
        mask &= wrong
    found = np.flatnonzero(mask)
    sure = answers.probabilities[found]
    match order:
        case "worst":
            key = np.where(wrong[found], -sure, 1 + sure)
        case "surest":
            key = -sure
        case "doubtful":
            key = sure
        case "number":
            key = answers.numbers[found]
    return found[np.argsort(key, kind="stable")]


KEPT = 2000


class HogDrawings:
    """Drawings of what a HOG experiment sees of images, kept by set of images and index."""

    def __init__(self, features: HogFeatures) -> None:
        self._features = features
        self._drawn: dict[tuple[str, int], NDArray[np.uint8]] = {}

    def get(self, answers: Answers, index: int) -> NDArray[np.uint8] | None:
        """An image's drawing, ``(28, 28)``; None while there is none."""
        return self._drawn.get((answers.what, index))

    def draw(self, answers: Answers, indices: Iterable[int]) -> bool:
        """Draws those that are not drawn yet; whether there were such."""
        from mnist_tui.data.hog import hog_picture

        wanted = [index for index in indices if (answers.what, index) not in self._drawn]
        pictures = {index: picture for index in wanted if (picture := answers.picture(index)) is not None}
        if len(self._drawn) > KEPT:
            self._drawn = {}
        for index, picture in pictures.items():
            self._drawn[answers.what, index] = hog_picture(
                picture, orientations=self._features.orientations, pixels_per_cell=self._features.pixels_per_cell
            )
        return bool(pictures)


BAR = 12


def epoch_words(epoch: int | None) -> str:
    """``after epoch 7``, ``final evaluation``."""
    return f"after epoch {epoch}" if epoch is not None else "final evaluation"


def certainty(answers: Answers, index: int) -> str:
    """``91.3 %``; without decimals where it was kept in steps of 1/255."""
    return f"{100 * float(answers.probabilities[index]):.{0 if answers.distributions is None else 1}f} %"


def picture_caption(
    answers: Answers, index: int, names: tuple[str, ...], width: int, glyphs: Glyphs
) -> tuple[str, str]:
    """Two lines of at most `width` characters: mark, true class, predicted class; certainty, number."""
    true, predicted = int(answers.labels[index]), int(answers.classes[index])
    right, wrong = ("=", "x") if glyphs == "ascii" else ("✓", "✗")
    mark = right if true == predicted else wrong
    between = " read as "
    if len(names[true]) + len(names[predicted]) + len(between) + 2 > width:
        between = " > " if glyphs == "ascii" else " → "
        cut = heads(names, (width - 2 - len(between)) // 2)
        first = f"{cut[true]}{between}{cut[predicted]}"
    else:
        first = f"{names[true]}{between}{names[predicted]}"
    return f"{mark} {first}", f"{certainty(answers, index)} #{int(answers.numbers[index])}"


def answer_sentence(answers: Answers, index: int, names: tuple[str, ...]) -> str:
    """``image 1,234 of the MNIST test images: 4 read as 9, probability 91.3 %``."""
    true, predicted = names[int(answers.labels[index])], names[int(answers.classes[index])]
    return (
        f"image {int(answers.numbers[index]):,} of the {answers.what}: {true} read as {predicted}, "
        f"probability {certainty(answers, index)}"
    )


def probability_lines(answers: Answers, index: int, names: tuple[str, ...], glyphs: Glyphs) -> list[str]:
    """A line for each class with its probability, largest first; empty where only the largest is known."""
    if answers.distributions is None:
        return []
    shares = answers.distributions[index].tolist()
    wide = max(map(len, names))
    fill = "#" if glyphs == "ascii" else "█"
    order = sorted(range(len(shares)), key=lambda at: -shares[at])
    return [f"{names[at]:>{wide}} {fill * round(BAR * shares[at]):{BAR}} {100 * shares[at]:5.1f} %" for at in order]
