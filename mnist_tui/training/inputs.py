"""The data of a run (dataset, features, validation split, order of the images), and a cache of data for many runs.

It works without TensorFlow, which another thread may be importing at the same time.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data import catalogue, datasets, feature_cache
from mnist_tui.data.corruptions import corrupted
from mnist_tui.data.errors import DataError, DataProgress, MissingDataError
from mnist_tui.data.feature_cache import FeatureKey
from mnist_tui.data.hog import hog_batch
from mnist_tui.data.known import Part
from mnist_tui.data.prediction_files import ForeignPredictions, read_predictions_file
from mnist_tui.data.reading import Dataset
from mnist_tui.errors import RequestError
from mnist_tui.experiment import corruptions
from mnist_tui.experiment.shapes import written
from mnist_tui.experiment.spec import Experiment, Fold, HogFeatures
from mnist_tui.runs.evaluations import check_form
from mnist_tui.runs.events import DataReady, Warned
from mnist_tui.runs.folder import Launch, RunFolder
from mnist_tui.runs.origin import Origin, imported_file
from mnist_tui.training.reporter import DataReporter
from mnist_tui.wording import counted

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
    """The features of images, uint8 pixels ``(n, height, width)`` or float32 ``(n, length)``, and labels ``(n,)``.

    Pixels of colour images are ``(n, height, width, 3)``.
    """

    features: NDArray[Any]
    labels: NDArray[Any]

    def rows(self, indices: NDArray[np.integer]) -> Examples:
        return Examples(self.features[indices], self.labels[indices])


@dataclass(frozen=True)
class Inputs:
    """A run's data, ready for the device.

    Attributes:
        ready: the event that describes the data.
        validation: None if the images of the final evaluation are the validation data, too.
        test: the images of the final evaluation: the test set, or in a cross-validation the fold that is held out.
        test_images: their pixels.
        data_seconds, features_seconds: the durations of reading and of feature extraction.
    """

    ready: DataReady
    dataset: Dataset
    train: Examples
    validation: Examples | None
    test: Examples
    test_images: NDArray[np.uint8]
    data_seconds: float
    features_seconds: float


def prepare(
    experiment: Experiment,
    launch: Launch,
    reporter: DataReporter,
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
    _check_facts(experiment, dataset)
    limit = experiment.dataset.limit
    read = time.perf_counter()
    train, test = dataset.train_images[:limit], dataset.test_images
    own = dataset.validation_images if experiment.dataset.validation == "own" else None
    seconds = 0.0
    if isinstance(experiment.features, HogFeatures):
        images: dict[Part, NDArray[np.uint8]] = {"train_images": train}
        if experiment.dataset.fold is None:
            images["test_images"] = test
        if own is not None:
            images["validation_images"] = own
        found = source.features(experiment.features, dataset, images)
        train, own = found["train_images"], found.get("validation_images")
        test = found.get("test_images", test)
        seconds = time.perf_counter() - read
    part, validation = Examples(train, dataset.train_labels[:limit]), None
    evaluated, evaluated_images = Examples(test, dataset.test_labels), dataset.test_images
    if own is not None and dataset.validation_labels is not None:
        validation = Examples(own, dataset.validation_labels)
    elif experiment.dataset.validation == "own":
        raise DataError(
            f"{dataset.title} has no validation split of its own ({dataset.source}); --validation test, or a share "
            "such as 0.1, works"
        )
    elif (fold := experiment.dataset.fold) is not None:
        part, evaluated, held_out = _fold(fold, experiment.training.seed, part)
        evaluated_images = dataset.train_images[held_out]
    else:
        part, validation = _split(experiment, part)
    for note in dataset.notes if recorded is None else ():
        reporter.emit(Warned(text=note))
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
        test=len(evaluated.labels),
        inputs=math.prod(experiment.input_shape),
        evaluated=experiment.dataset.evaluated_images,
    )
    reporter.emit(ready)
    return Inputs(ready, dataset, part, validation, evaluated, evaluated_images, read - began, seconds)


@dataclass(frozen=True)
class EvaluationInputs:
    """The test images of a run that is not trained.

    Attributes:
        images: uint8 ``(n, height, width)``, in colour ``(n, height, width, 3)``, with the run's corruption.
        labels: ``(n,)``, the true classes.
        predictions: those of an imported file; None for a run whose predictions are to be computed.
        data_seconds: the duration of reading and of changing the images.
    """

    ready: DataReady
    dataset: Dataset
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    predictions: ForeignPredictions | None
    data_seconds: float


def prepare_evaluation(folder: RunFolder, origin: Origin, reporter: DataReporter) -> EvaluationInputs:
    """Read the test images of a run that is not trained, change them as its origin says, and report each step.

    Imported predictions are read and checked here, too: a refusal need not wait for TensorFlow.

    Raises:
        DataError: the data are missing or cannot be used, do not have the classes and the images of the network, or
            the imported predictions are not those of these images.
    """
    began, experiment = time.perf_counter(), folder.preset().experiment
    dataset = _Source(experiment, folder.launch(), reporter, DatasetCache()).load()
    what = f"run {origin.sources[0].name}" if origin.kind == "evaluated" else "the network"
    try:
        check_form(what, experiment, dataset.title, len(dataset.class_names), dataset.image_shape)
    except RequestError as error:
        raise DataError(str(error)) from None
    for note in dataset.notes:
        reporter.emit(Warned(text=note))
    images, title = dataset.test_images, dataset.title
    if origin.corrupt:
        reporter.phase("reading", text=f"changing {counted(images, 'image')}")
        images = corrupted(images, corruptions.parse(origin.corrupt))
        title = f"{title} with {origin.changes}"
    ready = DataReady(
        name=dataset.name,
        title=title,
        class_names=dataset.class_names,
        sha256={str(part): checksum for part, checksum in dataset.sha256.items()},
        source=dataset.source,
        sample=dataset.sample,
        verified=dataset.verified,
        train=0,
        validation=0,
        test=len(images),
        inputs=math.prod(experiment.input_shape),
    )
    reporter.emit(ready)
    predictions = None
    if origin.kind == "imported" and origin.predictions_only:
        predictions = read_predictions_file(imported_file(folder.path, origin), len(images), dataset.class_names)
    return EvaluationInputs(ready, dataset, images, dataset.test_labels, predictions, time.perf_counter() - began)


class _Source:
    """A run's dataset and features, read from memory, disk, or the network."""

    def __init__(self, experiment: Experiment, launch: Launch, reporter: DataReporter, cache: DatasetCache) -> None:
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
                self._cache.put(key, dataset, dataset.size)
        return dataset

    def features(
        self, spec: HogFeatures, dataset: Dataset, images: Mapping[Part, NDArray[np.uint8]]
    ) -> dict[Part, NDArray[Any]]:
        """Return the HOG features of the images of each part."""
        total, before = sum(map(len, images.values())), 0
        keys: dict[Part, FeatureKey] = {
            part: FeatureKey(dataset.sha256[part], len(pixels), image=written(pixels.shape[1:]), **spec.settings)
            for part, pixels in images.items()
        }
        found: dict[Part, NDArray[np.float32] | None] = {part: self._cached_features(key) for part, key in keys.items()}
        complete = all(features is not None for features in found.values())
        self._reporter.phase("features", total * complete, total, "images", "from the cache" if complete else "")

        def extract(part: Part, before: int) -> NDArray[Any]:
            def report(done: int, _: int) -> None:
                self._reporter.phase("features", before + done, total, "images")

            features = hog_batch(images[part], **spec.settings, on_progress=report)
            feature_cache.store(keys[part], features)
            self._cache.put(keys[part], features, features.nbytes)
            return features

        every: dict[Part, NDArray[Any]] = {}
        for part, features in found.items():
            every[part] = extract(part, before) if features is None else features
            before += len(images[part])
        return every

    def _cached_features(self, key: FeatureKey) -> NDArray[np.float32] | None:
        """Return features from memory, or from disk, and then keep them in memory; None if there are none."""
        features: NDArray[np.float32] | None = self._cache.get(key)
        if features is None and (features := feature_cache.load(key)) is not None:
            self._cache.put(key, features, features.nbytes)
        return features


