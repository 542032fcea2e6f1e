"""The editor's pane with a test image of the experiment's dataset beside its HOG picture.

NumPy and the data readers are imported in the pane's thread at the first picture, not with this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer

from mnist_tui.data.catalogue import KNOWN, DataError
from mnist_tui.data.places import Location, find
from mnist_tui.experiment.shapes import hog_cells
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.tui.bench import Bench
from mnist_tui.tui.widgets.text import Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_tui.tui.widgets.pixels import PixelView

GAP, TEXT_LINES = 2, 2
DELAY = 0.15
"""Seconds without an edit before the pictures are drawn again."""
EXAMPLES = 100


class DigitPane(VerticalScroll):
    """The two pictures, and a text that says what they show."""

    HELP = """
    **Digit and HOG.** A test image beside the picture of its histograms of oriented gradients: in each cell a line for
    every orientation, as bright as the gradients across it. It follows the features as they are edited; Ctrl+N or a
    click shows the next digit.
    """
    HINT = "Ctrl+N shows the next digit"
    app = getters.app(Bench)

    row = getters.query_one("#digit-pictures", Horizontal)
    text = getters.query_one("#digit-text", Line)

    def __init__(self) -> None:
        super().__init__(id="digit", classes="pane")
        self._examples: dict[str, DigitExamples] = {}
        self._requested: tuple[str, HogFeatures] | None = None
        self._index = 0
        self._timer: Timer | None = None
        self._pictures: DigitPictures | None = None
        self.views: tuple[PixelView, PixelView] | None = None

    def compose(self) -> ComposeResult:
        yield Horizontal(id="digit-pictures")
        yield Line("reading an image …", id="digit-text")

    def follow(self, experiment: Experiment) -> None:
        """Draw the pictures for an experiment with HOG features, a moment after the last edit."""
        if not isinstance(experiment.features, HogFeatures):
            return
        requested = (experiment.dataset.name, experiment.features)
        if requested != self._requested:
            self._requested = requested
            if self._timer is not None:
                self._timer.stop()
            self._timer = self.set_timer(DELAY, self._draw)

    def next(self) -> None:
        """Show the next test image."""
        self._index += 1
        self._draw()

    def on_click(self) -> None:
        self.next()

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _draw(self) -> None:
        if self._requested is None:
            return
        request = dataset, features, index = (*self._requested, self._index)
        if dataset not in self._examples:
            self._examples[dataset] = _first_examples(dataset, self.app.options.data_dir)
        pictures = _pictures(self._examples[dataset], features, index)
        if self.is_attached:
            self.app.call_from_thread(self._show, request, pictures)

    async def _show(self, request: tuple[str, HogFeatures, int], pictures: DigitPictures) -> None:
        if request[:2] != self._requested or request[2] != self._index:
            return  # small cells take long: a later request is shown already
        if self.views is None:
            from mnist_tui.tui.widgets.pixels import PixelView

            self.views = (PixelView(), PixelView())
            await self.row.mount_all(self.views)
        self._pictures = pictures
        self.text.say(pictures.text)
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Draw both pictures, twice as large if there is room."""
        if self._pictures is None or self.views is None:
            return
        pictures, (image, hog) = self._pictures, self.views
        edge = len(pictures.fine_hog)
        large = self.size.width >= 2 * edge + GAP and self.size.height >= edge // 2 + TEXT_LINES
        image.show(pictures.image)
        image.double(large)
        hog.show(pictures.fine_hog if large else pictures.hog)


@dataclass(frozen=True, eq=False)
class DigitPictures:
    """An image and its HOG picture.

    Attributes:
        image, hog: uint8 ``(28, 28)``.
        fine_hog: the HOG picture with twice the resolution, uint8 ``(56, 56)``.
        text: what the pictures show, a line for each.
    """

    image: NDArray[np.uint8]
    hog: NDArray[np.uint8]
    fine_hog: NDArray[np.uint8]
    text: str


@dataclass(frozen=True)
class DigitExamples:
    """The first test images of a dataset, with the names of its classes."""

    title: str
    names: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def _pictures(examples: DigitExamples, features: HogFeatures, index: int) -> DigitPictures:
    """Return test image number `index` (from 0, modulo the number of examples) and its HOG picture."""
    from mnist_tui.data.hog import hog_picture

    at = index % len(examples.images)
    image = examples.images[at]
    edge, cells = features.pixels_per_cell, hog_cells(features.pixels_per_cell)
    hog, fine = (
        hog_picture(image, orientations=features.orientations, pixels_per_cell=edge, scale=scale) for scale in (1, 2)
    )
    image_text = f"{examples.title}, test image {at + 1}: {examples.names[int(examples.labels[at])]}"
    hog_text = f"HOG: {cells}×{cells} cells of {edge}×{edge} pixels, {features.orientations} orientations"
    return DigitPictures(image, hog, fine, f"{image_text}\n{hog_text}")


def _first_examples(dataset: str, data_dir: Path | None) -> DigitExamples:
    """Read the first test images of a dataset; of the bundled digits if the dataset is not on this machine."""
    try:
        location = find(dataset, data_dir)
        if location is not None and not location.missing:
            return _read(location)
    except DataError:
        pass  # the editor's banner says what is wrong with the data; a picture needs some digits
    return _read(Location("digits", "bundled", "bundled"))


def _read(location: Location) -> DigitExamples:
    from mnist_tui.data.reading import read_parts

    images, labels = (part.values for part in read_parts(location, ("test_images", "test_labels")))
    known = KNOWN.get(location.name)
    names = known.class_names if known else tuple(map(str, range(10)))
    return DigitExamples(
        known.title if known else location.name, names, images[:EXAMPLES].copy(), labels[:EXAMPLES].copy()
    )
