"""A dataset's files on their way to a machine that lacks them: named by what they hold, kept there for later trials."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.data.places import Location, find
from mnist_tui.files import replacing_folder

CLASSES_FILE = "classes.txt"
DatasetFiles = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class BundleKey:
    """Which data a run has.

    Attributes:
        name: as the experiment names the dataset; a path of home's for a folder of one's own.
        folder: what the folder with the files is called.
        sha256: of the files' names and bytes.
    """

    name: str
    folder: str
    sha256: str

    @property
    def known(self) -> bool:
        """Whether the name means the same data on every machine."""
        return self.name in KNOWN


@dataclass(frozen=True)
class DatasetBundle:
    """A dataset of home's that can be shipped."""

    key: BundleKey
    paths: tuple[Path, ...]

    def read(self) -> DatasetFiles:
        """The files as they are now."""
        return tuple((path.name, path.read_bytes()) for path in self.paths)


def at_home(name: str, data_dir: Path | None) -> DatasetBundle | None:
    """What can be shipped of a dataset; None where it comes with the program or is not on this machine.

    Raises:
        DataError: the name means nothing, or `data_dir` is not a folder.
    """
    location = find(name, data_dir)
    if location is None or location.kind == "bundled" or location.missing:
        return None
    paths = _paths(location)
    folder = name if name in KNOWN else (location.folder or Path()).resolve().name
    sha256 = digest((path.name, path.read_bytes()) for path in paths)
    return DatasetBundle(BundleKey(name, folder or "data", sha256), paths)


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 of names and bytes, in their order."""
    total = hashlib.sha256()
    for name, content in files:
        total.update(f"{len(name)} {name} {len(content)} ".encode())
        total.update(content)
    return total.hexdigest()


def place(key: BundleKey, cache: Path) -> Path:
    """Where a machine keeps the files of a bundle: a folder with a sub-folder of the dataset's name."""
    return cache / key.sha256


def keep(key: BundleKey, files: DatasetFiles, cache: Path) -> None:
    """Writes files that arrived to their place.

    Raises:
        ValueError: they are not those of the key.
    """
    if digest(files) != key.sha256 or any(Path(name).name != name for name, _ in files):
        raise ValueError(f"the files of {key.folder} arrived damaged")
    target = place(key, cache)
    if target.exists():
        return
    cache.mkdir(parents=True, exist_ok=True)
    with replacing_folder(target) as temporary:
        inner = temporary / key.folder
        inner.mkdir()
        for name, content in files:
            (inner / name).write_bytes(content)


def _paths(location: Location) -> tuple[Path, ...]:
    classes = (location.folder or Path()) / CLASSES_FILE
    with_classes = location.name not in KNOWN and classes.is_file()
    return (*location.files, classes) if with_classes else location.files
