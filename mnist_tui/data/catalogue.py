"""The datasets known by name (titles, classes, file names, checksums, mirrors), errors of data, and progress.

The app's first screen imports this file, so it imports nothing heavy, not even numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from mnist_tui.experiment.shapes import CLASSES


class DataError(ValueError):
    """A file or folder of data cannot be used; the message says which, why, and what would be right."""


class MissingDataError(DataError):
    """A dataset is in none of the places searched and could not be downloaded; no file that was found is damaged."""


@dataclass(frozen=True, slots=True)
class DataProgress:
    """The progress of fetching or reading a dataset: bytes done, and altogether (0 if unknown); the phase in words."""

    phase: Literal["downloading", "reading", "verifying"]
    done: int
    total: int
    text: str


OnProgress = Callable[[DataProgress], None]


Part = Literal["train_images", "train_labels", "test_images", "test_labels"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)

FILE_NAMES: Final[Mapping[Part, str]] = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
PART_TITLES: Final[Mapping[Part, str]] = {
    "train_images": "training images",
    "train_labels": "training labels",
    "test_images": "test images",
    "test_labels": "test labels",
}


@dataclass(frozen=True, slots=True)
class KnownDataset:
    """A dataset that `--dataset` takes by its name; `title` is its name on screens and in reports.

    Attributes:
        class_names: The ten classes, by label.
        sha256: SHA-256 of each part's uncompressed IDX bytes, whatever its packing on disk.
        packed_bytes: Size of each part's gzip file as published, for a download's progress.
        mirrors: Addresses of folders holding the four gzip files, tried in this order.
        sample: True for the bundled stand-in, which is never presented as MNIST.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    sha256: Mapping[Part, str]
    packed_bytes: Mapping[Part, int]
    mirrors: tuple[str, ...]
    sample: bool = False


_DIGITS: Final = tuple(str(digit) for digit in range(CLASSES))

KNOWN: Final[Mapping[str, KnownDataset]] = {
    known.name: known
    for known in (
        KnownDataset(
            name="mnist",
            title="MNIST",
            class_names=_DIGITS,
            sha256={
                "train_images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "train_labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "test_images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "test_labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            },
            packed_bytes={
                "train_images": 9_912_422,
                "train_labels": 28_881,
                "test_images": 1_648_877,
                "test_labels": 4_542,
            },
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
        ),
        KnownDataset(
            name="fashion-mnist",
            title="Fashion-MNIST",
            class_names=(
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            sha256={
                "train_images": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "train_labels": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "test_images": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "test_labels": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            },
            packed_bytes={
                "train_images": 26_421_880,
                "train_labels": 29_515,
                "test_images": 4_422_102,
                "test_labels": 5_148,
            },
            mirrors=(
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ),
        ),
        KnownDataset(
            name="digits",
            title="digits sample (scikit-learn, 1,797 images)",
            class_names=_DIGITS,
            sha256={},
            packed_bytes={},
            mirrors=(),
            sample=True,
        ),
    )
}


def part_with_checksum(sha256: str) -> tuple[KnownDataset, Part] | None:
    """Return the known dataset and the part that have this published checksum; None if there are none."""
    for known in KNOWN.values():
        for part, published in known.sha256.items():
            if published == sha256:
                return known, part
    return None
