"""What travels between the study's process and the workers: requests, packed run folders, datasets.

A packed folder holds files alone: no links, nothing outside it, nothing that is executed when it is read.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.data.places import Location, find
from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import TEMPORARY, replacing_folder
from mnist_tui.wording import counted

MOST_BYTES = 2**31
"""A run's folder is never larger than that."""
MOST_FILES = 10_000
KEPT_AWAY = frozenset({".lock", "control", "launch.json", "status.json"})
"""What of a run's folder stays where it is: home has its own."""
COMPRESSED = frozenset({".jsonl", ".json", ".toml", ".log"})


class TransportError(RequestError):
    """What came over the cluster is damaged or is not what it should be."""


@dataclass(frozen=True)
class TrialRequest:
    """What a worker needs in order to train a run.

    Attributes:
        run: the run's id.
        study: tells this study's trials from those of others on the same workers.
        experiment: `experiment.toml`.
        launch: `launch.json`.
        away: whether the worker may be on another machine, where home's paths mean nothing.
        data: the run's dataset as home has it; None where it need not be shipped.
    """

    run: str
    study: str
    experiment: bytes
    launch: bytes
    away: bool
    data: BundleKey | None = None


@dataclass(frozen=True)
class TrialFiles:
    """What a worker sends back, whatever became of the run.

    Attributes:
        dispatch: which attempt's result it is.
        state: how the run ended; empty where its process was lost.
        reason: in words.
        packed: the run's folder.
    """

    run: str
    dispatch: str
    state: str
    reason: str
    packed: bytes


def pack(folder: Path) -> bytes:
    """A run's folder but for what stays where it is (`KEPT_AWAY`) and for temporary files."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if name.parts[0] in KEPT_AWAY or any(part.startswith(TEMPORARY) for part in name.parts):
                continue
            if path.is_file() and not path.is_symlink():
                how = zipfile.ZIP_DEFLATED if path.suffix in COMPRESSED else zipfile.ZIP_STORED
                archive.write(path, name.as_posix(), compress_type=how, compresslevel=1)
    return into.getvalue()


def unpack(packed: bytes, into: Path, most_bytes: int = MOST_BYTES) -> list[PurePosixPath]:
    """Writes a packed folder's files below an empty folder; their names.

    Raises:
        TransportError: it is damaged, is too large, or holds anything but files that belong below `into`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > most_bytes:
                raise TransportError(f"a run's folder that came home is larger than {counted(most_bytes, 'byte')}")
            names = [_checked(entry) for entry in entries]
            for entry, name in zip(entries, names, strict=True):
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    file.write(archive.read(entry))
    except (zipfile.BadZipFile, EOFError, FileExistsError, NotImplementedError, RuntimeError) as error:
        raise TransportError(f"a run's folder came home damaged: {error}") from None
    return names


def _checked(entry: zipfile.ZipInfo) -> PurePosixPath:
    name, kind = PurePosixPath(entry.filename), stat.S_IFMT(entry.external_attr >> 16)
    inside = name.parts and not name.is_absolute() and ".." not in name.parts and "\\" not in entry.filename
    if not inside or kind not in (0, stat.S_IFREG) or entry.is_dir() or name.parts[0] in KEPT_AWAY:
        raise TransportError(f"a run's folder that came home holds {entry.filename!r}, which does not belong there")
    return name


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
