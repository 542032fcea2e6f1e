"""Read `predictions.npz` of a run: the trained network's probabilities for the test and the validation images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.experiment.shapes import LARGEST_EDGE
from mnist_tui.files import read_arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ARRAYS = ("labels", "probabilities", "misclassified", "misclassified_images")
"""The arrays of `predictions.npz`, in the order of the fields of `Predictions`."""
VALIDATION_ARRAYS = ("validation_probabilities", "validation_labels")
"""Two more arrays, in runs that held validation images out of training."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """A trained network's predictions.

    Attributes:
        labels: uint8 ``(n,)``, the true classes of the test images.
        probabilities: float32 ``(n, classes)``.
        misclassified: int ``(m,)``, indices of the misclassified images among the test images.
        images: uint8 ``(m, height, width)``, in colour ``(m, height, width, 3)``, the misclassified images.
        validation: the probabilities ``(v, classes)`` and the labels ``(v,)`` of the validation images; None if no
            images were held out of training, or if an earlier version evaluated the run.
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    misclassified: NDArray[np.int32]
    images: NDArray[np.uint8]
    validation: tuple[NDArray[np.float32], NDArray[np.uint8]] | None = None


def read_predictions(path: Path, classes: int | None = None) -> Predictions | None:
    """Read a run's `predictions.npz`; return None if the file is missing, damaged, or does not fit together.

    Args:
        classes: the number of classes of the run; None for that of the probabilities.
    """
    try:
        arrays = read_arrays(path, (*ARRAYS, *VALIDATION_ARRAYS))
        labels, probabilities, wrong, images = (arrays[name] for name in ARRAYS)
    except (OSError, KeyError):
        return None
    if classes is None and probabilities.ndim == 2:
        classes = probabilities.shape[1]
    whole = (
        wrong.ndim == 1
        and _are_probabilities(probabilities, labels, classes)
        and len(images) == len(wrong)
        and _are_images(images)
        and _are_indices(wrong, len(labels))
    )
    if not whole:
        return None
    validation = None
    if all(name in arrays for name in VALIDATION_ARRAYS):
        held_out, true = (arrays[name] for name in VALIDATION_ARRAYS)
        validation = (held_out, true) if _are_probabilities(held_out, true, classes) else None
    return Predictions(labels, probabilities, wrong, images, validation)


def _are_probabilities(probabilities: NDArray[Any], labels: NDArray[Any], classes: int | None) -> bool:
    return (
        labels.ndim == 1
        and classes is not None
        and probabilities.shape == (len(labels), classes)
        and probabilities.dtype.kind == "f"
        and _are_indices(labels, classes)
    )


def _are_images(images: NDArray[Any]) -> bool:
    if images.dtype != "uint8" or not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)):
        return False
    return all(1 <= edge <= LARGEST_EDGE for edge in images.shape[1:3])


def _are_indices(numbers: NDArray[Any], bound: int) -> bool:
    return numbers.dtype.kind in "ui" and (len(numbers) == 0 or (numbers.min() >= 0 and numbers.max() < bound))
