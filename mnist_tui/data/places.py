"""Find datasets by their file names, in the search order.

It reads no file and imports nothing heavy, not even numpy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from mnist_tui.data.catalogue import FILE_NAMES, KNOWN, PARTS, DataError
from mnist_tui.experiment.spec import Experiment, with_part
from mnist_tui.paths import NoHomeError, PathError, cache_folder, home, path_in_variable, typed_path
from mnist_tui.wording import did_you_mean, listed

Place = Literal["data folder", "Keras cache", "download cache", "bundled", "own folder"]
Kind = Literal["idx", "npz", "bundled"]

DATA_VARIABLE: Final = "MNIST_TUI_DATA"


@dataclass(frozen=True, slots=True)
class Location:
    """The place of a dataset's files.

    Attributes:
        name: The dataset's name, as `--dataset` takes it; a path for a person's own folder.
        kind: Four IDX files, one npz archive, or bundled with scikit-learn.
        place: Which step of the search order this is.
        folder: The folder of the files; None for bundled data.
        files: The four IDX files in the order of `PARTS`, or the archive.
        missing: File names that should be in the folder beside those found.
    """

    name: str
    kind: Kind
    place: Place
    folder: Path | None = None
    files: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def binding(self) -> bool:
        """Whether a person named this place: then damage is an error, not a reason to look further."""
        return self.place in ("data folder", "own folder")

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def source(self) -> str:
        """The source of the data in words."""
        if self.kind == "bundled":
            return "bundled with scikit-learn"
        return str(self.files[0] if self.kind == "npz" else self.folder)


def validate_name(name: str) -> str:
    """Return a known dataset's name as it is, or the whole path of an existing folder; raise `DataError` otherwise."""
    if name in KNOWN:
        return name
    folder = _folder(name)
    if folder is not None:
        return str(folder.absolute())
    hint = did_you_mean(name.lower().replace("_", "-"), KNOWN)
    raise DataError(
        f"{name!r} is neither a dataset nor a folder: {hint}{', '.join(KNOWN)} and folders of IDX files work"
    )


def whole_name(name: str) -> str:
    """Do the same as `validate_name`, but return a name that is neither a dataset nor a folder as it is.

    A run and its worker outlive the current folder, so they record no path relative to it.
    """
    folder = None if name in KNOWN else _folder(name)
    return name if folder is None else str(folder.absolute())


def with_whole_name(experiment: Experiment) -> Experiment:
    """Return the experiment with the `whole_name` of its dataset."""
    return with_part(experiment, "dataset", name=whole_name(experiment.dataset.name))


def _folder(text: str) -> Path | None:
    try:
        path = typed_path(text)
        return path if path.is_dir() else None
    except (PathError, OSError):
        return None


def find(name: str, data_dir: Path | None = None) -> Location | None:
    """Return the first place that holds the dataset, by file names alone; None if it has to be downloaded.

    A place that a person named is given even where files are missing from it (see `Location.missing`).

    Raises:
        DataError: The name means nothing, or `data_dir` is not a folder.
    """
    return next((found for found in search(name, data_dir) if found.binding or not found.missing), None)


def search(name: str, data_dir: Path | None = None) -> Iterator[Location]:
    """Yield every place that holds files of the dataset, in the order of the search."""
    name = validate_name(name)
    if name not in KNOWN:
        yield _own_folder(name)
        return
    if KNOWN[name].sample:
        yield Location(name, "bundled", "bundled")
        return
    data_folder = named_data_folder(data_dir)
    if data_folder is not None:
        yield from _in_data_folder(name, data_folder)
    with suppress(NoHomeError):
        keras = keras_cache()
        yield from in_folder(name, keras / name, "Keras cache")
        yield from in_folder(name, keras, "Keras cache", idx=False)
    with suppress(NoHomeError):
        yield from in_folder(name, download_cache() / name, "download cache")


def named_data_folder(data_dir: Path | None = None) -> Path | None:
    """Return the data folder that a person named: the argument, else `MNIST_TUI_DATA`.

    Raises:
        DataError: The argument is not a folder. A variable that names none is taken for an empty folder.
    """
    if data_dir is not None:
        folder = typed_path(data_dir)
        if not folder.is_dir():
            raise DataError(f"the data folder {data_dir} is not a folder; name the one that holds mnist/")
        return folder
    return path_in_variable(DATA_VARIABLE)


def keras_cache() -> Path:
    """Return where Keras keeps downloaded datasets; raise `NoHomeError` if there is no home folder."""
    return (path_in_variable("KERAS_HOME") or home() / ".keras") / "datasets"


def download_cache() -> Path:
    """Return where this program keeps downloaded and imported datasets, a folder each; `NoHomeError` if it cannot."""
    return cache_folder() / "datasets"


def feature_cache() -> Path:
    """Return where this program keeps HOG features; raise `NoHomeError` if it cannot."""
    return cache_folder() / "features"


def _own_folder(name: str) -> Location:
    folder = Path(name)
    for found in in_folder("mnist", folder, "own folder"):
        return replace(found, name=str(folder.resolve()))
    raise DataError(f"{folder} holds no dataset; it needs {file_list()}, or mnist.npz")


def _in_data_folder(name: str, folder: Path) -> Iterator[Location]:
    yield from in_folder(name, folder / name, "data folder")
    # files right in the data folder count unless the folder's name says that they are another dataset's
    named_otherwise = folder.resolve().name in KNOWN.keys() - {name}
    yield from in_folder(name, folder, "data folder", idx=not named_otherwise)


def in_folder(name: str, folder: Path, place: Place, *, idx: bool = True) -> Iterator[Location]:
    """Yield what a folder holds of a dataset, whole or in part: IDX files (unless `idx` is false), `<name>.npz`."""
    archive = folder / f"{name}.npz"
    found = {FILE_NAMES[part]: _idx_file(folder, FILE_NAMES[part]) for part in PARTS} if idx else {}
    files = tuple(file for file in found.values() if file is not None)
    missing = tuple(file_name for file_name, file in found.items() if file is None)
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
    """Return the names of the four files as one phrase of a message."""
    return f"{listed([*FILE_NAMES.values()])} (each as it is or as .gz)"
