"""The editor's pane with a test image of the experiment's dataset and, for HOG features, its HOG picture.

NumPy and the data readers are imported in a thread at the first picture, not with this module.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll

from mnist_tui.data.catalogue import KNOWN, Location, find
from mnist_tui.data.errors import DataError
from mnist_tui.experiment.shapes import ImageShape, hog_cells, pixels_shape, written
from mnist_tui.experiment.spec import DatasetSpec, Experiment, Features, HogFeatures
from mnist_tui.tui.bench import Bench
from mnist_tui.tui.terminal.keymap import key_of, pane_keys
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_tui.tui.draw.model_reader import NetworkInput
    from mnist_tui.tui.widgets.pixels import PixelView

GAP, TEXT_LINES = 2, 2
DELAY = 0.15
"""Seconds without an edit before the pictures are drawn again."""
EXAMPLES = 100


class ImagePane(VerticalScroll):
    """The pane with a test image as the network sees it, and a text that says what it shows."""

    HELP = """
    **Image.** A test image as the network sees it: its pixels or, for HOG features, also the picture of its histograms
    of oriented gradients: in each cell a line for every orientation, as bright as the gradients across it. It follows
    the features as they are edited; Ctrl+N or a click shows the next image.
    """
    HINT = "A test image as the network sees it"
    app = getters.app(Bench)

    row = getters.query_one("#image-pictures", Horizontal)
    text = getters.query_one("#image-text", Line)

    def __init__(self) -> None:
        super().__init__(id="image", classes="pane")
        self._examples: dict[str, ImageExamples] = {}
        self._requested: tuple[DatasetSpec, ImageShape, Features] | None = None
        self._index = 0
        self._pictures: NetworkInput | None = None
        self.views: tuple[PixelView, PixelView] | None = None

    def _show_keys(self, experiment: Experiment) -> None:
        """Show the keys of the pane in its border: that for variants only if the images are augmented."""
        names = ("editor.next-image", "editor.variants")
        following, variants = (key_of(name, type(self.screen), self.app.settings.keys) for name in names)
        keys = {following: "Next image", variants: "Variants"}
        if experiment.augmentation is None:
            del keys[variants]
        self.border_subtitle = pane_keys(keys, {following: "screen.next_image", variants: "screen.variants"})

    def compose(self) -> ComposeResult:
        yield Horizontal(id="image-pictures")
        yield Line("reading an image …", id="image-text")

    def follow(self, experiment: Experiment) -> None:
        """Show an image of the experiment's dataset and its features, unless others follow within DELAY seconds."""
        self._show_keys(experiment)
        requested = experiment.dataset, experiment.image_shape, experiment.features
        if requested != self._requested:
            self._requested = requested
            self._draw(DELAY)

    @property
    def shown(self) -> NDArray[np.uint8] | None:
        """The pixels of the image that is shown; None before the first one."""
        return None if self._pictures is None else self._pictures.pixels

    def next(self) -> None:
        """Show the next test image."""
        self._index += 1
        self._draw()

    def on_click(self) -> None:
        self.next()

    @work(exclusive=True, exit_on_error=False)
    async def _draw(self, delay: float = 0.0) -> None:
        if self._requested is None:
            return
        await asyncio.sleep(delay)
        (dataset, image, features), data_dir = self._requested, self.app.options.data_dir
        if dataset.name not in self._examples:
            self._examples[dataset.name] = await asyncio.to_thread(_first_examples, dataset.name, data_dir)
        examples = self._examples[dataset.name]
        at = self._index % len(examples.images)
        hog = features if isinstance(features, HogFeatures) else None
        self._pictures = await asyncio.to_thread(_pictures, examples.images[at], image, hog)
        from mnist_tui.data.pictures import reading_of
        from mnist_tui.tui.widgets.pixels import PixelView

        if self.views is None:
            self.views = (PixelView(), PixelView())
            await self.row.mount_all(self.views)
        true_class = examples.names[int(examples.labels[at])]
        self.views[0].photograph = reading_of(image, dataset.name) != "strokes"
        self.text.say(f"{examples.title}, test image {at + 1}: {true_class}\n{_in_words(image, hog)}")
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Show the pictures as large as there is room."""
        if self._pictures is None or self.views is None:
            return
        from mnist_tui.tui.widgets.pixels import size_in

        image, hog = self.views
        shape = self._pictures.pixels.shape[:2]
        hog.display = self._pictures.hog is not None
        columns = (self.size.width - GAP) // 2 if hog.display else self.size.width
        size = size_in(shape, columns, self.size.height - TEXT_LINES)
        image.show(self._pictures.pixels, size)
        if self._pictures.hog is not None:
            hog.show(self._pictures.hog, size)


@dataclass(frozen=True)
class ImageExamples:
    """The first test images of a dataset, uint8 ``(n, height, width)`` or ``(n, height, width, 3)``, and their classes.

    Attributes:
        names: the classes' names.
    """

    title: str
    names: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def _in_words(image: ImageShape, hog: HogFeatures | None) -> str:
    if hog is None:
        size, inputs = written(image[:2]), math.prod(image)
        if image[2] > 1:
            return f"Raw: {size} pixels in {image[2]} colours = {inputs:,} values from 0 to 1"
        return f"Raw: {size} = {inputs:,} pixels from 0 to 1"
    edge, cells = hog.pixels_per_cell, written(hog_cells(image, hog.pixels_per_cell))
    return f"HOG: {cells} cells of {edge}×{edge} pixels, {counted(hog.orientations, 'orientation')}"


def _pictures(picture: NDArray[np.uint8], image: ImageShape, hog: HogFeatures | None) -> NetworkInput:
    """Return what a network for such images receives of a picture, which may be another dataset's."""
    import numpy as np

    from mnist_tui.data.pictures import brightness, fitted
    from mnist_tui.tui.draw.model_reader import network_input

    if picture.shape != pixels_shape(image):
        picture = fitted(picture if image[2] > 1 else brightness(picture), image[:2])
        if picture.ndim == 2 and image[2] > 1:
            picture = np.stack([picture] * image[2], axis=-1)
    return network_input(picture, centring=False, hog=hog)


def _first_examples(dataset: str, data_dir: Path | None) -> ImageExamples:
    """Read the first test images of a dataset, or of the bundled digits if the dataset is not on this machine."""
    try:
        location = find(dataset, data_dir)
        if location is not None and not location.missing:
            return _read(location)
    except DataError:
        pass  # the editor's banner says what is wrong with the data; a picture needs some digits
    return _read(Location("digits", "bundled", "bundled"))


def _read(location: Location) -> ImageExamples:
    from mnist_tui.data.facts import label_rule
    from mnist_tui.data.reading import read_parts

    images, labels = (part.values for part in read_parts(location, ("test_images", "test_labels")))
    known, names = KNOWN.get(location.name), label_rule(location).names
    title = known.title if known else Path(location.name).name
    return ImageExamples(title, names, images[:EXAMPLES].copy(), labels[:EXAMPLES].copy())
