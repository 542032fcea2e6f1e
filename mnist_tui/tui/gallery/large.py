"""One image of the gallery, large, with its HOG picture and the probabilities of all classes."""

from __future__ import annotations

from asyncio import to_thread
from typing import TYPE_CHECKING

import numpy as np
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.settings import BLOCK
from mnist_tui.tui.bench import BenchModal
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_keys, pane_title
from mnist_tui.tui.widgets.pixels import PixelView
from mnist_tui.tui.widgets.probabilities import Probabilities
from mnist_tui.tui.widgets.text import Line

if TYPE_CHECKING:
    from mnist_tui.tui.gallery.predictions import Images
    from mnist_tui.tui.gallery.screen import GalleryScreen

FRAME, BARS_LEAST = 8, 40
"""Columns of the frame and the gaps, and of the bars."""
LINES_BESIDE, LINES_BELOW = 5, 11
"""Lines beside the picture's: of the frame and the texts, and of the bars, if they are below the picture."""


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
        self._is_large = False

    def compose(self) -> ComposeResult:
        with Vertical(id="image", classes="pane"):
            yield Line(id="image-words")
            with Container(id="image-body"):
                with Horizontal(id="image-pictures"):
                    yield PixelView(id="image-pixels")
                    yield PixelView(id="image-hog")
                yield Probabilities(id="image-bars")
            yield Line(id="image-note")

    def on_mount(self) -> None:
        keys = {"previous": "before", "next": "after", "close": "close"}
        own = self.app.settings.keys
        final = key_of("gallery.final", type(self._gallery), own)
        self.note.say(
            f"The other probabilities are kept for the final evaluation only: {final} in the gallery shows it."
        )
        self.frame.border_subtitle = pane_keys({key_of(f"image.{name}", LargeImage, own): keys[name] for name in keys})
        self._draw()

    def on_resize(self) -> None:
        """Draw every pixel as four if there is room for it, with the bars beside the pictures or below them."""
        pictures = 2 if self._gallery.drawings else 1
        width, height = self.app.size
        large = pictures * 2 * IMAGE_EDGE + FRAME + BARS_LEAST <= width and height >= IMAGE_EDGE + LINES_BESIDE
        edge = 2 * IMAGE_EDGE if large else IMAGE_EDGE
        self.set_class(pictures * edge + FRAME + BARS_LEAST > width, "-below")
        self._is_large = large
        self.picture.double(large)
        self._draw()

    def _draw(self) -> None:
        gallery, shown = self._gallery, self._gallery.selected_image
        if shown is None or gallery.predictions is None:
            self.dismiss()
            return
        predictions, names = gallery.predictions, gallery.names
        grid = gallery.grid
        note = f"{grid.selected + 1:,} of {grid.count:,}"
        number = int(predictions.images.numbers[shown])
        self.frame.border_title = pane_title(f"Image {number:,}", note=f"{predictions.images.what}  {note}")
        self.words.say(predictions.verdict(shown, names))
        picture = predictions.images.picture(shown)
        self.picture.show(np.zeros((IMAGE_EDGE, IMAGE_EDGE), np.uint8) if picture is None else picture)
        shares = predictions.distributions
        self.bars.display = shares is not None
        self.note.display = shares is None
        if shares is not None:
            self.bars.show(names, shares[shown].tolist(), full=BLOCK[self.app.settings.glyphs])
        self.hog.display = gallery.drawings is not None
        if gallery.drawings is not None:
            self._draw_hog(predictions.images, shown)

    @work(exclusive=True, exit_on_error=False)
    async def _draw_hog(self, images: Images, index: int) -> None:
        drawings, scale = self._gallery.drawings, 2 if self._is_large else 1
        if drawings is not None:
            await to_thread(drawings.draw, images, [index], scale)
            if index == self._gallery.selected_image and (picture := drawings.get(images, index, scale)) is not None:
                self.hog.show(picture)

    def action_step(self, by: int) -> None:
        self._gallery.grid.action_move(by)
        self._draw()
