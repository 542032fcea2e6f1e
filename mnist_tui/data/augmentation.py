"""Augmentation: random changes of training images, as functions of seed, epoch, step and place in the batch.

The same functions compute with NumPy, for the editor's preview and for tests, and with TensorFlow, inside a training
step. Images are uint8 before and after, so that what is shown is what is trained on.

An image is resampled once: flip, zoom, shear, rotation and shift are one affine map, and the pixel at (x, y) of the new
image is read at ``c + A⁻¹ ((x, y) − c − t) + d(x, y)`` of the old one. c is the image's centre, t the shift, and d the
displacement of elastic distortions (Simard et al., 2003): random numbers uniform in −1 to 1 for each pixel and
direction, smoothed by a Gaussian of standard deviation σ whose weights have the sum 1, times α. Between pixels the
value is interpolated bilinearly; outside the image it is 0. Then noise is added, values are rounded and cut off at 0
and 255, and rectangles are erased (Zhong et al., 2020).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.random_words import NUMPY, ArrayLibrary, layer_keys, moment_keys, words_at
from mnist_tui.experiment.augmentation import LEAST_AREA, LEAST_ASPECT, Augmentation
from mnist_tui.experiment.shapes import Shape

USES = OF_IMAGES, OF_DISPLACEMENTS, OF_NOISE = range(3)
USE = 16
"""The use of random numbers for augmentation: beyond those of layers, `training.models`."""
SHIFT_X, SHIFT_Y, ROTATION, ZOOM, SHEAR, FLIP, IS_ERASED, AREA, ASPECT, TOP, LEFT = range(11)
PER_IMAGE = 16
"""Random words of an image, of which each change has its own: one change more leaves the others as they were."""
OUTSIDE = 2
"""Rows and columns of zeros around an image: one before and two after it are read."""


def keys_of(seed: int) -> NDArray[np.uint32]:
    """Return the keys of augmentation's random numbers, ``(3, 2)``: of images, displacements and noise."""
    return np.array([layer_keys(seed, which, USE) for which in USES], np.uint32)


def augmented(
    images: NDArray[np.uint8], settings: Augmentation, *, seed: int, epoch: int, step: int
) -> NDArray[np.uint8]:
    """Return a batch of images as a training step sees it.

    Args:
        images: ``(n, height, width)`` or ``(n, height, width, channels)``, in the order of the batch.
        epoch, step: counted from 0.
    """
    shape = images.shape[1:] if images.ndim == 4 else (*images.shape[1:], 1)
    moment = np.asarray(epoch, np.uint32), np.asarray(step, np.uint32)
    with np.errstate(over="ignore"):
        rows = Augmenter(settings, shape)(images.reshape(len(images), -1), keys_of(seed), *moment)
    return rows.reshape(images.shape)


