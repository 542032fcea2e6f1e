"""The arithmetic of corruptions: test images in, changed test images out. `experiment.corruptions` names them.

The kinds are those of benchmarks on corrupted images: shift, rotation and noise of MNIST-C (Mu and Gilmer, 2019), blur
and contrast of Hendrycks and Dietterich (2019), whose amounts noise has, too; erasing after DeVries and
Taylor (2017), thinner and thicker strokes after Morpho-MNIST (Castro et al., 2019).

Every function takes uint8 images ``(n, height, width)`` or ``(n, height, width, channels)``, the amount of its
corruption and a generator of random numbers, and returns new images of the same shape, uint8. Values are rounded to the
nearest whole number and cut off at 0 and 255; what comes from outside an image is 0. Random numbers of an image depend
on the seed, the kind and the image's place alone: they are the same at each strength and however many images follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.corruptions import CORRUPTIONS, REFERENCE_EDGE, AppliedCorruption

Images = NDArray[np.uint8]
BLOCK = 1000
"""Images that are changed at a time, which bounds the memory."""
DIRECTIONS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""Directions of a shift: rows down and columns to the right."""


def corrupted(images: Images, corruptions: Sequence[AppliedCorruption], *, seed: int = 0) -> Images:
    """Return images with corruptions applied one after another, uint8 in the shape of `images`; none returns them.

    Args:
        images: ``(n, height, width)`` or ``(n, height, width, channels)``.
        seed: of the random numbers, 0 or more.
    """
    for each in corruptions:
        images = at_strength(images, each.name, each.strength, seed=seed)
    return images


def at_strength(images: Images, name: str, strength: int, *, seed: int = 0) -> Images:
    """Return images with one corruption, uint8 in the shape of `images`; at strength 0 these are the images themselves.

    Args:
        images: ``(n, height, width)`` or ``(n, height, width, channels)``.
        strength: 0 to 5.
        seed: of the random numbers, 0 or more.
    """
    if strength == 0 or not len(images):
        return images
    corruption, change = CORRUPTIONS[name], CHANGES[name]
    scale = min(images.shape[1:3]) / REFERENCE_EDGE if corruption.in_pixels else 1.0
    amount = corruption.amount(strength) * scale
    generator = np.random.default_rng([seed, crc32(name.encode())])
    blocks = [images[start : start + BLOCK] for start in range(0, len(images), BLOCK)]
    return np.concatenate([change(block, amount, generator) for block in blocks])


def shift(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Return images moved by `amount` pixels, rounded to whole ones and 1 at least, in one of eight directions.

    The value at (x, y) is that of the old image at (x − d·u, y − d·v) with u and v from −1, 0 and 1, not both 0; each
    direction is as probable as any other.
    """
    pixels = max(1, round(amount))
    height, width = images.shape[1:3]
    around = ((0, 0), (pixels, pixels), (pixels, pixels), *((0, 0),) * (images.ndim - 3))
    framed, moved = np.pad(images, around), np.empty_like(images)
    chosen = generator.integers(len(DIRECTIONS), size=len(images))
    for which, (down, right) in enumerate(DIRECTIONS):
        top, left = pixels * (1 - down), pixels * (1 - right)
        moved[chosen == which] = framed[chosen == which, top : top + height, left : left + width]
    return moved


def rotation(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Return images turned about their centre by `amount` degrees, to the left or to the right with probability ½.

    Values between pixels are interpolated bilinearly.
    """
    from scipy.ndimage import rotate

    turned = np.empty(images.shape, np.float32)
    left = generator.integers(2, size=len(images)) == 1
    for chosen, angle in ((left, amount), (~left, -amount)):
        if chosen.any():
            turned[chosen] = rotate(images[chosen], angle, axes=(2, 1), reshape=False, order=1, output=np.float32)
    return _bytes(turned)


def blur(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Return images smoothed by a Gaussian with a standard deviation of `amount` pixels, cut off after four of them.

    Beyond its edge an image has the values of the edge.
    """
    from scipy.ndimage import gaussian_filter

    return _bytes(gaussian_filter(images, amount, axes=(1, 2), mode="nearest", output=np.float32))


def noise(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Return x + 255·σ·ε for each value x, with ε from the standard normal distribution and `amount` as σ."""
    return _bytes(images + np.float32(255 * amount) * generator.standard_normal(images.shape, np.float32))


def contrast(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Return m + c·(x − m) for each value x, with `amount` as c and m the mean of the image's channel."""
    mean = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _bytes(mean + np.float32(amount) * (images - mean))


def erasing(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Return images in which a square is 0: it has `amount` of the area and lies anywhere inside with equal chance.

    Its edge is √(amount · height · width), rounded to whole pixels and at most the image's shorter edge.
    """
    height, width = images.shape[1:3]
    edge = min(height, width, max(1, round((amount * height * width) ** 0.5)))
    room = np.array([height - edge + 1, width - edge + 1])
    top, left = (generator.random((len(images), 2)) * room).astype(int).T
    rows, columns = np.arange(height), np.arange(width)
    in_rows = (rows >= top[:, None]) & (rows < top[:, None] + edge)
    in_columns = (columns >= left[:, None]) & (columns < left[:, None] + edge)
    erased = images.copy()
    erased[in_rows[:, :, None] & in_columns[:, None, :]] = 0
    return erased


def thinner(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Return the grey-scale erosion of images by a disk with a radius of `amount` pixels.

    Each value becomes the smallest one within the radius. For a radius r between two whole numbers it is
    (1 − a)·E(k) + a·E(k + 1), with k = ⌊r⌋, a = r − k and E(k) the erosion with radius k.
    """
    from scipy.ndimage import grey_erosion

    return _by_radius(images, amount, grey_erosion)


def thicker(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Return the grey-scale dilation of images by a disk with a radius of `amount` pixels.

    Each value becomes the largest one within the radius; between whole radii as `thinner`.
    """
    from scipy.ndimage import grey_dilation

    return _by_radius(images, amount, grey_dilation)


CHANGES: dict[str, Callable[[Images, float, np.random.Generator], Images]] = {
    "shift": shift,
    "rotation": rotation,
    "blur": blur,
    "noise": noise,
    "contrast": contrast,
    "erasing": erasing,
    "thinner": thinner,
    "thicker": thicker,
}
"""The function of each of CORRUPTIONS."""


def _by_radius(images: Images, radius: float, change: Callable[..., Any]) -> Images:
    from skimage.morphology import disk

    def with_radius(whole: int) -> NDArray[np.float32]:
        edge = 2 * whole + 1
        footprint = np.reshape(disk(whole), (1, edge, edge, *(1,) * (images.ndim - 3)))
        return change(images, footprint=footprint, mode="nearest").astype(np.float32)

    whole = int(radius)
    share = np.float32(radius - whole)
    inner = with_radius(whole)
    return _bytes(inner if share == 0 else inner + share * (with_radius(whole + 1) - inner))


def _bytes(values: NDArray[np.floating]) -> Images:
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
