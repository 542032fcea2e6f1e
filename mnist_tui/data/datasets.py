"""Load, verify, download and import datasets by name, and split off validation images.

The search order is: the data folder that a person named, the Keras cache, this program's cache, a download. A damaged
file is an error in a folder that a person named, and is skipped in a cache.
"""

from __future__ import annotations

import shutil
import tempfile
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
        download: Whether to download the dataset if it is in none of the places.
        on_progress: Receives the progress every megabyte or so.

    Raises:
        MissingDataError: The dataset is in none of the places and could not be downloaded.
        DataError: The name is unknown, or files in a folder that a person named cannot be used.
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
    """Return the message that a known dataset is not on this machine, and how to bring its files."""
    folder = named_data_folder(data_dir)
    where = f"neither in {folder} nor in a cache" if folder else "not on this machine"
    return (
        f"{KNOWN[name].title} is {where}{f' ({reason})' if reason else ''}: put {file_list()}, or {name}.npz, into a "
        f"folder named {name} and name the folder above it with --data-dir or MNIST_TUI_DATA, or take the small "
        "bundled sample with --dataset digits"
    )


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """The state of a known dataset on this machine, for `mnist-tui data status`.

    Attributes:
        state: `found` means not yet read; `verified` means that the checksums are the published ones.
        location: The dataset's place, or the damaged one; None if the dataset is missing.
        size: Bytes on disk.
        problem: The damage in a sentence; empty if there is none.
    """

    name: str
    title: str
    state: Literal["missing", "found", "verified", "damaged", "bundled"]
    location: Location | None
    size: int
    problem: str = ""


def status(data_dir: Path | None = None, *, verify: bool = True) -> tuple[DatasetStatus, ...]:
    """Return the state of each known dataset; without `verify` the files are not read."""
    return tuple(_status(name, data_dir, verify) for name in KNOWN)


def _status(name: str, data_dir: Path | None, verify: bool) -> DatasetStatus:
    title = KNOWN[name].title
    damaged: DatasetStatus | None = None
    for location in search(name, data_dir):
        if location.kind == "bundled":
            return DatasetStatus(name, title, "bundled", location, location.size)
        if not verify and not location.missing:
            return DatasetStatus(name, title, "found", location, location.size)
        try:
            read(location)
            return DatasetStatus(name, title, "verified", location, location.size)
        except DataError as error:
            damaged = damaged or DatasetStatus(name, title, "damaged", location, location.size, str(error))
            if location.binding:
                break
    return damaged or DatasetStatus(name, title, "missing", None, 0)


def import_folder(path: Path) -> tuple[Location, ...]:
    """Copy the known datasets in a folder, or in sub-folders named after them, into this program's cache.

    Returns:
        The place of each copy.

    Raises:
        DataError: The folder holds no dataset, or one that is damaged, unknown, or cannot be copied.
    """
    if not path.is_dir():
        raise DataError(f"{path} is not a folder; name one that holds {file_list()}")
    copies: list[Location] = []
    own_names = [known.name for known in KNOWN.values() if not known.sample]
    named = [place for name in own_names for place in list(in_folder(name, path / name, "data folder"))[:1]]
    unnamed = [replace(place, name=str(path.resolve())) for place in in_folder("mnist", path, "own folder")]
    for location in (*named, *unnamed[:1]):
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
    """Delete the datasets in this program's cache, downloaded or imported; return the bytes freed."""
    cache = download_cache()
    freed = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    try:
        shutil.rmtree(cache)
    except FileNotFoundError:
        return 0
    except OSError as failure:
        raise DataError(f"{cache} cannot be removed: {failure.strerror or failure}") from None
    return freed


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
    """Choose validation images among the training images at random, from the seed and the count alone.

    Args:
        count: The number of training images.
        share: The share of the images that become validation images, 0 < share < 1.
        seed: Not negative; the same seed and count give the same split on every machine.

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
