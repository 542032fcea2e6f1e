"""The places on this machine where a dataset's files may be, and the order in which they are searched.

The app's first screen imports this file, so it reads no file and imports nothing heavy, not even numpy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mnist_tui.data.errors import DataError
from mnist_tui.data.known import (
    FILE_NAMES,
    KNOWN,
    PARTS,
    SPLIT_NAMES,
    SPLIT_PARTS,
    UNSUITABLE,
    VALIDATION_PARTS,
    Part,
    split_named,
)
from mnist_tui.paths import NoHomeError, PathError, cache_folder, home, path_in_variable, typed_path
from mnist_tui.wording import did_you_mean, listed

Place = Literal["data folder", "Keras cache", "MedMNIST cache", "download cache", "bundled", "own folder"]
Kind = Literal["idx", "npz", "csv", "images", "bundled"]
_OF_SPLIT = f"(?P<of>.*?)(?P<split>{'|'.join(SPLIT_NAMES)})"
_OWN_IDX = re.compile(rf"{_OF_SPLIT}-(?P<what>images|labels)[-.]idx\d-(ubyte|int)(\.gz)?")
_OWN_NPZ = re.compile(rf"{_OF_SPLIT}-(?P<what>im(?:age|g)s|labels)\.npz")
ARRAY_SUFFIXES = (".npz", ".csv")
"""Endings of single files that `--dataset` takes as a person's own data."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place that holds a dataset's files.

    Attributes:
        name: The dataset's name, as `--dataset` takes it; the path of a person's own folder or file.
        kind: IDX files, npz archives, CSV tables, image files in class folders, or the images bundled with
            scikit-learn.
        place: The step of the search order.
        folder: The folder of the files; None for bundled data.
        files: The IDX files in the order of `parts`, the archives, the tables, or the images.
        missing: Names of files that the folder lacks.
        parts: The part in each of `files`, for IDX files and for archives with one array each.
    """

    name: str
    kind: Kind
    place: Place
    folder: Path | None = None
    files: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

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
        return str(self.files[0] if self.kind in ("npz", "csv") and len(self.files) == 1 else self.folder)


def validate_name(name: str) -> str:
    """Return a known dataset's name as it is, or the absolute path of an existing folder, npz archive or CSV table.

    Raises:
        DataError: The name is neither a known dataset nor such a path.
    """
    if (whole := _absolute(name)) is not None:
        return whole
    asked = name.lower().replace("_", "-")
    if asked in UNSUITABLE:
        raise DataError(UNSUITABLE[asked])
    if _is_an_image(name):
        raise DataError(f"{name} is one image file; give the folder that holds the class folders")
    raise DataError(
        f"{name!r} is neither a dataset nor a folder: {did_you_mean(asked, KNOWN)}`mnist-tui data status` lists the "
        "datasets, and a folder of your own images works, too"
    )


def _is_an_image(name: str) -> bool:
    from mnist_tui.data.image_folders import SUFFIXES

    with suppress(PathError, OSError):
        path = typed_path(name)
        return path.suffix.lower() in SUFFIXES and path.is_file()
    return False


def whole_name(name: str) -> str:
    """Return the same as `validate_name`, but return an unknown name unchanged instead of raising an error.

    A run and its worker outlive the current folder, so they record no path relative to it.
    """
    return name if (whole := _absolute(name)) is None else whole


def _absolute(name: str) -> str | None:
    if name in KNOWN:
        return name
    with suppress(PathError, OSError):
        path = typed_path(name)
        own = path.is_dir() or (path.suffix.lower() in ARRAY_SUFFIXES and path.is_file())
        return str(path.absolute()) if own else None
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
        yield _own(Path(name))
        return
    known = KNOWN[name]
    if known.sample:
        yield Location(name, "bundled", "bundled")
        return
    data_folder = named_data_folder(data_dir)
    if data_folder is not None:
        yield from in_folder(name, data_folder / known.place, "data folder")
        # Files directly in the data folder count unless their names are another dataset's, too.
        own = data_folder.resolve().name
        unclear = own in KNOWN.keys() - {name} or not (known.sha256 or known.file_names != FILE_NAMES)
        yield from in_folder(name, data_folder, "data folder", idx=own == known.place or not unclear)
    with suppress(NoHomeError):
        keras = keras_cache()
        yield from in_folder(name, keras / known.place, "Keras cache")
        yield from in_folder(name, keras, "Keras cache", idx=False)
    with suppress(NoHomeError):
        yield from in_folder(name, home() / ".medmnist", "MedMNIST cache", idx=False)
    with suppress(NoHomeError):
        yield from in_folder(name, download_cache() / known.place, "download cache")


def _own(path: Path) -> Location:
    """Return the location of a person's own data: IDX files, else archives, else tables, else images."""
    name, folder = str(path.resolve()), path if path.is_dir() else path.parent
    if folder != path:
        return Location(name, "csv" if path.suffix.lower() == ".csv" else "npz", "own folder", folder, (path,))
    files = _matched(folder, _OWN_IDX)
    if files:
        missing = tuple(FILE_NAMES[part] for part in PARTS if part not in files)
        return Location(name, "idx", "own folder", folder, tuple(files.values()), missing, tuple(files))
    if files := _matched(folder, _OWN_NPZ):
        missing = tuple(part.replace("_", "-") + ".npz" for part in PARTS[:2] if part not in files)
        return Location(name, "npz", "own folder", folder, tuple(files.values()), missing, tuple(files))
    archives = [file for file in (folder / "mnist.npz", *sorted(folder.glob("*.npz"))) if _is_file(file)]
    if archives and (len(set(archives)) == 1 or archives[0].name == "mnist.npz"):
        return Location(name, "npz", "own folder", folder, (archives[0],))
    if archives:
        raise DataError(f"{folder} holds {len(archives)} archives; name one of them: --dataset {archives[0]}")
    if tables := tuple(file for file in sorted(folder.glob("*.csv")) if _is_file(file)):
        return Location(name, "csv", "own folder", folder, tables)
    from mnist_tui.data.image_folders import find_images

    if images := find_images(folder):
        return Location(name, "images", "own folder", folder, images)
    raise DataError(
        f"{folder} holds no dataset; it needs {file_list()}, or an npz archive, or a CSV table, or a folder of image "
        "files for each class"
    )


