"""The screens of one run by their names, each imported when it is first shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.screen import Screen

if TYPE_CHECKING:
    from mnist_tui.tui.feed import RunFeed


def screen_of_run(what: str, feed: RunFeed, cell: tuple[int, int] | None) -> Screen[Any]:
    """The screen of that name, on the run that the feed follows; a gallery of that cell of the matrix."""
    match what:
        case "matrix":
            from mnist_tui.tui.matrix.screen import MatrixScreen

            return MatrixScreen(feed)
        case "gallery":
            from mnist_tui.tui.gallery.screen import GalleryScreen

            return GalleryScreen(feed, cell)
        case "weights":
            from mnist_tui.tui.weights.screen import WeightsScreen

            return WeightsScreen(feed)
        case _:
            from mnist_tui.tui.results.diagnosis import DiagnosisScreen

            return DiagnosisScreen(feed)
