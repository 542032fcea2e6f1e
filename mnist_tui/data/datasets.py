"""Load, verify, download and import datasets by name, and split off validation images or folds.

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

from mnist_tui.data.catalogue import Location, download_cache, file_list, files_of, in_folder, named_data_folder, search
from mnist_tui.data.download import TEMPORARY, DownloadError, take_out
from mnist_tui.data.download import download as fetch
from mnist_tui.data.errors import DataError, MissingDataError, OnProgress
from mnist_tui.data.known import FILE_NAMES, KNOWN, PARTS, KnownDataset
from mnist_tui.data.reading import Dataset, file_md5, read
from mnist_tui.files import temporary_prefix
from mnist_tui.paths import NoHomeError
from mnist_tui.wording import counted, listed


def load(
    name: str, data_dir: Path | None = None, *, download: bool = True, on_progress: OnProgress | None = None
) -> Dataset:
    """Read a dataset from the first place that has it, or download it.

    Args:
        name: A name of `known.KNOWN`, or the path of a person's own data.
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
        folder = download_cache() / KNOWN[name].place
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
    place = KNOWN[name].place
    into = (
        f"into {folder / place}"
        if folder
        else f"into a folder named {place} and name the folder above it with --data-dir or MNIST_TUI_DATA"
    )
    return (
        f"{KNOWN[name].title} is {where}{f' ({reason})' if reason else ''}: put {files_of(name)} {into}, or take the "
        "small bundled sample, the dataset digits (--dataset digits)"
    )


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """The state of a known dataset on this machine, for `mnist-tui data status`.

    Attributes:
        state: `found` means not yet read; `verified` means that the checksums are the published ones; `complete`
            means that no checksum is published for these files, and that their images are as many as they should be.
        location: The dataset's place, or the damaged one; None if the dataset is missing.
        size: Bytes on disk.
        problem: The damage in a sentence; empty if there is none.
    """

    name: str
    title: str
    state: Literal["missing", "found", "verified", "complete", "damaged", "bundled"]
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
            state = "verified" if read(location).verified else "complete"
            return DatasetStatus(name, title, state, location, location.size)
        except DataError as error:
            damaged = damaged or DatasetStatus(name, title, "damaged", location, location.size, str(error))
            if location.binding:
                break
    return damaged or DatasetStatus(name, title, "missing", None, 0)


def import_folder(path: Path) -> tuple[Location, ...]:
    """Copy the known datasets in a folder, or in sub-folders named after them, into this program's cache.

    Returns:
        The place of each copy; empty if the folder holds no known dataset.

    Raises:
        DataError: A known dataset's files are damaged, incomplete or not the published ones, or cannot be copied.
    """
    if not path.is_dir():
        raise DataError(f"{path} is not a folder; name one that holds {file_list()}")
    copies = _import_archives(path)
    for known in KNOWN.values():
        location = None if any(copy.name == known.name for copy in copies) else _to_import(known, path)
        if location is None:
            continue
        read(location)
        folder = download_cache() / known.place
        try:
            _copy(location, folder, known)
        except OSError as failure:
            raise DataError(f"{folder} cannot be written: {failure.strerror or failure}") from None
        copies.append(next(in_folder(known.name, folder, "download cache")))
    return tuple(copies)


def _import_archives(path: Path) -> list[Location]:
    """Take the files out of the published ZIP archives in a folder; return the place of each dataset."""
    archives = {known.archive: known for known in KNOWN.values() if known.archive.endswith(".zip")}
    copies: list[Location] = []
    for name, known in archives.items():
        archive, folder = path / name, download_cache() / known.place
        if not archive.is_file():
            continue
        published = {each.md5[name] for each in KNOWN.values() if each.archive == name}
        if (found := file_md5(archive)) not in published:
            raise DataError(f"{archive} is not the published archive: its MD5 is {found}, not {listed([*published])}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=temporary_prefix(TEMPORARY), dir=folder) as temporary:
                take_out(archive, folder, Path(temporary))
        except OSError as failure:
            raise DataError(f"{folder} cannot be written: {failure.strerror or failure}") from None
        for each in KNOWN.values():
            if each.archive == name:
                copies += list(in_folder(each.name, folder, "download cache"))[:1]
    return copies


def _to_import(known: KnownDataset, path: Path) -> Location | None:
    """Return the place of a known dataset below a folder; files whose names several share are told by checksums."""
    if known.sample:
        return None
    shared = known.file_names == FILE_NAMES and not known.archive
    unclear = list(in_folder(known.name, path, "own folder"))
    if path.resolve().name != known.place and shared:
        unclear = [each for each in unclear if not each.missing and _is_published(each, known)]
    return next(iter([*in_folder(known.name, path / known.place, "own folder"), *unclear]), None)


def _is_published(location: Location, known: KnownDataset) -> bool:
    try:
        return read(replace(location, name=known.name)).verified
    except DataError:
        return False


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


def _copy(location: Location, folder: Path, known: KnownDataset) -> None:
    if location.kind == "npz":
        names = [f"{known.name}.npz"] if len(location.files) == 1 else [file.name for file in location.files]
    else:
        gzipped = [file.suffix == ".gz" for file in location.files]
        names = [f"{known.file_names[part]}{'.gz' * packed}" for part, packed in zip(PARTS, gzipped, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=temporary_prefix(TEMPORARY), dir=folder) as temporary:
        for file, target in zip(location.files, names, strict=True):
            shutil.copyfile(file, Path(temporary, target))
        for target in names:
            Path(temporary, target).replace(folder / target)
    of_others = {
        f"{name}{ending}"
        for other in KNOWN.values()
        if other.place == known.place and other != known
        for name in other.file_names.values()
        for ending in ("", ".gz")
    }
    for old in folder.iterdir():
        if old.is_file() and old.name not in {*names, *of_others}:
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


def fold_split(
    labels: NDArray[np.integer], number: int, of: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide training images into folds that have the same shares of the classes; choose one to hold out.

    The folds are those of scikit-learn's ``StratifiedKFold(of, shuffle=True, random_state=seed)``, whose random
    numbers (NumPy's RandomState) never change.

    Args:
        labels: The classes of all training images, ``(n,)``.
        number: The fold that is held out, from 1.
        of: The number of folds.
        seed: From 0 to 2³² − 1.

    Returns:
        Indices of the training images that remain, and of the fold's images; both ascending.

    Raises:
        ValueError: There are more folds than images of the largest class.
    """
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    codes = np.argsort(np.argsort(first))[codes]  # the classes in the order of their first images
    largest = int(np.bincount(codes).max(initial=0))
    if of > largest:
        raise ValueError(f"{of} folds are too many: the largest class has {counted(largest, 'training image')}")
    ordered = np.sort(codes)
    sizes = np.array([np.bincount(ordered[fold::of], minlength=len(first)) for fold in range(of)])
    generator, folds = np.random.RandomState(seed), np.empty(len(codes), np.int64)
    for code in range(len(first)):
        of_class = np.arange(of).repeat(sizes[:, code])
        generator.shuffle(of_class)
        folds[codes == code] = of_class
    return np.flatnonzero(folds != number - 1), np.flatnonzero(folds == number - 1)
