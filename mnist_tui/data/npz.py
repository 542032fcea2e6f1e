"""Reading `mnist.npz`, the archive that Keras keeps: x_train, y_train, x_test, y_test. Never unpickles."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mnist_tui.arrays import read_arrays
from mnist_tui.data.catalogue import SIDE, Part
from mnist_tui.data.errors import DataError
from mnist_tui.data.idx import IdxContent, check_labels, idx_sha256
from mnist_tui.files import UnreadableFileError

_KEYS: Final[dict[Part, str]] = {
    "train_images": "x_train",
    "train_labels": "y_train",
    "test_images": "x_test",
    "test_labels": "y_test",
}


def read_npz(path: Path) -> dict[Part, IdxContent]:
    """Read the four arrays, with the checksums their IDX files would have.

    Raises:
        DataError: The archive cannot be read, is cut off or damaged, or its arrays are not MNIST-shaped.
    """
    try:
        archive = read_arrays(path, _KEYS.values(), follow_links=True)
    except UnreadableFileError as failure:
        raise DataError(f"{path} cannot be read: it {failure.strerror}; an archive of {_names()} is needed") from None
    except OSError as failure:
        raise DataError(f"{path} cannot be read: {failure.strerror or failure}") from None
    missing = [key for key in _KEYS.values() if key not in archive]
    if missing:
        raise DataError(f"{path} has no {' and no '.join(missing)}; it must hold {_names()}")
    return {part: _content(part, archive[key], path) for part, key in _KEYS.items()}


def _content(part: Part, array: NDArray[np.generic], path: Path) -> IdxContent:
    where = f"{path}: {_KEYS[part]}"
    images = part.endswith("images")
    if array.dtype != np.uint8:
        raise DataError(f"{where} holds {array.dtype} values; uint8 are needed")
    if array.ndim != (3 if images else 1) or (images and array.shape[1:] != (SIDE, SIDE)) or not len(array):
        wanted = f"(n, {SIDE}, {SIDE})" if images else "(n,)"
        raise DataError(f"{where} has the shape {array.shape}; {wanted} is needed")
    values: NDArray[np.uint8] = np.ascontiguousarray(array, dtype=np.uint8)
    if not images:
        check_labels(values, where)
    values.setflags(write=False)
    return IdxContent(values, idx_sha256(values))


def _names() -> str:
    *most, last = _KEYS.values()
    return f"{', '.join(most)} and {last}"
