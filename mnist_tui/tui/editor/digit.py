"""A digit beside its HOG picture, two pixels a character; drawn in the theme's own colours, from paper to ink."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from mnist_tui.data.catalogue import KNOWN, DataError
from mnist_tui.data.places import Location, find
from mnist_tui.experiment.shapes import IMAGE_EDGE, hog_cells
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.tui.widgets.text import Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


UPPER_HALF = "▀"
GAP, WORD_LINES = 2, 2
DELAY = 0.15
"""Seconds without an edit before the picture is drawn anew."""
LEVELS = 64
"""Shades drawn; finer ones cannot be told apart, and styles are made once for each pair."""


class PixelPicture(Widget):
    """A grey picture of 28×28 pixels in 28×14 characters."""

    DEFAULT_CSS = f"""
    PixelPicture {{
        width: {IMAGE_EDGE};
        height: {IMAGE_EDGE // 2};
        background: $surface;
        color: $foreground;
    }}
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pixels: Pixels = ()

    def show(self, pixels: Pixels) -> None:
        """Shows a picture, and takes its size."""
        self.pixels = pixels
        self.styles.width, self.styles.height = len(pixels[0]), len(pixels) // 2
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if 2 * y + 1 >= len(self.pixels):
            return Strip.blank(self.size.width, self.rich_style)
        paper, ink = self.background_colors[1], self.colors[3]
        styles: dict[tuple[int, int], Style] = {}
        segments: list[Segment] = []
        for pair in zip(self.pixels[2 * y], self.pixels[2 * y + 1], strict=True):
            levels = (pair[0] * LEVELS // 256, pair[1] * LEVELS // 256)
            if levels not in styles:
                upper, lower = (paper.blend(ink, level / (LEVELS - 1)).rich_color for level in levels)
                styles[levels] = Style(color=upper, bgcolor=lower)
            segments.append(Segment(UPPER_HALF, styles[levels]))
        return Strip(segments, len(segments))


class DigitPane(VerticalScroll):
    """The two pictures and what they are."""

    HELP = """
    **Digit and HOG.** A test image beside the picture of its histograms of oriented gradients: in each cell a line for
    every orientation, as bright as the gradients across it. It follows the features as they are edited; Ctrl+N or a
    click shows the next digit.
    """
    HINT = "Ctrl+N shows the next digit"
    DEFAULT_CSS = """
    DigitPane {
        & > Horizontal { height: auto; width: auto; }
        & PixelPicture { margin: 0 2 0 0; }
        & > Line { height: auto; color: $text-muted; }
    }
    """
    image = getters.query_one("#digit-image", PixelPicture)
    hog = getters.query_one("#digit-hog", PixelPicture)
    words = getters.query_one("#digit-words", Line)

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield PixelPicture(id="digit-image")
            yield PixelPicture(id="digit-hog")
        yield Line("reading an image …", id="digit-words")

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._source: DigitSource | None = None
        self._wanted: tuple[str, HogFeatures] | None = None
        self._index = 0
        self._timer: Timer | None = None
        self._pictures: Pictures | None = None

    def follow(self, experiment: Experiment, data_dir: Path | None) -> None:
        """Draws the features of a HOG experiment, a moment after the last edit."""
        if not isinstance(experiment.features, HogFeatures):
            return
        self._source = self._source or DigitSource(data_dir)
        wanted = (experiment.dataset.name, experiment.features)
        if wanted != self._wanted:
            self._wanted = wanted
            if self._timer is not None:
                self._timer.stop()
            self._timer = self.set_timer(DELAY, self._draw)

    def next(self) -> None:
        """The next test image."""
        self._index += 1
        self._draw()

    def on_click(self) -> None:
        self.next()

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _draw(self) -> None:
        """In a thread: reads the dataset's first images where that has not been done, and draws."""
        if self._source is None or self._wanted is None:
            return
        pictures = self._source.pictures(*self._wanted, self._index)
        if self.is_attached:
            self.app.call_from_thread(self.show, pictures)

    def show(self, pictures: Pictures) -> None:
        """Shows both pictures, twice as large where there is room."""
        self._pictures = pictures
        self.words.say(f"{pictures.source}\n{pictures.hog_words}")
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        if self._pictures is None:
            return
        fine, edge = self._pictures.fine_hog, len(self._pictures.fine_hog)
        if self.size.width >= 2 * edge + GAP and self.size.height >= edge // 2 + WORD_LINES:
            self.image.show(_doubled(self._pictures.image))
            self.hog.show(fine)
        else:
            self.image.show(self._pictures.image)
            self.hog.show(self._pictures.hog)


def _doubled(pixels: Pixels) -> Pixels:
    """Every pixel twice, in both directions."""
    rows = (bytes(level for level in row for _ in range(2)) for row in pixels)
    return tuple(row for row in rows for _ in range(2))


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
