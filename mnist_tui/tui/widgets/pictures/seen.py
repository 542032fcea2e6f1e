"""What a network sees of a drawing: its pixels, or the picture of their oriented gradients."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from mnist_tui.tui.draw.network_input import NetworkInput
from mnist_tui.tui.widgets.pictures.pixels import PixelView


class SeenPane(Vertical):
    """A framed picture; as HOG where there is one, unless pixels are asked for."""

    picture = getters.query_one(PixelView)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._sight: NetworkInput | None = None
        self._large = False
        self.as_hog = True

    def compose(self) -> ComposeResult:
        yield PixelView()

    def show(self, sight: NetworkInput, *, centred: bool) -> None:
        """Shows what is seen now."""
        self._sight = sight
        self.border_subtitle = "centred" if centred else "as drawn"
        self._draw()

    def enlarge(self, large: bool) -> None:
        """Draws it twice as large, or no longer."""
        self._large = large
        self._draw()

    def toggle(self) -> None:
        """HOG instead of pixels, or the other way round."""
        self.as_hog = not self.as_hog
        self._draw()

    def _draw(self) -> None:
        sight = self._sight
        if sight is None:
            return
        hog = (sight.fine_hog if self._large else sight.hog) if self.as_hog else None
        self.border_title = Content.assemble(("seen", "bold"), f" as {'pixels' if hog is None else 'HOG'}")
        self.picture.double(self._large and hog is None)
        self.picture.show(sight.pixels if hog is None else hog)
