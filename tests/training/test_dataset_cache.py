"""What a process keeps between its runs: data and features while their files are the same, and only so many bytes."""

import os
from pathlib import Path

import numpy as np

from mnist_tui.data.catalogue import FILE_NAMES
from mnist_tui.data.idx import idx_header
from mnist_tui.experiment.spec import DatasetSpec, Experiment, HogFeatures, RawFeatures
from mnist_tui.runs.folder import Launch
from mnist_tui.training.inputs import DatasetCache, prepare
from mnist_tui.training.reporter import Reporter
from tests.training.support import new_run


def write(folder: Path, shade: int) -> Path:
    """A dataset of 20 and 10 images, of one grey but for the first pixels."""
    folder.mkdir(exist_ok=True)
    for part, name in FILE_NAMES.items():
        count = 20 if part.startswith("train") else 10
        values = np.arange(count, dtype=np.uint8) % 10
        if part.endswith("images"):
            pixels = np.full((count, 28, 28), shade, np.uint8)
            pixels[:, :14] = values[:, None, None]
            values = pixels
        (folder / name).write_bytes(idx_header(values) + values.tobytes())
    return folder


def prepared(place: Path, data: Path, cache: DatasetCache, pixels_per_cell: int | None = None):
    features = HogFeatures(pixels_per_cell=pixels_per_cell) if pixels_per_cell else RawFeatures()
    of = Experiment(dataset=DatasetSpec(name=str(data)), features=features)
    return prepare(of, Launch(0.0, ""), Reporter(new_run(place, of)), cache=cache)


def test_data_and_features_are_those_of_the_run_before(tmp_path):
    cache, data = DatasetCache(), write(tmp_path / "data", 7)
    first = prepared(tmp_path, data, cache, pixels_per_cell=7)
    second = prepared(tmp_path, data, cache, pixels_per_cell=7)
    other = prepared(tmp_path, data, cache, pixels_per_cell=14)
    assert second.dataset is first.dataset is other.dataset
    assert second.train.features is first.train.features
    assert other.train.features.shape != first.train.features.shape


def test_a_file_that_has_changed_is_read_again(tmp_path):
    cache, data = DatasetCache(), write(tmp_path / "data", 7)
    before = prepared(tmp_path, data, cache).dataset
    write(data, 8)
    file = data / FILE_NAMES["train_images"]
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1))
    after = prepared(tmp_path, data, cache).dataset
    assert (before.train_images[0, -1, -1], after.train_images[0, -1, -1]) == (7, 8)
    assert before.sha256["train_images"] != after.sha256["train_images"]


def test_those_longest_unused_go_first_and_the_newest_never():
    cache = DatasetCache(limit=100)
    cache.put("a", 1, 40)
    cache.put("b", 2, 40)
    assert cache.get("a") == 1
    cache.put("c", 3, 40)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]
    cache.put("d", 4, 500)
    assert [cache.get(key) for key in "acd"] == [None, None, 4]
