"""A real image of a dataset and its HOG picture, as plain bytes. Reads files and computes: call it in a thread.

NumPy and the data readers are imported at the first picture, not with this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_tui.data.catalogue import KNOWN, DataError
from mnist_tui.data.places import Location, find
from mnist_tui.experiment.shapes import hog_cells
from mnist_tui.experiment.spec import HogFeatures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXAMPLES = 100
Pixels = tuple[bytes, ...]
"""A grey picture: a row of brightness values from 0 to 255 each."""


@dataclass(frozen=True)
class Pictures:
    """An image beside its HOG picture.

    Attributes:
        source: which image it is, for a person.
        hog: its HOG picture, a pixel for a pixel; `fine_hog`: twice as wide and high, where lines can be told apart.
        hog_words: what the HOG picture shows.
    """

    image: Pixels
    hog: Pixels
    fine_hog: Pixels
    source: str
    hog_words: str


@dataclass(frozen=True)
class _Examples:
    title: str
    names: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


class DigitSource:
    """The first test images of a dataset where it is on this machine, else those of the bundled digits."""

    def __init__(self, data_dir: Path | None) -> None:
        self._data_dir = data_dir
        self._read: dict[str, _Examples] = {}

    def pictures(self, dataset: str, features: HogFeatures, index: int) -> Pictures:
        """Test image number `index` (from 0, taken modulo those at hand) and its HOG picture."""
        from mnist_tui.data.hog import hog_picture

        if dataset not in self._read:
            self._read[dataset] = self._examples(dataset)
        examples = self._read[dataset]
        at = index % len(examples.images)
        image = examples.images[at]
        edge, cells = features.pixels_per_cell, hog_cells(features.pixels_per_cell)
        hog, fine = (
            hog_picture(image, orientations=features.orientations, pixels_per_cell=edge, scale=scale)
            for scale in (1, 2)
        )
        return Pictures(
            image=_rows(image),
            hog=_rows(hog),
            fine_hog=_rows(fine),
            source=f"{examples.title}, test image {at + 1}: {examples.names[int(examples.labels[at])]}",
            hog_words=f"HOG: {cells}×{cells} cells of {edge}×{edge} pixels, {features.orientations} orientations",
        )

    def _examples(self, dataset: str) -> _Examples:
        try:
            location = find(dataset, self._data_dir)
            if location is not None and not location.missing:
                return _first(location)
        except DataError:
            pass  # the editor's banner says what is wrong with the data; a picture needs some digits
        return _first(Location("digits", "bundled", "bundled"))


def _first(location: Location) -> _Examples:
    from mnist_tui.data.reading import read_parts

    images, labels = (part.values for part in read_parts(location, ("test_images", "test_labels")))
    known = KNOWN.get(location.name)
    names = known.class_names if known else tuple(map(str, range(10)))
    return _Examples(known.title if known else location.name, names, images[:EXAMPLES].copy(), labels[:EXAMPLES].copy())


def _rows(image: NDArray[np.uint8]) -> Pixels:
    return tuple(row.tobytes() for row in image)
