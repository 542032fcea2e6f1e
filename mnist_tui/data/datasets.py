"""Load, verify, download and import datasets by name, and split off validation images.

The search order is: the data folder that a person named, the Keras cache, the program's own cache, a download. Damaged
files are an error in a folder that a person named, and are skipped in a cache.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import (
    FILE_NAMES,
    KNOWN,
    PARTS,
    DataError,
    Location,
    MissingDataError,
    OnProgress,
    download_cache,
    file_list,
    in_folder,
    named_data_folder,
    search,
)
from mnist_tui.data.download import TEMPORARY, DownloadError
from mnist_tui.data.download import download as fetch
from mnist_tui.data.reading import Dataset, read, recognised
from mnist_tui.files import temporary_prefix
from mnist_tui.paths import NoHomeError
from mnist_tui.wording import counted


def load(
    name: str, data_dir: Path | None = None, *, download: bool = True, on_progress: OnProgress | None = None
) -> Dataset:
    """Read a dataset from the first place that has it, or download it.

    Args:
        name: `mnist`, `fashion-mnist`, `digits`, or the path of a folder of MNIST-shaped IDX files.
        data_dir: The data folder; without it, `MNIST_TUI_DATA`.
        download: Whether to download what is on no disk.
        on_progress: Receives the progress every megabyte or so.

    Raises:
        MissingDataError: The dataset is nowhere and could not be downloaded.
        DataError: The name means nothing, or files in a folder that a person named cannot be used.
    """
    damage = ""
    for location in search(name, data_dir):
        try:
            return read(location, on_progress)
        except DataError as error:
            if location.binding:
                raise
            damage = damage or str(error)
    if not download:
        raise MissingDataError(missing_message(name, data_dir, reason=damage))
    try:
        folder = download_cache() / name
        fetch(KNOWN[name], folder, on_progress)
    except (DownloadError, NoHomeError) as error:
        what = "download failed" if isinstance(error, DownloadError) else "there is no place for a download"
        reason = "; ".join(filter(None, (f"{what}: {error}", damage)))
        raise MissingDataError(missing_message(name, data_dir, reason=reason)) from None
    return read(next(in_folder(name, folder, "download cache")), on_progress)


def missing_message(name: str, data_dir: Path | None = None, *, reason: str = "") -> str:
    """Return a sentence that a known dataset is not on this machine, and how to bring its files."""
    title = KNOWN[name].title
    folder = named_data_folder(data_dir)
    where = f"neither in {folder} nor in a cache" if folder else "not on this machine"
    return (
        f"{title} is {where}{f' ({reason})' if reason else ''}: put {file_list()}, or {name}.npz, into a "
        f"folder named {name} and name the folder above it with --data-dir or MNIST_TUI_DATA, or take the small "
        "bundled sample with --dataset digits"
    )


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """The place of a known dataset, and whether its files are right, for `mnist-tui data status`.

    Attributes:
        state: `found` is not yet read; `verified` has the published checksums.
        location: Where it is, or where the damage is; None if missing.
        size: Bytes on disk.
        problem: What is wrong, as a sentence; empty if nothing is.
    """

    name: str
    title: str
    state: Literal["missing", "found", "verified", "damaged", "bundled"]
    location: Location | None
    size: int
    problem: str = ""


def status(data_dir: Path | None = None, *, verify: bool = True) -> tuple[DatasetStatus, ...]:
    """Return where each known dataset is and (unless `verify` is false) whether its checksums are right."""
    return tuple(_status(name, data_dir, verify) for name in KNOWN)


def _status(name: str, data_dir: Path | None, verify: bool) -> DatasetStatus:
    title = KNOWN[name].title
    damaged: DatasetStatus | None = None
    for location in search(name, data_dir):
        if location.kind == "bundled" or (not verify and not location.missing):
            state = "bundled" if location.kind == "bundled" else "found"
            return DatasetStatus(name, title, state, location, location.size)
        try:
            read(location)
            return DatasetStatus(name, title, "verified", location, location.size)
        except DataError as error:
            damaged = damaged or DatasetStatus(name, title, "damaged", location, location.size, str(error))
            if location.binding:
                break
    return damaged or DatasetStatus(name, title, "missing", None, 0)


def import_folder(path: Path) -> tuple[Location, ...]:
    """Copy the known datasets in a folder, or in its sub-folders of their names, into this program's cache.

    Returns:
        Where each copy is.

    Raises:
        DataError: The folder holds none, or what it holds is damaged, unknown, or cannot be copied.
    """
    if not path.is_dir():
        raise DataError(f"{path} is not a folder; name one that holds {file_list()}")
    copies: list[Location] = []
    for location in _importable(path):
        dataset = read(location)
        known = recognised(dataset.sha256)
        if known is None:
            published = " nor ".join(known.title for known in KNOWN.values() if not known.sample)
            raise DataError(
                f"{location.source} holds neither {published}; use it where it is with --dataset {location.folder}"
            )
        folder = download_cache() / known.name
        try:
            _copy(location, folder, known.name)
        except OSError as failure:
            raise DataError(f"{folder} cannot be written: {failure.strerror or failure}") from None
        copies.append(next(in_folder(known.name, folder, "download cache")))
    if not copies:
        raise DataError(f"{path} holds no dataset; it needs {file_list()}, or mnist.npz")
    return tuple(copies)


def clear_cache() -> int:
    """Remove all downloaded and imported datasets; return the bytes freed. Other places are not touched."""
    cache = download_cache()
    freed = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    try:
        shutil.rmtree(cache)
    except FileNotFoundError:
        return 0
    except OSError as failure:
        raise DataError(f"{cache} cannot be removed: {failure.strerror or failure}") from None
    return freed


def _importable(path: Path) -> Iterator[Location]:
    for name in (known.name for known in KNOWN.values() if not known.sample):
        yield from list(in_folder(name, path / name, "data folder"))[:1]
    for found in list(in_folder("mnist", path, "own folder"))[:1]:
        yield replace(found, name=str(path.resolve()))


def _copy(location: Location, folder: Path, name: str) -> None:
    if location.kind == "npz":
        names = [f"{name}.npz"]
    else:
        gzipped = [file.suffix == ".gz" for file in location.files]
        names = [f"{FILE_NAMES[part]}{'.gz' * packed}" for part, packed in zip(PARTS, gzipped, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=temporary_prefix(TEMPORARY), dir=folder) as temporary:
        for file, target in zip(location.files, names, strict=True):
            shutil.copyfile(file, Path(temporary, target))
        for target in names:
            Path(temporary, target).replace(folder / target)
    for old in folder.iterdir():
        if old.is_file() and old.name not in names:
            old.unlink()


def validation_split(count: int, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Set a share of the training images aside, drawn by the seed alone.

    Args:
        count: How many training images there are.
        share: Of the images that go to the validation set, 0 < share < 1.
        seed: Not negative; the same seed and count give the same split everywhere.

    Returns:
        Indices of the training images that remain, and of the round(count · share) validation images; both
        shuffled, together every index once.

    Raises:
        ValueError: The share is out of bounds, or leaves one of the two sets empty.
    """
    if not 0 < share < 1:
        raise ValueError(f"a validation share of {share} is not between 0 and 1")
    validation = round(count * share)
    if not 0 < validation < count:
        side = "validation" if validation == 0 else "training"
        raise ValueError(f"a validation share of {share} of {counted(count, 'image')} leaves no {side} images")
    order = np.random.Generator(np.random.PCG64(seed)).permutation(count).astype(np.int64, copy=False)
    return order[validation:], order[:validation]
