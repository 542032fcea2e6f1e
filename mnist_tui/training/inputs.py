"""The data of a run (dataset, features, validation split, order of the images), and a cache of them for many runs.

Without TensorFlow, which another thread may be importing at the same time.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data import datasets, feature_cache
from mnist_tui.data.catalogue import DataError, DataProgress, MissingDataError, Part
from mnist_tui.data.datasets import validation_split
from mnist_tui.data.feature_cache import FeatureKey
from mnist_tui.data.hog import hog_batch
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.runs.events import DataReady, Warned
from mnist_tui.runs.folder import Launch
from mnist_tui.training.reporter import Reporter

# It goes through numpy's types when imported; TensorFlow's import, in another thread, adds some of its own meanwhile.
import_module("numpy.ma")

SAMPLE = "digits"


@dataclass(frozen=True)
class Examples:
    """Features and labels, one row for each image.

    Attributes:
        features: uint8 ``(n, 28, 28)`` pixels, or float32 ``(n, length)``.
        labels: ``(n,)``.
    """

    features: NDArray[Any]
    labels: NDArray[Any]

    def rows(self, indices: NDArray[np.integer]) -> Examples:
        return Examples(self.features[indices], self.labels[indices])


@dataclass(frozen=True)
class Inputs:
    """A run's data, ready for the device.

    Attributes:
        validation: None where the test set plays it.
        data_seconds, features_seconds: what reading and feature extraction took.
    """

    dataset: datasets.Dataset
    train: Examples
    validation: Examples | None
    test: Examples
    data_seconds: float
    features_seconds: float


def prepare(
    experiment: Experiment,
    launch: Launch,
    reporter: Reporter,
    recorded: DataReady | None = None,
    kept: DatasetCache | None = None,
) -> Inputs:
    """Find and read the dataset, split it, extract the features, and report each step.

    Args:
        recorded: the data that the run had before, which a resumed one must have again.
        kept: data and features of the runs before this one in the same process, to be taken and added to.

    Raises:
        DataError: the data are missing, cannot be used, or are not those recorded; the text says what would help.
    """
    began = time.perf_counter()
    kept = kept or DatasetCache()
    if recorded is None:
        dataset = _load(experiment, launch, reporter, kept)
    else:
        dataset = _load_again(experiment, launch, reporter, recorded, kept)
    limit = experiment.dataset.limit
    labels = dataset.train_labels[:limit]
    read = time.perf_counter()
    train, test = _features(experiment, dataset, reporter, kept)
    seconds = time.perf_counter() - read if isinstance(experiment.features, HogFeatures) else 0.0
    part, validation = _split(experiment, Examples(train, labels))
    inputs = Inputs(dataset, part, validation, Examples(test, dataset.test_labels), read - began, seconds)
    reporter.emit(_ready(experiment, inputs))
    return inputs


def _load(experiment: Experiment, launch: Launch, reporter: Reporter, kept: DatasetCache) -> datasets.Dataset:
    name = experiment.dataset.name
    try:
        return _read(name, launch, reporter, kept)
    except MissingDataError as error:
        if name != "mnist" or not launch.allow_sample:
            raise
        print(error, file=sys.stderr, flush=True)
    instead = "this run trains on the bundled sample of 1,797 digits instead"
    reporter.emit(Warned(text=f"MNIST is not on this machine and could not be downloaded: {instead}"))
    return _read(SAMPLE, launch, reporter, kept)


def _load_again(
    experiment: Experiment, launch: Launch, reporter: Reporter, recorded: DataReady, kept: DatasetCache
) -> datasets.Dataset:
    """Read the data of a resumed run, and check that they are the same as before."""
    dataset = _read(SAMPLE if recorded.sample else experiment.dataset.name, launch, reporter, kept)
    found = {str(part): checksum for part, checksum in dataset.sha256.items()}
    other = [part.replace("_", " ") for part in recorded.sha256 if found.get(part) != recorded.sha256[part]]
    if other:
        raise DataError(
            f"the {' and the '.join(other)} of {dataset.source} are not those that this run was trained on "
            f"({recorded.title}, {recorded.source}): their SHA-256 differ; --data-dir may name where the right ones are"
        )
    return dataset


def _read(name: str, launch: Launch, reporter: Reporter, kept: DatasetCache) -> datasets.Dataset:
    """Return the dataset, from the cache if its files have not changed since an earlier run."""

    def tell(progress: DataProgress) -> None:
        reporter.phase(progress.phase, progress.done, progress.total, "bytes", progress.text)

    reporter.phase("reading", text=name)
    place = Path(launch.data_dir) if launch.data_dir else None
    files = _files(name, place)
    found: datasets.Dataset | None = kept.get(files) if files else None
    if found is None:
        found = datasets.load(name, place, on_progress=tell)
        if files:
            kept.keep(files, found, found.train_images.nbytes + found.test_images.nbytes)
    return found


def _files(name: str, place: Path | None) -> tuple[Any, ...]:
    """Return the place of a dataset and the size and time of each file; empty if it has to be downloaded."""
    location = datasets.find(name, place)
    if location is None:
        return ()
    stats = [file.stat() for file in location.files]
    return location, *((each.st_size, each.st_mtime_ns, each.st_ino) for each in stats)


def _features(
    experiment: Experiment, dataset: datasets.Dataset, reporter: Reporter, kept: DatasetCache
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the features of the training images and of the test images."""
    train, test = dataset.train_images[: experiment.dataset.limit], dataset.test_images
    spec = experiment.features
    if not isinstance(spec, HogFeatures):
        return train, test
    train_key, test_key = (
        _feature_key(spec, dataset, "train_images", train),
        _feature_key(spec, dataset, "test_images", test),
    )
    train_features, test_features = _kept_features(kept, train_key), _kept_features(kept, test_key)
    total = len(train) + len(test)
    if train_features is not None and test_features is not None:
        reporter.phase("features", total, total, "images", "from the cache")
        return train_features, test_features

    def extract(key: FeatureKey, images: NDArray[np.uint8], before: int) -> NDArray[Any]:
        features = hog_batch(
            images,
            orientations=spec.orientations,
            pixels_per_cell=spec.pixels_per_cell,
            cells_per_block=spec.cells_per_block,
            on_progress=lambda done, _: reporter.phase("features", before + done, total, "images"),
        )
        feature_cache.store(key, features)
        kept.keep(key, features, features.nbytes)
        return features

    reporter.phase("features", 0, total, "images")
    if train_features is None:
        train_features = extract(train_key, train, 0)
    if test_features is None:
        test_features = extract(test_key, test, len(train))
    return train_features, test_features