def _matched(folder: Path, pattern: re.Pattern[str]) -> dict[Part, Path]:
    """Return the files of one dataset whose names match the pattern, by their parts, in the order of the parts."""
    found: dict[str, dict[Part, Path]] = {}
    for file in sorted(folder.iterdir(), key=lambda file: (file.suffix != ".gz", "-idx" not in file.name, file.name)):
        if (match := pattern.fullmatch(file.name.lower())) and _is_file(file):
            part = SPLIT_PARTS[split_named(match["split"]) or "train"][match["what"] == "labels"]
            found.setdefault(match["of"], {}).setdefault(part, file)
    for known in KNOWN.values():
        if known.transposed and any(known.file_names["train_images"].startswith(f"{of}train") for of in found if of):
            raise DataError(
                f"{folder} holds the files of {known.title}; name them with --dataset {known.name} --data-dir {folder}"
            )
    if len(found) > 1:
        raise DataError(f"{folder} holds the files of {len(found)} datasets; put each into a folder of its own")
    files = next(iter(found.values()), {})
    return {part: files[part] for part in (*PARTS, *VALIDATION_PARTS) if part in files}


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
    """Yield a known dataset's places in a folder: IDX files, some perhaps missing (unless `idx` is false), archives."""
    known = KNOWN[name]
    archive = folder / f"{name}.npz"
    for each in (folder, folder / "gzip") if known.archive.endswith(".zip") else (folder,):
        names = known.file_names if idx and not known.archive.endswith(".npz") else {}
        paths: dict[Part, Path | None] = {part: _idx_file(each, names[part]) for part in PARTS if part in names}
        files = tuple(file for file in paths.values() if file is not None)
        missing = tuple(names[part] for part, file in paths.items() if file is None)
        if files and not missing:
            yield Location(name, "idx", place, each, files, parts=PARTS)
        if each == folder and _is_file(archive):
            yield Location(name, "npz", place, folder, (archive,))
        elif files and missing:
            there: tuple[Part, ...] = tuple(part for part, file in paths.items() if file is not None)
            yield Location(name, "idx", place, each, files, missing, there)
    if idx and (arrays := _kmnist_arrays(name, folder)):
        yield Location(name, "npz", place, folder, arrays, parts=PARTS)


def _kmnist_arrays(name: str, folder: Path) -> tuple[Path, ...]:
    """Return KMNIST's four archives of one array each, if they are there."""
    names = [f"{name}-{split}-{what}.npz" for split in ("train", "test") for what in ("imgs", "labels")]
    files = tuple(folder / each for each in names)
    return files if name == "kmnist" and all(map(_is_file, files)) else ()


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
    return f"{listed([FILE_NAMES[part] for part in PARTS])} (each as it is or as .gz)"


def files_of(name: str) -> str:
    """Return the names of a known dataset's files as a phrase for messages."""
    known = KNOWN[name]
    if known.archive.endswith(".npz"):
        return known.archive
    if known.file_names == FILE_NAMES:
        return f"{file_list()}, or {name}.npz,"
    return listed([f"{known.file_names[part]}.gz" for part in PARTS])
