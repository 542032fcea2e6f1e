"""The editor's pane with a test image of the experiment's dataset and, for HOG features, its HOG picture.

NumPy and the data readers are imported in a thread at the first picture, not with this module.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll

from mnist_tui.data.catalogue import KNOWN, DataError, Location, find
from mnist_tui.experiment.shapes import IMAGE_EDGE, hog_cells
from mnist_tui.experiment.spec import Features, HogFeatures
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


class DigitPane(VerticalScroll):
    """The pane with a test image as the network sees it, and a text that says what it shows."""

    HELP = """
    **Digit.** A test image as the network sees it: its pixels or, for HOG features, also the picture of its histograms
    of oriented gradients: in each cell a line for every orientation, as bright as the gradients across it. It follows
    the features as they are edited; Ctrl+N or a click shows the next digit.
    """
    HINT = "A test image as the network sees it"
    app = getters.app(Bench)

    row = getters.query_one("#digit-pictures", Horizontal)
    text = getters.query_one("#digit-text", Line)

    def __init__(self) -> None:
        super().__init__(id="digit", classes="pane")
        self._examples: dict[str, DigitExamples] = {}
        self._requested: tuple[str, Features] | None = None
        self._index = 0
        self._pictures: NetworkInput | None = None
        self.views: tuple[PixelView, PixelView] | None = None

    def on_mount(self) -> None:
        key = key_of("editor.next-digit", type(self.screen), self.app.settings.keys)
        self.border_subtitle = pane_keys({key: "Next digit"}, {key: "screen.next_digit"})

    def compose(self) -> ComposeResult:
        yield Horizontal(id="digit-pictures")
        yield Line("reading an image …", id="digit-text")

    def follow(self, dataset: str, features: Features) -> None:
        """Show an image of the dataset and its features, unless other features follow within DELAY seconds."""
        if (dataset, features) != self._requested:
            self._requested = (dataset, features)
            self._draw(DELAY)

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
        dataset, features = self._requested
        if dataset not in self._examples:
            self._examples[dataset] = await asyncio.to_thread(_first_examples, dataset, self.app.options.data_dir)
        examples = self._examples[dataset]
        at = self._index % len(examples.images)
        hog = features if isinstance(features, HogFeatures) else None
        self._pictures = await asyncio.to_thread(_pictures, examples.images[at], hog)
        if self.views is None:
            from mnist_tui.tui.widgets.pixels import PixelView

            self.views = (PixelView(), PixelView())
            await self.row.mount_all(self.views)
        self.text.say(
            f"{examples.title}, test image {at + 1}: {examples.names[int(examples.labels[at])]}\n{_in_words(hog)}"
        )
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Show the pictures, twice as large if there is room."""
        if self._pictures is None or self.views is None:
            return
        image, hog = self.views
        has_hog = self._pictures.hog is not None
        width = (4 if has_hog else 2) * IMAGE_EDGE + GAP * has_hog
        large = self.size.width >= width and self.size.height >= IMAGE_EDGE + TEXT_LINES
        image.show(self._pictures.pixels)
        image.double(large)
        picture = self._pictures.fine_hog if large else self._pictures.hog
        hog.display = has_hog
        if picture is not None:
            hog.show(picture)


@dataclass(frozen=True)
class DigitExamples:
    """The first test images of a dataset, uint8 ``(EXAMPLES, 28, 28)``, their classes, and the classes' names."""

    title: str
    names: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def _in_words(hog: HogFeatures | None) -> str:
    if hog is None:
        return f"Raw: {IMAGE_EDGE}×{IMAGE_EDGE} = {IMAGE_EDGE**2} pixels from 0 to 1"
    edge, cells = hog.pixels_per_cell, hog_cells(hog.pixels_per_cell)
    return f"HOG: {cells}×{cells} cells of {edge}×{edge} pixels, {counted(hog.orientations, 'orientation')}"


def _pictures(image: NDArray[np.uint8], hog: HogFeatures | None) -> NetworkInput:
    from mnist_tui.tui.draw.model_reader import network_input

    return network_input(image, centring=False, hog=hog)


def _first_examples(dataset: str, data_dir: Path | None) -> DigitExamples:
    """Read the first test images of a dataset, or of the bundled digits if the dataset is not on this machine."""
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
