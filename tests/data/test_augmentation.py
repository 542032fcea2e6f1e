"""The augmentation of images: SciPy resamples them alike, and every change keeps to its bounds and its odds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from mnist_tui.data.augmentation import OF_DISPLACEMENTS, OF_IMAGES, Augmenter, augmented, keys_of
from mnist_tui.data.random_words import NUMPY, moment_keys, words_at
from mnist_tui.experiment.augmentation import Augmentation

MOMENT = {"seed": 3, "epoch": 2, "step": 5}
SHAPES = [(28, 28), (9, 14), (12, 7, 3)]


def images_of(shape, count=40):
    return np.random.default_rng(1).integers(0, 256, (count, *shape), np.uint8)


def changed(images, moment=MOMENT, /, **settings):
    return augmented(images, Augmentation(**settings), **moment)


def drawn(count, use):
    """The random numbers from 0 to 1 at the first places of a step."""
    with np.errstate(over="ignore"):
        moment = moment_keys(NUMPY, keys_of(3)[use], np.uint32(2), np.uint32(5))
        return (words_at(NUMPY, np.arange(count, dtype=np.uint32), moment) >> 8) / 2**24


def resampled(image, matrix, offset, displacement: Any = 0.0):
    """SciPy's bilinear interpolation of the image's channels; (x, y) of the old image for every pixel of the new."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    from_x, from_y = np.einsum("ij,jhw->ihw", matrix, [x, y]) + np.reshape(offset, (2, 1, 1)) + displacement
    channels = image.reshape(height, width, -1)
    values = [
        ndimage.map_coordinates(channels[..., channel].astype(float), [from_y, from_x], order=1, mode="grid-constant")
        for channel in range(channels.shape[2])
    ]
    return np.stack(values, -1).reshape(image.shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_flip_zoom_shear_rotation_and_shift_are_one_affine_map_that_scipy_computes_alike(shape):
    """Of the map, matrices are multiplied here, in the order of the documentation."""
    images = images_of(shape)
    limits = {"shift": 3.0, "rotation": 30.0, "zoom": 0.2, "shear": 15.0}
    ours = changed(images, **limits, flip=True)
    shares = drawn(16 * len(images), OF_IMAGES).reshape(-1, 16)
    centre = (np.array([shape[1], shape[0]]) - 1) / 2
    for image, new, share in zip(images, ours, shares, strict=True):
        side = 2 * share - 1
        shift = 3 * side[:2]
        angle, slant, size = np.radians(30 * side[2]), np.tan(np.radians(15 * side[4])), 1 + 0.2 * side[3]
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        forward = rotation @ [[1, slant], [0, 1]] @ np.diag([size, size]) @ np.diag([-1 if share[5] < 0.5 else 1, 1])
        back = np.linalg.inv(forward)
        expected = resampled(image, back, centre - back @ (centre + shift))
        assert np.abs(new - expected).max() <= 0.51


@pytest.mark.parametrize("shape", SHAPES)
def test_elastic_displacements_are_uniform_numbers_smoothed_as_scipy_does(shape):
    images, (height, width) = images_of(shape, 6), shape[:2]
    ours = changed(images, elastic=20.0, elastic_sigma=2.5)
    field = drawn(len(images) * 2 * width * height, OF_DISPLACEMENTS).reshape(-1, 2, width, height) * 2 - 1
    for image, new, numbers in zip(images, ours, field, strict=True):
        smoothed = [ndimage.gaussian_filter(each.T, 2.5, mode="constant", truncate=10) for each in numbers]
        expected = resampled(image, np.eye(2), np.zeros(2), 20 * np.array(smoothed))
        assert np.abs(new - expected).max() <= 0.52


def test_a_change_of_strength_nearly_0_leaves_the_images_as_they_are():
    images = images_of((28, 28))
    for name in ("shift", "rotation", "zoom", "shear", "elastic", "noise"):
        assert (changed(images, **{name: 1e-6}) == images).all(), name


def test_what_comes_from_outside_the_image_is_0():
    white = np.full((40, 28, 28), 255, np.uint8)
    shifted = changed(white, shift=8)
    assert (shifted[:, 8:20, 8:20] == 255).all()
    assert (shifted == 0).any((1, 2)).mean() > 0.9


def test_half_of_the_images_are_mirrored():
    images = images_of((28, 28), 1000)
    flipped = changed(images, flip=True)
    mirrored = (flipped == images[:, :, ::-1]).all((1, 2))
    assert ((flipped == images).all((1, 2)) | mirrored).all()
    assert 420 < mirrored.sum() < 580


def test_noise_has_its_mean_and_standard_deviation():
    grey = np.full((100, 28, 28), 128, np.uint8)
    noise = (changed(grey, noise=0.1).astype(float) - 128) / 255
    assert abs(noise.mean()) < 0.002
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert ndimage.correlate1d(noise, [1, 0, 0], axis=2).ravel() @ noise.ravel() / noise.size < 0.0005


def test_a_share_of_the_images_loses_one_rectangle_within_bounds():
    white = np.full((1000, 28, 28), 255, np.uint8)
    erased = changed(white, erasing=0.25, erasing_area=0.2) == 0
    hit = erased.any((1, 2))
    assert 200 < hit.sum() < 300
    for image in erased[hit]:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert 0.01 < image.mean() < 0.23
        assert 0.25 < len(rows) / len(columns) < 4


def test_every_image_step_epoch_and_seed_is_changed_otherwise():
    images = np.repeat(images_of((28, 28), 1), 3, axis=0)
    settings = {"shift": 2, "rotation": 10}
    first = changed(images, **settings)
    others = [changed(images, {**MOMENT, **other}, **settings) for other in OTHERS]
    versions = {image.tobytes() for batch in (first, *others) for image in batch}
    assert len(versions) == 3 * (1 + len(OTHERS))
    assert (changed(images, **settings) == first).all()


OTHERS = ({"seed": 4}, {"epoch": 3}, {"step": 6})


def test_one_change_more_leaves_the_random_numbers_of_the_others():
    images = images_of((28, 28))
    with_erasing = changed(images, shift=2, erasing=1)
    kept = with_erasing != 0
    assert (with_erasing[kept] == changed(images, shift=2)[kept]).all()


def test_an_augmenter_computes_the_smaller_last_batch_like_the_begin_of_a_full_one():
    images = images_of((28, 28)).reshape(40, -1)
    augmenter = Augmenter(Augmentation(rotation=10, erasing=0.5), (28, 28, 1))
    moment = np.uint32(2), np.uint32(5)
    with np.errstate(over="ignore"):
        full, part = (augmenter(rows, keys_of(3), *moment) for rows in (images, images[:7]))
    assert (full[:7] == part).all()
