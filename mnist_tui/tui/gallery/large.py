"""One image of the gallery, large, with its HOG picture and the probabilities of all classes."""

from __future__ import annotations

from asyncio import to_thread
from typing import TYPE_CHECKING

import numpy as np
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from mnist_tui.tui.bench import BenchModal
from mnist_tui.tui.gallery.predictions import drawn_image
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.pixels import PixelView, Size, size_in
from mnist_tui.tui.widgets.probabilities import Probabilities
from mnist_tui.tui.widgets.text import Line

if TYPE_CHECKING:
    from mnist_tui.report.run_images import Images
    from mnist_tui.tui.gallery.screen import GalleryScreen

FRAME, BARS_LEAST = 8, 40
"""Columns of the frame and the gaps, and of the bars."""
LINES_BESIDE, LINES_BELOW = 5, 11
"""Lines beside the picture's: of the frame and the texts, and of the bars, if they are below the picture."""
GAPS_BESIDE, GAPS_BELOW = 1, 2
"""Those of them that are empty, and left out in a low window."""
NEIGHBOUR_COLUMNS, NEIGHBOUR_LINES = 17, 12
"""Columns of the image before and of the next one, and the lines that both need below the bars."""
MOST_BARS = 10
STROKES = "Each stroke of the HOG picture runs along the strongest edge of its cell; the brighter, the stronger."
NEIGHBOURS = {"previous": -1, "next": 1}
NO_NEIGHBOUR = {"previous": "no image before", "next": "no image after"}


