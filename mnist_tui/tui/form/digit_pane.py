"""A digit beside its HOG picture, two pixels a character; drawn in the theme's own colours, from paper to ink."""

from __future__ import annotations

from pathlib import Path

from rich.segment import Segment
from rich.style import Style
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.tui.form.digit_source import DigitSource, Pictures, Pixels
from mnist_tui.tui.widgets.text import Line

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