def _kept_features(kept: DatasetCache, key: FeatureKey) -> NDArray[np.float32] | None:
    """Return features from memory, or from disk and keep them in memory; None if there are none."""
    features: NDArray[np.float32] | None = kept.get(key)
    if features is None and (features := feature_cache.load(key)) is not None:
        kept.keep(key, features, features.nbytes)
    return features


def _feature_key(spec: HogFeatures, dataset: datasets.Dataset, part: Part, images: NDArray[np.uint8]) -> FeatureKey:
    return FeatureKey(dataset.sha256[part], len(images), spec.orientations, spec.pixels_per_cell, spec.cells_per_block)


def _split(experiment: Experiment, train: Examples) -> tuple[Examples, Examples | None]:
    share = experiment.dataset.validation
    if share == "test":
        return train, None
    try:
        kept, aside = validation_split(len(train.labels), share, experiment.training.seed)
    except ValueError as error:
        raise DataError(str(error)) from None
    return train.rows(kept), train.rows(aside)


def _ready(experiment: Experiment, inputs: Inputs) -> DataReady:
    dataset = inputs.dataset
    return DataReady(
        name=dataset.name,
        title=dataset.title,
        class_names=tuple(dataset.class_names),
        sha256={str(part): checksum for part, checksum in dataset.sha256.items()},
        source=dataset.source,
        sample=dataset.sample,
        verified=dataset.verified,
        train=len(inputs.train.labels),
        validation=len(inputs.validation.labels) if inputs.validation else 0,
        test=len(inputs.test.labels),
        inputs=math.prod(experiment.input_shape),
    )


LIMIT_BYTES = 500_000_000
"""MNIST takes 55 MB, its HOG features of 4 pixels a cell 110 MB, of 2 pixels 440 MB."""


class DatasetCache:
    """Datasets, features and networks that a worker keeps from run to run; the longest unused are dropped first.

    Args:
        limit: bytes of all together.
    """

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """Return the value kept for `key`; None if there is none."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def values(self) -> tuple[Any, ...]:
        """Return all values."""
        with self._lock:
            return tuple(value for value, _ in self._values.values())

    def keep(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of `size` bytes, and drop others beyond the limit."""
        with self._lock:
            self._values[key] = value, size
            self._values.move_to_end(key)
            while len(self._values) > 1 and sum(each for _, each in self._values.values()) > self._limit:
                self._values.popitem(last=False)


def order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Return the order in which an epoch visits the training images: a permutation of ``range(count)``.

    It depends on seed and epoch (from 0) alone, not on what was drawn before (Philox; Salmon et al., 2011): a resumed
    training sees the same batches.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
    return generator.permutation(count).astype(np.int64, copy=False)
