"""Parts of a dataset read without the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.data import datasets
from mnist_tui.data.catalogue import Location, search
from mnist_tui.data.errors import DataError
from mnist_tui.data.known import FILE_NAMES, PARTS, Part
from mnist_tui.data.reading import read_parts


def folder_of(tmp_path: Path, kind: str) -> Location:
    """The bundled digits as four IDX files, or as one archive, in a folder of one's own."""
    digits = datasets.load("digits")
    arrays: dict[Part, Any] = {part: getattr(digits, part) for part in PARTS}
    if kind == "npz":
        names = {"train_images": "x_train", "train_labels": "y_train", "test_images": "x_test", "test_labels": "y_test"}
        np.savez(tmp_path / "mnist.npz", **{names[part]: values for part, values in arrays.items()})
    else:
        for part, values in arrays.items():
            head = bytes((0, 0, 8, values.ndim)) + b"".join(size.to_bytes(4, "big") for size in values.shape)
            (tmp_path / FILE_NAMES[part]).write_bytes(head + values.tobytes())
    return next(search(str(tmp_path)))


@pytest.mark.parametrize("kind", ["bundled", "npz", "idx"])
def test_a_part_alone_is_what_it_is_in_the_whole_dataset(tmp_path: Path, kind: str) -> None:
    location = Location("digits", "bundled", "bundled") if kind == "bundled" else folder_of(tmp_path, kind)
    whole = datasets.load("digits")
    labels, images = read_parts(location, ("test_labels", "train_images"))
    assert np.array_equal(labels.values, whole.test_labels)
    assert np.array_equal(images.values, whole.train_images)
    assert (labels.sha256, images.sha256) == (whole.sha256["test_labels"], whole.sha256["train_images"])


def test_only_the_files_asked_for_are_opened(tmp_path: Path) -> None:
    location = folder_of(tmp_path, "idx")
    (tmp_path / FILE_NAMES["train_images"]).write_bytes(b"damaged")
    assert len(read_parts(location, ("test_images",))[0].values) == 360
    with pytest.raises(DataError, match="train-images"):
        read_parts(location, ("train_images",))
