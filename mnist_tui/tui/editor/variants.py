"""The editor's window with variants of one image: the random changes that the augmentation makes in training."""

from __future__ import annotations

from asyncio import to_thread
from functools import partial

import numpy as np
from numpy.typing import NDArray
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Vertical

from mnist_tui.data.augmentation import augmented
from mnist_tui.experiment.augmentation import Augmentation
from mnist_tui.tui.bench import BenchModal
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.pixels import PictureGrid, Tile, layout_for
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import listed

MOST = 15
"""The most pictures: the image as it is, and its variants."""


class VariantGrid(PictureGrid, can_focus=False):
    """The pictures, of which none can be selected."""

    SELECTS = False


class VariantsScreen(BenchModal[None]):
    """An image and variants of it, 14 if there is room: as it is changed in so many epochs in a row.

    Args:
        image: uint8 ``(height, width)``, or ``(height, width, 3)`` in colour.
        settings: the changes.
        seed: the experiment's seed.

    Attributes:
        variants: the changed images that are shown.
    """

    CSS_PATH = "variants.tcss"
    HELP = """
    **Variants of an image**, as the augmentation makes them in training: in every epoch an image is changed in another
    way. The first picture is the image itself. The variants are computed by the training's own function, with the
    experiment's seed. The network is tested on images that are not changed. Full stop shows the next epochs, comma
    those before.
    """
    BINDINGS = [
        bind("variants.previous", "comma", "step(-1)", "Earlier epochs", "Variants of the epochs before"),
        bind("variants.next", "full_stop", "step(1)", "Later epochs", "Variants of the next epochs"),
        bind("variants.close", "escape,enter", "dismiss", "Close", "Back to the editor"),
    ]
    frame = getters.query_one("#variants", Vertical)
    grid = getters.query_one(VariantGrid)
    words = getters.query_one("#variants-words", Line)

    def __init__(self, image: NDArray[np.uint8], settings: Augmentation, seed: int) -> None:
        super().__init__()
        self._image, self._settings, self._seed = image, settings, seed
        self._first = 0
        self.variants: list[NDArray[np.uint8]] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="variants", classes="pane"):
            yield Line(id="variants-words")
            yield VariantGrid()
        yield KeyFooter()

    def on_mount(self) -> None:
        self.frame.border_title = "Variants of an image"
        self.words.say(f"Changed anew in every epoch: {listed(self._settings.in_words)}")

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    @work(exclusive=True, exit_on_error=False)
    async def _draw(self) -> None:
        first, shape = self._first, self._image.shape
        size = shape[0], shape[1]
        layout = layout_for(*self.grid.size, 1, "automatic", size, captions=1)
        count = min(layout.page, max(2, MOST // layout.columns * layout.columns))
        self.variants = await to_thread(variants_of, self._image, self._settings, self._seed, first, count - 1)

        def tile(index: int, _: int) -> Tile:
            if not index:
                return Tile((self._image,), ("unchanged",))
            return Tile((self.variants[index - 1],), (f"epoch {first + index:,}",))

        self.grid.show(count, tile, selected=0, pictures=1, size="automatic", shape=size, captions=1)

    def action_step(self, by: int) -> None:
        """Show the next epochs (1) or those before (-1)."""
        first = max(0, self._first + by * len(self.variants))
        if first != self._first:
            self._first = first
            self._draw()


def variants_of(
    image: NDArray[np.uint8], settings: Augmentation, seed: int, first: int, count: int
) -> list[NDArray[np.uint8]]:
    """Return an image as the first one of an epoch is changed, in each of `count` epochs from `first` on."""
    change = partial(augmented, image[np.newaxis], settings, seed=seed, step=0)
    return [change(epoch=epoch)[0] for epoch in range(first, first + count)]
