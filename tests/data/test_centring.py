"""Centring: MNIST's own images are the oracle, scikit-image moves and scales them."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.transform import resize

from mnist_tui.data.idx import read_idx
from mnist_tui.data.known import KNOWN
from mnist_tui.data.pictures import BOX, centred, fitted, why_not_centred

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def digits(real_data: Path) -> Image:
    return read_idx(real_data / "mnist" / "t10k-images-idx3-ubyte.gz", "images").values[:500]


def ink(image: Image) -> Image:
    """The smallest part of an image that has all its ink."""
    rows, columns = np.nonzero(image)
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def framed(part: Image, top: int, left: int, bottom: int = 0, right: int = 0) -> Image:
    return np.pad(part, ((top, bottom), (left, right)))


def test_mnists_images_come_back_unchanged(digits: Image):
    assert np.array_equal(np.stack([centred(image) for image in digits]), digits)


def test_a_shifted_digit_is_put_back_to_the_pixel(digits: Image):
    for image in digits[:100]:
        assert np.array_equal(centred(framed(ink(image), 3, 50, 90, 7)), image)


@pytest.mark.parametrize(("scale", "correlation"), [(0.7, 0.93), (1.4, 0.97), (3, 0.98), (12.5, 0.98)])
def test_a_scaled_digit_is_nearly_restored(digits: Image, scale: float, correlation: float):
    found: list[float] = []
    for image in digits[:50]:
        part = ink(image)
        size = [max(1, round(side * scale)) for side in part.shape]
        resized: Any = resize(part / 255, size, order=1, anti_aliasing=scale < 1)
        scaled = np.rint(255 * resized).astype(np.uint8)
        restored = centred(framed(scaled, 40, 5, 11, 60))
        assert max(ink(restored).shape) == BOX
        near = [np.roll(restored, shift, (0, 1)) for shift in product((-1, 0, 1), repeat=2)]
        found.append(max(float(np.corrcoef(one.ravel(), image.ravel())[0, 1]) for one in near))
    assert np.mean(found) > correlation


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 20), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_ink_fills_twenty_pixels_with_its_centre_of_mass_in_the_middle(
    height: int, width: int, top: int, left: int, seed: int
):
    part = np.random.default_rng(seed).integers(1, 256, (height, width), dtype=np.uint8)
    image = centred(framed(part, top, left))
    if not image.any():
        return
    got = ink(image)
    assert max(got.shape) <= BOX
    rows, columns = np.nonzero(image)
    for places, side in ((rows, got.shape[0]), (columns, got.shape[1])):
        centre = np.average(places, weights=image[rows, columns])
        at_the_edge = places.min() == 0 or places.max() == image.shape[0] - 1
        assert at_the_edge or abs(centre - 14) <= 0.5 + 1e-9 or side == 1


def test_nothing_stays_nothing_and_a_dot_becomes_a_square():
    assert not centred(np.zeros((9, 40), np.uint8)).any()
    dot = np.zeros((28, 28), np.uint8)
    dot[3, 25] = 255
    assert ink(centred(dot)).shape == (BOX, BOX)


def test_ink_whose_weight_lies_at_one_end_stays_in_the_frame():
    heavy_end = np.ones((100, 100), np.uint8)
    heavy_end[-4:] = 255
    assert centred(heavy_end).any(axis=1).sum() == BOX


def test_fitting_keeps_28_by_28_and_proportions():
    image = np.arange(784, dtype=np.uint16).astype(np.uint8).reshape(28, 28)
    assert np.array_equal(fitted(image), image)
    wide = fitted(np.full((50, 200), 200, np.uint8))
    assert ink(wide).shape == (7, 28)
    assert set(np.unique(wide)) == {0, 200}


def test_only_digits_are_centred():
    grey, names = (28, 28, 1), KNOWN["mnist"].class_names
    assert not why_not_centred(names, grey)
    assert not why_not_centred(KNOWN["digits"].class_names, grey)
    assert why_not_centred(KNOWN["fashion-mnist"].class_names, grey) == "its classes are not the ten digits"
    assert all("28×28" in why_not_centred(names, image) for image in ((32, 32, 1), (28, 28, 3)))


def test_images_of_other_sizes_and_colours_are_centred_in_proportion(digits: Image):
    large = centred(np.kron(digits[0], np.ones((3, 3), np.uint8)), (56, 56))
    assert max(ink(large).shape) == 2 * BOX
    oblong = centred(digits[0], (20, 14))
    assert oblong.shape == (20, 14)
    assert max(ink(oblong).shape) == 10
    colours = np.stack([digits[0], digits[0] // 2, 0 * digits[0]], axis=-1)
    assert np.array_equal(centred(colours)[..., 0], digits[0])


def test_colour_pictures_are_fitted_into_any_shape():
    wide = fitted(np.full((50, 200, 3), (200, 100, 0), np.uint8), (20, 14))
    assert wide.shape == (20, 14, 3)
    assert set(map(tuple, wide.reshape(-1, 3).tolist())) == {(0, 0, 0), (200, 100, 0)}
