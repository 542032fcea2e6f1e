"""Features inside a TensorFlow graph, against scikit-image."""

from itertools import product

import numpy as np
import pytest

from mnist_tui.data.hog import orientation_table
from mnist_tui.experiment.spec import HogFeatures
from tests.training.support import digits

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("pixels_per_cell", "orientations", "cells_per_block"), [(4, 8, 1), (7, 8, 1), (4, 9, 3), (5, 1, 2), (28, 300, 1)]
)
def test_hog_in_the_graph_is_scikit_images(pixels_per_cell: int, orientations: int, cells_per_block: int) -> None:
    from skimage.feature import hog as reference

    from mnist_tui.training.export import hog

    noise = np.random.default_rng(7).integers(0, 256, (10, 28, 28), np.uint8)
    # steps of two levels: most gradients lie on the edge of a bin
    stairs = np.random.default_rng(8).choice(np.array([0, 255], np.uint8), (10, 28, 28))
    images = np.concatenate([digits().test_images[:30], noise, stairs, np.zeros((1, 28, 28), np.uint8)])
    spec = HogFeatures(pixels_per_cell=pixels_per_cell, orientations=orientations, cells_per_block=cells_per_block)
    cell, block = (pixels_per_cell,) * 2, (cells_per_block,) * 2
    wanted = [reference(i, orientations, cell, block, block_norm="L2-Hys", feature_vector=True) for i in images]
    assert np.abs(hog(images, spec).numpy() - np.stack(wanted)).max() < 2e-6


def test_the_table_holds_the_bin_of_every_gradient() -> None:
    table = orientation_table(8)
    assert table.shape == (511, 511)
    for row, column in product((-200, -3, 0, 1, 77), repeat=2):
        angle = np.rad2deg(np.arctan2(row, column)) % 180
        assert table[row + 255, column + 255] == int(angle // 22.5)
