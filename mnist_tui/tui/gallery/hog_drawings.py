"""The HOG pictures of a run's images, each drawn once. Drawing takes a moment: for a thread."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.tui.gallery.answers import Answers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEPT = 2000


class HogDrawings:
    """Drawings of what a HOG experiment sees of images, kept by set of images and index."""

    def __init__(self, features: HogFeatures) -> None:
        self._features = features
        self._drawn: dict[tuple[str, int], NDArray[np.uint8]] = {}

    def get(self, answers: Answers, index: int) -> NDArray[np.uint8] | None:
        """An image's drawing, ``(28, 28)``; None while there is none."""
        return self._drawn.get((answers.what, index))

    def draw(self, answers: Answers, indices: Iterable[int]) -> bool:
        """Draws those that are not drawn yet; whether there were such."""
        from mnist_tui.data.hog_picture import hog_picture

        wanted = [index for index in indices if (answers.what, index) not in self._drawn]
        pictures = {index: picture for index in wanted if (picture := answers.picture(index)) is not None}
        if len(self._drawn) > KEPT:
            self._drawn = {}
        for index, picture in pictures.items():
            self._drawn[answers.what, index] = hog_picture(
                picture, orientations=self._features.orientations, pixels_per_cell=self._features.pixels_per_cell
            )
        return bool(pictures)
