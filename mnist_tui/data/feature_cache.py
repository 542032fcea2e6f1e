"""A cache of HOG features on disk, so that they are computed once for the same images; a file for each stack of images.

A file is a head of 4,096 bytes, JSON padded with spaces, and the features as little-endian float32. The head names the
images and has the features' SHA-256; a file that does not match its head is deleted and computed again. No error here
ends a training: if the folder cannot be written, the cache keeps nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import feature_cache
from mnist_tui.data.errors import DataError
from mnist_tui.data.hog import VERSION
from mnist_tui.files import TEMPORARY, is_abandoned, replacing
from mnist_tui.paths import NoHomeError

LIMIT_BYTES: Final = 2_000_000_000
_SUFFIX: Final = ".features"
_HEAD_BYTES: Final = 4096
_FLOAT32: Final = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class FeatureKey:
    """The images that features belong to, and how the features were computed (the arguments of `hog_batch`).

    Attributes:
        images: SHA-256 of the dataset's images, as in `Dataset.sha256`.
        count: The number of images used, from the first.
        image: The shape of an image in words, which its bytes do not say: ``28×28``, or ``20×14×3`` for colour.
        version: `hog.VERSION` at the time.
    """

    images: str
    count: int
    orientations: int
    pixels_per_cell: int
    cells_per_block: int
    image: str = "28×28"
    version: int = VERSION

    @property
    def file(self) -> Path:
        """The path of the features' file, whether it exists or not."""
        name = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:32]
        return feature_cache() / f"{name}{_SUFFIX}"


@dataclass(frozen=True, slots=True)
class FeatureCacheStatus:
    """The cache's folder (None without a home folder), its number of files, and their size in bytes."""

    folder: Path | None
    files: int
    size: int


def load(key: FeatureKey) -> NDArray[np.float32] | None:
    """Return the cached features of `key`, float32 (count, length); None if there are none or the file is damaged."""
    try:
        features = _read(key.file, key)
        if features is None:
            key.file.unlink(missing_ok=True)
    except OSError:
        return None
    with suppress(OSError):
        os.utime(key.file)  # the time of its last use
    return features


def store(key: FeatureKey, features: NDArray[np.floating], *, limit: int = LIMIT_BYTES) -> bool:
    """Save features, float32 (key.count, length), and delete the least recently used files beyond `limit` bytes.

    Returns:
        Whether the features are saved: not if they are larger than the limit or cannot be written.
    """
    values = np.ascontiguousarray(features, _FLOAT32)
    size = _HEAD_BYTES + values.nbytes
    if not values.size or size > limit:
        return False
    head = json.dumps({**asdict(key), "sha256": _checksum(values)}).encode()
    try:
        key.file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(key.file) as temporary, temporary.open("wb") as stream:
            stream.write(head.ljust(_HEAD_BYTES))
            stream.write(_bytes(values))
        _make_room(limit)
    except OSError:
        return False
    return key.file.exists()


def status() -> FeatureCacheStatus:
    """Return the cache's folder, number of files, and size."""
    try:
        sizes = [size for _, _, size in _entries()]
    except NoHomeError:
        return FeatureCacheStatus(None, 0, 0)
    return FeatureCacheStatus(feature_cache(), len(sizes), sum(sizes))


def clear() -> int:
    """Delete all files of features; return the bytes freed.

    Raises:
        DataError: A file cannot be deleted.
    """
    freed = 0
    for file, _, size in [*_entries(), *_entries(f"{TEMPORARY}*{_SUFFIX}")]:
        try:
            file.unlink(missing_ok=True)
        except OSError as failure:
            raise DataError(f"{file} cannot be removed: {failure.strerror or failure}") from None
        freed += size
    with suppress(OSError):
        feature_cache().rmdir()
    return freed


def _read(file: Path, key: FeatureKey) -> NDArray[np.float32] | None:
    """Return the features of a file; None if they are damaged or not those of `key`."""
    with file.open("rb") as stream:
        try:
            head = json.loads(stream.read(_HEAD_BYTES))
            checksum = head.pop("sha256")
        except (ValueError, RecursionError, AttributeError, TypeError, KeyError):
            return None
        length, rest = divmod(os.fstat(stream.fileno()).st_size - _HEAD_BYTES, key.count * _FLOAT32.itemsize)
        if head != asdict(key) or rest or length < 1:
            return None
        features = np.empty((key.count, length), _FLOAT32)
        stream.readinto(_bytes(features))
    return features.astype(np.float32, copy=False) if _checksum(features) == checksum else None


def _checksum(values: NDArray[np.float32]) -> str:
    return hashlib.sha256(_bytes(values)).hexdigest()


def _bytes(values: NDArray[np.float32]) -> memoryview:
    return values.reshape(-1).view(np.uint8).data


def _make_room(limit: int) -> None:
    """Delete the longest unused files until the rest has at most `limit` bytes, and files left by killed writers."""
    for temporary, _, _ in _entries(f"{TEMPORARY}*{_SUFFIX}"):
        if is_abandoned(temporary):
            temporary.unlink(missing_ok=True)
    entries = sorted(_entries(), key=lambda entry: entry[1])
    total = sum(size for _, _, size in entries)
    for file, _, size in entries:
        if total <= limit:
            return
        file.unlink(missing_ok=True)
        total -= size


def _entries(pattern: str = f"[!.]*{_SUFFIX}") -> Iterator[tuple[Path, float, int]]:
    """Yield each file of the cache, the time of its last use (seconds since 1970), and its bytes."""
    for file in feature_cache().glob(pattern):
        # another process may have removed it by now
        with suppress(OSError):
            stat = file.stat()
            yield file, stat.st_mtime, stat.st_size