def _check_facts(experiment: Experiment, dataset: Dataset) -> None:
    """Raise DataError unless the dataset has the classes and the images that the experiment is for."""
    classes, image = len(dataset.class_names), dataset.image_shape
    has, wanted = "", ""
    if classes != experiment.classes:
        has, wanted = counted(classes, "class"), f"{experiment.classes} classes"
    elif image != experiment.image_shape:
        has, wanted = f"images of {written(image)}", f"images of {written(experiment.image_shape)}"
    if has:
        raise DataError(
            f"{dataset.title} has {has} ({dataset.source}), but this experiment is for {wanted}; "
            "start a new run, which takes classes and image from the data"
        )


def _split(experiment: Experiment, train: Examples) -> tuple[Examples, Examples | None]:
    share = experiment.dataset.validation
    if isinstance(share, str):
        return train, None
    try:
        rest, aside = datasets.validation_split(len(train.labels), share, experiment.training.seed)
    except ValueError as error:
        raise DataError(str(error)) from None
    return train.rows(rest), train.rows(aside)


def _fold(fold: Fold, seed: int, train: Examples) -> tuple[Examples, Examples, NDArray[np.int64]]:
    """Return the training images that remain, those of the fold, and the fold's places among all training images."""
    try:
        rest, held_out = datasets.fold_split(train.labels, fold.number, fold.of, seed)
    except ValueError as error:
        raise DataError(str(error)) from None
    return train.rows(rest), train.rows(held_out), held_out


def order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Return the order of the training images in an epoch: a permutation of ``range(count)``.

    The order depends on seed and epoch (from 0) alone, not on earlier random numbers (Philox; Salmon et al., 2011), so
    that a resumed training has the same batches.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
    return generator.permutation(count).astype(np.int64, copy=False)
