"""The data that the study's process and the workers send each other: requests, packed run folders, datasets.

A packed folder holds plain files only: no links, nothing outside it, nothing that is executed when it is read.
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
from mnist_tui.data.places import find
from mnist_tui.errors import RequestError
from mnist_tui.files import TEMPORARY, replacing_folder
from mnist_tui.wording import counted

MOST_BYTES = 2**31
"""The largest run folder that is unpacked."""
MOST_FILES = 10_000
NOT_PACKED = frozenset({".lock", "control", "launch.json", "status.json"})
"""Files that the study's process and the worker each have of their own."""
COMPRESSED = frozenset({".jsonl", ".json", ".toml", ".log"})
CLASSES_FILE = "classes.txt"
DatasetFiles = tuple[tuple[str, bytes], ...]


class TransportError(RequestError):
    """Data that came over the cluster are damaged or not as they should be."""


@dataclass(frozen=True)
class DatasetKey:
    """Identifies the files of a dataset.

    Attributes:
        name: the dataset's name in the experiment; for a user's own folder its path on the study's machine.
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
    """The files of a dataset on this machine, which can be sent to a worker that lacks them."""

    key: DatasetKey
    paths: tuple[Path, ...]

    def read(self) -> DatasetFiles:
        """Return the names and bytes of the files as they are now."""
        return tuple((path.name, path.read_bytes()) for path in self.paths)


@dataclass(frozen=True)
class TrialRequest:
    """All that a worker needs in order to train a run.

    Attributes:
        study: tells this study's trials from those of others on the same workers.
        experiment: the bytes of `experiment.toml`.
        launch: the bytes of `launch.json`.
        remote: whether the worker may be on another machine, where paths of this one mean nothing.
        dataset: the run's dataset as this machine has it; None where it need not be sent.
    """

    run: str
    study: str
    experiment: bytes
    launch: bytes
    remote: bool
    dataset: DatasetKey | None = None


@dataclass(frozen=True)
class TrialFiles:
    """The files and the state of a run that has ended, as its worker sends them back.

    Attributes:
        attempt_id: which attempt's files these are.
        state: how the run ended; empty where its process was lost.
        reason: why, in words.
        packed: the run's folder, as `pack` packs it.
    """

    run: str
    attempt_id: str
    state: str
    reason: str
    packed: bytes


def pack(folder: Path) -> bytes:
    """Pack a run's folder, except for the files in `NOT_PACKED` and temporary files."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if name.parts[0] in NOT_PACKED or any(part.startswith(TEMPORARY) for part in name.parts):
                continue
            if path.is_file() and not path.is_symlink():
                how = zipfile.ZIP_DEFLATED if path.suffix in COMPRESSED else zipfile.ZIP_STORED
                archive.write(path, name.as_posix(), compress_type=how, compresslevel=1)
    return into.getvalue()


def unpack(packed: bytes, into: Path, most_bytes: int = MOST_BYTES) -> list[PurePosixPath]:
    """Write the files of a packed folder into an empty folder, and return their names, relative to `into`.

    Raises:
        TransportError: it is damaged, is too large, or holds anything but files that belong below `into`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > most_bytes:
                limit = counted(most_bytes, "byte")
                raise TransportError(f"the run folder that the worker sent is larger than {limit}")
            names = [_checked(entry) for entry in entries]
            for entry, name in zip(entries, names, strict=True):
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    file.write(archive.read(entry))
    except (zipfile.BadZipFile, EOFError, FileExistsError, NotImplementedError, RuntimeError) as error:
        raise TransportError(f"the run folder that the worker sent is damaged: {error}") from None
    return names


def _checked(entry: zipfile.ZipInfo) -> PurePosixPath:
    name, kind = PurePosixPath(entry.filename), stat.S_IFMT(entry.external_attr >> 16)
    inside = name.parts and not name.is_absolute() and ".." not in name.parts and "\\" not in entry.filename
    if not inside or kind not in (0, stat.S_IFREG) or entry.is_dir() or name.parts[0] in NOT_PACKED:
        raise TransportError(
            f"the run folder that the worker sent holds {entry.filename!r}, which does not belong there"
        )
    return name


def find_dataset_bundle(name: str, data_dir: Path | None) -> DatasetBundle | None:
    """Return the files of a dataset that can be sent to workers; None if it comes with the program or is not here.

    Raises:
        DataError: there is no dataset of that name, or `data_dir` is not a folder.
    """
    location = find(name, data_dir)
    if location is None or location.kind == "bundled" or location.missing:
        return None
    paths, folder = location.files, name
    if name not in KNOWN:
        place = location.folder or Path()
        folder, classes = place.resolve().name, place / CLASSES_FILE
        paths = (*paths, classes) if classes.is_file() else paths
    sha256 = digest((path.name, path.read_bytes()) for path in paths)
    return DatasetBundle(DatasetKey(name, folder or "data", sha256), paths)


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    """Return the SHA-256 of names and bytes, in their order."""
    total = hashlib.sha256()
    for name, content in files:
        total.update(f"{len(name)} {name} {len(content)} ".encode())
        total.update(content)
    return total.hexdigest()


def stored_dataset(key: DatasetKey, cache: Path) -> Path:
    """Return the folder in which a worker's machine keeps a dataset; the files lie in its sub-folder `key.folder`."""
    return cache / key.sha256


def store_dataset(key: DatasetKey, files: DatasetFiles, cache: Path) -> None:
    """Store the files of a dataset, unless they are stored already. Raises ValueError if they are not the key's."""
    if digest(files) != key.sha256 or any(Path(name).name != name for name, _ in files):
        raise ValueError(f"the files of {key.folder} arrived damaged")
    target = stored_dataset(key, cache)
    if target.exists():
        return
    cache.mkdir(parents=True, exist_ok=True)
    with replacing_folder(target) as temporary:
        inner = temporary / key.folder
        inner.mkdir()
        for name, content in files:
            (inner / name).write_bytes(content)
