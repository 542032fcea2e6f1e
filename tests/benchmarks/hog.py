"""Batched HOG, and its cache, against a loop over `skimage.feature.hog`: `python -m tests.benchmarks.hog`.

The three take turns. The loop does 2,000 images a turn and is scaled to all of them; ratios are of each turn. The
cache is a temporary folder's.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog

from mnist_tui.data import feature_cache
from mnist_tui.data.datasets import load
from mnist_tui.data.feature_cache import FeatureKey
from mnist_tui.data.hog import hog_batch
from mnist_tui.data.idx import idx_sha256
from tests.benchmarks import results

LOOPED = 2_000
TURNS = 5
ORIENTATIONS = 8


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(images: NDArray[np.uint8], key: FeatureKey) -> str:
    """The table's row of one cell size."""
    some = images[:: len(images) // LOOPED][:LOOPED]
    cell = (key.pixels_per_cell, key.pixels_per_cell)

    def batch() -> NDArray[np.floating]:
        return hog_batch(images, orientations=ORIENTATIONS, pixels_per_cell=key.pixels_per_cell)

    def cache() -> object:
        return feature_cache.load(key)

    def loop() -> object:
        return [hog(image, ORIENTATIONS, cell, (1, 1), "L2-Hys") for image in some]

    features = batch()
    assert feature_cache.store(key, features)
    found = feature_cache.load(key)
    assert found is not None
    assert found.tobytes() == features.tobytes()
    scale = len(images) / len(some)
    turns = [(seconds(batch), seconds(cache), seconds(loop) * scale) for _ in range(TURNS)]
    batched, cached, looped = zip(*turns, strict=True)
    cells = (
        str(key.pixels_per_cell),
        *(f"{statistics.median(column):.2f}" for column in (looped, batched)),
        ratio(looped, batched),
        f"{statistics.median(cached):.3f}",
        ratio(looped, cached),
    )
    return f"| {' | '.join(cells)} |"


def ratio(peer: Sequence[float], ours: Sequence[float]) -> str:
    """Median (quartiles) of one turn's seconds by the other's."""
    low, middle, high = statistics.quantiles([theirs / own for theirs, own in zip(peer, ours, strict=True)], n=4)
    return f"**{middle:.1f}** ({low:.1f}–{high:.1f})"


def main() -> None:
    """Compare at 4, 7 and 14 pixels per cell on MNIST, or on the bundled digits repeated to as many images."""
    try:
        dataset = load("mnist", download=False)
    except ValueError:
        dataset = load("digits")
    images = np.concatenate([dataset.train_images, dataset.test_images])
    images = np.resize(images, (70_000, 28, 28))
    checksum = idx_sha256(images)
    lines = [
        f"{len(images):,} images of {dataset.title}, {ORIENTATIONS} orientations, 1 cell per block, {TURNS} turns; one "
        "process, one thread. Ratios are scikit-image's seconds by ours: median (quartiles). From the cache means: "
        "the file read, its SHA-256 checked.",
        "",
        "| pixels per cell | scikit-image, s | batch, s | ratio | from the cache, s | ratio |",
        "| --: | --: | --: | --: | --: | --: |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for pixels_per_cell in (4, 7, 14):
            lines.append(compare(images, FeatureKey(checksum, len(images), ORIENTATIONS, pixels_per_cell, 1)))
            print(lines[-1], flush=True)
    results.write("HOG", "\n".join(lines))


if __name__ == "__main__":
    main()
