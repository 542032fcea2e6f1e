"""What travels between home and the machines that train: requests, and run folders packed as bytes.

A packed folder holds files alone: no links, nothing outside it, nothing that is executed when it is read.
"""

from __future__ import annotations

import io
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import TEMPORARY
from mnist_tui.studies.bundle import BundleKey
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
