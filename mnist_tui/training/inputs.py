"""The data of a run (dataset, features, validation split, order of the images), and a cache of data for many runs.

It works without TensorFlow, which another thread may be importing at the same time.
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

from mnist_tui.data import catalogue, datasets, feature_cache
from mnist_tui.data.catalogue import DataError, DataProgress, MissingDataError
from mnist_tui.data.feature_cache import FeatureKey
from mnist_tui.data.hog import hog_batch
from mnist_tui.data.reading import Dataset
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.runs.events import DataReady, Warned
from mnist_tui.runs.folder import Launch
from mnist_tui.training.reporter import Reporter

# numpy.ma walks through numpy's types when imported, while TensorFlow's import in another thread adds its own types.
import_module("numpy.ma")

SAMPLE = "digits"
LIMIT_BYTES = 500_000_000
"""MNIST takes 55 MB, its HOG features of 4 pixels a cell 110 MB, of 2 pixels 440 MB."""


class DatasetCache:
    """Datasets, features and networks that a worker keeps from run to run, `limit` bytes at most.

    Beyond the limit the longest unused values are removed first.
    """

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """Return the value of a key; None if there is none."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def values(self) -> tuple[Any, ...]:
        with self._lock:
            return tuple(value for value, _ in self._values.values())

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of `size` bytes, and remove other values beyond the limit."""
        with self._lock:
            self._values[key] = value, size
            self._values.move_to_end(key)
            while len(self._values) > 1 and sum(each for _, each in self._values.values()) > self._limit:
                self._values.popitem(last=False)


@dataclass(frozen=True)
class Examples:
    """The features of images, uint8 pixels ``(n, 28, 28)`` or float32 ``(n, length)``, and their labels ``(n,)``."""

    features: NDArray[Any]
    labels: NDArray[Any]

    def rows(self, indices: NDArray[np.integer]) -> Examples:
        return Examples(self.features[indices], self.labels[indices])


@dataclass(frozen=True)
class Inputs:
    """A run's data, ready for the device.

    Attributes:
        ready: the event that describes the data.
        validation: None if the test images are the validation data.
        data_seconds, features_seconds: the durations of reading and of feature extraction.
    """

    ready: DataReady
    dataset: Dataset
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
    cache: DatasetCache | None = None,
) -> Inputs:
    """Find and read the dataset, split it, extract the features, and report each step.

    Args:
        recorded: the data of the run's earlier sessions, which a resumed run must have again.
        cache: data and features of earlier runs in the same process; new ones are added.

    Raises:
        DataError: the data are missing, cannot be used, or are not the recorded ones; the message says what would help.
    """
    began = time.perf_counter()
    source = _Source(experiment, launch, reporter, cache or DatasetCache())
    dataset = source.load() if recorded is None else source.load_again(recorded)
    limit = experiment.dataset.limit
    read = time.perf_counter()
    train, test = dataset.train_images[:limit], dataset.test_images
    seconds = 0.0
    if isinstance(experiment.features, HogFeatures):
        train, test = source.features(experiment.features, dataset, train, test)
        seconds = time.perf_counter() - read
    part, validation = _split(experiment, Examples(train, dataset.train_labels[:limit]))
    ready = DataReady(
        name=dataset.name,
        title=dataset.title,
        class_names=dataset.class_names,
        sha256={str(part): checksum for part, checksum in dataset.sha256.items()},
        source=dataset.source,
        sample=dataset.sample,
        verified=dataset.verified,
        train=len(part.labels),
        validation=len(validation.labels) if validation else 0,
        test=len(test),
        inputs=math.prod(experiment.input_shape),
    )
    reporter.emit(ready)
    return Inputs(ready, dataset, part, validation, Examples(test, dataset.test_labels), read - began, seconds)


class _Source:
    """A run's dataset and features, read from memory, disk, or the network."""

    def __init__(self, experiment: Experiment, launch: Launch, reporter: Reporter, cache: DatasetCache) -> None:
        self._name = experiment.dataset.name
        self._launch, self._reporter, self._cache = launch, reporter, cache

    def load(self) -> Dataset:
        """Return the dataset, or the bundled sample if MNIST is missing and the sample is allowed."""
        try:
            return self._read(self._name)
        except MissingDataError as error:
            if self._name != "mnist" or not self._launch.allow_sample:
                raise
            print(error, file=sys.stderr, flush=True)
        instead = "this run trains on the bundled sample of 1,797 digits instead"
        self._reporter.emit(Warned(text=f"MNIST is not on this machine and could not be downloaded: {instead}"))
        return self._read(SAMPLE)

    def load_again(self, recorded: DataReady) -> Dataset:
        """Return the dataset of a resumed run, after checking that it is the recorded one."""
        dataset = self._read(SAMPLE if recorded.sample else self._name)
        checksums = {str(part): checksum for part, checksum in dataset.sha256.items()}
        other = [part.replace("_", " ") for part in recorded.sha256 if checksums.get(part) != recorded.sha256[part]]
        if other:
            raise DataError(
                f"the {' and the '.join(other)} of {dataset.source} are not those that this run was trained on "
                f"({recorded.title}, {recorded.source}): their SHA-256 differ; "
                "--data-dir may name where the right ones are"
            )
        return dataset

    def _read(self, name: str) -> Dataset:
        """Return the dataset, from the cache if its files have not changed since an earlier run."""

        def report(progress: DataProgress) -> None:
            self._reporter.phase(progress.phase, progress.done, progress.total, "bytes", progress.text)

        self._reporter.phase("reading", text=name)
        data_dir = Path(self._launch.data_dir) if self._launch.data_dir else None
        location, key = catalogue.find(name, data_dir), None
        if location is not None:
            stats = [file.stat() for file in location.files]
            key = location, *((each.st_size, each.st_mtime_ns, each.st_ino) for each in stats)
        dataset: Dataset | None = self._cache.get(key) if key else None
        if dataset is None:
            dataset = datasets.load(name, data_dir, on_progress=report)
            if key:
                self._cache.put(key, dataset, dataset.train_images.nbytes + dataset.test_images.nbytes)
        return dataset

    def features(
        self, spec: HogFeatures, dataset: Dataset, train: NDArray[np.uint8], test: NDArray[np.uint8]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the HOG features of the training images and of the test images."""
        total = len(train) + len(test)
        train_key = FeatureKey(dataset.sha256["train_images"], len(train), **spec.settings)
        test_key = FeatureKey(dataset.sha256["test_images"], len(test), **spec.settings)
        of_train, of_test = self._cached_features(train_key), self._cached_features(test_key)
        complete = of_train is not None and of_test is not None
        self._reporter.phase("features", total * complete, total, "images", "from the cache" if complete else "")

        def extract(key: FeatureKey, images: NDArray[np.uint8], before: int) -> NDArray[Any]:
            def report(done: int, _: int) -> None:
                self._reporter.phase("features", before + done, total, "images")

            features = hog_batch(images, **spec.settings, on_progress=report)
            feature_cache.store(key, features)
            self._cache.put(key, features, features.nbytes)
            return features

        of_train = extract(train_key, train, 0) if of_train is None else of_train
        return of_train, extract(test_key, test, len(train)) if of_test is None else of_test

    def _cached_features(self, key: FeatureKey) -> NDArray[np.float32] | None:
        """Return features from memory, or from disk, and then keep them in memory; None if there are none."""
        features: NDArray[np.float32] | None = self._cache.get(key)
        if features is None and (features := feature_cache.load(key)) is not None:
            self._cache.put(key, features, features.nbytes)
        return features


def _split(experiment: Experiment, train: Examples) -> tuple[Examples, Examples | None]:
    share = experiment.dataset.validation
    if share == "test":
        return train, None
    try:
        rest, aside = datasets.validation_split(len(train.labels), share, experiment.training.seed)
    except ValueError as error:
        raise DataError(str(error)) from None
    return train.rows(rest), train.rows(aside)


def order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Return the order of the training images in an epoch: a permutation of ``range(count)``.

    The order depends on seed and epoch (from 0) alone, not on earlier random numbers (Philox; Salmon et al., 2011), so
    that a resumed training has the same batches.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
    return generator.permutation(count).astype(np.int64, copy=False)
