"""The bundled sample: scikit-learn's 1,797 handwritten digits brought to 28×28.

They are the test part of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import SIDE, Part

_SOURCE_SIDE: Final = 8
_DIGIT_SIDE: Final = 20
_DARKEST: Final = 16


def read_digits() -> Mapping[Part, NDArray[np.uint8]]:
    """Return the sample as 1,437 training and 360 test images, always the same, the classes alike in both.

    As in MNIST a digit takes 20×20 pixels of 28×28, strokes bright on black.
    """
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    pixels, classes = load_digits(return_X_y=True)
    images = _enlarge(np.asarray(pixels, dtype=np.int64).reshape(-1, _SOURCE_SIDE, _SOURCE_SIDE))
    labels = np.asarray(classes, dtype=np.uint8)
    # every fifth of each class; RandomState's stream is frozen, so the split never changes (NEP 19)
    shuffled = np.random.RandomState(0).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    test = np.sort(by_class[::5])
    train = np.setdiff1d(np.arange(len(labels)), test)
    parts: dict[Part, NDArray[np.uint8]] = {
        "train_images": images[train],
        "train_labels": labels[train],
        "test_images": images[test],
        "test_labels": labels[test],
    }
    for values in parts.values():
        values.setflags(write=False)
    return parts


def _enlarge(images: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(n, 8, 8) of 0…16 → (n, 28, 28) of 0…255, bilinear, in integers so that every machine gets the same."""
    weights = _bilinear_tenths()
    hundredths = np.einsum("ij,njk,lk->nil", weights, images, weights)
    levels = (hundredths * 255 + 50 * _DARKEST) // (100 * _DARKEST)
    margin = (SIDE - _DIGIT_SIDE) // 2
    framed = np.zeros((len(images), SIDE, SIDE), np.uint8)
    framed[:, margin:-margin, margin:-margin] = levels
    return framed


def _bilinear_tenths() -> NDArray[np.int64]:
    """(20, 8): how many tenths each of 8 source pixels gives to each of 20, edges extended.

    The centre of pixel i lies at (i + ½)·8/20 − ½ = (4·i − 3)/10 of the source.
    """
    weights = np.zeros((_DIGIT_SIDE, _SOURCE_SIDE), np.int64)
    for pixel in range(_DIGIT_SIDE):
        left, tenths = divmod(4 * pixel - 3, 10)
        weights[pixel, max(left, 0)] += 10 - tenths
        weights[pixel, min(left + 1, _SOURCE_SIDE - 1)] += tenths
    return weights
