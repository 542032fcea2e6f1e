"""Batched HOG against a loop over `skimage.feature.hog`: `python -m tests.benchmarks.hog`.

The two take turns. The loop does 2,000 images a turn and is scaled to all of them; ratios are of each turn.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog

from mnist_tui.data.datasets import load
from mnist_tui.data.hog import hog_batch

LOOPED = 2_000
TURNS = 5
ORIENTATIONS = 8


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(images: NDArray[np.uint8], pixels_per_cell: int) -> None:
    """Print one row: seconds for all images either way, and the ratio's median and quartiles."""
    some = images[:: len(images) // LOOPED][:LOOPED]
    cell = (pixels_per_cell, pixels_per_cell)

    def batch() -> object:
        return hog_batch(images, orientations=ORIENTATIONS, pixels_per_cell=pixels_per_cell)

    def loop() -> object:
        return [hog(image, ORIENTATIONS, cell, (1, 1), "L2-Hys") for image in some]

    batch()
    scale = len(images) / len(some)
    turns = [(seconds(batch), seconds(loop) * scale) for _ in range(TURNS)]
    low, middle, high = statistics.quantiles([looped / batched for batched, looped in turns], n=4)
    batched, looped = (statistics.median(column) for column in zip(*turns, strict=True))
    print(
        f"{pixels_per_cell:>16} {batched:>10.2f} {looped:>10.1f} {middle:>8.1f} {low:>8.1f} {high:>8.1f}",
        flush=True,
    )


def main() -> None:
    """Compare at 4, 7 and 14 pixels per cell on MNIST, or on the bundled digits repeated to as many images."""
    try:
        dataset = load("mnist", download=False)
    except ValueError:
        dataset = load("digits")
    images = np.concatenate([dataset.train_images, dataset.test_images])
    images = np.resize(images, (70_000, 28, 28))
    print(f"{len(images):,} images of {dataset.title}, {ORIENTATIONS} orientations, 1 cell per block")
    print(f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}, {TURNS} turns")
    print(f"{'pixels per cell':>16} {'batch, s':>10} {'loop, s':>10} {'ratio':>8} {'Q1':>8} {'Q3':>8}")
    for pixels_per_cell in (4, 7, 14):
        compare(images, pixels_per_cell)


if __name__ == "__main__":
    main()
