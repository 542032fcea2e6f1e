"""Small datasets of a person's own, as folders of IDX files: any number of classes, any size, grey or colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import FILE_NAMES, PARTS
from mnist_tui.data.idx import idx_header
from mnist_tui.experiment.shapes import ImageShape, pixels_shape


def write_folder(
    folder: Path, image: ImageShape, names: Sequence[str], *, train: int = 12, test: int = 3, seed: int = 0
) -> Path:
    """Write a dataset: `train` and `test` images of each class, each class a picture of its own with noise."""
    random = np.random.default_rng(seed)
    shape = pixels_shape(image)
    pictures = random.integers(0, 256, (len(names), *shape))
    folder.mkdir(parents=True, exist_ok=True)
    for images_part, labels_part, count in ((*PARTS[:2], train), (*PARTS[2:], test)):
        labels = random.permutation(np.tile(np.arange(len(names), dtype=np.uint8), count))
        noise = random.integers(-60, 61, (len(labels), *shape))
        _write(folder / FILE_NAMES[images_part], np.clip(pictures[labels] + noise, 0, 255).astype(np.uint8))
        _write(folder / FILE_NAMES[labels_part], labels)
    (folder / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return folder


def _write(path: Path, values: NDArray[np.uint8]) -> None:
    path.write_bytes(idx_header(values) + values.tobytes())
