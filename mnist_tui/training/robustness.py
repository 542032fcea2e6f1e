"""Measure the accuracy of trained models on corrupted test images (`runs.robustness`), in a worker process.

The corrupted images are made once for all runs with the same test images; each run classifies them as `predict` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.corruptions import at_strength
from mnist_tui.data.errors import DataError
from mnist_tui.data.known import Part
from mnist_tui.data.recorded import recorded_parts
from mnist_tui.errors import RunError
from mnist_tui.experiment.corruptions import CORRUPTIONS, STRENGTHS
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.robustness import MOST_IMAGES, SEED
from mnist_tui.runs.worker_jobs import data_of
from mnist_tui.training.classifiers import Classifier, classifier_of
from mnist_tui.training.measures import spread

PARTS: tuple[Part, ...] = ("test_images", "test_labels")

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class MeasuredRun:
    """A run of a request: its place there, the corruptions to measure, its model, and the key of its test images."""

    at: int
    names: tuple[str, ...]
    classifier: Classifier
    data: str


@dataclass(frozen=True)
class TestImages:
    """Test images, uint8 ``(n, height, width)`` or in colour ``(n, height, width, 3)``, and their classes ``(n,)``."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def measure(request: dict[str, Any], report: Report) -> None:
    """Classify the corrupted test images of runs.

    Args:
        request: `runs`, each with its `folder` and the `names` of corruptions, and `data_dir`, which may be None.
        report: receives the messages: ``phase``, ``done`` with ``total``; for each run ``run`` (its place in the
            request) with ``images``, ``data`` and ``clean``, then with ``corruption`` and its ``accuracies``.

    Raises:
        RunError: a model or the data cannot be used.
    """
    own = Path(request["data_dir"]) if request["data_dir"] else None
    runs, sets = list[MeasuredRun](), dict[str, TestImages]()
    for at, wanted in enumerate(request["runs"]):
        folder = RunFolder(Path(wanted["folder"]))
        report({"phase": f"loading the model of run {folder.id}"})
        data = _key(folder)
        if data not in sets:
            sets[data] = _test_images(folder, own)
        runs.append(MeasuredRun(at, tuple(wanted["names"]), classifier_of(folder), data))
    counter = SetCounter(report, sum(1 + len(STRENGTHS) * len(run.names) for run in runs))
    for data, test in sets.items():
        _measure_set(data, test, [run for run in runs if run.data == data], counter)
    counter.report({"phase": "", "done": counter.done, "total": counter.total})


class SetCounter:
    """Counts the sets of images that models have classified, of `total`."""

    def __init__(self, report: Report, total: int) -> None:
        self.report, self.total, self.done = report, total, 0

    def classified(self, test: TestImages, runs: Sequence[MeasuredRun], name: str, strength: int) -> list[float]:
        """Report the next set of images, and return the accuracy of each run on them."""
        what = f"{name}, strength {strength}" if strength else "without corruption"
        self.report({"phase": f"classifying images: {what}", "done": self.done, "total": self.total})
        images = at_strength(test.images, name, strength, seed=SEED)
        self.done += len(runs)
        return [accuracy(run.classifier, images, test.labels) for run in runs]


def _measure_set(data: str, test: TestImages, runs: Sequence[MeasuredRun], counter: SetCounter) -> None:
    for run, clean in zip(runs, counter.classified(test, runs, "", 0), strict=True):
        counter.report({"run": run.at, "images": len(test.labels), "data": data, "clean": clean})
    for name in CORRUPTIONS:
        lacking = [run for run in runs if name in run.names]
        if lacking:
            rows = [counter.classified(test, lacking, name, strength) for strength in STRENGTHS]
            for run, accuracies in zip(lacking, zip(*rows, strict=True), strict=True):
                counter.report({"run": run.at, "corruption": name, "accuracies": accuracies})


def accuracy(classifier: Classifier, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    """Return the share of images whose most probable class is the true one."""
    return float((classifier.probabilities(images).argmax(axis=1) == labels).mean())


def _key(folder: RunFolder) -> str:
    """Return a checksum of the run's test images and labels, which other runs with the same ones share."""
    data = data_of(folder)
    if data is None or any(part not in data.sha256 for part in PARTS):
        raise RunError(f"run {folder.id} has recorded no test images")
    return hashlib.sha256("".join(data.sha256[part] for part in PARTS).encode()).hexdigest()


def _test_images(folder: RunFolder, data_dir: Path | None) -> TestImages:
    data = data_of(folder)
    assert data is not None
    name = data.name_or_path(folder.preset().experiment.dataset.name)
    try:
        images, labels = recorded_parts(name, PARTS, data.sha256, folder.data_places(data_dir), data.title)
    except DataError as error:
        raise RunError(f"run {folder.id}: {error}") from None
    chosen = spread(MOST_IMAGES, len(labels))
    return TestImages(images[chosen], labels[chosen])
