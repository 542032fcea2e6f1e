"""The datasets known by name, the places on this machine where their files may be, and errors of data.

The app's first screen imports this file, so it reads no file and imports nothing heavy, not even numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar, get_args

from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.paths import NoHomeError, PathError, cache_folder, home, path_in_variable, typed_path
from mnist_tui.wording import did_you_mean, listed

if TYPE_CHECKING:
    from mnist_tui.experiment.spec import Experiment


class DataError(ValueError):
    """The error for a file or folder of data that cannot be used; the message says which, why, and what is right."""


class MissingDataError(DataError):
    """The error for a dataset that is in none of the searched places and could not be downloaded."""


@dataclass(frozen=True, slots=True)
class DataProgress:
    """The progress of downloading or reading a dataset, in bytes; `total` is 0 if it is unknown."""

    phase: Literal["downloading", "reading", "verifying"]
    done: int
    total: int
    text: str


OnProgress = Callable[[DataProgress], None]
_Value = TypeVar("_Value")
Part = Literal["train_images", "train_labels", "test_images", "test_labels"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
FILE_NAMES: Final[Mapping[Part, str]] = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
PART_TITLES: Final[Mapping[Part, str]] = {part: part.replace("train_", "training ").replace("_", " ") for part in PARTS}


@dataclass(frozen=True, slots=True)
class KnownDataset:
    """A dataset that `--dataset` takes by its name.

    Attributes:
        title: The name on screens and in reports.
        class_names: The ten classes, by label.
        sha256: SHA-256 of each part's uncompressed IDX bytes, whatever its packing on disk.
        packed_bytes: Size of each part's gzip file as published, for a download's progress.
        mirrors: Addresses of folders with the four gzip files, in the order in which they are tried.
        sample: True for the bundled digits, which are never presented as MNIST.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    sha256: Mapping[Part, str] = field(default_factory=dict[Part, str])
    packed_bytes: Mapping[Part, int] = field(default_factory=dict[Part, int])
    mirrors: tuple[str, ...] = ()
    sample: bool = False


_DIGITS: Final = tuple(map(str, range(CLASSES)))
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def _by_part(
    train_images: _Value, train_labels: _Value, test_images: _Value, test_labels: _Value
) -> dict[Part, _Value]:
    return dict(zip(PARTS, (train_images, train_labels, test_images, test_labels), strict=True))


