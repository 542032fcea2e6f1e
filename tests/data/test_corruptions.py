"""Corruptions of test images: each does what its formula says, the same for the same seed, at any size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mnist_tui.data.corruptions import CHANGES, DIRECTIONS, at_strength, corrupted
from mnist_tui.experiment.corruptions import (
    CORRUPTIONS,
    STRENGTHS,
    AppliedCorruption,
    CorruptionError,
    parse,
    parse_names,
)

SHAPES = [(28, 28), (64, 64, 3), (8, 11)]


def images_of(shape=(28, 28), count=24):
    """Smooth bright blobs on a dark ground, each image its own."""
    drawn = np.random.default_rng(4).integers(0, 256, (count, *shape)).astype(float)
    smooth = ndimage.gaussian_filter(drawn, (0, 1.5, 1.5, *(0,) * (len(shape) - 2)))
    return np.clip((smooth - 128) * 8, 0, 255).astype(np.uint8)


def change(name, amount, images):
    return CHANGES[name](images, amount, np.random.default_rng(0))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_keeps_the_form_repeats_itself_and_grows_with_the_strength(name, shape):
    images = images_of(shape)
    distances = []
    for strength in STRENGTHS:
        new = at_strength(images, name, strength, seed=7)
        assert new.shape == images.shape
        assert new.dtype == np.uint8
        assert np.array_equal(new, at_strength(images, name, strength, seed=7))
        distances.append(np.abs(new.astype(float) - images).mean())
    assert 0 <= distances[0] < distances[-1]
    assert np.array_equal(images, images_of(shape)), "the images themselves stay as they are"
    assert at_strength(images, name, 0) is images


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_image_is_changed_alike_however_many_follow_it(name, monkeypatch):
    images = images_of()
    whole = at_strength(images, name, 4, seed=1)
    assert np.array_equal(at_strength(images[:7], name, 4, seed=1), whole[:7])
    monkeypatch.setattr("mnist_tui.data.corruptions.BLOCK", 5)
    assert np.array_equal(at_strength(images, name, 4, seed=1), whole)
    others = at_strength(images, name, 4, seed=2)
    assert np.array_equal(whole, others) == (name in ("blur", "contrast", "thinner", "thicker"))


def test_a_shift_moves_whole_images_in_all_directions():
    images = images_of(count=100)
    seen = set()
    for image, new in zip(images, change("shift", 3.0, images), strict=True):
        (direction,) = [d for d in DIRECTIONS if np.array_equal(ndimage.shift(image, 3 * np.array(d), order=0), new)]
        seen.add(direction)
    assert seen == set(DIRECTIONS)


def test_a_rotation_turns_to_either_side_by_the_same_angle():
    images = images_of((21, 28))
    for image, new in zip(images, change("rotation", 20.0, images), strict=True):
        turned = [ndimage.rotate(image.astype(float), angle, reshape=False, order=1) for angle in (20, -20)]
        assert min(np.abs(each - new).max() for each in turned) <= 0.51
    upright = np.zeros((1, 9, 9), np.uint8)
    upright[0, :, 4] = 255
    assert np.array_equal(change("rotation", 90.0, upright)[0], upright[0].T)


def test_noise_has_the_standard_deviation_that_is_given():
    grey = np.full((50, 28, 28, 3), 128, np.uint8)
    noisy = change("noise", 0.1, grey).astype(float) - 128
    assert noisy.std() == pytest.approx(25.5, rel=0.01)
    assert abs(noisy.mean()) < 0.3


def test_contrast_keeps_the_mean_and_scales_the_differences():
    images = images_of((16, 16, 3))
    new, old = change("contrast", 0.25, images).astype(float), images.astype(float)
    mean = old.mean(axis=(1, 2), keepdims=True)
    assert np.abs(new - (mean + 0.25 * (old - mean))).max() <= 0.501


def test_blur_is_the_gaussian_filter_of_each_channel():
    images = images_of((16, 20, 3))
    new = change("blur", 1.3, images)
    for channel in range(3):
        expected = ndimage.gaussian_filter(images[5, ..., channel].astype(float), 1.3, mode="nearest")
        assert np.abs(new[5, ..., channel] - expected).max() <= 0.51


def test_erasing_sets_one_square_of_the_area_to_zero():
    white = np.full((60, 20, 30, 3), 255, np.uint8)
    corners = set()
    for new in change("erasing", 0.06, white):
        rows, columns = np.nonzero(new[..., 0] == 0)
        top, left = rows.min(), columns.min()
        assert (new[top : top + 6, left : left + 6] == 0).all()
        assert (new == 0).sum() == 6 * 6 * 3
        corners.add((top, left))
    assert len(corners) > 40


@pytest.mark.parametrize(("name", "extreme"), [("thinner", np.min), ("thicker", np.max)])
def test_strokes_change_by_the_extreme_within_the_radius(name, extreme):
    image = images_of(count=1)
    framed = np.pad(image[0], 2, mode="edge")
    disk = np.hypot(*np.mgrid[-2:3, -2:3]) <= 2
    cross = np.hypot(*np.mgrid[-2:3, -2:3]) <= 1
    windows = np.lib.stride_tricks.sliding_window_view(framed, (5, 5))
    by_two, by_one = extreme(windows[..., disk], axis=-1), extreme(windows[..., cross], axis=-1)
    assert np.array_equal(change(name, 2.0, image)[0], by_two)
    between = by_one + 0.25 * (by_two.astype(float) - by_one)
    assert np.abs(change(name, 1.25, image)[0] - between).max() <= 0.501


def test_amounts_in_pixels_grow_with_the_image():
    small, large = images_of((28, 28)), np.kron(images_of((28, 28)), np.ones((1, 2, 2), np.uint8))
    assert np.array_equal(np.kron(at_strength(small, "shift", 3), np.ones((1, 2, 2))), at_strength(large, "shift", 3))


def test_several_corruptions_are_applied_in_their_order():
    images = images_of()
    blurred_then_noisy = at_strength(at_strength(images, "blur", 3, seed=5), "noise", 2, seed=5)
    assert np.array_equal(corrupted(images, parse("blur:3, noise:2"), seed=5), blurred_then_noisy)
    assert corrupted(images, ()) is images


def test_corruptions_are_read_as_they_are_typed():
    assert parse("blur:3,noise:2") == (AppliedCorruption("blur", 3), AppliedCorruption("noise", 2))
    assert [each.text for each in parse("blur:3,noise:2")] == ["blur:3", "noise:2"]
    assert parse("blur:3")[0].in_words == "blur, strength 3 of 5 (standard deviation 1.5 px in a 28-pixel image)"
    assert parse("erasing:1")[0].in_words == "erasing, strength 1 of 5 (4 % of the area)"
    assert parse_names("noise,blur,noise") == ("blur", "noise")


@pytest.mark.parametrize("text", ["", "blur", "blur:0", "blur:6", "blur:x", "blurr:3", "blur:3,", "blur:3;noise:2"])
def test_what_is_no_corruption_is_refused(text):
    with pytest.raises(CorruptionError):
        parse(text)


def test_the_words_of_a_refusal():
    with pytest.raises(CorruptionError, match=r"there is no corruption 'blurr'; did you mean blur\? there are shift, "):
        parse_names("blurr")
    with pytest.raises(CorruptionError, match="the strength of blur is a whole number from 1 to 5, as in blur:3"):
        parse("blur:9")
