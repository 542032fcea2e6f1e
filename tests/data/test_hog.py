"""HOG features and pictures against scikit-image."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from skimage.feature import hog

from mnist_tui.data.hog import cell_histograms, hog_batch, hog_picture

Images = NDArray[np.uint8]


@st.composite
def geometries(draw: st.DrawFn, side: int = 28) -> tuple[int, int, int]:
    """Orientations, pixels per cell and cells per block of which at least one block fits."""
    pixels_per_cell = draw(st.integers(1, side))
    cells_per_block = draw(st.integers(1, min(side // pixels_per_cell, 6)))
    return draw(st.integers(1, 18)), pixels_per_cell, cells_per_block


def noise(seed: int, count: int = 2, side: int = 28) -> Images:
    """Half of the pixels black, as in a drawing, the rest anything."""
    generator = np.random.default_rng(seed)
    levels = generator.integers(0, 256, (count, side, side), dtype=np.uint8)
    return levels * generator.integers(0, 2, levels.shape, dtype=np.uint8)


def reference(images: Images, orientations: int, pixels_per_cell: int, cells_per_block: int) -> NDArray[np.float64]:
    cell, block = (pixels_per_cell,) * 2, (cells_per_block,) * 2
    colour = -1 if images.ndim == 4 else None
    return np.stack([hog(image, orientations, cell, block, "L2-Hys", channel_axis=colour) for image in images])


def batch64(images: Images, orientations: int, pixels_per_cell: int, cells_per_block: int) -> NDArray[np.floating]:
    return hog_batch(
        images,
        orientations=orientations,
        pixels_per_cell=pixels_per_cell,
        cells_per_block=cells_per_block,
        dtype=np.float64,
    )


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), geometry=geometries())
def test_features_of_noise_equal_scikit_image_bit_for_bit(seed: int, geometry: tuple[int, int, int]) -> None:
    images = noise(seed)
    np.testing.assert_array_equal(batch64(images, *geometry), reference(images, *geometry))


@settings(max_examples=80, deadline=None)
@given(
    images=arrays(np.uint8, st.tuples(st.just(1), st.integers(3, 12), st.integers(3, 12))),
    orientations=st.integers(1, 40),
)
def test_features_of_any_small_image_equal_scikit_image(images: Images, orientations: int) -> None:
    geometry = (orientations, 3, 1)
    np.testing.assert_array_equal(batch64(images, *geometry), reference(images, *geometry))


def test_every_gradient_of_bytes_falls_into_the_bin_of_scikit_image() -> None:
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    up, left = np.meshgrid(levels, levels, indexing="ij")
    images = np.zeros((4, up.size, 3, 3), np.uint8)
    for quadrant, (row, column) in enumerate(((0, 0), (0, 2), (2, 0), (2, 2))):
        images[quadrant, :, row, 1] = up.ravel()
        images[quadrant, :, 1, column] = left.ravel()
    some = images.reshape(-1, 3, 3)[::7]
    np.testing.assert_array_equal(batch64(some, 9, 3, 1), reference(some, 9, 3, 1))


@st.composite
def colour_images(draw: st.DrawFn) -> Images:
    """Colour images of 4 to 64 pixels: noise, or few levels, so that gradients are often equally large."""
    height, width, levels = draw(st.integers(4, 64)), draw(st.integers(4, 64)), draw(st.sampled_from([2, 4, 256]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return (generator.integers(0, levels, (2, height, width, 3)) * (255 // (levels - 1))).astype(np.uint8)


@settings(max_examples=80, deadline=None)
@given(images=colour_images(), data=st.data())
def test_features_of_colour_images_of_any_size_equal_scikit_image(images: Images, data: st.DataObject) -> None:
    geometry = data.draw(geometries(side=min(images.shape[1:3])))
    np.testing.assert_array_equal(batch64(images, *geometry), reference(images, *geometry))


def test_of_two_channels_with_the_same_sum_of_squares_the_one_that_scikit_image_takes_counts() -> None:
    differences = [(down, right) for down in range(256) for right in range(256)]
    by_energy: dict[int, list[tuple[int, int]]] = {}
    for down, right in differences:
        by_energy.setdefault(down * down + right * right, []).append((down, right))
    pairs = [pair for equal in by_energy.values() for pair in itertools.pairwise(equal)][::23]
    images = np.zeros((len(pairs), 3, 3, 3), np.uint8)
    for image, pair in zip(images, pairs, strict=True):
        for channel, (down, right) in enumerate(pair):
            image[2, 1, channel], image[1, 2, channel] = down, right
    np.testing.assert_array_equal(batch64(images, 40, 3, 1), reference(images, 40, 3, 1))


def test_a_colour_image_of_three_equal_channels_has_the_features_of_the_grey_one() -> None:
    images = noise(8)
    np.testing.assert_array_equal(hog_batch(np.stack([images] * 3, axis=-1)), hog_batch(images))


@pytest.mark.parametrize("orientations", [255, 256, 360])
def test_as_many_bins_as_one_likes_equal_scikit_image(orientations: int) -> None:
    images = noise(5)
    np.testing.assert_array_equal(batch64(images, orientations, 9, 2), reference(images, orientations, 9, 2))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (2, 2), (30, 17)])
def test_images_of_other_shapes_equal_scikit_image(height: int, width: int) -> None:
    images = noise(6, side=30)[:, :height, :width]
    geometry = (8, min(height, 4), 1)
    np.testing.assert_array_equal(batch64(images, *geometry), reference(images, *geometry))


def test_single_precision_is_the_double_result_rounded() -> None:
    images = noise(3)
    features = hog_batch(images, orientations=8, pixels_per_cell=7)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, batch64(images, 8, 7, 1).astype(np.float32))


def test_chunks_leave_no_seam_and_report_their_progress() -> None:
    images = noise(4, count=5000)
    seen: list[tuple[int, int]] = []
    features = hog_batch(images, pixels_per_cell=4, on_progress=lambda done, total: seen.append((done, total)))
    few = np.concatenate([hog_batch(images[start : start + 100]) for start in range(0, 5000, 100)])
    np.testing.assert_array_equal(features, few)
    assert len(seen) > 1
    assert seen == sorted(seen)
    assert seen[-1] == (5000, 5000)


def test_blank_images_have_features_of_zero() -> None:
    assert not hog_batch(np.full((2, 28, 28), 255, np.uint8)).any()


def test_no_images_give_no_rows_of_the_right_length() -> None:
    assert hog_batch(np.zeros((0, 28, 28), np.uint8), pixels_per_cell=7).shape == (0, 4 * 4 * 8)


@pytest.mark.parametrize(
    ("images", "parameters", "sentence"),
    [
        (np.zeros((1, 28, 28), np.float32), {}, "uint8 images, not float32"),
        (np.zeros((28, 28), np.uint8), {}, "shape"),
        (np.zeros((1, 28, 28, 4), np.uint8), {}, "shape"),
        (np.zeros((1, 28, 28), np.uint8), {"pixels_per_cell": 0}, "pixels per cell is 0"),
        (np.zeros((1, 28, 28), np.uint8), {"orientations": 0}, "orientations is 0"),
        (np.zeros((1, 28, 28), np.uint8), {"cells_per_block": 0}, "cells per block is 0"),
        (np.zeros((1, 28, 28), np.uint8), {"pixels_per_cell": 29}, "does not fit"),
        (np.zeros((1, 28, 28), np.uint8), {"pixels_per_cell": 10, "cells_per_block": 3}, "does not fit"),
    ],
)
def test_impossible_requests_are_refused(images: Images, parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        hog_batch(images, **parameters)


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), orientations=st.integers(1, 18), pixels_per_cell=st.integers(2, 28))
def test_the_picture_is_that_of_scikit_image_at_full_brightness(
    seed: int, orientations: int, pixels_per_cell: int
) -> None:
    (image,) = noise(seed, count=1)
    _, drawn = hog(image, orientations, (pixels_per_cell,) * 2, (1, 1), visualize=True)
    picture = hog_picture(image, orientations=orientations, pixels_per_cell=pixels_per_cell)
    expected = np.rint(drawn * (255 / drawn.max())) if drawn.max() > 0 else drawn
    np.testing.assert_array_equal(picture, expected)


def test_the_picture_of_an_oblong_colour_image_is_that_of_scikit_image() -> None:
    image = np.random.default_rng(9).integers(0, 256, (20, 14, 3), dtype=np.uint8)
    _, drawn = hog(image, 8, (4, 4), (1, 1), visualize=True, channel_axis=-1)
    np.testing.assert_array_equal(hog_picture(image), np.rint(drawn * (255 / drawn.max())))


def test_a_vertical_edge_is_drawn_as_an_upright_line() -> None:
    image = np.zeros((7, 7), np.uint8)
    image[:, 4:] = 200
    picture = hog_picture(image, orientations=9, pixels_per_cell=7, scale=5)
    rows, columns = np.nonzero(picture)
    assert picture.shape == (35, 35)
    assert np.ptp(rows) > 5 * np.ptp(columns)


def test_cells_of_one_pixel_are_drawn_as_dots() -> None:
    (image,) = noise(7, count=1)
    brightness = cell_histograms(image[np.newaxis], 8, 1)[0].sum(axis=-1)
    picture = hog_picture(image, orientations=8, pixels_per_cell=1)
    np.testing.assert_array_equal(picture, np.rint(brightness * (255 / brightness.max())))


def test_a_blank_image_has_a_black_picture() -> None:
    assert not hog_picture(np.zeros((28, 28), np.uint8)).any()


def test_a_picture_of_a_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="one image"):
        hog_picture(np.zeros((1, 28, 28), np.uint8))