KNOWN: Final[Mapping[str, KnownDataset]] = {
    known.name: known
    for known in (
        KnownDataset(
            name="mnist",
            title="MNIST",
            class_names=_DIGITS,
            sha256=_by_part(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            packed_bytes=_by_part(9_912_422, 28_881, 1_648_877, 4_542),
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
        ),
        KnownDataset(
            name="fashion-mnist",
            title="Fashion-MNIST",
            class_names=_CLOTHES,
            sha256=_by_part(
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
            packed_bytes=_by_part(26_421_880, 29_515, 4_422_102, 5_148),
            mirrors=(
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ),
        ),
        KnownDataset("digits", "digits sample (scikit-learn, 1,797 images)", _DIGITS, sample=True),
    )
}


def part_with_checksum(sha256: str) -> tuple[KnownDataset, Part] | None:
    """Return the known dataset and the part with this published checksum; None if no part has it."""
    for known in KNOWN.values():
        for part, published in known.sha256.items():
            if published == sha256:
                return known, part
    return None


Place = Literal["data folder", "Keras cache", "download cache", "bundled", "own folder"]
Kind = Literal["idx", "npz", "bundled"]


@dataclass(frozen=True, slots=True)
class Location:
    """A place that holds a dataset's files.

    Attributes:
        name: The dataset's name, as `--dataset` takes it; the path of a person's own folder.
        kind: Four IDX files, one npz archive, or the images bundled with scikit-learn.
        place: The step of the search order.
        folder: The folder of the files; None for bundled data.
        files: The four IDX files in the order of `PARTS`, or the archive.
        missing: Names of files that the folder lacks.
    """

    name: str
    kind: Kind
    place: Place
    folder: Path | None = None
    files: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def binding(self) -> bool:
        """Whether a person named this place: then damage is an error, not a reason to search further."""
        return self.place in ("data folder", "own folder")

    @property
    def size(self) -> int:
        """The bytes of the files on disk."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def source(self) -> str:
        """The place in words: a path, or ``bundled with scikit-learn``."""
        if self.kind == "bundled":
            return "bundled with scikit-learn"
        return str(self.files[0] if self.kind == "npz" else self.folder)


def validate_name(name: str) -> str:
    """Return a known dataset's name as it is, or the absolute path of an existing folder.

    Raises:
        DataError: The name is neither a known dataset nor a folder.
    """
    if (whole := _absolute(name)) is not None:
        return whole
    hint = did_you_mean(name.lower().replace("_", "-"), KNOWN)
    raise DataError(
        f"{name!r} is neither a dataset nor a folder: {hint}{', '.join(KNOWN)} and folders of IDX files work"
    )


def whole_name(name: str) -> str:
    """Return the same as `validate_name`, but return an unknown name unchanged instead of raising an error.

    A run and its worker outlive the current folder, so they record no path relative to it.
    """
    return name if (whole := _absolute(name)) is None else whole


def with_whole_name(experiment: Experiment) -> Experiment:
    """Return the experiment with the `whole_name` of its dataset."""
    from mnist_tui.experiment.spec import with_part

    return with_part(experiment, "dataset", name=whole_name(experiment.dataset.name))


def _absolute(name: str) -> str | None:
    if name in KNOWN:
        return name
    with suppress(PathError, OSError):
        path = typed_path(name)
        return str(path.absolute()) if path.is_dir() else None
    return None


def find(name: str, data_dir: Path | None = None) -> Location | None:
    """Return the first place that holds the dataset, judged by file names alone; None if it must be downloaded.

    A place that a person named is returned even if files are missing from it (see `Location.missing`).

    Raises:
        DataError: The name is not a dataset or folder, or `data_dir` is not a folder.
    """
    return next((place for place in search(name, data_dir) if place.binding or not place.missing), None)


def search(name: str, data_dir: Path | None = None) -> Iterator[Location]:
    """Yield every place that holds files of the dataset, in the order of the search."""
    name = validate_name(name)
    if name not in KNOWN:
        folder = Path(name)
        in_own = next(in_folder("mnist", folder, "own folder"), None)
        if in_own is None:
            raise DataError(f"{folder} holds no dataset; it needs {file_list()}, or mnist.npz")
        yield replace(in_own, name=str(folder.resolve()))
        return
    if KNOWN[name].sample:
        yield Location(name, "bundled", "bundled")
        return
    data_folder = named_data_folder(data_dir)
    if data_folder is not None:
        yield from in_folder(name, data_folder / name, "data folder")
        # files directly in the data folder count unless the folder is named after another dataset
        of_another = data_folder.resolve().name in KNOWN.keys() - {name}
        yield from in_folder(name, data_folder, "data folder", idx=not of_another)
    with suppress(NoHomeError):
        keras = keras_cache()
        yield from in_folder(name, keras / name, "Keras cache")
        yield from in_folder(name, keras, "Keras cache", idx=False)
    with suppress(NoHomeError):
        yield from in_folder(name, download_cache() / name, "download cache")


def named_data_folder(data_dir: Path | None = None) -> Path | None:
    """Return the data folder that a person named: the argument, else `MNIST_TUI_DATA`; None if there is neither.

    Raises:
        DataError: The argument is not a folder. A variable that names no folder is treated as an empty folder.
    """
    if data_dir is not None:
        folder = typed_path(data_dir)
        if not folder.is_dir():
            raise DataError(f"the data folder {data_dir} is not a folder; name the one that holds mnist/")
        return folder
    return path_in_variable("MNIST_TUI_DATA")


def keras_cache() -> Path:
    """Return the folder of Keras' downloaded datasets; raise `NoHomeError` if there is no home folder."""
    return (path_in_variable("KERAS_HOME") or home() / ".keras") / "datasets"


def download_cache() -> Path:
    """Return the folder of downloaded and imported datasets; raise `NoHomeError` if there is no home folder."""
    return cache_folder() / "datasets"


def feature_cache() -> Path:
    """Return the folder of kept HOG features; raise `NoHomeError` if there is no home folder."""
    return cache_folder() / "features"


def in_folder(name: str, folder: Path, place: Place, *, idx: bool = True) -> Iterator[Location]:
    """Yield the dataset's places in a folder: IDX files, some perhaps missing (unless `idx` is false), `<name>.npz`."""
    archive = folder / f"{name}.npz"
    paths = {FILE_NAMES[part]: _idx_file(folder, FILE_NAMES[part]) for part in PARTS} if idx else {}
    files = tuple(file for file in paths.values() if file is not None)
    missing = tuple(file_name for file_name, file in paths.items() if file is None)
    if files and not missing:
        yield Location(name, "idx", place, folder, files)
    if _is_file(archive):
        yield Location(name, "npz", place, folder, (archive,))
    elif files and missing:
        yield Location(name, "idx", place, folder, files, missing)


def _idx_file(folder: Path, file_name: str) -> Path | None:
    dotted = file_name.replace("-idx", ".idx")
    candidates = (folder / spelling for spelling in (f"{file_name}.gz", file_name, f"{dotted}.gz", dotted))
    return next((file for file in candidates if _is_file(file)), None)


def _is_file(path: Path) -> bool:
    with suppress(PermissionError):
        return path.is_file()
    return False


def file_list() -> str:
    """Return the names of the four IDX files as a phrase for messages."""
    return f"{listed([*FILE_NAMES.values()])} (each as it is or as .gz)"