class Augmenter:
    """The changes of an experiment's images.

    Args:
        shape: an image's height, width and channels.
        library: what computes.
    """

    def __init__(self, settings: Augmentation, shape: Shape, library: ArrayLibrary = NUMPY) -> None:
        self._settings, self._shape, self._library = settings, shape, library
        compiled = library.compiled
        self._of_images, self._displacements = compiled(self._changes), compiled(self._elastic)
        self._packed, self._resampled = compiled(self._with_neighbours), compiled(self._new_images)

    def __call__(self, rows: Any, keys: Any, epoch: Any, step: Any) -> Any:
        """Return the changed images, uint8 ``(n, height · width · channels)``.

        Args:
            rows: the images of a step, in that shape; their number must be known.
            keys: `keys_of` the seed.
            epoch, step: uint32 scalars, counted from 0.
        """
        settings, count = self._settings, int(rows.shape[0])
        changes, moments = self._of_images(count, keys, epoch, step)
        displacements = self._displacements(count, moments[OF_DISPLACEMENTS]) if settings.elastic else None
        pixels = self._packed(rows) if settings.moves_pixels else rows
        noise = moments[OF_NOISE]
        return self._library.apart(step, lambda: self._resampled(pixels, changes, displacements, noise), rows)

    def _words(self, count: int, moment: Any) -> Any:
        return words_at(self._library, self._library.cast(self._library.upto(count), np.uint32), moment)

    def _uniform(self, words: Any) -> Any:
        """Return numbers from 0 to below 1, float32, of the upper 24 bits of words."""
        return self._number(self._library.shifted_right(words, 8)) * 2.0**-24

    def _number(self, words: Any) -> Any:
        """Return words below 2³¹ as float32."""
        return self._library.cast(self._library.cast(words, np.int32), np.float32)

    def _changes(self, count: int, keys: Any, epoch: Any, step: Any) -> tuple[Any, list[Any]]:
        """Return what is changed in each image, float32 ``(n, 10)``, and the keys combined with epoch and step.

        The first three numbers of an image are the factors of x, of y and of 1 in the x that is read, the next three
        those in the y; then come the first row that is erased and the first after it, and so the columns.
        """
        moments = [moment_keys(self._library, (keys[use, 0], keys[use, 1]), epoch, step) for use in USES]
        settings, same = self._settings, self._library.same
        height, width, _ = self._shape
        words = same.reshape(self._words(count * PER_IMAGE, moments[OF_IMAGES]), (count, PER_IMAGE))
        share = self._uniform(words)

        def either_side(largest: float, which: int) -> Any:
            return (share[:, which] * 2 - 1) * largest

        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        from_x = middle_x + either_side(settings.shift, SHIFT_X)
        from_y = middle_y + either_side(settings.shift, SHIFT_Y)
        angle = either_side(math.radians(settings.rotation), ROTATION)
        cos, sin = same.cos(angle), same.sin(angle)
        slant = same.tan(either_side(math.radians(settings.shear), SHEAR))
        scale = 1 / (1 + either_side(settings.zoom, ZOOM))
        mirror = same.where(share[:, FLIP] < 0.5 * settings.flip, -scale, scale)
        x_of_x, x_of_y = mirror * (cos + slant * sin), mirror * (sin - slant * cos)
        y_of_x, y_of_y = -scale * sin, scale * cos
        x_of_1 = middle_x - x_of_x * from_x - x_of_y * from_y
        y_of_1 = middle_y - y_of_x * from_x - y_of_y * from_y
        map_ = x_of_x, x_of_y, x_of_1, y_of_x, y_of_y, y_of_1
        return same.stack((*map_, *self._erased_edges(share)), 1), moments

    def _erased_edges(self, share: Any) -> tuple[Any, ...]:
        settings, same = self._settings, self._library.same
        height, width, _ = self._shape
        area = (LEAST_AREA + (settings.erasing_area - LEAST_AREA) * share[:, AREA]) * (height * width)
        aspect = same.exp((share[:, ASPECT] * 2 - 1) * math.log(1 / LEAST_ASPECT))
        is_erased = share[:, IS_ERASED] < settings.erasing
        edges: list[Any] = []
        for edge, square, which in ((height, area * aspect, TOP), (width, area / aspect, LEFT)):
            length = same.minimum(same.floor(same.sqrt(square) + 0.5), float(edge))
            first = same.floor(share[:, which] * (edge + 1 - length))
            edges += [first, same.where(is_erased, first + length, 0.0)]
        return tuple(edges)

    def _elastic(self, count: int, moment: Any) -> Any:
        """Return the displacements in x and in y, in pixels, float32 ``(n, 2, height, width)``."""
        settings, same = self._settings, self._library.same
        height, width, _ = self._shape
        drawn = self._uniform(self._words(count * 2 * height * width, moment)) * 2 - 1
        columns = same.reshape(drawn, (-1, height)) @ _gaussian(height, settings.elastic_sigma, settings.elastic)
        turned = same.transpose(same.reshape(columns, (count, 2, width, height)), (0, 1, 3, 2))
        rows = same.reshape(turned, (-1, width)) @ _gaussian(width, settings.elastic_sigma, 1.0)
        return same.reshape(rows, (count, 2, height, width))

    def _with_neighbours(self, rows: Any) -> Any:
        """Return each pixel with the three to its right, below it, and below that, a byte each, in one uint32 vector.

        One element is then read for each new pixel instead of four. Zeros surround the images.
        """
        library, same = self._library, self._library.same
        height, width, channels = self._shape
        images = same.reshape(rows, (-1, height, width * channels))
        framed = same.pad(images, ((0, 0), (1, OUTSIDE), (channels, OUTSIDE * channels)))
        one = library.cast(framed, np.uint32)
        upper, lower = one[:, :-1], one[:, 1:]
        left, right = slice(None, -channels), slice(channels, None)
        four = upper[:, :, left] + upper[:, :, right] * 2**8 + lower[:, :, left] * 2**16 + lower[:, :, right] * 2**24
        return same.reshape(four, (-1,))

    def _new_images(self, pixels: Any, changes: Any, displacements: Any, moment: Any) -> Any:
        """Return the new images from pixels with their neighbours, or from the images if no pixel is moved."""
        settings, library, same = self._settings, self._library, self._library.same
        height, width, channels = self._shape
        count, columns = int(changes.shape[0]), width * channels
        images = count, height, columns
        y = same.reshape(library.cast(library.upto(height), np.float32), (1, height, 1))
        x = same.reshape(library.cast(library.upto(columns) // channels, np.float32), (1, 1, columns))

        def of_image(which: int) -> Any:
            return same.reshape(changes[:, which], (count, 1, 1))

        if settings.moves_pixels:
            from_x = of_image(0) * x + of_image(1) * y + of_image(2)
            from_y = of_image(3) * x + of_image(4) * y + of_image(5)
            if displacements is not None:
                in_channels = same.repeat(displacements, channels, 3) if channels > 1 else displacements
                from_x, from_y = from_x + in_channels[:, 0], from_y + in_channels[:, 1]
            values = self._between(count, pixels, from_x, from_y)
        else:
            values = self._number(same.reshape(pixels, images))
        if settings.noise:
            words = same.reshape(self._words(count * height * columns, moment), images)
            values = same.minimum(same.maximum(values + self._normal(words) * (255 * settings.noise), 0.0), 255.0)
        values = same.floor(values + 0.5)
        if settings.erasing:
            inside = (y >= of_image(6)) & (y < of_image(7)) & (x >= of_image(8)) & (x < of_image(9))
            values = same.where(inside, 0.0, values)
        return same.reshape(library.cast(library.cast(values, np.int32), np.uint8), (count, -1))

    def _between(self, count: int, pixels: Any, x: Any, y: Any) -> Any:
        """Return the values of images at places between pixels, float32, interpolated bilinearly."""
        library, same = self._library, self._library.same
        height, width, channels = self._shape
        x, y = (same.minimum(same.maximum(at, -1.0), float(edge)) for at, edge in ((x, width), (y, height)))
        left, top = same.floor(x), same.floor(y)
        right_share, lower_share = x - left, y - top
        image = same.reshape(library.upto(count), (count, 1, 1)) * (height + OUTSIDE)
        row, channel = image + library.cast(top, np.int32) + 1, library.upto(width * channels) % channels
        place = (row * (width + OUTSIDE) + library.cast(left, np.int32) + 1) * channels + channel
        four, byte = library.take(pixels, place), library.cast(255, np.uint32)
        values = [self._number(library.shifted_right(four, bits) & byte) for bits in (0, 8, 16, 24)]
        upper = values[0] + (values[1] - values[0]) * right_share
        lower = values[2] + (values[3] - values[2]) * right_share
        return upper + (lower - upper) * lower_share

    def _normal(self, words: Any) -> Any:
        """Return normally distributed numbers of words (Box and Muller, 1958), each from the two halves of a word."""
        library, same = self._library, self._library.same
        first = (self._number(library.shifted_right(words, 16)) + 0.5) * 2.0**-16
        second = self._number(words & library.cast(0xFFFF, np.uint32)) * (2 * math.pi / 2**16)
        return same.sqrt(library.log(first) * -2) * same.cos(second)


@lru_cache(16)
def _gaussian(edge: int, sigma: float, factor: float) -> NDArray[np.float32]:
    """Return the matrix ``(edge, edge)`` that smooths a vector by a Gaussian, zeros beyond its ends, times a factor."""
    reach = math.ceil(10 * sigma)
    total = sum(math.exp(-0.5 * (step / sigma) ** 2) for step in range(-reach, reach + 1))
    distances = np.subtract.outer(np.arange(edge), np.arange(edge))
    return (np.exp(-0.5 * (distances / sigma) ** 2) * (factor / total)).astype(np.float32)