class LargeImage(BenchModal[None]):
    """The picture that is selected in a gallery; the arrow keys select others there, too."""

    CSS_PATH = "large.tcss"
    HELP = """
    **One image.** The image, its HOG picture if the network has HOG features, and the probabilities of all classes.
    The arrow keys show the image before and after, in the gallery's order.
    """
    BINDINGS = [
        bind("image.previous", "left,up,pageup", "step(-1)", "Previous", "The image before"),
        bind("image.next", "right,down,pagedown,space", "step(1)", "Next", "The next image"),
        bind("image.inside", "k", "inside", "Look inside", "What the network does with this image"),
        bind("image.close", "escape,enter", "dismiss", "Close", "Back to the gallery"),
    ]
    frame = getters.query_one("#image", Vertical)
    picture = getters.query_one("#image-pixels", PixelView)
    hog = getters.query_one("#image-hog", PixelView)
    bars = getters.query_one(Probabilities)
    words = getters.query_one("#image-words", Line)
    note = getters.query_one("#image-note", Line)

    def __init__(self, gallery: GalleryScreen) -> None:
        super().__init__()
        self._gallery = gallery

    def compose(self) -> ComposeResult:
        with Vertical(id="image", classes="pane"):
            yield Line(id="image-words")
            with Container(id="image-body"):
                with Horizontal(id="image-pictures"):
                    yield PixelView(id="image-pixels")
                    yield PixelView(id="image-hog")
                with Vertical(id="image-aside"):
                    yield Probabilities(id="image-bars")
                    with Horizontal(id="image-neighbours"):
                        for by in NEIGHBOURS:
                            with Vertical(id=f"image-{by}"):
                                yield Line(cut=True)
                                yield PixelView()
            yield Line(id="image-note")
        yield KeyFooter()

    def on_mount(self) -> None:
        own = self.app.settings.keys
        self._final_key = key_of("gallery.final", type(self._gallery), own)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _fitted(self, shape: Size) -> tuple[Size, bool]:
        """Return the size of the pictures in pixels, and whether the bars are below: where they leave more room."""
        pictures, short = 2 if self._gallery.drawings else 1, self.has_class("-short")
        width, height = self.app.size
        columns, lines = width - FRAME - BARS_LEAST, height - LINES_BESIDE + GAPS_BESIDE * short
        beside = size_in(shape, columns // pictures, lines)
        below = size_in(shape, (width - FRAME) // pictures, height - LINES_BELOW + GAPS_BELOW * short)
        return max((beside, False), (below, True), key=lambda fit: fit[0])

    def _draw(self) -> None:
        gallery, shown = self._gallery, self._gallery.selected_image
        if shown is None or gallery.predictions is None:
            self.dismiss()
            return
        predictions, names = gallery.predictions, gallery.names
        grid = gallery.grid
        note = f"{grid.selected + 1:,} of {grid.count:,}"
        number = int(predictions.images.numbers[shown])
        self.frame.border_title = pane_title(
            f"Image {number:,}", note=f"{predictions.images.what}  {note}{' · right: HOG' if gallery.drawings else ''}"
        )
        self.words.say(predictions.verdict(shown, names))
        picture = drawn_image(predictions.images, shown)
        shape = predictions.images.shape
        size, below = self._fitted(shape)
        self.set_class(below, "-below")
        self.picture.show(np.zeros(shape, np.uint8) if picture is None else picture, size)
        shares = predictions.distributions
        self.bars.display = shares is not None
        lines = [STROKES] if gallery.drawings is not None and self.app.size.height >= 36 else []
        if shares is None:
            where = f"{self._final_key} in the gallery shows it"
            lines.append(f"The other probabilities are kept for the final evaluation only: {where}.")
        self.note.say("\n".join(lines))
        self.note.display = bool(lines)
        if shares is not None:
            true = int(predictions.images.labels[shown])
            self.bars.show(names, shares[shown].tolist(), glyphs=self.app.settings.glyphs, true=true)
        pictures = (2 if gallery.drawings else 1) * (size[1] + 2)  # with the gap after each
        self.query_one("#image-aside").styles.width = aside = max(58, pictures - 2) if below else 38
        self.note.styles.width = aside if below else pictures + aside * self.bars.display
        self._draw_neighbours(size, below)
        self.hog.display = gallery.drawings is not None
        if gallery.drawings is not None:
            self._draw_hog(predictions.images, shown, size)

    def _draw_neighbours(self, size: Size, below: bool) -> None:
        """Show the images before and after it, small, where there is room for them below the bars."""
        gallery, predictions = self._gallery, self._gallery.predictions
        room = -(-size[0] // 2) - self.bars.display * min(len(gallery.names), MOST_BARS)
        box = self.query_one("#image-neighbours")
        box.display = not below and room >= NEIGHBOUR_LINES
        if predictions is None or not box.display:
            return
        images = predictions.images
        small = size_in(images.shape, NEIGHBOUR_COLUMNS, NEIGHBOUR_COLUMNS // 2)
        for name, by in NEIGHBOURS.items():
            at, part = gallery.grid.selected + by, self.query_one(f"#image-{name}")
            picture = drawn_image(images, gallery.indices[at]) if 0 <= at < len(gallery.indices) else None
            line, view = part.query_one(Line), part.query_one(PixelView)
            if picture is None:
                line.say(NO_NEIGHBOUR[name])
                view.show(np.zeros(images.shape, np.uint8), small)
            else:
                key, width = key_of(f"image.{name}", LargeImage, self.app.settings.keys), NEIGHBOUR_COLUMNS
                index, glyphs = gallery.indices[at], self.app.settings.glyphs
                caption, _ = predictions.caption(index, gallery.names, width - len(key) - 1, glyphs)
                line.say(f"{key} {caption}")
                view.show(picture, small)

    @work(exclusive=True, exit_on_error=False)
    async def _draw_hog(self, images: Images, index: int, size: Size) -> None:
        drawings = self._gallery.drawings
        if drawings is not None:
            await to_thread(drawings.draw, images, [index])
            if index == self._gallery.selected_image and (picture := drawings.get(images, index)) is not None:
                self.hog.show(picture, size)

    def action_inside(self) -> None:
        self._gallery.action_inside()

    def action_step(self, by: int) -> None:
        self._gallery.grid.action_move(by)
        self._draw()
