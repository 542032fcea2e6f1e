"""A base for widgets with pictures: true pictures where the terminal has them and nothing lies over the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import getters
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.tui.bench import Bench
from mnist_tui.tui.widgets.text import DrawnWidget

if TYPE_CHECKING:
    from mnist_tui.tui.terminal.graphics import IndexedPicture, PictureProtocol, PlacedPicture


class TruePictures(Widget):
    """A widget that draws its pictures as blocks, or gets the lines under true pictures from `true_lines`.

    Attributes:
        protocol: how pictures have to be drawn now. Below a dialog, they are blocks, which are dimmed like the text.
        drawn_with: how they were drawn last.
        placed_pictures: the pictures that Sixel paints over the lines.
    """

    app = getters.app(Bench)
    drawn_with: PictureProtocol = "blocks"
    TRUE_PICTURES = True
    """Whether the widget may have true pictures at all."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.placed_pictures: list[PlacedPicture] = []

    @property
    def protocol(self) -> PictureProtocol:
        may = self.TRUE_PICTURES and self.is_attached and self.screen.is_active
        return self.app.graphics.protocol if may else "blocks"

    def on_mount(self) -> None:
        self.app.screen_change_signal.subscribe(self, self._check_protocol)
        self.app.pictures_changed.subscribe(self, self._check_protocol)

    def _check_protocol(self, _: object) -> None:
        if self.protocol != self.drawn_with:
            self.draw_anew()

    def begin_drawing(self) -> PictureProtocol:
        """Forget the placed pictures, and return the protocol with which all pictures have to be drawn now."""
        self.placed_pictures = []
        self.drawn_with = self.protocol
        return self.drawn_with

    def draw_anew(self) -> None:
        """Draw everything again, with the present protocol."""
        self.refresh()

    def true_lines(self, picture: IndexedPicture, region: Region) -> Sequence[list[Segment]]:
        """Return the lines under a picture in a region of the widget, in characters; blank lines for Sixel."""
        from mnist_tui.tui.terminal.graphics import PlacedPicture

        self.placed_pictures.append(PlacedPicture(picture, region))
        paper = self.background_colors[1].rich_color
        return self.app.graphics.lines(picture, region.width, region.height, paper)

    def render_lines(self, crop: Region) -> list[Strip]:
        strips = super().render_lines(crop)
        if self.drawn_with == "sixel":
            self.app.graphics.touch(self, self.placed_pictures, crop)
        return strips


class DrawnPictures(TruePictures, DrawnWidget):
    """A widget that draws all its lines at once, with pictures among them; `strips` calls `begin_drawing` first."""

    def draw(self) -> None:
        before = self.placed_pictures
        super().draw()
        if changed := {placed.region for placed in set(self.placed_pictures) ^ set(before)}:  # under them, all is blank
            self.refresh(*changed)

    def draw_anew(self) -> None:
        self._strips = None
        self.draw()
