"""Features kept on disk: what is found is what was computed, and nothing that goes wrong reaches a training."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_tui.data import feature_cache
from mnist_tui.data.datasets import load
from mnist_tui.data.feature_cache import FeatureKey
from mnist_tui.data.hog import hog_batch
from tests.present import present

pytestmark = pytest.mark.usefixtures("bare_machine")
KEY = FeatureKey("5" * 64, count=50, orientations=8, pixels_per_cell=4, cells_per_block=1)
FILE_BYTES = 4096 + 50 * 392 * 4


def features(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((50, 392), np.float32)


def keep(key: FeatureKey, used: float, **limit: int) -> Path:
    """Stores features under a key, last used at a time in seconds since the epoch."""
    assert feature_cache.store(key, features(), **limit)
    os.utime(key.file, (used, used))
    return key.file


def test_what_is_kept_comes_back_bit_for_bit() -> None:
    digits = load("digits")
    computed = hog_batch(digits.test_images)
    key = replace(KEY, images=digits.sha256["test_images"], count=len(computed))
    assert feature_cache.load(key) is None
    assert feature_cache.store(key, computed)
    found = feature_cache.load(key)
    assert found is not None
    assert found.dtype == np.float32
    assert found.tobytes() == computed.tobytes()
    assert found.shape == computed.shape
    found[0] = 0


@pytest.mark.parametrize(
    "other",
    [
        {"images": "6" * 64},
        {"count": 49},
        {"image": "20×14×3"},
        {"orientations": 9},
        {"pixels_per_cell": 7},
        {"cells_per_block": 2},
        {"version": 0},
    ],
)
def test_other_images_parameters_and_versions_are_not_found(other: dict[str, str | int]) -> None:
    feature_cache.store(KEY, features())
    assert feature_cache.load(replace(KEY, **other)) is None
    assert feature_cache.load(KEY) is not None


def flipped(raw: bytes) -> bytes:
    return raw[:70_000] + bytes([raw[70_000] ^ 1]) + raw[70_001:]


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[: -392 * 4],
        lambda raw: raw[: -50 * 4],
        lambda raw: raw[:100],
        lambda _: b"",
        lambda raw: raw + bytes(50 * 4),
        lambda raw: raw.replace(b'"pixels_per_cell": 4', b'"pixels_per_cell": 7'),
        lambda raw: b"[" * 4096 + raw[4096:],
        lambda raw: b"[1]".ljust(4096) + raw[4096:],
        lambda _: np.random.default_rng(0).bytes(FILE_BYTES),
    ],
)
def test_a_damaged_or_foreign_file_is_removed_and_not_believed(damage: Callable[[bytes], bytes]) -> None:
    feature_cache.store(KEY, features())
    KEY.file.write_bytes(damage(KEY.file.read_bytes()))
    assert feature_cache.load(KEY) is None
    assert not KEY.file.exists()
    assert feature_cache.store(KEY, features())
    assert feature_cache.load(KEY) is not None


def test_the_longest_unused_go_first() -> None:
    keys = [replace(KEY, orientations=n) for n in (6, 7, 8)]
    for age, key in enumerate(keys):
        keep(key, used=1e9 + age)
    assert feature_cache.load(keys[0]) is not None
    feature_cache.store(replace(KEY, orientations=9), features(), limit=3 * FILE_BYTES)
    kept = [key.orientations for key in [*keys, replace(KEY, orientations=9)] if key.file.exists()]
    assert kept == [6, 8, 9]
    assert feature_cache.status().size == 3 * FILE_BYTES


def test_features_larger_than_the_whole_cache_push_nothing_out() -> None:
    small = keep(replace(KEY, orientations=9), used=1e9)
    assert not feature_cache.store(KEY, features(), limit=FILE_BYTES - 1)
    assert small.exists()
    assert not KEY.file.exists()


def test_what_killed_writers_left_goes_and_what_others_put_there_stays() -> None:
    folder = keep(KEY, used=1e9).parent
    for name in (".tmp-old.features", ".tmp-new.features", "notes.txt"):
        (folder / name).write_text("half", encoding="utf-8")
    os.utime(folder / ".tmp-old.features", (1e9, 1e9))
    feature_cache.store(KEY, features())
    assert not (folder / ".tmp-old.features").exists()
    assert (folder / ".tmp-new.features").exists()
    assert feature_cache.clear() == FILE_BYTES + len("half")
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_made_keeps_nothing() -> None:
    folder = present(feature_cache.status().folder)
    folder.parent.parent.mkdir(parents=True)
    folder.parent.write_text("in the way", encoding="utf-8")
    assert not feature_cache.store(KEY, features())
    assert feature_cache.load(KEY) is None
    assert feature_cache.status().files == 0
    assert feature_cache.clear() == 0


FULL = """
import resource
import numpy as np
from mnist_tui.data import feature_cache
from mnist_tui.data.feature_cache import FeatureKey
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
key = FeatureKey("5" * 64, 50, 8, 4, 1)
assert not feature_cache.store(key, np.ones((50, 392), np.float32))
assert feature_cache.load(key) is None
"""


def test_a_disk_that_fills_up_keeps_nothing_and_no_half() -> None:
    pytest.importorskip("resource")
    subprocess.run([sys.executable, "-c", FULL], check=True)
    assert list(present(feature_cache.status().folder).iterdir()) == []


BUSY = """
import sys
import numpy as np
from mnist_tui.data import feature_cache
from mnist_tui.data.feature_cache import FeatureKey
found = 0
for turn in range(150):
    orientations = 6 + turn % 3
    key = FeatureKey("5" * 64, 50, orientations, 4, 1)
    values = np.full((50, 392), orientations, np.float32)
    kept = feature_cache.load(key)
    found += kept is not None
    assert kept is None or np.array_equal(kept, values)
    if turn % 2:
        feature_cache.store(key, values, limit=2 * (4096 + values.nbytes))
print(found)
"""


def test_processes_at_work_on_the_same_files_find_whole_ones_or_none() -> None:
    busy = [subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) for _ in range(3)]
    assert all(int(process.communicate()[0]) > 0 for process in busy)
    assert [process.returncode for process in busy] == [0, 0, 0]
    assert feature_cache.status().size <= 2 * FILE_BYTES
